"""A small bank of one question of every kind, in a folder that a test may change; and its
people.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from apps.accounts.models import User
from apps.questions import schema
from apps.questions.loading import load_questions
from apps.questions.models import Question

ABOUT = {"topic": "losses", "kinds": ["concept"], "difficulty": 2}
Change = Callable[[str, str, str], None]  # file, old text, new text

TOML = """\
topic = "losses"
kinds = ["concept", "derivation", "numeric", "choice", "code"]
difficulty = 2
labs = ["no-such-lab"]
claims = ["no-such-lab.claim"]
related = ["second"]
synonyms = { en = ["chance level"], zh = ["瞎猜"] }

[[sources]]
text = "A book."
url = "https://example.org/book"

[[derivation]]
[[derivation.step]]
check = { symbols = ["n"], answer = "1 / n" }
[[derivation.step]]

[variant.sample]
n = { from = 2, to = 9 }

[[numeric]]
answer = "log(n)"
tolerance = { relative = 1e-3 }
unit = { en = "nats", zh = "奈特" }
[[numeric.wrong]]
value = "log2(n)"
message = { en = "Those are bits.", zh = "这是比特。" }

[[choice]]
form = "one"
right = ["a"]

[code]
function = "f"
"""
WORDS = {
    "en": """\
# What is the loss of a guess over $n$ classes?

You *guess* among $n$ classes.

## Part: numeric

Let $n = {{n}}$. What is the loss?

## Part: choice

Which one?

### Option a

This.

> It is.

### Option b

That.

> It is not.

## Part: derivation

### Step

First.

### Step

Second.

## Hint

Think of $\\log$.

## Short answer

The log of n.

## Answer

It is $\\log n$. {{figure: the curve}}

{{verdicts}}

{{reference}}

## Key points

- One point.
- Another point.

## Common mistakes

- A mistake.

## Follow-ups

- And then?
  > Then nothing.
""",
    "zh": """\
# 对 $n$ 类随机猜测的损失是多少？

在 $n$ 类中*猜测*。

## 小题：计算

设 $n = {{n}}$。损失是多少？

## 小题：选择

哪一个？

### 选项 a

这个。

> 正确。

### 选项 b

那个。

> 不对。

## 小题：推导

### 步骤

第一步。

### 步骤

第二步。

## 提示

想想 $\\log$。

## 简答

n 的对数。

## 答案

是 $\\log n$。{{figure: 曲线}}

{{verdicts}}

{{reference}}

## 要点

- 一个要点。
- 另一个要点。

## 常见错误

- 一个错误。

## 追问

- 然后呢？
  > 然后没有了。
""",
}
SECOND = {
    "question.toml": 'topic = "losses"\nkinds = ["concept"]\ndifficulty = 1\nrelated = ["guess"]\n',
    "en.md": "# Why a square?\n\nSay why.\n\n## Answer\n\nBecause.\n\n## Key points\n\n- Gauss.\n",
    "zh.md": "# 为什么用平方？\n\n请说明。\n\n## 答案\n\n因为。\n\n## 要点\n\n- 高斯。\n",
}
SVG = '<svg class="figure plate" viewBox="0 0 1 1" role="img" aria-label="{}"></svg>\n'


def facts_of(**tables: Any) -> schema.Facts:
    """Return facts of a question that has these tables."""
    return schema.read(ABOUT | tables)


@pytest.fixture
def bank(tmp_path: Path) -> Path:
    """Return the folder of a bank of two questions: `guess`, of every kind, and `second`."""
    (tmp_path / "bank.toml").write_text(
        'slug = "gradus"\ntitle = { en = "Gradus", zh = "Gradus" }\n'
    )
    first, second = tmp_path / "losses" / "guess", tmp_path / "losses" / "second"
    first.mkdir(parents=True)
    second.mkdir()
    for name, text in SECOND.items():
        (second / name).write_text(text, encoding="utf-8")
    (first / "question.toml").write_text(TOML, encoding="utf-8")
    for language, text in WORDS.items():
        (first / f"{language}.md").write_text(text, encoding="utf-8")
        (first / f"figure.{language}.svg").write_text(SVG.format("a curve"), encoding="utf-8")
    (first / "figure.py").write_text("def figure(draw): ...\n")
    (first / "starter.py").write_text("def f(x):\n    ...\n")
    (first / "reference.py").write_text("def f(x):\n    return x  # as it is\n")
    return tmp_path


@pytest.fixture
def guess(bank: Path, db: None) -> Question:
    """Return the loaded question of every kind."""
    load_questions(bank)
    return Question.objects.get(slug="guess")


@pytest.fixture
def mei(db: None) -> User:
    return User.objects.create_user("mei@example.org", "mei")


@pytest.fixture
def change(bank: Path) -> Callable[[str, str, str], None]:
    """Return a function that replaces text in a file of `guess`."""

    def change(name: str, old: str, new: str) -> None:
        path = bank / "losses" / "guess" / name
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    return change

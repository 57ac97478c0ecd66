"""The files of a question that is still to be written: they load, have every heading, and say TODO
where a text or a fact is missing. `docs/questions.md` explains them.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from apps.common.text import CONTENT_LANGUAGES
from apps.questions.markdown_parser import HEADINGS, SUBHEADINGS
from apps.questions.schema import KINDS

ALL_PARTS = ("numeric", "choice", "order", "derivation")
COMMENT_COLUMNS, CODE_COLUMNS = 120, 100
Texts = tuple[str, str]  # English, Chinese


@dataclass(frozen=True)
class Plan:
    """What is known of a question before it is written."""

    slug: str
    topic: str
    title: Texts = (
        "TODO: the question in one line, as an interviewer would ask it",
        "TODO：一行写出面试官会问的问题",
    )
    kinds: Sequence[str] = ("concept", "numeric", "choice", "derivation")
    parts: Sequence[str] = ALL_PARTS
    difficulty: int = 2
    labs: Sequence[str] = ()
    claims: Sequence[str] = ()
    sources: Sequence[str] = ()  # places in the catalogue's source documents
    # what else the catalogue says, by heading
    remarks: Mapping[str, Sequence[str]] = field(default_factory=dict)
    to_compute: Sequence[str] = ()


def from_catalogue(
    slug: str, topic: str, entry: Mapping[str, Any], claims: Sequence[str], left_out: Sequence[str]
) -> Plan:
    """Return the plan of a question of the coverage catalogue.

    Args:
        claims: that the question is about.
        left_out: claims that its lab does not have.
    """
    kinds = [kind for kind in KINDS if kind in entry["kind"]]
    remarks = {
        "Key points of the catalogue": entry.get("key_points", []),
        "What its source documents say wrongly": entry.get("source_issue", []),
        "Claims of the catalogue that the lab does not have": left_out,
    }
    return Plan(
        slug=slug,
        topic=topic,
        title=(" ".join(entry["title_en"].split()), " ".join(entry["title_zh"].split())),
        kinds=kinds,
        parts=[part for part in ALL_PARTS if part in kinds],
        difficulty=entry["difficulty"],
        labs=entry.get("labs", []),
        claims=claims,
        sources=[str(source) for source in entry.get("sources", [])],
        remarks={heading: texts for heading, texts in remarks.items() if texts},
        to_compute=entry.get("checkable", []),
    )


def claims_about(
    entry: Mapping[str, Any],
    labs: Mapping[str, Mapping[str, Any]],
    existing: Mapping[str, set[str]],
) -> tuple[list[str], list[str]]:
    """Return the claims of a question's labs that rest on the same source items; then those of them
    that their lab, which is written, does not have.

    Args:
        labs: the catalogue's, by slug.
        existing: the claims of each lab that is written.
    """
    items = set(entry.get("source_ids", []))
    claims: list[str] = []
    left_out: list[str] = []
    for lab in entry.get("labs", []):
        for claim in labs.get(lab, {}).get("claims", []):
            if items & set(claim.get("source_ids", [])):
                there = lab not in existing or claim["id"] in existing[lab]
                (claims if there else left_out).append(claim["id"])
    return claims, left_out


def files(plan: Plan) -> dict[str, str]:
    """Return the text of each file of a question, by its name; question.toml is the last."""
    texts = {f"{language}.md": _document(plan, n) for n, language in enumerate(CONTENT_LANGUAGES)}
    code = CODE_FILES if "code" in plan.kinds else {}
    return {**texts, "checks.py": _checks(plan), **code, "question.toml": _facts(plan)}


# ---------------------------------------------------------------- texts

STATEMENT: Texts = (
    "TODO: what an interviewer would say. It can be answered without this page, and no word of the "
    "answer is in it.",
    "TODO：面试官会怎么问。不看本页也能作答，题面不透露答案。",
)
PART_TEXTS: dict[str, Texts] = {
    "numeric": (
        "TODO: ask for a number that tests the idea. Here n = {{n}}.",
        "TODO：要求算一个能检验思路的数。这里 n = {{n}}。",
    ),
    "choice": (
        "TODO: ask which is right. Options have one length and tone.",
        "TODO：问哪一项正确。各选项长度、语气一致。",
    ),
    "order": ("TODO: say what is put in order, and by what.", "TODO：说明排序的对象和依据。"),
    "derivation": ("TODO: say what is derived.", "TODO：说明要推导什么。"),
}
OPTION: Texts = ("TODO: an option.", "TODO：选项内容。")
REASON: Texts = (
    "TODO: why it is right, wrong, or at this place.",
    "TODO：为什么对、为什么错，或为什么排在这里。",
)
STEP: Texts = ("TODO: one step of the derivation.", "TODO：推导的一步。")
PART_HINT: Texts = ("TODO: lead to the idea of this part.", "TODO：引向本小题的思路。")
OF_THE_WHOLE: dict[str, Texts] = {
    "hint": (
        "TODO: lead to the idea. The last hint is not the answer.",
        "TODO：引向思路。最后一条提示也不是答案。",
    ),
    "short_answer": (
        "TODO: two or three sentences that one could say aloud.",
        "TODO：面试时能脱口而出的两三句话。",
    ),
    "answer": (
        "TODO: the mechanism first, then the one number that proves it, then its conditions, then "
        "what practitioners do today.",
        "TODO：先讲机制，再给出能证明它的那个数，然后是成立条件，最后是今天的实际做法。",
    ),
    "point": (
        "- TODO: a point that one can tick who has said it.",
        "- TODO：说到了就能打勾的一点。",
    ),
    "mistake": (
        "- TODO: what people really say, and the sentence that mends it.",
        "- TODO：常见的错误说法，以及纠正它的一句话。",
    ),
    "follow_up": (
        "- TODO: the interviewer's next question?\n  > TODO: its answer, in one to three lines.",
        "- TODO：面试官接下来会问什么？\n  > TODO：一到三行的答案。",
    ),
}


def _document(plan: Plan, language: int) -> str:
    sections = [f"# {plan.title[language]}", STATEMENT[language]]
    for part in plan.parts:
        sections += _part(part, language)
    for kind, texts in OF_THE_WHOLE.items():
        sections += [f"## {HEADINGS[kind][language]}", texts[language]]
        if kind == "answer":
            sections += ["{{reference}}"] if "code" in plan.kinds else []
            sections += ["{{verdicts}}"] if plan.claims else []
    return "\n\n".join(sections) + "\n"


def _part(kind: str, language: int) -> Iterator[str]:
    yield f"## {HEADINGS[kind][language]}"
    yield PART_TEXTS[kind][language]
    option, step, hint = (SUBHEADINGS[name][0][language] for name in ("option", "step", "hint"))
    if kind in SUBHEADINGS["option"][1]:
        for key in ("a", "b"):
            yield f"### {option} {key}"
            yield OPTION[language]
            yield f"> {REASON[language]}"
    if kind in SUBHEADINGS["step"][1]:
        yield f"### {step}"
        yield STEP[language]
    yield f"### {hint}"
    yield PART_HINT[language]


# ---------------------------------------------------------------- facts

FACTS_OF_PART = {
    "numeric": """\
[variant.sample]
n = { from = 2, to = 9 }

[[numeric]]
answer = "2 * n"
tolerance = { relative = 1e-3 }
[[numeric.wrong]] # once for each slip that people make
value = "n"
message = { en = "TODO: name the slip, and mend it.", zh = "TODO：指出错在哪里，并纠正。" }
""",
    "choice": """\
[[choice]]
form = "one" # or several
right = ["a"]
""",
    "order": """\
[[order]]
right = ["a", "b"] # all options, in the right order
""",
    "derivation": """\
[[derivation]]
[[derivation.step]] # or compared:  check = { symbols = ["x"], answer = "2 * x" }
""",
}
CODE_FACTS = """\
[code]
function = "solution" # solution(x) -> float
libraries = ["numpy"] # all that a solution may import
seconds = 2.0 # for all cases together
memory = 256 # MiB above the idle judge
tolerance = { absolute = 1e-9 }
visible = ["small"] # cases shown to the learner; the others by name only
"""
CODE_FILES = {
    "starter.py": '''\
def solution(x: float) -> float:
    """TODO: say what it returns, for which arguments, and what it raises."""
''',
    "reference.py": '''\
def solution(x: float) -> float:
    """TODO: say what it returns, for which arguments, and what it raises."""
    return 2 * x
''',
    "cases.py": '''\
"""Cases of `solution`. Each is drawn afresh with the judgement's seed; the expected value never
enters the sandbox.
"""

from collections.abc import Iterator

import numpy as np

# the bank's small vocabulary: what goes in, how the answer is compared
from judge import Case, equal

from . import reference


def cases(rng: np.random.Generator) -> Iterator[Case]:
    # TODO: the smallest case, the edges, large random ones, and inputs that are refused
    yield Case("small", (1.0,), equal(reference.solution(1.0)))
    x = float(rng.normal())
    yield Case("random", (x,), equal(reference.solution(x)))
''',
}


def _facts(plan: Plan) -> str:
    read_at = f" (the catalogue read it in {'; '.join(plan.sources)})" if plan.sources else ""
    lines = [
        "# Facts about the question. Texts are in en.md and zh.md, under the same headings;",
        "# docs/questions.md explains the keys.",
        f"topic = {quoted(plan.topic)}",
        f"kinds = {quoted(plan.kinds)}",
        f"difficulty = {plan.difficulty} # 1 (recall) to 5 (research)",
        f"labs = {quoted(plan.labs)}",
        f"claims = {quoted(plan.claims)}",
        "related = []",
        "synonyms = { en = [], zh = [] }",
        "",
        "[[sources]]",
        f"text = {quoted(f'TODO: the paper or book that really says it{read_at}')}",
        "",
    ]
    tables = [FACTS_OF_PART[part] for part in plan.parts]
    tables += [CODE_FACTS] if "code" in plan.kinds else []
    remarks = [_as_comment(heading, texts) for heading, texts in plan.remarks.items()]
    return "\n".join(["\n".join(lines), *tables, *remarks]).rstrip() + "\n"


def quoted(value: str | Sequence[str]) -> str:
    """Return a text or a list of texts as TOML."""
    return json.dumps(value if isinstance(value, str) else list(value), ensure_ascii=False)


def _as_comment(heading: str, texts: Sequence[str]) -> str:
    return "\n".join([f"# {heading}:", *comment_lines(texts, "# ", COMMENT_COLUMNS), ""])


def comment_lines(texts: Sequence[str], indent: str, columns: int) -> Iterator[str]:
    """Yield a list as lines of a comment, none of which is longer than `columns` if its words are
    not.
    """
    for text in texts:
        yield from textwrap.wrap(
            " ".join(text.split()),
            columns,
            initial_indent=f"{indent}- ",
            subsequent_indent=f"{indent}  ",
            break_long_words=False,
            break_on_hyphens=False,
        )


def _checks(plan: Plan) -> str:
    lines = [
        '"""Every number and equality of the answer, computed by another way than the text\'s."""',
        "",
        "",
        "def test_the_answer_is_computed() -> None:",
        '    """TODO: compute each fact of the answer, in a test of its own."""',
    ]
    if plan.to_compute:
        lines.append("    # The catalogue names:")
        lines += comment_lines(plan.to_compute, "    # ", CODE_COLUMNS)
    return "\n".join(lines) + "\n"

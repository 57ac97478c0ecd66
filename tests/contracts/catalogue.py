"""A small coverage catalogue: a question, and a lab of each kind."""

from __future__ import annotations

from pathlib import Path

import pytest

QUESTIONS = r"""
# Question catalogue
- slug: why-nonlinearity
  title_en: Why does a network need $\sigma$?
  title_zh: 网络为什么需要 $\sigma$？
  topic: activation-functions
  difficulty: 3
  kind: [derivation, concept, numeric, choice, code]
  sources: [002 (L82-84), "003 §1.3 \"note\""]
  source_ids: [002/nonlin, 003/1.3]
  answered_in_source: true
  key_points:
  - 'A stack of affine layers is one: $W_2(W_1x+b_1)+b_2$.'
  source_issue:
  - 003 is wrong.
  checkable:
  - $\max\sigma'=0.25$.
  labs: [some-training, dead-relu]
- {slug: relu-is-nonlinear, topic: activation-functions}
"""
LABS = r"""
- slug: some-training
  title_en: 'Training: a study'
  title_zh: 训练研究
  kind: training
  topic: regularization
  shows: Trains networks | with "dropout" and a \backslash.
  claims:
  - id: some-training.run
    statement: Dropout helps.
    source: [003 §1.3]
    source_ids: [003/1.3]
    how_measured: Test accuracy over 16 seeds.
    verdict_rule: holds if |gain| > 0.01 or a|b; otherwise does not hold.
    expected_verdict: does_not_hold
    expected: Does not help.
  - id: some-training.other
    statement: Another.
    source: [004]
    source_ids: [004/x]
    how_measured: The same.
    verdict_rule: holds if it does.
    expected_verdict: holds
    expected: It does.
  parameters:
  - {name: epochs, type: int, default: 8, range: [2, 60], meaning: length}
  - {name: lambda, type: float, default: 1, range: [0, 1], meaning: strength}
  - {name: p, type: 'list[float]', default: [0.0, 0.5], constraint: floats, meaning: probabilities}
  - {name: norm, type: bool, default: false, choices: [true, false], meaning: normalise}
  - name: method
    type: list[str]
    default: [none, l2, decay, l1_subgradient, l1_proximal, group_l1, prune, dropout, early]
    constraint: any subset
    meaning: technique
  - {name: which, type: 'list[str]', default: all, choices: [a, b], meaning: contestants}
  - {name: groups, type: int, default: 2, constraint: divisors of C, meaning: groups}
  - name: init
    type: str
    default: he
    choices: [he, xavier]
    meaning: initialisation, in so many words that they do not fit beside the setting in its line
  data: {default: digits, options: [digits], needs_network: [], note: standardised subset}
  outputs: [curves of the loss]
  cost: 90
  questions: [why-nonlinearity]
- slug: dead-relu
  topic: activation-functions
  claims:
  - {id: dead-relu.lr-kills, source_ids: [002/nonlin]}
  - {id: dead-relu.not-built, source_ids: [002/nonlin]}
"""


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    folder = tmp_path / "coverage"
    folder.mkdir()
    (folder / "questions.yaml").write_text(QUESTIONS, encoding="utf-8")
    (folder / "labs.yaml").write_text(LABS, encoding="utf-8")
    return folder

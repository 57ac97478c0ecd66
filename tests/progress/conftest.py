"""Mei studies, Sam is a stranger. Questions of every kind, created without files, and a clock that
the tests move.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.accounts.models import User
from apps.common import clock
from apps.experiments.models import Lab
from apps.progress.models import Attempt
from apps.questions import html_columns
from apps.questions.models import Bank, Question, Revision, RevisionText
from apps.questions.sampling import Sample, sample
from apps.questions.services import outline_of
from apps.questions.variants import PART_KINDS
from tests.common.browsing import browser_type_launch_args, open_page, site  # noqa: F401 - fixtures
from tests.experiments.conftest import make_version
from tests.questions.conftest import facts_of

NOON = datetime(2026, 11, 18, 12, tzinfo=UTC)  # a Wednesday

VARIANT: dict[str, Any] = {"sample": {"n": {"from": 2, "to": 50}}}
NUMERIC: list[dict[str, Any]] = [
    {
        "answer": "n * 2",
        "tolerance": {"relative": 1e-3},
        "unit": {"en": "ms", "zh": "毫秒"},
        "wrong": [
            {
                "value": "n + 2",
                "message": {"en": "That adds; it doubles.", "zh": "这里是相加，不是翻倍。"},
            }
        ],
    }
]
DERIVATION: list[dict[str, Any]] = [
    {"step": [{"check": {"symbols": ["n"], "answer": "1 / n"}}, {}]}
]
CHOICES = [{"form": "several", "right": ["a", "c"]}]

LAB_TITLE = {"en": "Dead units", "zh": "死亡单元"}
LAB_WORDS: dict[str, Any] = {
    "title": LAB_TITLE,
    "question": LAB_TITLE,
    "config": {},
    "series": {},
    "predict": {"claim": "dead-relu.lr-kills", "form": "none"},
    "claims": {
        "dead-relu.lr-kills": {
            "en": "Large steps kill.",
            "zh": "大步长会杀死。",
            "said": {"holds": LAB_TITLE},
        }
    },
    "profile": {"standard": {"seconds": 16}},
}


def sampled(seed: int) -> Sample:
    return sample(facts_of(variant=VARIANT, numeric=NUMERIC), seed)


def right_number(seed: int) -> float:
    """Return the right answer to the number of NUMERIC, in a variant."""
    return sampled(seed).answers[0].right


def latest_attempt(user: User, question: Question) -> Attempt | None:
    return Attempt.objects.filter(user=user, question=question).order_by("-number").first()


@pytest.fixture
def mei(db: None) -> User:
    return User.objects.create_user("mei@example.org", "mei", time_zone="Europe/Berlin")


@pytest.fixture
def sam(db: None) -> User:
    return User.objects.create_user("sam@example.org", "sam")


class SiteClock:
    """The site's clock, set by a test: it ticks on from there."""

    def __init__(self, settings: Any) -> None:
        self.settings = settings
        self.set(NOON)

    def set(self, at: datetime) -> datetime:
        self.settings.CLOCK_OFFSET = (at - timezone.now()).total_seconds()
        return at

    def later(self, **much: float) -> datetime:
        return self.set(clock.now() + timedelta(**much))


@pytest.fixture(autouse=True)
def site_clock(settings: Any) -> SiteClock:
    return SiteClock(settings)


def make_question(slug: str, topic: str = "losses", **parts: Any) -> Question:
    """Return a published question. `parts`: numeric, choice, derivation (in this order), points,
    hints, claims, labs, related, kinds, starter, html (columns of the revision); quotes: the answer
    quotes verdicts.
    """
    bank, _made = Bank.objects.get_or_create(
        slug="gradus", defaults={"title_en": "Gradus", "title_zh": "Gradus"}
    )
    kinds = parts.get("kinds") or ["concept"]
    question = Question.objects.create(
        bank=bank, slug=slug, topic=topic, kinds=kinds, difficulty=parts.get("difficulty", 2)
    )
    facts = {
        "topic": topic,
        "kinds": kinds,
        "difficulty": 2,
        "variant": VARIANT if "numeric" in parts else {},
        **{kind: parts[kind] for kind in PART_KINDS if kind in parts},
    }
    words = {
        f"{name}_{language}": f"{name} of {slug}"
        for name in ("title", "statement", "answer")
        for language in ("en", "zh")
    }
    words |= {name.replace("_", "_html_"): f"<p>{text}</p>" for name, text in words.items()}
    words |= parts.get("html", {})
    if parts.get("quotes"):  # {{verdicts}}
        for language in ("en", "zh"):
            words[f"answer_html_{language}"] += "<!--gradus:verdicts-->"
    links = {name: parts.get(name, []) for name in ("labs", "claims", "related")}
    texts = _texts(slug, parts)
    revision = Revision.objects.create(
        question=question,
        number=1,
        facts=facts,
        starter=parts.get("starter", ""),
        outline=outline_of(texts),
        **words,
        **links,
    )
    for text in texts:
        text.revision = revision
    RevisionText.objects.bulk_create(texts)
    Revision.objects.filter(pk=revision.pk).update(
        published_at=NOON, html_version=html_columns.current_html_version()
    )
    question.current = Revision.objects.get(pk=revision.pk)
    question.save()
    return question


def _texts(slug: str, parts: dict[str, Any]) -> list[RevisionText]:
    """Return the texts of a question, not stored: its parts, as they stand, and the rest."""
    kinds = [kind for kind in PART_KINDS for _part in parts.get(kind, [])]
    words = {"numeric": "Let n be {{n}}. How long?", "choice": "Which of them?"}
    words |= {"order": "In which order?", "derivation": ""}
    texts = []
    for number, kind in enumerate(kinds, start=1):
        texts.append(_text(kind, 0, words[kind], part=number))
        if kind in ("choice", "order"):
            texts += [_option(key, n, number) for n, key in enumerate("abc")]
        if kind == "derivation":
            steps = range(len(parts["derivation"][0]["step"]))
            texts += [_text("step", n, f"step {n + 1}", part=number) for n in steps]
    points, hints = range(parts.get("points", 2)), range(parts.get("hints", 2))
    texts += [_text("point", n, f"point {n + 1} of {slug}") for n in points]
    return texts + [_text("hint", n, f"hint {n + 1}") for n in hints]


def _text(kind: str, position: int, text: str, **more: Any) -> RevisionText:
    # text with sampled values is rendered when it is shown
    html = "" if "{{" in text else f"<p>{text}</p>" if text else ""
    words = {"text_en": text, "text_zh": text, "html_en": html, "html_zh": html}
    return RevisionText(kind=kind, position=position, **words, **more)


def _option(key: str, position: int, part: int) -> RevisionText:
    return _text(
        "option",
        position,
        f"option {key}",
        part=part,
        key=key,
        detail_en=f"the reason of {key}",
        detail_zh=f"{key} 的理由",
        detail_html_en=f"<p>the reason of {key}</p>",
        detail_html_zh=f"<p>{key} 的理由</p>",
    )


@pytest.fixture
def concept(db: None) -> Question:
    return make_question(
        "why-relu", "activation-functions", claims=["dead-relu.lr-kills"], labs=["dead-relu"]
    )


@pytest.fixture
def numeric(db: None) -> Question:
    return make_question(
        "how-long",
        kinds=["numeric"],
        numeric=NUMERIC,
        claims=["dead-relu.lr-kills"],
        labs=["dead-relu"],
    )


@pytest.fixture
def mixed(db: None) -> Question:
    return make_question(
        "all-of-it",
        "metrics",
        kinds=["numeric", "choice", "derivation"],
        numeric=NUMERIC,
        choice=CHOICES,
        derivation=DERIVATION,
    )


@pytest.fixture
def many(db: None) -> Callable[[int], list[Question]]:
    def many(count: int) -> list[Question]:
        return [
            make_question(f"question-{n}", ("losses", "metrics", "detection")[n % 3])
            for n in range(count)
        ]

    return many


@pytest.fixture
def member(mei: User) -> Client:
    client = Client()
    client.force_login(mei)
    return client


@pytest.fixture
def lab(db: None) -> Lab:
    lab = Lab.objects.create(
        slug="dead-relu", topic="activation-functions", kind="training", queue="labs"
    )
    make_version(lab, "a" * 64, LAB_WORDS)
    return lab

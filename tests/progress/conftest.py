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
from apps.questions import html_columns
from apps.questions.models import Bank, Question, Revision, RevisionText
from tests.common.browsing import browser_type_launch_args, open_page, site  # noqa: F401 - fixtures

NOON = datetime(2026, 11, 18, 12, tzinfo=UTC)  # a Wednesday

VARIANT: dict[str, Any] = {
    "tolerance": {"relative": 1e-3},
    "unit": {"en": "ms", "zh": "毫秒"},
    "sample": {"n": {"from": 2, "to": 50}},
    "answer": {"value": "n * 2"},
    "wrong": [
        {
            "value": "n + 2",
            "message": {"en": "That adds; it doubles.", "zh": "这里是相加，不是翻倍。"},
        }
    ],
}
STEPS: list[dict[str, Any]] = [{"check": {"symbols": ["n"], "answer": "1 / n"}}, {}]
CHOICES = [{"form": "several", "right": ["a", "c"]}]


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
    """Return a published question. `parts`: variant, step, choice, points, hints, claims, labs,
    related, kinds, starter.
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
        **{n: parts[n] for n in ("variant", "step", "choice") if n in parts},
    }
    words = {
        f"{name}_{language}": f"{name} of {slug}"
        for name in ("title", "statement", "answer")
        for language in ("en", "zh")
    }
    words |= {name.replace("_", "_html_"): f"<p>{text}</p>" for name, text in words.items()}
    links = {name: parts.get(name, []) for name in ("labs", "claims", "related")}
    revision = Revision.objects.create(
        question=question, number=1, facts=facts, starter=parts.get("starter", ""), **words, **links
    )
    text_rows = [
        RevisionText(revision=revision, kind=kind, position=n, **_both(text))
        for kind, n, text in _texts(slug, parts)
    ]
    text_rows += [
        RevisionText(
            revision=revision,
            kind="option",
            group=0,
            position=n,
            key=key,
            reason_en=f"the reason of {key}",
            reason_zh=f"{key} 的理由",
            reason_html_en=f"<p>the reason of {key}</p>",
            reason_html_zh=f"<p>{key} 的理由</p>",
            **_both(f"option {key}"),
        )
        for n, key in enumerate("abc" if "choice" in parts else "")
    ]
    RevisionText.objects.bulk_create(text_rows)
    Revision.objects.filter(pk=revision.pk).update(
        published_at=NOON, html_version=html_columns.current_html_version()
    )
    question.current = Revision.objects.get(pk=revision.pk)
    question.save()
    return question


def _both(text: str) -> dict[str, str]:
    # text with sampled values is rendered when it is shown
    html = "" if "{{" in text else f"<p>{text}</p>"
    return {"text_en": text, "text_zh": text, "html_en": html, "html_zh": html}


def _texts(slug: str, parts: dict[str, Any]) -> list[tuple[str, int, str]]:
    texts = [("numeric", 0, "Let n be {{n}}. How long?")] if "variant" in parts else []
    texts += [("choice", 0, "Which of them?")] if "choice" in parts else []
    texts += [("step", n, f"step {n + 1}") for n in range(len(parts.get("step", [])))]
    texts += [("point", n, f"point {n + 1} of {slug}") for n in range(parts.get("points", 2))]
    return texts + [("hint", n, f"hint {n + 1}") for n in range(parts.get("hints", 2))]


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
        variant=VARIANT,
        claims=["dead-relu.lr-kills"],
        labs=["dead-relu"],
    )


@pytest.fixture
def mixed(db: None) -> Question:
    return make_question(
        "all-of-it",
        "metrics",
        kinds=["numeric", "choice", "derivation"],
        variant=VARIANT,
        step=STEPS,
        choice=CHOICES,
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

"""Django's admin on a phone: everything to press has 24 px, or room around it, no form is wider
than the window, and nothing breaks the policy.
"""

from __future__ import annotations

import json

import pytest

from apps.accounts.models import User
from apps.questions import services as questions
from tests.common.browsing import (  # noqa: F401 - fixtures
    AXE,
    Open,
    browser_type_launch_args,
    needs_browser,
    open_page,
    site,
    violations,
)
from tests.experiments.pages_cast import loaded, measured, queued
from tests.progress.conftest import CHOICES, DERIVATION, NUMERIC, make_question

pytestmark = needs_browser
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True}
SMALL_TARGETS = """async () => (await axe.run(document, {
        resultTypes: ["violations"], runOnly: { type: "rule", values: ["target-size"] },
        rules: { "target-size": { enabled: true } },
    })).violations.flatMap((v) => v.nodes)
    .map((node) => node.target.join(" ") + " " + node.failureSummary)"""


WIDE = """[...document.querySelectorAll("#content *")]
    .filter((element) => element.getBoundingClientRect().right > innerWidth + 1)
    .map((element) => `${element.tagName}.${element.className}#${element.id}`).slice(0, 12)"""
SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_the_admin_fits_on_a_phone_and_its_targets_are_large_enough(
    open_page: Open,  # noqa: F811
    language: str,
) -> None:
    operator = User.objects.create_superuser("op@example.org", "op", "a long password")
    mei = User.objects.create_user("mei@example.org", "mei")
    run = measured(queued(mei, loaded()))
    question = make_question(
        "all-of-it",
        kinds=["numeric", "choice", "derivation"],
        numeric=NUMERIC,
        choice=CHOICES,
        derivation=DERIVATION,
    )
    draft = questions.draft_from(question=question)
    page = open_page(who=operator, cookies={"language": language}, **PHONE)
    faulty: dict[str, list[str]] = {}
    for path in (
        "",
        "accounts/user/",
        f"accounts/user/{operator.pk}/change/",
        f"questions/question/{question.pk}/change/",
        "questions/revision/add/",
        f"questions/revision/{draft.pk}/change/",
        f"questions/revision/{question.current_id}/change/",
        f"experiments/run/{run.pk}/change/",
        f"experiments/lab/{run.version.lab_id}/change/",
    ):
        page.goto(f"/admin/{path}")
        page.evaluate(AXE.read_text(encoding="utf-8"))
        messages = page.evaluate(SMALL_TARGETS)
        if (pixels := page.evaluate(SIDEWAYS)) > 0:
            messages.append(f"scrolls sideways by {pixels} px: {page.evaluate(WIDE)}")
        if messages:
            faulty[path] = messages
    assert not faulty, json.dumps(faulty, indent=1)
    assert violations(page) == []

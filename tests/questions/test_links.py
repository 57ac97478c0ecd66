"""Links in texts: what they lead to, and what is left of them where it is missing."""

from __future__ import annotations

from collections.abc import Collection

import pytest

from apps.questions import links, rendering, selectors
from apps.questions.links import Target
from apps.questions.models import Question


@pytest.mark.parametrize(
    ("href", "target"),
    [
        ("/questions/why-relu", Target("question", "why-relu")),
        ("/questions/why-relu/?reveal=1#ref", Target("question", "why-relu")),
        ("/labs/dead-relu?config-depth=8", Target("lab", "dead-relu")),
        ("/claims#dead-relu.lr-kills", Target("claim", "dead-relu.lr-kills")),
        ("/labs/dead%2Drelu", Target("lab", "dead-relu")),
        ("/claims", None),
        ("/labs", None),
        ("/questions/why-relu/report", None),
        ("/topics/losses", None),
    ],
)
def test_a_link_leads_to_a_question_a_lab_a_claim_or_another_page(
    href: str, target: Target | None
) -> None:
    assert links.target_of(href) == target


def test_a_link_to_what_is_missing_is_its_words() -> None:
    text = "See [the *lab*](/labs/a), [it](/labs/b) and [there](https://example.org/labs/a)."
    html = rendering.render(text).html
    assert links.targets([html]) == {Target("lab", "a"), Target("lab", "b")}
    without = links.resolved(html, {Target("lab", "a")})
    assert "See the <em>lab</em>, <a" in without and without.count("<a ") == 2
    assert 'href="https://example.org/labs/a"' in without
    assert links.resolved(html, ()) == html


def test_a_link_to_a_claim_leads_to_the_page_of_the_ledger_that_has_it() -> None:
    html = rendering.render("See [this](/claims#dead-relu.lr-kills), [all](/claims).").html
    shown = links.resolved(html, ())
    assert 'href="/claims?lab=dead-relu#dead-relu.lr-kills"' in shown
    assert 'href="/claims"' in shown
    assert "href" not in links.resolved(html, {Target("claim", "dead-relu.lr-kills")}).replace(
        'href="/claims"', ""
    )


def test_nothing_is_looked_up_where_no_text_has_a_link(guess: Question) -> None:
    def find_missing(targets: Collection[Target]) -> Collection[Target]:
        raise AssertionError(targets)

    assert guess.current is not None
    assert selectors.question_page(guess.current, find_missing=find_missing).answer

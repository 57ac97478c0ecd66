"""Steps of a review in a browser, and what is visible of it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from playwright.sync_api import Page, expect

from apps.accounts.models import User
from apps.progress import selectors, services
from apps.progress.models import Card
from apps.questions.models import Question
from tests.common.browsing import press

Many = Callable[[int], list[Question]]
PHONE = {"viewport": {"width": 390, "height": 844}}


def ratings(question: Question) -> list[int]:
    return [
        grade.rating for grade in selectors.cards.rated_reviews(Card.objects.get(question=question))
    ]


def begin(page: Page) -> None:
    press(page, "Enter")
    expect(page.locator("#session")).to_be_visible()


def fetches_ahead(page: Page) -> AbstractContextManager[Any]:
    """Wait, on leaving, until the card after the one that was opened inside has been prefetched."""
    return page.expect_event("requestfinished", lambda request: "/review?without=" in request.url)


def listens(page: Page, shown: str) -> None:
    """Wait until an element is visible and the scripts of its page have loaded."""
    expect(page.locator(shown)).to_be_visible()
    page.wait_for_load_state()


def question_slug(page: Page) -> str:
    return page.locator("article.q").get_attribute("data-question") or ""


def learn(user: User, questions: list[Question]) -> None:
    for question in questions:
        services.reviews.add_card(user=user, question=question)

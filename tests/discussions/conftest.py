"""Mei asks, Ola answers, Sam reads, Ada moderates. A question, and a lab of the repository."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Group

from apps.accounts.models import User
from apps.accounts.services import restore_roles
from apps.discussions import limits, services
from apps.discussions.models import Post, Thread
from apps.discussions.subjects import Subject
from apps.questions.models import Question
from tests.common.browsing import browser_type_launch_args, open_page, site  # noqa: F401 - fixtures
from tests.progress.conftest import make_question


def make_person(handle: str) -> User:
    return User.objects.create_user(f"{handle}@example.org", handle)


@pytest.fixture(autouse=True)
def loose_brakes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let new accounts write as much as a test wants; what the brakes do: `test_brakes.py`, whose
    tests ask for `brakes`.
    """
    if "brakes" not in request.fixturenames:
        for name in ("MAX_NEW_THREADS", "MAX_NEW_POSTS", "MAX_POSTS_A_MINUTE"):
            monkeypatch.setattr(limits, name, 10_000)


@pytest.fixture
def brakes() -> None:
    """Brake new accounts as the site does."""


@pytest.fixture
def mei(db: None) -> User:
    return make_person("mei")


@pytest.fixture
def ola(db: None) -> User:
    return make_person("ola")


@pytest.fixture
def sam(db: None) -> User:
    return make_person("sam")


@pytest.fixture
def ada(db: None) -> User:
    restore_roles()
    ada = make_person("ada")
    ada.groups.add(Group.objects.get(name="moderator"))
    return ada


@pytest.fixture
def question(db: None) -> Question:
    return make_question("why-relu", "activation-functions", labs=["dead-relu"])


@pytest.fixture
def in_general() -> Subject:
    return Subject(Thread.About.GENERAL)


def start(author: User, subject: Subject | None = None, **more: Any) -> Thread:
    """Begin a thread."""
    values: dict[str, Any] = {
        "title": "Why does the loss stall?",
        "text": "I set warm-up to zero, and $\\eta$ stayed.",
        "language": "en",
        "key": uuid4().hex,
    }
    subject = subject or Subject(Thread.About.GENERAL)
    return services.threads.start_thread(author=author, subject=subject, **values | more)


def reply(author: User, thread: Thread, text: str = "Because of the step.", **more: Any) -> Post:
    values: dict[str, Any] = {"language": "en", "key": uuid4().hex}
    return services.posts.reply(author=author, thread=thread, text=text, **values | more)


@pytest.fixture
def thread(mei: User) -> Thread:
    return start(mei)


@pytest.fixture
def many_posts() -> Callable[..., list[Post]]:
    """Store many posts at once, as their services would have: for pages and limits."""

    def many(thread: Thread, author: User, count: int) -> list[Post]:
        first = Thread.objects.get(pk=thread.pk).last_number + 1
        posts = Post.objects.bulk_create(
            Post(
                thread=thread,
                number=number,
                author=author,
                key=uuid4().hex,
                language="en",
                text=f"Post {number}",
                html=f"<p>Post {number}</p>",
            )
            for number in range(first, first + count)
        )
        last = first + count - 1
        Thread.objects.filter(pk=thread.pk).update(last_number=last, replies=last - 1)
        return posts

    return many

"""Every page of threads, notices and moderation asks the database at most 12 times, and not more
often where there are many posts than where there are few. How long they take with 200,000 posts is
measured by `benchmarks/threads.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.core.cache import caches
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import User
from apps.discussions import citations, services
from apps.discussions.models import Appeal, Flag, ModerationAction, Post, Thread
from apps.discussions.services import moderation
from apps.discussions.subjects import Subject
from apps.experiments.models import Run
from apps.notices.models import Kind, Notice
from apps.questions.models import Question
from tests.discussions.conftest import make_person, reply, start
from tests.discussions.pages import HTMX, browser
from tests.experiments.pages_cast import HEADLINE, SURE, loaded, measured, queued

MAX_QUERIES = 12
MANY = 20  # posts that cite, and as many of whatever else there is
FOLD = ">! [question:why-relu] It is in the question.\n>! And in the lab."


@pytest.fixture(autouse=True)
def no_charts_kept() -> Iterator[None]:
    caches["charts"].clear()
    yield
    caches["charts"].clear()


@pytest.fixture
def run(mei: User, woken_queues: list[str]) -> Run:
    run = measured(queued(mei, loaded(), prediction=SURE))
    Run.objects.filter(pk=run.pk).update(shared=True)
    return run


def evidence(run: Run) -> str:
    point = citations.cite_point(run, "relu 0.3", "dead", 0)
    cited = (citations.cite_run(run), citations.cite_claim(HEADLINE, run), point)
    return "\n\n".join((*cited, FOLD))


@pytest.fixture
def full(mei: User, ola: User, ada: User, question: Question, run: Run) -> Thread:
    """A thread with everything that a page may show, and a page of everything."""
    thread = start(mei, Subject(Thread.About.QUESTION, question=question), text=evidence(run))
    posts = [reply(ola, thread, evidence(run)), reply(mei, thread, "Hidden: " + evidence(run))]
    services.threads.accept(user=mei, post=posts[0], accepted=True)
    moderation.hide(moderator=ada, post=posts[1], reason="It is rude.")
    waits = reply(ola, thread, "It waits.")
    Post.objects.filter(pk=waits.pk).update(state="pending")
    appeal_all(ModerationAction.objects.filter(kind="hide"))
    Flag.objects.create(post=posts[0], flagger=mei, reason="rude")
    services.posts.edit_post(author=ola, post=posts[0], text=evidence(run) + "\n\nMore.", edits=0)
    return thread


def appeal_all(actions: Iterator[ModerationAction]) -> None:
    Appeal.objects.bulk_create(
        Appeal(action=action, person=action.person, text="It quotes a paper.") for action in actions
    )


def add_many(thread: Thread, mei: User, ada: User, many_posts: Callable[..., list[Post]]) -> None:
    """Add many of everything, by many people."""
    people = [make_person(f"person-{n}") for n in range(10)]
    cites = thread.posts.get(number=2)
    posts = []
    for person in people:
        posts += many_posts(thread, person, MANY // len(people))
        many_posts(start(person, title=f"A thread of {person.handle}"), person, 3)
    for post in posts:
        post.html = cites.html
    Post.objects.bulk_update(posts, ["html"])
    rows = list(cites.citations.all())
    for post in posts:
        for row in rows:
            row.pk, row.post = None, post
        type(rows[0]).objects.bulk_create(rows)
    Flag.objects.bulk_create(
        Flag(post=post, flagger=person, reason="rude") for post in posts for person in people[:3]
    )
    hidden = many_posts(thread, mei, MANY)
    Post.objects.filter(pk__in=[post.pk for post in hidden]).update(state="hidden")
    actions = ModerationAction.objects.bulk_create(
        ModerationAction(
            kind="hide", moderator=ada, thread=thread, post=post, person=mei, reason="It is rude."
        )
        for post in hidden
    )
    appeal_all(iter(actions))
    waiting = many_posts(thread, people[0], MANY)
    Post.objects.filter(pk__in=[post.pk for post in waiting]).update(state="pending")
    Notice.objects.bulk_create(
        Notice(person=mei, kind=Kind.FOLLOWED, subject=f"thread:{-n}", title="A", path="/threads")
        for n in range(MANY)
    )


def pages(thread: Thread, question: Question, run: Run) -> list[tuple[str, str]]:
    """Return the pages, each with who reads it; empty: a visitor, for whom none asks for more than
    for a member.
    """
    action = ModerationAction.objects.filter(person__handle="mei").latest("pk")
    page = f"/threads/{thread.pk}"
    subjects = (f"question:{question.slug}", "lab:dead-relu", f"claim:{HEADLINE}", f"run:{run.pk}")
    everybody = [
        "/threads",
        "/threads?order=unanswered&language=en&about=question",
        "/threads?order=best&show=unanswered",
        "/threads?words=rude+hidden+面",
        *(f"/threads?about={subject}" for subject in subjects),
        *(f"/threads/panel?about={subject}" for subject in subjects),
        f"{page}?show=1",
        page,
        f"{page}?show=1&after=1",
        f"{page}/posts/2?show=1",
        f"{page}/posts/2/history?show=1",
    ]
    members = [
        "/threads?show=mine&words=stall",
        "/threads?show=following&order=newest",
        f"/threads/new?about=question:{question.slug}",
        "/threads/runs",
        f"{page}?show=1&quote=2",
        f"{page}/posts/2/quote?show=1",
        f"{page}/posts/2/flag",
        "/notices",
        "/notices/settings",
    ]
    of_mei = [f"{page}/posts/1/edit", f"/appeals/{action.pk}"]
    of_ada = [
        "/moderation",
        "/moderation?show=flagged&reason=rude",
        "/moderation?show=appealed",
        "/moderation?show=pending&language=en",
        "/moderation/log",
        "/moderation/log?person=mei&kind=hide",
        "/moderation/mutes",
        f"/moderation{page}/posts/2",
    ]
    return [
        *(("", path) for path in ("/threads", f"{page}?show=1")),
        *(("mei", path) for path in everybody + members + of_mei),
        *(("ada", path) for path in [f"{page}?show=1", *of_ada]),
    ]


def counted(asked: list[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """Return how often each page asks the database."""
    people: dict[str, User | None] = {user.handle: user for user in User.objects.all()}
    clients: dict[str, Client] = {}
    counts = {}
    for who, path in asked:
        client = clients.setdefault(who, browser(people.get(who)))
        headers = HTMX if "after=" in path or "panel" in path or path.endswith("runs") else {}
        with CaptureQueriesContext(connection) as queries:
            answer = client.get(path, headers=headers)
        assert answer.status_code in (200, 302), (who, path, answer.status_code)
        counts[who, path] = len(queries)
    return counts


@pytest.mark.parametrize("step", [pytest.param(1, marks=pytest.mark.slow, id="all"), 6])
def test_no_page_asks_more_than_twelve_times_however_many_posts_there_are(
    step: int,
    full: Thread,
    question: Question,
    run: Run,
    mei: User,
    ada: User,
    many_posts: Callable[..., list[Post]],
) -> None:
    asked = pages(full, question, run)[::step]
    few = counted(asked)
    add_many(full, mei, ada, many_posts)
    many = counted(asked)
    too_many = {page: count for page, count in {**few, **many}.items() if count > MAX_QUERIES}
    assert not too_many
    more = {page: (few[page], count) for page, count in many.items() if count > few[page]}
    assert not more

"""A post cites only runs that its author may see. Their own are shared first, if they agree."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from functools import partial
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import AnonymousUser

from apps.accounts.models import User
from apps.accounts.services import delete_user
from apps.discussions import citations, embeds, services
from apps.discussions.errors import RunsNotShared, ThreadLocked
from apps.discussions.models import Post, Thread
from apps.discussions.subjects import About, Subject
from apps.experiments.models import Lab, Run
from apps.experiments.selectors import Reader
from apps.experiments.services import set_run_visibility
from tests.connections import at_once, before
from tests.discussions.conftest import make_person, reply, start
from tests.discussions.pages import browser, url
from tests.experiments.pages_cast import loaded, queued

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken_queues")]
GONE = "This run is no longer shared."


@pytest.fixture
def lab(db: None) -> Lab:
    return loaded()


@pytest.fixture
def run(mei: User, lab: Lab) -> Run:
    return queued(mei, lab, "mine")


def is_shared(run: Run) -> bool:
    return Run.objects.get(pk=run.pk).shared


def cited_runs(post: Post) -> list[UUID | None]:
    return [citation.run_id for citation in post.citations.all()]


def body(post: Post, reader: User | AnonymousUser) -> str:
    return embeds.filled([post], Reader(reader), post.thread)[post.pk]


def test_a_private_run_is_shared_only_after_asking(thread: Thread, run: Run, mei: User) -> None:
    text = f"Look:\n\n{citations.cite_run(run)}"
    with pytest.raises(RunsNotShared) as refused:
        reply(mei, thread, text)
    assert refused.value.extra["runs"] == [str(run.pk)]
    assert not is_shared(run) and thread.posts.count() == 1
    post = reply(mei, thread, text, share=[run.pk])
    assert is_shared(run)
    assert cited_runs(post) == [run.pk]
    assert GONE not in body(post, AnonymousUser())


def test_what_is_shared_already_needs_no_asking(
    thread: Thread, run: Run, mei: User, ola: User
) -> None:
    set_run_visibility(run=run, shared=True)
    assert cited_runs(reply(mei, thread, citations.cite_run(run))) == [run.pk]
    assert cited_runs(reply(ola, thread, citations.cite_run(run))) == [run.pk]


def test_a_foreign_private_run_is_a_gap_like_one_that_is_missing(
    thread: Thread, run: Run, mei: User, ola: User
) -> None:
    cited = [citations.cite_run(run), citations.cite_run(uuid4())]
    post = reply(ola, thread, "\n\n".join(cited), share=[run.pk])
    assert cited_runs(post) == [None, None]
    assert not is_shared(run), "only its owner shares it"
    html = body(post, ola)
    first, second = html.split("</p>")[:2]
    assert GONE in first and first.strip() == second.strip()
    set_run_visibility(run=run, shared=True)
    assert body(post, ola).count(GONE) == 2, "its author could not see it"


@pytest.mark.parametrize("form", ["run", "claim", "point"])
def test_every_form_of_citation_asks(thread: Thread, run: Run, mei: User, form: str) -> None:
    text = {
        "run": citations.cite_run(run),
        "claim": citations.cite_claim("dead-relu.lr-kills", run),
        "point": citations.cite_point(run, "relu 1", "dead", 3),
    }[form]
    with pytest.raises(RunsNotShared):
        reply(mei, thread, text)
    reply(mei, thread, text, share=[run.pk])
    assert is_shared(run)


def test_a_thread_asks_for_what_it_is_about_and_what_it_cites(
    run: Run, lab: Lab, mei: User
) -> None:
    other = queued(mei, lab, "other")
    about = Subject(About.RUN, run=run)
    with pytest.raises(RunsNotShared) as refused:
        start(mei, about, text=citations.cite_run(other))
    assert set(refused.value.extra["runs"]) == {str(run.pk), str(other.pk)}
    assert not Thread.objects.exists()
    start(mei, about, text=citations.cite_run(other), share=[run.pk, other.pk])
    assert is_shared(run) and is_shared(other)


def test_an_edit_asks_for_what_it_adds_alone(thread: Thread, run: Run, lab: Lab, mei: User) -> None:
    post = reply(mei, thread, citations.cite_run(run), share=[run.pk])
    set_run_visibility(run=run, shared=False)
    text = f"A word more.\n\n{citations.cite_run(run)}"
    edited = services.posts.edit_post(author=mei, post=post, text=text, edits=0, share=[run.pk])
    assert not is_shared(run), "a share that was withdrawn stays so"
    assert GONE in body(edited, AnonymousUser()) and GONE not in body(edited, mei)
    other = queued(mei, lab, "other")
    text += f"\n\n{citations.cite_run(other)}"
    with pytest.raises(RunsNotShared) as refused:
        services.posts.edit_post(author=mei, post=post, text=text, edits=1)
    assert refused.value.extra["runs"] == [str(other.pk)]
    assert Post.objects.get(pk=post.pk).edits == 1
    services.posts.edit_post(author=mei, post=post, text=text, edits=1, share=[other.pk])
    assert is_shared(other) and not is_shared(run)


def test_a_form_that_is_sent_twice_shares_once(thread: Thread, run: Run, mei: User) -> None:
    post = reply(mei, thread, citations.cite_run(run), key="k", share=[run.pk])
    set_run_visibility(run=run, shared=False)
    assert reply(mei, thread, citations.cite_run(run), key="k", share=[run.pk]) == post
    assert not is_shared(run)


def test_a_post_that_is_refused_shares_nothing(thread: Thread, run: Run, mei: User) -> None:
    Thread.objects.filter(pk=thread.pk).update(locked_at=thread.created_at)
    with pytest.raises(ThreadLocked):
        reply(mei, thread, citations.cite_run(run), share=[run.pk])
    assert not is_shared(run)


def test_what_is_agreed_to_is_the_runs_that_were_named(
    thread: Thread, run: Run, lab: Lab, mei: User
) -> None:
    other = queued(mei, lab, "other")
    client, form = browser(mei), {"text": citations.cite_run(run), "key": "k"}
    html = client.post(url(thread, "/reply"), form).content.decode()
    boxes = re.findall(r'<input type="checkbox" name="share" value="([^"]+)"( checked)?>', html)
    assert boxes == [(str(run.pk), "")], "nobody has agreed yet"
    form |= {"text": f"{citations.cite_run(run)}\n\n{citations.cite_run(other)}"}
    answer = client.post(url(thread, "/reply"), form | {"share": [str(run.pk), "1"]})
    assert answer.status_code == 409 and not is_shared(run) and not is_shared(other)
    assert answer.content.decode().count('name="share"') == 2
    both = {"share": [str(run.pk), str(other.pk)]}
    assert client.post(url(thread, "/reply"), form | both).status_code == 302
    assert is_shared(run) and is_shared(other)


# ---------------------------------------------------------------- at once


@pytest.mark.django_db(transaction=True)
def test_a_share_that_is_withdrawn_while_a_post_cites_it_leaves_a_gap_or_the_run() -> None:
    """Whatever comes first: nothing fails, nothing waits for ever, and the last word is the
    owner's.
    """
    mei, ola, lab = make_person("mei"), make_person("ola"), loaded()
    runs = [queued(mei, lab, "a"), queued(mei, lab, "b")]
    thread = start(mei)
    text = "\n\n".join(map(citations.cite_run, runs))
    left: list[Callable[[], object]] = []
    for turn in range(4):
        for run in runs:
            set_run_visibility(run=run, shared=True)
        actions: list[Callable[[], object]] = [
            lambda: set_run_visibility(run=runs[0], shared=False),
            lambda: set_run_visibility(run=runs[1], shared=False),
            partial(reply, mei, thread, f"{text}\n\nThe {turn}th time."),
            partial(reply, ola, thread, f"{text}\n\nAgain, the {turn}th time."),
        ]
        random.Random(turn).shuffle(actions)
        left[:] = actions
        for result in at_once(lambda: left.pop()(), times=len(actions)):
            if not isinstance(result, RunsNotShared):
                assert not isinstance(result, Exception), repr(result)
        assert not any(map(is_shared, runs)), "nobody shared them again"
        for post in thread.posts.filter(number__gt=1):
            assert body(post, AnonymousUser()).count(GONE) == 2


@pytest.mark.django_db(transaction=True)
def test_withdrawing_waits_for_the_post_that_is_just_sharing_the_run() -> None:
    mei = make_person("mei")
    run, thread = queued(mei, loaded(), "a"), start(mei)
    with before(
        'INSERT INTO "discussions_post"', lambda: set_run_visibility(run=run, shared=False)
    ):
        post = reply(mei, thread, citations.cite_run(run), share=[run.pk])
    assert not is_shared(run)
    assert cited_runs(post) == [run.pk]
    assert GONE in body(post, AnonymousUser())


@pytest.mark.django_db(transaction=True)
def test_an_owner_who_is_deleted_meanwhile_leaves_a_gap() -> None:
    mei, ola = make_person("mei"), make_person("ola")
    run, thread = queued(mei, loaded(), "a"), start(ola)
    set_run_visibility(run=run, shared=True)
    actions: list[Callable[[], object]] = [
        lambda: delete_user(user=mei),
        lambda: reply(ola, thread, citations.cite_run(run)),
    ]
    results = at_once(lambda: actions.pop()(), times=2)
    assert not any(isinstance(result, Exception) for result in results), results
    post = thread.posts.get(number=2)
    assert cited_runs(post) == [None]
    assert GONE in body(post, AnonymousUser())

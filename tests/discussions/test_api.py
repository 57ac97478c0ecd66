"""Threads and posts for programs: the same actions as on the pages give the same rows, and nothing
is shown that the pages fold, hide or withhold.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import User
from apps.api.models import IdempotentRequest
from apps.api.scopes import Scope
from apps.common.clock import now
from apps.common.errors import KeyReused
from apps.common.write_limits import LIMITS, Limit
from apps.discussions import citations, services
from apps.discussions.limits import MAX_CITATIONS
from apps.discussions.models import Flag, Follow, Post, PostRevision, Thread, Vote
from apps.discussions.services import moderation
from apps.discussions.subjects import Subject
from apps.experiments.models import Run
from apps.experiments.services import set_run_visibility
from apps.notices.models import Notice
from apps.progress.services import answers
from apps.questions.models import Question
from tests.api.conftest import Program, new_key
from tests.connections import at_once
from tests.discussions.conftest import reply, start
from tests.discussions.pages import browser
from tests.experiments.pages_cast import HEADLINE, SURE, loaded, measured, queued, verdict

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken_queues")]
NEW = {"title": "Why does the loss stall?", "text": "I set warm-up to zero, and $\\eta$ stayed."}
ANSWER = {"text": "Because of the step."}
MAX_QUERIES = 25  # of a page of posts that cite, token and limit included
POINT = ("relu 0.3", "dead", 0)


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def path(thread: Thread | Post, rest: str = "") -> str:
    if isinstance(thread, Post):
        return f"threads/{thread.thread_id}/posts/{thread.number}{rest}"
    return f"threads/{thread.pk}{rest}"


def results(answer: Any) -> list[Any]:
    assert answer.status_code == 200, answer.content
    rows: list[Any] = answer.json()["results"]
    return rows


@pytest.fixture
def asked(mei: User, question: Question) -> Thread:
    """Mei's thread about a question that nobody has answered."""
    return start(mei, Subject(Thread.About.QUESTION, question=question))


@pytest.fixture
def run(mei: User) -> Run:
    """Mei's run, which she predicted, and shares with nobody."""
    return measured(queued(mei, loaded(), prediction=SURE), verdict(effect=0.44))


# ---------------------------------------------------------------- the same as on the site


def by_forms(mei: User, ola: User, question: Question) -> Thread:
    """Post, reply, edit, vote, accept, withdraw, flag, mute and delete on the pages."""
    of_mei, of_ola = browser(mei), browser(ola)
    about = {"about": f"question:{question.slug}", "language": "en", "key": new_key()}
    of_mei.post("/threads/new", {**NEW, **about})
    thread = Thread.objects.latest("pk")
    first, second = (f"/threads/{thread.pk}/posts/{number}" for number in (1, 2))
    of_ola.post(f"/threads/{thread.pk}/reply", {**ANSWER, "key": new_key()})
    of_ola.post(f"/threads/{thread.pk}/reply", {"text": "是因为步长。", "key": new_key()})
    of_mei.post(f"{first}/edit", {"text": "I set it to zero.", "edits": "0"})
    of_ola.post(f"{first}/vote", {"value": "1"})
    of_mei.post(f"{second}/vote", {"value": "-1"})
    of_mei.post(f"{second}/vote", {"value": "0"})
    of_mei.post(f"{second}/accept", {"accepted": "1"})
    of_ola.post(f"{first}/flag", {"reason": "other", "text": "It is answered elsewhere."})
    of_mei.post(f"/threads/{thread.pk}/follow", {"how": "mute"})
    of_ola.post(f"/threads/{thread.pk}/posts/3/delete")
    return thread


def by_api(mei: User, ola: User, question: Question) -> Thread:
    """Do what `by_forms` does."""
    of_mei, of_ola = Program(mei), Program(ola)
    begun = of_mei.post("threads", {**NEW, "about": f"question:{question.slug}"})
    thread = Thread.objects.get(pk=begun.json()["id"])
    first, second, third = (path(thread, f"/posts/{number}") for number in (1, 2, 3))
    assert begun.status_code == 201 and begun["Location"] == f"/api/v1/{path(thread)}"
    sent = [
        of_ola.post(path(thread, "/posts"), ANSWER),
        of_ola.post(path(thread, "/posts"), {"text": "是因为步长。"}),
        of_mei.patch(first, {"text": "I set it to zero."}, If_Match=of_mei.get(first)["ETag"]),
        of_ola.put(f"{first}/vote", {"own_vote": 1}),
        of_mei.put(f"{second}/vote", {"own_vote": -1}),
        of_mei.delete(f"{second}/vote"),
        of_mei.put(f"{second}/acceptance"),
        of_ola.put(f"{first}/flag", {"flag_reason": "other", "text": "It is answered elsewhere."}),
        of_mei.put(path(thread, "/follow"), {"follow_state": "muted"}),
        of_ola.delete(third),
    ]
    assert [one.status_code for one in sent] == [201, 201, 200, 200, 200, 204, 204, 200, 200, 204]
    return thread


def rows_of(thread: Thread) -> list[Any]:
    """Return all that is stored of a thread, but keys and times."""
    post = "post__number"
    of_posts = {"post__thread": thread}
    posts = thread.posts.order_by("number")
    return [
        Thread.objects.filter(pk=thread.pk).values_list(
            "title", "about", "question", "language", "author", "state", "replies", "score",
            "last_number", "accepted__number", "accepted_by",
        )[0],
        list(posts.values_list("number", "author", "state", "language", "text", "html", "score")),
        [(post.edits, post.edited_at is None, post.published_at is None) for post in posts],
        list(PostRevision.objects.filter(**of_posts).values_list(post, "number", "text")),
        sorted(Vote.objects.filter(**of_posts).values_list(post, "user", "value")),
        sorted(Flag.objects.filter(**of_posts).values_list(post, "flagger", "reason", "text")),
        sorted(Follow.objects.filter(thread=thread).values_list("user", "is_muted")),
        sorted(
            Notice.objects.filter(subject=f"thread:{thread.pk}").values_list(
                "person", "kind", "title", "actor", "count"
            )
        ),
    ]  # fmt: skip


def test_site_and_api_give_the_same_rows(mei: User, ola: User, question: Question) -> None:
    by_form = rows_of(by_forms(mei, ola, question))
    assert rows_of(by_api(mei, ola, question)) == by_form
    assert by_form[0][6:] == (1, 1, 3, 2, mei.pk) and len(by_form[-1]) == 2


FILTERS = [
    "", "show=unanswered", "show=mine", "show=following", "about=question", "about=general",
    "about=question:why-relu", "about=lab:nothing", "language=zh", "words=warm-up%20zero",
    "words=step", "order=newest", "order=best", "order=unanswered", "order=best&show=mine",
]  # fmt: skip


def pages_of(program: Program, url: str) -> list[str]:
    """Return the ids of a list that is read two by two."""
    ids: list[str] = []
    url += "&limit=2" if "?" in url else "?limit=2"
    while url:
        answer = program.get(url)
        ids += [row["id"] for row in results(answer)]
        url = (answer.json()["next"] or "").replace("http://testserver", "")
    return ids


def test_the_list_is_that_of_the_page_with_every_filter(
    mei: User, ola: User, asked: Thread
) -> None:
    for number in range(5):
        thread = start(ola, title=f"What about number {number}?", text="Nothing is known.")
        if number % 2:
            services.votes.vote(user=mei, post=thread.posts.get(), value=1)
            services.posts.reply(
                author=mei, thread=thread, text="A step.", language="en", key=new_key()
            )
    start(ola, title="为什么损失不再下降？", language="zh")
    services.follows.follow(user=mei, thread=thread)
    post = reply(mei, thread)
    services.threads.accept(user=ola, post=post, accepted=True)
    site, program = browser(mei), Program(mei)
    for query in FILTERS:
        html = site.get(f"/threads?{query}").content.decode()
        rows = re.findall(r'<a [^>]*href="/threads/(\d+)"[^>]*data-row', html)
        rows = rows or re.findall(r'<a [^>]*data-row[^>]*href="/threads/(\d+)"', html)
        assert pages_of(program, f"threads?{query}") == rows, query
        assert rows or query == "about=lab:nothing", query


def test_a_filter_that_is_none_is_refused(mei: User) -> None:
    for query in ("show=all", "about=nothing", "language=fr", "order=worst", "word=step"):
        answer = Program(mei).get(f"threads?{query}")
        assert code(answer) == (400, "bad-request"), query
        assert answer.json()["errors"][0]["field"] == query.partition("=")[0]
    assert code(Program().get("threads?show=mine")) == (401, "not-authorised")


# ---------------------------------------------------------------- what is folded or hidden


def test_posts_about_a_question_are_folded_until_its_answer_is_revealed(
    asked: Thread, ola: User, sam: User, question: Question
) -> None:
    reply(ola, asked, "A word that gives it away.")
    program = Program(sam)
    assert program.get(path(asked)).json()["is_folded"]
    for reader in (program, Program()):
        answer = reader.get(path(asked, "/posts"))
        assert {row["is_folded"] for row in results(answer)} == {True}
        assert all(row["html"] is row["text"] is None for row in results(answer))
        assert "gives it away" not in answer.content.decode()
        insisting = reader.get(path(asked, "/posts?unfold=true"))
        assert "gives it away" in insisting.content.decode()
        assert code(reader.get(path(asked, "/posts/1/revisions"))) == (404, "not-found")
    of_author = results(Program(ola).get(path(asked, "/posts")))
    assert [row["text"] for row in of_author] == [None, "A word that gives it away."]
    answers.reveal(user=sam, question=question)
    assert not program.get(path(asked)).json()["is_folded"]
    assert "gives it away" in program.get(path(asked, "/posts/2")).json()["html"]


def test_a_fold_says_what_it_gives_away(thread: Thread, ola: User, question: Question) -> None:
    post = reply(ola, thread, ">! [question:why-relu] Because of the slope.")
    html = Program().get(path(post)).json()["html"]
    assert "<!--" not in html and "Gives away" in html and "Show it" in html


def test_a_hidden_post_keeps_its_place_and_its_author_reads_why(
    thread: Thread, ola: User, sam: User, ada: User
) -> None:
    post = reply(ola, thread)
    action = moderation.hide(moderator=ada, post=post, reason="It is rude.")
    for reader in (Program(), Program(sam)):
        row = results(reader.get(path(thread, "/posts")))[1]
        assert (row["state"], row["html"], row["text"]) == ("hidden", None, None)
        assert row["moderation_action_id"] is None
    program = Program(ola)
    row = program.get(path(post)).json()
    assert row["text"] == ANSWER["text"] and row["moderation_action_id"] == str(action.pk)
    [listed] = results(program.get("moderation-actions"))
    assert (listed["action"], listed["reason"]) == ("hide", "It is rude.")
    where = f"moderation-actions/{action.pk}"
    assert program.get(where).json()["is_appealable"]
    assert code(Program(sam).get(where)) == (404, "not-found")
    answer = program.post(f"{where}/appeal", {"text": "It is not."})
    assert answer.status_code == 201 and answer.json()["appeal"]["appeal_outcome"] == "open"
    assert not program.get(where).json()["is_appealable"]
    assert code(program.post(f"{where}/appeal", {"text": "No."})) == (409, "already-appealed")
    assert action.appeal.text == "It is not."


def test_what_awaits_approval_is_seen_by_its_author_alone(
    thread: Thread, ola: User, sam: User, settings: Any
) -> None:
    settings.POSTS_NEED_APPROVAL = True
    answer = Program(ola).post(path(thread, "/posts"), ANSWER)
    assert (answer.status_code, answer.json()["state"]) == (201, "pending")
    post = Post.objects.get(number=2)
    assert code(Program(sam).get(path(post))) == (404, "not-found")
    assert [row["number"] for row in results(Program().get(path(thread, "/posts")))] == [1]


# ---------------------------------------------------------------- what a post cites


def cite_all(run: Run) -> str:
    cited = (citations.cite_run(run), citations.cite_claim(HEADLINE, run))
    return "\n\n".join((*cited, citations.cite_point(run, *POINT)))


def states(answer: Any) -> list[str]:
    return [one["citation_state"] for one in answer.json()["cites"]]


def test_a_citation_is_data_for_who_may_see_it_and_withheld_from_others(
    thread: Thread, run: Run, mei: User, sam: User
) -> None:
    set_run_visibility(run=run, shared=True)
    post = reply(mei, thread, cite_all(run))
    shown = Program(mei).get(path(post))
    assert states(shown) == ["shown"] * 3
    of_run, of_claim, of_point = shown.json()["cites"]
    assert of_run["run_id"] == str(run.pk) and of_run["lab_id"] == "dead-relu"
    assert of_claim["claim"] == HEADLINE and of_claim["verdict_of_run"]["effect"] == 0.44
    assert of_point["cited_point"].keys() == {"arm", "series", "step", "mean", "low", "high"}
    html = shown.json()["html"]
    assert [place in html for place in ('data-citation="0"', "<form", "<svg")] == [True, 0, 0]
    for reader in (Program(sam), Program()):
        folded = reader.get(path(post))
        assert states(folded) == ["folded"] * 3
        assert "0.44" not in folded.content.decode() and "44%" not in folded.content.decode()
        assert folded.json()["cites"][2]["cited_point"].keys() == {"arm", "series", "step"}
    program = Program(sam)
    program.post(f"runs/{run.pk}/verdict")
    assert states(program.get(path(post))) == ["shown"] * 3


def test_a_run_that_is_shared_no_more_is_gone_and_nothing_is_told_of_it(
    thread: Thread, run: Run, mei: User, sam: User
) -> None:
    set_run_visibility(run=run, shared=True)
    post = reply(mei, thread, cite_all(run))
    set_run_visibility(run=run, shared=False)
    cites = Program(sam).get(path(post)).json()["cites"]
    nothing = {"run_id": None, "lab_id": None, "claim": "", "citation_kind": None}
    assert [one["citation_state"] for one in cites] == ["gone"] * 3
    assert all(nothing.items() <= one.items() and not one["cited_point"] for one in cites)


def test_a_point_that_no_run_has_is_absent(thread: Thread, run: Run, mei: User) -> None:
    set_run_visibility(run=run, shared=True)
    text = f"{citations.cite_point(run, 'relu 0.3', 'dead', 999)}\n\n[claim:dead-relu.no@{run.pk}]"
    assert states(Program(mei).get(path(reply(mei, thread, text)))) == ["absent", "absent"]


def test_a_private_run_is_shared_only_after_consent(thread: Thread, run: Run, mei: User) -> None:
    program, body = Program(mei), {"text": citations.cite_run(run)}
    refused = program.post(path(thread, "/posts"), body)
    assert code(refused) == (409, "runs-not-shared")
    assert refused.json()["share_run_ids"] == refused.json()["runs"] == [str(run.pk)]
    assert "share_run_ids" in refused.json()["detail"]
    consent = body | {"share_run_ids": refused.json()["share_run_ids"]}
    without_run = Program(mei, Scope.READ, Scope.POST)
    assert code(without_run.post(path(thread, "/posts"), consent)) == (403, "scope-missing")
    assert thread.posts.count() == 1 and not Run.objects.get(pk=run.pk).shared
    assert program.post(path(thread, "/posts"), consent).status_code == 201
    assert Run.objects.get(pk=run.pk).shared


def test_a_thread_and_an_edit_ask_for_consent_too(thread: Thread, run: Run, mei: User) -> None:
    program = Program(mei)
    about = program.post("threads", NEW | {"about": f"run:{run.pk}"})
    edited = program.patch(path(thread, "/posts/1"), {"text": cite_all(run)}, If_Match="*")
    assert code(about) == code(edited) == (409, "runs-not-shared")
    assert about.json()["share_run_ids"] == edited.json()["share_run_ids"] == [str(run.pk)]
    assert Thread.objects.count() == 1 and not Run.objects.get(pk=run.pk).shared


def test_posts_cost_as_many_queries_however_many_cite(
    thread: Thread, run: Run, mei: User, many_posts: Callable[..., list[Post]]
) -> None:
    set_run_visibility(run=run, shared=True)
    program = Program(mei)

    def queries() -> int:
        with CaptureQueriesContext(connection) as context:
            assert results(program.get(path(thread, "/posts?limit=100")))
        return len(context)

    reply(mei, thread, cite_all(run))
    queries()  # the first one notes that the token was used
    before = queries()
    for post in many_posts(thread, mei, 20):
        Post.objects.filter(pk=post.pk).update(html="<!--gradus:citation-0-->")
        arm, series, _step = POINT
        post.citations.create(
            position=0, kind="point", run=run, cited=run.pk, arm=arm, series=series,
            step=str(post.number),
        )  # fmt: skip
    assert queries() == before <= MAX_QUERIES
    rows = results(program.get(path(thread, "/posts?limit=100")))
    read = [one["citation_state"] for row in rows for one in row["cites"]][2:]
    assert read.count("elsewhere") == len(read) - MAX_CITATIONS == 1


# ---------------------------------------------------------------- writing


def test_the_same_key_posts_once(mei: User, ola: User) -> None:
    program, key = Program(mei), new_key()
    first = program.post("threads", NEW, Idempotency_Key=key)
    again = program.post("threads", NEW, Idempotency_Key=key)
    assert again.json() == first.json() and again["Idempotency-Replayed"] == "true"
    thread = Thread.objects.get()
    url, key = path(thread, "/posts"), new_key()
    program = Program(ola)
    posted = program.post(url, ANSWER, Idempotency_Key=key)
    IdempotentRequest.objects.all().delete()  # a day later
    later = program.post(url, ANSWER, Idempotency_Key=key)
    assert posted["Location"] == later["Location"] == f"/api/v1/{url}/2"
    assert thread.posts.count() == 2
    assert code(program.post("threads", NEW, Idempotency_Key=key)) == (422, "key-reused")
    IdempotentRequest.objects.all().delete()
    assert code(program.post("threads", NEW, Idempotency_Key=key)) == (422, "key-reused")


def test_the_key_of_a_reply_begins_no_thread(thread: Thread, mei: User) -> None:
    reply(mei, thread, key="k")
    with pytest.raises(KeyReused):
        start(mei, key="k")


def test_what_the_services_refuse_is_a_problem_document(
    thread: Thread, mei: User, ola: User
) -> None:
    program, posts = Program(ola), path(thread, "/posts")
    assert code(program.post(posts, {"text": ""})) == (422, "bad-post")
    assert code(program.post("threads", NEW | {"title": "?"})) == (422, "bad-post")
    assert code(program.post("threads", NEW | {"about": "lab:nothing"})) == (400, "bad-request")
    unknown = program.post(posts, ANSWER | {"reply_to": 1})
    assert unknown.json()["errors"][0]["field"] == "reply_to"
    first = path(thread, "/posts/1")
    assert code(program.put(f"{first}/acceptance")) == (403, "not-yours")
    assert code(program.delete(first)) == (403, "not-yours")
    assert code(program.patch(first, ANSWER, If_Match="*")) == (403, "not-yours")
    assert code(Program(mei).put(f"{first}/vote", {"own_vote": 1})) == (403, "own-post")
    assert code(Program(mei).put(f"{first}/flag", {"flag_reason": "spam"})) == (403, "own-post")
    nothing_said = program.put(f"{first}/flag", {"flag_reason": "other"})
    assert nothing_said.json()["errors"][0]["field"] == "text"
    assert code(program.put(f"{first}/vote", {"own_vote": 2})) == (400, "bad-request")
    assert code(program.get(f"threads/{10**30}/posts/{10**30}")) == (404, "not-found")
    Thread.objects.update(locked_at=now())
    assert code(program.post(posts, ANSWER)) == (409, "thread-locked")
    assert Post.objects.count() == 1 and not Flag.objects.exists()


def test_an_edit_names_the_text_that_was_read(thread: Thread, mei: User, ola: User) -> None:
    program, post = Program(mei), thread.posts.get()
    etag = program.get(path(post))["ETag"]
    Program(ola).put(path(post, "/vote"), {"own_vote": 1})
    assert code(program.patch(path(post), ANSWER)) == (428, "precondition-required")
    edited = program.patch(path(post), ANSWER, If_Match=etag)
    assert edited.status_code == 200 and edited.json()["text"] == ANSWER["text"]
    assert edited.json()["edit_count"] == 1 and edited.json()["edited_at"]
    stale = program.patch(path(post), {"text": "Something else."}, If_Match=etag)
    assert code(stale) == (412, "precondition-failed")
    assert stale.json()["etag"] == edited["ETag"] == program.get(path(post))["ETag"]
    [before] = results(Program().get(path(post, "/revisions")))
    assert before["text"] == NEW["text"] and before["revision"] == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_edits_at_once_one_is_told_to_read_again(mei: User) -> None:
    post = start(mei).posts.get()
    etag, numbers = Program(mei).get(path(post))["ETag"], iter(range(2))
    programs = [Program(mei), Program(mei)]

    def edit() -> tuple[int, str]:
        number = next(numbers)
        body = {"text": f"Text {number} of two."}
        answer = programs[number].patch(path(post), body, If_Match=etag)
        return answer.status_code, answer.json().get("code", "")

    results_of_both = sorted(map(str, at_once(edit, times=2)))
    assert results_of_both == ["(200, '')", "(412, 'precondition-failed')"]
    assert PostRevision.objects.count() == 1


def test_a_preview_stores_nothing_and_names_what_it_cannot_read(mei: User, run: Run) -> None:
    text = f"{citations.cite_claim(HEADLINE, run)}\n\n[run:4f2a]"
    shown = Program(mei).post("posts/preview", {"text": text}).json()
    assert shown["cites"][0]["verdict_of_run"]["effect"] == 0.44
    assert [fault["line"] for fault in shown["faults"]] == [3]
    assert not Post.objects.exists() and not Run.objects.get(pk=run.pk).shared


def test_who_follows_or_mutes_a_thread_is_told_so(thread: Thread, sam: User) -> None:
    program, follow = Program(sam), path(thread, "/follow")
    counts = [
        program.put(follow, {"follow_state": state}).json()["follower_count"]
        for state in ("following", "muted", "none")
    ]
    assert counts == [2, 1, 1] and not Follow.objects.filter(user=sam).exists()
    assert program.get(path(thread)).json()["follow_state"] == "none"


def test_a_token_posts_only_with_its_scope(thread: Thread, mei: User, ola: User) -> None:
    program = Program(ola, Scope.READ, Scope.STUDY, Scope.RUN)
    assert program.get(path(thread)).status_code == 200
    for answer in (
        program.post("threads", NEW),
        program.post(path(thread, "/posts"), ANSWER),
        program.put(path(thread, "/posts/1/vote"), {"own_vote": 1}),
        program.put(path(thread, "/follow"), {"follow_state": "muted"}),
    ):
        assert code(answer) == (403, "scope-missing") and answer.json()["scope"] == "post"
    assert code(Program().post(path(thread, "/posts"), ANSWER)) == (401, "not-authorised")


def test_a_muted_person_is_told_until_when_and_a_new_account_to_wait(
    thread: Thread, mei: User, ola: User, ada: User, brakes: None
) -> None:
    assert code(Program(mei).post("threads", NEW)) == (429, "too-many-posts")
    moderation.mute(moderator=ada, person=ola, until=now() + timedelta(days=1), reason="Rude.")
    answer = Program(ola).post(path(thread, "/posts"), ANSWER)
    assert code(answer) == (403, "muted") and 80_000 < int(answer["Retry-After"]) <= 86_400
    assert thread.posts.count() == 1


def test_site_and_api_share_the_limit_of_posts(
    thread: Thread, ola: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(LIMITS, "posts", Limit(2, 600.0))
    monkeypatch.setitem(LIMITS, "votes", Limit(1, 600.0))
    program, site, posts = Program(ola), browser(ola), path(thread, "/posts")
    assert site.post(f"/threads/{thread.pk}/reply", {**ANSWER, "key": "a"}).status_code == 302
    answer = program.post(posts, ANSWER)
    assert answer["RateLimit"].startswith('"posts";r=0')
    assert code(program.post(posts, ANSWER)) == (429, "too-many-attempts")
    assert site.post(f"/threads/{thread.pk}/reply", {**ANSWER, "key": "b"}).status_code == 429
    assert program.put(path(thread, "/posts/1/vote"), {"own_vote": 1}).status_code == 200
    assert site.post(f"/threads/{thread.pk}/posts/1/vote", {"value": "0"}).status_code == 429

"""Who sees a verdict: every URL that can carry one, asked by every kind of reader.

A route that is in neither list fails: whoever adds one says whether it can give a verdict away.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import pytest
from django.contrib.auth import get_user
from django.http import HttpRequest
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User
from apps.discussions import embeds
from apps.discussions.models import Post, Thread
from apps.experiments import services
from apps.experiments.models import Run
from apps.experiments.reader import reader_of
from apps.experiments.selectors import Reader
from apps.experiments.services import PredictionInput
from apps.progress import services as progress
from apps.questions.models import Question
from tests.contracts.api_matrix import ARGUMENTS as API_ARGUMENTS
from tests.contracts.test_routes import ARGUMENTS, _patterns, routes
from tests.experiments.pages_cast import (
    HEADLINE,
    browser,
    loaded,
    measured,
    queued,
    recorded,
    verdict,
)
from tests.progress.conftest import make_question

pytestmark = [pytest.mark.attack, pytest.mark.django_db]
SURE = PredictionInput("holds", 80, {"relu 1": 0.9})
WIDE = {"width": 32}

READERS = (
    "visitor",
    "visitor who opened",
    "learner",  # a stranger to the shared run
    "learner who predicted",
    "learner who opened",
    "owner of the shared run",
)
# who sees the verdict of the recorded run, and of the shared one (other settings), in this order
SEES = {
    "recorded": (False, True, False, True, True, False),
    "shared": (False, True, False, True, True, True),
}
# a piece of text that only a verdict or its points bring, by run
NUMBERS = {"recorded": "66%", "shared": "44%"}

# How each route that can carry a verdict is read: the run it shows, what is looked for.
POINT = {"kind": "point", "arm": "relu 1", "series": "dead", "step": "0"}
CURVE, POINTS, COUNTS = 'class="line a0"', "relu 0.03", 'class="tallied"'
SURFACES: dict[str, list[tuple[str, str, str]]] = {  # by route: path, whose, text
    "experiments:run": [
        ("/runs/{recorded}", "recorded", NUMBERS["recorded"]),
        ("/runs/{recorded}", "recorded", CURVE),
        ("/runs/{recorded}", "recorded", "data-outcome"),
        ("/runs/{shared}", "shared", NUMBERS["shared"]),
        ("/runs/{shared}", "shared", CURVE),
        ("/runs/{shared}", "shared", "run-config"),
    ],
    "experiments:run-panel": [
        ("/runs/{recorded}/panel", "recorded", NUMBERS["recorded"]),
        ("/runs/{shared}/panel", "shared", NUMBERS["shared"]),
    ],
    "experiments:run-points": [
        ("/runs/{recorded}/points", "recorded", POINTS),
        ("/runs/{shared}/points?series=dead", "shared", POINTS),
    ],
    "experiments:compare": [
        ("/runs/compare?run={recorded}", "recorded", NUMBERS["recorded"]),
        ("/runs/compare?run={recorded}", "recorded", CURVE),
        ("/runs/compare?run={shared}", "shared", NUMBERS["shared"]),
        ("/runs/compare?run={shared}", "shared", CURVE),
        ("/runs/compare?run={shared}", "shared", "compare-config"),
    ],
    "experiments:run-csv": [
        ("/runs/{recorded}/points.csv", "recorded", POINTS),
        ("/runs/{shared}/points.csv", "shared", POINTS),
    ],
    "experiments:claims": [
        ("/claims", "recorded", NUMBERS["recorded"]),
        ("/claims", "recorded", COUNTS),
        ("/claims", "recorded", "51% to 81%"),
    ],
    "discussions:chart": [
        ("/threads/chart?cite=%5Brun:{recorded}%5D", "recorded", CURVE),
        ("/threads/chart?cite=%5Bpoint:{shared}/relu%201/dead/0%5D", "shared", CURVE),
        ("/threads/chart?cite=%5Bpoint:{shared}/relu%201/dead/0%5D", "shared", "<b>0.4</b>"),
    ],
    "progress:question": [
        ("/questions/why-relu?reveal=1", "recorded", NUMBERS["recorded"]),
        ("/questions/why-relu?reveal=1", "recorded", "51% to 81%"),
    ],
}
OF_RUNS = """
    runs run compare run-points run-batches run-events run-verdict run-cancel run-rerun claims
"""
# they can carry a verdict, too: tested below, or where it says
ELSEWHERE = {
    "experiments:runs": "test_an_own_run_is_folded_until_it_is_opened",
    "progress:review": "test_a_review_folds_it_as_well",
    "progress:question-check": "shows the page of progress:question",
    "discussions:chart": "tests/discussions/test_embeds.py",
    "discussions:person": "tests/discussions/test_people.py",
    "discussions:thread": "test_a_post_that_cites_a_run_shows_it_to_whom_the_table_says",
    "experiments:run-events": "tests/experiments/test_sse.py",
    **dict.fromkeys(
        (
            "discussions:post-flag",
            "discussions:moderation",
            "discussions:moderation-post",
            "discussions:appeal",
        ),
        "tests/discussions/test_moderated_embeds.py",
    ),
    **dict.fromkeys(
        map("experiments_api:{}".format, OF_RUNS.split()), "tests/experiments/test_api_runs.py"
    ),
    **dict.fromkeys(
        (f"progress_api:{name}" for name in ("attempt", "answers", "reveal", "question")),
        "tests/progress/test_api_attempts.py",
    ),
    **dict.fromkeys(
        ("discussions_api:posts", "discussions_api:post"),
        "test_a_program_gets_of_a_citation_what_the_table_says",
    ),
    "discussions_api:preview": "tests/discussions/test_api.py",
    # what was sent to its owner
    "webhooks:delivery": "tests/webhooks/test_events.py",
    "webhooks_api:delivery": "tests/webhooks/test_events.py",
    "webhooks_api:redeliver": "tests/webhooks/test_events.py",
}
# they carry none
NONE = """
    experiments:catalogue experiments:pending-prediction experiments:run-states experiments:run-stop
    experiments:run-visibility experiments:run-rerun experiments:verdict-open
    experiments:verdicts-open experiments:lab
    progress:today progress:plan progress:verdict-read progress:run-questions progress:question-hint
    progress:question-reveal progress:question-grade progress:question-points progress:question-note
    progress:question-bookmark progress:question-suspend progress:question-card
    progress:review-start progress:review-end progress:review-skip progress:review-undo
    progress:progress progress:progress-csv progress:topic
    progress:private-cards progress:private-card-new progress:private-card-edit
    progress:private-card-delete progress:private-cards-delete
    progress:questions progress:own-questions questions:about questions:report
    accounts:settings accounts:language accounts:theme accounts:resume accounts:operator
    accounts:activity accounts:sessions account_reauthenticate security-txt
    robots sitemap about privacy licence
    discussions:threads discussions:new discussions:post discussions:panel discussions:own-runs
    discussions:reply discussions:preview discussions:post-quote discussions:post-edit
    discussions:post-delete discussions:post-vote discussions:post-accept discussions:post-history
    discussions:thread-follow discussions:picture discussions:picture-upload
    discussions:thread-events discussions:moderation-log
    discussions:moderation-mutes discussions:moderation-thread
    discussions:moderation-person discussions:moderation-decision
    notices:notices notices:open notices:read notices:settings
    notices:unsubscribe
    webhooks:webhooks webhooks:new webhooks:webhook webhooks:edit webhooks:secret webhooks:switch
    webhooks:delete webhooks:test webhooks:redeliver
    account_login account_logout account_signup account_inactive account_email_verification_sent
    account_confirm_email account_change_password account_set_password account_reset_password
    account_reset_password_done account_reset_password_from_key account_reset_password_from_key_done
    archives:data archives:make archives:import archives:import-confirm archives:import-discard
    archives:download archives:delete
    accounts:email accounts:email-confirm accounts:delete accounts:keep accounts:keep-by-link
    accounts:sign-in accounts:totp accounts:passkey-add accounts:recovery-codes
    accounts:factor-remove mfa_authenticate passkey_sign_in passkey_options
    accounts:provider-connect accounts:provider-confirm accounts:provider-disconnect
    provider_sign_in provider_callback provider_signup
    api_pages:tokens api_pages:new api_pages:revoke api_pages:device api_pages:device-decide
    api:schema api:docs api:me api:tokens api:token api:device api:device-token
    webhooks_api:webhooks webhooks_api:webhook webhooks_api:secret webhooks_api:test
    webhooks_api:deliveries
    archives_api:exports archives_api:export archives_api:export-file archives_api:imports
    archives_api:import archives_api:import-confirm
    api:sessions api:session api:sign-out
    experiments_api:labs experiments_api:lab experiments_api:lab-source experiments_api:run-source
    experiments_api:workers experiments_api:queues experiments_api:operated-runs
    experiments_api:operated-run
    questions_api:questions questions_api:reports questions_api:all-questions
    questions_api:revisions questions_api:revision questions_api:publish
    progress_api:question-attempts progress_api:attempts progress_api:hints progress_api:grade
    progress_api:points progress_api:cards progress_api:card progress_api:reviews
    progress_api:private-cards progress_api:private-card
    progress_api:review-undo progress_api:review-session progress_api:review-skip progress_api:note
    progress_api:bookmarks progress_api:bookmark progress_api:plan progress_api:today
    progress_api:statistics progress_api:forecast progress_api:unread-verdicts
    progress_api:unread-verdict discussions_api:thread-events
    discussions_api:threads discussions_api:thread discussions_api:thread-follow
    discussions_api:post-revisions discussions_api:vote discussions_api:acceptance
    discussions_api:flag discussions_api:actions discussions_api:action discussions_api:appeal
    notices_api:notices notices_api:unread-count notices_api:read-all notices_api:read
    notices_api:settings notices_api:setting
    worker_api:lease worker_api:events worker_api:result worker_api:release
"""
CARRY_NONE = set(NONE.split())


def test_every_route_says_whether_it_can_carry_a_verdict() -> None:
    assert set(routes()) == SURFACES.keys() | ELSEWHERE.keys() | CARRY_NONE
    assert not CARRY_NONE & (SURFACES.keys() | ELSEWHERE.keys())


class Site:
    """A recorded run, a shared run at other settings, and a browser of each reader."""

    def __init__(self) -> None:
        lab = loaded()
        self.question = make_question(
            "why-relu", claims=[HEADLINE], labs=["dead-relu"], quotes=True
        )
        people = {
            handle: User.objects.create_user(f"{handle}@example.org", handle)
            for handle in ("sam", "mei", "kay", "ola", "ned")
        }
        self.recorded = recorded(lab)
        shared = queued(people["ola"], lab, "shared", config=WIDE, prediction=SURE)
        self.shared = measured(shared, verdict(effect=0.44, low=0.41, high=0.47, parts=[]))
        services.set_run_visibility(run=self.shared, shared=True)
        self.own = measured(queued(people["ned"], lab, "own"))  # without a prediction
        queued(people["mei"], lab, "first", prediction=SURE)
        queued(people["mei"], lab, "second", config=WIDE, prediction=SURE)
        self.people = people
        self.browsers: dict[str, Client] = {
            "visitor": browser(),
            "visitor who opened": browser(),
            "learner": browser(people["sam"]),
            "learner who predicted": browser(people["mei"]),
            "learner who opened": browser(people["kay"]),
            "owner of the shared run": browser(people["ola"]),
        }
        for name, client in self.browsers.items():
            if "opened" in name:
                for run in (self.recorded, self.shared):
                    client.post(reverse("experiments:verdict-open", args=[run.pk]))
            client.post("/questions/why-relu/reveal")

    def body(self, reader: str, path: str) -> str:
        url = path.format(recorded=self.recorded.pk, shared=self.shared.pk)
        return text_of(self.browsers[reader], url)


def text_of(client: Client, url: str, **more: Any) -> str:
    """Return a page with its addresses unquoted: `threads%2F44%2Fevents` is no share of 44%."""
    return unquote(client.get(url, **more).content.decode())


@pytest.fixture
def site(woken_queues: list[str]) -> Site:
    return Site()


@pytest.mark.parametrize("route", SURFACES)
def test_a_verdict_is_seen_by_whom_the_table_says(route: str, site: Site) -> None:
    for path, whose, text in SURFACES[route]:
        seen = tuple(text in site.body(reader, path) for reader in READERS)
        assert seen == SEES[whose], f"{text!r} in {path}"


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_who_may_not_see_it_gets_the_claim_and_two_ways_to_the_verdict(
    site: Site, language: str
) -> None:
    statement = {
        "en": "learning rate",
        "zh-CN": "学习率过大会使 ReLU 单元死亡。",
    }[language]
    opening = reverse("experiments:verdict-open", args=[site.recorded.pk])
    for reader in ("visitor", "learner"):
        for path in (f"/runs/{site.recorded.pk}", "/claims", "/questions/why-relu?reveal=1"):
            headers = {"accept-language": language}
            body = text_of(site.browsers[reader], path, headers=headers)
            assert statement in body, path
            assert f'action="{opening}"' in body, path
            assert 'href="/labs/dead-relu' in body, path


def test_points_are_refused_with_a_way_to_them(site: Site) -> None:
    run = site.shared
    answer = site.browsers["learner"].get(f"/runs/{run.pk}/points")
    assert answer.status_code == 403
    assert answer["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert problem["code"] == "verdict-hidden"
    assert problem["open"] == f"/runs/{run.pk}/verdict"
    assert problem["predict"] == f"/labs/dead-relu?from={run.pk}"
    page = site.browsers["visitor"].get(f"/runs/{run.pk}/points.csv")
    assert page.status_code == 403 and f'href="/runs/{run.pk}"' in page.content.decode()


def test_other_pages_give_nothing_away(site: Site) -> None:
    routes_arguments = ARGUMENTS | API_ARGUMENTS
    arguments = {
        **routes_arguments,
        **{
            name: {"slug": "why-relu"}
            for name, taken in routes_arguments.items()
            if taken == {"slug": "how-long"}
        },
    }
    post = posted(site)
    for name, pattern in _patterns():
        if name not in CARRY_NONE:
            continue
        of_post = {"pk": post.thread_id} if "<int:pk>" in pattern else {}
        of_post |= {"number": post.number} if "<int:number>" in pattern else {}
        of_run = {"pk": site.shared.pk} if "<uuid:pk>" in pattern else {}
        of_run |= {"of": site.shared.pk} if "<uuid:of>" in pattern else {}
        taken = arguments.get(name, of_post or of_run)
        for reader in ("visitor", "learner", "learner who predicted", "owner of the shared run"):
            for headers in ({}, {"hx-request": "true"}):
                client = site.browsers[reader]
                body = text_of(client, reverse(name, kwargs=taken), headers=headers)
                for text in (*NUMBERS.values(), "data-outcome", 'class="outcome', POINTS + ","):
                    assert text not in body, f"{text!r} in {name} for {reader}"


def reader_in(client: Client) -> Reader:
    """Return who reads in a browser."""
    request = HttpRequest()
    request.session = client.session  # type: ignore[assignment]
    request.user = get_user(client)
    return reader_of(request)


def posted(site: Site) -> Post:
    """Store a post that cites each run, its verdict, and a point of it."""
    thread = Thread.objects.create(
        title="What do you make of it?", about="general", language="en", key="k"
    )
    markers = "".join(f"<!--gradus:citation-{place}-->" for place in range(6))
    post = Post.objects.create(thread=thread, number=1, language="en", key="k", html=markers)
    for place, run in enumerate((site.recorded, site.shared)):
        kinds = ({"kind": "run"}, {"kind": "claim", "claim": HEADLINE}, POINT)
        for position, kind in enumerate(kinds, 3 * place):
            post.citations.create(position=position, run=run, cited=run.pk, **kind)
    return post


def test_a_post_that_cites_a_run_shows_it_to_whom_the_table_says(site: Site) -> None:
    post = posted(site)
    looked_for = {
        "recorded": (NUMBERS["recorded"], f'data-cited="claim" data-run="{site.recorded.pk}"'),
        "shared": (NUMBERS["shared"], f'data-cited="claim" data-run="{site.shared.pk}"'),
    }
    for name, client in site.browsers.items():
        html = embeds.filled([post], reader_in(client), post.thread)[post.pk]
        sees = {whose: SEES[whose][READERS.index(name)] for whose in looked_for}
        for whose, (number, place) in looked_for.items():
            assert place in html, "what is folded keeps its place"
            assert (number in html) is sees[whose], f"{whose} for {name}"
            run = site.recorded if whose == "recorded" else site.shared
            assert (f'action="/runs/{run.pk}/verdict"' in html) is not sees[whose]
        assert html.count(CURVE) == 2 * sum(sees.values()), name
        assert html.count("<b>0.4</b>") == sum(sees.values()), name


def test_a_program_gets_of_a_citation_what_the_table_says(site: Site) -> None:
    post = posted(site)
    for name, client in site.browsers.items():
        for path in ("", f"/{post.number}"):
            answer = client.get(f"/api/v1/threads/{post.thread_id}/posts{path}").json()
            cites = (answer if path else answer["results"][0])["cites"]
            for whose, run, three in (
                ("recorded", site.recorded, cites[:3]),
                ("shared", site.shared, cites[3:]),
            ):
                sees, of = SEES[whose][READERS.index(name)], f"{whose} for {name}"
                state = "shown" if sees else "folded"
                assert [one["citation_state"] for one in three] == [state] * 3, of
                assert {one["run_id"] for one in three} == {str(run.pk)}, of
                assert (three[1]["verdict_of_run"] is not None) is sees, of
                assert ("mean" in three[2]["cited_point"]) is sees, of
                assert (NUMBERS[whose] in str(three)) is sees, of


def own_pages(site: Site) -> dict[str, Callable[[Client], bool]]:
    """Return by page whether it shows the verdict of `site.own`, or a point of it."""
    run = site.own

    def shows(path: str, text: str) -> Callable[[Client], bool]:
        return lambda client: text in text_of(client, path)

    return {
        "run": shows(f"/runs/{run.pk}", "66%"),
        "curve": shows(f"/runs/{run.pk}", CURVE),
        "panel": shows(f"/runs/{run.pk}/panel", 'data-outcome="holds"'),
        "points": shows(f"/runs/{run.pk}/points", POINTS),
        "csv": shows(f"/runs/{run.pk}/points.csv", POINTS),
        "runs": shows("/runs", 'class="outcome holds"'),
        "ledger": shows("/claims", "66%"),
        "answer": shows("/questions/why-relu?reveal=1", "66%"),
        "beside": shows("/questions/why-relu?reveal=1", 'class="outcome holds"'),
        "read": shows(f"/runs/{run.pk}/questions", f'action="/verdicts/{run.pk}"'),
    }


def test_an_own_run_is_folded_until_it_is_opened(site: Site) -> None:
    client = browser(site.people["ned"])
    client.post("/questions/why-relu/reveal")
    pages = own_pages(site)
    assert [name for name, shows in pages.items() if shows(client)] == []
    assert "hidden until you predict" in text_of(client, "/runs")
    client.post(f"/verdicts/{site.own.pk}")  # it cannot be read yet
    client.post(f"/runs/{site.own.pk}/verdict")
    assert [name for name, shows in pages.items() if not shows(client)] == []


def test_a_review_folds_it_as_well(site: Site) -> None:
    for reader, sees in zip(READERS, SEES["recorded"], strict=True):
        client = site.browsers[reader]
        if "visitor" in reader:
            continue
        user = User.objects.get(pk=client.session["_auth_user_id"])
        question = Question.objects.get(pk=site.question.pk)
        progress.reviews.add_card(user=user, question=question)
        progress.reviews.start_session(user=user)
        page = client.post("/questions/why-relu/reveal", {"in": "review"}, follow=True)
        body = page.content.decode()
        assert page.request["PATH_INFO"] == "/review", reader
        assert (NUMBERS["recorded"] in body) is sees, reader
        opening = body.partition(f'action="/runs/{site.recorded.pk}/verdict"')[2][:300]
        assert ('name="next" value="/review?at=' in opening) is not sees, reader


def test_a_run_that_is_still_going_shows_a_stranger_nothing(site: Site) -> None:
    Run.objects.filter(pk=site.shared.pk).update(state="running", ended_at=None)
    for path in ("", "/panel", "/points", "/points.csv"):
        body = text_of(site.browsers["learner"], f"/runs/{site.shared.pk}{path}")
        assert CURVE not in body and POINTS not in body
        owner = text_of(site.browsers["owner of the shared run"], f"/runs/{site.shared.pk}{path}")
        assert path == "/panel" or CURVE in owner or POINTS in owner

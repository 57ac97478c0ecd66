"""Watching a run live, over real HTTP: everything comes, in order, once; also while Redis is
away.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import redis
from django.db import connection

from apps.accounts.models import Session, User
from apps.api.scopes import Scope
from apps.api.services import make_token, revoke_tokens
from apps.common.circuit_breaker import REDIS_PAUSE_SECONDS, CircuitBreaker
from apps.experiments import housekeeping, services, sse
from apps.experiments.models import Run
from tests.experiments.conftest import event, fall_silent, finish, report
from tests.experiments.pages_cast import SURE
from tests.experiments.watching import Reader, cookies_of, until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.services]


def test_several_runs_are_watched_in_one_stream_until_the_last_is_over(
    site: str, mei: User, queue_run: Any, lease_run: Any
) -> None:
    first, second = queue_run(mei, "a"), queue_run(mei, "b")
    reader = Reader(site, cookies_of(mei)).read(f"/runs/events?ids={first.pk},{second.pk}")
    until(
        lambda: (
            {data["run"] for _kind, _number, data in reader.seen} == {str(first.pk), str(second.pk)}
        )
    )
    lease = lease_run()
    report(lease, event(), points_done=1, points_expected=2)
    until(lambda: (str(lease.run.pk), "running", 1) in states_told(reader))
    finish(lease)
    until(lambda: (str(lease.run.pk), "succeeded", 1) in states_told(reader))
    assert not reader.over
    finish(lease_run(), "failed")
    until(lambda: reader.over)
    assert reader.states()[-1] == "failed" and {kind for kind, _number, _data in reader.seen} == {
        "state"
    }


def states_told(reader: Reader) -> list[tuple[str, str, int]]:
    return [
        (data["run"], data["state"], data["points_done"]) for _kind, _number, data in reader.seen
    ]


def test_what_one_may_not_see_is_in_no_stream(
    site: str, ola: User, mei: User, queue_run: Any
) -> None:
    run = queue_run(mei, "k")
    for ids in (str(run.pk), "", "nonsense", f"{run.pk},nonsense", str(uuid.uuid4()), "," * 500):
        assert (
            httpx.get(
                f"{site}/runs/events", params={"ids": ids}, cookies=cookies_of(ola), timeout=60
            ).status_code
            == 404
        )


def end_session(reader: Reader, run: Run) -> None:
    (key,) = reader.cookies.values()
    Session.objects.filter(session_key=key).delete()


def end_sharing(reader: Reader, run: Run) -> None:
    services.set_run_visibility(run=run, shared=False)


def choose_password(reader: Reader, run: Run) -> None:
    ola = User.objects.get(handle="ola")
    ola.set_password("eleven loud sparrows")
    ola.save()


@pytest.mark.parametrize("end", [end_sharing, end_session, choose_password])
@pytest.mark.parametrize("path", ["/runs/{pk}/events?after=", "/runs/events?ids={pk}"])
def test_a_stream_ends_with_the_right_to_see_it(
    site: str,
    ola: User,
    mei: User,
    queue_run: Any,
    lease_run: Any,
    monkeypatch: pytest.MonkeyPatch,
    end: Callable[[Reader, Run], None],
    path: str,
) -> None:
    monkeypatch.setattr(sse, "RECHECK_SECONDS", 0)
    run = queue_run(mei, "k")
    services.set_run_visibility(run=run, shared=True)
    lease = lease_run()
    reader = Reader(site, cookies_of(ola)).read(path.format(pk=run.pk))
    until(lambda: reader.seen)
    report(lease, event(), points_done=1, points_expected=9)
    until(lambda: reader.seen[-1][2].get("points_done") == 1)
    count = len(reader.seen)
    end(reader, run)
    report(lease, event(), after=1, points_done=2, points_expected=9)
    until(lambda: reader.over)
    assert len(reader.seen) == count, "the next report was not sent any more"


def bearer(user: User) -> dict[str, str]:
    token = make_token(user=user, name="tests", scopes=[Scope.READ], days=1)[1]
    return {"Authorization": f"Bearer {token}"}


def test_a_program_watches_with_its_token_resumes_and_ends_with_the_token(
    site: str, mei: User, queue_run: Any, lease_run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sse, "RECHECK_SECONDS", 0)
    run, lease = queue_run(mei, "k"), lease_run()
    report(lease, *[event()] * 3)
    path, headers = f"/api/v1/runs/{run.pk}/events", bearer(mei)
    reader = Reader(site, {}).read(path, **headers)
    resumed = Reader(site, {}).read(path, **headers, **{"Last-Event-ID": "2"})
    until(lambda: reader.numbers() == [1, 2, 3] and resumed.numbers() == [3])
    revoke_tokens(user=mei)
    report(lease, event(), after=3, points_done=4, points_expected=9)
    until(lambda: reader.over and resumed.over)
    assert reader.numbers() == [1, 2, 3]


def test_a_program_without_the_right_is_told_why(
    site: str, mei: User, ola: User, queue_run: Any
) -> None:
    path = f"{site}/api/v1/runs/{queue_run(mei, 'k').pk}/events"
    narrow = make_token(user=mei, name="tests", scopes=[Scope.POST], days=1)[1]
    for headers, code in (
        ({"Authorization": "Bearer no"}, "not-authorised"),
        ({"Authorization": f"Bearer {narrow}"}, "scope-missing"),
        (bearer(ola), "not-found"),
        ({}, "not-found"),
    ):
        answer = httpx.get(path, headers=headers, timeout=60)
        assert answer.json()["code"] == code
    assert httpx.post(path, timeout=60).json()["code"] == "method-not-allowed"


def test_a_person_and_a_network_have_so_many_streams_at_once(
    site: str, mei: User, ola: User, queue_run: Any, watch: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sse, "MAX_STREAMS_PER_PERSON", 2)
    monkeypatch.setattr(sse, "MAX_STREAMS_PER_NETWORK", 3)
    run = queue_run(mei, "k")
    services.set_run_visibility(run=run, shared=True)

    def answer(user: User | None) -> httpx.Response:
        cookies = cookies_of(user) if user else {}
        return httpx.get(f"{site}/runs/{run.pk}/events", cookies=cookies, timeout=60)

    readers = [watch(mei, run) for _ in range(2)]
    until(lambda: all(reader.seen for reader in readers))
    refused = answer(mei)
    assert refused.status_code == 429 and refused.headers["Retry-After"] == "10"
    assert "Too many pages follow runs" in refused.text
    readers += [watch(ola, run)]
    until(lambda: readers[-1].seen)
    assert answer(ola).status_code == answer(None).status_code == 429, "of the network"
    services.request_cancel(run=run)
    until(lambda: all(reader.over for reader in readers))
    until(lambda: answer(mei).status_code == 200)


def test_points_come_as_they_are_stored_and_the_end_closes_the_stream(
    mei: User, queue_run: Any, lease_run: Any, watch: Any
) -> None:
    run = queue_run(mei, "k")
    lease = lease_run()
    report(lease, event(1.0))
    reader = watch(mei, run)
    until(lambda: reader.numbers() == [1])
    for i in range(2, 6):
        report(lease, event(1.0 / i), after=i - 1, points_done=i, points_expected=5)
    until(lambda: reader.numbers() == [1, 2, 3, 4, 5])
    finish(lease)
    until(lambda: reader.over)
    assert reader.states()[-1] == "succeeded"
    assert reader.seen[0][2] == {
        "arm": "relu 1",
        "series": "dead",
        "step": [0.0],
        "mean": [1.0],
        "low": [1.0],
        "high": [1.0],
    }


def test_what_the_reader_knows_is_not_sent_again(
    mei: User, queue_run: Any, lease_run: Any, watch: Any
) -> None:
    run = queue_run(mei, "k")
    lease = lease_run()
    report(lease, *[event()] * 4)
    reader, resumed = (
        watch(mei, run, after="2"),
        watch(mei, run, after="1", **{"Last-Event-ID": "3"}),
    )
    until(lambda: reader.numbers() == [3, 4] and resumed.numbers() == [4])
    finish(lease)
    until(lambda: reader.over and resumed.over)
    assert (reader.numbers(), resumed.numbers()) == ([3, 4], [4])


@pytest.mark.parametrize("after", ["", "x", "-1", "9" * 40, "1e3", "%00"])
def test_nonsense_for_a_number_means_from_the_beginning_or_the_end(
    mei: User, queue_run: Any, lease_run: Any, watch: Any, after: str
) -> None:
    run = queue_run(mei, "k", prediction=SURE)
    lease = lease_run()
    report(lease, event())
    finish(lease)
    reader = watch(mei, run, after=after)
    until(lambda: reader.over)
    assert reader.status == 200 and reader.states() == ["succeeded"]
    assert reader.numbers() == ([] if after == "9" * 40 else [1])


def test_a_later_run_attempt_tells_the_reader_to_forget(
    mei: User, queue_run: Any, lease_run: Any, watch: Any
) -> None:
    run = queue_run(mei, "k", prediction=SURE)
    report(lease_run(), event(), event())
    reader = watch(mei, run)
    until(lambda: reader.numbers() == [1, 2])
    fall_silent()
    housekeeping.requeue_silent_runs()
    second = lease_run()
    report(second, event())
    finish(second)
    until(lambda: reader.over)
    assert [(kind, number) for kind, number, _ in reader.seen if kind != "state"] == [
        ("points", 1),
        ("points", 2),
        ("reset", 3),
        ("points", 4),
    ]
    late = watch(mei, run)
    until(lambda: late.over)
    assert [(kind, number) for kind, number, _ in late.seen if kind != "state"] == [
        ("reset", 3),
        ("points", 4),
    ]


def test_points_come_while_redis_is_away(
    mei: User, queue_run: Any, lease_run: Any, watch: Any, settings: Any, monkeypatch: Any
) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"  # nobody is there
    monkeypatch.setattr(
        "apps.experiments.run_events._redis", lambda: redis.Redis.from_url(settings.REDIS_URL)
    )
    monkeypatch.setattr("apps.experiments.run_events.breaker", CircuitBreaker(REDIS_PAUSE_SECONDS))
    run = queue_run(mei, "k")
    lease = lease_run()
    reader = watch(mei, run)
    until(lambda: reader.states() == ["running"])
    for i in range(3):
        report(lease, event(), after=i)
    until(lambda: reader.numbers() == [1, 2, 3])
    finish(lease)
    until(lambda: reader.over)


def test_a_message_that_was_lost_is_read_from_the_database(
    mei: User, queue_run: Any, lease_run: Any, watch: Any, monkeypatch: Any
) -> None:
    run = queue_run(mei, "k")
    lease = lease_run()
    reader = watch(mei, run)
    until(lambda: reader.states() == ["running"])
    with monkeypatch.context() as silent:
        silent.setattr("apps.experiments.run_events._publish", lambda what: None)
        report(lease, event(), event())
    report(lease, event(), after=2)
    until(lambda: reader.numbers() == [1, 2, 3])
    finish(lease)
    until(lambda: reader.over)
    assert reader.numbers() == [1, 2, 3]


def test_an_end_that_nobody_was_told_of_is_found(
    mei: User, queue_run: Any, lease_run: Any, watch: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(sse, "CALM_SECONDS", 0.2)
    run = queue_run(mei, "k")
    lease = lease_run()
    reader = watch(mei, run)
    until(lambda: reader.states() == ["running"])
    monkeypatch.setattr("apps.experiments.run_events._publish", lambda what: None)
    report(lease, event())
    finish(lease)
    until(lambda: reader.over)
    assert reader.numbers() == [1] and reader.states()[-1] == "succeeded"


def test_a_place_in_the_queue_is_told_and_changes(
    mei: User, ola: User, queue_run: Any, lease_run: Any, watch: Any
) -> None:
    queue_run(ola, "first")
    run = queue_run(mei, "k")
    reader = watch(mei, run)
    until(lambda: reader.seen)
    assert reader.seen[0][2]["ahead"] == 1 and reader.seen[0][2]["reason"] == "no-worker"
    lease_run()
    until(lambda: reader.seen[-1][2].get("ahead") == 0)
    services.request_cancel(run=run)
    until(lambda: reader.over)
    assert reader.states()[-1] == "cancelled"


def test_more_viewers_than_connections_do_not_stop_the_site(
    mei: User, queue_run: Any, lease_run: Any, watch: Any, site: str
) -> None:
    run = queue_run(mei, "k")
    lease = lease_run()
    readers = [watch(mei, run) for _ in range(40)]
    until(lambda: all(reader.states() == ["running"] for reader in readers))
    until(lambda: connections_of_others() <= 5)  # none is held by those who wait
    report(lease, event())
    until(lambda: all(reader.numbers() == [1] for reader in readers))
    finish(lease)
    until(lambda: all(reader.over for reader in readers))


def connections_of_others() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid "
            "<> pg_backend_pid()"
        )
        return int(cursor.fetchone()[0])


def test_who_may_not_see_a_run_may_not_watch_it(
    sam: User, mei: User, queue_run: Any, watch: Any, site: str
) -> None:
    run = queue_run(mei, "k")
    for reader in (
        watch(sam, run),
        Reader(site, {}).read(f"/runs/{run.pk}/events"),
        Reader(site, {}).read(f"/runs/{uuid.uuid4()}/events"),
    ):
        until(lambda r=reader: r.over)
        assert reader.status == 404 and not reader.seen


def test_a_shared_run_may_be_watched_without_signing_in(
    mei: User, queue_run: Any, lease_run: Any, site: str
) -> None:
    run = queue_run(mei, "k")
    services.set_run_visibility(run=run, shared=True)
    lease = lease_run()
    report(lease, event())
    watching = Reader(site, {}).read(f"/runs/{run.pk}/events")
    finish(lease)
    until(lambda: watching.over)
    assert watching.numbers() == [] and watching.states()[-1] == "succeeded"


def test_points_that_give_a_verdict_away_are_in_no_stream_until_it_is_opened(
    mei: User, sam: User, queue_run: Any, lease_run: Any, watch: Any
) -> None:
    run = queue_run(mei, "k")
    services.set_run_visibility(run=run, shared=True)
    lease = lease_run()
    report(lease, event())
    finish(lease)
    for user in (mei, sam):  # mei could watch it live, but predicted nothing
        before = watch(user, run)
        until(lambda reader=before: reader.over)
        assert {kind for kind, _number, _data in before.seen} == {"state"}
        services.open_verdict(user=user, run=run)
        after = watch(user, run)
        until(lambda reader=after: reader.over)
        assert after.numbers() == [1] and after.states() == ["succeeded"]

"""What happens when two connections meet: the second begins while the first stands before a
statement, or before its commit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.test import Client

from apps.accounts import services as accounts
from apps.accounts.models import User
from apps.common.errors import AccountGone, StaleRunAttempt, TooManyRuns
from apps.common.locks import lock
from apps.experiments import housekeeping, services, worker_services
from apps.experiments.models import Batch, Run, RunAttempt, Worker
from tests.connections import before, elsewhere
from tests.experiments.conftest import LABS, event, fall_silent, finish, report
from tests.experiments.simulated_worker import LEASE_REQUEST, SimulatedWorker

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.services]


def test_two_submissions_at_once_keep_the_limit(mei: User, queue_run: Any) -> None:
    for i in range(19):
        queue_run(mei, str(i))
    with transaction.atomic():
        queue_run(mei, "twentieth")
        second = elsewhere(lambda: queue_run(mei, "too many"))
    with pytest.raises(TooManyRuns):
        second.result()


def test_the_same_key_at_once_makes_one_run(mei: User, queue_run: Any) -> None:
    with transaction.atomic():
        run = queue_run(mei, "k")
        second = elsewhere(lambda: queue_run(mei, "k"))
    assert second.result() == run


@pytest.mark.parametrize(
    "moment", ['SELECT "experiments_run"."id"', 'UPDATE "experiments_run"'], ids=["chosen", "taken"]
)
def test_a_run_stopped_before_it_is_given_leaves_the_turn_to_the_next(
    moment: str, mei: User, ola: User, queue_run: Any, lease_run: Any
) -> None:
    stopped, next_one = queue_run(mei, "k"), queue_run(ola, "k")
    with before(moment, lambda: services.request_cancel(run=stopped)):
        assert lease_run().run == next_one


def test_a_run_stopped_while_it_is_given_leaves_the_turn_to_the_next(
    mei: User, ola: User, queue_run: Any, lease_run: Any
) -> None:
    stopped, next_one = queue_run(mei, "k"), queue_run(ola, "k")
    with transaction.atomic():
        services.request_cancel(run=stopped)
        lease = elsewhere(lease_run)
    assert lease.result().run == next_one
    stopped.refresh_from_db()
    assert stopped.state == Run.State.CANCELLED


def test_two_workers_at_once_never_get_one_run(
    mei: User, ola: User, queue_run: Any, lease_run: Any
) -> None:
    queue_run(mei, "k"), queue_run(ola, "k")
    with transaction.atomic():
        first = lease_run()
        second = elsewhere(lease_run)
    assert {first.run.owner, second.result().run.owner} == {mei, ola}


@pytest.mark.attack
def test_the_same_request_for_a_lease_at_once_gets_one_lease(
    mei: User, ola: User, queue_run: Any, worker: Worker
) -> None:
    queue_run(mei, "k"), queue_run(ola, "k")

    key = uuid4()

    def ask() -> Any:
        return worker_services.lease_run(worker=worker, queues=["labs"], labs=LABS, key=key)

    with transaction.atomic():
        first = ask()
        second = elsewhere(ask)
    assert second.result().run_attempt == first.run_attempt
    assert RunAttempt.objects.count() == 1


def test_two_workers_at_once_keep_the_slots(
    ola: User, queue_run: Any, lease_run: Any, lease_if_any: Any
) -> None:
    for i in range(3):
        queue_run(ola, str(i))
    lease_run()
    with transaction.atomic():
        lease_run()
        second = elsewhere(lease_if_any)
    assert second.result() is None


def test_a_worker_that_waits_too_long_for_its_turn_is_told_to_ask_again(
    client: Client, mei: User, queue_run: Any
) -> None:
    queue_run(mei, "k")
    worker = SimulatedWorker(client)
    with transaction.atomic():
        lock("lease")
        answer = elsewhere(lambda: worker.post("lease", LEASE_REQUEST)).result()
    assert (answer.status_code, answer.json()["code"], answer["Retry-After"]) == (503, "away", "10")
    assert worker.lease()


def test_of_two_results_at_once_the_second_hears_of_the_first(
    mei: User, queue_run: Any, lease_run: Any
) -> None:
    queue_run(mei, "k")
    lease = lease_run()
    with transaction.atomic():
        run = finish(lease)
        second = elsewhere(lambda: finish(lease))
    assert second.result() == run


def test_the_same_report_at_once_is_stored_once(mei: User, queue_run: Any, lease_run: Any) -> None:
    queue_run(mei, "k")
    lease = lease_run()
    with transaction.atomic():
        report(lease, event(), event())
        second = elsewhere(lambda: report(lease, event(), event(), after=0))
    assert second.result() is False
    assert Batch.objects.count() == 2


def test_a_report_behind_a_result_is_stale(mei: User, queue_run: Any, lease_run: Any) -> None:
    queue_run(mei, "k")
    lease = lease_run()
    with transaction.atomic():
        finish(lease)
        late = elsewhere(lambda: report(lease, event()))
    with pytest.raises(StaleRunAttempt):
        late.result()
    assert not Batch.objects.exists()


def test_a_result_and_the_end_of_its_lease_do_not_block_each_other(
    mei: User, queue_run: Any, lease_run: Any
) -> None:
    queue_run(mei, "k")
    lease = lease_run()
    fall_silent()
    with before('UPDATE "experiments_runattempt"', housekeeping.requeue_silent_runs):
        assert finish(lease).state == Run.State.SUCCEEDED


def test_a_run_attempt_that_speaks_just_now_is_not_given_up(
    mei: User, queue_run: Any, lease_run: Any
) -> None:
    queue_run(mei, "k")
    lease = lease_run()
    fall_silent()
    with before('SELECT "experiments_run"', lambda: report(lease, event())):
        assert housekeeping.requeue_silent_runs() == 0


def test_a_stop_is_not_forgotten_when_the_run_attempt_is_given_up(
    mei: User, queue_run: Any, lease_run: Any
) -> None:
    run = queue_run(mei, "k")
    lease_run()
    fall_silent()
    with before("", housekeeping.requeue_silent_runs, skip=1):
        services.request_cancel(run=run)
    housekeeping.requeue_silent_runs()
    run.refresh_from_db()
    assert run.state == Run.State.CANCELLED


def test_a_release_and_a_stop_at_once_end_the_run(
    mei: User, queue_run: Any, lease_run: Any
) -> None:
    run = queue_run(mei, "k")
    lease = lease_run()
    mine = {
        "worker": lease.run_attempt.worker,
        "run_attempt_id": lease.run_attempt.pk,
        "token": lease.token,
    }
    with transaction.atomic():
        services.request_cancel(run=run)
        released = elsewhere(lambda: worker_services.release_run_attempt(**mine, reason="shutdown"))
    released.result()
    run.refresh_from_db()
    assert run.state == Run.State.CANCELLED


# ---------------------------------------------------------------- while a person is deleted


@contextmanager
def at_statements(*deeds: tuple[str, Callable[[], Any]]) -> Iterator[list[Future[Any]]]:
    """Begin each deed elsewhere just before our next statement that contains its text, in order."""
    left, begun = list(deeds), list[Future[Any]]()

    def watch(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        if left and left[0][0] in sql:
            _text, deed = left.pop(0)
            begun.append(elsewhere(deed))
        return execute(sql, *rest)

    with connection.execute_wrapper(watch):
        yield begun
    assert not left, "no such statement"


def test_a_run_submitted_while_its_owner_is_deleted_does_not_deadlock_with_its_worker(
    mei: User, queue_run: Any, lease_if_any: Any
) -> None:
    services.request_cancel(run=queue_run(mei, "over"))
    with at_statements(
        ('FROM "experiments_computeusage"', lambda: queue_run(mei, "late")),  # the runs are locked
        ("DELETE FROM", lease_if_any),  # so is the compute usage
    ) as begun:
        accounts.delete_user(user=mei)
    late, leased = begun
    assert leased.result() is None
    with pytest.raises(AccountGone):
        late.result()
    assert not Run.objects.exists() and not User.objects.filter(pk=mei.pk).exists()


def test_a_run_that_is_being_submitted_is_deleted_with_its_owner(mei: User, queue_run: Any) -> None:
    with transaction.atomic():
        queue_run(mei, "k")
        deleted = elsewhere(lambda: accounts.delete_user(user=mei))
    deleted.result()
    assert not Run.objects.exists() and not User.objects.filter(pk=mei.pk).exists()

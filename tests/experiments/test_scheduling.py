"""The scheduling policy: whose run is leased next, and that pages tell the same."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.accounts.models import User
from apps.common.clock import Clock
from apps.experiments import selectors, services
from apps.experiments.models import Run
from apps.experiments.scheduling import (
    PATIENCE_SECONDS,
    POLICY,
    WaitingOwner,
    WaitingRun,
    lease_order,
    next_owner,
)
from tests.experiments.conftest import step_clock

SECONDS = st.floats(0, 2.0 * PATIENCE_SECONDS)


@st.composite
def queues(draw: Any) -> tuple[list[WaitingOwner], list[WaitingRun]]:
    """Return a queue at one moment: who waits, and their runs, the oldest first."""
    owners, runs = [], []
    for owner in range(draw(st.integers(1, 6))):
        waits = sorted(draw(st.lists(SECONDS, min_size=1, max_size=5)), reverse=True)
        runs += [WaitingRun(f"{owner}-{n}", owner, "lab", wait) for n, wait in enumerate(waits)]
        owners.append(
            WaitingOwner(
                owner,
                "labs",
                running=draw(st.integers(0, 3)),
                slots=draw(st.integers(1, 3)),
                usage=draw(st.floats(0, 1e6)),
                waited=waits[0],
                since_turn=draw(SECONDS),
            )
        )
    return owners, sorted(runs, key=lambda run: -run.waited)


def owner(number: int, **more: Any) -> WaitingOwner:
    return replace(WaitingOwner(number, "labs", 0, 2, 0.0, 10.0, 10.0), **more)


def runs(number: int, count: int, waited: float = 10.0) -> list[WaitingRun]:
    return [WaitingRun(f"{number}-{n}", number, "lab", waited) for n in range(count)]


@given(queues())
def test_whose_run_is_leased_next_is_told_to_be_next(queue: Any) -> None:
    owners, waiting = queue
    chosen = next_owner(owners)
    first = lease_order(owners, waiting)[0]
    assert chosen is None or first.owner == chosen.owner
    assert (chosen is None) == all(owner.running >= owner.slots for owner in owners)


@given(queues())
def test_leasing_one_after_the_other_follows_the_order_that_is_told(queue: Any) -> None:
    owners, waiting = queue
    told = [run.run for run in lease_order(owners, waiting)]
    left = {owner.owner: [run for run in waiting if run.owner == owner.owner] for owner in owners}
    leased = []
    while chosen := next_owner(owners):
        leased.append(left[chosen.owner].pop(0).run)
        rest = left[chosen.owner]
        after = [POLICY.after_lease(chosen, rest[0].waited)] if rest else []
        owners = [other for other in owners if other.owner != chosen.owner] + after
    assert told[: len(leased)] == leased


@given(queues())
def test_every_run_has_one_place_and_ones_own_go_by_age(queue: Any) -> None:
    owners, waiting = queue
    order = lease_order(owners, waiting)
    assert Counter(order) == Counter(waiting)
    for owner in owners:
        waits = [run.waited for run in order if run.owner == owner.owner]
        assert waits == sorted(waits, reverse=True)


@given(queues())
def test_the_order_does_not_depend_on_how_the_rows_come(queue: Any) -> None:
    owners, waiting = queue
    shuffled = random.Random(1).sample(owners, len(owners))
    assert lease_order(shuffled, waiting) == lease_order(owners, waiting)
    assert next_owner(shuffled) == next_owner(owners)


@given(queues(), st.floats(0, 1e6))
def test_more_usage_never_brings_a_turn_forward(queue: Any, more: float) -> None:
    owners, waiting = queue
    before = [run.owner for run in lease_order(owners, waiting)].index(0)
    heavier = [replace(owners[0], usage=owners[0].usage + more), *owners[1:]]
    assert [run.owner for run in lease_order(heavier, waiting)].index(0) >= before


def test_turns_alternate_between_those_who_wait() -> None:
    order = lease_order([owner(1, usage=5.0), owner(2, usage=7.0)], runs(1, 3) + runs(2, 1))
    assert [run.run for run in order] == ["1-0", "2-0", "1-1", "1-2"]


def test_who_was_overlooked_goes_first_and_once() -> None:
    long = PATIENCE_SECONDS + 1
    owners = [owner(1), owner(2, usage=1e6, running=1, waited=long, since_turn=long)]
    order = lease_order(owners, runs(2, 3, long) + runs(1, 2))
    assert [run.run for run in order] == ["2-0", "1-0", "1-1", "2-1", "2-2"]


def test_a_long_queue_after_a_turn_is_not_overlooked() -> None:
    assert next_owner([owner(1, waited=1e5, since_turn=5.0, usage=1.0), owner(2)]) == owner(2)


def test_without_a_free_slot_nobody_is_next() -> None:
    assert next_owner([owner(1, running=2)]) is None


@pytest.mark.django_db
@pytest.mark.services
def test_the_site_leases_in_the_order_that_it_told(
    queue_run: Any, lease_if_any: Any, worker: Any, settings: Any
) -> None:
    """Someone overlooked, someone heavy, someone with a flood: places told, then leased."""
    settings.MAX_RUNNING = 10
    people = [User.objects.create_user(f"{n}@example.org", f"person{n}") for n in range(4)]
    queue_run(people[0], "overlooked")
    services.add_compute_usage(owner_id=people[0].pk, seconds=1e6)
    step_clock(PATIENCE_SECONDS + 600)
    queue_run(people[1], "late")
    for person, count in ((people[1], 4), (people[2], 2), (people[3], 3)):
        for n in range(count):
            queue_run(person, str(n))
    services.add_compute_usage(owner_id=people[2].pk, seconds=45)
    waiting = list(Run.objects.waiting())
    ahead = {run.pk: selectors.queue_position(run).ahead for run in waiting}
    assert sorted(ahead.values()) == list(range(len(waiting)))
    for place in range(len(waiting)):
        leased = lease_if_any()
        assert ahead[leased.run.pk] == place


@pytest.mark.django_db
def test_who_waited_forty_minutes_is_first_and_told_so(
    mei: User, ola: User, queue_run: Any, lease_if_any: Any, worker: Any
) -> None:
    waited = queue_run(ola, "old")
    services.add_compute_usage(owner_id=ola.pk, seconds=1e6)
    Run.objects.filter(pk=waited.pk).update(queued_at=Clock())
    step_clock(40 * 60)
    queue_run(mei, "new")
    assert selectors.queue_position(waited).ahead == 0
    assert lease_if_any().run == waited


@pytest.mark.django_db
def test_a_newcomer_behind_a_crowd_of_runs_is_told_the_truth(
    mei: User, queue_run: Any, worker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.experiments.selectors.queue.MAX_COUNTED_RUNS", 6)
    people = [User.objects.create_user(f"{n}@example.org", f"person{n}") for n in range(3)]
    for person in people:
        for n in range(3):
            queue_run(person, str(n))
        services.add_compute_usage(owner_id=person.pk, seconds=100)
    newcomer = queue_run(mei, "new")
    assert selectors.queue_position(newcomer).ahead == 0

"""A service that failed is left alone for a while."""

from __future__ import annotations

import pytest

from apps.common import circuit_breaker
from apps.common.circuit_breaker import CircuitBreaker


class StoppedClock:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> StoppedClock:
    clock = StoppedClock()
    monkeypatch.setattr(circuit_breaker, "time", clock)
    return clock


def test_it_lets_calls_through_until_one_fails_and_again_after_the_pause(
    clock: StoppedClock,
) -> None:
    breaker = CircuitBreaker(10)
    assert breaker.is_closed
    breaker.open()
    assert not breaker.is_closed
    clock.seconds += 9.9
    assert not breaker.is_closed
    clock.seconds += 0.1
    assert breaker.is_closed


def test_a_call_that_fails_after_the_pause_begins_another(clock: StoppedClock) -> None:
    breaker = CircuitBreaker(10)
    breaker.open()
    clock.seconds += 10
    breaker.open()
    clock.seconds += 5
    assert not breaker.is_closed


def test_what_opens_one_leaves_another_closed(clock: StoppedClock) -> None:
    one, other = CircuitBreaker(10), CircuitBreaker(10)
    one.open()
    assert other.is_closed

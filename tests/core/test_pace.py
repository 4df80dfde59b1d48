"""How fast requests follow each other, and how late the same one is sent again."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.records import Gauge
from penstock.retry import RetryPolicy
from penstock.throttle import Throttle


def sent_at(throttle: Throttle, requests: int, start: float = 0.0) -> list[float]:
    """Send as early as allowed; return when."""
    now, times = start, []
    for _ in range(requests):
        now = max(now, throttle.ready_at(now))
        throttle.take(now)
        times.append(now)
    return times


@given(st.integers(1, 50), st.floats(0.5, 20))
def test_no_window_ever_holds_more_than_is_allowed(allowed: int, window: float) -> None:
    times = sent_at(Throttle(allowed, window), 3 * allowed + 2)
    most = max(1, int(allowed * 0.98))
    assert all(later - earlier >= window * 0.999 for earlier, later in zip(times, times[most:], strict=False))


def test_a_full_share_goes_at_once_and_the_next_when_the_window_has_rolled() -> None:
    times = sent_at(Throttle(100, 10.0), 99)
    assert times == [0.0] * 98 + [10.0]


def test_a_pause_holds_everything_and_never_shortens() -> None:
    throttle = Throttle(100, 10.0)
    throttle.pause(7.0)
    throttle.pause(3.0)
    assert throttle.ready_at(1.0) == 7.0
    assert throttle.ready_at(8.0) <= 8.0


def test_the_limit_is_learnt_from_the_answers() -> None:
    throttle = Throttle(190, 10.0)
    throttle.learn(Gauge(requests=2, window=1.0, remaining=1), 0.0, in_flight=3)
    assert sent_at(throttle, 3) == [0.0, 1.0, 2.0]


def test_a_window_that_others_used_up_is_waited_for_only_when_nothing_of_ours_is_under_way() -> None:
    spent = Gauge(requests=100, window=10.0, remaining=0)
    alone, busy = Throttle(100, 10.0), Throttle(100, 10.0)
    alone.learn(spent, 5.0, in_flight=0)
    busy.learn(spent, 5.0, in_flight=1)
    assert alone.ready_at(5.0) == 6.0
    assert busy.ready_at(5.0) <= 5.0


def test_the_slowest_limit_still_lets_one_request_through() -> None:
    throttle = Throttle(0, 10.0)
    assert throttle.ready_at(0.0) <= 0.0


@given(st.integers(1, 40), st.integers(0, 2**32))
def test_waits_are_drawn_from_a_range_that_doubles_up_to_its_cap(attempt: int, seed: int) -> None:
    policy = RetryPolicy(base=0.5, cap=30.0)
    assert 0 <= policy.wait(attempt, Random(seed)) <= min(30.0, 0.5 * 2 ** (attempt - 1))


def test_the_ranges_grow() -> None:
    class Highest(Random):
        def uniform(self, a: float, b: float) -> float:
            return b

    waits = [RetryPolicy().wait(n, Highest()) for n in range(1, 12)]
    assert waits[:4] == [0.5, 1.0, 2.0, 4.0]
    assert all(early <= late for early, late in pairwise(waits))
    assert waits[-1] == 30.0


@pytest.mark.parametrize(("told", "waited"), [(0.0, 0.0), (10.0, 10.0), (1e9, 120.0), (-5.0, 0.0)])
def test_what_an_answer_asks_for_is_waited_but_never_for_ever(told: float, waited: float) -> None:
    assert RetryPolicy().wait(1, Random(0), told) == waited

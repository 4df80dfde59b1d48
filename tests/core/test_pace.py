"""How fast requests follow each other, how late the same one is sent again, and when a run gives up."""

from __future__ import annotations

import math
from email.utils import formatdate
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.storm import Account, Figures, storm
from penstock.errors import Fault, Misconfigured, Throttled
from penstock.pace import Pace
from penstock.policy import Policy, Reserve
from penstock.records import Gauge, Limits
from penstock.retry import FOREVER, Patience, RetryPolicy, retry_after
from penstock.throttle import Sent, Throttle

LIMITS = Limits(rows=10, body_bytes=1000, concurrency=4, requests=100, window=10.0)


def sent_at(throttle: Throttle, requests: int, took: float = 0.0) -> list[float]:
    """Send one after the other, as early as allowed, each answered well; return when."""
    now, times = 0.0, []
    for ticket in range(requests):
        now = max(now, throttle.ready_at(now))
        throttle.take(ticket, now)
        times.append(now)
        throttle.answered(ticket, now + took)
        throttle.succeed()
    return times


# -- the window -------------------------------------------------------------------------------------------


@settings(max_examples=200, deadline=None)
@given(
    st.integers(1, 12),
    st.floats(0.5, 20),
    st.integers(1, 6),
    st.floats(0, 2),
    st.lists(st.tuples(st.floats(0, 3), st.floats(0, 3), st.floats(0, 3)), max_size=80),
)
def test_no_window_of_the_server_ever_holds_more_than_is_allowed(
    allowed: int, window: float, lanes: int, way: float, moves: list[tuple[float, float, float]]
) -> None:
    """Whenever requests go, however long each is on its way there and back."""
    throttle = Throttle(allowed, window, lanes)
    throttle.take(-1, 0.0)
    throttle.answered(-1, way)  # the fastest way that there is
    throttle.succeed()
    now = way
    arrivals = [way]
    coming: list[tuple[float, int]] = []
    for ticket, (idle, there, back) in enumerate(moves):
        now += idle
        at = throttle.ready_at(now)
        while at == math.inf or any(due <= max(now, at) for due, _ in coming):
            coming.sort()
            due, answered = coming.pop(0)
            now = max(now, due)
            throttle.answered(answered, due)
            throttle.succeed()
            at = throttle.ready_at(now)
        now = max(now, at)
        throttle.take(ticket, now)
        arrivals.append(now + way + there)
        coming.append((now + way + there + back, ticket))
    arrivals.sort()
    assert all(later - earlier >= window * 0.999 for earlier, later in zip(arrivals, arrivals[allowed:], strict=False))


def test_a_full_window_goes_at_once_and_the_next_when_it_has_rolled() -> None:
    assert sent_at(Throttle(100, 10.0), 101) == [0.0] * 100 + [pytest.approx(10.1)]


def test_until_an_answer_has_come_one_request_goes_at_a_time() -> None:
    throttle = Throttle(100, 10.0, 4)
    throttle.take(0, 0.0)
    assert throttle.ready_at(0.0) == math.inf
    throttle.answered(0, 1.0)
    throttle.succeed()
    for ticket in range(1, 5):
        assert throttle.ready_at(1.0) <= 1.0
        throttle.take(ticket, 1.0)
    assert throttle.ready_at(1.0) == math.inf


def test_a_pause_holds_everything_and_never_shortens() -> None:
    throttle = Throttle(100, 10.0, 4)
    throttle.pause(7.0)
    throttle.pause(3.0)
    assert throttle.ready_at(1.0) == 7.0
    assert throttle.ready_at(8.0) <= 8.0


def test_the_limit_is_learnt_from_the_answers() -> None:
    throttle = Throttle(190, 10.0, 4)
    throttle.take(-1, -2.0)
    throttle.answered(-1, -2.0, Gauge(requests=2, window=1.0, remaining=1))
    assert sent_at(throttle, 3) == [0.0, 0.0, pytest.approx(1.01)]


def test_what_others_use_is_left_to_them() -> None:
    throttle = Throttle(100, 10.0, 1)
    throttle.take(0, 0.0)
    throttle.answered(0, 0.1, Gauge(requests=100, window=10.0, remaining=39))
    assert 25 <= throttle.allowed(0.1) <= 40


def test_a_429_halves_rate_and_lanes_once_for_all_that_were_under_way_and_both_recover() -> None:
    throttle = Throttle(100, 10.0, 8)
    throttle.succeed()
    for ticket in range(81):
        throttle.take(ticket, 0.0)
    refused = [throttle.answered(ticket, 1.0) for ticket in range(81)]
    assert throttle.slow_down(refused[-1], 1.0)
    assert not throttle.slow_down(refused[-2], 1.0)
    throttle.succeed()
    assert 40 <= throttle.allowed(1.0) <= 41
    assert throttle.lanes(1.0) == 4
    allowed = []
    for _ in range(12_000):
        throttle.succeed()
        allowed.append(throttle.allowed(1.0))
    assert all(before <= after for before, after in pairwise(allowed))
    assert allowed[100] >= 75
    assert allowed[2000] < 80, "what was refused is not tried again at once"
    assert allowed[-1] == 100
    assert throttle.lanes(1.0) == 8


# -- a storm ----------------------------------------------------------------------------------------------

ALONE = st.builds(
    Account,
    limit=st.integers(4, 200),
    window=st.sampled_from([10.0, 20.0]),
    concurrency=st.integers(8, 16),
    headers=st.booleans(),
    told=st.sampled_from(["nothing", "window", "exactly"]),
    windows=st.just(40),
)


@settings(max_examples=25, deadline=None)
@given(ALONE, st.integers(0, 2**32))
def test_alone_in_the_account_nothing_is_over_quota_and_the_quota_is_used(account: Account, seed: int) -> None:
    check_storm(storm(account, seed), goodput=0.9)


@settings(max_examples=15, deadline=None)
@given(st.booleans(), st.sampled_from(["nothing", "window", "exactly"]), st.integers(0, 2**32))
def test_a_limit_that_is_half_of_what_the_target_thinks(headers: bool, told: str, seed: int) -> None:
    check_storm(storm(Account(documented=200, headers=headers, told=told, windows=120), seed), goodput=0.9)


@settings(max_examples=15, deadline=None)
@given(st.floats(0.1, 0.6), st.sampled_from(["nothing", "window", "exactly"]), st.integers(0, 2**32))
def test_others_who_take_a_part_at_random(others: float, told: str, seed: int) -> None:
    """What others will do next is not known; something is left free for it, and that costs some goodput."""
    check_storm(storm(Account(others=others, told=told), seed), goodput=0.8)


def check_storm(figures: Figures, goodput: float) -> None:
    assert figures.early == 0
    assert figures.over_quota <= 0.01, figures
    assert figures.goodput >= goodput, figures


# -- Retry-After ------------------------------------------------------------------------------------------

NOON = 1_700_000_000.0


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("120", 120.0),
        (" 1.5 ", 1.5),
        ("0", 0.0),
        ("-5", 0.0),
        ("1e9", 1e9),
        ("9" * 400, FOREVER),
        (formatdate(NOON + 30, usegmt=True), 30.0),
        (formatdate(NOON - 30, usegmt=True), 0.0),
        ("Tue, 14 Nov 2023 22:13:50 -0000", 30.0),
        ("nan", None),
        ("inf", None),
        ("1_000", None),
        ("soon", None),
        ("²", None),
        ("", None),
        ("Wed, 99 Foo 2023 99:99:99 GMT", None),
    ],
)
def test_retry_after_in_every_form(said: str, seconds: float | None) -> None:
    assert retry_after({"retry-after": said}, NOON) == seconds


def test_a_date_counts_from_the_answers_own_clock() -> None:
    headers = {"retry-after": formatdate(NOON + 30, usegmt=True), "date": formatdate(NOON, usegmt=True)}
    assert retry_after(headers, NOON + 3600) == 30.0
    assert retry_after({}, NOON) is None


@given(st.text(), st.text())
def test_any_text_is_a_time_or_nothing(said: str, date: str) -> None:
    seconds = retry_after({"retry-after": said, "date": date}, NOON)
    assert seconds is None or 0 <= seconds <= FOREVER


@given(st.integers(-(10**6), 10**8))
def test_seconds_and_the_date_so_far_ahead_say_the_same(seconds: int) -> None:
    date = formatdate(NOON + seconds, usegmt=True)
    assert retry_after({"retry-after": date}, NOON) == retry_after({"retry-after": str(seconds)}, NOON)


# -- waits and budgets ------------------------------------------------------------------------------------


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


@given(st.floats(-100, 1e9))
def test_what_an_answer_asks_for_is_waited_or_ends_the_run(told: float) -> None:
    policy = RetryPolicy()
    assert policy.wait(1, Random(0), told) == max(told, 0.0)
    assert (policy.absurd([None, 1.0, told]) is not None) == (told > policy.longest)


def test_an_outage_ends_the_run_when_it_has_lasted_and_no_sooner() -> None:
    patience = Patience(RetryPolicy(outage=120.0))
    assert [patience.failed(float(second)) for second in range(0, 120, 2)] == [None] * 60
    patience.answered()
    assert patience.failed(121.0) is None
    assert "120 seconds" in (patience.failed(241.0) or "")


@given(st.lists(st.booleans(), min_size=1, max_size=600))
def test_more_failures_than_the_budget_never_go_by(fails: list[bool]) -> None:
    policy = RetryPolicy(spare=20, share=0.5)
    patience = Patience(policy)
    for number, failed in enumerate(fails, 1):
        spent = None
        if failed:
            spent = patience.failed(0.0)
        else:
            patience.answered()
        assert (spent is not None) == (failed and sum(fails[:number]) > 20 + 0.5 * number)


def test_a_pause_that_nobody_names_is_the_window_and_longer_each_time() -> None:
    pace = Pace(LIMITS, Policy(), Random(1))
    waits = []
    now = 0.0
    for ticket in range(12):
        now = max(now, pace.ready_at(now))
        pace.take(ticket, now)
        pace.answered(ticket, now + 0.1)
        waits.append(pace.throttled(Throttled("slow"), now + 0.1))
    assert waits[0] == LIMITS.window
    assert all(LIMITS.window <= wait <= LIMITS.window + 30 for wait in waits)
    assert max(waits) > 2 * LIMITS.window


def test_the_time_that_the_throttle_held_something_back_is_counted() -> None:
    pace = Pace(LIMITS, Policy(), Random(1))
    pace.throttle.pause(5.0)
    assert not pace.may_go(1.0)
    assert not pace.may_go(4.0)
    assert pace.may_go(6.0)
    assert pace.waited == 5.0


# -- the daily quota --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "kept"), [("0", 0), ("500", 500), ("10%", 100), (" 2.5 % ", 25), ("100%", 1000), ("0.01%", 1)]
)
def test_a_reserve_is_a_number_or_a_share(text: str, kept: int) -> None:
    assert Reserve.parse(text).calls(1000) == kept


@pytest.mark.parametrize("text", ["", "many", "-1", "101%", "1.5", "%"])
def test_a_reserve_that_is_neither_is_configuration(text: str) -> None:
    with pytest.raises(Misconfigured, match="quota_reserve"):
        Reserve.parse(text)


def answered_with(pace: Pace, ticket: int, left: int) -> None:
    pace.take(ticket, 0.0)
    pace.answered(ticket, 0.1, Gauge(100, 10.0, None, left, 1000))
    pace.succeed()


def test_what_is_kept_for_others_is_never_touched_by_requests_under_way() -> None:
    pace = Pace(LIMITS, Policy(quota_reserve=Reserve(100)), Random(1))
    answered_with(pace, 0, 103)
    for ticket in (1, 2, 3):
        assert pace.may_go(0.2)
        assert pace.quota_spent() is None
        pace.take(ticket, 0.2)
    assert not pace.may_go(0.2)
    assert pace.quota_spent() is None, "answers are still to come"
    for ticket, left in ((1, 102), (3, 100), (2, 101)):
        pace.answered(ticket, 0.3, Gauge(100, 10.0, None, left, 1000))
    assert pace.daily_remaining == 100, "an answer that was overtaken is older"
    fault = pace.quota_spent()
    assert isinstance(fault, Fault)
    assert "100 of 1,000 calls left, and 100 are kept free" in fault.message


def test_a_new_day_is_believed() -> None:
    pace = Pace(LIMITS, Policy(), Random(1))
    answered_with(pace, 0, 5)
    answered_with(pace, 1, 999)
    assert pace.daily_remaining == 999


def test_a_request_of_the_past_slows_nothing_down() -> None:
    throttle = Throttle(100, 10.0, 4)
    assert throttle.slow_down(Sent(5.0, 50), 6.0)
    assert not throttle.slow_down(Sent(5.5, 60), 7.0)


def test_why_nothing_moves_is_told_until_something_is_answered() -> None:
    pace = Pace(LIMITS, Policy(host="api.example.com"), Random(1))
    assert pace.trouble == ""
    pace.failed(0.0, reason="connection refused")
    assert pace.trouble == "the destination (api.example.com): 1 request in a row failed; last: connection refused"
    fault = pace.failed(500.0, reason="status 503")
    assert fault is not None
    assert fault.message == (
        "the destination (api.example.com) fails too often: no answer to any request for 500 seconds; last: status 503"
    )
    pace.succeed()
    assert pace.trouble == ""

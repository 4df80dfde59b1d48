"""Waits and budgets to the very second: where a number stands for or against, and what the messages say."""

from __future__ import annotations

import time
from email.utils import formatdate
from random import Random

import pytest

from penstock.retry import FOREVER, Patience, RetryPolicy, retry_after

NOON = 1_445_412_480.0
"""Wed, 21 Oct 2015 07:28:00 GMT"""


class Highest(Random):
    """Chance at its worst, and how it was asked."""

    def __init__(self) -> None:
        super().__init__(0)
        self.ranges: list[tuple[float, float]] = []

    def uniform(self, a: float, b: float) -> float:
        self.ranges.append((a, b))
        return b


def test_a_date_with_an_offset_is_taken_at_its_offset() -> None:
    assert retry_after({"retry-after": "Wed, 21 Oct 2015 09:28:30 +0200"}, NOON) == 30.0


@pytest.mark.parametrize("date", ["Wed, 21 Oct 2015 07:28:30 -0000", "Wed, 21 Oct 2015 07:28:30"])
def test_a_date_that_names_no_zone_is_utc_wherever_the_machine_stands(
    date: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        assert retry_after({"retry-after": date}, NOON) == 30.0
    time.tzset()


def test_an_answer_whose_own_date_is_no_date_counts_from_our_clock() -> None:
    headers = {"retry-after": formatdate(NOON + 30, usegmt=True), "date": "some day"}
    assert retry_after(headers, NOON) == 30.0


@pytest.mark.parametrize(
    ("said", "seconds"), [("-1", 0.0), ("0", 0.0), ("1", 1.0), ("999999999", 999_999_999.0), ("1e12", FOREVER)]
)
def test_seconds_are_kept_between_none_and_for_ever(said: str, seconds: float) -> None:
    assert retry_after({"retry-after": f" {said} "}, NOON) == seconds


def test_the_longest_pause_is_still_no_reason_to_end() -> None:
    policy = RetryPolicy(longest=120.0)
    assert policy.absurd([]) is None
    assert policy.absurd([None]) is None
    assert RetryPolicy(longest=0.5).absurd([None]) is None, "who asks for nothing asks for no time"
    assert policy.absurd([None, 120.0, 1.0]) is None
    fault = policy.absurd([3.0, None, 120.6, 5.0])
    assert fault is not None
    assert fault.message == "the destination asks for a pause of 121 seconds, a run waits for 120 at most"
    assert fault.advice == "run again after that time; what was delivered stays acknowledged"


def test_a_wait_is_drawn_from_nothing_up_to_the_doubled_base() -> None:
    chance = Highest()
    policy = RetryPolicy(base=0.5, cap=3.0)
    assert [policy.wait(attempt, chance) for attempt in range(5)] == [0.5, 0.5, 1.0, 2.0, 3.0]
    assert chance.ranges == [(0, 0.5), (0, 0.5), (0, 1.0), (0, 2.0), (0, 3.0)]


@pytest.mark.parametrize(("after", "wait"), [(-1.0, 0.0), (0.0, 0.0), (0.5, 0.5), (500.0, 500.0)])
def test_what_an_answer_asks_for_leaves_nothing_to_chance(after: float, wait: float) -> None:
    chance = Highest()
    assert RetryPolicy().wait(4, chance, after) == wait
    assert chance.ranges == []


def test_an_outage_is_counted_from_its_first_failure_and_ends_at_any_answer() -> None:
    patience = Patience(RetryPolicy(outage=10.0))
    assert patience.failed(5.0) is None
    assert patience.failed(14.9) is None
    assert patience.failed(15.0) == "no answer to any request for 10 seconds"
    assert (patience.in_a_row, patience.failures, patience.requests) == (3, 3, 3)
    patience.answered()
    assert (patience.in_a_row, patience.failures, patience.requests) == (0, 3, 4)
    assert patience.failed(15.0) is None
    assert patience.failed(24.0) is None
    assert patience.in_a_row == 2


def test_the_share_of_failures_is_of_all_requests_and_some_are_to_spare() -> None:
    patience = Patience(RetryPolicy(spare=2, share=0.5))
    for _ in range(4):
        assert patience.failed(0.0) is None
    assert patience.failed(0.0) == "5 of 5 requests failed"
    patience.answered()
    patience.answered()
    assert patience.failed(0.0) is None, "6 of 8: two, and half of eight"
    assert patience.failed(0.0) == "7 of 9 requests failed"

"""The answers of a destination, given by hand: what each does to its rows, and what it says in the end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from penstock.errors import BatchRefused, Fault, Misconfigured, NoAnswer, NotAccepted, Refusal, Throttled, Unavailable
from penstock.policy import Policy
from penstock.records import Gauge, Outcome, Rejected, Retry, Unknown
from penstock.retry import RetryPolicy
from tests.core import places
from tests.core.hand import ONE, Hand, by_hand, giving, raising, sent, unhurried
from tests.core.sim import Memory
from tests.core.test_details_retry import Highest

LOST = NoAnswer("connection lost", sent=True)
NEVER_SENT = NoAnswer("connection refused", sent=False)
THREE = replace(ONE, rows=3)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "l.db"


@pytest.fixture
def hand(path: Path) -> Iterator[Hand]:
    """One row a request, three lanes, all of them free, and nobody else in the account."""
    with by_hand(path) as hand:
        yield unhurried(hand)


def test_what_the_headers_say_reaches_the_pace(hand: Hand, monkeypatch: pytest.MonkeyPatch) -> None:
    sent(hand, "a")
    monkeypatch.setattr(Memory, "gauge", lambda self, response: Gauge(77, 10.0, None, 5, 50) if response else None)
    hand.sender.say("delivered")
    hand.delivery.turn(3.0)
    assert hand.delivery.pace.throttle.limit == 77
    assert (hand.delivery.pace.daily_remaining, hand.delivery.pace.daily_limit) == (5, 50)


def test_where_no_answer_came_no_headers_are_read(hand: Hand, monkeypatch: pytest.MonkeyPatch) -> None:
    sent(hand, "a")
    monkeypatch.setattr(Memory, "gauge", lambda self, response: Gauge(len(response.headers), 10.0))
    hand.sender.say(LOST)
    hand.delivery.turn(3.0)
    assert hand.delivery.pace.throttle.limit == ONE.requests


def test_what_may_be_sent_is_agreed_with_others_in_the_ledger(path: Path) -> None:
    with by_hand(path) as hand:
        hand.deliver(1)
        assert places.query(path, "select run, granted > 0 from throttle where run > 0") == [(hand.ledger.run, 1)]


def test_one_outcome_per_row_or_it_is_a_defect(hand: Hand, monkeypatch: pytest.MonkeyPatch) -> None:
    sent(hand, "a")
    hand.sender.say(giving(monkeypatch, Retry("a"), Retry("b")))
    with pytest.raises(AssertionError, match=r"^a target must return one outcome per row of the batch$"):
        hand.delivery.turn(3.0)


def test_a_lost_answer_leaves_doubt_and_the_row_is_sent_again(hand: Hand, path: Path) -> None:
    opened = sent(hand, "a")
    hand.sender.say(LOST)
    hand.delivery.turn(3.0, flush=True)
    assert dict(opened.counts) == {"unknown": 1, "retried": 1}
    assert hand.ledger._intents.doubtful(opened.number) == {"[1]": {"p1@x.com"}}
    assert places.query(path, "select count(*) from intents") == [(0,)]
    due = hand.delivery.next_due(3.0)
    assert due is not None
    assert 3.0 <= due <= 3.5
    hand.delivery.turn(due, flush=True)
    assert hand.sender.names() == [["a"]]


def test_a_request_that_was_never_sent_leaves_no_doubt(hand: Hand) -> None:
    opened = sent(hand, "a")
    hand.sender.say(NEVER_SENT)
    hand.delivery.turn(3.0, flush=True)
    assert dict(opened.counts) == {"unknown": 0, "retried": 1}
    assert hand.ledger._intents.doubtful(opened.number) == {}
    assert hand.delivery.pace.patience.failures == 1


@pytest.mark.parametrize("error", [Unavailable("away", 9.0), NotAccepted("a page")])
def test_an_answer_that_says_nothing_of_the_rows_leaves_doubt(
    hand: Hand, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    opened = sent(hand, "a")
    hand.sender.say(raising(monkeypatch, error))
    hand.delivery.turn(3.0, flush=True)
    assert dict(opened.counts) == {"unknown": 1, "retried": 1}
    assert hand.delivery.pace.patience.failures == 1
    due = hand.delivery.next_due(3.0)
    assert due is not None
    assert due == 12.0 if isinstance(error, Unavailable) else due <= 3.5


def test_a_429_is_no_failure_and_what_it_asks_for_is_waited(hand: Hand, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = sent(hand, "a", "b")
    [first, second] = hand.delivery._in_flight.values()
    hand.sender.say(raising(monkeypatch, Throttled("slow down", 4.0)))
    hand.delivery.turn(3.0, flush=True)
    assert dict(opened.counts) == {"throttled": 1, "unknown": 0, "retried": 1}
    assert hand.delivery.pace.patience.failures == 0
    assert hand.delivery.next_due(3.0) == 7.0
    assert first.rows[0].attempts == 0, "it is excused"
    hand.sender.say(raising(monkeypatch, Throttled("slow down", 4.0)))
    hand.delivery.turn(3.5, flush=True)
    assert dict(opened.counts) == {"throttled": 2, "unknown": 0, "retried": 2}
    assert second.rows[0].attempts == 0


WORDS = "these words"


@pytest.mark.parametrize(
    "answer",
    [
        Throttled(WORDS, 4.0),
        Unavailable(WORDS),
        NotAccepted(WORDS),
        NoAnswer(WORDS, sent=True),
        NoAnswer(WORDS, sent=False),
    ],
)
def test_the_last_reason_is_told_when_a_row_has_had_its_attempts(
    path: Path, monkeypatch: pytest.MonkeyPatch, answer: NoAnswer | Refusal
) -> None:
    with by_hand(path, ONE, Policy(RetryPolicy(attempts=1), throttled_in_a_row=0)) as hand:
        unhurried(hand).read((1, "a"))
        hand.delivery.turn(0.0, flush=True)
        hand.sender.say(raising(monkeypatch, answer) if isinstance(answer, Refusal) else answer)
        hand.delivery.turn(0.0, flush=True)
        if isinstance(answer, Throttled):
            assert hand.delivery.stopped is not None
            assert hand.delivery.stopped.message.endswith("no success in 1 attempts; last: these words")
            return
        [(code, message)] = places.query(path, "select code, message from rejects")
        assert (code, str(message).endswith("; last: these words")) == ("always_fails", True)


def test_failures_in_a_row_say_nothing_against_the_rows(hand: Hand) -> None:
    sent(hand, "a", "b")
    [first, second] = hand.delivery._in_flight.values()
    for _ in range(2):
        hand.sender.say(LOST)
        hand.delivery.turn(3.0, flush=True)
    assert (first.rows[0].attempts, second.rows[0].attempts) == (1, 0)


def test_a_refusal_of_one_row_is_its_reject_word_for_word(
    hand: Hand, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = sent(hand, "a")
    hand.sender.say(raising(monkeypatch, BatchRefused("POISON", "is poison", "name")))
    hand.delivery.turn(3.0, flush=True)
    assert places.query(path, "select kind, code, message, field from rejects") == [
        ("rejected", "POISON", "is poison", "name")
    ]
    assert dict(opened.counts) == {"unknown": 0, "rejected": 1}
    assert hand.delivery.pace.patience.failures == 0


def test_a_refused_batch_is_halved_and_both_halves_go(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with by_hand(path, THREE) as hand:
        opened = sent(unhurried(hand), "a", "b", "c")
        [batch] = hand.delivery._in_flight.values()
        for number in (1, 2):
            with monkeypatch.context() as patch:
                hand.sender.say(raising(patch, BatchRefused("POISON", "is poison")))
                hand.delivery.turn(3.0, flush=True)
            assert opened.counts["batches_halved"] == number
            if number == 1:
                assert hand.sender.names() == [["a"], ["b", "c"]]
                assert [row.attempts for row in batch.rows] == [1, 1, 1]
                assert places.query(path, "select count(*) from intents") == [(2,)]
                hand.sender.say("delivered")
        assert hand.sender.names() == [["b"], ["c"]]
        assert hand.ledger._intents.doubtful(opened.number) == {}


def test_a_stop_instead_of_an_answer_says_that_nothing_was_applied(hand: Hand, path: Path) -> None:
    opened = sent(hand, "a", "b")
    first, second = Misconfigured("no token"), Misconfigured("still no token")
    for stop in (first, second):
        hand.sender.say(stop)
        hand.delivery.turn(3.0, flush=True)
        assert hand.delivery.stopped is first, "the first reason counts"
    assert hand.ledger._intents.doubtful(opened.number) == {}
    assert places.query(path, "select count(*) from intents") == [(0,)]


def test_a_stop_that_is_read_off_an_answer_leaves_doubt(hand: Hand, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = sent(hand, "a", "b")
    stop = Misconfigured("a scope is missing")
    hand.sender.say(raising(monkeypatch, stop))
    hand.delivery.turn(3.0, flush=True)
    assert hand.delivery.stopped is stop
    assert hand.ledger._intents.doubtful(opened.number) == {"[1]": {"p1@x.com"}}


def test_an_answer_that_leaves_a_row_out_three_times_is_its_reject(
    hand: Hand, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = sent(hand, "a")
    for number in (1, 2, 3):
        hand.sender.say(giving(monkeypatch, Unknown("not mentioned", answered=True, after=0.0)))
        assert opened.counts["rejected"] == 0
        hand.delivery.turn(3.0 + number, flush=True)
    assert dict(opened.counts) == {"unknown": 3, "retried": 2, "rejected": 1}
    assert places.query(path, "select code, message from rejects") == [("not_acknowledged", "not mentioned")]
    assert hand.delivery.pace.patience.failures == 0


def test_rows_that_are_to_wait_alike_wait_together(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with by_hand(path, replace(ONE, rows=4)) as hand:
        opened = sent(unhurried(hand), "a", "b", "c", "d")
        later: list[Outcome] = [Retry("later", 5.0), Retry("later"), Retry("later", 5.0), Rejected("BAD", "is bad")]
        hand.delivery._answers._chance = Highest()
        hand.sender.say(giving(monkeypatch, *later))
        hand.delivery.turn(3.0, flush=True)
        assert opened.counts["retried"] == 3
        waiting = sorted((due, [row.payload["name"] for row in rows]) for due, _, rows in hand.waiting)
        assert waiting == [(3.5, ["b"]), (8.0, ["a", "c"])]


def test_a_row_that_comes_again_waits_for_its_batch_as_any_other(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with by_hand(path, THREE) as hand:
        sent(unhurried(hand), "a")
        hand.sender.say(giving(monkeypatch, Retry("later", 4.0)))
        hand.delivery.turn(3.0, flush=True)
        hand.delivery.turn(7.0)
        assert hand.sender.names() == []
        assert hand.delivery.next_due(7.0) == 8.0
        hand.delivery.turn(8.0)
        hand.delivery.turn(8.05)
        assert hand.sender.names() == [["a"]]


def test_a_wait_that_is_too_long_ends_the_run(hand: Hand, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = sent(hand, "a")
    hand.sender.say(giving(monkeypatch, Retry("later", 121.0)))
    hand.delivery.turn(3.0, flush=True)
    assert isinstance(hand.delivery.stopped, Fault)
    assert "a pause of 121 seconds" in hand.delivery.stopped.message
    assert opened.counts["retried"] == 0
    assert hand.delivery._answers.waiting == []


def test_a_row_has_its_attempts_and_not_one_more(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with by_hand(path, ONE, Policy(retry=RetryPolicy(attempts=2))) as hand:
        opened = sent(unhurried(hand), "a")
        for now, reason in ((3.0, "a lock"), (4.0, "a lock again")):
            assert hand.delivery.stopped is None
            hand.sender.say(giving(monkeypatch, Retry(reason, 0.0)))
            hand.delivery.turn(now, flush=True)
        assert places.query(path, "select code, message from rejects") == [
            ("always_fails", "every request with this row has failed, while others were answered; last: a lock again")
        ]
        assert opened.counts["retried"] == 1
        assert hand.delivery._answers.waiting == []


def test_answers_that_lead_nowhere_end_too(path: Path) -> None:
    with by_hand(path, ONE, Policy(retry=RetryPolicy(attempts=2))) as hand:
        sent(unhurried(hand), "a")
        hand.sender.say("found")
        hand.delivery.turn(3.0, flush=True)
        hand.delivery.turn(3.0, flush=True)
        hand.sender.say("found")
        hand.delivery.turn(3.0, flush=True)
        assert isinstance(hand.delivery.stopped, Fault)
        assert hand.delivery.stopped.message.endswith("no success in 2 attempts; last: the answers lead nowhere")
        assert hand.delivery._answers.waiting == []


def test_what_an_answer_teaches_is_acted_on_at_once(hand: Hand) -> None:
    sent(hand, "a")
    hand.sender.say("found")
    hand.delivery.turn(3.0, flush=True)
    [request] = hand.sender.open.values()
    assert request.path == "/update"
    assert hand.delivery.syncs["people"].counts["retried"] == 0

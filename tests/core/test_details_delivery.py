"""The delivery turn by turn, by hand: what is due when, what is committed when, what each answer does and says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from penstock.delivery import Delivery
from penstock.errors import BatchRefused, Fault, Misconfigured, NoAnswer, NotAccepted, Stop, Throttled, Unavailable
from penstock.policy import Policy
from penstock.records import Batch, FieldRule, Gauge, Limits, Outcome, Rejected, Response, Retry, Unknown
from penstock.retry import RetryPolicy
from tests.core import places
from tests.core.hand import ONE, Hand, by_hand
from tests.core.sim import FIELDS, SYNC, Memory
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


def unhurried(hand: Hand) -> Hand:
    hand.delivery.pace._budget = None
    hand.delivery.pace.throttle.trying = False
    return hand


def raising(monkeypatch: pytest.MonkeyPatch, error: Exception) -> Response:
    """Let the next answers be read as a refusal of the whole request."""

    def decode(self: Memory, response: Response, batch: Batch) -> list[Outcome]:
        raise error

    monkeypatch.setattr(Memory, "decode", decode)
    return Response(200, {}, b"")


def giving(monkeypatch: pytest.MonkeyPatch, *outcomes: Outcome) -> Response:
    monkeypatch.setattr(Memory, "decode", lambda self, response, batch: list(outcomes))
    return Response(200, {}, b"")


# -- what is due ------------------------------------------------------------------------------------------


def test_nothing_is_due_at_rest(hand: Hand) -> None:
    assert hand.delivery.next_due(0.0) is None
    hand.deliver(1)
    assert hand.delivery.next_due(9.0) is None


def test_an_open_batch_is_due_at_its_age(path: Path) -> None:
    with by_hand(path, THREE, Policy(batch_age=7.0)) as hand:
        hand.deliver(1)
        hand.read((2, "a"), now=3.0)
        assert hand.delivery.next_due(3.0) == 10.0
        hand.delivery.turn(9.9)
        assert hand.sender.names() == []
        hand.delivery.turn(10.0)
        assert hand.delivery._settlement.dirty_since == 10.0 or hand.sender.names() == [["a"]]


def test_an_intent_is_due_at_the_age_of_its_commit(hand: Hand) -> None:
    hand.deliver(1)
    hand.read((2, "a"), now=3.0)
    hand.delivery.turn(3.0)
    assert hand.delivery.next_due(3.0) == pytest.approx(3.05)
    assert hand.sender.names() == []
    hand.delivery.turn(3.04)
    assert hand.sender.names() == []
    hand.delivery.turn(hand.delivery.next_due(3.04) or 0.0)
    assert hand.sender.names() == [["a"]]
    assert hand.delivery.next_due(3.05) is None


def test_a_batch_that_is_held_back_is_due_when_the_pace_allows(hand: Hand) -> None:
    hand.deliver(1)
    hand.delivery.pace.throttle.pause(8.0)
    hand.read((2, "a"), now=3.0)
    hand.delivery.turn(3.0, flush=True)
    assert hand.sender.names() == []
    assert hand.delivery.next_due(3.0) == 8.0
    hand.delivery.turn(8.0)
    assert hand.sender.names() == [["a"]]


def test_with_every_lane_taken_only_an_answer_is_waited_for(hand: Hand) -> None:
    hand.deliver(1)
    hand.read(*((n, str(n)) for n in range(2, 7)), now=3.0)
    hand.delivery.turn(3.0, flush=True)
    assert hand.sender.names() == [["2"], ["3"], ["4"]]
    hand.delivery.pace.throttle.most_lanes = 9
    hand.delivery.pace.throttle._lanes = 9.0
    assert hand.delivery.next_due(3.0) is None, "the destination's own limit stands"
    hand.sender.say("delivered")
    hand.delivery.turn(3.0, flush=True)
    assert hand.sender.names() == [["3"], ["4"], ["5"]]


def test_a_row_that_waits_is_due_at_its_time_even_after_the_stop(hand: Hand, monkeypatch: pytest.MonkeyPatch) -> None:
    hand.deliver(1)
    hand.read((2, "a"), (3, "b"), now=3.0)
    hand.delivery.turn(3.0, flush=True)
    with monkeypatch.context() as patch:
        hand.sender.say(giving(patch, Retry("later", 5.0)))
        hand.delivery.turn(3.0, flush=True)
        hand.sender.say(giving(patch, Retry("later", 4.0)))
        hand.delivery.turn(3.5, flush=True)
    assert hand.delivery.next_due(3.5) == 7.5
    hand.delivery.turn(7.4, flush=True)
    assert hand.sender.names() == []
    hand.delivery.turn(7.5, flush=True)
    assert hand.sender.names() == [["b"]]
    assert hand.delivery.next_due(7.5) == 8.0
    hand.delivery.stop(Stop("enough"))
    assert hand.delivery.next_due(7.5) == 8.0


def test_after_the_stop_no_batch_is_due_and_what_is_written_still_is(path: Path) -> None:
    with by_hand(path, THREE) as hand:
        unhurried(hand)
        hand.deliver(1)
        hand.read((2, "a"), now=3.0)
        hand.delivery.set_pending(hand.delivery.syncs["people"], "why")
        hand.delivery.stop(Stop("enough"))
        assert hand.delivery.next_due(3.0) == pytest.approx(3.05)
        hand.delivery.turn(3.05)
        assert hand.ledger.dirty == 0
        assert hand.delivery.next_due(3.05) is None


def test_after_the_stop_a_batch_that_may_go_is_not_due(hand: Hand) -> None:
    hand.deliver(1)
    hand.delivery.pace.throttle.pause(8.0)
    hand.read((2, "a"), now=3.0)
    hand.delivery.turn(3.0, flush=True)
    hand.delivery.stop(Stop("enough"))
    assert hand.delivery.next_due(3.0) is None
    hand.delivery.turn(9.0, flush=True)
    assert hand.sender.names() == []


# -- when to commit ---------------------------------------------------------------------------------------


def test_intents_that_fill_the_lanes_are_committed_at_once(hand: Hand) -> None:
    hand.deliver(1)
    hand.read((2, "a"), (3, "b"), now=3.0)
    hand.delivery.turn(3.0)
    assert hand.sender.names() == [], "a third may share the flush"
    hand.read((4, "c"), now=3.01)
    hand.delivery.turn(3.01)
    assert hand.sender.names() == [["a"], ["b"], ["c"]]


def test_with_no_lane_free_a_commit_waits_for_its_age(hand: Hand) -> None:
    hand.deliver(1)
    hand.read((2, "a"), (3, "b"), (4, "c"), now=3.0)
    hand.delivery.turn(3.0)
    hand.read((5, "d"), now=3.01)
    hand.delivery.turn(3.01)
    assert hand.ledger.dirty == 1
    hand.delivery.turn(3.07)
    assert hand.ledger.dirty == 0
    assert len(hand.delivery._sendable) == 1


def test_many_writes_are_committed_whatever_their_age(path: Path) -> None:
    with by_hand(path, replace(ONE, rows=10), Policy(commit_rows=5)) as hand:
        unhurried(hand).deliver(0)
        hand.read(*((n, "a") for n in range(1, 5)), now=3.0)
        hand.delivery.turn(3.0)
        hand.delivery._intake.sealed += hand.delivery._batcher.due(3.0, everything=True)
        hand.delivery.turn(3.0)
        assert (hand.ledger.dirty, hand.sender.names()) == (4, [])
        hand.delivery.set_pending(hand.delivery.syncs["people"], "a fifth write")
        hand.delivery.turn(3.0)
        assert (hand.ledger.dirty, hand.sender.names()) == (0, [["a"] * 4])


def test_an_answer_holds_its_lane_until_it_is_durable(hand: Hand) -> None:
    hand.deliver(1)
    hand.read(*((n, str(n)) for n in range(2, 6)), now=3.0)
    hand.delivery.turn(3.0, flush=True)
    hand.sender.say("delivered")
    hand.sender.say("delivered")
    hand.delivery.turn(3.01)
    assert (hand.delivery._answered, hand.sender.names()) == (2, [["4"]])
    hand.delivery.turn(3.06)
    assert (hand.delivery._answered, hand.sender.names()) == (0, [["4"], ["5"]])


def test_an_answer_alone_commits_nothing(hand: Hand) -> None:
    hand.deliver(1)
    hand.read((2, "a"), now=3.0)
    hand.delivery.turn(3.0, flush=True)
    hand.sender.say("delivered")
    hand.delivery.turn(3.01)
    assert hand.checkpoint.unsettled == 1
    assert hand.delivery._answered == 1
    assert not hand.delivery.idle
    hand.delivery.turn(3.06)
    assert hand.checkpoint.unsettled == 0
    assert hand.delivery.idle


# -- room, and what is counted ----------------------------------------------------------------------------


def test_there_is_room_up_to_the_last_row_and_the_last_byte(path: Path) -> None:
    with by_hand(path, THREE, Policy(max_rows=2)) as hand:
        for key, room in ((1, True), (2, False)):
            hand.read((key, "a"))
            assert hand.delivery.room is room
    weight = len(b'{"email":"p1@x.com","name":"a"}')
    with by_hand(path, THREE, Policy(max_bytes=2 * weight)) as hand:
        for key, room in ((3, True), (4, False)):
            hand.read((key, "a"))
            assert hand.delivery.room is room


def test_without_room_batches_go_before_their_age_once_nothing_is_under_way(path: Path) -> None:
    with by_hand(path, THREE, Policy(max_rows=2)) as hand:
        unhurried(hand).deliver(1)
        hand.read((2, "a"), now=3.0)
        hand.delivery.turn(3.0)
        hand.delivery.turn(3.1)
        assert hand.sender.names() == []
        hand.read((3, "b"), now=3.1)
        hand.delivery.turn(3.1)
        hand.delivery.turn(3.2)
        assert hand.sender.names() == [["a", "b"]]


def test_every_request_and_every_attempt_is_counted(hand: Hand, monkeypatch: pytest.MonkeyPatch) -> None:
    hand.deliver(1)
    assert hand.delivery.calls == 1
    opened = hand.read((2, "a"), now=3.0)
    hand.delivery.turn(3.0, flush=True)
    [batch] = hand.delivery._in_flight.values()
    assert (hand.delivery.calls, hand.delivery.in_flight, batch.rows[0].attempts) == (2, 1, 1)
    for now in (4.0, 5.0):
        with monkeypatch.context() as patch:
            hand.sender.say(giving(patch, Retry("later", 0.0)))
            hand.delivery.turn(now, flush=True)
    assert (hand.delivery.calls, batch.rows[0].attempts, opened.counts["retried"]) == (4, 3, 2)


def test_a_sync_that_is_open_is_gone_on_with(hand: Hand) -> None:
    first = hand.deliver(1)
    fields = {**FIELDS, "origin": FieldRule(None, "warehouse")}
    other = hand.mapper(replace(SYNC, fields=fields))
    again = hand.delivery.open(SYNC, other)
    assert again is first
    assert again.mapping == other.version
    assert again.pending == "its mapping has changed"
    assert hand.ledger.register.pending() == {"people": "its mapping has changed"}


def test_chance_and_policy_have_defaults(path: Path) -> None:
    with by_hand(path) as hand:
        delivery = Delivery(Memory(ONE), hand.ledger, hand.sender, hand.checkpoint)
        assert delivery.policy == Policy()
        assert isinstance(delivery._chance, Random)
        assert (delivery.calls, delivery.stopped, delivery.syncs, delivery.in_flight) == (0, None, {}, 0)
        assert delivery.pace._chance is delivery._chance


# -- answers ----------------------------------------------------------------------------------------------


def sent(hand: Hand, *names: str, now: float = 3.0) -> Any:
    """Have one row on its way for each name; return the sync."""
    hand.deliver(0)
    opened = hand.read(*((n, name) for n, name in enumerate(names, 1)), now=now)
    hand.delivery.turn(now, flush=True)
    assert sum(map(len, hand.sender.names())) == len(names)
    opened.counts.clear()
    return opened


def test_what_the_headers_say_reaches_the_pace(hand: Hand, monkeypatch: pytest.MonkeyPatch) -> None:
    sent(hand, "a")
    monkeypatch.setattr(Memory, "gauge", lambda self, response: Gauge(77, 10.0, None, 5, 50) if response else None)
    hand.sender.say("delivered")
    hand.delivery.turn(3.0)
    assert hand.delivery.pace.throttle.limit == 77
    assert (hand.delivery.pace.daily_remaining, hand.delivery.pace.daily_limit) == (5, 50)


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


def test_patience_that_is_asked_for_too_often_ends_the_run_and_says_so(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with by_hand(path, ONE, Policy(RetryPolicy(attempts=1), throttled_in_a_row=0)) as hand:
        unhurried(hand).read((1, "a"))
        hand.delivery.turn(0.0, flush=True)
        hand.sender.say(raising(monkeypatch, Throttled("slow down, please", 4.0)))
        hand.delivery.turn(0.0, flush=True)
        assert hand.delivery.stopped is not None
        assert hand.delivery.stopped.message.endswith("no success in 1 attempts; last: slow down, please")


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
        hand.delivery._chance = Highest()
        hand.sender.say(giving(monkeypatch, *later))
        hand.delivery.turn(3.0, flush=True)
        assert opened.counts["retried"] == 3
        waiting = sorted((due, [row.payload["name"] for row in rows]) for due, _, rows in hand.delivery._waiting)
        assert waiting == [(3.5, ["b"]), (8.0, ["a", "c"])]


def test_a_wait_that_is_too_long_ends_the_run(hand: Hand, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = sent(hand, "a")
    hand.sender.say(giving(monkeypatch, Retry("later", 121.0)))
    hand.delivery.turn(3.0, flush=True)
    assert isinstance(hand.delivery.stopped, Fault)
    assert "a pause of 121 seconds" in hand.delivery.stopped.message
    assert opened.counts["retried"] == 0
    assert hand.delivery._waiting == []


def test_a_row_has_its_attempts_and_not_one_more(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with by_hand(path, ONE, Policy(retry=RetryPolicy(attempts=2))) as hand:
        sent(unhurried(hand), "a")
        for now, reason in ((3.0, "a lock"), (4.0, "a lock again")):
            assert hand.delivery.stopped is None
            hand.sender.say(giving(monkeypatch, Retry(reason, 0.0)))
            hand.delivery.turn(now, flush=True)
        assert isinstance(hand.delivery.stopped, Fault)
        assert hand.delivery.stopped.message == "stream people: no success in 2 attempts; last: a lock again"
        assert hand.delivery.stopped.advice == (
            "the rows concerned were not acknowledged; run again when the destination answers"
        )
        assert hand.delivery._waiting == []


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
        assert hand.delivery._waiting == []


def test_what_an_answer_teaches_is_acted_on_at_once(hand: Hand) -> None:
    sent(hand, "a")
    hand.sender.say("found")
    hand.delivery.turn(3.0, flush=True)
    [request] = hand.sender.open.values()
    assert request.path == "/update"
    assert hand.delivery.syncs["people"].counts["retried"] == 0


# -- the end ----------------------------------------------------------------------------------------------


def test_what_was_never_sent_is_no_longer_intended_and_what_is_under_way_still_is(hand: Hand, path: Path) -> None:
    opened = sent(hand, "a", "b", "c")
    hand.read((4, "d"), now=3.0)
    hand.delivery.turn(3.0, flush=True)
    hand.read((5, "e"), now=3.0)
    hand.delivery.turn(3.0)
    assert (len(hand.delivery._sendable), len(hand.delivery._intended)) == (1, 1)
    hand.delivery.stop(Stop("enough"))
    hand.delivery.abandon()
    assert (len(hand.delivery._sendable), len(hand.delivery._intended)) == (0, 0)
    assert places.query(path, "select keys from intents order by intent") == [('["[1]"]',), ('["[2]"]',), ('["[3]"]',)]
    assert hand.ledger._intents.doubtful(opened.number) == {}
    assert hand.ledger.dirty == 0


def test_first_rows_that_are_all_refused_end_the_run_with_the_last_of_them(path: Path) -> None:
    with by_hand(path, ONE, Policy(hopeless=3)) as hand:
        unhurried(hand).read((1, "a"), (2, "b"), (3, "c"), (4, "d"))
        hand.delivery.turn(0.0, flush=True)
        for number in (1, 2, 3):
            assert hand.delivery.stopped is None, number
            hand.sender.say("rejected")
            hand.delivery.turn(0.0, flush=True)
        assert hand.delivery.stopped is not None
        assert hand.delivery.stopped.message == "stream people: the first 3 rows were all refused, the run stopped"


def test_a_verdict_is_given_with_everything_durable(hand: Hand, path: Path) -> None:
    opened = hand.deliver(1)
    hand.delivery.pace._budget = by_budget = _Asked()  # type: ignore[assignment]
    assert hand.delivery.verdict() is None
    assert by_budget.last == [True]
    assert places.query(path, "select mapping from syncs") == [(opened.mapping,)]
    opened.counts["rejected"] = 20
    stop = hand.delivery.verdict()
    assert stop is not None
    assert "20 of 21 rows attempted were refused" in stop.message


class _Asked:
    """A budget that notes what it was told."""

    of_others = 0

    def __init__(self) -> None:
        self.last: list[bool] = []
        self.backlogs: list[int] = []

    def reserve(
        self, now: float, held: int, backlog: int, limit: int, paused: float, *, trying: bool, last: bool
    ) -> None:
        self.last.append(last)
        self.backlogs.append(backlog)


def test_what_is_reserved_is_for_all_that_is_ready(path: Path) -> None:
    with by_hand(path, Limits(1, 10_000, 1, 1_000_000, 10.0)) as hand:
        unhurried(hand).deliver(0)
        hand.read((1, "a"), (2, "b"), (3, "c"), now=3.0)
        hand.delivery.turn(3.0)
        assert hand.delivery._backlog == 2
        hand.read((4, "d"), now=3.0)
        hand.delivery._intend()
        assert hand.delivery._backlog == 3
        hand.delivery.pace._budget = asked = _Asked()  # type: ignore[assignment]
        hand.delivery._commit()
        hand.delivery.stop(Stop("enough"))
        hand.delivery._commit()
        assert (asked.backlogs, asked.last) == ([3, 3], [False, True])

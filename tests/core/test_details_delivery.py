"""The delivery turn by turn, by hand: what is due when, what is committed when, what ends it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from penstock.delivery import Delivery
from penstock.errors import Stop
from penstock.modes import FieldRule
from penstock.policy import Policy
from penstock.records import Limits, Retry, RowKey
from tests.core import places
from tests.core.hand import ONE, Hand, by_hand, giving, sent, unhurried
from tests.core.sim import FIELDS, SYNC, Memory

THREE = replace(ONE, rows=3)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "l.db"


@pytest.fixture
def hand(path: Path) -> Iterator[Hand]:
    """One row a request, three lanes, all of them free, and nobody else in the account."""
    with by_hand(path) as hand:
        yield unhurried(hand)


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


def test_an_intent_that_others_have_to_know_of_first_is_committed_at_once(path: Path) -> None:
    with by_hand(path) as hand:
        hand.deliver(1)
        hand.read((2, "a"), now=9.0)
        assert hand.delivery.pace.throttle.lanes(9.0) == 3
        hand.delivery.turn(9.0)
        assert hand.sender.names() == [["a"]], "what was agreed for the term before is over"
        hand.read((3, "b"), now=9.01)
        hand.delivery.turn(9.01)
        assert hand.sender.names() == [["a"]], "there is enough for another, so it may share its flush"


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
        assert isinstance(delivery._answers._chance, Random)
        assert (delivery.calls, delivery.stopped, delivery.syncs, delivery.in_flight) == (0, None, {}, 0)
        assert delivery.pace._chance is delivery._answers._chance


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


@pytest.mark.parametrize("good", [True, False])
def test_rows_that_we_refuse_end_the_run_only_where_no_good_row_may_still_come(path: Path, good: bool) -> None:
    with by_hand(path, ONE, Policy(hopeless=2)) as hand:
        hand.read((1, None), *([(2, "a")] if good else []), (3, None))
        hand.delivery.turn(0.0, flush=True)
        assert (hand.delivery.stopped is None) == good
        assert len(hand.sender.open) == good


def test_a_replay_waits_for_its_batch_as_any_other_row(path: Path) -> None:
    with by_hand(path, THREE) as hand:
        opened = unhurried(hand).deliver(1)
        bad = {"id": 2, "email": "p2@x.com", "name": "again"}
        hand.ledger.rejects.refuse(opened.number, [(RowKey("[2]"), "rejected", "BAD", None, "", bad, b"")], run=99)
        hand.delivery.end(opened, hand.mapper(SYNC), complete=False, whole=False)
        hand.delivery.turn(3.0)
        assert hand.sender.names() == []
        hand.delivery.turn(3.1)
        assert hand.delivery.next_due(3.1) == 4.0
        hand.delivery.turn(4.0, flush=True)
        assert hand.sender.names() == [["again"]]


def test_a_verdict_is_given_with_everything_durable(hand: Hand, path: Path) -> None:
    opened = hand.deliver(1)
    hand.delivery.pace._budget = by_budget = _Asked()  # type: ignore[assignment]
    assert hand.delivery.verdict() is None
    assert (by_budget.last, by_budget.backlogs) == ([True], [0])
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

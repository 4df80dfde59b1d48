"""Lanes and batches at their limits: the last byte, the last row, the last second."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from penstock.batching import Batcher, Lanes, halves, key_identity, match_identity
from penstock.checkpoint import Checkpoint
from penstock.modes import Action, Sync
from penstock.pace import Pace
from penstock.policy import Policy
from penstock.records import Batch, Budgeted, Kind, Limits, Row, RowKey
from tests.core.sim import SYNC

LIMITS = Limits(rows=3, body_bytes=100, concurrency=1, requests=1, window=1.0)


def row(size: int = 10, action: Action = Action.UPSERT, at: str | None = None, sync: Sync = SYNC) -> Row:
    return Row(sync, RowKey("[1]"), "", {}, b"x" * size, b"", None, {}, [], destination_id=at, action=action)


def test_rows_of_one_key_share_a_lane_in_a_stream_and_those_of_one_match_value_in_an_object() -> None:
    guests = replace(SYNC, stream="guests")
    companies = replace(SYNC, object="companies")
    assert key_identity(SYNC.stream, RowKey("a")) == key_identity(companies.stream, RowKey("a"))
    assert match_identity(SYNC, "a") == match_identity(guests, "a")
    lanes = [key_identity(sync.stream, RowKey(key)) for sync, key in ((SYNC, "a"), (SYNC, "b"), (guests, "a"))]
    lanes += [match_identity(SYNC, "a"), match_identity(SYNC, "b"), match_identity(companies, "a")]
    assert len(set(lanes)) == 6


def test_a_row_that_is_overtaken_is_a_defect() -> None:
    lanes, first, second = Lanes(), row(), row()
    assert lanes.enter(first, ("a",))
    assert not lanes.enter(second, ("a",))
    with pytest.raises(AssertionError, match=r"^a row left its lane before the rows ahead of it$"):
        lanes.leave(second)


def test_a_row_freed_in_two_lanes_is_freed_once_and_rows_come_in_order() -> None:
    lanes, first, both, other = Lanes(), row(), row(), row()
    lanes.enter(first, ("a", "b", "c"))
    lanes.enter(both, ("a", "b"))
    lanes.enter(other, ("c",))
    assert lanes.leave(first) == [both, other]


def test_settling_more_than_was_read_is_a_defect() -> None:
    checkpoint = Checkpoint()
    epoch = checkpoint.read(2)
    with pytest.raises(AssertionError, match=r"^settled more records than were read$"):
        checkpoint.settle(epoch, 3)


def test_a_batch_is_full_at_the_last_row() -> None:
    batcher = Batcher(LIMITS, 1.0)
    rows = [row() for _ in range(3)]
    assert batcher.add(rows[0], 0.0) == []
    assert batcher.add(rows[1], 0.0) == []
    assert not any(r.sealed for r in rows)
    [full] = batcher.add(rows[2], 0.0)
    assert (full.sync, full.action, full.rows, full.size) == (SYNC, Action.UPSERT, rows, 30)
    assert all(r.sealed for r in rows)
    assert batcher.due(9.0, everything=True) == []


def test_a_batch_is_full_at_the_last_byte() -> None:
    batcher = Batcher(LIMITS, 1.0)
    first, second, third = row(60), row(40), row(1)
    assert batcher.add(first, 0.0) == []
    assert batcher.add(second, 0.0) == [], "a hundred bytes fit"
    [full] = batcher.add(third, 0.0)
    assert (full.rows, full.size, full.opened_at) == ([first, second], 100, 0.0)
    [rest] = batcher.due(5.0)
    assert (rest.rows, rest.size) == ([third], 1)


def test_rows_that_are_addressed_differently_travel_apart() -> None:
    batcher = Batcher(LIMITS, 1.0)
    kinds = [row(), row(action=Action.UPDATE), row(action=Action.UPDATE, at="7"), row(sync=replace(SYNC, stream="b"))]
    for each in kinds:
        assert batcher.add(each, 0.0) == []
    assert [batch.rows for batch in batcher.due(1.0)] == [[each] for each in kinds]


def test_a_batch_is_due_at_its_age_and_the_oldest_first() -> None:
    batcher = Batcher(LIMITS, 2.0)
    assert batcher.next_due() is None
    young, old = row(action=Action.UPDATE), row()
    batcher.add(young, 11.0)
    batcher.add(old, 10.0)
    assert batcher.next_due() == 12.0
    assert batcher.due(11.9) == []
    assert [batch.rows for batch in batcher.due(12.0)] == [[old]]
    assert batcher.next_due() == 13.0
    assert [batch.rows for batch in batcher.due(12.0, everything=True)] == [[young]]
    assert batcher.next_due() is None


def test_a_row_may_grow_where_it_is_up_to_the_last_byte_of_its_batch() -> None:
    batcher = Batcher(LIMITS, 1.0)
    first, second = row(40), row(40)
    batcher.add(first, 0.0)
    batcher.add(second, 0.0)
    assert batcher.fits(second, 15)
    assert not batcher.fits(first, 6), "95 bytes and 6 are too many"
    assert batcher.fits(first, 5)
    [full] = batcher.due(1.0)
    assert full.size == 100


def test_a_row_that_is_in_no_open_batch_may_grow() -> None:
    batcher = Batcher(LIMITS, 1.0)
    waiting = row(90)
    assert batcher.fits(waiting, 1_000), "no batch is open"
    batcher.add(row(90), 0.0)
    assert batcher.fits(waiting, 1_000), "the open one holds other rows"
    [full] = batcher.due(1.0)
    assert full.size == 90


@pytest.mark.parametrize(("count", "cut"), [(2, 1), (3, 1), (4, 2), (5, 2)])
def test_halves_are_the_batch_in_order(count: int, cut: int) -> None:
    rows = [row(n + 1) for n in range(count)]
    first, second = halves(Batch(SYNC, Action.UPDATE, rows))
    assert (first.rows, second.rows) == (rows[:cut], rows[cut:])
    for half in (first, second):
        assert (half.sync, half.action, half.intent) == (SYNC, Action.UPDATE, None)
        assert half.size == sum(len(r.body) for r in half.rows)


def test_one_streams_requests_may_have_limits_of_their_own() -> None:
    guests = replace(SYNC, stream="guests")
    search = Budgeted("search", 1, 1.0)
    kinds: dict[Kind, int] = {Action.FIND: 2, ("guests", Action.FIND): 1}
    limits = replace(LIMITS, requests=9, rows_of=kinds, budgets={("guests", Action.FIND): search})
    batcher, pace = Batcher(limits, 1.0), Pace(limits, Policy(), Random(1))
    [batch] = batcher.add(row(action=Action.FIND, sync=guests), 0.0)
    assert batcher.add(row(action=Action.FIND), 0.0) == []
    pace.take(1, 0.0, batch.kind)
    assert not pace.has_room(batch.kind, 0.5)
    assert pace.has_room((SYNC.stream, Action.FIND), 0.5)
    assert limits.most("guests", Action.UPSERT) == 3

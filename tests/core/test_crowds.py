"""Rows that lock each other: lanes by parent, smaller batches for those that came back, looks cut to fit a URL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from penstock.batching import ALONE, LANES, Batcher, halves
from penstock.modes import Action, Sync
from penstock.records import Abilities, Batch, Limits, Row, RowKey
from penstock.steps import next_step

SYNC = Sync("people", "contacts", "email")
LIMITS = Limits(rows=20, body_bytes=1000, concurrency=4, requests=100, window=1.0)
LOOKED_UP = Abilities(
    frozenset(Action),
    frozenset({Action.FIND}),
    frozenset({Action.FIND}),
    after_look=frozenset({Action.UPSERT, Action.CREATE}),
)


def row(number: int, **more: object) -> Row:
    found = Row(SYNC, RowKey(str(number)), f"m{number}", {}, b"{}", b"", None, {}, [])
    found.action = found.wanted = Action.UPSERT
    for name, value in more.items():
        setattr(found, name, value)
    return found


def batches(rows: Sequence[Row], limits: Limits = LIMITS) -> list[Batch]:
    batcher = Batcher(limits, 1.0)
    full = [batch for each in rows for batch in batcher.add(each, 0.0)]
    return [*full, *batcher.due(0.0, everything=True)]


def test_rows_of_one_parent_share_a_lane_and_others_have_none() -> None:
    made = batches([row(n, group=n % 7 + 1) for n in range(60)])
    assert {batch.lane for batch in made} == {*range(1, LANES + 1)}
    lanes = [{batch.lane for batch in made for r in batch.rows if r.group == group} for group in range(1, 8)]
    assert all(len(each) == 1 for each in lanes)
    assert {batch.lane for batch in batches([row(n) for n in range(60)])} == {0}
    looks = batches([row(n, group=1, action=Action.FIND) for n in range(3)])
    assert [batch.lane for batch in looks] == [0]


def test_rows_that_came_back_travel_in_smaller_batches_and_then_alone() -> None:
    sizes = {}
    for crowd in (0, 1, 2, 7):
        made = batches([row(n, crowd=crowd) for n in range(40)])
        sizes[crowd] = {len(batch.rows) for batch in made}
        assert {batch.lane for batch in made} == {ALONE if crowd > 1 else 0}
    assert sizes == {0: {20}, 1: {5}, 2: {1}, 7: {1}}


def test_halves_stay_in_their_lane() -> None:
    [batch] = batches([row(n, group=1) for n in range(4)])
    assert [half.lane for half in halves(batch)] == [batch.lane] * 2


def test_a_look_holds_what_fits_into_a_url() -> None:
    limits = replace(LIMITS, asked_bytes=100)
    rows = [row(n, action=Action.FIND, match="é" * 5) for n in range(6)]  # 30 bytes quoted, and 9 around them
    assert [len(batch.rows) for batch in batches(rows, limits)] == [2, 2, 2]
    assert [len(batch.rows) for batch in batches([row(n, match="é" * 5) for n in range(6)], limits)] == [6]


def test_an_object_that_a_look_did_not_find_is_made() -> None:
    for wanted in (Action.UPSERT, Action.CREATE):
        found = row(1, wanted=wanted)
        assert next_step(found, LOOKED_UP) is Action.FIND
        found.looked = found.absent = True
        assert next_step(found, LOOKED_UP) is wanted
    assert next_step(row(1, wanted=Action.UPDATE, absent=True), LOOKED_UP) is Action.NOTHING

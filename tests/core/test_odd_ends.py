"""Ends of streams that are easily got wrong: a removal that is taken back, rows that left in two ways, a death between
an acknowledged row and what the ledger has to know of its reading."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from penstock.errors import Guarded
from penstock.modes import FieldRule, Guards, Json
from penstock.reading import StreamMap
from penstock.records import Record
from tests.core.parts import parts
from tests.core.sim import World, activate_line, record_line, run, schema_line, state_line
from tests.core.test_modes import mode, names, read
from tests.core.test_promise import rejects

GUARDED = mode("mirror", guards={"max_removed": 100})


def gone_line(key: int, version: int | None = None) -> bytes:
    record = {"id": key, "email": None, "name": None, "_sdc_deleted_at": "2026-01-01T00:00:00Z"}
    line: dict[str, object] = {"type": "RECORD", "stream": "people", "record": record}
    return json.dumps(line if version is None else {**line, "version": version}).encode()


def test_a_row_that_is_back_as_it_was_is_not_removed(tmp_path: Path) -> None:
    world, path = World(), tmp_path / "l.db"
    read(world, path, {1: "a", 2: "b"}, GUARDED)
    back = [schema_line(), gone_line(1), record_line(1, "p1@example.com", "a"), gone_line(2), state_line(2)]
    ending = run(back, world, path, sync_for=lambda _: GUARDED)
    assert ending.counts == {"read": 3, "coalesced": 1, "unchanged": 1, "removed": 1}
    assert names(world) == ["a"]


def test_a_row_that_is_back_and_waits_to_be_tried_again_is_not_removed(tmp_path: Path) -> None:
    world, path = World(), tmp_path / "l.db"
    read(world, path, {1: "a"}, GUARDED)
    for _ in range(2):
        read(world, path, {1: "bad"}, GUARDED)
    back = [schema_line(), gone_line(1), record_line(1, "p1@example.com", "bad"), state_line(2)]
    ending = run(back, world, path, sync_for=lambda _: GUARDED)
    assert ending.counts == {"read": 2, "coalesced": 1, "waiting": 1}
    assert names(world) == ["a"]
    assert list(rejects(path)) == [1]


def test_rows_leave_by_the_taps_word_and_by_a_complete_reading_in_one_run(tmp_path: Path) -> None:
    for removes in (mode("mirror"), GUARDED, mode("upsert")):
        world, path = World(), tmp_path / f"{removes.strategy.removed}-{removes.guards.max_removed}.db"
        read(world, path, {1: "a", 2: "b", 3: "c"}, removes, 1)
        lines = [schema_line(), gone_line(1, 2), record_line(2, "p2@example.com", "b", 2), activate_line(2)]
        ending = run(lines, world, path, sync_for=lambda _, sync=removes: sync)  # type: ignore[misc]
        if removes.strategy == mode("upsert").strategy:
            assert ending.counts == {"read": 2, "unchanged": 1, "not_sent": 1, "left": 1}
        else:
            assert ending.counts == {"read": 2, "unchanged": 1, "swept": 1, "removed": 2}
            assert names(world) == ["b"]


def test_a_guard_that_holds_rows_back_holds_their_refused_versions_back_too(tmp_path: Path) -> None:
    world, path = World(), tmp_path / "l.db"
    read(world, path, {n: f"a{n}" for n in range(3)} | {9: "bad"}, mode("upsert"), 1)
    guarded = replace(mode("upsert", guards={"max_changed_share": 0.1}), fields={"email": FieldRule("email")})
    ending = read(world, path, {n: f"b{n}" for n in range(3)} | {9: "newer"}, guarded, 2)
    assert isinstance(ending.stop, Guarded)
    assert ending.counts == {"read": 4, "held_back": 4}
    assert ending.requests == []


def test_a_guard_on_removals_also_holds_one_that_was_refused_before(tmp_path: Path) -> None:
    world, path = World(), tmp_path / "l.db"
    unguarded = replace(GUARDED, guards=Guards())
    read(world, path, {1: "a", 2: "b", 3: "c"}, unguarded, 1)
    with parts(path, sync_for=lambda _: unguarded) as p:
        p.reader.feed(schema_line() + b"\n")
        opened = p.delivery.syncs["people"]
        facts = ('["x"]', "rejected", "C", None, "m", {"id": 1, "_sdc_deleted_at": "x"}, b"mark")
        p.delivery._ledger.rejects.refuse(opened.number, [(json.dumps([1]), *facts[1:])], 0)  # type: ignore[list-item]
        p.delivery._ledger.commit()
    strict = replace(GUARDED, guards=Guards(max_removed=0))
    ending = run([schema_line(), gone_line(2)], world, path, sync_for=lambda _: strict)
    assert isinstance(ending.stop, Guarded)
    assert world.removed == []


def test_a_row_that_has_another_key_now_keeps_its_object(tmp_path: Path) -> None:
    """Removing the old row's object and making it anew for the new one would lose whatever hangs on it."""
    world, path, sync = World(), tmp_path / "l.db", mode("mirror")
    read(world, path, {1: "a", 2: "b"}, sync, 1)

    def rekeyed(version: int, key: int) -> dict[str, int]:
        rows = [record_line(key, "p1@example.com", "new", version), activate_line(version), state_line(version)]
        return run([schema_line(), *rows], world, path, sync_for=lambda _: sync).counts

    assert rekeyed(2, 7) == {"read": 1, "invalid": 1, "left": 1, "swept": 1, "removed": 1}
    assert names(world) == ["a"]
    assert rekeyed(3, 7) == {"read": 1, "updated": 1}
    assert names(world) == ["new"]
    assert world.removed == [("archive", "p2@example.com")]


def test_rows_known_by_fewer_key_columns_than_now_are_removed_as_well(tmp_path: Path) -> None:
    world, path, sync = World(), tmp_path / "l.db", mode("mirror")
    read(world, path, {1: "a", 2: "b"}, sync, 1)
    schema = json.loads(schema_line()) | {"key_properties": ["id", "email"]}
    lines = [json.dumps(schema).encode(), record_line(1, "p1@example.com", "a", 2), activate_line(2)]
    ending = run(lines, world, path, sync_for=lambda _: sync)
    assert ending.counts == {"read": 1, "invalid": 1, "left": 1, "swept": 1, "removed": 1}
    assert names(world) == ["a"]


class Renaming:
    """A stream map that makes a key of its own, and fails on the rows named `odd`."""

    def __init__(self) -> None:
        self.stream_alias = "people"
        self.transformed_schema: dict[str, Json] = {"properties": {c: {} for c in ("id", "key", "email", "name")}}
        self.transformed_key_properties: list[str] | None = ["key"]

    def transform(self, record: Record) -> Record | None:
        if record["name"] == "odd":
            raise ValueError("a value")
        return {**record, "key": record["id"]}


def test_after_a_record_that_a_stream_map_failed_on_nothing_counts_as_gone(tmp_path: Path) -> None:
    """The failed record may be any row: its key is what the map would have made of it."""
    path, sync, maps = tmp_path / "l.db", mode("mirror"), list[StreamMap]([Renaming()])

    def reading(version: int, *rows: tuple[int, str]) -> dict[str, int]:
        lines = [schema_line(), *(record_line(n, f"p{n}@example.com", name, version) for n, name in rows)]
        with parts(path, register=lambda *_: maps, sync_for=lambda _: sync) as p:
            p.reader.feed(b"\n".join([*lines, activate_line(version), b""]))
            assert p.reader.end()
            p.turns(3)
            assert p.delivery.idle
            return dict(p.counts)

    assert reading(1, (1, "a"), (2, "b"))["created"] == 2
    counts = reading(2, (1, "a"), (2, "odd"))
    assert (counts["invalid"], counts.get("swept", 0)) == (1, 0)
    assert reading(3, (1, "a"))["swept"] == 1


def test_a_version_is_remembered_before_the_first_row_of_it_is_acknowledged(tmp_path: Path) -> None:
    """Unchanged rows are acknowledged without a write. Killed then, and resumed by the tap, the rest is not all."""
    world, path, sync = World(), tmp_path / "l.db", mode("mirror")
    read(world, path, {1: "a", 2: "b"}, sync, 1)
    with parts(path, sync_for=lambda _: sync) as p:
        p.reader.feed(b"\n".join([schema_line(), record_line(1, "p1@example.com", "a", 2), state_line(1), b""]))
        p.delivery.turn(0.0)
        assert p.checkpoint.release() is not None
        p.delivery._ledger.rollback()  # killed
    ending = run(
        [schema_line(), record_line(2, "p2@example.com", "b", 2), activate_line(2)],
        world,
        path,
        sync_for=lambda _: sync,
    )
    assert ending.counts == {"read": 1, "unchanged": 1}
    assert names(world) == ["a", "b"]

"""Rows that wait in a file until a guard has judged them: all of them, in order, with their receipts."""

from __future__ import annotations

import errno
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from penstock import endings
from penstock.batching import Lanes
from penstock.checkpoint import Epoch
from penstock.errors import Fault, InvalidRecord
from penstock.modes import Guards, Sync
from penstock.policy import Policy
from penstock.records import Record, Row, RowKey
from penstock.retry import RetryPolicy
from penstock.staging import Spool, Stage
from tests.core.sim import SYNC, World, activate_line, record_line, run, schema_line
from tests.core.simjobs import SimJobs
from tests.core.test_jobs import POLICY
from tests.core.test_promise import rejects


def row(key: int, epochs: list[Epoch], record: Record | bytes, invalid: InvalidRecord | None = None) -> Row:
    return Row(SYNC, RowKey(f"[{key}]"), "", {}, b"", b"", None, record, epochs, invalid=invalid)


def test_more_rows_than_memory_should_hold_come_back_in_order() -> None:
    stage, epochs = Stage(), [Epoch(), Epoch()]
    try:
        texts = [b'{"id":%d,"name":"%b"}' % (n, b"x" * 100_000) for n in range(25)]
        for n, text in enumerate(texts):
            stage.add(row(n, [epochs[n // 20]], text))
        taken = []
        while stage.left:
            taken += stage.take(7)
    finally:
        stage.discard()
    assert [text for text, _, _ in taken] == texts
    assert [epoch for _, epoch, _ in taken] == [epochs[0]] * 20 + [epochs[1]] * 5
    assert set(stage.keys) == {RowKey(f"[{n}]") for n in range(25)}


def test_a_row_that_cannot_be_sent_stays_itself() -> None:
    stage, epoch = Stage(), Epoch()
    spoilt = row(2, [epoch], {"id": 2}, InvalidRecord("null_match", "the match field has no value"))
    for each in (row(1, [epoch], {"id": 1}), spoilt, row(3, [epoch], {"id": 3})):
        stage.add(each)
    taken = stage.take(10)
    stage.discard()
    assert [why for _, _, why in taken] == [None, spoilt, None]
    assert [text for text, _, _ in taken] == [b'{"id":1}', b'{"id":2}', b'{"id":3}']


def test_a_full_disk_is_a_fault_that_names_the_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    stage = Stage()
    stage.add(row(1, [Epoch()], {"id": 1}))
    monkeypatch.setattr(os, "write", full)
    with pytest.raises(Fault, match=r"rows could not be staged in .*: No space left on device") as caught:
        stage.take(1)
    monkeypatch.undo()
    stage.discard()
    assert "TMPDIR" in caught.value.advice


def test_staged_rows_and_removals_enter_as_there_is_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many rows a guard has let pass, no more of them are in memory than a run may hold, and a chunk."""
    held: list[int] = []
    enter = Lanes.enter

    def counting(lanes: Lanes, row: Row, identities: tuple[str, ...]) -> bool:
        ready = enter(lanes, row, identities)
        held.append(lanes.rows)
        return ready

    monkeypatch.setattr(endings, "CHUNK", 4)
    monkeypatch.setattr(Lanes, "enter", counting)
    world, path = World(), tmp_path / "l.db"
    sync = replace(SYNC, guards=Guards(max_changed_share=1.0))
    policy = Policy(retry=RetryPolicy(attempts=100), max_rows=6)
    lines = [record_line(n, f"p{n}@example.com", "a", 1) for n in range(40)]
    ending = run([schema_line(), *lines, activate_line(1)], world, path, sync_for=lambda _: sync, policy=policy)
    assert ending.counts == {"read": 40, "created": 40}
    assert max(held) <= 6 - 1 + 4


def test_what_waits_for_a_job_weighs_nothing_once_it_is_taken(tmp_path: Path) -> None:
    """However the tap wrote it: the record that is kept can be shorter than the line it came in."""
    spool = Spool()
    record = {"id": 1, "name": "\u0416" * 50}
    odd = Row(SYNC, RowKey("[1]"), "", {}, b"", b"", None, record, [Epoch()], weight=len(json.dumps(record)))
    for _ in range(3):
        spool.add(odd, 0.0)
    assert spool.size > 0
    spool.begin()
    for _ in range(3):
        spool.take(1)
    assert (spool.size, spool.count) == (0, 0)


@pytest.mark.parametrize("sync", [replace(SYNC, guards=Guards(max_changed_share=1.0)), replace(SYNC, bulk_above=2)])
def test_rows_that_wait_are_mapped_by_the_schema_they_came_under(tmp_path: Path, sync: Sync) -> None:
    world = World()
    numbers = schema_line().replace(b'"name": {"type": "string"}', b'"name": {"type": "integer"}')
    lines = [schema_line(), record_line(1, "a@x.com", "a", 1), record_line(2, "b@x.com", "bad", 1)]
    lines += [record_line(4, "d@x.com", "d", 1), numbers, record_line(3, "c@x.com", 3, 1), activate_line(1)]
    jobs = SimJobs(at_once=False)
    ending = run(lines, world, tmp_path / "l.db", sync_for=lambda _: sync, jobs=jobs, policy=POLICY)
    assert ending.stop is None
    assert {o["email"]: o["name"] for o in world.objects.values()} == {"a@x.com": "a", "c@x.com": 3, "d@x.com": "d"}
    assert list(rejects(tmp_path / "l.db")) == [2]

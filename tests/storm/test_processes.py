"""A handful of kills and signals at a real target, and disks that fail under its ledger."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from penstock_sandbox.handle import Sandbox
from penstock_sandbox.server import running
from storm.kills import CALLS, HOW_TO_INSTALL, Places, has_strace, judge, killed, kills, traced
from storm.process import configure, started, states_in
from storm.rounds import Rounds
from storm.signals import signals
from storm.source import Reading, Version

needs_strace = pytest.mark.skipif(not has_strace(), reason=HOW_TO_INSTALL)


@pytest.fixture(scope="module")
def server() -> Iterator[Sandbox]:
    with running(unlimited=True) as served:
        yield served


@pytest.fixture
def rounds(tmp_path: Path, server: Sandbox) -> Rounds:
    server.reset()
    return Rounds(tmp_path, server, seed=4711, changes=300)


@needs_strace
@pytest.mark.parametrize(("call", "when"), [("fdatasync", 2), ("pwrite64", 12), ("sendto", 2), ("connect", 1)])
def test_a_kill_at_a_system_call_breaks_nothing(rounds: Rounds, tmp_path: Path, call: str, when: int) -> None:
    ended = rounds.disturbed(traced(call, "signal=KILL", when, tmp_path / "strace.log"))
    assert judge(call, ended, rounds.tally), "it was not killed"
    rounds.finish()
    assert rounds.tally.findings == []
    assert rounds.tally.per_lane <= 1


def test_signals_at_random_instants_break_nothing() -> None:
    tally = signals(seed=4711, count=4)
    assert tally.findings == []
    assert tally.ends.total() == 4


@needs_strace
@pytest.mark.parametrize("fault", ["fdatasync:error=EIO:when=3+", "pwrite64:error=ENOSPC:when=30+"])
def test_a_disk_that_fails_stops_the_run_and_no_state_passes_it(rounds: Rounds, tmp_path: Path, fault: str) -> None:
    rounds.disturbed()  # the ledger is there before its disk fails
    call = fault.partition(":")[0]
    prefix = ["strace", "-f", "-qq", "-o", str(tmp_path / "s.log"), "-e", f"trace={call}", "-e", f"inject={fault}"]
    ended = rounds.disturbed(prefix)
    assert ended.code == 1
    assert "the ledger" in ended.log.splitlines()[-1]
    rounds.finish()
    assert rounds.tally.findings == []


def loaded(rows: int) -> list[bytes]:
    reading = Reading()
    reading.schema("people")
    for n in range(rows):
        reading.record(Version("people", n, 0, "a"))
    reading.state(rows)
    return reading.lines


def check_rerun(folder: Path, server: Sandbox, rows: int) -> None:
    with started(configure(folder, server), folder, loaded(rows)) as again:
        stdout, _ = again.communicate(timeout=60)
    assert [state["position"] for state in states_in(stdout)] == [rows]
    assert len(server.objects()) == rows


def test_a_limit_on_the_size_of_files_stops_the_run(tmp_path: Path, server: Sandbox) -> None:
    server.reset()
    limited = ["sh", "-c", 'ulimit -f 400; exec "$@"', "sh", *configure(tmp_path, server)]
    with started(limited, tmp_path, loaded(3_000)) as process:
        stdout, log = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "the ledger" in log.decode().splitlines()[-1]
    assert stdout == b""
    check_rerun(tmp_path, server, 3_000)


@pytest.mark.parametrize("gone", [False, True])
def test_a_standard_output_that_takes_nothing_stops_the_run(tmp_path: Path, server: Sandbox, gone: bool) -> None:
    """STATE goes to a full disk, or to a reader that has gone. What was under way is delivered all the same."""
    server.reset()
    if gone:
        reader, output = os.pipe()
        os.close(reader)
    else:
        output = os.open("/dev/full", os.O_WRONLY)
    with started(configure(tmp_path, server), tmp_path, loaded(250), output) as process:
        os.close(output)
        _, log = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "STATE could not be written" in log.decode().splitlines()[-1]
    assert len(server.objects()) == 250
    check_rerun(tmp_path, server, 250)
    assert server.stats().applied_writes == 250, "a row was sent again"


@needs_strace
def test_ledger_files_as_a_dead_machine_leaves_them_are_consistent(rounds: Rounds, tmp_path: Path) -> None:
    """Copies of the files between a write and its fsync, with the write-ahead log torn off anywhere behind it."""
    rounds.disturbed()
    rounds.disturbed(traced("fdatasync", "signal=KILL", 3, tmp_path / "strace.log"))
    wal = (tmp_path / "ledger.db-wal").read_bytes()
    counts = set()
    for length in {0, len(wal), *range(1, len(wal), max(1, len(wal) // 20))}:
        copy = tmp_path / "copy.db"
        shutil.copy(tmp_path / "ledger.db", copy)
        (tmp_path / "copy.db-wal").write_bytes(wal[:length])
        with closing(sqlite3.connect(copy)) as db:
            assert db.execute("pragma integrity_check").fetchone() == ("ok",)
            counts.add(db.execute("select count(*) from intents").fetchone()[0])
        for each in tmp_path.glob("copy.db*"):
            each.unlink()
    assert counts
    rounds.finish()
    assert rounds.tally.findings == []


def test_places_go_through_every_call_and_begin_again() -> None:
    places = Places({})
    struck = iter(places)
    seen = []
    for _ in range(30):
        call, when = next(struck)
        places.struck(call, killed=when < 3)
        seen.append((call, when))
    assert {("write", 1), ("write", 2), ("write", 3)} <= set(seen)
    assert seen.count(("write", 1)) == 2
    assert {call for call, _ in seen} == set(CALLS)


@needs_strace
def test_kills_are_counted_until_there_are_enough() -> None:
    tally = kills(seed=4711, count=2)
    assert killed(tally) == 2
    assert tally.findings == []

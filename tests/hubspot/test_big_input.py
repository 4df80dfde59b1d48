"""target-hubspot as a real process: files of BATCH messages, records of ten megabytes, lines without end, silence."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

from penstock_sandbox.handle import Sandbox
from penstock_sandbox.server import running
from tests.hubspot.process import (
    CANARY,
    SCHEMA,
    Ended,
    Line,
    as_bytes,
    at_destination,
    command,
    ended,
    environment,
    mail,
    ran,
    record,
    records,
    rejects,
    settings_for,
    started,
    state,
)

MEGABYTE = 2**20


def batch(folder: Path, name: str, rows: Iterable[Line]) -> Line:
    """Write a gzip file as singer-sdk's taps do, and return the message that names it."""
    file = folder / name
    records_only = (row["record"] for row in rows if not isinstance(row, bytes))
    file.write_bytes(gzip.compress(b"".join(json.dumps(row).encode() + b"\n" for row in records_only)))
    encoding = {"format": "jsonl", "compression": "gzip"}
    return {"type": "BATCH", "stream": "people", "encoding": encoding, "manifest": [file.as_uri()]}


def test_files_of_a_batch_go_through_stream_maps_and_stay(tmp_path: Path, sandbox: Sandbox) -> None:
    first = batch(tmp_path, "1.json.gz", records(120))
    odd = b'{"type": "RECORD", "stream": "people", "record": {"id": 500, "mail": "%b", "first": "x", "score": NaN}}'
    lines = [SCHEMA, first, state(120), odd % mail(500).encode(), *records(1, start=501), state(122)]
    maps = {"people": {"first": "first.upper()", "__filter__": "id != 3"}}
    run = ran(tmp_path, settings_for(sandbox, stream_maps=maps), lines)
    assert run.code == 0, run.stderr
    assert run.states[-1] == {"position": 122}
    assert rejects(tmp_path) == {"[500]": ("unreadable", "lead_score")}
    assert at_destination(sandbox) == {mail(n): f"{CANARY} a".upper() for n in [*range(120), 501] if n != 3}
    assert (tmp_path / "1.json.gz").exists()


def test_a_batch_that_is_cut_ends_the_run_and_a_rerun_goes_on(tmp_path: Path, sandbox: Sandbox) -> None:
    message = batch(tmp_path, "2.json.gz", records(50, start=5))
    whole = (tmp_path / "2.json.gz").read_bytes()
    (tmp_path / "2.json.gz").write_bytes(whole[:-9])
    run = ran(tmp_path, settings_for(sandbox), [SCHEMA, *records(5), state(5), message, state(55)])
    assert run.code == 1
    assert "input line 8: BATCH file '2.json.gz' cannot be read: it is cut off or damaged" in run.last_line
    assert run.states == [{"position": 5}]
    assert {mail(n) for n in range(5)} <= set(at_destination(sandbox))
    assert CANARY not in run.stderr
    (tmp_path / "2.json.gz").write_bytes(whole)
    again = ran(tmp_path, settings_for(sandbox), [SCHEMA, *records(5), state(5), message, state(55)])
    assert again.code == 0
    assert set(at_destination(sandbox)) == {mail(n) for n in range(55)}


def test_a_target_tells_that_it_reads_batches(tmp_path: Path) -> None:
    told = subprocess.run(
        [*command(tmp_path, {})[:3], "--about", "--format", "json"], capture_output=True, env=environment(), check=True
    )
    assert json.loads(told.stdout)["capabilities"] == ["about", "batch", "stream-maps"]


def test_a_silent_tap_gets_its_state_while_its_pipe_stays_open(tmp_path: Path, sandbox: Sandbox) -> None:
    """Half a batch goes by its age; the input says nothing more until the STATE is there."""
    with started(tmp_path, settings_for(sandbox)) as target:
        try:
            assert target.stdin is not None
            assert target.stdout is not None
            half = as_bytes([record(99)])
            for n, begun in ((7, b""), (14, half[20:])):
                target.stdin.write(begun + as_bytes([SCHEMA, *records(n), state(n)]) + half[:20])
                target.stdin.flush()
                assert json.loads(target.stdout.readline()) == {"position": n}
                assert {mail(k) for k in range(n)} <= set(at_destination(sandbox))
            target.stdin.write(half[20:])
            target.stdin.close()
            assert target.wait(timeout=30) == 0
        finally:
            target.kill()


# -- memory ------------------------------------------------------------------------------------------------

BOUND = 900 * MEGABYTE
"""what a run may hold at most, whatever the input: 64 MiB of rows, one line of 64 MiB, and what reading them takes"""


def peak(folder: Path, sandbox: Sandbox, chunks: Iterable[bytes]) -> tuple[Ended, int]:
    """Run the target over some input; return how it ended and the most memory that it held, in bytes."""
    out, err = folder / "out", folder / "err"
    with out.open("wb") as stdout, err.open("wb") as stderr:
        target = subprocess.Popen(
            command(folder, settings_for(sandbox)),
            stdin=subprocess.PIPE,
            stdout=stdout,
            stderr=stderr,
            cwd=folder,
            env=environment(),
        )
        try:
            assert target.stdin is not None
            with target.stdin:
                for chunk in chunks:
                    target.stdin.write(chunk)
        except BrokenPipeError:
            pass
        _, status, usage = os.wait4(target.pid, 0)
        target.returncode = os.waitstatus_to_exitcode(status)
    return ended(target.returncode, out.read_bytes(), err.read_bytes()), usage.ru_maxrss * 1024


@pytest.mark.e2e
def test_a_hundred_records_of_ten_megabytes_take_bounded_memory(tmp_path: Path) -> None:
    """Most have the ten megabytes in a column that is not mapped and are delivered; each tenth is too long to be."""
    wide = CANARY + "x" * (10 * MEGABYTE)

    def lines() -> Iterable[bytes]:
        yield as_bytes([SCHEMA])
        for n in range(100):
            row = record(n) if n % 10 else {**record(n), "record": {"id": n, "mail": mail(n), "first": wide}}
            yield as_bytes([{**row, "record": {**row["record"], "unmapped": wide if n % 10 else ""}}])
        yield as_bytes([state(100)])

    with running(unlimited=True) as sandbox:
        run, most = peak(tmp_path, sandbox, lines())
        assert run.code == 0, run.stderr
        assert run.states[-1] == {"position": 100}
        assert set(at_destination(sandbox)) == {mail(n) for n in range(100) if n % 10}
    assert rejects(tmp_path) == {f"[{n}]": ("too_long", "firstname") for n in range(0, 100, 10)}
    assert CANARY not in run.stderr
    print(f"peak memory of the records of ten megabytes: {most / MEGABYTE:.0f} MiB")
    assert most < BOUND


@pytest.mark.e2e
def test_a_line_that_never_ends_takes_bounded_memory(tmp_path: Path, sandbox: Sandbox) -> None:
    chunks = [
        as_bytes([SCHEMA, *records(3), state(3)]),
        b'{"type": "RECORD", "record": {"a": "',
        *[b"x" * MEGABYTE] * 400,
    ]
    run, most = peak(tmp_path, sandbox, chunks)
    assert run.code == 1
    assert "input line 6: the line is longer than 67108864 bytes" in run.last_line
    assert run.states == [{"position": 3}]
    print(f"peak memory of the endless line: {most / MEGABYTE:.0f} MiB")
    assert most < BOUND


@pytest.mark.e2e
def test_the_longest_and_the_deepest_line_take_bounded_memory(tmp_path: Path, sandbox: Sandbox) -> None:
    """A thousand columns; brackets without end; sixty megabytes of text that must be read twice, for it is odd."""
    fields = {f"column {n}": "y" * 60_000 for n in range(1_000)}
    wide = {"type": "RECORD", "stream": "people", "record": {"id": 1, "mail": mail(1), "first": "a", **fields}}
    odd = b'{"type": "RECORD", "stream": "people", "record": {"id": %d, "mail": "%b", "odd": %b, "more": NaN}}\n'
    nested = b"[" * 10 * MEGABYTE + b"]" * 10 * MEGABYTE
    faces = b'"' + "\U0001f600".encode() * 15 * MEGABYTE + b'"'
    lines = [
        as_bytes([SCHEMA, wide]),
        odd % (2, mail(2).encode(), nested),
        odd % (3, mail(3).encode(), faces),
        as_bytes([state(3)]),
    ]
    run, most = peak(tmp_path, sandbox, lines)
    assert run.code == 0, run.stderr
    assert run.states == [{"position": 3}]
    assert set(at_destination(sandbox)) == {mail(1), mail(2), mail(3)}
    print(f"peak memory of the longest lines: {most / MEGABYTE:.0f} MiB")
    assert most < BOUND

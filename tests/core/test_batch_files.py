"""BATCH messages: their files go the way of RECORD lines, a piece at a time, and never in silence."""

from __future__ import annotations

import gzip
import json
import tempfile
from collections.abc import Sequence
from datetime import date, datetime, timezone
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import ClassVar

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet as pq

from penstock import batchfiles
from penstock.batchfiles import read_batch
from penstock.errors import MalformedInput, Misconfigured
from penstock.mapping import decode_record
from penstock.modes import Json
from penstock.policy import Policy
from penstock.reading import GROUP
from penstock.records import Limits, Record
from tests.core.parts import parts
from tests.core.sim import (
    SCHEMA,
    World,
    activate_line,
    record_line,
    run,
    schema_line,
    state_line,
)

CANARY = "zanzibar"
JSONL = {"format": "jsonl"}
GZIP = {"format": "jsonl", "compression": "gzip"}
PARQUET = {"format": "parquet"}


def row(n: int, name: str = "a") -> dict[str, object]:
    return {"id": n, "email": f"p{n}@x.com", "name": name}


def jsonl(path: Path, rows: Sequence[object], zipped: bool = False) -> str:
    text = b"".join((r if isinstance(r, bytes) else json.dumps(r).encode()) + b"\n" for r in rows)
    path.write_bytes(gzip.compress(text, mtime=0) if zipped else text)
    return path.as_uri()


def batch_line(encoding: object, *urls: str, version: int | None = None) -> bytes:
    message = {"type": "BATCH", "stream": "people", "encoding": encoding, "manifest": list(urls), "version": version}
    return json.dumps(message).encode()


def names(world: World) -> dict[str, object]:
    return {str(o["email"]): o["name"] for o in world.objects.values()}


@pytest.mark.parametrize(
    ("encoding", "zipped"),
    [(JSONL, False), (JSONL, True), ({"format": "jsonl", "compression": "none"}, True), (GZIP, True)],
)
def test_files_are_read_between_the_lines_around_them(tmp_path: Path, encoding: dict[str, str], zipped: bool) -> None:
    """singer-sdk writes gzip also where its settings say none."""
    world = World()
    first = jsonl(tmp_path / "1.json", [row(n, "b") for n in range(5)], zipped)
    second = jsonl(tmp_path / "2.json", [row(n, "c") for n in range(3, 8)], zipped)
    lines = [schema_line(), record_line(0, "p0@x.com", "a"), state_line(1), batch_line(encoding, first, second)]
    lines += [state_line(2), record_line(7, "p7@x.com", "d"), state_line(3)]
    ending = run(lines, world, tmp_path / "ledger.db")
    assert ending.stop is None
    assert ending.states[-1] == b'{"position": 3}'
    assert names(world) == {f"p{n}@x.com": "bbbccccd"[n] for n in range(8)}
    assert ending.counts["read"] == 12
    assert (tmp_path / "1.json").exists(), "the file is the tap's"


def test_unchanged_rows_of_a_file_cost_no_call(tmp_path: Path) -> None:
    world = World()
    lines = [schema_line(), batch_line(JSONL, jsonl(tmp_path / "1", [row(n) for n in range(9)])), state_line(1)]
    run(lines, world, tmp_path / "ledger.db")
    again = run(lines, world, tmp_path / "ledger.db")
    assert again.counts["unchanged"] == 9
    assert again.requests == []


def test_a_batch_on_the_last_line_without_its_end(tmp_path: Path) -> None:
    url = jsonl(tmp_path / "1", [row(n) for n in range(9)])
    world = World()
    with_end = [schema_line(), batch_line(JSONL, url)]
    assert run(with_end, world, tmp_path / "ledger.db").counts["created"] == 9
    with parts(tmp_path / "other.db") as core:
        core.reader.feed(b"\n".join(with_end))
        assert not core.reader.end()
        while core.reader.busy:
            core.reader.advance()
        assert core.reader.end()
        assert core.counts["read"] == 9


def test_reading_can_pause_in_the_middle_of_a_file(tmp_path: Path) -> None:
    """What is in memory is bounded by one group, whatever the size of the file; the lines after it wait."""
    url = jsonl(tmp_path / "1", [row(n) for n in range(3 * GROUP + 5)], zipped=True)
    with parts(tmp_path / "ledger.db", Policy(max_rows=100)) as core:
        core.reader.feed(b"\n".join([schema_line(), batch_line(GZIP, url), record_line(9_999, "l@x.com", "last"), b""]))
        steps, now = [], 0.0
        while core.reader.busy:
            before = core.counts["read"]
            core.reader.advance()
            steps.append(core.counts["read"] - before)
            while not core.delivery.room:
                core.delivery.turn(now := now + 1.0)
        core.reader.flush()
        assert steps == [GROUP, GROUP, GROUP, 5, 0]
        assert core.counts["read"] == 3 * GROUP + 6


def test_wide_rows_are_taken_by_their_bytes(tmp_path: Path) -> None:
    url = jsonl(tmp_path / "1", [{**row(n), "wide": "x" * 3_000_000} for n in range(4)])
    with parts(tmp_path / "ledger.db") as core:
        core.reader.feed(b"\n".join([schema_line(), batch_line(JSONL, url), b""]))
        core.reader.advance()
        assert core.counts["read"] == 2


class Upper:
    """A stream map that writes names in capitals and leaves row 3 out."""

    stream_alias = "people"
    transformed_key_properties: ClassVar[list[str] | None] = ["id"]
    transformed_schema: ClassVar[dict[str, Json]] = {**SCHEMA}  # type: ignore[dict-item]

    def transform(self, record: Record) -> Record | None:
        return None if record["id"] == 3 else {**record, "name": str.upper(record["name"])}  # type: ignore[arg-type]


@pytest.mark.parametrize("left_out", [False, True])
def test_stream_maps_are_applied_to_files_and_to_odd_lines(tmp_path: Path, left_out: bool) -> None:
    url = jsonl(tmp_path / "1", [row(n) for n in range(5)])
    odd = b'{"type": "RECORD", "stream": "people", "record": {"id": 9, "email": "z@x.com", "name": "z", "odd": NaN}}'
    bad = odd.replace(b'"id": 9', b'"id": 10').replace(b'"z"', b"NaN")
    with parts(tmp_path / "ledger.db", register=lambda *_: [] if left_out else [Upper()]) as core:
        core.reader.feed(b"\n".join([schema_line(), batch_line(JSONL, url), odd, bad, state_line(1), b""]))
        while core.reader.busy:
            core.reader.advance()
        assert core.turns(5.0) == [b'{"position": 1}']
        found = names(core.world)
        assert found == ({} if left_out else {"z@x.com": "Z", **{f"p{n}@x.com": "A" for n in (0, 1, 2, 4)}})
        if not left_out:
            assert (core.counts["filtered"], core.counts["invalid"]) == (1, 1)


HISTORIES = st.lists(st.tuples(st.integers(1, 4), st.sampled_from("abc"), st.booleans()), min_size=1, max_size=20)


@settings(max_examples=100, deadline=None)
@given(HISTORIES, st.integers(0, 2**32), st.floats(0, 0.3), st.integers(1, 80), st.booleans())
def test_files_and_lines_keep_the_order_under_faults_and_a_crash(
    history: list[tuple[int, str, bool]], seed: int, faults: float, crash_at: int, crash: bool
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder, world = Path(name), World()
        lines = [schema_line()]
        held: list[dict[str, object]] = []
        for n, (key, value, in_file) in enumerate(history):
            if in_file:
                held.append(row(key, value))
                continue
            if held:
                lines.append(batch_line(GZIP, jsonl(folder / f"{n}", held, True)))
                held = []
            lines += [record_line(key, f"p{key}@x.com", value), state_line(n + 1)]
        lines += [batch_line(JSONL, jsonl(folder / "last", held)), state_line(len(history))]
        if crash:
            run(lines, world, folder / "ledger.db", seed, faults=faults, crash_at=crash_at)
        ending = run(lines, world, folder / "ledger.db", seed + 1, faults=faults)
        assert ending.stop is None
        assert names(world) == {f"p{key}@x.com": value for key, value, _ in history}


# -- files that are not what they should be ------------------------------------------------------------------


def whole(rows: int) -> bytes:
    return gzip.compress(
        b"".join(json.dumps(row(n, Random(n).randbytes(20).hex())).encode() + b"\n" for n in range(rows)), mtime=0
    )


@pytest.mark.parametrize(
    ("encoding", "content", "why", "read"),
    [
        (JSONL, None, "cannot be read: No such file or directory", 0),
        (GZIP, b'{"id": 1, "email": "zanzibar", "name": "a"}\n', "cannot be read: it is no gzip file", 0),
        (GZIP, b"", "cannot be read: it is no gzip file", 0),
        (GZIP, whole(3000)[:-4], "cannot be read: it is cut off or damaged", 3000),
        (GZIP, whole(50)[:10] + b"zanzibar" * 9, "cannot be read: it is cut off or damaged", 0),
        (JSONL, whole(3000)[:-4], "cannot be read: it is cut off or damaged", 3000),
        (JSONL, json.dumps(row(1)).encode() + b'\n{"id": "zanzi', "line 2: no record", 1),
        (JSONL, json.dumps(row(1)).encode() + b'\n["zanzibar"]\n', "line 2: no record", 1),
        (JSONL, json.dumps(row(1)).encode() + b'\n\n{"zanzibar": NaN]\n', "line 3: no record", 1),
        (PARQUET, b"zanzibar", "cannot be read as Parquet", 0),
        (PARQUET, b"PAR1zanzibarzanzibarPAR1", "cannot be read as Parquet", 0),
        (PARQUET, None, "cannot be read: No such file or directory", 0),
    ],
)
def test_a_file_that_cannot_be_read_ends_the_run_after_what_came_before(
    tmp_path: Path, encoding: dict[str, str], content: bytes | None, why: str, read: int
) -> None:
    file = tmp_path / "secret folder" / "tap--people-1.json"
    file.parent.mkdir()
    if content is not None:
        file.write_bytes(content)
    world = World()
    lines = [schema_line(), record_line(9_999, "z@x.com", "a"), state_line(1), batch_line(encoding, file.as_uri())]
    ending = run([*lines, state_line(2)], world, tmp_path / "ledger.db")
    assert isinstance(ending.stop, MalformedInput)
    assert ending.stop.message.startswith("input line 4: BATCH file 'tap--people-1.json'")
    assert why in ending.stop.message
    assert CANARY not in str(ending.stop)
    assert "secret folder" not in str(ending.stop)
    assert ending.states[-1] == b'{"position": 1}'
    assert "z@x.com" in names(world)
    assert ending.counts["read"] <= read + 1
    assert ending.counts["read"] == read + 1 or encoding is not JSONL or content is None


def test_an_endless_line_in_a_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batchfiles, "LONGEST_LINE", 1_000)
    url = jsonl(tmp_path / "1", [row(1), b'{"id": "' + b"x" * 2_000])
    ending = run([schema_line(), batch_line(JSONL, url)], World(), tmp_path / "ledger.db")
    assert str(ending.stop) == "input line 2: BATCH file '1', line 2: longer than 1000 bytes"
    assert ending.counts["created"] == 1


def test_a_folder_or_a_pipe_is_no_file(tmp_path: Path) -> None:
    ending = run([schema_line(), batch_line(JSONL, tmp_path.as_uri())], World(), tmp_path / "ledger.db")
    assert isinstance(ending.stop, MalformedInput)
    assert "is no file" in ending.stop.message
    assert list(read_batch(1, JSONL, [])) == []
    with pytest.raises(MalformedInput, match="is no file"):
        list(read_batch(1, JSONL, ["file:///dev/null"]))


@pytest.mark.parametrize("url", ["s3://zanzibar/1.json.gz", "gs://zanzibar/1", "https://zanzibar/1", "S3://zanzibar"])
def test_files_that_lie_elsewhere_are_not_fetched(tmp_path: Path, url: str) -> None:
    here = jsonl(tmp_path / "1", [row(1)])
    lines = [schema_line(), record_line(9, "z@x.com", "a"), batch_line(JSONL, here, url)]
    world = World()
    ending = run(lines, world, tmp_path / "ledger.db")
    assert isinstance(ending.stop, Misconfigured)
    assert ending.stop.message.startswith("input line 3: ")
    assert "only file: is read" in ending.stop.message
    assert CANARY not in str(ending.stop) + ending.stop.advice
    assert list(names(world)) == ["z@x.com"]


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ({"encoding": {"format": "csv"}, "manifest": []}, Misconfigured),
        ({"encoding": {"format": "jsonl", "compression": "zstd"}, "manifest": []}, Misconfigured),
        ({"encoding": {"format": ["zanzibar"]}, "manifest": []}, Misconfigured),
        ({"encoding": "zanzibar", "manifest": []}, MalformedInput),
        ({"encoding": JSONL}, MalformedInput),
        ({"encoding": JSONL, "manifest": "zanzibar"}, MalformedInput),
        ({"encoding": JSONL, "manifest": [7]}, MalformedInput),
        ({"encoding": JSONL, "manifest": [""]}, MalformedInput),
        ({"encoding": JSONL, "manifest": ["a\0b"]}, MalformedInput),
        ({"manifest": []}, MalformedInput),
        ({"encoding": JSONL, "manifest": [], "stream": None}, MalformedInput),
        ({"encoding": JSONL, "manifest": [], "stream": "others"}, MalformedInput),
    ],
)
def test_a_batch_that_is_none(tmp_path: Path, message: dict[str, object], kind: type[Exception]) -> None:
    line = json.dumps({"type": "BATCH", "stream": "people", **message}).encode()
    ending = run([schema_line(), line], World(), tmp_path / "ledger.db")
    assert type(ending.stop) is kind
    assert str(ending.stop).startswith("input line 2: ")
    assert CANARY not in str(ending.stop)


@pytest.mark.parametrize("form", ["file://{}", "file:{}", "file://localhost{}", "{}", "quoted", "relative", "plain"])
def test_the_forms_of_a_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "a folder" / "tap--people 100%25.json"
    file.parent.mkdir()
    quoted = jsonl(file, [row(1)])
    below = "a folder/tap--people 100%25.json"
    url = {"quoted": quoted, "relative": f"file://{below}", "plain": below}.get(form, form.format(file))
    assert [decode_record(text) for text in read_batch(1, JSONL, [url])] == [row(1)]


# -- what a file proves --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("version", "gone"), [(None, 0), (2, 1)])
def test_a_batch_proves_completeness_only_with_a_version(tmp_path: Path, version: int | None, gone: int) -> None:
    path, world = tmp_path / "ledger.db", World()
    one, two = jsonl(tmp_path / "1", [row(1), row(2)]), jsonl(tmp_path / "2", [row(1)])
    run([schema_line(), batch_line(JSONL, one)], world, path)
    ending = run([schema_line(), batch_line(JSONL, two, version=version), activate_line(2)], world, path)
    assert ending.stop is None
    assert ending.counts.get("left", 0) == gone


# -- Parquet -------------------------------------------------------------------------------------------------


def parquet(path: Path, rows: list[dict[str, object]], schema: object = None, **more: object) -> str:
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path, **more)
    return path.as_uri()


def test_parquet_files_are_delivered(tmp_path: Path) -> None:
    url = parquet(tmp_path / "1.parquet.gz", [row(n) for n in range(2_500)], compression="gzip", row_group_size=700)
    world = World()
    lines = [schema_line(), batch_line({"format": "parquet", "compression": "gzip"}, url), state_line(1)]
    limits = Limits(rows=1_000, body_bytes=10**7, concurrency=3, requests=10**6, window=10.0)
    ending = run(lines, world, tmp_path / "ledger.db", limits=limits)
    assert ending.stop is None
    assert ending.counts["created"] == 2_500
    again = run(lines, world, tmp_path / "ledger.db", limits=limits)
    assert again.counts["unchanged"] == 2_500


def test_values_of_parquet_keep_their_digits_and_odd_ones_are_named(tmp_path: Path) -> None:
    moment = datetime(2026, 10, 17, 9, 30, tzinfo=timezone.utc)
    rows: list[dict[str, object]] = [
        {
            "d": Decimal("12345678901234567.10"),
            "t": moment,
            "day": date(2026, 10, 17),
            "b": "é".encode(),
            "l": [1, None],
        },
        {"d": None, "f": float("nan"), "b": b"\xff", "l": None, "g": [{"x": float("inf")}]},
    ]
    url = parquet(tmp_path / "1", rows, schema=None)
    first, second = (decode_record(text) for text in read_batch(1, PARQUET, [url]))
    assert first["d"] == Decimal("12345678901234567.10")
    assert first["t"] in ("2026-10-17T09:30:00Z", "2026-10-17T09:30:00+00:00")
    assert (first["day"], first["b"], first["l"]) == ("2026-10-17", "é", [1, None])
    odd = {name for name, value in second.items() if value is not None}
    assert {type(second[name]).__name__ for name in odd} == {"Unreadable"}
    assert odd <= {"f", "b", "g"}
    assert "b" in odd


def test_parquet_without_pyarrow_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    monkeypatch.setitem(__import__("sys").modules, "pyarrow.parquet", None)
    with pytest.raises(Misconfigured) as caught:
        read_batch(1, PARQUET, ["file:///x"])
    assert "needs pyarrow" in caught.value.message
    assert "penstock[parquet]" in caught.value.advice

"""BATCH files: what readers find in them is what RECORD lines would have said."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from singer_sdk import Sink, Target
from singer_sdk.helpers._batch import BaseBatchFileEncoding

from penstock.batchfiles import read_batch
from tap_warehouse.batches import BatchConfig
from tap_warehouse.errors import ConfigurationError, OutputFault, ReadFault, TapError
from tap_warehouse.parquet import arrow_type
from tests.tap.helpers import Message, command, database, emitted, kinds, records

FORMATS = [
    {"format": "jsonl", "compression": "gzip"},
    {"format": "jsonl", "compression": "none"},
    {"format": "jsonl"},
    {"format": "parquet"},
    {"format": "parquet", "compression": "gzip"},
]
VALUES = {
    "i": "-9223372036854775808",
    "u": "18446744073709551615::ubigint",
    "huge": "-170141183460469231731687303715884105727::hugeint",
    "d": "1234567890123456789012345678901234.5600::decimal(38,4)",
    "whole": "-7::decimal(20,0)",
    "f": "0.1::double",
    "large": "1e300::double",
    "single": "0.1::float",
    "b": "true",
    "t": "'żółć \"quoted\" \\ 🚀' || chr(10) || chr(13) || chr(1)",
    "empty": "''",
    "date": "date '2024-02-29'",
    "at": "timestamp '2024-01-02 03:04:05.6'",
    "zoned": "timestamptz '2024-01-02 03:04:05.6+02'",
    "time": "time '03:04:05'",
    "bytes": "'\\x00\\xff'::blob",
    "uuid": "'0a1b2c3d-0000-4000-8000-000000000000'::uuid",
    "list": "[1, null, 3]",
    "texts": "['a', null, '']",
    "struct": "{'a': 1, 'b': {'c': 'x', 'd': null::int}}",
    "structs": "[{'a': 1}, null]",
}


def config(folder: Path, encoding: dict[str, str], **more: Any) -> dict[str, Any]:
    return {"batch_config": {"encoding": encoding, "storage": {"root": folder.as_uri()}, **more}}


def contents(messages: Sequence[Message]) -> list[list[dict[str, Any]]]:
    """Read the files of each BATCH as a target of ours does."""
    read = []
    for message in messages:
        if message["type"] == "BATCH":
            rows = read_batch(1, message["encoding"], message["manifest"])
            read.append([json.loads(row, parse_float=Decimal) for row in rows])
    return read


def flat(messages: Sequence[Message]) -> list[dict[str, Any]]:
    return [row for rows in contents(messages) for row in rows]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return database(tmp_path / "w.duckdb", "create table t as select i as id, 'v' || i as v from range(25) r(i)")


def model(**more: Any) -> dict[str, Any]:
    return {"t": {"table": "t", "primary_key": "id", **more}}


@pytest.mark.parametrize("encoding", FORMATS)
def test_every_value_comes_back_as_in_a_record(tmp_path: Path, encoding: dict[str, str]) -> None:
    columns = ", ".join(f'{value} as "{name}"' for name, value in VALUES.items())
    nothing = ", ".join(f'null as "{name}"' for name in VALUES)
    path = database(
        tmp_path / "w.duckdb",
        f"create table t as select 1 as id, {columns}",
        f"insert into t by name select 2 as id, {nothing}",
    )
    plain = records(emitted(path, model()))
    batched = emitted(path, model(), **config(tmp_path / "files", encoding))
    assert [message["type"] for message in batched] == ["SCHEMA", "BATCH", "STATE"]
    assert flat(batched) == plain
    assert all(row.keys() == plain[0].keys() for row in flat(batched))
    message = batched[1]
    assert message["stream"] == "t"
    assert message["encoding"]["format"] == encoding["format"]
    assert message["manifest"][0].startswith("file:///")


@pytest.mark.parametrize("encoding", FORMATS)
def test_the_readers_of_singer_sdk_find_the_same(tmp_path: Path, file: Path, encoding: dict[str, str]) -> None:
    """Its targets take gzip for granted only where the message says so."""
    found: list[dict[str, Any]] = []

    class Kept(Sink):
        def process_batch(self, context: dict[str, Any]) -> None:
            found.extend(context["records"])

        def process_record(self, record: dict[str, Any], context: dict[str, Any]) -> None:
            raise AssertionError

    class Reader(Target):
        name = "target-reader"
        config_jsonschema = {"type": "object", "properties": {}}  # noqa: RUF012 as the SDK has it
        default_sink_class = Kept

    messages = emitted(file, model(), **config(tmp_path / "a folder", encoding, batch_size=10))
    sink = Kept(Reader(config={}), "t", messages[0]["schema"], ["id"])
    for message in messages:
        if message["type"] == "BATCH":
            sink.process_batch_files(BaseBatchFileEncoding.from_dict(message["encoding"]), message["manifest"])
    assert found == [{"id": at, "v": f"v{at}"} for at in range(25)]


# Versions


def test_a_full_read_closes_nothing_unless_the_target_takes_versions(
    tmp_path: Path, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    messages = emitted(file, model(), **config(tmp_path / "files", FORMATS[0], batch_size=10))
    assert kinds(messages) == ["SCHEMA", *["BATCH", "STATE"] * 2, "BATCH", "STATE"]
    assert [len(rows) for rows in contents(messages)] == [10, 10, 5]
    assert not [message for message in messages if "version" in message]
    assert "the target is not told which rows have left" in caplog.text


def test_with_versions_a_batch_carries_one_and_the_stream_is_closed(tmp_path: Path, file: Path) -> None:
    messages = emitted(file, model(), **config(tmp_path / "files", FORMATS[0], batch_size=10, versions=True))
    assert kinds(messages) == ["SCHEMA", *["BATCH", "STATE"] * 2, "BATCH", "ACTIVATE_VERSION", "STATE"]
    assert len({message["version"] for message in messages if message["type"] in {"BATCH", "ACTIVATE_VERSION"}}) == 1


@pytest.mark.parametrize("encoding", [FORMATS[0], FORMATS[3]])
@pytest.mark.parametrize("versions", [True, False])
def test_a_snapshot_says_in_files_what_has_left(
    tmp_path: Path, file: Path, encoding: dict[str, str], versions: bool
) -> None:
    """Without versions the whole emission is made of RECORD lines: it has to be closed."""
    more = {**config(tmp_path / "files", encoding, versions=versions), "snapshot_folder": str(tmp_path / "kept")}
    first = emitted(file, model(change="snapshot"), **more)
    assert first[-2]["type"] == "ACTIVATE_VERSION"
    assert len(flat(first) if versions else records(first)) == 25
    assert bool(records(first)) is not versions
    database(file, "delete from t where id = 3", "update t set v = 'new' where id = 4")
    second = emitted(file, model(change="snapshot"), state=first[-1]["value"], **more)
    assert kinds(second) == ["STATE", "SCHEMA", "BATCH", "STATE"]
    gone, changed = flat(second)
    assert (gone["id"], gone["_sdc_deleted_at"] is None) == (3, False)
    assert (changed["id"], changed["v"], changed.get("_sdc_deleted_at")) == (4, "new", None)
    third = emitted(file, model(change="snapshot"), state=second[-1]["value"], **more)
    assert kinds(third) == ["STATE", "SCHEMA", "STATE"]


def test_a_state_comes_only_where_the_replication_key_changes(tmp_path: Path) -> None:
    path = database(tmp_path / "w.duckdb", "create table t as select i as id, i // 4 as seen from range(12) r(i)")
    incremental = model(change="incremental", replication_key="seen")
    messages = emitted(path, incremental, **config(tmp_path / "files", FORMATS[0], batch_size=3))
    said, bookmarks = 0, []
    for message in messages:
        if message["type"] == "BATCH":
            said += len(contents([message])[0])
        if message["type"] == "STATE":
            bookmarks.append((said, message["value"]["bookmarks"]["t"]["replication_key_value"]))
    assert bookmarks == [(4, 0), (8, 1), (12, 2)]
    assert sorted(row["id"] for row in flat(messages)) == list(range(12))
    again = emitted(path, incremental, state=messages[-1]["value"], **config(tmp_path / "files", FORMATS[0]))
    assert sorted(row["id"] for row in flat(again)) == [8, 9, 10, 11]


def test_rows_to_be_refused_stay_lines(tmp_path: Path) -> None:
    path = database(
        tmp_path / "w.duckdb", "create table t as select * from (values (1, 'a'), (1, 'b'), (2, 'c')) v(id, v)"
    )
    messages = emitted(path, model(), **config(tmp_path / "files", FORMATS[3]))
    assert sorted(record["v"] for record in records(messages)) == ["a", "b"]
    assert flat(messages) == [{"id": 2, "v": "c"}]


# Files


def test_a_stream_without_rows_has_no_file(tmp_path: Path, file: Path) -> None:
    messages = emitted(file, model(where="false"), **config(tmp_path / "files", FORMATS[0]))
    assert kinds(messages) == ["SCHEMA", "STATE"]
    assert not (tmp_path / "files").exists()


def test_names_of_files(tmp_path: Path, file: Path) -> None:
    models = {"../odd ✓": {"table": "t", "primary_key": "id"}}
    settings = config(tmp_path / "a folder", FORMATS[0])
    settings["batch_config"]["storage"]["prefix"] = "nightly-"
    [message] = [each for each in emitted(file, models, **settings) if each["type"] == "BATCH"]
    path = Path(message["manifest"][0].removeprefix("file://"))
    assert path.parent == tmp_path / "a folder"
    assert path.name.startswith("nightly-tap-duckdb--___odd__-")
    assert path.stat().st_mode & 0o077 == 0
    assert gzip.decompress(path.read_bytes()).count(b"\n") == 25
    assert [each.name for each in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("encoding", [FORMATS[0], FORMATS[3]])
def test_a_read_that_fails_leaves_no_half_file(tmp_path: Path, encoding: dict[str, str]) -> None:
    path = database(
        tmp_path / "w.duckdb",
        "create table t as select i as id, case i when 399999 then 'x' else '1' end as v from range(400000) r(i)",
    )
    models = {"q": {"sql": "select id, cast(v as int) as n from t", "primary_key": "id"}}
    with pytest.raises(ReadFault):
        emitted(path, models, check_keys=False, **config(tmp_path / "files", encoding, batch_size=1_000_000))
    assert list((tmp_path / "files").iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_no_message_names_a_file_that_is_not_whole(tmp_path: Path, number: int) -> None:
    path = database(tmp_path / "w.duckdb", "create table t as select i as id from range(3000000) r(i)")
    settings = {"path": str(path), "models": model(), **config(tmp_path / "files", FORMATS[0], batch_size=20_000)}
    with subprocess.Popen(command(tmp_path, settings), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as tap:
        assert tap.stdout is not None
        first = [tap.stdout.readline() for _ in range(4)]
        tap.send_signal(number)
        rest, log = tap.communicate(timeout=60)
    whole = b"".join(first) + rest
    messages = [json.loads(line) for line in whole[: whole.rfind(b"\n") + 1].splitlines()]
    assert tap.returncode == (143 if number == signal.SIGTERM else -9)
    assert b"Traceback" not in log
    read = contents(messages)
    assert {len(rows) for rows in read} == {20_000}
    if number == signal.SIGTERM:
        assert not list((tmp_path / "files").glob(".*"))


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, file: Path) -> None:
    (tmp_path / "files").write_text("a file")
    with pytest.raises(OutputFault, match=r"batch_config\.storage"):
        emitted(file, model(), **config(tmp_path / "files", FORMATS[0]))


# What cannot be


@pytest.mark.parametrize("expression", ["map {'a': 1}", "'{}'::json", "union_value(a := 1)", "[1.5::decimal(3,1)]"])
def test_parquet_refuses_what_it_could_not_give_back(tmp_path: Path, expression: str) -> None:
    path = database(tmp_path / "w.duckdb", f'create table t as select 1 as id, {expression} as "odd one"')
    with pytest.raises(ConfigurationError, match="column 'odd one'"):
        emitted(path, model(), **config(tmp_path / "files", FORMATS[3]))
    assert flat(emitted(path, model(), **config(tmp_path / "files", FORMATS[0])))[0]["id"] == 1


@pytest.mark.parametrize(
    ("schema", "kind", "found"),
    [
        ("number", "double precision", "double"),
        ("number", "FLOAT", "double"),
        ("number", "numeric(12,2)", "decimal128(12, 2)"),
        ("number", "NUMBER(38,10)", "decimal128(38, 10)"),
        ("number", "numeric(60,2)", "decimal256(60, 2)"),
        ("integer", "NUMBER(38,0)", "decimal128(38, 0)"),
        ("integer", "numeric(3,-2)", "decimal128(5, 0)"),
        ("integer", "bigint", "int64"),
        ("number", "numeric", "None"),
        ("number", "numeric(90,2)", "None"),
        ("number", "DECFLOAT", "None"),
        ("integer", "BIGNUM", "None"),
        ("array", "integer[]", "None"),
        ("object", "jsonb", "None"),
    ],
)
def test_types_of_numbers(schema: str, kind: str, found: str) -> None:
    assert str(arrow_type({"type": schema}, kind)) == found


def test_nan_is_no_number_in_parquet_either(tmp_path: Path) -> None:
    path = database(tmp_path / "w.duckdb", "create table t as select 1 as id, 'NaN'::double as f")
    [message] = [m for m in emitted(path, model(), **config(tmp_path / "files", FORMATS[3])) if m["type"] == "BATCH"]
    [row] = read_batch(1, message["encoding"], message["manifest"])
    assert b"NaN" in row
    with pytest.raises(msgspec.DecodeError):
        msgspec.json.decode(row)


@pytest.mark.parametrize(
    "given",
    [
        {"encoding": {"format": "csv"}, "storage": {"root": "file:///tmp"}},
        {"encoding": {"format": "jsonl", "compression": "zstd"}, "storage": {"root": "file:///tmp"}},
        {"encoding": {"format": "jsonl"}},
        {"encoding": {"format": "jsonl"}, "storage": {"root": "s3://bucket"}},
        {"encoding": {"format": "jsonl"}, "storage": {"root": "file:///tmp", "prefix": "../x"}},
        {"encoding": {"format": "jsonl"}, "storage": {"root": "file:///tmp"}, "batch_size": 0},
    ],
)
def test_settings_that_are_none(file: Path, given: dict[str, Any]) -> None:
    with pytest.raises(TapError) as raised:
        emitted(file, model(), batch_config=given)
    assert raised.value.exit_code == 2


@pytest.mark.parametrize(
    ("root", "folder"),
    [("file:///a%20b/c", "/a b/c"), ("/a/b", "/a/b"), ("x", "/base/x"), ("file://x/y", "/base/x/y")],
)
def test_roots(root: str, folder: str) -> None:
    given = {"encoding": {"format": "jsonl"}, "storage": {"root": root}}
    read = BatchConfig.of(given, "tap", Path("/base"))
    assert read is not None
    assert os.fspath(read.folder) == folder

"""What stands in the warehouse stands in the line, to the last digit and character."""

from __future__ import annotations

import base64
import json
import math
import struct
from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.tap.helpers import database, emitted, records

MODEL = {"t": {"table": "t", "primary_key": "id"}}
ROW = {
    "whole": ("hugeint", st.integers(-(2**127) + 1, 2**127 - 1)),
    "money": ("decimal(38,9)", st.integers(-(10**38) + 1, 10**38 - 1).map(lambda n: Decimal(f"{n}E-9"))),
    "number": ("double", st.floats()),
    "short": ("float", st.floats(width=32)),
    "words": ("varchar", st.text()),
    "flag": ("boolean", st.booleans()),
    "day": ("date", st.dates()),
    "moment": ("timestamp", st.datetimes()),
    "instant": (
        "timestamptz",
        st.datetimes(min_value=datetime(2, 1, 1), max_value=datetime(9998, 1, 1), timezones=st.just(timezone.utc)),  # noqa: DTZ001 hypothesis wants them naive
    ),
    "clock": ("time", st.times()),
    "bytes": ("blob", st.binary()),
    "ident": ("uuid", st.uuids()),
    "numbers": ("double[]", st.lists(st.none() | st.floats(), max_size=4)),
    "texts": ("varchar[]", st.lists(st.none() | st.text(), max_size=4)),
    "nest": (
        'struct("a\'b" varchar, days date[], deep struct(x double))',
        st.fixed_dictionaries(
            {
                "a'b": st.none() | st.text(),
                "days": st.none() | st.lists(st.none() | st.dates(), max_size=3),
                "deep": st.none() | st.fixed_dictionaries({"x": st.none() | st.floats()}),
            }
        ),
    ),
}


def expected(value: Any) -> Any:
    """The JSON value that a Python value of DuckDB's client should arrive as."""
    if isinstance(value, list):
        return [expected(item) for item in value]
    if isinstance(value, dict):
        return {key: expected(item) for key, item in value.items()}
    if isinstance(value, float):
        return value if math.isfinite(value) else {"inf": "Infinity", "-inf": "-Infinity"}.get(str(value), "NaN")
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=timezone.utc)
    if isinstance(value, bytes):
        value = base64.b64encode(value).decode()
    return value.isoformat() if isinstance(value, date) else str(value) if isinstance(value, UUID) else value


def compare(got: Any, want: Any, name: str) -> None:
    """Equal, and of the same kind: 1 is not True, 0.0 is not -0.0."""
    if isinstance(want, datetime):
        assert got.endswith("+00:00"), name
        got = datetime.fromisoformat(got)
    elif name == "clock" and want is not None:
        got, want = got.ljust(15, "0") if "." in got else got, want.isoformat()
    elif isinstance(want, float):
        assert isinstance(got, Decimal), name
        read = struct.unpack("f", struct.pack("f", float(got)))[0] if name == "short" else float(got)
        assert read == want, name
        assert math.copysign(1, got) == math.copysign(1, want), name
        return
    elif isinstance(want, list) and got is not None:
        assert len(got) == len(want), name
        for one, other in zip(got, want, strict=True):
            compare(one, other, name)
        return
    elif isinstance(want, dict) and got is not None:
        assert list(got) == list(want), name
        for key, other in want.items():
            compare(got[key], other, name)
        return
    elif isinstance(want, Decimal):
        assert isinstance(got, Decimal), name
    assert got == want, name
    assert isinstance(got, bool) == isinstance(want, bool), name


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with TemporaryDirectory() as name:
        yield Path(name)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rows=st.lists(st.fixed_dictionaries({name: st.none() | kind for name, (_, kind) in ROW.items()}), max_size=5))
def test_any_row_arrives_exactly(folder: Path, rows: list[dict[str, Any]]) -> None:
    path = folder / "w.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("set TimeZone = 'UTC'")
        columns = ", ".join(f"{name} {kind}" for name, (kind, _) in ROW.items())
        connection.execute(f"create or replace table t (id int, {columns})")
        marks = ", ".join(f"?::{kind}" for kind, _ in ROW.values())
        for number, row in enumerate(rows):
            connection.execute(f"insert into t values ({number}, {marks})", [row[name] for name in ROW])
    with duckdb.connect(str(path), read_only=True) as connection:  # anew: 1.5 may lose a minus sign of 0.0 in the file
        connection.execute("set TimeZone = 'UTC'")
        query = "select * exclude (id) replace (instant at time zone 'UTC' as instant) from t order by id"
        rows = [dict(zip(ROW, values, strict=True)) for values in connection.execute(query).fetchall()]
    got = records(emitted(path, MODEL))
    assert [record.pop("id") for record in got] == list(range(len(rows)))
    for record, row in zip(got, rows, strict=True):
        assert list(record) == list(ROW)
        for name, value in row.items():
            compare(record[name], expected(value), name)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=st.text(), names=st.lists(st.text(min_size=1), min_size=1, max_size=4, unique_by=str.casefold))
def test_text_and_names_arrive_exactly(folder: Path, text: str, names: list[str]) -> None:
    names = [name.replace("\0", "_") + str(place) for place, name in enumerate(names)]  # no SQL name holds a NUL
    path = folder / "n.duckdb"
    with duckdb.connect(str(path)) as connection:
        columns = ", ".join('"' + name.replace('"', '""') + '" varchar' for name in names)
        connection.execute("drop table if exists t")
        connection.execute(f"create table t ({columns})")
        connection.execute(f"insert into t values ({', '.join('?' for _ in names)})", [text] * len(names))
    stream = f"the {text} stream"
    messages = emitted(path, {stream: {"table": "t", "primary_key": names[0]}})
    assert records(messages, stream) == [dict.fromkeys(names, text)]
    assert messages[0]["key_properties"] == [names[0]]
    assert set(messages[-1]["value"]["bookmarks"]) == {stream}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(value=JSON, indent=st.sampled_from([None, 2]))
def test_stored_json_arrives_exactly(folder: Path, value: Any, indent: int | None) -> None:
    path = folder / "j.duckdb"
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    with duckdb.connect(str(path)) as connection:
        connection.execute("create or replace table t as select 1 as id, ?::json as j", [text])
    assert json.loads(json.dumps(records(emitted(path, MODEL))[0]["j"], default=float)) == value


def single(tmp_path: Path, expression: str) -> Any:
    path = database(tmp_path / "w.duckdb", f"create table t as select 1 as id, {expression} as x")
    messages = emitted(path, MODEL)
    return messages[0]["schema"]["properties"]["x"], records(messages)[0]["x"]


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        (
            '\'[NaN, -Infinity, inf, "a: NaN, ]", {"b": 1,},]\'::json',
            ["NaN", "-Infinity", "inf", "a: NaN, ]", {"b": 1}],
        ),
        ("'12345678901234567890.1230'::json", Decimal("12345678901234567890.1230")),
        ("[12345678901234567.89::decimal(38,2)]", [Decimal("12345678901234567.89")]),
        ("['{\"a\": 0.10000000000000000000001}'::json]", [{"a": Decimal("0.10000000000000000000001")}]),
        ("map {'k\"': [1.5::double, 'nan'::double], 'n': null}", {'k"': [Decimal("1.5"), "NaN"], "n": None}),
        ("map {7: timestamp '2024-01-02 03:04:05'}", {"7": "2024-01-02T03:04:05.000000+00:00"}),
        ("union_value(k := 'inf'::float)", {"k": "Infinity"}),
        ("[1, null, 3]::int[3]", [1, None, 3]),
        ("[[1], null, []]", [[1], None, []]),
        ("'a\"''b'::enum('a\"''b', 'c')", "a\"'b"),
        ("interval '1 month 2 days 03:04:05'", "1 month 2 days 03:04:05"),
        ("'10101'::bit", "10101"),
        ("'2024-01-02 03:04:05.123456789'::timestamp_ns", "2024-01-02T03:04:05.123456789+00:00"),
        ("'2024-01-02 03:04:05'::timestamp_s", "2024-01-02T03:04:05.000000+00:00"),
        ("'2024-01-02 03:04:05.678'::timestamp_ms", "2024-01-02T03:04:05.678000+00:00"),
        ("'2024-01-02 03:04:05+05:30'::timestamptz", "2024-01-01T21:34:05.000000+00:00"),
        ("'infinity'::timestamp", "infinity"),
        ("'-infinity'::timestamptz", "-infinity"),
        ("'infinity'::timestamp_ns", "infinity"),
        ("'infinity'::date", "infinity"),
        ("'0044-03-15 (BC)'::date", "0044-03-15 (BC)"),
        ("340282366920938463463374607431768211455::uhugeint", 2**128 - 1),
        ("12::decimal(5,0)", 12),
        ("'a' || chr(0) || chr(8232) || 'b'", "a\0\u2028b"),
        ("{'a': null::int, 'b': null::int[]}", {"a": None, "b": None}),
        ("null::struct(a int)", None),
        ("null::map(varchar, int)", None),
        ("null::union(a int)", None),
        ("null::json", None),
        ("'null'::json", None),
        ("null::blob", None),
    ],
)
def test_types_of_duckdb(tmp_path: Path, expression: str, value: Any) -> None:
    assert single(tmp_path, expression)[1] == value


@pytest.mark.parametrize(
    ("expression", "schema"),
    [
        ("1::hugeint", {"type": ["integer", "null"]}),
        ("1::decimal(9,0)", {"type": ["integer", "null"]}),
        ("1::decimal(9,1)", {"type": ["number", "null"]}),
        ("now()", {"type": ["string", "null"], "format": "date-time"}),
        ("'x'::blob", {"type": ["string", "null"], "contentEncoding": "base64"}),
        ("[1.0::double]", {"type": ["array", "null"], "items": {"type": ["number", "null"]}}),
        ("{'a': true}", {"type": ["object", "null"], "properties": {"a": {"type": ["boolean", "null"]}}}),
        ("map {'a': 1}", {"type": ["object", "null"], "additionalProperties": {"type": ["integer", "null"]}}),
        ("'a'::enum('a')", {"type": ["string", "null"]}),
        ("'{}'::json", {"type": ["object", "array", "string", "number", "boolean", "null"]}),
    ],
)
def test_schemas_of_types(tmp_path: Path, expression: str, schema: dict[str, Any]) -> None:
    assert single(tmp_path, expression)[0] == schema


def test_expressions_that_only_sql_text_has(tmp_path: Path) -> None:
    path = database(tmp_path / "w.duckdb")
    query = "select 1 as id, row(1, 'nan'::double) as pair, null as nothing, timestamptz '2024-01-01 00:00:00+01' as z"
    (record,) = records(emitted(path, {"t": {"sql": query, "primary_key": "id"}}))
    assert record == {"id": 1, "pair": [1, "NaN"], "nothing": None, "z": "2023-12-31T23:00:00.000000+00:00"}


def test_a_thousand_columns_and_a_long_line(tmp_path: Path) -> None:
    columns = ", ".join(f"{n} as c{n}" for n in range(1000))
    path = database(tmp_path / "w.duckdb", f"create table t as select 1 as id, {columns}, repeat('é', 3000000) as x")
    (record,) = records(emitted(path, MODEL))
    assert len(record) == 1002
    assert record["x"] == "é" * 3_000_000


def test_times_of_another_zone_do_not_move(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    noon = datetime(2024, 1, 1, 12, tzinfo=timezone(timedelta(0)))
    assert single(tmp_path, "'2024-01-01 12:00:00+00'::timestamptz")[1] == noon.isoformat(timespec="microseconds")

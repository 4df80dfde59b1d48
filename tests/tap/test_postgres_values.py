"""PostgreSQL: every type keeps its value."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator  # type: ignore[import-untyped] # it ships no types

from demo.postgres_server import Server
from tap_warehouse.models import Model, Query
from tap_warehouse.postgres import PostgresDialect
from tests.tap.benches import state_of
from tests.tap.benches_postgres import LocalPostgresBench, PostgresBench
from tests.tap.helpers import records


@pytest.fixture(params=["warehouse", "local"])
def bench(postgres: Server, tmp_path: Path, request: pytest.FixtureRequest) -> PostgresBench:
    return PostgresBench(postgres) if request.param == "warehouse" else LocalPostgresBench(postgres, tmp_path)


def one(bench: PostgresBench, expression: str) -> tuple[Any, dict[str, Any]]:
    """A value as it leaves, and its schema. A full read and a snapshot's must agree."""
    full, kept = (
        bench.run(Model("t", Query(f"select 1 as id, {expression} as v", "sql"), ("id",), change=change))
        for change in ("full", "snapshot")
    )
    [record], [again] = records(full), records(kept)
    assert record == again
    schema: dict[str, Any] = full[0]["schema"]
    try:
        Draft7Validator(schema).validate(json.loads(json.dumps(record, default=float)))
    except Exception:
        if record["v"] not in ("NaN", "Infinity", "-Infinity"):
            raise
    return record["v"], schema["properties"]["v"]


VALUES = [
    ("cast(-7 as smallint)", -7, ["integer", "null"]),
    ("cast(9223372036854775807 as bigint)", 9223372036854775807, ["integer", "null"]),
    ("cast('1.50' as numeric(10,2))", Decimal("1.50"), ["number", "null"]),
    ("cast('12345678901234567890123.45' as numeric)", Decimal("12345678901234567890123.45"), ["number", "null"]),
    ("cast('12345678901234567890123' as numeric(30,0))", 12345678901234567890123, ["integer", "null"]),
    ("cast(1200 as numeric(3,-2))", 1200, ["integer", "null"]),
    ("cast('NaN' as numeric)", "NaN", ["number", "null"]),
    ("cast('Infinity' as numeric)", "Infinity", ["number", "null"]),
    ("cast('0.30000000000000004' as float8)", Decimal("0.30000000000000004"), ["number", "null"]),
    ("cast('1e300' as float8)", Decimal("1e300"), ["number", "null"]),
    ("cast('0.1' as float4)", Decimal("0.1"), ["number", "null"]),
    ("cast('NaN' as float8)", "NaN", ["number", "null"]),
    ("cast('-Infinity' as float4)", "-Infinity", ["number", "null"]),
    ("true", True, ["boolean", "null"]),
    ("cast(null as int)", None, ["integer", "null"]),
    ("cast('x' as char(3))", "x  ", ["string", "null"]),
    (r"E'quote \" back \\ tab \t line \n return \r bell \x07 one \x01 two \x02'", None, ["string", "null"]),
    ("U&'\\017C\\00F3\\0142\\0107 \\+01F680'", "żółć 🚀", ["string", "null"]),
    ("'\\.'", "\\.", ["string", "null"]),
    ("''", "", ["string", "null"]),
    ("cast('2024-01-02' as date)", "2024-01-02", ["string", "null"]),
    ("cast('03:04:05.6' as time)", "03:04:05.6", ["string", "null"]),
    ("cast('2024-01-02 03:04:05.6' as timestamp)", "2024-01-02T03:04:05.6+00:00", ["string", "null"]),
    ("cast('2024-01-02 03:04:05.6+02' as timestamptz)", "2024-01-02T01:04:05.6+00:00", ["string", "null"]),
    ("cast('0001-01-01' as timestamp)", "0001-01-01T00:00:00+00:00", ["string", "null"]),
    ("cast('9999-12-31 23:59:59.999999' as timestamp)", "9999-12-31T23:59:59.999999+00:00", ["string", "null"]),
    ("cast('infinity' as timestamp)", "infinity", ["string", "null"]),
    ("cast('-infinity' as date)", "-infinity", ["string", "null"]),
    ("cast('0044-03-15 BC' as timestamptz)", "0044-03-15T00:00:00+00:00 BC", ["string", "null"]),
    ("cast('10000-01-01' as timestamp)", "10000-01-01T00:00:00+00:00", ["string", "null"]),
    (r"cast('\x00ff10' as bytea)", "AP8Q", ["string", "null"]),
    ("decode(repeat('00', 100), 'hex')", "A" * 134 + "==", ["string", "null"]),
    (
        "cast('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11' as uuid)",
        "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
        ["string", "null"],
    ),
    ("cast('12.30' as money)", "$12.30", ["string", "null"]),
    ("cast('1 day 2 hours' as interval)", "1 day 02:00:00", ["string", "null"]),
    ("cast('(1,2)' as point)", "(1,2)", ["string", "null"]),
    ("cast('10.0.0.1/8' as inet)", "10.0.0.1/8", ["string", "null"]),
    ("int4range(1, 5)", "[1,5)", ["string", "null"]),
    ("to_tsvector('simple', 'a b')", "'a':1 'b':2", ["string", "null"]),
    ("cast('101' as bit(3))", "101", ["string", "null"]),
    ('cast(\'{"b" : 1.10,\n "a":\r [null]}\' as json)', {"b": Decimal("1.10"), "a": [None]}, None),
    (
        'cast(\'{"b": 1.10, "a": 12345678901234567890}\' as jsonb)',
        {"a": 12345678901234567890, "b": Decimal("1.10")},
        None,
    ),
    ("cast('null' as json)", None, None),
    ("array[1, null, 3]", [1, None, 3], ["array", "null"]),
    ("array[[1, 2], [3, 4]]", [[1, 2], [3, 4]], ["array", "null"]),
    ("cast('{}' as timestamp[])", [], ["array", "null"]),
    ("cast(null as timestamp[])", None, ["array", "null"]),
    ("array[cast('2024-01-02' as timestamp), null]", ["2024-01-02T00:00:00+00:00", None], ["array", "null"]),
    (r"array[cast('\x00' as bytea)]", ["AA=="], ["array", "null"]),
    ("array[cast('[1,\n2]' as json)]", [[1, 2]], ["array", "null"]),
    ("array[array[cast('[1,\n2]' as json)]]", [[[1, 2]]], ["array", "null"]),
]


@pytest.mark.parametrize(("expression", "expected", "kind"), VALUES, ids=[f"{v[0][:40]}" for v in VALUES])
def test_every_type_keeps_its_value(bench: PostgresBench, expression: str, expected: Any, kind: Any) -> None:
    value, schema = one(bench, expression)
    if expected is None and "quote" in expression:
        expected = 'quote " back \\ tab \t line \n return \r bell \x07 one \x01 two \x02'
    assert value == expected
    assert type(value) is type(expected)
    if isinstance(value, Decimal) and "numeric" in expression:
        assert str(value) == str(expected)
    if kind is not None:
        assert schema["type"] == kind


def test_types_of_the_users_own(bench: PostgresBench) -> None:
    bench.sql(
        "create type mood as enum ('sad', 'happy')",
        "create domain cents as numeric(12,0) check (value >= 0)",
        "create domain moment as timestamp",
        "create type line_item as (name text, at timestamp, raw bytea, moods mood[])",
        "create table t (id int primary key, m mood, c cents, w moment, i line_item, l line_item[], n line_item)",
        "insert into t values (1, 'happy', 5, '2024-01-02', row('a', '2024-01-02', '\\x00', '{sad}'), "
        "array[row('b', null, null, null)::line_item], row(null, null, null, null))",
        "insert into t (id) values (2)",
    )
    messages = bench.run(bench.model("t"))
    first, second = records(messages)
    item = {"name": "a", "at": "2024-01-02T00:00:00+00:00", "raw": "AA==", "moods": ["sad"]}
    empty = {"name": None, "at": None, "raw": None, "moods": None}
    assert first == {
        "id": 1,
        "m": "happy",
        "c": 5,
        "w": "2024-01-02T00:00:00+00:00",
        "i": item,
        "l": [{**empty, "name": "b"}],
        "n": empty,
    }
    assert second == {"id": 2, "m": None, "c": None, "w": None, "i": None, "l": None, "n": None}
    for record in (first, second):
        Draft7Validator(messages[0]["schema"]).validate(record)
    assert records(bench.run(bench.model("t"), state=state_of(messages))) == []


def test_a_column_can_have_any_name(bench: PostgresBench) -> None:
    names = ["id", 'with "quotes"', "it's", "back\\slash", "żółć", "a%sb", "{x}", "m", "n", "op", "h", "k0", "c1"]
    written = ", ".join(f"{at} as {PostgresDialect().quoted(name)}" for at, name in enumerate(names))
    model = Model("t", Query(f"select {written}", "sql"), ("id",), change="snapshot")
    assert records(bench.run(model)) == [dict(zip(names, range(len(names)), strict=True))]


def test_a_wide_model(bench: PostgresBench) -> None:
    bench.sql(f"create table t as select {', '.join(f'{at} as c{at}' for at in range(1500))}")
    [record] = records(bench.run(bench.model("t", "c0")))
    assert len(record) == 1500


def test_the_session_of_a_user_changes_no_value(bench: PostgresBench) -> None:
    bench.sql(
        "create table t as select 1 as id, timestamptz '2024-01-02 03:04:05+00' as a, interval '1 day' as b, "
        "0.1::float8 + 0.2::float8 as c, '\\x00'::bytea as d, date '2024-01-02' as e"
    )
    state = state_of(bench.run(bench.model("t")))
    for setting in (
        "timezone = 'Asia/Tokyo'",
        "datestyle = 'German'",
        "intervalstyle = 'iso_8601'",
        "extra_float_digits = -5",
        "bytea_output = 'escape'",
    ):
        bench.sql(f"alter database {bench.database} set {setting}")
    messages = bench.run(bench.model("t"), state=state)
    assert records(messages) == []
    [record] = records(bench.run(bench.model("t")))
    assert (record["a"], record["c"]) == ("2024-01-02T03:04:05+00:00", Decimal("0.30000000000000004"))


def test_columns_may_have_the_names_that_we_give_to_rows(bench: PostgresBench) -> None:
    bench.gate = True
    bench.sql("create table t as select 1 as id, 2 as m, 3 as r, 4 as g, 5 as d, 6 as n, 7 as k0, 8 as c0, 9 as h")
    first = bench.run(bench.model("t"))
    assert records(first) == [{"id": 1, "m": 2, "r": 3, "g": 4, "d": 5, "n": 6, "k0": 7, "c0": 8, "h": 9}]
    bench.sql("update t set r = 4")
    assert records(bench.run(bench.model("t"), state=state_of(first)))[0]["r"] == 4
    bench.sql("delete from t")
    assert records(bench.run(bench.model("t"), state=state_of(first)))[0]["id"] == 1

"""Snowflake: every type keeps its value."""

from __future__ import annotations

from typing import Any

import pytest

from demo.fakesnow import FakeSnow
from tap_warehouse.snowflake_sql import json_schema, read_as, type_name
from tap_warehouse.warehouse import Column
from tests.tap.benches import state_of
from tests.tap.benches_snowflake import SnowBench, plainly
from tests.tap.helpers import records


@pytest.fixture
def bench(fakesnow: FakeSnow, request: pytest.FixtureRequest) -> SnowBench:
    return SnowBench(fakesnow, request)


# Values

COLUMNS: dict[str, tuple[str, str, Any, dict[str, Any]]] = {
    "i": ("int", "42", 42, {"type": "integer"}),
    "big": ("number(38,0)", "9007199254740993", 9007199254740993, {"type": "integer"}),
    "money": ("number(12,2)", "1.50", "1.50", {"type": "number"}),
    "tiny": ("number(38,20)", "0.00000000000000000001", "0.00000000000000000001", {"type": "number"}),
    "f": ("float", "0.1", "0.1", {"type": "number"}),
    "whole": ("float", "3", "3.0", {"type": "number"}),
    "nan": ("float", "'nan'::float", "NaN", {"type": "number"}),
    "inf": ("float", "'-inf'::float", "-Infinity", {"type": "number"}),
    "b": ("boolean", "true", True, {"type": "boolean"}),
    "s": ("varchar(100)", """'it''s "x" \\\\ ż 🚀\n'""", 'it\'s "x" \\ ż 🚀\n', {"type": "string"}),
    "empty": ("varchar", "''", "", {"type": "string"}),
    "d": ("date", "'2024-01-02'", "2024-01-02", {"type": "string", "format": "date"}),
    "t": ("time", "'03:04:05.6'", "03:04:05.600000", {"type": "string", "format": "time"}),
    "ntz": ("timestamp_ntz", "'2024-01-02 03:04:05.6'", "2024-01-02T03:04:05.600000+00:00", {"format": "date-time"}),
    "ltz": ("timestamp_ltz", "'2024-01-02 03:04:05'", "2024-01-02T03:04:05.000000+00:00", {"format": "date-time"}),
    "tz": ("timestamp_tz", "'2024-01-02T03:04:05+02:00'", "2024-01-02T01:04:05.000000+00:00", {"format": "date-time"}),
    "far": ("timestamp_ntz", "'9999-12-31 23:59:59'", "9999-12-31T23:59:59.000000+00:00", {"format": "date-time"}),
    "bin": ("binary", "to_binary('00ff', 'HEX')", "AP8=", {"contentEncoding": "base64"}),
    "v": ("variant", """parse_json('{"b": 1, "a": [1, 2.5, null]}')""", {"b": 1, "a": [1, "2.5", None]}, {}),
    "o": ("object", "object_construct('k', 'x')", {"k": "x"}, {}),
    "a": ("array", "array_construct(1, 'x')", [1, "x"], {}),
}


@pytest.fixture
def typed(bench: SnowBench) -> SnowBench:
    bench.sql(
        f"create table t (id int, {', '.join(f'{name} {kind}' for name, (kind, *_) in COLUMNS.items())})",
        f"insert into t select 1, {', '.join(value for _, value, *_ in COLUMNS.values())}",
        "insert into t (id) values (2)",
    )
    return bench


@pytest.mark.parametrize("change", ["full", "snapshot"])
def test_every_type_arrives_exactly_and_null_as_null(typed: SnowBench, change: str) -> None:
    messages = typed.run(typed.model("t", change=change))
    first, second = (plainly(record) for record in sorted(records(messages), key=lambda record: record["id"]))
    assert second == {"id": 2, **dict.fromkeys(COLUMNS)}
    properties = messages[0]["schema"]["properties"]
    for name, (_, _, expected, schema) in COLUMNS.items():
        assert first[name] == expected, name
        wanted = {key: [value, "null"] if key == "type" else value for key, value in schema.items()}
        assert wanted.items() <= properties[name].items(), name
    assert records(typed.run(typed.model("t", change=change), state=state_of(messages))) == (
        [] if change == "snapshot" else records(messages)
    )


def test_a_change_of_any_type_is_seen(typed: SnowBench) -> None:
    """A row for each column: in it that column becomes null, and nothing else changes."""
    names = [name for name in COLUMNS if name not in {"nan", "inf"}]
    copies = (
        f"insert into t select {at}, {', '.join(COLUMNS)} from t where id = 1" for at in range(10, 10 + len(names))
    )
    typed.sql(*copies)
    state = state_of(typed.run(typed.model("t")))
    typed.sql(*(f"update t set {name} = null where id = {at}" for at, name in enumerate(names, 10)))
    changed = {record["id"] for record in records(typed.run(typed.model("t"), state=state))}
    assert [name for at, name in enumerate(names, 10) if at not in changed] == []
    assert not changed & {1, 2}


def test_removed_rows_with_keys_of_any_type(bench: SnowBench) -> None:
    bench.sql(
        "create table t (seen timestamp_ntz, amount number(10,2), s varchar)",
        "insert into t values ('2024-01-02 03:04:05.6', 1.50, 'a')",
    )
    model = bench.model("t", "seen", "amount", "s")
    state = state_of(bench.run(model))
    bench.sql("delete from t where 1 = 1")
    [gone] = plainly(records(bench.run(model, state=state)))
    assert gone.pop("_sdc_deleted_at")
    assert gone == {"seen": "2024-01-02T03:04:05.600000+00:00", "amount": "1.50", "s": "a"}


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("timestamp_ntz", ["2024-01-02 03:04:05.600001", "2024-01-02 03:04:05.600002"]),
        ("timestamp_tz", ["2024-01-02T03:04:05+00:00", "2024-01-02T03:04:05-05:00"]),
        ("date", ["2024-01-02", "2024-01-03"]),
        ("varchar", ["it's \\ one", "two"]),
    ],
)
def test_incremental_by_any_type(bench: SnowBench, kind: str, values: list[str]) -> None:
    bench.sql(f"create table t (id int, seen {kind})")
    for number, value in enumerate(values):
        bench.insert("t", [(number, value)])
    model = bench.model("t", change="incremental", replication_key="seen")
    messages = bench.run(model)
    assert [record["id"] for record in records(messages)] == [0, 1]
    assert [record["id"] for record in records(bench.run(model, state=state_of(messages)))] == [1]


@pytest.mark.parametrize(
    ("family", "precision", "scale", "name", "schema"),
    [
        ("FIXED", 38, 0, "NUMBER(38,0)", {"type": "integer"}),
        ("FIXED", 38, 10, "NUMBER(38,10)", {"type": "number"}),
        ("FIXED", None, None, "NUMBER(38,0)", {"type": "integer"}),
        ("TIMESTAMP_TZ", 0, 3, "TIMESTAMP_TZ(9)", {"type": "string", "format": "date-time"}),
        ("TEXT", None, None, "TEXT", {"type": "string"}),
        ("VECTOR", None, None, "VECTOR", {"type": "array"}),
        ("GEOGRAPHY", None, None, "GEOGRAPHY", {"type": "string"}),
        ("SOMETHING_NEW", None, None, "SOMETHING_NEW", {"type": "string"}),
    ],
)
def test_types_that_fakesnow_lacks_have_a_name_and_a_schema(
    family: str, precision: int | None, scale: int | None, name: str, schema: dict[str, Any]
) -> None:
    assert type_name(family, precision, scale) == name
    assert json_schema(name) == schema
    assert "m.x" in read_as(Column("x", schema, name), "m.x")

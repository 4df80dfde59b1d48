"""BigQuery: every type keeps its value, over REST and over the Storage Read API."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from demo.bqemulator import BQEmulator
from tap_warehouse import bigquery_session
from tap_warehouse.bigquery_sql import json_schema
from tests.tap.benches import state_of
from tests.tap.benches_bigquery import BigBench, Stored, plainly
from tests.tap.helpers import records

COLUMNS: dict[str, tuple[str, str, Any]] = {
    "i": ("int64", "9007199254740993", 9007199254740993),
    "money": ("numeric(12, 2)", "1.50", "1.50"),
    "large": ("bignumeric(38, 20)", "0.00000000000000000001", "0.00000000000000000001"),
    "f": ("float64", "0.1", "0.1"),
    "whole": ("float64", "3", "3.0"),
    "nan": ("float64", "cast('nan' as float64)", "NaN"),
    "inf": ("float64", "cast('-inf' as float64)", "-Infinity"),
    "b": ("bool", "true", True),
    "s": ("string", """'it\\'s "x" \\\\ ż 🚀\\n'""", 'it\'s "x" \\ ż 🚀\n'),
    "empty": ("string", "''", ""),
    "d": ("date", "date '2024-01-02'", "2024-01-02"),
    "t": ("time", "time '03:04:05.6'", "03:04:05.600000"),
    "dt": ("datetime", "datetime '2024-01-02 03:04:05.6'", "2024-01-02T03:04:05.600000+00:00"),
    "ts": ("timestamp", "timestamp '2024-01-02 03:04:05+02:00'", "2024-01-02T01:04:05.000000+00:00"),
    "far": ("timestamp", "timestamp '9999-12-31 23:59:59+00'", "9999-12-31T23:59:59.000000+00:00"),
    "bin": ("bytes", "from_base64('AP8=')", "AP8="),
    "o": ("struct<x int64, y string>", "struct(1 as x, 'y' as y)", {"x": 1, "y": "y"}),
    "a": ("array<int64>", "[1, 2]", [1, 2]),
}


@pytest.fixture
def typed(bqemulator: BQEmulator, request: pytest.FixtureRequest) -> BigBench:
    bench = BigBench(bqemulator, request)
    names, values = ", ".join(COLUMNS), ", ".join(value for _, value, _ in COLUMNS.values())
    bench.sql(
        f"create table {bench.name('t')} "
        f"(id int64, {', '.join(f'{name} {kind}' for name, (kind, *_) in COLUMNS.items())})",
        f"insert into {bench.name('t')} (id, {names}) values (1, {values})",
        f"insert into {bench.name('t')} (id) values (2)",
    )
    return bench


@pytest.fixture(params=["rest", "storage"])
def way(request: pytest.FixtureRequest, typed: BigBench, monkeypatch: pytest.MonkeyPatch) -> BigBench:
    if request.param == "storage":
        monkeypatch.setattr(bigquery_session, "SMALL", 0)
        monkeypatch.setattr(Stored, "results", typed.dataset)
        monkeypatch.setattr(typed, "open", lambda: typed.warehouse(typed.session(Stored)))
    return typed


@pytest.mark.parametrize("change", ["full", "snapshot"])
def test_every_type_arrives_exactly_and_null_as_null(
    way: BigBench, change: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        messages = way.run(way.model("t", change=change))
    assert "Storage Read API" not in caplog.text
    first, second = (plainly(record) for record in sorted(records(messages), key=lambda record: record["id"]))
    assert second == {"id": 2, **dict.fromkeys(COLUMNS)}
    assert first == {"id": 1, **{name: expected for name, (_, _, expected) in COLUMNS.items()}}
    again = records(way.run(way.model("t", change=change), state=state_of(messages)))
    assert len(again) == (0 if change == "snapshot" else 2)


def test_a_change_of_any_type_is_seen(typed: BigBench) -> None:
    """A row for each column: in it that column becomes null, and nothing else changes. A job takes a second here."""
    names, table = [name for name in COLUMNS if name not in {"nan", "inf"}], typed.name("t")
    copies = " union all ".join(
        f"select {at}, {', '.join(COLUMNS)} from {table} where id = 1" for at in range(10, 10 + len(names))
    )
    typed.sql(f"insert into {table} (id, {', '.join(COLUMNS)}) {copies}")
    state = state_of(typed.run(typed.model("t")))
    nulls = ", ".join(f"{name} = case when id = {at} then null else {name} end" for at, name in enumerate(names, 10))
    typed.sql(f"update {table} set {nulls} where id >= 10")
    changed = {record["id"] for record in records(typed.run(typed.model("t"), state=state))}
    assert [name for at, name in enumerate(names, 10) if at not in changed] == []
    assert not changed & {1, 2}


def test_json_is_json(typed: BigBench) -> None:
    """In a query: of a table the emulator says that it were text."""
    query = (
        """select 1 as id, json '{"b": 1, "a": [1, 2.5, null]}' as j, cast(null as json) as n from {t} where id = 1"""
    )
    query = query.replace("'{", "'{{").replace("}'", "}}'")
    for change in ("full", "snapshot"):
        model = typed.query("q", query, change=change)
        assert plainly(records(typed.run(model))) == [{"id": 1, "j": {"b": 1, "a": [1, "2.5", None]}, "n": None}]


def test_arrays_with_nulls_can_be_kept(typed: BigBench) -> None:
    model = typed.query("q", "select id, [1, null] as a from {t}", change="snapshot")
    assert [record["a"] for record in records(typed.run(model))] == [[1, None]] * 2


def test_removed_rows_with_keys_of_any_type(typed: BigBench) -> None:
    model = typed.model("t", "ts", "dt", "money", "bin", "s", columns=("ts", "dt", "money", "bin", "s"))
    state = state_of(typed.run(model))
    typed.sql(f"delete from {typed.name('t')} where id = 1")
    [gone] = [each for each in plainly(records(typed.run(model, state=state))) if "_sdc_deleted_at" in each]
    assert gone.pop("_sdc_deleted_at")
    assert gone == {name: COLUMNS[name][2] for name in ("ts", "dt", "money", "bin", "s")}


@pytest.mark.parametrize("key", ["ts", "dt", "d", "t", "s", "money", "bin", "i"])
def test_incremental_by_any_type(typed: BigBench, key: str) -> None:
    typed.sql(f"delete from {typed.name('t')} where id = 2")
    model = typed.model("t", change="incremental", replication_key=key)
    messages = typed.run(model)
    assert [record["id"] for record in records(typed.run(model, state=state_of(messages)))] == [1]


def test_a_storage_api_that_is_refused_is_said_once(typed: BigBench, caplog: pytest.LogCaptureFixture) -> None:
    """The emulator has no tables of answers: that is a refusal."""
    typed.sql(f"create table {typed.name('many')} as select id from unnest(generate_array(1, 1500)) as id")
    with caplog.at_level(logging.WARNING):
        messages = typed.run(typed.model("many", change="full"), typed.model("many", change="full"), check_keys=False)
    assert len(records(messages)) == 3000
    assert caplog.text.count("the Storage Read API cannot be used (NotFound)") == 1


@pytest.mark.parametrize(
    ("kind", "schema"),
    [
        ("STRUCT<a INT64>", {"type": "object"}),
        ("ARRAY<STRING>", {"type": "array"}),
        ("GEOGRAPHY", {"type": "string"}),
        ("INTERVAL", {"type": "string"}),
        ("RANGE<DATE>", {"type": "string"}),
        ("SOMETHING_NEW", {"type": "string"}),
    ],
)
def test_types_have_a_schema(kind: str, schema: dict[str, Any]) -> None:
    assert json_schema(kind) == schema

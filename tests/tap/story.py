"""The benches that every test of change detection runs on, and words for what was emitted."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.tap.benches import Bench, Bookmarks, DuckBench, state_of
from tests.tap.benches_postgres import LocalPostgresBench, PostgresBench
from tests.tap.helpers import Message, records


def redshift_bench(_folder: Path, request: pytest.FixtureRequest) -> Bench:
    """Make one where the driver is installed."""
    port = request.getfixturevalue("redshift_port")
    bench: Bench = importlib.import_module("tests.tap.benches_redshift").RedshiftBench(
        request.getfixturevalue("postgres"), port
    )
    return bench


def local_postgres_bench(folder: Path, request: pytest.FixtureRequest) -> Bench:
    """Make one that keeps its snapshots beside the warehouse."""
    return LocalPostgresBench(request.getfixturevalue("postgres"), folder / "snapshots")


def local_snowflake_bench(folder: Path, request: pytest.FixtureRequest) -> Bench:
    """Make one of these as well."""
    server = request.getfixturevalue("fakesnow")
    bench: Bench = importlib.import_module("tests.tap.benches_snowflake").LocalSnowBench(
        server, request, folder / "snapshots"
    )
    return bench


def snowflake_bench(_folder: Path, request: pytest.FixtureRequest) -> Bench:
    """Make one where the driver and its server are installed."""
    server = request.getfixturevalue("fakesnow")
    bench: Bench = importlib.import_module("tests.tap.benches_snowflake").SnowBench(server, request)
    return bench


def bigquery_bench(_folder: Path, request: pytest.FixtureRequest) -> Bench:
    """Make one where Google's client and the emulator are installed."""
    server = request.getfixturevalue("bqemulator")
    bench: Bench = importlib.import_module("tests.tap.benches_bigquery").BigBench(server, request)
    return bench


BENCHES: dict[str, Callable[[Path, pytest.FixtureRequest], Bench]] = {
    "duckdb": lambda folder, _request: DuckBench(folder, "local"),
    "duckdb-warehouse": lambda folder, _request: DuckBench(folder, "warehouse"),
    "postgres": lambda _folder, request: PostgresBench(request.getfixturevalue("postgres")),
    "postgres-local": local_postgres_bench,
    "redshift": redshift_bench,
    "snowflake": snowflake_bench,
    "snowflake-local": local_snowflake_bench,
    "bigquery": bigquery_bench,
}
COLUMNS = {"id": "int", "v": "text"}
SECRET = "hunter2"


def told(messages: Sequence[Message], key: str = "id") -> list[str]:
    """Each record in short: `1=x`, `2 gone`, `3 refused`."""
    short = []
    for record in records(messages):
        if record.get("_sdc_deleted_at"):
            short.append(f"{record[key]} gone")
        elif "_penstock_refused" in record:
            short.append(f"{record[key]} refused")
        else:
            short.append(f"{record[key]}={record.get('v')}")
    return short


def started(
    bench: Bench, rows: Sequence[Sequence[object]] = ((1, "a"), (2, "b"), (3, "c")), **options: Any
) -> Bookmarks:
    """A table, a first run, and its last STATE."""
    bench.table("t", COLUMNS, rows)
    return state_of(bench.run(bench.model("t", **options)))

"""A bench for each warehouse: make tables in it, run the tap over them, look into and damage its snapshot store.

A warehouse takes part in `test_snapshot_cycle.py` by a subclass of Bench and a line in `BENCHES`.
"""

from __future__ import annotations

import abc
import logging
import re
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, ClassVar

import duckdb

from tap_warehouse.catalog import describe_all
from tap_warehouse.duckdb import DuckDB
from tap_warehouse.duckdb_parts import Settings
from tap_warehouse.errors import TapError
from tap_warehouse.messages import Output
from tap_warehouse.models import Model, Query, Table
from tap_warehouse.run import Run
from tap_warehouse.signals import StopRequest
from tap_warehouse.warehouse import Warehouse
from tests.tap.helpers import Message, parsed

Bookmarks = dict[str, Any]


class Collected(Output):
    """Keeps what is written."""

    def __init__(self) -> None:
        self.raw = b""

    def write(self, lines: bytes | memoryview) -> None:
        self.raw += bytes(lines)


class Bench(abc.ABC):
    """One warehouse with an empty place for models. Its clock stands unless a test moves it."""

    types: ClassVar[Mapping[str, str]] = {
        "int": "int",
        "text": "varchar(100)",
        "decimal": "decimal(12,2)",
        "long": "bigint",
    }
    """how the warehouse writes the types that the suite uses"""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=timezone.utc)
        self.gate = False
        """use the cheap look at whether anything has changed"""
        self.last: list[Message] = []
        """messages of the last run, also of one that failed"""

    # What a warehouse must say

    @abc.abstractmethod
    def open(self) -> Warehouse:
        """Connect as the tap does."""

    @abc.abstractmethod
    def sql(self, *statements: str) -> list[Sequence[Any]]:
        """Run statements, as somebody else than the tap; return the rows of the last."""

    @abc.abstractmethod
    def stored(self) -> list[str]:
        """Name the tables of the snapshot store, as `store_sql` can take them, registry included."""

    def store_sql(self, *statements: str) -> list[Sequence[Any]]:
        """Run statements where the snapshots are."""
        return self.sql(*statements)

    def source(self, table: str) -> Table:
        """Name a table as a model does."""
        return Table((table,))

    def name(self, table: str) -> str:
        """Name a table as `sql` does."""
        return table

    # What follows from it

    def table(self, name: str, columns: Mapping[str, str], rows: Sequence[Sequence[object]] = ()) -> None:
        """Make a table, in place of another of the name."""
        kinds = ", ".join(f"{column} {self.types[kind]}" for column, kind in columns.items())
        self.sql(f"drop table if exists {self.name(name)}", f"create table {self.name(name)} ({kinds})")
        self.insert(name, rows)

    def insert(self, name: str, rows: Sequence[Sequence[object]]) -> None:
        """Add rows."""
        if rows:
            written = ", ".join(f"({', '.join(map(self.literal, row))})" for row in rows)
            self.sql(f"insert into {self.name(name)} values {written}")

    def literal(self, value: object) -> str:
        """Write a value into SQL."""
        if value is None:
            return "null"
        return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else str(value)

    def model(self, table: str, *key: str, **options: Any) -> Model:
        """A model of change snapshot over a table, unless said otherwise."""
        return Model(table, self.source(table), key or ("id",), **{"change": "snapshot", **options})

    def query(self, name: str, text: str, *key: str, **options: Any) -> Model:
        """A model over SQL text. `{t}` in it is the table `t`."""
        return Model(name, Query(text.format(t=self.name("t")), "sql"), key or ("id",), **options)

    def run(
        self,
        *models: Model,
        state: Bookmarks | None = None,
        state_every: int = 1000,
        check_keys: bool = True,
        without: Collection[str] = (),
    ) -> list[Message]:
        """Run the tap, but for columns `without`. What it raises passes through, the messages so far are in `last`."""
        output = Collected()
        with self.opened() as warehouse:
            runner = Run(warehouse, output, StopRequest(), logging.getLogger("tap"), lambda: self.now, time.monotonic)
            try:
                runner.emit(
                    [
                        replace(stream, columns=tuple(each for each in stream.columns if each.name not in without))
                        for stream in describe_all(warehouse, models)
                    ],
                    [model.name for model in models],
                    state or {},
                    state_every,
                    check_keys,
                )
            finally:
                self.last = parsed(output.raw)
        return self.last

    @contextmanager
    def opened(self) -> Iterator[Warehouse]:
        """Connect for the length of a block."""
        warehouse = self.open()
        try:
            yield warehouse
        finally:
            warehouse.close()

    def bases(self) -> list[str]:
        """Name the tables that hold acknowledged snapshots."""
        return [table for table in self.stored() if re.search("base_[0-9a-f]{16}", table)]

    def later(self, **more: float) -> None:
        """Move the clock."""
        self.now += timedelta(**more)


def state_of(messages: Sequence[Message], at: int = -1) -> Bookmarks:
    """The last STATE, or another one."""
    value: Bookmarks = [message["value"] for message in messages if message["type"] == "STATE"][at]
    return value


def failed(bench: Bench, kind: type[TapError], *models: Model, **options: Any) -> TapError:
    """Run what must fail; return how."""
    try:
        bench.run(*models, **options)
    except kind as error:
        return error
    raise AssertionError(f"it did not end with {kind.__name__}")


class DuckBench(Bench):
    """A DuckDB file."""

    def __init__(self, folder: Path, store: str) -> None:
        super().__init__()
        self._file = folder / "w.duckdb"
        self._folder = folder / "snapshots"
        self._settings = Settings(str(self._file), snapshot_store=store, snapshot_folder=str(self._folder))
        duckdb.connect(str(self._file)).close()

    def open(self) -> Warehouse:
        return DuckDB(replace(self._settings, gate=self.gate))

    def sql(self, *statements: str) -> list[Sequence[Any]]:
        return in_file(self._file, statements)

    def stored(self) -> list[str]:
        whole = self._settings.snapshot_store == "warehouse"
        return stored_in(self._folder, [self._file] if whole else None)

    def store_sql(self, *statements: str) -> list[Sequence[Any]]:
        return store_sql(*statements)


def stored_in(folder: Path, files: Sequence[Path] | None = None) -> list[str]:
    """Name the tables of a store of DuckDB files: `file|table`."""
    return [
        f"{file}|{name}"
        for file in (sorted(folder.glob("*.duckdb")) if files is None else files)
        for (name,) in in_file(file, ["select table_name from duckdb_tables() where schema_name = 'penstock'"])
    ]


def store_sql(*statements: str) -> list[Sequence[Any]]:
    """Run statements there. Each names one table, as `stored_in` does: the file is part of that."""
    rows: list[Sequence[Any]] = []
    for statement in statements:
        words = statement.split()
        [place] = [word for word in words if "|" in word]
        file, table = place.split("|")
        rows = in_file(Path(file), [" ".join(f'penstock."{table}"' if word == place else word for word in words)])
    return rows


def in_file(file: Path, statements: Sequence[str]) -> list[Sequence[Any]]:
    """Run statements in a DuckDB file; return the rows of the last."""
    with duckdb.connect(str(file)) as connection:
        rows: list[Sequence[Any]] = []
        for statement in statements:
            rows = list(connection.execute(statement).fetchall())
        return rows

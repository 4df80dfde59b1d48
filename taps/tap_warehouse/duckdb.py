"""DuckDB: the file that dbt writes, and whatever its views reach.

The file is attached read-only, for the whole run: DuckDB lets many read or one write, so nobody can change a row
between two models, and a process that has the file open for writing (dbt, a shell) must end first. Snapshots lie in
files of our own, one for each pipeline and model, so that two pipelines never wait for each other; or, by a setting, in
the file itself.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import cast

import duckdb
import pyarrow as pa

from tap_warehouse.arrow_lines import lines_of
from tap_warehouse.costs import Costs
from tap_warehouse.duckdb_parts import SETTINGS, DuckDialect, Settings, said
from tap_warehouse.duckdb_types import DuckType, json_schema, object_text, quoted, taken_apart, text
from tap_warehouse.errors import ConfigurationError, OutOfMemory, ReadFault
from tap_warehouse.models import Model, Query, Table, narrowing, nearest
from tap_warehouse.tap import TapWarehouse, rooted
from tap_warehouse.warehouse import GONE, Column, Frame, Lines, Read, Row, Warehouse

BATCH_ROWS = 8_192
"""Rows in one piece. More is no faster; fewer than 2,048 is."""
KEEP_SECONDS = 30 * 86_400
"""a snapshot that no run has opened for so long is dropped"""


class DuckDB:
    """One connection. See `Warehouse` for the verbs."""

    dialect = DuckDialect()

    def __init__(self, settings: Settings, log: logging.Logger | None = None) -> None:
        self._log = log or logging.getLogger(__name__)
        self._costs = Costs()
        self._settings = settings
        self._connection = _connect(settings)
        self._relations: dict[str, str] = {}
        self._gates: dict[str, str] = {}
        self._views = 0
        self._attached: set[str] = set()

    def describe(self, model: Model) -> tuple[Column, ...]:
        """Bind the model and take DuckDB's word for its columns."""
        try:
            match model.source:
                case Table(parts):
                    relation = ".".join(map(quoted, parts))
                case Query() as query:
                    relation = self._view(model, query)
            self._connection.sql(f"select * from {relation} limit 0")
        except duckdb.Error as error:
            raise ConfigurationError([f"model {model.name!r}: {self._unbound(model.source, error)}"]) from error
        relation = self._narrowed(model, relation)
        bound = self._connection.sql(f"select * from {relation} limit 0")
        self._relations[model.name] = relation
        columns = []
        for name, kind in zip(bound.columns, bound.types, strict=True):
            apart = taken_apart(kind)
            columns.append(Column(name, json_schema(apart), str(kind), apart))
        self._gates[model.name] = ", ".join(quoted(column.name) for column in columns)
        return tuple(columns)

    def _narrowed(self, model: Model, relation: str) -> str:
        """Apply the model's `columns` and `where`."""
        if model.columns is None and model.where is None:
            return relation
        chosen = "*" if model.columns is None else ", ".join(map(quoted, model.columns))
        where = "" if model.where is None else f" where (\n{model.where}\n)"
        narrowed = f"(select {chosen} from {relation}{where})"
        try:
            self._connection.sql(f"select * from {narrowed} limit 0")
        except duckdb.Error as error:
            raise ConfigurationError([f"model {model.name!r}: {narrowing(model)} is refused: {said(error)}"]) from error
        return narrowed

    def missing_grants(self, models: Sequence[Model]) -> list[str]:  # noqa: ARG002 a file has no grants
        """Nothing: who can open the file may read all of it."""
        return []

    def relation(self, model: Model) -> str:
        """Name a described model."""
        return self._relations[model.name]

    def gate(self, model: Model) -> str | None:
        """Count rows, and add up their 64-bit hashes in two ways, which takes a tenth of the time of a comparison.

        Those hashes are stable within one version of DuckDB only, so the version is part of the token.
        """
        if not self._settings.gate:
            return None
        one = f"hash({self._gates[model.name]})"
        counts = self.rows(
            f"select count(*), bit_xor({one}), sum(cast({one} as hugeint)) from {self._relations[model.name]}"
        )[0]
        return ":".join([duckdb.__version__, *map(str, counts)])

    def state_schema(self, identity: str) -> str:
        """Attach the file of this pipeline's snapshots of a model, or name the schema in the database."""
        if self._settings.snapshot_store == "warehouse":
            return quoted("penstock")
        name = f"penstock_{identity}"
        if name not in self._attached:
            folder = rooted(self._settings.snapshot_folder)
            try:
                _private(folder)
                self._connection.execute(f"attach {text(str(folder / f'{identity}.duckdb'))} as {quoted(name)}")
            except OSError as error:
                raise ConfigurationError([f"snapshot_folder {str(folder)!r}: {error.strerror}."]) from error
            except duckdb.Error as error:
                raise _unattached(folder / f"{identity}.duckdb", error) from error
            self._attached.add(name)
        return f"{quoted(name)}.{quoted('penstock')}"

    def _view(self, model: Model, query: Query) -> str:
        """Make a temporary view, which takes any SELECT as it was written, comments and semicolon included."""
        statements = self._connection.extract_statements(query.text)
        if [statement.type for statement in statements] != [duckdb.StatementType.SELECT]:
            raise ConfigurationError([f"model {model.name!r}: {query.origin} must be exactly one SELECT statement."])
        described = self._connection.execute("describe " + query.text).fetchall()
        names = [str(row[0]) for row in described]
        folded = [name.casefold() for name in names]
        repeated = [name for name in names if folded.count(name.casefold()) > 1]
        if repeated:
            raise ConfigurationError(
                [
                    f"model {model.name!r}: {query.origin} has columns with one name, case aside: "
                    f"{', '.join(map(repr, repeated))}. Give each its own with AS."
                ]
            )
        self._views += 1  # a number, because names of models may differ in case alone, and those of views may not
        view = quoted(f"penstock model {self._views}")
        self._connection.execute(f"create temp view {view} as {query.text}")
        return f"temp.{view}"

    def _unbound(self, source: Table | Query, error: duckdb.Error) -> str:
        if isinstance(source, Query):
            return f"{source.origin} is refused: {said(error)}"
        name = ".".join(source.parts)
        if not isinstance(error, duckdb.CatalogException):
            return f"table {name!r} is refused: {said(error)}"
        rows = self._connection.execute(
            "select schema_name, table_name from duckdb_tables() "
            "where not internal and database_name = current_database() "
            "union all select schema_name, view_name from duckdb_views() "
            "where not internal and not temporary and database_name = current_database()"
        ).fetchall()
        same = sorted(f"{schema}.{table}" for schema, table in rows if table.casefold() == source.parts[-1].casefold())
        if same:
            return f"there is no table or view {name!r}. Did you mean {' or '.join(map(repr, same))}?"
        known = [f"{schema}.{table}" if len(source.parts) > 1 else table for schema, table in rows]
        return f"there is no table or view {name!r}.{nearest(name, known)}"

    def rows(self, statement: str) -> list[Row]:
        """Run a query. All cores may work on it: nothing is emitted meanwhile."""
        return self._executed([statement])

    def execute(self, statements: Sequence[str], claim: str | None = None) -> bool:
        """Run statements in one transaction."""
        self._executed(["begin"])
        try:
            if claim is not None and self._executed([claim])[0][0] != 1:
                self._executed(["rollback"])
                return False
            self._executed([*statements, "commit"])
        except ReadFault:
            with contextlib.suppress(duckdb.Error):
                self._connection.execute("rollback")
            raise
        return True

    def _executed(self, statements: Sequence[str]) -> list[Row]:
        rows: list[Row] = []
        try:
            self._connection.execute(f"set threads = {max(self._settings.threads, os.cpu_count() or 1)}")
            for statement in statements:
                with self._costs.counted():
                    rows = list(self._connection.execute(statement).fetchall())  # fetchone would leave the result open
        except duckdb.OutOfMemoryException as error:
            raise OutOfMemory(f"memory_limit is too small: {said(error)}") from error
        except (duckdb.Error, RuntimeError) as error:
            raise ReadFault(f"the warehouse failed: {said(error)}") from error
        return rows

    def read(self, read: Read, frame: Frame) -> Iterator[Lines]:
        """Build the whole line in SQL and let it leave as Arrow's own bytes. `sql`, unlike `execute`, streams."""
        query = f"select {self._line(read, frame)} from {read.source} as m"
        query += f" where {read.where}" if read.where else ""
        query += f" order by {read.order}" if read.order else ""
        query += "" if read.limit is None else f" limit {read.limit}"
        try:
            self._connection.execute(f"set threads = {self._settings.threads}")
            with self._costs.counted():
                batches = iter(self._connection.sql(query).to_arrow_reader(BATCH_ROWS))
            while (batch := self._waited(batches)) is not None:
                if len(batch):
                    yield lines_of(batch.column(0))
        except (duckdb.Error, pa.ArrowException, OSError, RuntimeError) as error:
            raise ReadFault(f"reading failed: {said(error)}") from error

    def _waited(self, batches: Iterator[pa.RecordBatch]) -> pa.RecordBatch | None:
        with self._costs.waiting():
            return next(batches, None)

    def _line(self, read: Read, frame: Frame) -> str:
        line = f"concat({text(frame.head)}, {_object(read.fields)}, {text(frame.tail)})"
        if read.gone:
            keys = tuple(pair for pair in read.fields if pair[0].name in read.keys)
            key_of = tuple((column, f"m.k{read.keys.index(column.name)}") for column, _ in keys)
            gone = (*key_of, (GONE, text(frame.gone_at)))
            left = f"concat({text(frame.head)}, {_object(gone)}, {text(frame.tail)})"
            line = f"case when {read.gone} then {left} else {line} end"
        return line

    def interrupt(self) -> None:
        """End the running statement; it raises where it was called. A connection just closed has none to end."""
        with contextlib.suppress(duckdb.Error):
            self._connection.interrupt()

    def close(self) -> None:
        """Give the file back to those who want to write it, and tell what the run cost."""
        if self._costs.statements:
            self._log.info("%s", self._costs.told("DuckDB"))
        self._connection.close()


def _object(fields: Sequence[tuple[Column, str]]) -> str:
    return object_text([(column.name, cast("DuckType", column.native or _TEXT), x) for column, x in fields])


_TEXT = DuckType("varchar")


def _private(folder: Path) -> None:
    """Make the folder of snapshots, for this user alone, and drop files in it that nobody has touched for a month."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for file in folder.glob("*.duckdb"):
        if file.stat().st_mtime < time.time() - KEEP_SECONDS:
            file.unlink()


def _connect(settings: Settings) -> duckdb.DuckDBPyConnection:
    path = rooted(settings.path)
    if settings.is_file and not path.is_file():
        raise ConfigurationError(
            [f"path: there is no file {str(path)!r}. Build the models first, or correct the path."]
        )
    config: dict[str, str | bool | int | float | list[str]] = {
        "threads": str(settings.threads),
        "memory_limit": settings.memory_limit,
        "autoinstall_known_extensions": "false",
    }
    try:
        connection = duckdb.connect(":memory:", config=config)
        for statement in (
            "set TimeZone = 'UTC'",
            "set enable_progress_bar = false",  # it would draw in the log
            "set arrow_large_buffer_size = true",  # 64-bit offsets: a batch may pass 2 GB
            "set python_enable_replacements = false",  # a table's name must not find our variables
            f"set file_search_path = {text(str(rooted('.')))}",
        ):
            connection.execute(statement)
    except duckdb.Error as error:
        raise ConfigurationError([f"memory_limit or threads: {said(error)}"]) from error
    _attach(connection, settings, path)
    return connection


def _attach(connection: duckdb.DuckDBPyConnection, settings: Settings, path: Path) -> None:
    """Attach the database under the name that it would have by itself, and look names up in it."""
    try:
        if settings.motherduck_token:
            connection.execute(f"set motherduck_token = {text(settings.motherduck_token)}")
        if settings.init_sql:
            connection.execute(settings.init_sql)
    except duckdb.Error as error:
        kind = type(error).__name__  # its text may quote a secret
        raise ConfigurationError(
            [f"init_sql or motherduck_token is refused by DuckDB {duckdb.__version__}: {kind}."]
        ) from error
    if settings.path == ":memory:":
        return
    where, name = (str(path), path.stem) if settings.is_file else (settings.path, settings.path.removeprefix("md:"))
    mode = "read_write" if settings.snapshot_store == "warehouse" else "read_only"
    name = f"{name}_file" if name.casefold() in {"memory", "temp", "system", "main"} else name or "md"
    try:
        connection.execute(
            f"attach {text(where)} as {quoted(name)} ({mode if settings.is_file else ''})".replace(" ()", "")
        )
        connection.execute(f"use {quoted(name)}")
    except duckdb.Error as error:
        raise ConfigurationError([f"path: {_unopened(path, error)}"]) from error


def _unattached(file: Path, error: duckdb.Error) -> ConfigurationError:
    if "Could not set lock" in str(error):
        return ConfigurationError(
            ["another run of this pipeline is reading the same model. Let it end, then run again."]
        )
    return ConfigurationError(
        [f"the snapshot store {str(file)!r} cannot be opened: {said(error)} Remove it: that costs one full read."]
    )


def _unopened(path: Path, error: duckdb.Error) -> str:
    words = str(error)
    if "Could not set lock" in words:
        holder = re.search(r"\(PID (\d+)\)", words)
        who = f"process {holder[1]}" if holder else "another process"
        return f"{str(path)!r} is open for writing in {who}. Let it end, or close it there, then run again."
    if "not a valid DuckDB database file" in words:
        return f"{str(path)!r} is not a DuckDB database file."
    return f"{str(path)!r} cannot be opened with DuckDB {duckdb.__version__}: {said(error)}"


class TapDuckDB(TapWarehouse):
    """Rows of a DuckDB database as Singer records."""

    name = "tap-duckdb"
    config_jsonschema = TapWarehouse.settings(SETTINGS, required=("path",))

    @classmethod
    def connect(cls, config: Mapping[str, object]) -> Warehouse:
        """Attach the database."""
        return DuckDB(
            Settings(
                str(config["path"]),
                int(str(config["threads"])),
                str(config["memory_limit"]),
                str(config.get("init_sql") or ""),
                str(config.get("motherduck_token") or ""),
                str(config["snapshot_store"]),
                str(config["snapshot_folder"]),
                config["gate"] is True,
            ),
            logging.getLogger(cls.name),
        )

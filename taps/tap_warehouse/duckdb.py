"""DuckDB: the file that dbt writes, and whatever its views reach.

The file is opened read-only, for the whole run: DuckDB lets many read or one write, so nobody can change a row between
two models, and a process that has the file open for writing (dbt, a shell) must end first.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import duckdb
import pyarrow as pa

from tap_warehouse.duckdb_types import DuckType, json_schema, object_text, quoted, taken_apart, text
from tap_warehouse.errors import ConfigurationError, ReadFault
from tap_warehouse.models import Model, Query, Table, nearest
from tap_warehouse.tap import TapWarehouse, rooted
from tap_warehouse.warehouse import Column, JsonSchema, KeyCounts, Lines, Warehouse

BATCH_ROWS = 8_192
"""Rows in one piece. More is no faster; fewer than 2,048 is."""

SIZE = r"^\s*\d+(\.\d+)?\s*([KMGT]i?)?B\s*$"

SETTINGS: dict[str, JsonSchema] = {
    "path": {
        "type": "string",
        "minLength": 1,
        "title": "Database file",
        "description": "The DuckDB file to read. A relative path starts at $MELTANO_PROJECT_ROOT where that is set.",
    },
    "threads": {
        "type": "integer",
        "minimum": 1,
        "default": 1,
        "title": "Threads",
        "description": "Threads of DuckDB. One is fastest while a target keeps another core busy.",
    },
    "memory_limit": {
        "type": "string",
        "pattern": SIZE,
        "default": "1GB",
        "title": "Memory limit",
        "description": "What DuckDB may use before it spills to disk, such as 512MB.",
    },
}

_SHOWN = (duckdb.BinderException, duckdb.CatalogException, duckdb.ParserException, duckdb.IOException)
"""Errors whose text speaks of names and files. That of the others can quote a row, so it is never shown."""


def said(error: BaseException) -> str:
    """Take from a DuckDB error what may be repeated: its text on one line, or only its kind."""
    words = " ".join(str(error).split("\n\nLINE ")[0].split())
    if isinstance(error, _SHOWN):
        return words
    kind = re.match(r"[A-Z][A-Za-z ]*? [Ee]rror", words)
    return f"{kind[0] if kind else type(error).__name__} (its text may quote a row, so it is not repeated here)"


class DuckDB:
    """One read-only connection. See `Warehouse` for the verbs."""

    def __init__(self, path: Path, threads: int, memory_limit: str) -> None:
        self._file = str(path)
        self._connection = _connect(path, threads, memory_limit)
        self._relations: dict[str, str] = {}
        self._views = 0
        self._types: dict[str, dict[str, DuckType]] = {}

    def describe(self, model: Model) -> tuple[Column, ...]:
        """Bind the model and take DuckDB's word for its columns."""
        try:
            match model.source:
                case Table(parts):
                    relation = ".".join(map(quoted, parts))
                case Query() as query:
                    relation = self._view(model, query)
            bound = self._connection.sql(f"select * from {relation} limit 0")  # noqa: S608 quoted names
        except duckdb.Error as error:
            raise ConfigurationError([f"model {model.name!r}: {self._unbound(model.source, error)}"]) from error
        self._relations[model.name] = relation
        self._types[model.name] = dict(zip(bound.columns, map(taken_apart, bound.types), strict=True))
        return tuple(Column(name, json_schema(kind)) for name, kind in self._types[model.name].items())

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
            "select schema_name, table_name from duckdb_tables() where not internal "
            "union all select schema_name, view_name from duckdb_views() where not internal and not temporary"
        ).fetchall()
        same = sorted(f"{schema}.{table}" for schema, table in rows if table.casefold() == source.parts[-1].casefold())
        if same:
            return f"there is no table or view {name!r}. Did you mean {' or '.join(map(repr, same))}?"
        known = [f"{schema}.{table}" if len(source.parts) > 1 else table for schema, table in rows]
        return f"there is no table or view {name!r}.{nearest(name, known)}"

    def count_keys(self, model: Model) -> KeyCounts | None:
        """Group by the key: hash aggregation, which spills to disk. About 0.1 s for a million rows of a table."""
        keys = [quoted(name) for name in model.primary_key]
        without = " or ".join(f"{key} is null" for key in keys)
        grouped = f"select {', '.join(keys)}, count(*) as n from {self._relations[model.name]} group by all"  # noqa: S608 quoted names
        counts = (
            "select coalesce(sum(n), 0), "  # noqa: S608 quoted names
            f"coalesce(sum(n) filter ({without}), 0), coalesce(sum(n - 1) filter (not ({without})), 0) from ({grouped})"
        )
        try:
            row = self._connection.execute(counts).fetchall()[0]  # fetchone would leave the result open
        except duckdb.OutOfMemoryException:
            return None
        except (duckdb.Error, RuntimeError) as error:
            raise ReadFault(f"model {model.name!r}: counting keys failed: {said(error)}") from error
        return KeyCounts(*map(int, row))

    def read(
        self, model: Model, columns: Sequence[Column], head: str, tail: str, limit: int | None = None
    ) -> Iterator[Lines]:
        """Build the whole line in SQL and let it leave as Arrow's own bytes. `sql`, unlike `execute`, streams."""
        types = self._types[model.name]
        row = object_text([(column.name, types[column.name], f"m.{quoted(column.name)}") for column in columns])
        query = f"select concat({text(head)}, {row}, {text(tail)}) from {self._relations[model.name]} as m"  # noqa: S608 quoted
        if limit is not None:
            query += f" limit {limit}"
        try:
            for batch in self._connection.sql(query).to_arrow_reader(BATCH_ROWS):
                if len(batch):
                    yield _lines(batch.column(0))
        except (duckdb.Error, pa.ArrowException, OSError, RuntimeError) as error:
            raise ReadFault(f"model {model.name!r}: reading failed: {said(error)}") from error

    def interrupt(self) -> None:
        """End the running statement; it raises where it was called. A connection just closed has none to end."""
        with contextlib.suppress(duckdb.Error):
            self._connection.interrupt()

    def close(self) -> None:
        """Give the file back to those who want to write it."""
        self._connection.close()


def _connect(path: Path, threads: int, memory_limit: str) -> duckdb.DuckDBPyConnection:
    if not path.is_file():
        raise ConfigurationError(
            [f"path: there is no file {str(path)!r}. Build the models first, or correct the path."]
        )
    try:
        connection = duckdb.connect(
            str(path),
            read_only=True,
            config={"threads": threads, "memory_limit": memory_limit, "autoinstall_known_extensions": "false"},
        )
        connection.execute("set TimeZone = 'UTC'")
        connection.execute("set arrow_large_buffer_size = true")  # 64-bit offsets: a batch may pass 2 GB
        connection.execute("set python_enable_replacements = false")  # a table's name must not find our variables
    except duckdb.Error as error:
        raise ConfigurationError([f"path: {_unopened(path, error)}"]) from error
    return connection


def _unopened(path: Path, error: duckdb.Error) -> str:
    words = str(error)
    if "Could not set lock" in words:
        holder = re.search(r"\(PID (\d+)\)", words)
        who = f"process {holder[1]}" if holder else "another process"
        return f"{str(path)!r} is open for writing in {who}. Let it end, or close it there, then run again."
    if "not a valid DuckDB database file" in words:
        return f"{str(path)!r} is not a DuckDB database file."
    return f"{str(path)!r} cannot be opened with DuckDB {duckdb.__version__}: {said(error)}"


def _lines(column: pa.Array) -> Lines:
    """Arrow's buffers as they are. Offsets count from the start of the buffer, a slice only from its own."""
    wide = pa.types.is_large_string(column.type)
    if not wide and not pa.types.is_string(column.type):
        column = column.cast(pa.large_string())
        wide = True
    _, offsets, data = column.buffers()
    ends = memoryview(offsets).cast("B").cast("q" if wide else "i")
    return Lines(memoryview(data).cast("B"), ends[column.offset : column.offset + len(column) + 1])


class TapDuckDB(TapWarehouse):
    """Rows of a DuckDB file as Singer records: configured models, read whole, closed by ACTIVATE_VERSION."""

    name = "tap-duckdb"
    config_jsonschema = TapWarehouse.settings(SETTINGS, required=("path",))

    @classmethod
    def connect(cls, config: Mapping[str, object]) -> Warehouse:
        """Open the file read-only."""
        return DuckDB(rooted(str(config["path"])), int(str(config["threads"])), str(config["memory_limit"]))

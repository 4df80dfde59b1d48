"""Snapshots in a DuckDB file of the tap's own, for warehouses in which it may write nothing.

For a model of change `snapshot` the warehouse is asked whether anything has changed, if it has a word on that. If so,
all rows are read once, as they would be emitted, into a temporary table: the text of each record, and beside it the
columns of its key. There they are compared as in any warehouse, and what is emitted is the text that was compared. All
other models are read from the warehouse as ever. Nothing is written there.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from tap_warehouse.catalog import Stream
from tap_warehouse.comparing import Comparison, fields_of, shape_of
from tap_warehouse.dialect import Dialect
from tap_warehouse.duckdb import DuckDB
from tap_warehouse.duckdb_parts import DuckDialect, Settings
from tap_warehouse.duckdb_types import text
from tap_warehouse.errors import ConfigurationError, OutOfMemory, ReadFault
from tap_warehouse.local_columns import RECORD, Layout, is_scalar
from tap_warehouse.models import Model
from tap_warehouse.statements import Shape
from tap_warehouse.tap import rooted
from tap_warehouse.warehouse import GONE, Column, Frame, Lines, Read, Row, Warehouse

TOGETHER = 4 << 20
"""bytes of rows that are put into the table at once, about"""
MEMORY = "1GB"
_ROWS = 'temp."penstock rows"'


class LocalDialect(DuckDialect):
    """DuckDB's SQL. One text is hashed here, which cannot run together with the salt: that has one length."""

    def hashed(self, salt: str, values: Sequence[tuple[str, str]]) -> str:
        """Hash the record's text."""
        return f"md5_number(concat({text(salt)}, {', '.join(x for x, _ in values)}))"


@dataclass(frozen=True)
class LocalShape(Shape):
    """What is compared here, and which of the warehouse's columns it stands for."""

    origin: Shape

    @property
    def recipe(self) -> str:
        """Tell another set of columns or types apart, by the warehouse's own names for them."""
        return f"local {self.origin.recipe}"

    @property
    def key_shape(self) -> str:
        """Tell what the keys are in the warehouse."""
        return self.origin.key_shape


class LocalStore:
    """A warehouse that is only read. See `Warehouse` for the verbs, which are the warehouse's own."""

    def __init__(self, remote: Warehouse, folder: str) -> None:
        self._remote = remote
        self._folder = folder
        self._columns: dict[str, tuple[Column, ...]] = {}
        self._here: Staged | None = None

    @property
    def dialect(self) -> Dialect:
        """Write the warehouse's SQL."""
        return self._remote.dialect

    def comparison(self, stream: Stream) -> Comparison:
        """Compare in a DuckDB of this stream's own. That of the stream before is closed: its file is free again."""
        self._close_here()
        layout = Layout(stream, self._columns[stream.model.name])
        self._here = here = Staged(self._remote, stream, layout, self._folder)
        shape = LocalShape(_ROWS, layout.keys, (RECORD,), shape_of(stream, self._remote))
        return Comparison(here, replace(stream.model, order_by=layout.order), shape, here.fetch)

    def state_schema(self, identity: str) -> str:
        """Fail: it is not here that snapshots are kept."""
        raise ReadFault(f"the snapshots of {identity} are kept elsewhere")

    def execute(self, statements: Sequence[str], claim: str | None = None) -> bool:  # noqa: ARG002 as the others have it
        """Fail: only snapshots are written."""
        raise ReadFault("nothing is written here: snapshots are kept elsewhere")

    def describe(self, model: Model) -> tuple[Column, ...]:
        """Ask the warehouse, and refuse what cannot be put in order here."""
        columns = self._remote.describe(model)
        wrong = [column.name for column in columns if column.name in model.order_by and not is_scalar(column)]
        if model.change == "snapshot" and wrong:
            raise ConfigurationError(
                [f"model {model.name!r}: order_by {', '.join(map(repr, wrong))}: nested values have no order here."]
            )
        self._columns[model.name] = columns
        return columns

    def missing_grants(self, models: Sequence[Model]) -> list[str]:
        """Ask for the right to read and for no other."""
        return self._remote.missing_grants([replace(model, change="full") for model in models])

    def relation(self, model: Model) -> str:
        """Name it in the warehouse."""
        return self._remote.relation(model)

    def gate(self, model: Model) -> str | None:
        """Ask the warehouse."""
        return self._remote.gate(model)

    def rows(self, statement: str) -> list[Row]:
        """Run a query in the warehouse."""
        return self._remote.rows(statement)

    def read(self, read: Read, frame: Frame) -> Iterator[Lines]:
        """Read from the warehouse."""
        return self._remote.read(read, frame)

    def interrupt(self) -> None:
        """End what is running, here and there."""
        self._remote.interrupt()
        if self._here is not None:
            self._here.interrupt()

    def close(self) -> None:
        """Release the file and the session."""
        self._close_here()
        self._remote.close()

    def _close_here(self) -> None:
        if self._here is not None:
            self._here.close()
        self._here = None


class Staged(DuckDB):
    """One stream's rows, brought here, and its snapshots. The verbs that a comparison needs."""

    dialect = LocalDialect()

    def __init__(self, remote: Warehouse, stream: Stream, layout: Layout, folder: str) -> None:
        super().__init__(Settings(":memory:", memory_limit=MEMORY, snapshot_folder=folder))
        self._remote = remote
        self._stream = stream
        self._layout = layout
        self._folder = rooted(folder)
        self._executed(
            [
                "set preserve_insertion_order = false",  # which would cost memory
                # what comes first or last of rows with one key is then what it is in most warehouses
                "set default_null_order = 'nulls_last_on_asc_first_on_desc'",
            ]
        )

    def gate(self, model: Model) -> str | None:
        """Ask the warehouse: here is nothing yet."""
        return self._remote.gate(model)

    def state_schema(self, identity: str) -> str:
        """Attach the file. Its lock guards the folder for what does not fit into memory as well."""
        schema = super().state_schema(identity)
        spilled = self._folder / f"{identity}.tmp"
        shutil.rmtree(spilled, ignore_errors=True)  # of a run that was killed
        self._executed([f"set temp_directory = {text(str(spilled))}"])
        return schema

    def fetch(self) -> None:
        """Bring all rows here, a few megabytes at a time."""
        self._executed([f"create or replace temp table {_ROWS.removeprefix('temp.')} ({self._layout.definition})"])
        read = Read(self._remote.relation(self._stream.model), fields_of(self._layout.columns, self._remote))
        pieces: list[pa.Array] = []
        for lines in self._remote.read(read, Frame("", "\n")):
            pieces.append(_array(lines))
            if sum(piece.nbytes for piece in pieces) >= TOGETHER:
                self._put(pieces)
                pieces = []
        if pieces:
            self._put(pieces)

    def _put(self, pieces: list[pa.Array]) -> None:
        lines = pa.table({"line": pa.chunked_array(pieces)})
        self._connection.register("penstock_lines", lines)
        try:
            self._executed([f"insert into {_ROWS} {self._layout.select('penstock_lines')}"])
        finally:
            self._connection.unregister("penstock_lines")

    def _executed(self, statements: Sequence[str]) -> list[Row]:
        try:
            return super()._executed(statements)
        except OutOfMemory as error:
            raise OutOfMemory(f"comparing takes more than {MEMORY} of memory here") from error

    def _line(self, read: Read, frame: Frame) -> str:
        """Put the frame around the record as it was read; what more there is becomes its last member."""
        (_, record), *more = read.fields
        for column, x in more:
            member = text(f',"{column.name}":')
            record = f"concat(left({record}, -1), {member}, to_json({x}), '}}')"
        line = f"concat({text(frame.head)}, {record}, {text(frame.tail)})"
        if not read.gone:
            return line
        key = self._layout.key_text("m")
        end = text(f',"{GONE.name}":"{frame.gone_at}"}}{frame.tail}')
        return f"case when {read.gone} then concat({text(frame.head)}, {key}, {end}) else {line} end"


def _array(lines: Lines) -> pa.Array:
    """Take the lines for an Arrow column, where they lie."""
    kind = pa.large_string() if lines.ends.itemsize == 8 else pa.string()
    return pa.Array.from_buffers(kind, len(lines), [None, pa.py_buffer(lines.ends), pa.py_buffer(lines.data)])

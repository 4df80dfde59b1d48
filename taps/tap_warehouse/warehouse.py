"""What a warehouse module provides: all that differs between warehouses is behind these verbs and the dialect."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tap_warehouse.dialect import Dialect
from tap_warehouse.models import Model

JsonSchema = dict[str, object]
Row = Sequence[object]


@dataclass(frozen=True)
class Column:
    """A column of a model, with the JSON schema of its values when they are not null."""

    name: str
    schema: JsonSchema
    type: str = ""
    """as the warehouse writes it; part of what a snapshot remembers"""
    native: object = field(default=None, compare=False, repr=False)
    """what the warehouse module knows of the type beyond that"""


@dataclass(frozen=True)
class Lines:
    """Consecutive Singer lines in one piece of memory: line `i` is `data[ends[i]:ends[i + 1]]`, newline included.

    The offsets are Arrow's own (32 or 64 bits), so a warehouse that answers in Arrow copies nothing.
    """

    data: memoryview
    ends: memoryview

    def __len__(self) -> int:
        """Count lines."""
        return len(self.ends) - 1

    def part(self, start: int, stop: int) -> memoryview:
        """Bytes of the lines from `start` up to `stop`."""
        return self.data[self.ends[start] : self.ends[stop]]


@dataclass(frozen=True)
class Frame:
    """A RECORD line around its row: `head` before the object, `tail` after it, newline included."""

    head: str
    tail: str
    gone_at: str = ""
    """`_sdc_deleted_at` of rows that have left, ISO 8601"""


@dataclass(frozen=True)
class Read:
    """Rows to emit. SQL texts name the rows' table `m`."""

    source: str
    """what follows FROM, without its alias"""
    fields: tuple[tuple[Column, str], ...]
    """a record's columns, each with the SQL expression of its value"""
    keys: tuple[str, ...] = ()
    where: str = ""
    order: str = ""
    limit: int | None = None
    gone: str = ""
    """SQL condition: of these rows only the keys are known, and that they have left"""
    reason: str = ""
    """SQL expression: why a target must refuse the row, or null"""


GONE = Column("_sdc_deleted_at", {"type": "string", "format": "date-time"})
"""set in the record of a row that has left, which holds its key and nothing else"""


class Warehouse(Protocol):
    """An open connection in UTC. Reads the models; writes nothing but the state schema.

    Each verb but `describe` raises ReadFault when the warehouse fails; its text never repeats a value of a row.
    """

    @property
    def dialect(self) -> Dialect:
        """How this warehouse writes SQL."""

    def state_schema(self, identity: str) -> str:
        """Where the snapshots of one pipeline and model are kept, quoted. Raises ConfigurationError, ReadFault."""

    def describe(self, model: Model) -> tuple[Column, ...]:
        """Columns in the warehouse's order, without reading a row. `where`, `columns` and `limit` are the model's.

        Raises ConfigurationError, one message for each mistake, when the model cannot be read as configured.
        """

    def missing_grants(self, models: Sequence[Model]) -> list[str]:
        """Write the GRANT statements without which these models cannot be read, or their snapshots not be kept.

        For `--test`: they are not described yet, and reading them may fail. Empty where nothing is missing, or where
        the warehouse knows no grants. Raises ReadFault.
        """

    def relation(self, model: Model) -> str:
        """Return what follows FROM to read a described model: a name or a query in parentheses, without an alias."""

    def gate(self, model: Model) -> str | None:
        """Tell a token that changes when the model's rows do, for far less than reading them. None: no such thing."""

    def rows(self, statement: str) -> list[Row]:
        """Run a query whose result is small."""

    def execute(self, statements: Sequence[str], claim: str | None = None) -> bool:
        """Run statements that return nothing, in one transaction where the warehouse can.

        `claim` comes first and must update one row. Where it updates none, another run was faster: nothing is done, and
        False returned.
        """

    def read(self, read: Read, frame: Frame) -> Iterator[Lines]:
        """RECORD lines. Streams; memory stays bounded."""

    def interrupt(self) -> None:
        """Make the statement that is running end soon. Called from another thread."""

    def close(self) -> None:
        """Release the file or the session."""

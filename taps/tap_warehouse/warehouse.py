"""What a warehouse module provides. Everything that differs between warehouses is behind these five verbs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from tap_warehouse.models import Model

JsonSchema = dict[str, object]


@dataclass(frozen=True)
class Column:
    """A column of a model, with the JSON schema of its values when they are not null."""

    name: str
    schema: JsonSchema


@dataclass(frozen=True)
class KeyCounts:
    """How well the primary key keeps its word: rows in all, rows with a null in it, rows beyond the first of a key."""

    rows: int
    null: int
    repeated: int


@dataclass(frozen=True)
class Lines:
    """Consecutive Singer lines in one piece of memory: line `i` is `data[ends[i]:ends[i + 1]]`, newline included.

    The offsets are Arrow's own (32 or 64 bits), so a warehouse that answers in Arrow copies nothing.
    """

    data: memoryview
    ends: memoryview

    def __len__(self) -> int:
        return max(0, len(self.ends) - 1)

    def part(self, start: int, stop: int) -> memoryview:
        """Lines `start` up to, not including, `stop`."""
        return self.data[self.ends[start] : self.ends[stop]]


class Warehouse(Protocol):
    """An open, read-only connection in UTC."""

    def describe(self, model: Model) -> tuple[Column, ...]:
        """Columns in the warehouse's order, without reading a row.

        Raises ConfigurationError, one message for each mistake, when the model cannot be read as configured.
        """

    def count_keys(self, model: Model) -> KeyCounts | None:
        """One pass over the key columns. None when the warehouse could not afford it."""

    def read(
        self, model: Model, columns: Sequence[Column], head: str, tail: str, limit: int | None = None
    ) -> Iterator[Lines]:
        """RECORD lines: `head`, the row as a JSON object of `columns`, `tail`. Streams; memory stays bounded.

        Raises ReadFault when the warehouse fails on the way.
        """

    def interrupt(self) -> None:
        """Make the statement that is running end soon. Called from another thread."""

    def close(self) -> None:
        """Release the file or the session."""

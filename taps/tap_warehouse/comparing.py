"""Where the rows of a stream are compared with what was acknowledged, and what they are called there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from tap_warehouse.catalog import Stream
from tap_warehouse.models import Model
from tap_warehouse.statements import Shape
from tap_warehouse.warehouse import Column, Read, Warehouse

Fields = tuple[tuple[Column, str], ...]


@dataclass(frozen=True)
class Comparison:
    """One stream's rows as change detection sees them. All SQL about them is for `warehouse`, in its dialect."""

    warehouse: Warehouse
    model: Model
    """its columns by the names that they have there"""
    shape: Shape
    fetch: Callable[[], None]
    """to be called before the first look at the rows, and only if there is to be one. Raises ReadFault"""

    @property
    def fields(self) -> Fields:
        """Read each column of a row."""
        return fields_of(self.shape.columns, self.warehouse)

    def read(self, delta: str) -> Read:
        """Read what is to be emitted from a delta."""
        fields = tuple((column, f"m.c{place}") for place, column in enumerate(self.shape.columns))
        return Read(delta, fields, self.model.primary_key, order="m.n", gone="m.op = 'removed'")


@runtime_checkable
class Elsewhere(Protocol):
    """A warehouse whose snapshots are kept elsewhere, so that its rows have to come there to be compared."""

    def comparison(self, stream: Stream) -> Comparison:
        """Tell where that is for a described stream. Raises ConfigurationError."""


def comparison_of(stream: Stream, warehouse: Warehouse) -> Comparison:
    """Compare in the warehouse itself, unless it says otherwise."""
    if isinstance(warehouse, Elsewhere):
        return warehouse.comparison(stream)
    return Comparison(warehouse, stream.model, shape_of(stream, warehouse), lambda: None)


def shape_of(stream: Stream, warehouse: Warehouse) -> Shape:
    """Name the stream's relation and columns for the statements."""
    keys = tuple(next(column for column in stream.columns if column.name == key) for key in stream.model.primary_key)
    return Shape(warehouse.relation(stream.model), keys, stream.columns)


def fields_of(columns: tuple[Column, ...], warehouse: Warehouse) -> Fields:
    """Read each column by its name."""
    return tuple((column, f"m.{warehouse.dialect.quoted(column.name)}") for column in columns)

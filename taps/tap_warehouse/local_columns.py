"""The columns of rows that were brought here to be compared: the record's text, and its key taken out of that text.

The key comes first in the text that is asked for, so a pattern over its beginning finds it, digit for digit, and no
JSON is parsed. Columns by which one of several rows with one key is chosen come before it where they are not emitted,
and after it otherwise.
"""

from __future__ import annotations

import json
import re

from tap_warehouse.catalog import Stream
from tap_warehouse.duckdb_types import text
from tap_warehouse.warehouse import Column

RECORD = Column("r", {"type": "string"}, "VARCHAR")

_STRING = r'"(?:[^"\\]|\\.)*"'
_NAME = rf"{_STRING}:"
_VALUE = rf"(?:{_STRING}|[^,}}]*)"
_SCALARS = ("string", "integer", "number", "boolean")


class Layout:
    """How one stream's rows are asked for, and what is made of a line. `known` are all columns of its model."""

    def __init__(self, stream: Stream, known: tuple[Column, ...]) -> None:
        of = {column.name: column for column in known}
        emitted = {column.name for column in stream.columns}
        self._key = [of[name] for name in stream.model.primary_key]
        self._by = [of[name] for name in stream.model.order_by]
        self._hidden = [column for column in self._by if column.name not in emitted]
        first = [*self._hidden, *filter(is_scalar, [*self._key, *self._by])]
        self._first = list(dict.fromkeys(column.name for column in first))
        rest = [column for column in stream.columns if column.name not in self._first]
        self.columns = (*(of[name] for name in self._first), *rest)
        """in the order in which they are to be asked for"""
        self.keys = tuple(Column(f"k{at}", {}, _type(column)) for at, column in enumerate(self._key))
        """what the columns of the key are called here"""
        ordered = [(f"o{at}", column) for at, column in enumerate(self._by)]
        self.order = tuple(name for each, column in ordered for name in _order_names(each, column))
        """what the columns of `order_by` are called here"""

    @property
    def definition(self) -> str:
        """Columns of the table."""
        kinds = [f"{key.name} {key.type}" for key in self.keys]
        for at, column in enumerate(self._by):
            kinds += [f"{name} {kind}" for name, kind in _order_types(f"o{at}", column)]
        return ", ".join([*kinds, f"{RECORD.name} {RECORD.type}"])

    def select(self, lines: str) -> str:
        """Make rows of that table of a table of lines."""
        values = [_typed(column, self._raw(column)) for column in self._key]
        for column in self._by:
            values += _ordered(column, self._raw(column))
        values.append(self._record())
        begun = f"rtrim(line, chr(10)) as line{self._begun()}"
        return f"select {', '.join(values)} from (select {begun} from {lines}) l"

    def key_text(self, table: str) -> str:
        """Write arguments of `concat` for the beginning of a JSON object that holds the key."""
        pieces, opening = [], "{"
        for at, column in enumerate(self._key):
            x = f"{table}.k{at}"
            written = f"to_json({x})" if column.schema.get("type") == "string" else f"cast({x} as varchar)"
            pieces += [text(f"{opening}{json.dumps(column.name, ensure_ascii=False)}:"), written]
            opening = ","
        return ", ".join(pieces)

    def _begun(self) -> str:
        """Take the first members of the object apart."""
        if not self._first:
            return ""
        pattern = r"^\{" + ",".join(rf"{_NAME}({_VALUE})" for _ in self._first)
        groups = ", ".join(text(f"g{at}") for at in range(len(self._first)))
        return f", regexp_extract(line, {text(pattern)}, [{groups}]) as g"

    def _raw(self, column: Column) -> str:
        """Find a column's value as JSON text; null for JSON's null."""
        if column.name in self._first:
            return f"nullif(g.g{self._first.index(column.name)}, 'null')"
        pointer = "/" + column.name.replace("~", "~0").replace("/", "~1")
        return f"nullif(cast(json_extract(line, {text(pointer)}) as varchar), 'null')"

    def _record(self) -> str:
        """Leave out what is not emitted."""
        if not self._hidden:
            return "line"
        pattern = r"^\{" + rf"{_NAME}{_VALUE},?" * len(self._hidden)
        return f"regexp_replace(line, {text(pattern)}, '{{')"


def is_scalar(column: Column) -> bool:
    """Tell whether a column's values are neither objects nor arrays, by its schema."""
    return column.schema.get("type") in _SCALARS


def _type(column: Column) -> str:
    """Choose what a key is compared as. Of the numbers only integers are numbers here, all others their digits.

    A NUMERIC without a point may be longer than any type, or NaN, so it is its digits as well.
    """
    kind = column.schema.get("type")
    is_whole = kind == "integer" and re.match(r"(big)?(numeric|decimal)", column.type.casefold()) is None
    return "hugeint" if is_whole else "varchar"


def _typed(column: Column, raw: str) -> str:
    if column.schema.get("type") == "string":
        inside = f"substr({raw}, 2, length({raw}) - 2)"
        return f"case when contains({raw}, '\\') then json_extract_string({raw}, '$') else {inside} end"
    return f"cast({raw} as {_type(column)})"


def _order_types(name: str, column: Column) -> list[tuple[str, str]]:
    """Put numbers in order by their size, and where two are one as floats, by their digits."""
    if column.schema.get("type") in {"integer", "number"}:
        return [(name, "double"), (f"{name}d", "decimal(38, 18)")]
    return [(name, "varchar")]


def _order_names(name: str, column: Column) -> list[str]:
    return [each for each, _ in _order_types(name, column)]


def _ordered(column: Column, raw: str) -> list[str]:
    if column.schema.get("type") in {"integer", "number"}:
        bare = f"trim({raw}, '\"')"
        return [f"try_cast({bare} as double)", f"try_cast({bare} as decimal(38, 18))"]
    return [_typed(column, raw)]

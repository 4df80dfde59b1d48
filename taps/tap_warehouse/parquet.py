"""Records as Parquet that gives them back as they are: each value that a reader takes out is the JSON value put in.

So texts that JSON has for dates, times and bytes stay texts, decimals get the precision and scale of their column, and
what Parquet has no exact counterpart for is refused, by the column's name: a number of any precision, an object whose
members differ from row to row, an array of unknown items.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import IO, Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from tap_warehouse.errors import ReadFault
from tap_warehouse.warehouse import Column, JsonSchema

TOGETHER = 8 << 20
"""bytes of JSON in a row group, about"""

_DECIMAL = re.compile(r"(?:numeric|decimal|number|bignumeric)\s*\((\d+)(?:\s*,\s*(-?\d+))?\)")
_FLOATS = re.compile(r"(?<!dec)float|double|real")
_ODD = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}


def refused(stream: str, columns: Sequence[Column]) -> Iterator[str]:
    """Name the columns that cannot be written, each in a message."""
    for column in columns:
        # the members that a value of a union has not are no nulls
        if arrow_type(column.schema, column.type) is None or "union(" in column.type.casefold():
            yield (
                f"model {stream!r}: column {column.name!r} ({column.type}) would not come out of Parquet as it went in."
                " Cast it in sql, leave it out with columns, or set batch_config.encoding.format to jsonl."
            )


def arrow_type(schema: JsonSchema, kind: str = "") -> pa.DataType | None:
    """Choose the type for a column's values; `kind` is the warehouse's word for its type. None: there is none."""
    kind = kind.casefold()
    found: pa.DataType | None = None
    match schema.get("type"):
        case "string":
            found = pa.large_string()
        case "boolean":
            found = pa.bool_()
        case "integer":
            found = _integer(kind)
        case "number":
            found = pa.float64() if _FLOATS.search(kind) else _decimal(kind)
        case "array" if isinstance(items := schema.get("items"), dict):
            item = arrow_type(_bare(items))
            found = None if item is None else pa.large_list(item)
        case "object" if isinstance(members := schema.get("properties"), dict) and members:
            types = {name: arrow_type(_bare(member)) for name, member in members.items()}
            found = None if None in types.values() else pa.struct(list(types.items()))
    return found


def _bare(schema: JsonSchema) -> JsonSchema:
    """Take the null out of a schema: in Parquet everything can be null."""
    kinds = schema.get("type")
    rest = [kind for kind in kinds if kind != "null"] if isinstance(kinds, list) else []
    return {**schema, "type": rest[0]} if len(rest) == 1 else schema


def _integer(kind: str) -> pa.DataType | None:
    if kind in {"hugeint", "uhugeint"}:
        return pa.decimal256(39, 0)
    if kind == "bignum":
        return None
    if kind == "ubigint":
        return pa.uint64()
    return _decimal(kind) if _DECIMAL.search(kind) else pa.int64()


def _decimal(kind: str) -> pa.DataType | None:
    found = _DECIMAL.search(kind)
    if found is None:
        return None
    precision, scale = int(found[1]), int(found[2] or 0)
    if scale < 0:
        precision, scale = precision - scale, 0
    precision = max(precision, scale)
    if precision > 76:
        return None
    return pa.decimal128(precision, scale) if precision <= 38 else pa.decimal256(precision, scale)


class Parquet:
    """One file."""

    def __init__(self, file: IO[bytes], columns: Sequence[Column], compression: str) -> None:
        self._names = [column.name for column in columns]
        self._types = [arrow_type(column.schema, column.type) for column in columns]
        self._schema = pa.schema(list(zip(self._names, self._types, strict=True)))
        self._decode = msgspec.json.Decoder(float_hook=Decimal).decode
        self._writer = pq.ParquetWriter(file, self._schema, compression=compression)
        self._rows: list[dict[str, Any]] = []
        self._size = 0

    def write(self, lines: memoryview) -> None:
        """Collect a row group's worth of records, then write them."""
        try:
            self._rows += map(self._decode, bytes(lines).split(b"\n")[:-1])
        except msgspec.DecodeError:
            raise ReadFault("a record is no JSON that Parquet could hold; use jsonl") from None
        self._size += len(lines)
        if self._size >= TOGETHER:
            self._group()

    def finish(self) -> None:
        """Write what is collected, and the file's end."""
        if self._rows:
            self._group()
        self._writer.close()

    def give_up(self) -> None:
        """Write the end all the same: it would do so later."""
        self._writer.close()

    def _group(self) -> None:
        columns = [self._column(name, kind) for name, kind in zip(self._names, self._types, strict=True)]
        self._writer.write_table(pa.table(columns, schema=self._schema))
        self._rows, self._size = [], 0

    def _column(self, name: str, kind: pa.DataType) -> pa.Array:
        values = [row.get(name) for row in self._rows]
        if pa.types.is_floating(kind):
            values = [_ODD.get(value, value) if isinstance(value, str) else value for value in values]
            values = [float(value) if isinstance(value, Decimal) else value for value in values]
        elif pa.types.is_decimal(kind):
            values = [Decimal(value) if isinstance(value, int) else value for value in values]
        try:
            return pa.array(values, kind)
        except (pa.ArrowException, OverflowError, TypeError, ValueError):
            raise ReadFault(f"column {name!r} holds a value that Parquet's {kind} cannot; use jsonl") from None

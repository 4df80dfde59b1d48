"""Rows of Python values to RECORD lines, for warehouses whose drivers give rows or Arrow instead of building the text.

The conventions are those of DuckDB's text (see `duckdb_types`): decimals keep their digits, NaN and the infinities are
the strings "NaN", "Infinity" and "-Infinity" (null would clear a field), timestamps are UTC and end in +00:00, bytes
are base64, a JSON value stands as it was stored.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from itertools import accumulate
from typing import Any

import msgspec

from tap_warehouse.warehouse import GONE, Column, Frame, Lines, Read

Convert = Callable[[Any], object]
"""What is to become of a value that is not null, before it is written as JSON. None in a list: nothing."""

MANY = 1_000
"""rows in one piece"""
_MOST_INTEGER = 2**63

_encode = msgspec.json.Encoder(decimal_format="number").encode


class Encoder:
    """Makes the lines of one read. A row is the read's fields in their order, and before them what `prefix` names.

    With `read.gone` each row begins with that condition and the key values: see `selected`.
    """

    def __init__(self, read: Read, frame: Frame, converts: Sequence[Convert | None]) -> None:
        self._head, self._tail = frame.head.encode(), frame.tail.encode()
        self._names = [column.name for column, _ in read.fields]
        self._converts = [(place, convert) for place, convert in enumerate(converts) if convert is not None]
        self._keys = read.keys if read.gone else ()
        self._key_converts = [(name, converts[self._names.index(name)]) for name in self._keys]
        self._gone_at = frame.gone_at

    def lines(self, rows: Iterable[Sequence[object]]) -> Lines:
        """Write rows, each as one line."""
        pieces = [b"".join((self._head, self._row(row), self._tail)) for row in rows]
        ends = array("q", accumulate(map(len, pieces), initial=0))
        return Lines(memoryview(b"".join(pieces)), memoryview(ends))

    def _row(self, row: Sequence[object]) -> bytes:
        if self._keys:
            skip = 1 + len(self._keys)
            if row[0]:
                return self._gone(row[1:skip])
            row = row[skip:]
        values = list(row)
        for place, convert in self._converts:
            if values[place] is not None:
                values[place] = convert(values[place])
        return _encode(dict(zip(self._names, values, strict=True)))

    def _gone(self, keys: Sequence[object]) -> bytes:
        record = {
            name: value if value is None or convert is None else convert(value)
            for (name, convert), value in zip(self._key_converts, keys, strict=True)
        }
        return _encode({**record, GONE.name: self._gone_at})


def selected(read: Read, written: Callable[[Column, str], str] = lambda _column, x: x) -> str:
    """Write the SELECT whose rows an Encoder takes. `written` says how a column's value, an SQL text, is asked for."""
    columns = [written(column, x) for column, x in read.fields]
    if read.gone:
        of = {column.name: column for column, _ in read.fields}
        columns = [
            f"case when {read.gone} then 1 else 0 end",
            *(written(of[name], f"m.k{place}") for place, name in enumerate(read.keys)),
            *columns,
        ]
    named = ", ".join(f"{x} as f{place}" for place, x in enumerate(columns))
    query = f"select {named} from {read.source} m"
    query += f" where {read.where}" if read.where else ""
    query += f" order by {read.order}" if read.order else ""
    return query if read.limit is None else f"{query} limit {read.limit}"


# What becomes of values


def number(value: float | Decimal) -> object:
    """Write a float or decimal; what JSON has no number for becomes text, which breaks the column's schema by name."""
    if isinstance(value, Decimal):
        if value.is_finite():
            return msgspec.Raw(format(value, "f").encode())
        return "NaN" if value.is_nan() else "Infinity" if value > 0 else "-Infinity"
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def integer(value: int | Decimal) -> object:
    """Write an integer exactly, however long."""
    value = int(value)
    return value if -_MOST_INTEGER <= value < _MOST_INTEGER else msgspec.Raw(str(value).encode())


def timestamp(value: datetime | str) -> str:
    """Write a timestamp in UTC; one without a zone is taken as UTC."""
    if isinstance(value, str):
        return value
    if value.tzinfo is None:
        value = value.replace(tzinfo=timezone.utc)
    return value.astimezone(timezone.utc).isoformat(timespec="microseconds")


def plain(value: date | time | timedelta | object) -> str:
    """Write a date, a time or anything else as its own text."""
    return value.isoformat() if isinstance(value, date | time) else str(value)


def stored_json(value: object) -> object:
    """Write a JSON value that a driver gives as text, digit for digit, on one line; as text where it is no JSON."""
    if not isinstance(value, str):
        return msgspec.Raw(_nested(value))
    try:
        msgspec.json.decode(value)
    except msgspec.DecodeError:
        return value
    return msgspec.Raw(value.replace("\n", " ").replace("\r", " ").encode())


def _nested(value: object) -> bytes:
    """Write lists and objects of Python values, with the conventions for what is in them."""
    return _encode(_plainly(value))


def _plainly(value: object) -> object:
    if isinstance(value, dict):
        return {str(key): _plainly(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plainly(each) for each in value]
    if isinstance(value, bool) or value is None or isinstance(value, str | bytes):
        return value
    if isinstance(value, int):
        return integer(value)
    if isinstance(value, float | Decimal):
        return number(value)
    return timestamp(value) if isinstance(value, datetime) else plain(value)


def in_pieces(rows: Iterable[Sequence[object]], encoder: Encoder, size: int = MANY) -> Iterable[Lines]:
    """Encode an endless iterable of rows piece by piece."""
    piece: list[Sequence[object]] = []
    for row in rows:
        piece.append(row)
        if len(piece) == size:
            yield encoder.lines(piece)
            piece = []
    if piece:
        yield encoder.lines(piece)

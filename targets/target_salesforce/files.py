"""The CSV of Bulk API 2.0: rows to lines, result files to pairs of key and outcome. Speed counts here: a load is this.

Every cell is quoted and lines end with CRLF, so a line feed in a value ends nothing; other newlines become line feeds,
because a bare CR makes the job fail. Not in keys, which would become those of other records. `#N/A` is null and an
empty cell leaves the field as it is, so a text `#N/A` cannot travel in a file (documented). Results come in any order,
with values written anew, and are matched by key.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import compress
from operator import itemgetter
from typing import Any

from msgspec import UNSET, UnsetType

from penstock.bulk import Taken
from penstock.errors import NotAccepted
from target_salesforce.fields import long_id

NULL = "#N/A"
ID, CREATED, ERROR = "sf__Id", "sf__Created", "sf__Error"
_CELLS: Mapping[type, Callable[[Any], str]] = {
    type(None): {None: NULL}.__getitem__,
    bool: {True: "true", False: "false"}.__getitem__,
    int: str,
    Decimal: lambda value: format(value, "f") if -400 < value.adjusted() < 400 else str(value),
    UnsetType: {UNSET: ""}.__getitem__,
}
_WRITTEN = re.compile(rb'\n"([A-Za-z0-9]{15,18})","(true|false)","([^"]*(?:""[^"]*)*)"(?=[,\r\n])')
"""how a line of written rows begins where the key comes first, behind the end of the line before. In a quoted cell
every quote is doubled, so what stands there behind a line feed cannot look like this"""
_BEGINS = re.compile(rb'\n"[A-Za-z0-9]{15,18}","(?:true|false)","')
BLOCK = 1 << 18
"""bytes that are read together, about"""


def header(names: Sequence[str]) -> bytes:
    """Write the first line."""
    return (",".join(f'"{name}"' for name in names) + "\r\n").encode()


class Lines:
    """Writes rows as lines of a file with these columns."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names
        self._columns = frozenset(names)
        self._pick: Callable[[Mapping[str, object]], tuple[object, ...]] = itemgetter(*names, names[0])
        """one more than there are, so that it is always several"""
        self._quotes = 2 * len(names) - 2
        self._keys = [0, *(n for n, name in enumerate(names) if "." in name)]
        """places of what names records: the row's own comes first, a parent's is `Relationship.Key`"""

    def line(self, payload: Mapping[str, object]) -> bytes | None:
        """Write a row; None where it cannot travel in a file: a text `#N/A`, a CR in a key, no valid Unicode.

        Neither can one with a field that the file has no column for: its stream had another SCHEMA when that was begun.
        """
        if not self._columns >= payload.keys():
            return None
        try:
            values = self._pick(payload)[:-1]
        except KeyError:
            values = tuple([payload.get(name, "") for name in self._names])
        cells = [value if type(value) is str else _CELLS[type(value)](value) for value in values]
        text = '","'.join(cells)
        if text.count('"') != self._quotes:
            text = '","'.join([cell.replace('"', '""') for cell in cells])
        if "\r" in text:
            if any("\r" in cells[place] for place in self._keys):
                return None
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        if (NULL in text and NULL in values) or "\0" in text:
            return None
        try:
            return f'"{text}"\r\n'.encode()
        except UnicodeEncodeError:
            return None

    def many(self, columns: Mapping[str, Sequence[object]], rows: int) -> tuple[bytes, set[int]]:
        """Write many rows, whose values are given column by column, and return the places of those left to `line`."""
        beyond = [values for name, values in columns.items() if name not in self._columns]
        odd = {n for values in beyond for n, value in enumerate(values) if value is not UNSET}
        cells = [_cells_of(columns[name], odd) if name in columns else [""] * rows for name in self._names]
        lines: Iterator[str] = map('","'.join, zip(*cells, strict=True))
        if odd:
            lines = compress(lines, [n not in odd for n in range(rows)])
        text = '"\r\n"'.join(lines)
        if not text:
            return b"", odd
        try:
            return f'"{text}"\r\n'.encode(), odd
        except UnicodeEncodeError:
            return b"", set(range(rows))


def _cells_of(values: Sequence[Any], odd: set[int]) -> Sequence[str]:
    """Write the cells of a column; add to `odd` the places of those that do not travel as they are."""
    kinds = set(map(type, values))
    if str not in kinds:
        return [_CELLS[type(value)](value) for value in values]
    texts = values if len(kinds) == 1 else [v if type(v) is str else _CELLS[type(v)](v) for v in values]
    together = "".join(texts)
    if NULL in together:
        odd.update(n for n, value in enumerate(values) if value == NULL)
    if "\r" in together or "\0" in together:
        odd.update(n for n, cell in enumerate(texts) if "\r" in cell or "\0" in cell)
    return [cell.replace('"', '""') for cell in texts] if '"' in together else texts


def table(body: bytes, wanted: Sequence[str]) -> Iterator[list[str]]:
    """Return the cells of some columns, row by row. Raises NotAccepted where the body is no such file."""
    return _cells(_text(body), wanted)


def written(body: bytes, key: str, normalise: Callable[[str], str]) -> Iterator[Taken]:
    """Read the rows that were written, each with its key as `normalise` writes it."""
    first = body[: body.find(b"\n") + 1].replace(b'"', b"").strip().lower()
    if not (first + b",").startswith(f"{ID},{CREATED},{key},".lower().encode()):
        for name, row_id, made in _cells(_text(body), (key, ID, CREATED)):
            yield Taken([normalise(name)], [long_id(row_id)], [made == "true"])
        return
    # Bytes, and in pieces: decoded as a whole, a file with one Chinese name takes twice its size.
    at = 0
    while at < len(body):
        cut = _BEGINS.search(body, at + BLOCK)
        end = len(body) if cut is None else cut.start()
        found = _WRITTEN.findall(body, at, end)
        at = end
        if not found:
            continue
        names, flags, cells = zip(*found, strict=True)
        texts = [cell.decode(errors="replace") for cell in cells]
        if any('""' in text for text in texts):
            texts = [text.replace('""', '"') for text in texts]
        ids = list(map(long_id, map(bytes.decode, names)))
        yield Taken(list(map(normalise, texts)), ids, [flag == b"true" for flag in flags])


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise NotAccepted("a result file is no UTF-8") from error


def _cells(text: str, wanted: Sequence[str]) -> Iterator[list[str]]:
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        names = [name.lower() for name in next(rows, [])]
        if not names:
            return
        if any(name.lower() not in names for name in wanted):
            if next(rows, None) is None:
                return  # nobody has read the file that these would be the columns of
            raise NotAccepted("a result file lacks its columns")
        places = [names.index(name.lower()) for name in wanted]
        width = len(names)
        for row in rows:
            if len(row) != width:
                raise NotAccepted("a line of a result file has another number of cells")
            yield [row[place] for place in places]
    except csv.Error as error:
        raise NotAccepted("a result file is no CSV") from error

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
from operator import itemgetter
from typing import Any

from penstock.errors import NotAccepted

NULL = "#N/A"
ID, CREATED, ERROR = "sf__Id", "sf__Created", "sf__Error"
_CELLS: Mapping[type, Callable[[Any], str]] = {
    type(None): {None: NULL}.__getitem__,
    bool: {True: "true", False: "false"}.__getitem__,
    int: str,
    Decimal: "{:f}".format,
}
_WRITTEN = re.compile(rb'^"([A-Za-z0-9]{15,18})","(true|false)","((?:[^"]|"")*)"[,\r\n]', re.MULTILINE)
"""how a line of written rows begins where the key comes first. In a quoted cell every quote is doubled, so what stands
there behind a line feed cannot look like this"""
Written = tuple[str, str, bool]
"""key, id, whether the record was created"""


def header(names: Sequence[str]) -> bytes:
    """Write the first line."""
    return (",".join(f'"{name}"' for name in names) + "\r\n").encode()


class Lines:
    """Writes rows as lines of a file with these columns."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names
        self._pick: Callable[[Mapping[str, object]], tuple[object, ...]] = itemgetter(*names, names[0])
        """one more than there are, so that it is always several"""
        self._quotes = 2 * len(names) - 2
        self._keys = [0, *(n for n, name in enumerate(names) if "." in name)]
        """places of what names records: the row's own comes first, a parent's is `Relationship.Key`"""

    def line(self, payload: Mapping[str, object]) -> bytes | None:
        """Write a row; None where it cannot travel in a file: a text `#N/A`, a CR in a key, no valid Unicode."""
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


def table(body: bytes, wanted: Sequence[str]) -> Iterator[list[str]]:
    """Return the cells of some columns, row by row. Raises NotAccepted where the body is no such file."""
    return _cells(_text(body), wanted)


def written(body: bytes, key: str, normalise: Callable[[str], str]) -> Iterator[Written]:
    """Read the rows that were written, each with its key as `normalise` writes it."""
    first = body[: body.find(b"\n") + 1].replace(b'"', b"").strip().lower()
    if not (first + b",").startswith(f"{ID},{CREATED},{key},".lower().encode()):
        for name, found, made in _cells(_text(body), (key, ID, CREATED)):
            yield normalise(name), found, made == "true"
        return
    # Bytes, and one by one: decoded as a whole, a file with one Chinese name takes twice its size.
    for line in _WRITTEN.finditer(body):
        row_id, created, cell = line.group(1, 2, 3)
        if b'""' in cell:
            cell = cell.replace(b'""', b'"')
        yield normalise(cell.decode(errors="replace")), row_id.decode(), created == b"true"


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

"""The CSV of Bulk API 2.0: rows to lines, result files to pairs of key and outcome. Speed counts here: a load is this.

Every cell is quoted and lines end with CRLF, so a line feed in a value ends nothing; other newlines become line feeds,
because a bare CR makes the job fail. `#N/A` is null and an empty cell leaves the field as it is, so a text `#N/A`
cannot travel in a file (documented). Results come in any order, with values written anew, and are matched by key.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal

from penstock.errors import NotAccepted

NULL = "#N/A"
ID, CREATED, ERROR = "sf__Id", "sf__Created", "sf__Error"


def header(names: Sequence[str]) -> bytes:
    """Write the first line."""
    return (",".join(f'"{name}"' for name in names) + "\r\n").encode()


def line(names: Sequence[str], payload: Mapping[str, object]) -> bytes | None:
    """Write a row; None where it cannot travel in a file: for a text `#N/A`, or one that is no valid Unicode."""
    get = payload.get
    cells = [cell if type(cell) is str else _cell(cell) for cell in [get(name, "") for name in names]]
    text = '","'.join(cells)
    if text.count('"') != 2 * len(cells) - 2:
        text = '","'.join([cell.replace('"', '""') for cell in cells])
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if NULL in text and any(payload.get(name) == NULL for name in names):
        return None
    try:
        return f'"{text}"\r\n'.encode() if "\0" not in text else None
    except UnicodeEncodeError:
        return None


def _cell(value: object) -> str:
    if value is None:
        return NULL
    if value is True:
        return "true"
    if value is False:
        return "false"
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def table(body: bytes, wanted: Sequence[str]) -> Iterator[list[str]]:
    """Return the cells of some columns, row by row. Raises NotAccepted where the body is no such file."""
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise NotAccepted("a result file is no UTF-8") from error
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        names = [name.lower() for name in next(rows, [])]
        if not names:
            return
        if any(name.lower() not in names for name in wanted):
            raise NotAccepted("a result file lacks its columns")
        places = [names.index(name.lower()) for name in wanted]
        width = len(names)
        for row in rows:
            if len(row) != width:
                raise NotAccepted("a line of a result file has another number of cells")
            yield [row[place] for place in places]
    except csv.Error as error:
        raise NotAccepted("a result file is no CSV") from error


Written = tuple[str, str, bool]
"""key, id, whether the record was created"""


def written(body: bytes, key: str, normalise: Callable[[str], str]) -> list[Written]:
    """Read the rows that were written."""
    return [(normalise(name), found, made == "true") for name, found, made in table(body, (key, ID, CREATED))]

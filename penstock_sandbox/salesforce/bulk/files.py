"""The CSV of a job: how strictly it is read, and what its header means."""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING, NamedTuple

from penstock_sandbox.provenance import assumed, documented, recorded
from penstock_sandbox.salesforce.bulk.job import DELIMITERS, Asked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from penstock_sandbox.salesforce.fields import Field
    from penstock_sandbox.salesforce.org import Org
    from penstock_sandbox.salesforce.schema import SObject

GUIDE = "Bulk API 2.0 Developer Guide: Prepare CSV Files"
LONGEST_HEADER = 32_000
_BLOCK = 1 << 20
_QUOTED = re.compile(rb'"[^"]*"')
_ENDINGS = {"LF": b"\n", "CRLF": b"\r\n"}
csv.field_size_limit(2**27)


class FileError(ValueError):
    """The file as a whole is refused; the text is the job's `errorMessage`."""


class Column(NamedTuple):
    """What one column fills: a field, or with `key` a look-up by a field of the parent."""

    name: str
    field: Field
    parent: SObject | None = None
    key: Field | None = None


@documented("The line ending must be the job's, or the job fails with ClientInputError", GUIDE)
@documented("A lone carriage return, or CRLF within quotes in a job of LF, is a wrong ending too", GUIDE)
@assumed("In a job of CRLF, line feeds within quotes are data", "the guide speaks of the rows' ends")
def check_endings(body: bytes, ending: str) -> None:
    """Refuse a file whose lines end otherwise than the job says."""
    wrong = f"ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is {ending}"
    if ending == "LF":
        if b"\r" in body:
            raise FileError(wrong)
        return
    pairs = body.count(b"\r\n")
    if pairs == body.count(b"\n") == body.count(b"\r"):
        return
    bare = _QUOTED.sub(b"", body)
    if not bare.count(b"\r\n") == bare.count(b"\n") == bare.count(b"\r"):
        raise FileError(wrong)


@documented("UTF-8 without BOM; fields with delimiter, quote or newline are quoted, quotes doubled", GUIDE)
def rows_of(body: bytes, asked: Asked) -> Iterator[list[str]]:
    """Yield the rows of a file. Raises FileError for what cannot be read."""
    delimiter = DELIMITERS[asked.column_delimiter]
    ending = _ENDINGS[asked.line_ending]
    place = 0
    try:
        while place < len(body):
            cut = body.find(ending, place + _BLOCK if place else 0)  # the header is a block of its own
            end = len(body) if cut < 0 else cut + len(ending)
            block = body[place:end].decode()
            rows = _plainly(block, delimiter, ending.decode())
            if rows is None:
                break
            yield from rows
            place = end
        text = io.TextIOWrapper(io.BytesIO(body[place:] if place else body), encoding="utf-8", newline="")
        yield from csv.reader(text, delimiter=delimiter, strict=True)
    except UnicodeDecodeError as error:
        raise FileError("ClientInputError : the data is not UTF-8") from error
    except csv.Error as error:
        raise FileError(f"InvalidBatch : {error}") from error


def _plainly(block: str, delimiter: str, ending: str) -> list[list[str]] | None:
    """Return the rows of a block without, or with only, quoted fields and no quote or newline in them, else None.

    Cutting at every delimiter is several times as fast as a CSV reader. It is right where all rows have as many fields
    and the quotes are no more than these account for: a newline within a field would leave an odd one in its line.
    """
    lines = block.removesuffix(ending).split(ending)
    quotes = block.count('"')
    if not quotes:
        return None if "" in lines else [line.split(delimiter) for line in lines]
    between = f'"{delimiter}"'
    rows = [line[1:-1].split(between) for line in lines]
    width = len(rows[0])
    regular = quotes == 2 * width * len(rows) and all(len(row) == width for row in rows)
    return rows if regular and all(line[:1] == '"' == line[1:][-1:] for line in lines) else None


@documented("An unknown column fails the job; only the first is named", GUIDE)
@recorded("A BOM makes the first column unknown", "reports in the fact sheet")
@assumed("A column that is there twice, and a missing key, fail the job", "the words are ours")
def plan(org: Org, kind: SObject, asked: Asked, header: list[str]) -> list[Column]:
    """Return what the columns fill. Raises FileError."""
    if sum(map(len, header)) > LONGEST_HEADER:
        raise FileError("InvalidBatch : the header is longer than 32,000 characters")
    if not header:
        raise FileError("InvalidBatch : the file has no header")
    columns = [_column(org, kind, name) for name in header]
    fields = [column.field.name for column in columns]
    twice = next((name for name in fields if fields.count(name) > 1), None)
    if twice is not None:
        raise FileError(f"InvalidBatch : Duplicate field name : {twice}")
    needed = asked.external_id_field_name if asked.operation == "upsert" else "Id"
    if asked.operation != "insert" and (needed or "").lower() not in {name.lower() for name in fields}:
        raise FileError(f"InvalidBatch : Field name not found : {needed}")
    if asked.operation in {"delete", "hardDelete"} and len(columns) > 1:
        raise FileError("InvalidBatch : delete batch must contain only ids")
    return columns


def _column(org: Org, kind: SObject, name: str) -> Column:
    if "." in name:
        return _relationship(org, kind, name)
    field = kind.field(name)
    if field is None:
        raise FileError(f"InvalidBatch : Field name not found : {name}")
    return Column(name, field)


@documented(
    "Relationship.Field names a parent by its key, Type:Relationship.Field where several types are possible", GUIDE
)
@recorded(
    "A type that is not needed, and an unknown relationship, fail the job in these words", "a report on a v65 org"
)
def _relationship(org: Org, kind: SObject, name: str) -> Column:
    before, _, key_name = name.rpartition(".")
    type_name, typed, relationship = before.rpartition(":")
    field = kind.relationship(relationship)
    if field is None:
        raise FileError(f"InvalidBatch : Unable to find relationship: {relationship}")
    if typed and len(field.reference_to) == 1:
        raise FileError(f"InvalidBatch : type is not needed for non polymorphic foreign key references: {relationship}")
    if not typed and len(field.reference_to) > 1:
        raise FileError(f"InvalidBatch : Field name not found : {name}")
    parent = org.catalogue.get(type_name or field.reference_to[0])
    key = None if parent is None else parent.field(key_name)
    if parent is None or key is None or not (key.key or key.name == "Id"):
        raise FileError(f"InvalidBatch : Field name not found : {name}")
    return Column(name, field, parent, key)

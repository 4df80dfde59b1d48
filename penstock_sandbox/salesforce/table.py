"""The records of one object, with indexes made when they are first needed.

A million records must fit into a machine of tests, so a record's values are a tuple whose places the table
knows; a field that no record has ever had takes no place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from penstock_sandbox.salesforce.ids import sequence

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

Value = str | float | int | bool | None
Key = str | float | int | bool


class Record(msgspec.Struct, gc=False, eq=False):
    """One record. Values are text, numbers and booleans; dates and times are ISO text in UTC."""

    id: str
    values: tuple[Value, ...]
    created: float
    modified: float
    deleted: bool = False


def folded(value: Value) -> Key | None:
    """Return the form in which values are found."""
    return value.casefold() if isinstance(value, str) else value


def lowered(values: Sequence[Value]) -> list[Key | None]:
    """Return the forms in which values are found."""
    return [value.casefold() if isinstance(value, str) else value for value in values]


class Table:
    """Records by id, in the order in which they were made."""

    def __init__(self, prefix: str) -> None:
        self.columns: dict[str, int] = {}
        self.records: dict[str, Record] = {}
        self.ids = sequence(prefix)
        self.live = 0
        self._indexes: dict[str, dict[Key, Record | list[Record]]] = {}

    def place(self, name: str) -> int:
        """Return the place of a field's values, a new one if it has none yet."""
        return self.columns.setdefault(name, len(self.columns))

    def get(self, record: Record, name: str) -> Value:
        """Return a stored value."""
        place = self.columns.get(name)
        return None if place is None or place >= len(record.values) else record.values[place]

    def values(self, record: Record) -> dict[str, Value]:
        """Return every stored value that is not null."""
        return {name: value for name, value in zip(self.columns, record.values, strict=False) if value is not None}

    def row(self, values: Mapping[str, Value]) -> tuple[Value, ...]:
        """Return values in their places."""
        for name in values:
            self.place(name)
        return tuple([values.get(name) for name in self.columns])

    def insert(self, values: Mapping[str, Value], now: float) -> Record:
        """Make a record."""
        record = Record(next(self.ids), self.row(values), now, now)
        self.add([record])
        return record

    def add(self, records: list[Record]) -> None:
        """Take in records that were just made."""
        self.records.update({record.id: record for record in records})
        self.live += len(records)
        for name, index in self._indexes.items():
            place = self.columns.get(name)
            if place is not None:
                _fill(index, place, records)

    def update(self, record: Record, changes: Mapping[str, Value], now: float) -> None:
        """Set values."""
        for name in changes:
            self.place(name)
        values = list(record.values) + [None] * (len(self.columns) - len(record.values))
        for name, value in changes.items():
            place = self.columns[name]
            index = self._indexes.get(name)
            if index is not None and values[place] != value:
                _take(index, folded(values[place]), record)
                _put(index, folded(value), record)
            values[place] = value
        record.values = tuple(values)
        record.modified = now

    def delete(self, record: Record, now: float) -> None:
        """Put a record into the recycle bin; its unique values are free."""
        for name, index in self._indexes.items():
            _take(index, folded(self.get(record, name)), record)
        record.deleted = True
        record.modified = now
        self.live -= 1

    def restore(self, record: Record) -> None:
        """Take a record out of the recycle bin."""
        record.deleted = False
        self.live += 1
        for name, index in self._indexes.items():
            _put(index, folded(self.get(record, name)), record)

    def purge(self, record: Record) -> None:
        """Forget a record."""
        if not record.deleted:
            self.delete(record, record.modified)
        del self.records[record.id]

    def alive(self, record_id: str) -> Record | None:
        """Return a record that is not deleted."""
        record = self.records.get(record_id)
        return None if record is None or record.deleted else record

    def listing(self, deleted: bool = False) -> Iterator[Record]:
        """Yield the records, with those in the recycle bin where wanted."""
        return (record for record in self.records.values() if deleted or not record.deleted)

    def find(self, name: str, value: Value) -> list[Record]:
        """Return the live records whose value is this one, case apart."""
        key = folded(value)
        found = None if key is None else self.index(name).get(key)
        if found is None:
            return []
        return found if isinstance(found, list) else [found]

    def index(self, name: str) -> dict[Key, Record | list[Record]]:
        """Return the records by the folded values of a field."""
        index = self._indexes.get(name)
        if index is None:
            index = self._indexes[name] = {}
            place = self.columns.get(name)
            if place is not None:
                _fill(index, place, self.listing())
        return index

    def indexed(self) -> Iterable[str]:
        """Return the fields that have an index already."""
        return self._indexes.keys()


def _fill(index: dict[Key, Record | list[Record]], place: int, records: Iterable[Record]) -> None:
    for record in records:
        values = record.values
        value = values[place] if place < len(values) else None
        if value is None:
            continue
        key = value.casefold() if isinstance(value, str) else value
        if index.setdefault(key, record) is not record:
            _put(index, key, record)


def _put(index: dict[Key, Record | list[Record]], key: Key | None, record: Record) -> None:
    if key is None:
        return
    have = index.get(key)
    if have is None:
        index[key] = record
    elif isinstance(have, list):
        have.append(record)
    else:
        index[key] = [have, record]


def _take(index: dict[Key, Record | list[Record]], key: Key | None, record: Record) -> None:
    have = None if key is None else index.get(key)
    if key is None or have is None:
        return
    if isinstance(have, list):
        have.remove(record)
        if len(have) == 1:
            index[key] = have[0]
    elif have is record:
        del index[key]

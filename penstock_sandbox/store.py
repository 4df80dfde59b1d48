"""What the simulated accounts hold, and the history of every write that was applied.

The store knows unique indexes and nothing of any vendor's rules. The history is the tests' oracle: an
entry exists for every write that changed the store, in the order in which it did, and for nothing else.
"""

from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Literal

import msgspec

Action = Literal[
    "create",
    "update",
    "archive",
    "unarchive",
    "merge",
    "purge",
    "associate",
    "dissociate",
    "join",
    "leave",
    "event",
]


class Record(msgspec.Struct, gc=False, eq=False):
    """One object. Values are text, as on the wire; a cleared property has no entry."""

    id: str
    created: str
    updated: str
    properties: dict[str, str]
    archived: bool = False


class Change(msgspec.Struct, gc=False, eq=False):
    """What a write changed, so that a reader who lags behind can be shown the time before it."""

    time: str
    record: Record
    before: dict[str, str | None] | None
    """Earlier values; None where the record did not exist."""
    archived: bool
    """Whether the write was the record's archiving."""


class Table:
    """The objects of one type, with an index per unique property.

    `aliases` maps a unique property to the `;`-separated property that holds further values of it, so a
    contact is found by any of its addresses.
    """

    def __init__(self, first_id: int, unique: Iterable[str], aliases: dict[str, str] | None = None) -> None:
        self.records: dict[str, Record] = {}
        self.merged: dict[str, str] = {}
        self.unique: dict[str, dict[str, Record]] = {name: {} for name in unique}
        self.folded: frozenset[str] = frozenset()
        self.changes: deque[Change] = deque()
        self._aliases = aliases or {}
        self._order: list[Record] = []
        self._next = first_id

    def draft(self, now: str) -> Record:
        """Return an empty record under the next id; it is nowhere to be found until `insert`."""
        record = Record(str(self._next), now, now, {})
        self._next += 1
        return record

    def insert(self, record: Record) -> None:
        """Make a draft findable by id. Drafts are inserted in the order in which they were drawn."""
        self.records[record.id] = record
        self._order.append(record)
        self.changes.append(Change(record.created, record, None, False))

    def forget_changes(self, before: str) -> None:
        """Drop what is known of changes older than a time; text in ISO form compares as time does."""
        while self.changes and self.changes[0].time < before:
            self.changes.popleft()

    def write(self, record: Record, written: dict[str, str], now: str) -> None:
        """Set properties, `""` clearing one, and keep the indexes true."""
        last = self.changes[-1] if self.changes else None
        if last is None or last.record is not record or last.before is not None:
            have = record.properties
            self.changes.append(Change(now, record, {name: have.get(name) for name in written}, False))
        for name, index in self.unique.items():
            if name in written:
                self._move(index, name, record, written[name])
        record.properties.update(written)
        if "" in written.values():
            for name, value in written.items():
                if not value:
                    del record.properties[name]
        record.updated = now
        for name, alias in self._aliases.items():
            if alias in written:
                self._index_aliases(name, record)

    def archive(self, record: Record, now: str) -> None:
        """Hide a record and give its unique values free; it stays in `records` as archived."""
        for name, index in self.unique.items():
            others = record.properties.get(self._aliases.get(name, ""), "").split(";")
            for value in (record.properties.get(name, ""), *others):
                if index.get(self.key(name, value)) is record:
                    del index[self.key(name, value)]
        record.archived = True
        record.updated = now
        self.changes.append(Change(now, record, {}, True))

    def purge(self, record: Record, now: str) -> None:
        """Archive a record and forget every value of it."""
        if not record.archived:
            self.archive(record, now)
        record.properties.clear()

    def merge(self, survivor: Record, other: Record, now: str) -> None:
        """Fold `other` into `survivor`, which keeps its values and answers to the other's aliases."""
        self.archive(other, now)
        self.merged[other.id] = survivor.id
        for name, alias in self._aliases.items():
            values = [survivor.properties.get(alias), other.properties.get(name), other.properties.get(alias)]
            joined = ";".join(value for value in values if value)
            self.write(survivor, {alias: joined}, now)

    def live(self, record_id: str) -> Record | None:
        """Return the record of that very id, unless it is archived, merged away or unknown."""
        record = self.records.get(record_id)
        return None if record is None or record.archived else record

    def resolve(self, record_id: str) -> Record | None:
        """Like `live`, following merges to the survivor."""
        while record_id in self.merged:
            record_id = self.merged[record_id]
        return self.live(record_id)

    def find(self, name: str, value: str) -> Record | None:
        """Return the owner of a unique value."""
        return self.unique[name].get(self.key(name, value))

    def key(self, name: str, value: str) -> str:
        """Return the form in which values of this property are compared."""
        return value.casefold() if name in self.folded else value

    def add_unique(self, name: str) -> None:
        """Start an index; only ever for a property that is new, so there is nothing to index yet."""
        self.unique.setdefault(name, {})

    def fold(self, names: Iterable[str]) -> None:
        """Compare values of these properties without case from now on, and rebuild their indexes."""
        self.folded = frozenset(names)
        for name, index in self.unique.items():
            index.clear()
            for record in self.listing():
                if value := record.properties.get(name):
                    index[self.key(name, value)] = record
                if name in self._aliases:
                    self._index_aliases(name, record)

    def listing(self, after: str = "", archived: bool = False) -> Iterator[Record]:
        """Yield records in order of id, from the id `after` on, which must be digits."""
        start = bisect_left(self._order, int(after), key=lambda record: int(record.id)) if after else 0
        return (record for record in islice(self._order, start, None) if record.archived is archived)

    def _move(self, index: dict[str, Record], name: str, record: Record, value: str) -> None:
        old = record.properties.get(name)
        if old == value:
            return
        if old is not None and index.get(self.key(name, old)) is record:
            del index[self.key(name, old)]
        if value:
            index[self.key(name, value)] = record

    def _index_aliases(self, name: str, record: Record) -> None:
        for value in record.properties.get(self._aliases[name], "").split(";"):
            if value:
                self.unique[name].setdefault(self.key(name, value), record)


class Write(msgspec.Struct, gc=False, omit_defaults=True):
    """One applied write. With history `keys` only `n`, `id` and `key` are kept."""

    n: int
    id: str
    key: str | None
    time: float = 0.0
    request: int = 0
    type: str = ""
    action: Action | None = None
    to: str | None = None
    """The other end: the record of an association or membership."""
    keys: dict[str, str] | None = None
    properties: dict[str, str] | None = None


class History:
    """Every applied write, numbered from 1."""

    def __init__(self, full: bool) -> None:
        self.full = full
        self._writes: list[Write] = []

    def __len__(self) -> int:
        return len(self._writes)

    def add(self, write: Write) -> None:
        """Note a write. What it refers to must not change afterwards."""
        self._writes.append(write)

    def extend(self, writes: list[Write]) -> None:
        """Note several writes that are numbered already."""
        self._writes.extend(writes)

    def after(self, n: int, limit: int | None = None) -> list[Write]:
        """Return the writes numbered above `n`, oldest first."""
        return self._writes[n : None if limit is None else n + limit]

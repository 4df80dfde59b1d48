"""Which object at the destination a value of a link means, as far as the ledger or an earlier answer tells.

A link to another sync's row is answered by the ledger alone: by the id that the row was delivered with. While that row
is still under way, the row that names it waits. Other values are asked of the destination, once each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from penstock.batching import Lanes, key_identity
from penstock.ledger import Ledger
from penstock.modes import Link
from penstock.records import Row, RowKey
from penstock.relations import to_resolve

MOST = 200_000
"""values that are remembered; a new start costs one look-up each"""
Missing = tuple[Row, int, str]
"""row, place of the link, value"""


@dataclass
class Found:
    """What a look has found out about rows beyond what now stands in them."""

    waiting: list[Row] = field(default_factory=list)
    missing: list[Missing] = field(default_factory=list)
    """values that mean no object"""


class Parents:
    """The objects that links mean."""

    def __init__(self, ledger: Ledger, lanes: Lanes) -> None:
        self._ledger = ledger
        self._lanes = lanes
        self._ids: dict[tuple[str, str, str], str] = {}
        """object, match field, value -> id"""
        self._waiting: set[int] = set()

    def look(self, sync: int, rows: Sequence[Row]) -> Found:
        """Fill in what is known. A row whose other object is under way is `waiting`, whatever else it lacks."""
        fresh = [row for row in rows if not row.attempts and not row.placed and not row.others]
        linked = self._ledger.links.of(sync, [row.key for row in fresh]) if fresh else {}
        for row in fresh:
            row.linked = dict(linked.get(row.key, {}))
        found = Found()
        ids = self._of_syncs(rows)
        for row in rows:
            if not row.placed:
                self._fill(row, ids, found)
        return found

    def learn(self, link: Link, value: str, other: str) -> None:
        """Remember what the destination said of a value."""
        if link.match is not None:
            if len(self._ids) >= MOST:
                self._ids.clear()
            self._ids[link.object, link.match, value] = other

    def _fill(self, row: Row, ids: dict[tuple[str, str], str], found: Found) -> None:
        missing: list[Missing] = []
        waits = False
        for at, link, value in list(to_resolve(row)):
            if link.match is not None:
                other = self._ids.get((link.object, link.match, value))
            else:
                other = value if link.sync is None else ids.get((link.sync, value))
            if other is not None:
                row.others[at, value] = other
            elif link.sync is not None:
                waits = waits or self._under_way(link.sync, RowKey(value))
                missing.append((row, at, value))
        if waits:
            self._waiting.add(id(row))
            found.waiting.append(row)
        else:
            self._waiting.discard(id(row))
            found.missing += missing

    def _under_way(self, stream: str, key: RowKey) -> bool:
        """Tell whether a row has yet to come to its end. One that waits itself is not waited for: it may be a ring."""
        ahead = self._lanes.tail(key_identity(stream, key))
        return ahead is not None and id(ahead) not in self._waiting

    def _of_syncs(self, rows: Sequence[Row]) -> dict[tuple[str, str], str]:
        """Return ids of rows of other syncs, by stream and row key."""
        wanted: dict[str, set[RowKey]] = {}
        for row in rows:
            for _, link, value in to_resolve(row):
                if link.sync is not None:
                    wanted.setdefault(link.sync, set()).add(RowKey(value))
        ids: dict[tuple[str, str], str] = {}
        for stream, keys in wanted.items():
            number = self._ledger.register.find(stream)
            found = self._ledger.ids(number, sorted(keys)) if number is not None else {}
            ids |= {(stream, key): destination_id for key, destination_id in found.items()}
        return ids

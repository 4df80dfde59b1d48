"""The checker: what a destination holds, against what was read. Lost, duplicate, stale, sent again.

It knows nothing of the delivery: it sees the source's versions, the destination's objects, the ledger's rejects and the
STATE lines that were printed.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence, Set
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from storm.source import Key, Reading, Version

Objects = Sequence[Mapping[str, object]]
"""the fields of every object at the destination"""


@dataclass(frozen=True)
class Finding:
    """A broken promise, `lost`, `duplicate` or `stale`, and which row; or an `orphan`, see `Judge.removes`."""

    kind: str
    text: str


@dataclass(frozen=True)
class Judge:
    """Holds a destination against a source. `fields` names the destination's field of each stream's column `name`."""

    fields: Mapping[str, str]
    removes: bool = False
    """whether rows that have left are removed at the destination

    Only what the ledger knows as its own is ever removed. An object whose creation was in doubt when its row left is an
    `orphan`: it stays there, which is told, and is no broken promise.
    """

    def at_state(
        self,
        reading: Reading,
        printed: int,
        objects: Objects,
        rejects: Mapping[Key, str],
        doubtful: Set[Key] = frozenset(),
    ) -> list[Finding]:
        """Judge a run that may have died: its last STATE line was line number `printed` of what it read.

        Every row read before that is there as it was read last, or as it was read later, or is a reject.
        """
        found: list[Finding] = []
        later = reading.after(printed)
        there = by_key(objects)
        for key, version in reading.before(printed).items():
            allowed = {version} | later.get(key, set())
            if not any(self._is_there(v, there, rejects) for v in allowed):
                left = any(v.name is None for v in allowed)
                kind = "orphan" if left and key in doubtful else "lost"
                found.append(Finding(kind, f"{version} was read before the STATE in line {printed}: {there}"))
        return found

    def at_end(
        self,
        now: Mapping[Key, Version],
        objects: Objects,
        rejects: Mapping[Key, str],
        doubtful: Set[Key] = frozenset(),
    ) -> list[Finding]:
        """Judge after a run that came to its end: every row is there as it is in the source now, or is a reject."""
        found: list[Finding] = []
        there = by_key(objects)
        for row, held in there.items():
            if len(held) > 1:
                found.append(Finding("duplicate", f"row {row} has {len(held)} objects"))
        for key, version in now.items():
            if not self._is_there(version, there, rejects):
                known = key[1] in there or key in rejects
                kind = "stale" if known else "lost"
                if version.name is None and key in doubtful:
                    kind = "orphan"
                found.append(Finding(kind, f"{version} is the last version, there is {there.get(key[1])}"))
            elif key in rejects and not version.refused and version.name is not None:
                found.append(Finding("stale", f"{version} was delivered and an older reject is still kept"))
        return found

    def _is_there(self, version: Version, there: Mapping[int, Objects], rejects: Mapping[Key, str]) -> bool:
        if version.refused:
            return rejects.get((version.stream, version.key)) == version.name
        objects = there.get(version.key, ())
        if version.name is None:
            return not self.removes or not objects
        return any(
            o.get(self.fields[version.stream]) == version.name and str(o["email"]).lower() == version.email.lower()
            for o in objects
        )


def by_key(objects: Objects) -> dict[int, list[Mapping[str, object]]]:
    """Sort objects by the row that their address belongs to."""
    found: dict[int, list[Mapping[str, object]]] = {}
    for each in objects:
        found.setdefault(int(str(each["email"])[1:].partition("-")[0]), []).append(each)
    return found


def rejects_in(ledger: Path) -> dict[Key, str]:
    """Return the names of the rows that a ledger keeps as rejects."""
    sql = "select s.stream, r.row_key, r.record from rejects r join syncs s on s.sync = r.sync"
    return {(stream, json.loads(key)[0]): json.loads(record)["name"] for stream, key, record in _rows(ledger, sql)}


def doubtful_in(ledger: Path) -> frozenset[Key]:
    """Return the rows of which a ledger does not know how their last send ended."""
    sql = "select s.stream, d.row_key from doubts d join syncs s on s.sync = d.sync"
    return frozenset((stream, json.loads(key)[0]) for stream, key in _rows(ledger, sql))


def _rows(ledger: Path, sql: str) -> list[tuple[str, ...]]:
    if not ledger.exists():
        return []
    # Read only: the last connection that closes a file would else write its log into it, and hide what a death left.
    with closing(sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)) as db:
        try:
            return db.execute(sql).fetchall()
        except sqlite3.OperationalError:  # the run died before the tables were made
            return []


def line_of(states: Sequence[Mapping[str, int]]) -> int:
    """Return the number of the input line that the last STATE printed came from; 0 where none was printed."""
    return states[-1]["line"] if states else 0

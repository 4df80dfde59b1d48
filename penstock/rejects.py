"""The rows that were refused, each with its source record and the reason, until they pass or somebody drops them.

A refused row is tried again on every run. Once it has been refused again as it is, by the same mapping, it is tried
once a day; after `park_after` it is parked: not tried until it changes, or the mapping does, or a person asks for it.
What we refuse ourselves costs no call, so it is always looked at again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from penstock.records import RowKey
from penstock.store import Store
from penstock.tables import Refused, as_json, as_text

DAY = 86_400.0
ALWAYS_FAILS = "always_fails"
"""the code of a row with which every request fails; see ADR 15"""
UNANSWERED = "unanswered"
"""the same of one that may have been applied each time, with no key to tell: only a person lets it be tried again"""
PARK_AFTER = 14 * DAY
REPLAY = 500
"""rejects that are read for their replay together"""


class _Kept(NamedTuple):
    mark: bytes
    attempts: int
    first_at: float
    next_at: float | None
    suspect: bool = False
    """requests with it fail, and nothing but that speaks against it"""
    run: int = 0
    """which refused it last: what is tried again at the end of a run counts as tried once"""


class Rejects:
    """The rejects of one ledger. Those of an open sync are known in memory, but for the records: every row asks."""

    def __init__(self, store: Store, wall: Callable[[], float], park_after: float = PARK_AFTER) -> None:
        self._store = store
        self._wall = wall
        self._park_after = park_after
        self._kept: dict[int, dict[str, _Kept]] = {}
        self._met: dict[int, set[str]] = {}
        """keys that were read in this run and not tried"""

    def open_sync(self, sync: int) -> None:
        """Learn which rows of a sync have rejects."""
        self._met[sync] = set()
        self._kept[sync] = {
            str(key): _Kept(bytes(mark or b""), attempts, first_at, next_at, code in (ALWAYS_FAILS, UNANSWERED), run)
            for key, mark, attempts, first_at, next_at, code, run in self._store.each(
                "select row_key, mark, attempts, first_at, next_at, code, run from rejects where sync=?", (sync,)
            )
        }

    def count(self, sync: int) -> int:
        """Return how many rows of a sync stand refused."""
        return len(self._kept[sync])

    def has_any(self, sync: int) -> bool:
        """Tell whether some row of a sync stands refused."""
        return bool(self._kept[sync])

    def holds(self, sync: int, key: str) -> bool:
        """Tell whether a row stands refused."""
        return key in self._kept[sync]

    def holding(self, sync: int, keys: Iterable[str]) -> set[str]:
        """Return which of some rows stand refused."""
        kept = self._kept[sync]
        return kept.keys() & keys if kept else set()

    def suspects(self, sync: int, key: str) -> bool:
        """Tell whether a row stands refused because requests with it fail."""
        kept = self._kept[sync].get(key)
        return kept is not None and kept.suspect

    def record(self, sync: int, key: str) -> bytes:
        """Return the source record of a row that stands refused."""
        [(record,)] = self._store.rows("select record from rejects where sync=? and row_key=?", (sync, key))
        return bytes(record)

    def put_off(self, sync: int, key: str, mark: bytes) -> str | None:
        """Tell why a row is not to be tried now: `waiting` or `parked`; None where it is. Such a row counts as met."""
        kept = self._kept[sync].get(key)
        if kept is None or kept.mark != mark or (kept.next_at is not None and kept.next_at <= self._wall()):
            return None
        self._met[sync].add(key)
        return "parked" if kept.next_at is None else "waiting"

    def refuse(self, sync: int, rows: Sequence[Refused], run: int) -> int:
        """Keep refused records with the reason; return how many of them were refused before, just as they are."""
        self._store.begin(len(rows))
        now = self._wall()
        values: list[tuple[object, ...]] = []
        repeated = 0
        for key, kind, code, field, message, record, mark in rows:
            before = self._kept[sync].get(key)
            if before is not None and before.mark == mark:
                repeated += 1
                tries = before.attempts + (before.run != run)
                next_at = self._next(kind, before.first_at, now) if tries > 1 else now
                kept = before._replace(attempts=tries, next_at=next_at, run=run)
            else:
                kept = _Kept(mark, 1, now, now, run=run)
            if code == UNANSWERED:
                kept = kept._replace(next_at=None)
            self._kept[sync][key] = kept._replace(suspect=code in (ALWAYS_FAILS, UNANSWERED))
            why = (as_text(code), None if field is None else as_text(field), as_text(message))
            values.append((sync, key, kind, *why, as_json(record), *kept[:4], now, run))  # in the columns' order
        self._store.many(
            "insert into rejects(sync, row_key, kind, code, field, message, record,"
            " mark, attempts, first_at, next_at, last_at, run)"
            " values(?,?,?,?,?,?,?,?,?,?,?,?,?) on conflict(sync, row_key) do update set kind=excluded.kind,"
            " code=excluded.code, field=excluded.field, message=excluded.message, record=excluded.record,"
            " mark=excluded.mark, attempts=excluded.attempts, first_at=excluded.first_at, next_at=excluded.next_at,"
            " last_at=excluded.last_at, run=excluded.run",
            values,
        )
        return repeated

    def _next(self, kind: str, first_at: float, now: float) -> float | None:
        if kind == "invalid":
            return now
        return None if now - first_at >= self._park_after else now + DAY

    def due(self, sync: int, run: int, after: str, code: str | None = None) -> list[tuple[RowKey, bytes]]:
        """Return key and source record of rejects to try again that this run has not met, by key, after `after`.

        With a code: those that this run has refused for it.
        """
        which, value = ("run<>?", run) if code is None else (f"run={run:d} and code=?", code)
        rows = self._store.rows(
            f"select row_key, record from rejects where sync=? and {which} and next_at<=? and row_key>?"  # noqa: S608
            " order by row_key limit ?",
            (sync, value, self._wall(), after, REPLAY),
        )
        return [(RowKey(key), bytes(record)) for key, record in rows]

    def met(self, sync: int, key: str) -> bool:
        """Tell whether a row was read in this run and not tried."""
        return key in self._met[sync]

    def forgive(self, sync: int, keys: Iterable[RowKey]) -> int:
        """Delete the rejects of rows that are at the destination as the source has them now."""
        kept = self._kept[sync]
        if not kept:
            return 0
        gone = [key for key in keys if kept.pop(key, None)]
        if gone:
            self._store.begin(len(gone))
            self._store.many("delete from rejects where sync=? and row_key=?", [(sync, key) for key in gone])
        return len(gone)

    def drop_not_met(self, sync: int, run: int) -> int:
        """After a complete read: drop the rejects of rows that are in the source no more; return how many."""
        rows = self._store.rows("select row_key from rejects where sync=? and run<>?", (sync, run))
        return self.forgive(sync, [RowKey(key) for (key,) in rows if key not in self._met[sync]])

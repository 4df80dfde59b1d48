"""The rows that were refused, each with its source record and the reason."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from penstock.records import RowKey
from penstock.store import Store
from penstock.tables import Refused, as_json


class Rejects:
    """The rejects of one ledger. The keys of an open sync's rejects are kept in memory: every good row asks."""

    def __init__(self, store: Store, wall: Callable[[], float]) -> None:
        self._store = store
        self._wall = wall
        self._kept: dict[int, set[str]] = {}

    def open_sync(self, sync: int) -> None:
        """Learn which rows of a sync have rejects."""
        self._kept[sync] = {
            str(key) for (key,) in self._store.each("select row_key from rejects where sync=?", (sync,))
        }

    def refuse(self, sync: int, rows: Sequence[Refused], run: int) -> None:
        """Keep refused records with the reason. A repeated refusal of one key counts its attempts."""
        self._store.begin(len(rows))
        now = self._wall()
        self._store.many(
            "insert into rejects(sync, row_key, kind, code, field, message, record, first_at, last_at, run)"
            " values(?,?,?,?,?,?,?,?,?,?) on conflict(sync, row_key) do update set kind=excluded.kind,"
            " code=excluded.code, field=excluded.field, message=excluded.message, record=excluded.record,"
            " attempts=rejects.attempts+1, last_at=excluded.last_at, run=excluded.run",
            [
                (sync, key, kind, code, field, message, as_json(record), now, now, run)
                for key, kind, code, field, message, record in rows
            ],
        )
        self._kept[sync].update(key for key, *_ in rows)

    def forgive(self, sync: int, keys: Iterable[RowKey]) -> int:
        """Delete the rejects of rows that are at the destination as the source has them now."""
        kept = self._kept[sync]
        if not kept:
            return 0
        gone = [key for key in keys if key in kept]
        if gone:
            self._store.begin(len(gone))
            kept.difference_update(gone)
            self._store.many("delete from rejects where sync=? and row_key=?", [(sync, key) for key in gone])
        return len(gone)

    def drop_not_met(self, sync: int, run: int) -> int:
        """After a complete read: drop the rejects of rows that are in the source no more; return how many."""
        self._store.begin(1)
        return self._store.execute("delete from rejects where sync=? and run<>?", (sync, run))

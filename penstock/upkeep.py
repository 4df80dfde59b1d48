"""What a person, or age, may do to a ledger: ask for a retry, give rejects up, forget, settle, purge, trim."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from penstock.errors import Misconfigured
from penstock.joblog import JobLog
from penstock.register import Register
from penstock.rejects import DAY
from penstock.store import Store

FORGOTTEN = "it was forgotten on purpose"


class Upkeep:
    """Changes to one ledger outside of a run. Each is durable when its method returns.

    The caller holds the lock of the sync, so that no run is under way.
    """

    def __init__(self, store: Store, register: Register, wall: Callable[[], float]) -> None:
        self._store = store
        self._register = register
        self._wall = wall

    def number(self, stream: str) -> int:
        """Return the number of a stream's sync. Raises Misconfigured, naming the streams that the ledger has."""
        found = self._register.find(stream)
        if found is None:
            known = ", ".join(name for (name,) in self._store.rows("select stream from syncs order by stream"))
            raise Misconfigured(
                f"the ledger {self._store.db.name} has no stream {stream}; it has {known or 'none'}",
                "name one of them, or another ledger",
            )
        return found

    def retry(self, stream: str, keys: Sequence[str]) -> int:
        """Let rejects (all of the stream, or those with these row keys) be tried on the next run; return how many."""
        return self._rejects("update rejects set next_at=0, mark=null", stream, keys)

    def drop(self, stream: str, keys: Sequence[str]) -> int:
        """Give rejects up: nothing keeps these versions any more. Return how many."""
        return self._rejects("delete from rejects", stream, keys)

    def _rejects(self, statement: str, stream: str, keys: Sequence[str]) -> int:
        sync = self.number(stream)
        self._store.begin(1)
        if keys:
            where = f"{statement} where sync=? and row_key=?"
            changed = sum(self._store.execute(where, (sync, key)) for key in keys)
        else:
            changed = self._store.execute(f"{statement} where sync=?", (sync,))
        self._store.commit()
        return changed

    def settle(self, stream: str) -> str | None:
        """Take a person's word that the rows of a pending sync have all been read again; return why it was pending."""
        sync = self.number(stream)
        reason = self._register.pending().get(stream)
        self._register.set_pending(sync, None)
        self._store.commit()
        return reason

    def forget(self, stream: str) -> int:
        """Forget what was delivered, so that every row is sent again as if for the first time; return how many.

        Rejects stay: they are the only place where their rows are kept.
        """
        sync = self.number(stream)
        self._store.begin(1)
        forgotten = self._store.execute("delete from records where sync=?", (sync,))
        # A job that is under way is adopted all the same: it could write old values over those that are sent again.
        JobLog(self._store, self._wall).forget(sync)
        for table in ("doubts", "intents", "links"):
            self._store.execute(f"delete from {table} where sync=?", (sync,))  # noqa: S608 - names of ours
        self._register.set_pending(sync, FORGOTTEN)
        self._store.commit()
        return forgotten

    def purge(self, stream: str, key: str) -> int:
        """Wipe every trace of one row, for instance because a person asked to be forgotten; return how many rows went.

        The row is sent again as new when the source still has it.
        """
        sync = self.number(stream)
        self._store.begin(1)
        wiped = 0
        for table in ("records", "rejects", "doubts", "links"):
            wiped += self._store.execute(f"delete from {table} where sync=? and row_key=?", (sync, key))  # noqa: S608
        wiped += self._purge_intents(sync, key)
        wiped += JobLog(self._store, self._wall).purge(sync, key)
        self._store.commit()
        self._store.compact()
        return wiped

    def _purge_intents(self, sync: int, key: str) -> int:
        """Take a row out of what a dead run had in flight."""
        wiped = 0
        for intent, keys, matches in self._store.rows(
            "select intent, keys, matches from intents where sync=?", (sync,)
        ):
            rows = list(zip(json.loads(keys), json.loads(matches), strict=True))
            kept = [row for row in rows if row[0] != key]
            if len(kept) < len(rows):
                wiped += len(rows) - len(kept)
                self._store.execute(
                    "update intents set keys=?, matches=?, fingerprints=? where intent=?",
                    (json.dumps([row[0] for row in kept]), json.dumps([row[1] for row in kept]), b"", intent),
                )
        return wiped

    def trim(self, keep_days: float, rejects_keep_days: float | None) -> None:
        """Delete the history of runs, and what is known of rows that left, when it is older than so many days.

        Rejects are only given up by age where that is asked for.
        """
        before = self._wall() - keep_days * DAY
        self._store.begin(1)
        # Never the newest one: SQLite would give its number to the next run, and rejects are known by their run's.
        self._store.execute("delete from runs where started_at<? and run<(select max(run) from runs)", (before,))
        self._store.execute("delete from records where left_at<?", (before,))
        if rejects_keep_days is not None:
            self._store.execute("delete from rejects where last_at<?", (self._wall() - rejects_keep_days * DAY,))
        self._store.commit()

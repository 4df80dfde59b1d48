"""The durable memory of a target: what was last sent, what was refused, what is in flight, how runs went.

What has been committed survives the death of the process and of the machine. Nothing here commits by itself: the
delivery collects intents and settlements and commits them in groups, so that one flush to disk serves many rows. One
process writes one sync; several syncs may share a ledger.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from itertools import repeat
from pathlib import Path

from penstock.database import Database, DbRow, Lock, SqliteDatabase
from penstock.errors import Misconfigured
from penstock.history import History
from penstock.intents import Intents
from penstock.joblog import Entry, JobLog
from penstock.linked import Linked
from penstock.modes import Action
from penstock.records import KnownRow, RowKey
from penstock.register import Register, Registered
from penstock.rejects import PARK_AFTER, Rejects
from penstock.store import Store
from penstock.tables import Seen, Settled
from penstock.upkeep import Upkeep

PLACE = (
    "insert into records"
    "(sync, row_key, seq, match_value, fingerprint, source_mark, destination_id, delivered_at)"
    " values(?,?,?,?,?,?,?,?) on conflict(sync, row_key) do update set match_value=excluded.match_value,"
    " fingerprint=excluded.fingerprint, source_mark=excluded.source_mark,"
    " delivered_at=excluded.delivered_at, left_at=null,"
    " destination_id=coalesce(excluded.destination_id,"
    " case when records.left_at is null then records.destination_id end)"
)


class Ledger:
    """One target's ledger: a file, or another database. `wall` tells the time of day."""

    def __init__(
        self,
        where: Path | Database,
        *,
        wall: Callable[[], float] = time.time,
        version: str = "",
        park_after: float = PARK_AFTER,
    ) -> None:
        self._store = Store(SqliteDatabase(where) if isinstance(where, Path) else where)
        self._wall = wall
        self._history = History(self._store, wall, version)
        self.rejects = Rejects(self._store, wall, park_after)
        self.register = Register(self._store)
        self.upkeep = Upkeep(self._store, self.register, wall)
        self.links = Linked(self._store)
        self.jobs = JobLog(self._store, wall)
        self._intents = Intents(self._store, wall, self._number_rows)
        self._next_seq: dict[int, int] = {}
        self.doubted = 0
        """rows of the sync opened last whose earlier send is in doubt"""
        self.run = 0

    @property
    def name(self) -> str:
        """Return what to call the ledger in messages."""
        return self._store.db.name

    @property
    def dirty(self) -> int:
        """Return how many rows were touched since the last commit."""
        return self._store.dirty

    def meta(self, name: str) -> str | None:
        """Read one fact about the ledger itself."""
        return self._store.meta(name)

    def bind_account(self, account: str) -> None:
        """Tie the ledger to the account it knows the ids of. Raises Misconfigured for another account."""
        self._store.add_meta("account", account)
        found = self.meta("account")
        if found != account:
            raise Misconfigured(
                f"the ledger {self.name} belongs to account {found}, the credentials to account {account}",
                f"use the credentials of that account, or another {self._store.db.setting} for this one",
            )

    def lock(self, stream: str, started_at: str) -> Lock:
        """Keep a sync for this run. Raises Busy, naming the run that has it."""
        return self._store.lock(stream, started_at)

    def begin_run(self) -> int:
        """Record that a run has started and return its number."""
        self.run = self._history.begin_run()
        return self.run

    def end_run(self, exit_code: int, ending: str, calls: int, counts: Mapping[str, Mapping[str, int]]) -> None:
        """Record how the run ended. `ending` is one sentence without values."""
        self._history.end_run(self.run, exit_code, ending, calls, counts)

    def open_sync(self, stream: str, object_name: str) -> Registered:
        """Return what is known of a sync, after putting in doubt what a dead run of it had in flight.

        A key with an open intent loses its fingerprint: its next version is sent whatever was delivered before.
        """
        found = self.register.open(stream, object_name)
        sync = found.number
        self.rejects.open_sync(sync)
        (last,) = self._store.one("select coalesce(max(seq), 0) from records where sync=?", (sync,))
        self._next_seq[sync] = int(last) + 1
        self.doubted = self._intents.open_sync(sync)
        return found

    def _number_rows(self, sync: int, count: int) -> int:
        """Give `count` rows their numbers, which tell them apart in `Seen`, and return the first."""
        first = self._next_seq[sync]
        self._next_seq[sync] += count
        return first

    def seen(self, sync: int) -> Seen:
        """Return an empty account of the rows met in this run."""
        return Seen(self._next_seq[sync])

    def known(self, sync: int, keys: Sequence[RowKey]) -> dict[str, KnownRow]:
        """Return what is remembered of the rows with these keys."""
        found: dict[str, KnownRow] = {}
        doubts = self._intents.doubtful(sync)
        for key, *facts in self._store.select_in(
            "select row_key, seq, fingerprint, destination_id, match_value, left_at is not null,"
            " delivered_at is not null from records where sync=? and row_key in",
            (sync,),
            keys,
        ):
            seq, mark, destination_id, match, left, delivered = facts
            doubtful = frozenset(doubts.get(key, ()))
            found[key] = KnownRow(seq, mark, destination_id, match, bool(left), bool(delivered), doubtful)
        return found

    def ids(self, sync: int, keys: Sequence[RowKey]) -> dict[str, str]:
        """Return the destination ids of rows that have not left, of any sync: this run need not have opened it."""
        sql = (
            "select row_key, destination_id from records"
            " where left_at is null and destination_id is not null and sync=? and row_key in"
        )
        return dict(self._store.select_in(sql, (sync,), keys))

    def holder(self, sync: int, destination_id: str) -> str | None:
        """Return the row key that an object is known by; None where no row that has not left has it."""
        hint = self._store.db.hint("records_id")
        sql = f"select row_key from records{hint} where sync=? and destination_id=? and left_at is null"  # noqa: S608
        found = self._store.rows(sql, (sync, destination_id))
        return str(found[0][0]) if found else None

    def fingerprints(self, sync: int, keys: Sequence[RowKey]) -> dict[str, tuple[bytes | None, bytes | None, int]]:
        """Return fingerprint, source mark and number of present rows: the question asked of every record there is."""
        sql = (
            "select row_key, fingerprint, source_mark, seq from records where left_at is null and sync=? and row_key in"
        )
        return {
            key: (mark, source_mark, seq) for key, mark, source_mark, seq in self._store.select_in(sql, (sync,), keys)
        }

    def holders(self, sync: int, ids: Sequence[str]) -> dict[str, set[str]]:
        """Return the keys of the rows that mean each of these objects, of rows that have not left."""
        sql = "select destination_id, row_key from records where left_at is null and sync=? and destination_id in"
        found: dict[str, set[str]] = {}
        for destination_id, key in self._store.select_in(sql, (sync,), ids):
            found.setdefault(destination_id, set()).add(key)
        return found

    def owners(self, sync: int, matches: Sequence[str]) -> dict[str, set[str]]:
        """Return the row keys that hold, or may hold, each of these match values, of rows that have not left."""
        # Without the hint SQLite scans the whole sync: it has no statistics, and the key is the table itself.
        hint = self._store.db.hint("records_match")
        sql = f"select match_value, row_key from records{hint} where left_at is null and sync=? and match_value in"  # noqa: S608
        found: dict[str, set[str]] = {}
        for match, key in self._store.select_in(sql, (sync,), matches):
            found.setdefault(match, set()).add(key)
        asked = set(matches)
        for key, doubtful in self._intents.doubtful(sync).items():
            for match in doubtful & asked:
                found.setdefault(match, set()).add(key)
        return found

    def intend(self, sync: int, action: Action, rows: Sequence[tuple[RowKey, str, bytes]]) -> int:
        """Note what is about to be sent: key, match value, fingerprint. Only once it is committed may it be sent."""
        return self._intents.intend(sync, self.run, action, rows)

    def remark(self, sync: int, marks: Sequence[tuple[bytes | None, RowKey]]) -> None:
        """Write source marks of rows anew."""
        self._store.begin(len(marks))
        self._store.many(
            "update records set source_mark=? where sync=? and row_key=?",
            [(mark, sync, key) for mark, key in marks],
        )

    def close_intent(self, sync: int, intent: int, doubtful: Sequence[tuple[RowKey, str]]) -> None:
        """End an intent. `doubtful` rows (key, match value) may have been applied although nobody said so."""
        self._intents.close(sync, intent, doubtful)

    def doubt(self, sync: int, rows: Sequence[tuple[RowKey, str]]) -> None:
        """Note that rows (key, match value) may have been applied although nobody said so."""
        self._intents.doubt(sync, rows)

    def deliver(self, sync: int, rows: Sequence[Settled]) -> None:
        """Remember rows as delivered: fingerprint, match value, destination id. Their rejects are done with."""
        self.place(sync, rows)
        self.rejects.forgive(sync, [key for key, *_ in rows])

    def place(self, sync: int, rows: Sequence[Settled]) -> None:
        """Do the same for rows that are not at their end: their rejects stay, as long as something may be refused."""
        self._store.begin(len(rows))
        now = self._wall()
        seq = self._number_rows(sync, len(rows))
        self._store.many(
            PLACE,
            [
                (sync, key, seq + n, match, mark, source_mark, destination_id, now)
                for n, (key, match, mark, source_mark, destination_id) in enumerate(rows)
            ],
        )
        self._intents.clear(sync, [key for key, *_ in rows])

    def deliver_entries(self, sync: int, rows: Sequence[Entry], ids: Sequence[str | None]) -> None:
        """Remember rows of a job as delivered, which have these destination ids."""
        self._store.begin(len(rows))
        seq = self._number_rows(sync, len(rows))
        keys = [row.key for row in rows]
        columns = (
            keys,
            range(seq, seq + len(rows)),
            [row.match for row in rows],
            [row.fingerprint for row in rows],
            [row.source_mark for row in rows],
            ids,
        )
        self._store.many(PLACE, zip(repeat(sync), *columns, repeat(self._wall())))
        self._intents.clear(sync, keys)
        self.rejects.forgive(sync, keys)

    def forget_id(self, sync: int, keys: Sequence[RowKey]) -> None:
        """Drop destination ids that no longer exist there."""
        self._store.begin(len(keys))
        self._store.many(
            "update records set destination_id=null, fingerprint=null where sync=? and row_key=?",
            [(sync, key) for key in keys],
        )

    def unlink(self, ids: Sequence[str]) -> list[int]:
        """Take it that objects are gone, with all links to them; return the syncs whose rows have lost one.

        Those rows keep the object's half of their fingerprint alone: when they are next read, only their links are
        seen to.
        """
        lost = self.links.to(ids)
        for sync, keys in lost.items():
            self._store.begin(len(keys))
            self._store.many(
                "update records set fingerprint=substr(fingerprint, 1, 16), source_mark=null"
                " where sync=? and row_key=?",
                [(sync, key) for key in keys],
            )
        return sorted(lost)

    def leavers(self, sync: int, seen: Seen) -> list[RowKey]:
        """Return the keys of the rows that are at the destination and were not met in this run."""
        if self.present(sync, seen.first_new) <= seen.count:
            return []
        rows = self._store.each(
            "select row_key, seq from records where sync=? and left_at is null and seq<?", (sync, seen.first_new)
        )
        return [RowKey(key) for key, seq in rows if not seen.has(seq)]

    def present(self, sync: int, before: int = 2**62) -> int:
        """Return how many rows have not left, of those numbered below `before`."""
        (count,) = self._store.one(
            "select count(*) from records where sync=? and left_at is null and seq<?", (sync, before)
        )
        return int(count)

    def mark_left(self, sync: int, keys: Sequence[RowKey]) -> None:
        """Note that rows have left the source. That sends nothing; it frees their match values."""
        self._store.begin(len(keys))
        now = self._wall()
        self._store.many("update records set left_at=? where sync=? and row_key=?", [(now, sync, key) for key in keys])

    def remove(self, sync: int, keys: Sequence[RowKey]) -> None:
        """Note that rows have left the source and are removed at the destination.

        Their ids are kept: by them the links are known that went with the objects, should the rows come back.
        """
        self.mark_left(sync, keys)
        self._store.many(
            "update records set fingerprint=null, source_mark=null where sync=? and row_key=?",
            [(sync, key) for key in keys],
        )
        self.links.forget(sync, keys)
        self._intents.clear(sync, keys)
        self.rejects.forgive(sync, keys)

    def wall(self) -> float:
        """Return the time of day, seconds since the epoch."""
        return self._wall()

    def look(self, sql: str, values: Sequence[object] = ()) -> list[DbRow]:
        """Return the rows of a query of the account's throttle."""
        return self._store.rows(sql, values)

    def note(self, sql: str, values: Sequence[object] = ()) -> None:
        """Write to the account's throttle, in the transaction of the next commit."""
        self._store.begin(0)
        self._store.execute(sql, values)

    def commit(self) -> None:
        """Make everything written since the last commit durable. Raises Fault when the database will not take it."""
        self._store.commit()

    def rollback(self) -> None:
        """Take back what is not durable yet: after a failure in mid-step it may be half of a truth."""
        self._store.rollback()

    def close(self) -> None:
        """Close the database; what was not committed is gone, as it would be after a crash."""
        self._store.close()

"""The durable memory of a target: what was last sent, what was refused, what is in flight, how runs went.

SQLite in WAL mode with synchronous=FULL: what has been committed survives the death of the process and of the
machine. Nothing here commits by itself: the delivery collects intents and settlements and commits them in groups,
so that one flush to disk serves many rows. One process writes one sync; several syncs may share a file.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from penstock.errors import Fault, Misconfigured
from penstock.files import make_private
from penstock.records import Action, KnownRow, RowKey
from penstock.tables import SCHEMA, SCHEMA_VERSION, Refused, Seen, Settled, as_json

LOOKUP = 500
"""keys per look-up statement; a fixed number keeps the prepared statement"""


class Ledger:
    """One target's ledger file. `wall` tells the time of day for humans; no decision is taken on it."""

    def __init__(self, path: Path, *, wall: Callable[[], float] = time.time, version: str = "") -> None:
        self.path = path
        self.dirty = 0
        """rows touched since the last commit"""
        self._wall = wall
        self._version = version
        self._open()
        self._rejects: dict[int, set[str]] = {}
        self._doubts: dict[int, dict[str, set[str]]] = {}
        """by sync and row key: match values sent since the row was last surely delivered; few, so kept in memory"""
        self._failed: Fault | None = None
        self._next_seq: dict[int, int] = {}
        self.doubted = 0
        """rows of the sync opened last whose earlier send is in doubt"""
        self.run = 0

    def _open(self) -> None:
        make_private(self.path)
        self._db = sqlite3.connect(self.path, isolation_level=None, timeout=30)
        try:
            self._db.execute("pragma journal_mode=wal")
            self._db.execute("pragma synchronous=full")
            self._db.execute("pragma cache_size=-16000")
            self._db.executescript(SCHEMA)
            self._db.execute("insert or ignore into meta values('schema_version', ?)", (str(SCHEMA_VERSION),))
        except sqlite3.DatabaseError as error:
            self._db.close()
            raise Misconfigured(
                f"the ledger {self.path} cannot be opened: {error}",
                "check the setting ledger_path, the disk and the file's owner",
            ) from error
        found = self.meta("schema_version")
        if found != str(SCHEMA_VERSION):
            self._db.close()
            raise Misconfigured(
                f"the ledger {self.path} has schema version {found}, this Penstock knows {SCHEMA_VERSION}",
                "use the Penstock version that wrote it, or another ledger_path",
            )

    def meta(self, name: str) -> str | None:
        """Read one fact about the ledger itself."""
        row = self._db.execute("select value from meta where name=?", (name,)).fetchone()
        return str(row[0]) if row else None

    def bind_account(self, account: str) -> None:
        """Tie the ledger to the account it knows the ids of. Raises Misconfigured for another account."""
        with self._guard():
            self._db.execute("insert or ignore into meta values('account', ?)", (account,))
        found = self.meta("account")
        if found != account:
            raise Misconfigured(
                f"the ledger {self.path} belongs to account {found}, the credentials to account {account}",
                "use the credentials of that account, or another ledger_path for this one",
            )

    def begin_run(self) -> int:
        """Record that a run has started and return its number."""
        with self._guard():
            cursor = self._db.execute(
                "insert into runs(started_at, pid, version) values(?,?,?)", (self._wall(), os.getpid(), self._version)
            )
        self.run = int(cursor.lastrowid or 0)
        return self.run

    def end_run(self, exit_code: int, ending: str, calls: int, counts: Mapping[str, Mapping[str, int]]) -> None:
        """Record how the run ended. `ending` is one sentence without values."""
        self.commit()
        with self._guard():
            self._db.execute(
                "update runs set ended_at=?, exit_code=?, ending=?, calls=?, counts=? where run=?",
                (self._wall(), exit_code, ending, calls, json.dumps(counts), self.run),
            )

    def open_sync(self, stream: str, object_name: str) -> int:
        """Return the number of a sync, after putting in doubt what a dead run of it had in flight.

        A key with an open intent loses its fingerprint: its next version is sent whatever was delivered before.
        """
        with self._guard():
            self._db.execute("insert or ignore into syncs(stream, object) values(?,?)", (stream, object_name))
            sync, stored = self._db.execute("select sync, object from syncs where stream=?", (stream,)).fetchone()
            if stored != object_name:
                raise Misconfigured(
                    f"stream {stream} was synced to {stored} before and is to be synced to {object_name} now",
                    "give the new sync a stream of its own (a stream map alias), or use another ledger_path",
                )
            self._rejects[sync] = {
                str(key) for (key,) in self._db.execute("select row_key from rejects where sync=?", (sync,))
            }
            (last,) = self._db.execute("select coalesce(max(seq), 0) from records where sync=?", (sync,)).fetchone()
            self._next_seq[sync] = int(last) + 1
            self._doubts[sync] = {}
            for key, match in self._db.execute("select row_key, match_value from doubts where sync=?", (sync,)):
                self._doubts[sync].setdefault(key, set()).add(match)
            self.doubted = self._doubt_open_intents(int(sync))
        return int(sync)

    def seen(self, sync: int) -> Seen:
        """Return an empty account of the rows met in this run."""
        return Seen(self._next_seq[sync])

    def _doubt_open_intents(self, sync: int) -> int:
        """Put in doubt what a dead run had in flight, and return how many rows that are."""
        self._write(0)
        intents = self._db.execute("select keys, matches from intents where sync=?", (sync,)).fetchall()
        rows = [row for keys, matches in intents for row in zip(json.loads(keys), json.loads(matches), strict=True)]
        self._doubt(sync, rows)
        self._db.execute("delete from intents where sync=?", (sync,))
        return len(rows)

    def _doubt(self, sync: int, rows: Sequence[tuple[RowKey, str]]) -> None:
        """Note that rows may have been applied. One that was never delivered may exist under the match value sent."""
        seq = self._next_seq[sync]
        self._next_seq[sync] += len(rows)
        self._db.executemany(
            "insert into records(sync, row_key, seq, match_value) values(?,?,?,?)"
            " on conflict(sync, row_key) do update set fingerprint=null",
            [(sync, key, seq + n, match) for n, (key, match) in enumerate(rows)],
        )
        self._db.executemany("insert or ignore into doubts values(?,?,?)", [(sync, *row) for row in rows])
        for key, match in rows:
            self._doubts[sync].setdefault(key, set()).add(match)

    def known(self, sync: int, keys: Sequence[RowKey]) -> dict[str, KnownRow]:
        """Return what is remembered of the rows with these keys."""
        found: dict[str, KnownRow] = {}
        doubts = self._doubts[sync]
        for key, *facts in self._select_in(
            "select row_key, seq, fingerprint, destination_id, match_value, left_at is not null,"
            " delivered_at is not null from records where sync=? and row_key in",
            sync,
            keys,
        ):
            seq, mark, destination_id, match, left, delivered = facts
            doubtful = frozenset(doubts.get(key, ()))
            found[key] = KnownRow(seq, mark, destination_id, match, bool(left), bool(delivered), doubtful)
        return found

    def fingerprints(self, sync: int, keys: Sequence[RowKey]) -> dict[str, tuple[bytes | None, bytes | None, int]]:
        """Return fingerprint, source mark and number of present rows: the question asked of every record there is."""
        sql = (
            "select row_key, fingerprint, source_mark, seq from records where left_at is null and sync=? and row_key in"
        )
        return {key: (mark, source_mark, seq) for key, mark, source_mark, seq in self._select_in(sql, sync, keys)}

    def owners(self, sync: int, matches: Sequence[str]) -> dict[str, set[str]]:
        """Return the row keys that hold, or may hold, each of these match values, of rows that have not left."""
        # Without the hint SQLite scans the whole sync: it has no statistics, and the key is the table itself.
        sql = (
            "select match_value, row_key from records indexed by records_match"
            " where left_at is null and sync=? and match_value in"
        )
        found: dict[str, set[str]] = {}
        for match, key in self._select_in(sql, sync, matches):
            found.setdefault(match, set()).add(key)
        asked = set(matches)
        for key, doubtful in self._doubts[sync].items():
            for match in doubtful & asked:
                found.setdefault(match, set()).add(key)
        return found

    def _select_in(self, sql: str, sync: int, values: Sequence[str]) -> Iterable[tuple[Any, ...]]:
        for start in range(0, len(values), LOOKUP):
            part = values[start : start + LOOKUP]
            with self._guard():
                rows = self._db.execute(f"{sql} ({','.join('?' * len(part))})", (sync, *part)).fetchall()
            yield from rows

    def intend(self, sync: int, action: Action, rows: Sequence[tuple[RowKey, str, bytes]]) -> int:
        """Note what is about to be sent: key, match value, fingerprint. Only once it is committed may it be sent."""
        self._write(len(rows))
        with self._guard():
            cursor = self._db.execute(
                "insert into intents(sync, run, action, keys, matches, fingerprints, at) values(?,?,?,?,?,?,?)",
                (
                    sync,
                    self.run,
                    action.value,
                    json.dumps([key for key, _, _ in rows]),
                    json.dumps([match for _, match, _ in rows]),
                    b"".join(mark for _, _, mark in rows),
                    self._wall(),
                ),
            )
        return int(cursor.lastrowid or 0)

    def new_version(self, sync: int, version: int) -> bool:
        """Note the version of a full read; tell whether no earlier run has seen it.

        A version that an earlier run has begun proves nothing at its end: a tap that resumes it sends only the rest.
        """
        self._write(1)
        with self._guard():
            (before,) = self._db.execute("select version from syncs where sync=?", (sync,)).fetchone()
            self._db.execute("update syncs set version=? where sync=?", (version, sync))
        return bool(before != version)

    def mapping(self, sync: int) -> bytes | None:
        """Return the version of the mapping that the sync's source marks are of."""
        with self._guard():
            (version,) = self._db.execute("select mapping from syncs where sync=?", (sync,)).fetchone()
        return None if version is None else bytes(version)

    def remember_mapping(self, sync: int, version: bytes) -> None:
        """Note the version of the mapping that the sync's source marks are of."""
        self._write(1)
        with self._guard():
            self._db.execute("update syncs set mapping=? where sync=?", (version, sync))

    def remark(self, sync: int, marks: Sequence[tuple[bytes | None, RowKey]]) -> None:
        """Write source marks of rows anew."""
        self._write(len(marks))
        with self._guard():
            self._db.executemany(
                "update records set source_mark=? where sync=? and row_key=?",
                [(mark, sync, key) for mark, key in marks],
            )

    def close_intent(self, sync: int, intent: int, doubtful: Sequence[tuple[RowKey, str]]) -> None:
        """End an intent. `doubtful` rows (key, match value) may have been applied although nobody said so."""
        self._write(1 + len(doubtful))
        with self._guard():
            self._db.execute("delete from intents where intent=?", (intent,))
            self._doubt(sync, doubtful)

    def deliver(self, sync: int, rows: Sequence[Settled]) -> None:
        """Remember rows as delivered: fingerprint, match value, destination id. Their rejects are done with."""
        self._write(len(rows))
        now = self._wall()
        seq = self._next_seq[sync]
        self._next_seq[sync] += len(rows)
        with self._guard():
            self._db.executemany(
                "insert into records"
                "(sync, row_key, seq, match_value, fingerprint, source_mark, destination_id, delivered_at)"
                " values(?,?,?,?,?,?,?,?) on conflict(sync, row_key) do update set match_value=excluded.match_value,"
                " fingerprint=excluded.fingerprint, source_mark=excluded.source_mark,"
                " delivered_at=excluded.delivered_at, left_at=null,"
                " destination_id=coalesce(excluded.destination_id, destination_id)",
                [
                    (sync, key, seq + n, match, mark, source_mark, destination_id, now)
                    for n, (key, match, mark, source_mark, destination_id) in enumerate(rows)
                ],
            )
        self._clear_doubts(sync, [key for key, *_ in rows])
        self.forgive(sync, [key for key, *_ in rows])

    def _clear_doubts(self, sync: int, keys: Sequence[RowKey]) -> None:
        doubts = self._doubts[sync]
        certain = [key for key in keys if doubts.pop(key, None)] if doubts else []
        if certain:
            with self._guard():
                self._db.executemany("delete from doubts where sync=? and row_key=?", [(sync, k) for k in certain])

    def forget_id(self, sync: int, keys: Sequence[RowKey]) -> None:
        """Drop destination ids that no longer exist there."""
        self._write(len(keys))
        with self._guard():
            self._db.executemany(
                "update records set destination_id=null, fingerprint=null where sync=? and row_key=?",
                [(sync, key) for key in keys],
            )

    def refuse(self, sync: int, rows: Sequence[Refused]) -> None:
        """Keep refused records with the reason. A repeated refusal of one key counts its attempts."""
        self._write(len(rows))
        now = self._wall()
        with self._guard():
            self._db.executemany(
                "insert into rejects(sync, row_key, kind, code, field, message, record, first_at, last_at, run)"
                " values(?,?,?,?,?,?,?,?,?,?) on conflict(sync, row_key) do update set kind=excluded.kind,"
                " code=excluded.code, field=excluded.field, message=excluded.message, record=excluded.record,"
                " attempts=attempts+1, last_at=excluded.last_at, run=excluded.run",
                [
                    (sync, key, kind, code, field, message, as_json(record), now, now, self.run)
                    for key, kind, code, field, message, record in rows
                ],
            )
        self._rejects[sync].update(key for key, *_ in rows)

    def forgive(self, sync: int, keys: Iterable[RowKey]) -> int:
        """Delete the rejects of rows that are at the destination as the source has them now."""
        kept = self._rejects[sync]
        if not kept:
            return 0
        gone = [key for key in keys if key in kept]
        if gone:
            self._write(len(gone))
            kept.difference_update(gone)
            with self._guard():
                self._db.executemany("delete from rejects where sync=? and row_key=?", [(sync, k) for k in gone])
        return len(gone)

    def leavers(self, sync: int, seen: Seen) -> list[RowKey]:
        """Return the keys of the rows that are at the destination and were not met in this run."""
        if self.present(sync, seen.first_new) <= seen.count:
            return []
        with self._guard():
            rows = self._db.execute(
                "select row_key, seq from records where sync=? and left_at is null and seq<?", (sync, seen.first_new)
            )
            return [RowKey(key) for key, seq in rows if not seen.has(seq)]

    def present(self, sync: int, before: int = 2**62) -> int:
        """Return how many rows have not left, of those numbered below `before`."""
        with self._guard():
            (count,) = self._db.execute(
                "select count(*) from records where sync=? and left_at is null and seq<?", (sync, before)
            ).fetchone()
        return int(count)

    def mark_left(self, sync: int, keys: Sequence[RowKey]) -> None:
        """Note that rows have left the source. That sends nothing; it frees their match values."""
        self._write(len(keys))
        now = self._wall()
        with self._guard():
            self._db.executemany(
                "update records set left_at=? where sync=? and row_key=?", [(now, sync, key) for key in keys]
            )

    def remove(self, sync: int, keys: Sequence[RowKey]) -> None:
        """Note that rows have left the source and are removed at the destination: nothing of them is known any more."""
        self.mark_left(sync, keys)
        with self._guard():
            self._db.executemany(
                "update records set fingerprint=null, source_mark=null, destination_id=null where sync=? and row_key=?",
                [(sync, key) for key in keys],
            )
        self._clear_doubts(sync, keys)
        self.forgive(sync, keys)

    def drop_rejects_not_met(self, sync: int) -> int:
        """After a complete read: drop the rejects of rows that are in the source no more; return how many."""
        self._write(1)
        with self._guard():
            return self._db.execute("delete from rejects where sync=? and run<>?", (sync, self.run)).rowcount

    def commit(self) -> None:
        """Make everything written since the last commit durable. Raises Fault when the disk will not take it.

        SQLite takes a whole transaction back when a statement fails for the disk. Once anything has failed, nothing is
        durable that was thought to be on its way, and every later commit of the run fails.
        """
        if self._failed is not None:
            raise self._failed
        if self._db.in_transaction:
            with self._guard():
                self._db.execute("commit")
        self.dirty = 0

    def rollback(self) -> None:
        """Take back what is not durable yet: after a failure in mid-step it may be half of a truth."""
        if self._db.in_transaction:
            with self._guard():
                self._db.execute("rollback")
        self.dirty = 0
        self._failed = None

    def close(self) -> None:
        """Close the file; what was not committed is gone, as it would be after a crash."""
        self._db.close()

    def _write(self, rows: int) -> None:
        if not self._db.in_transaction:
            with self._guard():
                self._db.execute("begin immediate")
        self.dirty += rows

    def _guard(self) -> _LedgerGuard:
        return _LedgerGuard(self)

    def fail(self, error: sqlite3.Error) -> Fault:
        """Remember that the file failed; return what to raise."""
        self._failed = Fault(
            f"the ledger {self.path} failed: {error}",
            "nothing is acknowledged that it does not hold; check disk space and the file, then run again",
        )
        return self._failed


class _LedgerGuard:
    """Turns a failing disk or a damaged file into a Fault: no STATE may pass a record that is not durable."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, sqlite3.Error):
            raise self._ledger.fail(error) from error

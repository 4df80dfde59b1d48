"""Where a ledger lies: the few things that it asks of a database.

Statements are written once, in what SQLite and PostgreSQL both understand, with `?` for values. Outside of a
transaction each statement is durable by itself.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

from penstock.errors import Fault, Misconfigured, Stop
from penstock.files import SyncLock, make_private

OLDEST_SQLITE = (3, 35)
"""the first that knows `returning`"""
LOOKUP = 500
"""keys per look-up statement of SQLite; a fixed number keeps the prepared statement"""
PATIENCE = 30.0
"""seconds to wait for a file that another process has locked"""
BUSY = "run again when whoever is at work on the ledger has ended"
DbRow = tuple[Any, ...]


class Cursor(Protocol):
    """What a statement gave."""

    @property
    def rowcount(self) -> int:
        """Return how many rows were written."""

    @property
    def description(self) -> Sequence[Any] | None:
        """Return one sequence per column, which begins with the column's name."""

    def fetchone(self) -> DbRow | None:
        """Return the next row, None after the last."""

    def fetchall(self) -> list[DbRow]:
        """Return the rows that are left."""

    def __iter__(self) -> Iterator[DbRow]: ...


class Lock(Protocol):
    """A sync that is kept for one run, until `release` or the death of the process."""

    def release(self) -> None:
        """Give the lock back."""


class Database(Protocol):
    """One connection, used by one thread."""

    name: str
    """what to call it in messages; holds no secret"""
    setting: str
    """the setting that chose it"""
    remedy: str
    """what to check when it fails"""
    errors: tuple[type[Exception], ...]
    """what the driver raises"""

    @property
    def in_transaction(self) -> bool:
        """Tell whether a transaction is open."""

    def execute(self, sql: str, values: Sequence[object] = ()) -> Cursor:
        """Execute a statement."""

    def executemany(self, sql: str, rows: Iterable[Sequence[object]]) -> None:
        """Execute a statement once per row."""

    def each(self, sql: str, values: Sequence[object] = ()) -> Iterator[DbRow]:
        """Yield the rows of a statement that may give very many; read to the end before anything else is executed."""

    def select_in(self, sql: str, values: Sequence[object], among: Sequence[str]) -> list[DbRow]:
        """Select the rows whose last column of `sql`, which ends with ` in`, is one of `among`."""

    def script(self, schema: str) -> None:
        """Create what a schema names and is not there yet. It is written in the types of SQLite."""

    def typed(self, statement: str) -> str:
        """Return a statement about tables in the types of this database; it is written in those of SQLite."""

    def hint(self, index: str) -> str:
        """Return what follows a table's name to make the planner use an index; nothing where it need not be told."""

    def tell(self, error: Exception) -> str:
        """Describe an error of the driver without any value."""

    def busy(self, error: Exception) -> bool:
        """Tell whether an error says no more than that somebody else had what was asked for locked too long."""

    def begin(self) -> None:
        """Begin a transaction that will write."""

    def commit(self) -> None:
        """Make the transaction durable."""

    def rollback(self) -> None:
        """Take the transaction back."""

    def compact(self) -> None:
        """Rewrite what is stored without what was deleted from it, as far as that can be asked for."""

    def close(self) -> None:
        """Close the connection; what was not committed is gone."""

    def lock(self, stream: str, started_at: str) -> Lock:
        """Keep a sync for this run. Raises Busy, naming the run that has it."""


class SqliteDatabase:
    """A file that nobody else may read. WAL and synchronous=FULL: what is committed survives a loss of power."""

    setting = "ledger_path"
    remedy = "check disk space and the file"
    errors: tuple[type[Exception], ...] = (sqlite3.Error,)

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self._path = path
        if sqlite3.sqlite_version_info < OLDEST_SQLITE:
            raise Misconfigured(
                f"this Python has SQLite {sqlite3.sqlite_version}, the ledger needs 3.35 or newer",
                "use another build of Python, or keep the ledger in PostgreSQL",
            )
        self._refuse_foreign()
        make_private(path)
        try:
            self._db = sqlite3.connect(path, isolation_level=None, timeout=PATIENCE)
        except sqlite3.Error as error:
            raise self._unusable(error) from error
        try:
            self._db.execute("pragma journal_mode=wal")
            self._db.execute("pragma synchronous=full")
            self._db.execute("pragma cache_size=-16000")
        except sqlite3.Error as error:
            self._db.close()
            raise self._unusable(error) from error

    def _refuse_foreign(self) -> None:
        """Leave alone what somebody else keeps in the file: a ledger's first table is `meta`."""
        if not self._path.is_file() or not self._path.stat().st_size:
            return
        try:
            with closing(
                sqlite3.connect(f"{self._path.absolute().as_uri()}?mode=ro", uri=True, timeout=PATIENCE)
            ) as db:
                tables = {name for (name,) in db.execute("select name from sqlite_master where type='table'")}
        except sqlite3.Error as error:
            raise self._unusable(error) from error
        if tables and "meta" not in tables:
            raise Misconfigured(
                f"setting ledger_path: {self.name} is a database of something else",
                "name a file that is not there yet, or the ledger",
            )

    def _unusable(self, error: sqlite3.Error) -> Stop:
        what = f"the ledger {self.name} cannot be opened: {error}"
        if self.busy(error):
            return Fault(what, BUSY)
        return Misconfigured(what, "check the setting ledger_path, the disk and the file's owner")

    @property
    def in_transaction(self) -> bool:
        """Tell whether a transaction is open."""
        return self._db.in_transaction

    def execute(self, sql: str, values: Sequence[Any] = ()) -> Cursor:
        """Execute a statement."""
        return self._db.execute(sql, values)

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Execute a statement once per row."""
        self._db.executemany(sql, rows)

    def each(self, sql: str, values: Sequence[Any] = ()) -> Iterator[DbRow]:
        """Yield the rows of a statement one by one."""
        return self._db.execute(sql, values)

    def select_in(self, sql: str, values: Sequence[object], among: Sequence[str]) -> list[DbRow]:
        """Select the rows whose last column of `sql`, which ends with ` in`, is one of `among`."""
        found: list[DbRow] = []
        for start in range(0, len(among), LOOKUP):
            part = among[start : start + LOOKUP]
            found += self._db.execute(f"{sql} ({','.join('?' * len(part))})", (*values, *part))
        return found

    def script(self, schema: str) -> None:
        """Create what a schema names and is not there yet."""
        self._db.executescript(schema)

    def typed(self, statement: str) -> str:
        """Return the statement as it is."""
        return statement

    def hint(self, index: str) -> str:
        """Return the clause that makes the planner use an index: it keeps no statistics here and would guess."""
        return f" indexed by {index}"

    def tell(self, error: Exception) -> str:
        """Describe an error; SQLite's texts hold names, no values."""
        return str(error)

    def busy(self, error: Exception) -> bool:
        """Tell whether another process held the file too long."""
        return "locked" in str(error)

    def begin(self) -> None:
        """Begin a transaction that will write: several processes take turns, each for a short time."""
        self._db.execute("begin immediate")

    def commit(self) -> None:
        """Make the transaction durable."""
        self._db.execute("commit")

    def rollback(self) -> None:
        """Take the transaction back."""
        self._db.execute("rollback")

    def compact(self) -> None:
        """Rewrite the file: a deleted row's bytes stay in it otherwise, and in its log."""
        self._db.execute("vacuum")
        self._db.execute("pragma wal_checkpoint(truncate)")

    def close(self) -> None:
        """Close the file; what was not committed is gone."""
        self._db.close()

    def lock(self, stream: str, started_at: str) -> Lock:
        """Keep a sync for this run by a file beside the ledger. Raises Busy, naming the process that has it."""
        lock = SyncLock(self._path, stream)
        lock.take(started_at)
        return lock

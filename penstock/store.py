"""An open ledger: its schema checked, its writes collected in one transaction, its failures told as a Fault.

Nothing here commits by itself. Once anything has failed, nothing is durable that was thought to be on its way, and
every later commit of the run fails.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from types import TracebackType

from penstock.database import BUSY, Database, DbRow, Lock
from penstock.errors import Fault, Misconfigured
from penstock.tables import SCHEMA, SCHEMA_VERSION, UPGRADES

ADD_META = "insert into meta(name, value) values(?,?) on conflict do nothing"


class Store:
    """The one way of the ledger's parts to its database."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.dirty = 0
        """rows touched since the last commit"""
        self._failed: Fault | None = None
        self._guard = _Guard(self)
        try:
            self._open()
        except BaseException:
            db.close()
            raise

    def _open(self) -> None:
        try:
            self.db.script(SCHEMA)
            self.db.execute(ADD_META, ("schema_version", str(SCHEMA_VERSION)))
            self._upgrade()
        except self.db.errors as error:
            what = f"the ledger {self.db.name} cannot be opened: {self.db.tell(error)}"
            if self.db.busy(error):
                raise Fault(what, BUSY) from error
            raise Misconfigured(what, f"check the setting {self.db.setting}; {self.db.remedy}") from error
        found = self.meta("schema_version")
        if found != str(SCHEMA_VERSION):
            raise Misconfigured(
                f"the ledger {self.db.name} has schema version {found}, this Penstock knows {SCHEMA_VERSION}",
                f"use the Penstock version that wrote it, or another {self.db.setting}",
            )

    def _upgrade(self) -> None:
        """Bring a ledger that an older Penstock wrote to the present schema."""
        if int(self.meta("schema_version") or 0) not in UPGRADES:
            return
        self.db.begin()
        # Another run that upgrades waits here, and then finds that it has been done: the version is read again.
        self.db.execute("update meta set value=value where name='schema_version'")
        while (version := int(self.meta("schema_version") or 0)) in UPGRADES:
            for statement in UPGRADES[version]:
                self.db.execute(self.db.typed(statement))
            self.db.execute("update meta set value=? where name='schema_version'", (str(version + 1),))
        self.db.commit()

    def meta(self, name: str) -> str | None:
        """Read one fact about the ledger itself."""
        rows = self.rows("select value from meta where name=?", (name,))
        return str(rows[0][0]) if rows else None

    def add_meta(self, name: str, value: str) -> None:
        """Note a fact about the ledger itself, unless it is known."""
        self.execute(ADD_META, (name, value))

    def begin(self, rows: int) -> None:
        """Open the transaction, unless it is; `rows` are about to be touched in it."""
        if not self.db.in_transaction:
            with self._guard:
                self.db.begin()
        self.dirty += rows

    def execute(self, sql: str, values: Sequence[object] = ()) -> int:
        """Execute a statement and return how many rows it wrote."""
        with self._guard:
            return self.db.execute(sql, values).rowcount

    def many(self, sql: str, rows: Iterable[Sequence[object]]) -> None:
        """Execute a statement once per row."""
        with self._guard:
            self.db.executemany(sql, rows)

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[DbRow]:
        """Return every row that a statement gives; a write with `returning` is one, too."""
        with self._guard:
            return self.db.execute(sql, values).fetchall()

    def one(self, sql: str, values: Sequence[object] = ()) -> DbRow:
        """Return the row of a statement that gives exactly one."""
        [row] = self.rows(sql, values)
        return row

    def each(self, sql: str, values: Sequence[object] = ()) -> Iterator[DbRow]:
        """Yield the rows of a statement that may give very many."""
        with self._guard:
            yield from self.db.each(sql, values)

    def select_in(self, sql: str, values: Sequence[object], among: Sequence[str]) -> list[DbRow]:
        """Select the rows whose last column of `sql`, which ends with ` in`, is one of `among`."""
        with self._guard:
            return self.db.select_in(sql, values, among)

    def commit(self) -> None:
        """Make everything written since the last commit durable. Raises Fault when the database will not take it.

        SQLite takes a whole transaction back when a statement fails for the disk. Once anything has failed, nothing is
        durable that was thought to be on its way, and every later commit of the run fails.
        """
        if self._failed is not None:
            raise self._failed
        if self.db.in_transaction:
            with self._guard:
                self.db.commit()
        self.dirty = 0

    def rollback(self) -> None:
        """Take back what is not durable yet: after a failure in mid-step it may be half of a truth."""
        if self.db.in_transaction:
            with self._guard:
                self.db.rollback()
        self.dirty = 0
        self._failed = None

    def compact(self) -> None:
        """Rewrite what is stored without what was deleted from it."""
        with self._guard:
            self.db.compact()

    def close(self) -> None:
        """Close the database; what was not committed is gone, as it would be after a crash."""
        self.db.close()

    def lock(self, stream: str, started_at: str) -> Lock:
        """Keep a sync for this run. Raises Busy, naming the run that has it."""
        with self._guard:
            return self.db.lock(stream, started_at)

    def fail(self, error: Exception) -> Fault:
        """Remember that the database failed; return what to raise."""
        self._failed = Fault(
            f"the ledger {self.db.name} failed: {self.db.tell(error)}",
            f"nothing is acknowledged that it does not hold; {self.db.remedy}, then run again",
        )
        return self._failed


class _Guard:
    """Turns a failing disk, server or file into a Fault: no STATE may pass a record that is not durable."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, self._store.db.errors):
            raise self._store.fail(error) from error

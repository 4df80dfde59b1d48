"""Jobs in the ledger: what is needed to find a job again after a death, and to say what became of its rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import msgspec
from msgspec.structs import replace

from penstock.records import RowKey
from penstock.store import Store


class Entry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What the ledger has to know of one row of a job."""

    key: RowKey
    match: str
    fingerprint: bytes
    source_mark: bytes | None
    destination_id: str | None
    known: bool
    """it was known before it joined the job"""
    links: tuple[tuple[str, str], ...] = ()
    """the links that are fields of its object: name, and what the other object is known by; nothing for none"""


@dataclass(frozen=True)
class Logged:
    """A job as it stands in the ledger."""

    number: int
    action: str
    by_id: bool
    name: str
    head: str
    step: str
    id: str | None
    rows: int
    at: float
    """when it was about to be created, seconds since the epoch"""


NOBODY = Entry(RowKey(""), "", b"", None, None, known=False)
"""what stands in the place of a row that was purged"""
FORMING = "forming"
"""the step of a job that has not been sent anywhere"""
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Entry]).decode


class JobLog:
    """The jobs of one ledger. Rows are kept in pieces, by the number of the first of them in their job."""

    def __init__(self, store: Store, wall: Callable[[], float]) -> None:
        self._store = store
        self._wall = wall

    def form(self, sync: int, run: int, action: str, name: str, head: str, *, by_id: bool) -> int:
        """Enter a job that rows are gathered for, and return its number."""
        self._store.begin(1)
        (number,) = self._store.one(
            "insert into jobs(sync, run, action, by_id, name, head, step, row_count, at) values(?,?,?,?,?,?,?,?,?)"
            " returning job",
            (sync, run, action, int(by_id), name, head, FORMING, 0, self._wall()),
        )
        return int(number)

    def add(self, number: int, first: int, rows: Sequence[Entry]) -> None:
        """Note rows of a job, which follow each other."""
        self._store.begin(len(rows))
        self._store.execute("insert into job_rows(job, first, entries) values(?,?,?)", (number, first, _encode(rows)))

    def intend(self, number: int, step: str, rows: int) -> None:
        """Note that a job has all its rows and is about to be created. It may be once this is committed."""
        self._store.begin(1)
        self._store.execute("update jobs set step=?, row_count=?, at=? where job=?", (step, rows, self._wall(), number))

    def note(self, number: int, step: str, remote_id: str | None) -> None:
        """Note which step a job is about to go through, and what it is called there."""
        self._store.begin(1)
        self._store.execute("update jobs set step=?, remote_id=? where job=?", (step, remote_id, number))

    def end(self, number: int) -> None:
        """Forget a job that is over, or was never sent."""
        self._store.begin(1)
        self._store.execute("delete from job_rows where job=?", (number,))
        self._store.execute("delete from jobs where job=?", (number,))

    def left_open(self, sync: int) -> list[Logged]:
        """Return the jobs of a sync that a dead run has left, oldest first; those it never sent are forgotten."""
        self._store.begin(0)
        never_sent = "select job from jobs where sync=? and step=?"
        self._store.execute(f"delete from job_rows where job in ({never_sent})", (sync, FORMING))  # noqa: S608
        self._store.execute("delete from jobs where sync=? and step=?", (sync, FORMING))
        found = self._store.rows(
            "select job, action, by_id, name, head, step, remote_id, row_count, at from jobs where sync=? order by job",
            (sync,),
        )
        return [
            Logged(int(number), action, bool(by_id), name, head, step, remote_id, int(rows), at)
            for number, action, by_id, name, head, step, remote_id, rows, at in found
        ]

    def pieces(self, number: int) -> Iterator[tuple[int, list[Entry]]]:
        """Return the rows of a job in order, piece by piece, each with the number of its first row."""
        firsts = self._store.rows("select first from job_rows where job=? order by first", (number,))
        for (first,) in firsts:
            yield first, self.piece(number, first)

    def piece(self, number: int, first: int) -> list[Entry]:
        """Return one piece of a job's rows."""
        (entries,) = self._store.one("select entries from job_rows where job=? and first=?", (number, first))
        return _decode(bytes(entries))

    def forget(self, sync: int) -> None:
        """Forget what the rows of a sync's jobs hold: when one is over, its rows count as changed since."""
        for (number,) in self._store.rows("select job from jobs where sync=?", (sync,)):
            for first, entries in self.pieces(number):
                blank = [replace(entry, fingerprint=b"", source_mark=None) for entry in entries]
                self._write(number, first, blank)

    def purge(self, sync: int, key: str) -> int:
        """Wipe a row out of the jobs of a sync; its number stays, without it. Return how many were wiped."""
        wiped = 0
        for (number,) in self._store.rows("select job from jobs where sync=?", (sync,)):
            for first, entries in self.pieces(number):
                kept = [NOBODY if entry.key == key else entry for entry in entries]
                if kept != entries:
                    wiped += 1
                    self._write(number, first, kept)
        return wiped

    def _write(self, number: int, first: int, entries: Sequence[Entry]) -> None:
        self._store.execute("update job_rows set entries=? where job=? and first=?", (_encode(entries), number, first))

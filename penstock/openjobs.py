"""One job of this run, or of one that died: its rows, what became of them, which of its requests is next."""

from __future__ import annotations

from array import array
from collections.abc import Iterator

from penstock.batching import key_identity
from penstock.bulk import CHANGING, Job, Jobs, JobStep
from penstock.checkpoint import Epoch
from penstock.joblog import Entry, JobLog, Logged
from penstock.mapping import RecordMapper
from penstock.modes import Action
from penstock.opensync import OpenSync
from penstock.records import Row
from penstock.relations import others_of
from penstock.staging import Texts
from penstock.tables import as_json

PIECE = 1_000
"""rows that are kept, and settled, together"""
LINE_END = b"\r\n"
"""of lines that may be put in another order; they have none elsewhere"""


class OpenJob:
    """A job that is not over. Its rows are on disk; in memory are a few numbers for each of them."""

    def __init__(self, opened: OpenSync, job: Job, number: int, log: JobLog, at: float) -> None:
        self.opened = opened
        self.job = job
        self.number = number
        self.at = at
        """when it was created, seconds since the epoch"""
        self.held: set[int] = set()
        """identities of its rows, as numbers"""
        self.due = 0.0
        """when its next request may be sent"""
        self.durable = False
        """the ledger knows of the step that it is about to go through"""
        self.asked = False
        """a request is under way"""
        self.attempts = 0
        """requests for the present step that led nowhere"""
        self.sent = False
        """it may be there"""
        self.cancelled = False
        self.settling: Iterator[None] | None = None
        """how the rest of its rows comes to an end, once it is over"""
        self.adopted = False
        self.strange = False
        """its results cannot be all there is to say: they name a row that is none of its own, or too few"""
        self.unsettled = 0
        """rows that have not come to their end in it"""
        self._log = log
        self._records: Texts | None = None
        self._lines: Texts | None = None
        self._named = bytearray()
        self._unwritten: list[Entry] = []
        self._origins: list[tuple[Epoch, RecordMapper | None]] = []
        """receipts and mappers of its rows"""
        self._origin_of = array("L")
        self._groups = array("L")
        self._line_of: dict[str, int] | None = None

    @classmethod
    def adopt(cls, opened: OpenSync, logged: Logged, jobs: Jobs, log: JobLog) -> OpenJob:
        """Take over a job that a dead run has left."""
        action, step = Action(logged.action), JobStep(logged.step)
        job = Job(opened.sync, action, logged.by_id, logged.name, logged.head, logged.rows, logged.id)
        found = cls(opened, job, logged.number, log, logged.at)
        found.adopted = found.sent = found.durable = True
        found.unsettled = logged.rows
        found._named = bytearray(logged.rows)
        if step in CHANGING:
            step = jobs.doubtful.get(step, step)
        job.step = JobStep.POLL if step is JobStep.RESULTS else step
        for _, entries in log.pieces(logged.number):
            found.held.update(hash(key_identity(opened.sync.stream, entry.key)) for entry in entries)
        return found

    def add(self, row: Row, line: bytes, identities: set[int]) -> None:
        """Take a row in."""
        if self._records is None or self._lines is None:
            self._records, self._lines = Texts(), Texts()
        self._records.add(row.text or (row.record if isinstance(row.record, bytes) else as_json(row.record)))
        self._lines.add(line)
        known = row.known is not None
        links = others_of(row) if row.sync.links else ()
        self._unwritten.append(
            Entry(row.key, row.match, row.fingerprint, row.source_mark, row.destination_id, known=known, links=links)
        )
        [epoch] = row.epochs
        if not self._origins or self._origins[-1][0] is not epoch or self._origins[-1][1] is not row.mapper:
            self._origins.append((epoch, row.mapper))
        self._origin_of.append(len(self._origins) - 1)
        self._groups.append(row.group)
        self._named.append(0)
        self.held |= identities
        self.job.rows += 1
        self.unsettled += 1
        if len(self._unwritten) >= PIECE:
            self.write()

    def write(self) -> None:
        """Write to the ledger which rows were taken in."""
        if self._unwritten:
            self._log.add(self.number, self.job.rows - len(self._unwritten), self._unwritten)
            self._unwritten = []

    @property
    def size(self) -> int:
        """Return the bytes of its lines."""
        return 0 if self._lines is None else self._lines.size

    def lines(self) -> bytes:
        """Return its rows as the destination takes them."""
        if self._lines is None:
            raise AssertionError("the rows of a job are gone with the run that made it")
        return self._lines.whole()

    def grouped(self) -> bytes:
        """Return them with those of one group next to each other, so that as few parts of the job as can be share one.

        The numbers stay: only the file is in another order.
        """
        whole, groups = self.lines(), self._groups
        if not any(groups):
            return whole
        lines = whole.split(LINE_END)
        if len(lines) != len(groups) + 1:
            raise AssertionError("a line of a job has another end than it should")
        return LINE_END.join([*map(lines.__getitem__, sorted(range(len(groups)), key=groups.__getitem__)), b""])

    def line_of(self, who: int | str) -> int | None:
        """Return the number of a row that the results name; None the second time, and where it is none of this job's.

        Once they have named a stranger, nothing can be concluded of the rows that they do not name.
        """
        line = self._looked_up(who) if isinstance(who, str) else who
        if line is None or not 0 <= line < self.job.rows:
            self.strange = True
            return None
        if self._named[line]:
            return None
        self._named[line] = 1
        return line

    def _looked_up(self, who: str) -> int | None:
        if self._line_of is None:
            self._line_of = {
                (entry.destination_id or "") if self.job.by_id else entry.match: first + n
                for first, entries in self._log.pieces(self.number)
                for n, entry in enumerate(entries)
            }
        return self._line_of.get(who)

    @property
    def nameless(self) -> int:
        """Return how many rows no result has named."""
        return self._named.count(0)

    def unnamed(self, first: int) -> list[int]:
        """Return the rows of a piece that no result has named, and take them as named."""
        found = [line for line in range(first, min(first + PIECE, self.job.rows)) if not self._named[line]]
        for line in found:
            self._named[line] = 1
        return found

    def entries(self, first: int) -> list[Entry]:
        """Return what the ledger knows of the rows of a piece."""
        return self._log.piece(self.number, first)

    def receipt(self, line: int) -> Epoch | None:
        """Return the receipt of a row; None where it was the dead run's."""
        return None if self.adopted else self._origins[self._origin_of[line]][0]

    def record(self, line: int) -> tuple[RecordMapper, bytes]:
        """Return the source record of a row, and what it was mapped by."""
        mapper = None if self.adopted else self._origins[self._origin_of[line]][1]
        if self._records is None or mapper is None:
            raise AssertionError("the records of a job are gone with the run that made it")
        return mapper, self._records.get(line)

    def end(self) -> None:
        """Forget it: all its rows have come to their end, or go on without it."""
        self._log.end(self.number)
        for texts in (self._records, self._lines):
            if texts is not None:
                texts.close()

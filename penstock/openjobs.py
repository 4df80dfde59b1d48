"""One job of this run, or of one that died: its rows, what became of them, which of its requests is next."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, repeat
from operator import or_

from penstock.batching import key_identity
from penstock.bulk import CHANGING, Columns, Job, Jobs, JobStep, Taken
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
UPDATED, CREATED = 1, 2
LINE_END = b"\r\n"
"""of lines that may be put in another order; they have none elsewhere"""


@dataclass(frozen=True)
class Results:
    """What the destination took of a job, by the rows' numbers."""

    ids: list[str | None]
    ends: bytearray
    """0: nothing is said of the row; UPDATED; CREATED"""


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
        records, lines = self._files()
        records.add(row.text or (row.record if isinstance(row.record, bytes) else as_json(row.record)))
        lines.add(line)
        known = row.known is not None
        links = others_of(row) if row.sync.links else ()
        self._unwritten.append(
            Entry(row.key, row.match, row.fingerprint, row.source_mark, row.destination_id, known=known, links=links)
        )
        [epoch] = row.epochs
        self._groups.append(row.group)
        self._count(1, (epoch, row.mapper))
        self._took(identities)

    def add_all(self, rows: Columns, lines: bytes, origin: Sequence[tuple[Epoch, RecordMapper]], met: set[int]) -> None:
        """Take in many rows that were not known, with what each was mapped by and its receipt."""
        records, file = self._files()
        records.add_all(rows.texts)
        file.add(lines)
        facts = (rows.keys, rows.matches, rows.fingerprints, rows.marks, repeat(None), repeat(False))
        self._unwritten += map(Entry, *facts)
        self._groups.extend(rows.groups)
        for (epoch, mapper), some in groupby(origin):
            self._count(sum(1 for _ in some), (epoch, mapper))
        self._took(met)

    def _files(self) -> tuple[Texts, Texts]:
        if self._records is None or self._lines is None:
            self._records, self._lines = Texts(), Texts()
        return self._records, self._lines

    def _count(self, rows: int, origin: tuple[Epoch, RecordMapper | None]) -> None:
        if not self._origins or self._origins[-1][0] is not origin[0] or self._origins[-1][1] is not origin[1]:
            self._origins.append(origin)
        self._origin_of.extend(repeat(len(self._origins) - 1, rows))
        self._named.extend(bytes(rows))
        self.job.rows += rows
        self.unsettled += rows

    def _took(self, identities: set[int]) -> None:
        self.held |= identities
        while len(self._unwritten) >= PIECE:
            self._write()

    def write(self) -> None:
        """Write to the ledger which rows were taken in."""
        if self._unwritten:
            self._write()

    def _write(self) -> None:
        """Write one piece: where each begins is known by its number."""
        piece, self._unwritten = self._unwritten[:PIECE], self._unwritten[PIECE:]
        self._log.add(self.number, self.job.rows - len(self._unwritten) - len(piece), piece)

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

    def read(self, taken: Iterable[Taken]) -> Results | None:
        """Note which rows the destination took; None for none. What `taken` raises leaves everything as it was."""
        found: Results | None = None
        for part in taken:
            if found is None:
                found = Results([None] * self.job.rows, bytearray(self.job.rows))
                line_of = self._lines_by_name()
            for line, row_id, created in zip(map(line_of.get, part.who), part.ids, part.created, strict=True):
                if line is None:
                    self.strange = True
                elif not self._named[line] and not found.ends[line]:
                    found.ids[line], found.ends[line] = row_id, CREATED if created else UPDATED
        if found is not None:
            self._named = bytearray(map(or_, self._named, found.ends))
        return found

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
        return self._lines_by_name().get(who)

    def _lines_by_name(self) -> dict[str, int]:
        if self._line_of is None:
            self._line_of = {
                (entry.destination_id or "") if self.job.by_id else entry.match: first + n
                for first, entries in self._log.pieces(self.number)
                for n, entry in enumerate(entries)
            }
        return self._line_of

    @property
    def reads_results(self) -> bool:
        """Tell whether results of it are on their way, or in memory."""
        return self.settling is not None or (self.asked and self.job.step is JobStep.RESULTS)

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

    def receipts(self, lines: Iterable[int]) -> dict[Epoch, int]:
        """Return how many rows have which receipt; nothing where they were the dead run's."""
        if self.adopted:
            return {}
        counts: dict[Epoch, int] = {}
        for origin, rows in Counter(map(self._origin_of.__getitem__, lines)).items():
            epoch, _ = self._origins[origin]
            counts[epoch] = counts.get(epoch, 0) + rows
        return counts

    def record(self, line: int) -> tuple[RecordMapper, bytes]:
        """Return the source record of a row, and what it was mapped by."""
        mapper = None if self.adopted else self._origins[self._origin_of[line]][1]
        if self._records is None or mapper is None:
            raise AssertionError("the records of a job are gone with the run that made it")
        return mapper, self._records.get(line)

    @property
    def known_as(self) -> str:
        """Return its name, and what the destination calls it where that is known."""
        return f"{self.job.name} ({self.job.id})" if self.job.id else self.job.name

    def end(self) -> None:
        """Forget it: all its rows have come to their end, or go on without it."""
        self._log.end(self.number)
        for texts in (self._records, self._lines):
            if texts is not None:
                texts.close()

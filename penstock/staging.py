"""Changed rows that wait in files without names: until a guard has judged how many they are, or for a bulk job.

Such a file is readable by this process alone and is gone with it: rows staged by a run that died are read again,
because their receipts were never settled.
"""

from __future__ import annotations

import os
import tempfile
import weakref
from array import array
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

from penstock.checkpoint import Epoch
from penstock.errors import Fault
from penstock.mapping import RecordMapper
from penstock.modes import Sync
from penstock.records import Row, RowKey, Source
from penstock.rows import mapped
from penstock.tables import as_json

_BUFFER = 1 << 20
Staged = tuple[bytes, Epoch, "Row | RecordMapper | None"]
"""record and receipt of a row, and what it was mapped by; the row itself where it is invalid"""


def restored(sync: Sync, staged: Iterable[Staged]) -> list[Row]:
    """Make rows of what was staged."""
    rows: list[Row] = []
    for text, epoch, by in staged:
        if by is None:
            raise AssertionError("a row was staged that nobody has mapped")
        rows.append(by if isinstance(by, Row) else mapped(sync, by, by.peek(text), epoch))
    return rows


class Stage:
    """The staged rows of one sync, in reading order."""

    def __init__(self) -> None:
        self.count = 0
        self.keys: dict[RowKey, bytes] = {}
        """the newest fingerprint of each row"""
        self._file = _unnamed()
        self._close = weakref.finalize(self, os.close, self._file)
        self._unwritten = bytearray()
        self._read_to = 0
        self._rest = b""
        self._lines: deque[bytes] = deque()
        self._taken = 0
        self._origins: deque[tuple[Epoch, RecordMapper | None, int]] = deque()
        """receipt and mapper of the rows, and of how many that follow each other"""
        self._spoilt: dict[int, Row] = {}
        """rows that cannot be sent, by their place; why cannot always be told from the text again"""

    def add(self, row: Row) -> int:
        """Stage a row: its record and its receipts; return the bytes that `take` will give back of it.

        Raises Fault when the disk will not take it.
        """
        text = row.text or (row.record if isinstance(row.record, bytes) else as_json(row.record))
        self._unwritten += text + b"\n"
        self.keys[row.key] = b"" if row.invalid else row.fingerprint
        if row.invalid:
            self._spoilt[self.count] = row
        self.count += 1
        for epoch in row.epochs:
            last = self._origins[-1] if self._origins else None
            if last is not None and last[0] is epoch and last[1] is row.mapper:
                self._origins[-1] = (epoch, row.mapper, last[2] + 1)
            else:
                self._origins.append((epoch, row.mapper, 1))
        if len(self._unwritten) >= _BUFFER:
            self._write()
        return len(text)

    def add_all(self, keys: Iterable[RowKey], texts: Sequence[bytes], origin: tuple[Epoch, RecordMapper]) -> None:
        """Stage rows that were not mapped yet: their records, which have one receipt and will be mapped alike."""
        self._unwritten += b"\n".join((*texts, b""))
        self.keys.update(dict.fromkeys(keys, b""))
        self.count += len(texts)
        self._origins.append((*origin, len(texts)))
        if len(self._unwritten) >= _BUFFER:
            self._write()

    def _write(self) -> None:
        _append(self._file, self._unwritten)

    def take(self, most: int) -> list[Staged]:
        """Return the next rows, at most so many. Nothing may be added any more."""
        self._write()
        taken: list[Staged] = []
        while self._taken < self.count and len(taken) < most:
            if not self._lines:
                chunk = os.pread(self._file, _BUFFER, self._read_to)
                self._read_to += len(chunk)
                first, *others = chunk.split(b"\n")
                self._lines.extend((self._rest + first, *others))
                self._rest = self._lines.pop()
                continue
            epoch, mapper, more = self._origins[0]
            if more == 1:
                self._origins.popleft()
            else:
                self._origins[0] = (epoch, mapper, more - 1)
            taken.append((self._lines.popleft(), epoch, self._spoilt.pop(self._taken, None) or mapper))
            self._taken += 1
        return taken

    def discard(self) -> int:
        """Give up the rows that were not taken and return how many they were: their receipts stay open."""
        self._close()
        return self.count - self._taken

    @property
    def left(self) -> int:
        """Return how many rows there are to take."""
        return self.count - self._taken


class Spool:
    """The changed rows of one sync that wait until it is decided how they travel, in reading order.

    They are taken in rounds: what comes while a round goes on is for the next one, behind what this one puts back.
    """

    def __init__(self) -> None:
        self.since: float | None = None
        """when the first of them came"""
        self.size = 0
        """bytes of their records"""
        self.held: list[set[int]] = []
        """identities of the rows in each open job of the sync, as numbers"""
        self.blocked = False
        """some rows wait for the end of a job that has older versions of them"""
        self._full: deque[Stage] = deque()
        self._filling: Stage | None = None
        self._back: Stage | None = None
        self._behind: set[int] = set()
        """identities of the rows that were put back in this round"""

    @property
    def count(self) -> int:
        """Return how many rows wait."""
        return sum(stage.left for stage in self._stages())

    def holds(self, key: RowKey, identity: int) -> bool:
        """Tell whether an older version of a row waits, or is in an open job."""
        for held in self.held:
            if identity in held:
                return True
        return bool(self.count) and any(key in stage.keys for stage in self._stages())

    def blocks(self, identities: set[int]) -> bool:
        """Tell whether a row has to wait: for the end of a job, or behind one that does."""
        return not identities.isdisjoint(self._behind) or not all(identities.isdisjoint(held) for held in self.held)

    def add(self, row: Row, now: float) -> None:
        """Let a row wait. Raises Fault when the disk will not take it."""
        if self._filling is None:
            self._filling = Stage()
        if self.since is None:
            self.since = now
        self.size += self._filling.add(row)

    def add_all(self, sources: Sequence[Source], origin: tuple[Epoch, RecordMapper], now: float) -> None:
        """Let rows wait that were not mapped yet. They have keys and texts. Raises Fault as `add` does."""
        texts = [source.record for source in sources if isinstance(source.record, bytes)]
        if self._filling is None:
            self._filling = Stage()
        if self.since is None:
            self.since = now
        self._filling.add_all((source.key for source in sources if source.key is not None), texts, origin)
        self.size += sum(map(len, texts))

    def begin(self) -> None:
        """Begin a round."""
        if self._filling is not None:
            self._full.append(self._filling)
        self._filling, self._back = None, Stage()

    def go_on(self) -> bool:
        """Let what has come meanwhile belong to this round as well; tell whether there was something."""
        if self._filling is None:
            return False
        self._full.append(self._filling)
        self._filling = None
        return True

    def take(self, most: int) -> list[Staged]:
        """Return the next rows of this round, at most so many."""
        while self._full and not self._full[0].left:
            self._full.popleft().discard()
        taken = self._full[0].take(most) if self._full else []
        self.size -= sum(len(text) for text, _, _ in taken)
        return taken

    def put_back(self, row: Row, identities: set[int]) -> None:
        """Let a row that was taken wait for another round."""
        if self._back is None:
            raise AssertionError("a row is put back outside of a round")
        self.size += self._back.add(row)
        self._behind |= identities

    def finish(self, now: float) -> None:
        """End a round."""
        back, self._back = self._back, None
        self._behind.clear()
        if back is not None and back.left:
            self._full.appendleft(back)
            self.blocked = bool(self.held)
        elif back is not None:
            back.discard()
        self.since = now if self.count else None

    def _stages(self) -> Iterator[Stage]:
        yield from self._full
        if self._back is not None:
            yield self._back
        if self._filling is not None:
            yield self._filling


class Texts:
    """Texts in a file of their own, each found by its number."""

    def __init__(self) -> None:
        self._file = _unnamed()
        self._close = weakref.finalize(self, os.close, self._file)
        self._unwritten = bytearray()
        self._ends = array("Q", [0])

    def __len__(self) -> int:
        return len(self._ends) - 1

    @property
    def size(self) -> int:
        """Return the bytes of all texts."""
        return self._ends[-1]

    def add(self, text: bytes) -> None:
        """Add a text. Raises Fault when the disk will not take it."""
        self._unwritten += text
        self._ends.append(self._ends[-1] + len(text))
        if len(self._unwritten) >= _BUFFER:
            _append(self._file, self._unwritten)

    def add_all(self, texts: Sequence[bytes]) -> None:
        """Do the same for many."""
        self._unwritten += b"".join(texts)
        last = self._ends.pop()
        self._ends.extend(accumulate(map(len, texts), initial=last))
        if len(self._unwritten) >= _BUFFER:
            _append(self._file, self._unwritten)

    def get(self, number: int) -> bytes:
        """Return one text."""
        return self._read(self._ends[number], self._ends[number + 1])

    def whole(self) -> bytes:
        """Return all texts, one after the other."""
        return self._read(0, self.size)

    def close(self) -> None:
        """Give the file up."""
        self._close()

    def _read(self, start: int, end: int) -> bytes:
        _append(self._file, self._unwritten)
        parts: list[bytes] = []
        while start < end and (part := os.pread(self._file, end - start, start)):
            parts.append(part)
            start += len(part)
        return b"".join(parts)


def _unnamed() -> int:
    descriptor, path = tempfile.mkstemp(prefix="penstock-")
    os.unlink(path)
    return descriptor


def _append(file: int, unwritten: bytearray) -> None:
    view = memoryview(bytes(unwritten))
    unwritten.clear()
    try:
        while view:
            view = view[os.write(file, view) :]
    except OSError as error:
        raise Fault(
            f"rows could not be staged in {tempfile.gettempdir()}: {error.strerror}",
            "free space there or set TMPDIR; rows that wait there were not acknowledged, run again",
        ) from error

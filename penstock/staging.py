"""Changed rows that wait, in a file that has no name, until a guard has judged how many they are.

The file is readable by this process alone and is gone with it: rows staged by a run that died are read again, because
their receipts were never settled.
"""

from __future__ import annotations

import os
import tempfile
import weakref
from collections import deque

from penstock.checkpoint import Epoch
from penstock.errors import Fault
from penstock.records import Row
from penstock.tables import as_json

_BUFFER = 1 << 20


class Stage:
    """The staged rows of one sync, in reading order."""

    def __init__(self) -> None:
        self.count = 0
        self.keys: set[str] = set()
        descriptor, path = tempfile.mkstemp(prefix="penstock-")
        os.unlink(path)
        self._file = descriptor
        self._close = weakref.finalize(self, os.close, descriptor)
        self._unwritten = bytearray()
        self._read_to = 0
        self._rest = b""
        self._lines: deque[bytes] = deque()
        self._taken = 0
        self._epochs: deque[tuple[Epoch, int]] = deque()
        self._spoilt: dict[int, Row] = {}
        """rows that cannot be sent, by their place; why cannot always be told from the text again"""

    def add(self, row: Row) -> None:
        """Stage a row: its record and its receipts. Raises Fault when the disk will not take it."""
        text = row.record if isinstance(row.record, bytes) else as_json(row.record)
        self._unwritten += text + b"\n"
        self.keys.add(row.key)
        if row.invalid:
            self._spoilt[self.count] = row
        self.count += 1
        for epoch in row.epochs:
            if self._epochs and self._epochs[-1][0] is epoch:
                self._epochs[-1] = (epoch, self._epochs[-1][1] + 1)
            else:
                self._epochs.append((epoch, 1))
        if len(self._unwritten) >= _BUFFER:
            self._write()

    def _write(self) -> None:
        view = memoryview(bytes(self._unwritten))
        self._unwritten.clear()
        try:
            while view:
                view = view[os.write(self._file, view) :]
        except OSError as error:
            raise Fault(
                f"rows could not be staged in {tempfile.gettempdir()}: {error.strerror}",
                "free space there or set TMPDIR; nothing of this sync was sent, run again",
            ) from error

    def take(self, most: int) -> list[tuple[bytes, Epoch, Row | None]]:
        """Return the next rows, at most so many: record, receipt, the row itself where it is invalid.

        Nothing may be added any more.
        """
        self._write()
        taken: list[tuple[bytes, Epoch, Row | None]] = []
        while self._taken < self.count and len(taken) < most:
            if not self._lines:
                chunk = os.pread(self._file, _BUFFER, self._read_to)
                self._read_to += len(chunk)
                first, *others = chunk.split(b"\n")
                self._lines.extend((self._rest + first, *others))
                self._rest = self._lines.pop()
                continue
            epoch, more = self._epochs[0]
            if more == 1:
                self._epochs.popleft()
            else:
                self._epochs[0] = (epoch, more - 1)
            taken.append((self._lines.popleft(), epoch, self._spoilt.pop(self._taken, None)))
            self._taken += 1
        return taken

    def discard(self) -> int:
        """Give up the rows that were not taken and return how many they were: their receipts stay open."""
        self._close()
        return self.count - self._taken

    @property
    def left(self) -> bool:
        """Tell whether there are rows to take."""
        return self._taken < self.count

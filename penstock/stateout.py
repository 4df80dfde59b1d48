"""The way of a STATE line out: earned, without the bookmarks of pending syncs, at most one per interval."""

from __future__ import annotations

import os
import select
from collections.abc import Callable

from penstock.bookmarks import Bookmarks
from penstock.checkpoint import Checkpoint
from penstock.errors import Fault

PATIENCE = 25.0
"""seconds that a reader of STATE who asked for writes that do not block may keep us waiting"""


class StateOut:
    """Prints what a checkpoint releases. `write` takes one line; `interval` is in seconds."""

    def __init__(
        self, checkpoint: Checkpoint, bookmarks: Bookmarks, write: Callable[[bytes], None], interval: float
    ) -> None:
        self.next_at = 0.0
        """when a line may be printed again"""
        self._checkpoint = checkpoint
        self._bookmarks = bookmarks
        self._write = write
        self._interval = interval
        self._latest: bytes | None = None
        self._printed: bytes | None = None
        self._broken = False
        """a line may have come out in part: another one behind it would be no line either"""

    def turn(self, now: float, *, last: bool = False) -> None:
        """Print the newest STATE that is earned.

        `last` does not wait for the interval, and looks again at the newest one: a sync may be pending no more.
        """
        if self._broken or (now < self.next_at and not last):
            return
        state = self._checkpoint.release()
        if state is None and not last:
            return
        self._latest = state or self._latest
        line = None if self._latest is None else self._bookmarks.printable(self._latest)
        if line is None or line == self._printed:
            return
        self.next_at = now + self._interval
        self._broken = True
        self._write(line + b"\n")
        self._broken = False
        self._printed = line


def write_to(descriptor: int) -> Callable[[bytes], None]:
    """Return a function that writes a line by one `os.write`, repeated where it was short. It raises Fault."""

    def write(line: bytes) -> None:
        try:
            while line:
                line = line[_write_some(descriptor, line) :]
        except OSError as error:
            raise Fault(
                f"STATE could not be written to standard output: {error.strerror}",
                "whoever runs the target has gone or its disk is full; run again",
            ) from error

    return write


def _write_some(descriptor: int, line: bytes) -> int:
    try:
        return os.write(descriptor, line)
    except BlockingIOError:
        if not select.select([], [descriptor], [], PATIENCE)[1]:
            raise
        return 0

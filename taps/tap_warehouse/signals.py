"""SIGTERM and SIGINT become a flag, noticed even while the main thread is inside the warehouse's own code.

Python runs a signal handler only between two bytecodes of the main thread, so a query that takes minutes would hold
it back for minutes. The wake-up descriptor is written in the C handler itself: a thread waits on it and interrupts the
running statement, again and again, because the main thread may have been just about to start one. The thread does
nothing else, so there is no lock.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable

from tap_warehouse.errors import Stopped

WATCHED = (signal.SIGTERM, signal.SIGINT)
INTERRUPT_EVERY = 0.1
"""Seconds."""


class StopRequest:
    """Asked between messages: shall we stop? Never set when `listen` was not called, as in tests in process."""

    def __init__(self) -> None:
        self.signum = 0
        self.interrupt: Callable[[], None] | None = None

    def __bool__(self) -> bool:
        return self.signum != 0

    def raise_if_set(self) -> None:
        """Raise Stopped, to be called only where a message has just ended."""
        if self.signum:
            raise Stopped(self.signum)

    def request(self, signum: int) -> None:
        """Set the flag and end the statement that is running. A second signal changes nothing."""
        self.signum = self.signum or signum
        interrupt = self.interrupt
        if interrupt is not None:
            interrupt()

    def listen(self) -> None:
        """Take over the signals of this process, from its main thread and for good."""
        read_end, write_end = os.pipe()
        os.set_blocking(write_end, False)
        for signum in WATCHED:
            signal.signal(signum, self._handle)
        signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
        threading.Thread(target=self._watch, args=(read_end,), name="signals", daemon=True).start()

    @staticmethod
    def ignore() -> None:
        """Let no late signal change how the process ends: Python gives the default back while it exits."""
        for signum in WATCHED:
            signal.signal(signum, signal.SIG_IGN)

    def _handle(self, signum: int, frame: object) -> None:  # noqa: ARG002 the signature is Python's
        """Replace the default, which would end the process in the middle of a line."""
        self.signum = self.signum or signum

    def _watch(self, read_end: int) -> None:
        while received := os.read(read_end, 1):
            while received[0] in WATCHED:
                self.request(received[0])
                threading.Event().wait(INTERRUPT_EVERY)

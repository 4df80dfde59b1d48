"""A target as a process: its input, its output line by line, its end."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

_LIMITED = (
    "import os, resource, sys; n = int(sys.argv[1]); resource.setrlimit(resource.RLIMIT_FSIZE, (n, n));"
    "os.execvp(sys.argv[2], sys.argv[2:])"
)


@dataclass(frozen=True)
class Ended:
    """How a process ended. `code` is negative for a signal that killed it."""

    code: int
    states: list[dict[str, Any]]
    strange: list[bytes]
    """complete lines on stdout that are no STATE"""
    torn: bytes
    """what stood after the last line end: a reader ignores it"""
    stderr: str
    seconds: float
    peak_mb: float
    """most memory used; 0 where it was less than this process has used itself, because then it cannot be told"""
    killed_by_us: bool
    """it did not end in its time"""


class Process:
    """Runs a command; `feed` its input, `close` it, and `end` waits for the end."""

    def __init__(
        self,
        command: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
        stdout: int | None = None,
        file_limit: int | None = None,
        reading: bool = True,
    ) -> None:
        """Start. `stdout` is a descriptor in place of our pipe, `file_limit` the most bytes of any file it writes."""
        limited = [] if file_limit is None else [sys.executable, "-c", _LIMITED, str(file_limit)]
        self._began = time.monotonic()
        self._popen = subprocess.Popen(  # noqa: S603 - the command is the adapter's
            [*limited, *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE if stdout is None else stdout,
            stderr=subprocess.PIPE,
            cwd=folder,
            env=dict(environment),
        )
        self.ended = threading.Event()
        self._changed = threading.Condition()
        self._out = bytearray()
        self._err = bytearray()
        self._peak = 0
        self._killed = False
        self._readers = [self._reader(self._popen.stderr, self._err)]
        if reading:
            self.read_stdout()
        self._waiter = threading.Thread(target=self._wait, daemon=True)
        self._waiter.start()
        self._writers: list[threading.Thread] = []

    def read_stdout(self) -> None:
        """Begin to read stdout."""
        self._readers.append(self._reader(self._popen.stdout, self._out))

    @property
    def stdout_fd(self) -> int:
        """Return our end of the target's stdout."""
        return self._popen.stdout.fileno() if self._popen.stdout else -1

    def feed(self, content: bytes, close: bool = True) -> None:
        """Write input, without waiting until it is read."""
        thread = threading.Thread(target=self._write, args=(content, close), daemon=True)
        self._writers.append(thread)
        thread.start()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, unless the process has ended."""
        with contextlib.suppress(ProcessLookupError):
            if not self.ended.is_set():
                os.kill(self._popen.pid, number)

    def kill(self) -> None:
        """Kill it with SIGKILL and wait until it is dead."""
        self.signal(signal.SIGKILL)
        self.ended.wait(10)

    def first_state(self, seconds: float) -> bool:
        """Wait for the first complete line on stdout; tell whether it came."""
        with self._changed:
            return self._changed.wait_for(lambda: b"\n" in self._out or self.ended.is_set(), seconds) and (
                b"\n" in self._out
            )

    def end(self, limit: float) -> Ended:
        """Wait for the end, for `limit` seconds at most, and then kill it; return how it ended."""
        if not self.ended.wait(limit):
            self._killed = True
            self.kill()
        seconds = time.monotonic() - self._began
        for thread in [*self._readers, self._waiter]:
            thread.join(10)
        for pipe in (self._popen.stdin, self._popen.stdout, self._popen.stderr):
            if pipe is not None:
                with contextlib.suppress(OSError, ValueError):
                    pipe.close()
        for thread in self._writers:
            thread.join(10)
        states, strange, torn = parsed(bytes(self._out))
        stderr = self._err.decode(errors="replace")
        peak = self._peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)
        return Ended(self._popen.returncode, states, strange, torn, stderr, seconds, peak, self._killed)

    def _write(self, content: bytes, close: bool) -> None:
        pipe = self._popen.stdin
        with contextlib.suppress(OSError, ValueError):
            assert pipe is not None  # noqa: S101 - it was asked for
            pipe.write(content)
            pipe.flush()
        if close:
            with contextlib.suppress(OSError, ValueError):
                assert pipe is not None  # noqa: S101
                pipe.close()

    def _reader(self, pipe: IO[bytes] | None, into: bytearray) -> threading.Thread:
        def read() -> None:
            with contextlib.suppress(OSError, ValueError):
                while pipe is not None and (part := os.read(pipe.fileno(), 65_536)):
                    with self._changed:
                        into.extend(part)
                        self._changed.notify_all()

        thread = threading.Thread(target=read, daemon=True)
        thread.start()
        return thread

    def _wait(self) -> None:
        _, status, used = os.wait4(self._popen.pid, 0)
        # The system counts a child from the size of the process that started it, which may be larger than all it does.
        ours = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        self._peak = used.ru_maxrss if used.ru_maxrss > ours else 0
        self._popen.returncode = os.waitstatus_to_exitcode(status)
        self.ended.set()
        with self._changed:
            self._changed.notify_all()


def parsed(out: bytes) -> tuple[list[dict[str, Any]], list[bytes], bytes]:
    """Return the STATEs on stdout, other complete lines, and what stands after the last line end."""
    *lines, torn = out.split(b"\n")
    states: list[dict[str, Any]] = []
    strange: list[bytes] = []
    for line in lines:
        try:
            found = json.loads(line)
        except ValueError:
            found = None
        if isinstance(found, dict):
            states.append(found)
        else:
            strange.append(line)
    return states, strange, torn

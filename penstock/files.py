"""Files that nobody else may read, and the lock that keeps a sync to one run."""

from __future__ import annotations

import fcntl
import os
import stat
from pathlib import Path

from penstock.errors import Busy, Misconfigured


def make_private(path: Path) -> None:
    """Create the ledger's folder (0700 where it is ours to create) and file (0600), whatever the umask.

    Raises Misconfigured when that is impossible or others may read an existing file.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise Misconfigured(f"the ledger {path} cannot be made: it is no file", "check the setting ledger_path")
            if stat.S_IMODE(os.fstat(descriptor).st_mode) & 0o077:
                os.fchmod(descriptor, 0o600)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise Misconfigured(
            f"the ledger {path} cannot be made: {error.strerror}", "check the setting ledger_path"
        ) from error


class SyncLock:
    """One run per sync: an advisory lock on a file beside the ledger, freed by the system when the process dies."""

    def __init__(self, ledger: Path, stream: str) -> None:
        name = "".join(c if c.isalnum() or c in "-_" else f"%{ord(c):x}" for c in stream)
        ledger = ledger.resolve()  # by whatever links it is reached, it is one ledger
        self._path = ledger.with_name(f"{ledger.name}.{name}.lock")
        self._stream = stream
        try:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise Misconfigured(
                f"the lock {self._path} of stream {stream} cannot be opened: {error.strerror}",
                "see that whoever runs the target may write to it and to its folder; a lock that is in the way may be "
                "deleted while no run is under way",
            ) from error

    def take(self, started_at: str) -> None:
        """Take the lock or raise Misconfigured, naming the process that holds it."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(self._file, 200, 0).decode(errors="replace").strip()
            os.close(self._file)
            raise Busy(
                f"stream {self._stream} is being synced by another run ({holder or 'which has just started'})",
                "wait for that run to end; two runs of one sync would overtake each other",
            ) from error
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"pid {os.getpid()}, started {started_at}\n".encode(), 0)

    def release(self) -> None:
        """Give the lock back."""
        os.close(self._file)

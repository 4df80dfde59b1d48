"""E. The machine (F29 to F33)."""

from __future__ import annotations

import fcntl
import os
import signal
import struct
import termios
from pathlib import Path

from penstock.conformance.base import Base
from penstock.conformance.faults import Fault
from penstock.conformance.process import Process
from penstock.conformance.trial import Trial

SMALLEST_PIPE = 4096
NOISE = """
import os, socket
_connect = socket.socket.connect
def connect(self, address):
    print("a library says hello", flush=True)
    os.write(1, b"and hello again\\n")
    return _connect(self, address)
socket.socket.connect = connect
"""
JUMPS = """
import itertools, time
_real, _jumps = time.time, itertools.cycle([0.0, -3600.0, 0.0, 3600.0])
time.time = lambda: _real() + next(_jumps)
"""


class Machine(Base):
    """Disk, standard output, clock."""

    def test_f29_the_disk_is_full(self, trial: Trial) -> None:
        """No file of the target may grow beyond some size: no STATE past what it could not keep; the rerun completes.

        Limits of 30 KB and 300 KB stand for a disk that is full at the start and in mid-run. A target that keeps
        nothing on disk just delivers. EIO and a failing fsync are the target's own tests' business.
        """
        for value, limit in (("a", 30_000), ("b", 300_000)):
            trial.rows(8 * self.adapter.batch, value)
            ended = trial.run(file_limit=limit)
            done = trial.position == len(trial.entries)
            trial.claim(done or ended.code != 0, "the disk was full and the run ended with 0 before its end")
        trial.finish()

    def test_f30_nobody_takes_the_state(self, trial: Trial) -> None:
        """Standard output is a pipe without a reader, or a full disk: the run ends, not with 0."""
        trial.rows(2 * self.adapter.batch)
        readable, gone = os.pipe()
        os.close(readable)
        full = os.open("/dev/full", os.O_WRONLY) if Path("/dev/full").exists() else os.dup(gone)
        try:
            for what, descriptor in (("gone", gone), ("full", full)):
                process = trial.start(stdout=descriptor)
                process.feed(trial.input())
                ended = trial.finished(process)
                trial.claim(ended.code != 0, f"standard output was {what} and the run ended with 0")
        finally:
            os.close(gone)
            os.close(full)
        trial.finish()

    def test_f31_a_torn_state(self, trial: Trial) -> None:
        """The target is killed in the middle of a STATE line of 200 KB: what had come of it counts for nothing."""
        trial.rows(self.adapter.batch)
        trial.rows(self.adapter.batch, "b")
        trial.state(padding=200_000)
        process = trial.start(reading=False)
        if hasattr(fcntl, "F_SETPIPE_SZ"):
            fcntl.fcntl(process.stdout_fd, fcntl.F_SETPIPE_SZ, SMALLEST_PIPE)
        process.feed(trial.input())
        waited = 0.0
        while _unread(process) < SMALLEST_PIPE // 4 and waited < trial.limit and not process.ended.wait(0.02):
            waited += 0.02
        process.signal(signal.SIGKILL)
        process.read_stdout()
        ended = trial.finished(process)
        trial.claim(len(ended.torn) > 0, "no STATE line was begun")
        trial.finish()

    def test_f32_a_library_prints(self, trial: Trial) -> None:
        """Something else in the process writes to standard output at each connection: STATE stays a stream of STATE.

        The printing is brought in by Python's `sitecustomize`; in a target of another language nothing prints.
        """
        trial.rows(2 * self.adapter.batch)
        ended = trial.run(environment=self._customised(trial, NOISE))
        trial.claim(not ended.strange, f"{len(ended.strange)} lines on stdout are no STATE")
        trial.claim(ended.code == 0, "a library that prints ended the run")
        trial.arrived()

    def test_f33_the_clock_jumps(self, trial: Trial) -> None:
        """The wall clock jumps an hour back and forth at each look, and a 503 asks for a retry: nobody waits an hour.

        Brought in by Python's `sitecustomize`, so told of Python targets alone. A suspended machine cannot be told
        from outside.
        """
        trial.rows(3 * self.adapter.batch)
        environment = self._customised(trial, JUMPS)
        ended = trial.struck(self.refusal("busy", [1]), Fault("after_apply", "reset", on=[2]), environment=environment)
        trial.claim(ended.code == 0, "a clock that jumps, or a 503, ended the run")
        trial.arrived()

    def _customised(self, trial: Trial, code: str) -> dict[str, str]:
        folder = trial.folder.with_name("customised")
        folder.mkdir()
        (folder / "sitecustomize.py").write_text(code, "utf-8")
        inherited = self.adapter.environment().get("PYTHONPATH", "")
        return {"PYTHONPATH": os.pathsep.join(filter(None, (str(folder), inherited)))}


def _unread(process: Process) -> int:
    """Return how many bytes wait in the pipe that is the target's stdout."""
    answer = fcntl.ioctl(process.stdout_fd, termios.FIONREAD, struct.pack("i", 0))
    return int(struct.unpack("i", answer)[0])

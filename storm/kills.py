"""A real target-hubspot killed at its n-th write, fsync, send or connect: `python -m storm.kills --count 500`.

strace delivers SIGKILL when a thread of the target enters the n-th call of a kind, for n from the first on until a run
is not killed any more; then from the first again, over other rows. Every few kills a run is left alone to its end, and
everything is compared. It counts calls per thread: the n-th send is that of any of the lanes.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from storm.figures import Option, arguments, figure, save_figures, told
from storm.judge import Finding
from storm.process import sandbox_process
from storm.rounds import Ended, Rounds, Tally

CALLS = ("pwrite64", "fdatasync", "write", "sendto", "connect", "fsync")
FINISH_EVERY = 3
"""kills between two runs that are left alone"""
FRESH_EVERY = 60
"""kills on one ledger and one destination"""
HOW_TO_INSTALL = "strace is not installed: apt-get install strace (Debian, Ubuntu), dnf install strace (Fedora)"
KILLED = 137


def traced(call: str, what: str, when: int, log: Path) -> list[str]:
    """Return the command that runs another one under strace and lets something happen at the n-th call of a kind."""
    return ["strace", "-f", "-qq", "-o", str(log), "-e", f"trace={call}", "-e", f"inject={call}:{what}:when={when}"]


def has_strace() -> bool:
    """Tell whether strace is there and may trace."""
    if shutil.which("strace") is None:
        return False
    return (
        subprocess.run(["strace", "-qq", "-o", "/dev/null", "true"], check=False, capture_output=True).returncode == 0
    )


class Places:
    """The places to kill at, call by call. A kind of call starts again from 1 once a run has outlived its n."""

    def __init__(self, strides: dict[str, int] | None = None) -> None:
        self._next = dict.fromkeys(CALLS, 1)
        self._strides = {"pwrite64": 5, "write": 3} if strides is None else strides

    def __iter__(self) -> Iterator[tuple[str, int]]:
        while True:
            for call in list(self._next):
                yield call, self._next[call]

    def struck(self, call: str, *, killed: bool) -> None:
        """Go on to the next place of a kind of call; SQLite writes many pages, so of some not every one is taken."""
        if not killed and self._next[call] == 1:
            del self._next[call]  # it is never made here: SQLite may be built to use fsync or fdatasync
            return
        stride = self._strides.get(call, 1)
        self._next[call] = self._next[call] + stride if killed else 1 + self._next[call] % stride


def judge(call: str, ended: Ended, tally: Tally) -> bool:
    """Count how a run ended; tell whether it was killed. strace ends as the process does that it has started."""
    if ended.code in (-9, KILLED):
        tally.ends[call] += 1
        return True
    if ended.code != 0:
        tally.found(Finding("exit", f"{ended.code} instead of a kill at {call}: {ended.log[-1500:]}"))
    tally.ends["outlived"] += 1
    return False


def kills(seed: int, count: int) -> Tally:
    """Kill a target so many times."""
    total, places = Tally(), Places()
    struck = iter(places)
    with sandbox_process() as sandbox:
        while killed(total) < count:
            sandbox.reset()
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name)
                rounds = Rounds(folder, sandbox, seed)
                for n in range(1, FRESH_EVERY + 1):
                    call, when = next(struck)
                    prefix = traced(call, "signal=KILL", when, folder / "strace.log")
                    places.struck(call, killed=judge(call, rounds.disturbed(prefix), rounds.tally))
                    done = killed(total) + killed(rounds.tally) >= count
                    if n % FINISH_EVERY == 0 or done:
                        rounds.finish()
                    if done:
                        break
            total.add(rounds.tally)
            print(f"{killed(total)} of {count} kills, {len(total.findings)} findings", file=sys.stderr, flush=True)
            seed += 1
    return total


def killed(tally: Tally) -> int:
    """Return how many runs were killed."""
    return sum(tally.ends[call] for call in CALLS)


def main() -> int:
    """Run the storm, print what came of it, save the figures."""
    options = arguments("kills", Option("count", 500, "kills"), Option("workers", 2, "sandboxes side by side"))
    if not has_strace():
        print(f"skipped, nothing was killed: {HOW_TO_INSTALL}")
        return 0
    began, workers = time.monotonic(), options["workers"]
    tally = Tally()
    with ThreadPoolExecutor(workers) as pool:
        seeds = [options["seed"] + 1_000 * n for n in range(workers)]
        for each in pool.map(partial(kills, count=-(-options["count"] // workers)), seeds):
            tally.add(each)
    lost = sum(each.kind in ("lost", "stale", "duplicate") for each in tally.findings)
    print(f"{killed(tally)} kills in {time.monotonic() - began:.0f} s: {dict(tally.ends)}")
    print(f"sent again: {tally.resent_rows} rows of {tally.resent_batches} batches; per lane {tally.per_lane}")
    told("kills", options, tally.findings)
    save_figures(
        "kills",
        options,
        figure("real_kills", killed(tally), "kills", 500, **{call: float(tally.ends[call]) for call in CALLS}),
        figure("real_kills_lost", lost, "rows", 0, kills=killed(tally), resent_rows=tally.resent_rows),
        figure("resent_batches_per_lane_max", tally.per_lane, "batches", 1, kills=killed(tally)),
    )
    return bool(tally.findings)


if __name__ == "__main__":
    sys.exit(main())

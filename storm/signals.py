"""SIGTERM and SIGINT at random instants of a real target-hubspot: `python -m storm.signals --seed 4711 --count 1000`.

Each round gives the target new versions of its rows, waits a random time and sends a signal, sometimes a second one
soon after. What it printed is held against the destination at once; every tenth run is left alone to its end, and then
all is compared. A signal during the start of the interpreter, before the target has installed its handlers, kills it as
it kills any program; these are counted apart, as are runs that ended before their signal.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from random import Random

from penstock_sandbox.handle import Sandbox
from storm.figures import Option, arguments, figure, save_figures, told
from storm.judge import Finding
from storm.process import sandbox_process
from storm.rounds import Ended, Rounds, Tally

CODES = {signal.SIGTERM: 143, signal.SIGINT: 130}
LATENCY_MS = 30
FINISH_EVERY = 10
"""disturbed runs between two that are left alone"""
FRESH_EVERY = 100
"""disturbed runs on one ledger and one destination"""
STARTING = 0.1
"""share of signals at any instant from the start of the process on; the others wait until rows are being sent"""
REQUEST_DEADLINE = 60.0


class Signal:
    """One signal, or two, at an instant that is drawn beforehand."""

    def __init__(self, chance: Random, sandbox: Sandbox) -> None:
        self.number = chance.choice([signal.SIGTERM, signal.SIGTERM, signal.SIGINT])
        self.seconds: float | None = None
        """from the signal to the end of the process; None where it had ended before"""
        self._again_after = chance.uniform(0, 0.1) if chance.random() < 0.2 else None
        self._starting = chance.random() < STARTING
        self._wait = chance.uniform(0, 1.5 if self._starting else 0.4)
        self._sandbox = sandbox

    def __call__(self, process: subprocess.Popen[bytes]) -> None:
        """Wait, send it, and see how long the process takes."""
        requests = self._sandbox.stats().requests
        while not self._starting and process.poll() is None and self._sandbox.stats().requests <= requests:
            time.sleep(0.02)
        time.sleep(self._wait)
        if process.poll() is not None:
            return
        sent = time.monotonic()
        process.send_signal(self.number)
        if self._again_after is not None:
            time.sleep(self._again_after)
            process.send_signal(self.number)
        process.wait(REQUEST_DEADLINE)
        self.seconds = time.monotonic() - sent

    def judge(self, ended: Ended, tally: Tally) -> None:
        """Count how the run ended; an exit code that is neither the signal's nor that of a whole run is a finding."""
        if ended.code == CODES[self.number] and self.seconds is not None:
            tally.ends[f"exit {ended.code}"] += 1
            tally.seconds.append(self.seconds)
        elif ended.code == 0:
            tally.ends["ended before"] += 1
        elif ended.code == -self.number and not ended.states and "run " not in ended.log:
            tally.ends["while starting"] += 1
        else:
            tally.found(Finding("exit", f"{ended.code} after signal {self.number}: {ended.log[-1500:]}"))


def signals(seed: int, count: int) -> Tally:
    """Send so many signals to targets that share a ledger and a destination, both of which are renewed at times."""
    total = Tally()
    with sandbox_process() as sandbox:
        while total.rounds < count:
            sandbox.reset()
            sandbox.configure(latency_ms=LATENCY_MS)
            with tempfile.TemporaryDirectory() as folder:
                rounds = Rounds(Path(folder), sandbox, seed)
                for n in range(1, min(FRESH_EVERY, count - total.rounds) + 1):
                    one = Signal(rounds.chance, sandbox)
                    one.judge(rounds.disturbed(disturb=one), rounds.tally)
                    if n % FINISH_EVERY == 0 or n == count - total.rounds:
                        rounds.finish()
            total.add(rounds.tally)
            print(f"{total.rounds} of {count} signals, {len(total.findings)} findings", file=sys.stderr, flush=True)
            seed += 1
    return total


def p99(seconds: list[float]) -> float:
    """Return the time that 99 of 100 do not exceed."""
    return sorted(seconds)[min(len(seconds) - 1, int(len(seconds) * 0.99))] if seconds else 0.0


def main() -> int:
    """Run the storm, print what came of it, save the figures."""
    options = arguments("signals", Option("count", 1_000, "signals"), Option("workers", 2, "sandboxes side by side"))
    began, workers = time.monotonic(), options["workers"]
    tally = Tally()
    with ThreadPoolExecutor(workers) as pool:
        seeds = [options["seed"] + 1_000 * n for n in range(workers)]
        for each in pool.map(partial(signals, count=-(-options["count"] // workers)), seeds):
            tally.add(each)
    print(f"{tally.rounds} signals in {time.monotonic() - began:.0f} s: {dict(tally.ends)}")
    print(f"from the signal to the end: p99 {p99(tally.seconds):.2f} s, most {max(tally.seconds, default=0):.2f} s")
    told("signals", options, tally.findings)
    save_figures(
        "signals",
        options,
        figure("sigterm_lost", len(tally.findings), "rows", 0, signals=tally.rounds, **_ends(tally)),
        figure("signal_to_exit_p99_s", round(p99(tally.seconds), 3), "s", None, signals=len(tally.seconds)),
    )
    return bool(tally.findings)


def _ends(tally: Tally) -> dict[str, float]:
    return {end.replace(" ", "_"): float(count) for end, count in tally.ends.items()}


if __name__ == "__main__":
    sys.exit(main())

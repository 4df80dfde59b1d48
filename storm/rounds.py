"""Round after round of one real target: rows change, it dies or is told to stop, what it printed is held to be true.

One ledger and one destination live through many rounds, so that a round costs one start of a process. Every few rounds
a run is left alone to its end, and then everything is compared.
"""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from penstock_sandbox.handle import Sandbox
from penstock_sandbox.store import Write
from storm.judge import Finding, Judge, line_of, rejects_in
from storm.process import FIELDS, LANES, configure, started, states_in
from storm.source import Reading, Source, Version, position_of

ROWS = 400
"""keys of the table"""
CHANGES = 1_000
"""changes before each round"""
SECONDS = 120


@dataclass
class Ended:
    """How a process ended: its exit code, negative for the signal that killed it, its STATE lines and its log."""

    code: int
    states: list[dict[str, int]]
    log: str


@dataclass
class Tally:
    """What came of many rounds. `ends` counts how the disturbed runs ended."""

    rounds: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)
    resent_rows: int = 0
    resent_batches: int = 0
    per_lane: int = 0
    seconds: list[float] = field(default_factory=list)
    """from a signal to the end of the process"""

    def found(self, finding: Finding) -> None:
        """Count a finding, and say so at once: a storm takes long."""
        self.findings.append(finding)
        print(f"{finding.kind}: {finding.text}", file=sys.stderr, flush=True)

    def add(self, other: Tally) -> None:
        """Take another tally in."""
        self.rounds += other.rounds
        self.ends += other.ends
        self.findings += other.findings
        self.resent_rows += other.resent_rows
        self.resent_batches += other.resent_batches
        self.per_lane = max(self.per_lane, other.per_lane)
        self.seconds += other.seconds


Disturb = Callable[[subprocess.Popen[bytes]], None]


class Rounds:
    """A table, a target and its ledger, and a destination."""

    def __init__(self, folder: Path, sandbox: Sandbox, seed: int, rows: int = ROWS, changes: int = CHANGES) -> None:
        self.tally = Tally()
        self.chance = Random(seed)
        self.folder = folder
        self.command = configure(folder, sandbox)
        self._sandbox = sandbox
        self._judge = Judge(FIELDS)
        self._rows, self._changes = rows, changes
        self._source = Source(["people"], rows, [f"{letter}{n}" for letter in "abc" for n in range(5)], 2)
        self._position = 0
        self._history = 0
        self._read: list[Reading] = []
        self._writes: list[list[Write]] = []

    def disturbed(self, prefix: Sequence[str] = (), disturb: Disturb | None = None) -> Ended:
        """Let the table change, and run the target over it: under another command, or with something done to it."""
        self._source.change(self.chance, self.chance.randint(1, self._changes))
        ended = self._run(self.chance.choice(["log", "latest", "latest", "full"]), prefix, disturb)
        self.tally.rounds += 1
        return ended

    def finish(self) -> None:
        """Run the target to its end and compare everything."""
        ended = self._run("latest", (), None)
        if ended.code != 0 or self._position != len(self._source.events):
            self._found([Finding("lost", f"the run did not come to its end: {ended.code} {ended.log[-2000:]}")])
        objects = [each.properties for each in self._sandbox.objects()]
        self._found(self._judge.at_end(self._source.now(), objects, rejects_in(self.folder / "ledger.db")))
        self._count_resent()

    def _run(self, how: str, prefix: Sequence[str], disturb: Disturb | None) -> Ended:
        reading = self._source.read(self.chance, self._position, how)
        with started([*prefix, *self.command], self.folder, reading.lines) as process:
            try:
                if disturb is not None:
                    disturb(process)
                stdout, log = process.communicate(timeout=SECONDS)
            finally:
                process.kill()
        ended = Ended(process.returncode, states_in(stdout), log.decode())
        self._position = position_of(ended.states, self._position)
        self._note_writes(reading)
        objects = [each.properties for each in self._sandbox.objects()]
        rejects = rejects_in(self.folder / "ledger.db")
        self._found(self._judge.at_state(reading, line_of(ended.states), objects, rejects))
        return ended

    def _found(self, findings: list[Finding]) -> None:
        for each in findings:
            self.tally.found(each)

    def _note_writes(self, reading: Reading) -> None:
        writes = self._sandbox.history(self._history)
        self._history += len(writes)
        self._read.append(reading)
        self._writes.append(writes)

    def _count_resent(self) -> None:
        """Count what was written again with the same values after a death, and how many batches of one death it was."""
        held: dict[str, tuple[int, int, dict[str, str]]] = {}
        again: dict[int, set[int]] = {}
        for run, writes in enumerate(self._writes):
            for write in writes:
                before = held.get(write.id)
                values = {**(before[2] if before else {}), **(write.properties or {})}
                if before and before[0] < run and before[2] == values and not self._changed(before[0], run, values):
                    again.setdefault(before[0], set()).add(before[1])
                    self.tally.resent_rows += 1
                held[write.id] = (run, write.request, values)
        self.tally.resent_batches += sum(map(len, again.values()))
        self.tally.per_lane = max([self.tally.per_lane, *(-(-len(each) // LANES) for each in again.values())])
        self._read, self._writes = self._read[-1:], self._writes[-1:]

    def _changed(self, first: int, last: int, values: dict[str, str]) -> bool:
        """Tell whether a row was read as something else since, too: then it is sent because that is in doubt."""
        key = int(values["email"][1:].partition("-")[0])
        versions: set[Version] = set()
        for reading in self._read[first : last + 1]:
            versions |= {v for v in reading.versions.values() if v.key == key}
        return len(versions) > 1

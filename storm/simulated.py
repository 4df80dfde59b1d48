"""Crash and resume in one process, on virtual time: every named point, many seeds.

`python -m storm.simulated --seed 4711 --cycles 100000`. A cycle is one death at a named point and the run that goes on
from the last STATE printed. The ledger is a real file on a RAM disk, so what fsync does is not tested here: that is
what `storm.kills` is for. A breach prints its seed and `--tell SEED` tells that story line by line.
"""

from __future__ import annotations

import json
import multiprocessing
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from random import Random

from penstock.checkpoint import Checkpoint
from penstock.modes import MODES, FieldRule, Sync
from penstock.policy import Policy
from penstock.records import Limits
from penstock.retry import RetryPolicy
from storm.figures import Option, arguments, figure, save_figures
from storm.judge import Finding, Judge, doubtful_in, line_of, rejects_in
from storm.source import Key, Reading, Source, Version, position_of
from tests.core.deaths import POINTS, PointedLedger
from tests.core.sim import LIMITS, SYNC, Ending, World, run
from tests.core.simjobs import SimJobs

SCORES = Sync("scores", "contacts", "email", fields={"email": FieldRule("email"), "score": FieldRule("name")})
POLICY = Policy(retry=RetryPolicy(attempts=100), max_rows=50, judged_from=10**9, hopeless=10**9, spool_age=1.0)
GOOD = ("a", "b", "c")
Tell = Callable[[str], None]


def silent(_line: str) -> None:
    """Tell nobody."""


@dataclass(frozen=True)
class Parts:
    """The parts of the core under test; a test of the checker gives broken ones."""

    ledger: type[PointedLedger] = PointedLedger
    checkpoint: type[Checkpoint] = Checkpoint


@dataclass(frozen=True)
class Scenario:
    """What one story is about. `faults` is the share of requests that the network spoils."""

    syncs: tuple[Sync, ...]
    source: Source
    judge: Judge
    limits: Limits
    faults: float
    removals: float
    reads: tuple[str, ...]
    jobs: SimJobs | None = None

    def sync_for(self, stream: str) -> Sync:
        """Return the sync of a stream."""
        return next(sync for sync in self.syncs if sync.stream == stream)


def scenario_for(chance: Random) -> Scenario:
    """Draw a scenario.

    One stream whose rows change their addresses; one whose rows leave and come back; two streams that feed one object;
    a mirror, which removes what left. Rows come back to the same address: one that left has no object of its own.
    """
    kind = chance.choice(["moves", "leaves", "two", "mirror"])
    names = (*GOOD, "bad", "poison") if chance.random() < 0.5 and kind != "two" else GOOD
    streams = ("people", "scores") if kind == "two" else ("people",)
    mirror = kind == "mirror"
    sync = replace(SYNC, strategy=MODES["mirror"]) if mirror else SYNC
    source = Source(streams, chance.randint(2, 8), names, 2 if kind == "moves" else 1)
    return Scenario(
        syncs=(sync, SCORES),
        source=source,
        judge=Judge({"people": "name", "scores": "score"}, removes=mirror),
        limits=replace(LIMITS, rows=chance.choice([1, 2, 3, 5]), concurrency=chance.choice([1, 3, 5])),
        faults=chance.choice([0.0, 0.0, 0.1, 0.3]),
        removals=0.15 if kind in ("leaves", "mirror") else 0.0,
        reads=("log", "latest") if mirror else ("log", "latest", "full"),
    )


def with_jobs(scenario: Scenario, chance: Random) -> Scenario:
    """Let the rows of some scenarios travel by jobs, where a few of them are to be written."""
    if chance.random() < 0.6:
        return scenario
    syncs = tuple(replace(sync, bulk_above=chance.randint(0, 3)) for sync in scenario.syncs)
    return replace(scenario, syncs=syncs, jobs=SimJobs(at_once=chance.random() < 0.5))


@dataclass
class Tale:
    """What came of one story, or of many."""

    seed: int
    runs: int = 0
    points: Counter[str] = field(default_factory=Counter)
    """deaths by the point at which they struck"""
    findings: list[tuple[int, Finding]] = field(default_factory=list)
    """with the seed of the story"""
    resent: Counter[str] = field(default_factory=Counter)
    orphans: int = 0
    """objects of a mirror whose row left while its creation was in doubt: the ledger does not know them as its own"""
    per_lane: int = 0
    """most batches of one death that were sent again, per lane"""

    @property
    def cycles(self) -> int:
        """Return how many deaths were survived."""
        return self.points.total()

    def add(self, other: Tale) -> None:
        """Take another tale's counts in."""
        self.runs += other.runs
        self.points += other.points
        self.findings += other.findings
        self.resent += other.resent
        self.orphans += other.orphans
        self.per_lane = max(self.per_lane, other.per_lane)


class Witness(World):
    """A destination that notes which run's which request wrote what each object holds, and what was written again."""

    def __init__(self) -> None:
        super().__init__()
        self.again: dict[int, set[int]] = {}
        """by run: its requests of which something was written again, unchanged, by a later run"""
        self.rows_again = 0
        self._read: list[dict[str, set[Version]]] = []
        self._last: dict[tuple[str, ...], tuple[int, int]] = {}

    def begin(self, reading: Reading) -> None:
        """Start another run over what a tap has read."""
        versions: dict[str, set[Version]] = {}
        for version in reading.versions.values():
            versions.setdefault(f"{version.stream} {version.key}", set()).add(version)
        self._read.append(versions)

    def _put(self, found: str | None, fields: dict[str, object]) -> dict[str, object]:
        now = len(self._read)
        held = self.objects.get(found or "", {})
        if found is not None and all(held.get(name) == value for name, value in fields.items()):
            place = (found, *fields)
            run, request = self._last[place]
            if run < now and not self._changed_since(run, str(held["email"]), fields):
                self.again.setdefault(run, set()).add(request)
                self.rows_again += 1
        answer = super()._put(found, fields)
        if answer["outcome"] == "delivered":
            place = (str(answer["id"]), *fields)
            self._last[place] = (now, self.request)
        return answer

    def _changed_since(self, run: int, email: str, fields: dict[str, object]) -> bool:
        """Tell whether a row was read as something else, too: then it is sent because that is in doubt."""
        row = f"{'scores' if 'score' in fields else 'people'} {email[1:].partition('-')[0]}"
        return len(set().union(*(versions.get(row, ()) for versions in self._read[run - 1 :]))) > 1


class Story:
    """One scenario from its first run to its last."""

    def __init__(self, seed: int, folder: Path, parts: Parts, tell: Tell) -> None:
        self.tale = Tale(seed)
        self._chance = Random(seed)
        apart = Random(f"jobs {seed}")
        self._scenario = with_jobs(scenario_for(self._chance), apart)
        self._parts = parts
        self._tell = tell
        self._ledger = folder / f"{seed}.db"
        self._world = Witness()
        self._world.server.fail = apart.choice([0.0, 0.0, 0.3])
        self._position = 0

    def live(self) -> Tale:
        """Let some nights pass: the table changes, runs die, one comes to its end, and all is compared."""
        for _ in range(self._chance.randint(2, 4)):
            self._change(self._chance.randint(3, 25))
            for _ in range(self._chance.randint(2, 7)):
                self._run(dies=True)
                if self._over:
                    return self._end()
                if self._chance.random() < 0.4:
                    self._change(self._chance.randint(1, 4))
            self._run(dies=False)
            if self._over:
                break
        return self._end()

    @property
    def _over(self) -> bool:
        """Tell whether what follows would only be more of the same."""
        return bool(self.tale.findings or self.tale.orphans)

    def _end(self) -> Tale:
        for each in self._ledger.parent.glob(self._ledger.name + "*"):
            each.unlink()
        return self.tale

    def _change(self, count: int) -> None:
        self._scenario.source.change(self._chance, count, self._scenario.removals)

    def _run(self, *, dies: bool) -> None:
        chance, scenario = self._chance, self._scenario
        reading = scenario.source.read(chance, self._position, chance.choice(scenario.reads))
        crash_at = (chance.choice(POINTS), min(int(chance.expovariate(0.5)) + 1, 40)) if dies else None
        self._world.begin(reading)
        self.tale.runs += 1
        ending = run(
            reading.lines, self._world, self._ledger, chance.randrange(10**9),
            faults=scenario.faults, crash_at=crash_at, chunk=chance.choice([40, 400, 100_000]), limits=scenario.limits,
            policy=POLICY, sync_for=scenario.sync_for, jobs=scenario.jobs,
            ledger_kind=self._parts.ledger, checkpoint_kind=self._parts.checkpoint,
        )  # fmt: skip
        self._compare(reading, ending, crash_at)

    def _compare(self, reading: Reading, ending: Ending, crash_at: tuple[str, int] | None) -> None:
        tale, judge, objects = self.tale, self._scenario.judge, list(self._world.objects.values())
        states = [json.loads(state) for state in ending.states]
        self._position = position_of(states, self._position)
        rejects = rejects_in(self._ledger)
        doubtful = doubtful_in(self._ledger) if judge.removes else frozenset[Key]()
        for line in reading.lines:
            self._tell("  " + line.decode())
        if ending.crashed and crash_at is not None:
            tale.points[crash_at[0]] += 1
            self._tell(f"died {crash_at}, printed {states}, there is {objects}, rejects {rejects}")
        else:
            self._tell(f"ended {ending.stop or 'well'}, printed {states}, there is {objects}, rejects {rejects}")
        found = judge.at_state(reading, line_of(states), objects, rejects, doubtful)
        if not ending.crashed:
            if ending.stop is not None or self._position != len(self._scenario.source.events):
                found.append(Finding("lost", f"the run did not come to its end: {ending.stop}"))
            found += judge.at_end(self._scenario.source.now(), objects, rejects, doubtful)
            self._count_resent()
        tale.orphans += sum(each.kind == "orphan" for each in found)
        tale.findings += [(tale.seed, each) for each in found if each.kind != "orphan"]

    def _count_resent(self) -> None:
        """Count what was sent again since the last run that came to its end. Lost answers would be counted with it."""
        tale, lanes = self.tale, self._scenario.limits.concurrency
        tale.resent["rows"] += self._world.rows_again
        tale.resent["batches"] += sum(map(len, self._world.again.values()))
        if not self._scenario.faults and self._scenario.jobs is None:
            for requests in self._world.again.values():
                tale.per_lane = max(tale.per_lane, -(-len(requests) // lanes))
        self._world.again.clear()
        self._world.rows_again = 0


def play(seed: int, folder: Path, parts: Parts | None = None, tell: Tell = silent) -> Tale:
    """Tell the story of a seed; its ledger lies in `folder` meanwhile."""
    return Story(seed, folder, parts or Parts(), tell).live()


def ram_disk() -> str | None:
    """Return a folder in memory, where the system has one: a real disk's fsync would cost most of the time."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - a folder of our own is made in it


def storm(seed: int, cycles: int, workers: int = 1, parts: Parts | None = None, *, until_found: bool = False) -> Tale:
    """Tell stories from a seed on, until so many deaths were survived, or until something is found."""
    total = Tale(seed)
    with tempfile.TemporaryDirectory(dir=ram_disk()) as folder:
        tell = partial(play, folder=Path(folder), parts=parts)
        seeds = iter(range(seed * 1_000_000, (seed + 1) * 1_000_000))
        for tale in _tales(tell, seeds, workers):
            total.add(tale)
            if total.cycles >= cycles or (until_found and total.findings):
                break
    return total


def _tales(tell: Callable[[int], Tale], seeds: Iterator[int], workers: int) -> Iterator[Tale]:
    if workers == 1:
        yield from map(tell, seeds)
        return
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        while True:
            some = [seed for seed, _ in zip(seeds, range(400), strict=False)]
            yield from pool.imap(tell, some, chunksize=10)


def main() -> int:
    """Run the storm, print what came of it, save the figures."""
    options = arguments(
        "simulated", Option("cycles", 100_000, "deaths to survive"), Option("workers", 2, "processes"),
        Option("tell", 0, "tell the story of this seed instead"),
    )  # fmt: skip
    if options["tell"]:
        with tempfile.TemporaryDirectory(dir=ram_disk()) as folder:
            tale = play(options["tell"], Path(folder), tell=print)
        print(tale.findings or "nothing is wrong with it")
        return bool(tale.findings)
    began = time.monotonic()
    tale = storm(options["seed"], options["cycles"], options["workers"])
    seconds = time.monotonic() - began
    kinds = Counter(finding.kind for _, finding in tale.findings)
    print(f"{tale.cycles} crash-and-resume cycles, {tale.runs} runs, {tale.cycles / seconds:.0f} cycles/s")
    print("deaths by point: " + ", ".join(f"{name} {tale.points[name]}" for name in POINTS))
    print(
        f"lost {kinds['lost']}, duplicate {kinds['duplicate']}, stale {kinds['stale']}, sent again {dict(tale.resent)}"
    )
    print(f"objects left behind by a mirror whose row left while its creation was in doubt: {tale.orphans}")
    print(f"most batches sent again after one death, per lane: {tale.per_lane}")
    for seed, finding in tale.findings[:20]:
        print(f"seed {seed}: {finding.kind}: {finding.text}\n  replay: python -m storm.simulated --tell {seed}")
    save_figures(
        "simulated",
        options,
        figure("crash_cycles", tale.cycles, "cycles", 100_000, cycles_per_s=round(tale.cycles / seconds)),
        figure("crash_lost", kinds["lost"], "rows", 0, cycles=tale.cycles),
        figure("crash_duplicates", kinds["duplicate"], "rows", 0, cycles=tale.cycles),
        figure("crash_stale", kinds["stale"], "rows", 0, cycles=tale.cycles),
    )
    return bool(tale.findings)


if __name__ == "__main__":
    sys.exit(main())

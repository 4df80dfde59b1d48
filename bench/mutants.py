"""Which changes of the core's code no test notices: `make mutants`, or `python -m bench.mutants NAME...` for some.

mutmut changes one thing at a time and runs the tests that reach it, the quick ones first. It works on a copy of the
project on a RAM disk, because most of what the tests wait for is the disk. Properties get few examples, the same ones
each time. All of it takes two idle cores half an hour; `--sample 400` judges some mutants, chosen by chance. Those that
survive are listed in `.bench/mutants.txt`; `docs/mutants.md` says of the known ones why no test can tell them apart.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Protocol

from bench.results import Result, save

ROOT = Path(__file__).resolve().parents[1]
GOAL = 0.9
FEW = {"PENSTOCK_EXAMPLES": "10", "PENSTOCK_CRASH_CASES": "10", "PENSTOCK_RETRY_FAULTS": "60"}
CAUGHT = ("killed", "timeout", "segfault")
A_FEW = "penstock.checkpoint.*Epoch*"


class Mutmut(Protocol):
    """Runs mutmut, and returns what it writes, where it is `quiet`."""

    def __call__(self, *words: str, quiet: bool = False) -> str:
        """Run one command."""


def main(modules: list[str], sample: int, seed: int) -> int:
    """Judge the mutants of mutmut's configuration, or of the modules named, or some of them, and save the score."""
    with copied() as mutmut:
        mutmut("run", A_FEW)  # makes all of them
        names = [name for name in told(mutmut) if not modules or name.split(".")[1] in modules]
        chosen = set(Random(seed).sample(names, sample) if 0 < sample < len(names) else names)  # noqa: S311
        mutmut("run", *sorted(chosen))
        ends = {name: end for name, end in told(mutmut).items() if name in chosen}
        left = [name for name, end in ends.items() if end not in CAUGHT]
        changes = [mutmut("show", name, quiet=True) for name in left]
    (ROOT / ".bench").mkdir(exist_ok=True)
    (ROOT / ".bench" / "mutants.txt").write_text("\n".join(changes), "utf-8")
    score = round(1 - len(left) / len(ends), 3)
    beside = {"mutants": float(len(names)), "judged": float(len(ends)), "survived": float(len(left)), **by_module(ends)}
    print(json.dumps(Counter(ends.values())), json.dumps(beside), f"score {score}")
    if not modules:
        command = "make mutants" + (f" SAMPLE={sample} SEED={seed}" if sample else "")
        save([Result("mutation_score_core", score, "", GOAL, beside, [score], command, len(ends))])
    return 0


@contextmanager
def copied() -> Iterator[Mutmut]:
    """Copy the project to a RAM disk, where there is one; give what runs mutmut there."""
    ram = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108
    with tempfile.TemporaryDirectory(dir=ram) as folder:
        copy = Path(folder) / "project"
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".venv*", ".meltano", ".git", ".mypy_cache", ".demo"))
        environment = os.environ | FEW | {"TMPDIR": folder, "PYTHONPATH": os.pathsep.join([".", "targets", "taps"])}

        def mutmut(*words: str, quiet: bool = False) -> str:
            command = [sys.executable, "-m", "mutmut", *words]
            run = subprocess.run(
                command, cwd=copy, env=environment, check=True, stdout=subprocess.PIPE if quiet else None
            )
            return run.stdout.decode() if quiet else ""

        yield mutmut


def told(mutmut: Mutmut) -> dict[str, str]:
    """Return what became of each mutant."""
    lines = mutmut("results", "--all", "true", quiet=True).splitlines()
    return dict(line.strip().split(": ") for line in lines)


def by_module(ends: dict[str, str]) -> dict[str, float]:
    """Return the score of each module."""
    modules: dict[str, list[bool]] = {}
    for name, end in ends.items():
        modules.setdefault(name.split(".")[1], []).append(end in CAUGHT)
    return {module: round(sum(caught) / len(caught), 3) for module, caught in modules.items()}


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("modules", nargs="*")
    parser.add_argument("--sample", type=int, default=0, help="judge so many of them, chosen by chance")
    parser.add_argument("--seed", type=int, default=4711)
    found = parser.parse_args()
    sys.exit(main(found.modules, found.sample, found.seed))

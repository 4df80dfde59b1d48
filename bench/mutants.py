"""Which changes of the core's code no test notices: `make mutants`, or `python -m bench.mutants NAME...` for some.

mutmut changes one thing at a time and runs the tests that reach it, the quick ones first. It works on a copy of the
project on a RAM disk, because most of what the tests wait for is the disk. Properties get few examples, the same ones
each time. The survivors are listed in `.bench/mutants.txt`, and explained in `docs/mutants.md`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from bench.results import Result, save

ROOT = Path(__file__).resolve().parents[1]
GOAL = 0.9
FEW = {"PENSTOCK_EXAMPLES": "10", "PENSTOCK_CRASH_CASES": "10", "PENSTOCK_RETRY_FAULTS": "60"}
CAUGHT = ("killed", "timeout", "segfault")
LEFT = ("survived", "no tests", "suspicious")


def main(modules: list[str]) -> int:
    """Run mutmut over the modules of its configuration, or over those named, and save the score."""
    ram = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - a RAM disk, where there is one
    with tempfile.TemporaryDirectory(dir=ram) as folder:
        copy = Path(folder) / "project"
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".venv*", ".meltano", ".git", ".mypy_cache", ".demo"))
        environment = os.environ | FEW | {"TMPDIR": folder, "PYTHONPATH": os.pathsep.join([".", "targets", "taps"])}

        mutmut = [sys.executable, "-m", "mutmut"]

        def told(*words: str) -> str:
            run = subprocess.run([*mutmut, *words], cwd=copy, env=environment, check=True, stdout=subprocess.PIPE)
            return run.stdout.decode()

        names = [f"penstock.{module}.*" for module in modules]
        subprocess.run([*mutmut, "run", *names], cwd=copy, env=environment, check=True)
        ends = dict(line.strip().split(": ") for line in told("results", "--all", "true").splitlines())
        left = [name for name, end in ends.items() if end in LEFT]
        changes = [told("show", name) for name in left]
    (ROOT / ".bench").mkdir(exist_ok=True)
    (ROOT / ".bench" / "mutants.txt").write_text("\n".join(changes), "utf-8")
    counts = Counter(ends.values())
    caught = sum(counts[end] for end in CAUGHT)
    judged = caught + len(left)
    print(json.dumps(counts), f"score {caught / judged:.3f}" if judged else "nothing was judged")
    print("".join(f"  {module}: {share:.3f}\n" for module, share in by_module(ends).items()), end="")
    if judged and not modules:
        score = round(caught / judged, 3)
        beside = {"mutants": float(judged), "survived": float(len(left)), **by_module(ends)}
        save([Result("mutation_score_core", score, "", GOAL, beside, [score], "make mutants", judged)])
    return 0


def by_module(ends: dict[str, str]) -> dict[str, float]:
    """Return the score of each module."""
    caught: Counter[str] = Counter()
    judged: Counter[str] = Counter()
    for name, end in ends.items():
        module = name.split(".")[1]
        caught[module] += end in CAUGHT
        judged[module] += end in CAUGHT or end in LEFT
    return {module: round(caught[module] / judged[module], 3) for module in judged if judged[module]}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

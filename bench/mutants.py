"""Which changes of the core's code no test notices: `make mutants`, or `python -m bench.mutants NAME...` for some.

mutmut changes one thing at a time and runs the tests that reach it. It works on a copy of the project on a RAM disk,
because most of what the tests wait for is the disk. The survivors are listed in `.bench/mutants.txt`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.results import Result, save

ROOT = Path(__file__).resolve().parents[1]
GOAL = 0.9


def main(modules: list[str]) -> int:
    """Run mutmut over the modules of its configuration, or over those named, and save the score."""
    ram = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - a RAM disk, where there is one
    with tempfile.TemporaryDirectory(dir=ram) as folder:
        copy = Path(folder) / "project"
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".venv*", ".meltano", ".git", ".mypy_cache", ".demo"))
        environment = os.environ | {
            "TMPDIR": folder,
            "PENSTOCK_CRASH_CASES": "20",
            "PYTHONPATH": os.pathsep.join([".", "targets", "taps"]),
        }
        names = [f"penstock.{module}.*" for module in modules]
        mutmut = [sys.executable, "-m", "mutmut"]
        subprocess.run([*mutmut, "run", *names], cwd=copy, env=environment, check=False)
        subprocess.run([*mutmut, "export-cicd-stats"], cwd=copy, env=environment, check=True)
        told = subprocess.run(
            [*mutmut, "results"], cwd=copy, env=environment, check=True, capture_output=True, text=True
        )
        counts = json.loads((copy / "mutants" / "mutmut-cicd-stats.json").read_text("utf-8"))
    (ROOT / ".bench").mkdir(exist_ok=True)
    (ROOT / ".bench" / "mutants.txt").write_text(told.stdout, "utf-8")
    caught = counts["killed"] + counts["timeout"] + counts.get("segfault", 0)
    judged = caught + counts["survived"] + counts["no_tests"]
    print(json.dumps(counts), f"score {caught / judged:.3f}" if judged else "nothing was judged")
    if judged and not modules:
        score = round(caught / judged, 3)
        beside = {"mutants": float(judged), "survived": float(counts["survived"])}
        save([Result("mutation_score_core", score, "", GOAL, beside, [score], "make mutants", judged)])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

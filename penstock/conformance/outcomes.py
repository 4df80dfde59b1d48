"""Running the suite from a program: one outcome per test. This file is also the pytest plugin that notes them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import pytest

Outcome = Literal["passed", "failed", "skipped"]
FILE = "PENSTOCK_CONFORMANCE_OUTCOMES"
"""the environment variable that tells the plugin where to write"""
_RANK: dict[Outcome, int] = {"passed": 0, "skipped": 1, "failed": 2}


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note the outcome of a phase of a test. A failure that was expected is a failure."""
    outcome: Outcome = "failed" if hasattr(report, "wasxfail") else report.outcome
    name = report.nodeid.rpartition("::")[2]
    with Path(os.environ[FILE]).open("a", encoding="utf-8") as file:
        faults = dict(report.user_properties).get("faults", 0) if report.when == "teardown" else 0
        file.write(json.dumps([name, outcome, str(report.longrepr or ""), faults]) + "\n")


class Outcomes(dict[str, Outcome]):
    """Outcome by test name, the text of each failure in `messages`, and how many `faults` struck in all."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: dict[str, str] = {}
        self.faults = 0


def run(tests: Sequence[str], *options: str, limit: float = 1200.0) -> Outcomes:
    """Run tests by pytest in a process of its own and return how each ended.

    `tests` are what pytest takes: files, `file.py::Class`, `file.py::Class::test`. Raises RuntimeError when none ran.
    """
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", __name__, *options, *tests]
    with tempfile.TemporaryDirectory() as folder:
        noted = Path(folder, "outcomes.jsonl")
        environment = {**os.environ, FILE: str(noted)}
        done = subprocess.run(  # noqa: S603 - ours
            command, env=environment, capture_output=True, text=True, timeout=limit, check=False
        )
        if not noted.exists():
            raise RuntimeError(f"pytest ran no test:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        found = Outcomes()
        for line in noted.read_text("utf-8").splitlines():
            name, outcome, message, faults = json.loads(line)
            found.faults += faults
            if _RANK[outcome] >= _RANK[found.get(name, "passed")]:
                found[name] = outcome
                found.messages[name] = message or found.messages.get(name, "")
        return found

"""How many branches of the core its tests take: `make coverage`.

The tests run in this one process, under coverage.py. What they leave out is listed in `.bench/branches.txt`.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import coverage
import pytest

from bench.results import Result, save

ROOT = Path(__file__).resolve().parents[1]
GOAL = 1.0
NAMED = {
    "checkpoint": "when a STATE may be printed",
    "ledger": "the durable memory",
    "batching": "the order of a row's versions; batches",
    "retry": "how often and how late the same is sent again; when a run gives up",
    "delivery": "the state machine: turns, answers, when to stop",
}
"""the modules that decide whether a row is lost, doubled or stale"""
PARTS = {
    "store": "of the ledger: its one transaction, its upgrades, the failing disk",
    "database": "of the ledger: the SQLite file (PostgreSQL needs a server, so `postgres` is not counted)",
    "tables": "of the ledger: its tables, the rows met in a run",
    "intents": "of the ledger: what is about to be sent, and what is in doubt",
    "rejects": "of the ledger: the rows that were refused",
    "register": "of the ledger: the syncs, and which are pending",
    "history": "of the ledger: how runs went",
    "upkeep": "of the ledger: what a person or age may do to it",
    "intake": "of the delivery: which rows cost nothing, wait, or travel",
    "steps": "of the delivery: what a row needs next",
    "settlement": "of the delivery: every end of a row",
    "endings": "of the delivery: the end of a stream, guards, removals, replays",
    "staging": "of the delivery: rows that wait for a guard",
    "judgement": "of the delivery: when too many rows were refused",
    "bookmarks": "of the checkpoint: what of a STATE may be printed while a sync is pending",
    "stateout": "of the checkpoint: printing it",
}
"""what was one with them once, or would be without a limit on the size of a file"""
ELSEWHERE = (
    "http_answers",
    "http_deadline",
    "http_tls",
    "tokens",
    "links",
    "urls_and_secrets",
    "postgres",
    "on_postgres",
)
"""tests of other modules alone, which take their time, or need a server"""
SLOW = (
    "test_a_limit_that_is_half_of_what_the_target_thinks",
    "test_alone_in_the_account_nothing_is_over_quota_and_the_quota_is_used",
    "test_others_who_take_a_part_at_random",
)
"""storms on the throttle alone"""


def run_tests() -> int:
    """Run the core's tests, each property with few examples and the same ones every time; return pytest's exit code."""
    os.environ.update(PENSTOCK_CRASH_CASES="20", PENSTOCK_EXAMPLES="20")
    tests = ROOT / "tests" / "core"
    ignored = [f"--ignore={tests / f'test_{name}.py'}" for name in ELSEWHERE]
    chosen = [*ignored, "-k", " and ".join(f"not {name}" for name in SLOW)]
    fixed = ["-p", "no:randomly", "-p", "no:cacheprovider", "--hypothesis-seed=0"]
    return int(pytest.main(["-q", *fixed, *chosen, str(tests)]))


def main() -> int:
    """Measure, print a line per module and save the figure; nothing is saved where a test fails."""
    os.chdir(ROOT)
    (ROOT / ".bench").mkdir(exist_ok=True)
    measuring = coverage.Coverage(data_file=None, branch=True, config_file=str(ROOT / "pyproject.toml"))
    measuring.start()
    failed = run_tests()
    measuring.stop()
    if failed:
        return failed
    counted = {name: f"penstock/{name}.py" for name in (*NAMED, *PARTS)}
    with (ROOT / ".bench" / "branches.txt").open("w", encoding="utf-8") as missing:
        measuring.report(include=list(counted.values()), show_missing=True, file=missing)
    told = ROOT / ".bench" / "branches.json"
    measuring.json_report(include=list(counted.values()), outfile=str(told))
    files = json.loads(told.read_text("utf-8"))["files"]
    sums = {name: files[path]["summary"] for name, path in counted.items()}
    for name, each in sums.items():
        print(
            f"{name}: {each['covered_branches']} of {each['num_branches']} branches,"
            f" {each['covered_lines']} of {each['num_statements']} statements"
        )
    value = share(list(sums.values()), "covered_branches", "num_branches")
    beside = {
        "of_the_five_named": share([sums[name] for name in NAMED], "covered_branches", "num_branches"),
        "statements": share(list(sums.values()), "covered_lines", "num_statements"),
        "branches": float(sum(each["num_branches"] for each in sums.values())),
    }
    print(f"branch_coverage_core {value}, of the five named {beside['of_the_five_named']}")
    save([Result("branch_coverage_core", value, "", GOAL, beside, [value], "make coverage", int(beside["branches"]))])
    return 0


def share(sums: list[dict[str, int]], part: str, whole: str) -> float:
    """Return how much of something was met; rounded down, so that 1 means all of it."""
    return int(1000 * sum(each[part] for each in sums) / sum(each[whole] for each in sums)) / 1000


if __name__ == "__main__":
    sys.exit(main())

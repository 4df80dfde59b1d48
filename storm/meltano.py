"""SIGTERM at `meltano run` and SIGKILL at its target, at random instants: `python -m storm.meltano --count 20`.

Each round changes every row of a warehouse, starts the real `meltano run tap-duckdb target-hubspot`, waits until rows
are being written and a random time more, and strikes. Then the same command runs again to its end, and every row must
be at the destination once, with its newest value.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random

import duckdb

from bench.plugins import MELTANO, ROOT, environment
from bench.warehouse import make_warehouse
from penstock_sandbox.handle import Sandbox
from storm.figures import Option, arguments, figure, save_figures, told
from storm.judge import Finding
from storm.process import sandbox_process
from storm.signals import LATENCY_MS

RUN = [str(MELTANO), "run", "tap-duckdb", "target-hubspot"]
ROWS = 3_000


def target_of(meltano: int) -> int | None:
    """Find the target among the processes that Meltano has started, by its command line."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
                if parent == meltano and b"target-hubspot" in (entry / "cmdline").read_bytes():
                    return int(entry.name)
            except OSError:
                continue
    return None


def strike(settings: dict[str, str], sandbox: Sandbox, chance: Random) -> str:
    """Start a run, and end it by a signal at a random instant after its first write. Returns what it came to."""
    before = sandbox.stats().applied_writes
    process = subprocess.Popen(
        RUN, cwd=ROOT, env=settings, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL
    )
    try:
        while process.poll() is None and sandbox.stats().applied_writes == before:
            time.sleep(0.02)
        time.sleep(chance.uniform(0, 1))
        kill = chance.random() < 0.5
        victim = target_of(process.pid) if kill else process.pid
        if process.poll() is not None or victim is None:
            return "ended before"
        os.kill(victim, signal.SIGKILL if kill else signal.SIGTERM)
        process.wait(120)
        return "killed" if kill else "terminated"
    finally:
        process.kill()
        process.wait()


def compare(sandbox: Sandbox, value: str) -> list[Finding]:
    """Hold the destination against the warehouse: every row once, with the value of this round."""
    objects = sandbox.objects()
    keys = Counter(each.properties["customer_key"] for each in objects)
    stale = sum(each.properties["firstname"] != value for each in objects)
    found = [Finding("lost", f"{ROWS - len(keys)} rows")] if len(keys) != ROWS else []
    found += [Finding("duplicate", f"{len(objects) - len(keys)} rows")] if len(keys) != len(objects) else []
    return found + ([Finding("stale", f"{stale} rows")] if stale else [])


def storm(seed: int, count: int) -> tuple[Counter[str], list[Finding]]:
    """Strike at so many runs, and see each through."""
    chance, ends, findings = Random(seed), Counter[str](), list[Finding]()
    with sandbox_process() as sandbox, tempfile.TemporaryDirectory() as name:
        sandbox.configure(latency_ms=3 * LATENCY_MS)
        settings = environment(Path(name), sandbox)
        make_warehouse(Path(name) / "warehouse.duckdb", ROWS)
        for n in range(count):
            value = f"name {n}"
            with duckdb.connect(str(Path(name) / "warehouse.duckdb")) as warehouse:
                warehouse.execute("update bench_contacts set first_name = ?", [value])
            ends[strike(settings, sandbox, chance)] += 1
            rerun = subprocess.run(RUN, cwd=ROOT, env=settings, check=False, capture_output=True, text=True)
            if rerun.returncode:
                findings.append(Finding("lost", f"round {n}: the rerun ended with {rerun.returncode}"))
            findings += compare(sandbox, value)
    return ends, findings


def main() -> int:
    """Run the storm, print what came of it, save the figure."""
    options = arguments("meltano", Option("count", 20, "runs to strike at"))
    if sys.platform != "linux" or not MELTANO.exists():
        print("skipped, nothing was struck: needs /proc and Meltano; run `make setup`")
        return 0
    ends, findings = storm(options["seed"], options["count"])
    print(f"{options['count']} runs of meltano: {dict(ends)}, {len(findings)} findings")
    told("meltano", options, findings)
    lost = figure(
        "meltano_signals_lost", len(findings), "rows", 0, killed=ends["killed"], terminated=ends["terminated"]
    )
    save_figures("meltano", options, lost)
    return bool(findings)


if __name__ == "__main__":
    sys.exit(main())

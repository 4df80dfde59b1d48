"""What the core costs: rows per second and memory with a destination in memory, the ledger on disk.

The same file of Singer lines, 12 columns and a STATE every 10,000 rows, goes through a pipe into `bench.memory` (first
load, then a run in which nothing has changed) and into the stock singer-sdk null target. Whole processes are timed,
their start included. Making the file is not timed.
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.results import Result, median_of

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / ".bench" / "core"
ROWS = 1_000_000
FEW = 100_000
SAMPLES = 3
COMMAND = "make bench B=core"


@dataclass(frozen=True)
class Measured:
    """One run: wall seconds of the process, seconds of user CPU in it, most memory it held."""

    seconds: float
    user: float
    peak_mb: float


def core() -> list[Result]:
    """Measure first loads and unchanged runs, many rows and few, and the stock target."""
    shutil.rmtree(HOME, ignore_errors=True)
    HOME.mkdir(parents=True)
    many, few = HOME / "many.jsonl", HOME / "few.jsonl"
    subprocess.run([sys.executable, "-m", "bench.lines", str(many), str(ROWS)], cwd=ROOT, check=True)
    subprocess.run([sys.executable, "-m", "bench.lines", str(few), str(FEW)], cwd=ROOT, check=True)
    pairs = [pair(many, ROWS) for _ in range(SAMPLES)]
    small = [pair(few, FEW) for _ in range(SAMPLES)]
    stock = stock_seconds(many)
    return results(pairs, small, ROWS / stock)


def results(
    pairs: Sequence[tuple[Measured, Measured]], small: Sequence[tuple[Measured, Measured]], stock: float
) -> list[Result]:
    """Make the figures of the samples: each a first load and an unchanged run."""
    loads, unchanged = zip(*pairs, strict=True)
    peaks = [max(run.peak_mb for run in pair) for pair in pairs]
    few = statistics.median(max(run.peak_mb for run in pair) for pair in small)
    rates = {name: [round(ROWS / r.seconds) for r in runs] for name, runs in (("d", loads), ("u", unchanged))}
    delivered, skipped = statistics.median(rates["d"]), statistics.median(rates["u"])
    return [
        median_of(
            "core_unchanged_rows_per_s",
            rates["u"],
            "rows/s",
            150_000,
            ROWS,
            COMMAND,
            user_cpu_us_per_row=per_row(unchanged),
        ),
        median_of(
            "core_delivered_rows_per_s", rates["d"], "rows/s", 50_000, ROWS, COMMAND, user_cpu_us_per_row=per_row(loads)
        ),
        median_of(
            "core_ratio_to_stock",
            [round(rate / stock, 2) for rate in rates["d"]],
            "times",
            None,
            ROWS,
            COMMAND,
            stock_singer_sdk_null_target_rows_per_s=round(stock),
            unchanged_ratio_to_stock=round(skipped / stock, 2),
            delivered_rows_per_s=delivered,
        ),
        median_of(
            "core_peak_rss_mb",
            [round(peak, 1) for peak in peaks],
            "MB",
            150,
            ROWS,
            COMMAND,
            first_load=round(statistics.median(run.peak_mb for run in loads), 1),
            unchanged=round(statistics.median(run.peak_mb for run in unchanged), 1),
        ),
        median_of(
            "rss_ratio_1m_to_100k",
            [round(peak / few, 3) for peak in peaks],
            "times",
            1.2,
            ROWS,
            COMMAND,
            peak_mb_at_100k_rows=round(few, 1),
        ),
    ]


def per_row(runs: Sequence[Measured]) -> float:
    """Return microseconds of user CPU per row: steadier than the wall clock where others use the machine."""
    return round(statistics.median(run.user for run in runs) * 1e6 / ROWS, 2)


def pair(lines: Path, rows: int) -> tuple[Measured, Measured]:
    """Load into a new ledger, then run again with nothing changed."""
    ledger = HOME / "ledger"
    shutil.rmtree(ledger, ignore_errors=True)
    ledger.mkdir()
    return run(lines, rows, "first", ledger), run(lines, rows, "unchanged", ledger)


def run(lines: Path, rows: int, expect: str, ledger: Path) -> Measured:
    """Run the core once; the benchmark fails when rows are missing or were sent twice, or no last STATE came."""
    command = ["--ledger", str(ledger / "ledger.db"), "--rows", str(rows), "--expect", expect]
    with subprocess.Popen(["cat", str(lines)], stdout=subprocess.PIPE) as cat:
        started = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "bench.memory", *command],
            cwd=ROOT,
            stdin=cat.stdout,
            capture_output=True,
            text=True,
            check=False,
        )
        seconds = time.monotonic() - started
    states = done.stdout.splitlines()
    if done.returncode or not states or json.loads(states[-1]) != {"rows": rows}:
        raise SystemExit(f"{done.stderr}\nthe run failed or did not print its last STATE: no benchmark")
    used = json.loads(done.stderr.splitlines()[-1])
    return Measured(seconds, used["user"], used["peak_mb"])


def stock_seconds(lines: Path) -> float:
    """Time the stock null target on the same file."""
    (HOME / "target.json").write_text("{}", "utf-8")
    command = f"cat {lines} | {sys.executable} -m bench.stock target --config {HOME / 'target.json'}"
    started = time.monotonic()
    subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    return time.monotonic() - started

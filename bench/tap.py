"""What the warehouse tap costs: full reads, snapshot runs of 5,000,000 rows, memory.

The tap runs as a process of its own, its start included, its output going to a reader that counts newlines and throws
them away. Beside the full read, in the same run: a stock singer-sdk SQL stream over the same rows, fewer of them as it
is slower. A snapshot run is timed after one whose STATE came back, so that the base is there.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from bench.results import Result, median_of
from bench.warehouse import make_warehouse

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / ".bench" / "tap"
ROWS = 5_000_000
STOCK_ROWS = 100_000
SIZES = (1_000_000, 5_000_000, 20_000_000)
KEY = "customer_key"
COMMAND = "make bench B=tap"


@dataclass(frozen=True)
class Ran:
    """One run of the tap: wall seconds, most memory in MB, records, and its last STATE."""

    seconds: float
    peak_mb: float
    rows: int
    state: dict[str, Any]


def tap(module: str, config: dict[str, Any], state: dict[str, Any] | None = None) -> Ran:
    """Run a tap to its end; the benchmark fails when it does. `module` is `module:Class`."""
    (HOME / "config.json").write_text(json.dumps(config), "utf-8")
    where, name = module.split(":")
    command = [sys.executable, "-c", f"from {where} import {name}; {name}.cli()", "--config", str(HOME / "config.json")]
    if state is not None:
        (HOME / "state.json").write_text(json.dumps(state), "utf-8")
        command += ["--state", str(HOME / "state.json")]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    records, last = 0, b""
    started = time.monotonic()
    with (HOME / "log").open("ab") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=log)
        assert process.stdout is not None
        rest = b""
        while chunk := os.read(process.stdout.fileno(), 1 << 20):
            records += chunk.count(b"\n")
            rest = (rest + chunk)[-65_536:]
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"the tap ended with {process.returncode}: no benchmark; see {HOME / 'log'}")
    last = rest.rstrip(b"\n").rsplit(b"\n", 1)[-1]
    return Ran(seconds, usage.ru_maxrss / 1024, records, json.loads(last)["value"])


def duck(rows: int, change: str = "full", **settings: Any) -> dict[str, Any]:
    """Return settings of a tap over so many rows, which are made if they are not there."""
    file = HOME / f"warehouse-{rows}.duckdb"
    if not file.exists():
        make_warehouse(file, rows)
    model = {"table": "bench_contacts", "primary_key": KEY, "change": change}
    return {
        "path": str(file),
        "models": {"bench_contacts": model},
        "snapshot_folder": str(HOME / "snapshots"),
        "check_keys": False,
        **settings,
    }


DUCK = "tap_warehouse.duckdb:TapDuckDB"


def taps() -> list[Result]:
    """Measure all of it."""
    shutil.rmtree(HOME, ignore_errors=True)
    HOME.mkdir(parents=True)
    stock = STOCK_ROWS / stock_seconds(duck(ROWS)["path"])
    reads = [tap(DUCK, duck(ROWS)) for _ in range(3)]
    results = [
        median_of(
            "duckdb_read_rows_per_s", [round(ROWS / r.seconds) for r in reads], "rows/s", 300_000, ROWS, COMMAND,
            stock_singer_sdk_sql_stream_rows_per_s=round(stock), peak_mb=round(max(r.peak_mb for r in reads)),
        ),
        median_of(
            "duckdb_ratio_to_stock", [round(ROWS / r.seconds / stock, 2) for r in reads], "times", 8, ROWS, COMMAND,
            stock_rows=STOCK_ROWS,
        ),
    ]  # fmt: skip
    return [*results, *snapshots(), *memory()]


def snapshots() -> list[Result]:
    """Measure snapshot runs: the first, nothing changed with and without the gate, 1 % and all of it changed."""
    first = tap(DUCK, duck(ROWS, "snapshot"))
    gated = [tap(DUCK, duck(ROWS, "snapshot"), first.state) for _ in range(4)][1:]  # the first of them takes over
    looked = [tap(DUCK, duck(ROWS, "snapshot", gate=False), gated[-1].state) for _ in range(3)]
    if any(run.rows > 3 for run in gated + looked):
        raise SystemExit("rows were emitted although nothing had changed: no benchmark")
    change("update bench_contacts set lead_score = lead_score + 1 where hash(customer_key) % 100 = 0")
    some = tap(DUCK, duck(ROWS, "snapshot"), looked[-1].state)
    change("update bench_contacts set lead_score = lead_score + 1")
    every = tap(DUCK, duck(ROWS, "snapshot"), some.state)
    return [
        median_of(
            "duckdb_snapshot_5m_unchanged_s", [round(r.seconds, 2) for r in looked], "s", 3, ROWS, COMMAND,
            first_run_s=round(first.seconds, 2), one_percent_changed_s=round(some.seconds, 2),
            all_changed_s=round(every.seconds, 2), peak_mb=round(max(r.peak_mb for r in looked)),
            peak_mb_first_run=round(first.peak_mb), peak_mb_all_changed=round(every.peak_mb),
        ),
        median_of(
            "duckdb_snapshot_5m_gated_s", [round(r.seconds, 2) for r in gated], "s", None, ROWS, COMMAND,
            peak_mb=round(max(r.peak_mb for r in gated)),
        ),
    ]  # fmt: skip


def change(statement: str) -> None:
    """Change the model."""
    with duckdb.connect(duck(ROWS)["path"]) as connection:
        connection.execute(statement)


def memory() -> list[Result]:
    """Measure the memory of full reads and of snapshot runs at several sizes."""
    full, compared = {}, {}
    for rows in SIZES:
        full[rows] = tap(DUCK, duck(rows)).peak_mb
        state = tap(DUCK, duck(rows, "snapshot")).state
        compared[rows] = tap(DUCK, duck(rows, "snapshot", gate=False), state).peak_mb
        if rows != ROWS:
            Path(duck(rows)["path"]).unlink()
    beside = {f"full_read_{rows // 1_000_000}m_mb": round(peak) for rows, peak in full.items()}
    beside |= {f"snapshot_{rows // 1_000_000}m_mb": round(peak) for rows, peak in compared.items()}
    most = max(full[SIZES[-1]], compared[SIZES[-1]])
    return [median_of("tap_rss_mb_20m", [round(most)], "MB", None, SIZES[-1], COMMAND, **beside)]


def stock_seconds(path: str) -> float:
    """Time a stock SQL stream over the same table, fewer rows of it."""
    (HOME / "stock.json").write_text(json.dumps({"path": path, "rows": STOCK_ROWS}), "utf-8")
    started = time.monotonic()
    subprocess.run(
        [sys.executable, "-m", "bench.stock", "tap", "--config", str(HOME / "stock.json")],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    return time.monotonic() - started

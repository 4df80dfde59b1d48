"""Rows per second through `meltano run tap-duckdb target-hubspot` when nothing has changed.

The whole command is timed, its start-up included, because that is what a scheduled job costs. Beside it, in the same
run: the first load of the same rows, and a stock singer-sdk tap piped into a stock null target (no Meltano between
them, which flatters them), on fewer rows because it is slower.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time

from bench import plugins
from bench.against import served
from bench.plugins import MELTANO, ROOT
from bench.results import Result, median_of
from bench.warehouse import make_warehouse
from penstock_sandbox.handle import Sandbox

HOME = ROOT / ".bench"
ROWS = 1_000_000
STOCK_ROWS = 100_000
RUN = ["run", "--state-id-suffix", "bench", "tap-duckdb", "target-hubspot"]


def pipe_unchanged() -> list[Result]:
    """Load a million rows, then time runs in which none of them changed."""
    shutil.rmtree(HOME, ignore_errors=True)
    HOME.mkdir(parents=True)
    make_warehouse(HOME / "warehouse.duckdb", ROWS)
    with served(0, "--unlimited") as sandbox:
        sandbox.configure(history="keys")
        environment = settings(sandbox)
        first = timed([str(MELTANO), *RUN], environment)
        loaded = sandbox.stats().applied_writes
        if loaded != ROWS:
            raise SystemExit(f"the first load applied {loaded} writes instead of {ROWS}: no benchmark")
        seconds = [timed([str(MELTANO), *RUN], environment) for _ in range(3)]
        again = sandbox.stats().applied_writes - loaded
        if again:
            raise SystemExit(f"{again} unchanged rows were sent again: no benchmark")
    stock = STOCK_ROWS / stock_seconds(environment)
    result = median_of(
        "pipe_unchanged_rows_per_s",
        [round(ROWS / s) for s in seconds],
        "rows/s",
        100_000,
        ROWS,
        "make bench B=pipe_unchanged_rows_per_s",
        stock_singer_sdk_pair_rows_per_s=round(stock),
        first_load_rows_per_s=round(ROWS / first),
    )
    result.compared_with["ratio_to_stock"] = round(result.value / stock, 2)
    return [result]


def settings(sandbox: Sandbox) -> dict[str, str]:
    """Point the project's own plugins at the benchmark's table, sync and ledger; STATE goes where it always does."""
    environment = plugins.environment(HOME, sandbox)
    del environment["MELTANO_STATE_BACKEND_URI"]
    # Without compiled modules every start would compile them anew, which no installation does.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return environment


def timed(command: list[str], environment: dict[str, str]) -> float:
    """Run a command to its end and return its seconds; the benchmark fails when it does."""
    with (HOME / "log").open("ab") as log:
        started = time.monotonic()
        subprocess.run(command, cwd=ROOT, env=environment, stdout=log, stderr=log, check=True)
        return time.monotonic() - started


def stock_seconds(environment: dict[str, str]) -> float:
    """Time the stock pair on fewer rows of the same table."""
    (HOME / "tap.json").write_text(f'{{"path": "{HOME / "warehouse.duckdb"}", "rows": {STOCK_ROWS}}}', "utf-8")
    (HOME / "target.json").write_text("{}", "utf-8")
    tap = f"{sys.executable} -m bench.stock tap --config {HOME / 'tap.json'}"
    target = f"{sys.executable} -m bench.stock target --config {HOME / 'target.json'}"
    return timed(["bash", "-o", "pipefail", "-c", f"{tap} | {target}"], environment)

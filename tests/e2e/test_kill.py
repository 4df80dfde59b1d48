"""kill -9 in the middle of a load, and a rerun: every row is in the CRM exactly once."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.plugins import MELTANO, ROOT
from bench.warehouse import make_warehouse
from penstock_sandbox.handle import Sandbox
from storm.meltano import target_of

pytestmark = pytest.mark.e2e
ROWS = 6_000
Meltano = Callable[..., "subprocess.CompletedProcess[str]"]


def check_exactly_once(sandbox: Sandbox, ledger: Path, rows: int) -> None:
    keys = [contact.properties["customer_key"] for contact in sandbox.objects()]
    assert len(keys) == rows, "lost or doubled"
    assert len(set(keys)) == rows, "doubled"
    db = sqlite3.connect(ledger)
    assert db.execute("select count(*) from records where fingerprint is not null").fetchone() == (rows,)
    assert db.execute("select count(*) from intents").fetchone() == (0,)
    db.close()


@pytest.mark.skipif(sys.platform != "linux", reason="finds the target's process in /proc")
@pytest.mark.parametrize("after", [1, 900, 2_500])
def test_a_killed_target_and_a_rerun_leave_every_row_exactly_once(
    tmp_path: Path, sandbox: Sandbox, environment: dict[str, str], meltano: Meltano, after: int
) -> None:
    make_warehouse(tmp_path / "warehouse.duckdb", ROWS)
    sandbox.configure(latency_ms=200)
    process = subprocess.Popen(
        [MELTANO, "run", "tap-duckdb", "target-hubspot"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while sandbox.stats().applied_writes < after:
        assert process.poll() is None, "the run ended before it could be killed"
    target = target_of(process.pid)
    assert target is not None
    os.kill(target, signal.SIGKILL)
    assert process.wait(60) == 1
    written = sandbox.stats().applied_writes
    assert after <= written < ROWS, "killed too late to prove anything"

    sandbox.configure(latency_ms=0)
    rerun = meltano("run", "tap-duckdb", "target-hubspot")
    assert rerun.returncode == 0, rerun.stderr[-3000:]
    check_exactly_once(sandbox, tmp_path / "ledger.db", ROWS)
    resent = sandbox.stats().applied_writes - ROWS
    assert resent <= 10 * 100, "more was sent again than one batch a lane"

    third = meltano("run", "tap-duckdb", "target-hubspot")
    assert third.returncode == 0
    assert sandbox.stats().applied_writes == ROWS + resent, "an unchanged row was sent again"


def test_a_terminated_run_keeps_the_state_it_earned(
    tmp_path: Path, sandbox: Sandbox, environment: dict[str, str], meltano: Meltano
) -> None:
    make_warehouse(tmp_path / "warehouse.duckdb", ROWS)
    sandbox.configure(latency_ms=200)
    process = subprocess.Popen(
        [MELTANO, "run", "tap-duckdb", "target-hubspot"], cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True
    )
    while sandbox.stats().applied_writes < 1_500:
        assert process.poll() is None, "the run ended before it could be signalled"
    process.terminate()
    _, log = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "ended by a signal" in log

    sandbox.configure(latency_ms=0)
    rerun = meltano("run", "tap-duckdb", "target-hubspot")
    assert rerun.returncode == 0, rerun.stderr[-3000:]
    check_exactly_once(sandbox, tmp_path / "ledger.db", ROWS)


def test_meltano_stores_the_state_of_a_finished_run(tmp_path: Path, sandbox: Sandbox, meltano: Meltano) -> None:
    make_warehouse(tmp_path / "warehouse.duckdb", 1_500)
    run = meltano("run", "tap-duckdb", "target-hubspot")
    assert run.returncode == 0, run.stderr[-3000:]
    [stored] = list((tmp_path / "state").rglob("state.json"))
    bookmark = json.loads(stored.read_text())["completed"]["singer_state"]["bookmarks"]["bench_contacts"]["full"]
    assert bookmark["complete"] is True
    assert bookmark["rows"] == 1_500
    assert len(sandbox.objects()) == 1_500

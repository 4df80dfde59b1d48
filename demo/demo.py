"""`make demo`: the whole way twice, from raw tables to contacts in a simulated HubSpot, and what a person wants to see.

Everything it makes lies in `.demo/`: the warehouse, the ledger, the logs. The sandbox runs in this process, on a free
port, and ends with it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import duckdb
from rich import box
from rich.console import Console
from rich.table import Table

from penstock_sandbox.handle import Sandbox
from penstock_sandbox.server import running

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / ".demo"
MELTANO = ROOT / ".venv-meltano" / "bin" / "meltano"
RUN = ["run", "dbt:build", "tap-duckdb", "target-hubspot"]
STREAM = "activation_contacts"
SHOWN = ("created", "updated", "unchanged", "invalid", "rejected")
COLUMNS = ("customer_key", "email", "lastname", "plan", "lead_score", "monthly_spend")
WATCHED = ("C-000001", "C-000404", "C-000063")
"""somebody who stays, somebody whose address is mended over night, somebody of an account that grows"""
BOX = box.SIMPLE_HEAD
console = Console(width=110, record=True)


def main() -> int:
    """Run the demo; the exit code is 0 when every step did what it should."""
    shutil.rmtree(HOME, ignore_errors=True)
    HOME.mkdir()
    with running() as sandbox:
        environment = os.environ | {
            "MELTANO_PROJECT_ROOT": str(ROOT),
            "PENSTOCK_WAREHOUSE": str(HOME / "warehouse.duckdb"),
            "TAP_DUCKDB_PATH": str(HOME / "warehouse.duckdb"),
            "TARGET_HUBSPOT_API_URL": sandbox.hubspot_url,
            "TARGET_HUBSPOT_TOKEN": sandbox.token,
            "TARGET_HUBSPOT_LEDGER_PATH": str(HOME / "ledger.db"),
        }
        console.print(f"A simulated HubSpot listens on {sandbox.hubspot_url}; it has no contacts yet.\n")
        steps = [
            ("1. Load the raw tables of a small company (stands for your EL job)", ["run", "dbt:seed"]),
            ("2. Build the models and sync them, for the first time", RUN),
        ]
        for title, command in steps:
            if not meltano(title, command, environment):
                return 1
        first = report(sandbox, environment)
        change_warehouse(environment)
        if not meltano("4. Build and sync again", RUN, environment):
            return 1
        second = report(sandbox, environment)
        code = judge(first, second, sandbox)
    console.save_text(str(HOME / "output.txt"))
    return code


def meltano(title: str, command: list[str], environment: dict[str, str]) -> bool:
    """Run Meltano with its log in a file, which is shown when the run fails."""
    console.print(f"[bold]{title}[/bold]")
    console.print(f"$ meltano {' '.join(command)}", highlight=False)
    log = HOME / f"{title[0]}.log"
    started = time.monotonic()
    with log.open("wb") as out:
        code = subprocess.run(
            [MELTANO, *command], cwd=ROOT, env=environment, stdout=out, stderr=out, check=False
        ).returncode
    console.print(f"exit {code} after {time.monotonic() - started:.1f} s; log in {log.relative_to(ROOT)}\n")
    if code:
        lines = log.read_text("utf-8").splitlines()
        ours = [line for line in lines if "tap-duckdb" in line or "target-hubspot" in line]
        console.print("\n".join([*lines[-20:], "", *ours[-12:]]), markup=False, highlight=False)
    return code == 0


def penstock(command: str, environment: dict[str, str], *options: str) -> list[dict[str, object]]:
    """Ask the ledger, as a program would: `penstock runs --json`."""
    arguments = [
        sys.executable,
        "-m",
        "penstock.upkeep_cli",
        command,
        "--json",
        "--ledger",
        str(HOME / "ledger.db"),
        *options,
    ]
    out = subprocess.run(arguments, env=environment, check=True, capture_output=True, text=True).stdout
    return [json.loads(line) for line in out.splitlines()]


def report(sandbox: Sandbox, environment: dict[str, str]) -> dict[str, int]:
    """Print what the last run did: rows, calls, refused rows with their reasons, a few contacts as they stand."""
    run = penstock("runs", environment, "--limit", "1")[0]
    everything = run["counts"]
    assert isinstance(everything, dict)
    counts: dict[str, int] = {name: int(count) for name, count in everything[STREAM].items()}
    counts["calls"] = int(str(run["calls"]))
    table = Table("rows read", *SHOWN, "API calls", "seconds", box=BOX)
    table.add_row(*(f"{counts.get(name, 0):,}" for name in ("read", *SHOWN, "calls")), f"{run['seconds']:.1f}")
    console.print(table)
    rejects = Table("row", "refused by", "property", "reason", title="Refused rows", title_justify="left", box=BOX)
    for reject in sorted(penstock("rejects", environment, "--stream", STREAM), key=lambda r: str(r["row_key"])):
        by = "HubSpot" if reject["kind"] == "rejected" else "Penstock, unsent"
        rejects.add_row(str(reject["row_key"]), by, str(reject["field"] or ""), str(reject["message"]))
    console.print(rejects)
    contacts = {str(contact.properties.get("customer_key")): contact.properties for contact in sandbox.objects()}
    shown = Table(
        *COLUMNS, title=f"Some of the {len(contacts):,} contacts in HubSpot now", title_justify="left", box=BOX
    )
    for key in WATCHED:
        if key in contacts:
            shown.add_row(*(str(contacts[key].get(name) or "") for name in COLUMNS))
    console.print(shown, "")
    return counts


def change_warehouse(environment: dict[str, str]) -> None:
    """Let a night pass: change some raw rows, with the dbt environment's own DuckDB."""
    console.print("[bold]3. The next morning: some rows have changed in the warehouse[/bold]")
    script = ROOT / "transform" / "demo_changes.sql"
    console.print(
        f"applying {script.relative_to(ROOT)}: new phones, names, seats, three new people, one mended address\n"
    )
    connection = duckdb.connect(environment["PENSTOCK_WAREHOUSE"])
    connection.execute(script.read_text("utf-8"))
    connection.close()


def judge(first: dict[str, int], second: dict[str, int], sandbox: Sandbox) -> int:
    """Say in one sentence what was shown, and fail when it was not."""
    sent = second.get("created", 0) + second.get("updated", 0)
    keys = [contact.properties.get("customer_key") for contact in sandbox.objects()]
    delivered = first["created"] + second.get("created", 0)
    good = len(keys) == len(set(keys)) == delivered and 0 < sent < first["created"] / 10
    console.print(
        f"The second run read {second['read']:,} rows and sent the {sent} that were new or changed, and tried the "
        f"{second.get('rejected', 0)} that HubSpot had refused again: API calls {second['calls']}. The "
        f"{second['unchanged']:,} unchanged rows cost none. Every contact is there exactly once: {len(keys):,}."
        if good
        else "This is not what the demo should show. It expects the shipped syncs/ and transform/; if you have not "
        "changed them, please report the logs in .demo/."
    )
    console.print(f"\nLook further: .venv/bin/penstock rejects --ledger {(HOME / 'ledger.db').relative_to(ROOT)}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())

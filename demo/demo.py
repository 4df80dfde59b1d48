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
COLUMNS = ("email", "firstname", "lastname", "plan", "lead_score", "monthly_spend", "first_touch_channel", "gclid")
console = Console(width=max(120, Console().width if sys.stdout.isatty() else 120))


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
        return judge(first, second, sandbox)


def meltano(title: str, command: list[str], environment: dict[str, str]) -> bool:
    """Run Meltano with its log in a file, which is shown when the run fails."""
    console.rule(title, align="left")
    console.print(f"$ meltano {' '.join(command)}", highlight=False)
    log = HOME / f"{title[0]}.log"
    started = time.monotonic()
    with log.open("wb") as out:
        code = subprocess.run(
            [MELTANO, *command], cwd=ROOT, env=environment, stdout=out, stderr=out, check=False
        ).returncode
    console.print(f"exit {code} after {time.monotonic() - started:.1f} s; log in {log.relative_to(ROOT)}\n")
    if code:
        console.print(log.read_text("utf-8")[-4000:], markup=False, highlight=False)
    return code == 0


def penstock(command: str, environment: dict[str, str], *options: str) -> list[dict[str, object]]:
    """Ask the ledger, as a program would: `penstock runs --json`."""
    arguments = [sys.executable, "-m", "penstock.cli", command, "--json", "--ledger", str(HOME / "ledger.db"), *options]
    out = subprocess.run(arguments, env=environment, check=True, capture_output=True, text=True).stdout
    return [json.loads(line) for line in out.splitlines()]


def report(sandbox: Sandbox, environment: dict[str, str]) -> dict[str, int]:
    """Print what the last run did: rows, calls, refused rows with their reasons, a few contacts as they stand."""
    run = penstock("runs", environment, "--limit", "1")[0]
    everything = run["counts"]
    assert isinstance(everything, dict)
    counts: dict[str, int] = {name: int(count) for name, count in everything[STREAM].items()}
    counts["calls"] = int(str(run["calls"]))
    table = Table("rows read", *SHOWN, "API calls")
    table.add_row(*(f"{counts.get(name, 0):,}" for name in ("read", *SHOWN, "calls")))
    console.print(table)
    rejects = Table(
        "row", "refused by", "property", "reason", title="Refused rows (penstock rejects)", title_justify="left"
    )
    for reject in penstock("rejects", environment):
        by = "HubSpot" if reject["kind"] == "rejected" else "Penstock, unsent"
        rejects.add_row(str(reject["row_key"]), by, str(reject["field"] or ""), str(reject["message"]))
    console.print(rejects)
    contacts = sandbox.objects()
    shown = Table(*COLUMNS, title=f"3 of the {len(contacts):,} contacts now in HubSpot", title_justify="left")
    with_click = [contact for contact in contacts if contact.properties.get("gclid")][:2]
    for contact in [*with_click, contacts[-1]]:
        shown.add_row(*(str(contact.properties.get(name) or "") for name in COLUMNS))
    console.print(shown, "")
    return counts


def change_warehouse(environment: dict[str, str]) -> None:
    """Let a night pass: change some raw rows, with the dbt environment's own DuckDB."""
    console.rule("3. The next morning: some rows have changed in the warehouse", align="left")
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
        f"The second run read {second['read']:,} rows and sent only the {sent} that had changed, in {second['calls']} "
        f"API calls. {second['unchanged']:,} unchanged rows cost no call. Every contact is there once: {len(keys):,}."
        if good
        else "This is not what the demo should show: please report the logs in .demo/."
    )
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())

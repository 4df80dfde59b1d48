"""`make demo`: the whole way twice, from raw tables to contacts in a simulated HubSpot, then Intercom and Salesforce.

`make demo WAREHOUSE=postgres` or `snowflake` puts a local server of that kind in the middle; see `warehouses`.
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

from demo import sales
from demo.warehouses import NAMES, Source, built, serving
from penstock_sandbox.handle import Sandbox
from penstock_sandbox.server import running

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / ".demo"
MELTANO = ROOT / ".venv-meltano" / "bin" / "meltano"
STREAMS = ("activation_companies", "activation_contacts")
SHOWN = ("created", "updated", "unchanged", "invalid", "rejected")
COLUMNS = ("customer_key", "email", "lead_score", "monthly_spend")
WATCHED = ("C-000001", "C-000404", "C-000063")
"""somebody who stays, somebody whose address is mended over night, somebody of an account that grows"""
SIDEBAR = ("plan", "tenure (months)", "size", "monthly spend")
OF_CONTACTS = ("account_plan", "account_tenure_months", "account_size", "account_spend")
OF_COMPANIES = ("plan", "custom_attributes.tenure_months", "size", "monthly_spend")
BOX = box.SIMPLE_HEAD
console = Console(width=110, record=True)


def main(warehouse: str = "duckdb") -> int:
    """Run the demo; the exit code is 0 when every step did what it should."""
    if warehouse not in NAMES:
        console.print(f"WAREHOUSE must be one of {', '.join(NAMES)}, not {warehouse!r}.", markup=False)
        return 2
    shutil.rmtree(HOME, ignore_errors=True)
    HOME.mkdir()
    try:
        with running() as sandbox, serving(warehouse) as source:
            code = whole_way(sandbox, source)
    except OSError as error:
        console.print(str(error), markup=False)
        return 1
    console.save_text(str(HOME / "output.txt"))
    return code


def whole_way(sandbox: Sandbox, source: Source) -> int:
    """Go the whole way twice."""
    environment = os.environ | {
        "MELTANO_PROJECT_ROOT": str(ROOT),
        "PENSTOCK_WAREHOUSE": str(HOME / "warehouse.duckdb"),
        "TAP_DUCKDB_PATH": str(HOME / "warehouse.duckdb"),
        "TARGET_HUBSPOT_API_URL": sandbox.hubspot_url,
        "TARGET_HUBSPOT_TOKEN": sandbox.token,
        "TARGET_HUBSPOT_LEDGER_PATH": str(HOME / "ledger.db"),
        "TARGET_HUBSPOT_CREATE_PROPERTIES": "true",
        "TARGET_INTERCOM_API_URL": sandbox.intercom.url,
        "TARGET_INTERCOM_ACCESS_TOKEN": sandbox.intercom.token,
        "TARGET_INTERCOM_LEDGER_PATH": str(HOME / "intercom.db"),
        "TARGET_INTERCOM_CREATE_ATTRIBUTES": "true",
        **sales.environment(sandbox, HOME),
        **source.environment,
    }
    console.print(f"A simulated HubSpot listens on {sandbox.hubspot_url}; it has no contacts yet.\n")
    if source.told:
        console.print(f"{source.told}\n", highlight=False)
    if not meltano(
        "1. Load the raw tables of a small company (stands for your EL job)", ["run", "dbt:seed"], environment
    ):
        return 1
    if not synced("2. Build the models and sync them, for the first time", source, environment):
        return 1
    first = report(sandbox, environment)
    change_warehouse(environment)
    if not synced("4. Build and sync again", source, environment):
        return 1
    second = report(sandbox, environment)
    code = judge(first, second, sandbox)
    code = code or support(sandbox, source, environment)
    return code or source.copy is not None or sales.story(sandbox, environment, meltano, console)


def synced(title: str, source: Source, environment: dict[str, str]) -> bool:
    """Build and sync, in one command where the tap reads what dbt builds where it is."""
    if source.copy is None:
        return meltano(title, ["run", "dbt:build", source.tap, "target-hubspot"], environment)
    if not meltano(title, ["run", "dbt:build"], environment):
        return False
    for stream in STREAMS:
        source.copy(built(Path(environment["PENSTOCK_WAREHOUSE"]), stream))
    return meltano("", ["run", source.tap, "target-hubspot"], environment, log=f"{title[0]}-sync")


def meltano(title: str, command: list[str], environment: dict[str, str], log: str = "") -> bool:
    """Run Meltano with its log in a file, which is shown when the run fails."""
    if title:
        console.print(f"[bold]{title}[/bold]")
    console.print(f"$ meltano {' '.join(command)}", highlight=False)
    file = HOME / f"{log or title[0]}.log"
    started = time.monotonic()
    with file.open("wb") as out:
        code = subprocess.run(
            [MELTANO, *command], cwd=ROOT, env=environment, stdout=out, stderr=out, check=False
        ).returncode
    console.print(f"exit {code} after {time.monotonic() - started:.1f} s; log in {file.relative_to(ROOT)}\n")
    if code:
        lines = file.read_text("utf-8").splitlines()
        ours = [line for line in lines if " tap-" in line or "target-hubspot" in line]
        console.print("\n".join([*lines[-20:], "", *ours[-12:]]), markup=False, highlight=False)
    return code == 0


def support(sandbox: Sandbox, source: Source, environment: dict[str, str]) -> int:
    """Bring the same rows to a simulated Intercom, and show what support sees beside a conversation."""
    told = "5. The same models to Intercom: what support sees beside a conversation"
    if not meltano(f"\n{told}", ["run", source.tap, "target-intercom"], environment, log="5"):
        return 1
    companies = {each.properties["company_id"]: each.properties for each in sandbox.intercom.objects("companies")}
    contacts = {each.properties["external_id"]: each.properties for each in sandbox.intercom.objects()}
    title = f"Some of the {len(contacts):,} contacts and {len(companies):,} companies in Intercom now"
    shown = Table("", *SIDEBAR, title=title, title_justify="left", box=BOX)
    for key in WATCHED:
        one = contacts[key]
        shown.add_row(one.get("name", ""), *(one.get(f"custom_attributes.{each}", "") for each in OF_CONTACTS))
        if company := companies.get(one.get("companies", "")):
            shown.add_row(f"  {company.get('name', '')}", *(company.get(each, "") for each in OF_COMPANIES))
    console.print(shown)
    whole = all(companies[each["companies"]].get("plan") == each.get("custom_attributes.account_plan")
                for each in contacts.values() if "companies" in each)  # fmt: skip
    return 0 if whole and len(companies) == len(sandbox.objects("companies")) else 1


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
    table = Table("stream", "rows read", *SHOWN, "linked", box=BOX)
    for stream in STREAMS:
        table.add_row(stream, *(f"{everything[stream].get(name, 0):,}" for name in ("read", *SHOWN, "linked")))
    console.print(table)
    console.print(f"API calls: {run['calls']} in {run['seconds']:.1f} s\n", highlight=False)
    counts = {name: sum(everything[stream].get(name, 0) for stream in STREAMS) for name in ("read", *SHOWN)}
    counts["calls"] = int(str(run["calls"]))
    rejects = Table("row", "refused by", "property", "reason", title="Refused rows", title_justify="left", box=BOX)
    for reject in sorted(penstock("rejects", environment), key=lambda r: str(r["row_key"])):
        by = "HubSpot" if reject["kind"] == "rejected" else "Penstock, unsent"
        rejects.add_row(str(reject["row_key"]), by, str(reject["field"] or ""), str(reject["message"]))
    console.print(rejects)
    show_contacts(sandbox)
    return counts


def show_contacts(sandbox: Sandbox) -> None:
    """Print a few contacts as they stand, each with the company that it is associated with."""
    contacts = {str(contact.properties.get("customer_key")): contact for contact in sandbox.objects()}
    companies = {company.id: str(company.properties.get("name")) for company in sandbox.objects("companies")}
    of = {one: companies[other] for one, other in sandbox.associations("contacts", "companies")}
    title = f"Some of the {len(contacts):,} contacts and {len(companies):,} companies in HubSpot now"
    shown = Table(*COLUMNS, "company", title=title, title_justify="left", box=BOX)
    for key in WATCHED:
        if key in contacts:
            contact = contacts[key]
            told = (str(contact.properties.get(name) or "") for name in COLUMNS)
            shown.add_row(*told, of.get(contact.id, ""))
    console.print(shown, "")


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
    accounts = [company.properties.get("account_key") for company in sandbox.objects("companies")]
    delivered = first["created"] + second.get("created", 0)
    once = len(keys) == len(set(keys)) and len(accounts) == len(set(accounts))
    good = once and len(keys) + len(accounts) == delivered and 0 < sent < first["created"] / 10
    console.print(
        f"The second run read {second['read']:,} rows and sent the {sent} that were new or changed, and tried the "
        f"{second.get('rejected', 0)} that HubSpot had refused again: API calls {second['calls']}. The "
        f"{second['unchanged']:,} unchanged rows cost none. Every contact and company is there exactly once: "
        f"{len(keys):,} and {len(accounts):,}."
        if good
        else "This is not what the demo should show. It expects the shipped syncs/ and transform/; if you have not "
        "changed them, please report the logs in .demo/."
    )
    console.print(f"\nLook further: .venv/bin/penstock rejects --ledger {(HOME / 'ledger.db').relative_to(ROOT)}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))

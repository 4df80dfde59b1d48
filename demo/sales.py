"""The part of the demo that sales see: leads with the advert that brought them, and a field that the mapping gains."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from penstock_sandbox.handle import Sandbox

ROOT = Path(__file__).resolve().parent.parent
NEW = "    gclid__c: gclid\n"
"""the line that the mapping gains"""
COMMAND = ["run", "tap-duckdb-sales", "target-salesforce"]
COLUMNS = ("Email", "Company", "Lead_Score__c", "First_Channel__c", "gclid__c")
SHOWN = ("created", "updated", "unchanged", "invalid", "rejected")
Meltano = Callable[..., bool]


def environment(sandbox: Sandbox, home: Path) -> dict[str, str]:
    """Return what the target needs to know; the org gets the fields that the sync writes."""
    sandbox.salesforce.seed(**json.loads((ROOT / "demo" / "org.json").read_bytes()))
    return {
        "TARGET_SALESFORCE_LOGIN_URL": sandbox.salesforce.url,
        "TARGET_SALESFORCE_CLIENT_ID": sandbox.salesforce.client_id,
        "TARGET_SALESFORCE_CLIENT_SECRET": sandbox.salesforce.client_secret,
        "TARGET_SALESFORCE_REFRESH_TOKEN": sandbox.salesforce.refresh_token,
        "TARGET_SALESFORCE_LEDGER_PATH": str(home / "salesforce.db"),
    }


def story(sandbox: Sandbox, variables: dict[str, str], meltano: Meltano, console: Console) -> int:
    """Bring leads and accounts to Salesforce without a field, then with it; the exit code is 0 when all went well."""
    ledger = Path(variables["TARGET_SALESFORCE_LEDGER_PATH"])
    mapping = (ROOT / "syncs" / "salesforce.yml").read_text("utf-8")
    if NEW not in mapping:
        console.print("syncs/salesforce.yml is not the shipped one: it has no line for gclid__c")
        return 1
    before = ledger.with_name("salesforce.yml")
    before.write_text(mapping.replace(NEW, ""), "utf-8")
    old = variables | {"TARGET_SALESFORCE_SYNCS_FILE": str(before)}
    told = "6. Qualified leads and product usage to Salesforce, by a mapping that lacks gclid__c"
    if not meltano(f"\n{told}", COMMAND, old, log="6"):
        return 1
    first = counted(ledger, variables, console)
    if not meltano("7. The mapping gains gclid__c", COMMAND, variables, log="7"):
        return 1
    second = counted(ledger, variables, console)
    leads = sandbox.salesforce.objects("Lead")
    clicked = [lead for lead in leads if lead.properties.get("gclid__c")]
    table = Table(*COLUMNS, title=f"Some of the {len(leads):,} leads in Salesforce now", title_justify="left", box=BOX)
    for lead in [*clicked[:2], *(lead for lead in leads if lead not in clicked)][:3]:
        table.add_row(*(str(lead.properties.get(name) or "") for name in COLUMNS))
    console.print(table)
    sent = {stream: sum(counts.get(name, 0) for name in ("created", "updated")) for stream, counts in second.items()}
    unchanged = {stream: counts.get("unchanged", 0) for stream, counts in second.items()}
    console.print(
        f"The new field went to the {sent['activation_leads']:,} leads that an advert brought. The other "
        f"{unchanged['activation_leads']:,} leads and the {unchanged['activation_companies']:,} accounts cost no call.",
        highlight=False,
    )
    whole = first["activation_leads"].get("created") == len(leads)
    whole = whole and sent["activation_leads"] + unchanged["activation_leads"] == len(leads)
    return 0 if whole and 0 < sent["activation_leads"] == len(clicked) and not sent["activation_companies"] else 1


BOX = box.SIMPLE_HEAD


def counted(ledger: Path, variables: dict[str, str], console: Console) -> dict[str, dict[str, int]]:
    """Print what the last run did, and return its counters by stream."""
    command = [sys.executable, "-m", "penstock.upkeep_cli", "runs", "--json", "--limit", "1", "--ledger", str(ledger)]
    run = json.loads(subprocess.run(command, env=variables, check=True, capture_output=True, text=True).stdout)
    counts: dict[str, dict[str, int]] = run["counts"]
    table = Table("stream", "rows read", *SHOWN, box=BOX)
    for stream, found in counts.items():
        table.add_row(stream, *(f"{found.get(name, 0):,}" for name in ("read", *SHOWN)))
    console.print(table)
    console.print(f"API calls: {run['calls']} in {run['seconds']:.1f} s\n", highlight=False)
    return counts

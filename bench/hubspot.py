"""target-hubspot against the sandbox's HubSpot at the Professional limits, with 100 ms to each answer, in real time.

The steady part of a load is from its second to its last full window of ten seconds. The data are those that hurt: names
beyond ASCII, nulls, e-mail addresses that another row has in other letters, plans that HubSpot does not know.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import msgspec
import yaml

from bench.against import FIRST, LAST, peer_rows_per_s, requests_between, served, steady_share
from bench.plugins import ROOT
from bench.results import Result, median_of
from penstock_sandbox.handle import Sandbox, Stats
from penstock_sandbox.store import Write

HOME = ROOT / ".bench" / "hubspot"
ROWS = 100_000
COMPANIES = 10_000
CHANGED = 1_000
PEER_ROWS = 300
LIMIT, WINDOW = 190, 10.0
LATENCY_MS = 100
COMMAND = "make bench B=hubspot"
FIELDS = {
    "customer_key": "customer_key",
    "email": "email",
    "firstname": "first_name",
    "lastname": "last_name",
    "phone": "phone",
    "lead_score": "lead_score",
}
SCHEMA = {
    "customer_key": {"type": "string"},
    "lead_score": {"type": ["integer", "null"]},
    **{name: {"type": ["string", "null"]} for name in ("email", "first_name", "last_name", "phone", "account_key")},
}
WRITES = re.compile(r"/batch/(upsert|update|create|archive|associate)|/archive$")


@dataclass(frozen=True)
class Load:
    """One run of the target: seconds, the requests by route, and the share of the limit in the steady part."""

    seconds: float
    routes: dict[str, int]
    refused: int
    """answers of status 429"""
    share: float

    @property
    def requests(self) -> int:
        """All of them."""
        return sum(self.routes.values())

    @property
    def writes(self) -> int:
        """Those that write."""
        return sum(count for route, count in self.routes.items() if WRITES.search(route))


def person(n: int, changed: bool = False) -> dict[str, object]:
    """Make one row."""
    email: str | None = f"Person.{n}@Company{n % 5000}.example.com"
    if n % 1000 == 7:
        email = f"PERSON.{n - 1}@company{(n - 1) % 5000}.example.com"  # its neighbour's, in other letters
    elif n % 1000 == 11:
        email = None
    return {
        "customer_key": f"C-{n:08d}",
        "email": email,
        "first_name": None if n % 97 == 0 else FIRST[n % len(FIRST)],
        "last_name": LAST[n % len(LAST)],
        "phone": None if n % 13 == 0 else f"+1 415 555 {n % 10000:04d}",
        "lead_score": n * 7919 % 101 + changed,
        "account_key": f"A-{n % COMPANIES:05d}",
    }


def write_lines(file: Path, rows: int, changed: int = 0) -> None:
    """Write SCHEMA, rows and STATEs; so many of the rows, spread evenly, are others than at first."""
    encode = msgspec.json.Encoder().encode
    every = rows // changed if changed else rows + 1
    head = {"type": "SCHEMA", "stream": "people", "schema": {"properties": SCHEMA}, "key_properties": ["customer_key"]}
    with file.open("wb") as out:
        out.write(encode(head) + b"\n")
        for n in range(rows):
            out.write(
                encode({"type": "RECORD", "stream": "people", "record": person(n, n % every == every - 1)}) + b"\n"
            )
            if n % 1000 == 999:
                out.write(encode({"type": "STATE", "value": {"rows": n + 1}}) + b"\n")
        out.write(encode({"type": "STATE", "value": {"rows": rows}}) + b"\n")


def load(sandbox: Sandbox, lines: Path, name: str, links: bool = False) -> Load:
    """Run the target over some lines. The ledger of that name is its own."""
    link = {"object": "companies", "match": "account_key", "from": "account_key"}
    sync = {"object": "contacts", "match": "email", "fields": FIELDS, "max_rejected_share": 1.0}
    (HOME / f"{name}.yml").write_text(
        yaml.safe_dump({"people": {**sync, "associate": [link]} if links else sync}), "utf-8"
    )
    config = {
        "api_url": sandbox.hubspot_url,
        "token": sandbox.token,
        "syncs_file": str(HOME / f"{name}.yml"),
        "ledger_path": str(HOME / f"{name}.db"),
    }
    (HOME / "config.json").write_text(json.dumps(config), "utf-8")
    before, written = sandbox.stats(), len(sandbox.history())
    started = time.monotonic()
    with lines.open("rb") as given, (HOME / "log").open("ab") as log:
        command = [sys.executable, "-m", "target_hubspot.target", "--config", str(HOME / "config.json")]
        subprocess.run(command, stdin=given, stdout=subprocess.DEVNULL, stderr=log, check=True, cwd=ROOT)
    seconds = time.monotonic() - started
    return figures(seconds, before, sandbox.stats(), sandbox.history(after=written))


def figures(seconds: float, before: Stats, after: Stats, writes: list[Write]) -> Load:
    """Take one load out of the sandbox's counters and history."""
    objects = sorted({(write.request, write.time) for write in writes if write.to is None})
    moments = sorted(dict(objects).values())
    refused = after.answers_429 - before.answers_429
    share = steady_share(moments, LIMIT, WINDOW)
    return Load(seconds, requests_between(before, after), refused, share)


def peer(sandbox: Sandbox) -> float:
    """Return the rows per second of the best open peer that installs from a package index: drt-core."""
    rows = [{name: value or "" for name, value in person(n).items()} for n in range(PEER_ROWS)]
    (HOME / "peer.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return peer_rows_per_s("peer.py", sandbox.hubspot_url, sandbox.token, str(HOME / "peer.jsonl"))


def hubspot() -> list[Result]:
    """Measure all of it."""
    shutil.rmtree(HOME, ignore_errors=True)
    HOME.mkdir(parents=True)
    first, morning, nothing = (HOME / f"{name}.jsonl" for name in ("first", "morning", "nothing"))
    write_lines(first, ROWS)
    write_lines(morning, ROWS, CHANGED)
    write_lines(nothing, 0)
    with served(LATENCY_MS) as sandbox:
        rows_per_s = peer(sandbox)
    with served(LATENCY_MS) as sandbox:
        startup = load(sandbox, nothing, "startup").requests
        whole = load(sandbox, first, "plain")
        rows = len(sandbox.objects())
        changed = load(sandbox, morning, "plain")
    with served(LATENCY_MS) as sandbox:
        key = {
            "name": "account_key",
            "label": "Account",
            "type": "string",
            "fieldType": "text",
            "groupName": "companyinformation",
            "hasUniqueValue": True,
        }
        companies = [{"name": f"Company {n}", "account_key": f"A-{n:05d}"} for n in range(COMPANIES)]
        sandbox.seed(companies, [key], "companies")
        linked = load(sandbox, first, "linked", links=True)
        pairs = len(sandbox.associations("contacts", "companies"))
    if rows < 0.99 * ROWS or pairs < 0.99 * ROWS:
        raise SystemExit(f"{rows} contacts and {pairs} links arrived: no benchmark; see {HOME / 'log'}")
    beside = {"seconds": round(whole.seconds, 1), "contacts": rows, "requests": whole.requests}
    with_links = {
        "with_associations_s": round(linked.seconds, 1),
        "with_associations_requests": linked.requests,
        "with_associations_share_of_limit": linked.share,
        "associations": pairs,
    }
    ratio = round(ROWS / whole.seconds / rows_per_s, 1)
    load_429 = round(max(whole.refused / whole.requests, linked.refused / linked.requests), 5)
    return [
        one("hubspot_first_load_share_of_limit", whole.share, "of 190 requests per 10 s", 0.95, **beside, **with_links),
        one("hubspot_load_share_429", load_429, "of requests", 0.01),
        one("hubspot_write_calls_per_1000_changed", changed.writes, "calls", 10, requests=changed.requests),
        one("hubspot_write_calls_per_100k_first", whole.writes, "calls", 1_000),
        one("hubspot_startup_calls", startup, "calls", 20),
        one("hubspot_ratio_to_best_peer", ratio, "times", None, drt_core_1_2_1_rows_per_s=round(rows_per_s, 2)),
    ]


def one(name: str, value: float, unit: str, goal: float | None, **beside: float) -> Result:
    """Make a figure that was taken once."""
    return median_of(name, [value], unit, goal, ROWS, COMMAND, **beside)

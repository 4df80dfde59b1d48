"""target-salesforce against the sandbox: what its files cost, a million leads by jobs, small changes by calls.

The data are those that hurt: names beyond ASCII, nulls, quotes, line feeds, numbers that result files write anew.
"""

from __future__ import annotations

import gc
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import msgspec

from bench.against import peer_rows_per_s, requests_between, served
from bench.plugins import ROOT
from bench.results import Result, median_of
from penstock_sandbox.handle import Sandbox
from target_salesforce.fields import Field, normaliser
from target_salesforce.files import Lines, written

HOME = ROOT / ".bench" / "salesforce"
MILLION, TENTH, CHANGED, SOME = 1_000_000, 100_000, 1_000, 20_000
COMMAND = "make bench B=salesforce"
NAMES = ("Rivera", "Okafor", "Müller", "Nguyễn", "O'Brien", "渡辺", 'Ann "Bo" Silva', "two\nlines")
FIELDS = {
    "Key__c": "key",
    "LastName": "last",
    "FirstName": "first",
    "Company": "company",
    "Email": "mail",
    "Phone": "phone",
    "City": "city",
    "LeadSource": "source",
    "AnnualRevenue": "revenue",
    "NumberOfEmployees": "size",
    "gclid__c": "gclid",
    "Score__c": "score",
}
TEXT = {"type": ["string", "null"]}
TYPES = {
    **dict.fromkeys(("key", "last", "first", "company", "mail", "phone", "city", "source", "gclid"), TEXT),
    "revenue": {"type": ["number", "null"]},
    "size": {"type": ["integer", "null"]},
    "score": {"type": ["integer", "null"]},
    "id": {"type": "string"},
}
CUSTOM = (
    {"name": "Key__c", "type": "string", "length": 60, "externalId": True, "unique": True},
    {"name": "gclid__c", "type": "string", "length": 100},
    {"name": "Score__c", "type": "double"},
)


@dataclass(frozen=True)
class Load:
    """One run of the target: seconds, requests by route, the peak of its memory."""

    seconds: float
    routes: dict[str, int]
    rss_mb: float
    cpu: float
    """seconds of CPU"""

    def calls(self, but: str = "$^") -> int:
        """Return the requests whose route does not match."""
        return sum(count for route, count in self.routes.items() if not re.search(but, route))


def lead(n: int, changed: bool = False) -> dict[str, object]:
    """Make one row."""
    return {
        "id": f"C-{n:08d}",
        "key": f"L-{n:08d}",
        "last": NAMES[n % len(NAMES)],
        "first": None if n % 97 == 0 else "Ana",
        "company": f"Company {n % 5000}, Inc.",
        "mail": f"person.{n}@company{n % 5000}.example.com",
        "phone": None if n % 13 == 0 else f"+1 415 555 {n % 10000:04d}",
        "city": "München",
        "source": "Web",
        "revenue": n % 1_000_000_000,
        "size": n % 7919,
        "gclid": f"Cj0KCQjw{n:012d}",
        "score": n * 7919 % 101 + changed,
    }


def write_lines(file: Path, rows: int, changed: int = 0) -> None:
    """Write SCHEMA, rows and STATEs; so many of the rows, spread evenly, are others than at first."""
    encode = msgspec.json.Encoder().encode
    every = rows // changed if changed else rows + 1
    head = {"type": "SCHEMA", "stream": "leads", "schema": {"properties": TYPES}, "key_properties": ["id"]}
    with file.open("wb") as out:
        out.write(encode(head) + b"\n")
        for n in range(rows):
            record = lead(n, n % every == every - 1)
            out.write(encode({"type": "RECORD", "stream": "leads", "record": record}) + b"\n")
            if n % 1000 == 999:
                out.write(encode({"type": "STATE", "value": {"rows": n + 1}}) + b"\n")
        out.write(encode({"type": "STATE", "value": {"rows": rows}}) + b"\n")


@contextmanager
def org(latency_ms: int = 0) -> Iterator[Sandbox]:
    """Serve a sandbox whose org has the fields."""
    with served(latency_ms) as sandbox:
        sandbox.configure(history="keys")  # its own notes of every value would take the time of two cores
        sandbox.salesforce.fields("Lead", *CUSTOM)
        yield sandbox


def load(sandbox: Sandbox, lines: Path, name: str, **more: object) -> Load:
    """Run the target over some lines. The ledger of that name is its own."""
    there = sandbox.salesforce
    config = {
        "login_url": there.url,
        "client_id": there.client_id,
        "client_secret": there.client_secret,
        "refresh_token": there.refresh_token,
        "syncs": {"leads": {"object": "Lead", "match": "Key__c", "fields": FIELDS, **more}},
        "ledger_path": str(HOME / f"{name}.db"),
    }
    (HOME / "config.json").write_text(json.dumps(config), "utf-8")
    before = sandbox.stats()
    started = time.monotonic()
    with lines.open("rb") as given, (HOME / "log").open("ab") as log:
        command = [sys.executable, "-m", "target_salesforce.target", "--config", str(HOME / "config.json")]
        process = subprocess.Popen(command, stdin=given, stdout=subprocess.DEVNULL, stderr=log, cwd=ROOT)
        _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - started
    if status:
        raise SystemExit(f"a load of {name} did not end well: no benchmark; see {HOME / 'log'}")
    return Load(
        seconds,
        requests_between(before, sandbox.stats()),
        usage.ru_maxrss / 1024,
        usage.ru_utime + usage.ru_stime,
    )


def files_alone(rows: int = 200_000) -> float:
    """Return the rows per second of CPU that encoding and matching take, as a job does it: in pieces."""
    names = tuple(sorted(FIELDS, key=lambda name: name != "Key__c"))
    payloads = []
    for n in range(1000):
        record = lead(n)
        payload = {name: record[column] for name, column in FIELDS.items()}
        payloads.append({**payload, "AnnualRevenue": Decimal("912260031.5")})
    columns = {name: [payload[name] for payload in payloads] for name in names}  # as the mapping hands them over
    normalise = normaliser(Field("Key__c", external=True, unique=True))
    lines = Lines(names)
    encoded = [lines.line(payload) for payload in payloads]
    spent = 0.0
    for _ in range(rows // 1000):
        started = time.process_time()
        text, left = lines.many(columns, len(payloads))
        spent += time.process_time() - started
        assert not left
        assert text == b"".join(each or b"" for each in encoded)
        head = b'"sf__Id","sf__Created",' + ",".join(names).encode() + b"\r\n"
        body = head + b"".join(b'"00Q%012dEAA","true",%b' % (n, each or b"") for n, each in enumerate(encoded))
        gc.collect()
        started = time.process_time()
        ends = sum(len(set(zip(t.who, t.ids, t.created, strict=True))) for t in written(body, "Key__c", normalise))
        spent += time.process_time() - started
        assert ends == len(payloads)
    return rows / spent


def peer(sandbox: Sandbox) -> float:
    """Return the rows per second of the best open peer that installs from a package index: drt-core."""
    rows = ({name: lead(n)[column] for name, column in FIELDS.items()} for n in range(TENTH))
    file = HOME / "peer.jsonl"
    file.write_text("".join(json.dumps(row, default=str) + "\n" for row in rows), "utf-8")
    there = sandbox.salesforce
    secrets = {
        "PEER_client_id": there.client_id,
        "PEER_client_secret": there.client_secret,
        "PEER_username": there.username,
        "PEER_password": there.password + there.security_token,
    }
    return peer_rows_per_s("peer_salesforce.py", there.url, str(file), secrets=secrets)


def salesforce() -> list[Result]:
    """Measure all of it."""
    shutil.rmtree(HOME, ignore_errors=True)
    HOME.mkdir(parents=True)
    alone = [files_alone() for _ in range(3)]
    nothing, tenth, million, morning, some = (
        HOME / f"{name}.jsonl" for name in ("nothing", "tenth", "million", "morning", "some")
    )
    write_lines(nothing, 0)
    write_lines(tenth, TENTH)
    write_lines(million, MILLION)
    write_lines(morning, TENTH, CHANGED)
    write_lines(some, SOME)
    with org() as sandbox:
        startup = load(sandbox, nothing, "tenth").calls()
        small = load(sandbox, tenth, "tenth")
        changed = load(sandbox, morning, "tenth")
    with org() as sandbox:
        whole = load(sandbox, million, "million")
        there = len(sandbox.history(after=MILLION - 1, limit=2))
    if not there:
        raise SystemExit("not all leads arrived: no benchmark")
    with org(latency_ms=100) as sandbox:
        by_calls = load(sandbox, some, "some", bulk_above="never")
    with org() as sandbox:
        peers = peer(sandbox)
    results = r"ingest/\{id\}/\{id\}"
    return [
        median_of("salesforce_bulk_rows_per_cpu_s", alone, "rows", 150_000, 200_000, COMMAND),
        one(
            "salesforce_bulk_load_rows_per_s",
            MILLION / whole.seconds,
            "rows",
            40_000,
            seconds=whole.seconds,
            per_cpu_s=round(MILLION / whole.cpu),
        ),
        one("salesforce_bulk_calls_per_million", whole.calls(results), "calls", 60, with_result_files=whole.calls()),
        one("salesforce_bulk_peak_rss_mb", whole.rss_mb, "MB", None, of_100_000_rows=small.rss_mb),
        one("salesforce_write_calls_per_1000_changed", changed.calls() - startup, "calls", 5),
        one("salesforce_startup_calls", startup, "calls", 20),
        one("salesforce_collections_rows_per_s", SOME / by_calls.seconds, "rows", None, leads=SOME, latency_ms=100),
        one(
            "salesforce_ratio_to_best_peer",
            TENTH / small.seconds / peers,
            "times",
            None,
            leads=TENTH,
            drt_core_1_2_1_rows_per_s=round(peers),
        ),
    ]


def one(name: str, value: float, unit: str, goal: float | None, **beside: float) -> Result:
    """Make a figure that was taken once."""
    return median_of(name, [round(value, 2)], unit, goal, MILLION, COMMAND, **beside)

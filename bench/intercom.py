"""target-intercom against the sandbox's Intercom at its real limits, with 150 ms to each answer, in real time.

One request a row: the limit of 1,667 calls in ten seconds is all there is, and the share of it that is used is the
figure. The steady part of a load is from its second to its last full window.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import yaml

from bench.against import FIRST, LAST, peer_rows_per_s, requests_between, served, steady_share
from bench.plugins import ROOT
from bench.results import Result, median_of
from penstock_sandbox.handle import Sandbox, Stats
from penstock_sandbox.store import Write

HOME = ROOT / ".bench" / "intercom"
ROWS = 20_000
COMPANIES = 2_000
ATTACHED = 5_000
PEER_ROWS = 300
LIMIT, WINDOW = 1_667, 10.0
LATENCY_MS = 150
COMMAND = "make bench B=intercom"
PEOPLE = {
    "object": "contacts",
    "match": "external_id",
    "fields": {"external_id": "id", "email": "email", "name": "name", "plan": "plan", "seats": "seats"},
    "max_rejected_share": 1.0,
}
ACCOUNTS = {"object": "companies", "match": "company_id", "fields": {"company_id": "id", "name": "name"}}
LINK = {"object": "companies", "sync": "accounts", "from": "account"}
COLUMNS = {
    "id": {"type": "string"},
    "seats": {"type": ["integer", "null"]},
    **{name: {"type": ["string", "null"]} for name in ("email", "name", "plan", "account")},
}


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
        """Those that create or change a contact."""
        return self.routes.get("POST /contacts", 0) + self.routes.get("PUT /contacts/{id}", 0)


def person(n: int, changed: bool = False) -> dict[str, object]:
    """Make one row; one in a thousand has its neighbour's address, in other letters."""
    whose = n - 1 if n % 1000 == 7 else n
    email = f"person.{whose}@company{whose % 5000}.example.com"
    return {
        "id": f"C-{n:08d}",
        "email": email.upper() if whose != n else email,
        "name": f"{FIRST[n % len(FIRST)]} {LAST[n % len(LAST)]}",
        "plan": None if n % 13 == 0 else "team",
        "seats": n % 50 + changed,
        "account": f"A-{n % COMPANIES:05d}",
    }


def lines(stream: str, rows: Iterator[dict[str, object]]) -> Iterator[dict[str, object]]:
    """Return the messages of a stream."""
    yield {"type": "SCHEMA", "stream": stream, "schema": {"properties": COLUMNS}, "key_properties": ["id"]}
    for n, row in enumerate(rows):
        yield {"type": "RECORD", "stream": stream, "record": row}
        if n % 1000 == 999:
            yield {"type": "STATE", "value": {stream: n + 1}}
    yield {"type": "STATE", "value": {stream: "whole"}}


def write_lines(file: Path, *streams: Iterator[dict[str, object]]) -> Path:
    """Write messages to a file."""
    encode = msgspec.json.Encoder().encode
    with file.open("wb") as out:
        for stream in streams:
            out.writelines(encode(line) + b"\n" for line in stream)
    return file


@contextmanager
def workspace() -> Iterator[Sandbox]:
    """Serve a sandbox whose workspace has the attributes."""
    with served(LATENCY_MS) as sandbox:
        sandbox.intercom.attributes("contact", plan="string", seats="integer")
        yield sandbox


def load(sandbox: Sandbox, given: Path, name: str, links: bool = False) -> Load:
    """Run the target over some lines. The ledger of that name is its own."""
    syncs = {"people": {**PEOPLE, "associate": [LINK]} if links else PEOPLE, "accounts": ACCOUNTS}
    (HOME / f"{name}.yml").write_text(yaml.safe_dump(syncs), "utf-8")
    config = {
        "api_url": sandbox.intercom.url,
        "access_token": sandbox.intercom.token,
        "syncs_file": str(HOME / f"{name}.yml"),
        "ledger_path": str(HOME / f"{name}.db"),
    }
    (HOME / "config.json").write_text(json.dumps(config), "utf-8")
    before, written = sandbox.stats(), len(sandbox.history())
    started = time.monotonic()
    with given.open("rb") as stdin, (HOME / "log").open("ab") as log:
        command = [sys.executable, "-m", "target_intercom.target", "--config", str(HOME / "config.json")]
        subprocess.run(command, stdin=stdin, stdout=subprocess.DEVNULL, stderr=log, check=True, cwd=ROOT)
    seconds = time.monotonic() - started
    return figures(seconds, before, sandbox.stats(), sandbox.history(after=written))


def figures(seconds: float, before: Stats, after: Stats, writes: list[Write]) -> Load:
    """Take one load out of the sandbox's counters and history."""
    moments = sorted(dict({(write.request, write.time) for write in writes}).values())
    refused = after.answers_429 - before.answers_429
    share = steady_share(moments, LIMIT, WINDOW)
    return Load(seconds, requests_between(before, after), refused, share)


def peer(sandbox: Sandbox) -> float:
    """Return the rows per second of the best open peer that installs from a package index: drt-core."""
    rows = [{name: value or "" for name, value in person(n).items()} for n in range(PEER_ROWS)]
    (HOME / "peer.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    given = (sandbox.intercom.url, sandbox.intercom.token, str(HOME / "peer.jsonl"))
    return peer_rows_per_s("peer_intercom.py", *given)


def intercom() -> list[Result]:
    """Measure all of it."""
    shutil.rmtree(HOME, ignore_errors=True)
    HOME.mkdir(parents=True)
    new = write_lines(HOME / "new.jsonl", lines("people", (person(n) for n in range(ROWS))))
    changed = write_lines(HOME / "changed.jsonl", lines("people", (person(n, True) for n in range(ROWS))))
    nothing = write_lines(HOME / "nothing.jsonl", lines("people", iter(())))
    accounts: Iterator[dict[str, object]] = ({"id": f"A-{n:05d}", "name": f"Company {n}"} for n in range(COMPANIES))
    both = write_lines(
        HOME / "both.jsonl", lines("accounts", accounts), lines("people", (person(n) for n in range(ATTACHED)))
    )
    with workspace() as sandbox:
        rows_per_s = peer(sandbox)
    with workspace() as sandbox:
        startup = load(sandbox, nothing, "startup").requests
        first = load(sandbox, new, "plain")
        rows = len(sandbox.intercom.objects())
        second = load(sandbox, changed, "plain")
    with workspace() as sandbox:
        attached = load(sandbox, both, "attached", links=True)
        pairs = sum(bool(each.properties.get("companies")) for each in sandbox.intercom.objects())
    if rows < 0.99 * ROWS or pairs < 0.99 * ATTACHED:
        raise SystemExit(f"{rows} contacts and {pairs} attached arrived: no benchmark; see {HOME / 'log'}")
    with_companies = {
        "companies_and_attached_s": round(attached.seconds, 1),
        "companies_and_attached_requests": attached.requests,
        "companies_and_attached_share_of_limit": attached.share,
    }
    ratio = round(ROWS / first.seconds / rows_per_s, 1)
    new_calls, known_calls = first.writes / rows, second.routes.get("PUT /contacts/{id}", 0) / rows
    return [
        one("intercom_share_of_limit_new", first.share, "of 1,667 requests per 10 s", 0.95, **beside(first)),
        one(
            "intercom_share_of_limit_known", second.share, "of 1,667 requests per 10 s", 0.95, **beside(second),
            **with_companies,
        ),
        one("intercom_write_calls_per_new_contact", round(new_calls, 4), "calls", 1.05),
        one("intercom_write_calls_per_known_contact", round(known_calls, 4), "calls", 1.0),
        one("intercom_startup_calls", startup, "calls", 20),
        one("intercom_ratio_to_best_peer", ratio, "times", None, drt_core_1_2_1_rows_per_s=round(rows_per_s, 2)),
    ]  # fmt: skip


def beside(found: Load) -> dict[str, float]:
    """Return what stands beside a share."""
    return {"seconds": round(found.seconds, 1), "requests": found.requests, "answers_429": found.refused}


def one(name: str, value: float, unit: str, goal: float | None, **more: float) -> Result:
    """Make a figure that was taken once."""
    return median_of(name, [value], unit, goal, ROWS, COMMAND, **more)

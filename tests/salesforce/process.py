"""target-salesforce as a real process against a sandbox: its input, its STATE lines, its last word."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from penstock_sandbox.handle import Sandbox
from tests.hubspot.process import Ended, Line, as_bytes, ended

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "target_salesforce.target"]
CANARY = "zanzibar"
"""in every value of every row, and never to be seen on stdout or stderr"""
EXTERNAL = {"name": "Key__c", "type": "string", "length": 60, "externalId": True, "unique": True}
FIELDS = {"Key__c": "key", "LastName": "last", "Company": "company", "Email": "mail", "NumberOfEmployees": "size"}
SYNCS: Mapping[str, Any] = {"people": {"object": "Lead", "match": "Key__c", "fields": FIELDS, "bulk_above": "never"}}
TEXT = {"type": ["string", "null"]}
SCHEMA = {
    "type": "SCHEMA",
    "stream": "people",
    "key_properties": ["id"],
    "schema": {
        "properties": {
            "id": {"type": "integer"},
            **dict.fromkeys(("key", "last", "company", "mail", "parent", "owner", "sf"), TEXT),
            "size": {"type": ["integer", "null"]},
        }
    },
}


def key(number: int) -> str:
    return f"{CANARY}-{number}"


def record(number: int, last: object = "a", **more: object) -> dict[str, Any]:
    row = {
        "id": number,
        "key": key(number),
        "last": f"{CANARY} {last}",
        "company": f"{CANARY} Ltd",
        "mail": f"p{number}@{CANARY}.example.com",
        **more,
    }
    return {"type": "RECORD", "stream": "people", "record": row}


def records(count: int, last: object = "a", start: int = 0, **more: object) -> list[Line]:
    return [record(n, last, **more) for n in range(start, start + count)]


def removed(number: int) -> dict[str, Any]:
    return {"type": "RECORD", "stream": "people", "record": {"id": number, "_sdc_deleted_at": "2026-10-17T00:00:00Z"}}


def environment(**more: str) -> dict[str, str]:
    """Return an environment without settings of the developer's own."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("TARGET_SALESFORCE", "MELTANO", "COVERAGE"))}
    return {**kept, "PYTHONPATH": os.pathsep.join(str(ROOT / p) for p in (".", "targets")), **more}


def command(folder: Path, settings: Mapping[str, Any], *more: str) -> list[str]:
    file = folder / "config.json"
    file.write_text(json.dumps(settings), "utf-8")
    return [*COMMAND, "--config", str(file), *more]


def settings_for(sandbox: Sandbox, **more: Any) -> dict[str, Any]:
    org = sandbox.salesforce
    found = {
        "login_url": org.url,
        "client_id": org.client_id,
        "client_secret": org.client_secret,
        "refresh_token": org.refresh_token,
        "syncs": SYNCS,
        "ledger_path": "ledger.db",
        **more,
    }
    return {name: value for name, value in found.items() if value is not None}


def sync(**more: Any) -> Mapping[str, Any]:
    """Return the sync of people, with other options."""
    return {"people": {**SYNCS["people"], **more}}


def ran(folder: Path, settings: Mapping[str, Any], lines: Iterable[Line] | bytes, *more: str) -> Ended:
    """Run the target over some input to its end."""
    content = lines if isinstance(lines, bytes) else as_bytes(lines)
    done = subprocess.run(
        command(folder, settings, *more),
        input=content,
        capture_output=True,
        cwd=folder,
        env=environment(),
        timeout=120,
        check=False,
    )
    if more:
        return Ended(done.returncode, [], done.stdout.decode() + done.stderr.decode())
    return ended(done.returncode, done.stdout, done.stderr)


def routes(sandbox: Sandbox, part: str) -> int:
    """Count the requests of a kind that were answered."""
    return sum(n for route, n in sandbox.stats().routes.items() if part in route)


def killed(folder: Path, settings: Mapping[str, Any], lines: Iterable[Line], sandbox: Sandbox, part: str) -> None:
    """Run the target over some input and kill it when a request of that kind has been answered."""
    process = subprocess.Popen(
        command(folder, settings),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=folder,
        env=environment(),
    )
    with process:
        assert process.stdin is not None
        process.stdin.write(as_bytes(lines))
        process.stdin.close()
        ends = time.monotonic() + 60
        while not routes(sandbox, part):
            assert time.monotonic() < ends
        process.kill()


def query(folder: Path, sql: str) -> list[tuple[Any, ...]]:
    """Ask the ledger."""
    with closing(sqlite3.connect(folder / "ledger.db")) as db:
        return db.execute(sql).fetchall()


def rejects(folder: Path) -> dict[int, tuple[str, str | None]]:
    """Return code and field of the rejects in the ledger, by row key."""
    return {json.loads(k)[0]: (code, f) for k, code, f in query(folder, "select row_key, code, field from rejects")}


def stored(sandbox: Sandbox, object_name: str = "Lead") -> dict[str, dict[str, str]]:
    """Return the records by key, and hold that no key has two."""
    found = [(each.properties["Key__c"], each.properties) for each in sandbox.salesforce.objects(object_name)]
    assert len(found) == len(dict(found)), "duplicate: two records for one key"
    return dict(found)


def lasts(sandbox: Sandbox) -> dict[str, str]:
    """Return the last name of every lead by key."""
    return {name: properties["LastName"] for name, properties in stored(sandbox).items()}


def counts(run: Ended) -> dict[str, str]:
    """Return the counters of the run, as its log tells them."""
    [line] = [line for line in run.stderr.splitlines() if "stream people: read" in line]
    parts = line.partition("stream people: ")[2].split(", ")
    found = [part.rpartition(" ") for part in parts]
    return {name: number for name, _, number in found}

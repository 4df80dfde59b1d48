"""target-hubspot as a real process against a sandbox: its input, its STATE lines, its last word."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penstock_sandbox.handle import Sandbox

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "target_hubspot.target"]
CANARY = "zanzibar"
"""in every value of every row, and never to be seen on stdout or stderr"""
SYNCS = {
    "people": {
        "object": "contacts",
        "match": "email",
        "fields": {"email": "mail", "firstname": "first", "lead_score": "score", "signup_date": "signed_up"},
    }
}
SCHEMA = {
    "type": "SCHEMA",
    "stream": "people",
    "key_properties": ["id"],
    "schema": {
        "properties": {
            "id": {"type": "integer"},
            "mail": {"type": ["string", "null"]},
            "first": {"type": ["string", "null"]},
            "score": {"type": ["number", "string", "null"]},
            "signed_up": {"type": ["string", "null"]},
        }
    },
}
Line = bytes | Mapping[str, Any]


@dataclass
class Ended:
    """How a process ended."""

    code: int
    states: list[dict[str, Any]]
    stderr: str

    @property
    def last_line(self) -> str:
        return self.stderr.splitlines()[-1] if self.stderr else ""


def mail(number: int) -> str:
    return f"p{number}@{CANARY}.example.com"


def record(number: int, first: object = "a", **more: object) -> dict[str, Any]:
    row = {"id": number, "mail": mail(number), "first": f"{CANARY} {first}", **more}
    return {"type": "RECORD", "stream": "people", "record": row}


def records(count: int, first: object = "a", start: int = 0) -> list[Line]:
    return [record(n, first) for n in range(start, start + count)]


def state(position: object) -> dict[str, Any]:
    return {"type": "STATE", "value": {"position": position}}


def as_bytes(lines: Iterable[Line]) -> bytes:
    return b"".join((line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n" for line in lines)


def environment(**more: str) -> dict[str, str]:
    """Return an environment without settings of the developer's own."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("TARGET_HUBSPOT", "MELTANO", "COVERAGE"))}
    return {**kept, "PYTHONPATH": os.pathsep.join(str(ROOT / p) for p in (".", "targets")), **more}


def command(folder: Path, settings: Mapping[str, Any]) -> list[str]:
    file = folder / "config.json"
    file.write_text(json.dumps(settings), "utf-8")
    return [*COMMAND, "--config", str(file)]


def settings_for(sandbox: Sandbox, **more: Any) -> dict[str, Any]:
    found = {"token": sandbox.token, "api_url": sandbox.hubspot_url, "syncs": SYNCS, "ledger_path": "ledger.db", **more}
    return {name: value for name, value in found.items() if value is not None}


def ended(code: int, stdout: bytes, stderr: bytes) -> Ended:
    states = [json.loads(line) for line in stdout.splitlines()]
    return Ended(code, states, stderr.decode())


def ran(folder: Path, settings: Mapping[str, Any], lines: Iterable[Line] | bytes) -> Ended:
    """Run the target over some input to its end."""
    content = lines if isinstance(lines, bytes) else as_bytes(lines)
    done = subprocess.run(
        command(folder, settings),
        input=content,
        capture_output=True,
        cwd=folder,
        env=environment(),
        timeout=60,
        check=False,
    )
    return ended(done.returncode, done.stdout, done.stderr)


def started(folder: Path, settings: Mapping[str, Any]) -> subprocess.Popen[bytes]:
    """Start the target with its input held open."""
    return subprocess.Popen(
        command(folder, settings),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=folder,
        env=environment(),
    )


def rejects(folder: Path) -> dict[str, tuple[str, str | None]]:
    """Return code and field of the rejects in the ledger, by row key."""
    db = sqlite3.connect(folder / "ledger.db")
    found = {key: (code, field) for key, code, field in db.execute("select row_key, code, field from rejects")}
    db.close()
    return found


def at_destination(sandbox: Sandbox) -> dict[str, str]:
    """Return the first name of every contact by address, and hold that no address has two contacts."""
    found = [(c.properties["email"], c.properties.get("firstname", "")) for c in sandbox.objects()]
    assert len(found) == len(dict(found)), "duplicate: two objects for one key"
    return dict(found)

"""target-intercom as a real process against a sandbox: its input, its last word, what stands in Intercom afterwards."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from penstock_sandbox.handle import Sandbox
from tests.hubspot.process import ROOT, Ended, Line, as_bytes, ended

Json = dict[str, Any]
COMMAND = [sys.executable, "-m", "target_intercom.target"]
CANARY = "zanzibar"
"""in the values of rows, and never to be seen on stdout or stderr"""
FIELDS = {"external_id": "id", "email": "mail", "name": "name", "plan": "plan"}
PEOPLE = {"people": {"object": "contacts", "match": "external_id", "fields": FIELDS}}


def environment(**more: str) -> dict[str, str]:
    """Return an environment without settings of the developer's own."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("TARGET_INTERCOM", "MELTANO", "COVERAGE"))}
    return {**kept, "PYTHONPATH": os.pathsep.join(str(ROOT / p) for p in (".", "targets")), **more}


def settings_for(sandbox: Sandbox, **more: Any) -> Json:
    intercom = sandbox.intercom
    given = {
        "access_token": intercom.token,
        "api_url": intercom.url,
        "syncs": PEOPLE,
        "ledger_path": "ledger.db",
        **more,
    }
    return {name: value for name, value in given.items() if value is not None}


def command(folder: Path, settings: Mapping[str, Any], *options: str) -> list[str]:
    file = folder / "config.json"
    file.write_text(json.dumps(settings), "utf-8")
    return [*COMMAND, "--config", str(file), *options]


def ran(folder: Path, settings: Mapping[str, Any], lines: Sequence[Line], *options: str) -> Ended:
    """Run the target over some input to its end."""
    done = subprocess.run(
        command(folder, settings, *options),
        input=as_bytes(lines),
        capture_output=True,
        cwd=folder,
        env=environment(),
        timeout=60,
        check=False,
    )
    return (
        Ended(done.returncode, [], done.stderr.decode() + done.stdout.decode())
        if options
        else ended(done.returncode, done.stdout, done.stderr)
    )


def run(folder: Path, sandbox: Sandbox, lines: Sequence[Line], syncs: Json | None = None, **settings: Any) -> Ended:
    more = settings if syncs is None else {**settings, "syncs": syncs}
    return ran(folder, settings_for(sandbox, **more), lines)


def good(end: Ended) -> Ended:
    assert end.code == 0, end.stderr
    assert CANARY not in end.stderr
    return end


def person(number: int, **more: Any) -> Json:
    return {
        "id": f"u-{number}",
        "mail": f"p{number}@{CANARY}.example.com",
        "name": f"{CANARY} {number}",
        "plan": None,
        **more,
    }


def contacts(sandbox: Sandbox, *names: str, archived: bool = False) -> list[tuple[str, ...]]:
    found = [each.properties for each in sandbox.intercom.objects(archived=archived)]
    return sorted(tuple(each.get(name, "") for name in ("external_id", *names)) for each in found)


def calls(sandbox: Sandbox) -> dict[str, int]:
    return dict(sandbox.stats().routes)

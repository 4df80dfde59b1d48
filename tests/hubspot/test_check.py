"""`--test`: settings, credentials and syncs held against the portal, without a run."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from penstock_sandbox.handle import Sandbox
from tests.hubspot.process import SYNCS, command, environment, settings_for


def check(folder: Path, settings: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*command(folder, settings), "--test"],
        capture_output=True,
        cwd=folder,
        env=environment(),
        timeout=60,
        check=False,
        text=True,
        stdin=subprocess.DEVNULL,
    )


def test_what_is_good_is_told_and_nothing_is_written(tmp_path: Path, sandbox: Sandbox) -> None:
    a_list = {"object": "list:Not there yet", "match": "email", "fields": {"email": "mail"}}
    done = check(tmp_path, settings_for(sandbox, syncs={**SYNCS, "trial": a_list}, create_lists=True))
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    assert said[0] == "target-hubspot: account hubspot:12345678"
    assert "target-hubspot: sync people: contacts by email, 4 fields" in said
    assert any("calls left today" in line for line in said)
    assert done.stderr.splitlines()[-1] == "target-hubspot: exit 0, settings, credentials and syncs are good"
    assert sandbox.stats().applied_writes == 0
    assert sandbox.lists() == {}
    assert not (tmp_path / "ledger.db").exists()


def test_every_mistake_is_told(tmp_path: Path, sandbox: Sandbox) -> None:
    fields = {"email": "mail", "fristname": "first"}
    others = {"object": "deels", "match": "x", "fields": {"x": "x"}}
    wrong = {"people": {**SYNCS["people"], "fields": fields}, "others": others}
    done = check(tmp_path, settings_for(sandbox, syncs=wrong))
    assert done.returncode == 2
    assert "did you mean 'firstname'?" in done.stderr
    assert "did you mean 'deals'?" in done.stderr
    refused = check(tmp_path, settings_for(sandbox, token="sandbox-other"))
    assert refused.returncode == 2
    assert "HubSpot refused it (status 401" in refused.stderr

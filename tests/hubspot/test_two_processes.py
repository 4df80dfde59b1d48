"""Two real processes of one account, over one ledger, against a small limit."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from typing import Any

from penstock_sandbox.handle import Sandbox
from tests.hubspot.process import CANARY, SCHEMA, Line, as_bytes, command, environment, mail, settings_for, state

LIMIT = 12
BATCHES = 10
SYNCS = {
    "people": {"object": "contacts", "match": "email", "fields": {"email": "mail", "firstname": "first"}},
    "scores": {"object": "contacts", "match": "email", "fields": {"email": "mail", "lead_score": "score"}},
}


def rows(stream: str) -> bytes:
    lines: list[Line] = [{**SCHEMA, "stream": stream}]
    for n in range(100 * BATCHES):
        record: dict[str, Any] = {"id": n, "mail": mail(n), "first": f"{CANARY} a", "score": n}
        lines.append({"type": "RECORD", "stream": stream, "record": record})
    return as_bytes([*lines, state(stream)])


def test_two_processes_together_stay_within_the_limit_and_use_it(tmp_path: Path, sandbox: Sandbox) -> None:
    sandbox.configure(hubspot={"per_ten_seconds": LIMIT})
    began = time.monotonic()
    running = []
    for stream in SYNCS:
        (tmp_path / stream).write_bytes(rows(stream))
        with (tmp_path / stream).open("rb") as source:
            running.append(
                subprocess.Popen(
                    command(tmp_path, settings_for(sandbox, syncs=SYNCS)),
                    stdin=source,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    cwd=tmp_path,
                    env=environment(),
                )
            )
    ends = [process.communicate(timeout=120) for process in running]
    took = time.monotonic() - began
    assert [process.returncode for process in running] == [0, 0], [err.decode() for _, err in ends]
    stats = sandbox.stats()
    assert stats.over_quota <= 1
    assert len(sandbox.objects()) == 100 * BATCHES
    assert took <= 10 * stats.requests / LIMIT + 15, "the limit is used"

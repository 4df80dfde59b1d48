"""target-hubspot as a process, and a sandbox as another: what the storms over real processes share."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from penstock_sandbox.handle import Sandbox

ROOT = Path(__file__).resolve().parents[1]
COMMAND = [sys.executable, "-m", "target_hubspot.target"]
SANDBOX = [sys.executable, "-m", "penstock_sandbox.cli", "serve", "--port", "0", "--unlimited"]
SYNCS = {"people": {"object": "contacts", "match": "email", "fields": {"email": "email", "firstname": "name"}}}
FIELDS = {"people": "firstname"}
"""the destination's field of each stream's column `name`"""
LANES = 10
"""requests that target-hubspot has under way at once, at most"""


@contextmanager
def sandbox_process() -> Iterator[Sandbox]:
    """Serve in a process of its own while the block runs."""
    with subprocess.Popen(SANDBOX, stdout=subprocess.PIPE, text=True, env=environment(), cwd=ROOT) as process:
        try:
            assert process.stdout is not None
            yield Sandbox(process.stdout.readline().rsplit(" ", 1)[1].strip())
        finally:
            process.terminate()


def environment() -> dict[str, str]:
    """Return an environment without settings of the developer's own."""
    kept = {name: v for name, v in os.environ.items() if not name.startswith(("TARGET_HUBSPOT", "MELTANO", "COVERAGE"))}
    path = [str(ROOT / part) for part in (".", "targets")]
    return {**kept, "PYTHONPATH": os.pathsep.join(path), "PYTHONDONTWRITEBYTECODE": "1"}


def configure(folder: Path, sandbox: Sandbox) -> list[str]:
    """Write the target's settings, and return its command line. The ledger is `ledger.db` in the folder."""
    settings = {"token": sandbox.token, "api_url": sandbox.hubspot_url, "syncs": SYNCS, "ledger_path": "ledger.db"}
    (folder / "config.json").write_text(json.dumps(settings), "utf-8")
    return [*COMMAND, "--config", str(folder / "config.json")]


def states_in(stdout: bytes) -> list[dict[str, int]]:
    """Return the STATE lines; a last line without its end is none, as for Meltano."""
    return [json.loads(line) for line in stdout.split(b"\n")[:-1]]


def started(
    command: Sequence[str], folder: Path, lines: Sequence[bytes], stdout: int = subprocess.PIPE
) -> subprocess.Popen[bytes]:
    """Start a target over some input, which comes from a file: nobody has to feed it."""
    (folder / "input.jsonl").write_bytes(b"".join(line + b"\n" for line in lines))
    with (folder / "input.jsonl").open("rb") as source:
        return subprocess.Popen(
            command,
            stdin=source,
            stdout=stdout,
            stderr=subprocess.PIPE,
            cwd=folder,
            env=environment(),
        )

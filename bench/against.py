"""What the benchmarks of the targets share: a sandbox in a process of its own, its counters, a peer beside ours."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from bench.plugins import ROOT
from penstock_sandbox.handle import Sandbox, Stats

PEER = ROOT / ".venv-foreign" / "drt" / "bin" / "python"
FIRST = ("Ana", "Björn", "Chloé", "Дмитрий", "Esi", "فرح", "Gōta", "美咲")
LAST = ("Rivera", "Okafor", "Müller", "Nguyễn", "O'Brien", "Silva", "渡辺")


@contextmanager
def served(latency_ms: int = 0, *options: str) -> Iterator[Sandbox]:
    """Serve a sandbox in a process of its own; options are the command's."""
    command = [sys.executable, "-m", "penstock_sandbox.cli", "serve", "--port", "0", "--latency-ms", str(latency_ms)]
    command += options
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        address = re.search(r"http://\S+", process.stdout.readline())
        try:
            if address is None:
                raise SystemExit("the sandbox did not start")
            yield Sandbox(address[0])
        finally:
            process.terminate()


def requests_between(before: Stats, after: Stats) -> dict[str, int]:
    """Return the requests of a load, by route."""
    routes = {name: count - before.routes.get(name, 0) for name, count in after.routes.items()}
    return {name: count for name, count in routes.items() if count}


def steady_share(moments: Sequence[float], limit: int, window: float) -> float:
    """Return which part of a limit requests have used from the second to the last full window; 0 for a short load."""
    full = int((moments[-1] - moments[0]) // window) if moments else 0
    steady = [m for m in moments if window <= m - moments[0] < full * window]
    return round(len(steady) / (limit * (full - 1)) if full > 1 else 0.0, 4)


def peer_rows_per_s(script: str, *arguments: str, secrets: Mapping[str, str] | None = None) -> float:
    """Return the rows per second of the best open peer that installs from a package index: drt-core."""
    if not PEER.exists():
        raise SystemExit("drt-core is not installed: run `make .venv-foreign/drt/ready`")
    command = [str(PEER), str(ROOT / "bench" / script), *arguments]
    environment = os.environ | dict(secrets or {})
    told = json.loads(subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout)
    return float(told["delivered"]) / float(told["seconds"])

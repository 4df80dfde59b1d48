"""A local server that speaks BigQuery's protocol, for the tests: bqemulator, in a process of its own.

It needs an environment of its own as well, `.venv-bigquery`, because it pins a version of what the tests use. It ends
with us, however we end, because its input does. It verifies no credentials and knows no roles.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ENVIRONMENT = Path(__file__).resolve().parents[1] / ".venv-bigquery"
SERVE = r"""
import os, sys, threading

told = os.dup(1)
os.dup2(2, 1)  # it logs to stdout, where nobody reads on

from bqemulator.cli import main
from bqemulator.scripting.interpreter import ScriptInterpreter
from bqemulator.server import EmulatorServer
from bqemulator.storage.engine import DuckDBEngine

DuckDBEngine._load_spatial = lambda self, *args, **kwargs: None  # it would download an extension

# Scripts of BigQuery know @@row_count, the emulator does not: what the last statement has changed.
run_query, scalar = ScriptInterpreter._run_query, ScriptInterpreter._eval_expr_scalar

async def counted(self, sql):
    table = await run_query(self, sql)
    self.row_count = table.column(0)[0].as_py() if table is not None and table.num_rows == 1 else 0
    return table

async def evaluated(self, text):
    return await scalar(self, text.replace("@@row_count", str(getattr(self, "row_count", 0))))

ScriptInterpreter._run_query, ScriptInterpreter._eval_expr_scalar = counted, evaluated

begin = EmulatorServer.start

async def begun(self):
    await begin(self)
    os.write(told, f"{self.rest_port} {self.grpc_port}\n".encode())

EmulatorServer.start = begun
def until_nobody_is_there():
    sys.stdin.read()
    os._exit(0)

threading.Thread(target=until_nobody_is_there, daemon=True).start()
main()
"""


@dataclass(frozen=True)
class BQEmulator:
    """A running server, empty at first."""

    rest: int
    grpc: int

    def settings(self, project: str) -> dict[str, object]:
        """Make tap-bigquery's settings for it."""
        return {
            "project": project,
            "api_endpoint": f"http://127.0.0.1:{self.rest}",
            "storage_endpoint": f"127.0.0.1:{self.grpc}",
        }


def installed() -> bool:
    """Tell whether there is such a server."""
    return any(ENVIRONMENT.glob("lib/python*/site-packages/bqemulator"))


@contextmanager
def running() -> Iterator[BQEmulator]:
    """Run a server until the end of the block. Raises OSError with the reason where it does not start."""
    if not installed():
        raise OSError(
            f"bqemulator is not installed: `make {ENVIRONMENT.name}/ready` does that, with Python 3.11 or later."
        )
    options = ["--rest-port", "0", "--grpc-port", "0", "--project", "local", "--log-level", "critical"]
    with subprocess.Popen(
        [str(ENVIRONMENT / "bin" / "python"), "-c", SERVE, "start", *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # a signal to all of us is none to it
        text=True,
        env={**os.environ, "PYTHONWARNINGS": "ignore", "OTEL_SDK_DISABLED": "true"},
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            ports = process.stdout.readline().split()
            if not ports:
                raise OSError("bqemulator does not start.")
            yield BQEmulator(*map(int, ports))
        finally:
            process.stdin.close()

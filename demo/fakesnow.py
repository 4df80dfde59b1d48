"""A local server that speaks Snowflake's protocol, for the demo and the tests: fakesnow, in a process of its own.

It ends with us, however we end, because its input does. It verifies no password and knows no roles.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

SERVE = (
    "import fakesnow, os, sys, warnings\n"
    "warnings.simplefilter('ignore')\n"
    "with fakesnow.server() as server:\n"
    "    print(server['port'], flush=True)\n"
    "    os.dup2(2, 1)\n"
    "    sys.stdin.read()\n"
)
"""It logs every request to stdout, where nobody reads on."""


@dataclass(frozen=True)
class FakeSnow:
    """A running server, empty at first. A database that a connection names comes into being."""

    port: int

    def settings(self, database: str) -> dict[str, object]:
        """Make tap-snowflake's settings for it."""
        return {
            "account": "fakesnow",
            "user": "penstock",
            "password": "any",
            "host": "127.0.0.1",
            "port": self.port,
            "protocol": "http",
            "database": database,
        }


@contextmanager
def running() -> Iterator[FakeSnow]:
    """Run a server until the end of the block. Raises OSError with the reason where it does not start."""
    with subprocess.Popen(
        [sys.executable, "-c", SERVE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # a signal to all of us is none to it
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            port = process.stdout.readline()
            if not port:
                raise OSError("fakesnow does not start. Is it installed? It needs Python 3.11.")
            yield FakeSnow(int(port))
        finally:
            process.stdin.close()

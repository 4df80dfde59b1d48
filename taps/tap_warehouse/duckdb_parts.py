"""DuckDB's settings, its SQL, and what of its errors may be repeated."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from tap_warehouse.dialect import CommonDialect
from tap_warehouse.duckdb_types import text
from tap_warehouse.warehouse import JsonSchema

SIZE = r"^\s*\d+(\.\d+)?\s*([KMGT]i?)?B\s*$"

SETTINGS: dict[str, JsonSchema] = {
    "path": {
        "type": "string",
        "minLength": 1,
        "title": "Database file",
        "description": "The DuckDB file to read. A relative path starts at $MELTANO_PROJECT_ROOT where that is set.",
    },
    "threads": {
        "type": "integer",
        "minimum": 1,
        "default": 1,
        "title": "Threads",
        "description": "Threads of DuckDB. One is fastest while a target keeps another core busy.",
    },
    "memory_limit": {
        "type": "string",
        "pattern": SIZE,
        "default": "1GB",
        "title": "Memory limit",
        "description": "What DuckDB may use before it spills to disk, such as 512MB.",
    },
    "init_sql": {
        "type": "string",
        "secret": True,
        "title": "Initial SQL",
        "description": "Statements to run first, such as LOAD httpfs and CREATE SECRET for object storage.",
    },
    "motherduck_token": {
        "type": "string",
        "secret": True,
        "title": "MotherDuck token",
        "description": "For a path that begins with md:. Needs a DuckDB version that MotherDuck takes.",
    },
    "snapshot_store": {
        "type": "string",
        "enum": ["local", "warehouse"],
        "default": "local",
        "title": "Snapshot store",
        "description": (
            "Where models of change 'snapshot' are remembered: in files of our own below `snapshot_folder`, or in a "
            "schema `penstock` of the database, which must then be open to writing."
        ),
    },
    "snapshot_folder": {
        "type": "string",
        "minLength": 1,
        "default": ".penstock/snapshots",
        "title": "Snapshot folder",
        "description": "Folder of the local snapshot store. Losing it costs a full read, and nothing else.",
    },
    "gate": {
        "type": "boolean",
        "default": True,
        "title": "Gate",
        "description": "Look first whether count and hashes of all rows are as they were, in a tenth of the time.",
    },
}


@dataclass(frozen=True)
class Settings:
    """The tap's settings, as far as they are DuckDB's."""

    path: str
    threads: int = 1
    memory_limit: str = "1GB"
    init_sql: str = ""
    motherduck_token: str = ""
    snapshot_store: str = "local"
    snapshot_folder: str = ".penstock/snapshots"
    gate: bool = True

    @property
    def is_file(self) -> bool:
        """The path is that of a file, and not `:memory:` or MotherDuck's."""
        return self.path != ":memory:" and not self.path.startswith("md:")


_SHOWN = (duckdb.BinderException, duckdb.CatalogException, duckdb.ParserException, duckdb.IOException)
"""Errors whose text speaks of names and files. That of the others can quote a row, so it is never shown."""


def said(error: BaseException) -> str:
    """Take from a DuckDB error what may be repeated: its text on one line, or only its kind."""
    words = " ".join(str(error).split("\n\nLINE ")[0].split())
    if isinstance(error, _SHOWN):
        return words
    kind = re.match(r"[A-Z][A-Za-z ]*? [Ee]rror", words)
    return f"{kind[0] if kind else type(error).__name__} (its text may quote a row, so it is not repeated here)"


class DuckDialect(CommonDialect):
    """DuckDB's SQL."""

    name = "duckdb"

    def hashed(self, salt: str, values: Sequence[tuple[str, str]]) -> str:
        """Hash the values' texts in a row, each where its end is known, a null as no text at all.

        Numbers, dates and the like end at a comma, which they cannot hold; any other text follows its length. Nested
        values are written as JSON first, because their cast to text leaves quotes out.
        """
        parts = [text(salt)]
        for x, kind in values:
            written = f"cast(to_json({x}) as varchar)" if _is_nested(kind) else f"cast({x} as varchar)"
            parts += [written, "','"] if _WITHOUT_COMMA(kind) else [f"strlen({written})", "':'", written]
        return f"md5_number(concat({', '.join(parts)}))"


_WITHOUT_COMMA = re.compile(
    r"U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|DECIMAL\(\d+,\d+\)|FLOAT|DOUBLE|BOOLEAN|UUID|DATE|"
    r"TIME(STAMP)?( WITH TIME ZONE|_S|_MS|_NS)?"
).fullmatch
"""types whose texts hold no comma, as DuckDB writes their names"""


def _is_nested(kind: str) -> bool:
    return kind.endswith("]") or kind.startswith(("STRUCT", "MAP", "UNION", "VARIANT"))

"""Singer messages that the tests of several targets send."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Json = dict[str, Any]


def stream(name: str, *rows: Mapping[str, Any], version: int | None = None, types: Json | None = None) -> list[Json]:
    """SCHEMA and records of a stream whose key is `id`; complete where it has a version."""
    columns = {column: (types or {}).get(column, {}) for row in rows for column in row}
    lines: list[Json] = [
        {"type": "SCHEMA", "stream": name, "key_properties": ["id"], "schema": {"properties": columns or {"id": {}}}}
    ]
    more = {} if version is None else {"version": version}
    lines += [{"type": "RECORD", "stream": name, "record": row, **more} for row in rows]
    if version is not None:
        lines.append({"type": "ACTIVATE_VERSION", "stream": name, "version": version})
    return lines

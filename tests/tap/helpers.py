"""A DuckDB file, a tap over it, and what the tap said."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from tap_warehouse.duckdb import TapDuckDB

Message = dict[str, Any]


def database(path: Path, *statements: str) -> Path:
    """Write a DuckDB file."""
    with duckdb.connect(str(path)) as connection:
        for statement in statements:
            connection.execute(statement)
    return path


def parsed(raw: bytes) -> list[Message]:
    """Parse complete lines, strictly: no bare NaN, every digit kept."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    assert raw == b"" or raw.endswith(b"\n")
    return [
        json.loads(line, parse_float=Decimal, parse_constant=refuse) for line in raw.decode().split("\n")[:-1] if line
    ]


def emitted(
    path: Path,
    models: dict[str, Any],
    *,
    state: dict[str, Any] | None = None,
    catalog: dict[str, Any] | None = None,
    **config: Any,
) -> list[Message]:
    """Run the tap in this process and return its messages."""
    tap = TapDuckDB(config={"path": str(path), "models": models, **config}, state=state, catalog=catalog)
    out = path.with_suffix(".jsonl")
    tap.output_fd = os.open(out, os.O_CREAT | os.O_TRUNC | os.O_WRONLY)
    try:
        tap.sync_all()
    finally:
        os.close(tap.output_fd)
    return parsed(out.read_bytes())


def records(messages: Sequence[Message], stream: str | None = None) -> list[Message]:
    """Records as they are, of one stream or of all."""
    return [m["record"] for m in messages if m["type"] == "RECORD" and stream in {None, m["stream"]}]


def kinds(messages: Sequence[Message]) -> list[str]:
    """Types in their order."""
    return [m["type"] for m in messages]


def command(tmp_path: Path, config: dict[str, Any], *options: str) -> list[str]:
    """Command line of the tap as a process of its own."""
    file = tmp_path / "config.json"
    file.write_text(json.dumps(config), encoding="utf-8")
    start = "from tap_warehouse.duckdb import TapDuckDB; TapDuckDB.cli()"
    return [sys.executable, "-c", start, "--config", str(file), *options]


def ran(tmp_path: Path, config: dict[str, Any], *options: str) -> subprocess.CompletedProcess[bytes]:
    """Run the tap as a process to its end."""
    return subprocess.run(command(tmp_path, config, *options), capture_output=True, check=False, timeout=60)

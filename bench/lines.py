"""Writes the benchmarks' table as Singer lines: `python -m bench.lines FILE ROWS`, with a STATE every 10,000 rows."""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb
import msgspec

from bench.warehouse import SQL

STATE_EVERY = 10_000
SCHEMA: dict[str, dict[str, object]] = {
    "customer_key": {"type": "string"},
    "email": {"type": ["string", "null"]},
    "first_name": {"type": ["string", "null"]},
    "last_name": {"type": ["string", "null"]},
    "phone": {"type": ["string", "null"]},
    "account_name": {"type": ["string", "null"]},
    "plan": {"type": ["string", "null"]},
    "lead_score": {"type": ["integer", "null"]},
    "monthly_spend": {"type": ["number", "null"]},
    "is_customer": {"type": ["boolean", "null"]},
    "signup_date": {"type": ["string", "null"], "format": "date"},
    "last_seen_at": {"type": ["string", "null"], "format": "date-time"},
}


def write_lines(path: Path, rows: int) -> None:
    """Write SCHEMA, records and STATEs; the value of each STATE is the number of rows before it."""
    encode = msgspec.json.Encoder(decimal_format="number").encode
    connection = duckdb.connect()
    connection.execute(SQL.format(rows=rows))
    cursor = connection.execute(f"select {', '.join(SCHEMA)} from bench_contacts")
    schema = {"properties": SCHEMA, "type": "object"}
    first = {"type": "SCHEMA", "stream": "bench_contacts", "schema": schema, "key_properties": ["customer_key"]}
    written = 0
    with path.open("wb") as file:
        file.write(encode(first) + b"\n")
        while part := cursor.fetchmany(STATE_EVERY):
            for row in part:
                record = dict(zip(SCHEMA, row, strict=True))
                file.write(encode({"type": "RECORD", "stream": "bench_contacts", "record": record}) + b"\n")
            written += len(part)
            file.write(encode({"type": "STATE", "value": {"rows": written}}) + b"\n")
    connection.close()


if __name__ == "__main__":
    write_lines(Path(sys.argv[1]), int(sys.argv[2]))

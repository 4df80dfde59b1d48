"""What tap-postgres costs: full reads of 5,000,000 rows into a null reader, and a stock tap over fewer of them.

The server is PostgreSQL's own, on this machine and its cores, as the readers are: so a row costs its work and ours.
"""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import Any

from bench.plugins import foreign
from bench.results import Result, median_of
from bench.tap import HOME, KEY, ROWS, STOCK_ROWS, tap
from demo.postgres_server import PASSWORD, Server, running

SQL = """
create table {table} as select
  'C-' || lpad(n::text, 8, '0') as customer_key,
  'person.' || n || '@company' || (n % 5000) || '.example.com' as email,
  (array['Ana', 'Björn', 'Chloé', 'Dmitri', 'Esi', 'Farah', 'Gōta', 'Hugo'])[1 + n % 8] as first_name,
  (array['Rivera', 'Okafor', 'Müller', 'Nguyễn', 'O''Brien', 'Silva', 'Yamada'])[1 + n % 7] as last_name,
  '+1 415 555 ' || lpad((n % 10000)::text, 4, '0') as phone,
  'Company ' || (n % 5000) as account_name,
  (array['free', 'starter', 'team', 'business'])[1 + n % 4] as plan,
  (n::bigint * 7919 % 101)::integer as lead_score,
  ((n::bigint * 104729 % 1000000) / 100.0)::numeric(12, 2) as monthly_spend,
  n % 3 = 0 as is_customer,
  date '2020-01-01' + n % 2000 as signup_date,
  timestamp '2026-01-01 00:00:00' + make_interval(secs => n % 20000000) as last_seen_at
from generate_series(0, {rows} - 1) t(n)
"""
"""the rows of `bench.warehouse`"""
COMMAND = "make bench B=postgres"
POSTGRES = "tap_warehouse.postgres:TapPostgres"
SCHEMA = "public"


def postgres() -> list[Result]:
    """Measure it."""
    HOME.mkdir(parents=True, exist_ok=True)
    with running() as server:
        with server.connect(SCHEMA) as connection:
            for table, rows in (("bench_contacts", ROWS), ("few_contacts", STOCK_ROWS)):
                connection.execute(SQL.format(table=table, rows=rows).encode())
                connection.execute(f"alter table {table} add primary key (customer_key)".encode())
                connection.execute(f"vacuum analyze {table}".encode())
        stock = STOCK_ROWS / stock_seconds(server)
        reads = [tap(POSTGRES, settings(server)) for _ in range(3)]
    return [
        median_of(
            "postgres_read_rows_per_s", [round(ROWS / r.seconds) for r in reads], "rows/s", 250_000, ROWS, COMMAND,
            meltanolabs_tap_postgres_rows_per_s=round(stock), peak_mb=round(max(r.peak_mb for r in reads)),
        ),
        median_of(
            "postgres_ratio_to_stock", [round(ROWS / r.seconds / stock, 2) for r in reads], "times", 8, ROWS, COMMAND,
            stock_rows=STOCK_ROWS,
        ),
    ]  # fmt: skip


def settings(server: Server) -> dict[str, Any]:
    """Return the settings of our tap."""
    model = {"table": f"{SCHEMA}.bench_contacts", "primary_key": KEY, "change": "full"}
    login = {"host": str(server.folder), "dbname": "postgres", "user": server.user, "password": PASSWORD}
    return {**login, "models": {"bench_contacts": model}, "check_keys": False}


def stock_seconds(server: Server) -> float:
    """Time MeltanoLabs' tap over its part of the rows, start and discovery of this one table included."""
    config = HOME / "stock-postgres.json"
    url = server.url(SCHEMA).replace("@/postgres?", "@by-its-socket/postgres?")
    given = {"sqlalchemy_url": url, "filter_schemas": [SCHEMA], "dates_as_string": False}
    config.write_text(json.dumps(given), "utf-8")
    executable = str(foreign("tap-postgres"))
    catalog = HOME / "stock-catalog.json"
    found = _run([executable, "--config", str(config), "--discover"])
    streams = [s for s in json.loads(found)["streams"] if s["tap_stream_id"].endswith("few_contacts")]
    for stream in streams:
        for entry in stream["metadata"]:
            entry["metadata"]["selected"] = True
    catalog.write_text(json.dumps({"streams": streams}), "utf-8")
    started = time.monotonic()
    lines = _run([executable, "--config", str(config), "--catalog", str(catalog)]).count(b'"RECORD"')
    seconds = time.monotonic() - started
    if lines != STOCK_ROWS:
        raise SystemExit(f"the stock tap emitted {lines} rows: no benchmark")
    return seconds


def _run(command: list[str]) -> bytes:
    with (Path(HOME) / "log").open("ab") as log:
        return subprocess.run(command, stdout=subprocess.PIPE, stderr=log, check=True).stdout

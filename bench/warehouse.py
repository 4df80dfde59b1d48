"""Makes the benchmarks' table: so many contacts of 12 columns, the same every time."""

from __future__ import annotations

from pathlib import Path

import duckdb

SQL = """
create table bench_contacts as select
  'C-' || lpad(n::varchar, 8, '0') as customer_key,
  'person.' || n || '@company' || (n % 5000) || '.example.com' as email,
  ['Ana', 'Björn', 'Chloé', 'Dmitri', 'Esi', 'Farah', 'Gōta', 'Hugo'][1 + n % 8] as first_name,
  ['Rivera', 'Okafor', 'Müller', 'Nguyễn', 'O''Brien', 'Silva', 'Yamada'][1 + n % 7] as last_name,
  '+1 415 555 ' || lpad((n % 10000)::varchar, 4, '0') as phone,
  'Company ' || (n % 5000) as account_name,
  ['free', 'starter', 'team', 'business'][1 + n % 4] as plan,
  (n * 7919 % 101)::integer as lead_score,
  ((n * 104729 % 1000000) / 100)::decimal(12, 2) as monthly_spend,
  n % 3 = 0 as is_customer,
  date '2020-01-01' + (n % 2000)::integer as signup_date,
  timestamp '2026-01-01 00:00:00' + to_seconds(n % 20000000) as last_seen_at
from range({rows}) t(n)
"""


def make_warehouse(path: Path, rows: int) -> None:
    """Write the table into a new DuckDB file."""
    path.unlink(missing_ok=True)
    connection = duckdb.connect(str(path))
    connection.execute(SQL.format(rows=rows))
    connection.close()

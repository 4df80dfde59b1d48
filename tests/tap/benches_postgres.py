"""PostgreSQL for `benches`."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg

from demo.postgres_server import Server
from tap_warehouse.local import LocalStore
from tap_warehouse.postgres import Postgres
from tap_warehouse.postgres_session import parameters
from tap_warehouse.warehouse import Warehouse
from tests.tap.benches import Bench, store_sql, stored_in


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


class LocalPostgresBench(PostgresBench):
    """The same, but its snapshots lie in DuckDB files and the tap may only read."""

    def __init__(self, server: Server, folder: Path) -> None:
        super().__init__(server)
        self._folder = folder

    def open(self) -> Warehouse:
        given = {**parameters(self.login()), "options": "-c default_transaction_read_only=on"}
        return LocalStore(Postgres(given, gate=self.gate, keeps=False), str(self._folder))

    def stored(self) -> list[str]:
        assert not super().stored()
        return stored_in(self._folder)

    def store_sql(self, *statements: str) -> list[Sequence[Any]]:
        return store_sql(*statements)

"""The bench of tap-snowflake: fakesnow, which speaks the protocol of Snowflake's own driver."""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from snowflake.connector.errors import ProgrammingError

from demo.fakesnow import FakeSnow
from tap_warehouse.local import LocalStore
from tap_warehouse.snowflake import Settings, Snowflake, TapSnowflake
from tap_warehouse.snowflake_session import Session, opened
from tap_warehouse.tap import rooted
from tap_warehouse.warehouse import Warehouse
from tests.tap.benches import Bench, store_sql, stored_in

SECRET = "hunter2-very-secret"


class SnowBench(Bench):
    """A database of its own in the server."""

    def __init__(self, server: FakeSnow, request: pytest.FixtureRequest) -> None:
        super().__init__()
        self.database = f"D{secrets.token_hex(6)}".upper()
        self.config: dict[str, Any] = {
            **server.settings(self.database),
            "schema": "MARTS",
            "gate": False,
            "costs": False,
            "query_tag": "tests",
            "login_timeout": 60,
            "network_timeout": 60,
        }
        self._session = Session(opened(self.config, rooted))
        request.addfinalizer(lambda: self._session.close(logging.getLogger("bench"), None))

    def open(self) -> Warehouse:
        return Snowflake(
            Session(opened(self.config, rooted)), Settings(gate=False, costs=False), logging.getLogger("tap")
        )

    def tap(self, **config: Any) -> TapSnowflake:
        """The tap as its command line makes it."""
        return TapSnowflake(config={**self.config, **config})

    def sql(self, *statements: str) -> list[Sequence[Any]]:
        rows: list[Sequence[Any]] = []
        for statement in statements:
            rows = [tuple(row) for row in self._session.tried(statement).fetchall()]
        return rows

    def stored(self) -> list[str]:
        rows = self.sql(
            f"select table_name from {self.database}.information_schema.tables where table_schema = 'PENSTOCK'"
        )
        return [f'PENSTOCK."{name}"' for (name,) in rows]

    def literal(self, value: object) -> str:
        return Snowflake.dialect.text(value) if isinstance(value, str) else super().literal(value)


class LocalSnowBench(SnowBench):
    """The same, but its snapshots lie in DuckDB files."""

    def __init__(self, server: FakeSnow, request: pytest.FixtureRequest, folder: Path) -> None:
        super().__init__(server, request)
        self._folder = folder

    def open(self) -> Warehouse:
        return LocalStore(super().open(), str(self._folder))

    def stored(self) -> list[str]:
        assert not super().stored()
        return stored_in(self._folder)

    def store_sql(self, *statements: str) -> list[Sequence[Any]]:
        return store_sql(*statements)


class Recorded(Session):
    """Takes statements down and answers them all with the same."""

    database, schema, warehouse = "DB", "MARTS", None

    def __init__(self, refuses: str = "", rows: int = 1) -> None:
        self.ran_: list[str] = []
        self.refuses = refuses
        self.rows = rows

    def tried(self, statement: str) -> Any:
        self.ran_.append(statement)
        if self.refuses and self.refuses in statement:
            raise ProgrammingError("SQL access control error:\nInsufficient privileges", errno=3001, sqlstate="42501")

        class Answer:
            rowcount = self.rows
            description = ()

        return Answer()

    def rolled_back(self) -> None:
        self.ran_.append("rollback")


def plainly(value: Any) -> Any:
    """Digits as text, so that they can be compared."""
    return json.loads(json.dumps(value, default=lambda number: format(number, "f")))

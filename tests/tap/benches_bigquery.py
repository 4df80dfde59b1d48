"""The bench of tap-bigquery: bqemulator, which speaks the protocols of Google's own clients."""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import pytest
from google.cloud.bigquery import TableReference

from demo.bqemulator import BQEmulator
from tap_warehouse.bigquery import BigQuery, TapBigQuery
from tap_warehouse.bigquery_login import Settings, clients
from tap_warehouse.bigquery_session import Answer, Options, Session
from tap_warehouse.models import Table
from tap_warehouse.tap import rooted
from tap_warehouse.warehouse import Warehouse
from tests.tap.benches import Bench

PROJECT = "local"
SECRET = "hunter2-very-secret"


class Emulated(Session):
    """The emulator runs a query to check it, and then its rows can make it fail."""

    def checked(self, statement: str) -> Any:
        return super().checked(f"{statement} limit 0")


class Stored(Emulated):
    """The emulator keeps no table of an answer. This makes one, for the Storage Read API."""

    results = ""

    def result_table(self, answer: Answer, statement: str) -> Any:
        name = f"{self.results}.r{secrets.token_hex(6)}"
        self.ran(f"create table {name} as {statement}")
        return TableReference.from_string(name, default_project=self.project)


class BigBench(Bench):
    """Two datasets of its own in the server."""

    types: ClassVar[Mapping[str, str]] = {
        "int": "int64",
        "text": "string",
        "decimal": "numeric(12, 2)",
        "long": "int64",
    }

    def __init__(self, server: BQEmulator, request: pytest.FixtureRequest) -> None:
        super().__init__()
        unique = secrets.token_hex(6)
        self.dataset, self.snapshots = f"m{unique}", f"s{unique}"
        self.config: dict[str, Any] = {
            **server.settings(PROJECT),
            "dataset": self.dataset,
            "snapshot_dataset": self.snapshots,
            "gate": False,
            "costs": False,
        }
        self._session = self.session()
        request.addfinalizer(lambda: self._session.close(costs=False))
        self._session.client.create_dataset(self.dataset)

    def session(self, kind: type[Session] = Emulated, **options: Any) -> Session:
        """Open one."""
        return kind(clients(self.config, rooted), Options(self.dataset, **options), logging.getLogger("tap"))

    def warehouse(self, session: Session, *, gate: bool = False) -> BigQuery:
        """Make the warehouse over a session."""
        return BigQuery(session, Settings("", self.snapshots, gate, costs=False), logging.getLogger("tap"))

    def open(self) -> Warehouse:
        return self.warehouse(self.session())

    def tap(self, **config: Any) -> TapBigQuery:
        """The tap as its command line makes it."""
        return TapBigQuery(config={**self.config, **config})

    def sql(self, *statements: str) -> list[Sequence[Any]]:
        rows: list[Sequence[Any]] = []
        for statement in statements:
            rows = [tuple(row.values()) for row in self._session.tried(statement).result]
        return rows

    def stored(self) -> list[str]:
        tables = self._session.client.list_tables(self.snapshots)
        return [f"{self.snapshots}.{table.table_id}" for table in tables]

    def source(self, table: str) -> Table:
        return Table((self.dataset, table))

    def name(self, table: str) -> str:
        return f"{self.dataset}.{table}"

    def literal(self, value: object) -> str:
        return BigQuery.dialect.text(value) if isinstance(value, str) else super().literal(value)


def plainly(value: Any) -> Any:
    """Digits as text, so that they can be compared."""
    return json.loads(json.dumps(value, default=lambda number: format(number, "f")))

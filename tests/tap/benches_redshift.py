"""Redshift for `benches`. Needs its driver."""

from __future__ import annotations

from typing import Any, ClassVar

from demo.postgres_server import Server
from tap_warehouse.redshift import Redshift
from tap_warehouse.redshift_session import parameters
from tap_warehouse.warehouse import Warehouse
from tests.tap import redshift_proxy
from tests.tap.benches_postgres import PostgresBench


class RedshiftBench(PostgresBench):
    """Redshift's driver and our SQL for it, before PostgreSQL."""

    types: ClassVar = {**PostgresBench.types, "text": "varchar(500)"}

    def __init__(self, server: Server, port: int) -> None:
        super().__init__(server)
        redshift_proxy.let_in(server)
        self._port = port

    def config(self) -> dict[str, Any]:
        """Settings of the tap."""
        login = {"user": redshift_proxy.USER, "password": redshift_proxy.PASSWORD}
        return {"host": "127.0.0.1", "port": self._port, "ssl": False, "database": self.database, **login}

    def open(self) -> Warehouse:
        return Redshift(parameters(self.config()), fetch_rows=7)

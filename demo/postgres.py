"""The demo's model in a PostgreSQL server of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from demo.postgres_server import running
from demo.warehouses import Built, Source

DATABASE = "warehouse"
"""dbt's name of it"""
TYPES = {"HUGEINT": "numeric(38,0)", "DOUBLE": "double precision"}
"""DuckDB's names that PostgreSQL does not know"""


@contextmanager
def serving() -> Iterator[Source]:
    """Run a server, empty. Raises OSError with the reason where none can run here."""
    with running() as server:
        settings = {**server.login, "dbname": DATABASE}
        with psycopg.connect(make_conninfo(**server.login), autocommit=True) as connection:
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(DATABASE)))
        environment = {f"TAP_POSTGRES_{name.upper()}": each for name, each in settings.items()}
        told = "PostgreSQL runs in a folder of its own, without a port; what dbt builds is copied into it."
        yield Source("tap-postgres", told, environment, lambda model: copied(settings, model))


def copied(settings: Mapping[str, str], model: Built) -> None:
    """Make the table anew, as dbt would, under the name that it has in dbt's manifest."""
    table = sql.Identifier(model.schema, model.name)
    columns = (
        sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(TYPES.get(kind, kind))) for name, kind in model.columns
    )
    with psycopg.connect(make_conninfo(**settings)) as connection, connection.cursor() as cursor:
        cursor.execute(sql.SQL("create schema if not exists {}").format(sql.Identifier(model.schema)))
        cursor.execute(sql.SQL("drop table if exists {}").format(table))
        cursor.execute(sql.SQL("create table {} ({})").format(table, sql.SQL(", ").join(columns)))
        with cursor.copy(sql.SQL("copy {} from stdin").format(table)) as copy:
            for row in model.rows:
                copy.write_row(row)

"""The demo's model in a local server that speaks Snowflake's protocol."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager

from demo.fakesnow import FakeSnow, running
from demo.warehouses import Built, Source

DATABASE = "WAREHOUSE"
PIECE = 500
"""rows in one INSERT"""
TYPES = {
    "BIGINT": "number(38,0)",
    "INTEGER": "number(38,0)",
    "SMALLINT": "number(38,0)",
    "HUGEINT": "number(38,0)",
    "DOUBLE": "float",
    "BOOLEAN": "boolean",
    "DATE": "date",
    "TIMESTAMP": "timestamp_ntz",
    "TIMESTAMP WITH TIME ZONE": "timestamp_tz",
}


@contextmanager
def serving() -> Iterator[Source]:
    """Run fakesnow, empty."""
    with running() as server:
        environment = {f"TAP_SNOWFLAKE_{name.upper()}": str(each) for name, each in server.settings(DATABASE).items()}
        told = f"fakesnow speaks Snowflake's protocol on 127.0.0.1:{server.port}; what dbt builds is copied into it."
        yield Source("tap-snowflake", told, environment, lambda model: copied(server, model))


def copied(server: FakeSnow, model: Built) -> None:
    """Make the table anew, as dbt would, under the name that it has in dbt's manifest. Names fold to upper case."""
    from snowflake.connector import connect  # noqa: PLC0415 with another warehouse it need not be installed

    with closing(connect(**server.settings(model.database), network_timeout=60)) as connection:
        cursor = connection.cursor()
        columns = ", ".join(f"{name} {_type(kind)}" for name, kind in model.columns)
        cursor.execute(f"create schema if not exists {model.schema}")
        cursor.execute(f"create or replace table {model.schema}.{model.name} ({columns})")
        marks = ", ".join(["%s"] * len(model.columns))
        for at in range(0, len(model.rows), PIECE):
            cursor.executemany(
                f"insert into {model.schema}.{model.name} values ({marks})",  # noqa: S608 dbt's own names
                model.rows[at : at + PIECE],
            )


def _type(kind: str) -> str:
    decimal = re.fullmatch(r"DECIMAL\((\d+),(\d+)\)", kind)
    return f"number({decimal[1]},{decimal[2]})" if decimal else TYPES.get(kind, "varchar")

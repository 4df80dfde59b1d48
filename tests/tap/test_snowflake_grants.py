"""Snowflake: what is not granted, errors, the gate, what a session costs."""

from __future__ import annotations

import logging
import threading
from typing import Any

import pytest
from snowflake.connector.errors import Error, ProgrammingError

from demo.fakesnow import FakeSnow
from tap_warehouse.errors import ConfigurationError, ReadFault
from tap_warehouse.messages import record_frame
from tap_warehouse.models import Model, Query, Table
from tap_warehouse.snowflake import Settings, Snowflake
from tap_warehouse.snowflake_grants import StateSchema
from tap_warehouse.snowflake_session import Session, opened, said
from tap_warehouse.tap import rooted
from tap_warehouse.warehouse import Column, Read
from tests.tap.benches_snowflake import SECRET, Recorded, SnowBench


@pytest.fixture
def bench(fakesnow: FakeSnow, request: pytest.FixtureRequest) -> SnowBench:
    return SnowBench(fakesnow, request)


# Grants


class Granted(Recorded):
    """A role that sees some databases and schemas, and may not do some things."""

    def __init__(self, seen: str, refuses: str) -> None:
        super().__init__(refuses)
        self.seen = seen.split()

    def tried(self, statement: str) -> Any:
        super().tried(statement)

        class Name:
            name = "name"

        class Answer:
            description = (Name,)
            rowcount = 1
            seen = self.seen

            def fetchall(self) -> list[tuple[str]]:
                return [("R",)] if "current_role" in statement else [(name,) for name in self.seen]

        return Answer()

    def columns(self, relation: str) -> Any:
        raise ProgrammingError("Object does not exist or not authorized", errno=2003, sqlstate="02000")


SELECTS = [
    f'GRANT SELECT ON {which} {kind} IN SCHEMA "DB"."MARTS" TO ROLE "R";'
    for kind in ("TABLES", "VIEWS")
    for which in ("ALL", "FUTURE")
]


@pytest.mark.parametrize(
    ("parts", "seen", "expected"),
    [
        (("marts", "t"), "DB MARTS", SELECTS),
        (("db", "marts", "t"), "DB", ['GRANT USAGE ON SCHEMA "DB"."MARTS" TO ROLE "R";', *SELECTS]),
        (
            ("marts", "t"),
            "",
            ['GRANT USAGE ON DATABASE "DB" TO ROLE "R";', 'GRANT USAGE ON SCHEMA "DB"."MARTS" TO ROLE "R";', *SELECTS],
        ),
        (("t",), "DB MARTS", SELECTS),
    ],
)
def test_what_is_missing_to_read(parts: tuple[str, ...], seen: str, expected: list[str]) -> None:
    warehouse = Snowflake(Granted(seen, "nothing"), Settings(), logging.getLogger("test"))
    assert warehouse.missing_grants([Model("m", Table(parts), ("id",))]) == expected


def test_a_virtual_warehouse_that_the_session_did_not_get_is_not_granted() -> None:
    warehouse = Snowflake(Granted("DB", "nothing"), Settings(warehouse="wh"), logging.getLogger("test"))
    assert warehouse.missing_grants([]) == ['GRANT USAGE ON WAREHOUSE "WH" TO ROLE "R";']


@pytest.mark.parametrize(
    ("seen", "refuses", "expected"),
    [
        ("DB PENSTOCK", "create transient table", ['GRANT USAGE, CREATE TABLE ON SCHEMA "DB"."PENSTOCK" TO ROLE "R";']),
        ("DB", "create transient schema", ['GRANT CREATE SCHEMA ON DATABASE "DB" TO ROLE "R";']),
        ("", "nothing", ['GRANT USAGE ON DATABASE "DB" TO ROLE "R";']),
        ("DB PENSTOCK", "nothing", []),
    ],
)
def test_what_is_missing_to_remember(seen: str, refuses: str, expected: list[str]) -> None:
    session = Granted(seen, refuses)
    assert StateSchema(session, "", "penstock").missing('"R"') == expected


def test_a_probe_leaves_nothing_and_a_new_schema_does_not_become_the_current_one(bench: SnowBench) -> None:
    bench.table("t", {"id": "int"}, [(1,)])
    with bench.opened() as warehouse:
        assert warehouse.missing_grants([bench.model("t")]) == []
        assert warehouse.rows("select count(*) from t") == [(1,)]
    assert bench.stored() == []
    schemas = bench.sql(f"select schema_name from {bench.database}.information_schema.schemata")
    assert ("PENSTOCK",) not in schemas


def test_a_schema_that_cannot_be_made_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r'"DB"\."PENSTOCK" is not there and cannot be made'):
        StateSchema(Granted("DB", "create transient schema"), "", "penstock").made()


def test_snapshots_can_lie_in_another_database(bench: SnowBench, fakesnow: FakeSnow) -> None:
    other = f"{bench.database}_STATE"
    bench.sql(f"create database {other}")
    bench.sql(f"use schema {bench.database}.MARTS")
    bench.table("t", {"id": "int"}, [(1,)])
    warehouse = Snowflake(
        Session(opened(bench.config, rooted)),
        Settings(other, "memory", gate=False, costs=False),
        logging.getLogger("t"),
    )
    try:
        assert warehouse.state_schema("x") == f'"{other}"."MEMORY"'
        assert warehouse.rows("select count(*) from t") == [(1,)]
    finally:
        warehouse.close()


# Errors, the gate, the end of a session


def test_only_errors_about_names_are_repeated() -> None:
    assert SECRET not in said(ProgrammingError(f"Numeric value '{SECRET}' is not recognized", 100038, "22018"))
    assert SECRET not in said(Error(f"sql_text='{SECRET}'", 261000))
    refused = ProgrammingError("SQL compilation error:\ninvalid identifier 'NOSUCH'", 904, "42000")
    assert said(refused) == "000904 (42000): SQL compilation error: invalid identifier 'NOSUCH'"


class Changed(Granted):
    """Knows when a table was changed."""

    def __init__(self, kind: str, **told: str) -> None:
        super().__init__("", "nothing")
        self.told = {"name": "T_1", "kind": kind, **told}

    def tried(self, statement: str) -> Any:
        Recorded.tried(self, statement)
        told = self.told if statement.startswith("show") else {"token": "1700000000000000000", "role": "R"}

        class Answer:
            description = tuple(type("Name", (), {"name": name}) for name in told)

            def fetchall(self) -> list[tuple[str, ...]]:
                return [tuple(told.values())]

        return Answer()

    def columns(self, relation: str) -> Any:
        self.ran_.append(relation)
        return []


@pytest.mark.parametrize(
    ("told", "where", "token"),
    [
        ({"kind": "TABLE", "is_dynamic": "N"}, None, "1700000000000000000:R"),
        ({"kind": "TRANSIENT"}, None, "1700000000000000000:R"),
        ({"kind": "TABLE", "is_dynamic": "Y"}, None, None),
        ({"kind": "TABLE", "is_external": "Y"}, None, None),
        ({"kind": "TABLE", "name": "TX1"}, None, None),
        ({"kind": "TABLE"}, "seen > current_date - 30", None),
    ],
)
def test_the_gate_is_for_plain_tables(told: dict[str, str], where: str | None, token: str | None) -> None:
    session = Changed(**told)
    warehouse = Snowflake(session, Settings(), logging.getLogger("test"))
    model = Model("m", Table(("marts", "t_1")), ("id",), where=where)
    warehouse.describe(model)
    assert warehouse.gate(model) == token
    if token:
        assert session.ran_[-2:] == [
            "show tables like 'T_1' in schema \"MARTS\"",
            'select to_varchar(system$last_change_commit_time(\'"MARTS"."T_1"\')), current_role()',
        ]
    query = Model("q", Query("select 1 as id", "sql"), ("id",))
    warehouse.describe(query)
    assert warehouse.gate(query) is None


def test_where_there_is_no_gate_all_is_compared(bench: SnowBench) -> None:
    bench.table("t", {"id": "int"}, [(1,)])
    with_gate = Snowflake(Session(opened(bench.config, rooted)), Settings(costs=False), logging.getLogger("test"))
    try:
        with_gate.describe(bench.model("t"))
        assert with_gate.gate(bench.model("t")) is None
    finally:
        with_gate.close()


def test_costs_are_told_where_snowflake_tells(bench: SnowBench, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "test"):
        warehouse = Snowflake(Session(opened(bench.config, rooted)), Settings(), logging.getLogger("test"))
        warehouse.rows("select 1")
        warehouse.close()
    assert "Snowflake: 1 statements" in caplog.text


def test_an_interrupted_session_runs_no_more_statements(bench: SnowBench) -> None:
    bench.table("t", {"id": "int"}, [(1,)])
    with bench.opened() as warehouse:
        column = Column("id", {}, "NUMBER(38,0)")
        reading = warehouse.read(Read("t", ((column, "m.id"),)), record_frame("t", None, ""))
        thread = threading.Thread(target=warehouse.interrupt)
        thread.start()
        thread.join()
        with pytest.raises(ReadFault, match="interrupted"):
            next(reading)

"""tap-snowflake before fakesnow: its types, names and errors. Change detection is in `test_snapshot_cycle`.

Passwords, roles, the gate and costs are not fakesnow's: what depends on them is looked at as text.
"""

from __future__ import annotations

import json
import logging
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import sqlglot
from snowflake.connector.cursor import ResultMetadata

from demo.fakesnow import FakeSnow
from tap_warehouse.errors import ConfigurationError, ReadFault
from tap_warehouse.models import Model, Query, Table
from tap_warehouse.snowflake import Settings, Snowflake, TapSnowflake
from tap_warehouse.snowflake_session import Session
from tap_warehouse.snowflake_sql import SnowflakeDialect, identifier, one_query, read_as
from tap_warehouse.warehouse import Column
from tests.tap import golden
from tests.tap.benches import failed
from tests.tap.benches_snowflake import SECRET, Recorded, SnowBench, plainly
from tests.tap.helpers import kinds, parsed, records

START = "from tap_warehouse.snowflake import TapSnowflake; TapSnowflake.cli()"


@pytest.fixture
def bench(fakesnow: FakeSnow, request: pytest.FixtureRequest) -> SnowBench:
    return SnowBench(fakesnow, request)


# Names


def test_names_are_in_lower_case_unless_quoted(bench: SnowBench) -> None:
    bench.sql('create table "Odd Table" (ID int, Name varchar, "Mixed" int)')
    bench.sql("""insert into "Odd Table" values (1, 'a', 2)""")
    [record] = records(bench.run(Model("m", Table(("Odd Table",)), ("id",))))
    assert record == {"id": 1, "name": "a", "Mixed": 2}
    chosen = Model("m", Table((bench.database.lower(), "marts", "Odd Table")), ("id",), columns=("id", "Mixed"))
    assert records(bench.run(chosen)) == [{"id": 1, "Mixed": 2}]


@pytest.mark.parametrize("parts", [("t",), ("T",), ("marts", "t"), ("MARTS", "T"), ("Marts", "t")])
def test_case_does_not_matter_in_names_of_tables(bench: SnowBench, parts: tuple[str, ...]) -> None:
    bench.table("t", {"id": "int"}, [(1,)])
    assert records(bench.run(Model("m", Table(parts), ("id",), columns=("ID",)))) == [{"id": 1}]


def test_a_name_that_is_upper_and_lower_case_is_what_snowflake_takes_it_for(bench: SnowBench) -> None:
    bench.sql("create table t (id int)", "insert into t values (1)")
    bench.sql("create view v as select id from t")
    assert records(bench.run(Model("m", Table(("v",)), ("id",)))) == [{"id": 1}]


@pytest.mark.parametrize(
    ("name", "read"), [("penstock", "PENSTOCK"), ('"penstock"', "penstock"), ("a b", "a b"), ("Ab", "AB"), ('"', '"')]
)
def test_names_of_settings(name: str, read: str) -> None:
    assert identifier(name) == read


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (
            Model("m", Table(("customer",)), ("id",)),
            "there is no table or view 'customer', or the role may not read it",
        ),
        (Model("m", Table(("gone", "t")), ("id",)), "there is no table or view 'gone.t'"),
        (Model("m", Table(("customers",)), ("ID",)), "primary_key 'ID' is not a column of it. Did you mean 'id'?"),
        (Model("m", Table(("customers",)), ("id",), columns=("id", "emial")), "'emial' is not a column of it. Did you"),
        (Model("m", Table(("customers",)), ("id",), where="nosuch = 1"), "where is refused"),
        (Model("m", Query("select nosuch from customers", "sql"), ("id",)), "sql is refused"),
        (Model("m", Query("selec 1", "sql"), ("id",)), "sql is refused"),
        (Model("m", Query("select 1 as id; select 2 as id", "sql"), ("id",)), "must be exactly one SELECT statement"),
        (Model("m", Query("-- nothing;", "sql"), ("id",)), "must be exactly one SELECT statement"),
    ],
)
def test_models_that_the_warehouse_refuses(bench: SnowBench, model: Model, expected: str) -> None:
    bench.sql("create table customers (id int, email varchar)")
    assert expected in str(failed(bench, ConfigurationError, model))


class Described(Session):
    """Knows the names of columns, and nothing else."""

    database, schema, warehouse = "DB", "MARTS", None

    def __init__(self, *names: str) -> None:
        self._names = names

    def columns(self, relation: str) -> Any:
        return [ResultMetadata(name, 0, None, None, 38, 0, True) for name in self._names]


def test_columns_that_differ_in_case_alone_keep_their_names() -> None:
    warehouse = Snowflake(Described("NAME", "name", "ID"), Settings(), logging.getLogger("test"))
    model = Model("m", Table(("t",)), ("id",))
    assert [column.name for column in warehouse.describe(model)] == ["NAME", "name", "id"]
    assert warehouse.relation(model) == '(select "NAME" as "NAME", "name" as "name", "ID" as "id" from "T")'


def test_columns_with_one_name_are_a_mistake() -> None:
    warehouse = Snowflake(Described("ID", "ID"), Settings(), logging.getLogger("test"))
    with pytest.raises(ConfigurationError, match="has columns with one name: 'ID'"):
        warehouse.describe(Model("m", Query("select 1 as id, 2 as id", "sql"), ("id",)))


def test_a_query_is_taken_as_it_was_written(bench: SnowBench) -> None:
    bench.table("t", {"id": "int", "v": "text"}, [(1, "a;b"), (2, "c")])
    query = "-- ours; really\nselect id, v, 1.50 as amount from t where v = 'a;b' // one\n; -- end\n"
    for change in ("full", "snapshot"):
        messages = bench.run(Model("q", Query(query, "sql"), ("id",), change=change))
        assert plainly(records(messages)) == [{"id": 1, "v": "a;b", "amount": "1.50"}]


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("select 1", "select 1"),
        ("select ';' as a; ", "select ';' as a"),
        ("select 'a\\';' as a;;", "select 'a\\';' as a"),
        ('select 1 as ";" // x;\n', 'select 1 as ";" // x;\n'),
        ("select $$;$$ as a; -- ;", "select $$;$$ as a"),
        ("select 1 /* ; */; /* end */", "select 1 /* ; */"),
        ("select 1; drop table t", None),
        (";", None),
        ("-- select 1", None),
    ],
)
def test_one_query(text: str, query: str | None) -> None:
    assert one_query(text) == query


# Statements


GOLDEN = (
    Column("order id", {}, "NUMBER(38,0)"),
    Column("line", {}, "TEXT"),
    *(
        Column(kind.split("(", maxsplit=1)[0].lower(), {}, kind)
        for kind in ("NUMBER(12,2)", "REAL", "BOOLEAN", "DATE", "TIME(9)", "TIMESTAMP_NTZ(9)", "TIMESTAMP_TZ(9)")
    ),
    *(Column(kind.lower(), {}, kind) for kind in ("BINARY", "VARIANT", "OBJECT", "VECTOR", "GEOGRAPHY", "NEW")),
)


def test_the_statements_are_those_of_the_file() -> None:
    dialect = SnowflakeDialect()
    statements = list(golden.every_statement(dialect, GOLDEN))
    fields = ", ".join(f"{read_as(column, f'm.c{at}')} as f{at}" for at, column in enumerate(GOLDEN))
    since = dialect.literal("2026-01-01T00:00:00.000000+00:00", "TIMESTAMP_TZ(9)")
    statements.append(("read", f'select {fields} from "penstock"."delta_0a1b2c3d4e5f6071" m where m.c8 >= {since}'))
    golden.check("snowflake", statements)


def test_the_file_is_sql() -> None:
    statements = sqlglot.parse((golden.FOLDER / "snowflake.sql").read_text("utf-8"), dialect="snowflake")
    assert len([each for each in statements if each is not None]) > 25
    assert not [each for each in statements if isinstance(each, sqlglot.exp.Command)]


def test_tables_are_made_outside_of_transactions() -> None:
    """Snowflake ends a transaction where a table is made, so it must not look as if it went on."""
    session = Recorded()
    warehouse = Snowflake(session, Settings(), logging.getLogger("test"))
    work = ["delete 1", "drop table x", "create table x", "insert 1", "insert 2"]
    assert warehouse.execute(work, "update claim")
    assert session.ran_ == [
        *("begin", "update claim", "delete 1", "commit"),
        *("drop table x", "create table x"),
        *("begin", "insert 1", "insert 2", "commit"),
    ]


def test_a_claim_that_somebody_else_has_does_nothing() -> None:
    session = Recorded(rows=0)
    assert not Snowflake(session, Settings(), logging.getLogger("test")).execute(["delete 1"], "update claim")
    assert session.ran_ == ["begin", "update claim", "rollback"]


def test_a_failure_rolls_back() -> None:
    session = Recorded(refuses="insert 2")
    warehouse = Snowflake(session, Settings(), logging.getLogger("test"))
    with pytest.raises(ReadFault, match="003001"):
        warehouse.execute(["insert 1", "insert 2"])
    assert session.ran_ == ["begin", "insert 1", "insert 2", "rollback"]


# The process


def started(folder: Path, config: dict[str, Any], *options: str) -> subprocess.Popen[bytes]:
    (folder / "config.json").write_text(json.dumps(config))
    command = [sys.executable, "-c", START, "--config", str(folder / "config.json"), *options]
    return subprocess.Popen(command, bufsize=0, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.fixture
def config(bench: SnowBench) -> dict[str, Any]:
    bench.sql("create table t as select seq4() as id, repeat('x', 300) as x from table(generator(rowcount => 100000))")
    models = {"t": {"table": "t", "primary_key": "id"}}
    return {**bench.config, "password": SECRET, "query_tag": "penstock", "models": models}


def test_a_signal_ends_it_between_two_messages(tmp_path: Path, config: dict[str, Any]) -> None:
    with started(tmp_path, {**config, "check_keys": False}) as tap:
        assert tap.stdout is not None
        first = b"".join(tap.stdout.readline() for _ in range(3))
        tap.send_signal(signal.SIGTERM)
        raw, log = tap.communicate(timeout=60)
    assert tap.returncode == 143, log
    messages = parsed(first + raw)
    assert 0 < len(records(messages)) < 100_000
    assert "ACTIVATE_VERSION" not in kinds(messages)
    assert b"Traceback" not in log
    assert SECRET.encode() not in log


def test_the_test_option_connects_looks_for_grants_and_reads(tmp_path: Path, config: dict[str, Any]) -> None:
    with started(tmp_path, config, "--test") as tap:
        raw, log = tap.communicate(timeout=60)
    assert (tap.returncode, raw) == (0, b""), log
    assert b"t: 2 columns, 1 row read" in log
    config["models"]["gone"] = {"table": "elsewhere.t", "primary_key": "id"}
    with started(tmp_path, config, "--test") as tap:
        raw, log = tap.communicate(timeout=60)
    assert tap.returncode == 2
    assert b"GRANT USAGE ON SCHEMA" in log
    assert b'."ELSEWHERE" TO ROLE' in log


def test_mistakes_in_settings_and_models_come_together() -> None:
    tap = TapSnowflake(config={"account": "a", "user": "u", "models": {"t": {"table": "t"}}})
    with pytest.raises(ConfigurationError) as raised:
        tap.sync_all()
    assert len(raised.value.problems) == 2
    assert "nothing to log in with" in str(raised.value)

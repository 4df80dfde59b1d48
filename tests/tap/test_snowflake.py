"""tap-snowflake before fakesnow: its types, names and errors. Change detection is in `test_snapshot_cycle`.

Passwords, roles, the gate and costs are not fakesnow's: what depends on them is looked at as text.
"""

from __future__ import annotations

import json
import logging
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import sqlglot
from snowflake.connector.cursor import ResultMetadata
from snowflake.connector.errors import Error, ProgrammingError

from demo.fakesnow import FakeSnow
from tap_warehouse.errors import ConfigurationError, ReadFault
from tap_warehouse.messages import record_frame
from tap_warehouse.models import Model, Query, Table
from tap_warehouse.snowflake import Settings, Snowflake, TapSnowflake
from tap_warehouse.snowflake_grants import StateSchema
from tap_warehouse.snowflake_session import Session, opened, said
from tap_warehouse.snowflake_sql import SnowflakeDialect, identifier, json_schema, one_query, read_as, type_name
from tap_warehouse.tap import rooted
from tap_warehouse.warehouse import Column, Read
from tests.tap import golden
from tests.tap.benches import failed, state_of
from tests.tap.benches_snowflake import SnowBench
from tests.tap.helpers import kinds, parsed, records

SECRET = "hunter2-very-secret"
START = "from tap_warehouse.snowflake import TapSnowflake; TapSnowflake.cli()"


@pytest.fixture
def bench(fakesnow: FakeSnow, request: pytest.FixtureRequest) -> SnowBench:
    return SnowBench(fakesnow, request)


# Values

COLUMNS: dict[str, tuple[str, str, Any, dict[str, Any]]] = {
    "i": ("int", "42", 42, {"type": "integer"}),
    "big": ("number(38,0)", "9007199254740993", 9007199254740993, {"type": "integer"}),
    "money": ("number(12,2)", "1.50", "1.50", {"type": "number"}),
    "tiny": ("number(38,20)", "0.00000000000000000001", "0.00000000000000000001", {"type": "number"}),
    "f": ("float", "0.1", "0.1", {"type": "number"}),
    "whole": ("float", "3", "3.0", {"type": "number"}),
    "nan": ("float", "'nan'::float", "NaN", {"type": "number"}),
    "inf": ("float", "'-inf'::float", "-Infinity", {"type": "number"}),
    "b": ("boolean", "true", True, {"type": "boolean"}),
    "s": ("varchar(100)", """'it''s "x" \\\\ ż 🚀\n'""", 'it\'s "x" \\ ż 🚀\n', {"type": "string"}),
    "empty": ("varchar", "''", "", {"type": "string"}),
    "d": ("date", "'2024-01-02'", "2024-01-02", {"type": "string", "format": "date"}),
    "t": ("time", "'03:04:05.6'", "03:04:05.600000", {"type": "string", "format": "time"}),
    "ntz": ("timestamp_ntz", "'2024-01-02 03:04:05.6'", "2024-01-02T03:04:05.600000+00:00", {"format": "date-time"}),
    "ltz": ("timestamp_ltz", "'2024-01-02 03:04:05'", "2024-01-02T03:04:05.000000+00:00", {"format": "date-time"}),
    "tz": ("timestamp_tz", "'2024-01-02T03:04:05+02:00'", "2024-01-02T01:04:05.000000+00:00", {"format": "date-time"}),
    "far": ("timestamp_ntz", "'9999-12-31 23:59:59'", "9999-12-31T23:59:59.000000+00:00", {"format": "date-time"}),
    "bin": ("binary", "to_binary('00ff', 'HEX')", "AP8=", {"contentEncoding": "base64"}),
    "v": ("variant", """parse_json('{"b": 1, "a": [1, 2.5, null]}')""", {"b": 1, "a": [1, "2.5", None]}, {}),
    "o": ("object", "object_construct('k', 'x')", {"k": "x"}, {}),
    "a": ("array", "array_construct(1, 'x')", [1, "x"], {}),
}


@pytest.fixture
def typed(bench: SnowBench) -> SnowBench:
    bench.sql(
        f"create table t (id int, {', '.join(f'{name} {kind}' for name, (kind, *_) in COLUMNS.items())})",
        f"insert into t select 1, {', '.join(value for _, value, *_ in COLUMNS.values())}",
        "insert into t (id) values (2)",
    )
    return bench


def plainly(value: Any) -> Any:
    """Digits as text, so that they can be compared."""
    return json.loads(json.dumps(value, default=lambda number: format(number, "f")))


@pytest.mark.parametrize("change", ["full", "snapshot"])
def test_every_type_arrives_exactly_and_null_as_null(typed: SnowBench, change: str) -> None:
    messages = typed.run(typed.model("t", change=change))
    first, second = (plainly(record) for record in sorted(records(messages), key=lambda record: record["id"]))
    assert second == {"id": 2, **dict.fromkeys(COLUMNS)}
    properties = messages[0]["schema"]["properties"]
    for name, (_, _, expected, schema) in COLUMNS.items():
        assert first[name] == expected, name
        wanted = {key: [value, "null"] if key == "type" else value for key, value in schema.items()}
        assert wanted.items() <= properties[name].items(), name
    assert records(typed.run(typed.model("t", change=change), state=state_of(messages))) == (
        [] if change == "snapshot" else records(messages)
    )


@pytest.mark.parametrize("name", [name for name in COLUMNS if name not in {"nan", "inf"}])
def test_a_change_of_any_type_is_seen(typed: SnowBench, name: str) -> None:
    state = state_of(typed.run(typed.model("t")))
    typed.sql(f"update t set {name} = null where id = 1")
    assert [record["id"] for record in records(typed.run(typed.model("t"), state=state))] == [1]


def test_removed_rows_with_keys_of_any_type(bench: SnowBench) -> None:
    bench.sql(
        "create table t (seen timestamp_ntz, amount number(10,2), s varchar)",
        "insert into t values ('2024-01-02 03:04:05.6', 1.50, 'a')",
    )
    model = bench.model("t", "seen", "amount", "s")
    state = state_of(bench.run(model))
    bench.sql("delete from t where 1 = 1")
    [gone] = plainly(records(bench.run(model, state=state)))
    assert gone.pop("_sdc_deleted_at")
    assert gone == {"seen": "2024-01-02T03:04:05.600000+00:00", "amount": "1.50", "s": "a"}


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("timestamp_ntz", ["2024-01-02 03:04:05.600001", "2024-01-02 03:04:05.600002"]),
        ("timestamp_tz", ["2024-01-02T03:04:05+00:00", "2024-01-02T03:04:05-05:00"]),
        ("date", ["2024-01-02", "2024-01-03"]),
        ("varchar", ["it's \\ one", "two"]),
    ],
)
def test_incremental_by_any_type(bench: SnowBench, kind: str, values: list[str]) -> None:
    bench.sql(f"create table t (id int, seen {kind})")
    for number, value in enumerate(values):
        bench.insert("t", [(number, value)])
    model = bench.model("t", change="incremental", replication_key="seen")
    messages = bench.run(model)
    assert [record["id"] for record in records(messages)] == [0, 1]
    assert [record["id"] for record in records(bench.run(model, state=state_of(messages)))] == [1]


@pytest.mark.parametrize(
    ("family", "precision", "scale", "name", "schema"),
    [
        ("FIXED", 38, 0, "NUMBER(38,0)", {"type": "integer"}),
        ("FIXED", 38, 10, "NUMBER(38,10)", {"type": "number"}),
        ("FIXED", None, None, "NUMBER(38,0)", {"type": "integer"}),
        ("TIMESTAMP_TZ", 0, 3, "TIMESTAMP_TZ(9)", {"type": "string", "format": "date-time"}),
        ("TEXT", None, None, "TEXT", {"type": "string"}),
        ("VECTOR", None, None, "VECTOR", {"type": "array"}),
        ("GEOGRAPHY", None, None, "GEOGRAPHY", {"type": "string"}),
        ("SOMETHING_NEW", None, None, "SOMETHING_NEW", {"type": "string"}),
    ],
)
def test_types_that_fakesnow_lacks_have_a_name_and_a_schema(
    family: str, precision: int | None, scale: int | None, name: str, schema: dict[str, Any]
) -> None:
    assert type_name(family, precision, scale) == name
    assert json_schema(name) == schema
    assert "m.x" in read_as(Column("x", schema, name), "m.x")


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

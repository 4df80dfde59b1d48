"""PostgreSQL: its values, its statements, its settings and what goes wrong with it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from demo.postgres_server import Server, eventually, running
from tap_warehouse.catalog import describe_all
from tap_warehouse.comparing import fields_of
from tap_warehouse.errors import ConfigurationError, ReadFault
from tap_warehouse.messages import record_frame
from tap_warehouse.models import Model, Query, Table
from tap_warehouse.postgres import Postgres, PostgresDialect, TapPostgres
from tap_warehouse.postgres_session import parameters
from tap_warehouse.sqltext import one_query
from tap_warehouse.warehouse import Column, Read
from tests.tap import golden
from tests.tap.benches import state_of
from tests.tap.benches_postgres import PostgresBench
from tests.tap.helpers import kinds, parsed, records

SECRET = "hunter2-very-secret"
START = "from tap_warehouse.postgres import TapPostgres; TapPostgres.cli()"


@pytest.fixture
def bench(postgres: Server) -> PostgresBench:
    return PostgresBench(postgres)


# Statements


def test_the_statements_are_those_of_the_file() -> None:
    columns = (Column("order id", {}, "integer"), Column("line", {}, "text"), Column("amount", {}, "numeric(12,2)"))
    statements = list(golden.every_statement(PostgresDialect(), columns))
    golden.check("postgres", statements)


@pytest.mark.parametrize("name", ["postgres"])
def test_the_files_are_sql(name: str) -> None:
    sqlglot = pytest.importorskip("sqlglot")
    parsed_ones = sqlglot.parse((golden.FOLDER / f"{name}.sql").read_text("utf-8"), dialect=name)
    assert len([each for each in parsed_ones if each is not None]) > 25
    assert not [each for each in parsed_ones if isinstance(each, sqlglot.exp.Command)]


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("select 1", "select 1"),
        ("-- why\nselect ';' as a; -- end\n", "-- why\nselect ';' as a"),
        ("select 1;;  /* a /* b */ ; */ ", "select 1"),
        ("with a as (select 1) select * from a", "with a as (select 1) select * from a"),
        ("(select 1) union (select 2)", "(select 1) union (select 2)"),
        ("values (1)", "values (1)"),
        ("select $a$;$a$, $$;$$, E'\\';', \"a;b\"", "select $a$;$a$, $$;$$, E'\\';', \"a;b\""),
        ("select date'2024-01-01', 'it''s; x'", "select date'2024-01-01', 'it''s; x'"),
        ("select 1; select 2", None),
        ("delete from t", None),
        ("-- nothing", None),
        ("", None),
        ("; select 1", None),
        ("select 1 /* open", "select 1"),
    ],
)
def test_one_query(text: str, query: str | None) -> None:
    assert one_query(text) == query


# The gate


def test_the_gate_saves_the_comparison(bench: PostgresBench, caplog: pytest.LogCaptureFixture) -> None:
    bench.gate = True
    bench.table("t", {"id": "int", "v": "text"}, [(1, "a"), (2, "b")])
    state = state_of(bench.run(bench.model("t")))
    with caplog.at_level("INFO"):
        state = state_of(bench.run(bench.model("t"), state=state))
        assert "nothing has changed" in caplog.text
    bench.sql("update t set v = case id when 1 then 'b' else 'a' end")
    assert len(records(bench.run(bench.model("t"), state=state))) == 2


# Faults


def limited(bench: PostgresBench, *grants: str) -> dict[str, str]:
    """A role that may do nothing but what it is granted: its login."""
    role = bench.database.replace("bench", "role")
    bench.sql(
        f"create role {role} login password '{SECRET}'",
        f"revoke create, temporary on database {bench.database} from public",
        "create schema if not exists marts",
        "create table if not exists marts.t as select 1 as id",
        *(grant.format(role=role) for grant in grants),
    )
    return {**bench.login(), "user": role, "password": SECRET}


def problems_of_test(login: dict[str, str], *models: str, change: str = "full") -> list[str]:
    """What --test complains of."""
    warehouse = Postgres(login)
    try:
        sources = [Table(("marts", name)) if " " not in name else Query(name, "sql") for name in models]
        return warehouse.missing_grants(
            [Model(f"m{at}", source, ("id",), change=change) for at, source in enumerate(sources)]  # type: ignore[arg-type]
        )
    finally:
        warehouse.close()


def test_missing_grants_are_written_out_and_help(bench: PostgresBench) -> None:
    login = limited(bench)
    role = login["user"]
    bench.sql("create view marts.v as select * from marts.t")
    expected = {
        f'grant usage on schema "marts" to "{role}";',
        f'grant select on "marts"."t" to "{role}";',
        f'grant select on "marts"."v" to "{role}";',
        f'create schema "penstock" authorization "{role}";',
    }
    found = problems_of_test(login, "t", "v", change="snapshot")
    assert set(found) == expected
    assert problems_of_test(login, "select * from marts.t") == [f'grant usage on schema "marts" to "{role}";']
    bench.sql(*found)
    assert problems_of_test(login, "t", "v", "select * from marts.t", change="snapshot") == []


def test_a_query_names_the_table_that_it_may_not_read(bench: PostgresBench) -> None:
    login = limited(bench, "grant usage on schema marts to {role}")
    [grant] = problems_of_test(login, "with a as (select * from marts.t) select * from a")
    assert grant == f'grant select on "marts"."t" to "{login["user"]}";'


def test_a_schema_that_somebody_else_owns(bench: PostgresBench) -> None:
    login = limited(bench, "create schema penstock", "create table penstock.snapshots (x int)")
    role = login["user"]
    assert problems_of_test(login, change="snapshot") == []
    bench.sql("grant usage on schema marts to " + role, "grant select on marts.t to " + role)
    assert problems_of_test(login, "t", change="snapshot") == [
        f'grant usage, create on schema "penstock" to "{role}";',
        f'alter table "penstock"."snapshots" owner to "{role}";',
    ]


def test_a_snapshot_without_the_grants_is_a_configuration_error(bench: PostgresBench) -> None:
    login = limited(bench, "grant usage on schema marts to {role}", "grant select on marts.t to {role}")
    warehouse = Postgres(login)
    try:
        with pytest.raises(ConfigurationError, match='create schema "penstock" authorization'):
            warehouse.state_schema("0a")
    finally:
        warehouse.close()


def test_the_schema_may_be_made_by_somebody_else(bench: PostgresBench, monkeypatch: pytest.MonkeyPatch) -> None:
    """`create schema if not exists` would ask for more than that."""
    login = limited(bench, "grant usage on schema marts to {role}", "grant select on marts.t to {role}")
    bench.sql(f"create schema penstock authorization {login['user']}")
    monkeypatch.setattr(bench, "login", lambda: login)
    model = Model("t", Table(("marts", "t")), ("id",), change="snapshot")
    messages = bench.run(model)
    assert records(bench.run(model, state=state_of(messages))) == []


def test_a_server_that_is_only_read_says_what_is_missing(bench: PostgresBench) -> None:
    bench.table("t", {"id": "int"}, [(1,)])
    bench.sql(f"alter database {bench.database} set default_transaction_read_only = on")
    assert len(records(bench.run(bench.model("t", change="full")))) == 1
    with pytest.raises(ConfigurationError, match="set default_transaction_read_only = off"):
        bench.run(bench.model("t"))
    assert kinds(bench.last) == []


def test_the_models_are_read_through_a_session_that_cannot_write(bench: PostgresBench) -> None:
    bench.sql(
        "create table t (id int)",
        "create function f() returns int language sql as 'insert into t values (1) returning id'",
    )
    with pytest.raises(ReadFault, match="read-only transaction"):
        bench.run(Model("m", Query("select f() as id", "sql"), ("id",)), check_keys=False)


def test_an_interrupt_ends_a_query_that_computes(bench: PostgresBench) -> None:
    warehouse = bench.open()
    timer = threading.Timer(0.3, warehouse.interrupt)
    timer.start()
    try:
        with pytest.raises(ReadFault, match="canceling statement due to user request"):
            warehouse.rows("select count(*) from generate_series(1, 100000000000)")
    finally:
        timer.join()
        warehouse.close()


def test_a_lost_connection_is_a_fault_and_closes_no_stream(bench: PostgresBench) -> None:
    bench.sql("create table t as select i as id, repeat('x', 1000) as v from generate_series(1, 50000) i")
    warehouse = bench.open()
    try:
        [stream] = describe_all(warehouse, [bench.model("t")])
        pieces = warehouse.read(Read("t", fields_of(stream.columns, warehouse)), record_frame("t", None, ""))
        next(pieces)
        bench.sql(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            f"where datname = '{bench.database}' and pid <> pg_backend_pid()"
        )
        with pytest.raises(ReadFault, match="reading failed"):
            list(pieces)
    finally:
        warehouse.close()


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (Model("m", Table(("customer",)), ("id",)), "Did you mean 'customers'?"),
        (Model("m", Table(("Customers",)), ("id",)), "Did you mean 'public.customers'?"),
        (Model("m", Table(("nowhere", "customers")), ("id",)), "Did you mean 'public.customers'?"),
        (Model("m", Table(("zzz",)), ("id",)), "there is no table or view 'zzz'."),
        (Model("m", Query("select emial from customers", "sql"), ("id",)), 'column "emial" does not exist'),
        (Model("m", Query("selec 1", "sql"), ("id",)), "must be exactly one SELECT statement"),
        (Model("m", Query("select 1 as id; select 2", "sql"), ("id",)), "must be exactly one SELECT statement"),
        (Model("m", Query("select 1 as id from", "sql"), ("id",)), "syntax error"),
        (Model("m", Query("select 1 as id, 2 as x, 3 as x", "sql"), ("id",)), "several columns have one name: 'x'"),
        (Model("m", Table(("customers",)), ("id",), where="nope > 1"), "where is refused"),
        (Model("m", Table(("customers",)), ("id",), columns=("id", "nope")), "columns: 'nope' is not a column of it"),
        (Model("m", Table(("customers",)), ("doc",)), "is json, of which no two can be compared"),
    ],
)
def test_models_that_the_server_refuses(bench: PostgresBench, model: Model, expected: str) -> None:
    bench.sql("create table customers (id int, email text, doc json)")
    with pytest.raises(ConfigurationError) as raised:
        bench.run(model)
    assert expected in raised.value.problems[0]
    assert raised.value.problems[0].startswith("model 'm'")


# Settings and connections


@pytest.mark.parametrize(
    ("change", "error", "expected"),
    [
        ({"password": SECRET}, ConfigurationError, "password authentication failed"),
        ({"dbname": "no_such"}, ConfigurationError, "does not exist"),
        ({"host": "/no/such/folder"}, ConfigurationError, "No such file"),
        ({"host": "127.0.0.1", "port": "1"}, ReadFault, "refused"),
        ({"service": "none_such"}, ConfigurationError, "none_such"),
    ],
)
def test_connections_that_fail(
    bench: PostgresBench, change: dict[str, str], error: type[Exception], expected: str
) -> None:
    with pytest.raises(error, match=expected) as raised:
        Postgres({**bench.login(), **change})
    assert SECRET not in str(raised.value)


def test_the_parameters_of_libpq(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MELTANO_PROJECT_ROOT", str(tmp_path))
    given = parameters(
        {
            "dsn": "postgresql://ann@h:6/db?target_session_attrs=any",
            "user": "bob",
            "sslrootcert": "ca.pem",
            "port": 7,
            "connect_timeout": 15,
        }
    )
    assert given == {
        "host": "h",
        "port": "7",
        "dbname": "db",
        "user": "bob",
        "target_session_attrs": "any",
        "sslrootcert": str(tmp_path / "ca.pem"),
        "connect_timeout": "15",
        "application_name": "penstock",
        "keepalives_idle": "30",
        "client_encoding": "UTF8",
    }
    for dsn in (f"postgresql://u:{SECRET}@x@h/db", f"host=h {SECRET}", f"postgresql://{SECRET}:5x/%zz"):
        with pytest.raises(ConfigurationError, match="dsn: ") as raised:
            parameters({"dsn": dsn})
        assert SECRET not in str(raised.value)


def test_owners_can_see_who_asks(bench: PostgresBench) -> None:
    warehouse = bench.open()
    try:
        [[count]] = bench.sql(
            "select count(*) from pg_stat_activity where application_name = 'penstock' "
            f"and datname = '{bench.database}'"
        )
        assert count == 2
    finally:
        warehouse.close()


# The process


def command(tmp_path: Path, bench: PostgresBench, models: dict[str, Any], *options: str, **more: Any) -> list[str]:
    file = tmp_path / "config.json"
    file.write_text(json.dumps({**bench.login(), "models": models, **more}), encoding="utf-8")
    return [sys.executable, "-c", START, "--config", str(file), *options]


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_it_between_two_messages(tmp_path: Path, bench: PostgresBench, signum: int, code: int) -> None:
    bench.sql("create table t as select i as id, repeat('x', 300) as v from generate_series(1, 100000) i")
    line = command(tmp_path, bench, {"t": {"table": "t", "primary_key": "id"}})
    with subprocess.Popen(line, bufsize=0, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as tap:
        assert tap.stdout is not None
        first = b"".join(tap.stdout.readline() for _ in range(3))
        tap.send_signal(signum)
        raw, log = tap.communicate(timeout=60)
    messages = parsed(first + raw)
    assert tap.returncode == code
    assert 0 < len(records(messages)) < 100_000
    assert "ACTIVATE_VERSION" not in kinds(messages)
    assert f"exit code {code}".encode() in log.splitlines()[-1]
    assert b"Traceback" not in log
    query = (
        f"select count(*) from pg_stat_activity where datname = '{bench.database}' and application_name = 'penstock'"
    )
    assert eventually(lambda: bench.sql(query)[0][0] == 0, 10)


def test_a_signal_ends_a_query_that_computes(tmp_path: Path, bench: PostgresBench) -> None:
    query = "select count(*) % 7 as id from generate_series(1, 1000000) a, generate_series(1, 1000000) b"
    line = command(tmp_path, bench, {"long": {"sql": query, "primary_key": "id"}}, check_keys=False)
    with subprocess.Popen(line, bufsize=0, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as tap:
        assert tap.stdout is not None
        assert json.loads(tap.stdout.readline())["type"] == "SCHEMA"
        tap.send_signal(signal.SIGTERM)
        raw, log = tap.communicate(timeout=60)
    assert (tap.returncode, raw) == (143, b"")
    assert b"Traceback" not in log


def test_the_test_option_prints_the_grants(tmp_path: Path, bench: PostgresBench) -> None:
    login = limited(bench, "grant usage on schema marts to {role}")
    line = command(
        tmp_path, bench, {"t": {"table": "marts.t", "primary_key": "id"}}, "--test", user=login["user"], password=SECRET
    )
    done = subprocess.run(line, capture_output=True, check=False, timeout=60)
    assert done.returncode == 2
    assert f'grant select on "marts"."t" to "{login["user"]}";'.encode() in done.stderr
    assert SECRET.encode() not in done.stderr
    bench.sql(f"grant select on marts.t to {login['user']}")
    done = subprocess.run(line, capture_output=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (0, b"")
    assert b"t: 1 columns, 1 row read" in done.stderr


def test_secrets_are_marked() -> None:
    properties = TapPostgres.config_jsonschema["properties"]
    assert {name for name, schema in properties.items() if schema.get("secret")} == {"password", "sslpassword", "dsn"}


# A crash of the server


@pytest.mark.parametrize("acknowledged", [False, True])
def test_a_crash_of_the_server_costs_one_complete_read(acknowledged: bool) -> None:
    """It empties unlogged tables: a base, or what the returning STATE makes a base of."""
    with running(fsync="on") as server:
        bench = PostgresBench(server)
        bench.table("t", {"id": "int", "v": "text"}, [(1, "a"), (2, "b")])
        bench.sql("checkpoint")
        state = state_of(bench.run(bench.model("t")))
        if acknowledged:
            state = state_of(bench.run(bench.model("t"), state=state))
        bench.sql("delete from t where id = 1")
        removed = bench.run(bench.model("t"), state=state)
        server.stop()
        server.start_again()
        for given in (state, state_of(removed)):
            messages = bench.run(bench.model("t"), state=given)
            assert kinds(messages)[-2:] == ["ACTIVATE_VERSION", "STATE"]
            assert records(messages) == [{"id": 2, "v": "b"}]
        assert records(bench.run(bench.model("t"), state=state_of(messages))) == []

"""Redshift: its values, its statements and what goes wrong with it, before a PostgreSQL that passes for it."""

from __future__ import annotations

import gc
import json
import logging
import re
import signal
import subprocess
import sys
import threading
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jsonschema import Draft7Validator  # type: ignore[import-untyped] # it ships no types

from demo.postgres_server import Server, eventually
from tap_warehouse.errors import ConfigurationError, ReadFault
from tap_warehouse.models import Model, Query, Table
from tap_warehouse.redshift import Redshift, RedshiftDialect, TapRedshift
from tap_warehouse.redshift_session import parameters
from tap_warehouse.redshift_types import RedshiftType, asked, hashed
from tap_warehouse.warehouse import Column
from tests.tap import golden
from tests.tap.benches import state_of
from tests.tap.benches_redshift import RedshiftBench
from tests.tap.helpers import kinds, parsed, records

SECRET = "hunter2-very-secret"
START = "from tap_warehouse.redshift import TapRedshift; TapRedshift.cli()"

FORBIDDEN = {
    "MERGE": r"\bmerge\b",
    "IS DISTINCT FROM": r"\bdistinct\s+from\b",
    "CREATE OR REPLACE": r"\bor\s+replace\b",
    "lateral joins": r"\blateral\b",
    "JSON functions": r"\b(json_(?!serialize)\w+|to_json\w*|row_to_json|jsonb\w*)\b",
    "arrays": r"\barray\b|\[\]|\bunnest\b|\bany\s*\(",
    "an alias in a DELETE": r"\bdelete from \S+ (as )?(?!where|using)\w+",
    "ON CONFLICT": r"\bon conflict\b",
    "RETURNING": r"\breturning\b",
    "text, which is varchar(256)": r"\btext\b",
    "unlogged tables": r"\bunlogged\b",
    "uuid": r"\buuid\b",
    "the casts of PostgreSQL": r"::",
    "a backslash in a literal": r"\\",
    "FILTER": r"\bfilter\s*\(",
    "generated rows": r"\bgenerate_series\b",
    "a boolean as text": r"cast\([^()]*\bflag\b[^()]* as varchar\)",
}
"""what Redshift has not, though PostgreSQL takes it"""

COLUMNS = (
    Column("order id", {}, "bigint"),
    Column("line", {}, "character varying(50)"),
    Column("amount", {}, "numeric(12,2)"),
    Column("flag", {}, "boolean"),
    Column("seen", {}, "timestamp with time zone"),
    Column("doc", {}, "super"),
    Column("raw", {}, "varbyte"),
)


@pytest.fixture
def bench(postgres: Server, redshift_port: int) -> RedshiftBench:
    return RedshiftBench(postgres, redshift_port)


# Statements


def test_the_statements_are_those_of_the_file() -> None:
    golden.check("redshift", list(golden.every_statement(RedshiftDialect(), COLUMNS)))


@pytest.mark.parametrize("construct", FORBIDDEN)
def test_no_statement_has_what_redshift_has_not(construct: str) -> None:
    using = [
        f"{title}: {statement}"
        for title, statement in golden.every_statement(RedshiftDialect(), COLUMNS)
        if re.search(FORBIDDEN[construct], re.sub(r"'[^'\\]*'", "''", statement), re.IGNORECASE)
    ]
    assert using == []


def test_the_file_is_sql() -> None:
    sqlglot = pytest.importorskip("sqlglot")
    trees = sqlglot.parse((golden.FOLDER / "redshift.sql").read_text("utf-8"), dialect="redshift")
    assert len([each for each in trees if each is not None]) > 25
    assert not [each for each in trees if isinstance(each, sqlglot.exp.Command)]


def test_a_hash_stays_below_the_longest_text() -> None:
    """65,535 bytes; a text counts 32 whatever its length."""
    assert hashed("character varying(65535)", "x") == "coalesce(md5(x), '-')"
    assert 1600 * 40 < 65_535


# Values

LONG = "1234567890123456789012345678.0123456789"
VALUES = [
    ("cast(-7 as smallint)", -7, "integer"),
    ("cast(9223372036854775807 as bigint)", 9223372036854775807, "integer"),
    ("cast('1.50' as numeric(10,2))", Decimal("1.50"), "number"),
    (f"cast('{LONG}' as numeric(38,10))", Decimal(LONG), "number"),
    ("cast('12345678901234567890123' as numeric(30,0))", 12345678901234567890123, "integer"),
    ("cast('0.30000000000000004' as float8)", Decimal("0.30000000000000004"), "number"),
    ("cast('0.1' as float4)", Decimal("0.1"), "number"),
    ("cast('16777217.5' as float4)", Decimal("16777218.0"), "number"),
    ("cast('NaN' as float8)", "NaN", "number"),
    ("cast('-Infinity' as float4)", "-Infinity", "number"),
    ("true", True, "boolean"),
    ("cast(null as int)", None, "integer"),
    ("cast('x' as char(3))", "x  ", "string"),
    ("cast('żółć 🚀 \" \\ it''s' as varchar(50))", "żółć 🚀 \" \\ it's", "string"),
    ("cast('2024-01-02' as date)", "2024-01-02", "string"),
    ("cast('0044-03-15 BC' as date)", "0044-03-15 BC", "string"),
    ("cast('03:04:05.6' as time)", "03:04:05.6", "string"),
    ("cast('2024-01-02 03:04:05.6' as timestamp)", "2024-01-02T03:04:05.600000+00:00", "string"),
    ("cast('2024-01-02 03:04:05.6+02' as timestamptz)", "2024-01-02T01:04:05.600000+00:00", "string"),
    ("cast('2024-01-02' as timestamp)", "2024-01-02T00:00:00.000000+00:00", "string"),
    ("cast('20000-01-01' as timestamp)", "20000-01-01 00:00:00", "string"),
    ("cast('0044-03-15 BC' as timestamptz)", "0044-03-15 00:00:00+00 BC", "string"),
    ("cast('1 day' as interval)", "1 day", "string"),
]


@pytest.mark.parametrize("change", ["full", "snapshot"])
def test_every_type_keeps_its_value(bench: RedshiftBench, change: Any) -> None:
    """One model of them all: a run takes a second here."""
    written = ", ".join(f"{expression} as v{at}" for at, (expression, *_) in enumerate(VALUES))
    model = Model("t", Query(f"select 1 as id, {written}", "sql"), ("id",), change=change)
    messages = bench.run(model)
    [record] = records(messages)
    schema = next(message["schema"] for message in messages if message["type"] == "SCHEMA")
    Draft7Validator.check_schema(schema)
    for at, (expression, expected, kind) in enumerate(VALUES):
        value = record[f"v{at}"]
        assert (value, type(value), str(value)) == (expected, type(expected), str(expected)), expression
        assert schema["properties"][f"v{at}"]["type"] == [kind, "null"], expression
    if change == "snapshot":
        assert records(bench.run(model, state=state_of(messages))) == []


@pytest.mark.parametrize(
    ("oid", "modifier", "shown", "sql", "given", "written"),
    [
        (4000, -1, "super", "x", '{"b": 1.10,\n"a": null}', b'{"b": 1.10, "a": null}'),
        (4000, -1, "super", "x", "no JSON", b'"no JSON"'),
        (6551, -1, "varbyte", "from_varbyte(x, 'hex')", "00ff10", b'"AP8Q"'),
        (1700, (10 << 16) + 2 + 4, "numeric(10,2)", "cast(x as varchar)", "1.50", b"1.50"),
        (1043, 54, "character varying(50)", "x", "a", b'"a"'),
        (1266, -1, "time with time zone", "cast(x as varchar)", "03:04:05+00", b'"03:04:05+00"'),
        (1188, -1, "interval year to month", "cast(x as varchar)", "1 year", b'"1 year"'),
        (99_999, -1, "text", "cast(x as varchar)", "?", b'"?"'),
    ],
)
def test_types_that_only_redshift_has(
    oid: int, modifier: int, shown: str, sql: str, given: str, written: bytes
) -> None:
    kind = RedshiftType.of(oid, modifier)
    assert (kind.shown, asked(kind, "x")) == (shown, sql)
    convert = kind.convert
    assert msgspec.json.encode(given if convert is None else convert(given)) == written


def test_geometry_must_be_cast() -> None:
    assert RedshiftType.of(3000, -1).id == "geometry"


# Faults


def limited(bench: RedshiftBench, *grants: str) -> dict[str, Any]:
    """A user that may do nothing but what it is granted: its settings."""
    role = bench.database.replace("bench", "redshift_role")
    bench.sql(
        "set password_encryption = md5",
        f"create role {role} login password '{SECRET}'",
        f"revoke create, temporary on database {bench.database} from public",
        "create schema marts",
        "create table marts.t as select 1 as id",
        *(grant.format(role=role) for grant in grants),
    )
    return {**bench.config(), "user": role, "password": SECRET}


def test_interrupt_cancels_through_another_connection(bench: RedshiftBench) -> None:
    warehouse = bench.open()
    timer = threading.Timer(0.5, warehouse.interrupt)
    timer.start()
    try:
        with pytest.raises(ReadFault, match="canceling statement due to user request"):
            warehouse.rows("select count(*) from generate_series(1, 100000000000)")
    finally:
        timer.join()
        warehouse.close()


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (Model("m", Table(("zzz",)), ("id",)), 'relation "zzz" does not exist'),
        (Model("m", Query("select emial from customers", "sql"), ("id",)), 'column "emial" does not exist'),
        (Model("m", Query("delete from customers", "sql"), ("id",)), "must be exactly one SELECT statement"),
        (Model("m", Query("select 1 as id, 2 as x, 3 as x", "sql"), ("id",)), "several columns have one name: 'x'"),
        (Model("m", Table(("customers",)), ("id",), where="nope > 1"), "where is refused"),
    ],
)
def test_models_that_the_server_refuses(bench: RedshiftBench, model: Model, expected: str) -> None:
    bench.sql("create table customers (id int, email text)")
    with pytest.raises(ConfigurationError) as raised:
        bench.run(model)
    assert expected in raised.value.problems[0]
    assert raised.value.problems[0].startswith("model 'm'")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the driver leaves its socket open
@pytest.mark.parametrize(
    ("change", "error", "expected"),
    [
        ({"password": SECRET}, ConfigurationError, "password authentication failed"),
        ({"database": "no_such"}, ConfigurationError, "does not exist"),
        ({"port": 1}, ReadFault, "refused"),
        ({"driver_options": {"no_such_option": SECRET}}, ConfigurationError, "no_such_option"),
    ],
)
def test_connections_that_fail(
    bench: RedshiftBench, change: dict[str, Any], error: type[Exception], expected: str
) -> None:
    with pytest.raises(error, match=expected) as raised:
        Redshift(parameters({**bench.config(), **change}))
    assert SECRET not in str(raised.value)
    del raised
    gc.collect()


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"host": "h", "user": "u", "password": "p"}, "'database' is missing"),
        ({"database": "d", "user": "u", "password": "p"}, "'host' is missing"),
        ({"database": "d", "host": "h"}, "'user' is missing"),
        ({"database": "d", "iam": True}, "name the cluster_identifier"),
    ],
)
def test_settings_that_are_missing(settings: dict[str, Any], expected: str) -> None:
    with pytest.raises(ConfigurationError, match=expected):
        parameters(settings)


def test_iam_needs_no_password() -> None:
    given = parameters({"database": "d", "iam": True, "serverless_work_group": "w", "region": "eu-west-1", "ssl": True})
    assert given == {
        "database": "d",
        "iam": True,
        "serverless_work_group": "w",
        "region": "eu-west-1",
        "ssl": True,
        "is_serverless": True,
        "application_name": "penstock",
        "tcp_keepalive": True,
        "max_prepared_statements": 0,
    }
    unencrypted = {"database": "d", "host": "h", "user": "u", "password": "p", "ssl": False, "sslmode": "verify-ca"}
    assert "sslmode" not in parameters(unencrypted)


def test_secrets_are_marked() -> None:
    properties = TapRedshift.config_jsonschema["properties"]
    secret = {name for name, schema in properties.items() if schema.get("secret")}
    assert secret == {"password", "access_key_id", "secret_access_key", "session_token", "driver_options"}


# The process


def command(tmp_path: Path, bench: RedshiftBench, models: dict[str, Any], *options: str, **more: Any) -> list[str]:
    file = tmp_path / "config.json"
    file.write_text(json.dumps({**bench.config(), "models": models, **more}), encoding="utf-8")
    return [sys.executable, "-c", START, "--config", str(file), *options]


def test_a_signal_ends_it_between_two_messages(tmp_path: Path, bench: RedshiftBench) -> None:
    bench.sql("create table t as select i as id, repeat('x', 300) as v from generate_series(1, 50000) i")
    line = command(tmp_path, bench, {"t": {"table": "t", "primary_key": "id"}})
    with subprocess.Popen(line, bufsize=0, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as tap:
        assert tap.stdout is not None
        first = b"".join(tap.stdout.readline() for _ in range(3))
        tap.send_signal(signal.SIGTERM)
        raw, log = tap.communicate(timeout=60)
    messages = parsed(first + raw)
    assert tap.returncode == 143, log
    assert 0 < len(records(messages)) < 50_000
    assert "ACTIVATE_VERSION" not in kinds(messages)
    assert b"Traceback" not in log
    running = "select count(*) from pg_stat_activity where usename = 'redshift' and state = 'active'"
    assert eventually(lambda: bench.sql(running)[0][0] == 0, 10)


def test_the_test_option_prints_the_grants(tmp_path: Path, bench: RedshiftBench) -> None:
    login = limited(bench, "grant usage on schema marts to {role}")
    models = {"t": {"table": "marts.t", "primary_key": "id", "change": "snapshot"}}
    line = command(tmp_path, bench, models, "--test", user=login["user"], password=SECRET)
    done = subprocess.run(line, capture_output=True, check=False, timeout=60)
    assert done.returncode == 2, done.stderr
    assert f'grant select on "marts"."t" to "{login["user"]}";'.encode() in done.stderr
    assert f'create schema "penstock" authorization "{login["user"]}";'.encode() in done.stderr
    assert SECRET.encode() not in done.stderr
    bench.sql(f"grant select on marts.t to {login['user']}", f"create schema penstock authorization {login['user']}")
    done = subprocess.run(line, capture_output=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (0, b""), done.stderr
    assert b"t: 1 columns, 1 row read" in done.stderr


def test_costs_are_told_as_far_as_the_system_views_tell(bench: RedshiftBench, caplog: pytest.LogCaptureFixture) -> None:
    def told(*, ask: bool) -> str:
        caplog.clear()
        with caplog.at_level(logging.INFO, "test"):
            warehouse = Redshift(parameters(bench.config()), costs=ask, log=logging.getLogger("test"))
            [(process,)] = warehouse.rows("select pg_backend_pid()")
            bench.sql(f"update sys_query_history set session_id = {process} where query_id < 3")
            warehouse.close()
        return re.sub(r"\d+\.\d\d s of", "TIME of", caplog.messages[-1])

    bench.sql(
        "create table sys_query_history (query_id bigint, session_id int, start_time timestamp, execution_time bigint, "
        "queue_time bigint)",
        "insert into sys_query_history values (1, 0, now() at time zone 'utc', 1500000, 250000), "
        "(2, 0, now() at time zone 'utc' - interval '2 days', 9000000, 0), "
        "(3, 0, now() at time zone 'utc', 9000000, 0)",
        "grant select on sys_query_history to public",
    )
    ours = "Redshift: 1 statements, TIME of waiting for them"
    assert told(ask=False) == ours
    assert told(ask=True) == f"{ours}; 1.50 s computed, 0.25 s queued"
    bench.sql(
        "create table sys_query_detail (query_id bigint, step_name text, input_rows bigint, input_bytes bigint)",
        "insert into sys_query_detail values (1, 'scan', 2500, 1200000), (1, 'hash', 7, 7), (2, 'scan', 7, 7)",
        "grant select on sys_query_detail to public",
    )
    assert told(ask=True) == f"{ours}; 1.50 s computed, 0.25 s queued; 2,500 rows and 1.2 MB scanned"

"""tap-bigquery before bqemulator: its statements, names, errors. Change detection is in `test_snapshot_cycle`.

Roles, costs and times of change are not the emulator's: what depends on them is looked at by plain values.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import sqlglot
from google.api_core.exceptions import BadRequest, Forbidden
from google.auth.exceptions import RefreshError
from google.cloud.bigquery import SchemaField
from google.cloud.bigquery import Table as GoogleTable

from demo.bqemulator import BQEmulator
from tap_warehouse.bigquery import BigQuery
from tap_warehouse.bigquery_session import Session, said, token_of
from tap_warehouse.bigquery_sql import BigQueryDialect, one_query, read_as, taken, type_name
from tap_warehouse.errors import ConfigurationError, ReadFault
from tap_warehouse.models import Model, Query, Table
from tap_warehouse.warehouse import Column
from tests.tap import golden
from tests.tap.benches import failed, state_of
from tests.tap.benches_bigquery import BigBench, Emulated
from tests.tap.helpers import kinds, records

START = "from tap_warehouse.bigquery import TapBigQuery; TapBigQuery.cli()"


@pytest.fixture
def bench(bqemulator: BQEmulator, request: pytest.FixtureRequest) -> BigBench:
    return BigBench(bqemulator, request)


# Statements

TYPES = ("NUMERIC", "BIGNUMERIC", "FLOAT64", "BOOL", "DATE", "TIME", "TIMESTAMP", "DATETIME", "BYTES", "JSON")
GOLDEN = (
    Column("order id", {}, "INT64"),
    Column("line", {}, "STRING"),
    *(Column(kind.lower(), {}, kind) for kind in (*TYPES, "GEOGRAPHY", "INTERVAL", "NEW")),
    Column("struct", {}, "STRUCT<a INT64>"),
    Column("array", {}, "ARRAY<STRING>"),
)


def test_the_statements_are_those_of_the_file() -> None:
    dialect = BigQueryDialect()
    statements = list(golden.every_statement(dialect, GOLDEN))
    model = ", ".join(
        f"{taken(each.type, dialect.quoted(each.name))} as {dialect.quoted(each.name)}" for each in GOLDEN
    )
    statements.append(("model", f"select {model} from `marts`.`orders`"))
    fields = ", ".join(f"{read_as(column, f'm.c{at}')} as f{at}" for at, column in enumerate(GOLDEN))
    since = dialect.literal("2026-01-01T00:00:00.000000+00:00", "DATETIME")
    statements.append(("read", f"select {fields} from `penstock`.`delta_0a1b2c3d4e5f6071` m where m.c9 >= {since}"))
    golden.check("bigquery", statements)


def test_the_file_is_sql() -> None:
    statements = sqlglot.parse((golden.FOLDER / "bigquery.sql").read_text("utf-8"), dialect="bigquery")
    assert len([each for each in statements if each is not None]) > 25
    assert not [each for each in statements if isinstance(each, sqlglot.exp.Command)]


def test_tables_of_a_run_expire_and_a_base_does_not() -> None:
    created = BigQueryDialect().created
    assert "expiration_timestamp" in created("`p`.`d`.`delta_1`", "select 1")
    assert "expiration_timestamp" in created("`p`.`d`.`found_1`", "select 1")
    assert created("`p`.`base_d`.`base_1`", "select 1") == "create table `p`.`base_d`.`base_1` as select 1"


@pytest.mark.parametrize(
    ("value", "kind", "written"),
    [
        (5, "INT64", "cast('5' as INT64)"),
        ("1.50", "NUMERIC", "cast('1.50' as NUMERIC)"),
        ("it's \\ a\nb", "STRING", "cast('it\\'s \\\\ a\\nb' as STRING)"),
        ("AP8=", "BYTES", "from_base64('AP8=')"),
        ("2026-01-01T00:00:00+00:00", "DATETIME", "datetime(cast('2026-01-01T00:00:00+00:00' as timestamp))"),
        ("[1]", "ARRAY<INT64>", "cast('[1]' as STRING)"),
    ],
)
def test_bookmarks_are_written_for_their_type(value: object, kind: str, written: str) -> None:
    assert BigQueryDialect().literal(value, kind) == written


@pytest.mark.parametrize(
    ("field", "name"),
    [
        (SchemaField("x", "INTEGER"), "INT64"),
        (SchemaField("x", "FLOAT", mode="REPEATED"), "ARRAY<FLOAT64>"),
        (
            SchemaField("x", "RECORD", fields=(SchemaField("a", "BOOLEAN"), SchemaField("b", "STRING", "REPEATED"))),
            "STRUCT<a BOOL, b ARRAY<STRING>>",
        ),
        (SchemaField("x", "RANGE", range_element_type="DATE"), "RANGE<DATE>"),
        (SchemaField("x", "SOMETHING_NEW"), "SOMETHING_NEW"),
    ],
)
def test_names_of_types(field: SchemaField, name: str) -> None:
    assert type_name(field) == name


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("select 1", "select 1"),
        ("select ';' as a; ", "select ';' as a"),
        ("select 'a\\';' as a;;", "select 'a\\';' as a"),
        ("select `;` # x;\n", "select `;` # x;\n"),
        ('select """a;"b""" as a; -- ;', 'select """a;"b""" as a'),
        ("select 1 /* ; */; /* end */", "select 1 /* ; */"),
        ("select 1; drop table t", None),
        (";", None),
        ("# select 1", None),
    ],
)
def test_one_query(text: str, query: str | None) -> None:
    assert one_query(text) == query


# Names and mistakes


@pytest.mark.parametrize("whole", [1, 2, 3])
def test_names_of_tables_have_one_to_three_parts(bench: BigBench, whole: int) -> None:
    bench.table("t", {"id": "int"}, [(1,)])
    parts = ("local", bench.dataset, "t")[3 - whole :]
    assert records(bench.run(Model("m", Table(parts), ("id",)))) == [{"id": 1}]


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (Model("m", Table(("customer",)), ("id",)), "or the account may not read it. Did you mean 'customers'?"),
        (Model("m", Table(("gone", "t")), ("id",)), "there is no table or view 'local.gone.t'"),
        (Model("m", Table(("customers",)), ("ID",)), "primary_key 'ID' is not a column of it. Did you mean 'id'?"),
        (Model("m", Table(("customers",)), ("id",), columns=("id", "emial")), "'emial' is not a column of it. Did you"),
        (Model("m", Table(("customers",)), ("id",), where="nosuch = 1"), "where is refused"),
        (Model("m", Query("select nosuch from customers", "sql"), ("id",)), "sql is refused"),
        (Model("m", Query("select 1 as id; select 2 as id", "sql"), ("id",)), "must be exactly one SELECT statement"),
    ],
)
def test_models_that_the_warehouse_refuses(bench: BigBench, model: Model, expected: str) -> None:
    bench.table("customers", {"id": "int", "email": "text"})
    assert expected in str(failed(bench, ConfigurationError, model))


def test_a_table_without_a_dataset_needs_the_setting(bench: BigBench) -> None:
    session = bench.session()
    session.options = type(session.options)()
    with pytest.raises(ConfigurationError, match="say in which dataset 't' is"):
        bench.warehouse(session).describe(Model("m", Table(("t",)), ("id",)))


def test_reading_what_costs_more_than_the_cap_is_a_mistake(bench: BigBench) -> None:
    class Dear(Emulated):
        def checked(self, statement: str) -> Any:
            fields, _, location = super().checked(statement)
            return fields, 2_000_000, location

    bench.table("t", {"id": "int"})
    model = bench.model("t")
    bench.warehouse(bench.session(Dear, maximum_bytes_billed=2_000_000)).describe(model)
    with pytest.raises(
        ConfigurationError, match=r"processes 2,000,000 bytes, more than maximum_bytes_billed, 1,999,999"
    ):
        bench.warehouse(bench.session(Dear, maximum_bytes_billed=1_999_999)).describe(model)


def test_jobs_carry_labels_and_limits(bench: BigBench) -> None:
    session = bench.session(labels={"team": "crm"}, maximum_bytes_billed=10**9, seconds=60)
    job = session.tried("select 1").job
    assert job.labels == {"application": "penstock", "team": "crm"}
    config = session._config()
    assert (config.maximum_bytes_billed, config.job_timeout_ms) == (10**9, "60000")


# Errors


def test_errors_of_the_warehouse_quote_no_row() -> None:
    bad = BadRequest("x", errors=[{"reason": "invalidQuery", "message": "Bad int64 value: hunter2"}])
    assert said(bad) == "error invalidQuery (its text may quote a row, so it is not repeated here)"
    denied = Forbidden("x", errors=[{"reason": "accessDenied", "message": "Access Denied: Table p:d.t\n\nmore"}])
    assert said(denied) == "Access Denied: Table p:d.t (accessDenied)"
    assert said(RefreshError("invalid_grant: Invalid JWT", {})) == (  # type: ignore[no-untyped-call, unused-ignore]
        "Google refuses the login: invalid_grant: Invalid JWT"
    )
    assert "hunter2" not in said(ConnectionError("hunter2"))


def test_what_bigquery_asks_to_run_again_is_run_again(bench: BigBench) -> None:
    class Busy(Session):
        tries = 0

        def tried(self, statement: str, location: str | None = None) -> Any:
            self.tries += 1
            if self.tries < 3:
                self._stop.set()  # it waits for nothing
                text = "Transaction is aborted due to concurrent update against table p:d.snapshots"
                raise BadRequest("x", errors=[{"reason": "invalidQuery", "message": text}])
            self._stop.clear()
            return super().tried(statement, location)

    session = bench.session(Busy)
    assert bench.warehouse(session).rows("select 1") == [(1,)]
    assert session.tries == 3  # type: ignore[attr-defined]


def test_a_transaction_that_fails_changes_nothing(bench: BigBench) -> None:
    bench.table("t", {"id": "int", "v": "text"}, [(1, "a")])
    table = bench.name("t")
    with bench.opened() as warehouse:
        with pytest.raises(ReadFault):
            warehouse.execute([f"delete from {table} where id = 1", f"insert into {table} (nosuch) values (1)"])
        assert not warehouse.execute([f"delete from {table} where id = 1"], f"update {table} set v = 'b' where id = 9")
        assert warehouse.rows(f"select id, v from {table}") == [(1, "a")]
        assert warehouse.execute([f"insert into {table} values (2, 'c')"], f"update {table} set v = 'b' where id = 1")
        assert warehouse.rows(f"select id, v from {table} order by id") == [(1, "b"), (2, "c")]


# The gate

NOW = datetime(2026, 1, 2, tzinfo=timezone.utc)


def google_table(**changes: Any) -> GoogleTable:
    def stamp(when: datetime) -> str:
        return str(int(when.timestamp() * 1000))

    plain = {
        "tableReference": {"projectId": "p", "datasetId": "d", "tableId": "t"},
        "type": "TABLE",
        "creationTime": stamp(NOW - timedelta(days=9)),
        "lastModifiedTime": stamp(NOW - timedelta(days=1)),
    }
    return GoogleTable.from_api_repr({**plain, **changes})


def test_the_gate_is_when_a_table_was_last_changed() -> None:
    assert token_of(google_table(), NOW) == "2025-12-24T00:00:00+00:00/2026-01-01T00:00:00+00:00"


@pytest.mark.parametrize(
    "changes",
    [
        {"type": "VIEW"},
        {"type": "EXTERNAL"},
        {"type": "MATERIALIZED_VIEW"},
        {"streamingBuffer": {"estimatedRows": "1"}},
        {"timePartitioning": {"type": "DAY", "expirationMs": "1000"}},
        {"maxStaleness": "0-0 0 0:15:0"},
        {"biglakeConfiguration": {"tableFormat": "ICEBERG"}},
        {"lastModifiedTime": str(int(NOW.timestamp() * 1000) - 3000)},
    ],
)
def test_tables_that_can_change_unseen_have_no_gate(changes: dict[str, Any]) -> None:
    assert token_of(google_table(**changes), NOW) is None


def test_a_gate_lets_an_unchanged_table_be(bench: BigBench, caplog: pytest.LogCaptureFixture) -> None:
    class Gated(BigQuery):
        token = "one"

        def gate(self, model: Model) -> str | None:
            return self.token

    bench.open = lambda: Gated(bench.session(), bench.warehouse(bench.session())._settings, logging.getLogger("tap"))  # type: ignore[method-assign]
    bench.table("t", {"id": "int"}, [(1,)])
    state = state_of(bench.run(bench.model("t")))
    bench.sql(f"delete from {bench.name('t')} where true")
    with caplog.at_level(logging.INFO):
        assert records(bench.run(bench.model("t"), state=state)) == []
    assert "nothing has changed" in caplog.text


# The process


def test_the_tap_runs_and_tells_what_it_cost(tmp_path: Path, bench: BigBench) -> None:
    bench.table("t", {"id": "int", "v": "text"}, [(1, "a"), (2, "b")])
    models = {"t": {"table": "t", "primary_key": "id", "change": "snapshot"}}
    (tmp_path / "config.json").write_text(json.dumps({**bench.config, "costs": True, "models": models}))
    command = [sys.executable, "-c", START, "--config", str(tmp_path / "config.json")]
    done = subprocess.run(command, capture_output=True, check=False, timeout=100)
    assert done.returncode == 0, done.stderr
    messages = [json.loads(line) for line in done.stdout.splitlines()]
    assert kinds(messages) == ["SCHEMA", "RECORD", "RECORD", "ACTIVATE_VERSION", "STATE"]
    assert b"MB billed" in done.stderr
    done = subprocess.run([*command, "--test"], capture_output=True, check=False, timeout=100)
    assert (done.returncode, done.stdout) == (0, b""), done.stderr
    assert b"t: 2 columns, 1 row read" in done.stderr

"""Snapshots in a file beside a warehouse that may only be read. The whole story runs in `test_snapshot_cycle.py`."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from demo.postgres_server import Server, eventually
from tap_warehouse import local
from tap_warehouse.errors import ConfigurationError, Guarded, ReadFault
from tap_warehouse.local import LocalStore, Staged
from tap_warehouse.postgres import Postgres, TapPostgres
from tap_warehouse.postgres_session import parameters
from tap_warehouse.warehouse import Warehouse
from tests.tap.benches import failed, state_of
from tests.tap.benches_postgres import LocalPostgresBench, PostgresBench
from tests.tap.helpers import kinds, parsed, records
from tests.tap.story import started, told
from tests.tap.test_postgres import command, limited


@pytest.fixture
def bench(postgres: Server, tmp_path: Path) -> LocalPostgresBench:
    return LocalPostgresBench(postgres, tmp_path / "snapshots")


class Switching(LocalPostgresBench):
    """Keeps its snapshots here or there."""

    local = True

    def open(self) -> Warehouse:
        return super().open() if self.local else PostgresBench.open(self)


@pytest.mark.parametrize("first", [True, False])
def test_the_store_can_be_switched_in_both_directions(
    postgres: Server, tmp_path: Path, first: bool, caplog: pytest.LogCaptureFixture
) -> None:
    bench = Switching(postgres, tmp_path)
    bench.local = first
    state = state_of(bench.run(bench.model("t"), state=started(bench)))
    for round_ in range(3):
        bench.local = not bench.local
        bench.sql("delete from t where id = 1", f"insert into t values (1, '{round_}')")
        messages = bench.run(bench.model("t"), state=state)
        assert told(messages) == [f"1={round_}", "2=b", "3=c"]
        assert kinds(messages)[-2] == "ACTIVATE_VERSION"
        assert "the snapshot that the state names is not here" in caplog.text
        bench.sql("delete from t where id = 1")
        messages = bench.run(bench.model("t"), state=state_of(messages))
        assert told(messages) == ["1 gone"]
        state = state_of(messages)


@pytest.mark.parametrize("option", ["", "-c default_transaction_read_only=on"])
def test_a_role_that_may_only_select_is_enough(bench: LocalPostgresBench, tmp_path: Path, option: str) -> None:
    login = limited(bench, "grant usage on schema marts to {role}", "grant select on marts.t to {role}")
    models = {"t": {"table": "marts.t", "primary_key": "id", "change": "snapshot"}}
    more = {"user": login["user"], "password": login["password"], "snapshot_store": "local"}
    more["snapshot_folder"] = str(tmp_path / "kept")
    if option:
        more["options"] = option
    for options in (["--test"], []):
        done = subprocess.run(
            command(tmp_path, bench, models, *options, **more), capture_output=True, check=False, timeout=60
        )
        assert done.returncode == 0, done.stderr
    assert [message["type"] for message in parsed(done.stdout)][-1] == "STATE"
    assert not bench.sql("select 1 from pg_namespace where nspname = 'penstock'")
    assert (tmp_path / "kept").stat().st_mode & 0o077 == 0


def test_no_session_can_write(bench: LocalPostgresBench) -> None:
    warehouse = Postgres(parameters(bench.login()), keeps=False)
    try:
        with pytest.raises(ReadFault, match="read-only"):
            warehouse.execute(["create table t (a int)"])
    finally:
        warehouse.close()


def test_what_keeps_nothing_says_so(bench: LocalPostgresBench) -> None:
    with bench.opened() as warehouse:
        with pytest.raises(ReadFault):
            warehouse.execute(["create table t (a int)"])
        with pytest.raises(ReadFault):
            warehouse.state_schema("0a")


def test_nothing_is_read_when_the_gate_says_that_nothing_has_changed(
    bench: LocalPostgresBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.gate = True
    state = state_of(bench.run(bench.model("t"), state=started(bench)))
    fetched = []
    before = Staged.fetch

    def fetch(self: Staged) -> None:
        fetched.append(1)
        before(self)

    monkeypatch.setattr(Staged, "fetch", fetch)
    assert records(bench.run(bench.model("t"), state=state)) == []
    assert not fetched
    bench.sql("update t set v = 'z' where id = 1")
    assert told(bench.run(bench.model("t"), state=state)) == ["1=z"]
    assert fetched


def test_incremental_and_full_models_are_read_from_the_warehouse(bench: LocalPostgresBench) -> None:
    bench.table("t", {"id": "int", "seen": "long"}, [(1, 10), (1, 11), (None, 12)])
    for options in ({"change": "full"}, {"change": "incremental", "replication_key": "seen"}):
        assert len(records(bench.run(bench.model("t", **options)))) == 3
    assert not bench.stored()


# Keys, taken out of the text of a record


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("bigint", ["-9223372036854775808", "9", "10"]),
        ("numeric", ["1.50", "12345678901234567890123456789012345678901234567890", "'NaN'"]),
        ("numeric(40, 0)", ["9", "1234567890123456789012345678901234567890", "'NaN'"]),
        ("double precision", ["0.1", "1e300", "'-Infinity'", "'NaN'"]),
        ("boolean", ["true", "false"]),
        ("text", ["'null'", "''", "'a\"b\\c'", "E'tab\\tline\\n'", "'żółć 🚀'", "'},{'", "'1,2'", "E'\\x01'"]),
        ("uuid", ["'0a1b2c3d-0000-4000-8000-000000000000'"]),
        ("date", ["'2024-01-02'", "'infinity'"]),
        ("timestamptz", ["'2024-01-02 03:04:05.6+02'"]),
        ("bytea", [r"'\x00ff'"]),
        ("int[]", ["'{1,2}'", "'{}'"]),
    ],
)
def test_a_row_that_left_has_the_key_with_which_it_came(
    bench: LocalPostgresBench, kind: str, values: list[str]
) -> None:
    bench.sql(f'create table t ("v" text, "i,d:}}" {kind})')
    bench.sql(*[f"insert into t values ('{{\"i,d:}}\":7}}', {value})" for value in values])
    model = bench.model("t", "i,d:}")
    first = bench.run(model)
    assert len(records(first)) == len(values)
    assert records(bench.run(model, state=state_of(first))) == []
    bench.sql("delete from t")
    gone = records(bench.run(model, state=state_of(first)))
    assert [record["i,d:}"] for record in gone] == [record["i,d:}"] for record in records(first)]
    assert all(set(record) == {"i,d:}", "_sdc_deleted_at"} for record in gone)


def test_keys_whose_names_differ_in_case_alone(bench: LocalPostgresBench) -> None:
    bench.sql('create table t (r int, "ID" int, v text, id int)', "insert into t values (5, 1, 'a', 2), (6, 2, 'b', 1)")
    model = bench.model("t", "id", "ID")
    first = bench.run(model)
    assert records(first) == [{"id": 1, "ID": 2, "r": 6, "v": "b"}, {"id": 2, "ID": 1, "r": 5, "v": "a"}]
    bench.sql("delete from t where id = 2")
    [gone] = records(bench.run(model, state=state_of(first)))
    assert (gone["id"], gone["ID"]) == (2, 1)


@pytest.mark.parametrize(
    ("kind", "values", "last"),
    [
        ("int", ["9", "10", "-3"], "10"),
        ("numeric", ["0.10000000000000000001", "0.1", "0.02"], "0.10000000000000000001"),
        ("double precision", ["9", "'NaN'", "10"], "NaN"),
        ("text", ["'a'", "'c'", "'b'"], "c"),
        ("timestamptz", ["'2024-01-02 00:00+00'", "'2024-01-02 00:30+01'"], "2024-01-02T00:00:00+00:00"),
        ("int", ["1", "null"], "None"),
    ],
)
def test_the_last_of_rows_with_one_key_is_that_of_the_warehouse(
    postgres: Server, tmp_path: Path, kind: str, values: list[str], last: str
) -> None:
    bench = Switching(postgres, tmp_path)
    bench.sql(f"create table t (v text, id int, o {kind})")
    bench.sql(*[f"insert into t values ('v', 1, {value})" for value in values])
    for bench.local in (False, True):
        [record] = records(bench.run(bench.model("t", duplicate_keys="last", order_by=("o",))))
        assert str(record["o"]) == last


def test_a_column_that_only_decides_is_not_emitted(bench: LocalPostgresBench) -> None:
    bench.sql("create table t (id int, o int, p text, v text)")
    bench.sql("insert into t values (1, 9, 'x', 'a'), (1, 10, 'y', 'b'), (2, null, null, 'c')")
    model = bench.model("t", duplicate_keys="last", order_by=("o", "p"))
    messages = bench.run(model, without={"o", "p"})
    assert records(messages) == [{"id": 1, "v": "b"}, {"id": 2, "v": "c"}]


def test_nested_values_put_nothing_in_order(bench: LocalPostgresBench) -> None:
    bench.sql("create table t (id int, o jsonb)")
    error = failed(bench, ConfigurationError, bench.model("t", duplicate_keys="last", order_by=("o",)))
    assert "order_by 'o'" in str(error)


def test_odd_json_in_a_column_is_emitted_as_it_stands(bench: LocalPostgresBench) -> None:
    bench.sql("create table t (v json, id int)")
    odd = '{"half": "\\\\ud800", "nul": "\\\\u0000", "big": 1e999, "twice": 1, "twice": 2}'
    bench.sql(f"insert into t values (E'{odd}', 1)")
    first = bench.run(bench.model("t"))
    assert records(first)[0]["v"]["half"] == "\ud800"
    assert records(bench.run(bench.model("t"), state=state_of(first))) == []


# What can go wrong


def test_what_a_run_that_was_killed_left_in_the_folder_goes(bench: LocalPostgresBench, tmp_path: Path) -> None:
    state = started(bench)
    [file] = (tmp_path / "snapshots").glob("*.duckdb")
    left = file.with_suffix(".tmp")
    left.mkdir()
    (left / "rows").write_bytes(b"rows")
    bench.run(bench.model("t"), state=state)
    assert not left.exists()


def test_too_little_memory_is_said(bench: LocalPostgresBench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "MEMORY", "3MB")
    bench.sql("create table t as select i as id, repeat(md5(i::text), 10) as v from generate_series(1, 50000) i")
    assert "more than 3MB of memory" in str(failed(bench, ReadFault, bench.model("t")))


def test_a_guard_stops_one_model_and_the_next_has_its_own_file(bench: LocalPostgresBench) -> None:
    bench.table("t", {"id": "int"}, [(1,), (1,)])
    bench.table("u", {"id": "int"}, [(1,)])
    failed(bench, Guarded, bench.model("t", duplicate_keys="fail"), bench.model("u"))
    assert [message["stream"] for message in bench.last if message["type"] == "RECORD"] == ["u"]
    assert len({place.split("|")[0] for place in bench.stored()}) == 2


def test_a_signal_ends_the_fetching(bench: LocalPostgresBench, tmp_path: Path) -> None:
    query = "select i as id, repeat('x', 1000) as v from generate_series(1, 100000000) i"
    models = {"long": {"sql": query, "primary_key": "id", "change": "snapshot"}}
    more: dict[str, Any] = {"gate": False, "snapshot_store": "local", "snapshot_folder": str(tmp_path / "kept")}
    line = command(tmp_path, bench, models, **more)
    running = (
        "select count(*) from pg_stat_activity where application_name = 'penstock' and state = 'active' "
        f"and query like 'copy%' and datname = '{bench.database}'"
    )
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as tap:
        assert eventually(lambda: bench.sql(running)[0][0] == 1, 30)
        tap.send_signal(signal.SIGTERM)
        raw, log = tap.communicate(timeout=60)
    assert (tap.returncode, raw) == (143, b"")
    assert b"Traceback" not in log


def test_what_it_needs_is_named_where_it_is_not_installed(
    bench: LocalPostgresBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tap_warehouse.local", None)
    tap = TapPostgres(config={**bench.login(), "models": {}, "snapshot_store": "local"})
    with pytest.raises(ConfigurationError, match="needs duckdb and pyarrow"):
        tap.connect(tap.config)


def test_the_store_is_the_warehouses_own_unless_said_otherwise(bench: LocalPostgresBench, tmp_path: Path) -> None:
    for more, kind in (({}, Postgres), ({"snapshot_store": "local", "snapshot_folder": str(tmp_path)}, LocalStore)):
        tap = TapPostgres(config={**bench.login(), "models": {}, **more})
        warehouse = tap.connect(tap.config)
        assert type(warehouse) is kind
        warehouse.close()

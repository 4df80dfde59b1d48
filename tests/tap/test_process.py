"""The tap as Meltano starts it: a process, its descriptors, its signals and its exit code."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tap_warehouse.duckdb import TapDuckDB
from tap_warehouse.errors import ConfigurationError
from tests.tap.helpers import command, database, emitted, kinds, parsed, ran, records

SECRET = "hunter2-very-secret"


def config(path: Path, **more: Any) -> dict[str, Any]:
    return {"path": str(path), "models": {"t": {"table": "t", "primary_key": "id"}}, **more}


@pytest.fixture
def many(tmp_path: Path) -> Path:
    return database(
        tmp_path / "w.duckdb", "create table t as select i as id, repeat('x', 300) as x from range(200000) r(i)"
    )


@pytest.fixture
def few(tmp_path: Path) -> Path:
    return database(tmp_path / "w.duckdb", "create table t as select i as id from range(3) r(i)")


def started(tmp_path: Path, settings: dict[str, Any]) -> subprocess.Popen[bytes]:
    """Unbuffered, because `communicate` goes on behind the back of a buffer."""
    return subprocess.Popen(command(tmp_path, settings), bufsize=0, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_it_between_two_messages(tmp_path: Path, many: Path, signum: int, code: int) -> None:
    with started(tmp_path, config(many)) as tap:
        assert tap.stdout is not None
        first = b"".join(tap.stdout.readline() for _ in range(3))
        tap.send_signal(signum)  # the pipe is full by now, or will be: nobody has read on
        raw, log = tap.communicate(timeout=60)
    messages = parsed(first + raw)
    assert tap.returncode == code
    assert 0 < len(records(messages)) < 200_000
    assert "ACTIVATE_VERSION" not in kinds(messages)
    assert f"exit code {code}".encode() in log.splitlines()[-1]
    assert b"Traceback" not in log


def test_a_signal_ends_a_query_that_computes(tmp_path: Path, few: Path) -> None:
    query = "select sum(a.range * b.range) % 7 as id from range(10000000) a, range(10000000) b"
    settings = config(few, models={"long": {"sql": query, "primary_key": "id"}}, check_keys=False)
    with started(tmp_path, settings) as tap:
        assert tap.stdout is not None
        assert json.loads(tap.stdout.readline())["type"] == "SCHEMA"
        tap.send_signal(signal.SIGTERM)
        raw, log = tap.communicate(timeout=60)
    assert (tap.returncode, raw) == (143, b"")
    assert b"Traceback" not in log


def test_a_closed_pipe_is_a_fault(tmp_path: Path, many: Path) -> None:
    with started(tmp_path, config(many)) as tap:
        assert tap.stdout is not None
        tap.stdout.readline()
        tap.stdout.close()
        assert tap.stderr is not None
        log = tap.stderr.read()
        assert tap.wait(timeout=60) == 1
    assert b"the reader of our output has closed it" in log
    assert b"Traceback" not in log


def test_what_a_process_says_is_what_the_tap_says(tmp_path: Path, few: Path) -> None:
    done = ran(tmp_path, config(few))
    assert done.returncode == 0
    assert kinds(parsed(done.stdout)) == ["SCHEMA", "RECORD", "RECORD", "RECORD", "ACTIVATE_VERSION", "STATE"]
    assert b"t: 3 rows (the whole model) in" in done.stderr


def test_a_print_cannot_spoil_the_channel(tmp_path: Path, few: Path) -> None:
    start = (
        "import os; from tap_warehouse import run; emit = run.Run.emit;\n"
        "def noisy(*a, **k): print('noise', flush=True); os.write(1, b'raw noise'); return emit(*a, **k)\n"
        "run.Run.emit = noisy; from tap_warehouse.duckdb import TapDuckDB; TapDuckDB.cli()"
    )
    tail = command(tmp_path, config(few))[3:]
    done = subprocess.run([sys.executable, "-c", start, *tail], capture_output=True, check=True, timeout=60)
    assert len(parsed(done.stdout)) == 6
    assert b"noise" in done.stderr


def test_discover_then_run_with_that_catalog_and_a_state(tmp_path: Path, few: Path) -> None:
    found = ran(tmp_path, config(few), "--discover")
    assert found.returncode == 0
    catalog, state = tmp_path / "catalog.json", tmp_path / "state.json"
    catalog.write_bytes(found.stdout)
    assert [stream["tap_stream_id"] for stream in json.loads(found.stdout)["streams"]] == ["t"]
    state.write_text('{"bookmarks": {"t": {"full": {"version": 7, "rows": 1, "complete": true}}}}')
    done = ran(tmp_path, config(few), "--catalog", str(catalog), "--state", str(state))
    assert kinds(parsed(done.stdout)) == ["STATE", "SCHEMA", "RECORD", "RECORD", "RECORD", "ACTIVATE_VERSION", "STATE"]


def test_about_shows_only_what_is_honoured(tmp_path: Path, few: Path) -> None:
    about = json.loads(ran(tmp_path, config(few), "--about", "--format", "json").stdout)
    assert about["capabilities"] == ["catalog", "discover", "state", "about", "batch"]
    assert list(about["settings"]["properties"]) == [
        *("path", "threads", "memory_limit", "init_sql", "motherduck_token"),
        *("snapshot_store", "snapshot_folder", "gate"),
        *("models", "models_file", "dbt_manifest", "dbt_select", "state_every", "check_keys", "batch_config"),
    ]


@pytest.mark.parametrize("option", ["--version", "--help"])
def test_version_and_help(tmp_path: Path, few: Path, option: str) -> None:
    done = ran(tmp_path, config(few), option)
    assert done.returncode == 0
    assert done.stdout


def test_the_test_option_reads_one_row_and_says_nothing(tmp_path: Path, few: Path) -> None:
    done = ran(tmp_path, config(few), "--test")
    assert (done.returncode, done.stdout) == (0, b"")
    assert b"t: 1 columns, 1 row read" in done.stderr
    schemas = ran(tmp_path, config(few), "--test=schema")
    assert kinds(parsed(schemas.stdout)) == ["SCHEMA"]


def test_settings_from_the_environment(tmp_path: Path, few: Path) -> None:
    start = "from tap_warehouse.duckdb import TapDuckDB; TapDuckDB.cli()"
    line = [sys.executable, "-c", start, "--config", "ENV"]
    models = '{"t": {"table": "t", "primary_key": "id"}}'
    good = {**os.environ, "TAP_DUCKDB_PATH": str(few), "TAP_DUCKDB_MODELS": models}
    done = subprocess.run(line, env=good, capture_output=True, check=False, timeout=60, cwd=tmp_path)
    assert (done.returncode, len(parsed(done.stdout))) == (0, 6)
    bad = {**good, "TAP_DUCKDB_THREADS": SECRET}
    done = subprocess.run(line, env=bad, capture_output=True, check=False, timeout=60, cwd=tmp_path)
    assert done.returncode == 2
    assert b"is not of its type" in done.stderr
    assert SECRET.encode() not in done.stderr
    assert b"Traceback" not in done.stderr


def refused(tmp_path: Path, settings: dict[str, Any], *options: str) -> str:
    """Run a configuration that cannot work; what stands on stderr."""
    done = ran(tmp_path, settings, *options)
    log = done.stderr.decode()
    assert done.returncode == 2, log
    assert done.stdout == b""
    assert "Traceback" not in log
    assert SECRET not in log
    return log


def test_wrong_settings_are_named_without_their_values(tmp_path: Path) -> None:
    settings = {"path": 5, "threads": SECRET, "memory_limit": SECRET, "models": SECRET, "state_every": 0}
    for option in ((), ("--discover",), ("--test",)):
        log = refused(tmp_path, settings, *option)
        for name in settings:
            assert f"setting '{name}'" in log
    assert "setting 'path' is missing" in refused(tmp_path, {"models": {}})


def test_mistakes_of_file_and_models_come_together(tmp_path: Path) -> None:
    log = refused(tmp_path, {"path": "gone.duckdb", "models": {"a": {"table": "t"}}})
    assert "there is no file" in log
    assert "model 'a': primary_key is missing" in log


def test_a_file_that_is_open_for_writing(tmp_path: Path, few: Path) -> None:
    with duckdb.connect(str(few)):
        log = refused(tmp_path, config(few))
    assert f"is open for writing in process {os.getpid()}" in log


def test_a_file_of_another_kind(tmp_path: Path) -> None:
    path = tmp_path / "w.duckdb"
    path.write_text("id,name\n" * 1000)
    assert "is not a DuckDB database file" in refused(tmp_path, config(path))


@pytest.mark.parametrize("option", ["--state", "--catalog"])
def test_a_file_of_the_command_line_that_is_no_object(tmp_path: Path, few: Path, option: str) -> None:
    other = tmp_path / "other.json"
    other.write_text("[1")
    assert f"{option}: the file does not hold a JSON object" in refused(tmp_path, config(few), option, str(other))


def test_a_config_file_that_cannot_be_read(tmp_path: Path) -> None:
    line = command(tmp_path, {})
    Path(line[-1]).write_text(f'{{"{SECRET}"')
    done = subprocess.run(line, capture_output=True, check=False, timeout=60)
    assert done.returncode == 2
    assert b"cannot be read as a JSON object" in done.stderr
    assert SECRET.encode() not in done.stderr


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ({"table": "customer", "primary_key": "id"}, "no table or view 'customer'. Did you mean 'customers'?"),
        ({"table": "main.customer", "primary_key": "id"}, "Did you mean 'main.customers'?"),
        ({"table": "orders", "primary_key": "id"}, "Did you mean 'marts.orders'?"),
        ({"table": "marts.zzz", "primary_key": "id"}, "no table or view 'marts.zzz'."),
        (
            {"table": "customers", "primary_key": ["e_mail", "id"]},
            "'e_mail' is not a column of it. Did you mean 'email'?",
        ),
        ({"table": "customers", "primary_key": "ID"}, "'ID' is not a column of it. Did you mean 'id'?"),
        ({"sql": "select emial from customers", "primary_key": "id"}, "sql is refused: Binder Error"),
        ({"sql": "selec 1", "primary_key": "id"}, "sql is refused: Parser Error"),
        ({"sql": "select id from customer", "primary_key": "id"}, "sql is refused: Catalog Error"),
        ({"sql": "select ? as id", "primary_key": "id"}, "sql is refused"),
        ({"sql": "select 1 as id, 2 as x, 3 as X", "primary_key": "id"}, "with one name, case aside: 'x', 'X'"),
        ({"sql": "select 1 as id; select 2 as id", "primary_key": "id"}, "must be exactly one SELECT statement"),
        ({"sql": "delete from customers", "primary_key": "id"}, "must be exactly one SELECT statement"),
        ({"sql": "-- nothing", "primary_key": "id"}, "must be exactly one SELECT statement"),
    ],
)
def test_models_that_the_warehouse_refuses(tmp_path: Path, model: dict[str, Any], expected: str) -> None:
    path = database(
        tmp_path / "w.duckdb",
        "create table customers (id int, email varchar)",
        "create schema marts",
        "create view marts.orders as select 1 as id",
    )
    tap = TapDuckDB(config={"path": str(path), "models": {"m": model, "n": model}})
    with pytest.raises(ConfigurationError) as raised:
        tap.sync_all()
    assert len(raised.value.problems) == 2
    assert expected in raised.value.problems[0]
    assert raised.value.problems[0].startswith("model 'm'")


def test_a_read_that_fails_quotes_no_row_and_closes_no_stream(tmp_path: Path) -> None:
    path = database(
        tmp_path / "w.duckdb",
        "create table t as select i as id, '1' as x from range(200000) r(i)",
        f"update t set x = '{SECRET}' where id = 150000",
    )
    settings = config(path, models={"t": {"sql": "select id, x::int as n from t", "primary_key": "id"}})
    done = ran(tmp_path, settings)
    assert done.returncode == 1
    messages = parsed(done.stdout)
    assert "ACTIVATE_VERSION" not in kinds(messages)
    assert 0 < len(records(messages)) <= 150_000
    log = done.stderr.decode()
    assert "model 't': reading failed: Conversion Error" in log
    assert SECRET not in log
    assert "Traceback" not in log


def test_a_table_is_never_one_of_our_variables(tmp_path: Path, few: Path) -> None:
    bound = duckdb.from_query("select 1 as id")
    with pytest.raises(ConfigurationError, match="'bound'"):
        emitted(few, {"t": {"table": "bound", "primary_key": "id"}})
    assert bound is not None

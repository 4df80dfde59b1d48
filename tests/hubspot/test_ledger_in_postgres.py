"""The real process with its ledger in PostgreSQL: settings, locks, a server that goes away, kills."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from demo.postgres_server import NoServerError, Server, eventually
from demo.postgres_server import running as running_postgres
from penstock.places import url_secrets
from penstock_sandbox.handle import Sandbox
from penstock_sandbox.server import running
from tests.hubspot.process import SCHEMA, Ended, ended, mail, ran, record, records, settings_for, started, state
from tests.hubspot.test_signals import ROWS, check_truth, feed, finished, lines, next_state, until


@pytest.fixture
def schema(tmp_path: Path) -> str:
    return tmp_path.name.lower()[-40:].strip("_")


def in_postgres(sandbox: Sandbox, url: str, **more: Any) -> dict[str, Any]:
    return settings_for(sandbox, ledger_path=None, ledger_url=url, **more)


@contextmanager
def process(folder: Path, settings: dict[str, Any]) -> Iterator[subprocess.Popen[bytes]]:
    """Run the target with its input held open, and leave nothing behind."""
    with started(folder, settings) as target:
        try:
            yield target
        finally:
            target.kill()


def check_silence(run: Ended, url: str) -> None:
    assert "Traceback" not in run.stderr
    assert not [secret for secret in url_secrets(url) if secret in run.stderr]


def counted(server: Server, schema: str, table: str) -> int:
    with server.connect(schema) as connection:
        found = connection.execute(f"select count(*) from {table}".encode()).fetchone()
    assert found is not None
    return int(found[0])


def test_rows_rejects_and_runs_are_in_the_database(
    tmp_path: Path, sandbox: Sandbox, postgres: Server, schema: str
) -> None:
    url = postgres.url(schema)
    content = [SCHEMA, *records(3), record(9, "a", mail="no address"), state(4)]
    for _ in range(2):
        run = ran(tmp_path, in_postgres(sandbox, url), content)
        assert run.code == 0, run.stderr
        assert run.states == [{"position": 4}]
        check_silence(run, url)
    assert counted(postgres, schema, "records where fingerprint is not null") == 3
    assert counted(postgres, schema, "rejects") == 1
    assert counted(postgres, schema, "runs where exit_code = 0") == 2
    assert len(sandbox.objects()) == 3
    assert not list(tmp_path.glob("*.db"))


def test_a_ledger_has_one_place(tmp_path: Path, sandbox: Sandbox, postgres: Server, schema: str) -> None:
    url = postgres.url(schema)
    run = ran(tmp_path, in_postgres(sandbox, url) | {"ledger_path": "ledger.db"}, [SCHEMA, *records(3)])
    assert run.code == 2
    assert "ledger_path and ledger_url: only one" in run.last_line
    check_silence(run, url)


def test_a_wrong_password_ends_the_run_before_anything_is_sent(
    tmp_path: Path, sandbox: Sandbox, postgres: Server, schema: str
) -> None:
    url = postgres.url(schema, "falcon")
    run = ran(tmp_path, in_postgres(sandbox, url), [SCHEMA, *records(3), state(3)])
    assert run.code == 2
    assert "the server refuses the user or the password" in run.last_line
    assert run.states == []
    assert sandbox.stats().requests == 0
    check_silence(run, url)


def test_a_second_run_of_the_same_sync_names_the_first(
    tmp_path: Path, sandbox: Sandbox, postgres: Server, schema: str
) -> None:
    settings = in_postgres(sandbox, postgres.url(schema))
    with process(tmp_path, settings) as first:
        feed(first, [SCHEMA, *records(3), state(3)])
        assert next_state(first) == {"position": 3}
        second = ran(tmp_path, settings, [SCHEMA, *records(3, "b"), state(3)])
        assert second.code == 2
        assert f"stream people is being synced by another run (pid {first.pid} on " in second.last_line
        assert second.states == []
        assert finished(first).code == 0
    assert ran(tmp_path, settings, [SCHEMA, *records(3, "b"), state(3)]).code == 0


def test_a_killed_run_frees_its_sync_and_the_next_one_finishes_its_work(
    tmp_path: Path, postgres: Server, schema: str
) -> None:
    with running(latency_ms=300) as sandbox:
        settings = in_postgres(sandbox, postgres.url(schema))
        with process(tmp_path, settings) as target:
            feed(target, lines())
            until(lambda: sandbox.stats().applied_writes > 0)
            target.send_signal(signal.SIGKILL)
            stdout, stderr = target.communicate(timeout=30)
        check_truth(ended(target.returncode, stdout, stderr), sandbox)
        assert eventually(lambda: not locked(postgres), 5)
        check_rerun(tmp_path, sandbox, settings)
        assert counted(postgres, schema, "intents") == 0


def locked(server: Server) -> bool:
    """Tell whether some run still holds a sync."""
    with server.connect() as connection:
        found = connection.execute("select 1 from pg_locks where locktype = 'advisory'").fetchone()
    return found is not None


def check_rerun(folder: Path, sandbox: Sandbox, settings: dict[str, Any]) -> None:
    sandbox.configure(latency_ms=0)
    again = ran(folder, settings, lines())
    assert again.code == 0, again.stderr
    assert again.states[-1] == {"position": ROWS}
    assert sorted(c.properties["email"] for c in sandbox.objects()) == sorted(mail(n) for n in range(ROWS))


def test_a_server_that_goes_away_ends_the_run_with_what_it_had_kept(tmp_path: Path, schema: str) -> None:
    """The server dies while requests are under way, fsync on: what STATE told of is in its files and at the CRM."""
    try:
        with running(latency_ms=300) as sandbox, running_postgres(fsync="on") as server:
            url = server.url(schema)
            settings = in_postgres(sandbox, url)
            with process(tmp_path, settings) as target:
                feed(target, lines())
                first = next_state(target)
                server.stop()
                run = finished(target)
            run.states.insert(0, first)
            assert run.code == 1
            assert run.last_line.startswith("target-hubspot: exit 1, stopped by a fault: the ledger postgresql://")
            assert "failed: the connection was lost" in run.last_line
            assert "has fsync off" not in run.stderr
            check_silence(run, url)
            check_truth(run, sandbox)
            assert run.states[-1]["position"] < ROWS
            server.start_again()
            kept = counted(server, schema, "records where fingerprint is not null")
            assert kept >= run.states[-1]["position"]
            check_rerun(tmp_path, sandbox, settings)
    except NoServerError as error:
        pytest.skip(f"no PostgreSQL server: {error}")

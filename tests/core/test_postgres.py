"""What the ledger in PostgreSQL adds: its sessions, its locks, what its messages hold, what survives a kill."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from demo.postgres_server import PASSWORD, Server, eventually
from penstock.cli import app
from penstock.errors import Busy, Fault, Misconfigured, Stop
from penstock.ledger import Ledger
from penstock.modes import Action
from penstock.places import open_url, url_secrets
from penstock.postgres import SESSION
from penstock.records import RowKey
from penstock.tables import SCHEMA_VERSION
from tests.core import places
from tests.core.threads import in_threads

ANA = RowKey('["ana"]')
OLD, NEW = b"o" * 16, b"n" * 16
SECRET = "falcon"


@pytest.fixture
def schema(tmp_path: Path) -> str:
    return places.schema_of(tmp_path)


@contextmanager
def opened(server: Server, schema: str) -> Iterator[Ledger]:
    with closing(Ledger(open_url(server.url(schema)), wall=lambda: 0.0)) as ledger:
        ledger.begin_run()
        yield ledger


def whole_text(error: BaseException | None) -> str:
    """Return everything that a traceback of this error would show of it and of its causes."""
    text = ""
    while error is not None:
        advice = error.advice if isinstance(error, Stop) else ""
        text += f"{error!r} {error} {advice}\n"
        error = error.__cause__ or error.__context__
    return text


# -- opening -----------------------------------------------------------------------------------------------


def test_a_wrong_password_is_not_shown(postgres: Server, schema: str) -> None:
    with pytest.raises(Misconfigured, match="the server refuses the user or the password") as caught:
        open_url(postgres.url(schema, SECRET))
    assert SECRET not in whole_text(caught.value)


@pytest.mark.parametrize(
    ("url", "kind", "said"),
    [
        (f"postgresql://u:{SECRET}@127.0.0.1:1/db", Fault, "postgresql://127.0.0.1:1/db cannot be reached: nobody"),
        (f"postgresql://u:{SECRET}@/db?host=/nonexistent", Fault, "there is no such socket"),
        (f"postgresql://u:{SECRET}@nowhere.invalid/db", Misconfigured, "there is no host of that name"),
        (f"postgresql://u:p@{SECRET}@h/db", Misconfigured, "cannot be read as postgresql://"),
        (f"postgresql://u:p/{SECRET}@h/db", Misconfigured, "cannot be read as postgresql://"),
        (f"postgresql://u:{SECRET}%zz@h/db", Misconfigured, "cannot be read as postgresql://"),
        (f"postgresql://u:p@h:{SECRET}/db", Misconfigured, "cannot be read as postgresql://"),
        (f"postgresql://u:p@h/db?passwd={SECRET}", Misconfigured, "cannot be read as postgresql://"),
        (f"mysql://u:{SECRET}@h/db", Misconfigured, "cannot be read as postgresql://"),
        (f"host=h password={SECRET}", Misconfigured, "cannot be read as postgresql://"),
    ],
)
def test_no_message_about_a_url_holds_its_password(url: str, kind: type[Stop], said: str) -> None:
    with pytest.raises(kind, match=said) as caught:
        open_url(url)
    assert SECRET not in whole_text(caught.value)


def test_a_ledger_names_itself_without_user_and_password(postgres: Server, schema: str) -> None:
    with closing(open_url(postgres.url(schema))) as db:
        assert db.name == f"postgresql://{postgres.folder}/postgres ({schema})"
        assert PASSWORD not in repr(vars(db))


def test_passwords_of_a_url_are_found_as_written_and_as_meant() -> None:
    assert "kestrel/4@7" in url_secrets("postgresql://u:kestrel%2F4%407@h/db")
    assert "kestrel%2F4%407" in url_secrets("postgresql://u:kestrel%2F4%407@h/db")
    assert "a@b" in url_secrets("postgresql://u:a@b@h/db")
    assert "kestrel" in url_secrets("postgresql://h/db?user=u&password=kestrel&sslmode=require")


def test_a_missing_driver_is_named_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    monkeypatch.delitem(sys.modules, "penstock.postgres")
    with pytest.raises(Misconfigured, match="needs the driver psycopg, which is not installed") as caught:
        open_url("postgresql://h/db")
    assert caught.value.advice == "pip install 'penstock[postgres]'"


def test_commits_are_durable_whatever_the_url_says(postgres: Server, schema: str) -> None:
    with closing(
        open_url(postgres.url(schema).replace("search_path", "synchronous_commit%3Doff%20-c%20search_path"))
    ) as db:
        assert db.execute("show synchronous_commit").fetchone() == ("on",)


def test_a_session_that_does_not_keep_its_settings_is_refused(
    postgres: Server, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pooler between us and the server may swallow them."""
    monkeypatch.setitem(SESSION, "synchronous_commit", "off")
    with pytest.raises(Misconfigured, match="synchronous_commit is off in spite of us"):
        open_url(postgres.url(schema))


def test_a_schema_creates_and_does_nothing_else(postgres: Server, schema: str) -> None:
    with closing(open_url(postgres.url(schema))) as db, pytest.raises(AssertionError, match="and nothing else"):
        db.script("drop table if exists records")


def test_a_server_without_fsync_is_warned_of(
    postgres: Server, schema: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_url(postgres.url(schema)).close()
    assert "has fsync off" in caplog.text
    caplog.clear()
    monkeypatch.setattr("penstock.postgres.SETTINGS", b"values ('synchronous_commit', 'on'), ('fsync', 'on')")
    open_url(postgres.url(schema)).close()
    assert caplog.text == ""


def test_a_schema_is_made_once_by_many_at_once(postgres: Server, schema: str) -> None:
    ready, failures = threading.Barrier(4), []

    def make() -> None:
        ready.wait()
        try:
            Ledger(open_url(postgres.url(schema))).close()
        except Stop as stop:
            failures.append(stop)

    in_threads(4, make)
    assert failures == []


def test_a_role_that_may_only_use_the_tables_can_keep_a_ledger(postgres: Server, schema: str) -> None:
    Ledger(open_url(postgres.url(schema))).close()
    role = f"user_{schema}"
    with postgres.connect(schema) as admin:
        for statement in (
            f"create role {role} login password '{SECRET}'",
            f"grant usage on schema {schema} to {role}",
            f"grant select, insert, update, delete on all tables in schema {schema} to {role}",
        ):
            admin.execute(statement.encode())
    url = postgres.url(schema, SECRET).replace("penstock:", f"{role}:")
    with closing(Ledger(open_url(url))) as ledger:
        assert ledger.begin_run() == 1
    with pytest.raises(Misconfigured, match=r"cannot be opened: InsufficientPrivilege \(42501\)"):
        Ledger(open_url(url.replace(f"search_path%3D{schema}", "search_path%3Danother")))


# -- writing -----------------------------------------------------------------------------------------------


def test_two_runs_of_different_syncs_share_a_ledger(postgres: Server, schema: str) -> None:
    with opened(postgres, schema) as one, opened(postgres, schema) as other:
        people = one.open_sync("people", "contacts").number
        one.deliver(people, [(ANA, "ana@x.com", OLD, None, "42")])
        guests = other.open_sync("guests", "contacts").number
        other.deliver(guests, [(ANA, "ana@x.com", NEW, None, "43")])
        other.commit()
        assert one.known(people, [ANA])[ANA].destination_id == "42"
        one.commit()
        assert other.known(guests, [ANA])[ANA].destination_id == "43"
        assert {one.run, other.run} == {1, 2}


def test_a_lost_connection_is_a_fault_and_stays_one(postgres: Server, schema: str) -> None:
    with opened(postgres, schema) as ledger:
        sync = ledger.open_sync("people", "contacts").number
        ledger.deliver(sync, [(ANA, "ana@x.com", OLD, None, "42")])
        ledger.commit()
        ledger.deliver(sync, [(ANA, "ana@x.com", NEW, None, "42")])
        lose_connections(postgres, schema)
        with pytest.raises(Fault, match="failed: the connection was lost") as caught:
            ledger.deliver(sync, [(ANA, "ana@x.com", NEW, None, "42")])
        assert "ana" not in whole_text(caught.value).replace("canary", "")
        for _ in range(2):
            with pytest.raises(Fault, match="failed: the connection was lost"):
                ledger.commit()
        ledger.rollback()
        with pytest.raises(Fault, match="failed: the connection was lost"):
            ledger.end_run(1, "stopped", 0, {})
    with opened(postgres, schema) as ledger:
        sync = ledger.open_sync("people", "contacts").number
        assert ledger.known(sync, [ANA])[ANA].fingerprint == OLD


def lose_connections(server: Server, schema: str) -> None:
    """Cut off whoever has written to a schema, as a restart of the server would."""
    with server.connect(schema) as admin:
        cut = admin.execute(
            "select pg_terminate_backend(l.pid, 5000) from pg_locks l join pg_class c on c.oid = l.relation"
            " join pg_namespace n on n.oid = c.relnamespace where n.nspname = %s group by l.pid",
            (schema,),
        ).fetchall()
    assert cut == [(True,)]


def test_a_transaction_that_failed_is_never_taken_for_committed(postgres: Server, schema: str) -> None:
    """PostgreSQL answers such a commit with a rollback and no error."""
    with closing(open_url(postgres.url(schema))) as db:
        db.begin()
        with pytest.raises(psycopg.Error):
            db.execute("select no_such_column")
        assert db.in_transaction
        with pytest.raises(psycopg.OperationalError, match="was taken back"):
            db.commit()
        assert not db.in_transaction


def test_a_value_that_a_statement_cannot_take_is_not_shown(postgres: Server, schema: str) -> None:
    with opened(postgres, schema) as ledger:
        sync = ledger.open_sync("people", "contacts").number
        with pytest.raises(Fault, match="failed: DataError") as caught:
            ledger.deliver(sync, [(ANA, f"{SECRET}\0", OLD, None, None)])
        assert SECRET not in caught.value.message


def test_an_older_schema_is_brought_up_in_the_types_of_postgresql(postgres: Server, schema: str) -> None:
    Ledger(open_url(postgres.url(schema))).close()
    with postgres.connect(schema) as admin:
        for statement in (
            "alter table rejects drop column mark, drop column next_at",
            "alter table syncs drop column rules, drop column pending",
            "update meta set value='1' where name='schema_version'",
        ):
            admin.execute(statement.encode())
    Ledger(open_url(postgres.url(schema))).close()
    with postgres.connect(schema) as admin:
        types = admin.execute(
            "select column_name, data_type from information_schema.columns"
            " where table_schema = %s and column_name in ('mark', 'next_at') order by 1",
            (schema,),
        ).fetchall()
        assert types == [("mark", "bytea"), ("next_at", "double precision")]
        assert admin.execute("select value from meta where name='schema_version'").fetchone() == (str(SCHEMA_VERSION),)


def test_a_purged_row_is_in_no_table(postgres: Server, schema: str) -> None:
    with opened(postgres, schema) as ledger:
        sync = ledger.open_sync("people", "contacts").number
        ledger.deliver(sync, [(ANA, "ana@x.com", OLD, None, "42")])
        ledger.intend(sync, Action.UPSERT, [(ANA, "ana@x.com", NEW)])
        ledger.commit()
        assert ledger.upkeep.purge("people", ANA) == 2
    with postgres.connect(schema) as admin:
        assert admin.execute("select count(*) from records").fetchone() == (0,)
        assert admin.execute("select keys, matches from intents").fetchall() == [("[]", "[]")]


# -- locks -------------------------------------------------------------------------------------------------


def test_a_second_run_of_a_sync_is_told_of_the_first(postgres: Server, schema: str) -> None:
    with opened(postgres, schema) as one, opened(postgres, schema) as other:
        lock = one.lock("people", "now")
        other.lock("guests", "now")
        with pytest.raises(Busy, match=r"stream people .* \(pid \d+ on .+, started \d{4}-\d\d-\d\dT[\d:]+\+00:00\)"):
            other.lock("people", "now")
        lock.release()
        other.lock("people", "now")
    with opened(postgres, schema) as again:
        again.lock("people", "now")


def test_a_lock_is_of_one_schema_and_outlives_a_rollback(postgres: Server, schema: str) -> None:
    with (
        opened(postgres, schema) as one,
        opened(postgres, f"{schema}b") as elsewhere,
        opened(postgres, schema) as other,
    ):
        one.open_sync("people", "contacts")
        lock = one.lock("people", "now")
        elsewhere.lock("people", "now")
        one.rollback()
        with pytest.raises(Busy):
            other.lock("people", "now")
        one.close()
        lock.release()
        assert eventually(lambda: taken(other), 5)


def taken(ledger: Ledger) -> bool:
    try:
        ledger.lock("people", "now")
    except Busy:
        return False
    return True


KILLED = """
import sys
from penstock.ledger import Ledger
from penstock.places import open_url
from penstock.modes import Action

ledger = Ledger(open_url(sys.stdin.readline().strip()))
ledger.begin_run()
ledger.lock("people", "now")
sync = ledger.open_sync("people", "contacts").number
ledger.deliver(sync, [('["ana"]', "ana@x.com", b"o" * 16, None, "42")])
ledger.commit()
ledger.intend(sync, Action.UPSERT, [('["ana"]', "ana@x.com", b"n" * 16)])
ledger.commit()
ledger.deliver(sync, [('["ana"]', "ana@x.com", b"n" * 16, None, "42")])
print("in the middle", flush=True)
sys.stdin.readline()
"""


def test_a_kill_in_the_middle_of_a_transaction_leaves_doubt_and_no_lock(postgres: Server, schema: str) -> None:
    with subprocess.Popen([sys.executable, "-c", KILLED], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{postgres.url(schema)}\n".encode())
        process.stdin.flush()
        assert process.stdout.readline() == b"in the middle\n"
        with opened(postgres, schema) as second, pytest.raises(Busy, match=f"pid {process.pid} on "):
            second.lock("people", "now")
        process.send_signal(signal.SIGKILL)
    with opened(postgres, schema) as ledger:
        assert eventually(lambda: taken(ledger), 5)
        sync = ledger.open_sync("people", "contacts").number
        assert ledger.doubted == 1
        known = ledger.known(sync, [ANA])[ANA]
        assert known.fingerprint is None
        assert known.destination_id == "42"
        assert known.doubts == {"ana@x.com"}


# -- looking into it ---------------------------------------------------------------------------------------


def test_a_ledger_in_postgresql_is_looked_into_by_its_url(postgres: Server, schema: str) -> None:
    with opened(postgres, schema) as ledger:
        sync = ledger.open_sync("people", "contacts").number
        ledger.rejects.refuse(sync, [(ANA, "rejected", "BAD", "name", "is bad", {"name": "x"}, b"")], ledger.run)
        ledger.end_run(0, "delivered", 7, {"people": {"read": 1200}})
    runner = CliRunner(env={"TERM": "dumb"})
    shown = runner.invoke(app, ["runs", "--ledger", postgres.url(schema)])
    assert shown.exit_code == 0
    assert "read 1,200" in shown.output
    by_environment = runner.invoke(
        app, ["rejects", "--stream", "people"], env={"PENSTOCK_LEDGER_URL": postgres.url(schema)}
    )
    assert "is bad (BAD)" in by_environment.output
    everything = runner.invoke(app, ["rejects", "--json", "--record", "--ledger", postgres.url(schema)])
    assert '"record": {"name": "x"}' in everything.output
    for output in (shown.output, by_environment.output, everything.output):
        assert not any(secret in output for secret in url_secrets(postgres.url(schema)))


@pytest.mark.parametrize("command", ["runs", "rejects"])
def test_no_ledger_is_made_by_looking_for_it(postgres: Server, schema: str, command: str) -> None:
    result = CliRunner().invoke(app, [command, "--ledger", postgres.url(schema)])
    assert result.exit_code == 2
    assert "cannot be read as a ledger: UndefinedTable (42P01)" in result.output
    wrong = CliRunner().invoke(app, [command], env={"PENSTOCK_LEDGER_URL": postgres.url(schema, SECRET)})
    assert wrong.exit_code == 2
    assert "refuses the user or the password" in wrong.output
    assert SECRET not in wrong.output
    other = CliRunner().invoke(app, [command], env={"PENSTOCK_LEDGER_URL": f"mysql://u:{SECRET}@h/db"})
    assert other.exit_code == 2
    assert SECRET not in other.output

"""What the ledger promises on its own: private files, doubt where an intent is open, one account, one format."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from penstock import database
from penstock.database import SqliteDatabase
from penstock.errors import Busy, Fault, Misconfigured
from penstock.files import SyncLock
from penstock.ledger import Ledger
from penstock.modes import Action
from penstock.records import RowKey
from penstock.tables import SCHEMA_VERSION
from tests.core import places

ANA, BOB = RowKey('["ana"]'), RowKey('["bob"]')
OLD, NEW = b"o" * 16, b"n" * 16


@contextmanager
def opened(path: Path) -> Iterator[Ledger]:
    with closing(Ledger(places.at(path), wall=lambda: 0.0)) as ledger:
        ledger.begin_run()
        yield ledger


def deliver(ledger: Ledger, sync: int, key: RowKey, mark: bytes) -> None:
    ledger.deliver(sync, [(key, f"{key}@x.com", mark, None, "42")])
    ledger.commit()


def mark_of(ledger: Ledger, sync: int, key: RowKey) -> bytes | None:
    known = ledger.known(sync, [key]).get(key)
    return known.fingerprint if known else None


def test_files_are_private_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        path = tmp_path / ".penstock" / "ledger.db"
        with opened(path) as ledger:
            deliver(ledger, ledger.open_sync("people", "contacts").number, ANA, OLD)
            SyncLock(path, "people").release()
            modes = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
        assert path.parent.stat().st_mode & 0o777 == 0o700
        assert len(modes) >= 3
        assert set(modes.values()) == {0o600}, modes
    finally:
        os.umask(before)


def test_a_ledger_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.touch(0o644)
    path.chmod(0o644)
    with opened(path):
        assert path.stat().st_mode & 0o777 == 0o600


def test_an_open_intent_puts_its_rows_in_doubt(tmp_path: Path) -> None:
    """A was delivered, B was sent and then we died: A again would be no change, and B would stay there for ever."""
    with opened(tmp_path / "l.db") as ledger:
        sync = ledger.open_sync("people", "contacts").number
        deliver(ledger, sync, ANA, OLD)
        ledger.intend(sync, Action.UPSERT, [(ANA, "ana@x.com", NEW), (BOB, "bob@x.com", NEW)])
        ledger.commit()
    with opened(tmp_path / "l.db") as ledger:
        sync = ledger.open_sync("people", "contacts").number
        assert ledger.doubted == 2
        assert mark_of(ledger, sync, ANA) is None
        assert ledger.known(sync, [BOB])[BOB].match == "bob@x.com"
        assert ledger.known(sync, [ANA])[ANA].destination_id == "42"
        ledger.commit()
    with opened(tmp_path / "l.db") as ledger:
        ledger.open_sync("people", "contacts")
        assert ledger.doubted == 0


def test_an_intent_that_was_never_committed_never_was(tmp_path: Path) -> None:
    with opened(tmp_path / "l.db") as ledger:
        sync = ledger.open_sync("people", "contacts").number
        deliver(ledger, sync, ANA, OLD)
        ledger.intend(sync, Action.UPSERT, [(ANA, "ana@x.com", NEW)])
    with opened(tmp_path / "l.db") as ledger:
        sync = ledger.open_sync("people", "contacts").number
        assert ledger.doubted == 0
        assert mark_of(ledger, sync, ANA) == OLD


@pytest.mark.parametrize(("doubtful", "left"), [([], OLD), ([ANA], None)])
def test_a_closed_intent_leaves_doubt_only_where_it_is_told(
    tmp_path: Path, doubtful: list[RowKey], left: bytes | None
) -> None:
    with opened(tmp_path / "l.db") as ledger:
        sync = ledger.open_sync("people", "contacts").number
        deliver(ledger, sync, ANA, OLD)
        intent = ledger.intend(sync, Action.UPSERT, [(ANA, "ana@x.com", NEW)])
        ledger.close_intent(sync, intent, [(key, "ana@x.com") for key in doubtful])
        ledger.commit()
    with opened(tmp_path / "l.db") as ledger:
        sync = ledger.open_sync("people", "contacts").number
        assert mark_of(ledger, sync, ANA) == left


def test_a_sync_opens_in_the_middle_of_another_ones_transaction(tmp_path: Path) -> None:
    path = tmp_path / "l.db"
    with opened(path) as ledger:
        guests = ledger.open_sync("guests", "contacts").number
        ledger.intend(guests, Action.UPSERT, [(BOB, "bob@x.com", NEW)])
        ledger.commit()
    with opened(path) as ledger:
        people = ledger.open_sync("people", "contacts").number
        ledger.rejects.refuse(people, [(ANA, "invalid", "c", None, "m", {}, b"")], 1)
        guests = ledger.open_sync("guests", "contacts").number
        assert ledger.doubted == 1
        ledger.intend(guests, Action.UPSERT, [(BOB, "bob@x.com", NEW)])
        # Dies without a commit: neither the reject nor the new intent is there, and the old doubt is.
    with opened(path) as ledger:
        ledger.open_sync("guests", "contacts")
        assert ledger.doubted == 1
    assert places.query(path, "select count(*) from rejects") == [(0,)]


def test_a_delivery_forgives_the_reject_and_a_refusal_counts_its_attempts(tmp_path: Path) -> None:
    with opened(tmp_path / "l.db") as ledger:
        sync = ledger.open_sync("people", "contacts").number
        for run in (1, 2, 2):  # what is tried again at the end of a run was tried once in it
            ledger.rejects.refuse(sync, [(ANA, "rejected", "BAD", "name", "is bad", {"name": "x"}, OLD)], run)
        ledger.commit()
        assert places.query(tmp_path / "l.db", "select attempts, code from rejects") == [(2, "BAD")]
        deliver(ledger, sync, ANA, NEW)
        assert places.query(tmp_path / "l.db", "select count(*) from rejects") == [(0,)]


def test_a_reason_is_kept_without_what_no_database_keeps(tmp_path: Path) -> None:
    with opened(tmp_path / "l.db") as ledger:
        sync = ledger.open_sync("people", "contacts").number
        ledger.rejects.refuse(
            sync, [(ANA, "rejected", "B\0", "n\ud800", "a\0b\ud800c", {"name": "x"}, OLD)], ledger.run
        )
        ledger.end_run(1, "stopped\0", 0, {})
    kept = places.query(tmp_path / "l.db", "select code, field, message from rejects")
    assert kept == [("B\ufffd", "n?", "a\ufffdb?c")]
    assert places.query(tmp_path / "l.db", "select ending from runs") == [("stopped\ufffd",)]


def test_another_account_is_refused(tmp_path: Path) -> None:
    with opened(tmp_path / "l.db") as ledger:
        ledger.bind_account("hubspot:1")
    with opened(tmp_path / "l.db") as ledger:
        ledger.bind_account("hubspot:1")
        with pytest.raises(Misconfigured, match="belongs to account hubspot:1, the credentials to account hubspot:2"):
            ledger.bind_account("hubspot:2")


def test_a_stream_keeps_its_object(tmp_path: Path) -> None:
    with opened(tmp_path / "l.db") as ledger:
        ledger.open_sync("people", "contacts")
        sync = ledger.open_sync("people", "companies").number  # nothing was delivered: it was a mistake
        ledger.deliver(sync, [(ANA, "a@x.com", OLD, None, "1")])
        with pytest.raises(Misconfigured, match="synced to companies before"):
            ledger.open_sync("people", "contacts")


def test_an_older_format_is_brought_up(tmp_path: Path) -> None:
    path = tmp_path / "l.db"
    with opened(path):
        pass
    for table, column in (("rejects", "mark"), ("rejects", "next_at"), ("syncs", "rules"), ("syncs", "pending")):
        places.query(path, f"alter table {table} drop column {column}")
    places.query(path, "update meta set value='1' where name='schema_version'")
    for run in (1, 2):
        with opened(path) as ledger:
            sync = ledger.open_sync("people", "contacts").number
            ledger.rejects.refuse(sync, [(ANA, "invalid", "c", None, "m", {}, OLD)], run)
            ledger.commit()
    assert places.query(path, "select attempts, mark from rejects") == [(2, OLD)]
    assert places.query(path, "select value from meta where name='schema_version'") == [(str(SCHEMA_VERSION),)]


def test_a_format_of_another_version_is_refused(tmp_path: Path) -> None:
    with opened(tmp_path / "l.db"):
        pass
    places.query(tmp_path / "l.db", "update meta set value='99' where name='schema_version'")
    with pytest.raises(Misconfigured, match="schema version 99"), opened(tmp_path / "l.db"):
        pass


def test_a_file_whose_tables_are_not_ours_is_refused(tmp_path: Path) -> None:
    """It is a database, but it belongs to something else."""
    path = tmp_path / "l.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("create table meta(key integer)")
    with pytest.raises(Misconfigured, match="cannot be opened: ") as caught:
        Ledger(path)
    assert "ledger_path" in caught.value.advice
    assert not path.with_name("l.db-wal").exists(), "the connection was not closed"


def test_what_somebody_else_keeps_in_the_file_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "crm.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("create table customers(id integer)")
    path.chmod(0o644)
    before = path.read_bytes()
    with pytest.raises(Misconfigured, match=r"ledger_path: .*crm\.db is a database of something else"), opened(path):
        pass
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (before, 0o644)


def test_a_file_that_is_no_ledger_is_refused(tmp_path: Path) -> None:
    (tmp_path / "l.db").write_bytes(b"not a database at all, but long enough to be looked at" * 40)
    with pytest.raises(Misconfigured, match="cannot be opened"), opened(tmp_path / "l.db"):
        pass


def test_what_is_no_file_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    """The device for nothing, say: made private, it would be of no more use to anybody else."""
    os.mkfifo(tmp_path / "l.db")
    (tmp_path / "l.db").chmod(0o666)
    with pytest.raises(Misconfigured, match="it is no file"), opened(tmp_path / "l.db"):
        pass
    assert (tmp_path / "l.db").stat().st_mode & 0o777 == 0o666


def test_a_file_that_is_locked_is_a_fault_of_the_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "PATIENCE", 0.05)
    with opened(tmp_path / "l.db") as ledger:
        ledger.begin_run()
    with closing(sqlite3.connect(tmp_path / "l.db", isolation_level=None)) as other:
        for lock in ("begin immediate", "begin exclusive"):
            other.execute(lock)
            with pytest.raises(Fault, match="cannot be opened: database is locked"), opened(tmp_path / "l.db"):
                pass
            other.execute("rollback")


def test_a_ledger_that_is_reached_by_a_link_has_the_same_locks(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "link.db").symlink_to(tmp_path / "l.db")
    with opened(tmp_path / "l.db") as ledger, opened(tmp_path / "other" / "link.db") as same:
        lock = ledger.lock("people", "now")
        with pytest.raises(Busy):
            same.lock("people", "now")
        lock.release()


def test_a_lock_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    (tmp_path / "l.db.people.lock").mkdir()
    with (
        opened(tmp_path / "l.db") as ledger,
        pytest.raises(Misconfigured, match=r"l\.db\.people\.lock of stream people cannot be opened: Is a directory"),
    ):
        ledger.lock("people", "now")


def test_a_sqlite_that_is_too_old_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 34, 1))
    with pytest.raises(Misconfigured, match=r"the ledger needs 3\.35 or newer"):
        SqliteDatabase(tmp_path / "l.db")


def test_a_file_that_sqlite_cannot_open_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def connect(*_: object, **__: object) -> None:
        raise sqlite3.OperationalError("unable to open database file")

    monkeypatch.setattr(sqlite3, "connect", connect)
    with pytest.raises(Misconfigured, match="cannot be opened: unable to open"):
        SqliteDatabase(tmp_path / "l.db")


def test_what_was_taken_back_is_not_there(tmp_path: Path) -> None:
    with opened(tmp_path / "l.db") as ledger:
        sync = ledger.open_sync("people", "contacts").number
        deliver(ledger, sync, ANA, OLD)
        ledger.deliver(sync, [(ANA, "ana@x.com", NEW, None, "42")])
        ledger.rollback()
        ledger.commit()
        assert mark_of(ledger, sync, ANA) == OLD
        ledger.rollback()
        assert mark_of(ledger, sync, ANA) == OLD, "with nothing open there is nothing to take back"


def test_a_failing_file_is_a_fault(tmp_path: Path) -> None:
    with opened(tmp_path / "l.db") as ledger:
        sync = ledger.open_sync("people", "contacts").number
        ledger.commit()
        places.query(tmp_path / "l.db", "drop table records")
        with pytest.raises(Fault, match=r"the ledger .* failed"):
            deliver(ledger, sync, ANA, OLD)
        with pytest.raises(Fault, match=r"the ledger .* failed"):
            ledger.commit()  # SQLite may have taken the transaction back: nothing may count as durable from here on


def test_the_lock_of_a_sync_is_one_run_wide(tmp_path: Path) -> None:
    first, second, other = (SyncLock(tmp_path / "l.db", name) for name in ("a.b/c", "a.b/c", "a_b_c"))
    first.take("now")
    other.take("now")
    with pytest.raises(Misconfigured, match=f"pid {os.getpid()}, started now"):
        second.take("later")
    first.release()
    other.release()
    third = SyncLock(tmp_path / "l.db", "a.b/c")
    third.take("later")
    third.release()

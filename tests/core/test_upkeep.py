"""`penstock retry | drop | settle | forget | purge`, and what age deletes."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from penstock.errors import Misconfigured
from penstock.ledger import Ledger
from penstock.modes import Action
from penstock.records import RowKey
from penstock.rejects import DAY
from penstock.upkeep_cli import app
from tests.core import places
from tests.core.sim import World, record_line, run, schema_line, state_line
from tests.core.test_promise import rejects

CANARY = "zanzibar"
LINES = [
    schema_line(),
    record_line(1, f"{CANARY}1@example.com", "bad"),
    record_line(2, f"{CANARY}2@example.com", "a"),
    state_line(2),
]


def told(path: Path, *arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, [*arguments, "--ledger", places.named(path)])
    assert done.exit_code == code, done.output
    return done.output


@pytest.fixture
def ledger(tmp_path: Path) -> tuple[World, Path]:
    world, path = World(), tmp_path / "l.db"
    for _ in range(2):
        run(LINES, world, path)
    return world, path


def test_a_row_that_waits_is_tried_when_a_person_asks(ledger: tuple[World, Path]) -> None:
    world, path = ledger
    assert "waits until" in told(path, "rejects")
    assert run(LINES, world, path).counts == {"read": 2, "unchanged": 1, "waiting": 1}
    assert "1 refused row of people will be tried" in told(path, "retry", "people", "[1]")
    assert run(LINES, world, path).counts == {"read": 2, "unchanged": 1, "rejected": 1}


def test_a_parked_row_is_tried_when_a_person_asks_and_waits_from_then_on(ledger: tuple[World, Path]) -> None:
    world, path = ledger
    world.wall += 20 * DAY
    run(LINES, world, path)
    assert "parked" in told(path, "rejects")
    assert json.loads(told(path, "rejects", "--json"))["parked"] is True
    world.wall += 20 * DAY
    assert run(LINES, world, path).counts["parked"] == 1
    told(path, "retry", "people")
    assert run(LINES, world, path).counts["rejected"] == 1
    assert run(LINES, world, path).counts["rejected"] == 1, "once more: it may have been a hiccup"
    assert run(LINES, world, path).counts["waiting"] == 1


def test_dropped_rows_are_gone(ledger: tuple[World, Path]) -> None:
    _, path = ledger
    assert "0 refused rows" in told(path, "drop", "people", "[7]", code=1)
    assert "1 refused row of" in told(path, "drop", "people", "--yes")
    assert rejects(path) == {}


def test_a_person_can_say_no(ledger: tuple[World, Path]) -> None:
    _, path = ledger
    done = CliRunner().invoke(app, ["forget", "people", "--ledger", places.named(path)], input="n\n")
    assert done.exit_code == 1
    assert list(rejects(path)) == [1]


def test_what_was_forgotten_is_sent_again_and_its_rejects_stay(ledger: tuple[World, Path]) -> None:
    world, path = ledger
    world.objects.clear()
    assert "1 row of people forgotten" in told(path, "forget", "people", "--yes")
    assert list(rejects(path)) == [1]
    ending = run(LINES, world, path)
    assert ending.counts["created"] == 1
    assert ending.states == [], "pending, and the STATE is of a shape that nobody can look into"
    assert "is pending no more; it was: it was forgotten" in told(path, "settle", "people")
    assert "was not pending" in told(path, "settle", "people")
    assert len(run(LINES, world, path).states) == 1


def test_a_purged_row_leaves_no_byte(ledger: tuple[World, Path]) -> None:
    _, path = ledger
    with closing(Ledger(places.at(path))) as book:
        sync = book.open_sync("people", "contacts").number
        book.intend(sync, Action.UPSERT, [(RowKey("[1]"), f"{CANARY}1@example.com", b"")])
        book.intend(sync, Action.UPSERT, [(RowKey("[2]"), f"{CANARY}2@example.com", b"")])
        book.commit()
    assert "is wiped" in told(path, "purge", "people", "1")
    left = b"".join(each.read_bytes() for each in path.parent.glob("l.db*"))
    assert f"{CANARY}1".encode() not in left
    assert f"{CANARY}2".encode() in left
    assert "has nothing of the row" in told(path, "purge", "people", "1", code=1)
    told(path, "purge", "people", "[2]")
    assert CANARY.encode() not in b"".join(each.read_bytes() for each in path.parent.glob("l.db*"))


def test_a_row_without_a_key_can_be_purged_too(tmp_path: Path) -> None:
    world, path = World(), tmp_path / "l.db"
    run([schema_line(), record_line(None, f"{CANARY}@example.com", "a")], world, path)
    [(key,)] = places.query(path, "select row_key from rejects")
    assert key.startswith("no-key:")
    assert "is wiped" in told(path, "purge", "people", key)
    assert places.query(path, "select row_key from rejects") == []


def test_the_short_form_of_a_key_is_known_to_all(ledger: tuple[World, Path]) -> None:
    _, path = ledger
    assert told(path, "retry", "people", "1").startswith("1 refused")
    assert told(path, "drop", "people", "1").startswith("1 refused")
    assert list(rejects(path)) == []


@pytest.mark.parametrize("command", ["retry", "drop"])
def test_a_key_that_no_refused_row_has_is_named_and_the_others_are_done(
    ledger: tuple[World, Path], command: str
) -> None:
    _, path = ledger
    text = told(path, command, "people", "C-9", "1", "8", code=1)
    assert text.startswith("1 refused row of people")
    assert "people has no refused row C-9 or 8:" in text


@pytest.mark.parametrize("command", ["drop", "forget"])
def test_a_stream_that_is_not_there_is_told_before_anything_is_asked(ledger: tuple[World, Path], command: str) -> None:
    _, path = ledger
    text = told(path, command, "peolpe", code=1)
    assert "no stream is named peolpe; there is people" in text
    assert "?" not in text


def test_a_stream_that_was_forgotten_may_go_to_another_object(ledger: tuple[World, Path]) -> None:
    _, path = ledger
    with closing(Ledger(places.at(path))) as opened, pytest.raises(Misconfigured, match="was synced to"):
        opened.open_sync("people", "companies")
    told(path, "forget", "people", "--yes")
    with closing(Ledger(places.at(path))) as opened:
        again = opened.open_sync("people", "companies")
        assert (again.new, again.mapping, again.rules) == (True, None, None)
        assert again.pending


def test_what_is_no_ledger_does_not_become_one(tmp_path: Path) -> None:
    other = tmp_path / "app.db"
    with closing(sqlite3.connect(other)) as db:
        db.execute("create table customers(name)")
    other.chmod(0o644)
    before = other.read_bytes()
    done = CliRunner().invoke(app, ["retry", "people", "--ledger", str(other)])
    assert (done.exit_code, "app.db cannot be read as a ledger" in done.output) == (2, True)
    assert (other.read_bytes(), other.stat().st_mode & 0o777) == (before, 0o644)


def test_mistakes_are_named(ledger: tuple[World, Path]) -> None:
    _, path = ledger
    assert "has no stream peple; it has people" in told(path, "retry", "peple", code=1)
    with closing(Ledger(places.at(path))) as book:
        lock = book.lock("people", "now")
        assert "is being synced by another run" in told(path, "retry", "people", code=2)
        lock.release()


def test_age_deletes_runs_and_rows_that_left_and_rejects_only_when_asked(ledger: tuple[World, Path]) -> None:
    _, path = ledger
    with closing(Ledger(places.at(path), wall=lambda: 1_000_000.0 + 10 * DAY)) as book:
        sync = book.open_sync("people", "contacts").number
        book.mark_left(sync, [RowKey("[2]")])
        book.commit()
        book.upkeep.trim(11, None)
        assert places.query(path, "select count(*) from runs") == [(2,)]
        book.upkeep.trim(9, None)
        assert places.query(path, "select count(*) from runs") == [(1,)]  # the newest: its number is not given again
        assert places.query(path, "select count(*) from records") == [(1,)]
    with closing(Ledger(places.at(path), wall=lambda: 1_000_000.0 + 500 * DAY)) as book:
        book.upkeep.trim(400, None)
        assert list(rejects(path)) == [1]
        book.upkeep.trim(400, 499)
        assert list(rejects(path)) == []
    assert places.query(path, "select count(*) from records") == [(0,)]

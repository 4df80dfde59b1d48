"""What the ledger writes, column by column, and how many rows each write counts towards the next commit."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from penstock.database import SqliteDatabase
from penstock.errors import Misconfigured
from penstock.ledger import Ledger
from penstock.modes import Action
from penstock.records import KnownRow, RowKey
from penstock.register import Registered
from penstock.rejects import DAY
from penstock.tables import Refused
from tests.core import places

ANA, BOB, CAT = RowKey('["ana"]'), RowKey('["bob"]'), RowKey('["cat"]')
OLD, NEW = b"o" * 16, b"n" * 16


class Clock:
    """The time of day, as the test wants it."""

    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "l.db"


@pytest.fixture
def ledger(path: Path, clock: Clock) -> Iterator[Ledger]:
    with closing(Ledger(places.at(path), wall=clock, version="1.2.3", park_after=10 * DAY)) as ledger:
        ledger.begin_run()
        yield ledger


def refused(key: RowKey, mark: bytes = OLD, kind: str = "rejected") -> Refused:
    return (key, kind, "BAD", "name", "is bad", {"id": key}, mark)


# -- what is written --------------------------------------------------------------------------------------


def test_an_account_that_differs_says_what_to_do(ledger: Ledger, path: Path) -> None:
    ledger.bind_account("hubspot:1")
    with pytest.raises(Misconfigured) as caught:
        ledger.bind_account("hubspot:2")
    assert caught.value.advice == "use the credentials of that account, or another ledger_path for this one"
    assert caught.value.message.startswith(f"the ledger {ledger.name} belongs to account hubspot:1")
    assert ledger.name.endswith(path.name)


def test_a_locked_sync_tells_since_when(ledger: Ledger) -> None:
    ledger.lock("people", "this morning")
    with pytest.raises(Misconfigured, match="started this morning"):
        ledger.lock("people", "later")


def test_a_run_is_written_down_with_how_it_ended(ledger: Ledger, path: Path, clock: Clock) -> None:
    clock.now = 1_060.0
    ledger.end_run(3, "more rejects than allowed", 17, {"people": {"read": 5}})
    columns = "started_at, ended_at, version, exit_code, ending, calls, counts"
    [(*facts, counts)] = places.query(path, f"select {columns} from runs")
    assert facts == [1_000.0, 1_060.0, "1.2.3", 3, "more rejects than allowed", 17]
    assert json.loads(counts) == {"people": {"read": 5}}


def test_a_delivered_row_is_written_down_and_so_is_its_next_version(ledger: Ledger, path: Path, clock: Clock) -> None:
    sync = ledger.open_sync("people", "contacts").number
    ledger.deliver(sync, [(ANA, "a@x.com", OLD, b"mark", "41"), (BOB, "b@x.com", OLD, None, None)])
    ledger.deliver(sync, [(CAT, "c@x.com", OLD, b"mark", "43")])
    ledger.mark_left(sync, [CAT])
    clock.now = 2_000.0
    ledger.deliver(sync, [(ANA, "aa@x.com", NEW, None, None), (CAT, "cc@x.com", NEW, None, None)])
    ledger.commit()
    columns = "row_key, seq, match_value, fingerprint, source_mark, destination_id, delivered_at, left_at"
    assert places.query(path, f"select {columns} from records order by row_key") == [
        (ANA, 1, "aa@x.com", NEW, None, "41", 2_000.0, None),
        (BOB, 2, "b@x.com", OLD, None, None, 1_000.0, None),
        (CAT, 3, "cc@x.com", NEW, None, None, 2_000.0, None),  # it had left: nobody says that it is the old object
    ]


def test_an_intent_is_written_down_as_it_is_sent(ledger: Ledger, path: Path) -> None:
    sync = ledger.open_sync("people", "contacts").number
    ledger.intend(sync, Action.UPDATE, [(ANA, "a@x.com", OLD), (BOB, "b@x.com", NEW)])
    ledger.commit()
    [(run, action, keys, matches, marks, at)] = places.query(
        path, "select run, action, keys, matches, fingerprints, at from intents"
    )
    assert (run, action, marks, at) == (ledger.run, "update", OLD + NEW, 1_000.0)
    assert (json.loads(keys), json.loads(matches)) == ([ANA, BOB], ["a@x.com", "b@x.com"])


def test_a_row_that_leaves_keeps_when_and_one_that_is_removed_keeps_no_fingerprint(ledger: Ledger, path: Path) -> None:
    sync = ledger.open_sync("people", "contacts").number
    ledger.deliver(sync, [(key, f"{key}@x.com", OLD, b"mark", "42") for key in (ANA, BOB, CAT)])
    ledger.rejects.refuse(sync, [refused(ANA), refused(BOB)], ledger.run)
    ledger.mark_left(sync, [ANA])
    ledger.remove(sync, [BOB])
    ledger.commit()
    columns = "row_key, fingerprint, source_mark, destination_id, left_at"
    assert places.query(path, f"select {columns} from records order by row_key") == [
        (ANA, OLD, b"mark", "42", 1_000.0),
        (BOB, None, None, "42", 1_000.0),
        (CAT, OLD, b"mark", "42", None),
    ]
    assert places.query(path, "select row_key from rejects") == [(ANA,)]
    assert ledger.present(sync) == 1
    assert ledger.present(sync, 3) == 0


def test_an_id_that_is_gone_is_forgotten_with_the_fingerprint(ledger: Ledger) -> None:
    sync = ledger.open_sync("people", "contacts").number
    ledger.deliver(sync, [(ANA, "a@x.com", OLD, b"mark", "41"), (BOB, "b@x.com", OLD, None, "42")])
    ledger.forget_id(sync, [ANA])
    assert ledger.known(sync, [ANA, BOB, CAT]) == {
        ANA: KnownRow(1, None, None, "a@x.com"),
        BOB: KnownRow(2, OLD, "42", "b@x.com"),
    }
    assert ledger.fingerprints(sync, [ANA, BOB]) == {ANA: (None, b"mark", 1), BOB: (OLD, None, 2)}


def test_rows_in_doubt_hold_the_match_values_that_they_were_sent_with(ledger: Ledger) -> None:
    sync = ledger.open_sync("people", "contacts").number
    ledger.deliver(sync, [(ANA, "a@x.com", OLD, None, "41")])
    ledger.close_intent(sync, ledger.intend(sync, Action.UPSERT, []), [(ANA, "b@x.com"), (BOB, "c@x.com")])
    assert ledger.known(sync, [ANA, BOB]) == {
        ANA: KnownRow(1, None, "41", "a@x.com", doubts=frozenset({"b@x.com"})),
        BOB: KnownRow(3, None, None, "c@x.com", delivered=False, doubts=frozenset({"c@x.com"})),
    }
    held = ledger.owners(sync, ["a@x.com", "b@x.com", "c@x.com", "d@x.com"])
    assert held == {"a@x.com": {ANA}, "b@x.com": {ANA}, "c@x.com": {BOB}}
    ledger.deliver(sync, [(ANA, "a@x.com", NEW, None, "41")])
    assert ledger.owners(sync, ["b@x.com", "c@x.com"]) == {"c@x.com": {BOB}}
    ledger.mark_left(sync, [ANA])
    assert ledger.owners(sync, ["a@x.com"]) == {}


def test_syncs_number_their_rows_apart_and_go_on_where_they_were(path: Path, ledger: Ledger) -> None:
    people, guests = (ledger.open_sync(stream, "contacts").number for stream in ("people", "guests"))
    ledger.deliver(people, [(ANA, "a@x.com", OLD, None, None), (BOB, "b@x.com", OLD, None, None)])
    ledger.deliver(guests, [(CAT, "c@x.com", OLD, None, None)])
    ledger.commit()
    with closing(Ledger(places.at(path), wall=lambda: 0.0)) as next_run:
        assert next_run.open_sync("people", "contacts").number == people
        assert next_run.seen(people).first_new == 3
        next_run.deliver(people, [(CAT, "c@x.com", OLD, None, None)])
        assert next_run.known(people, [CAT])[CAT].seq == 3
        assert next_run.open_sync("guests", "contacts").number == guests
        assert next_run.seen(guests).first_new == 2


def test_leavers_are_the_rows_of_earlier_runs_that_were_not_met(path: Path, ledger: Ledger) -> None:
    sync = ledger.open_sync("people", "contacts").number
    ledger.deliver(sync, [(key, f"{key}@x.com", OLD, None, None) for key in (ANA, BOB)])
    ledger.commit()
    with closing(Ledger(places.at(path), wall=lambda: 0.0)) as next_run:
        next_run.open_sync("people", "contacts")
        seen = next_run.seen(sync)
        next_run.deliver(sync, [(CAT, "c@x.com", OLD, None, None)])
        seen.mark(1)
        assert next_run.leavers(sync, seen) == [BOB]
        seen.mark(2)
        assert next_run.leavers(sync, seen) == []


def test_a_source_mark_is_written_anew_and_nothing_else(ledger: Ledger) -> None:
    sync = ledger.open_sync("people", "contacts").number
    ledger.deliver(sync, [(ANA, "a@x.com", OLD, b"1", "41"), (BOB, "b@x.com", OLD, b"2", "42")])
    ledger.remark(sync, [(b"3", ANA)])
    assert ledger.fingerprints(sync, [ANA, BOB]) == {ANA: (OLD, b"3", 1), BOB: (OLD, b"2", 2)}


def test_a_ledger_that_has_opened_nothing_knows_of_no_run_and_of_no_doubt(path: Path) -> None:
    with closing(Ledger(SqliteDatabase(path))) as fresh:
        assert (fresh.run, fresh.doubted, fresh.dirty) == (0, 0, 0)
        fresh.begin_run()
    assert places.query(path, "select run, version, pid from runs") == [(1, "", os.getpid())]


def test_a_row_that_has_left_is_known_as_such(ledger: Ledger) -> None:
    sync = ledger.open_sync("people", "contacts").number
    ledger.deliver(sync, [(ANA, "a@x.com", OLD, None, None)])
    ledger.mark_left(sync, [ANA])
    assert ledger.known(sync, [ANA]) == {ANA: KnownRow(1, OLD, None, "a@x.com", left=True)}
    assert ledger.fingerprints(sync, [ANA]) == {}


def test_doubts_outlive_their_run(path: Path, ledger: Ledger) -> None:
    people, guests = (ledger.open_sync(stream, "contacts").number for stream in ("people", "guests"))
    ledger.close_intent(people, ledger.intend(people, Action.UPSERT, []), [(ANA, "a@x.com"), (ANA, "b@x.com")])
    ledger.intend(people, Action.UPSERT, [(BOB, "c@x.com", OLD), (CAT, "d@x.com", OLD)])
    ledger.intend(guests, Action.UPSERT, [(ANA, "e@x.com", OLD)])
    ledger.commit()
    with closing(Ledger(places.at(path), wall=lambda: 0.0)) as next_run:
        next_run.open_sync("people", "contacts")
        assert next_run.doubted == 2
        doubts = {ANA: {"a@x.com", "b@x.com"}, BOB: {"c@x.com"}, CAT: {"d@x.com"}}
        assert {key: row.doubts for key, row in next_run.known(people, [ANA, BOB, CAT]).items()} == doubts
        next_run.commit()
        assert places.query(path, "select sync from intents") == [(guests,)]
        next_run.deliver(people, [(BOB, "c@x.com", OLD, None, None)])
        next_run.commit()
    assert places.query(path, "select distinct row_key from doubts order by 1") == [(ANA,), (CAT,)]


# -- syncs ------------------------------------------------------------------------------------------------


def test_a_sync_remembers_its_mapping_its_rules_and_why_it_is_pending(ledger: Ledger) -> None:
    first = ledger.open_sync("people", "contacts")
    assert (first.new, first.mapping, first.rules, first.pending) == (True, None, None, None)
    ledger.register.remember_mapping(first.number, b"m")
    ledger.register.remember_rules(first.number, b"r")
    ledger.register.set_pending(first.number, "the reason")
    second = ledger.open_sync("people", "contacts")
    assert (second.new, second.mapping, second.rules, second.pending) == (False, b"m", b"r", "the reason")
    assert ledger.register.pending() == {"people": "the reason"}
    ledger.open_sync("guests", "contacts")
    assert ledger.register.find("guests") == second.number + 1
    assert ledger.register.find("nobody") is None
    ledger.register.set_pending(first.number, None)
    assert ledger.register.pending() == {}


def test_a_ledger_from_before_there_were_rules_is_not_new_once_it_has_a_row(ledger: Ledger) -> None:
    sync = ledger.open_sync("people", "contacts").number
    ledger.deliver(sync, [(ANA, "a@x.com", OLD, None, None)])
    assert not ledger.open_sync("people", "contacts").new
    assert ledger.open_sync("guests", "contacts").new


def test_a_stream_of_another_object_says_what_to_do(ledger: Ledger) -> None:
    people = ledger.open_sync("people", "contacts").number
    ledger.deliver(people, [(ANA, "a@x.com", OLD, None, None)])
    with pytest.raises(Misconfigured) as caught:
        ledger.open_sync("people", "companies")
    assert caught.value.message == "stream people was synced to contacts before and is to be synced to companies now"
    assert caught.value.advice == (
        "give the new sync a stream of its own (a stream map alias), use another ledger_path, or "
        "`penstock forget people`, which leaves what is in contacts as it is"
    )


def test_a_stream_that_delivered_nothing_may_go_to_another_object(ledger: Ledger) -> None:
    people = ledger.open_sync("people", "contacts").number
    ledger.register.remember_mapping(people, b"m")
    ledger.register.remember_rules(people, b"r")
    moved = ledger.open_sync("people", "companies")
    assert moved == Registered(people, new=True, mapping=None, rules=None, pending=None)
    assert ledger.open_sync("people", "companies") == moved
    ledger.doubt(people, [(ANA, "a@x.com")])
    with pytest.raises(Misconfigured):
        ledger.open_sync("people", "contacts")


def test_a_version_is_new_until_it_was_noted(ledger: Ledger) -> None:
    people, guests = (ledger.open_sync(stream, "contacts").number for stream in ("people", "guests"))
    assert ledger.register.new_version(people, 7)
    assert not ledger.register.new_version(people, 7)
    assert ledger.register.new_version(guests, 7)
    assert ledger.register.new_version(people, 8)


# -- how much a commit would hold -------------------------------------------------------------------------

TWO: list[tuple[RowKey, str, bytes, bytes | None, str | None]] = [
    (ANA, "a@x.com", OLD, None, "41"),
    (BOB, "b@x.com", OLD, None, "42"),
]
WRITES: dict[str, tuple[int, Callable[[Ledger, int], object]]] = {
    "deliver": (2, lambda ledger, sync: ledger.deliver(sync, TWO)),
    "intend": (2, lambda ledger, sync: ledger.intend(sync, Action.UPSERT, [(ANA, "", OLD), (BOB, "", OLD)])),
    "close_intent": (3, lambda ledger, sync: ledger.close_intent(sync, 1, [(ANA, "a"), (BOB, "b")])),
    "refuse": (2, lambda ledger, sync: ledger.rejects.refuse(sync, [refused(ANA), refused(BOB)], 1)),
    "remark": (2, lambda ledger, sync: ledger.remark(sync, [(b"1", ANA), (b"2", BOB)])),
    "forget_id": (2, lambda ledger, sync: ledger.forget_id(sync, [ANA, BOB])),
    "mark_left": (2, lambda ledger, sync: ledger.mark_left(sync, [ANA, BOB])),
    "remove": (2, lambda ledger, sync: ledger.remove(sync, [ANA, BOB])),
    "note": (0, lambda ledger, sync: ledger.note("delete from throttle")),
    "new_version": (1, lambda ledger, sync: ledger.register.new_version(sync, 7)),
    "remember_mapping": (1, lambda ledger, sync: ledger.register.remember_mapping(sync, b"m")),
    "remember_rules": (1, lambda ledger, sync: ledger.register.remember_rules(sync, b"r")),
    "set_pending": (1, lambda ledger, sync: ledger.register.set_pending(sync, "why")),
    "open_sync": (0, lambda ledger, sync: ledger.open_sync("guests", "contacts")),
}


@pytest.mark.parametrize("name", WRITES)
def test_a_write_counts_the_rows_that_it_touches_until_the_commit(ledger: Ledger, name: str) -> None:
    rows, write = WRITES[name]
    sync = ledger.open_sync("people", "contacts").number
    ledger.commit()
    assert ledger.dirty == 0
    write(ledger, sync)
    assert ledger.dirty == rows
    write(ledger, sync)
    assert ledger.dirty == 2 * rows
    ledger.commit()
    assert ledger.dirty == 0


@pytest.mark.parametrize("name", WRITES)
def test_a_write_opens_the_transaction_that_it_needs(path: Path, ledger: Ledger, name: str) -> None:
    """Outside of one it would be durable at once, before what belongs to it."""
    sync = ledger.open_sync("people", "contacts").number
    ledger.commit()
    WRITES[name][1](ledger, sync)
    assert ledger._store.db.in_transaction


def test_forgiving_counts_what_was_there(ledger: Ledger) -> None:
    sync = ledger.open_sync("people", "contacts").number
    ledger.rejects.refuse(sync, [refused(ANA), refused(BOB)], 1)
    ledger.commit()
    assert ledger.rejects.forgive(sync, [ANA, BOB, CAT]) == 2
    assert ledger.dirty == 2

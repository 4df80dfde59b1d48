"""What is kept of a refused row, column by column, and when it is tried again, to the second."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from penstock.ledger import Ledger
from penstock.records import RowKey
from penstock.rejects import DAY, REPLAY
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


def test_a_reject_is_written_down_and_so_is_its_next_refusal(ledger: Ledger, path: Path, clock: Clock) -> None:
    sync = ledger.open_sync("people", "contacts").number
    assert ledger.rejects.refuse(sync, [refused(ANA), refused(BOB)], ledger.run) == 0
    clock.now = 1_500.0
    again: Refused = (ANA, "rejected", "WORSE", None, "is worse", {"id": 7}, OLD)
    assert ledger.rejects.refuse(sync, [again, refused(BOB, NEW)], 9) == 1
    ledger.commit()
    columns = "row_key, kind, code, field, message, mark, attempts, first_at, next_at, last_at, run, record"
    assert places.query(path, f"select {columns} from rejects order by row_key") == [
        (ANA, "rejected", "WORSE", None, "is worse", OLD, 2, 1_000.0, 1_500.0 + DAY, 1_500.0, 9, b'{"id":7}'),
        (BOB, "rejected", "BAD", "name", "is bad", NEW, 1, 1_500.0, 1_500.0, 1_500.0, 9, b'{"id":"[\\"bob\\"]"}'),
    ]


def test_a_refusal_that_repeats_waits_a_day_and_is_parked_in_the_end(ledger: Ledger, clock: Clock) -> None:
    sync = ledger.open_sync("people", "contacts").number
    rejects = ledger.rejects
    rejects.refuse(sync, [refused(ANA)], 1)
    assert rejects.put_off(sync, ANA, OLD) is None, "it is tried once more, on the next run"
    rejects.refuse(sync, [refused(ANA)], 1)
    assert rejects.put_off(sync, ANA, OLD) is None, "tried twice in one run is tried once"
    rejects.refuse(sync, [refused(ANA)], 2)
    assert rejects.put_off(sync, ANA, OLD) == "waiting"
    assert rejects.put_off(sync, ANA, NEW) is None, "another record, or mapping"
    assert rejects.put_off(sync, BOB, OLD) is None
    clock.now += DAY
    assert rejects.put_off(sync, ANA, OLD) is None, "the day is over"
    clock.now = 1_000.0 + 10 * DAY
    rejects.refuse(sync, [refused(ANA)], 3)
    clock.now += 1000 * DAY
    assert rejects.put_off(sync, ANA, OLD) == "parked"
    assert rejects.due(sync, 4, "") == []


def test_a_refusal_is_remembered_by_the_next_run(path: Path, ledger: Ledger, clock: Clock) -> None:
    sync = ledger.open_sync("people", "contacts").number
    for run in (1, 2):
        ledger.rejects.refuse(sync, [refused(ANA)], run)
    ledger.commit()
    clock.now += 10 * DAY
    with closing(Ledger(places.at(path), wall=clock, park_after=10 * DAY)) as next_run:
        next_run.open_sync("people", "contacts")
        assert next_run.rejects.put_off(sync, ANA, OLD) is None
        clock.now -= 9.5 * DAY
        assert next_run.rejects.put_off(sync, ANA, OLD) == "waiting"
        clock.now += 9.5 * DAY
        assert next_run.rejects.refuse(sync, [refused(ANA)], 3) == 1
        next_run.commit()
    assert places.query(path, "select attempts, first_at, next_at from rejects") == [(3, 1_000.0, None)]


def test_refusals_that_repeat_are_counted(ledger: Ledger) -> None:
    sync = ledger.open_sync("people", "contacts").number
    assert ledger.rejects.refuse(sync, [refused(ANA), refused(BOB)], 1) == 0
    assert ledger.rejects.refuse(sync, [refused(ANA), refused(CAT), refused(BOB)], 1) == 2


def test_what_we_refuse_ourselves_is_never_put_off(ledger: Ledger, clock: Clock) -> None:
    sync = ledger.open_sync("people", "contacts").number
    for _ in range(3):
        ledger.rejects.refuse(sync, [refused(ANA, kind="invalid")], 1)
        assert ledger.rejects.put_off(sync, ANA, OLD) is None
        clock.now += 100 * DAY


def test_rejects_are_due_in_the_order_of_their_keys_some_at_a_time(ledger: Ledger) -> None:
    sync = ledger.open_sync("people", "contacts").number
    other = ledger.open_sync("guests", "contacts").number
    keys = [RowKey(f"[{n:04}]") for n in range(REPLAY + 2)]
    ledger.rejects.refuse(sync, [refused(key) for key in reversed(keys)], 1)
    ledger.rejects.refuse(other, [refused(ANA)], 1)
    ledger.rejects.refuse(sync, [refused(keys[0])], 2)
    first = ledger.rejects.due(sync, 2, "")
    assert [key for key, _ in first] == keys[1 : REPLAY + 1]
    assert first[0][1] == b'{"id":"[0001]"}'
    assert [key for key, _ in ledger.rejects.due(sync, 2, keys[REPLAY])] == keys[REPLAY + 1 :]
    assert ledger.rejects.due(sync, 1, keys[0]) == []


def test_a_reject_that_was_met_outlives_a_complete_read(ledger: Ledger, path: Path) -> None:
    sync = ledger.open_sync("people", "contacts").number
    for run in (1, 2):
        ledger.rejects.refuse(sync, [refused(key) for key in (ANA, BOB)], run)
    ledger.rejects.refuse(sync, [refused(CAT)], 3)
    assert ledger.rejects.put_off(sync, ANA, OLD) == "waiting"
    assert ledger.rejects.met(sync, ANA)
    assert not ledger.rejects.met(sync, BOB)
    assert ledger.rejects.drop_not_met(sync, 3) == 1
    ledger.commit()
    assert places.query(path, "select row_key from rejects order by row_key") == [(ANA,), (CAT,)]
    assert ledger.rejects.count(sync) == 2
    assert ledger.rejects.has_any(sync)
    assert ledger.rejects.forgive(sync, [ANA, BOB, CAT]) == 2
    assert not ledger.rejects.has_any(sync)
    assert ledger.rejects.forgive(sync, [ANA]) == 0

"""Pending syncs: a changed mapping and a new ledger make the tap read everything again, by what STATE holds back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.bookmarks import Bookmarks
from penstock.modes import FieldRule
from tests.core.sim import FIELDS, SYNC, Ending, World, activate_line, record_line, run, schema_line

OTHER = replace(SYNC, fields={**FIELDS, "origin": FieldRule(None, "warehouse")})


def state(**bookmarks: Any) -> bytes:
    return json.dumps({"type": "STATE", "value": {"bookmarks": bookmarks}}).encode()


def marks(ending: Ending) -> list[Mapping[str, Any]]:
    return [json.loads(line)["bookmarks"] for line in ending.states]


def incremental(opening: Mapping[str, Any] | None, keys: list[int]) -> list[bytes]:
    """A tap that says what it was started with, and then sends what is new since."""
    first = [] if opening is None else [state(**opening)]
    rows = [record_line(n, f"p{n}@example.com", "a") for n in keys]
    return [*first, schema_line(), *rows, state(people={"at": 9}, others={"at": 1})]


def test_a_changed_mapping_reaches_every_row_by_itself(tmp_path: Path) -> None:
    world, path = World(), tmp_path / "l.db"
    first = run(incremental({}, [1, 2]), world, path)
    assert marks(first)[-1] == {"people": {"at": 9}, "others": {"at": 1}}
    second = run(incremental({"people": {"at": 9}}, []), world, path, sync_for=lambda _: OTHER)
    assert marks(second)[-1] == {"others": {"at": 1}}, "the bookmark is held back, so that all rows are read"
    third = run(incremental({"others": {"at": 1}}, [1, 2]), world, path, sync_for=lambda _: OTHER)
    assert third.counts == {"read": 2, "updated": 2}
    assert marks(third)[-1] == {"people": {"at": 9}, "others": {"at": 1}}
    fourth = run(incremental({"people": {"at": 9}}, []), world, path, sync_for=lambda _: OTHER)
    assert marks(fourth)[-1] == {"people": {"at": 9}, "others": {"at": 1}}


def test_bookmarks_may_be_named_by_an_id_that_ends_with_the_stream(tmp_path: Path) -> None:
    def tap(at: int | None, *keys: int) -> list[bytes]:
        rows = [record_line(n, f"p{n}@example.com", "a") for n in keys]
        first = {} if at is None else {"shop-people": {"at": at}}
        last = state(**{"shop-people": {"at": 9}}, salespeople={"at": 1})
        return [state(**first, salespeople={"at": 1}), schema_line(), *rows, last]

    world, path = World(), tmp_path / "l.db"
    new = run(tap(9, 3), world, tmp_path / "new.db")
    assert marks(new)[-1] == {"salespeople": {"at": 1}}, "its ledger is new, and the tap has a bookmark"
    run(tap(None, 1, 2), world, path)
    changed = run(tap(9), world, path, sync_for=lambda _: OTHER)
    assert marks(changed)[-1] == {"salespeople": {"at": 1}}
    whole = run(tap(None, 1, 2), world, path, sync_for=lambda _: OTHER)
    assert marks(whole)[-1] == {"shop-people": {"at": 9}, "salespeople": {"at": 1}}
    assert whole.counts == {"read": 2, "updated": 2}


def test_a_stream_whose_name_ends_with_another_keeps_its_bookmark() -> None:
    bookmarks = Bookmarks()
    bookmarks.withheld, bookmarks.streams = {"people"}, {"people", "vip-people"}
    assert bookmarks.printable(b'{"bookmarks":{"vip-people":1}}') == b'{"bookmarks":{"vip-people":1}}'


def test_until_everything_was_read_no_state_holds_the_bookmark(tmp_path: Path) -> None:
    world, path = World(), tmp_path / "l.db"
    run(incremental({}, [1, 2]), world, path)
    run(incremental({"people": {"at": 9}}, []), world, path, sync_for=lambda _: OTHER)
    for crash_at in range(1, 60):
        ending = run(incremental({}, [1, 2, 3]), world, path, crash_at=crash_at, sync_for=lambda _: OTHER)
        if not ending.crashed:
            break
        # A crash that comes after the pending state was ended may have printed the bookmark: then all was delivered.
        if any("people" in each for each in marks(ending)):
            assert all("origin" in o for o in world.objects.values())
    assert not ending.crashed


def test_without_an_opening_state_only_a_complete_read_ends_it(tmp_path: Path) -> None:
    world, path = World(), tmp_path / "l.db"
    run(incremental(None, [1, 2]), world, path)
    for _ in range(2):
        ending = run(incremental(None, [1, 2]), world, path, sync_for=lambda _: OTHER)
        assert marks(ending)[-1] == {"others": {"at": 1}}
    rows = [record_line(n, f"p{n}@example.com", "a", 5) for n in (1, 2)]
    complete = [schema_line(), *rows, state(people={"at": 9}), activate_line(5), state(people={"at": 10})]
    assert marks(run(complete, world, path, sync_for=lambda _: OTHER))[-1] == {"people": {"at": 10}}


def test_a_new_ledger_makes_a_tap_that_has_a_bookmark_read_everything(tmp_path: Path) -> None:
    world = World()
    first = run(incremental({"people": {"at": 9}}, [3]), world, tmp_path / "new.db")
    assert marks(first)[-1] == {"others": {"at": 1}}
    second = run(incremental({"others": {"at": 1}}, [1, 2, 3]), world, tmp_path / "new.db")
    assert second.counts == {"read": 3, "unchanged": 1, "created": 2}
    assert marks(second)[-1] == {"people": {"at": 9}, "others": {"at": 1}}


def test_a_first_run_is_not_pending(tmp_path: Path) -> None:
    openings: list[dict[str, Any] | None] = [None, {}, {"others": {"at": 4}}, {"people": {}}]
    for n, opening in enumerate(openings):
        ending = run(incremental(opening, [1]), World(), tmp_path / f"{n}.db")
        assert "people" in marks(ending)[-1]


def test_a_state_of_unknown_shape_is_not_printed_while_a_sync_is_pending(tmp_path: Path) -> None:
    world, path = World(), tmp_path / "l.db"
    strange = json.dumps({"type": "STATE", "value": {"position": 7}}).encode()
    lines = [schema_line(), record_line(1, "p1@example.com", "a"), strange]
    assert run(lines, world, path).states == [b'{"position": 7}']
    assert run(lines, world, path, sync_for=lambda _: OTHER).states == []


def test_an_added_column_that_no_field_takes_leaves_the_sync_as_it_is(tmp_path: Path) -> None:
    world, path = World(), tmp_path / "l.db"
    run(incremental({}, [1]), world, path)
    wider = json.loads(schema_line())
    wider["schema"]["properties"]["extra"] = {"type": "string"}
    lines = [state(people={"at": 9}), json.dumps(wider).encode(), state(people={"at": 10})]
    assert marks(run(lines, world, path))[-1] == {"people": {"at": 10}}


@pytest.mark.parametrize("state", [b'{"bookmarks":', b'{"a":"\xff"}', b"[1]", b'{"bookmarks":[]}', b'{"position":1}'])
def test_a_state_that_is_not_understood_says_nothing_of_its_bookmarks(state: bytes) -> None:
    bookmarks = Bookmarks()
    bookmarks.read(state, before_records=True)
    assert not bookmarks.began_with("people")
    assert not bookmarks.began_without("people"), "what a tap was started with is unknown, not nothing"
    assert bookmarks.printable(state) == state
    bookmarks.withheld = {"people"}
    assert bookmarks.printable(state) is None


def test_numbers_in_other_bookmarks_keep_their_digits() -> None:
    bookmarks = Bookmarks()
    bookmarks.withheld = {"a"}
    printed = bookmarks.printable(b'{"bookmarks":{"a":1,"b":{"x":1.10,"y":12345678901234567890.5}},"v":2}')
    assert printed == b'{"bookmarks":{"b":{"x":1.10,"y":12345678901234567890.5}},"v":2}'


@given(
    st.dictionaries(st.sampled_from("abc"), st.integers() | st.dictionaries(st.text(), st.integers())),
    st.sets(st.sampled_from("abc")),
)
def test_what_is_printed_lacks_the_withheld_bookmarks_and_nothing_else(
    value: dict[str, Any], withheld: set[str]
) -> None:
    bookmarks = Bookmarks()
    bookmarks.withheld = withheld
    printed = bookmarks.printable(json.dumps({"bookmarks": value, "other": 1}).encode())
    assert printed is not None
    assert json.loads(printed) == {"bookmarks": {n: v for n, v in value.items() if n not in withheld}, "other": 1}

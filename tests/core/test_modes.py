"""Modes: what is done with a row that was added, changed, removed or did not change; guards; conditional fields."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from penstock.errors import Guarded, Misconfigured
from penstock.modes import MODES, REMOVALS, Action, FieldRule, Guards, Strategy, Sync
from penstock.records import Abilities
from penstock.syncs import check_abilities, parse_syncs
from tests.core.sim import (
    ABILITIES,
    FIELDS,
    SYNC,
    Ending,
    World,
    activate_line,
    record_line,
    run,
    schema_line,
    state_line,
)
from tests.core.test_promise import rejects

Names = dict[int, str]


def mode(name: str, **more: Any) -> Sync:
    [sync] = parse_syncs({"people": {"object": "contacts", "match": "email", "mode": name, **more}}).values()
    return replace(sync, fields=FIELDS)


def read(
    world: World,
    path: Path,
    rows: Names,
    sync: Sync,
    version: int | None = None,
    gone: tuple[int, ...] = (),
    **how: Any,
) -> Ending:
    """Run one reading of the source: id to name, with the tap's word for the rows in `gone`."""
    lines = [schema_line(), *(record_line(n, f"p{n}@example.com", name, version) for n, name in rows.items())]
    for n in gone:
        record = {"id": n, "email": None, "name": None, "_sdc_deleted_at": "2026-01-01T00:00:00Z"}
        lines.append(json.dumps({"type": "RECORD", "stream": "people", "record": record}).encode())
    if version is not None:
        lines.append(activate_line(version))
    return run([*lines, state_line(1)], world, path, sync_for=lambda _: sync, **how)


def names(world: World) -> list[str]:
    return sorted(str(o["name"]) for o in world.objects.values())


def test_update_changes_what_is_there_and_makes_nothing(tmp_path: Path) -> None:
    world, path = World(), tmp_path / "l.db"
    world.write("upsert", "p1@example.com", {"email": "p1@example.com", "name": "theirs"})
    first = read(world, path, {1: "a", 2: "b"}, mode("update"))
    assert first.counts == {"read": 2, "updated": 1, "rejected": 1}
    assert names(world) == ["a"]
    assert list(rejects(path)) == [2]
    again = read(world, path, {1: "c"}, mode("update"))
    assert again.counts == {"read": 1, "updated": 1, "replayed": 1, "rejected": 1}
    assert names(world) == ["c"]


def test_rows_without_an_object_are_no_fault_of_the_mapping(tmp_path: Path) -> None:
    ending = read(World(), tmp_path / "l.db", dict.fromkeys(range(60), "a"), mode("update"))
    assert ending.counts == {"read": 60, "rejected": 60}
    assert ending.stop is None


def test_create_makes_what_is_missing_and_changes_nothing(tmp_path: Path) -> None:
    world, path = World(), tmp_path / "l.db"
    world.write("upsert", "p1@example.com", {"email": "p1@example.com", "name": "theirs"})
    first = read(world, path, {1: "a", 2: "b"}, mode("create"))
    assert first.counts == {"read": 2, "created": 1, "existing": 1}
    assert names(world) == ["b", "theirs"]
    second = read(world, path, {1: "c", 2: "d", 3: "e"}, mode("create"))
    assert second.counts == {"read": 3, "created": 1, "not_sent": 2}
    assert names(world) == ["b", "e", "theirs"]


def test_append_adds_every_row_once_and_never_changes_it(tmp_path: Path) -> None:
    world, path = World(), tmp_path / "l.db"
    lines = [schema_line(), record_line(1, "ann@example.com", "a"), record_line(2, "ann@example.com", "b")]
    for _ in range(2):
        ending = run(lines, world, path, sync_for=lambda _: mode("append"))
    assert [fields["name"] for _, fields in world.history] == ["a", "b"]
    assert ending.counts == {"read": 2, "unchanged": 2}
    assert read(world, path, {1: "changed"}, mode("append")).counts == {"read": 1, "not_sent": 1}


@pytest.mark.parametrize("how", ["archive", "delete"])
def test_mirror_removes_the_rows_that_left_and_only_those(tmp_path: Path, how: str) -> None:
    world, path = World(), tmp_path / "l.db"
    world.write("upsert", "x@example.com", {"email": "x@example.com", "name": "theirs"})
    sync = mode("mirror", removed=how)
    read(world, path, {1: "a", 2: "b", 3: "c"}, sync, 1)
    ending = read(world, path, {2: "b"}, sync, 2)
    assert ending.counts == {"read": 1, "unchanged": 1, "swept": 2, "removed": 2}
    assert sorted(world.removed) == [(how, "p1@example.com"), (how, "p3@example.com")]
    assert names(world) == ["b", "theirs"]
    assert read(world, path, {2: "b"}, sync, 3).counts == {"read": 1, "unchanged": 1}
    assert read(world, path, {2: "b", 3: "c"}, sync, 4).counts == {"read": 2, "unchanged": 1, "created": 1}


def test_a_reading_that_was_not_complete_removes_nothing(tmp_path: Path) -> None:
    world, path = World(), tmp_path / "l.db"
    read(world, path, {1: "a", 2: "b"}, mode("mirror"), 1)
    assert read(world, path, {1: "a"}, mode("mirror")).counts == {"read": 1, "unchanged": 1}
    assert names(world) == ["a", "b"]


def test_the_taps_own_word_removes_a_row_after_its_older_versions(tmp_path: Path) -> None:
    world, path = World(), tmp_path / "l.db"
    read(world, path, {1: "a", 2: "b"}, mode("mirror"))
    ending = read(world, path, {1: "newer"}, mode("mirror"), gone=(1, 9))
    assert ending.counts == {"read": 3, "updated": 1, "removed": 1, "not_sent": 1}
    assert world.removed == [("archive", "p1@example.com")]
    assert names(world) == ["b"]
    assert read(world, path, {1: "back"}, mode("mirror")).counts == {"read": 1, "created": 1}


def test_a_row_that_leaves_while_its_creation_is_in_doubt_is_not_removed_and_counted(tmp_path: Path) -> None:
    """It may be somebody else's object that stands under its match value."""
    counted = 0
    for crash_at in range(15, 80):
        world, path = World(), tmp_path / f"{crash_at}.db"
        if not read(world, path, {1: "a"}, mode("mirror"), 1, crash_at=crash_at).crashed:
            break
        ending = read(world, path, {2: "b"}, mode("mirror"), 2)
        assert ending.stop is None
        left_behind = "a" in names(world)
        assert left_behind <= bool(ending.counts.get("may_remain"))
        counted += left_behind
    assert counted > 0


def test_cleared_fields_keep_the_object(tmp_path: Path) -> None:
    world, path = World(), tmp_path / "l.db"
    read(world, path, {1: "a"}, mode("upsert", removed="clear"), 1)
    assert read(world, path, {2: "b"}, mode("upsert", removed="clear"), 2).counts["removed"] == 1
    assert names(world) == ["", "b"]
    assert [o["email"] for o in world.objects.values()] == ["p1@example.com", "p2@example.com"]


def test_delete_deletes_the_objects_that_the_rows_name(tmp_path: Path) -> None:
    world, path = World(), tmp_path / "l.db"
    for n in (1, 2, 3):
        world.write("upsert", f"p{n}@example.com", {"email": f"p{n}@example.com", "name": "theirs"})
    ending = read(world, path, {1: "a", 3: "a", 4: "a"}, mode("delete"))
    assert ending.counts == {"read": 3, "removed": 3}
    assert [o["email"] for o in world.objects.values()] == ["p2@example.com"]
    assert read(world, path, {1: "a"}, mode("delete")).requests == []


def test_a_strategy_of_ones_own(tmp_path: Path) -> None:
    world, path = World(), tmp_path / "l.db"
    sync = mode({"added": "create", "changed": "update", "removed": "archive", "unchanged": "update"})  # type: ignore[arg-type]
    assert sync.strategy == Strategy(Action.CREATE, Action.UPDATE, Action.ARCHIVE, Action.UPDATE)
    read(world, path, {1: "a", 2: "b"}, sync, 1)
    world.objects["1"]["name"] = "edited by hand"
    ending = read(world, path, {1: "a"}, sync, 2)
    assert ending.counts == {"read": 1, "updated": 1, "swept": 1, "removed": 1}
    assert names(world) == ["a"]


def test_every_mode_is_a_tuple_of_four_actions() -> None:
    assert set(MODES) == {"upsert", "update", "create", "mirror", "append", "delete"}
    assert [name for name, s in MODES.items() if s.removed in REMOVALS] == ["mirror"]
    assert all(s.unchanged is Action.NOTHING for s in MODES.values())


# -- guards ------------------------------------------------------------------------------------------------

GUARDS = [
    (Guards(max_removed=1), "max_removed is 1"),
    (Guards(max_removed_share=0.4), "max_removed is 40 %"),
    (Guards(min_rows=2), "min_rows is 2"),
]


@pytest.mark.parametrize(("guards", "said"), GUARDS)
def test_a_guard_stops_the_removals_and_nothing_else(tmp_path: Path, guards: Guards, said: str) -> None:
    world, path = World(), tmp_path / "l.db"
    sync = replace(mode("mirror"), guards=guards)
    read(world, path, {1: "a", 2: "b", 3: "c"}, sync, 1)
    ending = read(world, path, {3: "newer"}, sync, 2)
    assert isinstance(ending.stop, Guarded)
    assert ending.stop.exit_code == 4
    assert said in ending.stop.message
    assert world.removed == []
    assert names(world) == ["a", "b", "newer"]
    assert len(ending.states) == 1
    allowed = read(world, path, {3: "newer"}, replace(sync, guards=Guards(max_removed=2)), 3)
    assert allowed.stop is None
    assert names(world) == ["newer"]


def test_a_guard_holds_the_taps_own_word_back_and_the_state_with_it(tmp_path: Path) -> None:
    world, path = World(), tmp_path / "l.db"
    sync = replace(mode("mirror"), guards=Guards(max_removed=1))
    read(world, path, {1: "a", 2: "b", 3: "c"}, sync)
    ending = read(world, path, {}, sync, gone=(1, 2))
    assert isinstance(ending.stop, Guarded)
    assert ending.counts == {"read": 2, "held_back": 2}
    assert ending.states == []
    assert world.removed == []
    assert read(world, path, {}, sync, gone=(1,)).counts == {"read": 1, "removed": 1}


def test_a_row_that_comes_again_takes_its_removal_back(tmp_path: Path) -> None:
    world, path = World(), tmp_path / "l.db"
    sync = replace(mode("mirror"), guards=Guards(max_removed=1))
    read(world, path, {1: "a"}, sync)
    gone = json.dumps({"type": "RECORD", "stream": "people", "record": {"id": 1, "_sdc_deleted_at": "now"}}).encode()
    lines = [schema_line(), gone, gone, record_line(1, "p1@example.com", "again"), state_line(1)]
    ending = run(lines, world, path, sync_for=lambda _: sync)
    assert ending.counts == {"read": 3, "coalesced": 2, "updated": 1}
    assert names(world) == ["again"]
    assert world.removed == []


def test_too_many_changes_are_held_back_before_the_first_is_sent(tmp_path: Path) -> None:
    world, path = World(), tmp_path / "l.db"
    sync = replace(SYNC, guards=Guards(max_changed_share=0.5))
    rows = dict.fromkeys(range(40), "a")
    assert read(world, path, rows, sync, 1).counts == {"read": 40, "created": 40}
    ending = read(world, path, {n: "b" if n < 21 else "a" for n in rows}, sync, 2)
    assert isinstance(ending.stop, Guarded)
    assert "21 rows are new or changed and 40 are at the destination" in ending.stop.message
    assert ending.counts == {"read": 40, "unchanged": 19, "held_back": 21}
    assert ending.requests == []
    assert ending.states == []
    ending = read(world, path, {n: "b" if n < 20 else "a" for n in rows}, sync, 3)
    assert ending.stop is None
    assert ending.counts == {"read": 40, "unchanged": 20, "updated": 20}
    assert len(ending.states) == 1


def test_changes_that_cannot_be_judged_are_held_back(tmp_path: Path) -> None:
    world, path = World(), tmp_path / "l.db"
    sync = replace(SYNC, guards=Guards(max_changed_share=0.5))
    read(world, path, dict.fromkeys(range(40), "a"), sync)
    ending = read(world, path, {1: "b"}, sync)
    assert isinstance(ending.stop, Guarded)
    assert "was not read whole" in ending.stop.message
    assert ending.states == []


def test_staged_rows_keep_their_order_and_their_rejects(tmp_path: Path) -> None:
    world, path = World(), tmp_path / "l.db"
    sync = replace(SYNC, guards=Guards(max_changed_share=1.0))
    read(world, path, {1: "a", 2: "b", 3: "c", 5: "d"}, sync, 1)
    versions = [(1, "x"), (1, "y"), (1, "a"), (2, "bad"), (3, "bad"), (3, "z"), (4, "new")]
    lines = [record_line(n, f"p{n}@example.com", name, 2) for n, name in [*versions, (5, "d")]]
    ending = run([schema_line(), *lines, activate_line(2)], world, path, sync_for=lambda _: sync)
    assert ending.stop is None
    assert names(world) == ["a", "b", "d", "new", "z"]
    assert list(rejects(path)) == [2]


# -- fields that depend on what is there ---------------------------------------------------------------------


def conditional(when: str) -> Sync:
    return replace(
        SYNC, fields={"email": FieldRule("email"), "name": FieldRule("name"), "plan": FieldRule("name", when=when)}
    )


def test_a_field_for_creations_is_written_once(tmp_path: Path) -> None:
    world, path = World(), tmp_path / "l.db"
    world.write("upsert", "p1@example.com", {"email": "p1@example.com", "name": "theirs"})
    read(world, path, {1: "a", 2: "b"}, conditional("created"))
    assert [o.get("plan") for o in world.objects.values()] == [None, "b"]
    read(world, path, {1: "c", 2: "d"}, conditional("created"))
    assert [(o["name"], o.get("plan")) for o in world.objects.values()] == [("c", None), ("d", "b")]


def test_a_field_for_empty_places_leaves_what_people_wrote(tmp_path: Path) -> None:
    world, path = World(), tmp_path / "l.db"
    world.write("upsert", "p1@example.com", {"email": "p1@example.com", "name": "x", "plan": "theirs"})
    read(world, path, {1: "a", 2: "b"}, conditional("empty"))
    assert [o.get("plan") for o in world.objects.values()] == ["theirs", "b"]
    world.objects["1"]["plan"] = ""
    world.objects["2"]["plan"] = "edited"
    read(world, path, {1: "c", 2: "d"}, conditional("empty"))
    assert [(o["name"], o["plan"]) for o in world.objects.values()] == [("c", "c"), ("d", "edited")]


@pytest.mark.parametrize("when", ["created", "empty"])
@pytest.mark.parametrize("seed", range(20))
def test_conditional_fields_hold_under_faults_and_crashes(tmp_path: Path, when: str, seed: int) -> None:
    world, path = World(), tmp_path / "l.db"
    world.write("upsert", "p1@example.com", {"email": "p1@example.com", "name": "x", "plan": "theirs"})
    read(world, path, {1: "a", 2: "b", 3: "c"}, conditional(when), seed=seed, faults=0.3, crash_at=10 + 3 * seed)
    read(world, path, {1: "a", 2: "b", 3: "c"}, conditional(when), seed=seed, faults=0.3)
    assert sorted((str(o["name"]), o.get("plan")) for o in world.objects.values()) == [
        ("a", "theirs"),
        ("b", "b"),
        ("c", "c"),
    ]


# -- operations without a key --------------------------------------------------------------------------------


def test_a_creation_in_doubt_is_looked_for_before_it_is_repeated(tmp_path: Path) -> None:
    """Neither lost answers nor kills make a second object, although creations have no key of their own."""
    for seed in range(60):
        world, path = World(), tmp_path / f"{seed}.db"
        rows = dict.fromkeys(range(6), "a")
        read(world, path, rows, mode("create"), seed=seed, faults=0.4, crash_at=10 + 2 * seed)
        ending = read(world, path, rows, mode("create"), seed=seed, faults=0.4)
        assert ending.stop is None
        assert len(world.objects) == len({str(o["email"]) for o in world.objects.values()}) == 6
        assert len(world.history) == 6


def test_events_that_may_have_been_repeated_are_counted(tmp_path: Path) -> None:
    """The count is an upper bound of what was repeated, in the run and after a kill."""
    repeated = 0
    for seed in range(60):
        world, path = World(), tmp_path / f"{seed}.db"
        rows = dict.fromkeys(range(6), "a")
        first = read(world, path, rows, mode("append"), seed=seed, faults=0.4, crash_at=10 + 2 * seed)
        second = read(world, path, rows, mode("append"), seed=seed, faults=0.4)
        assert {email for email, _ in world.history} == {f"p{n}@example.com" for n in rows}
        extra = len(world.history) - len(rows)
        counted = first.counts.get("may_repeat", 0) + second.counts.get("may_repeat", 0)
        if not first.crashed:
            assert extra <= counted
        repeated += extra
    assert repeated > 0


def test_a_destination_with_idempotent_events_repeats_none(tmp_path: Path) -> None:
    keyed = Abilities(ABILITIES.actions, ABILITIES.keyed | {Action.APPEND}, ABILITIES.by_match)
    ending = read(World(), tmp_path / "l.db", {1: "a"}, mode("append"), abilities=keyed, faults=0.6, seed=3)
    assert ending.counts.get("may_repeat", 0) == 0


# -- what a destination cannot do ----------------------------------------------------------------------------


def test_a_destination_that_cannot_look_is_sent_the_same_again(tmp_path: Path) -> None:
    """Without a look-up a creation in doubt can only be repeated: by its match value, so it makes no second object."""
    blind = replace(ABILITIES, actions=ABILITIES.actions - {Action.FIND})
    world, lost = World(), 0
    for n in range(10):
        ending = read(world, tmp_path / "l.db", {n: "a"}, SYNC, seed=n, faults=0.5, abilities=blind)
        assert ending.stop is None
        assert {request.path for request in ending.requests} == {"/upsert"}
        lost += len(ending.lost)
    assert lost > 0
    assert len(world.objects) == 10


def test_what_a_target_cannot_do_is_refused_at_the_start() -> None:
    few = Abilities(frozenset({Action.UPSERT, Action.UPDATE}), frozenset(), frozenset())
    with pytest.raises(Misconfigured, match="does not know how to archive contacts"):
        check_abilities(mode("mirror"), few)
    with pytest.raises(Misconfigured, match=r"does not know how to look first \(`when`\) contacts"):
        check_abilities(conditional("created"), few)
    check_abilities(mode("upsert", removed="clear"), few)


def test_guards_of_removals_need_a_mode_that_removes() -> None:
    with pytest.raises(Misconfigured, match="it removes nothing"):
        check_abilities(replace(mode("upsert"), guards=Guards(min_rows=1)), ABILITIES)

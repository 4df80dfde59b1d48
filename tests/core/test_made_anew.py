"""Objects that are made anew: the rows that were linked with the old ones are linked with the new ones."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from penstock.modes import MODES, Link, Sync
from tests.core import places
from tests.core.sim import FIELDS, Ending, World, activate_line, run
from tests.core.test_pending import marks, state
from tests.core.test_relations import PEOPLE, schema

FIRMS = Sync("firms", "contacts", "email", fields=FIELDS, strategy=MODES["mirror"])
STAFF = replace(PEOPLE, stream="staff", links=(Link("firms", "company", sync="firms"),))
SYNCS = {"firms": FIRMS, "staff": STAFF}


def firms(version: int, *keys: int, email: str = "f{}@x.com") -> list[bytes]:
    rows = [{"id": key, "email": email.format(key), "name": "f"} for key in keys]
    lines = [{"type": "RECORD", "stream": "firms", "version": version, "record": row} for row in rows]
    return [schema("firms"), *(json.dumps(line).encode() for line in lines), activate_line(version, "firms")]


def staff(*of: int | None) -> list[bytes]:
    rows = [{"id": n, "email": f"p{n}@x.com", "name": "p", "company": firm} for n, firm in enumerate(of)]
    return [schema("staff"), *(json.dumps({"type": "RECORD", "stream": "staff", "record": r}).encode() for r in rows)]


def go(lines: list[bytes], world: World, path: Path, crash_at: int | None = None, *, whole: bool = True) -> Ending:
    """Run over what a tap sends; one that does not read the whole of staff was started with its bookmark."""
    opening = state() if whole else state(staff={"at": 9})
    return run([opening, *lines, state(staff={"at": 9})], world, path, sync_for=SYNCS.__getitem__, crash_at=crash_at)


def links_of(world: World) -> list[tuple[str, str]]:
    """Return who is linked with which object that is there, by their addresses."""
    names = {i: str(o["email"]) for i, o in world.objects.items()}
    return sorted((names[one], names[other]) for one, _, other in world.links if {one, other} <= names.keys())


BOTH = [("p0@x.com", "f1@x.com"), ("p1@x.com", "f2@x.com")]


def test_a_parent_that_left_and_came_back_has_its_children_again_when_they_are_all_read(tmp_path: Path) -> None:
    world, path = World(), tmp_path / "l.db"
    go([*firms(1, 1, 2), *staff(1, 2)], world, path)
    assert links_of(world) == BOTH
    go([*firms(2, 2), *staff(1, 2)], world, path)
    assert links_of(world) == BOTH[1:]
    go([*firms(3, 1, 2), *staff(1, 2)], world, path)
    last = go([*firms(4, 1, 2), *staff(1, 2)], world, path)
    assert links_of(world) == BOTH
    assert places.query(path, "select pending from syncs where pending is not null") == []
    assert marks(last)[-1] == {"staff": {"at": 9}}


def test_children_that_the_tap_does_not_send_again_are_asked_for(tmp_path: Path) -> None:
    world, path = World(), tmp_path / "l.db"
    go([*firms(1, 1, 2), *staff(1, 2)], world, path)
    go([*firms(2, 2), *staff()], world, path)
    back = go([*firms(3, 1, 2), *staff()], world, path, whole=False)
    assert marks(back)[-1] == {}, "without its bookmark the tap reads all of them again"
    whole = go([*firms(4, 1, 2), *staff(1, 2)], world, path)
    assert (links_of(world), marks(whole)[-1]) == (BOTH, {"staff": {"at": 9}})
    assert [request.path for request in whole.requests] == ["/link", "/unlink"], "the objects are not written for that"


def test_a_sync_that_is_not_in_the_run_is_asked_for_as_well(tmp_path: Path) -> None:
    world, path = World(), tmp_path / "l.db"
    go([*firms(1, 1), *staff(1)], world, path)
    go(firms(2, 1, 2), world, path)
    assert places.query(path, "select pending from syncs where pending is not null") == []
    del world.objects["1"]  # by a person
    go(firms(3, 1, 2, email="g{}@x.com"), world, path)
    [(why,)] = places.query(path, "select pending from syncs where stream='staff'")
    assert why == "objects that its rows are linked with were made anew"
    go(staff(1), world, path)
    go(staff(1), world, path)
    assert links_of(world) == [("p0@x.com", "g1@x.com")]


@pytest.mark.parametrize("emails", ["f{}@x.com", "g{}@x.com"])
def test_a_death_at_any_point_leaves_no_child_with_the_old_object(tmp_path: Path, emails: str) -> None:
    for point in range(1, 100):
        world, path = World(), tmp_path / f"{point}.db"
        go([*firms(1, 1, 2), *staff(1, 2)], world, path)
        world.objects = {i: o for i, o in world.objects.items() if o["email"] != "f1@x.com"}
        lines = [*firms(2, 1, 2, email=emails.replace("f", "g")), *staff()]
        ending = go(lines, world, path, crash_at=point, whole=False)
        if ending.crashed:
            go(lines, world, path, whole=False)
        pending = places.query(path, "select pending from syncs where stream='staff'")
        if pending != [(None,)]:
            go([*firms(3, 1, 2, email=emails.replace("f", "g")), *staff(1, 2)], world, path)
        assert [one for one, _ in links_of(world)] == ["p0@x.com", "p1@x.com"], point
        if not ending.crashed:
            return
    raise AssertionError("it never came to its end")

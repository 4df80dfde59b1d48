"""Links of rows with other objects: made, taken away and remembered, whatever dies in between."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.errors import Guarded
from penstock.modes import MODES, Action, FieldRule, Guards, Link, Sync
from penstock.records import Limits
from tests.core import places
from tests.core.sim import FIELDS, Ending, World, activate_line, run, state_line
from tests.effort import histories

CASES = histories(300)
BY_NAME = Link("companies", "company", match="name")
PEOPLE = Sync("people", "contacts", "email", fields=FIELDS, links=(BY_NAME,))
COLUMNS = {
    "id": {"type": "integer"},
    "email": {"type": ["string", "null"]},
    "name": {"type": ["string", "null"]},
    "company": {},
}


@dataclass(frozen=True)
class Version:
    """One reading of a person, with the companies it names: none, one or several."""

    key: int
    name: str
    companies: tuple[str, ...] | None

    def line(self, version: int | None = None) -> bytes:
        companies = self.companies
        value = None if not companies else companies[0] if len(companies) == 1 else list(companies)
        record = {"id": self.key, "email": f"p{self.key}@x.com", "name": self.name, "company": value}
        if companies is None:
            del record["company"]
        message: dict[str, object] = {"type": "RECORD", "stream": "people", "record": record}
        return json.dumps(message if version is None else {**message, "version": version}).encode()


def schema(stream: str = "people") -> bytes:
    message = {"type": "SCHEMA", "stream": stream, "schema": {"properties": COLUMNS}, "key_properties": ["id"]}
    return json.dumps(message).encode()


def world(*companies: str) -> World:
    return World(companies={name: str(100 + n) for n, name in enumerate(companies)}, next_id=1000)


def linked(world: World, link: str = "companies") -> dict[str, set[str]]:
    """Return whom each e-mail is linked with."""
    names = {other: name for name, other in world.companies.items()} | {
        i: str(o["email"]) for i, o in world.objects.items()
    }
    found: dict[str, set[str]] = {str(o["email"]): set() for o in world.objects.values()}
    for key, name, other in world.links:
        if name == link and key in world.objects:
            found[str(world.objects[key]["email"])].add(names[other])
    return found


def asked(ending: Ending, action: str) -> int:
    return sum(request.path == f"/{action}" for request in ending.requests)


def sync_with(**options: object) -> Sync:
    return replace(PEOPLE, links=(replace(BY_NAME, **options),))  # type: ignore[arg-type]


def test_a_row_is_linked_once_and_costs_nothing_afterwards(tmp_path: Path) -> None:
    there = world("acme", "globex")
    lines = [schema(), Version(1, "a", ("acme",)).line(), Version(2, "b", ("acme", "globex")).line(), state_line(1)]
    first = run(lines, there, tmp_path / "l.db", sync_for=lambda _: PEOPLE)
    assert first.stop is None
    assert linked(there) == {"p1@x.com": {"acme"}, "p2@x.com": {"acme", "globex"}}
    assert (first.counts["created"], first.counts["linked"]) == (2, 3)
    again = run(lines, there, tmp_path / "l.db", sync_for=lambda _: PEOPLE)
    assert (again.requests, again.counts["unchanged"]) == ([], 2)


def test_another_company_replaces_the_link_and_the_object_is_not_written_again(tmp_path: Path) -> None:
    there = world("acme", "globex")
    for companies in (("acme",), ("globex",)):
        lines = [schema(), Version(1, "a", companies).line(), state_line(1)]
        ending = run(lines, there, tmp_path / "l.db", sync_for=lambda _: PEOPLE)
    assert linked(there) == {"p1@x.com": {"globex"}}
    assert (asked(ending, "upsert"), asked(ending, "update"), asked(ending, "link"), asked(ending, "unlink")) == (
        0, 0, 1, 1,
    )  # fmt: skip
    assert (ending.counts["updated"], ending.counts["unlinked"]) == (1, 1)


@pytest.mark.parametrize(
    ("nulls", "companies", "left"),
    [("clear", (), set()), ("skip", (), {"acme"}), ("clear", None, {"acme"})],
    ids=["null", "null is skipped", "the record does not speak of it"],
)
def test_a_null_takes_the_link_away_where_nulls_clear(
    tmp_path: Path, nulls: str, companies: tuple[str, ...] | None, left: set[str]
) -> None:
    there, sync = world("acme"), sync_with(nulls=nulls)
    for version in (Version(1, "a", ("acme",)), Version(1, "b", companies)):
        run([schema(), version.line(), state_line(1)], there, tmp_path / "l.db", sync_for=lambda _: sync)
    assert linked(there) == {"p1@x.com": left}
    assert there.objects["1000"]["name"] == "b"


def test_a_missing_object_refuses_the_row_before_anything_is_written_and_lets_it_through_later(tmp_path: Path) -> None:
    there = world()
    lines = [schema(), Version(1, "a", ("acme",)).line(), state_line(1)]
    first = run(lines, there, tmp_path / "l.db", sync_for=lambda _: PEOPLE)
    assert (first.stop, there.objects) == (None, {})
    [(code, field, message, tries)] = places.query(
        tmp_path / "l.db", "select code, field, message, attempts from rejects"
    )
    assert (code, field, tries) == ("no_other", "associate companies", 1)
    assert message == "there is no object of companies with that name"
    there.companies["acme"] = "7"
    run([schema(), state_line(2)], there, tmp_path / "l.db", sync_for=lambda _: PEOPLE)
    assert linked(there) == {"p1@x.com": {"acme"}}
    assert places.query(tmp_path / "l.db", "select code from rejects") == []


def test_a_missing_object_that_is_skipped_is_looked_for_again_and_the_row_is_not_written_for_that(
    tmp_path: Path,
) -> None:
    there, sync = world(), sync_with(missing="skip")
    lines = [schema(), Version(1, "a", ("acme",)).line(), state_line(1)]
    first = run(lines, there, tmp_path / "l.db", sync_for=lambda _: sync)
    assert (first.counts["created"], first.counts["links_skipped"], linked(there)) == (1, 1, {"p1@x.com": set()})
    second = run(lines, there, tmp_path / "l.db", sync_for=lambda _: sync)
    assert [request.path for request in second.requests] == ["/resolve"]
    assert second.counts["unchanged"] == 1
    there.companies["acme"] = "7"
    third = run(lines, there, tmp_path / "l.db", sync_for=lambda _: sync)
    assert [request.path for request in third.requests] == ["/resolve", "/link"]
    assert linked(there) == {"p1@x.com": {"acme"}}


def test_rows_that_only_wait_for_another_object_are_not_changed(tmp_path: Path) -> None:
    there = world()
    guarded = replace(sync_with(missing="skip"), guards=Guards(max_changed_share=0.1))

    def read(version: int, name: str) -> Ending:
        lines = [schema(), *(Version(n, name, ("acme",)).line(version) for n in range(9)), activate_line(version)]
        return run(lines, there, tmp_path / "l.db", sync_for=lambda _: guarded)

    assert read(1, "a").counts["links_skipped"] == 9
    assert read(2, "a").stop is None
    assert isinstance(read(3, "b").stop, Guarded)
    there.companies["acme"] = "7"
    assert (read(4, "a").stop, len(linked(there))) == (None, 9)


def test_a_missing_object_is_made_where_the_sync_says_so(tmp_path: Path) -> None:
    there, sync = world(), sync_with(missing="create")
    lines = [schema(), *(Version(n, "a", ("acme",)).line() for n in range(9)), state_line(1)]
    ending = run(lines, there, tmp_path / "l.db", sync_for=lambda _: sync)
    assert (ending.stop, list(there.companies)) == (None, ["acme"])
    assert all(names == {"acme"} for names in linked(there).values())


def test_a_refused_link_is_a_reject_and_the_object_is_known_to_be_ours(tmp_path: Path) -> None:
    there, mirror = world("bad"), replace(PEOPLE, strategy=MODES["mirror"], links=(replace(BY_NAME, match=None),))
    lines = [schema(), Version(1, "a", ("bad",)).line(1), activate_line(1), state_line(1)]
    first = run(lines, there, tmp_path / "l.db", sync_for=lambda _: mirror)
    assert (first.counts["rejected"], len(there.objects)) == (1, 1)
    run([schema(), activate_line(2), state_line(2)], there, tmp_path / "l.db", sync_for=lambda _: mirror)
    lines = [schema(), Version(2, "b", ()).line(3), activate_line(3), state_line(3)]
    run(lines, there, tmp_path / "l.db", sync_for=lambda _: mirror)
    assert [str(o["email"]) for o in there.objects.values()] == ["p2@x.com"]


def test_a_row_of_another_sync_is_found_in_the_ledger_wherever_it_stands_in_the_input(tmp_path: Path) -> None:
    """The manager is a row of the other stream: before, after, or still under way."""
    people = Sync("people", "contacts", "email", fields=FIELDS, links=(Link("bosses", "company", sync="bosses"),))
    bosses = Sync("bosses", "contacts", "email", fields=FIELDS)
    syncs = {"people": people, "bosses": bosses}

    def boss(key: int) -> bytes:
        record = {"id": key, "email": f"b{key}@x.com", "name": "b"}
        return json.dumps({"type": "RECORD", "stream": "bosses", "record": record}).encode()

    def person(key: int, of: int) -> bytes:
        record = {"id": key, "email": f"p{key}@x.com", "name": "p", "company": of}
        return json.dumps({"type": "RECORD", "stream": "people", "record": record}).encode()

    there = world()
    lines = [
        *(schema("bosses"), boss(1), schema(), person(1, 1), person(2, 2), person(3, 9), boss(2), state_line(1)),
    ]
    ending = run(lines, there, tmp_path / "l.db", sync_for=syncs.__getitem__)
    assert ending.stop is None
    found = linked(there, "bosses")
    assert (found["p1@x.com"], found["p2@x.com"]) == ({"b1@x.com"}, {"b2@x.com"})
    assert asked(ending, "resolve") == 0
    assert places.query(tmp_path / "l.db", "select row_key, code from rejects") == [("[3]", "no_other")]


def test_rows_that_name_each_other_do_not_wait_for_ever(tmp_path: Path) -> None:
    sync = Sync("people", "contacts", "email", fields=FIELDS, links=(Link("people", "company", sync="people"),))

    def person(key: int, of: int | None) -> bytes:
        record = {"id": key, "email": f"p{key}@x.com", "name": "p", "company": of}
        return json.dumps({"type": "RECORD", "stream": "people", "record": record}).encode()

    there = world()
    lines = [schema(), person(1, 2), person(2, 1), person(3, 4), person(4, None), person(5, 5), state_line(1)]
    ending = run(lines, there, tmp_path / "l.db", sync_for=lambda _: sync)
    assert ending.stop is None
    assert linked(there, "people")["p3@x.com"] == {"p4@x.com"}
    refused = places.query(tmp_path / "l.db", "select row_key from rejects order by row_key")
    assert refused == [("[1]",), ("[2]",), ("[5]",)]


def test_a_row_that_left_takes_its_links_out_of_the_ledger(tmp_path: Path) -> None:
    there, mirror = world("acme"), replace(PEOPLE, strategy=MODES["mirror"])
    lines = [schema(), Version(1, "a", ("acme",)).line(1), Version(2, "a", ()).line(1), activate_line(1), state_line(1)]
    run(lines, there, tmp_path / "l.db", sync_for=lambda _: mirror)
    lines = [schema(), Version(2, "a", ()).line(2), activate_line(2), state_line(2)]
    run(lines, there, tmp_path / "l.db", sync_for=lambda _: mirror)
    assert (linked(there), there.links) == ({"p2@x.com": set()}, set())
    assert places.query(tmp_path / "l.db", "select * from links") == []


def test_a_row_whose_fields_are_cleared_when_it_leaves_loses_its_links(tmp_path: Path) -> None:
    there = world("acme")
    clearing = replace(PEOPLE, strategy=replace(MODES["upsert"], removed=Action.CLEAR))
    lines = [schema(), Version(1, "a", ("acme",)).line(1), Version(2, "a", ()).line(1), activate_line(1), state_line(1)]
    run(lines, there, tmp_path / "l.db", sync_for=lambda _: clearing)
    lines = [schema(), Version(2, "a", ()).line(2), activate_line(2), state_line(2)]
    run(lines, there, tmp_path / "l.db", sync_for=lambda _: clearing)
    assert there.links == set()
    assert {o["email"]: o["name"] for o in there.objects.values()} == {"p1@x.com": "", "p2@x.com": "a"}


VERSIONS = st.builds(
    Version,
    key=st.integers(1, 3),
    name=st.sampled_from(["a", "b", "bad"]),
    companies=st.sampled_from([(), ("acme",), ("globex",), ("acme", "globex"), ("initech",)]),
)


def as_input(history: list[Version], start: int) -> list[bytes]:
    lines = [schema()]
    for n, version in enumerate(history[start:], start):
        lines.append(version.line())
        if n % 3 == 2:
            lines.append(state_line(n + 1))
    return [*lines, state_line(len(history))]


@settings(max_examples=CASES)
@given(
    st.lists(VERSIONS, min_size=1, max_size=15),
    st.lists(st.integers(1, 120), max_size=4),
    st.integers(0, 2**32),
    st.sampled_from([0.0, 0.2]),
    st.sampled_from(["reject", "skip", "create"]),
)
def test_whatever_dies_the_links_are_those_of_the_newest_version(
    history: list[Version], crashes: list[int], seed: int, faults: float, missing: str
) -> None:
    sync, there = sync_with(missing=missing), world("acme", "globex")
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as folder:
        path, start = Path(folder) / "l.db", 0
        limits = Limits(rows=2, body_bytes=10_000, concurrency=3, requests=1_000_000, window=10.0)
        for n, crash_at in enumerate([*crashes, None]):
            ending = run(
                as_input(history, start), there, path, seed + n,
                faults=faults, crash_at=crash_at, sync_for=lambda _: sync, limits=limits,
            )  # fmt: skip
            if ending.states:
                start = int(json.loads(ending.states[-1])["position"])
        assert not ending.crashed
        run([schema(), state_line(99)], there, path, seed, sync_for=lambda _: sync, limits=limits)
        kept = {json.loads(key)[0] for (key,) in places.query(path, "select row_key from rejects")}
    for key, version in {v.key: v for v in history}.items():
        unknown = missing == "reject" and version.companies == ("initech",)
        assert (key in kept) == (version.name == "bad" or unknown), "refused, or lost"
        if key in kept:
            continue
        [found] = [names for email, names in linked(there).items() if email == f"p{key}@x.com"]
        assert found == set(version.companies or ()) & set(there.companies), (key, version)


def test_fields_of_the_object_come_first_and_its_links_after(tmp_path: Path) -> None:
    there = world("acme")
    sync = replace(PEOPLE, fields={**FIELDS, "source": FieldRule(None, "ads", when="created")})
    ending = run(
        [schema(), Version(1, "a", ("acme",)).line(), state_line(1)], there, tmp_path / "l.db", sync_for=lambda _: sync
    )
    assert [request.path for request in ending.requests] == ["/resolve", "/find", "/upsert", "/link"]
    assert ending.states == [b'{"position": 1}']


CREATING = replace(PEOPLE, strategy=MODES["create"])


@pytest.mark.parametrize("sync", [CREATING, PEOPLE], ids=["create", "upsert"])
def test_a_death_at_any_point_of_a_creation_loses_no_link(tmp_path: Path, sync: Sync) -> None:
    lines = [schema(), Version(1, "a", ("acme",)).line(), state_line(1)]
    for point in range(1, 60):
        there, path = world("acme"), tmp_path / f"{point}.db"
        first = run(lines, there, path, crash_at=point, sync_for=lambda _: sync)
        run(lines, there, path, sync_for=lambda _: sync)
        assert linked(there) == {"p1@x.com": {"acme"}}, point
        if not first.crashed:
            break
    assert not first.crashed


def test_a_refused_link_of_an_object_that_is_only_created_stays_a_reject_until_it_is_made(tmp_path: Path) -> None:
    there = world("bad")
    sync = replace(CREATING, links=(replace(BY_NAME, match=None),))
    lines = [schema(), Version(1, "a", ("bad",)).line(), state_line(1)]
    for _ in range(2):
        run(lines, there, tmp_path / "l.db", sync_for=lambda _: sync)
        assert len(places.query(tmp_path / "l.db", "select code from rejects")) == 1


def test_a_version_that_was_read_after_a_lost_creation_is_written(tmp_path: Path) -> None:
    sync = Sync("people", "contacts", "email", fields=FIELDS, strategy=replace(MODES["create"], changed=Action.UPDATE))
    there = world()

    def line(name: str) -> bytes:
        return Version(1, name, None).line()

    run(
        [schema(), line("a"), state_line(1)], there, tmp_path / "l.db", crash_at=("applied", 1), sync_for=lambda _: sync
    )
    run([schema(), line("b"), state_line(2)], there, tmp_path / "l.db", sync_for=lambda _: sync)
    assert [o["name"] for o in there.objects.values()] == ["b"]


def test_an_object_that_is_made_anew_is_linked_anew(tmp_path: Path) -> None:
    there = world("acme")
    run(
        [schema(), Version(1, "a", ("acme",)).line(), state_line(1)],
        there,
        tmp_path / "l.db",
        sync_for=lambda _: PEOPLE,
    )
    there.objects.clear()
    there.links.clear()
    run(
        [schema(), Version(1, "b", ("acme",)).line(), state_line(2)],
        there,
        tmp_path / "l.db",
        sync_for=lambda _: PEOPLE,
    )
    assert linked(there) == {"p1@x.com": {"acme"}}


def test_rows_that_are_written_on_every_run_are_written_with_links_as_well(tmp_path: Path) -> None:
    there = world("acme")
    sync = replace(PEOPLE, strategy=replace(MODES["upsert"], unchanged=Action.UPDATE))
    lines = [schema(), Version(1, "a", ("acme",)).line(), state_line(1)]
    run(lines, there, tmp_path / "l.db", sync_for=lambda _: sync)
    there.objects["1000"]["name"] = "edited"
    run(lines, there, tmp_path / "l.db", sync_for=lambda _: sync)
    assert there.objects["1000"]["name"] == "a"

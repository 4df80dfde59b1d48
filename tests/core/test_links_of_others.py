"""Links that were there before: never taken away where the destination tells, whatever dies in between."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import replace
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.modes import Action
from penstock.records import Limits
from tests.core import places
from tests.core.sim import ABILITIES, World, run, state_line
from tests.core.test_relations import CASES, PEOPLE, VERSIONS, Version, as_input, asked, linked, schema, sync_with

TELLS = replace(ABILITIES, actions=ABILITIES.actions | {Action.SURVEY}, keyed=ABILITIES.keyed | {Action.SURVEY})
LIMITS = Limits(rows=2, body_bytes=10_000, concurrency=3, requests=1_000_000, window=10.0)


def met() -> World:
    """Return a world in which the first person is there and linked with acme, and the second is there."""
    there = World(companies={"acme": "100", "globex": "101"}, next_id=1000)
    there.objects |= {"1": {"email": "p1@x.com"}, "2": {"email": "p2@x.com"}}
    there.links.add(("1", "companies", "100"))
    return there


def lines(*versions: Version) -> list[bytes]:
    return [schema(), *(version.line() for version in versions), state_line(1)]


def test_what_was_there_is_neither_made_nor_taken_away_and_asked_about_once(tmp_path: Path) -> None:
    there = met()
    both = ("acme", "globex")
    steps = [(("acme",), 0, 1), (both, 1, 1), (both, 0, 0), (("globex",), 0, 0), ((), 0, 0), (("acme",), 0, 1)]
    for n, (companies, links, surveys) in enumerate(steps):
        row = Version(1, f"n{n}", companies)
        ending = run(lines(row), there, tmp_path / "l.db", sync_for=lambda _: PEOPLE, abilities=TELLS)
        assert (asked(ending, "link"), asked(ending, "survey")) == (links, surveys), n
        assert linked(there)["p1@x.com"] == {"acme", *companies}, n
    assert places.query(tmp_path / "l.db", "select other_id, certain from links") == [("100", 2)]


def test_what_the_sync_has_made_is_not_looked_at(tmp_path: Path) -> None:
    there = met()
    ending = run(
        lines(Version(3, "a", ("acme",))), there, tmp_path / "l.db", sync_for=lambda _: PEOPLE, abilities=TELLS
    )
    assert (asked(ending, "survey"), asked(ending, "link")) == (0, 1)
    run(lines(Version(3, "a", ())), there, tmp_path / "l.db", sync_for=lambda _: PEOPLE, abilities=TELLS)
    assert linked(there)["p3@x.com"] == set()


@settings(max_examples=CASES)
@given(
    st.lists(VERSIONS, min_size=1, max_size=15),
    st.lists(st.integers(1, 120), max_size=4),
    st.integers(0, 2**32),
    st.sampled_from([0.0, 0.2]),
)
def test_whatever_dies_others_links_stay_and_the_rest_is_as_the_newest_version_says(
    history: list[Version], crashes: list[int], seed: int, faults: float
) -> None:
    sync, there = sync_with(missing="skip"), met()
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as folder:
        path, start = Path(folder) / "l.db", 0
        for n, crash_at in enumerate([*crashes, None]):
            ending = run(
                as_input(history, start), there, path, seed + n,
                faults=faults, crash_at=crash_at, sync_for=lambda _: sync, limits=LIMITS, abilities=TELLS,
            )  # fmt: skip
            assert ("1", "companies", "100") in there.links
            if ending.states:
                start = int(json.loads(ending.states[-1])["position"])
        run([schema(), state_line(99)], there, path, seed, sync_for=lambda _: sync, limits=LIMITS, abilities=TELLS)
    for key, version in {v.key: v for v in history}.items():
        if version.name == "bad":
            continue
        before = {"acme"} if key == 1 else set()
        assert linked(there)[f"p{key}@x.com"] == before | (set(version.companies or ()) & set(there.companies))

"""The promise, over generated histories, faults and crashes, in simulated time."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.modes import FieldRule
from penstock.policy import Policy
from penstock.records import Limits
from tests.core import places
from tests.core.sim import FIELDS, SYNC, Ending, World, activate_line, record_line, run, schema_line, state_line
from tests.effort import examples, histories

CASES = histories(400)


@dataclass(frozen=True)
class Version:
    """One reading of one source row. Its e-mail belongs to its key alone, so keys never claim each other's."""

    key: int
    alias: int
    name: str

    @property
    def email(self) -> str:
        return f"P{self.key}-{self.alias}@example.com"


VERSIONS = st.builds(
    Version,
    key=st.integers(1, 4),
    alias=st.integers(0, 1),
    name=st.sampled_from(["a", "b", "c", "bad", "poison"]),
)
HISTORIES = st.lists(VERSIONS, min_size=1, max_size=25)


def as_input(history: list[Version], start: int = 0) -> list[bytes]:
    """Write a history as Singer lines, a STATE after every third record, from a position on."""
    lines = [schema_line()]
    for n, version in enumerate(history):
        if n >= start:
            lines.append(record_line(version.key, version.email, version.name))
        if n >= start and n % 3 == 2:
            lines.append(state_line(n + 1))
    return [*lines, state_line(len(history))]


def position_of(ending: Ending) -> int:
    return int(json.loads(ending.states[-1])["position"]) if ending.states else 0


def rejects(path: Path) -> dict[int, dict[str, object]]:
    found = places.query(path, "select row_key, record from rejects")
    return {json.loads(key)[0]: json.loads(record) for key, record in found}


def check_final(history: list[Version], world: World, path: Path) -> None:
    """After a run that reached its end: each key's last version is at the destination, or it is the reject."""
    last: dict[int, Version] = {v.key: v for v in history}
    kept = rejects(path)
    for key, version in last.items():
        if version.name in ("bad", "poison"):
            assert kept[key]["name"] == version.name, "lost: the last version is refused and not among the rejects"
            continue
        assert key not in kept, "a reject outlived a newer delivery"
        ids = [i for i, o in world.objects.items() if str(o["email"]).lower().startswith(f"p{key}-")]
        assert len(ids) == 1, "duplicate: two objects for one key"
        assert world.objects[ids[0]]["name"] == version.name, "stale: an older value is the last one"
        assert str(world.objects[ids[0]]["email"]).lower() == version.email.lower()


def check_promise(history: list[Version], ending: Ending, world: World, path: Path) -> None:
    """For the last STATE printed: every version read before it was applied, or superseded, or is a reject."""
    kept = rejects(path)
    applied = {(email.lower(), fields["name"]) for email, fields in world.history}
    for n, version in enumerate(history[: position_of(ending)]):
        later = any(v.key == version.key for v in history[n + 1 :])
        here = (version.email.lower(), version.name) in applied
        assert here or later or kept.get(version.key, {}).get("name") == version.name, "lost behind a printed STATE"


@settings(max_examples=CASES, deadline=None)
@given(HISTORIES, st.integers(0, 2**32), st.floats(0, 0.4))
def test_every_history_ends_right_under_faults(history: list[Version], seed: int, faults: float) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path, world = Path(folder) / "ledger.db", World()
        ending = run(as_input(history), world, path, seed, faults=faults)
        assert ending.stop is None
        assert position_of(ending) == len(history)
        check_final(history, world, path)


@settings(max_examples=CASES, deadline=None)
@given(HISTORIES, st.integers(0, 2**32), st.floats(0, 0.3), st.integers(1, 300), st.booleans())
def test_a_crash_at_any_point_loses_nothing(
    history: list[Version], seed: int, faults: float, crash_at: int, reverts: bool
) -> None:
    """Crash, then run again from the last STATE; `reverts` brings every row back to what it was at first."""
    with tempfile.TemporaryDirectory() as folder:
        path, world = Path(folder) / "ledger.db", World()
        assert run(as_input(history[:5]), world, path, seed).stop is None
        before = len(world.history)
        first = run(as_input(history), world, path, seed, faults=faults, crash_at=crash_at)
        check_promise(history, first, world, path)
        start = position_of(first)
        if reverts:
            # The source changed back while we were dead: the ledger must not believe its old fingerprints.
            history = history[:start] + list(history[:5]) + history[start:][::-1]
        ending = run(as_input(history, start), world, path, seed + 1, faults=faults)
        assert ending.stop is None
        assert len(world.history) >= before
        rest = {v.key for v in history[start:]}
        check_final([v for v in history if v.key in rest], world, path)


@settings(max_examples=examples(100), deadline=None)
@given(HISTORIES, st.integers(0, 2**32))
def test_a_second_run_of_the_same_rows_sends_no_delivered_row_again(history: list[Version], seed: int) -> None:
    last = list({v.key: v for v in history}.values())
    with tempfile.TemporaryDirectory() as folder:
        path, world = Path(folder) / "ledger.db", World()
        run(as_input(history), world, path, seed)
        run(as_input(last), world, path, seed)
        writes = len(world.history)
        again = run(as_input(last), world, path, seed)
        assert len(world.history) == writes
        good = [v for v in last if v.name not in ("bad", "poison")]
        assert again.counts.get("unchanged", 0) == len(good)
        if len(good) == len(last):
            assert again.requests == []


@pytest.mark.parametrize(
    ("names", "final"),
    [(["a", "b", "a"], "a"), (["a", "bad", "a"], "a"), (["a", "a", "b"], "b"), (["bad", "a", "bad"], None)],
)
def test_versions_of_one_key_in_one_group_keep_their_order(tmp_path: Path, names: list[str], final: str | None) -> None:
    world = World()
    run(as_input([Version(1, 0, "a")]), world, tmp_path / "l.db")
    lines = [schema_line(), *(record_line(1, "p1-0@example.com", name) for name in names), state_line(9)]
    run(lines, world, tmp_path / "l.db", chunk=100_000)
    kept = rejects(tmp_path / "l.db")
    if final is None:
        assert kept[1]["name"] == "bad"
    else:
        assert world.objects["1"]["name"] == final
        assert not kept


def test_a_changed_match_value_updates_the_known_object(tmp_path: Path) -> None:
    world = World()
    run([schema_line(), record_line(1, "old@example.com", "a")], world, tmp_path / "l.db")
    ending = run([schema_line(), record_line(1, "new@example.com", "a")], world, tmp_path / "l.db")
    assert [o["email"] for o in world.objects.values()] == ["new@example.com"]
    assert ending.counts["updated"] == 1


def test_an_object_that_vanished_is_found_by_its_match_value_again(tmp_path: Path) -> None:
    world = World()
    run([schema_line(), record_line(1, "old@example.com", "a")], world, tmp_path / "l.db")
    world.objects.clear()
    run([schema_line(), record_line(1, "new@example.com", "a")], world, tmp_path / "l.db")
    assert [o["email"] for o in world.objects.values()] == ["new@example.com"]


def test_two_rows_that_claim_one_match_value_are_told_apart(tmp_path: Path) -> None:
    world = World()
    lines = [schema_line(), record_line(1, "Ann@example.com", "a"), record_line(2, "ann@example.com", "b")]
    ending = run(lines, world, tmp_path / "l.db")
    assert ending.counts == {"read": 2, "created": 1, "invalid": 1}
    assert [o["name"] for o in world.objects.values()] == ["a"]
    assert list(rejects(tmp_path / "l.db")) == [2]


def test_a_row_that_left_frees_its_match_value(tmp_path: Path) -> None:
    world, path = World(), tmp_path / "l.db"
    run([schema_line(), record_line(1, "ann@example.com", "a", 1), activate_line(1)], world, path)
    second = run([schema_line(), record_line(2, "ann@example.com", "b", 2), activate_line(2)], world, path)
    assert second.counts["invalid"] == 1
    assert second.counts["left"] == 1
    third = run([schema_line(), record_line(2, "ann@example.com", "b", 3), activate_line(3)], world, path)
    assert third.counts == {"read": 1, "updated": 1}
    assert not rejects(path)


def test_a_version_that_comes_first_proves_nothing(tmp_path: Path) -> None:
    world, path = World(), tmp_path / "l.db"
    run([schema_line(), record_line(1, "ann@example.com", "a", 1), activate_line(1)], world, path)
    lines = [schema_line(), activate_line(2), record_line(2, "bob@example.com", "b", 2)]
    assert run(lines, world, path).counts.get("left", 0) == 0


def test_a_null_key_is_a_reject_and_goes_when_it_is_mended(tmp_path: Path) -> None:
    world, path = World(), tmp_path / "l.db"
    ending = run([schema_line(), record_line(None, "a@example.com", "a", 1), activate_line(1)], world, path)
    assert ending.counts == {"read": 1, "invalid": 1}
    ending = run([schema_line(), record_line(5, "a@example.com", "a", 2), activate_line(2)], world, path)
    assert ending.counts == {"read": 1, "created": 1, "rejects_dropped": 1}


def test_one_poisoned_row_costs_only_its_halvings(tmp_path: Path) -> None:
    world = World()
    limits = Limits(rows=100, body_bytes=10**6, concurrency=4, requests=10**6, window=10)
    rows = [record_line(n, f"p{n}@example.com", "poison" if n == 37 else "a") for n in range(100)]
    ending = run([schema_line(), *rows], world, tmp_path / "l.db", chunk=10**6, limits=limits)
    assert ending.counts["created"] == 99
    assert ending.counts["rejected"] == 1
    assert len(ending.requests) <= 1 + 2 * 7


def test_a_mapping_that_refuses_everything_stops_at_once(tmp_path: Path) -> None:
    rows = [record_line(n, f"p{n}@example.com", "bad") for n in range(600)]
    ending = run([schema_line(), *rows], World(), tmp_path / "l.db", policy=Policy(hopeless=50, max_rows=60))
    assert ending.stop is not None
    assert ending.stop.exit_code == 3
    assert len(ending.requests) < 60


def test_too_large_a_share_of_rejects_is_no_success(tmp_path: Path) -> None:
    rows = [record_line(n, f"p{n}@example.com", "bad" if n % 4 == 0 else "a") for n in range(100)]
    ending = run([schema_line(), *rows], World(), tmp_path / "l.db")
    assert ending.counts["rejected"] == 25
    assert ending.stop is not None
    assert ending.stop.exit_code == 3
    assert SYNC.max_rejected_share == 0.1


def test_a_second_stream_may_begin_while_the_first_is_under_way(tmp_path: Path) -> None:
    world = World()
    rows = [record_line(n, f"p{n}@example.com", "a") for n in range(10)]
    others = [record_line(n, f"q{n}@example.com", "b", stream="others") for n in range(10)]
    mixed = [line for pair in zip(rows, others, strict=True) for line in pair]
    lines = [schema_line(), *rows[:5], schema_line("others"), *mixed[10:], *others[:5], state_line(20)]
    ending = run(lines, world, tmp_path / "l.db", chunk=100, sync_for=lambda stream: replace(SYNC, stream=stream))
    assert ending.counts == {"read": 20, "created": 20}
    assert position_of(ending) == 20
    assert len(world.objects) == 20


def test_a_match_value_that_changes_while_a_creation_is_in_doubt_makes_no_second_object(tmp_path: Path) -> None:
    """Die at every point of the first creation; when the run starts again, the row has another e-mail."""
    crashed = 0
    for crash_at in range(1, 90):
        world, path = World(), tmp_path / f"{crash_at}.db"
        crashed += run([schema_line(), record_line(1, "old@example.com", "a")], world, path, crash_at=crash_at).crashed
        ending = run([schema_line(), record_line(1, "new@example.com", "b")], world, path)
        assert ending.stop is None
        assert [(o["email"], o["name"]) for o in world.objects.values()] == [("new@example.com", "b")], crash_at
    assert crashed > 5


def test_a_changed_mapping_reaches_rows_that_did_not_change(tmp_path: Path) -> None:
    world, path = World(), tmp_path / "l.db"
    lines = [schema_line(), record_line(1, "a@example.com", "a"), record_line(2, "b@example.com", "b")]
    run(lines, world, path)
    fields = {**FIELDS, "origin": FieldRule(None, "warehouse")}
    second = run(lines, world, path, sync_for=lambda stream: replace(SYNC, fields=fields))
    assert second.counts == {"read": 2, "updated": 2}
    assert {o["origin"] for o in world.objects.values()} == {"warehouse"}
    third = run(lines, world, path, sync_for=lambda stream: replace(SYNC, fields=fields))
    assert third.counts == {"read": 2, "unchanged": 2}


def test_a_mapping_that_gives_the_same_payload_sends_nothing(tmp_path: Path) -> None:
    """The source marks are of another mapping then, so the fingerprint decides; afterwards they are of this one."""
    world, path = World(), tmp_path / "l.db"
    lines = [schema_line(), record_line(1, "a@example.com", "a")]
    run(lines, world, path)
    for _ in range(2):
        again = run(lines, world, path, sync_for=lambda stream: replace(SYNC, nulls="skip"))
        assert again.counts == {"read": 1, "unchanged": 1}
        assert again.requests == []


def test_rows_whose_keys_change_their_type_take_their_objects_over_in_the_next_run(tmp_path: Path) -> None:
    """Every row is claimed twice then. That says nothing about the mapping, so the run goes on to its end and heals."""
    world, path = World(), tmp_path / "l.db"
    policy = Policy(hopeless=5, max_rows=60)

    def rows(version: int, shift: int) -> list[bytes]:
        records = [record_line(n + shift, f"p{n}@example.com", "a", version) for n in range(30)]
        return [schema_line(), *records, activate_line(version)]

    assert run(rows(1, 0), world, path, policy=policy).stop is None
    second = run(rows(2, 1000), world, path, policy=policy)
    assert second.counts == {"read": 30, "invalid": 30, "left": 30}
    assert second.stop is not None
    assert run(rows(3, 1000), world, path, policy=policy).counts == {"read": 30, "updated": 30}
    assert len(world.objects) == 30


def test_a_version_that_an_earlier_run_had_begun_proves_nothing(tmp_path: Path) -> None:
    """A tap that resumes an interrupted full read sends only the rest, under the same version."""
    world, path = World(), tmp_path / "l.db"
    run(
        [schema_line(), record_line(1, "a@example.com", "a", 7), record_line(2, "b@example.com", "bad", 7)], world, path
    )
    resumed = run([schema_line(), record_line(3, "c@example.com", "a", 7), activate_line(7)], world, path)
    assert resumed.counts == {"read": 1, "created": 1, "replayed": 1, "rejected": 1}
    assert list(rejects(path)) == [2]


@pytest.mark.parametrize(("email", "field"), [(f"{'a' * 1000}@example.com", "email"), ("a\0b@example.com", "email")])
def test_a_match_value_that_no_index_takes_is_a_reject(tmp_path: Path, email: str, field: str) -> None:
    world, path = World(), tmp_path / "l.db"
    ending = run([schema_line(), record_line(1, email, "a"), record_line(2, "b@example.com", "b")], world, path)
    assert ending.counts == {"read": 2, "created": 1, "invalid": 1}
    assert places.query(path, "select code, field from rejects") == [("odd_match", field)]


def test_a_key_that_no_index_takes_is_a_reject(tmp_path: Path) -> None:
    world, path = World(), tmp_path / "l.db"
    long = record_line(1, "a@example.com", "a").replace(b'"id": 1', b'"id": "' + b"x" * 1000 + b'"')
    for _ in range(2):
        ending = run([schema_line(), long, record_line(2, "b@example.com", "b")], world, path)
        assert ending.counts["invalid"] == 1
    assert places.query(path, "select code, field from rejects") == [("long_key", "id")]

"""Refused rows: tried again on every run, once a day when the refusal repeats, parked in the end; never lost."""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.modes import FieldRule
from penstock.rejects import DAY
from tests.core import places
from tests.core.sim import FIELDS, SYNC, Ending, World, activate_line, record_line, run, schema_line, state_line
from tests.core.test_promise import rejects
from tests.effort import examples

BAD = [schema_line(), record_line(1, "p1@example.com", "bad"), state_line(1)]
NOTHING_NEW = [schema_line(), state_line(2)]


def again(world: World, path: Path, lines: list[bytes], days: float = 0.0, **how: object) -> dict[str, int]:
    world.wall += days * DAY
    ending: Ending = run(lines, world, path, **how)  # type: ignore[arg-type]
    assert ending.stop is None
    return ending.counts


def test_a_refused_row_is_tried_on_the_next_run_then_once_a_day_then_parked(tmp_path: Path) -> None:
    world, path = World(), tmp_path / "l.db"
    assert again(world, path, BAD) == {"read": 1, "rejected": 1}
    assert again(world, path, BAD) == {"read": 1, "rejected": 1}
    assert again(world, path, BAD) == {"read": 1, "waiting": 1}
    assert again(world, path, BAD, days=0.9) == {"read": 1, "waiting": 1}
    assert again(world, path, BAD, days=0.2) == {"read": 1, "rejected": 1}
    assert again(world, path, BAD, days=14) == {"read": 1, "rejected": 1}
    assert again(world, path, BAD, days=100) == {"read": 1, "parked": 1}
    assert list(rejects(path)) == [1]


def test_a_reject_without_a_key_is_kept_and_never_replayed(tmp_path: Path) -> None:
    """No row of the source is known to be this one: it stays, for a person to look at."""
    world, path = World(), tmp_path / "l.db"
    nameless = [schema_line(), record_line(None, "p1@example.com", "a"), state_line(1)]
    assert again(world, path, nameless) == {"read": 1, "invalid": 1}
    assert again(world, path, NOTHING_NEW, days=30) == {}
    assert len(places.query(path, "select row_key from rejects where row_key like 'no-key:%'")) == 1
    assert world.history == []


def test_a_change_of_the_row_or_of_the_mapping_ends_the_waiting(tmp_path: Path) -> None:
    world, path = World(), tmp_path / "l.db"
    for _ in range(2):
        again(world, path, BAD)
    worse = [schema_line(), record_line(1, "p1@example.com", "bad, still"), state_line(1)]
    assert again(world, path, worse) == {"read": 1, "rejected": 1}
    fixed = replace(SYNC, fields={**FIELDS, "name": FieldRule(None, "good")})
    assert again(world, path, worse, sync_for=lambda _: fixed) == {"read": 1, "created": 1}
    assert rejects(path) == {}


def test_a_row_that_the_tap_sends_no_more_is_replayed_from_the_ledger(tmp_path: Path) -> None:
    world, path = World(), tmp_path / "l.db"
    again(world, path, BAD)
    assert again(world, path, NOTHING_NEW) == {"replayed": 1, "rejected": 1}
    assert again(world, path, NOTHING_NEW) == {}
    assert again(world, path, NOTHING_NEW, days=1) == {"replayed": 1, "rejected": 1}
    fixed = replace(SYNC, fields={**FIELDS, "name": FieldRule(None, "good")})
    assert again(world, path, NOTHING_NEW, days=1, sync_for=lambda _: fixed) == {"replayed": 1, "created": 1}
    assert [o["name"] for o in world.objects.values()] == ["good"]
    assert rejects(path) == {}


def test_a_replay_never_overtakes_a_fresher_version(tmp_path: Path) -> None:
    world, path = World(), tmp_path / "l.db"
    again(world, path, BAD)
    fixed = replace(SYNC, fields={"email": FieldRule("email"), "mark": FieldRule("name")})
    fresh = [schema_line(), record_line(1, "p1@example.com", "fresh"), state_line(2)]
    counts = again(world, path, fresh, sync_for=lambda _: fixed, faults=0.5)
    assert "replayed" not in counts
    assert [o["mark"] for o in world.objects.values()] == ["fresh"]
    assert rejects(path) == {}


def test_a_refused_version_that_comes_behind_an_unchanged_one_keeps_its_reject(tmp_path: Path) -> None:
    """The unchanged one does away with the reject of an earlier run; the refused one must make it anew."""
    world, path = World(), tmp_path / "l.db"
    good, bad = record_line(1, "p1@example.com", "a"), record_line(1, "p1@example.com", "bad")
    run([schema_line(), good], world, path)
    for _ in range(2):
        run([schema_line(), bad], world, path)
    ending = run([schema_line(), good, bad, state_line(1)], world, path, chunk=10_000)
    assert len(ending.states) == 1
    assert [record["name"] for record in rejects(path).values()] == ["bad"]
    assert run([schema_line(), bad, good], world, path, chunk=10_000).stop is None
    assert rejects(path) == {}


def test_no_state_passes_an_unchanged_row_before_its_reject_is_gone(tmp_path: Path) -> None:
    """A, then B refused, then A again: were the reject still there after a crash, its replay could bring B back."""
    died = 0
    for crash_at in range(1, 40):
        world, path = World(), tmp_path / f"{crash_at}.db"
        run([schema_line(), record_line(1, "p1@example.com", "a")], world, path)
        run([schema_line(), record_line(1, "p1@example.com", "bad")], world, path)
        back = [schema_line(), record_line(1, "p1@example.com", "a"), state_line(1)]
        ending = run(back, world, path, crash_at=crash_at)
        assert not (ending.states and rejects(path)), crash_at
        died += ending.crashed
    assert died > 3


def test_what_we_refuse_ourselves_is_looked_at_on_every_run(tmp_path: Path) -> None:
    world, path = World(), tmp_path / "l.db"
    null = [schema_line(), record_line(1, None, "a"), state_line(1)]
    for _ in range(3):
        assert again(world, path, null) == {"read": 1, "invalid": 1}
    assert again(world, path, NOTHING_NEW) == {"replayed": 1, "invalid": 1}


def test_a_complete_read_drops_the_rejects_of_rows_that_are_gone_and_keeps_those_that_wait(tmp_path: Path) -> None:
    world, path = World(), tmp_path / "l.db"

    def rows(version: int, *keys: int) -> list[bytes]:
        return [
            schema_line(),
            *(record_line(n, f"p{n}@example.com", "bad", version) for n in keys),
            record_line(9, "p9@example.com", "a", version),
            activate_line(version),
        ]

    # The version stands beside the record, not in it, so the record is the same on every run.
    for version in (1, 2):
        again(world, path, rows(version, 1, 2))
    counts = again(world, path, rows(3, 1))
    assert counts == {"read": 2, "unchanged": 1, "waiting": 1, "rejects_dropped": 1}
    assert list(rejects(path)) == [1]


def test_a_repeated_refusal_is_no_new_one_for_the_verdict(tmp_path: Path) -> None:
    world, path = World(), tmp_path / "l.db"
    rows = [record_line(n, f"p{n}@example.com", "bad") for n in range(25)]
    assert run([schema_line(), *rows], world, path).stop is not None
    assert run([schema_line(), *rows], world, path).stop is None
    assert len(rejects(path)) == 25


@settings(max_examples=examples(150), deadline=None)
@given(
    st.lists(
        st.tuples(
            st.lists(st.tuples(st.integers(1, 3), st.sampled_from(["a", "b", "bad", "poison"])), max_size=6),
            st.integers(1, 160),
            st.sampled_from([0.0, 0.5, 1.0, 15.0]),
        ),
        min_size=1,
        max_size=5,
    ),
    st.integers(0, 2**32),
)
def test_the_last_version_read_wins_or_is_the_reject_over_many_runs(
    runs: list[tuple[list[tuple[int, str]], int, float]], seed: int
) -> None:
    """An incremental source: each run reads only what is new, or what its last run did not get acknowledged."""
    with tempfile.TemporaryDirectory() as folder:
        world, path = World(), Path(folder) / "l.db"
        history: list[tuple[int, str]] = []
        done = 0
        for new, crash_at, days in runs:
            history += new
            for crash in (crash_at, None):
                world.wall += days * DAY
                lines = [schema_line()]
                for n, (key, name) in enumerate(history[done:], done + 1):
                    lines += [record_line(key, f"p{key}@example.com", name), state_line(n)]
                ending = run(lines, world, path, seed, faults=0.2, crash_at=crash)
                if ending.states:
                    done = int(json.loads(ending.states[-1])["position"])
            assert done == len(history)
        kept = rejects(path)
        for key, name in dict(history).items():
            if name in ("bad", "poison"):
                assert kept[key]["name"] == name
            else:
                assert key not in kept
                assert [o["name"] for o in world.objects.values() if o["email"] == f"p{key}@example.com"] == [name]


def sparse(**record: object) -> bytes:
    return json.dumps({"type": "RECORD", "stream": "people", "record": record}).encode()


@pytest.mark.parametrize("between", [[], [state_line(1)]])
@pytest.mark.parametrize("chunk", [1, 10**6])
def test_a_sparse_record_does_not_lose_what_the_refused_one_before_it_holds(
    tmp_path: Path, between: list[bytes], chunk: int
) -> None:
    world, path = World(), tmp_path / "l.db"
    first, second = sparse(id=1, name="zoe", email=None), sparse(id=1, email="p1@example.com")
    if between:
        again(world, path, [schema_line(), first, *between], chunk=chunk)
        again(world, path, [schema_line(), second, state_line(2)], chunk=chunk)
    else:
        again(world, path, [schema_line(), first, second, state_line(2)], chunk=chunk)
    assert list(world.objects.values()) == [{"email": "p1@example.com", "name": "zoe"}]
    assert rejects(path) == {}


def test_a_sparse_record_does_not_hide_that_the_other_part_is_still_refused(tmp_path: Path) -> None:
    world, path = World(), tmp_path / "l.db"
    again(world, path, [schema_line(), record_line(1, "p1@example.com", "a"), state_line(1)])
    again(world, path, [schema_line(), record_line(1, "p1@example.com", "bad"), state_line(2)])
    for position in (3, 4):
        counts = again(world, path, [schema_line(), sparse(id=1, email="p1@example.com"), state_line(position)], days=2)
        assert counts == {"read": 1, "rejected": 1}
    again(world, path, [schema_line(), record_line(1, "p1@example.com", "b"), state_line(5)])
    assert [each["name"] for each in world.objects.values()] == ["b"]
    assert rejects(path) == {}

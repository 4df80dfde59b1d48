"""Many rows by a job: which path they take, what becomes of each row, and a death at every step.

The destination's jobs are simulated, in the two shapes that APIs have (tests/core/simjobs.py).
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.bulk import JobLimits
from penstock.errors import Misconfigured
from penstock.modes import MODES, Action, Link, Sync
from penstock.policy import Policy
from penstock.retry import RetryPolicy
from penstock.syncs import check_abilities
from tests.core import places
from tests.core.sim import ABILITIES, SYNC, Ending, World, activate_line, record_line, run, schema_line, state_line
from tests.core.simjobs import LIMITS, SimJobs
from tests.core.test_promise import HISTORIES, Version, as_input, check_final, check_promise, position_of, rejects
from tests.effort import histories

CASES = histories(400)
POLICY = Policy(retry=RetryPolicy(attempts=100), max_rows=50, spool_age=0.5)
SHAPES = pytest.mark.parametrize("at_once", [False, True], ids=["staged", "at once"])


def go(
    lines: list[bytes],
    world: World,
    path: Path,
    *,
    at_once: bool = False,
    above: int | None = 3,
    seed: int = 0,
    limits: JobLimits = LIMITS,
    sync: Sync = SYNC,
    **options: Any,
) -> Ending:
    """Run with jobs, and a threshold for them."""
    bulk = replace(sync, bulk_above=above)
    jobs = SimJobs(at_once=at_once, limits=limits)
    return run(lines, world, path, seed, jobs=jobs, policy=POLICY, sync_for=lambda stream: bulk, **options)


def people(count: int, name: str = "a", start: int = 1) -> list[bytes]:
    return [record_line(n, f"p{n}@example.com", name) for n in range(start, start + count)]


def names(world: World) -> dict[str, object]:
    return {str(o["email"]): o["name"] for o in world.objects.values()}


def left(path: Path) -> list[tuple[object, ...]]:
    return places.query(path, "select * from jobs") + places.query(path, "select * from job_rows")


@SHAPES
def test_more_rows_than_the_threshold_go_by_a_job(tmp_path: Path, at_once: bool) -> None:
    world = World()
    ending = go([schema_line(), *people(5), state_line(5)], world, tmp_path / "l.db", at_once=at_once)
    assert ending.stop is None
    assert ending.counts == {"read": 5, "created": 5, "by_job": 5, "jobs": 1}
    assert position_of(ending) == 5
    assert not any(request.path == "/upsert" for request in ending.requests)
    assert left(tmp_path / "l.db") == []


@SHAPES
def test_as_many_as_the_threshold_go_by_requests(tmp_path: Path, at_once: bool) -> None:
    world = World()
    ending = go([schema_line(), *people(3), state_line(3)], world, tmp_path / "l.db", at_once=at_once)
    assert ending.counts == {"read": 3, "created": 3}
    assert {request.path for request in ending.requests} == {"/upsert"}


@SHAPES
def test_more_rows_than_one_job_holds_go_by_several_and_the_few_that_remain_by_requests(
    tmp_path: Path, at_once: bool
) -> None:
    world = World()
    ending = go([schema_line(), *people(20), state_line(20)], world, tmp_path / "l.db", at_once=at_once)
    assert ending.stop is None
    assert ending.counts == {"read": 20, "created": 20, "by_job": 18, "jobs": 3}
    assert max(len(job.rows) for job in world.server.jobs.values()) == LIMITS.rows
    assert len(world.history) == 20


@SHAPES
def test_rows_that_a_job_refuses_are_rejects_with_their_record(tmp_path: Path, at_once: bool) -> None:
    world = World()
    lines = [schema_line(), *people(3), record_line(9, "p9@example.com", "bad"), *people(1, start=4), state_line(5)]
    ending = go(lines, world, tmp_path / "l.db", at_once=at_once)
    assert {n: c for n, c in ending.counts.items() if c} == {
        "read": 5,
        "created": 4,
        "by_job": 4,
        "rejected": 1,
        "jobs": 1,
    }
    assert rejects(tmp_path / "l.db") == {9: {"id": 9, "email": "p9@example.com", "name": "bad"}}
    assert places.query(tmp_path / "l.db", "select code, field from rejects") == [("BAD", "name")]
    assert position_of(ending) == 5


@SHAPES
def test_what_a_job_delivered_is_unchanged_in_the_next_run(tmp_path: Path, at_once: bool) -> None:
    world, path = World(), tmp_path / "l.db"
    go([schema_line(), *people(5)], world, path, at_once=at_once)
    again = go([schema_line(), *people(5)], world, path, at_once=at_once)
    assert again.counts == {"read": 5, "unchanged": 5}
    assert again.requests == []


def test_ids_that_the_results_tell_are_used_in_the_next_run(tmp_path: Path) -> None:
    world, path = World(), tmp_path / "l.db"
    go([schema_line(), *people(5)], world, path)
    again = go([schema_line(), *people(5, "b")], world, path)
    assert again.counts == {"read": 5, "updated": 5, "by_job": 5, "jobs": 1}
    assert {job.action for job in world.server.jobs.values()} == {"upsert", "update"}
    few = go([schema_line(), *people(1, "c")], world, path)
    assert [request.path for request in few.requests] == ["/update"]


@SHAPES
def test_a_newer_version_waits_for_the_job_that_has_the_older_one(tmp_path: Path, at_once: bool) -> None:
    world, path = World(), tmp_path / "l.db"
    lines = [schema_line(), *people(6), *people(6, "b"), *people(2, "a"), state_line(14)]
    ending = go(lines, world, path, at_once=at_once)
    assert ending.stop is None
    assert names(world) == {f"p{n}@example.com": "a" if n < 3 else "b" for n in range(1, 7)}
    assert len(world.objects) == 6


def test_a_row_that_cannot_travel_by_a_job_goes_by_a_request(tmp_path: Path) -> None:
    world = World()
    ending = go([schema_line(), *people(5), *people(1, "not-by-job", 6)], world, tmp_path / "l.db")
    assert ending.counts == {"read": 6, "created": 6, "by_job": 5, "jobs": 1}


@SHAPES
def test_two_rows_with_one_match_value_never_share_a_job(tmp_path: Path, at_once: bool) -> None:
    world = World()
    lines = [schema_line(), *people(5), record_line(9, "p1@example.com", "z")]
    ending = go(lines, world, tmp_path / "l.db", at_once=at_once)
    assert ending.counts["invalid"] == 1
    assert names(world)["p1@example.com"] == "a"


@SHAPES
def test_a_job_that_breaks_off_delivers_the_rest_by_requests(tmp_path: Path, at_once: bool) -> None:
    world, path = World(), tmp_path / "l.db"
    world.server.fail = 1.0
    ending = go([schema_line(), *people(6), state_line(6)], world, path, at_once=at_once, seed=5)
    assert ending.stop is None
    assert ending.counts["created"] + ending.counts.get("updated", 0) == 6
    assert ending.counts["fell_back"] > 0
    assert position_of(ending) == 6
    assert len(world.objects) == 6
    assert left(path) == []


@SHAPES
def test_a_destination_that_takes_no_job_gets_requests(tmp_path: Path, at_once: bool) -> None:
    world = World()
    world.server.refuses = True
    ending = go([schema_line(), *people(6), state_line(6)], world, tmp_path / "l.db", at_once=at_once)
    assert {n: c for n, c in ending.counts.items() if c} == {"read": 6, "created": 6, "jobs": 1, "fell_back": 6}


@SHAPES
def test_a_job_without_an_end_is_cancelled(tmp_path: Path, at_once: bool) -> None:
    world = World()
    world.server.stuck = True
    limits = replace(LIMITS, longest=-1.0)
    ending = go([schema_line(), *people(6), state_line(6)], world, tmp_path / "l.db", at_once=at_once, limits=limits)
    assert ending.stop is None
    assert [job.state for job in world.server.jobs.values()] == ["cancelled"]
    assert ending.counts["created"] == 6
    assert position_of(ending) == 6


def test_rows_that_leave_are_removed_after_the_job(tmp_path: Path) -> None:
    world, path = World(), tmp_path / "l.db"
    sync = replace(SYNC, strategy=MODES["mirror"])
    first = [record_line(n, f"p{n}@example.com", "a", 1) for n in range(1, 7)]
    go([schema_line(), *first, activate_line(1)], world, path, sync=sync)
    second = [record_line(n, f"p{n}@example.com", "b", 2) for n in range(2, 8)]
    ending = go([schema_line(), *second, activate_line(2), state_line(6)], world, path, sync=sync)
    assert ending.counts["removed"] == 1
    assert ending.counts["by_job"] >= 5
    assert names(world) == {f"p{n}@example.com": "b" for n in range(2, 8)}


def test_the_age_of_the_oldest_row_decides_while_the_input_goes_on(tmp_path: Path) -> None:
    """The input is read slowly, so rows are ripe before it ends."""
    world = World()
    slowly = [line for n, record in enumerate(people(12)) for line in (record, state_line(n))]
    ending = go([schema_line(), *slowly], world, tmp_path / "l.db", chunk=10, above=5)
    assert ending.stop is None
    assert ending.counts == {"read": 12, "created": 12}
    assert len(ending.states) > 3


def test_what_was_read_before_a_malformed_line_goes_by_a_job(tmp_path: Path) -> None:
    world = World()
    ending = go([schema_line(), *people(6), state_line(6), b"no singer"], world, tmp_path / "l.db")
    assert ending.stop is not None
    assert ending.stop.exit_code == 1
    assert ending.counts["by_job"] == 6
    assert position_of(ending) == 6


@SHAPES
def test_a_job_of_a_dead_run_is_adopted_even_without_the_option(tmp_path: Path, at_once: bool) -> None:
    """The next run has newer values: they go out after the orphan has come to its end."""
    world, path = World(), tmp_path / "l.db"
    died = go([schema_line(), *people(6)], world, path, at_once=at_once, crash_at=("between rows of a job", 2))
    assert died.crashed
    ending = go([schema_line(), *people(6, "b"), state_line(6)], world, path, at_once=at_once, above=None)
    assert ending.stop is None
    assert set(names(world).values()) == {"b"}
    assert ending.counts["jobs_adopted"] == 1
    assert len(world.server.created) == 1
    assert left(path) == []


def test_a_target_without_jobs_doubts_the_rows_of_one(tmp_path: Path) -> None:
    world, path = World(), tmp_path / "l.db"
    assert go([schema_line(), *people(6)], world, path, crash_at=("between rows of a job", 2)).crashed
    world.server.jobs.clear()
    ending = run([schema_line(), *people(6), state_line(6)], world, path)
    assert ending.counts["unknown"] == 6
    assert len(world.objects) == 6


@SHAPES
def test_a_row_that_comes_back_to_what_it_was_before_an_orphan_is_written_again(tmp_path: Path, at_once: bool) -> None:
    """The ledger knows the old value as the last one delivered, and the orphan has put a newer one over it."""
    for crash_at in range(1, 8):
        world, path = World(), tmp_path / f"{crash_at}.db"
        go([schema_line(), *people(6)], world, path, at_once=at_once)
        changed = [schema_line(), *people(6, "b")]
        assert go(changed, world, path, at_once=at_once, crash_at=("job answered", crash_at)).crashed
        ending = go([schema_line(), *people(6), state_line(6)], world, path, at_once=at_once, chunk=100_000)
        assert ending.stop is None
        assert set(names(world).values()) == {"a"}


@SHAPES
def test_a_death_at_every_point_loses_nothing_and_doubles_nothing(tmp_path: Path, at_once: bool) -> None:
    history = [Version(n, 0, "bad" if n == 3 else "a") for n in range(1, 9)]
    newer = [Version(n, 0, "b") for n in range(1, 9)]
    crashed = 0
    for crash_at in range(1, 400):
        world, path = World(), tmp_path / f"{crash_at}.db"
        first = go(as_input(history), world, path, at_once=at_once, crash_at=crash_at, seed=crash_at)
        check_promise(history, first, world, path)
        crashed += first.crashed
        ending = go(as_input(newer), world, path, at_once=at_once, seed=crash_at)
        assert ending.stop is None
        check_final(newer, world, path)
        assert left(path) == []
        if not first.crashed:
            break
    assert crashed > 30


def many(history: list[Version]) -> list[Version]:
    """Make keys of a history differ more, so that jobs fill."""
    return [replace(v, key=v.key + 4 * (n % 4)) for n, v in enumerate(history)]


@settings(max_examples=CASES, deadline=None)
@given(HISTORIES, st.integers(0, 2**32), st.floats(0, 0.4), st.booleans(), st.integers(0, 4), st.floats(0, 1))
def test_every_history_ends_right_under_faults(
    history: list[Version], seed: int, faults: float, at_once: bool, above: int, fail: float
) -> None:
    history = many(history)
    with tempfile.TemporaryDirectory() as folder:
        path, world = Path(folder) / "ledger.db", World()
        world.server.fail = fail
        ending = go(as_input(history), world, path, at_once=at_once, above=above, seed=seed, faults=faults)
        assert ending.stop is None
        assert position_of(ending) == len(history)
        check_final(history, world, path)
        assert left(path) == []


@settings(max_examples=CASES, deadline=None)
@given(
    HISTORIES,
    st.integers(0, 2**32),
    st.floats(0, 0.3),
    st.lists(st.integers(1, 250), min_size=1, max_size=3),
    st.booleans(),
    st.booleans(),
    st.integers(0, 3),
    st.sampled_from([40, 100_000]),
)
def test_deaths_at_any_points_lose_nothing(
    history: list[Version],
    seed: int,
    faults: float,
    deaths: list[int],
    reverts: bool,
    at_once: bool,
    above: int,
    chunk: int,
) -> None:
    """Die again and again, then run to the end; `reverts` brings every row back to what it was at first."""
    history = many(history)
    with tempfile.TemporaryDirectory() as folder:
        path, world = Path(folder) / "ledger.db", World()
        world.server.fail = 0.2
        assert go(as_input(history[:5]), world, path, at_once=at_once, above=above, seed=seed).stop is None
        start = 0
        for n, crash_at in enumerate(deaths):
            died = go(
                as_input(history, start),
                world,
                path,
                at_once=at_once,
                above=above,
                seed=seed + n,
                faults=faults,
                crash_at=crash_at,
            )
            if died.states:
                check_promise(history, died, world, path)
                start = position_of(died)
        if reverts:
            history = history[:start] + list(history[:5]) + history[start:][::-1]
        ending = go(
            as_input(history, start),
            world,
            path,
            at_once=at_once,
            above=above,
            seed=seed + 9,
            faults=faults,
            chunk=chunk,
        )
        assert ending.stop is None
        rest = {v.key for v in history[start:]}
        check_final([v for v in history if v.key in rest], world, path)
        assert len(set(world.server.created)) == len(world.server.created), "a job was created twice"
        assert left(path) == []


@pytest.mark.parametrize(
    ("sync", "by_job", "said"),
    [
        (SYNC, (), "this target has no jobs"),
        (replace(SYNC, links=(Link("companies", "company"),)), (Action.UPSERT,), "linked with others"),
        (replace(SYNC, strategy=MODES["append"]), (Action.UPSERT,), "want to append"),
    ],
)
def test_a_threshold_that_can_never_be_met_is_a_mistake(sync: Sync, by_job: tuple[Action, ...], said: str) -> None:
    with pytest.raises(Misconfigured, match=said):
        check_abilities(replace(sync, bulk_above=5), ABILITIES, by_job)

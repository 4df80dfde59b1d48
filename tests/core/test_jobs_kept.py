"""Jobs that outlive what a person does to the ledger, and jobs of which the destination says too little."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

from penstock.ledger import Ledger
from penstock.modes import Guards
from tests.core import places
from tests.core.sim import SYNC, World, activate_line, record_line, run, schema_line, state_line
from tests.core.simjobs import LIMITS, SimJobs
from tests.core.test_jobs import POLICY, go, left, names, people


def test_what_is_purged_is_gone_from_an_open_job_too(tmp_path: Path) -> None:
    world, path = World(), tmp_path / "l.db"
    assert go([schema_line(), *people(6)], world, path, crash_at=("between rows of a job", 2)).crashed
    with closing(Ledger(places.at(path))) as ledger:
        assert ledger.upkeep.purge("people", "[2]") == 1
    ending = go([schema_line(), state_line(6)], world, path)
    assert (ending.stop, ending.counts["adopted"]) == (None, 5)
    assert "[2]" not in {key for (key,) in places.query(path, "select row_key from records")}


def test_a_sync_that_is_forgotten_waits_for_its_job_and_sends_every_row_again(tmp_path: Path) -> None:
    world, path = World(), tmp_path / "l.db"
    assert go([schema_line(), *people(6)], world, path, crash_at=("between rows of a job", 2)).crashed
    with closing(Ledger(places.at(path))) as ledger:
        ledger.upkeep.forget("people")
    ending = go([schema_line(), *people(6, "b"), state_line(6)], world, path)
    assert (ending.stop, ending.counts["adopted"], left(path)) == (None, 6, [])
    assert set(names(world).values()) == {"b"}, "the job of the dead run has not written over what came later"
    with closing(Ledger(places.at(path))) as ledger:
        ledger.upkeep.forget("people")
    again = go([schema_line(), *people(6, "b"), state_line(6)], world, path)
    assert (again.counts["read"], again.counts["updated"]) == (6, 6)


def test_rows_are_not_believed_written_that_the_job_has_not_counted(tmp_path: Path) -> None:
    world, path = World(), tmp_path / "l.db"
    world.server.miscounts = True
    ending = go([schema_line(), *people(6), state_line(6)], world, path, at_once=True)
    assert (ending.stop, ending.counts["fell_back"], len(world.objects)) == (None, 6, 6)


def test_a_job_that_cannot_be_seen_yet_is_asked_about_again(tmp_path: Path) -> None:
    world, path = World(), tmp_path / "l.db"
    world.server.unseen = 3
    ending = go([schema_line(), *people(6), state_line(6)], world, path)
    assert (ending.stop, ending.counts["by_job"], "unknown" in ending.counts) == (None, 6, False)


def test_what_the_job_of_a_dead_run_delivered_has_not_changed(tmp_path: Path) -> None:
    world, path = World(), tmp_path / "l.db"
    sync = replace(SYNC, guards=Guards(max_changed_share=0.3))
    assert go([schema_line(), *people(6)], world, path, sync=SYNC, crash_at=("between rows of a job", 2)).crashed
    rows = [record_line(n, f"p{n}@example.com", "a", 7) for n in range(1, 7)]
    ending = go([schema_line(), *rows, activate_line(7), state_line(6)], world, path, sync=sync)
    assert (ending.stop, ending.counts["adopted"], ending.counts["unchanged"]) == (None, 6, 6)


def test_no_more_jobs_are_open_than_the_destination_allows(tmp_path: Path) -> None:
    """Each of three streams forms jobs of its own."""
    world, path = World(), tmp_path / "l.db"
    streams = ("people", "staff", "guests")
    lines = [schema_line(stream) for stream in streams]
    for stream in streams:
        lines += [record_line(n, f"{stream}{n}@example.com", "a", stream=stream) for n in range(20)]
    jobs = SimJobs(at_once=False, limits=replace(LIMITS, open=1))
    syncs = {stream: replace(SYNC, stream=stream, bulk_above=3) for stream in streams}
    ending = run([*lines, state_line(9)], world, path, jobs=jobs, policy=POLICY, sync_for=syncs.__getitem__)
    assert (ending.stop, len(world.objects)) == (None, 60)
    assert world.server.most_open == 1

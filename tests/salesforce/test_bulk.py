"""Bulk API 2.0 against the sandbox: what goes by a job, what its states lead to, deaths in the middle of one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from penstock_sandbox.handle import Sandbox
from tests.hubspot.process import Line, state
from tests.salesforce.process import (
    CANARY,
    SCHEMA,
    counts,
    key,
    killed,
    lasts,
    query,
    ran,
    record,
    records,
    rejects,
    routes,
    settings_for,
    stored,
    sync,
)

MANY = 2_300


def settings_without_threshold(sandbox: Sandbox, **more: Any) -> dict[str, Any]:
    people = {name: value for name, value in sync(**more)["people"].items() if name != "bulk_above"}
    return settings_for(sandbox, syncs={"people": people})


def test_many_rows_go_by_a_job_without_being_told_and_few_by_requests(tmp_path: Path, sandbox: Sandbox) -> None:
    settings = settings_without_threshold(sandbox)
    run = ran(tmp_path, settings, [SCHEMA, *records(MANY, size=7), state(1)])
    assert run.code == 0, run.stderr
    assert counts(run)["by job"] == f"{MANY:,}"
    assert re.search(r"job penstock-1-1-\w+ has the id 750\w{15}\b", run.stderr)
    assert re.search(r"job penstock-1-1-\w+ \(750\w{15}\) is over", run.stderr)
    assert lasts(sandbox) == {key(n): f"{CANARY} a" for n in range(MANY)}
    assert CANARY not in run.stderr
    assert query(tmp_path, "select count(*) from records where destination_id is null") == [(0,)]
    again = ran(tmp_path, settings, [SCHEMA, *records(MANY, size=7), record(1, "b"), state(2)])
    assert again.code == 0, again.stderr
    assert "jobs" not in counts(again)
    assert stored(sandbox)[key(1)]["LastName"] == f"{CANARY} b"


def test_rows_too_few_for_a_job_go_in_full_batches(tmp_path: Path, sandbox: Sandbox) -> None:
    run = ran(tmp_path, settings_without_threshold(sandbox), [SCHEMA, *records(1_000), state(1)])
    assert run.code == 0, run.stderr
    assert "jobs" not in counts(run)
    assert routes(sandbox, "composite/sobjects") == 5


def test_a_field_that_a_jobs_file_has_no_column_for_is_not_lost(tmp_path: Path, sandbox: Sandbox) -> None:
    """The SCHEMA changes in mid-stream, to more columns and to fewer; the job's file has those of one of them."""
    syncs = {"people": {"object": "Lead", "match": "Key__c", "bulk_above": 10}}

    def part(columns: str, start: int, count: int) -> list[Line]:
        types = {name: {"type": ["string", "null"]} for name in columns.split()}
        schema = {"type": "SCHEMA", "stream": "people", "key_properties": ["Key__c"], "schema": {"properties": types}}
        rows = [{name: f"{name} {n}" for name in types} for n in range(start, start + count)]
        return [schema, *({"type": "RECORD", "stream": "people", "record": row} for row in rows)]

    few, more = "Key__c LastName Company", "Key__c LastName Company City"
    lines = [*part(few, 0, 3), *part(more, 3, 30), *part(few, 33, 20), *part(more, 53, 5), state(1)]
    run = ran(tmp_path, settings_for(sandbox, syncs=syncs), lines)
    assert run.code == 0, run.stderr
    cities = {name: fields.get("City") for name, fields in stored(sandbox).items()}
    assert len(cities) == 58
    assert {name for name, city in cities.items() if city} == {f"Key__c {n}" for n in [*range(3, 33), *range(53, 58)]}


def test_a_key_with_a_carriage_return_finds_its_own_record(tmp_path: Path, sandbox: Sandbox) -> None:
    sandbox.salesforce.seed("Lead", [{"LastName": "other", "Company": "c", "Key__c": "a\nb"}])
    run = ran(tmp_path, settings_for(sandbox, syncs=sync(bulk_above=0)), [SCHEMA, *records(3), record(9, key="a\r\nb")])
    assert run.code == 0, run.stderr
    assert counts(run)["by job"] == "3"
    assert "not settled yet" not in run.stderr  # the job was made when the input had ended, not at the next look around
    assert lasts(sandbox)["a\nb"] == "other"
    assert lasts(sandbox)["a\r\nb"] == f"{CANARY} a"


def test_rows_whose_ids_are_known_are_updated_by_a_job_and_nulls_clear(tmp_path: Path, sandbox: Sandbox) -> None:
    settings = settings_for(sandbox, syncs=sync(bulk_above=10))
    assert ran(tmp_path, settings, [SCHEMA, *records(30, size=7), state(1)]).code == 0
    texts = ['quo"te', "two\r\nlines", "comma, 'x'", "#N/A", "é 日本"]
    lines = [record(n, texts[n % 5], size=None, company=texts[n % 5]) for n in range(30)]
    run = ran(tmp_path, settings, [SCHEMA, *lines, state(2)])
    assert run.code == 0, run.stderr
    assert counts(run)["by job"] == "24"  # a text that means null in a file goes by a request
    found = stored(sandbox)
    assert not found[key(0)].get("NumberOfEmployees")
    wanted = {n: texts[n % 5].replace("\r\n", "\n") for n in range(30)}
    assert {n: found[key(n)]["Company"] for n in range(30)} == wanted


def test_rows_that_a_job_refuses_are_rejects(tmp_path: Path, sandbox: Sandbox) -> None:
    lines = [SCHEMA, *records(40), record(90, mail="no address"), record(91, company=None), state(1)]
    run = ran(tmp_path, settings_for(sandbox, syncs=sync(bulk_above=10)), lines)
    assert run.code == 0, run.stderr
    assert counts(run)["by job"] == "40"
    assert rejects(tmp_path) == {90: ("INVALID_EMAIL_ADDRESS", "Email"), 91: ("REQUIRED_FIELD_MISSING", "Company")}
    assert run.states[-1] == {"position": 1}


def test_a_job_that_ends_half_way_is_finished_by_requests(tmp_path: Path, sandbox: Sandbox) -> None:
    sandbox.configure(salesforce={"bulk_fate": "half", "batch_size": 200})
    run = ran(tmp_path, settings_for(sandbox, syncs=sync(bulk_above=10)), [SCHEMA, *records(900), state(1)])
    assert run.code == 0, run.stderr
    assert len(lasts(sandbox)) == 900
    assert counts(run)["fell back"]
    assert run.states[-1] == {"position": 1}


def test_a_job_that_fails_as_a_whole_ends_the_run_and_the_next_one_delivers(tmp_path: Path, sandbox: Sandbox) -> None:
    sandbox.configure(salesforce={"bulk_fate": "failed"})
    settings = settings_for(sandbox, syncs=sync(bulk_above=10))
    run = ran(tmp_path, settings, [SCHEMA, *records(50), state(1)])
    assert run.code in (1, 2), run.stderr
    assert "has failed" in run.last_line
    assert run.states == []
    sandbox.configure(salesforce={"bulk_fate": "done"})
    run = ran(tmp_path, settings, [SCHEMA, *records(50), state(1)])
    assert run.code == 0, run.stderr
    assert len(lasts(sandbox)) == 50


@pytest.mark.parametrize("place", ["before_apply", "after_apply", "in_answer"])
def test_lost_answers_at_every_step(tmp_path: Path, sandbox: Sandbox, place: str) -> None:
    sandbox.fault(place, "reset", match="jobs/ingest", share=0.3, on=[1, 4], seed=7)
    run = ran(tmp_path, settings_for(sandbox, syncs=sync(bulk_above=10)), [SCHEMA, *records(300), state(1)])
    assert run.code == 0, run.stderr
    assert lasts(sandbox) == {key(n): f"{CANARY} a" for n in range(300)}
    assert run.states[-1] == {"position": 1}


@pytest.mark.parametrize("part", ["batches", "close"])
def test_a_second_process_adopts_the_job_of_a_dead_one(tmp_path: Path, sandbox: Sandbox, part: str) -> None:
    """Killed when the file was there, and when the job was under way; newer values come meanwhile: none is stale."""
    sandbox.configure(salesforce={"bulk_seconds": 3600})
    settings = settings_for(sandbox, syncs=sync(bulk_above=10))
    killed(tmp_path, settings, [SCHEMA, *records(100), state(1)], sandbox, "PUT" if part == "batches" else "PATCH")
    sandbox.advance(3600)
    sandbox.configure(salesforce={"bulk_seconds": 0})
    lines = [SCHEMA, *records(50, "newer"), *records(50, start=50), state(2)]
    run = ran(tmp_path, settings, lines)
    assert run.code == 0, run.stderr
    assert "is adopted" in run.stderr
    assert lasts(sandbox) == {key(n): f"{CANARY} {'newer' if n < 50 else 'a'}" for n in range(100)}
    assert query(tmp_path, "select count(*) from jobs") == [(0,)]


def test_records_are_deleted_by_a_job_for_good_only_by_name(tmp_path: Path, sandbox: Sandbox) -> None:
    ids = sandbox.salesforce.seed("Lead", [{"Key__c": key(n), "LastName": "x", "Company": "c"} for n in range(20)])
    deletes = {"people": {"object": "Lead", "match": "Id", "mode": "delete", "fields": {"Id": "sf"}, "bulk_above": 3}}
    run = ran(tmp_path, settings_for(sandbox, syncs=deletes), [SCHEMA, *(record(n, sf=ids[n]) for n in range(10))])
    assert run.code == 0, run.stderr
    assert counts(run)["by job"] == "10"
    assert len(sandbox.salesforce.objects("Lead", deleted=True)) == 10
    del deletes["people"]["bulk_above"]
    settings = settings_for(sandbox, syncs=deletes, hard_delete=True)
    run = ran(tmp_path, settings, [SCHEMA, *(record(n, sf=ids[n]) for n in range(10, 12))])
    assert run.code == 0, run.stderr
    assert counts(run)["by job"] == "2"
    assert len(sandbox.salesforce.objects("Lead")) == 8
    assert len(sandbox.salesforce.objects("Lead", deleted=True)) == 10


def test_a_spent_batch_quota_leaves_requests(tmp_path: Path, sandbox: Sandbox) -> None:
    sandbox.configure(unlimited=False, salesforce={"batches_daily": 0})
    try:
        run = ran(tmp_path, settings_for(sandbox, syncs=sync(bulk_above=10)), [SCHEMA, *records(50), state(1)])
        assert run.code == 0, run.stderr
        assert len(lasts(sandbox)) == 50
    finally:
        sandbox.configure(unlimited=True)

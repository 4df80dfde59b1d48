"""Jobs of syncs with links: parents by their keys or ids in the file, what is remembered of them, who has none."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from penstock.bulk import Job, JobStep, Page
from penstock.mapping import RecordMapper
from penstock.modes import Action, Link
from penstock.records import Response, Retry
from penstock.relations import name_by_key
from penstock_sandbox.handle import Sandbox
from tests.hubspot.process import state
from tests.salesforce.process import (
    CANARY,
    SCHEMA,
    counts,
    key,
    killed,
    query,
    ran,
    record,
    rejects,
    routes,
    settings_for,
)
from tests.salesforce.test_links_path import ACCOUNT_SCHEMA, ACCOUNTS, account, parents, syncs
from tests.salesforce.values import row, sync_of, told

MANY = 60


def by_key(**more: Any) -> dict[str, Any]:
    """Return a sync of contacts that names their accounts by a key, by jobs from a few rows on."""
    found = syncs(match="Key__c", **more)
    found["people"]["bulk_above"] = 10
    return found


def seed_accounts(sandbox: Sandbox, count: int = 6) -> list[str]:
    return sandbox.salesforce.seed("Account", [{"Name": f"n{n}", "Key__c": f"A-{n}"} for n in range(count)])


def remembered(folder: Path) -> set[tuple[Any, ...]]:
    return set(query(folder, "select row_key, link, other_id, certain from links"))


def test_parents_are_named_by_their_keys_without_being_looked_for(tmp_path: Path, sandbox: Sandbox) -> None:
    seed_accounts(sandbox)
    settings = settings_for(sandbox, syncs=by_key())
    lines = [SCHEMA, *(record(n, parent=f"a-{n % 6}") for n in range(MANY)), state(1)]
    run = ran(tmp_path, settings, lines)
    assert run.code == 0, run.stderr
    assert counts(run)["by job"] == str(MANY)
    assert parents(sandbox) == {key(n): f"A-{n % 6}" for n in range(MANY)}
    assert routes(sandbox, "query") <= 1  # of the organization
    assert remembered(tmp_path) == {(f"[{n}]", "Account", f"=Key__c=a-{n % 6}", 1) for n in range(MANY)}
    lines = [SCHEMA, *(record(n, "b", parent=None if n % 2 else f"A-{(n + 1) % 6}") for n in range(MANY)), state(2)]
    run = ran(tmp_path, settings, lines)
    assert run.code == 0, run.stderr
    assert counts(run)["by job"] == str(MANY)
    assert parents(sandbox) == {key(n): None if n % 2 else f"A-{(n + 1) % 6}" for n in range(MANY)}
    assert len(remembered(tmp_path)) == MANY / 2
    writes = len(sandbox.history())
    assert ran(tmp_path, settings, lines).code == 0
    assert len(sandbox.history()) == writes
    assert CANARY not in run.stderr


@pytest.mark.parametrize("missing", ["reject", "skip"])
def test_a_parent_that_is_not_there_ends_as_the_sync_says(tmp_path: Path, sandbox: Sandbox, missing: str) -> None:
    seed_accounts(sandbox)
    settings = settings_for(sandbox, syncs=by_key(missing=missing))
    lines = [SCHEMA, *(record(n, parent="A-0") for n in range(MANY)), *(record(n, parent="no") for n in (90, 91))]
    run = ran(tmp_path, settings, [*lines, state(1)])
    assert run.code == 0, run.stderr
    assert counts(run)["by job"] == str(MANY)
    found = {key(n): "A-0" for n in range(MANY)}
    assert parents(sandbox) == (found if missing == "reject" else {**found, key(90): None, key(91): None})
    assert {code for code, _ in rejects(tmp_path).values()} == ({"no_other"} if missing == "reject" else set())
    assert run.states[-1] == {"position": 1}
    # When it is there, its children are linked without having changed.
    sandbox.salesforce.seed("Account", [{"Name": "late", "Key__c": "no"}])
    assert ran(tmp_path, settings, [*lines, state(2)]).code == 0
    assert parents(sandbox) == {**found, key(90): "no", key(91): "no"}


def test_parents_of_another_sync_are_named_by_their_ids(tmp_path: Path, sandbox: Sandbox) -> None:
    both = {**syncs(sync="accounts"), "accounts": {**ACCOUNTS, "bulk_above": 3}}
    both["people"]["bulk_above"] = 10
    schema: Any = copy.deepcopy(SCHEMA)
    schema["schema"]["properties"]["parent"] = {"type": ["integer", "null"]}
    settings = settings_for(sandbox, syncs=both)
    assert ran(tmp_path, settings, [ACCOUNT_SCHEMA, *(account(n) for n in range(6))]).code == 0
    run = ran(tmp_path, settings, [schema, *(record(n, parent=n % 6) for n in range(MANY)), state(1)])
    assert run.code == 0, run.stderr
    assert counts(run)["by job"] == str(MANY)
    assert parents(sandbox) == {key(n): f"A-{n % 6}" for n in range(MANY)}
    ids = {each.properties["Key__c"]: each.id for each in sandbox.salesforce.objects("Account")}
    assert remembered(tmp_path) == {(f"[{n}]", "Account", ids[f"A-{n % 6}"], 1) for n in range(MANY)}


def test_parents_and_children_of_one_run_may_both_go_by_jobs(tmp_path: Path, sandbox: Sandbox) -> None:
    both = {**syncs(sync="accounts"), "accounts": {**ACCOUNTS, "bulk_above": 3}}
    both["people"]["bulk_above"] = 10
    schema: Any = copy.deepcopy(SCHEMA)
    schema["schema"]["properties"]["parent"] = {"type": ["integer", "null"]}
    lines = [
        ACCOUNT_SCHEMA,
        *(account(n) for n in range(6)),
        schema,
        *(record(n, parent=n % 6) for n in range(MANY)),
        state(1),
    ]
    run = ran(tmp_path, settings_for(sandbox, syncs=both), lines)
    assert run.code == 0, run.stderr
    assert parents(sandbox) == {key(n): f"A-{n % 6}" for n in range(MANY)}
    assert not rejects(tmp_path)
    assert run.states[-1] == {"position": 1}


def test_children_follow_a_parent_that_was_made_anew(tmp_path: Path, sandbox: Sandbox) -> None:
    """The ledger knows it by its key alone, and that is enough."""
    both = {**by_key(), "accounts": ACCOUNTS}
    settings = settings_for(sandbox, syncs=both)
    children = [SCHEMA, *(record(n, parent="a-1") for n in range(MANY))]
    assert ran(tmp_path, settings, [ACCOUNT_SCHEMA, account(1)]).code == 0
    assert ran(tmp_path, settings, children).code == 0
    found = sandbox.salesforce.objects("Account")[0].id
    removed = {"people": {"object": "Account", "match": "Id", "mode": "delete", "fields": {"Id": "sf"}}}
    other = tmp_path / "other"
    other.mkdir()
    assert ran(other, settings_for(sandbox, syncs=removed), [SCHEMA, record(1, sf=found)]).code == 0
    changed = {**account(1), "record": {"id": 1, "key": "A-1", "last": "x"}}
    both["accounts"] = {**ACCOUNTS, "fields": {"Key__c": "key", "Name": "last"}}
    run = ran(tmp_path, settings_for(sandbox, syncs=both), [ACCOUNT_SCHEMA, changed])
    assert run.code == 0, run.stderr
    assert sandbox.salesforce.objects("Account")[0].id != found
    assert ran(tmp_path, settings_for(sandbox, syncs=both), children).code == 0
    assert parents(sandbox) == {key(n): "A-1" for n in range(MANY)}


@pytest.mark.parametrize("part", ["PUT", "PATCH"])
def test_links_of_an_adopted_job_are_remembered(tmp_path: Path, sandbox: Sandbox, part: str) -> None:
    seed_accounts(sandbox)
    sandbox.configure(salesforce={"bulk_seconds": 3600})
    settings = settings_for(sandbox, syncs=by_key())
    lines = [SCHEMA, *(record(n, parent=f"A-{n % 6}") for n in range(MANY)), state(1)]
    killed(tmp_path, settings, lines, sandbox, part)
    sandbox.advance(3600)
    sandbox.configure(salesforce={"bulk_seconds": 0})
    run = ran(tmp_path, settings, lines)
    assert run.code == 0, run.stderr
    assert "is adopted" in run.stderr
    assert parents(sandbox) == {key(n): f"A-{n % 6}" for n in range(MANY)}
    assert remembered(tmp_path) == {(f"[{n}]", "Account", f"=Key__c=a-{n % 6}", 1) for n in range(MANY)}


@pytest.mark.parametrize("place", ["before_apply", "after_apply", "in_answer"])
def test_lost_answers_at_every_step(tmp_path: Path, sandbox: Sandbox, place: str) -> None:
    seed_accounts(sandbox)
    sandbox.fault(place, "reset", match="jobs/ingest", share=0.3, on=[1, 4], seed=7)
    lines = [SCHEMA, *(record(n, parent=f"A-{n % 6}") for n in range(MANY)), state(1)]
    run = ran(tmp_path, settings_for(sandbox, syncs=by_key()), lines)
    assert run.code == 0, run.stderr
    assert parents(sandbox) == {key(n): f"A-{n % 6}" for n in range(MANY)}
    assert len(remembered(tmp_path)) == MANY


@pytest.mark.parametrize(
    ("object_name", "link", "column"),
    [
        ("Contact", Link("Account", "c", match="Key__c"), "Account.Key__c"),
        ("Task", Link("Lead", "c", match="Email"), "Lead:Who.Email"),
        ("Lead", Link("Account", "c", match="Key__c"), "Account__r.Key__c"),
        ("Contact", Link("Account", "c"), "AccountId"),
        ("Contact", Link("Account", "c", sync="accounts"), "AccountId"),
    ],
)
def test_a_type_stands_in_the_header_where_several_are_possible(object_name: str, link: Link, column: str) -> None:
    sync = sync_of(["Key__c"], object_name, links=(link,))
    destination, form = told(sync)
    head = json.loads(destination.jobs.head(sync, Action.UPSERT, by_id=False))
    assert head["columns"] == ["Key__c", column]
    assert form.bulk_above == 2000


def test_a_parent_that_no_file_can_name_has_no_job() -> None:
    sync = sync_of(["Key__c"], "Contact", links=(Link("Account", "c", match="Name"),))
    assert told(sync)[1].bulk_above is None


def test_a_line_names_the_parent_takes_it_away_or_leaves_it() -> None:
    sync = sync_of(["Key__c"], "Contact", links=(Link("Account", "c", match="Key__c", nulls="clear"),))
    destination, form = told(sync)
    mapper = RecordMapper(sync, form, {"Key__c": {}, "c": {}}, ["Key__c"])
    head = destination.jobs.head(sync, Action.UPSERT, by_id=False)
    found = []
    for links in ((("A-1",),), ((),), (None,), (("A\r1",),)):
        each = row(sync, "L-1")
        each.mapper, each.links, each.others = mapper, links, {}
        name_by_key(each)
        found.append(destination.jobs.line(head, each))
    assert found == [b'"L-1","A-1"\r\n', b'"L-1","#N/A"\r\n', b'"L-1",""\r\n', None]


def test_a_refused_parent_goes_by_a_request() -> None:
    """Which looks for it, and ends the row as the link says."""
    sync = sync_of(["Key__c"], "Contact", links=(Link("Account", "c", match="Key__c"),))
    destination = told(sync)[0]
    head = destination.jobs.head(sync, Action.UPSERT, by_id=False)
    job = Job(sync, Action.UPSERT, False, "j", head, 1, "750", JobStep.RESULTS, "JobComplete failed")
    cell = "INVALID_FIELD:Foreign key external ID: a not found for field Key__c in entity Account:Key__c --"
    body = f'"sf__Id","sf__Error",Key__c\n"","{cell}","L-1"\n'.encode()
    page = destination.jobs.decode(job, Response(200, {}, body))
    assert isinstance(page, Page)
    assert page.ends == [("l-1", Retry("INVALID_FIELD"))]


@pytest.mark.parametrize("way", ["a link", "a field"])
def test_rows_of_one_parent_stand_together_in_the_file(tmp_path: Path, sandbox: Sandbox, way: str) -> None:
    """Parts of a job that share a parent fight for its lock, and all but the first lose."""
    seed_accounts(sandbox)
    sandbox.configure(salesforce={"lock_fights": 1.0})
    chosen = by_key()
    if way == "a field":
        del chosen["people"]["associate"]
        chosen["people"]["fields"] = {**chosen["people"]["fields"], "Account.Key__c": "parent"}
    lines = [SCHEMA, *(record(n, parent=f"A-{n % 5}") for n in range(1000)), state(1)]
    run = ran(tmp_path, settings_for(sandbox, syncs=chosen), lines)
    assert run.code == 0, run.stderr
    assert counts(run)["by job"] == "1,000"
    assert "fell back" not in counts(run)
    assert parents(sandbox) == {key(n): f"A-{n % 5}" for n in range(1000)}

"""Bulk API v1 in serial mode: its states, lost answers, deaths in the middle, results that do not fit."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.bulk import Absent, Job, JobStep, Moved, Over, Page
from penstock.errors import BatchRefused, Misconfigured, NotAccepted, Refusal, Stop
from penstock.modes import Action
from penstock.records import Delivered, Rejected, Response, Retry, Unknown
from penstock_sandbox.handle import Sandbox
from target_salesforce.api import Salesforce
from tests.hubspot.process import state
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
    sync,
)
from tests.salesforce.test_bulk_links import by_key, seed_accounts
from tests.salesforce.test_links_path import parents
from tests.salesforce.values import lead, row, sync_of, told

SERIAL = {"bulk_above": 10, "bulk_serial": True}


def settings(sandbox: Sandbox, **more: Any) -> dict[str, Any]:
    return settings_for(sandbox, syncs=sync(**{**SERIAL, **more}))


def test_rows_go_by_a_serial_job_new_ones_and_known_ones(tmp_path: Path, sandbox: Sandbox) -> None:
    run = ran(tmp_path, settings(sandbox), [SCHEMA, *records(60, size=7), record(90, mail="no address"), state(1)])
    assert run.code == 0, run.stderr
    assert (counts(run)["by job"], counts(run)["created"]) == ("60", "60")
    assert lasts(sandbox) == {key(n): f"{CANARY} a" for n in range(60)}
    assert rejects(tmp_path) == {90: ("INVALID_EMAIL_ADDRESS", "Email")}
    assert not routes(sandbox, "jobs/ingest")
    assert query(tmp_path, "select count(*) from records where destination_id is null") == [(0,)]
    run = ran(tmp_path, settings(sandbox), [SCHEMA, *records(60, "b", size=None), state(2)])
    assert run.code == 0, run.stderr
    assert (counts(run)["by job"], counts(run)["updated"]) == ("60", "60")
    assert lasts(sandbox) == {key(n): f"{CANARY} b" for n in range(60)}
    assert CANARY not in run.stderr


def test_nobody_fights_for_a_lock(tmp_path: Path, sandbox: Sandbox) -> None:
    seed_accounts(sandbox)
    sandbox.configure(salesforce={"lock_fights": 1.0})
    chosen = by_key()
    chosen["people"]["bulk_serial"] = True
    lines = [SCHEMA, *(record(n, parent=f"A-{n % 3}") for n in range(900)), state(1)]
    run = ran(tmp_path, settings_for(sandbox, syncs=chosen), lines)
    assert run.code == 0, run.stderr
    assert counts(run)["by job"] == "900"
    assert "fell back" not in counts(run)
    assert parents(sandbox) == {key(n): f"A-{n % 3}" for n in range(900)}


def test_one_batch_after_the_other(tmp_path: Path, sandbox: Sandbox) -> None:
    run = ran(tmp_path, settings(sandbox), [SCHEMA, *records(20_100), state(1)])
    assert run.code == 0, run.stderr
    assert (counts(run)["by job"], counts(run)["jobs"]) == ("20,100", "3")
    assert len(lasts(sandbox)) == 20_100


@pytest.mark.parametrize("place", ["before_apply", "after_apply", "in_answer"])
def test_lost_answers_at_every_step(tmp_path: Path, sandbox: Sandbox, place: str) -> None:
    sandbox.fault(place, "reset", match="/job", share=0.3, on=[1, 3, 4], seed=7)
    run = ran(tmp_path, settings(sandbox), [SCHEMA, *records(300), state(1)])
    assert run.code == 0, run.stderr
    assert lasts(sandbox) == {key(n): f"{CANARY} a" for n in range(300)}
    assert run.states[-1] == {"position": 1}


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_a_second_process_adopts_the_job_of_a_dead_one(tmp_path: Path, sandbox: Sandbox, steps: int) -> None:
    """Killed when the job, its batch, its end were there; newer values come meanwhile, and none is stale."""
    sandbox.configure(salesforce={"bulk_seconds": 3600})
    killed(
        tmp_path,
        settings(sandbox),
        [SCHEMA, *records(100), state(1)],
        sandbox,
        {1: "POST /job", 2: "/batch", 3: "GET /job/"}[steps],
    )
    sandbox.advance(3600)
    sandbox.configure(salesforce={"bulk_seconds": 0})
    # It is a serial job even if the sync no longer asks for one.
    chosen = settings(sandbox, bulk_serial=steps != 3)
    run = ran(tmp_path, chosen, [SCHEMA, *records(50, "newer"), *records(50, start=50), state(2)])
    assert run.code == 0, run.stderr
    assert "is adopted" in run.stderr
    assert lasts(sandbox) == {key(n): f"{CANARY} {'newer' if n < 50 else 'a'}" for n in range(100)}
    assert query(tmp_path, "select count(*) from jobs") == [(0,)]


def test_a_session_that_ends_in_a_job_is_fetched_anew(tmp_path: Path, sandbox: Sandbox) -> None:
    sandbox.configure(salesforce={"session_requests": 9})
    run = ran(tmp_path, settings(sandbox), [SCHEMA, *records(100), state(1)])
    assert run.code == 0, run.stderr
    assert len(lasts(sandbox)) == 100


def test_a_spent_batch_quota_leaves_requests(tmp_path: Path, sandbox: Sandbox) -> None:
    sandbox.configure(unlimited=False, salesforce={"batches_daily": 1})
    try:
        run = ran(tmp_path, settings(sandbox), [SCHEMA, *records(10_050), state(1)])
        assert run.code == 0, run.stderr
        assert counts(run)["by job"] == "10,000"
        assert len(lasts(sandbox)) == 10_050
    finally:
        sandbox.configure(unlimited=True)


# -- without a server -----------------------------------------------------------------------------------------------

LEADS = replace(sync_of(["Key__c", "LastName"]), bulk_serial=True)


def told_serial(action: Action = Action.UPSERT, *, by_id: bool = False, rows: int = 2) -> tuple[Salesforce, Job]:
    destination = told(LEADS)[0]
    head = destination.jobs.head(LEADS, action, by_id=by_id)
    return destination, Job(LEADS, action, by_id, "j", head, rows, "750")


def answer(body: object, status: int = 200) -> Response:
    return Response(status, {}, body if isinstance(body, bytes) else json.dumps(body).encode())


def at(job: Job, step: JobStep, place: str = "") -> Job:
    return replace(job, step=step, place=place)


def info(state: str, **more: object) -> Mapping[str, object]:
    zero = {"numberBatchesQueued": 0, "numberBatchesInProgress": 0}
    return {"id": "750", "state": state, **zero, **more}


def test_a_job_is_made_serial_and_its_batch_has_a_header() -> None:
    destination, job = told_serial()
    request = destination.jobs.encode(job, bytes)
    assert (request.method, request.path) == ("POST", "/services/async/66.0/job")
    assert json.loads(request.body or b"") == {
        "object": "Lead",
        "operation": "upsert",
        "externalIdFieldName": "Key__c",
        "contentType": "CSV",
        "concurrencyMode": "Serial",
    }
    upload = destination.jobs.encode(at(job, JobStep.UPLOAD), lambda: b'"a"\r\n')
    assert upload.path == "/services/async/66.0/job/750/batch"


def test_creations_that_no_key_protects_go_by_requests() -> None:
    destination, job = told_serial(Action.CREATE)
    assert destination.jobs.line(job.head, row(LEADS, "L-1", LastName="x")) is None


@pytest.mark.parametrize(
    ("told", "then"),
    [
        (info("Open"), Moved(JobStep.START)),
        (info("Closed", numberBatchesQueued=1), Moved(JobStep.POLL, "1", after=1.0)),
        (info("Closed", numberBatchesInProgress="1"), Moved(JobStep.POLL, "1", after=1.0)),
        (info("Closed"), Moved(JobStep.RESULTS)),
        (info("Aborted"), Moved(JobStep.RESULTS)),
    ],
)
def test_how_a_job_stands(told: Mapping[str, object], then: Moved) -> None:
    destination, job = told_serial()
    assert destination.jobs.decode(at(job, JobStep.POLL), answer(told)) == then
    inner = "".join(f"<{name}>{value}</{name}>" for name, value in told.items())
    document = f'<?xml version="1.0"?><jobInfo\n xmlns="x">{inner}</jobInfo>'.encode()
    assert destination.jobs.decode(at(job, JobStep.POLL), answer(document)) == then


def test_batches_that_are_over_are_read_and_failed_ones_end_the_run() -> None:
    destination, job = told_serial()

    def listed(place: str, *batches: Mapping[str, object]) -> Any:
        found = [{"id": f"751{n}", "numberRecordsProcessed": 0, **each} for n, each in enumerate(batches)]
        inner = [f"<batchInfo>{''.join(f'<{k}>{v}</{k}>' for k, v in each.items())}</batchInfo>" for each in found]
        as_xml = f'<?xml version="1.0"?><batchInfoList xmlns="x">{"".join(inner)}</batchInfoList>'.encode()
        results = [
            destination.jobs.decode(at(job, JobStep.RESULTS, place), answer(body))
            for body in ({"batchInfo": found}, as_xml)
        ]
        assert results[0] == results[1] or isinstance(results[0], Over)
        return results[0]

    done = {"state": "Completed", "numberRecordsProcessed": 2}
    assert listed("", done, {"state": "Failed"}, done) == Moved(JobStep.RESULTS, "7510 7512")
    assert listed("", done, {"state": "Queued"}) == Moved(JobStep.POLL, "", after=1.0)
    over = listed("", {"state": "Failed", "stateMessage": "InvalidBatch : Field name not found : X"})
    assert isinstance(over.rest, Retry)
    assert isinstance(over.stop, Misconfigured)
    assert "somebody aborted" in str(listed("", {"state": "Not Processed"}).stop)
    assert listed("cancelled", {"state": "Not Processed"}).stop is None
    assert listed("").stop is None


HEADER = b'"Id","Success","Created","Error"\n'


def test_a_result_names_rows_by_their_place() -> None:
    destination, job = told_serial()
    body = HEADER + f'"{lead(1)}","true","true",""\n"","false","false","STRING_TOO_LONG:x:LastName --"\n'.encode()
    page = destination.jobs.decode(at(job, JobStep.RESULTS, "751a 751b"), answer(body))
    assert isinstance(page, Page)
    assert [number for number, _ in page.ends] == [0, 1]
    assert page.ends[0][1] == Delivered(lead(1), True)
    assert isinstance(page.ends[1][1], Rejected)
    assert page.then == Moved(JobStep.RESULTS, "751b")


def test_a_result_of_another_length_says_nothing() -> None:
    destination, job = told_serial(rows=3)
    body = HEADER + f'"{lead(1)}","true","true",""\n'.encode() * 2
    page = destination.jobs.decode(at(job, JobStep.RESULTS, "751a"), answer(body))
    assert isinstance(page, Page)
    assert not page.ends
    assert isinstance(page.then, Over)
    assert isinstance(page.then.rest, Unknown)


def test_rows_that_have_ids_are_held_against_them() -> None:
    destination, job = told_serial(Action.UPDATE, by_id=True, rows=1)
    body = HEADER + f'"{lead(5)[:15]}","true","false",""\n'.encode()
    page = destination.jobs.decode(at(job, JobStep.RESULTS, "751a"), answer(body))
    assert isinstance(page, Page)
    assert page.ends == [(lead(5), Delivered(lead(5), False))]


@pytest.mark.parametrize("step", [JobStep.UPLOAD, JobStep.POLL, JobStep.RESULTS])
def test_a_job_that_is_not_there(step: JobStep) -> None:
    destination, job = told_serial()
    lost = {"exceptionCode": "InvalidJob", "exceptionMessage": "Unable to find job"}
    assert destination.jobs.decode(at(job, step), answer(lost, 400)) == Absent()


def test_refusals() -> None:
    destination, job = told_serial()
    document = b"<error><exceptionCode>ClientInputError</exceptionCode></error>"
    with pytest.raises(BatchRefused):
        destination.jobs.decode(at(job, JobStep.UPLOAD), answer(document, 400))
    with pytest.raises(BatchRefused):
        destination.jobs.decode(job, answer({"exceptionCode": "ExceededQuota"}, 400))
    assert destination.jobs.decode(at(job, JobStep.CANCEL), answer(document, 400)) == Moved(JobStep.POLL, "cancelled")
    for body in (b"nothing", {}, {"id": "a b"}, info("Odd"), {"id": "7", "state": "Closed"}):
        with pytest.raises(NotAccepted):
            destination.jobs.decode(at(job, JobStep.POLL), answer(body))


def test_a_sync_that_has_no_jobs_has_no_serial_ones() -> None:
    with pytest.raises(Misconfigured, match="no serial jobs"):
        told(replace(sync_of(["Email", "LastName"], "Lead|Contact", match="Email"), bulk_serial=True))


BODIES = st.binary(max_size=80) | st.sampled_from(
    [
        HEADER + f'"{lead(1)}","true","true",""\n'.encode() * 2,
        HEADER + b'"","true","true",""\n' * 2,
        json.dumps(info("Closed")).encode(),
        b'{"batchInfo":[{"id":"751","state":"Completed","numberRecordsProcessed":2}]}',
        b'{"batchInfo":{"id":1}}',
        b"<jobInfo><id>750</id><state>Closed</state></jobInfo>",
    ]
)
PLACES = st.sampled_from(["", "3", "cancelled", "751a", "751a 751b"])


@given(st.sampled_from([200, 201, 400, 401, 404, 429, 500]), BODIES, st.sampled_from([*JobStep]), PLACES)
def test_any_answer_is_read_or_refused(status: int, body: bytes, step: JobStep, place: str) -> None:
    destination, job = told_serial()
    try:
        found = destination.jobs.decode(at(job, step, place), Response(status, {}, body))
    except (Refusal, Stop):
        return
    delivered = [end for _, end in found.ends if isinstance(end, Delivered)] if isinstance(found, Page) else []
    assert not delivered or (status == 200 and lead(1).encode() in body)

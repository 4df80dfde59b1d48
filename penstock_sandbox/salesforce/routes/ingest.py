"""Endpoints of Bulk API 2.0 ingest."""

from typing import Literal

import msgspec

from penstock_sandbox.multipart import parts_of
from penstock_sandbox.provenance import assumed, documented, recorded
from penstock_sandbox.salesforce import decode, errors
from penstock_sandbox.salesforce.bulk import results, work
from penstock_sandbox.salesforce.bulk.job import ENDED, Asked, Job
from penstock_sandbox.salesforce.ids import canonical
from penstock_sandbox.salesforce.org import stamp
from penstock_sandbox.salesforce.routing import Ask, Reply, Route

GUIDE = "Bulk API 2.0 Developer Guide"
MOST_CHARACTERS = 100_000
CSV = {"Content-Type": "text/csv; charset=UTF-8"}


class Change(msgspec.Struct):
    """The body that closes or aborts a job."""

    state: Literal["UploadComplete", "Aborted"]


@documented("A job may be made with its data in a form, 100,000 characters at most, and is then closed at once", GUIDE)
def _create(ask: Ask) -> Reply:
    content_type, body, content = ask.call.headers.get("content-type", ""), ask.call.body, None
    if content_type.startswith("multipart/form-data"):
        try:
            parts = {part.name: part.content for part in parts_of(content_type, body)}
            body, content = parts["job"], parts["content"]
        except (ValueError, KeyError) as error:
            raise errors.refused(400, "INVALIDJOB", "the form has no parts job and content") from error
        if len(content) > MOST_CHARACTERS:
            raise errors.refused(400, "INVALIDBATCH", f"content is longer than {MOST_CHARACTERS} characters")
    job = _made(ask, decode.body(body, Asked))
    if content is not None:
        job.parts, job.puts = [content], 1
        _close(ask, job)
    return Reply(200, shown(job))


@recorded(
    "An unknown object is INVALIDENTITY; HTTP errors of Bulk 2.0 have codes without underscores", "a report of 2018"
)
@assumed("A key that is none is INVALIDJOB", "the words are known from v1")
def _made(ask: Ask, asked: Asked) -> Job:
    org, kind = ask.org, ask.org.catalogue.get(asked.object)
    if kind is None:
        message = f"Unable to find object: {asked.object}"
        raise errors.refused(400, "INVALIDENTITY", message)
    name = asked.external_id_field_name
    if asked.operation == "upsert":
        key = None if name is None else kind.field(name)
        if name is None:
            message = f"External ID was blank for {kind.name}. An External ID must be specified for upsert."
            raise errors.refused(400, "INVALIDJOB", message)
        if key is None or not key.key:
            message = f"Field name provided, {name} does not match an External ID, Salesforce Id, or indexed field"
            raise errors.refused(400, "INVALIDJOB", f"{message} for {kind.name}")
    now = ask.call.now
    job = Job(
        id=next(org.job_ids),
        asked=asked,
        kind=kind.name,
        version=ask.version,
        user=ask.session.user,
        made=now,
        modified=now,
        fate=org.settings.salesforce.bulk_fate,
    )
    org.jobs[job.id] = job
    org.active[job.id] = None
    return job


def _job(ask: Ask) -> Job:
    work.forget(ask.org, ask.call.now)
    job = ask.org.jobs.get(canonical(ask.names["id"]) or "")
    if job is None:
        raise errors.not_found()
    return job


@documented("An upload is 201, whatever it holds; one per job", GUIDE)
@documented("150 MB after base64 at most", GUIDE)
@assumed("More is 413", "the limit is documented, its answer is not")
def _upload(ask: Ask) -> Reply:
    job = _job(ask)
    if job.state != "Open":
        raise errors.refused(400, "INVALIDJOBSTATE", f"Invalid job state: {job.state}")
    if len(ask.call.body) > ask.org.settings.salesforce.upload_bytes:
        raise errors.refused(413, "INVALIDBATCH", "the upload is larger than 150 MB")
    job.parts.append(ask.call.body)
    job.puts += 1
    return Reply(201, b"")


@documented("UploadComplete closes an open job, Aborted ends one in Open, UploadComplete or InProgress", GUIDE)
@assumed("Any other change of state is INVALIDJOBSTATE", "the code is documented, its use here is not")
def _change(ask: Ask) -> Reply:
    job = _job(ask)
    change = decode.body(ask.call.body, Change)
    if change.state == "Aborted" and job.state not in ENDED:
        work.end(ask.org, job, "Aborted", ask.call.now)
    elif change.state == "UploadComplete" and job.state == "Open":
        _close(ask, job)
    else:
        message = f"Job state transition from {job.state} to {change.state} is not allowed"
        raise errors.refused(400, "INVALIDJOBSTATE", message)
    left_out = ("lineEnding", "columnDelimiter", "contentUrl")
    return Reply(200, {name: value for name, value in shown(job).items() if name not in left_out})


@recorded("A second upload is accepted; the close then fails, INVALIDJOB, Found multipe contents", "a report of 2018")
def _close(ask: Ask, job: Job) -> None:
    if job.puts > 1:
        message = (
            f"Found multipe contents for job: <{job.id[:15]}>, please 'Close' / 'Abort' / 'Delete' the current Job then"
            " create a new Job and make sure you only do 'PUT' once on a given Job."
        )
        raise errors.refused(400, "INVALIDJOB", message)
    job.state, job.closed, job.modified = "UploadComplete", ask.call.now, ask.call.now
    job.request = ask.call.number


def shown(job: Job) -> dict[str, object]:
    """Return a job without its progress."""
    asked = job.asked
    told: dict[str, object] = {
        "id": job.id,
        "operation": asked.operation,
        "object": job.kind,
        "createdById": job.user,
        "createdDate": stamp(job.made),
        "systemModstamp": stamp(job.modified),
        "state": job.state,
    }
    if asked.external_id_field_name is not None:
        told["externalIdFieldName"] = asked.external_id_field_name
    if asked.assignment_rule_id is not None:
        told["assignmentRuleId"] = asked.assignment_rule_id
    return told | {
        "concurrencyMode": "Parallel",
        "contentType": "CSV",
        "apiVersion": float(job.version),
        "contentUrl": f"services/data/v{job.version}/jobs/ingest/{job.id}/batches",
        "lineEnding": asked.line_ending,
        "columnDelimiter": asked.column_delimiter,
    }


@documented("A poll adds counters, times and, where it failed, errorMessage", GUIDE)
@recorded("numberRecordsProcessed includes the failed rows; an open job shows no counters", "reports in the fact sheet")
def _poll(ask: Ask) -> Reply:
    return Reply(200, polled(_job(ask)))


def polled(job: Job) -> dict[str, object]:
    """Return a job with its progress."""
    told = {name: value for name, value in shown(job).items() if job.state == "Open" or name != "contentUrl"}
    spent = int(max(0.0, job.modified - (job.began or job.modified)) * 1000)
    told |= {"jobType": "V2Ingest", "retries": 0, "totalProcessingTime": spent, "apiActiveProcessingTime": spent}
    told["apexProcessingTime"] = 0
    if job.state != "Open":
        told |= {"numberRecordsProcessed": job.processed, "numberRecordsFailed": job.failed}
    if job.error:
        told["errorMessage"] = job.error
    return told


@documented("Jobs are listed in pages, and filtered by jobType, concurrencyMode and isPkChunkingEnabled", GUIDE)
@assumed("The newest job comes last; jobs of Bulk v1 are listed as Classic", "the order is not documented")
def _list(ask: Ask) -> Reply:
    query, size = ask.call.query, ask.org.settings.salesforce.jobs_page
    work.forget(ask.org, ask.call.now)
    found = [polled(job) for job in ask.org.jobs.values()] if query.get("isPkChunkingEnabled") != "true" else []
    found += [job.listed() for job in ask.org.classic_jobs.values()]
    wanted = [
        job
        for job in found
        if query.get("jobType") in {None, "", job["jobType"]}
        and query.get("concurrencyMode", "").lower() in {"", str(job["concurrencyMode"]).lower()}
    ]
    locator = query.get("queryLocator") or "0"
    start = int(locator) if locator.isdecimal() else 0
    rest = len(wanted) > start + size
    following = f"{ask.root()}/jobs/ingest?queryLocator={start + size}" if rest else None
    return Reply(200, {"done": not rest, "records": wanted[start : start + size], "nextRecordsUrl": following})


@documented("A job can be deleted once it is closed or has ended; then it is 404", GUIDE)
def _delete(ask: Ask) -> Reply:
    job = _job(ask)
    if job.state in {"Open", "InProgress"}:
        raise errors.refused(400, "INVALIDJOBSTATE", f"a job in the state {job.state} cannot be deleted")
    del ask.org.jobs[job.id]
    ask.org.active.pop(job.id, None)
    return Reply(204)


@documented("Results are there after JobComplete, Failed or Aborted", GUIDE)
@assumed("Before that they are refused, INVALIDJOBSTATE", "the guide says when they are there, and no more")
def _result(ask: Ask) -> Reply:
    job = _job(ask)
    if job.state not in ENDED:
        raise errors.refused(400, "INVALIDJOBSTATE", f"Job not in a state that has results: {job.state}")
    which = {name.lower(): name for name in ("successfulResults", "failedResults", "unprocessedrecords")}
    name = which.get(ask.names["result"].lower())
    if name is None:
        raise errors.not_found()
    return Reply(200, results.file(ask.org, job, name), CSV)


ROUTES = [
    Route("POST", "jobs/ingest", _create),
    Route("GET", "jobs/ingest", _list),
    Route("GET", "jobs/ingest/{id}", _poll),
    Route("PATCH", "jobs/ingest/{id}", _change),
    Route("DELETE", "jobs/ingest/{id}", _delete),
    Route("PUT", "jobs/ingest/{id}/batches", _upload),
    Route("GET", "jobs/ingest/{id}/{result}", _result),
]

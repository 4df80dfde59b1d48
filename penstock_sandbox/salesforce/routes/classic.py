"""Endpoints of Bulk API v1, in JSON and XML."""

import re
from xml.sax.saxutils import escape

import msgspec

from penstock_sandbox.provenance import assumed, documented, recorded
from penstock_sandbox.salesforce import decode, errors
from penstock_sandbox.salesforce.bulk import classic
from penstock_sandbox.salesforce.bulk.classic import ClassicAsked, ClassicBatch, ClassicJob
from penstock_sandbox.salesforce.ids import canonical
from penstock_sandbox.salesforce.org import stamp
from penstock_sandbox.salesforce.routing import Ask, Reply, Route

GUIDE = "Bulk API Developer Guide (v1)"
NAMESPACE = "http://www.force.com/2009/06/asyncapi/dataload"
XML = {"Content-Type": "application/xml"}
_ELEMENT = re.compile(r"<(\w+)>([^<]*)</\1>")
_CODES = {
    "INVALID_SESSION_ID": "InvalidSessionId",
    "REQUEST_LIMIT_EXCEEDED": "ExceededQuota",
    "NOT_FOUND": "InvalidUrl",
    "JSON_PARSER_ERROR": "InvalidJob",
}


def as_json(ask_headers: dict[str, str], default: bool = False) -> bool:
    """Tell whether a request is in JSON."""
    kind = ask_headers.get("content-type", "") or ask_headers.get("accept", "")
    return "json" in kind or (default and "xml" not in kind)


def _asked(ask: Ask) -> ClassicAsked:
    if as_json(ask.call.headers):
        return decode.body(ask.call.body, ClassicAsked)
    found = dict(_ELEMENT.findall(ask.call.body.decode("utf-8", "replace")))
    try:
        return msgspec.convert(found, ClassicAsked)
    except msgspec.ValidationError as error:
        raise refused("InvalidJob", str(error)) from error


def refused(code: str, message: str) -> errors.RefusalError:
    """Refuse a request in the words of Bulk v1."""
    return errors.RefusalError(400, {"exceptionCode": code, "exceptionMessage": message})


@recorded("concurrencyMode is a word, or 0 and 1", "what simple-salesforce sends")
@documented("A job is made with 201", GUIDE)
def _create(ask: Ask) -> Reply:
    asked, org, now = _asked(ask), ask.org, ask.call.now
    kind = org.catalogue.get(asked.object)
    if kind is None or asked.operation is None:
        raise refused("InvalidJob", f"Unable to find object: {asked.object}")
    name = asked.external_id_field_name
    key = None if name is None else kind.field(name)
    if asked.operation == "upsert" and (key is None or not key.key):
        message = f"Field name provided, {name} does not match an External ID, Salesforce Id, or indexed field"
        raise refused("InvalidJob", f"{message} for {kind.name}")
    content = asked.content_type.upper()
    if content not in {"JSON", "CSV"}:
        raise refused("FeatureNotEnabled", "the sandbox takes batches in CSV and JSON")
    serial = str(asked.concurrency_mode).lower() in {"serial", "1"}
    job = ClassicJob(
        next(org.job_ids),
        kind.name,
        asked.operation,
        name,
        content == "JSON",
        serial,
        ask.version,
        ask.session.user,
        now,
        now,
        asked.assignment_rule_id is not None,
    )
    org.classic_jobs[job.id] = job
    return _told(ask, "jobInfo", _job_info(job, as_json(ask.call.headers)), 201)


def _job(ask: Ask) -> ClassicJob:
    job = ask.org.classic_jobs.get(canonical(ask.names["id"]) or "")
    if job is None:
        raise refused("InvalidJob", "Unable to find job")
    return job


def _batch(ask: Ask) -> ClassicBatch:
    found = _job(ask).batches.get(canonical(ask.names["batch"]) or "")
    if found is None:
        raise refused("InvalidBatch", "Unable to find batch")
    return found


def _get(ask: Ask) -> Reply:
    job = _job(ask)
    return _told(ask, "jobInfo", _job_info(job, as_json(ask.call.headers, job.json)))


@documented("A job is closed or aborted; batches of an aborted job are not processed", GUIDE)
def _change(ask: Ask) -> Reply:
    job, asked = _job(ask), _asked(ask)
    if asked.state not in {"Closed", "Aborted"} or job.state != "Open":
        raise refused("InvalidJobState", f"job is {job.state}")
    job.state, job.modified = asked.state, ask.call.now
    if job.state == "Aborted":
        for each in job.batches.values():
            if each.state == "Queued":
                each.state = "Not Processed"
    return _told(ask, "jobInfo", _job_info(job, as_json(ask.call.headers, job.json)))


@documented("A batch has at most 10,000 rows and 10,000,000 characters", GUIDE)
@assumed("A batch that is too large is ClientInputError", "the words of the real answer are not recorded")
def _add(ask: Ask) -> Reply:
    job = _job(ask)
    if job.state != "Open":
        raise refused("InvalidJobState", f"job is {job.state}")
    if len(ask.call.body) > classic.MOST_BYTES:
        raise refused("ClientInputError", "the batch is larger than 10,000,000 characters")
    now = ask.call.now
    each = ClassicBatch(next(ask.org.batch_ids), ask.call.body, now, ask.call.number, modified=now)
    job.batches[each.id] = each
    return _told(ask, "batchInfo", _batch_info(job, each, as_json(ask.call.headers, job.json)), 201)


def _list(ask: Ask) -> Reply:
    job = _job(ask)
    json = as_json(ask.call.headers, job.json)
    infos = [_batch_info(job, each, json) for each in job.batches.values()]
    if json:
        return Reply(200, {"batchInfo": infos})
    inner = "".join(f"<batchInfo>{_elements(info)}</batchInfo>" for info in infos)
    return Reply(200, _document("batchInfoList", inner), XML)


def _one(ask: Ask) -> Reply:
    job, each = _job(ask), _batch(ask)
    return _told(ask, "batchInfo", _batch_info(job, each, as_json(ask.call.headers, job.json)))


def _request(ask: Ask) -> Reply:
    job, each = _job(ask), _batch(ask)
    return Reply(200, each.body, {"Content-Type": "application/json" if job.json else "text/csv"})


def _result(ask: Ask) -> Reply:
    job, each = _job(ask), _batch(ask)
    if each.state not in {"Completed", "Failed"}:
        raise refused("InvalidBatch", f"Batch not completed: {each.state}")
    if job.json:
        return Reply(200, classic.result_json(job, each))
    return Reply(200, classic.result_csv(each), {"Content-Type": "text/csv"})


@recorded("Times end in .000Z in XML and in .000+0000 in JSON", "CumulusCI cassettes; a report for JSON")
def _time(seconds: float, json: bool) -> str:
    text = stamp(seconds)
    return text if json else text.replace("+0000", "Z")


def _job_info(job: ClassicJob, json: bool) -> dict[str, object]:
    batches = list(job.batches.values())
    counts = {state: sum(each.state == state for each in batches) for state in ("Queued", "Completed", "Failed")}
    told: dict[str, object] = {
        "id": job.id,
        "operation": job.operation,
        "object": job.kind,
        "createdById": job.user,
        "createdDate": _time(job.made, json),
        "systemModstamp": _time(job.modified, json),
        "state": job.state,
    }
    if job.key is not None:
        told["externalIdFieldName"] = job.key
    return told | {
        "concurrencyMode": "Serial" if job.serial else "Parallel",
        "contentType": "JSON" if job.json else "CSV",
        "numberBatchesQueued": counts["Queued"],
        "numberBatchesInProgress": 0,
        "numberBatchesCompleted": counts["Completed"],
        "numberBatchesFailed": counts["Failed"],
        "numberBatchesTotal": len(batches),
        "numberRecordsProcessed": sum(len(each.outcomes.ids) for each in batches),
        "numberRetries": 0,
        "apiVersion": float(job.version) if json else job.version,
        "numberRecordsFailed": sum(each.failed() for each in batches),
        "totalProcessingTime": 0,
        "apiActiveProcessingTime": 0,
        "apexProcessingTime": 0,
    }


def _batch_info(job: ClassicJob, each: ClassicBatch, json: bool) -> dict[str, object]:
    told: dict[str, object] = {"id": each.id, "jobId": job.id, "state": each.state}
    if each.message:
        told["stateMessage"] = each.message
    return told | {
        "createdDate": _time(each.made, json),
        "systemModstamp": _time(each.modified, json),
        "numberRecordsProcessed": len(each.outcomes.ids),
        "numberRecordsFailed": each.failed(),
        "totalProcessingTime": 0,
        "apiActiveProcessingTime": 0,
        "apexProcessingTime": 0,
    }


def _told(ask: Ask, name: str, info: dict[str, object], status: int = 200) -> Reply:
    json = as_json(ask.call.headers, info.get("contentType") == "JSON")
    return Reply(status, info) if json else Reply(status, _document(name, _elements(info)), XML)


def _elements(info: dict[str, object]) -> str:
    return "".join(f"\n <{name}>{escape(str(value))}</{name}>" for name, value in info.items())


def _document(name: str, inner: str) -> bytes:
    text = f'<?xml version="1.0" encoding="UTF-8"?><{name}\n   xmlns="{NAMESPACE}">{inner}\n</{name}>'
    return text.encode()


@documented("Errors are exceptionCode and exceptionMessage, in XML or JSON", GUIDE)
@assumed("A dead session is 400 InvalidSessionId", "the code is documented, its status a report")
def worded(refusal: errors.RefusalError, headers: dict[str, str]) -> Reply:
    """Return a refusal as Bulk v1 words it."""
    body, status = refusal.body, refusal.status
    if isinstance(body, list):
        code = str(body[0].get("errorCode"))
        body = {"exceptionCode": _CODES.get(code, code), "exceptionMessage": body[0].get("message")}
        status = 400 if status == 401 else status
    if as_json(headers) or not isinstance(body, dict):
        return Reply(status, body)
    return Reply(status, _document("error", _elements(body)), XML)


ROUTES = [
    Route("POST", "job", _create),
    Route("GET", "job/{id}", _get),
    Route("POST", "job/{id}", _change),
    Route("POST", "job/{id}/batch", _add),
    Route("GET", "job/{id}/batch", _list),
    Route("GET", "job/{id}/batch/{batch}", _one),
    Route("GET", "job/{id}/batch/{batch}/request", _request),
    Route("GET", "job/{id}/batch/{batch}/result", _result),
]

"""Bulk API 2.0 as a job: created, given its rows, closed, asked about until it is over, its three result files read.

From the Bulk API 2.0 guide. A job that failed or was aborted has kept what it wrote, and tells of it; 201 for the
upload says nothing. Jobs have no name of our choice: one whose creation was not answered holds no rows, does nothing,
and is gone after a day, so another is simply made.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache

import msgspec

from penstock.bulk import Absent, Columns, Job, JobAnswer, JobLimits, JobStep, Moved, Over, Page
from penstock.errors import BatchRefused, Fault, Misconfigured, NotAccepted, Stop
from penstock.modes import Action, Sync
from penstock.records import Outcome, Rejected, Request, Response, Retry, Row, Unknown
from penstock.relations import links_as_fields
from target_salesforce import files
from target_salesforce.codes import TABLE, Do, reason_of_cell
from target_salesforce.fields import long_id
from target_salesforce.plans import ID, Plan
from target_salesforce.refusals import about, json_object, refusal, request_reason

LIMITS = JobLimits(rows=100_000, body_bytes=32 * 2**20, open=4, longest=6 * 3600.0, grouped=True)
"""A file may have 100 MB (150 MB as base64, documented). Ours are smaller, because a file and its results are read into
memory: ten jobs for a million rows, of 15,000 batches a day one for each ten thousand rows. They are sent compressed,
a tenth of that."""
ABOVE = 2_000
"""rows from which on a job is worth its price (documented)"""
FIRST_POLL, LONGEST_POLL, SLOWER = 1.0, 30.0, 1.5
"""seconds between two questions, and how they grow"""
RUNNING = frozenset({"UploadComplete", "InProgress"})
ENDED = frozenset({"JobComplete", "Failed", "Aborted"})
OPERATIONS = {
    Action.UPSERT: "upsert",
    Action.UPDATE: "update",
    Action.CREATE: "insert",
    Action.DELETE: "delete",
}
HARD = "hardDelete"
FILES = {"successful": "successfulResults", "failed": "failedResults", "unprocessed": "unprocessedrecords"}
GZIP = 31
"""for zlib: with the head and tail of a gzip file, as large as can be"""
_CSV = {"Content-Type": "text/csv; charset=UTF-8", "Accept": "text/csv"}
_encode = msgspec.json.encode
_decode = msgspec.json.Decoder(float_hook=Decimal).decode
"""with the digits that a number is written with"""


class Head(msgspec.Struct, frozen=True):
    """What a job's rows have in common."""

    object: str
    operation: str
    key: str
    """the column by which the results name rows"""
    columns: tuple[str, ...]
    serial: bool = False
    """it is a job of Bulk API v1, whatever the sync says meanwhile"""


@lru_cache(16)
def head_of(text: str) -> Head:
    """Read what `Ingest.head` has written."""
    return msgspec.json.decode(text, type=Head)


@lru_cache(16)
def _lines(text: str) -> tuple[files.Lines, str]:
    """Return what writes the rows of a job, and the column by which they are named."""
    head = head_of(text)
    return files.Lines(head.columns), head.key


class Ingest:
    """The steps of a job. `plan` tells of a sync's rows."""

    takes = frozenset(
        {
            (Action.UPSERT, False),
            (Action.CREATE, False),
            *((action, by_id) for action in (Action.UPDATE, Action.DELETE) for by_id in (True, False)),
        }
    )
    carrying = frozenset({JobStep.CREATE, JobStep.UPLOAD})
    tells_ids = True
    options = frozenset({"associate"})
    doubtful: Mapping[JobStep, JobStep] = {JobStep.START: JobStep.POLL}

    def __init__(
        self,
        plan: Callable[[Sync], Plan],
        version: str,
        headers: Mapping[str, str],
        assignment_rule: str | None = None,
        *,
        hard_delete: bool = False,
    ) -> None:
        self.plan = plan
        self.path = f"/services/data/v{version}/jobs/ingest"
        self.classic = f"/services/async/{version}/job"
        self.headers = headers
        self.rule = assignment_rule
        self._operations = {**OPERATIONS, Action.DELETE: HARD} if hard_delete else OPERATIONS

    def limits_of(self, _sync: Sync) -> JobLimits:
        """Return what a job may hold."""
        return LIMITS

    def head(self, sync: Sync, action: Action, *, by_id: bool) -> str:
        """Describe the columns of a sync's file."""
        plan = self.plan(sync)
        key = ID if by_id or plan.match == ID else plan.match
        # What only a creation gets is no column of an update: it may be one that nobody can write any more.
        kept = ("always",) if action is Action.UPDATE else ("always", "created")
        links = [cell for cell, link in zip(plan.cells, sync.links, strict=True) if link.when in kept]
        others = sorted({*plan.types, *links} - {key, ID}) if action is not Action.DELETE else []
        # The key comes first, where the results are quickest to read.
        operation = self._operations[action]
        return _encode(Head(plan.thing.name, operation, key, (key, *others), serial=sync.bulk_serial)).decode()

    def line(self, head: str, row: Row) -> bytes | None:
        """Write a row as a line of the file; None for one that cannot travel in it."""
        lines, key = _lines(head)
        sync = row.sync
        payload = _decode(row.body) if sync.created_only or sync.empty_only else row.payload
        if sync.links:
            payload = {**payload, **links_as_fields(row, row.action, by_job=True)}
        if key == ID:
            payload = {**payload, ID: row.destination_id or row.match}
        if row.action is Action.DELETE:
            payload = {key: payload[key]}
        return lines.line(payload)

    def lines(self, head: str, rows: Columns) -> tuple[bytes, Collection[int]]:
        """Write rows as lines of the file; those that hold what needs a closer look are left to `line`."""
        writer, _ = _lines(head)
        return writer.many(rows.payload, len(rows))

    # -- requests ---------------------------------------------------------------------------------------------

    def encode(self, job: Job, lines: Callable[[], bytes]) -> Request:
        """Write the request of a job's step."""
        one = f"{self.path}/{job.id}"
        if job.step is JobStep.CREATE:
            return Request("POST", self.path, _encode(self.asked(head_of(job.head))), self.headers)
        if job.step is JobStep.UPLOAD:
            squeeze = zlib.compressobj(1, wbits=GZIP)
            columns = head_of(job.head).columns
            body = squeeze.compress(files.header(columns)) + squeeze.compress(lines()) + squeeze.flush()
            headers = {**self.headers, **_CSV, "Content-Encoding": "gzip"}
            return Request("PUT", f"{one}/batches", body, headers)
        if job.step in (JobStep.START, JobStep.CANCEL):
            state = "UploadComplete" if job.step is JobStep.START else "Aborted"
            return Request("PATCH", one, _encode({"state": state}), self.headers)
        if job.step is JobStep.RESULTS:
            file = FILES[job.place.partition(" ")[2]]
            return Request("GET", f"{one}/{file}", headers={**self.headers, **_CSV})
        return Request("GET", one, headers=self.headers)

    def asked(self, head: Head) -> Mapping[str, str]:
        """Say what a job is to be."""
        asked = {
            "object": head.object,
            "operation": head.operation,
            "contentType": "CSV",
            "lineEnding": "CRLF",
            "columnDelimiter": "COMMA",
        }
        if head.operation == "upsert":
            asked["externalIdFieldName"] = head.key
        if self.rule and head.object in ("Lead", "Case"):
            asked["assignmentRuleId"] = self.rule
        return asked

    # -- answers ----------------------------------------------------------------------------------------------

    def decode(self, job: Job, response: Response) -> JobAnswer:
        """Read the answer of a job's step."""
        status = response.status
        if status == 404 and job.step is not JobStep.CREATE:
            return Absent()
        if job.step is JobStep.CANCEL and status in (200, 400):
            return Moved(JobStep.POLL, "cancelled")  # 400: it has come to its end by itself
        if status not in (200, 201, 204):
            raise refused(job, response)
        if job.step is JobStep.UPLOAD:
            return Moved(JobStep.START)
        if job.step is JobStep.RESULTS:
            return self._results(job, response.body)
        return _stands(job, json_object(response))

    def _results(self, job: Job, body: bytes) -> Page:
        """Read one of the result files."""
        state, _, which = job.place.partition(" ")
        head, plan = head_of(job.head), self.plan(job.sync)
        normalise = long_id if head.key == ID else plan.normalise
        if which == "successful":
            taken = files.written(body, head.key, normalise)
            return Page([], Moved(JobStep.RESULTS, f"{state} failed"), taken)
        if which == "failed":
            return Page(list(_failed(body, head, plan, normalise)), Moved(JobStep.RESULTS, f"{state} unprocessed"))
        ends: Sequence[tuple[int | str, Outcome]] = [
            (normalise(key), Retry("not processed")) for (key,) in files.table(body, (head.key,))
        ]
        return Page(ends, Over(Unknown(f"the results of the job ({state}) do not name the row")))


def refused(job: Job, response: Response) -> Exception:
    """Say what an answer other than yes means in a step of a job."""
    status, why = response.status, request_reason(response)
    if job.step is JobStep.CREATE and status != 429 and head_of(job.head).operation == HARD and 400 <= status < 500:
        return Misconfigured(
            f"sync {job.sync.stream}: deleting for good was refused (status {status}, {why.code})",
            "the user needs the permission 'Bulk API Hard Delete'",
        )
    if job.step is JobStep.CREATE and why.code == "ExceededQuota":
        return BatchRefused(why.code, "there are no batches left for today")
    if job.step not in (JobStep.CREATE, JobStep.POLL) and status == 400:
        return BatchRefused(why.code, f"the job was refused (status {status})")
    return refusal(response, about(job.sync))


def _failed(body: bytes, head: Head, plan: Plan, normalise: Callable[[str], str]) -> Iterator[tuple[str, Outcome]]:
    """Read the rows that were refused. What a request could settle goes by one."""
    for key, cell in files.table(body, (head.key, files.ERROR)):
        yield normalise(key), end_of(cell, head, plan)


def end_of(cell: str, head: Head, plan: Plan) -> Outcome:
    """Say what becomes of a row for what a job says of it."""
    why = reason_of_cell(cell)
    again = why.do not in (Do.RECORD, Do.SCHEMA) or why.code in BY_REQUEST
    # A request looks for the parent that a link names, and ends the row as the link says.
    again = again or (why.code == "INVALID_FIELD" and bool(plan.cells))
    if again and head.operation != HARD:
        return Retry(why.code, crowded=why.do is Do.LOCKED)
    return Rejected(why.code, why.message, plan.field_of(why))


BY_REQUEST = frozenset(
    {
        "CANNOT_EXECUTE_FLOW_TRIGGER",
        "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
        "CANNOT_UPDATE_CONVERTED_LEAD",
        "DUPLICATE_VALUE",
        "ENTITY_IS_DELETED",
        "INVALID_CROSS_REFERENCE_KEY",
        "NOT_FOUND",
    }
)
"""the record may be elsewhere, or a smaller transaction pass: a request tells"""


def _stands(job: Job, body: Mapping[str, object]) -> JobAnswer:
    """Read how a job stands; of one that has just been made, its id."""
    found, state = body.get("id"), body.get("state")
    if not isinstance(found, str) or not found.isalnum() or not found.isascii():
        raise NotAccepted("the answer is not about a job")
    if state == "Open" and job.step is JobStep.CREATE:
        return Moved(JobStep.UPLOAD, id=found)
    if state == "Open":
        return Moved(JobStep.CANCEL if job.place == "cancelled" else JobStep.START)
    if state in RUNNING:
        polls = int(job.place) if job.step is JobStep.POLL and job.place.isdigit() else 0
        place = job.place if job.place == "cancelled" else str(polls + 1)
        return Moved(JobStep.POLL, place, after=min(FIRST_POLL * SLOWER**polls, LONGEST_POLL))
    if state not in ENDED:
        raise NotAccepted("the answer does not say how the job stands")
    if state == "JobComplete" or job.place == "cancelled" or body.get("numberRecordsProcessed") not in (0, None):
        return Moved(JobStep.RESULTS, f"{state} successful")
    why = "Aborted" if state == "Aborted" else str(body.get("errorMessage", "")).partition(":")[0].strip()
    return Over(Retry(f"the job has ended as {state}"), stop=ended(job, why))


def ended(job: Job, code: str) -> Stop | None:
    """Say why a job that wrote nothing ends the run: another one, or thousands of requests, would fare no better."""
    if code == "ExceededQuota":
        return None  # of batches, which requests do without
    if code == "Aborted":
        return Fault(f"sync {job.sync.stream}: somebody aborted job {job.id}", "find out why, then run again")
    if TABLE.get(code) is Do.SCHEMA:
        return Misconfigured(
            f"sync {job.sync.stream}: job {job.id} has failed as a whole ({code})",
            "the org has changed, or the user lost a permission: the job's page in Salesforce tells the column",
        )
    shown = code if code in TABLE else "for a reason of its own"
    return Fault(
        f"sync {job.sync.stream}: job {job.id} has failed ({shown})", "look at its page in Salesforce, run again"
    )

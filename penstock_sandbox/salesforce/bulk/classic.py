"""Bulk API v1: jobs of batches that the client makes, in parallel or, against fights for locks, one after the other."""

from __future__ import annotations

import csv
import io
from itertools import islice
from typing import TYPE_CHECKING, Literal

import msgspec

from penstock_sandbox.provenance import assumed, documented, recorded
from penstock_sandbox.salesforce import decode, rules
from penstock_sandbox.salesforce.bulk import batch, files
from penstock_sandbox.salesforce.bulk.job import Asked, Operation, Outcomes
from penstock_sandbox.salesforce.bulk.rows import CHUNK, told
from penstock_sandbox.salesforce.errors import RefusalError
from penstock_sandbox.salesforce.rules import Doing, Result

if TYPE_CHECKING:
    from penstock_sandbox.salesforce.org import Org
    from penstock_sandbox.salesforce.schema import SObject

GUIDE = "Bulk API Developer Guide (v1)"
MOST_ROWS, MOST_BYTES = 10_000, 10_000_000
JobState = Literal["Open", "Closed", "Aborted", "Failed"]
BatchState = Literal["Queued", "InProgress", "Completed", "Failed", "Not Processed"]


class ClassicAsked(msgspec.Struct, rename="camel"):
    """The body that makes a job, or changes its state."""

    object: str = ""
    operation: Operation | None = None
    external_id_field_name: str | None = None
    content_type: str = "XML"
    concurrency_mode: str | int = "Parallel"
    assignment_rule_id: str | None = None
    state: JobState | None = None


class ClassicBatch(msgspec.Struct):
    """One batch."""

    id: str
    body: bytes
    made: float
    request: int
    state: BatchState = "Queued"
    modified: float = 0.0
    outcomes: Outcomes = Outcomes([], [], {})
    results: list[Result] = []
    message: str = ""

    def failed(self) -> int:
        """Return how many rows were refused."""
        return len(self.outcomes.errors)


class ClassicJob(msgspec.Struct):
    """One job."""

    id: str
    kind: str
    operation: Operation
    key: str | None
    json: bool
    serial: bool
    version: str
    user: str
    made: float
    modified: float
    assign: bool = False
    state: JobState = "Open"
    batches: dict[str, ClassicBatch] = {}

    def listed(self) -> dict[str, object]:
        """Return the job as Bulk API 2.0 lists it."""
        return {
            "id": self.id,
            "operation": self.operation,
            "object": self.kind,
            "createdById": self.user,
            "state": self.state,
            "concurrencyMode": "Serial" if self.serial else "Parallel",
            "contentType": "JSON" if self.json else "CSV",
            "apiVersion": float(self.version),
            "jobType": "Classic",
        }


@documented("Batches are worked off while their job is open or closed; in serial mode one at a time", GUIDE)
@assumed("A batch waits as long as a job of Bulk 2.0", "`bulk_seconds`; no time is promised")
def advance(org: Org, now: float, most: int) -> int:
    """Work batches off; returns how many."""
    done = 0
    wait = org.settings.salesforce.bulk_seconds
    for job in org.classic_jobs.values():
        for each in job.batches.values():
            if done < most and each.state == "Queued" and job.state in {"Open", "Closed"} and now >= each.made + wait:
                _work(org, job, each, now)
                done += 1
    return done


@recorded("A CSV batch answers in upload order", "CumulusCI, TestUpsert.test_upsert_external_id_field")
def _work(org: Org, job: ClassicJob, each: ClassicBatch, now: float) -> None:
    each.modified = job.modified = now
    kind = org.catalogue.named(job.kind)
    if org.limits.batches_left(now) <= 0:
        each.state, each.message = "Failed", "ExceededQuota : the daily allocation of batches is spent"
        return
    org.limits.batches.spend(now)
    try:
        if job.json:
            _json(org, job, kind, each, now)
        else:
            _csv(org, job, kind, each, now)
        each.state = "Completed"
    except files.FileError as error:
        each.state, each.message = "Failed", str(error)
    except RefusalError as error:
        each.state, each.message = "Failed", f"InvalidBatch : {error}"


def _csv(org: Org, job: ClassicJob, kind: SObject, each: ClassicBatch, now: float) -> None:
    asked = Asked(kind.name, job.operation, job.key)
    rows = files.rows_of(each.body, asked)
    columns = files.plan(org, kind, asked, next(rows, []))
    cells = [row for row in islice(rows, MOST_ROWS + 1) if row]
    if len(cells) > MOST_ROWS:
        raise files.FileError("InvalidBatch : Records exceeded 10,000 in a batch")
    if not cells:
        return
    key = kind.field(job.key or "")
    about = batch.Batch(org, kind, job.operation, key, len(cells), now, each.request, job.assign, job.serial, None)
    each.outcomes, _ = batch.write(about, columns, cells)


def _json(org: Org, job: ClassicJob, kind: SObject, each: ClassicBatch, now: float) -> None:
    given = decode.body(each.body, list[dict[str, object]])
    if len(given) > MOST_ROWS:
        raise files.FileError("InvalidBatch : Records exceeded 10,000 in a batch")
    rows = [decode.row(org, kind, record) for record in given]
    key = kind.field(job.key or "")
    for start in range(0, len(rows), CHUNK):
        doing = Doing(org, now, each.request, assign=job.assign)
        each.results += rules.apply(doing, kind, job.operation, rows[start : start + CHUNK], key)
        doing.commit()
    each.outcomes = told(job.operation, each.results)


@recorded('The result of a CSV batch is "Id","Success","Created","Error"', "CumulusCI cassettes")
def result_csv(each: ClassicBatch) -> bytes:
    """Return a batch's result as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(("Id", "Success", "Created", "Error"))
    for number, (record_id, created) in enumerate(zip(each.outcomes.ids, each.outcomes.created, strict=True)):
        error = each.outcomes.errors.get(number, "")
        writer.writerow((record_id, str(not error).lower(), str(created).lower(), error))
    return text.getvalue().encode()


@documented("The result of a JSON batch is a list of success, created, id and errors", GUIDE)
def result_json(job: ClassicJob, each: ClassicBatch) -> list[dict[str, object]]:
    """Return a batch's result as JSON."""
    return [
        {
            "success": result.problem is None,
            "created": result.problem is None and result.created is not False and job.operation in {"insert", "upsert"},
            "id": None if result.problem else result.id,
            "errors": [] if result.problem is None else [{**result.problem.row(), "extendedErrorDetails": None}],
        }
        for result in each.results
    ]

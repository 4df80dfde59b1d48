"""The life of Bulk 2.0 jobs on the sandbox clock: queued, in progress batch by batch, done, failed or aborted."""

from __future__ import annotations

from itertools import chain, islice
from typing import TYPE_CHECKING

from penstock_sandbox.provenance import assumed, documented
from penstock_sandbox.salesforce.bulk import batch, classic, files, results
from penstock_sandbox.salesforce.bulk.job import ENDED, Job, State
from penstock_sandbox.salesforce.errors import RefusalError

if TYPE_CHECKING:
    from penstock_sandbox.salesforce.org import Org

GUIDE = "Bulk API 2.0 Developer Guide: How Requests Are Processed"
OPEN_LIFE, RESULT_LIFE = 86_400.0, 7 * 86_400.0
BATCHES_A_REQUEST = 5
_CHUNK = 200
_EMPTY = "InvalidBatch : the file has no rows"


@documented("Open, UploadComplete, InProgress, then JobComplete, Failed or Aborted", GUIDE)
@documented("An open job lives 24 hours, results seven days", GUIDE)
def advance(org: Org, now: float, most: int = BATCHES_A_REQUEST) -> bool:
    """Bring jobs to where they are at a time, by so many batches at most; tells whether more could be done now."""
    most -= classic.advance(org, now, most) if org.classic_jobs else 0
    for job in [org.jobs[each] for each in org.active]:
        if job.state == "Open":
            if now >= job.made + OPEN_LIFE:
                end(org, job, "Aborted", now)
            continue
        while most > 0 and _step(org, job, now):
            most -= 1
        if most <= 0:
            break
    return most <= 0


def forget(org: Org, now: float) -> None:
    """Drop jobs whose results are too old."""
    old = [job.id for job in org.jobs.values() if job.state in ENDED and now >= job.modified + RESULT_LIFE]
    for each in old:
        del org.jobs[each]


@assumed("A job waits `bulk_seconds` and is worked off at `bulk_rows_per_second`", "Salesforce promises no time")
def _step(org: Org, job: Job, now: float) -> bool:
    """Take a job one step further, if its time has come."""
    settings = org.settings.salesforce
    if job.state == "UploadComplete" and job.fate != "queued":
        if now < job.closed + settings.bulk_seconds:
            return False
        job.began, job.state, job.modified = job.closed + settings.bulk_seconds, "InProgress", now
        _begin(org, job, now)
        return True
    if job.state != "InProgress" or job.fate == "stuck" or job.rows is None:
        return False
    rate = settings.bulk_rows_per_second
    size = settings.batch_size if not rate else min(settings.batch_size, _CHUNK)
    if rate and job.processed + min(size, max(1, job.total - job.processed)) > (now - (job.began or now)) * rate:
        return False
    _batch(org, job, size, now)
    return True


@documented("What is wrong with the file shows only now: the upload was 201 all the same", "Bulk API 2.0 Guide: upload")
def _begin(org: Org, job: Job, now: float) -> None:
    body = b"".join(job.parts)
    job.parts = []
    job.total = max(0, body.count(b"\n") - 1)
    if job.fate == "failed":
        fail(org, job, "InternalServerError : the job failed before its first batch", now)
        return
    try:
        files.check_endings(body, job.asked.line_ending)
        rows = files.rows_of(body, job.asked)
        job.header = next(rows, [])
        files.plan(org, org.catalogue.named(job.kind), job.asked, job.header)
    except (files.FileError, RefusalError) as error:
        fail(org, job, str(error), now)
        return
    job.rows = rows


@documented("Batches of 10,000 rows; each counts towards the day's 15,000", "Bulk API 2.0 Guide: limits")
@documented("Rows beyond the daily allocation are in no result", "Bulk API 2.0 Guide: limits")
@documented("A failed job keeps what it wrote, and its results", GUIDE)
def _batch(org: Org, job: Job, size: int, now: float) -> None:
    if job.rows is None:
        return
    kind = org.catalogue.named(job.kind)
    try:
        cells = list(filter(None, islice(job.rows, size)))
        if not cells:
            end(org, job, "JobComplete", now)
            return
        if org.limits.batches_left(now) <= 0:
            job.rows = iter(())
            fail(org, job, "ExceededQuota : the daily allocation of batches is spent", now)
            return
        org.limits.batches.spend(now)
        plan = files.plan(org, kind, job.asked, job.header)
        asked, key = job.asked, kind.field(job.asked.external_id_field_name or "")
        seen = job.seen if org.settings.salesforce.duplicates_in_job == "fail" else None
        assign = asked.assignment_rule_id is not None
        about = batch.Batch(org, kind, asked.operation, key, len(cells), now, job.request, assign, False, seen)
        outcomes, filled = batch.write(about, plan, cells)
    except (files.FileError, RefusalError) as error:
        fail(org, job, str(error), now)
        return
    results.add(org, job, outcomes, filled)
    job.processed += len(cells)
    job.failed += len(outcomes.errors)
    job.modified = now
    if job.fate == "half" and job.processed * 2 >= job.total:
        fail(org, job, "TooManyLockFailure : Too many lock failures", now)
    elif len(cells) < size:
        end(org, job, "JobComplete", now)


def fail(org: Org, job: Job, error: str, now: float) -> None:
    """End a job as failed."""
    job.error = error
    end(org, job, "Failed", now)


@documented("Rows that were not reached are in unprocessedrecords", GUIDE)
def end(org: Org, job: Job, state: State, now: float) -> None:
    """End a job; what is left of its file is unprocessed."""
    if state != "JobComplete":
        if job.rows is None and job.parts and job.state != "Open":
            rows = files.rows_of(b"".join(job.parts), job.asked)
            job.header, job.rows = next(rows, []), rows
        if job.rows is not None:
            results.leave(job, chain(job.rows))
    job.state, job.modified, job.rows, job.parts = state, now, None, []
    job.seen = set()
    org.active.pop(job.id, None)

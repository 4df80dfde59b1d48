"""Bulk API v1 in serial mode, for syncs that ask for it: slow, and without fights for locks within it.

From the Bulk API (v1) guide. A job of ours has one batch, and is the only one that is open, so nothing is worked off
beside it. Where the answer to the upload is lost the batch is handed in once more: it holds the same rows, whose writes
can be repeated; new rows that no key protects (`insert`) do not travel so. A result has no keys and stands in the order
of the batch, so it counts only where it has a line for every row; rows named by id are held against that. Answers are
JSON or XML: the guide leaves open which of them a job with CSV gives.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Collection, Mapping, Sequence

import msgspec

from penstock.bodies import json_body
from penstock.bulk import Absent, Columns, Job, JobAnswer, JobLimits, JobStep, Moved, Over, Page
from penstock.errors import NotAccepted
from penstock.modes import Sync
from penstock.records import Delivered, Outcome, Request, Response, Retry, Row, Unknown
from target_salesforce import files
from target_salesforce.fields import long_id
from target_salesforce.ingest import (
    FIRST_POLL,
    LIMITS,
    LONGEST_POLL,
    SLOWER,
    Ingest,
    end_of,
    ended,
    head_of,
    refused,
)

SERIAL = JobLimits(rows=10_000, body_bytes=8_000_000, open=1, longest=6 * 3600.0)
"""a batch takes 10,000 rows and 10,000,000 characters (documented); the last rows to come may go beyond ours"""
RESULT = ("Id", "Success", "Created", "Error")
_JSON = {"Content-Type": "application/json; charset=UTF-8", "Accept": "application/json"}
_INFO = re.compile(r"<(jobInfo|batchInfo)\b[^>]*>(.*?)</\1>", re.DOTALL)
_ELEMENT = re.compile(r"<(\w+)>([^<]*)</\1>")
_LOST = re.compile(rb"\bInvalidJob\b").search
"""the code of an answer to whom the job is unknown"""
_encode = msgspec.json.encode
Info = Mapping[str, object]


class Bulk(Ingest):
    """Jobs of Bulk API 2.0, and of v1 where the sync says `bulk_serial`."""

    options = Ingest.options | {"bulk_serial"}

    def limits_of(self, sync: Sync) -> JobLimits:
        """Return what a job may hold."""
        return SERIAL if sync.bulk_serial else LIMITS

    def line(self, head: str, row: Row) -> bytes | None:
        """Write a row as a line of the file; None for one that cannot travel in it."""
        job = head_of(head)
        return None if job.serial and job.operation == "insert" else super().line(head, row)

    def lines(self, head: str, rows: Columns) -> tuple[bytes, Collection[int]]:
        """Write many rows for the job."""
        job = head_of(head)
        return (b"", range(len(rows))) if job.serial and job.operation == "insert" else super().lines(head, rows)

    def encode(self, job: Job, lines: Callable[[], bytes]) -> Request:
        """Write the request of a job's step."""
        head = head_of(job.head)
        if not head.serial:
            return super().encode(job, lines)
        one = f"{self.classic}/{job.id}"
        headers = {**self.headers, **_JSON}
        if job.step is JobStep.CREATE:
            asked = {
                name: value for name, value in self.asked(head).items() if name not in ("lineEnding", "columnDelimiter")
            }
            return Request("POST", self.classic, _encode({**asked, "concurrencyMode": "Serial"}), headers)
        if job.step is JobStep.UPLOAD:
            body = gzip.compress(files.header(head.columns) + lines(), 1, mtime=0)
            csv = {"Content-Type": "text/csv; charset=UTF-8", "Content-Encoding": "gzip"}
            return Request("POST", f"{one}/batch", body, {**self.headers, **csv})
        if job.step in (JobStep.START, JobStep.CANCEL):
            state = "Closed" if job.step is JobStep.START else "Aborted"
            return Request("POST", one, _encode({"state": state}), headers)
        if job.step is JobStep.RESULTS:
            batch = _batches(job)[:1]
            return Request("GET", f"{one}/batch/{batch[0]}/result" if batch else f"{one}/batch", headers=headers)
        return Request("GET", one, headers=headers)

    def decode(self, job: Job, response: Response) -> JobAnswer:
        """Read the answer of a job's step."""
        if not head_of(job.head).serial:
            return super().decode(job, response)
        status, step = response.status, job.step
        lost = status == 404 or (status == 400 and _LOST(response.body[:2000]))
        if lost and step is not JobStep.CREATE:
            return Absent()
        if step is JobStep.CANCEL and status in (200, 400):
            return Moved(JobStep.POLL, "cancelled")  # 400: no more batches are taken, and it goes on
        if status not in (200, 201):
            raise refused(job, response)
        if step is JobStep.UPLOAD:
            return Moved(JobStep.START)
        if step is JobStep.RESULTS and _batches(job):
            return self._result(job, response.body)
        found = _infos(response)
        return _listed(job, found) if step is JobStep.RESULTS else _stands(job, found)

    def _result(self, job: Job, body: bytes) -> Page:
        """Read the result of a batch: a line for every row, in their order."""
        head, plan = head_of(job.head), self.plan(job.sync)
        rows = list(files.table(body, RESULT))
        ends: list[tuple[int | str, Outcome]] = []
        if len(rows) == job.rows:
            for number, (found, success, created, error) in enumerate(rows):
                if success != "true":
                    ends.append((number, end_of(error, head, plan)))
                elif found.isalnum() and found.isascii():
                    name = long_id(found)
                    ends.append((name if job.by_id else number, Delivered(name, created == "true")))
        rest = " ".join(_batches(job)[1:])
        over = Over(Unknown("the result of the batch does not name the row"))
        return Page(ends, Moved(JobStep.RESULTS, rest) if rest else over)


def _batches(job: Job) -> Sequence[str]:
    """Return the batches whose results are still to be read; none before it is known which there are."""
    return [name for name in job.place.split() if name != "cancelled"]


def _infos(response: Response) -> list[Info]:
    """Return what an answer tells of a job, or of batches."""
    if b"<" in response.body[:100]:
        blocks = _INFO.findall(response.body.decode(errors="replace"))
        return [dict(_ELEMENT.findall(inner)) for _, inner in blocks]
    body = json_body(response)
    found = body.get("batchInfo", [body]) if isinstance(body, dict) else []
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _number(info: Info, name: str) -> int:
    text = str(info.get(name, ""))
    if not text.isdecimal():
        raise NotAccepted("the answer does not count what it should")
    return int(text)


def _stands(job: Job, infos: Sequence[Info]) -> JobAnswer:
    """Read how a job stands; of one that has just been made, its id."""
    info = infos[0] if infos else {}
    found, state = info.get("id"), info.get("state")
    if not isinstance(found, str) or not found.isalnum() or not found.isascii():
        raise NotAccepted("the answer is not about a job")
    if job.step is JobStep.CREATE:
        return Moved(JobStep.UPLOAD, id=found)
    cancelled = job.place == "cancelled"
    if state == "Open" and job.step is JobStep.POLL:
        return Moved(JobStep.CANCEL if cancelled else JobStep.START)
    if state not in ("Open", "Closed", "Aborted", "Failed"):
        raise NotAccepted("the answer does not say how the job stands")
    if _number(info, "numberBatchesQueued") + _number(info, "numberBatchesInProgress") == 0:
        return Moved(JobStep.RESULTS, job.place if cancelled else "")
    polls = int(job.place) if job.step is JobStep.POLL and job.place.isdigit() else 0
    place = job.place if cancelled else str(polls + 1)
    return Moved(JobStep.POLL, place, after=min(FIRST_POLL * SLOWER**polls, LONGEST_POLL))


def _listed(job: Job, infos: Sequence[Info]) -> JobAnswer:
    """Read which batches there are. One that failed may have written some rows, and has a result then."""
    if any(info.get("state") in ("Queued", "InProgress") for info in infos):
        return Moved(JobStep.POLL, job.place, after=FIRST_POLL)
    told = [str(info.get("id")) for info in infos if _number(info, "numberRecordsProcessed")]
    if told:
        if not all(name.isalnum() and name.isascii() for name in told):
            raise NotAccepted("the answer is not about batches")
        return Moved(JobStep.RESULTS, " ".join(told))
    failed = [str(info.get("stateMessage", "")) for info in infos if info.get("state") == "Failed"]
    why = failed[0].partition(":")[0].strip() if failed else "Aborted"
    stop = ended(job, why) if infos and not job.place else None
    return Over(Retry("the job has ended without writing anything"), stop=stop)

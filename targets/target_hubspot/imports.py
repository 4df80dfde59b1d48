"""HubSpot's imports as a job: one file of rows goes in, an import works it off, its errors name the lines it refused.

From HubSpot's imports guide. DONE says nothing about rows, and nobody tells which records were made: a row that no
error names was written, and its record id stays unknown until the row is next written by its match value. Whether the
other cells of a refused line were written is not documented, so such a row is also in doubt.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import lru_cache

import msgspec

from penstock.bodies import json_body, objects_in, within
from penstock.bulk import Absent, Columns, Job, JobAnswer, JobLimits, JobStep, Moved, Over, Page
from penstock.errors import BatchRefused, NotAccepted
from penstock.modes import Action, Sync
from penstock.records import Batch, Delivered, Outcome, Rejected, Request, Response, Retry, Row, Unknown
from penstock.values import quoted_cell
from target_hubspot import codes

IMPORTS = "/crm/imports/2026-03"
LIMITS = JobLimits(rows=100_000, body_bytes=32 * 2**20, open=3, longest=6 * 3600.0)
"""Three imports run at once, and 1,048,576 rows or 512 MB go in a file (documented). Ours are smaller: a file is read
into memory to be sent, and 500 of them a day are still fifty million rows."""
RUNNING = frozenset({"STARTED", "PROCESSING", "DEFERRED"})
ENDED = frozenset({"DONE", "FAILED", "CANCELED", "REVERTED"})
OF_THE_LINE = frozenset(
    {"INCORRECT_NUMBER_OF_COLUMNS", "COULD_NOT_PARSE_ROW", "DUPLICATE_ROW_CONTENT", "LIMIT_EXCEEDED"}
)
"""types of error that are of no column"""
BY_REQUEST = frozenset({"INVALID_OBJECT_ID", "INVALID_ALTERNATE_ID"})
"""the record was not found, or not made: a request tells more, or finds it where it is now"""
SENTENCES: Mapping[str, str] = {
    "COULD_NOT_PARSE_NUMBER": "the value is not a number",
    "COULD_NOT_PARSE_DATE": "the value is not a date",
    "INVALID_ENUMERATION_OPTION": "the value is none of the property's options",
    "AMBIGUOUS_ENUMERATION_OPTION": "the value is the label of several of the property's options",
    "PROPERTY_DEFINITION_NOT_FOUND": "the property does not exist (any more)",
    "GDPR_BLACKLISTED_EMAIL": "the contact was deleted for good, and imports may not bring the address back",
    "INVALID_DOMAIN": "HubSpot does not accept the domain",
    "DUPLICATE_ROW_CONTENT": "another row of the import is the same",
}
FIRST_POLL, LONGEST_POLL = 0.25, 15.0
"""seconds between two questions: short at first, because a small import is soon over"""
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_CURSOR = re.compile(r"[A-Za-z0-9_=%.-]{1,500}").fullmatch
_decode = msgspec.json.Decoder(dict[str, str]).decode


class Head(msgspec.Struct, frozen=True):
    """What a job's rows have in common: the object's type id, the column that finds the record, the others."""

    type_id: str
    key: str
    """a unique property; empty where rows are found by their record id"""
    columns: tuple[tuple[str, str], ...]
    """properties, each with its type"""


@dataclass(frozen=True)
class Described:
    """What the portal said of a sync's object: its type id, the match property, the type of each field."""

    type_id: str
    match: str
    types: Mapping[str, str]


@lru_cache(16)
def _head(text: str) -> Head:
    return msgspec.json.decode(text, type=Head)


class Imports:
    """The steps of an import. `describe` tells of a sync's object, `refuse` what an answer that is no success means."""

    takes = frozenset({(Action.UPSERT, False), (Action.UPDATE, True)})
    tells_ids = False
    options: frozenset[str] = frozenset()
    carrying = frozenset({JobStep.CREATE})
    doubtful: Mapping[JobStep, JobStep] = {JobStep.CREATE: JobStep.FIND}

    def __init__(
        self,
        describe: Callable[[Sync], Described],
        refuse: Callable[[Response, Batch], Exception],
        path: str = IMPORTS,
    ) -> None:
        self._describe = describe
        self._refuse = refuse
        self._path = path

    def limits_of(self, _sync: Sync) -> JobLimits:
        """Return what an import may hold."""
        return LIMITS

    def head(self, sync: Sync, action: Action, *, by_id: bool) -> str:  # noqa: ARG002
        """Describe the columns of a sync's file."""
        found = self._describe(sync)
        columns = tuple(sorted(found.types.items()))
        return msgspec.json.encode(Head(found.type_id, "" if by_id else found.match, columns)).decode()

    def line(self, head: str, row: Row) -> bytes | None:
        """Write a row as a line of the file; None for one that empties a property: an empty cell leaves it as it is."""
        about = _head(head)
        return _line(about, row.body, [] if about.key else [row.destination_id or ""])

    def lines(self, head: str, rows: Columns) -> tuple[bytes, Collection[int]]:
        """Do the same for many rows, which go by the match property."""
        about = _head(head)
        lines = [_line(about, body, []) for body in rows.bodies]
        return b"".join(line for line in lines if line is not None), [n for n, line in enumerate(lines) if line is None]

    def encode(self, job: Job, lines: Callable[[], bytes]) -> Request:
        """Write the request of an import's step."""
        if job.step is JobStep.CREATE:
            return self._create(job, lines())
        if job.step is JobStep.FIND:
            return Request("GET", f"{self._path}?limit=100{job.place}")
        one = f"{self._path}/{job.id}"
        if job.step is JobStep.CANCEL:
            return Request("POST", f"{one}/cancel")
        if job.step is JobStep.RESULTS:
            return Request("GET", f"{one}/errors?limit=100{job.place.partition(' ')[2]}")
        return Request("GET", one)

    def _create(self, job: Job, lines: bytes) -> Request:
        about = _head(job.head)
        columns = [_column(about, name) for name, _ in about.columns]
        if not about.key:
            named = {"columnName": "record id", "columnType": "HUBSPOT_OBJECT_ID", "columnObjectTypeId": about.type_id}
            columns.insert(0, named)
        page = {"hasHeader": True, "columnMappings": columns}
        asked = {
            "name": job.name,
            "importOperations": {about.type_id: "UPSERT" if about.key else "UPDATE"},
            "dateFormat": "YEAR_MONTH_DAY",
            "files": [{"fileName": "rows.csv", "fileFormat": "CSV", "fileImportPage": page}],
        }
        header = ",".join(f'"{column["columnName"]}"' for column in columns).encode() + b"\r\n"
        rule = f"--{job.name}\r\nContent-Disposition: form-data; name="
        head = f'{rule}"importRequest"\r\nContent-Type: application/json\r\n\r\n'.encode() + msgspec.json.encode(asked)
        file = f'\r\n{rule}"files"; filename="rows.csv"\r\nContent-Type: text/csv\r\n\r\n'.encode()
        body = b"".join((head, file, header, lines, f"\r\n--{job.name}--\r\n".encode()))
        return Request("POST", self._path, body, {"Content-Type": f"multipart/form-data; boundary={job.name}"})

    def decode(self, job: Job, response: Response) -> JobAnswer:
        """Read the answer of an import's step."""
        if response.status == 404 and job.step is not JobStep.CREATE:
            return Absent()
        if response.status not in (200, 201, 202):
            if job.step is JobStep.CREATE and response.status == 429 and b'"DAILY"' in response.body:
                raise BatchRefused("DAILY", "there are no imports left for today")
            raise self._refuse(response, Batch(job.sync, job.action, []))
        body = json_body(response)
        if job.step is JobStep.FIND:
            return _found(job, body)
        if job.step is JobStep.RESULTS:
            return _errors(job, body)
        if job.step is JobStep.CANCEL:
            return Moved(JobStep.POLL)
        return _polled(job, body)


def _line(about: Head, body: bytes, cells: list[str]) -> bytes | None:
    """Write a line that begins with some cells; None for a row that cannot travel by one."""
    if b"\\u0000" in body:
        return None  # no reader of CSV takes it
    properties = _decode(body)
    for name, kind in about.columns:
        value = properties.pop(name, None)
        if value == "":
            return None
        cells.append("" if value is None else _cell(value, kind))
    return None if properties else ",".join(cells).encode() + b"\r\n"


def _column(about: Head, name: str) -> dict[str, str]:
    column = {"columnObjectTypeId": about.type_id, "columnName": name, "propertyName": name}
    return {**column, "columnType": "HUBSPOT_ALTERNATE_ID"} if name == about.key else column


def _cell(value: str, kind: str) -> str:
    """Write a cell. A moment goes in milliseconds, which HubSpot takes in files as everywhere (documented)."""
    if kind == "datetime":
        moment = datetime.fromisoformat(value.removesuffix("Z")).replace(tzinfo=timezone.utc)
        return str((moment - _EPOCH) // timedelta(milliseconds=1))
    return quoted_cell(value)


def _polled(job: Job, body: Mapping[str, object]) -> Moved:
    """Read how an import stands; of one that has just been made, its id."""
    found, state = str(body.get("id")), body.get("state")
    if not (found.isascii() and found.isdigit()) or (state not in RUNNING and state not in ENDED):
        raise NotAccepted("the answer is not about an import")
    if state in ENDED:
        return Moved(JobStep.RESULTS, f"{state}{_written(body)} ", id=found)
    polls = int(job.place or 0) if job.step is JobStep.POLL else 0
    return Moved(JobStep.POLL, str(polls + 1), id=found, after=min(FIRST_POLL * 2.0**polls, LONGEST_POLL))


def _written(body: Mapping[str, object]) -> str:
    """Return how many records an import says it has written: where its errors are not all there, this tells."""
    metadata = body.get("metadata")
    counters = metadata.get("counters") if isinstance(metadata, dict) else None
    written = counters.get("UNIQUE_OBJECTS_WRITTEN", 0) if isinstance(counters, dict) else None
    return f":{written}" if isinstance(written, int) else ""


def _found(job: Job, body: Mapping[str, object]) -> JobAnswer:
    """Look for an import by its name, page by page: in which order they come is not documented."""
    for entry in _results(body):
        if entry.get("importName") == job.name:
            return _polled(job, entry)
    after = _after(job, body)
    return Moved(JobStep.FIND, after) if after else Absent()


def _errors(job: Job, body: Mapping[str, object]) -> Page:
    """Read one page of the lines that were refused. Of an import that was not DONE, the other lines are in doubt."""
    ended = job.place.partition(" ")[0]
    state, _, written = ended.partition(":")
    about = _head(job.head)
    ends = [(_who(entry, about), _refused(entry, about)) for entry in _results(body)]
    after = _after(job, body)
    if after:
        return Page(ends, Moved(JobStep.RESULTS, f"{ended} {after}"))
    if state == "DONE":
        return Page(ends, Over(Delivered(), int(written) if written else None))
    return Page(ends, Over(Unknown(f"the import ended as {codes.label(state)}")))


def _who(entry: Mapping[str, object], about: Head) -> int | str:
    """Name the row of an error: by the cell that identifies it, which a line number does not where cells have lines."""
    cells = within(entry, "sourceData", "rowData")
    place = next((n for n, (name, _) in enumerate(about.columns) if name == about.key), 0)
    cell = cells[place] if isinstance(cells, list) and len(cells) > place else None
    if isinstance(cell, str) and cell:
        return cell
    number = within(entry, "sourceData", "lineNumber")
    return number - 2 if isinstance(number, int) else -1  # the header is line 1


def _refused(entry: Mapping[str, object], about: Head) -> Outcome:
    code = codes.label(entry.get("errorType"))
    if code in BY_REQUEST:
        return Retry(code)
    names = [name for name, _ in about.columns] if about.key else ["", *(name for name, _ in about.columns)]
    at = entry.get("knownColumnNumber")
    known = isinstance(at, int) and 0 <= at < len(names) and code not in OF_THE_LINE
    said = SENTENCES.get(code) or codes.SENTENCES.get(code) or f"HubSpot refused the row with code {code}"
    return Rejected(code, said, (names[at] or None) if known and isinstance(at, int) else None, partly=True)


def _results(body: Mapping[str, object]) -> list[Mapping[str, object]]:
    found = body.get("results")
    if not isinstance(found, list):
        raise NotAccepted("the answer is no list")
    return objects_in(found)


def _after(job: Job, body: Mapping[str, object]) -> str:
    """Return what to add to the path for the next page; nothing where there is none.

    A page that is missed is no trifle: lines that no error names count as written.
    """
    paging = body.get("paging")
    if not paging:
        return ""
    after = str(within(body, "paging", "next", "after") or "")
    found = f"&after={after}"
    if not _CURSOR(after) or job.place.endswith(found):
        raise NotAccepted("the answer does not say where it goes on")
    return found

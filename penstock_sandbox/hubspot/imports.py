"""Imports: a file goes in, and is worked off by the sandbox clock."""

import csv
import io
import re
from datetime import datetime
from typing import Literal

import msgspec

from penstock_sandbox.clock import iso
from penstock_sandbox.hubspot import errors, rules
from penstock_sandbox.hubspot.memory import Column, Job, JobState, RowFault
from penstock_sandbox.hubspot.portal import Portal, Visit
from penstock_sandbox.hubspot.rows import Row, Value
from penstock_sandbox.multipart import parts_of
from penstock_sandbox.provenance import assumed, documented

GUIDE = "developers.hubspot.com/docs/api-reference/crm-imports-v3"
MOST_AT_ONCE, MOST_ROWS, MOST_BYTES = 3, 1_048_576, 512 * 2**20
ROWS_A_SECOND = 20_000.0
RUNNING = {"STARTED", "PROCESSING"}
_FIRST_ID, _FIRST_FILE = 1471, 35
_ERROR_TYPES = {
    "INVALID_EMAIL": "INVALID_EMAIL",
    "INVALID_INTEGER": "COULD_NOT_PARSE_NUMBER",
    "INVALID_LONG": "COULD_NOT_PARSE_DATE",
    "INVALID_DATE": "COULD_NOT_PARSE_DATE",
    "INVALID_OPTION": "INVALID_ENUMERATION_OPTION",
    "PROPERTY_DOESNT_EXIST": "PROPERTY_DEFINITION_NOT_FOUND",
}
_IN_MESSAGE = re.compile(r'"error":"([A-Z_]+)","name":"([^"]+)"').findall
_DATE_FORMATS = {"YEAR_MONTH_DAY": "%Y-%m-%d", "MONTH_DAY_YEAR": "%m/%d/%Y", "DAY_MONTH_YEAR": "%d/%m/%Y"}


class Page(msgspec.Struct, rename="camel"):
    """How a file's columns are read."""

    column_mappings: list[Column]
    has_header: bool = True


class File(msgspec.Struct, rename="camel"):
    """One file of an import."""

    file_name: str
    file_import_page: Page
    file_format: Literal["CSV", "SPREADSHEET"] = "CSV"


class Asked(msgspec.Struct, rename="camel"):
    """The part `importRequest`."""

    name: str
    files: list[File]
    import_operations: dict[str, Literal["CREATE", "UPDATE", "UPSERT"]] = {}
    date_format: Literal["YEAR_MONTH_DAY", "MONTH_DAY_YEAR", "DAY_MONTH_YEAR"] = "MONTH_DAY_YEAR"


@documented("An import is a form of a request and a file; every column is mapped, in the file's order", GUIDE)
@documented("1,048,576 rows or 512 MB a file, beyond: 429", GUIDE)
@documented("500 imports a day, 50 on a free account", GUIDE)
@assumed("A file is of one object type here", "files that bring associations along are not simulated")
@assumed(
    "A column that is not mapped, or a file that is not there, refuses the import with 400",
    "the rule, not its answer, is documented",
)
def start(portal: Portal, content_type: str, body: bytes, now: float, request: int) -> Job:
    """Take an import in; it is worked off later."""
    try:
        parts = {part.name: part for part in parts_of(content_type, body)}
        asked = msgspec.json.decode(parts["importRequest"].content, type=Asked)
        file = next(part for part in parts.values() if part.file_name)
    except (ValueError, KeyError, StopIteration, msgspec.MsgspecError) as error:
        raise errors.invalid_request(f"Unable to read the import request: {error}") from error
    if len(asked.files) != 1 or asked.files[0].file_name != file.file_name:
        raise errors.invalid_request("The import request names another file than the one that was sent")
    if len(file.content) > MOST_BYTES or file.content.count(b"\n") > MOST_ROWS:
        raise errors.RefusalError(429, {"message": "The file is too large to import", "category": "RATE_LIMITS"})
    if portal.limits.spent("imports", now) >= portal.limits.imports and not portal.limits.unlimited:
        raise errors.rate_limited("DAILY")
    job = _job(portal, asked, file.content, now, request)
    portal.limits.spend("imports", now)
    portal.jobs[job.id] = job
    advance(portal, now)
    return job


def _job(portal: Portal, asked: Asked, content: bytes, now: float, request: int) -> Job:
    page = asked.files[0].file_import_page
    columns = page.column_mappings
    types = {each.column_object_type_id for each in columns if each.column_object_type_id} or set(
        asked.import_operations
    )
    if len(types) != 1:
        raise errors.invalid_request("The sandbox imports files of one object type only")
    shelf = portal.shelf(types.pop())
    rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    header = rows[0] if rows and page.has_header else [each.column_name for each in columns]
    if header != [each.column_name for each in columns]:
        raise errors.invalid_request("The columns of the file are not those that are mapped")
    lines = [(number, row) for number, row in enumerate(rows, start=1) if row and not (page.has_header and number == 1)]
    place = len(portal.jobs)
    kind = shelf.kind.type_id
    operation = asked.import_operations.get(kind) or asked.import_operations.get(shelf.kind.name) or "UPSERT"
    file_id, job_id = str(_FIRST_FILE + place), str(_FIRST_ID + place)
    job = Job(job_id, asked.name, kind, operation, asked.date_format, file_id, columns, lines, now, request)
    job.updated, job.fate = now, portal.settings.hubspot.import_fate
    job.counters = {"TOTAL_ROWS": len(lines)}
    return job


@documented("Three imports run at once, more wait as DEFERRED", GUIDE)
@documented("STARTED, PROCESSING, then DONE, which says nothing about rows", GUIDE)
@assumed(
    "STARTED takes two seconds; so does PROCESSING, or as long as 20,000 rows a second take, and writes all the while",
    "`import_seconds`; HubSpot says nothing of time",
)
def advance(portal: Portal, now: float) -> None:
    """Bring every import to where it is at a time."""
    if not any(job.state in RUNNING or job.state == "DEFERRED" for job in portal.jobs.values()):
        return
    moved = True
    while moved:
        moved = sum(_step(portal, job, now) for job in list(portal.jobs.values())) > 0


def _step(portal: Portal, job: Job, now: float) -> bool:
    """Take one job one state further, if its time has come."""
    lasts = portal.settings.hubspot.import_seconds
    running = sum(each.state in RUNNING for each in portal.jobs.values())
    if job.state == "DEFERRED" and job.fate != "deferred" and running < MOST_AT_ONCE:
        ended = [each.updated for each in portal.jobs.values() if each.state not in RUNNING | {"DEFERRED"}]
        job.began = max([job.made, *ended])
        return _become(job, "STARTED", job.began)
    if job.state == "STARTED" and now >= job.began + lasts:
        return _become(job, "PROCESSING", job.began + lasts)
    if job.state == "PROCESSING":
        return _process(portal, job, now, job.began + lasts, max(lasts, len(job.lines) / ROWS_A_SECOND))
    return False


def _process(portal: Portal, job: Job, now: float, begins: float, lasts: float) -> bool:
    """Write as many lines as the time allows, and end the job when it is over; a doomed one stops half way."""
    share = 1.0 if lasts == 0 else min(1.0, (now - begins) / lasts)
    most = len(job.lines) if job.fate == "done" else len(job.lines) // 2
    _work(portal, job, min(most, int(len(job.lines) * share)), min(now, begins + lasts))
    if share < 1.0:
        return False
    if job.fate == "reverted":
        _revert(portal, job, begins + lasts)
    states: dict[str, JobState] = {"failed": "FAILED", "reverted": "REVERTED"}
    return _become(job, states.get(job.fate, "DONE"), begins + lasts)


def _become(job: Job, state: JobState, at: float) -> bool:
    job.state, job.updated = state, at
    return True


def _work(portal: Portal, job: Job, until: int, at: float) -> None:
    visit = Visit(portal, portal.shelf(job.type_id), at, job.request)
    for number, cells in job.lines[job.applied : until]:
        _line(visit, job, number, cells)
    job.applied = until


@documented("A line with another number of columns is INCORRECT_NUMBER_OF_COLUMNS", GUIDE)
@documented("A purged address is GDPR_BLACKLISTED_EMAIL", "knowledge.hubspot.com, permanently delete contacts")
@documented("An empty cell leaves the value as it is", "knowledge.hubspot.com, import objects")
@assumed("A line that repeats another exactly is DUPLICATE_ROW_CONTENT", "the name of the documented error type")
@assumed(
    "A bad value keeps its whole line from being written",
    "not documented; `import_bad_value: value` is the other reading",
)
def _line(visit: Visit, job: Job, number: int, cells: list[str]) -> None:
    if len(cells) != len(job.columns):
        return _fault(job, number, cells, "INCORRECT_NUMBER_OF_COLUMNS")
    if tuple(cells) in job.seen:
        return _fault(job, number, cells, "DUPLICATE_ROW_CONTENT")
    job.seen.add(tuple(cells))
    key, by = "", None
    values: dict[str, Value] = {}
    for column, cell in zip(job.columns, cells, strict=True):
        if (column.column_type or column.id_column_type) == "HUBSPOT_OBJECT_ID":
            key, by = cell, None
            continue
        if column.property_name is None:
            continue
        if (column.column_type or column.id_column_type) == "HUBSPOT_ALTERNATE_ID":
            key, by = cell, column.property_name
        if cell:
            values[column.property_name] = _cell(visit, job, column.property_name, cell)
    if by == "email" and key.strip().lower() in visit.portal.purged:
        return _fault(job, number, cells, "GDPR_BLACKLISTED_EMAIL", "email")
    return _write(visit, job, number, cells, _Target(key, by, values))


class _Target(msgspec.Struct):
    """What a line is about."""

    key: str
    by: str | None
    values: dict[str, Value]


def _write(visit: Visit, job: Job, number: int, cells: list[str], target: _Target) -> None:
    """Write one line by the rules of batches, as far as the import's operation allows."""
    key, by, values = target.key, target.by, target.values
    known = rules.read(visit, [key], by, []).results if key else []
    if not known and (job.operation == "UPDATE" or (key and by is None)):
        error_type = "INVALID_OBJECT_ID" if by is None else "INVALID_ALTERNATE_ID"
        return _fault(job, number, cells, error_type, by or "")
    if known and job.operation == "CREATE":
        return _fault(job, number, cells, "INVALID_ALTERNATE_ID", by or "")
    row = Row(known[0].id if known else None, values, None, "line")
    try:
        done = rules.update(visit, [row]) if known else rules.create(visit, [row])
    except errors.RefusalError:
        return _fault(job, number, cells, "FAILED_VALIDATION")
    for error in done.errors:
        named = _IN_MESSAGE(error.message)
        code, name = named[0] if named else ("FAILED_VALIDATION", "")
        _fault(job, number, cells, _ERROR_TYPES.get(code, "FAILED_VALIDATION"), name)
        bad = {each for _, each in named}
        if visit.settings.hubspot.import_bad_value == "value" and bad and bad <= values.keys() - {by}:
            left = {each: value for each, value in values.items() if each not in bad}
            return _write(visit, job, number, cells, _Target(key, by, left))
    _count(job, len(done.results), bool(known), len(values))
    job.ids += [] if known else [each.id for each in done.results]
    return None


def _count(job: Job, written: int, known: bool, values: int) -> None:
    if written:
        name = "UPDATED_OBJECTS" if known else "CREATED_OBJECTS"
        for counter, count in ((name, 1), ("UNIQUE_OBJECTS_WRITTEN", 1), ("PROPERTY_VALUES_EMITTED", values)):
            job.counters[counter] = job.counters.get(counter, 0) + count


@documented("Dates are read in the format that the import names", GUIDE)
def _cell(visit: Visit, job: Job, name: str, cell: str) -> str:
    check = visit.catalogue.checks.get(name)
    if check is None or visit.catalogue.get(name).type != "date":
        return cell
    try:
        return datetime.strptime(cell, _DATE_FORMATS[job.date_format]).date().isoformat()  # noqa: DTZ007 - a day
    except ValueError:
        return cell


def _fault(job: Job, number: int, cells: list[str], error_type: str, name: str = "") -> None:
    column = next((place for place, each in enumerate(job.columns) if each.property_name == name), 0)
    value = cells[column] if column < len(cells) else ""
    message = f"{error_type} in line {number}"
    job.faults.append(RowFault(str(len(job.faults) + 1), error_type, message, column, value, number, cells))


@assumed("Reverting archives what the import made, and leaves what it changed", "the words of its help page")
def _revert(portal: Portal, job: Job, at: float) -> None:
    visit = Visit(portal, portal.shelf(job.type_id), at, job.request)
    for start_at in range(0, len(job.ids), 100):
        rules.archive(visit, job.ids[start_at : start_at + 100])


@documented("An import can be cancelled while it runs", GUIDE)
@assumed("What it wrote stays, and a finished one is not changed by it", "only reverting takes anything back")
def cancel(portal: Portal, job: Job, now: float) -> dict[str, object]:
    """Stop an import."""
    if job.state in RUNNING or job.state == "DEFERRED":
        _become(job, "CANCELED", now)
        advance(portal, now)
    return {"status": "COMPLETE", "startedAt": iso(now), "completedAt": iso(now)}


@documented("An import shows its state, counters and files", GUIDE)
def shown(job: Job) -> dict[str, object]:
    """Return an import as an answer does."""
    return {
        "id": job.id,
        "state": job.state,
        "importName": job.name,
        "importSource": "API",
        "optOutImport": False,
        "mappedObjectTypeIds": [job.type_id],
        "metadata": {"counters": job.counters, "fileIds": [job.file_id], "objectLists": []},
        "createdAt": iso(job.made),
        "updatedAt": iso(job.updated),
    }


@documented("Each refused line has its number, its cells and a type of error", GUIDE)
@assumed("`lineNumber` counts the header", "the sample's second line of data is line 3")
def faults(job: Job) -> list[dict[str, object]]:
    """Return an import's errors as an answer does."""
    return [
        {
            "id": each.id,
            "createdAt": int(job.updated * 1000),
            "errorType": each.error_type,
            "errorMessage": each.message,
            "objectTypeId": job.type_id,
            "knownColumnNumber": each.column,
            "invalidValue": each.value,
            "sourceData": {
                "fileId": int(job.file_id),
                "lineNumber": each.line,
                "rowData": each.row,
                "containsEncryptedProperties": False,
            },
        }
        for each in job.faults
    ]

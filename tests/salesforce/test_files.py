"""The CSV of bulk jobs: rows to lines, results back to rows, and what a job's states lead to."""

from __future__ import annotations

import csv
import gzip
import io
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from penstock.bulk import Absent, Job, JobStep, Moved, Over, Page, Taken
from penstock.errors import BatchRefused, Fault, Misconfigured, NotAccepted
from penstock.modes import MODES, Action, FieldRule, Sync
from penstock.records import Rejected, Retry, Unknown
from target_salesforce.api import Options
from target_salesforce.files import Lines, header, table, written
from tests.salesforce.values import answer, lead, row, sent, sync_of, told

NAMES = ("Key__c", "LastName", "Score__c")
SYNC = sync_of(["Key__c", "LastName", "Score__c"])
DESTINATION, _ = told(SYNC)
JOBS = DESTINATION.jobs
HEAD = JOBS.head(SYNC, Action.UPSERT, by_id=False)
NUMBER = "750000000000001AAA"


def job(step: JobStep, place: str = "", action: Action = Action.UPSERT, head: str = HEAD, rows: int = 2) -> Job:
    return Job(
        SYNC, action, False, "penstock-1", head, rows, NUMBER if step is not JobStep.CREATE else None, step, place
    )


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), min_size=3, max_size=3))
def test_text_comes_out_as_it_went_in_but_for_newlines(cells: list[str]) -> None:
    line = Lines(NAMES).line(dict(zip(NAMES, cells, strict=True)))
    if "#N/A" in cells or "\r" in cells[0]:
        assert line is None
        return
    assert line is not None
    assert line.endswith(b'"\r\n')
    assert b"\r" not in line[:-2]
    [read] = csv.reader(io.StringIO(line.decode(), newline=""), strict=True)
    assert read == [cell.replace("\r\n", "\n").replace("\r", "\n") for cell in cells]


cells = st.one_of(
    st.text(max_size=4),
    st.none(),
    st.booleans(),
    st.integers(),
    st.just(UNSET),
    st.sampled_from(["#N/A", "\ud800", '"']),
)


@given(st.lists(st.tuples(cells, cells, cells), min_size=1, max_size=6))
def test_many_lines_are_those_of_each(rows: list[tuple[object, object, object]]) -> None:
    columns = {name: [row[place] for row in rows] for place, name in enumerate(NAMES)}
    text, left = Lines(NAMES).many(columns, len(rows))
    taken = [row for n, row in enumerate(rows) if n not in left]
    lines = [Lines(NAMES).line(dict(zip(NAMES, row, strict=True))) for row in taken]
    assert None not in lines
    assert text == b"".join(line or b"" for line in lines)
    assert set(range(len(rows))) >= set(left)


def test_plain_rows_are_written_together() -> None:
    text, left = Lines(("A", "B", "C")).many({"A": ["1", 'x "y"'], "B": [None, UNSET]}, 2)
    assert (text, left) == (b'"1","#N/A",""\r\n"x ""y""","",""\r\n', set())


def test_results_are_read_in_pieces() -> None:
    rows = [
        f'"{lead(n)}","{"true" if n % 3 else "false"}","K ""{n}""\n","a\n""{lead(9)}"",""true"",",""'
        for n in range(9000)
    ]
    body = ('"sf__Id","sf__Created",Key__c,LastName,Score__c\r\n' + "\r\n".join(rows) + "\r\n").encode()
    pieces = list(written(body, "Key__c", str.strip))
    assert len(pieces) > 2
    assert [who for piece in pieces for who in piece.who] == [f'K "{n}"' for n in range(9000)]
    assert [each for piece in pieces for each in piece.ids] == [lead(n) for n in range(9000)]
    assert [made for piece in pieces for made in piece.created] == [n % 3 != 0 for n in range(9000)]


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (None, "#N/A"),
        (True, "true"),
        (False, "false"),
        (7, "7"),
        (Decimal("1E+3"), "1000"),
        (Decimal("1.50"), "1.50"),
        (Decimal("1E-999999999999"), "1E-999999999999"),  # written out it would fill the memory
    ],
)
def test_other_values(value: object, cell: str) -> None:
    assert Lines(("A", "B")).line({"A": value}) == f'"{cell}",""\r\n'.encode()


@pytest.mark.parametrize("value", ["#N/A", "a\0b", "\ud800"])
def test_what_cannot_travel_in_a_file_goes_by_a_request(value: str) -> None:
    assert Lines(("A",)).line({"A": value}) is None


def test_a_field_without_a_column_goes_by_a_request() -> None:
    lines = Lines(("Key__c", "City"))
    assert lines.line({"Key__c": "a", "Phone": "1"}) is None
    text, left = lines.many({"Key__c": ["a", "b", "c"], "City": ["x", UNSET, "z"], "Phone": [UNSET, "1", None]}, 3)
    assert (text, left) == (b'"a","x"\r\n', {1, 2})


@pytest.mark.parametrize("newline", ["\r", "\r\n"])
def test_a_key_with_a_carriage_return_goes_by_a_request_because_a_file_would_name_another_record(newline: str) -> None:
    assert Lines(("Key__c", "LastName")).line({"Key__c": f"a{newline}b", "LastName": "x"}) is None
    assert Lines(("Key__c", "LastName")).line({"Key__c": "a", "LastName": f"x{newline}y"}) == b'"a","x\ny"\r\n'
    assert Lines(("Key__c", "Account.Key__c")).line({"Key__c": "a", "Account.Key__c": f"x{newline}y"}) is None


def test_decimals_travel_with_their_digits_where_only_some_fields_are_sent() -> None:
    rules = {
        "Key__c": FieldRule("Key__c"),
        "Score__c": FieldRule("Score__c"),
        "LastName": FieldRule("l", when="created"),
    }
    sync = Sync("leads", "Lead", "Key__c", fields=rules, strategy=MODES["upsert"])
    jobs = told(sync)[0].jobs
    one = row(sync, "L-1")
    one.body = b'{"Key__c":"L-1","Score__c":1234567890123456.78}'
    assert jobs.line(jobs.head(sync, Action.UPSERT, by_id=False), one) == b'"L-1","","1234567890123456.78"\r\n'


def test_a_parent_that_is_not_there_is_named_by_its_column() -> None:
    sync = sync_of(["Key__c", "Account__r.Key__c"])
    jobs = told(sync)[0].jobs
    head = jobs.head(sync, Action.UPSERT, by_id=False)
    why = "INVALID_FIELD:Foreign key external ID: a-9 not found for field Key__c in entity Account:--"
    body = f'"sf__Id","sf__Error","Key__c"\r\n"","{why}","L-1"\r\n'.encode()
    asked = Job(sync, Action.UPSERT, False, "penstock-1", head, 1, NUMBER, JobStep.RESULTS, "JobComplete failed")
    page = jobs.decode(asked, answer(200, body))
    assert isinstance(page, Page)
    [(_, end)] = page.ends
    assert isinstance(end, Rejected)
    assert (end.code, end.field) == ("INVALID_FIELD", "Account__r.Key__c")


def test_the_header_is_the_union_of_the_fields_with_the_key_first() -> None:
    assert header(NAMES) == b'"Key__c","LastName","Score__c"\r\n'
    request = JOBS.encode(job(JobStep.UPLOAD), lambda: JOBS.line(HEAD, row(SYNC, "L-1", Score__c=3)) or b"")
    assert (request.method, request.path) == ("PUT", f"/services/data/v66.0/jobs/ingest/{NUMBER}/batches")
    assert gzip.decompress(request.body or b"") == b'"Key__c","LastName","Score__c"\r\n"L-1","","3"\r\n'
    assert request.headers["Content-Encoding"] == "gzip"
    assert request.headers["Content-Type"].startswith("text/csv")


def test_the_creation_says_how_the_file_is_written() -> None:
    request = JOBS.encode(job(JobStep.CREATE), lambda: b"")
    assert sent(request) == {
        "object": "Lead",
        "operation": "upsert",
        "externalIdFieldName": "Key__c",
        "contentType": "CSV",
        "lineEnding": "CRLF",
        "columnDelimiter": "COMMA",
    }
    by_id = JOBS.head(SYNC, Action.UPDATE, by_id=True)
    request = JOBS.encode(job(JobStep.CREATE, head=by_id, action=Action.UPDATE), lambda: b"")
    assert sent(request)["operation"] == "update"
    assert "externalIdFieldName" not in sent(request)
    line = JOBS.line(by_id, row(SYNC, "L-1", lead(1), LastName="Ana"))
    assert line == f'"{lead(1)}","L-1","Ana",""\r\n'.encode()


def test_deleting_for_good_is_an_operation_of_its_own() -> None:
    sync = sync_of(["Id"], match="Id", strategy=MODES["delete"])
    for hard, operation in ((False, "delete"), (True, "hardDelete")):
        destination, _ = told(sync, Options(hard_delete=hard))
        head = destination.jobs.head(sync, Action.DELETE, by_id=False)
        asked = Job(sync, Action.DELETE, False, "n", head)
        assert sent(destination.jobs.encode(asked, lambda: b""))["operation"] == operation
        assert destination.jobs.line(head, row(sync, lead(1))) == f'"{lead(1)}"\r\n'.encode()
        refusal = answer(400, [{"errorCode": "FeatureNotEnabled", "message": "zanzibar"}])
        with pytest.raises(Misconfigured if hard else Fault):
            destination.jobs.decode(asked, refusal)


def test_the_steps_in_their_order() -> None:
    body = {"id": NUMBER, "state": "Open"}
    assert JOBS.decode(job(JobStep.CREATE), answer(200, body)) == Moved(JobStep.UPLOAD, id=NUMBER)
    assert JOBS.decode(job(JobStep.UPLOAD), answer(201, b"")) == Moved(JobStep.START)
    body["state"] = "UploadComplete"
    moved = JOBS.decode(job(JobStep.START), answer(200, body))
    assert isinstance(moved, Moved)
    assert moved.step is JobStep.POLL
    assert moved.after > 0


def poll(state: str, place: str = "", **more: object) -> object:
    return JOBS.decode(job(JobStep.POLL, place), answer(200, {"id": NUMBER, "state": state, **more}))


def test_what_a_poll_leads_to() -> None:
    waits = []
    place = ""
    for _ in range(12):
        moved = poll("InProgress", place)
        assert isinstance(moved, Moved)
        waits.append(moved.after)
        place = moved.place
    assert waits == sorted(waits)
    assert waits[-1] == 30.0
    assert poll("Open") == Moved(JobStep.START)
    assert poll("Open", "cancelled") == Moved(JobStep.CANCEL)
    assert poll("JobComplete", numberRecordsProcessed=0) == Moved(JobStep.RESULTS, "JobComplete successful")
    for state in ("Failed", "Aborted"):
        assert poll(state, numberRecordsProcessed=7) == Moved(JobStep.RESULTS, f"{state} successful")
    with pytest.raises(NotAccepted):
        poll("Thinking")


@pytest.mark.parametrize(
    ("state", "text", "stop"),
    [
        ("Failed", "InvalidBatch : Field name not found : Foo__c", Misconfigured),
        ("Failed", "ClientInputError : LineEnding is invalid on user data", Misconfigured),
        ("Failed", "zanzibar", Fault),
        ("Aborted", "", Fault),
    ],
)
def test_a_job_that_wrote_nothing_ends_the_run_and_its_rows_were_not_written(
    state: str, text: str, stop: type[Exception]
) -> None:
    over = poll(state, numberRecordsProcessed=0, errorMessage=text)
    assert isinstance(over, Over)
    assert isinstance(over.rest, Retry)
    assert type(over.stop) is stop
    assert "zanzibar" not in str(over.stop)
    assert not isinstance(poll(state, "cancelled", numberRecordsProcessed=0), Over)


def results(place: str, body: str | bytes) -> Page:
    content = body.encode() if isinstance(body, str) else body
    found = JOBS.decode(job(JobStep.RESULTS, place), answer(200, content))
    assert isinstance(found, Page)
    return found


def test_all_three_files_are_read_and_rows_are_matched_by_their_key() -> None:
    body = (
        '"sf__Id","sf__Created",Key__c,LastName,Score__c\r\n'
        f'"{lead(2)}","false","L ""2""","a\n""{lead(9)}"",""true"",","9.1E8"\r\n'
        f'"{lead(1)}","true","L-1","x","1"\r\n'
    )
    page = results("JobComplete successful", body)
    assert not page.ends
    assert list(page.taken) == [Taken(['l "2"', "l-1"], [lead(2), lead(1)], [False, True])]
    assert page.then == Moved(JobStep.RESULTS, "JobComplete failed")
    cells = [
        ("L-3", "REQUIRED_FIELD_MISSING:Required fields: are missing: [LastName]:LastName --"),
        ("L-4", "UNABLE_TO_LOCK_ROW:unable to obtain exclusive access:--"),
        ("L-5", "zanzibar"),
        ("L-6", "STORAGE_LIMIT_EXCEEDED:storage limit exceeded:--"),
    ]
    lines = "".join(f'"","{error}","{key}","",""\r\n' for key, error in cells)
    page = results("JobComplete failed", f'"sf__Id","sf__Error",Key__c,LastName,Score__c\r\n{lines}')
    assert page.then == Moved(JobStep.RESULTS, "JobComplete unprocessed")
    ends: dict[Any, Any] = dict(page.ends)
    assert ends["l-3"] == Rejected("REQUIRED_FIELD_MISSING", "a required field has no value", "LastName")
    assert isinstance(ends["l-4"], Retry)
    assert isinstance(ends["l-5"], Rejected)
    assert isinstance(ends["l-6"], Retry)
    assert "zanzibar" not in ends["l-5"].message
    page = results("Failed unprocessed", 'Key__c,LastName,Score__c\r\n"L-7","",""\r\n')
    assert list(page.ends) == [("l-7", Retry("not processed"))]
    assert isinstance(page.then, Over)
    assert isinstance(page.then.rest, Unknown)


@pytest.mark.parametrize("which", ["successful", "failed", "unprocessed"])
def test_an_empty_file_names_no_row(which: str) -> None:
    page = results(f"JobComplete {which}", "")
    assert [*page.ends, *page.taken] == []


@pytest.mark.parametrize("body", [b"<html>busy</html>\n<p>", b"\xff\xfe", b'"sf__Id","sf__Created"\r\n"a","true"\r\n'])
def test_a_file_that_is_none_is_asked_for_again(body: bytes) -> None:
    with pytest.raises(NotAccepted):
        list(results("JobComplete successful", body).taken)


def test_refusals_of_a_jobs_steps() -> None:
    refused = answer(400, [{"errorCode": "INVALIDJOB", "message": "Found multipe contents for job"}])
    with pytest.raises(BatchRefused):
        JOBS.decode(job(JobStep.START), refused)
    assert JOBS.decode(job(JobStep.CANCEL), refused) == Moved(JobStep.POLL, "cancelled")
    with pytest.raises(BatchRefused, match="no batches left"):
        JOBS.decode(job(JobStep.CREATE), answer(400, [{"errorCode": "ExceededQuota", "message": "m"}]))
    gone = answer(404, [{"errorCode": "NOT_FOUND", "message": "The requested resource does not exist"}])
    assert JOBS.decode(job(JobStep.POLL), gone) == Absent()


@given(st.binary(max_size=200))
def test_any_file_is_read_or_refused(body: bytes) -> None:
    with suppress(NotAccepted):
        list(written(body, "Key__c", str.strip))
    with suppress(NotAccepted):
        list(table(body, ("Key__c",)))

"""Imports: many rows as one file; every line in its true outcome; a job that outlives its run is adopted."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from penstock.bulk import Absent, Job, JobStep, Moved, Over, Page
from penstock.errors import BatchRefused, NotAccepted
from penstock.modes import Action
from penstock.records import Delivered, Outcome, Rejected, Response, Retry, Unknown
from penstock_sandbox.handle import Sandbox
from target_hubspot.imports import Described, Imports
from tests.hubspot.process import (
    CANARY,
    SCHEMA,
    SYNCS,
    Line,
    at_destination,
    ended,
    mail,
    ran,
    record,
    records,
    rejects,
    settings_for,
    started,
    state,
)
from tests.hubspot.test_signals import feed, until
from tests.hubspot.values import hubspot, row

BULK = {"people": {**SYNCS["people"], "bulk_above": 50}}
IMPORTED = "/crm/imports/2026-03"
_, SYNC = hubspot()
TYPES = {"email": "string", "firstname": "string", "seen_at": "datetime"}


def refuse(response: Response, batch: object) -> Exception:
    return BatchRefused("NO", f"status {response.status}")


IMPORTS = Imports(lambda sync: Described("0-1", "email", TYPES), refuse)


def job(step: JobStep, place: str = "", *, by_id: bool = False) -> Job:
    action = Action.UPDATE if by_id else Action.UPSERT
    head = IMPORTS.head(SYNC, action, by_id=by_id)
    return Job(SYNC, action, by_id, "penstock-1-1-ab", head, 3, "1471", step, place)


def read(step: JobStep, body: object, place: str = "", status: int = 200) -> Any:
    return IMPORTS.decode(job(step, place), Response(status, {}, json.dumps(body).encode()))


# -- plain values -------------------------------------------------------------------------------------------


def line(*, by_id: bool = False, **properties: Any) -> bytes | None:
    found = row(SYNC, "a@example.com", "17" if by_id else None, **properties)
    return IMPORTS.line(job(JobStep.CREATE, by_id=by_id).head, found)


def test_a_line_has_every_column_and_quotes_what_is_text() -> None:
    assert line(firstname='An"a,\nM.') == b'"a@example.com","An""a,\nM.",\r\n'
    assert line() == b'"a@example.com",,\r\n'
    assert line(by_id=True, firstname="Ana") == b'17,"a@example.com","Ana",\r\n'


def test_a_moment_goes_in_milliseconds() -> None:
    assert line(seen_at="2026-01-02T03:04:05.678Z") == b'"a@example.com",,1767323045678\r\n'


@pytest.mark.parametrize("properties", [{"firstname": ""}, {"firstname": "a\0b"}, {"unmapped": "x"}])
def test_a_row_that_a_file_cannot_say_goes_by_a_request(properties: dict[str, Any]) -> None:
    assert line(**properties) is None


def test_the_steps_of_an_import() -> None:
    running = {"id": "1471", "state": "STARTED"}
    assert read(JobStep.CREATE, running) == Moved(JobStep.POLL, "1", "1471", 0.25)
    assert read(JobStep.POLL, {**running, "state": "DEFERRED"}, "3") == Moved(JobStep.POLL, "4", "1471", 2.0)
    assert read(JobStep.POLL, {**running, "state": "PROCESSING"}, "30") == Moved(JobStep.POLL, "31", "1471", 15.0)
    assert read(JobStep.POLL, {**running, "state": "DONE"}) == Moved(JobStep.RESULTS, "DONE ", "1471")
    counters = {"metadata": {"counters": {"TOTAL_ROWS": 3, "UNIQUE_OBJECTS_WRITTEN": 2}}}
    assert read(JobStep.POLL, {**running, **counters, "state": "DONE"}) == Moved(JobStep.RESULTS, "DONE:2 ", "1471")
    assert read(JobStep.RESULTS, {"results": []}, "DONE:2 ") == Page([], Over(Delivered(), written=2))
    assert read(JobStep.CANCEL, {"status": "COMPLETE"}) == Moved(JobStep.POLL)
    assert read(JobStep.POLL, {}, status=404) == Absent()


def test_a_lost_import_is_looked_for_page_by_page() -> None:
    others = [{"id": "1", "state": "DONE", "importName": "penstock-1-1-cd"}]
    more = {"results": others, "paging": {"next": {"after": "NTI%3D"}}}
    moved = read(JobStep.FIND, more)
    assert moved == Moved(JobStep.FIND, "&after=NTI%3D")
    request = IMPORTS.encode(job(JobStep.FIND, moved.place), lambda: b"")
    assert request.path == f"{IMPORTED}?limit=100&after=NTI%3D"
    assert read(JobStep.FIND, {"results": others}) == Absent()
    own = {"id": "9", "state": "DONE", "importName": "penstock-1-1-ab"}
    assert read(JobStep.FIND, {"results": [*others, own]}) == Moved(JobStep.RESULTS, "DONE ", "9")


def error(kind: str, column: int, cells: list[str] | None, number: int = 3) -> dict[str, object]:
    return {
        "errorType": kind,
        "errorMessage": CANARY,
        "knownColumnNumber": column,
        "invalidValue": CANARY,
        "sourceData": {"lineNumber": number, "rowData": cells},
    }


@pytest.mark.parametrize(
    ("found", "end"),
    [
        (
            error("INVALID_EMAIL", 0, ["nope", "Ana", ""]),
            ("nope", Rejected("INVALID_EMAIL", "HubSpot does not accept the e-mail address", "email", partly=True)),
        ),
        (
            error("COULD_NOT_PARSE_DATE", 2, None),
            (1, Rejected("COULD_NOT_PARSE_DATE", "the value is not a date", "seen_at", partly=True)),
        ),
        (
            error("COULD_NOT_PARSE_ROW", 0, []),
            (1, Rejected("COULD_NOT_PARSE_ROW", "HubSpot refused the row with code COULD_NOT_PARSE_ROW", partly=True)),
        ),
        (error("INVALID_ALTERNATE_ID", 0, ["a@example.com"]), ("a@example.com", Retry("INVALID_ALTERNATE_ID"))),
        (
            error("ana zanzibar", 99, ["a@example.com"]),
            (
                "a@example.com",
                Rejected("no category", "HubSpot refused the row with code no category", partly=True),
            ),
        ),
    ],
)
def test_a_line_error_is_a_reject_with_code_and_field(found: object, end: tuple[int | str, Outcome]) -> None:
    page = read(JobStep.RESULTS, {"results": [found]}, "DONE ")
    assert page == Page([end], Over(Delivered()))


def test_errors_come_page_by_page_and_an_import_that_failed_leaves_doubt() -> None:
    assert read(JobStep.RESULTS, {"results": [], "paging": {"next": {"after": "10"}}}, "FAILED ") == Page(
        [], Moved(JobStep.RESULTS, "FAILED &after=10")
    )
    request = IMPORTS.encode(job(JobStep.RESULTS, "FAILED &after=10"), lambda: b"")
    assert request.path == f"{IMPORTED}/1471/errors?limit=100&after=10"
    assert read(JobStep.RESULTS, {"results": []}, "FAILED &after=10") == Page(
        [], Over(Unknown("the import ended as FAILED"))
    )


@pytest.mark.parametrize(
    ("step", "body", "place"),
    [
        (JobStep.RESULTS, {"results": None}, "DONE "),
        (JobStep.RESULTS, {"results": [], "paging": {"next": {}}}, "DONE "),
        (JobStep.RESULTS, {"results": [], "paging": {"next": {"after": "10"}}}, "DONE &after=10"),
        (JobStep.POLL, {"id": "../x", "state": "DONE"}, ""),
        (JobStep.POLL, {"id": "1", "state": "FINE"}, ""),
        (JobStep.CREATE, [], ""),
    ],
)
def test_an_answer_that_is_none_says_nothing(step: JobStep, body: object, place: str) -> None:
    with pytest.raises(NotAccepted):
        read(step, body, place)


# -- against the sandbox ------------------------------------------------------------------------------------


def bulk(sandbox: Sandbox, **more: Any) -> dict[str, Any]:
    return settings_for(sandbox, syncs=BULK, **more)


def imports_made(sandbox: Sandbox) -> int:
    return sum(count for route, count in sandbox.stats().routes.items() if route == f"POST {IMPORTED}")


def test_many_rows_travel_as_one_file(tmp_path: Path, sandbox: Sandbox) -> None:
    sandbox.configure(hubspot={"import_seconds": 0})
    more = {"score": 4.5, "signed_up": "2026-02-03"}
    lines: list[Line] = [SCHEMA, *(record(n, 'Zoë, "Z"', **more) for n in range(200)), state(200)]
    run = ran(tmp_path, bulk(sandbox), lines)
    assert run.code == 0, run.stderr
    assert at_destination(sandbox) == {mail(n): f'{CANARY} Zoë, "Z"' for n in range(200)}
    assert {c.properties["lead_score"] for c in sandbox.objects()} == {"4.5"}
    assert run.states[-1] == {"position": 200}
    assert "by job 200" in run.stderr
    assert CANARY not in run.stderr
    assert sandbox.stats().requests < 10
    again = ran(tmp_path, bulk(sandbox), lines)
    assert "unchanged 200" in again.stderr


def test_line_errors_are_rejects_and_the_other_lines_are_written(tmp_path: Path, sandbox: Sandbox) -> None:
    sandbox.configure(hubspot={"import_seconds": 0})
    bad = {"type": "RECORD", "stream": "people", "record": {"id": 900, "mail": "no address", "first": CANARY}}
    lines: list[Line] = [SCHEMA, *records(60), bad, *records(60, start=60), state(121)]
    run = ran(tmp_path, bulk(sandbox), lines)
    assert run.code == 0, run.stderr
    assert set(at_destination(sandbox)) == {mail(n) for n in range(120)}
    assert rejects(tmp_path) == {"[900]": ("INVALID_EMAIL", "email")}
    assert run.states[-1] == {"position": 121}


def test_rows_that_a_job_made_are_updated_by_their_match_value_and_then_by_id(tmp_path: Path, sandbox: Sandbox) -> None:
    sandbox.configure(hubspot={"import_seconds": 0})
    ran(tmp_path, bulk(sandbox), [SCHEMA, *records(60)])
    for name in ("b", "c"):
        run = ran(tmp_path, bulk(sandbox), [SCHEMA, *records(10, name)])
        assert "updated 10" in run.stderr, run.stderr
    routes = sandbox.stats().routes
    assert any("batch/upsert" in route for route in routes)
    assert any("batch/update" in route for route in routes)
    ran(tmp_path, bulk(sandbox), [SCHEMA, *records(60, "d")])
    assert at_destination(sandbox) == {mail(n): f"{CANARY} d" for n in range(60)}


@pytest.mark.parametrize("fate", ["failed", "reverted"])
def test_an_import_that_fails_leaves_its_rows_to_requests(tmp_path: Path, sandbox: Sandbox, fate: str) -> None:
    sandbox.configure(hubspot={"import_seconds": 0, "import_fate": fate})
    run = ran(tmp_path, bulk(sandbox), [SCHEMA, *records(120), state(120)])
    assert run.code == 0, run.stderr
    assert at_destination(sandbox) == {mail(n): f"{CANARY} a" for n in range(120)}
    assert run.states[-1] == {"position": 120}
    assert "fell back 120" in run.stderr


def test_a_token_without_the_scope_is_told_so(tmp_path: Path, sandbox: Sandbox) -> None:
    token = sandbox.grant("sandbox-few", ["crm.objects.contacts.read", "crm.objects.contacts.write"])
    run = ran(tmp_path, bulk(sandbox, token=token), [SCHEMA, *records(120)])
    assert run.code == 2
    assert "crm.import" in run.last_line
    assert at_destination(sandbox) == {}


@pytest.mark.parametrize("place", ["before_apply", "after_apply"])
def test_an_answer_that_is_lost_makes_no_second_import(tmp_path: Path, sandbox: Sandbox, place: str) -> None:
    sandbox.configure(hubspot={"import_seconds": 0})
    sandbox.fault(place, "reset", match=f"POST /hubspot{IMPORTED}", on=[1])
    run = ran(tmp_path, bulk(sandbox), [SCHEMA, *records(120), state(120)])
    assert run.code == 0, run.stderr
    assert sandbox.stats().faults_struck == 1
    assert at_destination(sandbox) == {mail(n): f"{CANARY} a" for n in range(120)}
    assert imports_made(sandbox) == (place == "after_apply")
    assert ("by job 120" in run.stderr) == (place == "after_apply")


@contextmanager
def under_way(folder: Path, sandbox: Sandbox, rows: int) -> Iterator[Any]:
    """Start a run whose import is half way when the block begins, and stays there: the sandbox's clock stands."""
    sandbox.hold_clock()
    with started(folder, bulk(sandbox)) as target:
        try:
            feed(target, [SCHEMA, *records(rows), state(rows)])
            cast("Any", target.stdin).close()
            until(lambda: imports_made(sandbox) == 1)
            sandbox.advance(2)
            until(lambda: sandbox.stats().requests > 6)
            sandbox.advance(1)
            until(lambda: 0 < len(sandbox.history()) < rows)
            yield target
        finally:
            target.kill()


def test_a_run_that_is_killed_leaves_its_import_to_the_next(tmp_path: Path, sandbox: Sandbox) -> None:
    """The orphan writes on; the next run has newer values, and they come after it."""
    with under_way(tmp_path, sandbox, 100) as target:
        target.kill()
        target.wait()
        assert target.stdout.read() == b""
    sandbox.hold_clock(False)
    sandbox.configure(hubspot={"import_seconds": 0})
    run = ran(tmp_path, bulk(sandbox), [SCHEMA, *records(20, "b"), state(20)])
    assert run.code == 0, run.stderr
    assert "jobs adopted 1" in run.stderr
    assert imports_made(sandbox) == 1
    assert at_destination(sandbox) == {mail(n): f"{CANARY} {'b' if n < 20 else 'a'}" for n in range(100)}
    rest = ran(tmp_path, bulk(sandbox), [SCHEMA, *records(80, start=20), state(100)])
    assert "unchanged 80" in rest.stderr


def test_a_signal_ends_a_run_and_its_import_goes_on(tmp_path: Path, sandbox: Sandbox) -> None:
    with under_way(tmp_path, sandbox, 100) as target:
        target.send_signal(signal.SIGTERM)
        code = target.wait(timeout=30)
        run = ended(code, target.stdout.read(), target.stderr.read())
    assert (run.code, run.states) == (143, [])
    assert "the next run adopts it" in run.stderr
    sandbox.hold_clock(False)
    sandbox.configure(hubspot={"import_seconds": 0})
    again = ran(tmp_path, bulk(sandbox), [SCHEMA, *records(100), state(100)])
    assert "unchanged 100" in again.stderr, again.stderr
    assert again.states[-1] == {"position": 100}
    assert imports_made(sandbox) == 1

"""The whole path under faults at exact places: afterwards every row is at HubSpot once, with its last value."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from penstock_sandbox.handle import Sandbox
from tests.hubspot.process import (
    CANARY,
    SCHEMA,
    SYNCS,
    Ended,
    Line,
    at_destination,
    mail,
    ran,
    record,
    records,
    rejects,
    settings_for,
    state,
)

KEYS = 500
VERSIONS = 3


def history() -> list[Line]:
    """Every key in several versions, the later overtaking nothing, a STATE after every hundred rows."""
    found: list[Line] = [SCHEMA]
    for version in range(VERSIONS):
        for start in range(0, KEYS, 100):
            found += [*records(100, version, start), state([version, start + 100])]
    return found


LAST = {mail(n): f"{CANARY} {VERSIONS - 1}" for n in range(KEYS)}


def check_path(folder: Path, sandbox: Sandbox) -> Ended:
    """Run; lost, duplicate and stale are judged by what is there, not by what we say."""
    run = ran(folder, settings_for(sandbox), history())
    assert run.code == 0, run.stderr
    assert at_destination(sandbox) == LAST
    assert run.states[-1] == {"position": [VERSIONS - 1, KEYS]}
    assert rejects(folder) == {}
    assert CANARY not in run.stderr
    assert sandbox.stats().faults_struck > 0
    return run


def status(sandbox: Sandbox, place: str, number: int, body: object = None, **schedule: Any) -> None:
    sandbox.fault(place, "status", status=number, body=body or {"status": "error"}, **schedule)


@pytest.mark.parametrize("place", ["on_connect", "before_apply", "after_apply", "in_answer"])
def test_connections_lost_at_every_place(tmp_path: Path, sandbox: Sandbox, place: str) -> None:
    sandbox.fault(place, "reset", share=0.2, seed=4711, on=[2])
    check_path(tmp_path, sandbox)


@pytest.mark.parametrize(("place", "number"), [("before_apply", 503), ("after_apply", 500)])
def test_bursts_of_server_errors(tmp_path: Path, sandbox: Sandbox, place: str, number: int) -> None:
    status(sandbox, place, number, on=[1, 2, 3], share=0.15, seed=7)
    check_path(tmp_path, sandbox)


@pytest.mark.parametrize("kind", ["html", "truncate", "empty", "drop_rows"])
def test_answers_that_do_not_say_what_happened(tmp_path: Path, sandbox: Sandbox, kind: str) -> None:
    sandbox.fault("in_answer", kind, on=[1, 4], share=0.1, seed=11)
    check_path(tmp_path, sandbox)


def test_an_outage_behind_a_friendly_page_rejects_no_row(tmp_path: Path, sandbox: Sandbox) -> None:
    sandbox.fault("before_apply", "html", times=3)
    run = ran(tmp_path, settings_for(sandbox), [SCHEMA, *records(100), state(100)])
    assert run.code == 0, run.stderr
    assert rejects(tmp_path) == {}
    assert len(at_destination(sandbox)) == 100


def test_a_refused_batch_is_halved_and_every_half_arrives(tmp_path: Path, sandbox: Sandbox) -> None:
    body = {"status": "error", "category": "CONFLICT", "message": "Contact already exists"}
    status(sandbox, "before_apply", 409, body, on=[2, 3, 5])
    check_path(tmp_path, sandbox)


def test_a_lock_and_a_second_long_throttle_are_waited_for(tmp_path: Path, sandbox: Sandbox) -> None:
    status(sandbox, "before_apply", 423, on=[2])
    status(sandbox, "before_apply", 429, {"policyName": "SECONDLY"}, on=[4])
    check_path(tmp_path, sandbox)


def test_a_spent_window_is_waited_for(tmp_path: Path, sandbox: Sandbox) -> None:
    """The one test that waits ten real seconds: HubSpot names no time, so the window itself is waited for."""
    sandbox.configure(hubspot={"per_ten_seconds": 4})
    run = ran(tmp_path, settings_for(sandbox), [SCHEMA, *records(300), state(300)])
    assert run.code == 0, run.stderr
    assert run.states[-1] == {"position": 300}
    assert set(at_destination(sandbox)) == {mail(n) for n in range(300)}
    assert sandbox.stats().over_quota <= 1


@pytest.mark.parametrize(
    ("number", "body", "code", "words"),
    [
        (401, {"category": "EXPIRED_AUTHENTICATION"}, 2, "setting token: HubSpot refused it (status 401"),
        (403, {"context": {"requiredGranularScopes": ["crm.objects.contacts.write"]}}, 2, "contacts.write"),
        (429, {"policyName": "DAILY"}, 1, "after midnight in the portal's time zone"),
        (477, {}, 1, "between data centres"),
        (302, {}, 2, "redirected"),
    ],
)
def test_a_run_that_must_stop_has_printed_what_it_earned(
    tmp_path: Path, sandbox: Sandbox, number: int, body: dict[str, Any], code: int, words: str
) -> None:
    status(sandbox, "before_apply", number, body, on=[3])
    run = ran(tmp_path, settings_for(sandbox), history())
    assert run.code == code, run.stderr
    assert words in run.last_line
    for version, rows in (line["position"] for line in run.states):
        assert {mail(n) for n in range(rows if version == 0 else KEYS)} <= set(at_destination(sandbox))
    check_path(tmp_path, sandbox)


def call(sandbox: Sandbox, method: str, path: str, body: object = None) -> None:
    """Do in the portal what an admin would do."""
    request = urllib.request.Request(
        sandbox.hubspot_url + path,
        None if body is None else json.dumps(body).encode(),
        {"Authorization": f"Bearer {sandbox.token}", "Content-Type": "application/json"},
        method=method,
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        answer.read()


def test_a_property_that_goes_away_stops_the_run_instead_of_rejecting_every_row(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    missing = {"category": "VALIDATION_ERROR", "context": {"objectWriteTraceId": [str(n) for n in range(100)]}}
    embedded = [{"error": "PROPERTY_DOESNT_EXIST", "name": "lead_score", "message": f"{CANARY}"}]
    missing["message"] = f"Property values were not valid: {json.dumps(embedded)}"
    status(sandbox, "before_apply", 207, {"results": [], "errors": [missing]}, on=[3])
    run = ran(tmp_path, settings_for(sandbox), history())
    assert run.code == 2, run.stderr
    assert "property 'lead_score': the property does not exist (any more)" in run.last_line
    assert rejects(tmp_path) == {}
    check_path(tmp_path, sandbox)


def moved(number: int, address: str) -> Line:
    """A row whose address changed."""
    row = record(number, "moved")
    row["record"]["mail"] = address
    return row


def test_a_contact_that_was_merged_away_is_followed_to_its_survivor(tmp_path: Path, sandbox: Sandbox) -> None:
    ran(tmp_path, settings_for(sandbox), [SCHEMA, *records(5), state(5)])
    [survivor] = sandbox.seed(objects=[{"email": "survivor@example.com"}])
    merged = next(c.id for c in sandbox.objects() if c.properties["email"] == mail(3))
    sandbox.merge(survivor, merged)
    run = ran(tmp_path, settings_for(sandbox), [SCHEMA, *records(3), moved(3, "new@example.com"), state(5)])
    assert run.code == 0, run.stderr
    assert set(at_destination(sandbox)) == {mail(0), mail(1), mail(2), mail(4), "new@example.com"}
    assert next(c.id for c in sandbox.objects() if c.properties["email"] == "new@example.com") == survivor


def test_a_contact_that_was_deleted_is_made_again_once(tmp_path: Path, sandbox: Sandbox) -> None:
    ran(tmp_path, settings_for(sandbox), [SCHEMA, *records(5), state(5)])
    ids = {c.properties["email"]: c.id for c in sandbox.objects()}
    gone = [{"id": ids[mail(n)]} for n in (2, 3)]
    call(sandbox, "POST", "/crm/v3/objects/contacts/batch/archive", {"inputs": gone})
    lines = [SCHEMA, record(2, "changed"), moved(3, "new@example.com"), state(5)]
    assert ran(tmp_path, settings_for(sandbox), lines).code == 0
    assert at_destination(sandbox)[mail(2)] == f"{CANARY} changed"
    assert at_destination(sandbox)["new@example.com"] == f"{CANARY} moved"
    assert len(at_destination(sandbox)) == 5


def test_a_moved_row_whose_answers_are_lost_never_becomes_two_contacts(tmp_path: Path, sandbox: Sandbox) -> None:
    sandbox.fault("after_apply", "reset", on=[1])
    ran(tmp_path, settings_for(sandbox), [SCHEMA, *records(5), state(5)])
    sandbox.clear_faults()
    for place, kind in (("after_apply", "reset"), ("in_answer", "drop_rows"), ("in_answer", "html")):
        sandbox.fault(place, kind, on=[1, 2], rows=100)
    assert ran(tmp_path, settings_for(sandbox), [SCHEMA, moved(3, "new@example.com"), state(6)]).code == 0
    assert set(at_destination(sandbox)) == {*(mail(n) for n in (0, 1, 2, 4)), "new@example.com"}


def test_an_address_of_somebody_else_is_a_reject_and_their_record_stays_theirs(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    sandbox.seed(objects=[{"email": mail(70), "firstname": "theirs"}])
    fields = {"customer_key": "id", "email": "mail", "firstname": "first"}
    syncs = {"people": {**SYNCS["people"], "match": "customer_key", "fields": fields}}
    run = ran(tmp_path, settings_for(sandbox, syncs=syncs), [SCHEMA, *records(150), state(150)])
    assert run.code == 0, run.stderr
    assert rejects(tmp_path) == {"[70]": ("CONFLICT", None)}
    assert at_destination(sandbox)[mail(70)] == "theirs"
    assert len(at_destination(sandbox)) == 150

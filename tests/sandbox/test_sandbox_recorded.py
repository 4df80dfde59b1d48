"""The sandbox's bodies have the keys of bodies recorded from HubSpot."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import requests

    from tests.sandbox.conftest import Api

DEFAULT = Path(__file__).resolve().parents[3] / "shared" / "samples"
CONTACTS = "/crm/v3/objects/contacts"


def sample(file: str, needle: str) -> dict[str, object]:
    path = Path(os.environ.get("PENSTOCK_SAMPLES", DEFAULT)) / "hubspot" / file
    if not path.is_file():
        pytest.skip("recorded bodies are not in this checkout; PENSTOCK_SAMPLES names their folder")
    found = [each for each in json.loads(path.read_text())["samples"] if needle in json.dumps(each)]
    assert found, needle
    first: dict[str, object] = found[0]
    return first


def shape(value: object, free: frozenset[str] = frozenset({"properties"})) -> object:
    """Reduce a body to its keys; lists to the shape of their first element, property maps to nothing."""
    match value:
        case dict():
            return {key: None if key in free else shape(each) for key, each in value.items()}
        case [first, *_]:
            return [shape(first)]
        case _:
            return type(value).__name__


def agrees(answer: requests.Response, recorded: dict[str, object]) -> bool:
    return answer.status_code == recorded["status"] and shape(answer.json()) == shape(recorded["body"])


def test_create_conflict_without_trace_ids(api: Api) -> None:
    api.upsert("a@example.com")
    answer = api.batch("create", [{"properties": {"email": "a@example.com"}}])
    assert agrees(answer, sample("recorded.json", "contacts/err-conflict"))
    assert answer.json()["message"] == "Contact already exists"


def test_create_partial_success(api: Api) -> None:
    api.upsert("a@example.com")
    rows: list[dict[str, object]] = [
        {"objectWriteTraceId": str(n), "properties": {"email": email}}
        for n, email in enumerate(("a@example.com", "b@example.com"))
    ]
    assert agrees(api.batch("create", rows), sample("recorded.json", "create/contacts/err-partial-success"))


def test_update_duplicates(api: Api) -> None:
    rows: list[dict[str, object]] = [{"id": "123456", "properties": {}}, {"id": "123456", "properties": {}}]
    answer = api.batch("update", rows)
    recorded = sample("recorded.json", "err-duplicate-ids")
    body = recorded["body"]
    assert agrees(answer, recorded)
    assert isinstance(body, dict)
    assert answer.json()["message"] == body["message"]


def test_update_partial_success(api: Api) -> None:
    known = api.upsert("a@example.com").json()["results"][0]["id"]
    rows: list[dict[str, object]] = [
        {"id": known, "properties": {"city": "Lima"}},
        {"id": "unknownIdentifier888", "properties": {"city": "Lima"}},
    ]
    recorded = sample("recorded.json", "update/contacts/err-partial-success")
    answer = api.batch("update", rows)
    assert agrees(answer, recorded)
    body = recorded["body"]
    assert isinstance(body, dict)
    assert answer.json()["errors"] == body["errors"]


def test_missing_scopes(api: Api) -> None:
    narrow = api.sandbox.grant("sandbox-narrow", scopes=[])
    answer = api.call("GET", CONTACTS, headers={"Authorization": f"Bearer {narrow}"})
    assert agrees(answer, sample("errors.json", "GET /crm/v3/objects/deals"))


def test_invalid_address(api: Api) -> None:
    recorded = sample("errors.json", "INVALID_EMAIL")
    row: dict[str, object] = {"id": "name@domain.invalid", "idProperty": "email", "properties": {}}
    answer = api.batch("upsert", [row])
    assert answer.status_code == recorded["status"]
    assert isinstance(recorded["body"], dict)
    assert set(answer.json()) >= set(recorded["body"])
    assert "Email address name@domain.invalid is invalid" in answer.json()["message"]


def test_daily_limit(api: Api) -> None:
    api.sandbox.configure(hubspot={"daily": 0})
    recorded = sample("errors.json", "You have reached your daily limit.")
    answer = api.upsert("a@example.com")
    assert agrees(answer, recorded)


def test_association_results(api: Api) -> None:
    [contact] = api.sandbox.seed([{"email": "a@example.com"}])
    companies = api.sandbox.seed([{"name": "One"}, {"name": "Two"}], object_type="companies")
    types = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 279}]
    inputs = [{"from": {"id": contact}, "to": {"id": each}, "types": types} for each in companies]
    path = "/crm/v4/associations/contact/company/batch/create"
    assert agrees(api.call("POST", path, {"inputs": inputs}), sample("recorded.json", "contact-to-company-resp"))


def test_scopes_of_schemas(api: Api) -> None:
    narrow = api.sandbox.grant("sandbox-narrow", scopes=[])
    answer = api.call("GET", "/crm/v3/schemas", headers={"Authorization": f"Bearer {narrow}"})
    assert agrees(answer, sample("recorded.json", "metadata-err-schemas-scope"))


def test_a_page_of_search(api: Api) -> None:
    api.sandbox.seed([{"email": f"u{n}@example.com", "firstname": "Ana"} for n in range(3)])
    names = ["company", "email", "firstname", "lastname", "phone", "website"]
    answer = api.call("POST", f"{CONTACTS}/search", {"limit": 1, "properties": names})
    recorded = sample("recorded.json", "search/contacts/1-first-page")
    assert agrees(answer, recorded)
    assert isinstance(recorded["body"], dict)
    assert set(answer.json()["results"][0]["properties"]) == set(recorded["body"]["results"][0]["properties"])


def test_the_recorded_properties_can_be_created(api: Api) -> None:
    group = {"name": "integrationcreatedproperties", "label": "Integration"}
    assert api.call("POST", "/crm/v3/properties/contacts/groups", group).status_code == 201
    payload = sample("recorded.json", "3-payload-batch-create-properties")["body"]
    answer = api.call("POST", "/crm/v3/properties/contacts/batch/create", payload)
    assert answer.status_code == 201
    assert {each["name"] for each in answer.json()["results"]} == {"age__c", "interests__c"}


def test_tickets_with_one_bad_row(api: Api) -> None:
    recorded = sample("errors.json", "tickets/batch/create")
    good = {"subject": "One", "hs_pipeline": "0", "hs_pipeline_stage": "1"}
    rows: list[dict[str, object]] = [
        {"objectWriteTraceId": "1", "properties": good},
        {"objectWriteTraceId": "549b1c2a9351", "properties": {**good, "missing": "x"}},
    ]
    answer = api.batch("create", rows, "/crm/objects/2026-03/tickets")
    body = recorded["body"]
    assert isinstance(body, dict)
    assert answer.status_code == recorded["status"]
    told = json.loads(json.dumps(body["errors"]).replace("891936587", "12345678"))
    assert answer.json()["errors"] == told
    assert set(answer.json()["results"][0]) == {*body["results"][0], "url"}


def test_the_older_form_of_the_conflict(api: Api) -> None:
    api.sandbox.configure(hubspot={"create_conflict": "old"})
    api.sandbox.seed([{"email": "a@example.com"}])
    answer = api.call("POST", CONTACTS, {"properties": {"email": "a@example.com"}})
    recorded = sample("errors.json", "CONTACT_EXISTS")
    assert isinstance(recorded["body"], dict)
    assert answer.status_code == recorded["status"]
    assert shape(answer.json()) == shape(recorded["body"] | {"correlationId": "x"})


def test_a_property_that_identifies_nothing(api: Api) -> None:
    recorded = sample("errors.json", "non-unique 0-2")
    row: dict[str, object] = {"id": "7", "idProperty": "hs_object_id", "properties": {}}
    answer = api.batch("upsert", [row], "/crm/v3/objects/companies")
    body = recorded["body"]
    assert isinstance(body, dict)
    assert (answer.status_code, answer.json()["message"]) == (recorded["status"], body["message"])
    assert set(answer.json()) == {*body, "correlationId"}

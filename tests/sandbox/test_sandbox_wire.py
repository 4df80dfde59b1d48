"""Paths, statuses and bodies, as a raw HTTP client sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from penstock_sandbox.handle import Sandbox
    from tests.sandbox.conftest import Api

CONTACTS = "/crm/v3/objects/contacts"


def bad_and_good(api: Api, family: str) -> tuple[int, dict[str, object]]:
    rows: list[dict[str, object]] = [
        {"id": "a@example.com", "idProperty": "email", "objectWriteTraceId": "1", "properties": {"plan": "free"}},
        {"id": "b@example.com", "idProperty": "email", "objectWriteTraceId": "2", "properties": {"planet": "x"}},
    ]
    answer = api.batch("upsert", rows, family)
    return answer.status_code, answer.json()


@pytest.mark.parametrize(
    ("family", "status"),
    [(CONTACTS, 207), ("/crm/objects/2026-03/contact", 207), ("/crm/objects/2026-09/0-1", 200)],
)
def test_the_path_families_differ_only_in_the_status_of_partial_success(api: Api, family: str, status: int) -> None:
    got, body = bad_and_good(api, family)
    assert got == status
    assert body["numErrors"] == 1
    assert list(body) == ["status", "results", "numErrors", "errors", "startedAt", "completedAt"]


def test_the_newest_family_can_be_told_to_answer_207(sandbox: Sandbox, api: Api) -> None:
    sandbox.configure(hubspot={"partial_status_2026_09": 207})
    assert bad_and_good(api, "/crm/objects/2026-09/contacts")[0] == 207


def test_a_refused_batch_lists_its_problems_and_writes_nothing(sandbox: Sandbox, api: Api) -> None:
    answer = api.batch("upsert", [{"id": "a@example.com", "idProperty": "email", "properties": {"planet": "x"}}])
    assert answer.status_code == 400
    body = answer.json()
    assert body["correlationId"] == answer.headers["x-hubspot-correlation-id"]
    assert body["errors"] == [
        {
            "message": 'Property "planet" does not exist',
            "code": "PROPERTY_DOESNT_EXIST",
            "context": {"propertyName": ["planet"]},
        }
    ]
    assert sandbox.objects() == []


def test_results_are_shuffled_and_complete(api: Api) -> None:
    emails = [f"u{n}@example.com" for n in range(50)]
    got = [result["properties"]["email"] for result in api.upsert(*emails).json()["results"]]
    assert got != emails
    assert sorted(got) == sorted(emails)


def test_trace_ids_are_echoed_only_when_switched_on(sandbox: Sandbox, api: Api) -> None:
    assert "objectWriteTraceId" not in api.upsert("a@example.com").json()["results"][0]
    sandbox.configure(hubspot={"echo_trace_ids": True})
    assert api.upsert("a@example.com").json()["results"][0]["objectWriteTraceId"] == "0"


def test_read_finds_by_key_and_lists_what_is_missing(api: Api) -> None:
    api.upsert("a@example.com", city="Lima")
    asked = {
        "idProperty": "email",
        "properties": ["city", "phone", "nonsense"],
        "inputs": [{"id": "A@example.com"}, {"id": "z@example.com"}],
    }
    answer = api.call("POST", f"{CONTACTS}/batch/read", asked)
    assert answer.status_code == 207
    properties = answer.json()["results"][0]["properties"]
    assert set(properties) == {"city", "phone", "createdate", "hs_object_id", "lastmodifieddate"}
    assert (properties["city"], properties["phone"]) == ("Lima", None)
    assert answer.json()["errors"][0]["context"] == {"ids": ["z@example.com"]}


def test_single_records(api: Api) -> None:
    made = api.call("POST", CONTACTS + "/", {"properties": {"email": "a/b@example.com"}})
    assert made.status_code == 201
    again = api.call("POST", CONTACTS, {"properties": {"email": "a/b@example.com"}})
    assert (again.status_code, again.json()["message"]) == (
        409,
        f"Contact already exists. Existing ID: {made.json()['id']}",
    )
    path = f"{CONTACTS}/a%2Fb@example.com?idProperty=email"
    assert api.call("PATCH", path, {"properties": {"city": "Lima"}}).json()["properties"]["city"] == "Lima"
    assert api.call("GET", path + "&properties=city").json()["properties"]["city"] == "Lima"
    assert api.call("DELETE", f"{CONTACTS}/{made.json()['id']}").status_code == 204
    gone = api.call("GET", f"{CONTACTS}/{made.json()['id']}")
    assert (gone.status_code, gone.json()["category"]) == (404, "OBJECT_NOT_FOUND")


def test_a_listing_is_paged_in_order(api: Api) -> None:
    api.upsert(*(f"u{n}@example.com" for n in range(5)))
    first = api.call("GET", f"{CONTACTS}?limit=3&properties=email").json()
    second = api.call("GET", f"{CONTACTS}?limit=3&after={first['paging']['next']['after']}").json()
    ids = [each["id"] for each in first["results"] + second["results"]]
    assert ids == sorted(ids)
    assert len(set(ids)) == 5
    assert "paging" not in second


def test_properties_are_created_archived_and_restored(api: Api) -> None:
    path = "/crm/v3/properties/contacts"
    body = {
        "name": "tier",
        "label": "Tier",
        "type": "string",
        "fieldType": "text",
        "groupName": "customer_360",
        "hasUniqueValue": True,
    }
    assert api.call("POST", path, body).status_code == 201
    assert api.batch("upsert", [{"id": "t1", "idProperty": "tier", "properties": {}}]).status_code == 200
    again = api.call("POST", path, body)
    assert (again.status_code, again.json()["subCategory"]) == (409, "Properties.PROPERTY_WITH_NAME_EXISTS")
    assert api.call("DELETE", f"{path}/tier").status_code == 204
    assert api.call("GET", f"{path}/tier").status_code == 404
    assert api.upsert("a@example.com", tier="t2").json()["numErrors"] == 1
    assert [each["name"] for each in api.call("GET", f"{path}?archived=true").json()["results"]] == ["tier"]
    assert api.call("POST", path, body).status_code == 201
    assert api.call("POST", path, {"name": "x"}).status_code == 400


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/crm/v3/objects/contacts/batch/upsert", 404),
        ("GET", "/crm/v3/objects", 404),
        ("POST", "/crm/v1/anything", 404),
        ("GET", "/", 404),
        ("GET", "/crm/v3/objects/butterflies", 400),
    ],
)
def test_everything_else_is_refused_in_the_usual_shape(api: Api, method: str, path: str, status: int) -> None:
    answer = api.call(method, path)
    assert answer.status_code == status
    assert {"status", "message", "correlationId"} <= set(answer.json())


def test_a_body_that_is_no_batch_is_refused(api: Api) -> None:
    bodies: list[object] = [{}, {"inputs": [{"id": 7}]}, []]
    for body in bodies:
        answer = api.call("POST", f"{CONTACTS}/batch/upsert", body)
        assert answer.status_code == 400
        assert answer.json()["message"].startswith("Invalid input JSON")


def test_tokens(sandbox: Sandbox, api: Api) -> None:
    def get(token: str) -> tuple[int, str]:
        answer = api.call("GET", CONTACTS, headers={"Authorization": token})
        return answer.status_code, answer.json().get("category", "")

    assert get("Bearer sandbox-unknown") == (401, "INVALID_AUTHENTICATION")
    assert get("Basic " + sandbox.token) == (401, "INVALID_AUTHENTICATION")
    old = sandbox.grant("sandbox-old", expires_in=60)
    assert get(f"Bearer {old}")[0] == 200
    sandbox.advance(67)
    assert get(f"Bearer {old}") == (401, "EXPIRED_AUTHENTICATION")
    narrow = sandbox.grant("sandbox-narrow", scopes=["crm.objects.contacts.write"])
    assert get(f"Bearer {narrow}") == (403, "MISSING_SCOPES")


def test_no_token_names_the_failure_in_a_header(api: Api) -> None:
    del api.http.headers["Authorization"]
    answer = api.call("GET", "/account-info/v3/details")
    assert answer.status_code == 401
    assert answer.headers["x-hubspot-auth-failure"] == "401 Unauthorized"


def test_account_details(api: Api) -> None:
    assert api.call("GET", "/account-info/2026-03/details").json()["timeZone"] == "US/Eastern"


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=st.text(min_size=1))
def test_any_text_round_trips_exactly(api: Api, sandbox: Sandbox, value: str) -> None:
    sandbox.configure(unlimited=True)
    assert api.upsert("a@example.com", account_name=value).status_code == 200
    got = api.call("GET", f"{CONTACTS}/a@example.com?idProperty=email&properties=account_name").json()
    assert got["properties"]["account_name"] == value

"""Properties and their groups, tokens, scopes, limits that can be asked for."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from penstock_sandbox.handle import SandboxError
from penstock_sandbox.hubspot.access import REFRESH
from penstock_sandbox.hubspot.paths import TABLE

if TYPE_CHECKING:
    import requests

    from penstock_sandbox.handle import Sandbox
    from tests.sandbox.conftest import Api

PROPERTIES = "/crm/v3/properties/contacts"
REGION = {"name": "region", "label": "Region", "type": "string", "fieldType": "text", "groupName": "customer_360"}
FORM = {
    "grant_type": "refresh_token",
    "client_id": "sandbox-client",
    "client_secret": "sandbox-secret",
    "refresh_token": REFRESH,
}


def refresh(api: Api, path: str = "/oauth/v1/token", **changes: str) -> requests.Response:
    return api.http.post(api.sandbox.hubspot_url + path, data=FORM | changes, headers={"Authorization": ""}, timeout=5)


def get(api: Api, path: str, token: str) -> requests.Response:
    return api.call("GET", path, headers={"Authorization": f"Bearer {token}"})


def test_properties_in_batches(sandbox: Sandbox, api: Api) -> None:
    sandbox.hold_clock()
    again = {**REGION, "name": "plan"}
    answer = api.call("POST", f"{PROPERTIES}/batch/create", {"inputs": [REGION, again]})
    assert (answer.status_code, answer.json()["results"][0]["name"]) == (207, "region")
    error = answer.json()["errors"][0]
    assert (error["subCategory"], error["context"]) == ("Properties.PROPERTY_WITH_NAME_EXISTS", {"name": ["plan"]})
    assert api.call("GET", f"{PROPERTIES}/region").status_code == 404
    assert api.upsert("a@example.com", region="north").status_code == 200
    sandbox.advance(0.5)
    names = {"inputs": [{"name": "region"}, {"name": "nothing"}]}
    read = api.call("POST", f"{PROPERTIES}/batch/read", names)
    assert (read.status_code, len(read.json()["results"]), read.json()["numErrors"]) == (207, 1, 1)
    assert api.call("POST", f"{PROPERTIES}/batch/archive", {"inputs": [{"name": "region"}]}).status_code == 204
    assert api.call("GET", f"{PROPERTIES}/region").status_code == 404


def test_patch_replaces_options_and_leaves_uniqueness(api: Api) -> None:
    options = [{"label": "Gold", "value": "gold"}]
    assert [
        each["value"] for each in api.call("PATCH", f"{PROPERTIES}/plan", {"options": options}).json()["options"]
    ] == ["gold"]
    assert api.upsert("a@example.com", plan="gold").status_code == 200
    assert api.upsert("a@example.com", plan="team").json()["numErrors"] == 1
    assert len(api.call("PATCH", f"{PROPERTIES}/plan", {"label": "P"}).json()["options"]) == 1
    assert api.call("PATCH", f"{PROPERTIES}/plan", {"hasUniqueValue": True}).status_code == 400
    assert api.call("PATCH", f"{PROPERTIES}/email", {"label": "Mail"}).status_code == 400


def test_what_no_property_can_be(api: Api) -> None:
    refused = [{"name": "Region!"}, {"groupName": "nowhere"}, {"type": "enumeration"}]
    assert [api.call("POST", PROPERTIES, {**REGION, **change}).status_code for change in refused] == [400] * 3
    unique = {**REGION, "hasUniqueValue": True, "groupName": "productinformation"}
    assert api.call("POST", "/crm/v3/properties/products", unique).status_code == 400
    for n in range(9):
        answer = api.call("POST", PROPERTIES, {**REGION, "name": f"k{n}", "hasUniqueValue": True})
        assert answer.status_code == (201 if n < 7 else 400)


def test_groups_and_rules(api: Api) -> None:
    groups = f"{PROPERTIES}/groups"
    assert api.call("POST", groups, {"name": "penstock", "label": "Penstock"}).status_code == 201
    assert api.call("POST", groups, {"name": "penstock", "label": "Penstock"}).status_code == 409
    assert {each["name"] for each in api.call("GET", groups).json()["results"]} > {"penstock", "customer_360"}
    assert api.call("GET", f"{groups}/nowhere").status_code == 404
    assert api.call("POST", PROPERTIES, {**REGION, "groupName": "penstock"}).status_code == 201
    assert api.call("GET", "/crm/v3/property-validations/0-1").json() == {"results": []}


@pytest.mark.parametrize("path", ["/oauth/v1/token", "/oauth/v3/token", "/oauth/2026-03/token", "/oauth/2026-09/token"])
def test_a_refreshed_token_expires_on_the_sandbox_clock(sandbox: Sandbox, api: Api, path: str) -> None:
    body = refresh(api, path).json()
    assert (body["expires_in"], body["token_type"], body["refresh_token"]) == (1800, "bearer", FORM["refresh_token"])
    token = body["access_token"]
    assert get(api, "/crm/v3/objects/contacts", token).headers["X-HubSpot-RateLimit-Max"] == "110"
    told = api.call("GET", f"/oauth/v1/access-tokens/{token}").json()
    assert (told["hub_id"], "crm.objects.contacts.write" in told["scopes"]) == (12345678, True)
    sandbox.advance(1801)
    assert get(api, "/crm/v3/objects/contacts", token).json()["category"] == "EXPIRED_AUTHENTICATION"
    assert api.call("GET", f"/oauth/v1/access-tokens/{token}").status_code == 404


def test_refreshes_that_are_refused(sandbox: Sandbox, api: Api) -> None:
    cases = [
        ("refresh_token", "BAD_REFRESH_TOKEN"),
        ("client_id", "BAD_CLIENT_ID"),
        ("client_secret", "BAD_CLIENT_SECRET"),
        ("grant_type", "BAD_GRANT_TYPE"),
    ]
    for field, status in cases:
        answer = refresh(api, **{field: "sandbox-other"})
        assert (answer.status_code, answer.json()["status"]) == (400, status)
    sandbox.app(FORM["refresh_token"], revoked=True)
    assert refresh(api).json()["message"] == "missing or invalid refresh token"
    sandbox.app("sandbox-mine", client_id="me", client_secret="mine", scopes=["crm.lists.read"])
    mine = refresh(api, refresh_token="sandbox-mine", client_id="me", client_secret="mine").json()["access_token"]
    assert get(api, "/crm/v3/objects/contacts", mine).status_code == 403


def test_scopes_of_both_ends_and_both_shapes_of_refusal(sandbox: Sandbox, api: Api) -> None:
    token = sandbox.grant("sandbox-narrow", scopes=["crm.objects.contacts.read", "crm.objects.contacts.write"])
    assert get(api, "/crm/v3/objects/contacts", token).status_code == 200
    labels = get(api, "/crm/v4/associations/contacts/companies/labels", token)
    assert labels.json()["errors"][0]["context"] == {"requiredGranularScopes": ["crm.objects.companies.read"]}
    schemas = get(api, "/crm-object-schemas/v3/schemas", token)
    assert schemas.json()["context"]["requiredGranularScopes"] == ["crm.schemas.custom.read"]
    sandbox.configure(hubspot={"scopes_shape": "context"})
    assert "errors" not in get(api, "/crm/v3/objects/deals", token).json()
    info = api.call("POST", "/oauth/v2/private-apps/get/access-token-info", {"tokenKey": token}).json()
    assert (info["hubId"], len(info["scopes"])) == (12345678, 2)


def test_limits_can_be_asked_for(sandbox: Sandbox, api: Api) -> None:
    api.upsert("a@example.com")
    [usage] = api.call("GET", "/account-info/v3/api-usage/daily/private-apps").json()["results"]
    assert (usage["usageLimit"], usage["currentUsage"]) == (625_000, 2)
    assert datetime.fromisoformat(usage["resetsAt"].replace("Z", "+00:00")).minute == 0
    used = api.call("GET", "/crm/v3/limits/custom-properties").json()
    assert (used["overallLimit"], used["byObjectType"][0]["usage"]) == (10_000, 12)


def test_an_unknown_time_zone_is_refused_and_changes_nothing(sandbox: Sandbox, api: Api) -> None:
    with pytest.raises(SandboxError, match="unknown time zone"):
        sandbox.configure(hubspot={"time_zone": "Mars/Olympus", "daily": 1})
    assert [api.upsert("a@example.com").status_code for _ in range(2)] == [200, 200]


def test_the_portals_time_zone(sandbox: Sandbox, api: Api) -> None:
    sandbox.configure(hubspot={"time_zone": "Asia/Kolkata"})
    details = api.call("GET", "/account-info/2026-09/details").json()
    assert (details["timeZone"], details["utcOffset"]) == ("Asia/Kolkata", "+05:30")
    assert details["utcOffsetMilliseconds"] == 19_800_000


@pytest.mark.parametrize("family", [0, 1, 2])
def test_every_area_lives_in_every_family(api: Api, family: int) -> None:
    """One cheap request per area; 2026-09 has no place for events yet."""
    tails = {"objects": "/contacts", "pairs": "/contacts/9/associations/companies", "account": "/details"}
    tails |= {"associations": "/contacts/companies/labels", "properties": "/contacts", "validations": "/0-1"}
    tails |= {"schemas": "", "pipelines": "/deals", "owners": "", "lists": "/9", "imports": ""}
    tails |= {"events": "/event-definitions", "limits": "/custom-properties", "oauth": "/token"}
    for area, spelt in TABLE.items():
        if not spelt[family]:
            assert (area, family) == ("events", 2)
            continue
        for slash in ("", "/"):
            method = "POST" if area == "oauth" else "GET"
            answer = api.call(method, f"/{spelt[family]}{tails[area]}{slash}")
            assert answer.json().get("message") != "resource not found", area

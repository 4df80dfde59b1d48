"""Lists and custom events."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from penstock_sandbox.handle import Sandbox
    from tests.sandbox.conftest import Api

LISTS = "/crm/v3/lists"
NEW = {"name": "Hot leads", "objectTypeId": "0-1", "processingType": "MANUAL"}


def test_a_list_is_made_once_and_found(api: Api) -> None:
    made = api.call("POST", LISTS + "/", NEW).json()["list"]
    assert (made["processingStatus"], made["size"]) == ("COMPLETE", 0)
    assert api.call("POST", LISTS, {**NEW, "name": "hot Leads"}).status_code == 400
    for path in (f"{LISTS}/{made['listId']}", "/crm/lists/2026-03/object-type-id/0-1/name/Hot%20leads"):
        assert api.call("GET", path).json()["list"]["listId"] == made["listId"]
    assert api.call("POST", f"{LISTS}/search", {"query": "hot"}).json()["lists"][0]["name"] == "Hot leads"
    assert api.call("GET", f"{LISTS}/9").status_code == 404
    assert api.call("GET", f"{LISTS}/object-type-id/0-2/name/Hot%20leads").status_code == 404
    assert api.call("PUT", f"{LISTS}/{made['listId']}/update-list-name?listName=Warm").status_code == 200
    assert api.call("DELETE", f"{LISTS}/{made['listId']}").status_code == 204
    assert api.call("GET", f"{LISTS}/{made['listId']}").status_code == 404
    assert api.call("PUT", f"{LISTS}/{made['listId']}/restore").status_code == 204


def test_members_come_and_go(sandbox: Sandbox, api: Api) -> None:
    one, two = sandbox.seed([{"email": "a@example.com"}, {"email": "b@example.com"}])
    found = api.call("POST", LISTS, NEW).json()["list"]["listId"]
    members = f"{LISTS}/{found}/memberships"
    added = api.call("PUT", f"{members}/add", [one, "9", one]).json()
    assert added == {"recordsIdsAdded": [one], "recordIdsRemoved": [], "recordIdsMissing": ["9"]}
    both = api.call(
        "PUT", f"{members}/add-and-remove", {"recordIdsToAdd": [one, two], "recordIdsToRemove": [one]}
    ).json()
    assert both == {"recordsIdsAdded": [two], "recordIdsRemoved": [one], "recordIdsMissing": []}
    api.call("PUT", f"{members}/add", [one])
    assert sandbox.lists() == {"Hot leads": [two, one]}
    page = api.call("GET", f"{members}?limit=1").json()
    assert (page["results"][0]["recordId"], page["total"], page["paging"]["next"]["after"]) == (two, 2, "1")
    of_record = api.call("GET", f"{LISTS}/records/0-1/{one}/memberships").json()
    assert of_record["results"][0]["listId"] == found
    other = api.call("POST", LISTS, {**NEW, "name": "Copy"}).json()["list"]["listId"]
    assert api.call("PUT", f"{LISTS}/{other}/memberships/add-from/{found}").status_code == 204
    assert api.call("PUT", f"{members}/remove", [two, "9"]).json()["recordIdsRemoved"] == [two]
    assert api.call("DELETE", members).status_code == 204
    assert sandbox.lists() == {"Hot leads": [], "Copy": [two, one]}
    joined = [(write.action, write.to) for write in sandbox.history()][:3]
    assert joined == [("join", one), ("join", two), ("leave", one)]


def test_a_dynamic_list_takes_no_members(api: Api) -> None:
    assert api.call("POST", LISTS, {**NEW, "processingType": "DYNAMIC"}).status_code == 400
    body = {**NEW, "processingType": "DYNAMIC", "filterBranch": {}}
    found = api.call("POST", LISTS, body).json()["list"]["listId"]
    assert api.call("PUT", f"{LISTS}/{found}/memberships/add", ["1"]).status_code == 400


EVENT = {"label": "Plan changed", "name": "plan_changed", "primaryObject": "CONTACT"}
FULL_NAME = "pe12345678_plan_changed"


@pytest.fixture
def event(api: Api) -> dict[str, object]:
    properties = [{"name": name, "label": name, "type": "string"} for name in ("plan", "page")]
    answer = api.call("POST", "/events/v3/event-definitions", {**EVENT, "propertyDefinitions": properties})
    assert (answer.status_code, answer.json()["fullyQualifiedName"]) == (201, FULL_NAME)
    return {"eventName": FULL_NAME, "email": "a@example.com", "properties": {"plan": "team"}, "uuid": "u1"}


def lost(sandbox: Sandbox) -> list[str | None]:
    return [each.lost for each in sandbox.events()]


@pytest.mark.parametrize("path", ["/events/v3/send", "/events/2026-03/send"])
def test_events_are_remembered_by_uuid_for_a_year(
    sandbox: Sandbox, api: Api, event: dict[str, object], path: str
) -> None:
    for _ in range(2):
        answer = api.call("POST", path, event)
        assert (answer.status_code, answer.content) == (204, b"")
        assert not [name for name in answer.headers if "ratelimit" in name.lower()]
    assert api.call("POST", f"{path}/batch", {"inputs": [event, {**event, "uuid": "u2"}]}).status_code == 204
    assert lost(sandbox) == [None, "uuid seen before", "uuid seen before", None]
    assert [(write.action, write.key) for write in sandbox.history()] == [("event", "u1"), ("event", "u2")]
    sandbox.advance(366 * 86_400)
    api.call("POST", path, event)
    assert lost(sandbox)[-1] is None


def test_what_204_does_not_tell(sandbox: Sandbox, api: Api, event: dict[str, object]) -> None:
    changes: list[dict[str, object]] = [
        {"eventName": "pe12345678_other"},
        {"objectId": "404"},
        {"properties": {"planet": "x"}},
        {"properties": {"plan": "x" * 51}},
        {"properties": {"page": "https://example.com/" + "x" * 180}},
    ]
    for n, change in enumerate(changes):
        assert api.call("POST", "/events/v3/send", {**event, "uuid": f"n{n}", **change}).status_code == 204
    assert lost(sandbox) == ["no such event", "no such record", "no such property", "value too long", None]


def test_what_is_no_event_is_refused(api: Api, event: dict[str, object]) -> None:
    nobody = {name: value for name, value in event.items() if name != "email"}
    assert api.call("POST", "/events/v3/send", nobody).status_code == 400
    many = {**event, "properties": {f"p{n}": "x" for n in range(51)}}
    assert api.call("POST", "/events/v3/send", many).status_code == 400
    assert api.call("POST", "/events/v3/send/batch", {"inputs": [event] * 501}).status_code == 400
    assert api.call("POST", "/events/v3/event-definitions", EVENT).status_code == 409
    assert api.call("GET", f"/events/v3/event-definitions/{FULL_NAME}").json()["name"] == "plan_changed"
    assert api.call("GET", "/events/v3/event-definitions").json()["total"] == 1
    assert api.call("DELETE", "/events/v3/event-definitions/plan_changed").status_code == 204

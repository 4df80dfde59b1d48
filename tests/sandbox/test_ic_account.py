"""The simulated Intercom: tokens, regions, versions, envelopes and data attributes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import requests

from penstock_sandbox.handle import SandboxError
from tests.sandbox.intercom import refused

if TYPE_CHECKING:
    from tests.sandbox.intercom import Inbox

UNAUTHORIZED = (401, "unauthorized", "Access Token Invalid")
NOT_HERE = (404, "not_found", "Resource Not Found")


def test_me(inbox: Inbox) -> None:
    me = inbox.call("GET", "/me").json()
    assert (me["type"], me["id"], me["has_inbox_seat"]) == ("admin", "991267459", True)
    assert (me["app"]["region"], me["app"]["timezone"]) == ("US", "America/Los_Angeles")
    assert inbox.call("GET", "/admins/991267459").json()["name"] == "Ops"
    assert inbox.call("GET", "/admins").json()["admins"][0]["type"] == "admin"
    assert inbox.call("GET", "/admins/1").status_code == 404


@pytest.mark.parametrize("given", ["", "Bearer nobody", "Basic c2FuZGJveA==", "sandbox-intercom-token"])
def test_without_a_token(inbox: Inbox, given: str) -> None:
    answer = inbox.call("GET", "/me", Authorization=given)
    assert refused(answer) == UNAUTHORIZED
    assert not [name for name in answer.headers if name.lower().startswith("x-ratelimit")]


def test_tokens_come_and_go(inbox: Inbox) -> None:
    other = {"Authorization": "Bearer " + inbox.sandbox.intercom.grant("sandbox-other", app="other")}
    assert inbox.call("GET", "/me", **other).ok
    inbox.sandbox.intercom.revoke()
    assert refused(inbox.call("GET", "/me", **other)) == UNAUTHORIZED
    with pytest.raises(SandboxError, match="sandbox-"):
        inbox.sandbox.intercom.grant("dG9rOmE=")


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/data_attributes?model=contact", "Read and list users and companies"),
        ("POST", "/data_attributes", "Write data attributes"),
        ("GET", "/subscription_types", "Read and list users and companies"),
        ("POST", "/contacts/search", "Read and list users and companies"),
        ("GET", "/contacts/find_by_external_id/u-1", "Read one user and one company"),
        ("GET", "/companies?company_id=a", "Read one user and one company"),
        ("POST", "/contacts", "Write users and companies"),
        ("POST", "/contacts/1/notes", "Write users and companies"),
        ("GET", "/contacts/1/tags", "Read tags"),
        ("POST", "/tags", "Write tags"),
        ("GET", "/events?type=user", "Read events"),
        ("POST", "/events", "Write events"),
        ("GET", "/admins", "Read admins"),
        ("POST", "/custom_object_instances/Order", "Read and write custom object instances"),
    ],
)
def test_a_call_needs_its_permission(inbox: Inbox, method: str, path: str, scope: str) -> None:
    grant = inbox.sandbox.intercom.grant
    some = {"Authorization": "Bearer " + grant("sandbox-some", scopes=[scope])}
    none = {"Authorization": "Bearer " + grant("sandbox-none", scopes=[])}
    assert inbox.call("GET", "/me", **none).ok
    no = refused(inbox.call(method, path, {}, **none))
    assert no == (403, "forbidden", "You do not have permission to access this resource")
    assert inbox.call(method, path, {}, **some).status_code != 403


def test_a_token_belongs_to_one_region(inbox: Inbox) -> None:
    there = inbox.url + "-eu/me"
    assert refused(inbox.http.get(there, timeout=10)) == UNAUTHORIZED
    inbox.sandbox.configure(intercom={"region": "EU"})
    assert inbox.http.get(there, timeout=10).json()["app"]["region"] == "EU"
    assert refused(inbox.call("GET", "/me")) == UNAUTHORIZED
    assert refused(inbox.http.get(inbox.url + "-au/me", timeout=10)) == UNAUTHORIZED


def test_versions(inbox: Inbox) -> None:
    inbox.contact(external_id="u-1")
    path = "/contacts/find_by_external_id/u-1"
    assert refused(inbox.call("GET", path, version="2.12")) == NOT_HERE
    for known in ("2.13", "2.17", "Preview"):
        assert inbox.call("GET", path, version=known).ok
    for unknown in ("2.99", "1.0", "x", ""):
        assert refused(inbox.call("GET", "/me", version=unknown))[:2] == (400, "intercom_version_invalid")
    own = requests.get(inbox.url + path, headers={"Authorization": inbox.http.headers["Authorization"]}, timeout=10)
    assert own.status_code == 404


def test_accept(inbox: Inbox) -> None:
    answer = inbox.call("GET", "/me", Accept="text/html")
    assert refused(answer)[:2] == (406, "media_type_not_acceptable")
    assert "request_id" not in answer.json()
    for accepted in ("application/json", "application/json; charset=utf-8", "text/html, */*;q=0.1"):
        assert inbox.call("GET", "/me", Accept=accepted).ok


def test_nothing_there(inbox: Inbox) -> None:
    assert refused(inbox.call("GET", "/nothing")) == NOT_HERE
    assert refused(inbox.call("PATCH", "/me")) == NOT_HERE


def test_request_ids_take_every_form(inbox: Inbox) -> None:
    forms: set[object] = set()
    for _ in range(60):
        body = inbox.call("GET", "/nothing").json()
        given = body.get("request_id", "absent")
        forms.add(len(given) if isinstance(given, str) else given)
    assert forms == {36, 20, None, len("absent")}
    inbox.sandbox.configure(intercom={"request_ids": "uuid"})
    assert all(len(inbox.call("GET", "/nothing").json()["request_id"]) == 36 for _ in range(20))


def test_json_that_is_none(inbox: Inbox) -> None:
    answer = inbox.http.post(inbox.url + "/contacts", data=b"{", timeout=10)
    assert answer.status_code == 400
    assert set(answer.json()) == {"status", "error"}
    assert answer.json()["error"].startswith("There was a problem in the JSON you submitted [")


def test_data_attributes(inbox: Inbox) -> None:
    made = inbox.call("POST", "/data_attributes", {"name": "plan", "model": "contact", "data_type": "string"}).json()
    assert (made["full_name"], made["custom"], made["data_type"]) == ("custom_attributes.plan", True, "string")
    listed = {each["name"]: each for each in inbox.call("GET", "/data_attributes?model=contact").json()["data"]}
    assert listed["plan"] == made
    assert "id" not in listed["email"]
    assert not listed["created_at"]["api_writable"]
    path = f"/data_attributes/{made['id']}"
    changed = inbox.call("PUT", path, {"description": "x", "archived": True, "data_type": "integer"}).json()
    assert (changed["description"], changed["archived"], changed["data_type"]) == ("x", True, "string")
    names = [each["name"] for each in inbox.call("GET", "/data_attributes?model=contact").json()["data"]]
    assert "plan" not in names
    archived = inbox.call("GET", "/data_attributes?include_archived=true").json()["data"]
    assert {each["model"] for each in archived} == {"contact", "company"}
    assert "plan" in [each["name"] for each in archived]
    answer = inbox.call("POST", "/contacts", {"external_id": "x", "custom_attributes": {"plan": "gold"}})
    assert refused(answer) == (400, "parameter_invalid", "Custom attribute 'plan' does not exist")
    assert [each.type for each in inbox.sandbox.history()] == ["data_attributes"] * 2


TAKEN = "You already have 'plan' in your people data. To save this as new company data, use a different name."


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"name": "plan", "model": "company", "data_type": "string"}, TAKEN),
        ({"name": "email", "model": "contact", "data_type": "string"}, "You already have 'email' in your people data."),
        ({"name": "a.b", "model": "contact", "data_type": "string"}, "Your name for this attribute must only contain"),
        ({"name": "x", "model": "contact", "data_type": "mithril"}, "Data Type isn't an option"),
        ({"name": "x", "model": "ring", "data_type": "string"}, "The Data Attribute model field must be either"),
        ({"name": "x", "model": "contact", "data_type": "options", "options": [{"value": "1"}]}, "The Data Attribute"),
        ({}, "The Data Attribute model field must be either contact or company"),
    ],
)
def test_attributes_that_are_refused(inbox: Inbox, body: dict[str, object], message: str) -> None:
    inbox.sandbox.intercom.attributes("contact", plan="string")
    answer = inbox.call("POST", "/data_attributes", body)
    status, code, said = refused(answer)
    assert (status, code) == (400, "parameter_invalid")
    assert said.startswith(message)


def test_options_and_dependencies(inbox: Inbox) -> None:
    body = {"name": "Mithril Shirt €", "model": "contact", "data_type": "options"}
    made = inbox.call("POST", "/data_attributes", body | {"options": [{"value": "s"}, {"value": "m"}]}).json()
    assert (made["data_type"], made["options"]) == ("string", ["s", "m"])
    values = {name: {"external_id": name, "custom_attributes": {body["name"]: name}} for name in ("s", "x")}
    assert inbox.call("POST", "/contacts", values["s"]).ok
    assert refused(inbox.call("POST", "/contacts", values["x"]))[1] == "parameter_invalid"
    path = f"/data_attributes/{made['id']}"
    assert refused(inbox.call("PUT", path, {"options": {"value": "x"}}))[2] == "Options isn't an array"
    assert refused(inbox.call("PUT", "/data_attributes/1", {}))[:2] == (404, "field_not_found")
    inbox.sandbox.intercom.seed(attributes=[{"name": "needed", "dependent": True}])
    needed = made["id"] + 1
    assert refused(inbox.call("PUT", f"/data_attributes/{needed}", {"archived": True}))[:2] == (422, "data_invalid")


def test_a_workspace_has_250_attributes(inbox: Inbox) -> None:
    inbox.sandbox.intercom.attributes("contact", **{f"a{n}": "string" for n in range(249)})
    body = {"model": "contact", "data_type": "string"}
    assert inbox.call("POST", "/data_attributes", body | {"name": "last"}).ok
    assert refused(inbox.call("POST", "/data_attributes", body | {"name": "more"}))[:2] == (400, "parameter_invalid")


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("string", "x", 7),
        ("integer", 7, 7.5),
        ("float", 7, "7"),
        ("float", 7.5, True),
        ("boolean", False, "false"),
        ("date", 1761000000, "2026-01-01"),
        ("datetime", 1761000000, 1.5),
    ],
)
def test_values_by_type(inbox: Inbox, kind: str, good: object, bad: object) -> None:
    inbox.sandbox.intercom.attributes("contact", it=kind)
    contact = inbox.contact(external_id="x", custom_attributes={"it": good})
    assert inbox.call("GET", f"/contacts/{contact}").json()["custom_attributes"] == {"it": good}
    path = f"/contacts/{contact}"
    assert refused(inbox.call("PUT", path, {"custom_attributes": {"it": bad}}))[:2] == (400, "parameter_invalid")
    assert refused(inbox.call("PUT", path, {"custom_attributes": {"it": {}}}))[1] == "parameter_invalid"
    assert inbox.call("PUT", path, {"custom_attributes": {"it": None}}).json()["custom_attributes"] == {}


def test_values_that_are_coerced(inbox: Inbox) -> None:
    inbox.sandbox.configure(intercom={"wrong_type": "coerce"})
    inbox.sandbox.intercom.attributes("contact", s="string", i="integer", f="float", b="boolean", d="date")
    given = {"s": 7, "i": "7", "f": "7.5", "b": "true", "d": 7.5}
    contact = inbox.contact(external_id="x", custom_attributes=given)
    stored = inbox.call("GET", f"/contacts/{contact}").json()["custom_attributes"]
    assert stored == {"s": "7", "i": 7, "f": 7.5, "b": True, "d": 7}
    assert inbox.call("PUT", f"/contacts/{contact}", {"custom_attributes": {"i": "x"}}).status_code == 400
    changed = inbox.call("PUT", f"/contacts/{contact}", {"custom_attributes": {"s": True, "b": "false"}}).json()
    assert (changed["custom_attributes"]["s"], changed["custom_attributes"]["b"]) == ("true", False)

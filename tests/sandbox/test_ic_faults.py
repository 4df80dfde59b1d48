"""Faults that strike the simulated Intercom, and the page that shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import requests

from penstock_sandbox.handle import SandboxError

if TYPE_CHECKING:
    from tests.sandbox.intercom import Inbox

ANSWERS = {
    "intercom_rate_limited_past": (429, "X-RateLimit-Reset", "1"),
    "intercom_rate_limited_far": (429, "X-RateLimit-Reset", "4102444800"),
    "intercom_timeout": (408, "Content-Type", "application/json;charset=utf-8"),
    "intercom_conflict_nameless": (409, "Content-Type", "application/json;charset=utf-8"),
    "intercom_merged_foreign": (410, "Link", "<https://elsewhere.example/contacts/"),
    "intercom_bad_json": (400, "Content-Type", "application/json;charset=utf-8"),
    "intercom_gateway_502": (502, "Content-Type", "text/html"),
}


def test_lost_before_and_after_it_was_applied(inbox: Inbox) -> None:
    inbox.sandbox.fault("before_apply", "reset", match="POST /intercom/contacts", on=[1])
    inbox.sandbox.fault("after_apply", "reset", match="POST /intercom/contacts", on=[2])
    for stored in (0, 1):
        with pytest.raises(requests.ConnectionError):
            inbox.call("POST", "/contacts", {"external_id": "u-1"})
        assert len(inbox.sandbox.intercom.objects()) == stored
    replay = inbox.call("POST", "/contacts", {"external_id": "u-1"})
    assert (replay.status_code, inbox.sandbox.history()[0].id in replay.text) == (409, True)


@pytest.mark.parametrize("name", sorted(ANSWERS))
def test_answers_by_name(inbox: Inbox, name: str) -> None:
    status, header, value = ANSWERS[name]
    inbox.sandbox.fault("after_apply", "status", match="/intercom/", answer=name, times=1)
    answer = inbox.call("POST", "/companies", {"company_id": "acme-1"})
    assert (answer.status_code, answer.headers[header].startswith(value)) == (status, True)
    assert len(inbox.sandbox.history()) == 1


def test_a_409_that_persists_and_one_without_an_id(inbox: Inbox) -> None:
    inbox.sandbox.fault("before_apply", "status", match="POST /intercom/contacts", answer="intercom_conflict_nobody")
    messages = [inbox.call("POST", "/contacts", {}).json()["errors"][0]["message"] for _ in range(2)]
    assert all("id=000000000000000000000000" in each for each in messages)
    inbox.sandbox.clear_faults()
    inbox.sandbox.fault("before_apply", "status", match="POST /intercom/contacts", answer="intercom_conflict_nameless")
    assert "id=" not in inbox.call("POST", "/contacts", {}).text


def test_spoilt_answers(inbox: Inbox) -> None:
    for kind in ("html", "empty", "truncate"):
        inbox.sandbox.fault("in_answer", kind, match="/intercom/", times=1)
        answer = inbox.call("POST", "/companies", {"company_id": "acme-1"})
        assert answer.status_code == 200
        with pytest.raises(requests.JSONDecodeError):
            answer.json()
        inbox.sandbox.clear_faults()
    inbox.sandbox.fault("in_answer", "silent", match="/intercom/", times=1)
    assert inbox.call("POST", "/companies", {"company_id": "acme-1"}).json() == {"type": "list", "data": []}
    assert [each.action for each in inbox.sandbox.history()] == ["create", "update", "update", "update"]


def test_rows_are_left_out_of_a_list(inbox: Inbox) -> None:
    inbox.sandbox.intercom.seed([{"external_id": "u-1"}, {"external_id": "u-2"}])
    inbox.sandbox.fault("in_answer", "drop_rows", match="GET /intercom/contacts", times=1)
    assert len(inbox.call("GET", "/contacts").json()["data"]) == 1


def test_an_attribute_is_archived_in_the_middle_of_a_run(inbox: Inbox) -> None:
    inbox.sandbox.intercom.attributes("contact", plan="string", tier="string")
    contact = inbox.contact(external_id="u-1")
    change = {"attribute": "plan", "archive": True}
    inbox.sandbox.fault("before_apply", "alter", match="PUT /intercom/contacts", on=[2], alter=change)
    body = {"custom_attributes": {"plan": "gold"}}
    codes = [inbox.call("PUT", f"/contacts/{contact}", body).status_code for _ in range(2)]
    assert codes == [200, 400]
    inbox.sandbox.intercom.alter("tier", options=["silver", "bronze"])
    assert inbox.call("PUT", f"/contacts/{contact}", {"custom_attributes": {"tier": "gold"}}).status_code == 400
    with pytest.raises(SandboxError, match="no custom attribute"):
        inbox.sandbox.intercom.alter("nothing", archive=True)


def test_what_the_control_plane_refuses(inbox: Inbox) -> None:
    plane = inbox.sandbox.intercom
    for wrong in ({"email": "x"}, {"companies": ["nobody"]}, {"custom_attributes": {"x": 1}}):
        with pytest.raises(SandboxError):
            plane.seed([wrong])
    with pytest.raises(SandboxError):
        plane.objects("nothing")
    with pytest.raises(SandboxError):
        plane.merge("x", "y")
    with pytest.raises(SandboxError, match="time zone"):
        inbox.sandbox.configure(intercom={"time_zone": "Mars/Olympus"})


def test_a_history_of_keys_only(inbox: Inbox) -> None:
    inbox.sandbox.configure(history="keys")
    contact = inbox.contact(external_id="u-1", name="x")
    [write] = inbox.sandbox.history()
    assert (write.id, write.key, write.properties, write.type) == (contact, "u-1", None, "")


def test_the_page_shows_it_in_tables(inbox: Inbox) -> None:
    inbox.sandbox.intercom.attributes("contact", plan="string")
    inbox.company("acme-1", name="<Acme>", plan="Enterprise")
    contact = inbox.contact(external_id="u-1", custom_attributes={"plan": "gold"})
    inbox.call("POST", f"/contacts/{contact}/notes", {"body": "hello"})
    inbox.call("POST", "/custom_object_instances/Order", {"external_id": "o-1"})
    page = requests.get(inbox.sandbox.url, timeout=10).text
    for shown in ("Intercom", "contacts (1", "<th>plan</th>", "gold", "&lt;Acme&gt;", "acme-1", "hello", "o-1"):
        assert shown in page
    assert "<Acme>" not in page

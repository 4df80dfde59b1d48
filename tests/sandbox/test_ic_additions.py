"""The simulated Intercom: tags, notes, subscriptions, events, custom objects and segments."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.sandbox.intercom import refused

if TYPE_CHECKING:
    from tests.sandbox.intercom import Inbox

NOT_HERE = (404, "not_found", "Resource Not Found")
EVENT = {"event_name": "upgraded-plan", "created_at": 1760700000, "user_id": "u-1"}


def test_tags_ignore_case(inbox: Inbox) -> None:
    tag = inbox.call("POST", "/tags", {"name": "VIP"}).json()
    assert tag == {"type": "tag", "id": "105", "name": "VIP"}
    assert inbox.call("POST", "/tags", {"name": "vip"}).json() == tag
    assert inbox.call("GET", "/tags").json() == {"type": "list", "data": [tag]}
    assert inbox.call("POST", "/tags", {"id": "105", "name": "best"}).json()["name"] == "best"
    assert inbox.call("GET", "/tags/105").json()["name"] == "best"
    assert refused(inbox.call("POST", "/tags", {"test": "x"})) == (400, "parameter_invalid", "invalid tag parameters")


def test_tagging_many_at_once(inbox: Inbox) -> None:
    contacts = [inbox.contact(external_id=f"u-{n}") for n in range(3)]
    company = inbox.company("acme-1")
    inbox.call("POST", "/tags", {"name": "vip", "users": [{"id": each} for each in contacts]})
    inbox.call("POST", "/tags", {"name": "vip", "companies": [{"company_id": "acme-1"}, {"id": company}]})
    inbox.call("POST", "/tags", {"name": "VIP", "users": [{"id": contacts[0], "untag": True}, {"user_id": "u-1"}]})
    assert [each.properties.get("tags") for each in inbox.sandbox.intercom.objects()] == [None, "vip", "vip"]
    assert inbox.call("GET", f"/companies/{company}").json()["tags"]["tags"][0]["name"] == "vip"
    writes = [each for each in inbox.sandbox.history() if each.action in {"join", "leave"}]
    assert [(each.type, each.action, each.key) for each in writes] == [
        *(("contact_tags", "join", f"u-{n}") for n in range(3)),
        ("company_tags", "join", "acme-1"), ("contact_tags", "leave", "u-0"),
    ]  # fmt: skip
    inbox.call("DELETE", "/tags/105")
    assert all("tags" not in each.properties for each in inbox.sandbox.intercom.objects())


def test_tagging_somebody_who_is_not_there_tags_nobody(inbox: Inbox) -> None:
    contact = inbox.contact(external_id="u-1")
    some = {"name": "vip", "users": [{"id": contact}, {"id": "123"}]}
    assert refused(inbox.call("POST", "/tags", some)) == (404, "not_found", "User Not Found")
    answer = inbox.call("POST", "/tags", {"name": "vip", "companies": [{"company_id": "123"}]})
    assert refused(answer)[1] == "company_not_found"
    assert inbox.call("GET", "/tags").json()["data"] == []


def test_a_contacts_tags(inbox: Inbox) -> None:
    contact, other = inbox.contact(external_id="u-1"), inbox.contact(email="a@example.com")
    inbox.call("POST", "/tags", {"name": "vip", "users": [{"email": "A@example.com"}]})
    path = f"/contacts/{contact}/tags"
    for given in ("105", 105):
        applied = inbox.call("POST", path, {"id": given}).json()
    assert applied["applied_by"] == {"type": "admin", "id": "991267459"}
    assert inbox.call("GET", path).json()["data"] == [applied]
    assert inbox.call("GET", f"/contacts/{other}").json()["tags"]["total_count"] == 1
    assert inbox.call("DELETE", f"{path}/105").json() == applied
    assert refused(inbox.call("DELETE", f"{path}/105")) == NOT_HERE
    assert refused(inbox.call("POST", path, {"id": "123"})) == NOT_HERE


def test_notes_repeat(inbox: Inbox) -> None:
    contact = inbox.contact(external_id="u-1")
    path = f"/contacts/{contact}/notes"
    notes = [inbox.call("POST", path, {"body": "1 < 2", "admin_id": "991267459"}).json() for _ in range(2)]
    assert [each["body"] for each in notes] == ["<p>1 &lt; 2</p>"] * 2
    assert notes[0]["id"] != notes[1]["id"]
    assert (notes[0]["author"]["type"], notes[0]["contact"]) == ("admin", {"type": "contact", "id": contact})
    assert inbox.call("GET", path).json()["data"] == notes[::-1]
    assert inbox.call("GET", f"/notes/{notes[0]['id']}").json() == notes[0]
    assert refused(inbox.call("POST", path, {"body": "x", "admin_id": 123})) == NOT_HERE
    assert refused(inbox.call("POST", path, {"body": ""}))[1] == "parameter_missing"
    assert len(inbox.sandbox.intercom.objects("notes")) == 2


def test_subscriptions_mean_what_their_type_says(inbox: Inbox) -> None:
    contact = inbox.contact(external_id="u-1")
    path = f"/contacts/{contact}/subscriptions"
    types = {each["consent_type"]: each["id"] for each in inbox.call("GET", "/subscription_types").json()["data"]}
    for consent, subscription in types.items():
        assert inbox.call("POST", path, {"id": int(subscription), "consent_type": consent}).json()["id"] == subscription
    assert len(inbox.call("GET", path).json()["data"]) == 2
    shown = inbox.call("GET", f"/contacts/{contact}").json()
    assert [each["id"] for each in shown["opted_out_subscription_types"]["data"]] == [types["opt_out"]]
    assert [each["id"] for each in shown["opted_in_subscription_types"]["data"]] == [types["opt_in"]]
    assert inbox.call("DELETE", f"{path}/{types['opt_in']}").ok
    assert refused(inbox.call("DELETE", f"{path}/{types['opt_in']}")) == NOT_HERE
    assert refused(inbox.call("POST", path, {"id": "invalid_id", "consent_type": "opt_in"})) == NOT_HERE
    assert refused(inbox.call("POST", path, {"id": types["opt_in"]}))[1] == "parameter_invalid"


def test_events_are_taken_once(inbox: Inbox) -> None:
    contact = inbox.contact(external_id="u-1", email="a@example.com")
    for more in ({}, {"metadata": {"plan": "x"}}, {"created_at": 1760700001}):
        answer = inbox.call("POST", "/events", EVENT | more)
        assert (answer.status_code, answer.content) == (202, b"")
    by_id = {"event_name": "x", "created_at": 1, "id": contact}
    assert inbox.call("POST", "/events", by_id).ok
    assert inbox.call("POST", "/events", {"event_name": "x", "created_at": 1, "email": "A@example.com"}).ok
    assert [each.dropped for each in inbox.sandbox.intercom.events()] == [
        None, "seen before", None, None, "seen before",
    ]  # fmt: skip
    assert len([each for each in inbox.sandbox.history() if each.action == "event"]) == 3
    summary = inbox.call("GET", "/events?type=user&user_id=u-1&summary=true").json()
    assert {each["name"]: each["count"] for each in summary["events"]} == {"upgraded-plan": 2, "x": 1}
    assert summary["events"][0]["first"] == "2025-10-17T11:20:00.000+00:00"
    assert len(inbox.call("GET", f"/events?type=user&intercom_user_id={contact}").json()["events"]) == 3


def test_how_long_events_are_remembered(inbox: Inbox) -> None:
    inbox.contact(external_id="u-1")
    inbox.sandbox.hold_clock()
    inbox.sandbox.configure(intercom={"event_memory": 60})
    for pause in (0, 59, 1, 59):
        inbox.sandbox.advance(pause)
        inbox.call("POST", "/events", EVENT)
    assert [each.dropped is None for each in inbox.sandbox.intercom.events()] == [True, False, True, False]


def test_metadata(inbox: Inbox) -> None:
    inbox.contact(external_id="u-1")
    fine = {"price": {"amount": 1, "currency": "eur"}, "order": {"url": "https://x.example", "value": "O-1"}, "n": 1.5}
    inbox.call("POST", "/events", EVENT | {"metadata": fine | {f"k{n}": True for n in range(10)}})
    assert len(inbox.sandbox.intercom.events()[0].metadata) == 10
    for nested in ({"a": {"b": 1}}, {"a": [1]}):
        assert refused(inbox.call("POST", "/events", EVENT | {"metadata": nested}))[1] == "parameter_invalid"
    assert refused(inbox.call("POST", "/events", EVENT | {"metadata": 1}))[1] == "type_mismatch"


def test_events_of_leads_go_by_id_only(inbox: Inbox) -> None:
    lead = inbox.contact(role="lead", external_id="l-1", email="l@example.com")
    base = {"event_name": "x", "created_at": 1}
    assert inbox.call("POST", "/events", base | {"id": lead}).status_code == 202
    for who in ({"user_id": "l-1"}, {"email": "l@example.com"}, {"user_id": "nobody"}):
        assert refused(inbox.call("POST", "/events", base | who)) == (404, "not_found", "User Not Found")


@pytest.mark.parametrize("name", ["event_name", "created_at", "user_id"])
def test_what_an_event_needs(inbox: Inbox, name: str) -> None:
    inbox.contact(external_id="u-1")
    body = {key: value for key, value in EVENT.items() if key != name}
    assert refused(inbox.call("POST", "/events", body))[:2] == (400, "parameter_missing")


def test_custom_objects_by_external_id(inbox: Inbox) -> None:
    path = "/custom_object_instances/Order"
    body = {"external_id": "o-1", "external_created_at": 1392036272, "custom_attributes": {"order_number": "O-1"}}
    made = inbox.call("POST", path, body).json()
    assert (made["type"], made["external_created_at"], made["external_updated_at"]) == ("Order", 1392036272, None)
    changed = inbox.call("POST", path, {"external_id": "o-1", "custom_attributes": {"total_amount": 99.5}}).json()
    assert changed["id"] == made["id"]
    assert changed["custom_attributes"] == {"order_number": "O-1", "total_amount": 99.5}
    for read in (f"{path}?external_id=o-1", f"{path}/{made['id']}"):
        assert inbox.call("GET", read).json() == changed
    assert [each.key for each in inbox.sandbox.history()] == ["o-1", "o-1"]
    assert inbox.sandbox.intercom.objects("Order")[0].properties["custom_attributes.total_amount"] == "99.5"
    done = inbox.call("DELETE", f"{path}?external_id=o-1").json()
    assert done == {"id": made["id"], "object": "Order", "deleted": True}
    assert refused(inbox.call("DELETE", f"{path}/{made['id']}")) == NOT_HERE


def test_custom_objects_that_are_refused(inbox: Inbox) -> None:
    path = "/custom_object_instances/"
    assert refused(inbox.call("POST", path + "Ring", {"external_id": "x"})) == NOT_HERE
    assert refused(inbox.call("POST", path + "Order", {"external_id": "x"}, version="2.12")) == NOT_HERE
    assert refused(inbox.call("POST", path + "Order", {}))[1] == "parameter_missing"
    body = {"external_id": "x", "custom_attributes": {"y": 1}}
    assert refused(inbox.call("POST", path + "Order", body))[1] == "parameter_invalid"


def test_a_contact_refers_to_instances(inbox: Inbox) -> None:
    inbox.sandbox.intercom.seed(attributes=[{"name": "order", "reference": "Order"}])
    order = inbox.call("POST", "/custom_object_instances/Order", {"external_id": "o-1"}).json()["id"]
    contact = inbox.contact(external_id="u-1", custom_attributes={"order": [order]})
    assert inbox.call("GET", f"/contacts/{contact}").json()["custom_attributes"] == {"order": [order]}
    for wrong in (["999"], "o-1"):
        answer = inbox.call("PUT", f"/contacts/{contact}", {"custom_attributes": {"order": wrong}})
        assert refused(answer)[1] == "parameter_invalid"


def test_segments_are_read(inbox: Inbox) -> None:
    contact = inbox.contact(external_id="u-1")
    segment = {"id": "s1", "name": "Active", "person_type": "user", "created": 1, "members": [contact]}
    inbox.sandbox.intercom.seed(segments=[segment])
    listed = inbox.call("GET", "/segments?include_count=true").json()["segments"]
    assert [(each["name"], each["count"]) for each in listed] == [("Active", 1)]
    assert inbox.call("GET", "/segments/s1").json()["person_type"] == "user"
    assert inbox.call("GET", f"/contacts/{contact}/segments").json()["data"][0]["id"] == "s1"
    assert refused(inbox.call("GET", "/segments/s2")) == NOT_HERE

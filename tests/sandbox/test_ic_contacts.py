"""The simulated Intercom: contacts by id and by key, conflicts, archiving, merging, deleting."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.sandbox.intercom import refused

if TYPE_CHECKING:
    from tests.sandbox.intercom import Inbox

USER = {"external_id": "u-17", "email": "Rivera@example.com", "name": "Ana Rivera"}
NO_USER = (404, "not_found", "User Not Found")


def conflict(contact_id: str, begin: str = "A") -> tuple[int, str, str]:
    return 409, "conflict", f"{begin} contact matching those details already exists with id={contact_id}"


def test_create_read_update(inbox: Inbox) -> None:
    inbox.sandbox.intercom.attributes("contact", plan="string", seats="integer")
    made = inbox.call("POST", "/contacts", USER | {"custom_attributes": {"plan": "gold"}, "signed_up_at": 1760000000})
    body = made.json()
    assert (made.status_code, len(body["id"]), body["role"]) == (200, 24, "user")
    assert made.headers["Content-Type"] == "application/json; charset=utf-8"
    change = {"name": None, "phone": "+353800000001", "custom_attributes": {"seats": 12}}
    changed = inbox.call("PUT", f"/contacts/{body['id']}", change).json()
    assert (changed["name"], changed["phone"], changed["signed_up_at"]) == (None, "+353800000001", 1760000000)
    assert changed["custom_attributes"] == {"plan": "gold", "seats": 12}
    assert inbox.call("GET", f"/contacts/{body['id']}").json() == changed
    assert inbox.call("GET", "/contacts/find_by_external_id/u-17").json() == changed
    assert changed["tags"] == {
        "type": "list", "data": [], "url": f"/contacts/{body['id']}/tags", "total_count": 0, "has_more": False,
    }  # fmt: skip
    first, second = inbox.sandbox.history()
    assert (first.action, first.key, first.type, first.id) == ("create", "u-17", "contacts", body["id"])
    assert second.properties == {"name": "", "phone": "+353800000001", "custom_attributes.seats": "12"}


def test_an_external_id_in_a_path_is_decoded(inbox: Inbox) -> None:
    contact = inbox.contact(external_id="a/b c?ü")
    found = inbox.call("GET", "/contacts/find_by_external_id/a%2Fb%20c%3F%C3%BC")
    assert found.json()["id"] == contact


def test_a_contact_that_exists(inbox: Inbox) -> None:
    contact = inbox.contact(**USER)
    assert refused(inbox.call("POST", "/contacts", {"external_id": "u-17"})) == conflict(contact)
    assert refused(inbox.call("POST", "/contacts", {"email": "rivera@EXAMPLE.com"})) == conflict(contact)
    other = inbox.contact(external_id="u-18")
    assert refused(inbox.call("PUT", f"/contacts/{other}", {"external_id": "u-17"})) == conflict(contact)
    assert refused(inbox.call("PUT", f"/contacts/{other}", {"email": "rivera@example.com"})) == conflict(contact)
    assert inbox.call("PUT", f"/contacts/{contact}", USER).status_code == 200
    assert len(inbox.sandbox.intercom.objects()) == 2


def test_an_archived_contact_that_exists(inbox: Inbox) -> None:
    contact = inbox.contact(**USER)
    done = inbox.call("POST", f"/contacts/{contact}/archive").json()
    assert done == {"id": contact, "type": "contact", "external_id": "u-17", "archived": True}
    assert refused(inbox.call("POST", "/contacts", USER)) == conflict(contact, "An archived")
    assert refused(inbox.call("PUT", f"/contacts/{contact}", {"name": "x"})) == NO_USER
    assert inbox.call("GET", "/contacts/find_by_external_id/u-17").status_code == 404
    assert inbox.call("POST", f"/contacts/{contact}/unarchive").json()["archived"] is False
    assert inbox.call("PUT", f"/contacts/{contact}", {"name": "x"}).json()["name"] == "x"
    assert [each.action for each in inbox.sandbox.history()] == ["create", "archive", "unarchive", "update"]


def test_archived_contacts_that_can_be_written(inbox: Inbox) -> None:
    inbox.sandbox.configure(intercom={"archived_contacts": "writable"})
    contact = inbox.contact(**USER)
    inbox.call("POST", f"/contacts/{contact}/archive")
    assert inbox.call("PUT", f"/contacts/{contact}", {"name": "x"}).status_code == 200
    assert inbox.sandbox.intercom.objects(archived=True)[0].properties["name"] == "x"


def test_leads_share_addresses_and_have_no_lookup(inbox: Inbox) -> None:
    user = inbox.contact(**USER)
    leads = [inbox.contact(role="lead", email="rivera@example.com") for _ in range(2)]
    assert len({user, *leads}) == 3
    inbox.contact(role="lead", external_id="l-1")
    assert refused(inbox.call("GET", "/contacts/find_by_external_id/l-1")) == NO_USER
    assert refused(inbox.call("PUT", f"/contacts/{leads[0]}", {"role": "user"})) == conflict(user)
    assert inbox.call("PUT", f"/contacts/{user}", {"role": "lead"}).status_code == 400


def test_addresses_that_are_not_unique(inbox: Inbox) -> None:
    inbox.sandbox.configure(intercom={"unique_email": False})
    assert inbox.contact(email="a@example.com") != inbox.contact(email="a@example.com")
    inbox.sandbox.configure(intercom={"unique_email": True})
    seeded = inbox.sandbox.intercom.seed([{"email": "b@example.com"}, {"email": "b@example.com"}])
    answer = inbox.call("POST", "/contacts", {"email": "b@example.com"})
    assert refused(answer) == conflict(seeded.ids[0])
    kept = {"email": "B@example.com", "name": "x"}
    assert [inbox.call("PUT", f"/contacts/{each}", kept).status_code for each in seeded.ids] == [200, 200]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "parameter_missing"),
        ({"email": "nobody"}, "parameter_invalid"),
        ({"email": 7}, "parameter_invalid"),
        ({"role": "visitor"}, "parameter_invalid"),
        ({"external_id": "x", "owner_id": 5}, "parameter_invalid"),
        ({"external_id": "x", "signed_up_at": "yesterday"}, "parameter_invalid"),
        ({"external_id": "x", "unsubscribed_from_emails": 1}, "parameter_invalid"),
        ({"external_id": "x", "name": "y" * 256}, "parameter_invalid"),
        ({"external_id": "x", "custom_attributes": {"plan": "x"}}, "parameter_invalid"),
        ({"external_id": "x", "custom_attributes": []}, "type_mismatch"),
        ([], "bad_request"),
    ],
)
def test_bodies_that_are_refused(inbox: Inbox, body: object, code: str) -> None:
    assert refused(inbox.call("POST", "/contacts", body))[:2] == (400, code)
    assert inbox.sandbox.history() == []


def test_what_null_does(inbox: Inbox) -> None:
    contact = inbox.contact(**USER, owner_id=991267459, phone=None)
    for name in ("email", "external_id"):
        assert inbox.call("PUT", f"/contacts/{contact}", {name: None}).status_code == 400
    assert inbox.call("PUT", f"/contacts/{contact}", {"owner_id": None}).json()["owner_id"] is None


def test_deleting_is_for_ever(inbox: Inbox) -> None:
    contact = inbox.contact(**USER)
    done = inbox.call("DELETE", f"/contacts/{contact}").json()
    assert done == {"id": contact, "type": "contact", "external_id": "u-17", "deleted": True}
    for method, path in (("GET", ""), ("PUT", ""), ("DELETE", ""), ("POST", "/unarchive")):
        assert refused(inbox.call(method, f"/contacts/{contact}{path}")) == NO_USER
    assert inbox.contact(**USER) != contact


def test_merging(inbox: Inbox) -> None:
    user = inbox.contact(**USER)
    lead = inbox.contact(role="lead", email="rivera@example.com", phone="+49")
    stranger = inbox.contact(role="lead", phone="+1")
    merged = inbox.call("POST", "/contacts/merge", {"from": lead, "into": user}, version="2.16").json()
    assert (merged["id"], merged["phone"], merged["name"]) == (user, "+49", "Ana Rivera")
    gone = inbox.call("PUT", f"/contacts/{lead}", {"name": "x"}, version="2.16")
    assert refused(gone)[:2] == (410, "contact_merged")
    assert gone.headers["Link"] == f'</contacts/{user}>; rel="canonical"'
    assert refused(inbox.call("GET", f"/contacts/{lead}")) == NO_USER
    ends = {"from": stranger, "into": user}
    assert refused(inbox.call("POST", "/contacts/merge", ends, version="2.16"))[:2] == (400, "invalid_merge")
    assert inbox.call("POST", "/contacts/merge?skip_duplicate_validation=true", ends, version="2.16").ok
    assert refused(inbox.call("POST", "/contacts/merge", {"from": user, "into": user}))[:2] == (400, "invalid_merge")
    assert refused(inbox.call("POST", "/contacts/merge", {"from": user}))[1] == "parameter_not_found"


def test_merged_by_the_control_plane_through_a_chain(inbox: Inbox) -> None:
    first, second, third = (inbox.contact(external_id=f"u-{n}") for n in range(3))
    inbox.sandbox.intercom.merge(second, first)
    inbox.sandbox.intercom.merge(third, second)
    answer = inbox.call("GET", f"/contacts/{first}", version="2.17")
    assert f"/contacts/{third}>" in answer.headers["Link"]


def test_listing_in_pages(inbox: Inbox) -> None:
    ids = [inbox.contact(external_id=f"u-{n}") for n in range(5)]
    inbox.call("POST", f"/contacts/{ids[1]}/archive")
    first = inbox.call("GET", "/contacts?per_page=3").json()
    assert (first["total_count"], first["pages"]["total_pages"], first["pages"]["page"]) == (4, 2, 1)
    after = first["pages"]["next"]["starting_after"]
    second = inbox.call("GET", f"/contacts?per_page=3&starting_after={after}").json()
    assert [each["id"] for each in first["data"] + second["data"]] == [ids[n] for n in (4, 3, 2, 0)]
    assert second["pages"]["next"] is None
    assert refused(inbox.call("GET", "/contacts?per_page=151")) == (400, "parameter_invalid", "Per Page is too big")
    assert inbox.call("GET", "/contacts?starting_after=nonsense").status_code == 400


def test_blocking_archives(inbox: Inbox) -> None:
    contact = inbox.contact(**USER)
    assert inbox.call("POST", f"/contacts/{contact}/block").json()["blocked"] is True
    assert len(inbox.sandbox.intercom.objects(archived=True)) == 1

"""Intercom's own Python client against the sandbox: what it can parse, the sandbox says right."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("intercom")

import httpx
from intercom import Intercom
from intercom.core.api_error import ApiError
from intercom.errors.not_found_error import NotFoundError
from intercom.errors.unauthorized_error import UnauthorizedError
from intercom.types.create_contact_request_with_external_id import CreateContactRequestWithExternalId

if TYPE_CHECKING:
    from collections.abc import Iterator

    from penstock_sandbox.handle import Sandbox


@contextmanager
def client_of(sandbox: Sandbox, token: str) -> Iterator[Intercom]:
    """Yield a client that sends the version, which it does not by itself."""
    with httpx.Client() as http:
        url, headers = sandbox.intercom.url, {"Intercom-Version": "2.14"}
        yield Intercom(token=token, base_url=url, headers=headers, httpx_client=http)


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[Intercom]:
    with client_of(sandbox, sandbox.intercom.token) as client:
        yield client


def created(client: Intercom, external_id: str, **more: object) -> str:
    made = client.contacts.create(request={"external_id": external_id, **more})
    return str(made.id)


def test_me(client: Intercom) -> None:
    me = client.admins.identify()
    assert (me.type, me.app.region, me.app.timezone) == ("admin", "US", "America/Los_Angeles")


def test_a_wrong_token(sandbox: Sandbox) -> None:
    with client_of(sandbox, "nobody") as client, pytest.raises(UnauthorizedError) as caught:
        client.contacts.find("x")
    assert caught.value.body.errors[0].code == "unauthorized"


def test_contacts(sandbox: Sandbox, client: Intercom) -> None:
    sandbox.intercom.attributes("contact", plan="string", seats="integer")
    made = client.contacts.create(request=CreateContactRequestWithExternalId(external_id="u-17"))
    changed = client.contacts.update(made.id, name="Ana", custom_attributes={"plan": "gold", "seats": 12})
    assert (changed.name, changed.custom_attributes) == ("Ana", {"plan": "gold", "seats": 12})
    found = client.contacts.show_contact_by_external_id("u-17")
    assert (found.id, found.role, found.tags.total_count) == (made.id, "user", 0)
    assert client.contacts.find(made.id).name == "Ana"
    with pytest.raises(ApiError) as caught:
        created(client, "u-17")
    assert caught.value.status_code == 409
    assert made.id in caught.value.body["errors"][0]["message"]
    assert client.contacts.archive(made.id).archived is True
    assert client.contacts.unarchive(made.id).archived is False
    assert client.contacts.delete(made.id).deleted is True
    with pytest.raises(ApiError) as caught:
        client.contacts.find(made.id)
    assert caught.value.status_code == 404


def test_lists_and_search(sandbox: Sandbox, client: Intercom) -> None:
    sandbox.intercom.seed([{"external_id": f"u-{n}"} for n in range(5)])
    assert len(list(client.contacts.list(per_page=2))) == 5
    query = {"field": "external_id", "operator": "IN", "value": ["u-1", "u-2"]}
    assert sorted(each.external_id or "" for each in client.contacts.search(query=query)) == ["u-1", "u-2"]
    group = {"operator": "AND", "value": [query, {"field": "role", "operator": "=", "value": "user"}]}
    found = client.contacts.search(query=group, pagination={"per_page": 1})  # its pager repeats the first page for ever
    assert (len(found.items or []), found.has_next) == (1, True)
    after = found.response.pages.next.starting_after
    found = client.contacts.search(query=group, pagination={"per_page": 1, "starting_after": after})
    assert (len(found.items or []), found.has_next) == (1, False)


def test_merging(client: Intercom) -> None:
    user = created(client, "u-1")
    lead = client.contacts.create(request={"role": "lead", "email": "a@example.com"}).id
    assert client.contacts.merge_lead_in_user(lead_id=lead, contact_id=user).email == "a@example.com"


def test_companies(sandbox: Sandbox, client: Intercom) -> None:
    sandbox.intercom.attributes("company", tier="string")
    request = {"company_id": "acme-1", "name": "Acme", "plan": "Pro", "custom_attributes": {"tier": "gold"}}
    made = client.companies.create_or_update(request=request)
    assert (made.company_id, made.plan.name, made.custom_attributes) == ("acme-1", "Pro", {"tier": "gold"})
    contact = created(client, "u-1")
    assert client.companies.attach_contact(contact, company_id=made.id).user_count == 1
    attached = client.contacts.list_attached_companies(contact).response
    assert [each["id"] for each in attached.data] == [made.id]  # the client's own type looks for them in `companies`
    assert client.companies.retrieve(company_id="acme-1").id == made.id
    assert client.companies.find(made.id).name == "Acme"
    assert client.companies.update(made.id, request={"name": "Acme 2"}).name == "Acme 2"
    assert [each.id for each in client.companies.list()] == [made.id]
    assert [each.id for each in client.companies.scroll()] == [made.id]
    assert len(client.companies.list_attached_contacts(made.id).data) == 1
    assert client.companies.detach_contact(contact, made.id).user_count == 0
    assert client.companies.delete(made.id).deleted is True
    with pytest.raises(NotFoundError):
        client.companies.find(made.id)


def test_tags_notes_and_subscriptions(client: Intercom) -> None:
    contact = created(client, "u-1")
    tag = client.tags.create(request={"name": "vip", "users": [{"id": contact}]})
    assert [each.name for each in client.contacts.list_attached_tags(contact).data] == ["vip"]
    assert client.tags.tag_contact(contact, tag_id=tag.id).id == tag.id
    assert client.tags.untag_contact(contact, tag.id).name == "vip"
    assert client.notes.create(contact, body="hello", admin_id="991267459").body == "<p>hello</p>"
    assert [each.author.id for each in client.notes.list(contact)] == ["991267459"]
    kinds = client.subscription_types.list().data
    done = client.contacts.attach_subscription(contact, subscription_id=kinds[0].id, consent_type="opt_out")
    assert done.id == kinds[0].id
    assert len(client.contacts.list_attached_subscriptions(contact).data) == 1
    client.contacts.detach_subscription(contact, kinds[0].id)
    assert client.segments.list().segments == []


def test_data_attributes(client: Intercom) -> None:
    made = client.data_attributes.create(request={"name": "plan", "model": "contact", "data_type": "string"})
    assert made.full_name == "custom_attributes.plan"
    client.data_attributes.update(made.id, request={"archived": True})
    names = [each.name for each in client.data_attributes.list(model="contact").data]
    assert "plan" not in names
    assert "email" in names


def test_events(sandbox: Sandbox, client: Intercom) -> None:
    created(client, "u-1")
    request = {"event_name": "x", "created_at": 1760700000, "user_id": "u-1", "metadata": {"plan": "gold"}}
    assert client.events.create(request=request) is None
    assert sandbox.intercom.events()[0].metadata == {"plan": "gold"}
    summary = client.events.list(user_id="u-1", type="user", summary=True)
    assert [(each.name, each.count) for each in summary.events] == [("x", 1)]


def test_custom_objects(client: Intercom) -> None:
    api = client.custom_object_instances
    made = api.create_custom_object_instances("Order", external_id="o-1", custom_attributes={"order_number": "O-1"})
    assert (made.external_id, made.custom_attributes) == ("o-1", {"order_number": "O-1"})
    found = api.get_custom_object_instances_by_external_id("Order", external_id="o-1")
    assert found.id == made.id
    assert api.get_custom_object_instances_by_id("Order", made.id).external_id == "o-1"
    assert api.delete_custom_object_instances_by_external_id("Order", made.id).deleted is True


def test_a_spent_window(sandbox: Sandbox, client: Intercom) -> None:
    sandbox.configure(intercom={"per_ten_seconds": 0})
    with pytest.raises(ApiError) as caught:
        client.contacts.find("x")
    headers = caught.value.headers or {}
    assert (caught.value.status_code, headers["x-ratelimit-remaining"]) == (429, "0")

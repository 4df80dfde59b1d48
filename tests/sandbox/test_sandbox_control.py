"""The control plane: what it sets, what it tells, and what it refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import requests

from penstock_sandbox.handle import SandboxError
from penstock_sandbox.server import running

if TYPE_CHECKING:
    from penstock_sandbox.handle import Sandbox
    from tests.sandbox.conftest import Api


def test_history_holds_every_applied_write_and_nothing_else(sandbox: Sandbox, api: Api) -> None:
    sandbox.seed([{"email": "Old@example.com"}])
    api.upsert("old@example.com", city="Lima")
    api.upsert("new@example.com", plan="gold")
    api.upsert("new@example.com", customer_key="k1")
    first, second = sandbox.history()
    assert (first.n, first.action, first.key, first.properties) == (1, "update", "old@example.com", {"city": "Lima"})
    assert (second.n, second.request, second.action) == (2, 3, "create")
    assert second.keys == {"email": "new@example.com", "customer_key": "k1"}
    assert sandbox.history(after=1, limit=1) == [second]


def test_history_can_keep_keys_only(sandbox: Sandbox, api: Api) -> None:
    sandbox.configure(history="keys")
    api.upsert("a@example.com", city="Lima")
    write = sandbox.history()[0]
    assert (write.n, write.key, write.properties, write.action) == (1, "a@example.com", None, None)


def test_reset_goes_back_to_the_settings_of_the_start() -> None:
    with running(hubspot={"tier": "starter"}) as own:
        own.configure(latency_ms=1, hubspot={"per_ten_seconds": 1})
        own.seed([{"email": "a@example.com"}])
        own.fault("before_apply", "reset")
        own.reset()
        path = "/crm/v3/objects/contacts/batch/read"
        headers = {"Authorization": f"Bearer {own.token}"}
        answer = requests.post(own.hubspot_url + path, json={"inputs": []}, headers=headers, timeout=5)
        assert answer.headers["X-HubSpot-RateLimit-Max"] == "100"
        assert own.objects() == []


def test_seeded_properties_and_merges(sandbox: Sandbox, api: Api) -> None:
    definition: dict[str, object] = {
        "name": "region",
        "label": "Region",
        "type": "string",
        "fieldType": "text",
        "groupName": "g",
    }
    survivor, other = sandbox.seed([{"email": "a@example.com"}, {"email": "b@example.com"}], [definition])
    sandbox.merge(survivor, other)
    result = api.upsert("b@example.com", region="north").json()["results"][0]
    assert (result["id"], result["new"]) == (survivor, False)
    assert [record.id for record in sandbox.objects(archived=True)] == [other]


@pytest.mark.parametrize("patch", [{"latency": 1}, {"hubspot": {"tier": "gold"}}, {"seed": "x"}])
def test_settings_that_make_no_sense_are_refused(sandbox: Sandbox, patch: dict[str, object]) -> None:
    with pytest.raises(SandboxError):
        sandbox.configure(**patch)


def test_a_real_looking_token_is_refused(sandbox: Sandbox) -> None:
    with pytest.raises(SandboxError, match="starts with 'sandbox-'"):
        sandbox.grant("pat-na1-11111111")


def test_the_clock_only_moves_forward(sandbox: Sandbox) -> None:
    held = sandbox.hold_clock()
    assert sandbox.advance(5) == held + 5
    with pytest.raises(SandboxError):
        sandbox.advance(-1)
    assert sandbox.hold_clock(hold=False) >= held + 5


def test_requests_are_counted_by_route(sandbox: Sandbox, api: Api) -> None:
    api.upsert("a@example.com")
    api.call("GET", "/crm/v3/objects/contacts/7")
    api.call("GET", "/crm/v3/nothing")
    assert sandbox.stats().routes == {
        "POST /crm/v3/objects/contacts/batch/upsert": 1,
        "GET /crm/v3/objects/contacts/{id}": 1,
        "unrouted": 1,
    }


def test_the_page_shows_contacts_escaped(sandbox: Sandbox) -> None:
    sandbox.seed([{"email": "a@example.com", "firstname": "<script>alert(1)</script>"}])
    page = requests.get(sandbox.url, timeout=5).text
    assert "a@example.com" in page
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_the_page_shows_everything_else_escaped(sandbox: Sandbox, api: Api) -> None:
    evil = "<script>alert(1)</script>"
    [contact] = sandbox.seed([{"email": "a@example.com"}])
    [company] = sandbox.seed([{"name": evil}], object_type="companies")
    link = {"from": contact, "to_type": "companies", "to": company, "types": [1]}
    sandbox.seed(links=[link], events=[{"label": "Seen"}], owners=[])
    assert sandbox.associations("contacts", "companies") == {(contact, company): [279, 1]}
    api.call("POST", "/crm/v3/lists", {"name": evil, "objectTypeId": "0-1", "processingType": "MANUAL"})
    api.call("POST", "/events/v3/send", {"eventName": "pe12345678_seen", "email": evil})
    page = requests.get(sandbox.url, timeout=5).text
    assert "<script>" not in page
    assert page.count("&lt;script&gt;") == 3
    for title in ("companies (1 records", "associations", "lists", "events"):
        assert f"<h2>{title}" in page
    assert f"contacts {contact}" in page

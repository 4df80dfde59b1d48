"""HubSpot's own Python client against the sandbox: what it can parse, the sandbox says right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

pytest.importorskip("hubspot")

from hubspot import HubSpot
from hubspot.crm import properties as properties_api
from hubspot.crm.contacts import (
    ApiException,
    BatchInputSimplePublicObjectBatchInput,
    BatchInputSimplePublicObjectBatchInputForCreate,
    BatchInputSimplePublicObjectBatchInputUpsert,
    BatchInputSimplePublicObjectId,
    BatchReadInputSimplePublicObjectId,
    SimplePublicObjectBatchInput,
    SimplePublicObjectBatchInputForCreate,
    SimplePublicObjectBatchInputUpsert,
    SimplePublicObjectId,
    SimplePublicObjectInput,
)
from urllib3.util.retry import Retry

if TYPE_CHECKING:
    from penstock_sandbox.handle import Sandbox


def client_of(sandbox: Sandbox, token: str | None = None) -> HubSpot:
    url = sandbox.hubspot_url
    return HubSpot(access_token=token or sandbox.token, host=url, base_url=url, retry=Retry(total=0))


@pytest.fixture
def client(sandbox: Sandbox) -> HubSpot:
    return client_of(sandbox)


def row(email: str, trace: str, **values: str) -> SimplePublicObjectBatchInputUpsert:
    return SimplePublicObjectBatchInputUpsert(
        id=email, id_property="email", properties=values, object_write_trace_id=trace
    )


def upsert(client: HubSpot, *rows: SimplePublicObjectBatchInputUpsert) -> object:
    return client.crm.contacts.batch_api.upsert(BatchInputSimplePublicObjectBatchInputUpsert(inputs=list(rows)))


def test_upsert(client: HubSpot) -> None:
    done = client.crm.contacts.batch_api.upsert(
        BatchInputSimplePublicObjectBatchInputUpsert(inputs=[row("Ana@example.com", "1", firstname="Ana")])
    )
    assert done.status == "COMPLETE"
    assert done.results[0].new is True
    assert done.results[0].properties["email"] == "ana@example.com"


def test_upsert_with_a_bad_row(client: HubSpot) -> None:
    inputs = [row("a@example.com", "1"), row("b@example.com", "2", plan="gold")]
    done = client.crm.contacts.batch_api.upsert(BatchInputSimplePublicObjectBatchInputUpsert(inputs=inputs))
    assert done.num_errors == 1
    assert done.errors[0].context == {"objectWriteTraceId": ["2"]}


def test_create_read_update_archive(client: HubSpot) -> None:
    api = client.crm.contacts.batch_api
    new = SimplePublicObjectBatchInputForCreate(properties={"email": "a@example.com"}, associations=[])
    made = api.create(BatchInputSimplePublicObjectBatchInputForCreate(inputs=[new])).results[0]
    change = SimplePublicObjectBatchInput(id=made.id, properties={"city": "Lima"})
    api.update(BatchInputSimplePublicObjectBatchInput(inputs=[change]))
    asked = BatchReadInputSimplePublicObjectId(
        inputs=[SimplePublicObjectId(id="a@example.com")],
        id_property="email",
        properties=["city", "phone"],
        properties_with_history=[],
    )
    found = api.read(asked).results[0]
    assert (found.id, found.properties["city"], found.properties["phone"]) == (made.id, "Lima", None)
    api.archive(BatchInputSimplePublicObjectId(inputs=[SimplePublicObjectId(id=made.id)]))
    with pytest.raises(ApiException) as caught:
        client.crm.contacts.basic_api.get_by_id(made.id)
    assert caught.value.status == 404


def test_single_update(client: HubSpot) -> None:
    upsert(client, row("a@example.com", "1"))
    change = SimplePublicObjectInput(properties={"city": "Lima"})
    done = client.crm.contacts.basic_api.update("a@example.com", change, id_property="email")
    assert done.properties["city"] == "Lima"


def test_listing_pages(client: HubSpot) -> None:
    upsert(client, *(row(f"u{n}@example.com", str(n)) for n in range(5)))
    first = client.crm.contacts.basic_api.get_page(limit=3)
    second = client.crm.contacts.basic_api.get_page(limit=3, after=first.paging.next.after)
    assert [len(first.results), len(second.results)] == [3, 2]


def test_properties(client: HubSpot) -> None:
    listed = client.crm.properties.core_api.get_all("contacts").results
    plan = next(each for each in listed if each.name == "plan")
    assert [option.value for option in plan.options] == ["free", "starter", "team", "business"]
    assert next(each for each in listed if each.name == "customer_key").has_unique_value is True
    new = properties_api.PropertyCreate(
        name="tier", label="Tier", type="string", field_type="text", group_name="customer_360"
    )
    assert client.crm.properties.core_api.create("contacts", new).name == "tier"
    with pytest.raises(properties_api.ApiException) as caught:
        client.crm.properties.core_api.create("contacts", new)
    assert caught.value.status == 409


def test_a_wrong_token_and_a_spent_window(sandbox: Sandbox) -> None:
    with pytest.raises(ApiException) as caught:
        upsert(client_of(sandbox, "sandbox-nobody"), row("a@example.com", "1"))
    assert caught.value.status == 401
    sandbox.configure(hubspot={"per_ten_seconds": 0})
    with pytest.raises(ApiException) as caught:
        upsert(client_of(sandbox), row("a@example.com", "1"))
    assert caught.value.status == 429
    assert "TEN_SECONDLY_ROLLING" in caught.value.body
    assert caught.value.headers["X-HubSpot-RateLimit-Remaining"] == "0"


def test_dated_paths_through_api_request(client: HubSpot) -> None:
    body = {"inputs": [{"id": "a@example.com", "idProperty": "email", "properties": {}}]}
    answer = client.api_request({"method": "POST", "path": "/crm/objects/2026-09/contacts/batch/upsert", "body": body})
    assert answer.json()["results"][0]["new"] is True

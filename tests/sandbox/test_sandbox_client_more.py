"""HubSpot's own Python client beyond contacts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("hubspot")

from hubspot import HubSpot
from hubspot.crm import associations, companies, contacts, deals, imports, lists, objects, properties, schemas
from hubspot.crm.associations import v4
from hubspot.events import send
from urllib3.util.retry import Retry

if TYPE_CHECKING:
    from pathlib import Path

    from penstock_sandbox.handle import Sandbox

assert associations  # its package is what v4 lives in


@pytest.fixture
def client(sandbox: Sandbox) -> HubSpot:
    url = sandbox.hubspot_url
    return HubSpot(access_token=sandbox.token, host=url, base_url=url, retry=Retry(total=0))


def make_car(client: HubSpot) -> str:
    egg = schemas.ObjectSchemaEgg(
        name="car",
        labels=schemas.ObjectTypeDefinitionLabels(singular="Car", plural="Cars"),
        required_properties=["vin"],
        searchable_properties=["vin"],
        primary_display_property="vin",
        secondary_display_properties=[],
        associated_objects=["CONTACT"],
        properties=[
            schemas.ObjectTypePropertyCreate(
                name="vin", label="VIN", type="string", field_type="text", has_unique_value=True, options=[]
            )
        ],
    )
    made = client.crm.schemas.core_api.create(egg)
    assert made.fully_qualified_name == "p12345678_car"
    assert made.associations[0].from_object_type_id == made.object_type_id
    found: str = made.object_type_id
    return found


def test_schemas_and_custom_objects(client: HubSpot) -> None:
    type_id = make_car(client)
    assert [each.name for each in client.crm.schemas.core_api.get_all().results] == ["car"]
    row = objects.SimplePublicObjectBatchInputUpsert(
        id="V1", id_property="vin", properties={}, object_write_trace_id="1"
    )
    batch = objects.BatchInputSimplePublicObjectBatchInputUpsert(inputs=[row])
    made = client.crm.objects.batch_api.upsert(type_id, batch).results[0]
    assert (made.new, made.properties["vin"]) == (True, "V1")
    page = client.crm.objects.basic_api.get_page("p12345678_car", properties=["vin"])
    assert page.results[0].id == made.id
    client.crm.objects.basic_api.archive(type_id, made.id)
    client.crm.schemas.core_api.archive(type_id)
    with pytest.raises(objects.ApiException) as caught:
        client.crm.objects.basic_api.get_page(type_id)
    assert caught.value.status == 400


def test_companies_deals_pipelines_owners(client: HubSpot) -> None:
    new = companies.SimplePublicObjectInputForCreate(properties={"name": "One", "domain": "one.example"})
    assert client.crm.companies.basic_api.create(new).properties["domain"] == "one.example"
    stage = client.crm.pipelines.pipelines_api.get_all("deals").results[0].stages[0]
    assert stage.metadata == {"isClosed": "false", "probability": "0.2"}
    owner = client.crm.owners.owners_api.get_page(email="kim@example.com").results[0]
    values = {"dealname": "Big", "dealstage": stage.id, "hubspot_owner_id": owner.id}
    deal = client.crm.deals.basic_api.create(deals.SimplePublicObjectInputForCreate(properties=values))
    read = client.crm.deals.basic_api.get_by_id(deal.id, properties=["dealname", "amount"])
    assert (read.properties["dealname"], read.properties["amount"]) == ("Big", None)


def test_search_merge_and_purge(sandbox: Sandbox, client: HubSpot) -> None:
    one, other = sandbox.seed([{"email": "a@example.com"}, {"email": "b@example.com"}])
    wanted = contacts.Filter(property_name="email", operator="EQ", value="b@example.com")
    asked = contacts.PublicObjectSearchRequest(
        filter_groups=[contacts.FilterGroup(filters=[wanted])], properties=["email"], limit=10, after="0", sorts=[]
    )
    found = client.crm.contacts.search_api.do_search(asked)
    assert (found.total, found.results[0].id) == (1, other)
    merged = client.crm.contacts.basic_api.merge(
        contacts.PublicMergeInput(primary_object_id=one, object_id_to_merge=other)
    )
    assert merged.id not in {one, other}
    client.crm.contacts.basic_api.purge(contacts.PublicGdprDeleteInput(object_id=merged.id))
    assert sandbox.objects() == []


def test_associations(sandbox: Sandbox, client: HubSpot) -> None:
    one, two = sandbox.seed([{"email": "a@example.com"}, {"email": "b@example.com"}])
    [company] = sandbox.seed([{"name": "One"}], object_type="companies")
    api = client.crm.associations.v4.batch_api
    labels = client.crm.associations.v4.schema.definitions_api.get_all("contacts", "companies").results
    assert {label.type_id for label in labels} == {279, 1}
    spec = v4.AssociationSpec(association_category="HUBSPOT_DEFINED", association_type_id=1)

    def link(contact: str) -> v4.PublicAssociationMultiPost:
        return v4.PublicAssociationMultiPost(
            _from=v4.PublicObjectId(id=contact), to=v4.PublicObjectId(id=company), types=[spec]
        )

    batch = v4.BatchInputPublicAssociationMultiPost(inputs=[link(one), link(two)])
    done = api.create("contacts", "companies", batch)
    assert {each.from_object_id for each in done.results} == {one, two}
    partly = api.create("contacts", "companies", v4.BatchInputPublicAssociationMultiPost(inputs=[link(one), link("x")]))
    assert (partly.num_errors, partly.errors[0].context) == (1, {"id": ["x"]})
    ids = [v4.PublicFetchAssociationsBatchRequest(id=each) for each in (one, two)]
    read = api.get_page("contacts", "companies", v4.BatchInputPublicFetchAssociationsBatchRequest(inputs=ids))
    assert [each.to[0].to_object_id for each in read.results] == [company] * 2
    single = client.crm.associations.v4.basic_api
    assert single.create_default("contacts", one, "companies", company).status == "COMPLETE"
    assert single.create("contacts", one, "companies", company, [spec]).labels == []
    assert single.get_page("contacts", one, "companies").results[0].association_types[1].label == "Primary"
    single.archive("contacts", one, "companies", company)
    pair = v4.PublicDefaultAssociationMultiPost(_from=v4.PublicObjectId(id=one), to=v4.PublicObjectId(id=company))
    default = v4.BatchInputPublicDefaultAssociationMultiPost(inputs=[pair])
    assert len(api.create_default("contacts", "companies", default).results) == 2
    gone = v4.PublicAssociationMultiArchive(_from=v4.PublicObjectId(id=one), to=[v4.PublicObjectId(id=company)])
    api.archive("contacts", "companies", v4.BatchInputPublicAssociationMultiArchive(inputs=[gone]))
    assert list(sandbox.associations("contacts", "companies")) == [(two, company)]


def test_properties_in_batches_and_groups(client: HubSpot) -> None:
    group = properties.PropertyGroupCreate(name="penstock", label="Penstock")
    assert client.crm.properties.groups_api.create("deals", group).name == "penstock"
    new = [
        properties.PropertyCreate(name=name, label=name, type="number", field_type="number", group_name="penstock")
        for name in ("score", "seats")
    ]
    batch = properties.BatchInputPropertyCreate(inputs=new)
    assert len(client.crm.properties.batch_api.create("deals", batch).results) == 2
    change = properties.PropertyUpdate(label="Score")
    assert client.crm.properties.core_api.update("deals", "score", change).label == "Score"
    client.crm.properties.core_api.archive("deals", "seats")
    archived = client.crm.properties.core_api.get_all("deals", archived=True).results
    assert [each.name for each in archived] == ["seats"]


def test_events(sandbox: Sandbox, client: HubSpot) -> None:
    sandbox.seed(events=[{"label": "Plan changed", "propertyDefinitions": [{"name": "plan"}]}])
    event = send.BehavioralEventHttpCompletionRequest(
        event_name="pe12345678_plan_changed", email="a@example.com", properties={"plan": "team"}, uuid="u1"
    )
    assert client.events.send.basic_api.send(event) is None
    batch = send.BatchedBehavioralEventHttpCompletionRequest(inputs=[event])
    assert client.events.send.batch_api.send(batch) is None
    assert [each.lost for each in sandbox.events()] == [None, "uuid seen before"]


def test_lists(sandbox: Sandbox, client: HubSpot) -> None:
    [contact] = sandbox.seed([{"email": "a@example.com"}])
    api = client.crm.lists
    new = lists.ListCreateRequest(name="Hot", object_type_id="0-1", processing_type="MANUAL")
    made = api.lists_api.create(new).list
    assert (made.processing_status, api.lists_api.get_by_id(made.list_id).list.name) == ("COMPLETE", "Hot")
    assert [each.name for each in api.lists_api.get_all(list_ids=[made.list_id, "9"]).lists] == ["Hot"]
    done = api.memberships_api.add(made.list_id, request_body=[contact, "9"])
    assert (done.records_ids_added, done.record_ids_missing) == ([contact], ["9"])
    assert api.memberships_api.get_page(made.list_id).results[0].record_id == contact
    change = lists.MembershipChangeRequest(record_ids_to_add=[], record_ids_to_remove=[contact])
    assert api.memberships_api.add_and_remove(made.list_id, change).record_ids_removed == [contact]
    assert api.lists_api.do_search(lists.ListSearchRequest(query="ho", offset=0)).lists[0].list_id == made.list_id


def test_imports(sandbox: Sandbox, client: HubSpot, tmp_path: Path) -> None:
    file = tmp_path / "c.csv"
    file.write_text("email,firstname\na@example.com,Ana\nnope,Ben\n")
    mapping = [
        {
            "columnObjectTypeId": "0-1",
            "columnName": "email",
            "propertyName": "email",
            "columnType": "HUBSPOT_ALTERNATE_ID",
        },
        {"columnObjectTypeId": "0-1", "columnName": "firstname", "propertyName": "firstname"},
    ]
    page = {"hasHeader": True, "columnMappings": mapping}
    files = [{"fileName": "c.csv", "fileFormat": "CSV", "fileImportPage": page}]
    asked = {"name": "penstock 1", "importOperations": {"0-1": "UPSERT"}, "files": files}
    job = client.crm.imports.core_api.create(files=str(file), import_request=json.dumps(asked))
    assert job.state == "STARTED"
    sandbox.advance(4)
    done = client.crm.imports.core_api.get_by_id(job.id)
    assert (done.state, done.metadata.counters["CREATED_OBJECTS"]) == ("DONE", 1)
    [error] = client.crm.imports.public_imports_api.get_errors(job.id).results
    assert (error.error_type, error.source_data.line_number) == ("INVALID_EMAIL", 3)
    assert [each.import_name for each in client.crm.imports.core_api.get_page().results] == ["penstock 1"]
    with pytest.raises(imports.ApiException):
        client.crm.imports.core_api.get_by_id("9")


def test_tokens(sandbox: Sandbox, client: HubSpot) -> None:
    fields = {
        "client_id": "sandbox-client",
        "client_secret": "sandbox-secret",
        "refresh_token": "sandbox-refresh-token",
    }
    token = client.oauth.tokens_api.create(grant_type="refresh_token", **fields)
    assert token.expires_in == 1800
    assert client.oauth.access_tokens_api.get(token.access_token).hub_id == 12345678
    url = sandbox.hubspot_url
    other = HubSpot(access_token=token.access_token, host=url, base_url=url, retry=Retry(total=0))
    assert other.crm.contacts.basic_api.get_page().results == []

"""Every type of object: names, what a new one needs, pipelines, merging, purging, archived records."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from penstock_sandbox.hubspot.types import OBJECT_TYPES

if TYPE_CHECKING:
    import requests

    from penstock_sandbox.handle import Sandbox
    from tests.sandbox.conftest import Api

DEALS, COMPANIES, TICKETS = "/crm/v3/objects/deals", "/crm/v3/objects/companies", "/crm/v3/objects/tickets"
CONTACTS = "/crm/v3/objects/contacts"


def post(api: Api, path: str, **properties: object) -> requests.Response:
    return api.call("POST", path, {"properties": properties})


def made(api: Api, path: str, **properties: object) -> str:
    answer = post(api, path, **properties)
    assert answer.status_code == 201, answer.text
    found: str = answer.json()["id"]
    return found


def test_every_type_is_found_by_name_singular_and_id(sandbox: Sandbox, api: Api) -> None:
    sandbox.configure(unlimited=True)
    for kind in OBJECT_TYPES:
        for name in (kind.name, kind.singular, kind.type_id):
            for family in ("/crm/v3/objects", "/crm/objects/2026-03", "/crm/objects/2026-09"):
                answer = api.call("GET", f"{family}/{name}")
                assert (answer.status_code, answer.json()["results"]) == (200, []), (family, name)


def test_what_a_new_object_needs(api: Api) -> None:
    assert post(api, COMPANIES, city="Lima").status_code == 400
    assert post(api, COMPANIES, domain="example.com").status_code == 201
    assert "MISSING_REQUIRED_PROPERTY" in post(api, DEALS, dealname="One").json()["message"]
    assert post(api, DEALS, dealname="One", dealstage="qualifiedtobuy").status_code == 201
    assert api.sandbox.objects("deals")[0].properties["pipeline"] == "default"
    assert post(api, TICKETS, subject="One", hs_pipeline_stage="1").status_code == 400
    assert post(api, TICKETS, subject="One", hs_pipeline="0", hs_pipeline_stage="1").status_code == 201


def test_two_companies_may_share_a_domain_and_domain_is_no_key(sandbox: Sandbox, api: Api) -> None:
    assert made(api, COMPANIES, domain="example.com") != made(api, COMPANIES, domain="example.com")
    answer = api.batch("upsert", [{"id": "example.com", "idProperty": "domain", "properties": {}}], COMPANIES)
    assert answer.status_code == 400
    assert "Unable to perform update/upsert by non-unique 0-2 property domain" in answer.json()["message"]


def test_a_unique_property_of_a_company_is_a_key(sandbox: Sandbox, api: Api) -> None:
    definition = {"name": "crm_key", "label": "Key", "type": "string", "fieldType": "text"}
    definition |= {"groupName": "companyinformation", "hasUniqueValue": True}  # type: ignore[dict-item]
    assert api.call("POST", "/crm/v3/properties/companies", definition).status_code == 201
    rows: list[dict[str, object]] = [
        {"id": "k1", "idProperty": "crm_key", "objectWriteTraceId": "1", "properties": {"name": "One"}},
        {"id": "k2", "idProperty": "crm_key", "objectWriteTraceId": "2", "properties": {"city": "Lima"}},
    ]
    answer = api.batch("upsert", rows, COMPANIES)
    assert answer.status_code == 207
    assert answer.json()["results"][0]["properties"]["hs_lastmodifieddate"]
    assert answer.json()["errors"][0]["context"] == {"objectWriteTraceId": ["2"]}
    assert [write.key for write in sandbox.history()] == ["k1"]


def test_a_stage_belongs_to_a_pipeline(sandbox: Sandbox, api: Api) -> None:
    assert "INVALID_OPTION" in post(api, DEALS, dealname="One", dealstage="1").json()["message"]
    assert api.call("GET", "/crm/v3/pipelines/deals").json()["results"][0]["stages"][0]["id"] == "appointmentscheduled"
    second = {"id": "p2", "label": "Partners", "stages": [{"id": "asked", "label": "Asked"}]}
    first = {"id": "default", "label": "Sales", "stages": [{"id": "won", "label": "Won"}]}
    sandbox.seed(object_type="deals", pipelines=[first, second])
    assert post(api, DEALS, dealname="One", dealstage="won").status_code == 400
    assert post(api, DEALS, dealname="One", dealstage="asked", pipeline="default").status_code == 400
    deal = made(api, DEALS, dealname="One", dealstage="asked", pipeline="p2")
    assert api.call("PATCH", f"{DEALS}/{deal}", {"properties": {"dealstage": "won"}}).status_code == 400
    assert api.call("GET", "/crm/v3/pipelines/deals/p2/stages").json()["results"][0]["label"] == "Asked"
    assert api.call("GET", "/crm/v3/pipelines/deals/p9").status_code == 404


def test_owners(api: Api) -> None:
    first = api.call("GET", "/crm/v3/owners/?limit=2").json()
    assert [each["id"] for each in first["results"]] == ["41", "42"]
    second = api.call("GET", f"/crm/owners/2026-03?limit=2&after={first['paging']['next']['after']}").json()
    assert [each["id"] for each in second["results"]] == ["12"]
    assert api.call("GET", "/crm/v3/owners/?email=sam@example.com").json()["results"][0]["userId"] == 8
    assert api.call("GET", "/crm/v3/owners/41").json()["teams"][0]["name"] == "Sales"
    assert post(api, COMPANIES, name="One", hubspot_owner_id="41").status_code == 201
    assert "INVALID_OPTION" in post(api, COMPANIES, name="One", hubspot_owner_id="7").json()["message"]


def test_the_lifecycle_only_moves_forward_unless_cleared(api: Api) -> None:
    api.upsert("a@example.com", lifecyclestage="customer")
    for sent, stored in (("lead", "customer"), ("", None), ("lead", "lead")):
        assert api.upsert("a@example.com", lifecyclestage=sent).status_code == 200
        got = api.call("GET", f"{CONTACTS}/a@example.com?idProperty=email&properties=lifecyclestage").json()
        assert got["properties"].get("lifecyclestage") == stored


@pytest.mark.parametrize("new_id", [True, False])
def test_a_merge(sandbox: Sandbox, api: Api, new_id: bool) -> None:
    sandbox.configure(hubspot={"merge_new_id": new_id})
    one, other = sandbox.seed([{"email": "a@example.com"}, {"email": "b@example.com", "city": "Lima"}])
    company = made(api, COMPANIES, name="One")
    pair = f"/crm/v4/objects/contacts/{other}/associations/default/companies/{company}"
    assert api.call("PUT", pair).status_code == 200
    body = {"primaryObjectId": one, "objectIdToMerge": other}
    survivor = api.call("POST", f"{CONTACTS}/merge", body).json()["id"]
    assert (survivor != one) is new_id
    for each in (one, other, survivor):
        got = api.call("GET", f"{CONTACTS}/{each}?properties=city,email&associations=companies").json()
        assert (got["id"], got["properties"]["city"]) == (survivor, "Lima")
        assert got["associations"]["companies"]["results"][0]["id"] == company
    silent = api.batch("update", [{"id": other, "properties": {"city": "Rome"}}])
    assert (silent.status_code, silent.json()["results"], silent.json().get("errors")) == (200, [], None)
    assert api.upsert("b@example.com").json()["results"][0]["id"] == survivor
    assert api.call("POST", f"{CONTACTS}/merge", body).status_code == 400
    assert [write.action for write in sandbox.history()].count("merge") == 1


def test_a_purge_leaves_nothing_and_the_address_may_come_back(sandbox: Sandbox, api: Api) -> None:
    sandbox.seed([{"email": "a@example.com", "city": "Lima"}])
    body = {"objectId": "A@example.com", "idProperty": "email"}
    assert api.call("POST", f"{CONTACTS}/gdpr-delete", body).status_code == 204
    assert [record.properties for record in sandbox.objects(archived=True)] == [{}]
    assert [write.action for write in sandbox.history()] == ["purge"]
    assert api.upsert("a@example.com").json()["results"][0]["new"] is True
    assert api.call("POST", f"{COMPANIES}/gdpr-delete", {"objectId": "1"}).status_code == 404


def test_archived_records_are_read_when_asked_for(api: Api) -> None:
    found = api.upsert("a@example.com").json()["results"][0]["id"]
    assert api.call("DELETE", f"{CONTACTS}/{found}").status_code == 204
    assert api.call("GET", f"{CONTACTS}/{found}").status_code == 404
    got = api.call("GET", f"{CONTACTS}/{found}?archived=true").json()
    assert (got["archived"], "archivedAt" in got) == (True, True)
    assert [each["id"] for each in api.call("GET", f"{CONTACTS}?archived=true").json()["results"]] == [found]
    asked = {"inputs": [{"id": found}], "properties": ["email"]}
    assert api.call("POST", f"{CONTACTS}/batch/read?archived=true", asked).json()["results"][0]["archived"] is True


def test_an_admins_rules(sandbox: Sandbox, api: Api) -> None:
    rule = {"type": "contacts", "property": "plan", "value": "team", "required": "seats"}
    sandbox.configure(hubspot={"required_on_form": {"contacts": ["lastname"]}, "conditional": [rule]})
    newest = "/crm/objects/2026-09/contacts"
    assert "MISSING_REQUIRED_PROPERTY" in post(api, newest, email="a@example.com").json()["message"]
    answer = post(api, newest, email="a@example.com", lastname="Roe", plan="team")
    assert "MISSING_CONDITIONAL_REQUIRED_PROPERTY" in answer.json()["message"]
    assert post(api, newest, email="a@example.com", lastname="Roe", plan="team", seats="3").status_code == 201
    assert post(api, CONTACTS, email="b@example.com").status_code == 400
    sandbox.configure(hubspot={"rules_on_older_paths": False})
    assert post(api, CONTACTS, email="b@example.com").status_code == 201
    assert post(api, newest, email="c@example.com").status_code == 400


def test_custom_objects(sandbox: Sandbox, api: Api) -> None:
    schema = {
        "name": "car",
        "labels": {"singular": "Car", "plural": "Cars"},
        "primaryDisplayProperty": "vin",
        "requiredProperties": ["vin"],
        "searchableProperties": ["vin"],
        "associatedObjects": ["CONTACT"],
        "properties": [
            {"name": "vin", "label": "VIN", "type": "string", "fieldType": "text", "hasUniqueValue": True},
            {"name": "doors", "label": "Doors", "type": "number", "fieldType": "number"},
        ],
    }
    answer = api.call("POST", "/crm-object-schemas/v3/schemas", schema)
    assert answer.status_code == 201
    full_name, type_id = answer.json()["fullyQualifiedName"], answer.json()["objectTypeId"]
    assert (full_name, type_id[:2]) == ("p12345678_car", "2-")
    assert api.call("POST", "/crm-object-schemas/v3/schemas", schema).status_code == 409
    for name in (full_name, type_id):
        row: dict[str, object] = {"id": name, "idProperty": "vin", "properties": {"doors": "4"}}
        assert api.batch("upsert", [row], f"/crm/objects/2026-03/{name}").json()["results"][0]["new"] is True
    assert api.call("GET", "/crm/v3/objects/car").status_code == 400
    assert post(api, f"/crm/v3/objects/{full_name}", doors="4").status_code == 400
    listed = api.call("GET", "/crm/v3/schemas").json()["results"]
    assert [each["name"] for each in listed] == ["car"]
    assert {each["name"] for each in listed[0]["properties"]} >= {"vin", "doors", "hs_object_id", "hs_createdate"}
    assert api.call("DELETE", f"/crm-object-schemas/v3/schemas/{type_id}").status_code == 400
    rows: list[dict[str, object]] = [{"id": record.id} for record in sandbox.objects(full_name)]
    assert api.batch("archive", rows, f"/crm/v3/objects/{type_id}").status_code == 204
    assert api.call("DELETE", f"/crm-object-schemas/v3/schemas/{type_id}").status_code == 204
    sandbox.configure(hubspot={"tier": "starter"})
    assert api.call("POST", "/crm-object-schemas/v3/schemas", schema).status_code == 403


def test_an_object_is_created_with_its_associations(sandbox: Sandbox, api: Api) -> None:
    company = made(api, COMPANIES, name="One")
    types = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 1}]
    rows: list[dict[str, object]] = [
        {
            "objectWriteTraceId": str(n),
            "properties": {"email": f"u{n}@example.com"},
            "associations": [{"to": {"id": to}, "types": types}],
        }
        for n, to in enumerate((company, "404"))
    ]
    answer = api.batch("create", rows)
    assert answer.json()["errors"][0]["context"] == {"objectWriteTraceId": ["1"]}
    contact = answer.json()["results"][0]["id"]
    assert sandbox.associations("contacts", "companies") == {(contact, company): [279, 1]}
    upsert: dict[str, object] = {**rows[0], "id": "u7@example.com", "idProperty": "email", "properties": {}}
    assert api.batch("upsert", [upsert]).status_code == 200
    assert len(sandbox.associations("contacts", "companies")) == 1

"""Associations: defaults, labels, primary companies, what is missing, limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from penstock_sandbox.handle import Sandbox
    from tests.sandbox.conftest import Api

BATCH = "/crm/v4/associations/contacts/companies/batch"


def spec(type_id: int, category: str = "HUBSPOT_DEFINED") -> dict[str, object]:
    return {"associationCategory": category, "associationTypeId": type_id}


def link(one: str, other: str, *types: dict[str, object]) -> dict[str, object]:
    return {"from": {"id": one}, "to": {"id": other}, "types": list(types)}


@pytest.fixture
def ids(sandbox: Sandbox) -> tuple[str, str, str, str]:
    one, two = sandbox.seed([{"email": "a@example.com"}, {"email": "b@example.com"}])
    first, second = sandbox.seed([{"name": "One"}, {"name": "Two"}], object_type="companies")
    return one, two, first, second


def test_labelled_batch(sandbox: Sandbox, api: Api, ids: tuple[str, str, str, str]) -> None:
    one, two, first, _ = ids
    answer = api.call("POST", f"{BATCH}/create", {"inputs": [link(one, first, spec(279)), link(two, first, spec(1))]})
    assert answer.status_code == 201
    result = next(each for each in answer.json()["results"] if each["fromObjectId"] == int(one))
    assert result == {
        "fromObjectTypeId": "0-1",
        "fromObjectId": int(one),
        "toObjectTypeId": "0-2",
        "toObjectId": int(first),
        "labels": [],
    }
    assert sandbox.associations("companies", "contacts") == {(first, one): [280], (first, two): [280, 2]}
    write = sandbox.history()[0]
    assert (write.type, write.action, write.id, write.to) == ("contacts/companies", "associate", one, first)


def test_one_company_is_primary(sandbox: Sandbox, api: Api, ids: tuple[str, str, str, str]) -> None:
    one, _, first, second = ids
    for company in (first, second):
        assert api.call("POST", f"{BATCH}/create", {"inputs": [link(one, company, spec(1))]}).status_code == 201
    assert sandbox.associations("contacts", "companies") == {(one, first): [279], (one, second): [279, 1]}
    reverse = "/crm/associations/2026-03/company/contact/batch/create"
    assert api.call("POST", reverse, {"inputs": [link(first, one, spec(2))]}).status_code == 201
    assert sandbox.associations("contacts", "companies") == {(one, first): [279, 1], (one, second): [279]}


def test_labels_replace_each_other_and_the_default_takes_all_with_it(
    sandbox: Sandbox, api: Api, ids: tuple[str, str, str, str]
) -> None:
    one, _, first, _ = ids
    labels = "/crm/v4/associations/contact/company/labels"
    made = api.call("POST", labels, {"label": "Billing", "name": "billing", "inverseLabel": "Billed"}).json()["results"]
    other = api.call("POST", labels, {"label": "Champion", "name": "champion"}).json()["results"]
    assert {each["typeId"] for each in api.call("GET", labels).json()["results"]} >= {279, 1, made[0]["typeId"]}
    billing, champion = spec(made[0]["typeId"], "USER_DEFINED"), spec(other[0]["typeId"], "USER_DEFINED")
    both = api.call("POST", f"{BATCH}/create", {"inputs": [link(one, first, billing, champion)]}).json()
    assert both["results"][0]["labels"] == ["Billing", "Champion"]
    one_left = api.call("POST", f"{BATCH}/create", {"inputs": [link(one, first, champion)]}).json()
    assert one_left["results"][0]["labels"] == ["Champion"]
    read = api.call("POST", f"{BATCH}/read", {"inputs": [{"id": one}]}).json()["results"][0]
    assert (read["from"], read["to"][0]["toObjectId"]) == ({"id": one}, int(first))
    assert [each["label"] for each in read["to"][0]["associationTypes"]] == [None, "Champion"]
    gone = api.call("POST", f"{BATCH}/labels/archive", {"inputs": [link(one, first, champion)]})
    assert (gone.status_code, sandbox.associations("contacts", "companies")) == (204, {(one, first): [279]})
    api.call("POST", f"{BATCH}/create", {"inputs": [link(one, first, champion)]})
    api.call("POST", f"{BATCH}/labels/archive", {"inputs": [link(one, first, spec(279))]})
    assert sandbox.associations("contacts", "companies") == {}
    assert api.call("DELETE", f"{labels}/{made[0]['typeId']}").status_code == 204
    assert api.call("DELETE", f"{labels}/279").status_code == 404


def test_what_cannot_be_associated_is_listed(api: Api, ids: tuple[str, str, str, str]) -> None:
    one, _, first, _ = ids
    inputs = [link(one, first, spec(279)), link("x", first, spec(279)), link(one, "404", spec(279))]
    answer = api.call("POST", f"{BATCH}/create", {"inputs": inputs})
    body = answer.json()
    assert (answer.status_code, len(body["results"]), body["numErrors"]) == (207, 1, 2)
    assert body["errors"][0]["subCategory"] == "crm.associations.INVALID_IDENTIFIER"
    assert (body["errors"][0]["message"], body["errors"][0]["context"]) == ("x is not a valid ID", {"id": ["x"]})
    assert body["errors"][1]["context"] == {"id": ["404"]}
    itself = "/crm/v4/associations/contacts/contacts/batch/create"
    error = api.call("POST", itself, {"inputs": [link(one, one, spec(449))]}).json()["errors"][0]
    assert "context" not in error
    assert error["message"] == f"Object {one} cannot be associated to itself ({one})"
    assert api.call("POST", f"{BATCH}/create", {"inputs": [link(one, first, spec(999))]}).status_code == 400
    assert api.call("POST", f"{BATCH}/create", {"inputs": [link(one, first)]}).status_code == 400


def test_default_batch_and_reading_nobody(sandbox: Sandbox, api: Api, ids: tuple[str, str, str, str]) -> None:
    one, two, first, _ = ids
    inputs = [{"from": {"id": one}, "to": {"id": first}}, {"from": {"id": "404"}, "to": {"id": first}}]
    answer = api.call("POST", f"{BATCH}/associate/default", {"inputs": inputs})
    assert (answer.status_code, len(answer.json()["results"]), answer.json()["numErrors"]) == (207, 2, 1)
    read = api.call("POST", f"{BATCH}/read", {"inputs": [{"id": one}, {"id": two}]})
    assert (read.status_code, len(read.json()["results"])) == (207, 1)
    assert read.json()["errors"][0]["subCategory"] == "crm.associations.NO_ASSOCIATIONS_FOUND"
    gone = api.call("POST", f"{BATCH}/archive", {"inputs": [{"from": {"id": one}, "to": [{"id": first}, {"id": "9"}]}]})
    assert (gone.status_code, sandbox.associations("contacts", "companies")) == (204, {})
    assert [write.action for write in sandbox.history()] == ["associate", "dissociate"]


@pytest.mark.parametrize("family", ["/crm/v4/objects", "/crm/objects/2026-03", "/crm/objects/2026-09"])
def test_one_pair(sandbox: Sandbox, api: Api, ids: tuple[str, str, str, str], family: str) -> None:
    one, _, first, second = ids
    record = f"{family}/contact/{one}/associations"
    for _ in range(2):
        assert api.call("PUT", f"{record}/default/company/{first}").status_code == 200
    assert api.call("PUT", f"{record}/companies/{second}", [spec(1)]).status_code == 201
    listed = api.call("GET", f"{record}/companies?limit=1").json()
    assert listed["results"][0] == {
        "toObjectId": int(first),
        "associationTypes": [{"category": "HUBSPOT_DEFINED", "typeId": 279, "label": None}],
    }
    more = api.call("GET", f"{record}/companies?limit=1&after={listed['paging']['next']['after']}").json()
    assert more["results"][0]["associationTypes"][1] == {"category": "HUBSPOT_DEFINED", "typeId": 1, "label": "Primary"}
    assert api.call("DELETE", f"{record}/companies/{second}").status_code == 204
    assert api.call("PUT", f"{record}/default/company/404").status_code == 404
    assert api.call("PUT", f"{record}/default/company/x").status_code == 400
    assert list(sandbox.associations("contacts", "companies")) == [(one, first)]


@pytest.mark.parametrize(
    ("tail", "most"), [("create", 2000), ("associate/default", 2000), ("read", 1000), ("archive", 100)]
)
def test_how_much_a_batch_holds(api: Api, tail: str, most: int) -> None:
    one: dict[str, object] = {"id": "x"} if tail == "read" else link("x", "y", spec(279))
    if tail == "archive":
        one = {"from": {"id": "x"}, "to": []}
    answers = [api.call("POST", f"{BATCH}/{tail}", {"inputs": [one] * count}) for count in (most, most + 1)]
    assert [each.status_code for each in answers] == [204 if tail == "archive" else 207, 400]


@pytest.mark.parametrize(("tier", "window"), [("starter", "100"), ("professional", "150"), ("limit_increase", "200")])
def test_their_own_limit(sandbox: Sandbox, api: Api, tier: str, window: str) -> None:
    sandbox.configure(hubspot={"tier": tier, "association_daily": 1})
    labels = "/crm/v4/associations/contacts/companies/labels"
    first = api.call("GET", labels)
    assert first.headers["X-HubSpot-RateLimit-Max"] == window
    second = api.call("GET", labels)
    assert (second.status_code, second.json()["policyName"]) == (429, "DAILY")
    assert api.upsert("a@example.com").status_code == 200


def test_custom_objects_have_ids_of_their_own(sandbox: Sandbox, api: Api) -> None:
    schema: dict[str, object] = {
        "name": "car",
        "labels": {},
        "requiredProperties": [],
        "associatedObjects": ["contacts"],
    }
    schema["properties"] = [{"name": "vin", "label": "VIN", "type": "string", "fieldType": "text"}]
    made = api.call("POST", "/crm-object-schemas/v3/schemas", schema).json()
    assert made["associations"][0]["name"] == "car_to_contact"
    label = api.call("GET", "/crm/v4/associations/contact/p12345678_car/labels").json()["results"][0]
    assert (label["category"], label["typeId"] > 1000) == ("USER_DEFINED", True)

"""The simulated Salesforce's bodies have the keys and types of bodies recorded from real orgs."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.sandbox.salesforce import Org

DEFAULT = Path(__file__).resolve().parents[3] / "shared" / "samples"


def sample(file: str) -> Any:
    path = Path(os.environ.get("PENSTOCK_SAMPLES", DEFAULT)) / "salesforce" / file
    if not path.is_file():
        pytest.skip("recorded bodies are not in this checkout; PENSTOCK_SAMPLES names their folder")
    return json.loads(path.read_text())


def body(file: str, needle: str) -> Any:
    """Return the first recorded answer whose request has a text in it."""
    pairs = sample(f"cumulusci/{file}.json")["pairs"]
    for pair in pairs:
        if needle in f"{pair.get('method')} {pair.get('uri')}":
            found = pair["response_body"]
            return json.loads(found) if isinstance(found, str) else found
    raise AssertionError(needle)


def shape(value: object) -> object:
    match value:
        case dict():
            return {key: shape(each) for key, each in value.items()}
        case [first, *_]:
            return [shape(first)]
        case _:
            return type(value).__name__


def described(file: str) -> dict[str, Any]:
    found: Any = sample(f"describe/{file}.json")
    while "fields" not in found:
        found = found["pairs"][0]["response_body"] if "pairs" in found else found["response_body"]
    return dict(found)


KNOWN = {
    "cumulusci_sobjects_Account_describe": ("Account", "48.0"),
    "cumulusci_sobjects_Contact_describe": ("Contact", "59.0"),
    "cumulusci_sobjects_Lead_describe": ("Lead", "59.0"),
    "cumulusci_sobjects_Opportunity_describe": ("Opportunity", "59.0"),
}
COMPLEX = "TestUpsert.test_upsert_complex_external_id_field_rest__duplicate_error"
COMPARED = (
    *("type", "length", "precision", "scale", "digits", "createable", "updateable", "nillable", "referenceTo"),
    *("idLookup", "soapType", "restrictedPicklist", "defaultedOnCreate", "nameField", "label"),
    *("compoundFieldName", "polymorphicForeignKey", "namePointing", "defaultValue", "unique", "externalId"),
)


@pytest.mark.parametrize("file", sorted(KNOWN))
def test_describes(org: Org, file: str) -> None:
    name, version = KNOWN[file]
    theirs = described(file)
    ours = org.http.get(f"{org.url}/services/data/v{version}/sobjects/{name}/describe").json()
    assert set(theirs) <= set(ours) | {"associateEntityType", "associateParentEntity"}
    assert list(theirs["fields"][0]) == list(ours["fields"][0])
    assert shape(theirs["recordTypeInfos"]) == shape(ours["recordTypeInfos"])
    fields = {field["name"]: field for field in ours["fields"]}
    seen = 0
    for field in theirs["fields"]:
        if field["custom"] or field["name"].endswith("__c") or field["name"] not in fields:
            continue
        here = fields[field["name"]]
        assert {key: here[key] for key in COMPARED} == {key: field[key] for key in COMPARED}, field["name"]
        assert field["type"] != "reference" or here["relationshipName"] == field["relationshipName"]
        assert [each["value"] for each in here["picklistValues"]] == [each["value"] for each in field["picklistValues"]]
        seen += 1
    assert seen >= len(theirs["fields"]) - 6


def test_collections_and_their_errors(org: Org) -> None:
    theirs = body("TestUpsert.test_upsert__rest", "composite/sobjects/Contact/Email")
    row: dict[str, object] = {"type": "Contact", "LastName": "a", "Email": "a@example.com"}
    path = "/composite/sobjects/Contact/Email"
    ours = org.records("PATCH", path, [row]).json()
    assert shape(ours) == shape(theirs)
    assert list(ours[0]) == list(theirs[0])
    made = body("TestUpsert.test_upsert__rest", "POST https://orgname.my.salesforce.com/services/data/vxx.0/composite")
    account: dict[str, object] = {"type": "Account", "Name": "a"}
    assert shape(org.records("POST", "/composite/sobjects", [account]).json()) == shape(made)


def test_queries_and_composites(org: Org) -> None:
    org.sandbox.salesforce.seed("Account", [{"Name": "a"}])
    theirs = body("TestUpsert.test_upsert__rest", "select+Name+from+Account")
    assert shape(org.query("select Name from Account").json()) == shape(theirs)
    theirs = body("TestCountSObjects.test_count_sobjects__errors", "POST")
    part = {"method": "GET", "referenceId": "refAccount", "url": org.path + "/query/?q=select count() from Account"}
    other = {**part, "referenceId": "refXYZZY", "url": org.path + "/query/?q=select count() from XYZZY"}
    ours = org.send("POST", "/composite", {"compositeRequest": [part, other]}).json()
    assert shape(ours) == shape(theirs)
    assert ours["compositeResponse"][1] == theirs["compositeResponse"][1]
    theirs = body("TestCompositeParallelSalesforce.test_errors", "POST")
    part = {"method": "GET", "referenceId": "CCI__RefId__0__", "url": org.path + "/sobjects/Foo"}
    assert org.send("POST", "/composite", {"compositeRequest": [part]}).json() == theirs


def test_single_rows(org: Org) -> None:
    theirs = body(COMPLEX, "POST https://orgname.my.salesforce.com/services/data/vxx.0/sobjects/Account/")
    assert shape(org.send("POST", "/sobjects/Account/", {"Name": "xyzzy"}).json()) == shape(theirs)
    counted = body(COMPLEX, "recordCount?sObjects=Account")
    assert shape(org.get("/limits/recordCount?sObjects=Account").json()) == shape(counted)
    pairs = sample("grouparoo/pairs.json")
    for pair in pairs:
        if pair["method"] == "GET" and "/sobjects/Lead/" in pair["path"]:
            [lead] = org.sandbox.salesforce.seed("Lead", [{"LastName": "a", "Company": "b"}])
            ours = org.http.get(f"{org.url}/services/data/v42.0/sobjects/Lead/{lead}")
            recorded = pair["response_body"]
            if pair["status"] == 200:
                assert {key for key in recorded if not key.endswith("__c")} - set(ours.json()) <= set()
            else:
                missing = org.http.get(f"{org.url}/services/data/v42.0/sobjects/Lead/00Q5e000000zzzz")
                assert (missing.status_code, missing.json()) == (404, recorded)


def test_bulk_v1(org: Org) -> None:
    theirs = sample("cumulusci/TestUpsert.test_upsert_external_id_field.json")["pairs"]
    recorded = [pair for pair in theirs if "/services/async/" in str(pair.get("uri"))]
    headers = {"X-SFDC-Session": org.sandbox.salesforce.session, "Content-Type": "application/xml"}
    root = org.url + "/services/async/62.0/job"
    made = org.http.post(root, data=recorded[0]["request_body"], headers=headers)
    assert tags(made.text) == tags(recorded[0]["response_body"])
    job = made.text.partition("<id>")[2].partition("<")[0]
    added = org.http.post(f"{root}/{job}/batch", data="Name\na\n", headers={**headers, "Content-Type": "text/csv"})
    assert tags(added.text) == tags(recorded[1]["response_body"])
    listed = org.http.get(f"{root}/{job}/batch", headers=headers)
    assert tags(listed.text) == tags(
        next(p for p in recorded if "batchInfoList" in p["response_body"])["response_body"]
    )


def tags(text: str) -> list[str]:
    return [part.split(">")[0].split()[0] for part in text.replace("?>", "").split("<")[1:] if part[0] != "?"]

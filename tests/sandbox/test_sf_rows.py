"""The simulated Salesforce: versions, describes and single records."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.sandbox.salesforce import Org

EXT = {"name": "Ext__c", "externalId": True, "unique": True, "length": 40}


def test_versions_need_no_session_and_are_not_metered(org: Org) -> None:
    answer = org.http.get(org.url + "/services/data", headers={"Authorization": ""})
    assert answer.json()[-1] == {"label": "Summer '26", "url": "/services/data/v67.0", "version": "67.0"}
    assert {"label": "Winter '25", "url": "/services/data/v62.0", "version": "62.0"} in answer.json()
    assert "Sforce-Limit-Info" not in answer.headers


def test_retired_and_unknown_versions(org: Org) -> None:
    assert org.http.get(org.url + "/services/data/v30.0/limits").status_code == 410
    assert org.http.get(org.url + "/services/data/v99.0/limits").status_code == 404


def test_describe_says_what_can_be_written(org: Org) -> None:
    org.sandbox.salesforce.fields("Lead", EXT)
    fields = {field["name"]: field for field in org.get("/sobjects/lead/describe/").json()["fields"]}
    assert all(fields["Ext__c"][flag] for flag in ("externalId", "idLookup", "unique"))
    assert fields["OwnerId"]["referenceTo"] == ["Group", "User"]
    assert not fields["Status"]["restrictedPicklist"]
    needed = [
        name
        for name, field in fields.items()
        if field["createable"] and not field["nillable"] and not field["defaultedOnCreate"]
    ]
    assert needed == ["LastName", "Company"]
    assert {each["name"] for each in org.get("/sobjects").json()["sobjects"]} >= {"Lead", "User", "RecordType"}


def test_describe_that_has_not_changed(org: Org) -> None:
    first = org.get("/sobjects/Lead/describe")
    since = {"If-Modified-Since": first.headers["Last-Modified"]}
    assert org.get("/sobjects/Lead/describe", headers=since).status_code == 304


def test_create_read_update_delete(org: Org) -> None:
    made = org.send("POST", "/sobjects/Lead/", {"LastName": "Rivera", "Company": "Acme", "Email": "A@Example.com"})
    assert made.status_code == 201
    record_id = made.json()["id"]
    assert made.json() == {"id": record_id, "success": True, "errors": []}
    assert made.headers["Location"].endswith(f"/sobjects/Lead/{record_id}")
    assert (record_id[:3], len(record_id)) == ("00Q", 18)
    read = org.get(f"/sobjects/Lead/{record_id[:15]}").json()
    assert (read["Email"], read["Name"], read["Status"]) == ("a@example.com", "Rivera", "Open - Not Contacted")
    assert (read["Address"], read["IsConverted"]) == (None, False)
    assert org.send("PATCH", f"/sobjects/Lead/{record_id}", {"City": "Bonn"}).status_code == 204
    assert org.get(f"/sobjects/Lead/{record_id}?fields=City").json()["City"] == "Bonn"
    assert org.send("DELETE", f"/sobjects/Lead/{record_id}").status_code == 204
    gone = org.get(f"/sobjects/Lead/{record_id}")
    assert (gone.status_code, gone.json()[0]["errorCode"]) == (404, "ENTITY_IS_DELETED")
    missing = org.get("/sobjects/Lead/00Q5e000000zzzzEAA")
    assert missing.json() == [{"errorCode": "NOT_FOUND", "message": "The requested resource does not exist"}]
    actions = [(write.action, write.properties) for write in org.sandbox.history()]
    assert [action for action, _ in actions] == ["create", "update", "archive"]
    assert actions[1][1] == {"City": "Bonn"}


@pytest.mark.parametrize(("version", "statuses"), [("62.0", (201, 200)), ("45.0", (201, 204))])
def test_upsert_by_external_id(org: Org, version: str, statuses: tuple[int, int]) -> None:
    org.sandbox.salesforce.fields("Lead", EXT)
    root = org.url + f"/services/data/v{version}/sobjects/Lead/Ext__c/"
    body = {"LastName": "Rivera", "Company": "Acme"}
    made = org.http.patch(root + "L%201/x?y", json=body)
    again = org.http.patch(root + "l 1%2Fx%3Fy", json=body)
    assert (made.status_code, again.status_code) == statuses
    assert ("created" in made.json()) is (version == "62.0")
    [record] = org.sandbox.salesforce.objects("Lead")
    assert record.properties["Ext__c"] == "L 1/x?y"


def test_upsert_by_a_key_of_several(org: Org) -> None:
    ids = org.sandbox.salesforce.seed("Lead", [{"LastName": each, "Email": "a@example.com"} for each in "xy"])
    answer = org.send("PATCH", "/sobjects/Lead/Email/A@example.com", {"LastName": "z", "Company": "c"})
    assert answer.status_code == 300
    assert answer.json() == [f"/services/data/v62.0/sobjects/Lead/{each}" for each in ids]
    assert not org.sandbox.history()


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("Name/x", {"LastName": "a", "Company": "c"}, 404, "NOT_FOUND"),
        ("Email/a@example.com", {"Email": "a@example.com", "LastName": "a", "Company": "c"}, 400, "INVALID_FIELD"),
        ("Email/a@example.com?updateOnly=true", {"LastName": "a"}, 404, "NOT_FOUND"),
        ("Email/a@example.com", {"LastName": "a"}, 400, "REQUIRED_FIELD_MISSING"),
        ("Email/a@example.com", {"Foo": "a"}, 400, "INVALID_FIELD"),
        ("Email/a@example.com", {"EmailBouncedDate": "2026-01-01"}, 400, "JSON_PARSER_ERROR"),
    ],
)
def test_refusals_of_an_upsert(org: Org, path: str, body: dict[str, object], status: int, code: str) -> None:
    answer = org.send("PATCH", f"/sobjects/Lead/{path}", body)
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (status, code)
    assert not org.sandbox.history()


def test_paths_and_methods_that_are_not(org: Org) -> None:
    assert org.get("/sobjects/Nothing").status_code == 404
    answer = org.send("PUT", "/sobjects/Lead", {})
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (405, "METHOD_NOT_ALLOWED")
    assert org.get("/sobjects/Lead/" + "a" * 17_000).status_code == 414
    assert org.get("/limits", headers={"X-Long": "a" * 17_000}).status_code == 431
    assert org.http.post(org.root + "/sobjects/Lead", data=b"{").json()[0]["errorCode"] == "JSON_PARSER_ERROR"


def test_custom_objects_and_events(org: Org) -> None:
    account = {"name": "Account__c", "type": "reference", "referenceTo": ["Account"]}
    org.sandbox.salesforce.fields("Usage__c", {"name": "Key__c", "externalId": True}, account)
    org.sandbox.salesforce.fields("Signup__e", {"name": "Email__c"})
    [parent] = org.sandbox.salesforce.seed("Account", [{"Name": "Acme"}])
    body = {"Account__c": parent}
    assert org.send("PATCH", "/sobjects/Usage__c/Key__c/1", body).json()["id"].startswith("a00")
    published = org.send("POST", "/sobjects/Signup__e", {"Email__c": "a@example.com"}).json()
    assert published["errors"][0]["statusCode"] == "OPERATION_ENQUEUED"
    assert [event["values"] for event in org.sandbox.salesforce.events()] == [{"Email__c": "a@example.com"}]
    assert (
        org.send("POST", "/sobjects/Usage__c", {"Account__c": published["id"]}).json()[0]["errorCode"] == "MALFORMED_ID"
    )

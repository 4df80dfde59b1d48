"""The simulated Salesforce: several requests in one; what people have built into their org."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.sandbox.salesforce import Org

LEAD = {"LastName": "Rivera", "Company": "Acme"}


def part(org: Org, method: str, path: str, name: str, body: object = None) -> dict[str, object]:
    return {"method": method, "url": org.path + path, "referenceId": name, "body": body}


def test_composite_with_references(org: Org) -> None:
    used = org.sandbox.stats().requests
    parts = [
        part(org, "POST", "/sobjects/Account", "acme", {"Name": "Acme"}),
        part(org, "POST", "/sobjects/Contact", "kim", {"LastName": "Kim", "AccountId": "@{acme.id}"}),
        part(org, "GET", "/query?q=SELECT+Account.Name+FROM+Contact+WHERE+Id='@{kim.id}'", "read"),
        part(org, "GET", "/sobjects/Foo", "foo"),
    ]
    answer = org.send("POST", "/composite", {"compositeRequest": parts})
    found = answer.json()["compositeResponse"]
    assert [each["httpStatusCode"] for each in found] == [201, 201, 200, 404]
    assert found[2]["body"]["records"][0]["Account"]["Name"] == "Acme"
    missing = [{"errorCode": "NOT_FOUND", "message": "The requested resource does not exist"}]
    assert found[3] == {"body": missing, "httpHeaders": {}, "httpStatusCode": 404, "referenceId": "foo"}
    assert org.sandbox.stats().requests == used + 1
    assert answer.headers["Sforce-Limit-Info"].startswith("api-usage=1/")
    assert len(org.sandbox.history()) == 2


def test_composite_all_or_none(org: Org) -> None:
    parts = [part(org, "POST", "/sobjects/Lead", "one", LEAD), part(org, "POST", "/sobjects/Lead", "two", {})]
    answer = org.send("POST", "/composite", {"allOrNone": True, "compositeRequest": parts}).json()
    first, second = answer["compositeResponse"]
    assert first["body"][0]["errorCode"] == "PROCESSING_HALTED"
    assert second["body"][0]["errorCode"] == "REQUIRED_FIELD_MISSING"
    assert not org.sandbox.salesforce.objects("Lead")
    assert not org.sandbox.history()


def test_five_collections_in_one_call(org: Org) -> None:
    org.sandbox.salesforce.fields("Lead", {"name": "Ext__c", "externalId": True})
    rows = [{"attributes": {"type": "Lead"}, **LEAD, "Ext__c": str(n)} for n in range(200)]
    parts = [part(org, "PATCH", "/composite/sobjects/Lead/Ext__c", f"r{n}", {"records": rows}) for n in range(6)]
    found = org.send("POST", "/composite", {"compositeRequest": parts[:5]}).json()["compositeResponse"]
    assert [row["created"] for row in found[4]["body"]] == [False] * 200
    assert org.send("POST", "/composite", {"compositeRequest": parts}).status_code == 400


def test_batch_and_tree(org: Org) -> None:
    requests = [
        {"method": "GET", "url": "v62.0/sobjects/Lead/00Q5e000000zzzz"},
        {"method": "POST", "url": "v62.0/sobjects/Lead", "richInput": LEAD},
    ]
    answer = org.send("POST", "/composite/batch", {"batchRequests": requests, "haltOnError": True})
    found = answer.json()
    assert (found["hasErrors"], [each["statusCode"] for each in found["results"]]) == (True, [404, 412])
    assert answer.headers["Sforce-Limit-Info"].startswith("api-usage=2/")
    records = [{"attributes": {"type": "Lead", "referenceId": f"r{n}"}, **LEAD} for n in range(2)]
    made = org.send("POST", "/composite/tree/Lead", {"records": records})
    assert (made.status_code, made.json()["hasErrors"]) == (201, False)
    bad = org.send("POST", "/composite/tree/Lead", {"records": [*records, {**records[0], "LastName": None}]})
    assert (bad.status_code, bad.json()["results"][0]["errors"][0]["statusCode"]) == (400, "REQUIRED_FIELD_MISSING")
    assert len(org.sandbox.salesforce.objects("Lead")) == 2


def test_triggers_and_validation_rules(org: Org) -> None:
    trigger = {"object": "Lead", "field": "City", "values": ["Ulm"], "message": "no", "fields": ["City"]}
    org.sandbox.salesforce.rules(triggers=[{**trigger, "code": "FIELD_CUSTOM_VALIDATION_EXCEPTION"}])
    answer = org.send("POST", "/sobjects/Lead", {**LEAD, "City": "Ulm"})
    assert answer.json() == [{"message": "no", "errorCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION", "fields": ["City"]}]
    assert org.send("POST", "/sobjects/Lead", {**LEAD, "City": "Bonn"}).status_code == 201
    org.sandbox.salesforce.rules(triggers=[{"object": "Lead", "every": 2}])
    rows: list[dict[str, object]] = [{"type": "Lead", **LEAD}] * 4
    found = org.records("POST", "/composite/sobjects", rows).json()
    assert [row["success"] for row in found] == [True, False, True, False]
    assert found[1]["errors"][0]["statusCode"] == "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"


def test_duplicate_rules(org: Org) -> None:
    org.sandbox.salesforce.rules(duplicate_rules=[{"object": "Lead", "fields": ["Email"]}])
    body = {**LEAD, "Email": "a@example.com"}
    first = org.send("POST", "/sobjects/Lead", body).json()["id"]
    answer = org.send("POST", "/sobjects/Lead", body)
    [refused] = answer.json()
    assert (answer.status_code, refused["errorCode"]) == (400, "DUPLICATES_DETECTED")
    result = refused["duplicateResult"]
    assert result["allowSave"] is True
    assert result["matchResults"][0]["matchRecords"][0]["record"]["Id"] == first
    row: dict[str, object] = {"type": "Lead", **body}
    [found] = org.records("POST", "/composite/sobjects", [row]).json()
    problem = {"statusCode": "DUPLICATES_DETECTED", "message": "Use one of these records?", "fields": []}
    assert found["errors"] == [problem]
    header = {"Sforce-Duplicate-Rule-Header": "allowSave=true; includeRecordDetails=true"}
    assert org.send("POST", "/sobjects/Lead", body, header).status_code == 201
    org.sandbox.salesforce.rules(duplicate_rules=[{"object": "Lead", "fields": ["Email"], "block": True}])
    assert org.send("POST", "/sobjects/Lead", body, header).status_code == 400


def test_assignment_rules_run_unless_switched_off(org: Org) -> None:
    ana = org.ids("SELECT Id FROM User WHERE Username = 'ana@example.com'")[0]
    org.sandbox.salesforce.rules(assignment_rules=[{"object": "Lead", "owner": ana}])
    org.send("POST", "/sobjects/Lead", LEAD)
    org.send("POST", "/sobjects/Lead", LEAD, {"Sforce-Auto-Assign": "FALSE"})
    owners = [row["OwnerId"] == ana for row in org.query("SELECT OwnerId FROM Lead").json()["records"]]
    assert owners == [True, False]


def test_locks_are_held_on_the_sandbox_clock(org: Org) -> None:
    [account] = org.sandbox.salesforce.seed("Account", [{"Name": "Acme"}])
    org.sandbox.salesforce.lock(account, seconds=10)
    rows: list[dict[str, object]] = [
        {"type": "Contact", "LastName": "a", "AccountId": account},
        {"type": "Contact", "LastName": "b"},
        {"type": "Contact", "LastName": "c", "AccountId": account},
    ]
    found = org.records("POST", "/composite/sobjects", rows).json()
    assert [row["success"] for row in found] == [False, True, False]
    assert found[0]["errors"][0]["statusCode"] == "UNABLE_TO_LOCK_ROW"
    org.sandbox.advance(11)
    assert org.records("POST", "/composite/sobjects", rows[:1]).json()[0]["success"]


def test_the_schema_changes_in_mid_run(org: Org) -> None:
    handle = org.sandbox.salesforce
    handle.alter("Lead", "City", hidden=True)
    assert org.send("POST", "/sobjects/Lead", {**LEAD, "City": "x"}).json()[0]["errorCode"] == "INVALID_FIELD"
    assert "City" not in {field["name"] for field in org.get("/sobjects/Lead/describe").json()["fields"]}
    handle.alter("Lead", "State", read_only=True)
    answer = org.send("POST", "/sobjects/Lead", {**LEAD, "State": "x"})
    assert answer.json()[0]["errorCode"] == "INVALID_FIELD_FOR_INSERT_UPDATE"
    change = {"object": "Lead", "field": "Country", "remove": True}
    org.sandbox.fault("before_apply", "alter", match="sobjects/Lead", alter=change, times=1)
    assert org.send("POST", "/sobjects/Lead", {**LEAD, "Country": "x"}).json()[0]["errorCode"] == "INVALID_FIELD"


def test_record_types(org: Org) -> None:
    types = {
        row["DeveloperName"]: row["Id"]
        for row in org.query("SELECT Id, DeveloperName FROM RecordType").json()["records"]
    }
    assert org.send("POST", "/sobjects/Account", {"Name": "a", "RecordTypeId": types["Partner"]}).status_code == 201
    assert org.send("POST", "/sobjects/Account", {"Name": "a", "RecordTypeId": types["Support"]}).status_code == 400
    infos = org.get("/sobjects/Account/describe").json()["recordTypeInfos"]
    assert [info["developerName"] for info in infos] == ["Customer", "Partner", "Master"]
    org.sandbox.salesforce.seed(record_types=[{"object": "Lead", "name": "Inbound"}])
    assert "RecordTypeId" in {field["name"] for field in org.get("/sobjects/Lead/describe").json()["fields"]}

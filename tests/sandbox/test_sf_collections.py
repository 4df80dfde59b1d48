"""The simulated Salesforce: up to 200 rows a call, and every way in which a row is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.sandbox.salesforce import Org

UPSERT = "/composite/sobjects/Lead/Ext__c"
FIELDS: list[dict[str, object]] = [
    {"name": "Ext__c", "externalId": True, "unique": True, "length": 20},
    {"name": "Exact__c", "externalId": True, "unique": True, "caseSensitive": True},
    {"name": "Plain__c", "externalId": True},
    {"name": "Race__c", "type": "picklist", "restrictedPicklist": True, "picklistValues": ["A", "B"]},
    {"name": "Many__c", "type": "multipicklist", "restrictedPicklist": True, "picklistValues": ["A", "B"]},
    {"name": "Flag__c", "type": "boolean"},
    {"name": "Born__c", "type": "date"},
    {"name": "Seen__c", "type": "datetime"},
    {"name": "Score__c", "type": "double", "precision": 5, "scale": 2},
    {"name": "Formula__c", "createable": False, "updateable": False, "calculated": True},
    {"name": "Account__c", "type": "reference", "referenceTo": ["Account"]},
]
GOOD: dict[str, object] = {"type": "Lead", "LastName": "Rivera", "Company": "Acme"}


@pytest.fixture
def leads(org: Org) -> Org:
    org.sandbox.salesforce.fields("Lead", *FIELDS)
    org.sandbox.salesforce.fields("Account", {"name": "Key__c", "externalId": True, "unique": True})
    return org


def one(org: Org, row: dict[str, object]) -> dict[str, object]:
    answer = org.records("PATCH", UPSERT, [{**GOOD, "Ext__c": "1", **row}])
    assert answer.status_code == 200, answer.text
    found: dict[str, object]
    [found] = answer.json()
    assert "id" in found or not found["success"]
    problems = found["errors"]
    assert isinstance(problems, list)
    return found if found["success"] else problems[0]


def test_upsert_in_order_with_partial_success(leads: Org) -> None:
    rows: list[dict[str, object]] = [
        {**GOOD, "Ext__c": "L-1", "Rating": None},
        {**GOOD, "Ext__c": "L-2", "Email": "nope"},
        {**GOOD, "Ext__c": "L-3"},
    ]
    first = leads.records("PATCH", UPSERT, rows).json()
    again = leads.records("PATCH", UPSERT, rows).json()
    problem = {
        "statusCode": "INVALID_EMAIL_ADDRESS",
        "message": "Email: invalid email address: nope",
        "fields": ["Email"],
    }
    assert first[1] == again[1] == {"success": False, "errors": [problem]}
    assert first[0] == {"id": first[0]["id"], "success": True, "errors": [], "created": True}
    assert [row.get("created") for row in again] == [False, None, False]
    assert [row.get("id") for row in again] == [row.get("id") for row in first]
    assert [(write.action, write.key) for write in leads.sandbox.history()] == [
        ("create", "L-1"),
        ("create", "L-3"),
        ("update", "L-1"),
        ("update", "L-3"),
    ]


@pytest.mark.parametrize(
    ("row", "code", "message"),
    [
        ({"LastName": None}, "REQUIRED_FIELD_MISSING", "Required fields are missing: [LastName]"),
        ({"LastName": ""}, "REQUIRED_FIELD_MISSING", "Required fields are missing: [LastName]"),
        ({"FirstName": "x" * 41}, "STRING_TOO_LONG", f"First Name: data value too large: {'x' * 41} (max length=40)"),
        (
            {"Race__c": "X"},
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
            "Race: bad value for restricted picklist field: X",
        ),
        (
            {"Many__c": "A;C"},
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
            "Many: bad value for restricted picklist field: C",
        ),
        (
            {"Score__c": 1000},
            "NUMBER_OUTSIDE_VALID_RANGE",
            "Score: value outside of valid range on numeric field: 1000",
        ),
        ({"Account__c": "x"}, "MALFORMED_ID", "Account: id value of incorrect type: x"),
        ({"OwnerId": "00Q5e0000000001EAA"}, "MALFORMED_ID", "Owner ID: id value of incorrect type: 00Q5e0000000001EAA"),
        ({"Account__c": "0015e000000zzzz"}, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id"),
        ({"Flag__c": None}, "INVALID_TYPE_ON_FIELD_IN_RECORD", "Flag: value not of required type: null"),
        (
            {"Account__r": {"Key__c": "9"}},
            "INVALID_FIELD",
            "Foreign key external ID: 9 not found for field Key__c in entity Account",
        ),
        ({"Account__r": {"Key__c": None}}, "INVALID_FIELD", "Foreign key external ID: null not found for field Key__c"),
        ({"Formula__c": "x"}, "INVALID_FIELD_FOR_INSERT_UPDATE", "Unable to create/update fields: Formula__c."),
        ({"Ext__c": None}, "MISSING_ARGUMENT", "Ext__c not specified"),
        ({"OwnerId": "005inactive"}, "INACTIVE_OWNER_OR_USER", "operation performed with inactive user"),
    ],
)
def test_rows_that_are_refused(leads: Org, row: dict[str, object], code: str, message: str) -> None:
    if row.get("OwnerId") == "005inactive":
        row = {"OwnerId": leads.ids("SELECT Id FROM User WHERE IsActive = false")[0]}
    found = one(leads, row)
    assert found["statusCode"] == code
    assert str(found["message"]).startswith(message)
    assert not leads.sandbox.history()


@pytest.mark.parametrize(
    ("row", "code", "message"),
    [
        (
            {"Born__c": "2026-02-30"},
            "JSON_PARSER_ERROR",
            "Cannot deserialize instance of date from VALUE_STRING value 2026-02-30",
        ),
        (
            {"Seen__c": "2026-10-17 00:00:00"},
            "JSON_PARSER_ERROR",
            "Cannot deserialize instance of datetime from VALUE_STRING",
        ),
        (
            {"Score__c": "many"},
            "JSON_PARSER_ERROR",
            "Cannot deserialize instance of double from VALUE_STRING value many",
        ),
        ({"City": {"a": 1}}, "JSON_PARSER_ERROR", "Cannot deserialize instance of string from START_OBJECT"),
        ({"foo": 1}, "INVALID_FIELD", "No such column 'foo' on sobject of type Lead"),
    ],
)
def test_rows_that_sink_the_request(leads: Org, row: dict[str, object], code: str, message: str) -> None:
    answer = leads.records("PATCH", UPSERT, [{**GOOD, "Ext__c": "1"}, {**GOOD, "Ext__c": "2", **row}])
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, code)
    assert answer.json()[0]["message"].startswith(message)
    assert not leads.sandbox.history()
    leads.sandbox.configure(salesforce={"bad_value": "row"})
    if code == "JSON_PARSER_ERROR":
        assert one(leads, row)["statusCode"] == code


def test_values_are_kept_as_salesforce_keeps_them(leads: Org) -> None:
    row: dict[str, object] = {
        "Email": "A@Example.COM",
        "Flag__c": True,
        "Seen__c": "2026-10-17T09:00:00+02:00",
        "Born__c": "2000-02-29",
        "Score__c": 1.239,
        "NumberOfEmployees": 5,
        "City": "",
    }
    found = one(leads, row)
    read = leads.get(f"/sobjects/Lead/{found['id']}").json()
    wanted = {"Email": "a@example.com", "Flag__c": True, "Seen__c": "2026-10-17T07:00:00.000+0000"} | {
        "Born__c": "2000-02-29",
        "Score__c": 1.24,
        "NumberOfEmployees": 5,
        "City": None,
    }
    assert {name: read[name] for name in wanted} == wanted
    one(leads, {"Email": None})
    assert leads.get(f"/sobjects/Lead/{found['id']}").json()["Email"] is None


@pytest.mark.parametrize(
    ("field", "same"), [("Ext__c", True), ("Exact__c", False), ("Plain__c", False), ("Email", True)]
)
def test_case_of_keys(leads: Org, field: str, same: bool) -> None:
    keys = ("a@example.com", "A@example.com")
    answers = [
        leads.records("PATCH", f"/composite/sobjects/Lead/{field}", [{**GOOD, field: key}]).json()[0] for key in keys
    ]
    assert [answer["created"] for answer in answers] == [True, not same]
    both = leads.records("PATCH", f"/composite/sobjects/Lead/{field}", [{**GOOD, field: key} for key in keys]).json()
    assert [answer["success"] for answer in both] == [not same] * 2
    if same:
        assert both[0]["errors"][0]["statusCode"] == "DUPLICATE_VALUE"
        assert both[0]["errors"][0]["message"].startswith("Duplicate external id specified: ")


def test_keys_of_several_and_values_of_others(leads: Org) -> None:
    leads.sandbox.salesforce.seed("Lead", [{"LastName": each, "Plain__c": "x"} for each in "ab"])
    [found] = leads.records("PATCH", "/composite/sobjects/Lead/Plain__c", [{**GOOD, "Plain__c": "x"}]).json()
    assert found["errors"][0]["statusCode"] == "DUPLICATE_EXTERNAL_ID"
    owner = one(leads, {"Exact__c": "mine"})["id"]
    found = one(leads, {"Ext__c": "2", "Exact__c": "mine"})
    message = f"duplicate value found: Exact__c duplicates value on record with id: {owner}"
    assert found == {"statusCode": "DUPLICATE_VALUE", "message": message, "fields": []}


def test_parents_by_their_keys(leads: Org) -> None:
    [account] = leads.sandbox.salesforce.seed("Account", [{"Name": "Acme", "Key__c": "A-9"}])
    found = one(leads, {"Account__r": {"Key__c": "a-9"}})
    assert leads.get(f"/sobjects/Lead/{found['id']}").json()["Account__c"] == account
    owner = {"attributes": {"type": "User"}, "Username": "ana@example.com"}
    found = one(leads, {"Owner": owner})
    rows = leads.query("SELECT Owner.Name FROM Lead").json()["records"]
    assert [row["Owner"]["Name"] for row in rows] == ["Ana Sales"]
    no_type = leads.records("PATCH", UPSERT, [{**GOOD, "Ext__c": "1", "Owner": {"Username": "ana@example.com"}}])
    assert no_type.json()[0]["errorCode"] == "INVALID_FIELD"
    leads.send("DELETE", f"/sobjects/Account/{account}")
    assert one(leads, {"Account__c": account})["statusCode"] == "ENTITY_IS_DELETED"


def test_create_and_update_of_mixed_types(leads: Org) -> None:
    account: dict[str, object] = {"type": "Account", "Name": "Acme"}
    made = leads.records("POST", "/composite/sobjects", [account, GOOD, account]).json()
    assert [row["id"][:3] for row in made] == ["001", "00Q", "001"]
    assert "created" not in made[0]
    rows: list[dict[str, object]] = [
        {"type": "Lead", "id": made[1]["id"][:15], "City": "Bonn"},
        {"type": "Account", "Id": made[0]["id"], "Site": "x"},
        {"type": "Account", "Id": made[0]["id"], "Site": "y"},
        {"type": "Lead", "Id": "00Q5e000000zzzz", "City": "Bonn"},
        {"type": "Lead", "Id": "nonsense", "City": "Bonn"},
        {"type": "Lead", "City": "Bonn"},
        {"type": "Lead", "Id": made[0]["id"], "City": "Bonn"},
    ]
    updated = leads.records("PATCH", "/composite/sobjects", rows).json()
    codes = [row["errors"][0]["statusCode"] if row["errors"] else "" for row in updated]
    unknown = "INVALID_CROSS_REFERENCE_KEY"
    assert codes == ["", "", "DUPLICATE_VALUE", unknown, "MALFORMED_ID", "MISSING_ARGUMENT", "MALFORMED_ID"]
    assert updated[0] == {"id": made[1]["id"], "success": True, "errors": []}
    assert leads.records("POST", "/composite/sobjects", [account, GOOD] * 6).status_code == 400
    assert leads.records("POST", "/composite/sobjects", [account] * 201).status_code == 400


def test_upsert_by_id(leads: Org) -> None:
    path = "/composite/sobjects/Account/Id"
    [made] = leads.records("PATCH", path, [{"type": "Account", "Id": None, "Name": "Acme"}]).json()
    assert made["created"] is True
    rows: list[dict[str, object]] = [
        {"type": "Account", "Id": made["id"], "Name": "New"},
        {"type": "Account", "Id": "0015e000000zzzz", "Name": "New"},
    ]
    found = leads.records("PATCH", path, rows).json()
    assert [row["success"] for row in found] == [True, False]


def test_delete_and_read_several(leads: Org) -> None:
    ids = leads.sandbox.salesforce.seed("Lead", [{"LastName": each} for each in "ab"])
    read = leads.get(f"/composite/sobjects/Lead?ids={ids[0]},00Q5e000000zzzz&fields=LastName").json()
    assert (read[0]["LastName"], read[1]) == ("a", None)
    posted = leads.send("POST", "/composite/sobjects/Lead", {"ids": ids, "fields": ["LastName"]}).json()
    assert [row["LastName"] for row in posted] == ["a", "b"]
    path = f"/composite/sobjects?allOrNone=false&ids={ids[0]},{ids[0]},x"
    answers = leads.send("DELETE", path).json()
    codes = [row["errors"][0]["statusCode"] if row["errors"] else "" for row in answers]
    assert codes == ["", "ENTITY_IS_DELETED", "MALFORMED_ID"]
    assert [record.id for record in leads.sandbox.salesforce.objects("Lead", deleted=True)] == [ids[0]]


def test_all_or_none(leads: Org) -> None:
    one(leads, {"City": "Bonn"})
    [before] = leads.sandbox.salesforce.objects("Lead")
    rows: list[dict[str, object]] = [
        {**GOOD, "Ext__c": "1", "City": "Ulm"},
        {**GOOD, "Ext__c": "2"},
        {**GOOD, "Ext__c": "3", "Email": "x"},
    ]
    found = leads.records("PATCH", UPSERT, rows, allOrNone=True).json()
    codes = [row["errors"][0]["statusCode"] for row in found]
    assert codes == ["ALL_OR_NONE_OPERATION_ROLLED_BACK"] * 2 + ["INVALID_EMAIL_ADDRESS"]
    assert found[1]["created"] is True
    assert leads.get(f"/sobjects/Lead/{found[1]['id']}").status_code == 404
    [after] = leads.sandbox.salesforce.objects("Lead")
    assert (after.id, after.updated, after.properties) == (before.id, before.updated, before.properties)
    assert len(leads.sandbox.history()) == 1


def test_converted_leads(leads: Org) -> None:
    leads.sandbox.salesforce.seed("Lead", [{"LastName": "a", "Ext__c": "1", "IsConverted": True}])
    assert one(leads, {"City": "Bonn"})["statusCode"] == "CANNOT_UPDATE_CONVERTED_LEAD"


def test_what_is_no_collection(leads: Org) -> None:
    assert leads.records("PATCH", "/composite/sobjects/Lead/Name", [GOOD]).status_code == 404
    assert leads.records("PATCH", "/composite/sobjects/Nothing/Ext__c", [GOOD]).status_code == 404
    assert leads.records("POST", "/composite/sobjects", [{"type": "Nothing"}]).json()[0]["errorCode"] == "INVALID_TYPE"
    assert leads.send("POST", "/composite/sobjects", {"records": [{"Name": "x"}]}).status_code == 400
    account: dict[str, object] = {"type": "Account", "Name": "Acme", "Ext__c": "1"}
    assert leads.records("PATCH", UPSERT, [account]).status_code == 400
    old = leads.http.patch(leads.url + "/services/data/v45.0" + UPSERT, json={"records": []})
    assert old.status_code == 404

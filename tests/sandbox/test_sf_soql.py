"""The simulated Salesforce: queries."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.sandbox.salesforce import Org

PEOPLE: list[dict[str, object]] = [
    {
        "LastName": "Rivera",
        "Email": "a@example.com",
        "NumberOfEmployees": 5,
        "EmailBouncedDate": "2026-01-02T03:04:05.000+0000",
    },
    {"LastName": "O'Hara \\ Söhne", "Email": "b@example.com", "NumberOfEmployees": 50, "City": "Bonn"},
    {"LastName": "rivers", "Email": "c@example.com", "NumberOfEmployees": 500, "City": "Köln"},
]


@pytest.fixture
def people(org: Org) -> list[str]:
    return org.sandbox.salesforce.seed("Lead", PEOPLE)


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("LastName = 'RIVERA'", "0"),
        ("LastName = 'O\\'Hara \\\\ S\\u00f6hne'", "1"),
        ("LastName != 'rivera'", "12"),
        ("LastName like 'RIV%'", "02"),
        ("LastName like 'river_'", "02"),
        ("Email in ('A@example.com', 'c@example.com', 'c@example.com')", "02"),
        ("Email not in ('a@example.com')", "12"),
        ("City = null", "0"),
        ("City != null and NumberOfEmployees > 50", "2"),
        ("NumberOfEmployees <= 50", "01"),
        ("NumberOfEmployees >= 5e1 and (City = 'Bonn' or City = 'köln')", "12"),
        ("not (City = 'Bonn' or City = 'Köln')", "0"),
        ("not City = 'Bonn' and not LastName = 'rivera'", "2"),
        ("IsConverted = false", "012"),
        ("EmailBouncedDate > 2026-01-02T04:04:04+01:00", "0"),
        ("EmailBouncedDate < 2026-01-02T03:04:05Z", ""),
        ("Status = 'Open - Not Contacted'", "012"),
        ("Owner.Email = 'kim@example.com'", "012"),
        ("Name = 'Rivera'", "0"),
        ("IsDeleted = true", ""),
    ],
)
def test_where(org: Org, people: list[str], where: str, found: str) -> None:
    assert org.ids(f"SELECT Id FROM Lead WHERE {where}") == [people[int(each)] for each in found]


def test_order_limit_offset(org: Org, people: list[str]) -> None:
    assert org.ids("select Id from lead order by NumberOfEmployees desc limit 2") == [people[2], people[1]]
    assert org.ids("select id from Lead order by City, LastName offset 1") == [people[1], people[2]]
    assert org.ids("select Id from Lead order by City desc nulls last, Id") == [people[2], people[1], people[0]]
    assert org.ids(f"select Id from Lead where Id = '{people[1][:15]}'") == [people[1]]


def test_columns_and_relationships(org: Org, people: list[str]) -> None:
    answer = org.query(f"SELECT Id, Owner.Email, Owner.Name, Email FROM Lead WHERE Id = '{people[0]}'").json()
    [row] = answer["records"]
    assert row["attributes"] == {"type": "Lead", "url": f"/services/data/v62.0/sobjects/Lead/{people[0]}"}
    owner = {key: value for key, value in row["Owner"].items() if key != "attributes"}
    assert owner == {"Email": "kim@example.com", "Name": "Kim Sandbox"}
    assert row["Owner"]["attributes"]["type"] == "User"
    [contact] = org.sandbox.salesforce.seed("Contact", [{"LastName": "x"}])
    assert org.query("SELECT Account.Name FROM Contact").json()["records"][0]["Account"] is None
    assert len(org.query("SELECT FIELDS(ALL) FROM Contact LIMIT 200").json()["records"][0]) > 40
    described = org.http.get(org.root + "/query", params={"q": "SELECT Id FROM Contact", "columns": "true"}).json()
    assert (described["entityName"], described["idSelected"]) == ("Contact", True)
    assert contact.startswith(described["keyPrefix"])


def test_count_and_record_count(org: Org, people: list[str]) -> None:
    assert org.query("select count() from Lead").json() == {"totalSize": 3, "done": True, "records": []}
    [row] = org.query("select count(City) found from Lead").json()["records"]
    assert row == {"attributes": {"type": "AggregateResult"}, "found": 2}
    counted = org.get("/limits/recordCount?sObjects=Lead,Contact").json()
    assert counted == {"sObjects": [{"count": len(people), "name": "Lead"}]}


def test_pages(org: Org) -> None:
    ids = org.sandbox.salesforce.seed("Lead", [{"LastName": str(n)} for n in range(450)])
    first = org.query("SELECT Id FROM Lead", {"Sforce-Query-Options": "batchSize=200"}).json()
    second = org.http.get(org.url + first["nextRecordsUrl"]).json()
    third = org.http.get(org.url + second["nextRecordsUrl"]).json()
    assert [page["done"] for page in (first, second, third)] == [False, False, True]
    assert [page["totalSize"] for page in (first, second, third)] == [450] * 3
    assert [row["Id"] for page in (first, second, third) for row in page["records"]] == ids
    assert "nextRecordsUrl" not in third
    org.sandbox.advance(172_801)
    stale = org.http.get(org.url + first["nextRecordsUrl"])
    assert (stale.status_code, stale.json()[0]["errorCode"]) == (400, "INVALID_QUERY_LOCATOR")


def test_deleted_rows(org: Org, people: list[str]) -> None:
    org.send("DELETE", f"/sobjects/Lead/{people[0]}")
    assert people[0] not in org.ids("SELECT Id FROM Lead")
    rows = org.query(f"SELECT Id, IsDeleted FROM Lead WHERE Id = '{people[0]}'", resource="queryAll").json()["records"]
    assert [(row["Id"], row["IsDeleted"]) for row in rows] == [(people[0], True)]


@pytest.mark.parametrize(
    ("soql", "code"),
    [
        ("SELECT Id FROM XYZZY", "INVALID_TYPE"),
        ("SELECT Id, Foo FROM Lead", "INVALID_FIELD"),
        ("SELECT Foo.Id FROM Lead", "INVALID_FIELD"),
        ("SELECT Id FROM Lead WHERE NumberOfEmployees = '5'", "INVALID_FIELD"),
        ("SELECT Id FROM Lead WHERE LastName = 5", "INVALID_FIELD"),
        ("SELECT Id FROM Lead WHERE CreatedDate > 2026-01-01", "INVALID_FIELD"),
        ("SELECT Id FROM Lead WHERE Description = 'x'", "INVALID_FIELD"),
        ("SELECT Id FROM Lead WHERE Id = 'x'", "INVALID_QUERY_FILTER_OPERATOR"),
        ("SELECT Id FROM Lead WHERE", "MALFORMED_QUERY"),
        ("SELECT Id FROM Lead WHERE City = 'a' AND City = 'b' OR City = 'c'", "MALFORMED_QUERY"),
        ("SELECT Id FROM Lead WHERE City = 'a", "MALFORMED_QUERY"),
        ("SELECT Id FROM Lead LIMIT x", "MALFORMED_QUERY"),
        ("SELECT Id FROM Lead; DROP", "MALFORMED_QUERY"),
        ("Id FROM Lead", "MALFORMED_QUERY"),
        ("SELECT Id FROM Lead OFFSET 2001", "NUMBER_OUTSIDE_VALID_RANGE"),
    ],
)
def test_refusals(org: Org, soql: str, code: str) -> None:
    answer = org.query(soql)
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, code)


def test_the_caret(org: Org) -> None:
    message = org.query("select count() from XYZZY").json()[0]["message"]
    start = "\nselect count() from XYZZY\n                    ^\nERROR at Row:1:Column:21\nsObject type 'XYZZY' is not"
    assert message.startswith(start)

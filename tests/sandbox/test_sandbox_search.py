"""Search: the lag of its index, its operators, its limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from penstock_sandbox.handle import Sandbox
    from tests.sandbox.conftest import Api

PATH = "/crm/v3/objects/contacts/search"


def body(*filters: dict[str, object], **more: object) -> dict[str, object]:
    return {"filterGroups": [{"filters": list(filters)}] if filters else [], **more}


def found(api: Api, asked: dict[str, object]) -> list[str]:
    answer = api.call("POST", PATH, {"properties": ["email"], **asked})
    assert answer.status_code == 200, answer.text
    return [each["properties"]["email"] for each in answer.json()["results"]]


def by_email(*emails: str) -> dict[str, object]:
    return body({"propertyName": "email", "operator": "IN", "values": list(emails)})


def test_a_write_is_found_only_after_the_lag(sandbox: Sandbox, api: Api) -> None:
    sandbox.configure(unlimited=True)
    sandbox.hold_clock()
    api.upsert("a@example.com", city="Lima")
    in_lima = body({"propertyName": "city", "operator": "EQ", "value": "lima"})
    assert found(api, by_email("a@example.com")) == found(api, in_lima) == []
    assert api.call("GET", "/crm/v3/objects/contacts/a@example.com?idProperty=email").status_code == 200
    sandbox.advance(5.01)
    assert found(api, by_email("a@example.com")) == found(api, in_lima) == ["a@example.com"]
    api.upsert("a@example.com", city="Rome")
    assert found(api, in_lima) == ["a@example.com"]
    record = sandbox.objects()[0].id
    sandbox.advance(5.01)
    assert found(api, in_lima) == []
    api.batch("archive", [{"id": record}])
    assert found(api, body()) == ["a@example.com"]
    sandbox.advance(5.01)
    assert found(api, body()) == []


def test_the_lag_can_be_minutes(sandbox: Sandbox, api: Api) -> None:
    sandbox.configure(unlimited=True, hubspot={"search_lag": 300})
    api.upsert("a@example.com")
    sandbox.advance(299)
    assert found(api, body()) == []
    sandbox.advance(2)
    assert found(api, body()) == ["a@example.com"]


@pytest.mark.parametrize(
    ("name", "operator", "more", "expected"),
    [
        ("lead_score", "EQ", {"value": "10.0"}, "b"),
        ("lead_score", "NEQ", {"value": "10"}, "acd"),
        ("lead_score", "LT", {"value": "10"}, "a"),
        ("lead_score", "LTE", {"value": 10}, "ab"),
        ("lead_score", "GT", {"value": "9"}, "bc"),
        ("lead_score", "GTE", {"value": "100"}, "c"),
        ("lead_score", "BETWEEN", {"value": "9", "highValue": "10"}, "ab"),
        ("lead_score", "HAS_PROPERTY", {}, "abc"),
        ("lead_score", "NOT_HAS_PROPERTY", {}, "d"),
        ("city", "IN", {"values": ["lima", "rome"]}, "ab"),
        ("city", "NOT_IN", {"values": ["lima"]}, "bcd"),
        ("city", "CONTAINS_TOKEN", {"value": "san*"}, "c"),
        ("city", "NOT_CONTAINS_TOKEN", {"value": "juan"}, "abd"),
        ("signup_date", "GTE", {"value": "2026-02-01"}, "b"),
        ("hs_object_id", "IN", {"values": ["171500000002", "171500000004"]}, "bd"),
        ("createdate", "GT", {"value": "2026-01-01T00:00:00Z"}, "abcd"),
        ("lastmodifieddate", "LT", {"value": 1_700_000_000_000}, ""),
    ],
)
def test_operators(
    sandbox: Sandbox, api: Api, name: str, operator: str, more: dict[str, object], expected: str
) -> None:
    sandbox.configure(unlimited=True)
    sandbox.seed(
        [
            {"email": "a@x.com", "lead_score": "9", "city": "Lima", "signup_date": "2026-01-31"},
            {"email": "b@x.com", "lead_score": "10", "city": "Rome", "signup_date": "2026-02-01"},
            {"email": "c@x.com", "lead_score": "100", "city": "San Juan"},
            {"email": "d@x.com"},
        ]
    )
    asked = body({"propertyName": name, "operator": operator, **more})
    assert found(api, asked) == [f"{each}@x.com" for each in expected]


def test_pages_sorting_and_nulls(sandbox: Sandbox, api: Api) -> None:
    sandbox.configure(unlimited=True)
    sandbox.seed([{"email": f"u{n}@example.com", "lead_score": str(n)} for n in range(5)])
    asked = body(sorts=[{"propertyName": "lead_score", "direction": "DESCENDING"}], limit=3, properties=["phone"])
    answer = api.call("POST", PATH, asked).json()
    assert (answer["total"], answer["paging"]["next"]["after"]) == (5, "3")
    assert answer["results"][0]["properties"]["phone"] is None
    assert found(api, asked | {"after": "3", "properties": ["email"]}) == ["u1@example.com", "u0@example.com"]
    assert found(api, {"query": "u4@"}) == ["u4@example.com"]


def test_what_is_too_much_is_refused(sandbox: Sandbox, api: Api) -> None:
    sandbox.configure(unlimited=True)
    one = {"propertyName": "city", "operator": "HAS_PROPERTY"}
    bodies: list[dict[str, object]] = [
        {"limit": 201},
        {"after": "9950", "limit": 100},
        {"filterGroups": [{"filters": [one]}] * 6},
        {"filterGroups": [{"filters": [one] * 7}]},
        {"query": "x" * 3000},
        body({"propertyName": "planet", "operator": "HAS_PROPERTY"}),
    ]
    assert [api.call("POST", PATH, each).status_code for each in bodies] == [400] * 6
    unknown = api.call("POST", "/crm/v3/objects/butterflies/search", {})
    assert unknown.json()["message"] == "Unable to infer object type from: butterflies"


def test_five_a_second_for_the_account_and_no_headers(sandbox: Sandbox, api: Api) -> None:
    sandbox.hold_clock()
    other = {"Authorization": "Bearer " + sandbox.grant("sandbox-other")}
    answers = [api.call("POST", PATH, {}) for _ in range(4)]
    answers += [api.call("POST", PATH, {}, other) for _ in range(2)]
    assert [each.status_code for each in answers] == [200] * 5 + [429]
    assert answers[-1].json()["policyName"] == "SECONDLY"
    assert not [name for each in answers for name in each.headers if "ratelimit" in name.lower()]
    sandbox.advance(1)
    assert api.call("POST", PATH, {}).status_code == 200

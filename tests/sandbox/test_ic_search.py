"""The simulated Intercom: search lags behind writes and counts days, not seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.sandbox.intercom import refused

if TYPE_CHECKING:
    from tests.sandbox.intercom import Inbox

MIDNIGHT = 1760684400  # 17 October 2025 in Los Angeles


def by_key(value: object, operator: str = "=", field: str = "external_id") -> dict[str, object]:
    return {"field": field, "operator": operator, "value": value}


def test_search_lags_and_reading_by_key_does_not(inbox: Inbox) -> None:
    inbox.sandbox.hold_clock()
    contact = inbox.contact(external_id="u-1", name="Ana")
    assert inbox.call("GET", "/contacts/find_by_external_id/u-1").json()["id"] == contact
    assert inbox.found(by_key("u-1")) == []
    inbox.sandbox.advance(59)
    assert inbox.found(by_key("u-1")) == []
    inbox.sandbox.advance(1)
    assert inbox.found(by_key("u-1")) == [contact]
    inbox.call("PUT", f"/contacts/{contact}", {"name": "Bea", "external_id": "u-2"})
    assert inbox.found(by_key("u-1")) == [contact]
    assert inbox.found(by_key("Bea", field="name")) == []
    inbox.sandbox.advance(60)
    assert inbox.found(by_key("bea", field="name")) == [contact]
    inbox.call("DELETE", f"/contacts/{contact}")
    assert inbox.found(by_key("u-2")) == [contact]
    inbox.sandbox.advance(60)
    assert inbox.found(by_key("u-2")) == []


def test_archived_and_merged_contacts_are_not_found(inbox: Inbox) -> None:
    inbox.sandbox.configure(intercom={"search_lag": 0})
    first, second, third = (inbox.contact(external_id=f"u-{n}") for n in range(3))
    inbox.call("POST", f"/contacts/{first}/archive")
    inbox.sandbox.intercom.merge(third, second)
    assert inbox.found(by_key("u-", "^")) == [third]


def test_operators(inbox: Inbox) -> None:
    inbox.sandbox.intercom.attributes("contact", seats="integer", plan="string")
    ids = inbox.sandbox.intercom.seed(
        [
            {"external_id": "u-0", "email": "Ana@example.com", "custom_attributes": {"seats": 1, "plan": "gold"}},
            {"external_id": "u-1", "email": "bea@example.org", "custom_attributes": {"seats": 5}},
            {"external_id": "v-2", "role": "lead"},
        ]
    ).ids

    def places(field: str, operator: str, value: object) -> list[int]:
        return sorted(ids.index(each) for each in inbox.found(by_key(value, operator, field)))

    assert places("email", "=", "ana@EXAMPLE.com") == [0]
    assert places("email", "!=", "ana@example.com") == [1, 2]
    assert places("email", "=", None) == [2]
    assert places("external_id", "IN", ["u-0", "v-2"]) == [0, 2]
    assert places("external_id", "NIN", ["u-0", "v-2"]) == [1]
    assert places("email", "~", "example.o") == [1]
    assert places("email", "!~", "example.o") == [0, 2]
    assert places("external_id", "^", "u") == [0, 1]
    assert places("email", "$", ".org") == [1]
    assert places("email_domain", "=", "example.org") == [1]
    assert places("role", "=", "lead") == [2]
    for operator, expected in (("<", [0]), ("<=", [0, 1]), (">", []), (">=", [1]), ("=", [1])):
        assert places("custom_attributes.seats", operator, 5) == expected
    assert places("custom_attributes.plan", "=", "gold") == [0]
    assert places("unsubscribed_from_emails", "=", False) == [0, 1, 2]
    both = {"operator": "OR", "value": [by_key("u-0"), {"operator": "AND", "value": [by_key("u-1"), by_key("x")]}]}
    assert inbox.found(both) == [ids[0]]


def test_dates_are_days_of_the_workspace(inbox: Inbox) -> None:
    times = (MIDNIGHT - 1, MIDNIGHT, MIDNIGHT + 86_399, MIDNIGHT + 86_400)
    ids = inbox.sandbox.intercom.seed([{"external_id": str(t), "signed_up_at": t} for t in times]).ids

    def places(operator: str, value: object) -> list[int]:
        return sorted(ids.index(each) for each in inbox.found(by_key(value, operator, "signed_up_at")))

    assert places("=", MIDNIGHT + 5) == [1, 2]
    assert places(">", str(MIDNIGHT + 5)) == [3]
    assert places("<", MIDNIGHT + 5) == [0]
    assert places("=", None) == []
    inbox.sandbox.configure(intercom={"time_zone": "UTC"})
    assert places("=", MIDNIGHT + 5) == [0, 1]
    for operator in ("!=", ">=", "<="):
        assert refused(inbox.call("POST", "/contacts/search", {"query": by_key(1, operator, "created_at")}))[0] == 400


@pytest.mark.parametrize(
    "query",
    [
        None,
        {"operator": "AND", "value": []},
        {"operator": "XOR", "value": [by_key("u")]},
        {"operator": "AND", "value": [by_key("u")] * 16},
        {"operator": "AND", "value": [{"operator": "OR", "value": [{"operator": "AND", "value": [by_key("u")]}]}]},
        by_key("u", field="nothing"),
        by_key("u", "=="),
        by_key("u", "IN"),
        by_key(["u"], "="),
        by_key("u", ">"),
        by_key("soon", "=", "created_at"),
        by_key(1e300, "=", "created_at"),
    ],
)
def test_queries_that_are_refused(inbox: Inbox, query: object) -> None:
    assert refused(inbox.call("POST", "/contacts/search", {"query": query}))[0] == 400


def test_pages_and_order(inbox: Inbox) -> None:
    ids = inbox.sandbox.intercom.seed([{"external_id": f"u-{n}", "name": f"n{5 - n}"} for n in range(5)]).ids
    query, found, after = by_key("u-", "^"), [], None
    while True:
        body = {"query": query, "pagination": {"per_page": 2, "starting_after": after}}
        page = inbox.call("POST", "/contacts/search", body).json()
        found += [each["id"] for each in page["data"]]
        if not page["pages"]["next"]:
            break
        after = page["pages"]["next"]["starting_after"]
    assert found == ids[::-1]
    assert (page["total_count"], page["pages"]["page"], page["pages"]["total_pages"]) == (5, 3, 3)
    assert inbox.found(query, sort={"field": "name", "order": "descending"}) == ids
    wrong = inbox.call("POST", "/contacts/search", {"query": query, "sort": {"field": "name", "order": "up"}})
    assert refused(wrong)[:2] == (400, "invalid_sort_order")
    big = inbox.call("POST", "/contacts/search", {"query": query, "pagination": {"per_page": 151}})
    assert refused(big)[2] == "Per Page is too big"

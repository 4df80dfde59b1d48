"""Whatever is sent to any endpoint of the simulated Intercom, the answer is Intercom's and never a crash."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from penstock_sandbox.intercom.routes import ROUTES

if TYPE_CHECKING:
    from tests.sandbox.intercom import Inbox

BODIES: list[object] = [
    {"external_id": "²", "email": "a@b", "role": None, "custom_attributes": {"plan": {}, "seats": 1e400}},
    {"external_id": "\u0000", "signed_up_at": 10**30, "owner_id": -1},
    {"external_id": {}, "email": []},
    {"email": "\ud7ff@\u0000", "custom_attributes": {"seats": 10**400, "": None}},
    {"company_id": "x", "monthly_spend": -1e300, "plan": "", "size": 1.5},
    {"company_id": "", "custom_attributes": 5},
    {"company_id": "y", "monthly_spend": 1e400},
    {"id": None},
    {"id": {}},
    {"id": "91", "consent_type": []},
    {"from": "x", "into": "x"},
    {"name": "x", "users": [{}], "companies": [{"company_id": []}]},
    {"name": "x", "users": {}},
    {"name": " ", "id": "x"},
    {"name": "x", "model": [], "data_type": {}, "options": [{"value": {}}, 5]},
    {"name": "x" * 500, "model": "contact", "data_type": "string"},
    {"options": [], "archived": "x"},
    {"body": 5, "admin_id": []},
    {"event_name": "x", "created_at": 10**30, "user_id": "u-1", "metadata": {"a": None}},
    {"event_name": [], "created_at": True, "email": 5},
    {"external_id": "x", "external_created_at": 10**400, "custom_attributes": {"total_amount": 1e400}},
    {"query": {"field": "created_at", "operator": "=", "value": "1e400"}},
    {"query": {"field": "custom_attributes.seats", "operator": ">", "value": {}}},
    {"query": {"field": "email", "operator": "~", "value": None}, "pagination": {"starting_after": "W10="}},
    {"query": {"operator": "OR", "value": [None]}, "pagination": 5, "sort": {"order": []}},
    {"query": {"field": "email", "operator": "^", "value": ""}, "sort": {"field": [], "order": "ascending"}},
    {"query": {"field": [], "operator": [], "value": []}},
    {"contacts": [{}, {"id": []}], "job": {"id": []}},
    {"contacts": [{"id": "x", "companies": 5, "tags": {"add": [{}]}}], "companies": [{"id": "x"}, {"company_id": {}}]},
    {"page": "²", "per_page": 0},
    {"page": -1},
    [],
    None,
    "x",
]


def paths(ids: list[str]) -> list[tuple[str, str]]:
    found = []
    for route in ROUTES:
        for name in (*ids, "²", "%2E%2E", "a%00"):
            parts = [
                "Order" if part == "{type}" else name if part[:1] == "{" else part for part in route.path.split("/")
            ]
            found.append((route.method, "/" + "/".join(parts)))
    return sorted(set(found))


@pytest.mark.parametrize(
    "query", ["", "?page=²&per_page=²&starting_after=²&scroll_param=²&type=user&user_id=²&model=x"]
)
def test_nothing_crashes(inbox: Inbox, query: str) -> None:
    inbox.sandbox.configure(unlimited=True, intercom={"wrong_type": "refuse" if query else "coerce", "bulk_seconds": 0})
    inbox.sandbox.intercom.attributes("contact", plan="string", seats="integer")
    seeded = inbox.sandbox.intercom.seed(
        [{"external_id": "u-1", "companies": ["c"]}, {"external_id": "u-2"}], companies=[{"company_id": "c"}]
    )
    inbox.http.headers["Intercom-Version"] = "Preview"
    texts = [json.dumps(each).encode() for each in BODIES] + [b"", b"\xff\xfe", b"{", b"--x--"]
    for method, path in paths([seeded.ids[0], seeded.companies[0]]):
        once = query or method in {"GET", "DELETE"} or path.endswith(("²", "%2E%2E", "%00"))
        for body in [b""] if once else texts:
            answer = inbox.http.request(method, inbox.url + path + query, data=body, timeout=10)
            assert answer.status_code < 500, (method, path, body, answer.text)
            if answer.status_code >= 400:
                assert {"errors", "error"} & set(answer.json()), (method, path, answer.text)

"""Whatever is sent to any endpoint, the answer is HubSpot's and never a crash."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from penstock_sandbox.hubspot import wire
from penstock_sandbox.hubspot.paths import OLDER, TABLE
from penstock_sandbox.hubspot.routes import ROUTES

if TYPE_CHECKING:
    from penstock_sandbox.handle import Sandbox
    from tests.sandbox.conftest import Api

PREFIXES = {**{area: spelt[1] for area, spelt in TABLE.items()}, **dict(OLDER)}
IDS = {"{type}": "contacts", "{from}": "contacts", "{to}": "companies"}
INPUTS: list[object] = [
    {},
    {"id": None},
    {"id": "", "properties": {}},
    {"id": "x", "idProperty": "email", "properties": {"email": None}},
    {"id": "\ud7ff\u0000", "properties": {"email": {}}},
    {"properties": {"lead_score": 1e400, "plan": True}},
    {"from": {"id": "x"}, "to": {"id": "9" * 40}, "types": []},
    {"from": {"id": "²"}, "to": {"id": "-1"}},
    {"from": {"id": "1"}, "to": [{"id": "²"}]},
    {"eventName": "x", "email": "", "properties": {"a": None}},
    {"name": "", "label": "", "type": "string", "fieldType": "", "groupName": ""},
]
BODIES: list[object] = [
    *({"inputs": [each]} for each in INPUTS),
    *INPUTS,
    {"inputs": None},
    {"limit": -1},
    {"after": "²"},
    {"sorts": ["nothing"], "limit": 1},
    {"sorts": [{"propertyName": "-email"}]},
    {"filterGroups": [{"filters": [{"propertyName": "lead_score", "operator": "BETWEEN"}]}]},
    {"filterGroups": [{"filters": [{"propertyName": "email", "operator": "EQ"}]}]},
    {"filterGroups": [{"filters": [{"propertyName": "city", "operator": "CONTAINS_TOKEN", "value": "["}]}]},
    ["x", "²", "9" * 40],
    [],
    None,
    "x",
]


def paths() -> list[tuple[str, str]]:
    found = []
    for area, routes in ROUTES.items():
        for route in routes:
            parts = [IDS.get(part, part) for part in route.path.split("/") if part]
            for record_id in ("171500000001", "²", "%2E%2E"):
                filled = [record_id if part.startswith("{") else part for part in parts]
                found.append((route.method, "/".join(["", PREFIXES[area], *filled])))
    return sorted(set(found))


@pytest.mark.parametrize(
    "query", ["", "?limit=²&after=²&idProperty=x&properties=,&associations=x", "?after=" + "9" * 30]
)
def test_nothing_crashes(sandbox: Sandbox, api: Api, query: str) -> None:
    sandbox.configure(unlimited=True)
    sandbox.seed([{"email": "a@example.com", "lead_score": "1", "city": "Lima"}])
    texts = [json.dumps(each).encode() for each in BODIES] + [b"", b"\xff\xfe", b"{", b"--x--"]
    for method, path in paths():
        once = query or method in {"GET", "DELETE"} or path.endswith(("²", "%2E%2E"))
        for body in [b""] if once else texts:
            answer = api.http.request(method, sandbox.hubspot_url + path + query, data=body, timeout=10)
            assert answer.status_code < 500, (method, path, body)
            if answer.status_code >= 400:
                assert answer.json()["status"], (method, path)


def test_words_go_before_names() -> None:
    found = wire.find(("lists",), "POST", ["search"])
    assert found is not None
    assert found[1].path == "search"

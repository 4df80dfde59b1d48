"""Whatever is sent to any endpoint of the simulated Salesforce, the answer is Salesforce's and never a crash."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from penstock_sandbox.salesforce.routes import ASYNC, DATA, OPEN

if TYPE_CHECKING:
    from tests.sandbox.salesforce import Org

ROWS: list[object] = [
    {},
    {"attributes": None},
    {"attributes": {"type": 5}},
    {"attributes": {"type": "Lead"}, "Id": 5, "LastName": 1e400},
    {"attributes": {"type": "Lead"}, "Id": "\u0000", "NumberOfEmployees": 1e300},
    {"attributes": {"type": "Lead"}, "Owner": [], "LastName": {}},
    {"attributes": {"type": "Lead"}, "Owner": {"attributes": {"type": "User"}, "Username": {}}},
    {"attributes": {"type": "Lead"}, "IsConverted": "²", "Email": ["x"]},
    {"attributes": {"type": "Lead"}, "EmailBouncedDate": "9999-99-99T99:99:99Z"},
    {"attributes": {"type": "Lead"}, "AnnualRevenue": "1e999", "NumberOfEmployees": "1e999"},
]
BODIES: list[object] = [
    *({"records": [each]} for each in ROWS),
    *ROWS,
    {"records": None},
    {"ids": ["²"], "fields": ["²"]},
    {"compositeRequest": [{"method": "GET", "url": "²", "referenceId": "@{x}"}]},
    {"compositeRequest": [{"method": "POST", "url": "/services/data/v62.0/composite", "referenceId": "a", "body": {}}]},
    {"compositeRequest": [{"method": "GET", "url": "/services/data/v62.0/query?q=@{a.b[9]}", "referenceId": "b"}]},
    {"batchRequests": [{"method": "GET", "url": "//x"}]},
    {"object": "Lead", "operation": "upsert", "externalIdFieldName": "²"},
    {"state": "Aborted"},
    {"Email": 5},
    [],
    None,
    "x",
]
PLACES = {"{type}": "Lead", "{field}": "Email", "{result}": "failedResults", "{version}": "59.0"}


def paths() -> list[tuple[str, str]]:
    found = []
    for root, routes in (("", OPEN), ("/services/data/v62.0", DATA), ("/services/async/62.0", ASYNC)):
        for route in routes:
            for name in ("00Q5e0000000001EAA", "²", "%2E%2E", "a%00@example.com"):
                parts = [PLACES.get(part, name if part.startswith("{") else part) for part in route.path.split("/")]
                found.append((route.method, "/".join([root, *parts])))
    return sorted(set(found))


def sensible(answer_text: str) -> bool:
    if not answer_text or answer_text[0] not in "[{":
        return True
    body = json.loads(answer_text)
    first = body[0] if isinstance(body, list) and body else body
    return (
        first == [] or bool({"errorCode", "error", "exceptionCode", "hasErrors"} & set(first)) or isinstance(first, str)
    )


@pytest.mark.parametrize(
    "query", ["", "?q=²&ids=²&fields=²&queryLocator=²&columns=true&_x", "?q=SELECT+Id+FROM+Lead+WHERE+Id+IN+()"]
)
def test_nothing_crashes(org: Org, query: str) -> None:
    org.sandbox.configure(unlimited=True)
    org.sandbox.salesforce.seed("Lead", [{"LastName": "a", "Company": "b", "Email": "a@example.com"}])
    headers = {"X-SFDC-Session": org.sandbox.salesforce.session, "Content-Type": "application/json"}
    texts = [json.dumps(each).encode() for each in BODIES] + [b"", b"\xff\xfe", b"{", b"--x--"]
    for method, path in paths():
        once = query or method in {"GET", "DELETE"} or path.endswith(("²", "%2E%2E"))
        for body in [b""] if once else texts:
            answer = org.http.request(method, org.url + path + query, data=body, headers=headers, timeout=10)
            assert answer.status_code < 500 or "Soap" in path, (method, path, body, answer.text)
            if answer.status_code >= 400:
                assert sensible(answer.text), (method, path, answer.text)


CONTENTS = [
    *(b"", b"\n", b"\n\n\n", b'"', b'""', b"Id", b"Id\n", b"Id\n\n\n", b"Email,Email\n1,2\n", b"\x00\n\x00\n"),
    *(b"Email.\nx\n", b":.\nx\n", b"Email\n\xff\n", b"Email,LastName\n,\n", b"Owner.Id\nx\n"),
    b"LastName\n" + b"x" * 200_000 + b"\n",
]


@pytest.mark.parametrize("content", CONTENTS)
@pytest.mark.parametrize("operation", ["insert", "upsert", "update", "delete"])
def test_no_file_crashes(org: Org, content: bytes, operation: str) -> None:
    asked = {"object": "Lead", "operation": operation, "externalIdFieldName": "Email"}
    job = org.send("POST", "/jobs/ingest", asked).json()["id"]
    assert org.http.put(f"{org.root}/jobs/ingest/{job}/batches", data=content).status_code == 201
    assert org.send("PATCH", f"/jobs/ingest/{job}", {"state": "UploadComplete"}).status_code == 200
    assert org.get(f"/jobs/ingest/{job}").json()["state"] in {"Failed", "JobComplete"}
    for name in ("successfulResults", "failedResults", "unprocessedrecords"):
        assert org.get(f"/jobs/ingest/{job}/{name}").status_code == 200

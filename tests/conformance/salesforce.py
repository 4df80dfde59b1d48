"""The adapter for target-salesforce: its settings, its requests, its ledger, and the sandbox behind it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from penstock.conformance.adapter import Adapter, Json, Pair, Says
from penstock.conformance.wire import Request, Response
from penstock_sandbox.handle import Sandbox
from penstock_sandbox.server import running
from tests.conformance.ledgers import rejected
from tests.salesforce.process import EXTERNAL, command, environment, settings_for

FIELDS = {"Key__c": "key", "LastName": "value", "Company": {"constant": "Acme"}, "Email": "mail"}
# Jobs wait for more rows, which this suite does not give them: their states are tested in tests/salesforce.
SYNCS = {"people": {"object": "Lead", "match": "Key__c", "fields": FIELDS, "bulk_above": "never"}}
COLUMNS = {"id": {"type": "string"}, **{name: {"type": ["string", "null"]} for name in ("key", "value", "mail")}}
WORDS: Mapping[Says, tuple[int, list[Json]]] = {
    "row": (400, [{"errorCode": "JSON_PARSER_ERROR", "message": "Cannot deserialize instance of date"}]),
    "field": (400, [{"errorCode": "INVALID_FIELD", "message": "No such column 'Email' on sobject of type Lead"}]),
    "throttled": (429, [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "ConcurrentRequests Limit exceeded."}]),
    "quota": (403, [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests Limit exceeded."}]),
    "credentials": (401, [{"errorCode": "INVALID_SESSION_ID", "message": "Session expired or invalid"}]),
    "busy": (503, [{"errorCode": "SERVER_UNAVAILABLE", "message": "try again"}]),
}


class SalesforceAdapter(Adapter):
    name = "target-salesforce"
    batch = 200
    in_flight = 1600
    exclusive = True
    deadline = 3.0
    refreshes = True
    sandbox: Sandbox

    def command(self, folder: Path, url: str) -> list[str]:
        more = {"login_url": url, "syncs": SYNCS, "request_timeout": self.deadline}
        return command(folder, settings_for(self.sandbox, **more))

    def environment(self) -> Mapping[str, str]:
        return environment()

    def schema(self) -> Json:
        return {"type": "SCHEMA", "stream": "people", "key_properties": ["id"], "schema": {"properties": COLUMNS}}

    def record(self, key: str, value: str) -> Json:
        return {"id": key, "key": key, "value": value, "mail": None}

    def broken_record(self, key: str) -> Json:
        return {"id": key, "key": key, "value": {"not": "text"}}

    def refused_record(self, key: str) -> Json:
        return {"id": key, "key": key, "value": "a", "mail": "no address"}

    @contextmanager
    def upstream(self) -> Iterator[str]:
        with running(unlimited=True) as self.sandbox:
            yield self.sandbox.salesforce.url

    def reset(self) -> None:
        self.sandbox.reset()
        self.sandbox.salesforce.fields("Lead", EXTERNAL)

    def writes(self, request: Request) -> list[Pair] | None:
        if "/composite/sobjects" not in urlsplit(request.path).path or request.method not in ("POST", "PATCH"):
            return None
        found = json.loads(request.body)["records"]
        return [(each["Key__c"], each.get("LastName") or "") for each in found]

    def applied(self, request: Request, response: Response) -> list[Pair]:
        if response.status != 200:
            return []
        pairs = self.writes(request) or []
        results = json.loads(response.body)
        return [pair for pair, result in zip(pairs, results, strict=False) if result.get("success") is True]

    def stored(self) -> list[Pair]:
        found = [each.properties for each in self.sandbox.salesforce.objects("Lead")]
        return [(each["Key__c"], each.get("LastName", "")) for each in found]

    def rejects(self, folder: Path) -> set[str]:
        return rejected(folder / "ledger.db")

    def says(self, what: Says) -> Response:
        status, body = WORDS[what]
        return Response(status, json.dumps(body).encode())

    def without_a_result(self, body: bytes) -> bytes:
        return json.dumps(json.loads(body)[:-1]).encode()

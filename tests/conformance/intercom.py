"""The adapter for target-intercom: its settings, its requests, its ledger, and the sandbox behind it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from penstock.conformance.adapter import Adapter, Json, Pair, Says
from penstock.conformance.wire import Request, Response
from penstock_sandbox.handle import Sandbox
from penstock_sandbox.server import running
from tests.conformance.ledgers import rejected
from tests.intercom.process import command, environment, settings_for

FIELDS = {"external_id": "id", "name": "value", "score": "score", "owner_id": "owner"}
SYNCS = {"people": {"object": "contacts", "match": "external_id", "fields": FIELDS}}
COLUMNS: dict[str, Json] = {
    "id": {"type": "string"},
    **{name: {"type": ["string", "null"]} for name in ("value", "score")},
}
COLUMNS["owner"] = {"type": ["integer", "null"]}
WORDS: Mapping[Says, tuple[int, Json]] = {
    "row": (400, {"code": "parameter_invalid", "message": "a value is wrong"}),
    "field": (400, {"code": "parameter_invalid", "message": "Custom attribute 'score' does not exist"}),
    "throttled": (429, {"code": "rate_limit_exceeded", "message": "Exceeded rate limit of 1667 in 10_seconds"}),
    "quota": (429, {"code": "rate_limit_exceeded", "message": "Exceeded rate limit"}),
    "credentials": (401, {"code": "unauthorized", "message": "Access Token Invalid"}),
    "busy": (503, {"code": "service_unavailable", "message": "Sorry, the API service is temporarily unavailable"}),
}


class IntercomAdapter(Adapter):
    name = "target-intercom"
    batch = 4
    """one, in truth; the suite takes parts of a batch"""
    in_flight = 256
    """64 requests, in such batches"""
    limit = 60.0
    """where a 429 says nothing, a window of ten seconds is waited"""
    exclusive = True
    deadline = 3.0
    sandbox: Sandbox

    def command(self, folder: Path, url: str) -> list[str]:
        return command(folder, settings_for(self.sandbox, api_url=url, syncs=SYNCS, request_timeout=self.deadline))

    def environment(self) -> Mapping[str, str]:
        return environment()

    def schema(self) -> Json:
        return {"type": "SCHEMA", "stream": "people", "key_properties": ["id"], "schema": {"properties": COLUMNS}}

    def record(self, key: str, value: str) -> Json:
        return {"id": key, "value": value, "score": "1", "owner": None}

    def broken_record(self, key: str) -> Json:
        return {"id": key, "value": {"not": "text"}, "score": None, "owner": None}

    def refused_record(self, key: str) -> Json:
        return {"id": key, "value": "a", "score": "1", "owner": 7}

    @contextmanager
    def upstream(self) -> Iterator[str]:
        with running(unlimited=True) as self.sandbox:
            self.reset()
            yield self.sandbox.intercom.url

    def reset(self) -> None:
        self.sandbox.reset()
        self.sandbox.intercom.attributes("contact", score="string")

    def writes(self, request: Request) -> list[Pair] | None:
        if request.method not in ("POST", "PUT") or "/contacts" not in request.path or "search" in request.path:
            return None
        found = json.loads(request.body)
        return [(found["external_id"], found.get("name", ""))]

    def applied(self, request: Request, response: Response) -> list[Pair]:
        return (self.writes(request) or []) if response.status == 200 else []

    def stored(self) -> list[Pair]:
        found = [each.properties for each in self.sandbox.intercom.objects()]
        return [(each["external_id"], each.get("name", "")) for each in found]

    def rejects(self, folder: Path) -> set[str]:
        return rejected(folder / "ledger.db")

    def says(self, what: Says) -> Response:
        status, error = WORDS[what]
        return Response(status, json.dumps({"type": "error.list", "request_id": "x", "errors": [error]}).encode())

    def without_a_result(self, body: bytes) -> bytes:
        found = json.loads(body)
        return json.dumps({name: value for name, value in found.items() if name != "id"}).encode()

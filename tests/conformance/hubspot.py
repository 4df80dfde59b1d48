"""The adapter for target-hubspot: its settings, its requests, its ledger, and the sandbox behind it."""

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
from tests.hubspot.process import command, environment, settings_for

FIELDS = {"email": "mail", "firstname": "value", "lead_score": "score"}
SYNCS = {"people": {"object": "contacts", "match": "email", "fields": FIELDS}}
COLUMNS = {"id": {"type": "string"}, **{name: {"type": ["string", "null"]} for name in ("mail", "value", "score")}}
WORDS: Mapping[Says, tuple[int, Json]] = {
    "row": (400, {"status": "error", "category": "VALIDATION_ERROR", "message": "Invalid input JSON"}),
    "field": (400, {"status": "error", "category": "VALIDATION_ERROR", "errors": [{"code": "PROPERTY_DOESNT_EXIST"}]}),
    "throttled": (429, {"status": "error", "errorType": "RATE_LIMIT", "policyName": "SECONDLY"}),
    "quota": (429, {"status": "error", "errorType": "RATE_LIMIT", "policyName": "DAILY"}),
    "credentials": (401, {"status": "error", "category": "EXPIRED_AUTHENTICATION"}),
    "busy": (503, {"status": "error", "message": "unavailable"}),
}


def key_of(properties: Mapping[str, str]) -> str:
    return properties["email"].partition("@")[0]


class HubSpotAdapter(Adapter):
    name = "target-hubspot"
    batch = 100
    in_flight = 1000
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
        return {"id": key, "mail": f"{key}@example.com", "value": value}

    def broken_record(self, key: str) -> Json:
        return {"id": key, "mail": f"{key}@example.com", "value": {"not": "text"}}

    def refused_record(self, key: str) -> Json:
        return {"id": key, "mail": f"{key}@example..com", "value": "a"}

    @contextmanager
    def upstream(self) -> Iterator[str]:
        with running(unlimited=True) as self.sandbox:
            yield self.sandbox.hubspot_url

    def reset(self) -> None:
        self.sandbox.reset()

    def writes(self, request: Request) -> list[Pair] | None:
        if not request.path.endswith(("/batch/upsert", "/batch/update")):
            return None
        found = [row["properties"] for row in json.loads(request.body)["inputs"]]
        return [(key_of(each), each.get("firstname", "")) for each in found]

    def applied(self, request: Request, response: Response) -> list[Pair]:
        if response.status not in (200, 201, 207):
            return []
        found = [result["properties"] for result in json.loads(response.body)["results"]]
        return [(key_of(each), each.get("firstname", "")) for each in found]

    def stored(self) -> list[Pair]:
        return [(key_of(c.properties), c.properties.get("firstname", "")) for c in self.sandbox.objects()]

    def rejects(self, folder: Path) -> set[str]:
        return rejected(folder / "ledger.db")

    def says(self, what: Says) -> Response:
        status, body = WORDS[what]
        return Response(status, json.dumps(body).encode())

    def without_a_result(self, body: bytes) -> bytes:
        content = json.loads(body)
        return json.dumps({**content, "results": content["results"][:-1]}).encode()

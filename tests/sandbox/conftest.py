"""One sandbox for the whole session, reset before each test, and a way to call it with raw bodies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import requests

from penstock_sandbox.server import running
from tests.sandbox.salesforce import Org

if TYPE_CHECKING:
    from collections.abc import Iterator

    from penstock_sandbox.handle import Sandbox

CONTACTS = "/crm/v3/objects/contacts"


class Api:
    """Raw HTTP against the simulated HubSpot, one session, no retries."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.http = requests.Session()
        self.http.headers["Authorization"] = f"Bearer {sandbox.token}"

    def call(
        self, method: str, path: str, body: object = None, headers: dict[str, str] | None = None
    ) -> requests.Response:
        return self.http.request(method, self.sandbox.hubspot_url + path, json=body, headers=headers, timeout=10)

    def batch(self, operation: str, inputs: list[dict[str, object]], family: str = CONTACTS) -> requests.Response:
        return self.call("POST", f"{family}/batch/{operation}", {"inputs": inputs})

    def upsert(self, *emails: str, **properties: object) -> requests.Response:
        rows: list[dict[str, object]] = [
            {"id": email, "idProperty": "email", "objectWriteTraceId": str(n), "properties": properties}
            for n, email in enumerate(emails)
        ]
        return self.batch("upsert", rows)


@pytest.fixture(scope="session")
def server() -> Iterator[Sandbox]:
    with running() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(server: Sandbox) -> Sandbox:
    server.reset()
    return server


@pytest.fixture
def api(sandbox: Sandbox) -> Iterator[Api]:
    api = Api(sandbox)
    yield api
    api.http.close()


@pytest.fixture
def org(sandbox: Sandbox) -> Iterator[Org]:
    org = Org(sandbox)
    yield org
    org.http.close()

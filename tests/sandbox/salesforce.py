"""A way to call the simulated Salesforce with raw bodies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import requests

if TYPE_CHECKING:
    from penstock_sandbox.handle import Sandbox


class Org:
    """Raw HTTP against the simulated Salesforce, one session, no retries."""

    def __init__(self, sandbox: Sandbox, version: str = "62.0") -> None:
        self.sandbox = sandbox
        self.url = sandbox.salesforce.url
        self.path = f"/services/data/v{version}"
        self.root = self.url + self.path
        self.http = requests.Session()
        self.http.headers["Authorization"] = f"Bearer {sandbox.salesforce.session}"

    def get(self, path: str, headers: dict[str, str] | None = None) -> requests.Response:
        return self.http.get(self.root + path, headers=headers, timeout=30)

    def send(
        self, method: str, path: str, body: object = None, headers: dict[str, str] | None = None
    ) -> requests.Response:
        return self.http.request(method, self.root + path, json=body, headers=headers, timeout=30)

    def records(
        self,
        method: str,
        path: str,
        records: list[dict[str, object]],
        headers: dict[str, str] | None = None,
        **more: object,
    ) -> requests.Response:
        """Send rows to Collections; each gets its `attributes` from the key `type`."""
        rows = [
            {"attributes": {"type": row["type"]}} | {k: v for k, v in row.items() if k != "type"} for row in records
        ]
        return self.send(method, path, {"records": rows, **more}, headers)

    def query(self, soql: str, headers: dict[str, str] | None = None, resource: str = "query") -> requests.Response:
        return self.http.get(f"{self.root}/{resource}", params={"q": soql}, headers=headers, timeout=30)

    def ids(self, soql: str) -> list[str]:
        answer = self.query(soql)
        assert answer.status_code == 200, answer.text
        return [str(row["Id"]) for row in answer.json()["records"]]

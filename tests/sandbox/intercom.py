"""A way to call the simulated Intercom with raw bodies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import requests

if TYPE_CHECKING:
    from penstock_sandbox.handle import Sandbox


class Inbox:
    """Raw HTTP against the simulated Intercom, one session, no retries."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.url = sandbox.intercom.url
        self.http = requests.Session()
        self.http.headers["Authorization"] = f"Bearer {sandbox.intercom.token}"
        self.http.headers["Intercom-Version"] = "2.14"

    def call(
        self, method: str, path: str, body: object = None, version: str | None = None, **headers: str
    ) -> requests.Response:
        given = headers if version is None else {"Intercom-Version": version, **headers}
        return self.http.request(method, self.url + path, json=body, headers=given, timeout=30)

    def contact(self, **body: object) -> str:
        """Create a contact and return its id."""
        answer = self.call("POST", "/contacts", body)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["id"])

    def company(self, company_id: str, **body: object) -> str:
        """Create or update a company and return Intercom's id."""
        answer = self.call("POST", "/companies", {"company_id": company_id, **body})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["id"])

    def found(self, query: object, **more: object) -> list[str]:
        """Search contacts and return their ids."""
        answer = self.call("POST", "/contacts/search", {"query": query, **more})
        assert answer.status_code == 200, answer.text
        return [str(each["id"]) for each in answer.json()["data"]]


def refused(answer: requests.Response) -> tuple[int, str, str]:
    """Return status, code and message of a refusal, which has the usual envelope."""
    body = answer.json()
    assert body["type"] == "error.list"
    [error] = body["errors"]
    return answer.status_code, error["code"], error["message"]

"""Tags, companies and subscriptions through the whole path: what is put on, by how many calls, and what stays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from penstock_sandbox.handle import Sandbox
from tests.hubspot.process import rejects
from tests.intercom.process import calls, contacts, good, person, run
from tests.sandbox.intercom import Inbox
from tests.streams import stream

PEOPLE: dict[str, Any] = {
    "object": "contacts",
    "match": "external_id",
    "fields": {"external_id": "id", "name": "name"},
    "associate": [{"object": "tags", "from": "tags"}],
}
TAGGED = {"people": PEOPLE}


def _id(inbox: Inbox, external_id: str) -> str:
    return str(inbox.call("GET", f"/contacts/find_by_external_id/{external_id}").json()["id"])


def test_one_contact_that_is_gone_spoils_no_others_tag(tmp_path: Path, sandbox: Sandbox) -> None:
    people = [person(n, tags=["a"]) for n in range(6)]
    good(run(tmp_path, sandbox, stream("people", *people), TAGGED))
    assert calls(sandbox)["POST /tags"] == 1
    inbox = Inbox(sandbox)
    inbox.call("DELETE", f"/contacts/{_id(inbox, 'u-3')}")
    good(run(tmp_path, sandbox, stream("people", *[{**each, "tags": ["a", "b"]} for each in people]), TAGGED))
    assert rejects(tmp_path) == {}
    assert contacts(sandbox, "tags") == [(f"u-{n}", "a;b") for n in range(6)]

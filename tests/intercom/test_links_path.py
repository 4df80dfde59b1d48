"""Tags, companies and subscriptions through the whole path: what is put on, by how many calls, and what stays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

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


@pytest.mark.parametrize("object_name", ["tags", "companies"])
def test_what_another_link_of_the_row_still_names_stays(tmp_path: Path, sandbox: Sandbox, object_name: str) -> None:
    sandbox.intercom.seed([], companies=[{"company_id": "acme"}, {"company_id": "x"}])
    by = {"match": "company_id"} if object_name == "companies" else {}
    links = [{"object": object_name, "from": name, "label": name, **by} for name in ("one", "other")]
    syncs = {"people": {**PEOPLE, "associate": links}}
    for one, other, left in [("acme", "acme", 1), (None, "acme", 1), ("x", "acme", 2), ("x", None, 1), (None, None, 0)]:
        row = {"id": "u-1", "name": "n", "one": one, "other": other}
        good(run(tmp_path, sandbox, stream("people", row), syncs))
        [(_, found)] = contacts(sandbox, object_name)
        assert len(list(filter(None, found.split(";")))) == left, (one, other)


def test_a_permission_that_rows_need_is_named_with_the_sync_and_its_link(tmp_path: Path, sandbox: Sandbox) -> None:
    some = ["Read and list users and companies", "Read tags", "Write users and companies"]
    for number, (scopes, lacks) in enumerate([(some, "Write tags"), (some[:2], "Write users and companies")]):
        token = sandbox.intercom.grant("sandbox-poor", scopes=scopes)
        end = run(tmp_path, sandbox, stream("people", person(number, tags="a")), TAGGED, access_token=token)
        assert end.code == 2
        link = ", associate tags" if lacks == "Write tags" else ""
        assert f"sync people{link}: to {'link' if link else 'upsert'} is refused" in end.stderr
        assert f"the app lacks a permission, most probably “{lacks}” (status 403, forbidden)" in end.stderr
        assert "Traceback" not in end.stderr


def test_what_people_have_put_on_stays_when_a_row_drops_it(tmp_path: Path, sandbox: Sandbox) -> None:
    """Also where the row had named it in between, and however its contact is met: it is not this sync's to take."""
    sandbox.intercom.seed([{"external_id": "u-1"}, {"external_id": "u-2"}], companies=[{"company_id": "acme"}])
    inbox = Inbox(sandbox)
    for key in ("u-1", "u-2"):
        inbox.call("POST", "/tags", {"name": "VIP", "users": [{"user_id": key}]})
    company = inbox.company("acme")
    inbox.call("POST", f"/contacts/{_id(inbox, 'u-1')}/companies", {"id": company})
    inbox.call("POST", f"/contacts/{_id(inbox, 'u-1')}/subscriptions", {"id": "93", "consent_type": "opt_in"})
    links = [
        *PEOPLE["associate"],
        {"object": "companies", "match": "company_id", "from": "account"},
        {"object": "subscriptions", "from": "sms", "label": "opt_in"},
    ]
    syncs = {"people": {**PEOPLE, "associate": links}}
    named = {"tags": ["vip", "new"], "account": "acme", "sms": "93"}
    people = [person(n, **named) for n in (1, 2, 3)]
    good(run(tmp_path, sandbox, stream("people", *people), syncs))
    rows = contacts(sandbox, "tags", "companies", "subscriptions")
    assert rows == [(f"u-{n}", tags, "acme", "93") for n, tags in ((1, "VIP;new"), (2, "VIP;new"), (3, "new;VIP"))]
    before = calls(sandbox)
    good(run(tmp_path, sandbox, stream("people", *[{**each, "name": "x"} for each in people]), syncs))
    assert {n for n, c in calls(sandbox).items() if c != before.get(n)} >= {"PUT /contacts/{id}"}
    assert not [n for n, c in calls(sandbox).items() if c != before.get(n) and ("POST" in n or "/contacts/{id}/" in n)]
    nothing = [{**each, "tags": None, "account": None, "sms": None} for each in people]
    good(run(tmp_path, sandbox, stream("people", *nothing), syncs))
    assert contacts(sandbox, "tags", "companies", "subscriptions") == [
        ("u-1", "VIP", "acme", "93"),
        ("u-2", "VIP", "", ""),
        ("u-3", "", "", ""),
    ]


def test_a_link_that_is_named_again_is_looked_at_again(tmp_path: Path, sandbox: Sandbox) -> None:
    """A person's tag, named and dropped, taken off by the person, named again: then it is the sync's."""
    sandbox.intercom.seed([{"external_id": "u-1"}])
    inbox = Inbox(sandbox)
    tag = {"name": "vip", "users": [{"user_id": "u-1"}]}
    inbox.call("POST", "/tags", tag)
    for tags in ("vip", None):
        good(run(tmp_path, sandbox, stream("people", person(1, tags=tags)), TAGGED))
        assert contacts(sandbox, "tags") == [("u-1", "vip")]
    inbox.call("POST", "/tags", {**tag, "users": [{"user_id": "u-1", "untag": True}]})
    for tags, left in (("vip", "vip"), (None, "")):
        good(run(tmp_path, sandbox, stream("people", person(1, tags=tags)), TAGGED))
        assert contacts(sandbox, "tags") == [("u-1", left)]


def test_a_companys_tags_of_others_stay_too(tmp_path: Path, sandbox: Sandbox) -> None:
    inbox = Inbox(sandbox)
    inbox.company("acme")
    inbox.call("POST", "/tags", {"name": "Key", "companies": [{"company_id": "acme"}]})
    sync = {
        "object": "companies",
        "match": "company_id",
        "fields": {"company_id": "id"},
        "associate": [{"object": "tags", "from": "tags"}],
    }
    for tags, left in ((["key", "new"], "Key;new"), (None, "Key")):
        good(run(tmp_path, sandbox, stream("accounts", {"id": "acme", "tags": tags}), {"accounts": sync}))
        [company] = sandbox.intercom.objects("companies")
        assert company.properties["tags"] == left


@pytest.mark.parametrize("version", ["2.14", "2.16"])
def test_a_contact_that_was_merged_away_is_tagged_where_it_went(tmp_path: Path, sandbox: Sandbox, version: str) -> None:
    people = [person(n, tags=["a"]) for n in range(4)]
    good(run(tmp_path, sandbox, stream("people", *people), TAGGED, api_version=version))
    inbox = Inbox(sandbox)
    survivor = inbox.contact(email="survivor@example.com")
    sandbox.intercom.merge(survivor, _id(inbox, "u-2"))
    inbox.call("PUT", f"/contacts/{survivor}", {"external_id": "u-2"})
    changed = [{**each, "tags": ["b"]} for each in people]
    good(run(tmp_path, sandbox, stream("people", *changed), TAGGED, api_version=version))
    assert rejects(tmp_path) == {}
    found = {key: set(tags.split(";")) for key, tags in contacts(sandbox, "tags")}
    assert {key: "b" in tags for key, tags in found.items()} == dict.fromkeys(("u-0", "u-1", "u-2", "u-3"), True)

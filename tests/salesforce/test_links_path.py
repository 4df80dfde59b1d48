"""Links of a sync that are look-up fields of its own object: written with the row, parents of the same run first."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from penstock.errors import Misconfigured
from penstock.modes import Link
from penstock_sandbox.handle import Sandbox
from tests.salesforce.process import CANARY, SCHEMA, key, ran, record, rejects, settings_for, stored
from tests.salesforce.values import sync_of, told

FIELDS = {"Key__c": "key", "LastName": "last"}
ACCOUNTS = {"object": "Account", "match": "Key__c", "fields": {"Key__c": "key", "Name": "key"}, "bulk_above": "never"}
ACCOUNT_SCHEMA = {**SCHEMA, "stream": "accounts"}


def syncs(**link: Any) -> dict[str, Any]:
    associate = [{"object": "Account", "from": "parent", **link}]
    return {"people": {"object": "Contact", "match": "Key__c", "fields": FIELDS, "associate": associate}}


def account(number: int) -> dict[str, Any]:
    return {"type": "RECORD", "stream": "accounts", "record": {"id": number, "key": f"A-{number}"}}


def parents(sandbox: Sandbox) -> dict[str, str | None]:
    names = {each.id: each.properties["Key__c"] for each in sandbox.salesforce.objects("Account")}
    return {name: names.get(found.get("AccountId", "")) for name, found in stored(sandbox, "Contact").items()}


def test_the_row_of_another_sync_is_its_parent(tmp_path: Path, sandbox: Sandbox) -> None:
    both = {**syncs(sync="accounts"), "accounts": ACCOUNTS}
    # The child's column holds the parent's row key.
    schema: Any = copy.deepcopy(SCHEMA)
    schema["schema"]["properties"]["parent"] = {"type": ["integer", "null"]}
    lines = [
        schema,
        ACCOUNT_SCHEMA,
        record(1, parent=7),
        record(2, parent=8),
        record(3, parent=None),
        account(7),
        account(8),
    ]
    run = ran(tmp_path, settings_for(sandbox, syncs=both), lines)
    assert run.code == 0, run.stderr
    assert parents(sandbox) == {key(1): "A-7", key(2): "A-8", key(3): None}
    again = ran(tmp_path, settings_for(sandbox, syncs=both), [schema, record(1, parent=8), record(2, parent=None)])
    assert again.code == 0, again.stderr
    assert parents(sandbox) == {key(1): "A-8", key(2): None, key(3): None}
    writes = len(sandbox.history())
    assert ran(tmp_path, settings_for(sandbox, syncs=both), [schema, record(1, parent=8)]).code == 0
    assert len(sandbox.history()) == writes


@pytest.mark.parametrize("missing", ["reject", "skip"])
def test_a_parent_is_found_by_a_key_of_its_own(tmp_path: Path, sandbox: Sandbox, missing: str) -> None:
    sandbox.salesforce.seed("Account", [{"Name": "Acme", "Key__c": "A-9"}])
    settings = settings_for(sandbox, syncs=syncs(match="Key__c", missing=missing))
    run = ran(tmp_path, settings, [SCHEMA, record(1, parent="a-9"), record(2, parent="A-0")])
    assert run.code == 0, run.stderr
    assert parents(sandbox) == ({key(1): "A-9"} | ({key(2): None} if missing == "skip" else {}))
    assert {code for code, _ in rejects(tmp_path).values()} == ({"no_other"} if missing == "reject" else set())
    assert CANARY not in run.stderr


@pytest.mark.parametrize(
    ("link", "words"),
    [
        (Link("Lead", "c"), "Lead has no fields that refer to it"),
        (Link("Account", "c", match="Name2"), "Account has no key 'Name2'"),
        (Link("Account", "c", match="Key__c", missing="create"), "Salesforce makes no parents"),
    ],
)
def test_a_link_that_does_not_fit_is_refused(link: Link, words: str) -> None:
    with pytest.raises(Misconfigured) as wrong:
        told(sync_of(["Key__c", "LastName"], links=(link,)))
    assert words in str(wrong.value)


def test_a_lead_or_contact_is_linked_where_its_record_has_the_field(tmp_path: Path, sandbox: Sandbox) -> None:
    """A contact has an account, a lead has none: there it is left out, and the log says so."""
    [acme] = sandbox.salesforce.seed("Account", [{"Name": "Acme", "Key__c": "A-9"}])
    mail = f"p1@{CANARY}.example.com"
    sandbox.salesforce.seed("Contact", [{"LastName": "old", "Email": mail}])
    fields = {"Email": "mail", "LastName": "last", "Company": "company"}
    link = {"object": "Account", "from": "parent", "match": "Key__c"}
    both = {"people": {"object": "Lead|Contact", "match": "Email", "fields": fields, "associate": [link]}}
    run = ran(tmp_path, settings_for(sandbox, syncs=both), [SCHEMA, record(1, parent="A-9"), record(2, parent="A-9")])
    assert run.code == 0, run.stderr
    [contact] = sandbox.salesforce.objects("Contact")
    assert (contact.properties["AccountId"], contact.properties["LastName"]) == (acme, f"{CANARY} a")
    assert [each.properties["Email"] for each in sandbox.salesforce.objects("Lead")] == [f"p2@{CANARY}.example.com"]
    assert "Lead has no AccountId" in run.stderr


def test_of_two_objects_the_label_chooses_among_the_fields_of_both() -> None:
    link = Link("Account", "c")
    with pytest.raises(Misconfigured, match="name one by its label: Account__c, AccountId"):
        told(sync_of(["Email", "LastName"], "Lead|Contact", "Email", links=(link,)))
    _, form = told(sync_of(["Email", "LastName"], "Lead|Contact", "Email", links=(replace(link, label="Account"),)))
    assert form.inline == {"Account:Account": "AccountId"}
    assert "Lead has no AccountId" in form.note

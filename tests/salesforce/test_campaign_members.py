"""Members of campaigns: look-ups that are set when a member is made and never again, a lead's or a contact's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from penstock_sandbox.handle import Sandbox
from tests.hubspot.process import state
from tests.salesforce.process import (
    CANARY,
    EXTERNAL,
    SCHEMA,
    counts,
    key,
    query,
    ran,
    record,
    rejects,
    removed,
    settings_for,
)

LINKS = [
    {"object": "Campaign", "match": "Key__c", "from": "company", "when": "created"},
    {"object": "Lead", "match": "Key__c", "from": "parent", "when": "created"},
    {"object": "Contact", "match": "Key__c", "from": "owner", "when": "created"},
]


def members(**more: Any) -> dict[str, Any]:
    found = {"object": "CampaignMember", "match": "Key__c", "fields": {"Key__c": "key", "Status": "last"}}
    return {"people": {**found, "associate": LINKS, **more}}


def member(number: int, status: str, campaign: str = "C-1") -> dict[str, Any]:
    """Return a member: every second one is a contact."""
    lead, contact = (None, "K-1") if number % 2 else (f"L-{number}", None)
    found = record(number, company=campaign, parent=lead, owner=contact)
    found["record"]["last"] = status
    return found


def seed(sandbox: Sandbox, leads: int) -> dict[str, str]:
    """Make a campaign, leads and a contact; return their ids by key."""
    for name in ("Campaign", "CampaignMember"):
        sandbox.salesforce.fields(name, EXTERNAL)
    rows = {
        "Campaign": [{"Name": "spring", "Key__c": "C-1"}],
        "Lead": [{"LastName": "x", "Company": "x", "Key__c": f"L-{2 * n}"} for n in range(leads)],
        "Contact": [{"LastName": "x", "Key__c": "K-1"}],
    }
    return {
        str(row["Key__c"]): found
        for name, some in rows.items()
        for row, found in zip(some, sandbox.salesforce.seed(name, some), strict=True)
    }


def there(sandbox: Sandbox) -> dict[str, tuple[str | None, ...]]:
    found = [each.properties for each in sandbox.salesforce.objects("CampaignMember")]
    names = ("CampaignId", "LeadId", "ContactId", "Status")
    return {each["Key__c"]: tuple(each.get(name) or None for name in names) for each in found}


@pytest.mark.parametrize("above", ["never", 3])
def test_members_are_made_changed_and_taken_out(tmp_path: Path, sandbox: Sandbox, above: object) -> None:
    ids = seed(sandbox, leads=5)
    settings = settings_for(sandbox, syncs=members(mode="mirror", bulk_above=above))
    run = ran(tmp_path, settings, [SCHEMA, *(member(n, "Sent") for n in range(9)), state(1)])
    assert run.code == 0, run.stderr
    wanted = {n: (ids["C-1"], None if n % 2 else ids[f"L-{n}"], ids["K-1"] if n % 2 else None) for n in range(9)}
    assert there(sandbox) == {key(n): (*wanted[n], "Sent") for n in range(9)}
    lines = [SCHEMA, *(member(n, "Responded") for n in range(8)), removed(8), state(2)]
    run = ran(tmp_path, settings, lines)
    assert run.code == 0, run.stderr
    assert (counts(run)["updated"], counts(run)["removed"]) == ("8", "1")
    assert counts(run).get("by job") == (None if above == "never" else "8")
    assert there(sandbox) == {key(n): (*wanted[n], "Responded") for n in range(8)}
    assert query(tmp_path, "select count(*) from links") == [(16,)]
    assert not rejects(tmp_path)
    assert CANARY not in run.stderr


def test_a_member_of_no_campaign_is_refused_until_there_is_one(tmp_path: Path, sandbox: Sandbox) -> None:
    seed(sandbox, leads=5)
    settings = settings_for(sandbox, syncs=members(bulk_above="never"))
    run = ran(tmp_path, settings, [SCHEMA, member(0, "Sent"), member(2, "Sent", "C-2"), state(1)])
    assert run.code == 0, run.stderr
    assert rejects(tmp_path) == {2: ("no_other", "associate Campaign")}
    assert [*there(sandbox)] == [key(0)]


def test_a_look_up_that_never_changes_has_to_be_named_as_one(tmp_path: Path, sandbox: Sandbox) -> None:
    seed(sandbox, leads=1)
    plain = [{name: value for name, value in link.items() if name != "when"} for link in LINKS]
    run = ran(tmp_path, settings_for(sandbox, syncs=members(associate=plain)), [SCHEMA])
    assert run.code == 2
    assert "'CampaignId' can only be set when a record is created; write `when: created`" in run.stderr

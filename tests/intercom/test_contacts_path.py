"""Contacts through the whole path: what stands in Intercom afterwards, and what it cost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from penstock_sandbox.handle import Sandbox
from tests.hubspot.process import rejects
from tests.intercom.process import CANARY, PEOPLE, calls, contacts, good, person, run
from tests.streams import stream

SYNC: dict[str, Any] = PEOPLE["people"]


@pytest.fixture(autouse=True)
def _attributes(sandbox: Sandbox) -> None:
    sandbox.intercom.attributes("contact", plan="string")


def test_new_contacts_cost_one_call_changed_ones_too_and_unchanged_ones_none(tmp_path: Path, sandbox: Sandbox) -> None:
    rows = [person(n, plan="gold") for n in range(5)]
    good(run(tmp_path, sandbox, stream("people", *rows)))
    assert contacts(sandbox, "custom_attributes.plan") == [(f"u-{n}", "gold") for n in range(5)]
    first = calls(sandbox)
    assert first["POST /contacts"] == 5
    good(run(tmp_path, sandbox, stream("people", *[{**row, "plan": None} for row in rows[:2]], *rows[2:])))
    second = calls(sandbox)
    assert second["POST /contacts"] == 5
    assert second["PUT /contacts/{id}"] == 2
    assert sum(second.values()) - sum(first.values()) == 2 + 2  # the account and the attributes
    assert contacts(sandbox, "custom_attributes.plan")[:3] == [("u-0", ""), ("u-1", ""), ("u-2", "gold")]


def test_a_contact_that_is_there_is_met_once_by_the_id_of_the_conflict(tmp_path: Path, sandbox: Sandbox) -> None:
    sandbox.intercom.seed([{"external_id": "u-1", "name": "old"}, {"email": f"p2@{CANARY}.example.com"}])
    good(run(tmp_path, sandbox, stream("people", person(1), person(2))))
    assert contacts(sandbox, "name") == [("u-1", f"{CANARY} 1"), ("u-2", f"{CANARY} 2")]
    assert "POST /contacts/search" not in calls(sandbox)
    before = calls(sandbox)["PUT /contacts/{id}"]
    good(run(tmp_path, sandbox, stream("people", person(1, name="new"), person(2))))
    assert calls(sandbox)["PUT /contacts/{id}"] == before + 1


def test_without_an_email_among_the_fields_a_first_meeting_costs_two_calls(tmp_path: Path, sandbox: Sandbox) -> None:
    sandbox.intercom.seed([{"external_id": "u-1"}])
    sync = {**SYNC, "fields": {"external_id": "id", "name": "name"}}
    before = sum(calls(sandbox).values())
    good(run(tmp_path, sandbox, stream("people", person(1)), {"people": sync}))
    assert sum(calls(sandbox).values()) - before == 2 + 2


def test_an_address_that_another_contact_has_does_not_make_that_one_ours(tmp_path: Path, sandbox: Sandbox) -> None:
    sandbox.intercom.seed([{"external_id": "other", "email": f"p1@{CANARY}.example.com", "name": "theirs"}])
    end = run(tmp_path, sandbox, stream("people", person(1), person(2)))
    assert rejects(tmp_path) == {'["u-1"]': ("conflict", "email")}
    assert end.code == 0
    assert contacts(sandbox, "name") == [("other", "theirs"), ("u-2", f"{CANARY} 2")]


def test_a_changed_address_that_another_has_is_refused(tmp_path: Path, sandbox: Sandbox) -> None:
    good(run(tmp_path, sandbox, stream("people", person(1), person(2))))
    good(run(tmp_path, sandbox, stream("people", person(1, mail=person(2)["mail"]))))
    assert rejects(tmp_path)['["u-1"]'][0] == "conflict"


BY_EMAIL = {"people": {**SYNC, "match": "email", "fields": {"email": "mail", "name": "name"}}}


def test_by_email_one_is_written_and_of_several_none(tmp_path: Path, sandbox: Sandbox) -> None:
    mails = [str(person(n)["mail"]) for n in range(3)]
    sandbox.configure(intercom={"unique_email": True})
    sandbox.intercom.seed(
        [{"email": mails[1].upper()}, {"email": mails[2]}, {"email": mails[2], "external_id": "newer"}]
    )
    good(run(tmp_path, sandbox, stream("people", *[person(n) for n in range(3)]), BY_EMAIL))
    assert rejects(tmp_path) == {'["u-2"]': ("ambiguous_match", "email")}
    assert len(contacts(sandbox)) == 4
    good(run(tmp_path, sandbox, stream("people", *[person(n) for n in range(3)]), BY_EMAIL, same_email="newest"))
    assert rejects(tmp_path) == {}
    assert ("newer", f"{CANARY} 2") in contacts(sandbox, "name")
    assert len(contacts(sandbox)) == 4


def test_leads_are_looked_for_because_nothing_stops_a_second_one(tmp_path: Path, sandbox: Sandbox) -> None:
    fields = {"email": "mail", "name": "name", "role": {"constant": "lead"}}
    syncs = {"people": {**SYNC, "match": "email", "fields": fields}}
    sandbox.intercom.seed([{"role": "lead", "email": person(1)["mail"]}])
    good(run(tmp_path, sandbox, stream("people", person(1), person(2)), syncs))
    assert contacts(sandbox, "role", "name") == [("", "lead", f"{CANARY} 1"), ("", "lead", f"{CANARY} 2")]
    assert calls(sandbox)["POST /contacts"] == 1
    good(run(tmp_path, sandbox, stream("people", person(1, name="a"), person(2, name="b")), syncs))
    assert contacts(sandbox, "role", "name") == [("", "lead", "a"), ("", "lead", "b")]


def test_an_archived_contact_is_left_or_brought_back_as_the_settings_say(tmp_path: Path, sandbox: Sandbox) -> None:
    sandbox.intercom.seed([{"external_id": "u-1", "archived": True}])
    good(run(tmp_path, sandbox, stream("people", person(1))))
    assert rejects(tmp_path) == {'["u-1"]': ("archived", None)}
    good(run(tmp_path, sandbox, stream("people", person(1)), unarchive=True))
    assert rejects(tmp_path) == {}
    assert contacts(sandbox, "name") == [("u-1", f"{CANARY} 1")]


def test_a_mirror_archives_who_has_left_and_brings_back_who_returns(tmp_path: Path, sandbox: Sandbox) -> None:
    mirror = {"people": {**SYNC, "mode": "mirror"}}
    good(run(tmp_path, sandbox, stream("people", person(1), person(2), version=1), mirror))
    good(run(tmp_path, sandbox, stream("people", person(1), version=2), mirror))
    assert (contacts(sandbox), contacts(sandbox, archived=True)) == ([("u-1",)], [("u-2",)])
    good(run(tmp_path, sandbox, stream("people", person(1), person(2, name="b"), version=3), mirror))
    assert contacts(sandbox, "name") == [("u-1", f"{CANARY} 1"), ("u-2", "b")]


@pytest.mark.parametrize(("permanent", "archived"), [(False, [("u-1",)]), (True, [])])
def test_deleting_archives_unless_it_is_asked_for_by_name(
    tmp_path: Path, sandbox: Sandbox, permanent: bool, archived: list[tuple[str]]
) -> None:
    sandbox.intercom.seed([{"external_id": "u-1"}, {"external_id": "u-2"}])
    syncs = {"people": {**SYNC, "mode": "delete", "fields": {"external_id": "id"}}}
    good(run(tmp_path, sandbox, stream("people", person(1), person(7)), syncs, permanent_delete=permanent))
    assert contacts(sandbox) == [("u-2",)]
    assert contacts(sandbox, archived=True) == archived


def test_update_changes_what_is_there_and_create_what_is_not(tmp_path: Path, sandbox: Sandbox) -> None:
    sandbox.intercom.seed([{"external_id": "u-1", "name": "old"}])
    good(run(tmp_path, sandbox, stream("people", person(1), person(2)), {"people": {**SYNC, "mode": "update"}}))
    assert contacts(sandbox, "name") == [("u-1", f"{CANARY} 1")]
    assert rejects(tmp_path) == {'["u-2"]': ("no_object", "external_id")}
    other = tmp_path / "other"
    other.mkdir()
    rows = [person(1, name="new"), person(3)]
    good(run(other, sandbox, stream("people", *rows), {"people": {**SYNC, "mode": "create"}}))
    assert contacts(sandbox, "name") == [("u-1", f"{CANARY} 1"), ("u-3", f"{CANARY} 3")]
    assert rejects(other) == {}


@pytest.mark.parametrize("version", ["2.14", "2.16"])
def test_a_contact_that_was_merged_away_is_followed_where_intercom_tells_where(
    tmp_path: Path, sandbox: Sandbox, version: str
) -> None:
    good(run(tmp_path, sandbox, stream("people", person(1)), api_version=version))
    [lost] = [each.id for each in sandbox.intercom.objects()]
    [kept] = sandbox.intercom.seed([{"external_id": "survivor"}]).ids
    sandbox.intercom.merge(kept, lost)
    for name in ("b", "c"):
        good(run(tmp_path, sandbox, stream("people", person(1, name=name)), api_version=version))
    told = version == "2.16"
    assert [each.properties.get("name") == "c" for each in sandbox.intercom.objects()] == [told]
    assert bool(rejects(tmp_path)) is not told


def test_a_contact_that_was_deleted_is_made_anew(tmp_path: Path, sandbox: Sandbox) -> None:
    good(run(tmp_path, sandbox, stream("people", person(1))))
    good(
        run(tmp_path / "..", sandbox, stream("gone", person(1)), {"gone": {**SYNC, "mode": "delete"}},
            permanent_delete=True, ledger_path=str(tmp_path / "other.db"))
    )  # fmt: skip
    assert contacts(sandbox) == []
    good(run(tmp_path, sandbox, stream("people", person(1, name="b"))))
    assert contacts(sandbox, "name") == [("u-1", "b")]


def test_conditional_fields_look_first(tmp_path: Path, sandbox: Sandbox) -> None:
    sandbox.intercom.seed([{"external_id": "u-1", "name": "theirs", "custom_attributes": {"plan": "old"}}])
    fields = {
        "external_id": "id",
        "name": {"from": "name", "when": "empty"},
        "plan": {"from": "plan", "when": "created"},
    }
    syncs = {"people": {**SYNC, "fields": fields}}
    good(run(tmp_path, sandbox, stream("people", person(1, plan="new"), person(2, plan="new")), syncs))
    found = contacts(sandbox, "name", "custom_attributes.plan")
    assert found == [("u-1", "theirs", "old"), ("u-2", f"{CANARY} 2", "new")]


@pytest.mark.parametrize("place", ["before_apply", "after_apply", "in_answer"])
def test_lost_answers_make_no_second_contact(tmp_path: Path, sandbox: Sandbox, place: str) -> None:
    sandbox.fault(place, "reset", match="/contacts", on=[1, 3, 4, 7])
    good(run(tmp_path, sandbox, stream("people", *[person(n) for n in range(6)])))
    assert contacts(sandbox) == [(f"u-{n}",) for n in range(6)]
    assert sandbox.stats().faults_struck == 4

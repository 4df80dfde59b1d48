"""The whole path against the sandbox: every mode, faults at exact places, what a person sees."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from penstock_sandbox.handle import Sandbox
from tests.hubspot.process import state
from tests.salesforce.process import (
    CANARY,
    SCHEMA,
    counts,
    key,
    lasts,
    query,
    ran,
    record,
    records,
    rejects,
    removed,
    settings_for,
    stored,
    sync,
)

KEYS, VERSIONS = 600, 3
LAST = {key(n): f"{CANARY} {VERSIONS - 1}" for n in range(KEYS)}


def history() -> list[Any]:
    """Every key in several versions, a STATE after every two hundred rows."""
    found: list[Any] = [SCHEMA]
    for version in range(VERSIONS):
        for start in range(0, KEYS, 200):
            found += [*records(200, version, start), state([version, start + 200])]
    return found


def check_path(folder: Path, sandbox: Sandbox, **settings: Any) -> None:
    run = ran(folder, settings_for(sandbox, **settings), history())
    assert run.code == 0, run.stderr
    assert lasts(sandbox) == LAST
    assert run.states[-1] == {"position": [VERSIONS - 1, KEYS]}
    assert rejects(folder) == {}
    assert CANARY not in run.stderr


def test_upsert_by_an_external_id(tmp_path: Path, sandbox: Sandbox) -> None:
    run = ran(tmp_path, settings_for(sandbox), [SCHEMA, *records(450, size=7), state(1)])
    assert run.code == 0, run.stderr
    found = stored(sandbox)
    assert len(found) == 450
    assert found[key(3)]["Email"] == f"p3@{CANARY}.example.com"
    assert found[key(3)]["NumberOfEmployees"] == "7"
    again = ran(tmp_path, settings_for(sandbox), [SCHEMA, *records(450, size=7), record(3, "b", size=None), state(2)])
    assert again.code == 0, again.stderr
    assert stored(sandbox)[key(3)]["LastName"] == f"{CANARY} b"
    assert not stored(sandbox)[key(3)].get("NumberOfEmployees")
    assert len(sandbox.history()) == 451
    assert CANARY not in run.stderr + again.stderr


@pytest.mark.parametrize("place", ["on_connect", "before_apply", "after_apply", "in_answer"])
def test_connections_lost_at_every_place(tmp_path: Path, sandbox: Sandbox, place: str) -> None:
    sandbox.fault(
        place, "reset", match="composite/sobjects" if place != "on_connect" else "", share=0.2, seed=4711, on=[2]
    )
    check_path(tmp_path, sandbox)
    assert sandbox.stats().faults_struck > 0


@pytest.mark.parametrize("kind", ["html", "truncate", "empty", "drop_rows"])
def test_answers_that_do_not_say_what_happened(tmp_path: Path, sandbox: Sandbox, kind: str) -> None:
    sandbox.fault("in_answer", kind, match="composite/sobjects", on=[1, 3], share=0.1, seed=11)
    check_path(tmp_path, sandbox)


def test_sessions_that_end_in_mid_run(tmp_path: Path, sandbox: Sandbox) -> None:
    sandbox.configure(salesforce={"session_requests": 6})
    check_path(tmp_path, sandbox)


def test_a_mirror_removes_what_has_left(tmp_path: Path, sandbox: Sandbox) -> None:
    settings = settings_for(sandbox, syncs=sync(mode="mirror"))
    assert ran(tmp_path, settings, [SCHEMA, *records(5)]).code == 0
    run = ran(tmp_path, settings, [SCHEMA, removed(2), removed(4)])
    assert run.code == 0, run.stderr
    assert sorted(stored(sandbox)) == [key(n) for n in (0, 1, 3)]
    assert counts(run)["removed"] == "2"


def test_an_update_creates_nothing(tmp_path: Path, sandbox: Sandbox) -> None:
    sandbox.salesforce.seed("Lead", [{"Key__c": key(1), "LastName": "x", "Company": "c"}])
    run = ran(tmp_path, settings_for(sandbox, syncs=sync(mode="update")), [SCHEMA, *records(3)])
    assert run.code == 0, run.stderr
    assert lasts(sandbox) == {key(1): f"{CANARY} a"}
    assert {code for code, _ in rejects(tmp_path).values()} == {"no_object"}


def test_a_creation_leaves_what_is_there(tmp_path: Path, sandbox: Sandbox) -> None:
    sandbox.salesforce.seed("Lead", [{"Key__c": key(1), "LastName": "x", "Company": "c"}])
    run = ran(tmp_path, settings_for(sandbox, syncs=sync(mode="create")), [SCHEMA, *records(3)])
    assert run.code == 0, run.stderr
    assert lasts(sandbox) == {key(0): f"{CANARY} a", key(1): "x", key(2): f"{CANARY} a"}
    assert (counts(run)["created"], counts(run)["existing"]) == ("2", "1")


def test_update_and_deletion_by_id(tmp_path: Path, sandbox: Sandbox) -> None:
    ids = sandbox.salesforce.seed("Lead", [{"Key__c": key(n), "LastName": "x", "Company": "c"} for n in range(3)])
    by_id = {"object": "Lead", "match": "Id", "mode": "update", "fields": {"Id": "sf", "LastName": "last"}}
    lines = [SCHEMA, record(0, "b", sf=ids[0]), record(1, "b", sf=ids[1][:15])]
    run = ran(tmp_path, settings_for(sandbox, syncs={"people": by_id}), lines)
    assert run.code == 0, run.stderr
    assert lasts(sandbox) == {key(0): f"{CANARY} b", key(1): f"{CANARY} b", key(2): "x"}
    deletes = {"object": "Lead", "match": "Id", "mode": "delete", "fields": {"Id": "sf"}, "bulk_above": "never"}
    (tmp_path / "other").mkdir()
    run = ran(tmp_path / "other", settings_for(sandbox, syncs={"people": deletes}), lines)
    assert run.code == 0, run.stderr
    assert list(lasts(sandbox)) == [key(2)]


def test_a_field_that_is_no_key_is_looked_up_and_several_are_refused(tmp_path: Path, sandbox: Sandbox) -> None:
    mails = [f"p1@{CANARY}.example.com", f"p2@{CANARY}.example.com", f"p2@{CANARY}.example.com"]
    ids = sandbox.salesforce.seed(
        "Lead", [{"Key__c": f"k{n}", "LastName": "x", "Company": "c", "Email": m} for n, m in enumerate(mails)]
    )
    by_mail = {
        "object": "Lead",
        "match": "Email",
        "fields": {"Email": "mail", "LastName": "last", "Company": "company"},
    }
    run = ran(tmp_path, settings_for(sandbox, syncs={"people": by_mail}), [SCHEMA, *records(4), state(1)])
    assert run.code == 0, run.stderr
    leads = sandbox.salesforce.objects("Lead")
    assert len(leads) == 5
    assert (counts(run)["created"], counts(run)["updated"]) == ("2", "1")
    assert rejects(tmp_path) == {2: ("ambiguous_match", "Email")}
    [(message,)] = query(tmp_path, "select message from rejects")
    assert ids[1] in message
    assert ids[2] in message


def test_a_lost_creation_is_looked_for_before_it_is_repeated(tmp_path: Path, sandbox: Sandbox) -> None:
    by_mail = {
        "object": "Lead",
        "match": "Email",
        "fields": {"Email": "mail", "LastName": "last", "Company": "company"},
    }
    sandbox.fault("after_apply", "reset", match="composite/sobjects", on=[1])
    run = ran(tmp_path, settings_for(sandbox, syncs={"people": by_mail}), [SCHEMA, *records(30), state(1)])
    assert run.code == 0, run.stderr
    assert len(sandbox.salesforce.objects("Lead")) == 30


def test_refused_rows_are_rejects_and_the_others_arrive(tmp_path: Path, sandbox: Sandbox) -> None:
    lines = [SCHEMA, *records(3), record(7, mail="no address"), record(8, last="x" * 90), record(9, company=None)]
    run = ran(tmp_path, settings_for(sandbox), lines)
    assert run.code == 0, run.stderr
    assert len(lasts(sandbox)) == 3
    assert rejects(tmp_path) == {
        7: ("INVALID_EMAIL_ADDRESS", "Email"),
        8: ("too_long", "LastName"),
        9: ("REQUIRED_FIELD_MISSING", "Company"),
    }


def test_parents_by_their_key_and_owners_by_their_address(tmp_path: Path, sandbox: Sandbox) -> None:
    [account] = sandbox.salesforce.seed("Account", [{"Name": "Acme", "Key__c": "A-9"}])
    fields = {
        "Key__c": "key",
        "LastName": "last",
        "Account.Key__c": "parent",
        "OwnerId": {"constant": sandbox.salesforce.username},
    }
    contacts = {"people": {"object": "Contact", "match": "Key__c", "fields": fields, "bulk_above": "never"}}
    lines = [SCHEMA, record(1, parent="A-9"), record(2, parent=None), record(3, parent="A-0")]
    run = ran(tmp_path, settings_for(sandbox, syncs=contacts), lines)
    assert run.code == 0, run.stderr
    found = stored(sandbox, "Contact")
    assert found[key(1)]["AccountId"] == account
    assert found[key(1)]["OwnerId"].startswith("005")
    assert not found[key(2)].get("AccountId")
    assert rejects(tmp_path)[3][0] == "INVALID_FIELD"
    assert ran(tmp_path, settings_for(sandbox, syncs=contacts), [SCHEMA, record(1, parent=None)]).code == 0
    assert not stored(sandbox, "Contact")[key(1)].get("AccountId")


def test_lead_or_contact(tmp_path: Path, sandbox: Sandbox) -> None:
    def mail(n: int) -> str:
        return f"p{n}@{CANARY}.example.com"

    org = sandbox.salesforce
    [contact] = org.seed("Contact", [{"LastName": "x", "Email": mail(1)}])
    [converted] = org.seed("Contact", [{"LastName": "x", "Email": "work@example.com"}])
    org.seed("Lead", [{"LastName": "x", "Company": "c", "Email": mail(0)}])
    lost = {"LastName": "old", "Company": "c", "Email": mail(2), "IsConverted": True, "ConvertedContactId": converted}
    org.seed("Lead", [lost])
    person = {"object": "Contact|Lead", "match": "Email", "fields": {"Email": "mail", "LastName": "last"}}
    run = ran(tmp_path, settings_for(sandbox, syncs={"people": person}), [SCHEMA, *records(4), state(1)])
    assert run.code == 0, run.stderr
    names = {each.properties["Email"]: each.properties["LastName"] for each in org.objects("Contact")}
    assert names == {mail(1): f"{CANARY} a", mail(2): f"{CANARY} a", mail(3): f"{CANARY} a"}
    assert {e.properties["LastName"] for e in org.objects("Lead")} == {f"{CANARY} a", "old"}
    assert {e.id for e in org.objects("Contact")} >= {contact, converted}
    again = ran(tmp_path, settings_for(sandbox, syncs={"people": person}), [SCHEMA, *records(4, "b"), state(2)])
    assert again.code == 0, again.stderr
    assert counts(again)["updated"] == "4"


def test_a_lead_is_made_of_what_contacts_have_no_field_for(tmp_path: Path, sandbox: Sandbox) -> None:
    org = sandbox.salesforce
    [contact] = org.seed("Contact", [{"LastName": "x", "Email": f"p1@{CANARY}.example.com"}])
    fields = {"Email": "mail", "LastName": "last", "Company": "company"}
    person = {"people": {"object": "Lead|Contact", "match": "Email", "fields": fields}}
    run = ran(tmp_path, settings_for(sandbox, syncs=person), [SCHEMA, *records(3), state(1)])
    assert run.code == 0, run.stderr
    assert counts(run) == {"read": "3", "created": "2", "updated": "1"}
    assert "Contact has no Company: left out where the row's record is one" in run.stderr
    assert [each.properties["Company"] for each in org.objects("Lead")] == [f"{CANARY} Ltd"] * 2
    assert [(each.id, each.properties["LastName"]) for each in org.objects("Contact")] == [(contact, f"{CANARY} a")]


def test_events_are_appended(tmp_path: Path, sandbox: Sandbox) -> None:
    sandbox.salesforce.fields("Seen__e", {"name": "Page__c", "type": "string", "length": 80})
    events = {"people": {"object": "Seen__e", "mode": "append", "fields": {"Page__c": "last"}}}
    run = ran(tmp_path, settings_for(sandbox, syncs=events), [SCHEMA, *records(3), state(1)])
    assert run.code == 0, run.stderr
    assert len(sandbox.salesforce.events()) == 3


@pytest.mark.parametrize(
    ("number", "body", "code", "words"),
    [
        (401, [{"errorCode": "INVALID_SESSION_ID", "message": "Session expired or invalid"}], 2, "refused the session"),
        (403, [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests Limit exceeded."}], 1, "used up"),
        (410, [{"errorCode": "GONE", "message": "x"}], 2, "api_version"),
        (302, [], 2, "redirected"),
    ],
)
def test_a_run_that_must_stop_has_printed_what_it_earned(
    tmp_path: Path, sandbox: Sandbox, number: int, body: Any, code: int, words: str
) -> None:
    on = [3, 4, 5, 6] if number == 401 else [3]
    sandbox.fault("before_apply", "status", match="composite/sobjects", status=number, body=body, on=on)
    run = ran(tmp_path, settings_for(sandbox), history())
    assert run.code == code, run.stderr
    assert words in run.last_line
    for version, rows in (line["position"] for line in run.states):
        assert {key(n) for n in range(rows if version == 0 else KEYS)} <= set(lasts(sandbox))
    sandbox.clear_faults()
    check_path(tmp_path, sandbox)


def test_a_reserve_of_the_quota_is_kept(tmp_path: Path, sandbox: Sandbox) -> None:
    sandbox.configure(salesforce={"daily": 38})
    run = ran(tmp_path, settings_for(sandbox, quota_reserve="30"), history())
    assert run.code == 1
    assert "are kept free (quota_reserve)" in run.last_line
    assert sandbox.stats().requests <= 10


def test_the_check(tmp_path: Path, sandbox: Sandbox) -> None:
    told = ran(tmp_path, settings_for(sandbox), b"", "--test")
    assert told.code == 0, told.stderr
    assert "sync people: Lead by Key__c, 5 fields" in told.stderr
    assert "calls left today" in told.stderr


def test_rows_that_lost_a_fight_for_a_lock_arrive(tmp_path: Path, sandbox: Sandbox) -> None:
    """A share of the answers says that every row was locked out: none is refused, none is there twice."""
    locked = {"success": False, "errors": [{"statusCode": "UNABLE_TO_LOCK_ROW", "message": "x", "fields": []}]}
    sandbox.fault("before_apply", "status", match="composite/sobjects", status=200, body=[locked] * 200, on=[1, 2])
    run = ran(tmp_path, settings_for(sandbox), [SCHEMA, *records(400), state(1)])
    assert run.code == 0, run.stderr
    assert len(lasts(sandbox)) == 400
    assert rejects(tmp_path) == {}
    assert counts(run)["retried"] == "400"
    assert sandbox.stats().routes  # four times as many requests for what came back


def test_a_server_that_is_away_does_not_count_against_rows_that_are_locked(tmp_path: Path, sandbox: Sandbox) -> None:
    locked = {"success": False, "errors": [{"statusCode": "UNABLE_TO_LOCK_ROW", "message": "x", "fields": []}]}
    sandbox.fault("before_apply", "status", match="composite/sobjects", status=503, on=[1, 3, 5])
    sandbox.fault("before_apply", "status", match="composite/sobjects", status=200, body=[locked], on=[2, 4, 6])
    run = ran(tmp_path, settings_for(sandbox), [SCHEMA, *records(1), state(1)])
    assert run.code == 0, run.stderr
    assert len(lasts(sandbox)) == 1
    assert rejects(tmp_path) == {}

"""Companies, links, tags, events, notes and custom objects through the whole path."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from penstock_sandbox.handle import Sandbox
from tests.hubspot.process import rejects
from tests.intercom.process import CANARY, calls, contacts, good, person, run
from tests.streams import stream

ACCOUNTS: dict[str, Any] = {
    "object": "companies",
    "match": "company_id",
    "fields": {"company_id": "id", "name": "name", "plan": "plan", "monthly_spend": "spend"},
}
PEOPLE: dict[str, Any] = {
    "object": "contacts",
    "match": "external_id",
    "fields": {"external_id": "id", "name": "name"},
    "associate": [{"object": "companies", "sync": "accounts", "from": "account"}],
}


def account(number: int, **more: Any) -> dict[str, Any]:
    return {"id": f"a-{number}", "name": f"{CANARY} {number}", "plan": "team", "spend": 99.9, **more}


def companies(sandbox: Sandbox, *names: str) -> list[tuple[str, ...]]:
    found = [each.properties for each in sandbox.intercom.objects("companies")]
    return sorted(tuple(each.get(name, "") for name in ("company_id", *names)) for each in found)


def test_companies_cost_one_call_each_and_keep_their_company_id(tmp_path: Path, sandbox: Sandbox) -> None:
    syncs = {"accounts": ACCOUNTS}
    good(run(tmp_path, sandbox, stream("accounts", account(1), account(2)), syncs))
    assert companies(sandbox, "plan", "monthly_spend") == [("a-1", "team", "99"), ("a-2", "team", "99")]
    good(run(tmp_path, sandbox, stream("accounts", account(1, plan=None, spend=5), account(2)), syncs))
    assert companies(sandbox, "plan", "monthly_spend") == [("a-1", "", "5"), ("a-2", "team", "99")]
    assert (calls(sandbox)["POST /companies"], calls(sandbox)["PUT /companies/{id}"]) == (2, 1)


def test_a_company_id_that_changes_is_a_reject_that_says_so(tmp_path: Path, sandbox: Sandbox) -> None:
    sync = {**ACCOUNTS, "fields": {**ACCOUNTS["fields"], "company_id": "key"}}
    for key in ("old", "new"):
        good(run(tmp_path, sandbox, stream("accounts", account(1, key=key)), {"accounts": sync}))
    assert rejects(tmp_path) == {'["a-1"]': ("unchangeable", "company_id")}
    assert companies(sandbox) == [("old",)]


def test_deleting_companies_is_asked_for_by_name(tmp_path: Path, sandbox: Sandbox) -> None:
    sync = {"accounts": {**ACCOUNTS, "removed": "delete"}}
    refused = run(tmp_path, sandbox, stream("accounts", account(1)), sync)
    assert refused.code == 2
    assert "permanent_delete" in refused.stderr
    good(run(tmp_path, sandbox, stream("accounts", account(1), account(2), version=1), sync, permanent_delete=True))
    good(run(tmp_path, sandbox, stream("accounts", account(1), version=2), sync, permanent_delete=True))
    assert companies(sandbox) == [("a-1",)]


def test_people_are_attached_when_their_company_is_there_and_detached_when_they_leave_it(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    syncs = {"accounts": ACCOUNTS, "people": PEOPLE}
    people = [person(n, account=f"a-{n % 2}") for n in range(4)]
    lines = stream("people", *people) + stream("accounts", account(0), account(1))  # the wrong way round
    good(run(tmp_path, sandbox, lines, syncs))
    assert contacts(sandbox, "companies") == [(f"u-{n}", f"a-{n % 2}") for n in range(4)]
    before = calls(sandbox)
    moved = [{**people[0], "account": "a-1"}, {**people[1], "account": None}, *people[2:]]
    good(run(tmp_path, sandbox, stream("people", *moved), syncs))
    assert contacts(sandbox, "companies")[:2] == [("u-0", "a-1"), ("u-1", "")]
    assert calls(sandbox).get("PUT /contacts/{id}", 0) == before.get("PUT /contacts/{id}", 0)


@pytest.mark.parametrize(("missing", "attached"), [("create", "a-7"), ("skip", "")])
def test_companies_by_their_key_that_are_not_there(
    tmp_path: Path, sandbox: Sandbox, missing: str, attached: str
) -> None:
    link = {"object": "companies", "match": "company_id", "from": "account", "missing": missing}
    good(
        run(tmp_path, sandbox, stream("people", person(1, account="a-7")), {"people": {**PEOPLE, "associate": [link]}})
    )
    assert contacts(sandbox, "companies") == [("u-1", attached)]


def test_tags_are_put_on_in_batches_and_taken_off(tmp_path: Path, sandbox: Sandbox) -> None:
    syncs = {"people": {**PEOPLE, "associate": [{"object": "tags", "from": "tags"}]}}
    people = [person(n, tags=["VIP", f"Team {n % 2}"]) for n in range(8)]
    good(run(tmp_path, sandbox, stream("people", *people), syncs))
    found = [(key, *sorted(tags.split(";"))) for key, tags in contacts(sandbox, "tags")]
    assert found == [(f"u-{n}", f"team {n % 2}", "vip") for n in range(8)]
    before = calls(sandbox)["POST /tags"]
    assert before == 3, "one call a tag, although each contact is written by itself"
    good(run(tmp_path, sandbox, stream("people", *[{**each, "tags": "New"} for each in people]), syncs))
    assert contacts(sandbox, "tags") == [(f"u-{n}", "new") for n in range(8)]
    assert calls(sandbox)["POST /tags"] - before == 4, "eight are tagged, and sixteen untagged"
    good(run(tmp_path, sandbox, stream("people", *[{**each, "tags": None} for each in people]), syncs))
    assert contacts(sandbox, "tags") == [(f"u-{n}", "") for n in range(8)]


def test_companies_have_tags_too(tmp_path: Path, sandbox: Sandbox) -> None:
    syncs = {"accounts": {**ACCOUNTS, "associate": [{"object": "tags", "from": "tag"}]}}
    good(run(tmp_path, sandbox, stream("accounts", account(1, tag="key account")), syncs))
    assert companies(sandbox, "tags") == [("a-1", "key account")]


def test_subscriptions(tmp_path: Path, sandbox: Sandbox) -> None:
    sandbox.intercom.seed(
        subscriptions=[{"id": "106", "name": "News", "consent_type": "opt_in", "content_types": ["email"]}]
    )
    link = {"object": "subscriptions", "from": "news", "label": "opt_in"}
    syncs = {"people": {**PEOPLE, "associate": [link]}}
    for news, expected in (("106", "106"), (None, ""), ("News", "106")):
        good(run(tmp_path, sandbox, stream("people", person(1, news=news)), syncs))
        assert contacts(sandbox, "subscriptions") == [("u-1", expected)]
    for number, wrong in enumerate(("999", "91", "Newsletters"), 2):  # the last two are opted out of
        good(run(tmp_path, sandbox, stream("people", person(number, news=wrong)), syncs))
        assert rejects(tmp_path)[f'["u-{number}"]'] == ("value", "associate subscriptions:opt_in")
    assert contacts(sandbox, "subscriptions") == [("u-1", "106")], "nothing of a row is written before that is found"


EVENTS = {"object": "event:paid", "mode": "append", "fields": {"user_id": "who", "created_at": "at", "price": "price"}}
NOTES = {
    "object": "notes",
    "mode": "append",
    "fields": {"body": "text"},
    "associate": [{"object": "contacts", "sync": "people", "from": "who"}],
}


def test_contacts_events_and_notes_go_in_their_order_in_one_run(tmp_path: Path, sandbox: Sandbox) -> None:
    people = {**PEOPLE, "associate": [{"object": "tags", "from": "tag"}]}
    linked = {**EVENTS, "fields": {"created_at": "at"}, "associate": NOTES["associate"]}
    syncs = {"people": people, "paid": EVENTS, "seen": {**linked, "object": "event:seen"}, "notes": NOTES}
    events = [{"id": n, "who": f"u-{n}", "at": "2025-10-17T11:20:00Z", "price": 3} for n in range(5)]
    notes = [{"id": n, "who": f"u-{n}", "text": f"{CANARY} note"} for n in range(5)]
    lines = stream("people", *[person(n, tag="t") for n in range(5)])
    lines += stream("seen", *events) + stream("notes", *notes) + stream("paid", *events)
    for _ in range(2):
        good(run(tmp_path, sandbox, lines, syncs))
        assert rejects(tmp_path) == {}
        assert contacts(sandbox, "notes") == [(f"u-{n}", f"<p>{CANARY} note</p>") for n in range(5)]
    assert len([each for each in sandbox.history() if each.type == "events"]) == 10
    # An event without a link may meet a contact that is still being made: then it is sent again.
    assert 10 <= calls(sandbox)["POST /events"] <= 15


def test_what_comes_in_the_wrong_order_is_delivered_in_one_run_all_the_same(tmp_path: Path, sandbox: Sandbox) -> None:
    linked = {**EVENTS, "fields": {"created_at": "at"}, "associate": NOTES["associate"]}
    syncs = {"notes": NOTES, "paid": linked, "people": PEOPLE, "accounts": ACCOUNTS}
    lines = stream("notes", {"id": 1, "who": "u-1", "text": "first"})
    lines += stream("paid", {"id": 1, "who": "u-1", "at": "2025-10-17T11:20:00Z"})
    lines += stream("people", person(1, account="a-1")) + stream("accounts", account(1))
    good(run(tmp_path, sandbox, lines, syncs))
    assert rejects(tmp_path) == {}
    assert contacts(sandbox, "companies", "notes") == [("u-1", "a-1", "<p>first</p>")]
    assert [each.dropped for each in sandbox.intercom.events()] == [None]


def test_an_event_whose_answer_is_lost_is_counted_and_no_second_one(tmp_path: Path, sandbox: Sandbox) -> None:
    sandbox.intercom.seed([{"external_id": "u-1"}])
    sandbox.fault("after_apply", "reset", match="/events", on=[1])
    event = {"id": 1, "who": "u-1", "at": 1760700000, "price": 3}
    good(run(tmp_path, sandbox, stream("paid", event), {"paid": EVENTS}))
    taken = [each for each in sandbox.history() if each.type == "events"]
    assert (len(taken), sandbox.stats().faults_struck) == (1, 1)
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as db:
        [counts] = db.execute("select counts from runs").fetchone()
    assert json.loads(counts)["paid"]["may_repeat"] == 1


def test_an_event_of_nobody_is_a_reject(tmp_path: Path, sandbox: Sandbox) -> None:
    good(run(tmp_path, sandbox, stream("paid", {"id": 1, "who": "nobody", "at": 1, "price": 3}), {"paid": EVENTS}))
    assert rejects(tmp_path) == {"[1]": ("no_contact", None)}


def test_instances_of_custom_objects(tmp_path: Path, sandbox: Sandbox) -> None:
    sandbox.intercom.seed(object_types=[{"name": "Order", "attributes": {"total": "float"}}])
    sync = {"object": "custom:Order", "match": "external_id", "fields": {"external_id": "id", "total": "total"}}
    for total in (9.5, 10):
        good(run(tmp_path, sandbox, stream("orders", {"id": "o-1", "total": total}), {"orders": sync}))
    [order] = sandbox.intercom.objects("Order")
    assert order.properties["custom_attributes.total"] == "10"
    missing = {"orders": {**sync, "object": "custom:Parcel"}}
    end = run(tmp_path, sandbox, stream("orders", {"id": "o-2", "total": 1}), missing, ledger_path="other.db")
    assert end.code == 2
    assert "no custom object 'Parcel'" in end.stderr
    gone = {"orders": {**sync, "removed": "delete"}}
    both = [{"id": key, "total": 3} for key in ("o-1", "o-9")]
    good(run(tmp_path, sandbox, stream("orders", *both, version=1), gone, permanent_delete=True))
    good(run(tmp_path, sandbox, stream("orders", both[1], version=2), gone, permanent_delete=True))
    assert [each.properties["external_id"] for each in sandbox.intercom.objects("Order")] == ["o-9"]

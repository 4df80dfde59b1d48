"""Links between objects, members of lists and custom events through the whole path."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from penstock_sandbox.handle import Sandbox
from tests.hubspot.process import rejects
from tests.hubspot.test_objects_path import KEY, good, run, stored
from tests.streams import stream

Json = dict[str, Any]
DEFAULT, PRIMARY = 279, 1
ACCOUNTS: Json = {"object": "companies", "match": "crm_key", "fields": {"crm_key": "id", "name": "name"}}
PEOPLE: Json = {"object": "contacts", "match": "email", "fields": {"email": "mail"}}


def person(number: int, **more: Any) -> Json:
    return {"id": number, "mail": f"p{number}@example.com", **more}


def pairs(sandbox: Sandbox) -> dict[tuple[str, str], list[int]]:
    """The links from contacts to companies, by address and key."""
    contacts = {each.id: each.properties["email"] for each in sandbox.objects()}
    companies = {each.id: each.properties["crm_key"] for each in sandbox.objects("companies")}
    found = sandbox.associations("contacts", "companies")
    return {(contacts[one], companies[other]): sorted(types) for (one, other), types in found.items()}


@pytest.fixture
def portal(sandbox: Sandbox) -> Sandbox:
    sandbox.seed([{"crm_key": "A", "name": "Acme"}, {"crm_key": "B", "name": "Beta"}], [KEY], "companies")
    return sandbox


def test_links_by_a_unique_property_follow_the_rows(tmp_path: Path, portal: Sandbox) -> None:
    link = {"object": "companies", "match": "crm_key", "from": "account"}
    syncs = {"people": {**PEOPLE, "associate": [link]}}
    rows = [person(1, account="A"), person(2, account=["A", "B"]), person(3, account=None), person(4, account="none")]
    run(tmp_path, portal, syncs, stream("people", *rows))
    one, two = ("p1@example.com", "A"), ("p2@example.com", "A")
    assert pairs(portal) == {one: [DEFAULT], two: [DEFAULT], ("p2@example.com", "B"): [DEFAULT]}
    assert rejects(tmp_path) == {"[4]": ("no_other", "associate companies")}
    before = portal.stats().applied_writes
    run(tmp_path, portal, syncs, stream("people", *rows[:3]))
    assert portal.stats().applied_writes == before
    run(tmp_path, portal, syncs, stream("people", person(1, account="B"), person(2, account=[])))
    assert pairs(portal) == {("p1@example.com", "B"): [DEFAULT]}


def test_labels_of_one_pair_are_written_together_and_taken_off_alone(tmp_path: Path, portal: Sandbox) -> None:
    links = [
        {"object": "company", "match": "crm_key", "from": "account"},
        {"object": "companies", "match": "crm_key", "from": "main", "label": "Primary"},
    ]
    syncs = {"people": {**PEOPLE, "associate": links}}
    good(run(tmp_path, portal, syncs, stream("people", person(1, account=["A", "B"], main="A"))))
    a, b = ("p1@example.com", "A"), ("p1@example.com", "B")
    assert pairs(portal) == {a: [PRIMARY, DEFAULT], b: [DEFAULT]}
    good(run(tmp_path, portal, syncs, stream("people", person(1, account=["A", "B"], main="B"))))
    assert pairs(portal) == {a: [DEFAULT], b: [PRIMARY, DEFAULT]}
    good(run(tmp_path, portal, syncs, stream("people", person(1, account=["A"], main="B"))))
    assert pairs(portal) == {a: [DEFAULT], b: [PRIMARY, DEFAULT]}


def test_the_other_object_is_made_where_the_link_says_so(tmp_path: Path, portal: Sandbox) -> None:
    portal.seed(properties=[{**KEY, "name": "order_key"}], object_type="contacts")
    syncs = {
        "accounts": {
            **ACCOUNTS,
            "associate": [{"object": "contacts", "match": "email", "from": "boss", "missing": "create"}],
        }
    }
    rows = [{"id": c, "name": c, "boss": "Boss@Example.com"} for c in ("A", "B", "C")]
    rows[2].pop("boss")
    good(run(tmp_path, portal, syncs, stream("accounts", *rows[:2])))
    assert pairs(portal) == {("boss@example.com", c): [DEFAULT] for c in "AB"}
    assert stored(portal, "contacts", "email") == [("boss@example.com",)]


def test_links_to_rows_of_another_sync_wait_for_them(tmp_path: Path, portal: Sandbox) -> None:
    syncs = {
        "people": {**PEOPLE, "associate": [{"object": "companies", "sync": "accounts", "from": "account"}]},
        "accounts": ACCOUNTS,
    }
    lines = [*stream("people", person(1, account="C")), *stream("accounts", {"id": "C", "name": "Later"})]
    good(run(tmp_path, portal, syncs, lines))
    assert pairs(portal) == {("p1@example.com", "C"): [DEFAULT]}


def test_mistakes_in_links_are_named_before_anything_is_sent(tmp_path: Path, portal: Sandbox) -> None:
    links = [
        {"object": "companies", "match": "name", "from": "a"},
        {"object": "compnies", "match": "crm_key", "from": "a"},
        {"object": "companies", "match": "crm_key", "from": "a", "label": "Primry"},
    ]
    syncs = {"people": {**PEOPLE, "associate": links}}
    ended = run(tmp_path, portal, syncs, stream("people", person(1, a="A")))
    assert ended.code == 2
    assert "'name' of companies is not unique; unique are crm_key" in ended.stderr
    assert "no object 'compnies' in this portal (did you mean 'companies'?)" in ended.stderr
    assert "no label 'Primry' (did you mean 'Primary'?); there are Primary" in ended.stderr
    assert portal.stats().applied_writes == 0


def test_a_list_mirrors_its_rows(tmp_path: Path, sandbox: Sandbox) -> None:
    sandbox.seed([{"email": f"p{n}@example.com"} for n in range(1, 4)])
    syncs = {
        "trial": {"object": "list:Trial ends", "match": "email", "mode": "mirror", "fields": {"email": "mail"}},
    }
    first = run(tmp_path, sandbox, syncs, stream("trial", person(1), version=1))
    assert first.code == 2
    assert "no list 'Trial ends'; set `create_lists: true`" in first.stderr
    rows = [person(1), person(2), person(9)]
    run(tmp_path, sandbox, syncs, stream("trial", *rows, version=1), create_lists=True)
    members = {each.id: each.properties["email"] for each in sandbox.objects()}
    assert [members[each] for each in sandbox.lists()["Trial ends"]] == ["p1@example.com", "p2@example.com"]
    assert rejects(tmp_path) == {"[9]": ("no_object", "email")}
    run(tmp_path, sandbox, syncs, stream("trial", person(2), person(3), version=2))
    assert [members[each] for each in sandbox.lists()["Trial ends"]] == ["p2@example.com", "p3@example.com"]
    assert len(members) == 3


EVENT: Json = {
    "label": "Plan changed",
    "name": "plan_changed",
    "propertyDefinitions": [{"name": "plan", "type": "string"}, {"name": "page", "type": "string"}],
}
CHANGES: Json = {
    "object": "event:plan_changed",
    "mode": "append",
    "fields": {"email": "mail", "occurredAt": "at", "plan": "plan", "page": "page"},
}


def change(number: int, **more: Any) -> Json:
    return {**person(number), "at": "2026-10-17T09:30:00+02:00", "plan": "gold", "page": None, **more}


def test_events_are_sent_once_and_what_hubspot_would_drop_is_refused(tmp_path: Path, sandbox: Sandbox) -> None:
    sandbox.seed(events=[EVENT])
    rows = [change(1), change(2, mail=None), change(3, plan="x" * 51), change(4, page="https://" + "y" * 150)]
    sandbox.fault("after_apply", "reset", on=[1], match="send")
    run(tmp_path, sandbox, {"changes": CHANGES}, stream("changes", *rows))
    arrived = [each for each in sandbox.events() if each.lost is None]
    assert sorted(str(each.email) for each in arrived) == ["p1@example.com", "p4@example.com"]
    assert {each.lost for each in sandbox.events()} == {None, "uuid seen before"}  # the replay after the lost answer
    assert arrived[0].occurred_at == "2026-10-17T07:30:00.000Z"
    assert {key: code for key, (code, _) in rejects(tmp_path).items()} == {"[2]": "no_value", "[3]": "too_long"}
    (tmp_path / "ledger.db").unlink()
    run(tmp_path, sandbox, {"changes": CHANGES}, stream("changes", *rows))
    assert len([each for each in sandbox.events() if each.lost is None]) == 2


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"object": "event:plan_chnged"},
            "no custom event 'pe12345678_plan_chnged' (did you mean 'pe12345678_plan_changed'?)",
        ),
        ({"mode": "upsert"}, "does not know how to upsert"),
        ({"match": "email"}, "an event is found by nothing"),
        ({"fields": {"plan": "plan"}}, "exactly one of email, objectId, utk"),
        ({"fields": {"email": "mail", "plann": "plan"}}, "no property 'plann' (did you mean 'plan'?)"),
    ],
)
def test_mistakes_about_events_are_named(tmp_path: Path, sandbox: Sandbox, changes: Json, said: str) -> None:
    sandbox.seed(events=[EVENT])
    ended = run(tmp_path, sandbox, {"changes": {**CHANGES, **changes}}, stream("changes", change(1)))
    assert ended.code == 2
    assert said in ended.stderr

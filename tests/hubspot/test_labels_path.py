"""Labels of associations that others put, merged and archived ends, through the whole path."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from penstock_sandbox.handle import Sandbox
from tests.hubspot.process import rejects
from tests.hubspot.test_links_path import DEFAULT, PEOPLE, PRIMARY, pairs, person
from tests.hubspot.test_lists_path import raw
from tests.hubspot.test_objects_path import KEY, good, run, stored
from tests.streams import stream

Json = dict[str, Any]
PLAIN: Json = {"object": "companies", "match": "crm_key", "from": "account"}
BILLING: Json = {**PLAIN, "from": "billing", "label": "Billing"}
MAIN: Json = {**PLAIN, "from": "main", "label": "Primary"}
LABELS = "/crm/v4/associations/contacts/companies"
A, B = ("p1@example.com", "A"), ("p1@example.com", "B")


@pytest.fixture
def portal(sandbox: Sandbox) -> Sandbox:
    sandbox.seed([{"crm_key": "A", "name": "Acme"}, {"crm_key": "B", "name": "Beta"}], [KEY], "companies")
    for name in ("Billing", "By hand"):
        raw(sandbox, "POST", f"{LABELS}/labels", {"label": name, "name": name.replace(" ", "_").lower()})
    return sandbox


def label_id(portal: Sandbox, name: str) -> int:
    found = raw(portal, "GET", f"{LABELS}/labels")["results"]
    return next(int(each["typeId"]) for each in found if each["label"] == name)


def put_by_hand(portal: Sandbox, key: str = "A") -> int:
    """Put a label between the only contact and a company, as a person does, beside those that are there."""
    [contact] = portal.objects()
    company = next(each.id for each in portal.objects("companies") if each.properties["crm_key"] == key)
    there = portal.associations("contacts", "companies").get((contact.id, company), [])
    found = {each["typeId"]: each["category"] for each in raw(portal, "GET", f"{LABELS}/labels")["results"]}
    own = label_id(portal, "By hand")
    types = [{"associationCategory": found[t], "associationTypeId": t} for t in {*there, own}]
    ends = {"from": {"id": contact.id}, "to": {"id": company}, "types": types}
    raw(portal, "POST", f"{LABELS}/batch/create", {"inputs": [ends]})
    return own


def syncs(*links: Json) -> Json:
    return {"people": {**PEOPLE, "associate": [*links]}}


def test_a_label_is_put_beside_those_of_others(tmp_path: Path, portal: Sandbox) -> None:
    portal.seed([{"email": "p1@example.com"}])
    hand = put_by_hand(portal)
    good(run(tmp_path, portal, syncs(BILLING, MAIN), stream("people", person(1, billing="A", main="B"))))
    assert pairs(portal) == {A: sorted([DEFAULT, hand, label_id(portal, "Billing")]), B: [PRIMARY, DEFAULT]}
    good(run(tmp_path, portal, syncs(BILLING, MAIN), stream("people", person(1, billing="B", main="B"))))
    assert pairs(portal) == {A: sorted([DEFAULT, hand]), B: sorted([PRIMARY, DEFAULT, label_id(portal, "Billing")])}


def test_a_link_that_the_record_does_not_speak_of_keeps_its_label(tmp_path: Path, portal: Sandbox) -> None:
    both = syncs(BILLING, MAIN)
    good(
        run(
            tmp_path, portal, both, stream("people", person(1, billing="A", main="B"), person(2, billing="B", main="B"))
        )
    )
    schema, *_ = stream("people", person(1, billing="A", main="A"))
    sparse = {"type": "RECORD", "stream": "people", "record": person(1, main="A")}
    good(run(tmp_path, portal, both, [schema, sparse]))
    assert pairs(portal)[A] == sorted([PRIMARY, DEFAULT, label_id(portal, "Billing")])


def test_a_plain_link_is_not_taken_from_under_the_labels_of_others(tmp_path: Path, portal: Sandbox) -> None:
    good(run(tmp_path, portal, syncs(PLAIN), stream("people", person(1, account=["A", "B"]))))
    hand = put_by_hand(portal)
    good(run(tmp_path, portal, syncs(PLAIN), stream("people", person(1, account=[]))))
    assert pairs(portal) == {A: sorted([DEFAULT, hand])}


def test_a_link_and_its_labels_go_together_where_they_are_ours(tmp_path: Path, portal: Sandbox) -> None:
    good(run(tmp_path, portal, syncs(PLAIN, BILLING), stream("people", person(1, account="A", billing="A"))))
    good(run(tmp_path, portal, syncs(PLAIN, BILLING), stream("people", person(1, account=None, billing=None))))
    assert pairs(portal) == {}


def test_two_syncs_label_one_pair(tmp_path: Path, portal: Sandbox) -> None:
    portal.seed([{"email": "p1@example.com"}])
    two = {
        "people": {**PEOPLE, "associate": [BILLING]},
        "leads": {**PEOPLE, "mode": "update", "associate": [MAIN]},
    }
    for _ in range(2):
        lines = [*stream("people", person(1, billing="A")), *stream("leads", person(1, main="A"))]
        good(run(tmp_path, portal, two, lines))
        assert pairs(portal) == {A: sorted([PRIMARY, DEFAULT, label_id(portal, "Billing")])}
        (tmp_path / "ledger.db").unlink()


@pytest.mark.parametrize(
    ("link", "said"),
    [
        ({**PLAIN, "object": "company"}, "associate companies and company are one link"),
        ({**MAIN, "label": "1"}, None),
    ],
)
def test_one_link_under_two_names_is_a_mistake(tmp_path: Path, portal: Sandbox, link: Json, said: str | None) -> None:
    ended = run(tmp_path, portal, syncs(PLAIN, link), stream("people", person(1, account="A", main="A")))
    assert (said in ended.stderr) if said else ended.code == 0


def test_links_of_a_merged_contact_are_made_with_the_survivor(tmp_path: Path, portal: Sandbox) -> None:
    good(run(tmp_path, portal, syncs(PLAIN), stream("people", person(1, account="A"))))
    [survivor] = portal.seed([{"email": "other@example.com"}])
    [mine] = [each.id for each in portal.objects() if each.id != survivor]
    portal.merge(survivor, mine)
    good(run(tmp_path, portal, syncs(PLAIN), stream("people", person(1, account=["A", "B"]))))
    [contact] = {one for one, _ in portal.associations("contacts", "companies")}
    assert [each.id for each in portal.objects()] == [contact]
    assert len(portal.associations("contacts", "companies")) == 2


def test_links_to_a_merged_company_go_to_the_survivor(tmp_path: Path, portal: Sandbox) -> None:
    ids = {each.properties["crm_key"]: each.id for each in portal.objects("companies")}
    by_id = syncs({"object": "companies", "from": "company"})
    portal.merge(ids["B"], ids["A"], "companies")
    [survivor] = [each.id for each in portal.objects("companies")]
    good(run(tmp_path, portal, by_id, stream("people", person(1, company=int(ids["A"])))))
    assert [other for _, other in portal.associations("contacts", "companies")] == [survivor]


@pytest.mark.parametrize(("mode", "people"), [("upsert", 1), ("update", 0)])
def test_an_archived_contact_with_a_new_link_ends_as_its_mode_says(
    tmp_path: Path, portal: Sandbox, mode: str, people: int
) -> None:
    portal.seed([{"email": "p1@example.com"}])
    wanted = {"people": {**PEOPLE, "mode": mode, "associate": [PLAIN]}}
    good(run(tmp_path, portal, wanted, stream("people", person(1, account="A"))))
    [contact] = portal.objects()
    raw(portal, "DELETE", f"/crm/v3/objects/contacts/{contact.id}")
    ended = run(tmp_path, portal, wanted, stream("people", person(1, account="B")))
    assert len(stored(portal, "contacts", "email")) == people, ended.stderr
    live = {each.id for each in portal.objects()}
    ids = {each.id: each.properties["crm_key"] for each in portal.objects("companies")}
    links = [ids[other] for one, other in portal.associations("contacts", "companies") if one in live]
    assert links == (["B"] if people else [])
    assert {code for code, _ in rejects(tmp_path).values()} == (set() if people else {"no_object"})


def test_two_syncs_that_make_one_link_are_refused(tmp_path: Path, portal: Sandbox) -> None:
    two = {
        "people": {**PEOPLE, "associate": [PLAIN, BILLING]},
        "leads": {**PEOPLE, "object": "contact", "associate": [{**PLAIN, "object": "company"}, MAIN]},
    }
    ended = run(tmp_path, portal, two, stream("people", person(1, account="A", billing="A")))
    assert ended.code == 2
    assert "syncs people and leads both write 'associate companies' of contacts" in ended.stderr
    assert portal.stats().applied_writes == 0


def test_links_under_a_name_of_before_are_told_of(tmp_path: Path, portal: Sandbox) -> None:
    good(run(tmp_path, portal, syncs(BILLING), stream("people", person(1, billing="A"))))
    hand = {**BILLING, "label": "By hand"}
    ended = good(run(tmp_path, portal, syncs(hand), stream("people", person(1, billing="A"))))
    assert "1 link was made as companies:Billing, which is not among its `associate` any more" in ended.stderr
    assert pairs(portal)[A] == sorted([DEFAULT, label_id(portal, "Billing"), label_id(portal, "By hand")])
    assert (
        "links were made"
        not in good(run(tmp_path, portal, syncs(hand), stream("people", person(1, billing="A")))).stderr
    )

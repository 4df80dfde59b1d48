"""Members of a list through the whole path: who joins, who leaves, and who is nobody's to take off it."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from penstock.modes import Action, FieldRule, Sync
from penstock.records import Request, Response
from penstock_sandbox.handle import Sandbox
from target_hubspot.api import HubSpot
from tests.hubspot.process import rejects
from tests.hubspot.test_objects_path import good, run
from tests.hubspot.values import answer, portal_ask
from tests.streams import stream

Json = dict[str, Any]
NAME = "Trial ends"
TRIAL: Json = {"object": f"list:{NAME}", "match": "email", "mode": "mirror", "fields": {"email": "mail"}}
SYNCS = {"trial": TRIAL}


def raw(sandbox: Sandbox, method: str, path: str, body: object = None) -> Json:
    """Do what a person does in HubSpot."""
    request = urllib.request.Request(
        f"{sandbox.hubspot_url}{path}",
        None if body is None else json.dumps(body).encode(),
        {"Authorization": f"Bearer {sandbox.token}", "Content-Type": "application/json"},
        method=method,
    )
    with urllib.request.urlopen(request) as answered:
        found: Json = json.loads(answered.read() or b"{}")
    return found


def members(sandbox: Sandbox) -> list[str]:
    addresses = {each.id: each.properties["email"].partition("@")[0] for each in sandbox.objects()}
    return sorted(addresses[each] for each in sandbox.lists()[NAME])


def rows(**addresses: str) -> list[Json]:
    return [{"id": key, "mail": f"{name}@example.com"} for key, name in addresses.items()]


@pytest.fixture
def portal(sandbox: Sandbox) -> Sandbox:
    people: list[Json] = [{"email": f"{name}@example.com"} for name in "abcd"]
    people[0]["hs_additional_emails"] = "alias@example.com"
    sandbox.seed(people)
    raw(sandbox, "POST", "/crm/v3/lists/", {"name": NAME, "objectTypeId": "0-1", "processingType": "MANUAL"})
    return sandbox


@pytest.mark.parametrize("mode", ["mirror", "upsert", "update"])
def test_a_row_that_means_another_contact_takes_the_one_before_along(
    tmp_path: Path, portal: Sandbox, mode: str
) -> None:
    syncs = {"trial": {**TRIAL, "mode": mode}}
    good(run(tmp_path, portal, syncs, stream("trial", *rows(r1="a", r2="b"))))
    good(run(tmp_path, portal, syncs, stream("trial", *rows(r1="c"))))
    assert members(portal) == ["b", "c"]
    before = portal.stats().applied_writes
    good(run(tmp_path, portal, syncs, stream("trial", *rows(r1="c", r2="b"))))
    assert portal.stats().applied_writes == before


def test_who_was_a_member_before_stays_one(tmp_path: Path, portal: Sandbox) -> None:
    by_hand = {each.properties["email"]: each.id for each in portal.objects()}
    raw(portal, "PUT", "/crm/v3/lists/42/memberships/add", [by_hand["a@example.com"], by_hand["d@example.com"]])
    good(run(tmp_path, portal, SYNCS, stream("trial", *rows(r1="a", r2="b"), version=1)))
    good(run(tmp_path, portal, SYNCS, stream("trial", *rows(r3="c"), version=2)))
    assert members(portal) == ["a", "c", "d"]


@pytest.mark.parametrize("second", ["a", "alias"])
def test_a_contact_leaves_with_the_last_row_that_means_it(tmp_path: Path, portal: Sandbox, second: str) -> None:
    run(tmp_path, portal, SYNCS, stream("trial", *rows(r1="a", r2=second, r3="b"), version=1))
    assert rejects(tmp_path) == {}
    good(run(tmp_path, portal, SYNCS, stream("trial", *rows(r2=second, r3="b"), version=2)))
    assert members(portal) == ["a", "b"]
    good(run(tmp_path, portal, SYNCS, stream("trial", *rows(r2="c", r3="b"), version=3)))
    assert members(portal) == ["b", "c"]


def test_rows_that_mean_one_contact_may_leave_together(tmp_path: Path, portal: Sandbox) -> None:
    good(run(tmp_path, portal, SYNCS, stream("trial", *rows(r1="a", r2="alias", r3="b"), version=1)))
    good(run(tmp_path, portal, SYNCS, stream("trial", *rows(r3="b"), version=2)))
    assert members(portal) == ["b"]


def test_who_joined_by_a_request_without_an_answer_is_taken_off_again(tmp_path: Path, portal: Sandbox) -> None:
    portal.fault("after_apply", "reset", on=[1], match="memberships")
    good(run(tmp_path, portal, SYNCS, stream("trial", *rows(r1="a", r2="b"), version=1)))
    good(run(tmp_path, portal, SYNCS, stream("trial", *rows(r2="b"), version=2)))
    assert members(portal) == ["b"]


def test_a_list_that_was_deleted_and_made_anew_is_filled_anew(tmp_path: Path, portal: Sandbox) -> None:
    people = rows(r1="a", r2="b")
    good(run(tmp_path, portal, SYNCS, stream("trial", *people, version=1)))
    raw(portal, "DELETE", "/crm/v3/lists/42")
    good(run(tmp_path, portal, SYNCS, stream("trial", *people, version=2), create_lists=True))
    assert members(portal) == ["a", "b"]
    good(run(tmp_path, portal, SYNCS, stream("trial", *people[1:], version=3)))
    assert members(portal) == ["b"]


def test_a_contact_that_was_made_anew_joins_again(tmp_path: Path, portal: Sandbox) -> None:
    syncs = {**SYNCS, "people": {"object": "contacts", "match": "email", "fields": {"email": "mail", "firstname": "n"}}}
    people = [
        *stream("people", {"id": 1, "mail": "a@example.com", "n": "Ana"}),
        *stream("trial", *rows(r1="a", r2="b")),
    ]
    good(run(tmp_path, portal, syncs, people))
    [archived] = [each.id for each in portal.objects() if each.properties["email"] == "a@example.com"]
    raw(portal, "DELETE", f"/crm/v3/objects/contacts/{archived}")
    again = [*stream("people", {"id": 1, "mail": "a@example.com", "n": "Bo"}), *stream("trial", *rows(r1="a", r2="b"))]
    good(run(tmp_path, portal, syncs, again))
    good(run(tmp_path, portal, syncs, again))
    live = {each.id: each.properties["email"] for each in portal.objects()}
    assert sorted(live[each] for each in portal.lists()[NAME] if each in live) == ["a@example.com", "b@example.com"]


def test_a_list_takes_more_rows_a_request_than_objects_do() -> None:
    def ask(request: Request) -> Response:
        found = {"list": {"listId": "42", "objectTypeId": "0-1", "processingType": "MANUAL"}}
        return answer(200, found) if "/lists/" in request.path else portal_ask(request)

    target, sync = HubSpot(), Sync("trial", "list:42", "email", fields={"email": FieldRule("mail")})
    target.form(sync, {"mail": {}}, ["id"], ask)
    most = [target.limits.most(stream, Action.UPDATE) for stream in ("trial", "people")]
    assert most == [2000, 100]
    assert target.limits.most("trial", Action.FIND) == 100


def test_the_nearest_list_is_named(tmp_path: Path, portal: Sandbox) -> None:
    ended = run(tmp_path, portal, {"trial": {**TRIAL, "object": "list:Trial end"}}, stream("trial", *rows(r1="a")))
    assert "no list 'Trial end' (did you mean 'Trial ends'?); set `create_lists: true` to have it made" in ended.stderr


def test_fields_of_a_list_cannot_be_cleared(tmp_path: Path, portal: Sandbox) -> None:
    syncs = {"trial": {**TRIAL, "removed": "clear"}}
    ended = run(tmp_path, portal, syncs, stream("trial", *rows(r1="a")))
    assert ended.code == 2
    assert "a list has no fields to clear; `removed: archive` takes members off it" in ended.stderr

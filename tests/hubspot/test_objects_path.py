"""Every kind of object through the whole path: what stands at HubSpot afterwards, and what it cost."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from penstock_sandbox.handle import Sandbox
from tests.hubspot.process import Ended, Line, ran, rejects, settings_for
from tests.streams import stream

Json = dict[str, Any]
KEY: Json = {"name": "crm_key", "label": "Key", "type": "string", "fieldType": "text", "groupName": "own"}
KEY["hasUniqueValue"] = True


def run(folder: Path, sandbox: Sandbox, syncs: Json, lines: Sequence[Line], **settings: Any) -> Ended:
    return ran(folder, settings_for(sandbox, syncs=syncs, **settings), lines)


def good(ended: Ended) -> Ended:
    assert ended.code == 0, ended.stderr
    return ended


def stored(sandbox: Sandbox, kind: str, *names: str) -> list[tuple[str, ...]]:
    return sorted(tuple(each.properties.get(name, "") for name in names) for each in sandbox.objects(kind))


COMPANIES = {
    "accounts": {
        "object": "companies",
        "match": "crm_key",
        "fields": {"crm_key": "id", "name": "name", "is_paying": "paying"},
    }
}


def test_companies_get_the_unique_property_that_they_lack_where_that_is_allowed(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    rows = [{"id": f"A-{n}", "name": f"Acme {n}", "paying": n % 2 == 0} for n in range(3)]
    types: dict[str, Json] = {"paying": {"type": ["boolean", "null"]}, "id": {"type": "string"}}
    refused = run(tmp_path, sandbox, COMPANIES, stream("accounts", *rows, types=types))
    assert refused.code == 2
    assert "unique are none; a name that is not taken is made a unique property" in refused.stderr
    assert sandbox.objects("companies") == []
    good(run(tmp_path, sandbox, COMPANIES, stream("accounts", *rows, types=types), create_properties=True))
    assert stored(sandbox, "companies", "crm_key", "name", "is_paying") == [
        ("A-0", "Acme 0", "true"),
        ("A-1", "Acme 1", "false"),
        ("A-2", "Acme 2", "true"),
    ]
    before = sandbox.stats().applied_writes
    sandbox.advance(5)  # a new property is not listed at once
    again = good(run(tmp_path, sandbox, COMPANIES, stream("accounts", *rows, types=types)))  # nothing left to make
    assert sandbox.stats().applied_writes == before
    assert "pending" not in again.last_line


def test_a_deal_by_stage_and_owner_names_and_a_mirror_that_archives(tmp_path: Path, sandbox: Sandbox) -> None:
    sandbox.seed(properties=[KEY], object_type="deals")
    syncs = {
        "orders": {
            "object": "deals",
            "match": "crm_key",
            "mode": "mirror",
            "fields": {
                "crm_key": "id",
                "dealname": "name",
                "dealstage": "stage",
                "pipeline": {"constant": "Sales Pipeline"},
                "hubspot_owner_id": "owner",
                "amount": "amount",
            },
        }
    }
    rows: list[Json] = [
        {"id": "1", "name": "One", "stage": "Closed won", "owner": "Kim@example.com", "amount": 5},
        {"id": "2", "name": "Two", "stage": "contractsent", "owner": "12", "amount": None},
        {"id": "3", "name": "Three", "stage": "Won", "owner": None, "amount": 1},
        {"id": "4", "name": "Four", "stage": "Closed won", "owner": "nobody@example.com", "amount": 1},
    ]
    first = run(tmp_path, sandbox, syncs, stream("orders", *rows, version=1))
    assert stored(sandbox, "deals", "crm_key", "dealstage", "pipeline", "hubspot_owner_id") == [
        ("1", "closedwon", "default", "41"),
        ("2", "contractsent", "default", "12"),
    ]
    assert {key: field for key, (_, field) in rejects(tmp_path).items()} == {
        '["3"]': "dealstage",
        '["4"]': "hubspot_owner_id",
    }, first.stderr
    good(run(tmp_path, sandbox, syncs, stream("orders", *rows[1:2], version=2)))
    assert stored(sandbox, "deals", "crm_key") == [("2",)]
    assert len(sandbox.objects("deals", archived=True)) == 1


@pytest.mark.parametrize("purge", [False, True])
def test_a_deletion_archives_unless_purging_was_asked_for_by_name(
    tmp_path: Path, sandbox: Sandbox, purge: bool
) -> None:
    sandbox.seed([{"email": "a@example.com"}, {"email": "b@example.com"}])
    syncs = {"gone": {"object": "contacts", "match": "email", "mode": "delete", "fields": {"email": "mail"}}}
    rows = [{"id": 1, "mail": "A@example.com"}, {"id": 2, "mail": "never@example.com"}]
    good(run(tmp_path, sandbox, syncs, stream("gone", *rows), gdpr_delete=purge))
    assert stored(sandbox, "contacts", "email") == [("b@example.com",)]
    [left] = sandbox.objects(archived=True)
    assert bool(left.properties) is not purge


def test_mode_create_leaves_what_is_there_and_finds_what_it_made(tmp_path: Path, sandbox: Sandbox) -> None:
    sandbox.seed([{"email": "a@example.com", "firstname": "Kept"}])
    syncs = {
        "people": {
            "object": "contacts",
            "match": "email",
            "mode": "create",
            "fields": {"email": "mail", "firstname": "first"},
        }
    }
    rows = [{"id": n, "mail": f"{c}@example.com", "first": "New"} for n, c in enumerate("abc")]
    sandbox.fault("after_apply", "reset", on=[1])
    good(run(tmp_path, sandbox, syncs, stream("people", *rows)))
    assert stored(sandbox, "contacts", "email", "firstname") == [
        ("a@example.com", "Kept"),
        ("b@example.com", "New"),
        ("c@example.com", "New"),
    ]


def test_an_update_by_a_property_that_is_not_unique_and_the_cost_of_it(tmp_path: Path, sandbox: Sandbox) -> None:
    sandbox.seed(
        [
            {"name": "A", "domain": "a.example.com"},
            {"name": "B", "domain": "b.example.com"},
            {"domain": "b.example.com"},
        ],
        object_type="companies",
    )
    syncs = {
        "accounts": {
            "object": "companies",
            "match": "domain",
            "mode": "update",
            "fields": {"domain": "site", "city": "city"},
        }
    }
    rows = [{"id": c, "site": f"{c}.Example.com", "city": "Oslo"} for c in "abc"]
    ended = run(tmp_path, sandbox, syncs, stream("accounts", *rows))
    assert "is not unique, so objects are found by search" in ended.stderr
    assert ("A", "Oslo") in stored(sandbox, "companies", "name", "city")
    assert {key: code for key, (code, _) in rejects(tmp_path).items()} == {
        '["b"]': "ambiguous_match",
        '["c"]': "no_object",
    }


def test_an_update_by_record_id(tmp_path: Path, sandbox: Sandbox) -> None:
    [one] = sandbox.seed([{"email": "a@example.com"}])
    syncs = {
        "people": {
            "object": "0-1",
            "match": "hs_object_id",
            "mode": "update",
            "fields": {"hs_object_id": "contact", "firstname": "first"},
        }
    }
    rows = [{"id": 1, "contact": int(one), "first": "Ana"}, {"id": 2, "contact": 999, "first": "Bo"}]
    run(tmp_path, sandbox, syncs, stream("people", *rows))
    assert stored(sandbox, "contacts", "email", "firstname") == [("a@example.com", "Ana")]
    assert {key: code for key, (code, _) in rejects(tmp_path).items()} == {"[2]": "no_object"}


@pytest.mark.parametrize("version", ["2026-03", "2026-09", "v3"])
def test_every_version_of_the_api(tmp_path: Path, sandbox: Sandbox, version: str) -> None:
    syncs = {"people": {"object": "contact", "match": "email", "fields": {"email": "mail", "lead_score": "score"}}}
    rows = [{"id": n, "mail": f"p{n}@example.com", "score": n} for n in range(3)]
    good(run(tmp_path, sandbox, syncs, stream("people", *rows), api_version=version))
    assert stored(sandbox, "contacts", "email", "lead_score") == [(f"p{n}@example.com", str(n)) for n in range(3)]
    family = {"v3": "crm/v3/objects"}.get(version, f"crm/objects/{version}")
    assert any(family in route for route in sandbox.stats().routes), sandbox.stats().routes


def test_an_oauth_app_instead_of_a_token(tmp_path: Path, sandbox: Sandbox) -> None:
    sandbox.app("sandbox-refresh-1")
    app = {"client_id": "sandbox-client", "client_secret": "sandbox-secret", "refresh_token": "sandbox-refresh-1"}
    syncs = {"people": {"object": "contacts", "match": "email", "fields": {"email": "mail"}}}
    row = {"id": 1, "mail": "a@example.com"}
    good(run(tmp_path, sandbox, syncs, stream("people", row), token=None, **app))
    assert stored(sandbox, "contacts", "email") == [("a@example.com",)]
    sandbox.app("sandbox-refresh-1", revoked=True)
    ended = run(tmp_path, sandbox, syncs, stream("people", row), token=None, **app)
    assert ended.code == 2
    assert "the log-in was refused" in ended.last_line
    assert "sandbox-refresh-1" not in ended.stderr


def test_scopes_that_the_token_lacks_are_named_before_anything_is_sent(tmp_path: Path, sandbox: Sandbox) -> None:
    token = sandbox.grant("sandbox-poor", ["crm.objects.contacts.read"])
    syncs = {"people": {"object": "contacts", "match": "email", "fields": {"email": "mail"}}}
    ended = run(tmp_path, sandbox, syncs, stream("people", {"id": 1, "mail": "a@example.com"}), token=token)
    assert ended.code == 2
    assert "the token lacks scopes: crm.objects.contacts.write" in ended.stderr
    assert sandbox.stats().applied_writes == 0


def test_the_scopes_that_all_syncs_lack_are_named_at_once(tmp_path: Path, sandbox: Sandbox) -> None:
    sandbox.seed(events=[{"label": "Seen", "name": "seen", "propertyDefinitions": []}])
    token = sandbox.grant("sandbox-poor", ["crm.objects.contacts.read"])
    by_mail = {"match": "email", "fields": {"email": "mail"}}
    syncs = {
        "people": {**by_mail, "object": "contacts", "bulk_above": 9, "fields": {"email": "m", "hubspot_owner_id": "o"}},
        "deals": {**by_mail, "object": "deal", "associate": [{"object": "company", "from": "c"}]},
        "trial": {**by_mail, "object": "list:Trial ends"},
        "seen": {"object": "event:seen", "mode": "append", "fields": {"email": "mail"}},
        "cars": {**by_mail, "object": "2-100001"},
    }
    settings = {"token": token, "create_properties": True}
    ended = run(tmp_path, sandbox, syncs, stream("people", {"id": 1, "m": "a@example.com", "o": None}), **settings)
    assert ended.code == 2
    lacking = {
        name: {*scopes.split(", ")}
        for name, scopes in re.findall(r"sync (\w+): the token lacks scopes: (.*);", ended.stderr)
    }
    assert lacking == {
        "people": {
            "crm.import",
            "crm.objects.contacts.write",
            "crm.objects.owners.read",
            "crm.schemas.contacts.write",
        },
        "deals": {f"crm.objects.{kind}.{verb}" for kind in ("deals", "companies") for verb in ("read", "write")}
        | {"crm.schemas.deals.write"},
        "trial": {"crm.lists.read", "crm.lists.write"},
        "seen": {"analytics.behavioral_events.send"},
        "cars": {
            "crm.objects.custom.read",
            "crm.objects.custom.write",
            "crm.schemas.custom.read",
            "crm.schemas.custom.write",
        },
    }


CAR: Json = {
    "name": "car",
    "labels": {"singular": "Car", "plural": "Cars"},
    "requiredProperties": ["vin"],
    "associatedObjects": ["CONTACT"],
    "properties": [{**KEY, "name": "vin", "groupName": "car_information"}],
}


@pytest.mark.parametrize("name", ["car", "p12345678_car", "2-100001"])
def test_a_custom_object_by_each_of_its_names(tmp_path: Path, sandbox: Sandbox, name: str) -> None:
    request = urllib.request.Request(
        f"{sandbox.hubspot_url}/crm-object-schemas/v3/schemas",
        json.dumps(CAR).encode(),
        {"Authorization": f"Bearer {sandbox.token}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as made:
        assert json.load(made)["objectTypeId"] == "2-100001"
    link = {"object": "contacts", "match": "email", "from": "owner", "missing": "create"}
    syncs = {"cars": {"object": name, "match": "vin", "fields": {"vin": "id"}, "associate": [link]}}
    good(run(tmp_path, sandbox, syncs, stream("cars", {"id": "V-1", "owner": "kim@example.com"})))
    assert stored(sandbox, "p12345678_car", "vin") == [("V-1",)]
    assert len(sandbox.associations("p12345678_car", "contacts")) == 1


def test_mode_update_by_address_makes_nobody(tmp_path: Path, sandbox: Sandbox) -> None:
    sandbox.seed([{"email": "a@example.com"}])
    syncs = {
        "people": {
            "object": "contacts",
            "match": "email",
            "mode": "update",
            "fields": {"email": "mail", "firstname": "first"},
        }
    }
    rows = [{"id": c, "mail": f" {c.upper()}@example.com", "first": "Ana"} for c in "ab"]
    run(tmp_path, sandbox, syncs, stream("people", *rows))
    assert stored(sandbox, "contacts", "email", "firstname") == [("a@example.com", "Ana")]
    assert {key: code for key, (code, _) in rejects(tmp_path).items()} == {'["b"]': "no_object"}

"""Requests and answers that are not an upsert: plain values in, plain values out."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.errors import BatchRefused, InvalidRecord, Misconfigured, NotAccepted, Refusal, Stop
from penstock.modes import Action, FieldRule, Json, Sync
from penstock.records import Again, Delivered, Outcome, Rejected, Retry, Unknown
from penstock.values import labelled
from target_hubspot import events
from target_hubspot.creating import definition
from target_hubspot.events import Events
from target_hubspot.memberships import Memberships
from target_hubspot.objects import AMBIGUOUS, Objects
from tests.hubspot.test_any_answer import JSON
from tests.hubspot.test_link_requests import LINKED, MAKING, SYNC, linked, rows_of
from tests.hubspot.values import Body, answer, batch, result, row, row_error, sent

PEOPLE = Objects("/o/contacts", "email")
MEMBERS = Memberships("/l/42", PEOPLE)

# -- creating, searching, removing -------------------------------------------------------------------------


def test_a_creation_names_no_id_and_tells_its_own_conflicts_from_others() -> None:
    keyed = Objects("/o/companies", "crm_key")
    sync = Sync("accounts", "companies", "crm_key")
    rows = [row(sync, "A"), row(sync, "B"), row(sync, "C")]
    request = keyed.encode(batch(sync, Action.CREATE, rows))
    assert request.path == "/o/companies/batch/create"
    assert set(sent(request)["inputs"][0]) == {"properties", "objectWriteTraceId"}
    own = {"category": "CONFLICT", "context": {"objectWriteTraceId": ["0"]}}
    other = row_error("CONFLICTING_UNIQUE_VALUE", "1")  # of property firstname
    made = {"id": "7", "properties": {"crm_key": "C"}}
    outcomes = keyed.decode(answer(207, {"results": [made], "errors": [own, other]}), batch(sync, Action.CREATE, rows))
    assert isinstance(outcomes[0], Retry)  # the core looks before it creates again
    assert isinstance(outcomes[1], Rejected)
    assert outcomes[2] == Delivered("7", True)


SEARCHED = Objects("/o/companies", "domain", searched=True)
BY_DOMAIN = Sync("accounts", "companies", "domain")


def searched(body: Body, *domains: str) -> list[Outcome]:
    rows = [row(BY_DOMAIN, domain) for domain in domains]
    return SEARCHED.decode(answer(200, body), batch(BY_DOMAIN, Action.FIND, rows))


def company(record_id: str, domain: str) -> Body:
    return {"id": record_id, "properties": {"domain": domain}}


def test_a_search_compares_without_case_and_refuses_to_choose() -> None:
    request = SEARCHED.encode(batch(BY_DOMAIN, Action.FIND, [row(BY_DOMAIN, "a.example.com")]))
    assert request.path == "/o/companies/search"
    [group] = sent(request)["filterGroups"]
    assert group["filters"] == [{"propertyName": "domain", "operator": "IN", "values": ["a.example.com"]}]
    results = [company("1", "A.example.com"), company("2", "b.example.com"), company("3", "B.example.com")]
    outcomes = searched({"total": 3, "results": results}, "a.example.com", "b.example.com", "c.example.com")
    assert outcomes == [Again("1", "the record was found"), AMBIGUOUS, Again(None, "no record was found")]


def test_a_search_that_shows_only_some_is_asked_again_with_fewer_values() -> None:
    with pytest.raises(BatchRefused):
        searched({"total": 500, "results": [company("1", "a")]}, "a", "b")
    assert searched({"total": 500, "results": [company("1", "a")]}, "a") == [AMBIGUOUS]


@pytest.mark.parametrize("action", [Action.ARCHIVE, Action.DELETE])
def test_a_removal_is_done_on_204_and_not_on_a_friendly_page(action: Action) -> None:
    removed = batch(SYNC, action, [row(SYNC, "", "7"), row(SYNC, "", "8")])
    request = PEOPLE.encode(removed)
    assert (request.path, sent(request)) == ("/o/contacts/batch/archive", {"inputs": [{"id": "7"}, {"id": "8"}]})
    assert PEOPLE.decode(answer(204, b""), removed) == [Delivered(), Delivered()]
    with pytest.raises(NotAccepted):
        PEOPLE.decode(answer(200, b"<html>"), removed)


def test_purging_is_of_one_contact_and_one_that_is_gone_is_purged() -> None:
    purging = Objects("/o/contacts", "email", purges=True)
    one = batch(SYNC, Action.DELETE, [row(SYNC, "", "7")])
    assert (purging.encode(one).path, sent(purging.encode(one))) == ("/o/contacts/gdpr-delete", {"objectId": "7"})
    assert purging.decode(answer(404, {}), one) == [Delivered()]
    archived = batch(SYNC, Action.ARCHIVE, one.rows)
    assert purging.encode(archived).path == "/o/contacts/batch/archive"


# -- lists -------------------------------------------------------------------------------------------------


def test_members_travel_as_a_bare_array_and_missing_ones_are_looked_for_again() -> None:
    rows = [row(SYNC, "a", "1"), row(SYNC, "b", "2")]
    request = MEMBERS.encode(batch(SYNC, Action.UPDATE, rows))
    assert (request.method, request.path, json.loads(request.body or b"")) == (
        "PUT",
        "/l/42/memberships/add",
        ["1", "2"],
    )
    body = {"recordsIdsAdded": [], "recordIdsRemoved": [], "recordIdsMissing": ["2"]}
    outcomes = MEMBERS.decode(answer(200, body), batch(SYNC, Action.UPDATE, rows))
    assert outcomes == [Delivered("1", False), Again(None, "the record is not there")]
    rows[0].gone, rows[1].gone = "3", "1"  # what one row brings in, no other takes out
    both = MEMBERS.encode(batch(SYNC, Action.UPDATE, rows))
    assert both.path == "/l/42/memberships/add-and-remove"
    assert sent(both) == {"recordIdsToAdd": ["1", "2"], "recordIdsToRemove": ["3"]}
    assert MEMBERS.decode(answer(200, {}), batch(SYNC, Action.UPDATE, rows)) == [Delivered("1"), Delivered("2")]
    rows[1].led = 3
    assert isinstance(MEMBERS.decode(answer(200, body), batch(SYNC, Action.UPDATE, rows))[1], Rejected)
    taken = batch(SYNC, Action.ARCHIVE, rows)
    assert MEMBERS.encode(taken).path == "/l/42/memberships/remove"
    assert all(isinstance(each, Delivered) for each in MEMBERS.decode(answer(200, body), taken))


# -- events ------------------------------------------------------------------------------------------------

CHANGES = Sync("changes", "event:pe1_changed")
SENT = Events("/e", "pe1_changed", "hubspot:1 changes")


def event_of(sender: Events, key: str, **values: object) -> Body:
    made = msgspec.structs.replace(row(CHANGES, ""), key=key, body=json.dumps(values).encode())
    [found] = sent(sender.encode(batch(CHANGES, Action.APPEND, [made])))["inputs"]
    return dict(found)


def test_an_event_has_its_person_its_moment_and_the_rest_as_properties() -> None:
    event = event_of(SENT, "[1]", email="a@example.com", occurredAt="2026-10-17T07:30:00.000Z", plan="gold", page="")
    assert str(uuid.UUID(event.pop("uuid")))
    assert event == {
        "eventName": "pe1_changed",
        "email": "a@example.com",
        "occurredAt": "2026-10-17T07:30:00.000Z",
        "properties": {"plan": "gold"},
    }


@given(st.text(min_size=1, max_size=30), st.text(min_size=1, max_size=30))
def test_the_uuid_of_an_event_is_its_rows_own(one: str, other: str) -> None:
    def name(key: str, origin: str = "hubspot:1 changes") -> str:
        return str(event_of(Events("/e", "pe1_changed", origin), key)["uuid"])

    assert name(one) == name(one)
    assert (name(one) == name(other)) == (one == other)
    assert name(one) != name(one, "hubspot:2 changes")


@given(st.text(max_size=300))
def test_an_events_value_arrives_whole_or_is_refused(text: str) -> None:
    convert = events.make_form(
        Sync("s", "event:e", fields={"email": FieldRule("mail"), "plan": FieldRule("plan")}), None, None
    ).convert["plan"]
    most = 200 if text.startswith(("http://", "https://")) else 50
    if len(text) <= most:
        assert convert(text) == text
    else:
        with pytest.raises(InvalidRecord, match="too_long"):
            convert(text)


def test_an_event_has_fifty_properties_at_most() -> None:
    fields = {"email": FieldRule("mail"), **{f"p{n}": FieldRule("x") for n in range(51)}}
    with pytest.raises(Misconfigured, match="50 properties at most, not 51"):
        events.make_form(Sync("s", "event:e", fields=fields), None, None)


# -- properties that are made ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schema", "kind", "field_type"),
    [
        ({"type": ["string", "null"]}, "string", "text"),
        ({"type": "string", "format": "date"}, "date", "date"),
        ({"type": ["null", "string"], "format": "date-time"}, "datetime", "date"),
        ({"type": "integer"}, "number", "number"),
        ({"type": ["number", "null"]}, "number", "number"),
        ({"type": "boolean"}, "bool", "booleancheckbox"),
        ({}, "string", "text"),
        ({"type": "array"}, None, None),
        ({"type": "object"}, None, None),
    ],
)
def test_a_property_is_made_of_the_columns_type(schema: Json, kind: str | None, field_type: str | None) -> None:
    made = definition("plan_name", FieldRule("c"), {"c": schema}, "own", unique=True)
    if kind is None:
        assert made == "property 'plan_name' cannot be made: column 'c' is an object or a list"
        return
    assert isinstance(made, dict)
    assert (made["type"], made["fieldType"], made["groupName"], made["hasUniqueValue"]) == (
        kind,
        field_type,
        "own",
        True,
    )


def test_a_property_needs_a_name_that_hubspot_takes() -> None:
    assert "lower-case letters" in str(definition("Plan", FieldRule("c"), {"c": {}}, "own", unique=False))


def test_a_label_that_two_values_share_means_neither() -> None:
    assert labelled([("Won", "a"), ("Won", "b"), ("Lost", "c")]) == {"a": "a", "b": "b", "Lost": "c"}


# -- whatever comes back -----------------------------------------------------------------------------------

PLANS: Sequence[tuple[Any, Action]] = [
    (LINKED, Action.LINK),
    (LINKED, Action.UNLINK),
    (LINKED, Action.RESOLVE),
    (MAKING, Action.RESOLVE),
    (MEMBERS, Action.UPDATE),
    (PEOPLE, Action.CREATE),
    (PEOPLE, Action.ARCHIVE),
    (SEARCHED, Action.FIND),
    (SENT, Action.APPEND),
]
BODY = st.fixed_dictionaries({}, optional={"results": JSON | st.lists(JSON, max_size=3), "errors": JSON, "total": JSON})


@given(st.sampled_from(PLANS), st.sampled_from([200, 201, 204, 207, 400, 404, 409, 429, 500]), BODY | JSON)
def test_any_answer_gives_one_outcome_a_row_or_one_for_all(plan: tuple[Any, Action], status: int, body: Any) -> None:
    target, action = plan
    rows = [linked("1", "29", account="29"), linked("2", "30", account="30")]
    try:
        outcomes = target.decode(answer(status, body), rows_of(*rows, action=action))
    except (Refusal, Stop):
        return
    assert len(outcomes) == len(rows)
    assert status < 300
    if action in (Action.LINK, Action.CREATE):
        assert Delivered() not in outcomes or status != 204


def test_a_result_that_is_shown_twice_is_no_second_delivery() -> None:
    twice = {"results": [result("1", "a@example.com")] * 2}
    rows = [row(SYNC, "a@example.com"), row(SYNC, "b@example.com")]
    outcomes = PEOPLE.decode(answer(201, twice), batch(SYNC, Action.CREATE, rows))
    assert outcomes[0] == Delivered("1", True)
    assert isinstance(outcomes[1], Unknown)

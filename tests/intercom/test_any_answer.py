"""Whatever comes back: one outcome per row, nothing delivered that no answer shows, no value in any message."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.errors import Misconfigured, Refusal, Stop, Throttled, Unavailable
from penstock.modes import Action, FieldRule, Link
from penstock.records import Again, Batch, Delivered, Outcome, Rejected, Response, Retry, Unknown
from target_intercom.api import Intercom
from target_intercom.contacts import MARKS
from tests.intercom.values import OF_CONTACT, ONE, TAGS, TWO, answer, batch, contact, error, intercom, row, sync

CANARY = "zanzibar"
LINKS = (TAGS, Link("companies", "c", match="company_id"), Link("subscriptions", "s"))
PEOPLE = sync(links=LINKS)
BY_EMAIL = replace(sync(match="email"), stream="by_email")
ACCOUNTS = replace(sync("companies", "company_id"), stream="accounts")
ORDERS = replace(sync("custom:Order", fields={"external_id": FieldRule("id")}), stream="orders")
NOTES = replace(sync("notes", None, "append", fields={"body": FieldRule("b")}, links=(OF_CONTACT,)), stream="notes")
EVENT_FIELDS = {name: FieldRule(name) for name in ("user_id", "created_at")}
EVENTS = replace(sync("event:paid", None, "append", fields=EVENT_FIELDS), stream="events")
SYNCS = (PEOPLE, BY_EMAIL, ACCOUNTS, ORDERS, NOTES, EVENTS)
STATUSES = [200, 201, 202, 204, 301, 400, 401, 403, 404, 406, 408, 409, 410, 418, 422, 429, 500, 503]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def everything() -> Intercom:
    found, _ = intercom(PEOPLE)
    for each in SYNCS[1:]:
        made, _ = intercom(each, permanent_delete=True)
        found._plans.update(made._plans)
        found._relations.update(made._relations)
    return found


DESTINATION = everything()
OBJECT_ACTIONS = [Action.UPSERT, Action.UPDATE, Action.CREATE, Action.FIND, Action.READ, Action.ARCHIVE, Action.DELETE]


@st.composite
def batches(draw: st.DrawFn) -> Batch:
    """Any batch that the core may make: of objects, with and without an id and a mark, of links, of appends."""
    chosen = draw(st.sampled_from(SYNCS))
    if chosen in (NOTES, EVENTS):
        made = row(chosen, "", body=CANARY)
        made.links, made.others = ((f"{CANARY}-1",),), {(0, "x"): ONE} if chosen is NOTES else {}
        made.other = f"{CANARY}-1"
        return batch(draw(st.sampled_from([Action.APPEND, Action.RESOLVE])) if chosen is NOTES else Action.APPEND, made)
    if chosen is PEOPLE and draw(st.booleans()):
        rows = [row(chosen, f"{CANARY}-{n}", ONE) for n in range(2)]
        link, action = (
            draw(st.sampled_from([0, 1, 2])),
            draw(st.sampled_from([Action.LINK, Action.UNLINK, Action.SURVEY])),
        )
        if link == 1 and draw(st.booleans()):
            action = Action.RESOLVE
        for each in rows:
            each.link, each.other = link, {0: "vip", 1: TWO, 2: "77"}[link]
        return batch(action, *rows[: 2 if link == 0 and action is not Action.SURVEY else 1])
    action = draw(st.sampled_from(OBJECT_ACTIONS))
    known = action in (Action.READ, Action.ARCHIVE, Action.DELETE)
    contact_id = ONE if known else draw(st.sampled_from([None, ONE, *(mark + ONE for mark in MARKS)]))
    if action in (Action.UPSERT, Action.CREATE, Action.FIND) or (chosen is not PEOPLE and chosen is not BY_EMAIL):
        contact_id = ONE if known else None
    if action is Action.UPDATE and contact_id is None:
        contact_id = ONE
    former = draw(st.sampled_from([None, f"{CANARY}-old"]))
    return batch(action, row(chosen, f"{CANARY}@example.com", contact_id, former))


def texts(outcomes: list[Outcome]) -> list[str]:
    found: list[str] = []
    for outcome in outcomes:
        match outcome:
            case Rejected():
                found += [outcome.code, outcome.message, outcome.field or ""]
            case Again() | Retry() | Unknown():
                found.append(outcome.reason)
            case Delivered():
                pass
    return found


def judged(response: Response, made: Batch) -> list[Outcome]:
    """Decode, and hold what must hold for any answer at all; a refusal or a stop is no outcome."""
    request = DESTINATION.encode(made)
    assert request.path.startswith("/")
    said, outcomes = "", list[Outcome]()
    try:
        outcomes = DESTINATION.decode(response, made)
    except Refusal as refusal:
        said = str(refusal)
    except Stop as stop:
        said = f"{stop.message} {stop.advice}"
    assert CANARY not in said
    assert len(outcomes) == (0 if said else len(made.rows))
    assert not any(CANARY in text for text in texts(outcomes))
    return outcomes


@settings(max_examples=1_500, deadline=None)
@given(st.sampled_from(STATUSES), JSON, batches())
def test_random_json_never_delivers(status: int, body: object, made: Batch) -> None:
    outcomes = judged(answer(status, body), made)
    silent = made.sync is EVENTS and status == 202 and body in ({}, None)
    assert silent or not any(isinstance(outcome, Delivered) for outcome in outcomes)


REAL = [
    contact(external_id=f"{CANARY}@example.com", email=f"{CANARY}@example.com"),
    contact(TWO, external_id="someone else"),
    {"type": "company", "id": TWO, "company_id": f"{CANARY}@example.com", "name": CANARY},
    {"type": "list", "data": [contact(email=f"{CANARY}@example.com"), contact(TWO, email=CANARY)], "total_count": 2},
    {"type": "tag", "id": "9", "name": "VIP"},
    error("conflict", f"A contact matching those details already exists with id={ONE}"),
    error("conflict", f"An archived contact matching those details already exists with id={ONE}"),
    error("conflict", CANARY),
    error("not_found", f"{CANARY} is gone"),
    error("contact_merged", CANARY),
    error("parameter_invalid", f"{CANARY} is wrong", field="name"),
    error("parameter_invalid", f"Custom attribute '{CANARY}' does not exist"),
    {"status": 400, "error": f"There was a problem in the JSON you submitted: {CANARY}"},
]


@settings(max_examples=3_000, deadline=None)
@given(st.sampled_from(STATUSES), st.sampled_from(REAL), batches(), st.booleans())
def test_real_bodies_under_any_status(status: int, body: dict[str, Any], made: Batch, linked: bool) -> None:
    headers = {"link": f'</contacts/{TWO}>; rel="canonical"'} if linked else {}
    outcomes = judged(answer(status, body, **headers), made)
    if any(isinstance(outcome, Delivered) for outcome in outcomes):
        gone = status in (404, 410) and made.action in (Action.ARCHIVE, Action.DELETE, Action.UNLINK)
        assert status == 200 or gone
        assert status != 200 or body.get("type") != "error.list"


@settings(max_examples=600, deadline=None)
@given(st.sampled_from(REAL), st.data(), batches())
def test_a_cut_answer_delivers_nothing(body: dict[str, Any], data: st.DataObject, made: Batch) -> None:
    content = json.dumps(body).encode()
    cut = data.draw(st.integers(1, len(content) - 1))
    assert judged(Response(200, {}, content[:cut]), made) == []


def test_a_page_of_html_is_no_success_and_no_absence() -> None:
    for status in (200, 404):
        for action in (Action.ARCHIVE, Action.UPDATE):
            assert judged(Response(status, {}, b"<html>"), batch(action, row(PEOPLE, contact_id=ONE))) == []


@pytest.mark.parametrize(
    ("headers", "after"),
    [
        ({"x_ratelimit_reset": "1760700010", "date": "Fri, 17 Oct 2025 11:20:05 GMT"}, 5.0),
        ({"x_ratelimit_reset": "1760700004", "date": "Fri, 17 Oct 2025 11:20:05 GMT"}, 0.5),
        ({"x_ratelimit_reset": "1760600000", "date": "Fri, 17 Oct 2025 11:20:05 GMT"}, None),
        ({"x_ratelimit_reset": "9999999999", "date": "Fri, 17 Oct 2025 11:20:05 GMT"}, None),
        ({"x_ratelimit_reset": "soon"}, None),
        ({"retry_after": "7", "x_ratelimit_reset": "9999999999"}, 7.0),
    ],
)
def test_too_many_requests_wait_until_the_window_ends(headers: dict[str, str], after: float | None) -> None:
    with pytest.raises(Throttled) as caught:
        DESTINATION.decode(answer(429, error("rate_limit_exceeded"), **headers), batch(Action.UPSERT, row(PEOPLE)))
    assert caught.value.after == after


@pytest.mark.parametrize(
    ("status", "body", "kind", "word"),
    [
        (401, error("unauthorized"), Misconfigured, "region"),
        (403, error("api_plan_restricted"), Misconfigured, "plan"),
        (406, error("media_type_not_acceptable"), Misconfigured, "406"),
        (307, {}, Misconfigured, "redirected"),
        (503, {}, Unavailable, "503"),
        (408, error("request_timeout"), Unavailable, "408"),
        (400, error("parameter_invalid", "Custom attribute 'plan' does not exist"), Misconfigured, "'plan'"),
        (422, error("brand_new_code"), Refusal, "brand_new_code"),
        (400, {"status": 400, "error": "There was a problem in the JSON"}, Refusal, "unknown"),
    ],
)
def test_each_refusal_means_its_own(status: int, body: Any, kind: type[Exception], word: str) -> None:
    with pytest.raises(kind) as caught:
        DESTINATION.decode(answer(status, body), batch(Action.UPDATE, row(PEOPLE, contact_id=ONE, plan="x")))
    assert word in f"{caught.value} {getattr(caught.value, 'advice', '')}"


# -- bodies that others recorded ---------------------------------------------------------------------------


def recorded(file: str, needle: str) -> dict[str, Any]:
    default = Path(__file__).resolve().parents[3] / "shared" / "samples"
    path = Path(os.environ.get("PENSTOCK_SAMPLES", default)) / "intercom" / file
    if not path.is_file():
        pytest.skip("recorded bodies are not in this checkout; PENSTOCK_SAMPLES names their folder")
    found: list[dict[str, Any]] = [
        each for each in json.loads(path.read_text("utf-8"))["samples"] if needle in json.dumps(each)
    ]
    assert len(found) == 1, needle
    return found[0]


def test_a_recorded_conflict_with_an_archived_contact() -> None:
    sample = recorded("errors.json", "An archived contact")
    [outcome] = DESTINATION.decode(answer(409, sample["body"]), batch(Action.UPSERT, row(PEOPLE)))
    assert isinstance(outcome, Rejected)
    assert outcome.code == "archived"


def test_a_recorded_merge() -> None:
    sample = recorded("errors.json", "contact_merged")
    made = batch(Action.UPDATE, row(PEOPLE, contact_id=ONE))
    [outcome] = DESTINATION.decode(answer(410, sample["body"], link=f'</contacts/{TWO}>; rel="canonical"'), made)
    assert outcome == Again(f"moved:{TWO}", "it was merged into this one")


def test_a_recorded_list_of_contacts_read_as_a_search() -> None:
    sample = recorded("recorded.json", "GET /contacts page 1")
    first = sample["body"]["data"][0]
    found = DESTINATION.decode(answer(200, sample["body"]), batch(Action.FIND, row(BY_EMAIL, first["email"])))
    assert found == [Again(first["id"], "the contact was found")]

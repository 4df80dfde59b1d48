"""Whatever comes back: one outcome per row, nothing delivered that no result shows, no value in any message."""

from __future__ import annotations

import copy
import json
import os
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.errors import Fault, Misconfigured, Refusal, Stop
from penstock.modes import Action
from penstock.records import Again, Delivered, Outcome, Rejected, Retry, Row, Unknown
from tests.hubspot.values import Body, answer, batch, hubspot, result, row, row_error

DESTINATION, SYNC = hubspot()
ROWS = 4
CANARY = "zanzibar"
STATUSES = [200, 201, 207, 400, 401, 403, 404, 409, 414, 423, 429, 477, 500, 503]
ACTIONS = [Action.UPSERT, Action.UPDATE, Action.FIND, Action.READ]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def rows() -> list[Row]:
    return [row(SYNC, f"p{n}@{CANARY}.example.com", str(n + 1), f"old{n}@{CANARY}.example.com") for n in range(ROWS)]


REAL: list[Body] = [
    {
        "status": "COMPLETE",
        "results": [result(str(n + 1), f"p{n}@{CANARY}.example.com", new=True) for n in range(ROWS)],
    },
    {
        "status": "COMPLETE",
        "results": [result("1", f"p0@{CANARY}.example.com", objectWriteTraceId="0")],
        "numErrors": 2,
        "errors": [
            row_error("INVALID_EMAIL", "1", existingId=["7"]),
            {"category": "OBJECT_NOT_FOUND", "message": f"{CANARY} is gone", "context": {"ids": ["3", "4"]}},
        ],
    },
    {
        "status": "error",
        "category": "CONFLICT",
        "message": f"Contact already exists: {CANARY}. Existing ID: 29",
        "errors": [{"message": f"{CANARY} exists", "code": "CONFLICT", "context": {"propertyName": ["email"]}}],
        "policyName": "TEN_SECONDLY_ROLLING",
    },
]


def mutated(body: Body, chance: random.Random, foreign: object) -> Body:
    """Damage a real answer in a few places: drop, replace, repeat or move what is there."""
    made: Any = copy.deepcopy(body)
    for _ in range(chance.randint(1, 3)):
        at: Any = made
        while True:
            keys = list(at) if isinstance(at, dict) else list(range(len(at)))
            if not keys:
                break
            key = chance.choice(keys)
            if isinstance(at[key], dict | list) and chance.random() < 0.8:
                at = at[key]
                continue
            change = chance.choice(["drop", "foreign", "null", "whole"])
            if change == "drop":
                del at[key]
            else:
                at[key] = {"foreign": copy.deepcopy(foreign), "null": None, "whole": copy.deepcopy(made)}[change]
            break
    damaged: Body = made
    return damaged


def messages(outcomes: list[Outcome]) -> list[str]:
    texts: list[str] = []
    for outcome in outcomes:
        match outcome:
            case Rejected():
                texts += [outcome.code, outcome.message, outcome.field or ""]
            case Again() | Retry() | Unknown():
                texts.append(outcome.reason)
            case Delivered():
                pass
    return texts


def judged(status: int, content: bytes, action: Action) -> list[Outcome]:
    """Decode, and hold what must hold for any answer at all; a refusal or a stop is no outcome."""
    said, outcomes = "", list[Outcome]()
    try:
        outcomes = DESTINATION.decode(answer(status, content), batch(SYNC, action, rows()))
    except Refusal as refusal:
        said = str(refusal)
    except Stop as stop:
        said = f"{stop.message} {stop.advice}"
    assert CANARY not in said
    assert len(outcomes) == (0 if said else ROWS)
    assert not any(CANARY in text for text in messages(outcomes))
    if status not in (200, 201, 207) or b'"results"' not in content or action in (Action.FIND, Action.READ):
        assert not any(isinstance(outcome, Delivered) for outcome in outcomes)
    return outcomes


@settings(max_examples=600, deadline=None)
@given(st.sampled_from(STATUSES), JSON, st.sampled_from(ACTIONS))
def test_random_json_never_delivers(status: int, body: object, action: Action) -> None:
    outcomes = judged(status, json.dumps(body).encode(), action)
    assert not any(isinstance(outcome, Delivered) for outcome in outcomes)


@settings(max_examples=600, deadline=None)
@given(st.sampled_from(STATUSES), JSON, JSON, st.sampled_from(ACTIONS))
def test_random_results_and_errors_never_deliver(status: int, found: object, errors: object, action: Action) -> None:
    outcomes = judged(status, json.dumps({"results": [found, found], "errors": errors}).encode(), action)
    assert not any(isinstance(outcome, Delivered) for outcome in outcomes)


@settings(max_examples=1_500, deadline=None)
@given(
    st.sampled_from(STATUSES),
    st.sampled_from(REAL),
    st.randoms(use_true_random=False),
    JSON | st.just(CANARY),
    st.sampled_from(ACTIONS),
)
def test_damaged_answers_hold(status: int, body: Body, chance: random.Random, foreign: object, action: Action) -> None:
    judged(status, json.dumps(mutated(body, chance, foreign)).encode(), action)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(REAL), st.data(), st.sampled_from(ACTIONS))
def test_a_cut_answer_delivers_nothing(body: Body, data: st.DataObject, action: Action) -> None:
    content = json.dumps(body).encode()
    cut = data.draw(st.integers(0, len(content) - 1))
    assert judged(200, content[:cut], action) == []


# -- bodies that others recorded ---------------------------------------------------------------------------


def recorded(file: str, needle: str) -> Body:
    default = Path(__file__).resolve().parents[3] / "shared" / "samples"
    path = Path(os.environ.get("PENSTOCK_SAMPLES", default)) / "hubspot" / file
    if not path.is_file():
        pytest.skip("recorded bodies are not in this checkout; PENSTOCK_SAMPLES names their folder")
    found: list[Body] = [each for each in json.loads(path.read_text("utf-8"))["samples"] if needle in json.dumps(each)]
    assert len(found) == 1, needle
    return found[0]


def decoded(sample: Body, action: Action, *made: Row) -> list[Outcome]:
    return DESTINATION.decode(answer(sample["status"], sample["body"]), batch(SYNC, action, made))


def test_recorded_conflict_among_created_rows() -> None:
    sample = recorded("recorded.json", "create/contacts/err-partial-success")
    outcomes = decoded(sample, Action.UPSERT, row(SYNC, "there@example.com"), row(SYNC, "siena.dyer@example.com"))
    assert outcomes == [
        Again("171591000198", "the record exists under this id"),
        Delivered("171596044870"),
    ]


def test_recorded_update_of_an_unknown_id() -> None:
    sample = recorded("recorded.json", "update/contacts/err-partial-success")
    unknown = sample["body"]["errors"][0]["context"]["ids"][0]
    outcomes = decoded(sample, Action.UPDATE, row(SYNC, "a", unknown), row(SYNC, "b", "171591000199"))
    assert isinstance(outcomes[0], Again)
    assert outcomes[0].destination_id is None
    assert outcomes[1] == Delivered("171591000199")


def test_recorded_search_page_read_as_a_look_up() -> None:
    sample = recorded("recorded.json", "search/contacts/1-first-page")
    known = row(SYNC, "new@example.com", former="sam77@example.com")
    assert decoded(sample, Action.FIND, known) == [Again("501", "the record was found")]


def test_documented_partial_failure_joins_by_trace_id_alone() -> None:
    sample = recorded("errors.json", "objectWriteTraceId set")
    assert all(isinstance(o, Unknown) for o in decoded(sample, Action.UPSERT, row(SYNC, "a"), row(SYNC, "b")))


@pytest.mark.parametrize(
    ("file", "needle", "kind", "word"),
    [
        ("recorded.json", "err-duplicate-ids", Refusal, "VALIDATION_ERROR"),
        ("recorded.json", "contacts/err-conflict", Refusal, "CONFLICT"),
        ("recorded.json", "metadata-err-schemas-scope", Misconfigured, "custom-object-read"),
        ("errors.json", "GET /crm/v3/objects/deals", Misconfigured, "crm.objects.deals.read"),
        ("errors.json", "You have reached your daily limit.", Fault, "daily limit"),
        ("errors.json", "non-unique idProperty", Misconfigured, "match"),
        ("errors.json", "INVALID_EMAIL", Refusal, "INVALID_EMAIL"),
    ],
)
def test_recorded_refusals(file: str, needle: str, kind: type[Exception], word: str) -> None:
    sample = recorded(file, needle)
    with pytest.raises(kind) as caught:
        decoded(sample, Action.UPSERT, row(SYNC, "a@example.com"), row(SYNC, "b@example.com"))
    assert word in f"{caught.value} {getattr(caught.value, 'advice', '')}"


def test_recorded_conflict_in_its_old_form_names_the_record() -> None:
    sample = recorded("errors.json", "legacy v1 shape")
    outcomes = decoded(sample, Action.UPSERT, row(SYNC, "a@example.com"))
    assert outcomes == [Again("2926551", "the record exists under this id")]

"""Whatever comes back: one outcome per row, nothing delivered that no result shows, no value in any message."""

from __future__ import annotations

import copy
import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.errors import Fault, Misconfigured, Refusal
from penstock.modes import Action, Sync
from penstock.records import Again, Delivered, Outcome, Rejected, Retry, Unknown
from target_salesforce.api import Salesforce
from target_salesforce.codes import TABLE, Do, reason, reason_of_cell
from target_salesforce.fields import Field, converter, normaliser
from tests.effort import examples
from tests.salesforce.values import answer, batch, done, failed, lead, row, sync_of, told

SAMPLES = Path(__file__).resolve().parents[3] / "shared" / "samples" / "salesforce"
SYNC = sync_of(["Key__c", "LastName"])
LOOKED = sync_of(["Email", "LastName"], match="Email")
PERSON = sync_of(["Email", "LastName"], "Lead|Contact", "Email")
PAIRS: list[tuple[Salesforce, Sync]] = [(told(sync)[0], sync) for sync in (SYNC, LOOKED, PERSON)]
ROWS = 3
CANARY = "zanzibar"
STATUSES = [200, 201, 204, 300, 400, 401, 403, 404, 410, 414, 429, 500, 503]
ACTIONS = [Action.UPSERT, Action.UPDATE, Action.CREATE, Action.DELETE, Action.FIND, Action.READ]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
PAGE = {"totalSize": 1, "done": True, "records": [{"Id": lead(1), "Key__c": CANARY, "Email": f"p1@{CANARY}"}]}
REAL: list[Any] = [
    [done(lead(n), created=True) for n in range(ROWS)],
    [
        done(lead(0)),
        failed(
            "DUPLICATE_VALUE", f"duplicate value found: Key__c duplicates value on record with id: {lead(9)} {CANARY}"
        ),
        failed("ENTITY_IS_DELETED", CANARY, CANARY + " !"),
    ],
    [{"errorCode": "INVALID_FIELD", "message": f"No such column '{CANARY} x'", "fields": [CANARY + "?"]}],
    PAGE,
    {"compositeResponse": [{"httpStatusCode": 200, "body": PAGE, "referenceId": "q0"}]},
]


def mutated(body: Any, chance: random.Random, foreign: object) -> Any:
    made: Any = copy.deepcopy(body)
    for _ in range(chance.randint(1, 3)):
        at: Any = made
        while keys := (list(at) if isinstance(at, dict) else list(range(len(at))) if isinstance(at, list) else []):
            found = chance.choice(keys)
            if isinstance(at[found], dict | list) and chance.random() < 0.8:
                at = at[found]
                continue
            if chance.random() < 0.3:
                del at[found]
            else:
                at[found] = chance.choice([copy.deepcopy(foreign), None, copy.deepcopy(made)])
            break
    return made


def check(status: int, body: bytes, action: Action, which: int) -> None:
    destination, sync = PAIRS[which]
    rows = [row(sync, f"p{n}@{CANARY}", lead(n)) for n in range(ROWS)]
    try:
        outcomes = destination.decode(answer(status, body), batch(sync, action, rows))
    except (Refusal, Fault, Misconfigured) as stop:
        said = f"{stop} {getattr(stop, 'advice', '')}"
    else:
        assert len(outcomes) == ROWS
        assert all(isinstance(o, Delivered | Rejected | Again | Retry | Unknown) for o in outcomes)
        said = " ".join(str(o) for o in outcomes if not isinstance(o, Again | Delivered))
        hold_against(outcomes, status, body, action)
    assert CANARY not in said


def hold_against(outcomes: list[Outcome], status: int, body: bytes, action: Action) -> None:
    """Nothing is delivered that a result does not show; a look delivers nothing."""
    delivered = [o for o in outcomes if isinstance(o, Delivered)]
    if not delivered:
        return
    assert status == 200
    assert action not in (Action.FIND, Action.READ)
    results = json.loads(body)
    successes = [r for r in results if r.get("success") is True]
    gone = len(delivered) if action is Action.DELETE else 0
    assert len(delivered) <= len(successes) + gone


@settings(max_examples=examples(2000), deadline=None)
@given(
    st.sampled_from(STATUSES), st.sampled_from(REAL), st.randoms(), JSON, st.sampled_from(ACTIONS), st.integers(0, 2)
)
def test_damaged_answers(
    status: int, real: Any, chance: random.Random, foreign: object, action: Action, which: int
) -> None:
    check(status, json.dumps(mutated(real, chance, foreign)).encode(), action, which)


@settings(max_examples=examples(1000), deadline=None)
@given(st.sampled_from(STATUSES), st.binary(max_size=80), st.sampled_from(ACTIONS), st.integers(0, 2))
def test_any_bytes(status: int, body: bytes, action: Action, which: int) -> None:
    check(status, body, action, which)


@given(JSON)
def test_any_error_has_a_reason(error: object) -> None:
    reason(error)
    reason(error if isinstance(error, dict) else {"statusCode": error, "fields": error, "message": error})


@given(st.text(max_size=60))
def test_any_cell_has_a_reason_and_shows_nothing_of_itself(text: str) -> None:
    why = reason_of_cell(f"{CANARY} {text}")
    assert CANARY not in f"{why.code}{why.message}{why.fields}"


def test_a_code_that_is_not_in_the_table_rejects_the_record() -> None:
    assert reason({"statusCode": "SOMETHING_NEW"}).do is Do.RECORD
    assert Do.RECORD not in TABLE.values()
    assert len({*TABLE}) == len(TABLE)


@pytest.mark.skipif(not SAMPLES.exists(), reason="the recorded bodies are not part of the project")
def test_every_code_of_the_sample_list_has_its_place() -> None:
    names = (SAMPLES / "status_codes.txt").read_text("utf-8").splitlines()
    known = {name for name in names if name and not name.startswith("#")}
    of_requests = {"API_CURRENTLY_DISABLED", "API_DISABLED_FOR_ORG", "INVALID_LOGIN", "ORG_LOCKED", "PASSWORD_LOCKOUT"}
    of_requests |= {"REQUEST_LIMIT_EXCEEDED", "SERVER_UNAVAILABLE", "TRIAL_EXPIRED", "TXN_SECURITY_METERING_ERROR"}
    of_requests |= {"UNSUPPORTED_API_VERSION"}
    assert {*TABLE} - known == of_requests
    for name in known:
        assert reason({"statusCode": name}).code == (name if name in TABLE or name.isupper() else "UNKNOWN")


@pytest.mark.skipif(not SAMPLES.exists(), reason="the recorded bodies are not part of the project")
def test_recorded_answers_to_collections() -> None:
    destination, sync = PAIRS[0]
    actions = {"POST": Action.CREATE, "PATCH": Action.UPDATE, "DELETE": Action.DELETE}
    seen = 0
    for pair in json.loads((SAMPLES / "grouparoo" / "pairs.json").read_text("utf-8")):
        if "/composite/sobjects" not in pair["path"]:
            continue
        results = pair["response_body"]
        rows = [row(sync, f"p{n}", str(result.get("id", lead(n)))) for n, result in enumerate(results)]
        asked = batch(sync, actions[pair["method"]], rows)
        outcomes = destination.decode(answer(pair["status"], results), asked)
        for result, outcome in zip(results, outcomes, strict=True):
            assert isinstance(outcome, Delivered) == result["success"]
        seen += len(results)
    assert seen > 20


@pytest.mark.skipif(not SAMPLES.exists(), reason="the recorded bodies are not part of the project")
def test_recorded_describes() -> None:
    """What is required on creation, and what finds records, of orgs as they come."""
    required = {"Lead": {"LastName", "Company"}, "Contact": {"LastName"}, "Account": {"Name"}}
    required["Opportunity"] = {"Name", "StageName", "CloseDate"}
    keys = {"Lead": {"Id", "Email"}, "Contact": {"Id", "Email"}, "Account": {"Id"}, "Opportunity": {"Id", "Name"}}
    for path in sorted((SAMPLES / "describe").glob("*.json")):
        content = json.loads(path.read_text("utf-8"))
        bodies = [pair["response_body"] for pair in content.get("pairs", [content])]
        body = next(b for b in bodies if isinstance(b, dict) and b.get("fields"))
        if body["name"] not in required:
            continue
        fields = [Field.of(entry) for entry in body["fields"]]
        standard = {f.name for f in fields if f.required and not f.name.endswith("__c")}
        assert standard - {"OwnerId"} == required[body["name"]], path.name
        assert {f.name for f in fields if f.id_lookup and not f.external} >= keys[body["name"]], path.name
        for found in fields:
            converter(found)
            normaliser(found)

"""Each fault strikes where it says, and nowhere else."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
import requests

from penstock_sandbox.handle import SandboxError

if TYPE_CHECKING:
    from penstock_sandbox.handle import Sandbox
    from tests.sandbox.conftest import Api

DROPPED = (requests.ConnectionError, requests.exceptions.ChunkedEncodingError)


@pytest.mark.parametrize(("place", "writes"), [("before_apply", 0), ("after_apply", 1), ("in_answer", 1)])
def test_a_reset_drops_the_connection_and_the_history_tells_where(
    sandbox: Sandbox, api: Api, place: str, writes: int
) -> None:
    sandbox.fault(place, "reset", times=1)
    with pytest.raises(DROPPED):
        api.upsert("a@example.com")
    assert [write.key for write in sandbox.history()] == ["a@example.com"] * writes
    assert api.upsert("a@example.com").status_code == 200


def test_a_connection_is_reset_before_its_first_request_is_read(sandbox: Sandbox, api: Api) -> None:
    sandbox.fault("on_connect", "reset", on=[1])
    with pytest.raises(requests.ConnectionError):
        api.upsert("a@example.com")
    assert sandbox.stats().requests == 0
    assert api.upsert("a@example.com").status_code == 200


@pytest.mark.parametrize(("place", "writes"), [("before_apply", 0), ("after_apply", 1)])
def test_a_status_stands_in_for_the_answer(sandbox: Sandbox, api: Api, place: str, writes: int) -> None:
    body = {"status": "error", "policyName": "DAILY"}
    sandbox.fault(place, "status", status=477, body=body, headers={"Retry-After": "86400"}, times=1)
    answer = api.upsert("a@example.com")
    assert (answer.status_code, answer.headers["Retry-After"], answer.json()) == (477, "86400", body)
    assert len(sandbox.history()) == writes


def test_text_bodies_are_sent_as_they_are(sandbox: Sandbox, api: Api) -> None:
    sandbox.fault("before_apply", "status", status=502, body="<h1>bad gateway</h1>")
    assert api.upsert("a@example.com").text == "<h1>bad gateway</h1>"


def test_spoilt_answers(sandbox: Sandbox, api: Api) -> None:
    for n, kind in enumerate(("html", "empty", "truncate"), start=1):
        sandbox.fault("in_answer", kind, on=[1])
        answer = api.upsert("a@example.com")
        assert answer.status_code == 200
        with pytest.raises(requests.JSONDecodeError):
            answer.json()
        assert len(sandbox.history()) == n
        sandbox.clear_faults()


def test_rows_are_left_out_of_the_answer_but_not_of_the_store(sandbox: Sandbox, api: Api) -> None:
    sandbox.fault("in_answer", "drop_rows", rows=2, times=1)
    answer = api.upsert("a@example.com", "b@example.com", "c@example.com")
    assert len(answer.json()["results"]) == 1
    assert len(sandbox.objects()) == 3


def test_a_dripping_answer_takes_its_time(sandbox: Sandbox, api: Api) -> None:
    sandbox.fault("in_answer", "drip", delay_ms=1, times=1)
    began = time.monotonic()
    answer = api.upsert("a@example.com")
    assert answer.json()["results"]
    assert time.monotonic() - began >= len(answer.content) / 2000


def test_a_schedule_picks_its_requests(sandbox: Sandbox, api: Api) -> None:
    def statuses(count: int) -> list[int]:
        return [api.upsert("a@example.com").status_code for _ in range(count)]

    sandbox.fault("before_apply", "status", every=3)
    assert statuses(6) == [200, 200, 503, 200, 200, 503]
    sandbox.clear_faults()
    sandbox.fault("before_apply", "status", on=[2], match="batch/read")
    assert statuses(3) == [200, 200, 200]
    sandbox.clear_faults()
    sandbox.fault("before_apply", "status", share=0.5, seed=4711)
    first = statuses(20)
    sandbox.clear_faults()
    sandbox.fault("before_apply", "status", share=0.5, seed=4711)
    assert statuses(20) == first
    assert set(first) == {200, 503}


def test_the_control_plane_is_never_struck(sandbox: Sandbox) -> None:
    sandbox.fault("on_connect", "reset", match="")
    sandbox.fault("before_apply", "reset", match="")
    assert sandbox.stats().requests == 0


def test_a_fault_that_cannot_be_is_refused(sandbox: Sandbox) -> None:
    for place, kind in (("before_apply", "truncate"), ("on_connect", "html"), ("nowhere", "reset")):
        with pytest.raises(SandboxError):
            sandbox.fault(place, kind)


def test_vendor_answers_by_name(sandbox: Sandbox, api: Api) -> None:
    expected = {
        "daily": (429, "DAILY"),
        "secondly": (429, "SECONDLY"),
        "moving": (477, "MIGRATION"),
        "conflict": (409, "Existing ID: 12345"),
        "gateway_522": (522, "<h1>"),
    }
    for name, (status, part) in expected.items():
        sandbox.fault("after_apply", "status", answer=name)
        answer = api.upsert("a@example.com")
        assert (answer.status_code, part in answer.text) == (status, True)
        assert ("Retry-After" in answer.headers) is (name == "moving")
        sandbox.clear_faults()
    assert len(sandbox.history()) == len(expected)
    with pytest.raises(SandboxError, match="gateway_502"):
        sandbox.fault("before_apply", "status", answer="nonsense")


def test_a_lock_lasts_two_seconds(sandbox: Sandbox, api: Api) -> None:
    sandbox.hold_clock()
    sandbox.fault("before_apply", "status", answer="locked", seconds=2)
    assert [api.upsert("a@example.com").status_code for _ in range(2)] == [423, 423]
    sandbox.advance(2)
    assert api.upsert("a@example.com").status_code == 200


def test_silence_repeats_and_errors_without_context(sandbox: Sandbox, api: Api) -> None:
    sandbox.fault("before_apply", "silent", times=1)
    assert api.upsert("a@example.com").json() == {"status": "COMPLETE", "results": []}
    assert sandbox.history() == []
    sandbox.clear_faults()
    sandbox.fault("in_answer", "repeat_rows", times=1)
    assert len(api.upsert("a@example.com", "b@example.com").json()["results"]) == 3
    sandbox.clear_faults()
    sandbox.fault("in_answer", "strip_context", times=1)
    assert "context" not in api.upsert("a@example.com", plan="gold").json()["errors"][0]


def test_error_bodies_lose_fields_by_chance(sandbox: Sandbox, api: Api) -> None:
    sandbox.configure(hubspot={"bare_errors": 1.0})
    keys = [frozenset(api.call("GET", "/crm/v3/objects/contacts/7").json()) for _ in range(8)]
    assert len(set(keys)) > 1
    rows = [frozenset(api.upsert("a@example.com", plan="gold").json()["errors"][0]) for _ in range(8)]
    assert len(set(rows)) > 1


def test_a_property_changes_in_the_middle_of_a_run(sandbox: Sandbox, api: Api) -> None:
    change = {"type": "contacts", "property": "plan", "options": ["free"]}
    sandbox.fault("before_apply", "alter", on=[2], alter=change)
    sandbox.fault("before_apply", "alter", on=[4], alter={"type": "contacts", "property": "plan", "archive": True})
    codes = [api.upsert("a@example.com", plan=plan) for plan in ("team", "team", "free", "free")]
    found = [answer.json().get("errors", [{"message": ""}])[0]["message"] for answer in codes]
    assert [next((c for c in ("INVALID_OPTION", "PROPERTY_DOESNT_EXIST") if c in each), "") for each in found] == [
        "", "INVALID_OPTION", "", "PROPERTY_DOESNT_EXIST",
    ]  # fmt: skip
    sandbox.alter("contacts", "city", archive=True)
    assert api.upsert("a@example.com", city="Lima").json()["numErrors"] == 1

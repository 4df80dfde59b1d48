"""The sandbox's bodies have the keys of bodies recorded from Intercom, and of the reference's examples."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import requests

    from tests.sandbox.intercom import Inbox

DEFAULT = Path(__file__).resolve().parents[3] / "shared" / "samples"
Body = dict[str, object]
FREE = frozenset({"custom_attributes", "request_id"})


def samples(file: str) -> dict[str, list[Body]]:
    path = Path(os.environ.get("PENSTOCK_SAMPLES", DEFAULT)) / "intercom" / file
    if not path.is_file():
        pytest.skip("recorded bodies are not in this checkout; PENSTOCK_SAMPLES names their folder")
    found: dict[str, list[Body]] = json.loads(path.read_text())
    return found


def recorded(file: str, operation: str) -> Body:
    return next(each for each in samples(file)["samples"] if str(each["operation"]).startswith(operation))


def example(method: str, path: str, status: int = 200, name: str = "") -> Body:
    """Return the reference's first example of an answer, or the one of a name."""
    for each in samples("examples_2.14.json")["operations"]:
        if (each["method"], each["path"]) == (method, path):
            answers = each["response_examples"]
            assert isinstance(answers, dict)
            found: Body = answers[str(status)][name] if name else next(iter(answers[str(status)].values()))
            return found
    raise AssertionError(path)


def differences(have: object, want: object, place: str = "") -> list[str]:
    """Name the keys that are missing, and values of another type; null fits anything, and so may more keys."""
    match have, want:
        case dict(), dict():
            missing = [f"{place}.{key}" for key in want if key not in have and key not in FREE]
            shared = [key for key in want if key in have and key not in FREE]
            return missing + [each for key in shared for each in differences(have[key], want[key], f"{place}.{key}")]
        case [first, *_], [other, *_]:
            return differences(first, other, f"{place}[]")
        case _:
            same = have is None or want is None or type(have) is type(want)
            return [] if same else [f"{place}: {type(have).__name__} instead of {type(want).__name__}"]


def agrees(answer: requests.Response, want: Body, status: int) -> None:
    assert answer.status_code == status, answer.text
    have = answer.json()
    assert differences(have, want) == []
    if "errors" in want:
        assert have["errors"] == want["errors"]


def test_a_recorded_list_of_contacts(inbox: Inbox) -> None:
    inbox.sandbox.intercom.seed([{"external_id": "u-1", "companies": ["c"]}], companies=[{"company_id": "c"}])
    contact = inbox.contact(external_id="u-2", email="a@example.com", name="Example", signed_up_at=1, last_seen_at=1)
    inbox.call("POST", f"/contacts/{contact}/notes", {"body": "x"})
    want = recorded("recorded.json", "GET /contacts page 1")["body"]
    assert isinstance(want, dict)
    agrees(inbox.call("GET", "/contacts?per_page=1"), want, 200)
    have = inbox.call("GET", "/contacts?per_page=1").json()["data"][0]
    assert set(have) - set(want["data"][0]) == {"enabled_push_messaging"}


def test_recorded_refusals(inbox: Inbox) -> None:
    want = recorded("recorded.json", "wrong Accept")
    answer = inbox.call("GET", "/me", Accept="text/html")
    assert (answer.status_code, answer.json()) == (want["status"], want["body"])
    broken = inbox.http.post(inbox.url + "/contacts", data=b"{", timeout=10)
    want = recorded("recorded.json", "malformed JSON")
    assert isinstance(want["body"], dict)
    assert (broken.status_code, set(broken.json())) == (want["status"], set(want["body"]))


def test_documented_refusals(inbox: Inbox) -> None:
    user, lead = inbox.contact(external_id="u-1"), inbox.contact(role="lead", email="a@example.com")
    inbox.sandbox.intercom.merge(user, lead)
    want = recorded("errors.json", "GET /contacts/{id} merged away")["body"]
    assert inbox.call("GET", f"/contacts/{lead}", version="2.16").json()["errors"] == want["errors"]  # type: ignore[index]
    inbox.call("POST", f"/contacts/{user}/archive")
    archived = recorded("errors.json", "POST /contacts (archived duplicate)")["body"]["errors"][0]  # type: ignore[index]
    answer = inbox.call("POST", "/contacts", {"external_id": "u-1"}).json()["errors"][0]
    assert answer["message"].rpartition("=")[0] == archived["message"].rpartition("=")[0]
    assert answer["code"] == archived["code"]
    inbox.sandbox.configure(intercom={"per_ten_seconds": 167})
    inbox.sandbox.configure(intercom={"request_ids": "uuid"})
    inbox.sandbox.hold_clock()
    while (spent := inbox.call("GET", "/me")).ok:
        pass
    agrees(spent, recorded("errors.json", "any")["body"], 429)  # type: ignore[arg-type]


def test_examples_of_contacts(inbox: Inbox) -> None:
    contact = inbox.contact(email="joe@example.com", external_id="70", name="Joe")
    lead = inbox.contact(role="lead", email="joe@example.com")
    one = f"/contacts/{contact}"
    agrees(inbox.call("GET", one), example("GET", "/contacts/{contact_id}"), 200)
    agrees(inbox.call("PUT", one, {"name": "x"}), example("PUT", "/contacts/{contact_id}"), 200)
    found = example("GET", "/contacts/find_by_external_id/{external_id}")
    agrees(inbox.call("GET", "/contacts/find_by_external_id/70"), found, 200)
    made = inbox.call("POST", "/contacts", {"email": "joebloggs@example.com"})
    agrees(made, example("POST", "/contacts"), 200)
    ends = {"from": lead, "into": contact}
    agrees(inbox.call("POST", "/contacts/merge", ends), example("POST", "/contacts/merge"), 200)
    agrees(inbox.call("GET", "/contacts"), example("GET", "/contacts"), 200)
    query = {"field": "created_at", "operator": ">", "value": "1306054154"}
    body = {"query": {"operator": "AND", "value": [query]}, "pagination": {"per_page": 5}}
    agrees(inbox.call("POST", "/contacts/search", body), example("POST", "/contacts/search"), 200)
    agrees(inbox.call("GET", "/me", Authorization="Bearer x"), example("GET", "/contacts", 401), 401)
    path = "/contacts/{contact_id}/tags"
    agrees(inbox.call("GET", "/contacts/x/tags"), example("GET", path, 404), 404)


def test_examples_of_companies(inbox: Inbox) -> None:
    company, contact = inbox.company("acme-1", name="my company"), inbox.contact(external_id="u-1")
    answer = inbox.call("POST", "/companies", {"company_id": "acme-1", "remote_created_at": 1374138000})
    agrees(answer, example("POST", "/companies"), 200)
    agrees(inbox.call("POST", "/companies", {"test": "invalid"}), example("POST", "/companies", 400), 400)
    one = "/companies/{company_id}"
    agrees(inbox.call("GET", f"/companies/{company}"), example("GET", one), 200)
    agrees(inbox.call("GET", "/companies/x"), example("GET", one, 404), 404)
    agrees(inbox.call("PUT", f"/companies/{company}", {"name": "x"}), example("PUT", one), 200)
    path, real = "/contacts/{contact_id}/companies", f"/contacts/{contact}/companies"
    agrees(inbox.call("POST", real, {"id": company}), example("POST", path), 200)
    agrees(inbox.call("POST", real, {}), example("POST", path, 400), 400)
    agrees(inbox.call("POST", real, {"id": "123"}), example("POST", path, 404), 404)
    listed = example("GET", path)
    del listed["data"][0]["last_request_at"]  # type: ignore[index]
    agrees(inbox.call("GET", real), listed, 200)
    agrees(inbox.call("POST", "/companies/list"), example("POST", "/companies/list"), 200)
    agrees(inbox.call("GET", "/companies"), example("GET", "/companies"), 200)
    assert set(inbox.call("DELETE", f"/companies/{company}").json()) == set(example("DELETE", one))


def test_examples_of_attributes(inbox: Inbox) -> None:
    inbox.sandbox.configure(intercom={"request_ids": "uuid"})
    plain = {"model": "company", "data_type": "string"}
    made = inbox.call("POST", "/data_attributes", {"name": "The One Ring", **plain})
    agrees(made, example("POST", "/data_attributes"), 200)
    agrees(inbox.call("GET", "/data_attributes"), example("GET", "/data_attributes"), 200)
    refusals = {
        "Same name already exists": {"name": "The One Ring", "model": "contact", "data_type": "integer"},
        "Attribute already exists": {"name": "The One Ring", **plain},
        "Invalid name": {"name": "!nv@l!d n@me", **plain},
        "Invalid Data Type": {"name": "The Second Ring", "model": "company", "data_type": "mithril"},
        "Too few options for list": {"options": [{"value": "1-10"}], "archived": False},
    }
    for name, body in refusals.items():
        agrees(inbox.call("POST", "/data_attributes", body), example("POST", "/data_attributes", 400, name), 400)
    path = "/data_attributes/{data_attribute_id}"
    options = {"description": "Just a plain old ring", "options": [{"value": "1-10"}, {"value": "11-20"}]}
    agrees(inbox.call("PUT", f"/data_attributes/{made.json()['id']}", options), example("PUT", path), 200)
    agrees(inbox.call("PUT", "/data_attributes/1", options), example("PUT", path, 404), 404)


def test_examples_of_what_is_added(inbox: Inbox) -> None:
    contact = inbox.contact(external_id="u-1", email="a@example.com")
    agrees(inbox.call("POST", "/tags", {"name": "test"}), example("POST", "/tags"), 200)
    agrees(inbox.call("POST", "/tags", {"test": "invalid"}), example("POST", "/tags", 400), 400)
    missing = {"name": "test", "companies": [{"company_id": "123"}]}
    agrees(inbox.call("POST", "/tags", missing), example("POST", "/tags", 404, "Company not found"), 404)
    one = "/contacts/{contact_id}"
    tagged = inbox.call("POST", f"/contacts/{contact}/tags", {"id": 105})
    agrees(tagged, example("POST", f"{one}/tags"), 200)
    agrees(inbox.call("GET", f"/contacts/{contact}/tags"), example("GET", f"{one}/tags"), 200)
    note = inbox.call("POST", f"/contacts/{contact}/notes", {"admin_id": 991267459, "body": "Hello"})
    agrees(note, example("POST", f"{one}/notes"), 200)
    agrees(inbox.call("GET", f"/contacts/{contact}/notes"), example("GET", f"{one}/notes"), 200)
    subscribed = inbox.call("POST", f"/contacts/{contact}/subscriptions", {"id": 93, "consent_type": "opt_in"})
    agrees(subscribed, example("POST", f"{one}/subscriptions"), 200)
    agrees(inbox.call("GET", "/subscription_types"), example("GET", "/subscription_types"), 200)
    inbox.call("POST", "/events", {"event_name": "x", "created_at": 1, "user_id": "u-1"})
    summary = example("GET", "/events")
    summary["pages"] = {"next": None}
    agrees(inbox.call("GET", "/events?type=user&user_id=u-1&summary=true"), summary, 200)
    body = {"external_id": "123", "external_created_at": 1392036272, "external_updated_at": 1392036272}
    path = "/custom_object_instances/{custom_object_type_identifier}"
    made = inbox.call("POST", "/custom_object_instances/Order", body)
    agrees(made, example("POST", path), 200)
    gone = inbox.call("DELETE", f"/custom_object_instances/Order/{made.json()['id']}")
    agrees(gone, example("DELETE", path), 200)

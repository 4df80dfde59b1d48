"""The simulated Intercom's bulk jobs: Preview only, done later, silent about items."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.sandbox.intercom import refused

if TYPE_CHECKING:
    import requests

    from tests.sandbox.intercom import Inbox


def send(inbox: Inbox, method: str, path: str, body: object = None) -> requests.Response:
    return inbox.call(method, path, body, version="Preview")


def ended(inbox: Inbox, job: requests.Response) -> dict[str, object]:
    assert job.status_code == 202, job.text
    inbox.sandbox.advance(2)
    done: dict[str, object] = send(inbox, "GET", job.json()["url"].removeprefix(inbox.url)).json()
    return done


def test_contacts(inbox: Inbox) -> None:
    inbox.sandbox.hold_clock()
    inbox.sandbox.intercom.attributes("contact", plan="string")
    company, known = inbox.company("acme-1"), inbox.contact(external_id="u-0")
    rows = [
        {"external_id": "u-0", "name": "x"},
        {"external_id": "u-1", "companies": [{"company_id": "acme-1"}], "tags": {"add": [{"name": "vip"}]}},
        {"external_id": "u-2", "nonsense": 1, "custom_attributes": {"plan": "gold", "no_such": 1}},
    ]
    job = send(inbox, "POST", "/contacts/bulk", {"contacts": rows})
    assert (job.json()["state"], job.json()["tasks"][0]["item_count"]) == ("running", 3)
    assert len(inbox.sandbox.intercom.objects()) == 1
    assert ended(inbox, job)["state"] == "completed_with_errors"
    stored = {each.properties["external_id"]: each for each in inbox.sandbox.intercom.objects()}
    assert "name" not in stored["u-0"].properties
    assert (stored["u-1"].properties["companies"], stored["u-1"].properties["tags"]) == ("acme-1", "vip")
    assert stored["u-2"].properties["custom_attributes.plan"] == "gold"
    change = {
        "id": stored["u-1"].id,
        "companies": [{"id": company, "remove": True}],
        "tags": {"remove": [{"name": "VIP"}]},
    }
    both = {"contacts": [change, {"id": known, "name": "y", "companies": [{"id": company}]}]}
    assert ended(inbox, send(inbox, "PUT", "/contacts/bulk", both))["state"] == "completed"
    gone = {"contacts": [{"id": stored["u-2"].id}]}
    assert ended(inbox, send(inbox, "POST", "/contacts/bulk/delete", gone))["completed_at"] is not None
    left = [each.properties for each in inbox.sandbox.intercom.objects()]
    assert left == [
        {"role": "user", "external_id": "u-0", "name": "y", "companies": "acme-1"},
        {"role": "user", "external_id": "u-1"},
    ]


def test_companies(inbox: Inbox) -> None:
    inbox.sandbox.hold_clock()
    known = inbox.company("c-0")
    rows = [{"company_id": "c-0", "name": "x"}, {"company_id": "c-1", "nonsense": True}]
    assert ended(inbox, send(inbox, "POST", "/companies/bulk", {"companies": rows}))["state"] == "completed"
    rows = [{"id": known, "company_id": "c-9", "size": 3}, {"id": "nobody"}]
    assert ended(inbox, send(inbox, "PUT", "/companies/bulk", {"companies": rows}))["state"] == "completed_with_errors"
    assert [each.properties for each in inbox.sandbox.intercom.objects("companies")] == [
        {"company_id": "c-0", "name": "x", "size": "3"}, {"company_id": "c-1"},
    ]  # fmt: skip
    gone = {"companies": [{"id": known}]}
    assert ended(inbox, send(inbox, "POST", "/companies/bulk/delete", gone))["state"] == "completed"
    assert len(inbox.sandbox.intercom.objects("companies")) == 1


def test_a_job_takes_tasks_until_it_is_done(inbox: Inbox) -> None:
    inbox.sandbox.hold_clock()
    first = send(inbox, "POST", "/companies/bulk", {"companies": [{"company_id": "a"}]}).json()["id"]
    inbox.sandbox.advance(1)
    more = {"companies": [{"company_id": "b"}], "job": {"id": first}}
    second = send(inbox, "POST", "/companies/bulk", more)
    assert (second.json()["id"], len(second.json()["tasks"])) == (first, 2)
    inbox.sandbox.advance(1)
    assert send(inbox, "GET", f"/companies/bulk/{first}").json()["state"] == "running"
    assert ended(inbox, second)["state"] == "completed"
    closed = (403, "forbidden", f"job {first} is closed for new task updates")
    assert refused(send(inbox, "POST", "/companies/bulk", more)) == closed
    assert refused(send(inbox, "GET", f"/contacts/bulk/{first}"))[:2] == (404, "job_not_found")


@pytest.mark.parametrize(
    ("method", "body", "code", "message"),
    [
        ("POST", {}, "field_not_found", "contacts field must be supplied"),
        ("POST", {"contacts": {}}, "type_mismatch", "contacts must be an array"),
        ("POST", {"contacts": ["x"]}, "type_mismatch", "each contact must be an object"),
        ("POST", {"contacts": [{}] * 101}, "parameter_invalid", "maximum number of contacts per request is 100"),
        ("PUT", {"contacts": [{"name": "x"}]}, "field_not_found", "contacts must be identified by id"),
    ],
)
def test_requests_that_are_refused(inbox: Inbox, method: str, body: object, code: str, message: str) -> None:
    assert refused(send(inbox, method, "/contacts/bulk", body)) == (422, code, message)


def test_fates_and_versions(inbox: Inbox) -> None:
    inbox.sandbox.hold_clock()
    body = {"companies": [{"company_id": "a"}, {"company_id": "b"}]}
    assert inbox.call("POST", "/companies/bulk", body, version="2.17").status_code == 404
    inbox.sandbox.configure(intercom={"bulk_fate": "errors"})
    assert ended(inbox, send(inbox, "POST", "/companies/bulk", body))["state"] == "completed_with_errors"
    assert len(inbox.sandbox.intercom.objects("companies")) == 1
    inbox.sandbox.configure(intercom={"bulk_fate": "stuck"})
    assert ended(inbox, send(inbox, "POST", "/companies/bulk", body))["state"] == "running"


def test_the_history_sees_what_a_job_did(inbox: Inbox) -> None:
    inbox.sandbox.hold_clock()
    send(inbox, "POST", "/companies/bulk", {"companies": [{"company_id": "a"}]})
    assert inbox.sandbox.history() == []
    inbox.sandbox.advance(2)
    assert [each.key for each in inbox.sandbox.history()] == ["a"]

"""The simulated Salesforce under faults; over TLS; its page."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest
import requests

from penstock_sandbox.server import running
from penstock_sandbox.tls import make

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sandbox.salesforce import Org

UPSERT = "/composite/sobjects/Lead/Ext__c"
ROWS: list[dict[str, object]] = [{"type": "Lead", "LastName": "a", "Company": "b", "Ext__c": str(n)} for n in range(3)]


@pytest.fixture
def leads(org: Org) -> Org:
    org.sandbox.salesforce.fields("Lead", {"name": "Ext__c", "externalId": True, "unique": True})
    return org


@pytest.mark.parametrize(("place", "writes"), [("before_apply", 0), ("after_apply", 3), ("in_answer", 3)])
@pytest.mark.parametrize("kind", ["reset", "html", "status"])
def test_the_write_was_applied_or_not(leads: Org, place: str, writes: int, kind: str) -> None:
    more = {"answer": "server_unavailable"} if kind == "status" else {}
    leads.sandbox.fault(place, kind, match="composite/sobjects", times=1, **more)
    if kind == "reset":
        with pytest.raises(requests.exceptions.RequestException):
            leads.records("PATCH", UPSERT, ROWS)
    else:
        answer = leads.records("PATCH", UPSERT, ROWS)
        assert answer.status_code == (200 if kind == "html" else 503)
        if kind == "status":
            assert answer.json() == [{"message": "Server Unavailable", "errorCode": "SERVER_UNAVAILABLE"}]
    assert len(leads.sandbox.history()) == writes
    assert [row["created"] for row in leads.records("PATCH", UPSERT, ROWS).json()] == [writes == 0] * 3


def test_answers_by_name(leads: Org) -> None:
    wanted = {"session_expired": 401, "request_limit": 403, "concurrent_requests": 403, "unknown_exception": 500}
    for name, status in wanted.items():
        leads.sandbox.fault("before_apply", "status", match="/limits", answer=name, times=1)
        answer = leads.get("/limits")
        assert answer.status_code == status
        assert set(answer.json()[0]) == {"message", "errorCode"}


def test_rows_of_an_answer_are_lost_or_repeated(leads: Org) -> None:
    leads.sandbox.fault("in_answer", "drop_rows", match="composite", times=1)
    assert len(leads.records("PATCH", UPSERT, ROWS).json()) == 2
    leads.sandbox.fault("in_answer", "repeat_rows", match="composite", times=1)
    assert len(leads.records("PATCH", UPSERT, ROWS).json()) == 4
    leads.sandbox.fault("before_apply", "silent", match="composite", times=1)
    assert leads.records("PATCH", UPSERT, ROWS).json() == []


def test_rows_of_a_result_file_are_lost_or_repeated(leads: Org) -> None:
    job = leads.send(
        "POST", "/jobs/ingest", {"object": "Lead", "operation": "upsert", "externalIdFieldName": "Ext__c"}
    ).json()["id"]
    leads.http.put(f"{leads.root}/jobs/ingest/{job}/batches", data="Ext__c,LastName,Company\n1,a,b\n2,a,b\n")
    leads.send("PATCH", f"/jobs/ingest/{job}", {"state": "UploadComplete"})
    for kind, lines in (("drop_rows", 2), ("repeat_rows", 4)):
        leads.sandbox.fault("in_answer", kind, match="successfulResults", times=1)
        assert len(leads.get(f"/jobs/ingest/{job}/successfulResults").text.splitlines()) == lines
    leads.sandbox.fault("in_answer", "truncate", match="successfulResults", times=1)
    whole = leads.get(f"/jobs/ingest/{job}/successfulResults").text
    assert len(leads.get(f"/jobs/ingest/{job}/successfulResults").text) > len(whole)


def test_a_job_that_somebody_else_aborts(leads: Org) -> None:
    leads.sandbox.configure(salesforce={"bulk_fate": "stuck"})
    job = leads.send("POST", "/jobs/ingest", {"object": "Lead", "operation": "insert"}).json()["id"]
    leads.http.put(f"{leads.root}/jobs/ingest/{job}/batches", data="LastName,Company\na,b\n")
    leads.send("PATCH", f"/jobs/ingest/{job}", {"state": "UploadComplete"})
    assert leads.get(f"/jobs/ingest/{job}").json()["state"] == "InProgress"
    leads.sandbox.salesforce.change_job(job, state="Aborted")
    assert [each["state"] for each in leads.sandbox.salesforce.jobs()] == ["Aborted"]
    assert leads.get(f"/jobs/ingest/{job}/unprocessedrecords").text == 'LastName,Company\n"a","b"\n'


def test_long_requests_at_once(leads: Org) -> None:
    leads.sandbox.configure(latency_ms=5, salesforce={"long_request_ms": 5, "concurrent_long": 0})
    answer = leads.get("/limits")
    assert (answer.status_code, answer.json()[0]["message"][:18]) == (403, "ConcurrentRequests")


def test_answers_are_chunked_and_compressed(leads: Org) -> None:
    plain = leads.get("/sobjects/Lead/describe", {"Accept-Encoding": "identity"})
    assert plain.headers["Transfer-Encoding"] == "chunked"
    assert "Content-Length" not in plain.headers
    packed = leads.get("/sobjects/Lead/describe", {"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.json() == plain.json()
    body = gzip.compress(b'{"LastName":"a","Company":"b"}')
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    assert leads.http.post(leads.root + "/sobjects/Lead", data=body, headers=headers).status_code == 201
    assert leads.http.post(leads.root + "/sobjects/Lead", data=b"x", headers=headers).status_code == 400
    assert "\n" in leads.get("/limits", {"X-PrettyPrint": "1"}).text


def test_without_a_prefix(leads: Org) -> None:
    answer = leads.http.get(leads.sandbox.url + leads.path + "/limits")
    assert answer.status_code == 200
    form = {"grant_type": "client_credentials", "client_id": "sandbox-client", "client_secret": "sandbox-secret"}
    token = requests.post(leads.sandbox.url + "/services/oauth2/token", data=form, timeout=10).json()
    assert token["instance_url"] == leads.sandbox.url


def test_tls(tmp_path: Path) -> None:
    pytest.importorskip("trustme")
    certificates = make(tmp_path)
    with running(certificates=certificates) as sandbox:
        url = sandbox.salesforce.url + "/services/data"
        assert url.startswith("https://")
        assert requests.get(url, verify=str(certificates.authority), timeout=10).status_code == 200
        sandbox.salesforce.seed("Lead", [{"LastName": "a"}])


def test_the_page_shows_objects_and_jobs(leads: Org) -> None:
    leads.sandbox.salesforce.seed("Lead", [{"LastName": "<b>Rivera"}])
    leads.send("POST", "/jobs/ingest", {"object": "Lead", "operation": "insert"})
    page = requests.get(leads.sandbox.url, timeout=10).text
    assert "<h1>Salesforce</h1>" in page
    assert "Lead (1 records, showing 1)" in page
    assert "&lt;b&gt;Rivera" in page
    assert "<h2>jobs</h2>" in page

"""The simulated Salesforce: Bulk API v1 in XML and CSV, as a loader in serial mode uses it."""

from __future__ import annotations

import csv
import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import requests

    from tests.sandbox.salesforce import Org

JOB = (
    '<jobInfo xmlns="http://www.force.com/2009/06/asyncapi/dataload"><operation>{}</operation><object>Lead</object>'
    "<externalIdFieldName>Ext__c</externalIdFieldName><concurrencyMode>Serial</concurrencyMode>"
    "<contentType>CSV</contentType></jobInfo>"
)


@pytest.fixture
def leads(org: Org) -> Org:
    org.sandbox.salesforce.fields("Lead", {"name": "Ext__c", "externalId": True, "unique": True})
    return org


def call(org: Org, method: str, path: str, body: str = "", kind: str = "application/xml") -> requests.Response:
    headers = {"X-SFDC-Session": org.sandbox.salesforce.session, "Content-Type": kind, "Authorization": ""}
    url = f"{org.url}/services/async/62.0/job{path}"
    return org.http.request(method, url, data=body.encode(), headers=headers, timeout=10)


def element(answer: requests.Response, name: str) -> str:
    found = re.search(rf"<{name}>([^<]*)</{name}>", answer.text)
    return "" if found is None else found[1]


def test_a_job_in_xml(leads: Org) -> None:
    made = call(leads, "POST", "", JOB.format("upsert"))
    assert (made.status_code, element(made, "state"), element(made, "concurrencyMode")) == (201, "Open", "Serial")
    assert element(made, "createdDate").endswith(".000Z") or element(made, "createdDate").endswith("Z")
    job = "/" + element(made, "id")
    added = call(leads, "POST", job + "/batch", "Ext__c,LastName,Company\n1,a,b\n2,,b\n3,c,d\n", "text/csv")
    assert (added.status_code, element(added, "state")) == (201, "Queued")
    batch = f"{job}/batch/{element(added, 'id')}"
    assert element(call(leads, "POST", job, "<jobInfo><state>Closed</state></jobInfo>"), "state") == "Closed"
    told = call(leads, "GET", batch)
    assert (element(told, "state"), element(told, "numberRecordsFailed")) == ("Completed", "1")
    assert element(call(leads, "GET", job), "numberBatchesCompleted") == "1"
    assert "<batchInfoList" in call(leads, "GET", job + "/batch").text
    rows = list(csv.reader(call(leads, "GET", batch + "/result").text.splitlines()))
    assert rows[0] == ["Id", "Success", "Created", "Error"]
    assert [row[1:3] for row in rows[1:]] == [["true", "true"], ["false", "false"], ["true", "true"]]
    assert rows[2][3] == "REQUIRED_FIELD_MISSING:Required fields are missing: [LastName]:LastName --"


def test_refusals(leads: Org) -> None:
    dead = leads.http.post(f"{leads.url}/services/async/62.0/job", data=JOB.format("upsert"))
    assert element(dead, "exceptionCode") == "InvalidSessionId"
    json = leads.http.post(f"{leads.url}/services/async/62.0/job", json={})
    assert json.json()["exceptionCode"] == "InvalidSessionId"
    assert element(call(leads, "POST", "", JOB.format("merge")), "exceptionCode") == "InvalidJob"
    job = "/" + element(call(leads, "POST", "", JOB.format("upsert")), "id")
    batch = element(call(leads, "POST", job + "/batch", "Foo\n1\n", "text/csv"), "id")
    told = call(leads, "GET", f"{job}/batch/{batch}")
    assert (element(told, "state"), element(told, "stateMessage")) == (
        "Failed",
        "InvalidBatch : Field name not found : Foo",
    )
    assert element(call(leads, "GET", "/nonsense"), "exceptionCode") == "InvalidJob"


def test_abort(leads: Org) -> None:
    leads.sandbox.configure(salesforce={"bulk_seconds": 60})
    job = "/" + element(call(leads, "POST", "", JOB.format("upsert")), "id")
    call(leads, "POST", job + "/batch", "Ext__c,LastName,Company\n1,a,b\n", "text/csv")
    call(leads, "POST", job, "<jobInfo><state>Aborted</state></jobInfo>")
    leads.sandbox.advance(61)
    assert element(call(leads, "GET", job + "/batch"), "state") == "Not Processed"
    assert not leads.sandbox.history()


def test_serial_jobs_do_not_fight(leads: Org) -> None:
    leads.sandbox.configure(salesforce={"lock_fights": 1.0})
    leads.sandbox.salesforce.fields("Lead", {"name": "Account__c", "type": "reference", "referenceTo": ["Account"]})
    accounts = leads.sandbox.salesforce.seed("Account", [{"Name": "a"}, {"Name": "b"}])
    body = "Ext__c,LastName,Company,Account__c\n" + "".join(
        f"{n},a,b,{each}\n" for n, each in enumerate(accounts * 200)
    )
    failed = []
    for mode in ("Serial", "Parallel"):
        job = "/" + element(call(leads, "POST", "", JOB.format("upsert").replace("Serial", mode)), "id")
        call(leads, "POST", job + "/batch", body, "text/csv")
        failed.append(element(call(leads, "GET", job), "numberRecordsFailed"))
    assert failed == ["0", "200"]

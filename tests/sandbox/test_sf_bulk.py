"""The simulated Salesforce: Bulk API 2.0, its files and the life of its jobs."""

from __future__ import annotations

import csv
import gzip
import io
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.sandbox.salesforce import Org

LEADS = {"object": "Lead", "operation": "upsert", "externalIdFieldName": "Ext__c"}
HEADER = "Ext__c,LastName,Company"


@pytest.fixture
def leads(org: Org) -> Org:
    fields: list[dict[str, object]] = [
        {"name": "Ext__c", "externalId": True, "unique": True, "length": 20},
        {"name": "Score__c", "type": "double", "precision": 18, "scale": 2},
        {"name": "Seen__c", "type": "datetime"},
        {"name": "Flag__c", "type": "boolean"},
        {"name": "Account__c", "type": "reference", "referenceTo": ["Account"]},
    ]
    org.sandbox.salesforce.fields("Account", {"name": "Key__c", "externalId": True, "unique": True})
    org.sandbox.salesforce.fields("Lead", *fields)
    return org


def create(org: Org, **fields: object) -> str:
    answer = org.send("POST", "/jobs/ingest", {**LEADS, **fields})
    assert answer.status_code == 200, answer.text
    return f"/jobs/ingest/{answer.json()['id']}"


def upload(org: Org, job: str, body: str | bytes, **headers: str) -> int:
    data = body.encode() if isinstance(body, str) else body
    return org.http.put(
        f"{org.root}{job}/batches", data=data, headers={"Content-Type": "text/csv", **headers}
    ).status_code


def close(org: Org, job: str, state: str = "UploadComplete") -> dict[str, object]:
    answer = org.send("PATCH", job, {"state": state})
    assert answer.status_code == 200, answer.text
    told: dict[str, object] = answer.json()
    return told


def run(org: Org, body: str | bytes, **fields: object) -> tuple[str, dict[str, object]]:
    job = create(org, **fields)
    assert upload(org, job, body) == 201
    close(org, job)
    return job, org.get(job).json()


def rows(org: Org, job: str, which: str) -> list[dict[str, str]]:
    answer = org.get(f"{job}/{which}")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/csv")
    return list(csv.DictReader(io.StringIO(answer.text, newline="")))


def lines(*rows: str) -> str:
    return "\n".join((HEADER, *rows)) + "\n"


def test_a_job_from_end_to_end(leads: Org) -> None:
    made = leads.send("POST", "/jobs/ingest", LEADS).json()
    assert made["id"].startswith("750")
    assert (made["state"], made["apiVersion"], made["concurrencyMode"]) == ("Open", 62.0, "Parallel")
    assert made["contentUrl"] == f"services/data/v62.0/jobs/ingest/{made['id']}/batches"
    job = f"/jobs/ingest/{made['id']}"
    assert "numberRecordsProcessed" not in leads.get(job).json()
    assert upload(leads, job, lines("1,Rivera,Acme", "2,,Acme", "3,Okafor,Acme", "3,Okafor,Acme")) == 201
    closed = close(leads, job)
    assert closed["state"] == "UploadComplete"
    assert not {"lineEnding", "columnDelimiter", "contentUrl"} & closed.keys()
    polled = leads.get(job).json()
    assert (polled["state"], polled["jobType"]) == ("JobComplete", "V2Ingest")
    assert (polled["numberRecordsProcessed"], polled["numberRecordsFailed"]) == (4, 3)
    [good] = rows(leads, job, "successfulResults/")
    assert good == {
        "sf__Id": good["sf__Id"],
        "sf__Created": "true",
        "Ext__c": "1",
        "LastName": "Rivera",
        "Company": "Acme",
    }
    bad = {row["Ext__c"]: row["sf__Error"] for row in rows(leads, job, "failedResults")}
    missing = "REQUIRED_FIELD_MISSING:Required fields are missing: [LastName]:LastName --"
    assert bad == {"2": missing, "3": "DUPLICATE_VALUE:Duplicate external id specified: 3:Ext__c --"}
    assert rows(leads, job, "unprocessedRecords") == []
    text = leads.get(f"{job}/failedResults").text
    assert text.startswith('"sf__Id","sf__Error",Ext__c,LastName,Company\n"","')
    assert [(write.action, write.key) for write in leads.sandbox.history()] == [("create", "1")]


def test_nulls_and_empty_cells(leads: Org) -> None:
    header = "Ext__c,LastName,Company,City,State,Score__c\n"
    run(leads, header + "1,Rivera,Acme,Bonn,NW,912260031\n")
    job, _ = run(leads, header + '"1","","","#N/A","",""\n"2","x","","","",""\n')
    [record] = leads.sandbox.salesforce.objects("Lead")
    wanted = {"Ext__c": "1", "LastName": "Rivera", "Company": "Acme", "State": "NW", "Score__c": "912260031.0"}
    assert record.properties == wanted
    assert [row["Ext__c"] for row in rows(leads, job, "failedResults")] == ["2"]
    write = leads.sandbox.history()[-1]
    assert (write.action, write.properties) == ("update", {"Ext__c": "1", "City": ""})


def test_results_are_shuffled_and_written_anew(leads: Org) -> None:
    header = "Ext__c,LastName,Company,Score__c,Seen__c,Flag__c\n"
    body = header + "".join(f"{n},a,b,9122600{n}.5,2026-01-02T03:04:05+01:00,1\n" for n in range(10, 99))
    job, told = run(leads, body)
    assert told["numberRecordsFailed"] == 0
    found = rows(leads, job, "successfulResults")
    assert sorted(row["Ext__c"] for row in found) == [str(n) for n in range(10, 99)] != [row["Ext__c"] for row in found]
    row = next(row for row in found if row["Ext__c"] == "10")
    assert (row["Score__c"], row["Seen__c"], row["Flag__c"]) == (
        "9.12260010" + "5E8",
        "2026-01-02T02:04:05.000Z",
        "true",
    )


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (lines("1,a,b").replace("\n", "\r\n"), "ClientInputError : LineEnding is invalid on user data."),
        (lines('1,"a\rb",c'), "ClientInputError : LineEnding is invalid on user data."),
        ("\ufeff" + lines("1,a,b"), "InvalidBatch : Field name not found : \ufeffExt__c"),
        ("Foo,Ext__c,Bar\n1,2,3\n", "InvalidBatch : Field name not found : Foo"),
        ("LastName\na\n", "InvalidBatch : Field name not found : Ext__c"),
        ("Ext__c,Account.Name\n1,2\n", "InvalidBatch : Unable to find relationship: Account"),
        ("Ext__c,Account:Account__r.Key__c\n1,2\n", "InvalidBatch : type is not needed for non polymorphic"),
        ("Ext__c,Owner.Username\n1,2\n", "InvalidBatch : Field name not found : Owner.Username"),
        ("", "InvalidBatch : "),
        (b"Ext__c,LastName,Company\n1,\xff,b\n", "ClientInputError : "),
        (lines("1,a"), "InvalidBatch : a row has 2 fields"),
        (lines('1,"a"b,c'), "InvalidBatch : "),
    ],
)
def test_files_that_are_refused_after_201(leads: Org, body: str | bytes, error: str) -> None:
    job, told = run(leads, body)
    assert (told["state"], told["numberRecordsProcessed"], told["numberRecordsFailed"]) == ("Failed", 0, 0)
    assert str(told["errorMessage"]).startswith(error)
    assert rows(leads, job, "failedResults") == []
    assert not leads.sandbox.history()


def test_crlf_and_other_delimiters(leads: Org) -> None:
    body = 'Ext__c|LastName|Company\r\n"1"|"a ""b""\nc|d"|"x"\r\n'
    job, told = run(leads, body, lineEnding="CRLF", columnDelimiter="PIPE")
    assert told["state"] == "JobComplete"
    assert leads.sandbox.salesforce.objects("Lead")[0].properties["LastName"] == 'a "b"\nc|d'
    assert leads.get(f"{job}/successfulResults").text.startswith('"sf__Id"|"sf__Created"|Ext__c|LastName|Company\r\n')
    bad = body.replace('"x"\r\n', '"x"\n')
    assert "LineEnding" in str(run(leads, bad, lineEnding="CRLF", columnDelimiter="PIPE")[1]["errorMessage"])


def test_values_that_are_refused(leads: Org) -> None:
    header = "Ext__c,LastName,Company,Seen__c,Email,Account__c,OwnerId,IsConverted\n"
    cells = ["2026-09-28,,,,", ",nope,,,", ",,001,,", ",,0015e000000zzzz,,", ",,,00Q5e0000000001EAA,", ",,,,maybe"]
    job, _ = run(leads, header + "".join(f"{n},a,b,{each}\n" for n, each in enumerate(cells)))
    bad = {row["Ext__c"]: row["sf__Error"] for row in rows(leads, job, "failedResults")}
    assert bad["0"] == (
        "INVALID_FIELD:Failed to deserialize field at col 3. Due to, '2026-09-28' is not a valid value for the type"
        " xsd:dateTime:Seen__c --"
    )
    assert bad["1"] == "INVALID_EMAIL_ADDRESS:Email: invalid email address: nope:Email --"
    assert [bad[n].partition(":")[0] for n in "2345"] == [
        "MALFORMED_ID",
        "INVALID_CROSS_REFERENCE_KEY",
        "MALFORMED_ID",
        "INVALID_FIELD",
    ]


def test_parents_by_their_keys(leads: Org) -> None:
    [account] = leads.sandbox.salesforce.seed("Account", [{"Name": "Acme", "Key__c": "A-9"}])
    body = "Ext__c,LastName,Company,Account__r.Key__c,User:Owner.Username\n1,a,b,A-9,ana@example.com\n2,a,b,A-8,\n"
    job, _ = run(leads, body)
    [record] = leads.sandbox.salesforce.objects("Lead")
    assert record.properties["Account__c"] == account
    [bad] = rows(leads, job, "failedResults")
    text = "INVALID_FIELD:Foreign key external ID: A-8 not found for field Key__c in entity Account"
    assert bad["sf__Error"].startswith(text)


def test_insert_update_delete_and_hard_delete(leads: Org) -> None:
    job, _ = run(leads, "LastName,Company\na,b\n", operation="insert", externalIdFieldName=None)
    [made] = rows(leads, job, "successfulResults")
    body = f"Id,City\n{made['sf__Id'][:15]},Bonn\n00Q5e000000zzzz,Ulm\nx,Ulm\n"
    job, told = run(leads, body, operation="update", externalIdFieldName=None)
    assert told["numberRecordsFailed"] == 2
    [row] = rows(leads, job, "successfulResults")
    assert (row["sf__Id"], row["sf__Created"]) == (made["sf__Id"], "false")
    assert {row["sf__Id"] for row in rows(leads, job, "failedResults")} == {"00Q5e000000zzzz", "x"}
    run(leads, f"Id\n{made['sf__Id']}\n", operation="delete", externalIdFieldName=None)
    assert leads.query("SELECT count() FROM Lead", resource="queryAll").json()["totalSize"] == 1
    job, _ = run(leads, f"Id\n{made['sf__Id']}\n", operation="delete", externalIdFieldName=None)
    assert rows(leads, job, "failedResults")[0]["sf__Error"].startswith("ENTITY_IS_DELETED")
    [other] = leads.sandbox.salesforce.seed("Lead", [{"LastName": "c"}])
    run(leads, f"Id\n{other}\n", operation="hardDelete", externalIdFieldName=None)
    assert [write.action for write in leads.sandbox.history()] == ["create", "update", "archive", "purge"]
    _, told = run(leads, "Id,City\nx,y\n", operation="delete", externalIdFieldName=None)
    assert told["errorMessage"] == "InvalidBatch : delete batch must contain only ids"


def test_upsert_by_id(leads: Org) -> None:
    [lead] = leads.sandbox.salesforce.seed("Lead", [{"LastName": "c", "Company": "d"}])
    job, _ = run(leads, f"Id,LastName,Company\n{lead},x,y\n,z,z\n", externalIdFieldName="Id")
    found = {row["LastName"]: row["sf__Created"] for row in rows(leads, job, "successfulResults")}
    assert found == {"x": "false", "z": "true"}


def states(org: Org, job: str, *moves: float) -> Iterator[tuple[str, int]]:
    for move in moves:
        org.sandbox.advance(move)
        told = org.get(job).json()
        yield told["state"], told["numberRecordsProcessed"]


def test_the_clock_of_a_job(leads: Org) -> None:
    leads.sandbox.hold_clock()
    leads.sandbox.configure(salesforce={"bulk_seconds": 10, "bulk_rows_per_second": 100, "batch_size": 100})
    job = create(leads)
    upload(leads, job, lines(*(f"{n},a,b" for n in range(250))))
    close(leads, job)
    found = list(states(leads, job, 0, 9, 1, 1, 1, 0.4, 0.2))
    assert [state for state, _ in found] == ["UploadComplete"] * 2 + ["InProgress"] * 4 + ["JobComplete"]
    assert [count for _, count in found] == [0, 0, 0, 100, 200, 200, 250]
    assert leads.get(f"{job}/successfulResults").status_code == 200


def test_abort_in_the_middle(leads: Org) -> None:
    leads.sandbox.hold_clock()
    leads.sandbox.configure(salesforce={"bulk_rows_per_second": 100, "batch_size": 100})
    job = create(leads)
    upload(leads, job, lines(*(f"{n},a,b" for n in range(250))))
    close(leads, job)
    assert leads.get(f"{job}/successfulResults").json()[0]["errorCode"] == "INVALIDJOBSTATE"
    list(states(leads, job, 1))
    assert close(leads, job, "Aborted")["state"] == "Aborted"
    assert len(rows(leads, job, "successfulResults")) == 100
    assert [row["Ext__c"] for row in rows(leads, job, "unprocessedrecords")] == [str(n) for n in range(100, 250)]
    assert leads.send("PATCH", job, {"state": "Aborted"}).json()[0]["errorCode"] == "INVALIDJOBSTATE"
    leads.sandbox.advance(1000)
    assert len(leads.sandbox.history()) == 100


@pytest.mark.parametrize(
    ("fate", "state", "counts"),
    [
        ("failed", "Failed", (0, 0, 0)),
        ("half", "Failed", (6, 0, 4)),
        ("stuck", "InProgress", None),
        ("queued", "UploadComplete", None),
    ],
)
def test_fates(leads: Org, fate: str, state: str, counts: tuple[int, int, int] | None) -> None:
    leads.sandbox.configure(salesforce={"bulk_fate": fate, "batch_size": 2})
    job, _ = run(leads, lines(*(f"{n},a,b" for n in range(10))))
    leads.sandbox.advance(3600)
    assert leads.get(job).json()["state"] == state
    if counts is not None:
        files = ("successfulResults", "failedResults", "unprocessedrecords")
        assert tuple(len(rows(leads, job, name)) for name in files) == counts


def test_lifetimes(leads: Org) -> None:
    opened = create(leads)
    done, _ = run(leads, lines("1,a,b"))
    leads.sandbox.advance(86_401)
    assert leads.get(opened).json()["state"] == "Aborted"
    leads.sandbox.advance(6 * 86_400)
    assert leads.get(done).status_code == 404


def test_two_uploads_and_wrong_states(leads: Org) -> None:
    job = create(leads)
    assert upload(leads, job, lines("1,a,b")) == upload(leads, job, lines("2,a,b")) == 201
    answer = leads.send("PATCH", job, {"state": "UploadComplete"})
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "INVALIDJOB")
    assert "Found multipe contents" in answer.json()[0]["message"]
    assert leads.send("DELETE", job).json()[0]["errorCode"] == "INVALIDJOBSTATE"
    close(leads, job, "Aborted")
    assert upload(leads, job, lines("1,a,b")) == 400
    assert leads.send("DELETE", job).status_code == 204
    gone = leads.get(job)
    assert gone.json() == [{"message": "The requested resource does not exist", "errorCode": "NOT_FOUND"}]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"object": "Nothing"}, "INVALIDENTITY"),
        ({"externalIdFieldName": None}, "INVALIDJOB"),
        ({"externalIdFieldName": "City"}, "INVALIDJOB"),
        ({"operation": "merge"}, "JSON_PARSER_ERROR"),
    ],
)
def test_jobs_that_cannot_be(leads: Org, change: dict[str, object], code: str) -> None:
    answer = leads.send("POST", "/jobs/ingest", {**LEADS, **change})
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, code)


def test_a_job_made_with_its_data(leads: Org) -> None:
    job = '{"object":"Lead","operation":"upsert","externalIdFieldName":"Ext__c"}'
    files = {"job": (None, job, "application/json"), "content": ("x.csv", lines("1,a,b"), "text/csv")}
    made = leads.http.post(leads.root + "/jobs/ingest", files=files).json()
    assert made["state"] == "UploadComplete"
    assert leads.get(f"/jobs/ingest/{made['id']}").json()["state"] == "JobComplete"


def test_compressed_and_chunked_uploads(leads: Org) -> None:
    job = create(leads)
    assert upload(leads, job, gzip.compress(lines("1,a,b").encode()), **{"Content-Encoding": "gzip"}) == 201
    close(leads, job)
    job = create(leads)
    chunks = (each.encode() for each in (lines("2,a,b")[:20], lines("2,a,b")[20:]))
    leads.http.put(f"{leads.root}{job}/batches", data=chunks)
    close(leads, job)
    assert [record.properties["Ext__c"] for record in leads.sandbox.salesforce.objects("Lead")] == ["1", "2"]
    leads.sandbox.configure(salesforce={"upload_bytes": 10})
    assert upload(leads, create(leads), lines("1,a,b")) == 413


def test_the_list_of_jobs(leads: Org) -> None:
    jobs = [create(leads) for _ in range(5)]
    leads.sandbox.configure(salesforce={"jobs_page": 2})
    found, url = [], "/jobs/ingest?jobType=V2Ingest&isPkChunkingEnabled=false"
    while url:
        page = leads.get(url).json()
        found += [job["id"] for job in page["records"]]
        assert page["done"] is (page["nextRecordsUrl"] is None)
        url = (page["nextRecordsUrl"] or "").removeprefix(leads.path)
    assert found == [job.rpartition("/")[2] for job in jobs]
    assert leads.get("/jobs/ingest?jobType=Classic").json()["records"] == []


def test_the_daily_allocation_of_batches(leads: Org) -> None:
    leads.sandbox.configure(salesforce={"batches_daily": 2, "batch_size": 2})
    job, told = run(leads, lines(*(f"{n},a,b" for n in range(6))))
    assert (told["state"], str(told["errorMessage"])[:13]) == ("Failed", "ExceededQuota")
    files = ("successfulResults", "failedResults", "unprocessedrecords")
    assert [len(rows(leads, job, name)) for name in files] == [4, 0, 0]
    assert leads.get("/limits").json()["DailyBulkApiBatches"] == {"Max": 2, "Remaining": 0}


@pytest.mark.parametrize(("setting", "failed"), [("apply", 0), ("fail", 1)])
def test_one_key_in_two_internal_batches(leads: Org, setting: str, failed: int) -> None:
    leads.sandbox.configure(salesforce={"duplicates_in_job": setting, "batch_size": 1})
    _, told = run(leads, lines("1,a,b", "1,c,d"))
    assert told["numberRecordsFailed"] == failed
    [record] = leads.sandbox.salesforce.objects("Lead")
    assert record.properties["LastName"] == ("a" if failed else "c")


def test_fights_for_a_parents_lock(leads: Org) -> None:
    leads.sandbox.configure(salesforce={"lock_fights": 1.0})
    accounts = leads.sandbox.salesforce.seed("Account", [{"Name": "a"}, {"Name": "b"}])
    header = "Ext__c,LastName,Company,Account__c"

    def fight(order: list[str]) -> object:
        body = "\n".join([header, *(f"{n},a,b,{account}" for n, account in enumerate(order))]) + "\n"
        return run(leads, body)[1]["numberRecordsFailed"]

    assert fight(accounts * 200) == 200
    assert fight(sorted(accounts * 200)) == 0


def test_triggers_and_assignment_rules(leads: Org) -> None:
    ana = leads.ids("SELECT Id FROM User WHERE Username = 'ana@example.com'")[0]
    rules = {"triggers": [{"object": "Lead", "field": "LastName", "values": ["x"]}]}
    leads.sandbox.salesforce.rules(**rules, assignment_rules=[{"object": "Lead", "owner": ana}])
    _, told = run(leads, lines("1,x,b", "2,y,b"))
    assert told["numberRecordsFailed"] == 1
    run(leads, lines("3,y,b"), assignmentRuleId="01Q5e0000000001EAA")
    owners = [row["OwnerId"] == ana for row in leads.query("SELECT OwnerId FROM Lead").json()["records"]]
    assert owners == [False, True]

"""Imports: jobs on the sandbox clock, line errors, three at once, jobs that never end well."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import requests

if TYPE_CHECKING:
    from penstock_sandbox.handle import Sandbox
    from tests.sandbox.conftest import Api

PATH = "/crm/v3/imports"
COLUMNS = ("email", "firstname", "lead_score")


def mapping(columns: tuple[str, ...] = COLUMNS) -> list[dict[str, object]]:
    found: list[dict[str, object]] = [
        {"columnObjectTypeId": "0-1", "columnName": name, "propertyName": name} for name in columns
    ]
    found[0]["columnType"] = "HUBSPOT_ALTERNATE_ID"
    return found


def send(
    api: Api, *lines: str, name: str = "penstock 1", path: str = PATH, file_name: str = "c.csv", **more: object
) -> requests.Response:
    page = {"hasHeader": True, "columnMappings": more.pop("columns", mapping())}
    files = [{"fileName": "c.csv", "fileFormat": "CSV", "fileImportPage": page}]
    asked = {
        "name": name,
        "importOperations": {"0-1": "UPSERT"},
        "dateFormat": "YEAR_MONTH_DAY",
        "files": files,
        **more,
    }
    content = "\r\n".join((",".join(COLUMNS), *lines)).encode()
    return api.http.post(
        api.sandbox.hubspot_url + path,
        data={"importRequest": json.dumps(asked)},
        files={"files": (file_name, content, "text/csv")},
        timeout=10,
    )


def job(api: Api, *lines: str, **more: Any) -> str:
    answer = send(api, *lines, **more)
    assert answer.status_code == 200, answer.text
    found: str = answer.json()["id"]
    return found


def state(api: Api, job_id: str) -> str:
    found: str = api.call("GET", f"{PATH}/{job_id}").json()["state"]
    return found


def test_a_job_from_start_to_end(sandbox: Sandbox, api: Api) -> None:
    sandbox.hold_clock()
    sandbox.seed([{"email": "a@example.com", "firstname": "Old", "lead_score": "7"}])
    found = job(api, 'a@example.com,"Ana, M.",', "B@example.com,Ben,3")
    assert state(api, found) == "STARTED"
    assert [record.properties["firstname"] for record in sandbox.objects()] == ["Old"]
    sandbox.advance(2)
    assert state(api, found) == "PROCESSING"
    assert sandbox.history() == []
    sandbox.advance(1)
    assert len(sandbox.history()) == 1
    sandbox.advance(1)
    done = api.call("GET", f"/crm/imports/2026-03/{found}").json()
    assert (done["state"], done["importName"], done["mappedObjectTypeIds"]) == ("DONE", "penstock 1", ["0-1"])
    assert done["metadata"]["counters"] == {
        "TOTAL_ROWS": 2,
        "CREATED_OBJECTS": 1,
        "UPDATED_OBJECTS": 1,
        "UNIQUE_OBJECTS_WRITTEN": 2,
        "PROPERTY_VALUES_EMITTED": 5,
    }
    assert [record.properties for record in sandbox.objects()] == [
        {"email": "a@example.com", "firstname": "Ana, M.", "lead_score": "7"},
        {"email": "b@example.com", "firstname": "Ben", "lead_score": "3"},
    ]
    assert [write.key for write in sandbox.history()] == ["a@example.com", "b@example.com"]


def test_refused_lines_are_listed_by_number(sandbox: Sandbox, api: Api) -> None:
    api.call("POST", "/crm/v3/objects/contacts/gdpr-delete", {"objectId": "gone@example.com", "idProperty": "email"})
    lines = ("nope,Ana,1", "a@example.com,Ana,many", "b@example.com,Ben", "c@example.com,C,1", "c@example.com,C,1")
    found = job(api, *lines, "gone@example.com,G,1")
    sandbox.advance(4)
    assert state(api, found) == "DONE"
    first = api.call("GET", f"{PATH}/{found}/errors?limit=2").json()
    more = api.call("GET", f"{PATH}/{found}/errors?after={first['paging']['next']['after']}").json()
    got = [
        (each["errorType"], each["sourceData"]["lineNumber"], each["invalidValue"])
        for each in first["results"] + more["results"]
    ]
    assert got == [
        ("INVALID_EMAIL", 2, "nope"),
        ("COULD_NOT_PARSE_NUMBER", 3, "many"),
        ("INCORRECT_NUMBER_OF_COLUMNS", 4, "b@example.com"),
        ("DUPLICATE_ROW_CONTENT", 6, "c@example.com"),
        ("GDPR_BLACKLISTED_EMAIL", 7, "gone@example.com"),
    ]
    assert first["results"][0]["sourceData"]["rowData"] == ["nope", "Ana", "1"]
    assert [record.properties["email"] for record in sandbox.objects()] == ["c@example.com"]


def test_or_only_the_bad_value_is_left_out(sandbox: Sandbox, api: Api) -> None:
    sandbox.configure(hubspot={"import_bad_value": "value"})
    job(api, "a@example.com,Ana,many")
    sandbox.advance(4)
    assert [record.properties for record in sandbox.objects()] == [{"email": "a@example.com", "firstname": "Ana"}]


def test_operations(sandbox: Sandbox, api: Api) -> None:
    sandbox.seed([{"email": "a@example.com"}])
    for operation, lines in (("CREATE", "a@example.com"), ("UPDATE", "b@example.com")):
        found = job(api, f"{lines},Ana,1", importOperations={"0-1": operation})
        sandbox.advance(4)
        assert len(api.call("GET", f"{PATH}/{found}/errors").json()["results"]) == 1
    assert [record.properties for record in sandbox.objects()] == [{"email": "a@example.com"}]
    assert sandbox.imports()[0]["state"] == "DONE"


def test_three_at_once_and_found_again_by_name(sandbox: Sandbox, api: Api) -> None:
    sandbox.hold_clock()
    ids = [job(api, f"u{n}@example.com,U,1", name=f"penstock {n}") for n in range(5)]
    assert [state(api, each) for each in ids] == ["STARTED"] * 3 + ["DEFERRED"] * 2
    first = api.call("GET", f"{PATH}/?limit=3").json()
    second = api.call("GET", f"{PATH}?limit=3&after={first['paging']['next']['after']}").json()
    assert [each["importName"] for each in first["results"] + second["results"]] == [
        f"penstock {n}" for n in reversed(range(5))
    ]
    sandbox.advance(4)
    assert [state(api, each) for each in ids] == ["DONE"] * 3 + ["STARTED"] * 2
    assert api.call("POST", f"{PATH}/{ids[3]}/cancel").json()["status"] == "COMPLETE"
    sandbox.advance(4)
    assert [state(api, each) for each in ids[3:]] == ["CANCELED", "DONE"]
    assert len(sandbox.objects()) == 4


@pytest.mark.parametrize(
    ("fate", "last", "left"), [("deferred", "DEFERRED", 0), ("failed", "FAILED", 2), ("reverted", "REVERTED", 0)]
)
def test_jobs_that_end_badly(sandbox: Sandbox, api: Api, fate: str, last: str, left: int) -> None:
    sandbox.configure(hubspot={"import_fate": fate})
    found = job(api, *(f"u{n}@example.com,U,1" for n in range(4)))
    sandbox.advance(3600)
    assert state(api, found) == last
    assert len(sandbox.objects()) == left


def test_what_is_no_import_is_refused(sandbox: Sandbox, api: Api) -> None:
    assert send(api, "a@example.com,A,1", file_name="other.csv").status_code == 400
    assert send(api, "a@example.com,A,1", columns=mapping(("email", "firstname"))).status_code == 400
    assert api.call("POST", PATH, {"name": "x"}).status_code == 400
    assert api.call("GET", f"{PATH}/9").status_code == 404
    sandbox.configure(hubspot={"imports_daily": 1})
    assert [send(api, "a@example.com,A,1").status_code for _ in range(2)] == [200, 429]


def test_dates_are_read_in_the_imports_format(sandbox: Sandbox, api: Api) -> None:
    columns = mapping()
    columns[1]["propertyName"] = "signup_date"
    for text, named in (
        ("2026-03-04", "YEAR_MONTH_DAY"),
        ("03/04/2026", "MONTH_DAY_YEAR"),
        ("04/03/2026", "DAY_MONTH_YEAR"),
    ):
        job(api, f"{named.lower()}@example.com,{text},1", columns=columns, dateFormat=named)
    sandbox.advance(4)
    assert [record.properties["signup_date"] for record in sandbox.objects()] == ["2026-03-04"] * 3

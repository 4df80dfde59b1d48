"""Plain values for the tests of target-salesforce: an org's description, a batch, an answer."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from penstock.modes import MODES, Action, FieldRule, Json, Sync
from penstock.records import Batch, Form, Request, Response, Row, RowKey
from target_salesforce.api import Options, Salesforce

Body = dict[str, Any]
USER, QUEUE = "005000000000001AAA", "00G000000000001AAA"
PARTNER = "012000000000002AAA"


def field(name: str, kind: str = "string", **more: Any) -> Body:
    text = kind in ("string", "textarea", "email", "phone", "url", "picklist", "multipicklist")
    body = {
        "name": name,
        "type": kind,
        "createable": True,
        "updateable": True,
        "nillable": True,
        "length": 40 if text else 0,
        "precision": 6 if kind in ("double", "currency", "percent") else 0,
        "scale": 2 if kind in ("double", "currency", "percent") else 0,
        "digits": 8 if kind == "int" else 0,
    }
    return body | more


def reference(name: str, relationship: str, *objects: str, **more: Any) -> Body:
    return field(name, "reference", referenceTo=list(objects), relationshipName=relationship, **more)


def options(*values: str) -> Body:
    return {"restrictedPicklist": True, "picklistValues": [{"value": v, "active": v != "Old"} for v in values]}


KEY = field("Key__c", externalId=True, unique=True, idLookup=True)
FIELDS: Mapping[str, list[Body]] = {
    "Lead": [
        field("Id", "id", createable=False, updateable=False),
        field("LastName", nillable=False),
        field("Email", "email", idLookup=True),
        KEY,
        field("Loose__c", externalId=True),
        field("Number__c", "double", externalId=True, unique=True, precision=18, scale=0),
        field("Score__c", "double"),
        field("Size__c", "int"),
        field("Rating", "picklist", **options("Hot", "Cold", "Old")),
        field("Likes__c", "multipicklist", **options("Art", "Travel")),
        field("Free__c", "multipicklist"),
        field("Trial__c", "boolean"),
        field("Born__c", "date"),
        field("Seen__c", "datetime"),
        field("Wakes__c", "time"),
        field("Made__c", updateable=False),
        field("Total__c", createable=False, updateable=False),
        field("Address", "address"),
        reference("OwnerId", "Owner", "Group", "User"),
        reference("RecordTypeId", "RecordType", "RecordType"),
        reference("Account__c", "Account__r", "Account"),
    ],
    "Contact": [
        field("Id", "id", createable=False, updateable=False),
        field("LastName", nillable=False, length=30),
        field("Email", "email", idLookup=True),
        KEY,
        reference("AccountId", "Account", "Account"),
    ],
    "Account": [field("Id", "id"), field("Name"), KEY],
    "Task": [field("Id", "id"), KEY, field("Subject"), reference("WhoId", "Who", "Contact", "Lead")],
    "Seen__e": [field("Page__c"), field("Key__c")],
}
PREFIXES = {"Lead": "00Q", "Contact": "003", "Account": "001", "Task": "00T", "Seen__e": "e00"}


def describe(name: str) -> Body:
    types = [
        {"name": "Master", "recordTypeId": "012000000000000AAA", "master": True, "available": True},
        {"name": "Partner", "developerName": "Partner_Lead", "recordTypeId": PARTNER, "available": True},
    ]
    flags = dict.fromkeys(("createable", "updateable", "deletable", "queryable"), True)
    return {"name": name, "keyPrefix": PREFIXES[name], "fields": FIELDS[name], "recordTypeInfos": types, **flags}


def org_ask(request: Request) -> Response:
    """Answer the questions that the target asks at start."""
    path = unquote(request.path)
    if path.endswith("/sobjects"):
        return answer(200, {"sobjects": [{"name": name} for name in FIELDS]})
    if path.endswith("/describe"):
        return answer(200, describe(path.split("/")[-2]))
    if path.endswith("/limits"):
        return answer(200, {"DailyBulkApiBatches": {"Max": 15000, "Remaining": 14000}})
    if "FROM Organization" in path:
        records: list[Body] = [{"Id": "00D000000000001AAA"}]
    elif "FROM User" in path:
        records = [
            {"Id": USER, "Username": "kim@acme.example", "Email": "Kim@example.com"},
            {"Id": "005000000000002AAA", "Username": "a@acme.example", "Email": "both@example.com"},
            {"Id": "005000000000003AAA", "Username": "b@acme.example", "Email": "both@example.com"},
        ]
    else:
        records = [{"Id": QUEUE, "DeveloperName": "New_Leads"}]
    return answer(200, {"totalSize": len(records), "done": True, "records": records})


def answer(status: int, body: object, **headers: str) -> Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Response(status, {name.replace("_", "-"): value for name, value in headers.items()}, content)


def sync_of(fields: Sequence[str], object_name: str = "Lead", match: str | None = "Key__c", **more: Any) -> Sync:
    rules = {name: FieldRule(name) for name in fields}
    return Sync("leads", object_name, match, fields=rules, **{"strategy": MODES["upsert"], **more})


def told(sync: Sync, options: Options | None = None) -> tuple[Salesforce, Form]:
    """A Salesforce that has been told the org's description, and what it makes of a sync."""
    destination = Salesforce(options)
    columns: dict[str, Json] = {str(rule.column): {} for rule in (sync.fields or {}).values()}
    return destination, destination.form(sync, columns, ["id"], org_ask)


def row(
    sync: Sync, match: str, record_id: str | None = None, attempts: int = 1, led: int = 0, crowd: int = 0, **values: Any
) -> Row:
    payload: dict[str, object] = {**({sync.match: match} if sync.match else {}), **values}
    return Row(
        sync=sync,
        key=RowKey(json.dumps([match])),
        match=match,
        payload=payload,
        body=json.dumps(payload, separators=(",", ":")).encode(),
        fingerprint=b"",
        source_mark=None,
        record={},
        epochs=[],
        destination_id=record_id,
        attempts=attempts,
        led=led,
        crowd=crowd,
    )


def batch(sync: Sync, action: Action, rows: Sequence[Row]) -> Batch:
    return Batch(sync, action, list(rows))


def lead(number: int) -> str:
    return f"00Q{number:012d}EAA"


def sent(request: Request) -> Body:
    found: Body = json.loads(request.body or b"{}")
    return found


def done(record_id: str, **more: Any) -> Body:
    return {"id": record_id, "success": True, "errors": [], **more}


def failed(code: str, message: str = "zanzibar is wrong", *fields: str) -> Body:
    return {"success": False, "errors": [{"statusCode": code, "message": message, "fields": list(fields)}]}

"""Plain values for the tests of target-hubspot: a portal's properties, a batch, an answer."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from penstock.modes import Action, FieldRule, Json, Sync
from penstock.records import Batch, KnownRow, Request, Response, Row, RowKey
from target_hubspot.api import HubSpot
from target_hubspot.properties import Property

Body = dict[str, Any]


def definition(name: str, kind: str = "string", field_type: str = "text", **more: Any) -> Body:
    return {"name": name, "label": name.title(), "type": kind, "fieldType": field_type, "options": [], **more}


def options(*pairs: tuple[str, str]) -> list[Body]:
    return [{"label": label, "value": value} for label, value in pairs]


PORTAL: list[Body] = [
    definition("email"),
    definition("firstname"),
    definition("lead_score", "number", "number"),
    definition("signup_date", "date", "date"),
    definition("last_seen_at", "datetime", "date"),
    definition("plan", "enumeration", "select", options=options(("Gold plus", "gold"), ("Free", "free"))),
    definition("interests", "enumeration", "checkbox", options=options(("Art", "art"), ("Far travel", "travel"))),
    definition("is_customer", "bool", "booleancheckbox", options=options(("Yes", "true"), ("No", "false"))),
    definition("hubspot_owner_id", "enumeration", "select", externalOptions=True),
    definition("customer_key", hasUniqueValue=True),
    definition("createdate", "datetime", "date", modificationMetadata={"readOnlyValue": True}),
    definition("score_band", calculated=True),
    definition("hs_object_id", "number", "number", hasUniqueValue=True, modificationMetadata={"readOnlyValue": True}),
]
PROPERTIES: Mapping[str, Property] = {body["name"]: Property.of(body) for body in PORTAL}
FIELDS = {"email": FieldRule("mail"), "firstname": FieldRule("first")}


def portal_ask(request: Request) -> Response:
    """Answer the questions that the target asks at start."""
    body: Body = {"portalId": 12345678} if request.path.startswith("/account-info") else {"results": PORTAL}
    return answer(200, body)


def answer(status: int, body: object, **headers: str) -> Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Response(status, {name.replace("_", "-"): value for name, value in headers.items()}, content)


def hubspot(match: str = "email", fields: Mapping[str, FieldRule] | None = None) -> tuple[HubSpot, Sync]:
    """A HubSpot that has been told the portal's properties, and the sync it was asked about."""
    found = {**(fields or FIELDS), match: FieldRule(match)}
    sync = Sync("people", "contacts", match, fields=found)
    destination = HubSpot()
    columns: dict[str, Json] = {str(rule.column): {} for rule in found.values()}
    destination.form(sync, columns, ["id"], portal_ask)
    return destination, sync


def row(sync: Sync, match: str, record_id: str | None = None, former: str | None = None, **values: str) -> Row:
    payload: dict[str, object] = {str(sync.match): match, **values}
    known = None if former is None else KnownRow(1, None, record_id, former)
    return Row(
        sync=sync,
        key=RowKey(json.dumps([match])),
        match=match,
        payload=payload,
        body=json.dumps(payload).encode(),
        fingerprint=b"",
        source_mark=None,
        record={},
        epochs=[],
        known=known,
        destination_id=record_id,
        attempts=1,
    )


def batch(sync: Sync, action: Action, rows: Sequence[Row]) -> Batch:
    return Batch(sync, action, list(rows))


def sent(request: Request) -> Body:
    found: Body = json.loads(request.body or b"{}")
    return found


def result(record_id: str, email: str | None = None, **more: Any) -> Body:
    properties = {"createdate": "2026-10-17T09:00:00.200Z", "hs_object_id": record_id}
    return {"id": record_id, "properties": properties | ({"email": email} if email else {}), **more}


def row_error(code: str, *traces: str, **context: list[str]) -> Body:
    """An entry of `errors` in the shape of the recorded ones."""
    embedded = json.dumps([{"isValid": False, "message": "zanzibar was wrong", "error": code, "name": "firstname"}])
    error: Body = {"status": "error", "category": "VALIDATION_ERROR"}
    error["message"] = f"Property values were not valid: {embedded}"
    error["context"] = {"objectWriteTraceId": list(traces), **context}
    return error

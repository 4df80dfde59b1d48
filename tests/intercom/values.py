"""Plain values for the tests of target-intercom: a workspace, rows, batches, answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from penstock.modes import MODES, Action, FieldRule, Json, Link, Sync
from penstock.records import Batch, Form, KnownRow, Request, Response, Row, RowKey
from target_intercom.api import Intercom, Options

Body = dict[str, Any]
ONE, TWO = "6762f0dd1bb69f9f2193bb83", "6762f0dd1bb69f9f2193bb84"
CONTACT_FIELDS = {name: FieldRule(name) for name in ("external_id", "email", "name", "plan")}
COMPANY_FIELDS = {name: FieldRule(name) for name in ("company_id", "name", "monthly_spend", "tier")}


def attribute(name: str, kind: str = "string", **more: Any) -> Body:
    return {
        "type": "data_attribute",
        "id": 1,
        "name": name,
        "data_type": kind,
        "custom": True,
        "archived": False,
        **more,
    }


ATTRIBUTES: Mapping[str, list[Body]] = {
    "contact": [
        {"type": "data_attribute", "name": "email", "data_type": "string", "custom": False},
        attribute("plan"),
        attribute("seats", "integer"),
        attribute("share", "float"),
        attribute("paying", "boolean"),
        attribute("renews_at", "date"),
        attribute("band", options=["gold", {"value": "silver"}]),
        attribute("old", archived=True),
    ],
    "company": [attribute("tier")],
}


SUBSCRIPTIONS: list[Body] = [
    {"id": number, "state": state, "consent_type": consent, "default_translation": {"name": name, "locale": "en"}}
    for number, name, consent, state in (
        ("7", "News", "opt_in", "live"),
        ("8", "Texts", "opt_out", "live"),
        ("9", "Old", "opt_in", "archived"),
    )
]


def answer(status: int, body: object, **headers: str) -> Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Response(status, {name.replace("_", "-"): value for name, value in headers.items()}, content)


def ask(request: Request) -> Response:
    """Answer the questions that the target asks at start."""
    assert request.headers == {"Intercom-Version": "2.14"}
    if request.path == "/me":
        return answer(200, {"type": "admin", "app": {"id_code": "abc12345", "region": "US"}})
    if request.path == "/admins":
        return answer(200, {"type": "admin.list", "admins": [{"type": "admin", "id": "9", "email": "Ops@example.com"}]})
    if request.path == "/tags":
        return answer(200, {"type": "list", "data": []})
    if request.path == "/subscription_types":
        return answer(200, {"type": "list", "data": SUBSCRIPTIONS})
    if request.path.startswith("/custom_object_instances/"):
        return answer(404, error("not_found", "Resource Not Found"))
    model = "company" if "model=company" in request.path else "contact"
    return answer(200, {"type": "list", "data": ATTRIBUTES[model]})


def error(code: str, message: str = "zanzibar", **more: Any) -> Body:
    return {"type": "error.list", "request_id": None, "errors": [{"code": code, "message": message, **more}]}


def contact(contact_id: str = ONE, **more: Any) -> Body:
    return {"type": "contact", "id": contact_id, "role": "user", **more}


def sync(kind: str = "contacts", match: str | None = "external_id", mode: str = "upsert", **more: Any) -> Sync:
    fields = {"contacts": CONTACT_FIELDS, "companies": COMPANY_FIELDS}.get(kind)
    return Sync("people", kind, match, **{"fields": fields, "strategy": MODES[mode], **more})


def intercom(a_sync: Sync, columns: Mapping[str, Json] | None = None, **options: Any) -> tuple[Intercom, Form]:
    """An Intercom that knows the workspace, and what it made of a sync."""
    destination = Intercom(Options(**options))
    destination.account(ask)
    given = columns or {rule.column: {} for rule in (a_sync.fields or {}).values() if rule.column}
    return destination, destination.form(a_sync, {**given, "id": {}}, ["id"], ask)


def row(
    a_sync: Sync, match: str = "u-1", contact_id: str | None = None, former: str | None = None, **values: Any
) -> Row:
    payload = ({str(a_sync.match): match} if a_sync.match else {}) | values
    known = None if former is None else KnownRow(1, None, contact_id, former)
    return Row(
        sync=a_sync,
        key=RowKey(json.dumps([match])),
        match=match,
        payload=payload,
        body=json.dumps(payload).encode(),
        fingerprint=b"",
        source_mark=None,
        record={},
        epochs=[],
        known=known,
        destination_id=contact_id,
        attempts=1,
    )


def batch(action: Action, *rows: Row) -> Batch:
    return Batch(rows[0].sync, action, list(rows))


def sent(request: Request) -> Body:
    found: Body = json.loads(request.body or b"{}")
    return found


TAGS = Link("tags", "tags")
OF_CONTACT = Link("contacts", "who", match="external_id")

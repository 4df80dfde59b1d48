"""What all of Intercom's answers about single records have in common."""

from __future__ import annotations

import re

from penstock.bodies import Body, error_body, json_body
from penstock.errors import NotAccepted
from penstock.records import Batch, Delivered, Outcome, Response, Unknown
from target_intercom import codes
from target_intercom.refusals import refusal

LOOKS = 3
"""times that answers lead one row on before the next that would is taken at its word"""
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}").fullmatch
GONE = frozenset({"not_found", "company_not_found"})
OTHER = Unknown("the answer is about another record, or about none", answered=True)


def record_id(body: Body) -> str | None:
    """Return the id of a record: text, or a number."""
    found = body.get("id")
    text = str(found) if isinstance(found, str | int) and not isinstance(found, bool) else ""
    return text if _ID(text) else None


def is_absent(response: Response) -> bool:
    """Tell whether Intercom itself says that a record is not there, or went into another; a proxy's 404 does not."""
    gone = {404: GONE, 410: codes.MERGED}.get(response.status)
    return gone is not None and bool(codes.code_names(error_body(response)) & gone)


def record(response: Response, batch: Batch) -> Body:
    """Return the record that an answer is. Raises a Refusal or a Stop where it is none."""
    if response.status != 200:
        raise refusal(response, batch)
    body = json_body(response)
    if codes.errors(body) or body.get("type") == "error.list":
        raise NotAccepted("status 200 with an error")
    return body


def written(body: Body, name: str, value: str, record: str | None, *, created: bool | None) -> Outcome:
    """Hold that a record is the one that was written: by its id, or by the field that finds it where it shows that."""
    found = record_id(body)
    shown = body.get(name)
    strange = isinstance(shown, str) and name != "id" and shown.strip().lower() != value.strip().lower()
    if found is None or (record is not None and found != record) or (record is None and strange):
        return OTHER
    return Delivered(found, created)

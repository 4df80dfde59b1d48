"""Intercom's codes as a table: what they mean for whom. Sources: Intercom's list of error codes, and recorded bodies.

Every part of an error body may be missing, and more codes may come (documented); the default is never success.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from penstock.bodies import Body, objects_in

WINDOW_SECONDS = 10.0
"""the length of a rate window (documented)"""
UNAVAILABLE = frozenset({408, 500, 502, 503, 504})
SENTENCES: Mapping[str, str] = {
    "parameter_invalid": "Intercom does not take one of the values",
    "parameter_not_found": "something that the request names is not there",
    "parameter_missing": "a value is missing",
    "missing_parameter": "a value is missing",
    "type_mismatch": "a value is not of the attribute's type",
    "data_invalid": "Intercom does not take the values as they are together",
    "unprocessable_entity": "Intercom does not take the values as they are together",
    "bad_request": "Intercom does not know one of the fields, or what it was asked for",
    "not_found": "what the request names is not there (any more)",
    "company_not_found": "the company is not there (any more)",
    "conflict": "another contact has the same external_id or e-mail address",
    "resource_conflict": "another record has the same identity",
    "contact_merged": "the contact was merged into another one, which was merged in turn",
    "contact_company_limit_exceeded": "the contact is in 1,000 companies already, the most that there can be",
    "action_forbidden": "Intercom forbids this for the record",
}
MERGED = frozenset({"contact_merged"})
INVALID = "parameter_invalid"
REFUSED_EMAIL = "Intercom does not accept the e-mail address"
_CODE = re.compile(r"[a-z][a-z0-9_]{1,59}").fullmatch
_NAME = re.compile(r"[A-Za-z0-9_.$ -]{1,100}").fullmatch
"""what a code and a name look like; anything else in their place may be a record's value and is not repeated"""
_IS_FIELD = re.compile(r"(?i)^(?:the )?(email|external_id|role|phone|avatar|owner)\b").match
"""how a message begins that is about one of Intercom's own fields; a value may stand behind it, never in its place"""
_ID = re.compile(r"\bid=([0-9a-f]{24})\b")
_UNDEFINED = re.compile(r"Custom attribute '([^']{1,190})' does not exist")


@dataclass(frozen=True)
class Reason:
    """Why Intercom refused something. `message` is ours: Intercom's own can repeat a value."""

    code: str
    message: str
    field: str | None = None


def errors(body: Body) -> list[Body]:
    """Return the errors of an answer; none where it is no list of errors."""
    return objects_in(body.get("errors")) if body.get("type") == "error.list" else []


def code_names(body: Body) -> frozenset[str]:
    """Return the codes of an answer."""
    return frozenset(str(each.get("code")) for each in errors(body))


def names_contact(body: Body) -> bool:
    """Tell whether it is a contact that is not there; other things are not_found under other words (documented)."""
    merged = bool(code_names(body) & MERGED)
    return merged or any(error.get("message") == "User Not Found" for error in errors(body))


def reason(body: Body) -> Reason:
    """Read the first error of an answer."""
    error: Body = next(iter(errors(body)), {})
    found, field = error.get("code"), error.get("field")
    code = found if isinstance(found, str) and _CODE(found) else "unknown"
    name = field if isinstance(field, str) and _NAME(field) else _field_of(str(error.get("message")))
    sentence = SENTENCES.get(code, f"Intercom refused it with code {code}")
    if code == INVALID and name is not None:
        sentence = REFUSED_EMAIL if name == "email" else f"Intercom does not take the value of {name}"
    return Reason(code, sentence, name)


def _field_of(message: str) -> str | None:
    """Return the field that a message begins with: not every error has a field of its own."""
    found = _IS_FIELD(message)
    return None if found is None else {"owner": "owner_id"}.get(found[1].lower(), found[1].lower())


def undefined_attribute(body: Body) -> str | None:
    """Return the name of an attribute that an error calls undefined; it can only be one that the sync writes."""
    found = [_UNDEFINED.search(str(error.get("message"))) for error in errors(body)]
    return next((match[1] for match in found if match), None)


def existing(body: Body) -> tuple[str | None, bool]:
    """Return the id of the contact that a 409 is about, where it tells it, and whether that one is archived."""
    messages = [str(error.get("message")) for error in errors(body)]
    found = next((match[1] for message in messages if (match := _ID.search(message))), None)
    return found, any("archived contact" in message for message in messages)

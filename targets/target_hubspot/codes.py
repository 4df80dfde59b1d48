"""HubSpot's answers as a table: status, category and code on the left, what to do on the right.

Sources: HubSpot's error handling guide and bodies recorded by others against live portals. Every field of an error
body is optional by HubSpot's own word, so every rule has a default, and the default is never success.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

WINDOW_SECONDS = 10.0
"""length of the rolling rate window; HubSpot documents no Retry-After for 429"""

UNAVAILABLE = frozenset({423, 500, 502, 503, 504, 521, 522, 523, 524, 525, 526})
"""trouble on their side, or a lock of some two seconds (423); worth another try"""

POLICY_WAITS: Mapping[str, float] = {"TEN_SECONDLY_ROLLING": WINDOW_SECONDS, "SECONDLY": 1.0}
"""seconds to wait after a 429, by the policy it names"""

CONFIGURATION = re.compile(r"non-unique .* property|Unable to infer object type|idProperty", re.IGNORECASE)
"""texts of a 400 that no row is to blame for"""

EXISTING_ID = re.compile(r"Existing ID: (\d+)")

SENTENCES: Mapping[str, str] = {
    "INVALID_EMAIL": "HubSpot does not accept the e-mail address",
    "INVALID_OPTION": "the value is none of the property's options",
    "INVALID_INTEGER": "the value is not a number",
    "INVALID_LONG": "the value is not a whole number or time",
    "INVALID_DATE": "the value is not a date at midnight UTC",
    "PROPERTY_DOESNT_EXIST": "the property does not exist (any more)",
    "READ_ONLY_VALUE": "the property cannot be written",
    "CONFLICTING_UNIQUE_VALUE": "another record has the same value, and the property allows each value once",
    "MISSING_REQUIRED_PROPERTY": "a property that is required has no value",
    "MISSING_CONDITIONAL_REQUIRED_PROPERTY": "a property that an admin made required has no value",
    "CONFLICT": "another record exists with the same identity",
    "OBJECT_ALREADY_EXISTS": "another record exists with the same identity",
    "OBJECT_NOT_FOUND": "the record does not exist (any more)",
}


@dataclass(frozen=True)
class Reason:
    """Why HubSpot refused a row. `message` is ours: HubSpot's own text repeats the value."""

    code: str
    message: str
    property: str | None = None


def reason(error: Mapping[str, object]) -> Reason:
    """Read the reason out of an error body or an entry of `errors`, whatever of it is there."""
    embedded = _embedded(error.get("message"))
    code = embedded.get("error") or error.get("code") or _first_code(error) or error.get("category") or "UNKNOWN"
    name = embedded.get("name") or _context(error, "propertyName") or _nested_property(error)
    known = SENTENCES.get(str(code))
    return Reason(str(code), known or f"HubSpot refused the record with code {code}", str(name) if name else None)


def _embedded(message: object) -> Mapping[str, object]:
    """Return the first entry of the JSON list that HubSpot writes into its message text."""
    if not isinstance(message, str) or "[{" not in message:
        return {}
    try:
        found, _ = json.JSONDecoder().raw_decode(message[message.index("[{") :])
    except ValueError:
        return {}
    first = found[0] if isinstance(found, list) and found else {}
    return first if isinstance(first, dict) else {}


def _entries(error: Mapping[str, object]) -> list[Mapping[str, object]]:
    errors = error.get("errors")
    return [e for e in errors if isinstance(e, dict)] if isinstance(errors, list) else []


def _first_code(error: Mapping[str, object]) -> object:
    return next((e["code"] for e in _entries(error) if e.get("code")), None)


def _nested_property(error: Mapping[str, object]) -> str | None:
    return next((name for e in _entries(error) if (name := _context(e, "propertyName"))), None)


def _context(error: Mapping[str, object], name: str) -> str | None:
    context = error.get("context")
    values = context.get(name) if isinstance(context, dict) else None
    return str(values[0]) if isinstance(values, list) and values else None


def context_list(error: Mapping[str, object], name: str) -> list[str]:
    """Return a list from an error's context, empty when it is not there."""
    context = error.get("context")
    values = context.get(name) if isinstance(context, dict) else None
    return [str(v) for v in values] if isinstance(values, list) else []


def existing_id(error: Mapping[str, object]) -> str | None:
    """Return the id of the record that a conflict is about, when the error tells it."""
    found = context_list(error, "existingId")
    if found:
        return found[0]
    match = EXISTING_ID.search(str(error.get("message", "")))
    return match.group(1) if match else None


def scopes(error: Mapping[str, object]) -> list[str]:
    """Return the scopes that a 403 asks for."""
    wanted = context_list(error, "requiredGranularScopes")
    for entry in _entries(error):
        wanted += context_list(entry, "requiredGranularScopes")
    return sorted(set(wanted))

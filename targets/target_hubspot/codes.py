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

UNAVAILABLE = frozenset({408, 423, 500, 502, 503, 504, 521, 522, 523, 524, 525, 526})
"""trouble on their side or on the way, or a lock of some two seconds (423); worth another try"""

POLICY_WAITS: Mapping[str, float] = {"TEN_SECONDLY_ROLLING": WINDOW_SECONDS, "SECONDLY": 1.0}
"""seconds to wait after a 429, by the policy it names"""

CONFIGURATION = re.compile(
    r"Unable to perform \S+ by non-unique|Unable to infer object type|All inputs must have the same idProperty"
)
"""how the texts of a 400 begin that no row is to blame for; a row's own value can stand further on"""

EXISTING_ID = re.compile(r"Existing ID: ([0-9]+)")
_CODE = re.compile(r"[A-Z][A-Z0-9_]{1,59}").fullmatch
_NAME = re.compile(r"[A-Za-z0-9_.:-]{1,100}").fullmatch
"""what a code and a name look like; anything else in their place may be a record's value and is not repeated"""

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


OF_THE_PORTAL = frozenset({"PROPERTY_DOESNT_EXIST", "READ_ONLY_VALUE"})
"""codes that are nobody's but the portal's: it has changed since the run began"""


@dataclass(frozen=True)
class Reason:
    """Why HubSpot refused a row. `message` is ours: HubSpot's own text repeats the value."""

    code: str
    message: str
    property: str | None = None


def reason(error: Mapping[str, object]) -> Reason:
    """Read the reason out of an error body or an entry of `errors`, whatever of it is there."""
    embedded = _embedded(error.get("message"))
    found = [embedded.get("error"), error.get("code"), *(e.get("code") for e in _entries(error)), error.get("category")]
    code = next((c for c in found if isinstance(c, str) and _CODE(c)), "UNKNOWN")
    places = [embedded.get("name"), *(n for e in (error, *_entries(error)) for n in context_list(e, "propertyName"))]
    name = next((n for n in places if isinstance(n, str) and _NAME(n)), None)
    return Reason(code, SENTENCES.get(code, f"HubSpot refused the record with code {code}"), name)


def _embedded(message: object) -> Mapping[str, object]:
    """Return the first entry of the JSON list that HubSpot writes into its message text."""
    if not isinstance(message, str) or "[{" not in message:
        return {}
    try:
        found, _ = json.JSONDecoder().raw_decode(message[message.index("[{") :])
    except (ValueError, RecursionError):
        return {}
    first = found[0] if isinstance(found, list) and found else {}
    return first if isinstance(first, dict) else {}


def _entries(error: Mapping[str, object]) -> list[Mapping[str, object]]:
    errors = error.get("errors")
    return [e for e in errors if isinstance(e, dict)] if isinstance(errors, list) else []


def context_list(error: Mapping[str, object], name: str) -> list[str]:
    """Return a list from an error's context, empty when it is not there."""
    context = error.get("context")
    values = context.get(name) if isinstance(context, dict) else None
    return [str(v) for v in values] if isinstance(values, list) else []


def existing_id(error: Mapping[str, object]) -> str | None:
    """Return the id of the record that a conflict is about, when the error tells it."""
    found = next((each for each in context_list(error, "existingId") if each.isascii() and each.isdigit()), None)
    if found:
        return found
    match = EXISTING_ID.search(str(error.get("message", "")))
    return match.group(1) if match else None


def scopes(error: Mapping[str, object]) -> list[str]:
    """Return the scopes that a 403 asks for."""
    wanted = context_list(error, "requiredGranularScopes")
    for entry in _entries(error):
        wanted += context_list(entry, "requiredGranularScopes")
    return sorted({scope for scope in wanted if _NAME(scope)})


def label(text: object) -> str:
    """Return a category or policy name for a message, or a stand-in when it does not look like one."""
    return text if isinstance(text, str) and _CODE(text) else "no category"

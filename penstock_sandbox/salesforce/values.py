"""What a field accepts, from JSON and from the text of a CSV cell, and what is stored of it."""

from __future__ import annotations

import re
from datetime import date, datetime, timezone
from typing import TYPE_CHECKING

from penstock_sandbox.provenance import assumed, documented, recorded
from penstock_sandbox.salesforce.errors import Problem
from penstock_sandbox.salesforce.fields import NUMBERS, TEXT, Field
from penstock_sandbox.salesforce.ids import canonical

if TYPE_CHECKING:
    from penstock_sandbox.salesforce.table import Value

TYPES = "developer.salesforce.com/docs, SOAP API Developer Guide: Core Data Types, Field Types"
CASSETTES = "CumulusCI and grouparoo recordings, facts of the sample files"
EMAIL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:?\d\d)")
_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,3})?Z?")
_SOAP = {"datetime": "xsd:dateTime", "date": "xsd:date", "boolean": "xsd:boolean", "int": "xsd:int"}
_MOST_VALUES = 100


class UnreadableError(ValueError):
    """A value that is not of the field's type at all; the text says so as Salesforce does."""


@recorded("A value that cannot be read into the type is JSON_PARSER_ERROR for the request", CASSETTES)
@assumed(
    "Numbers and booleans are taken for text, text of digits for numbers", "what Salesforce's parser is known to coerce"
)
@assumed("An empty text is null", "Salesforce stores no empty strings")
@assumed("null is no value of a checkbox: INVALID_TYPE_ON_FIELD_IN_RECORD", "the exact answer was not recorded")
def from_json(field: Field, value: object) -> Value | Problem:
    """Return what is stored of a JSON value, or why it is refused. Raises UnreadableError."""
    if value is None:
        if field.type == "boolean":
            message = f"{field.label}: value not of required type: null"
            return Problem("INVALID_TYPE_ON_FIELD_IN_RECORD", message, (field.name,))
        return None
    if isinstance(value, dict | list):
        token = "START_OBJECT" if isinstance(value, dict) else "START_ARRAY"
        raise _unreadable(field, token, "")
    if field.type == "boolean":
        if isinstance(value, bool):
            return value
        raise _unreadable(field, _token(value), value)
    if isinstance(value, bool) and field.type not in TEXT:
        raise _unreadable(field, _token(value), value)
    text = _plain(value)
    if not text:
        return None
    return _typed(field, text, value)


def _typed(field: Field, text: str, value: object) -> Value | Problem:
    if field.type in TEXT:
        return checked_text(field, text)
    if field.type in NUMBERS or field.type == "int":
        if not NUMBER.fullmatch(text):
            raise _unreadable(field, _token(value), value)
        return checked_number(field, float(text))
    if field.type in {"reference", "id"}:
        return checked_id(field, text)
    found = _temporal(field, text) if isinstance(value, str) else None
    if found is None and field.type in {"date", "datetime", "time"}:
        raise _unreadable(field, _token(value), value)
    return text if found is None else found


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _token(value: object) -> str:
    match value:
        case bool():
            return f"VALUE_{str(value).upper()}"
        case int():
            return "VALUE_NUMBER_INT"
        case float():
            return "VALUE_NUMBER_FLOAT"
        case _:
            return "VALUE_STRING"


def _unreadable(field: Field, token: str, value: object) -> UnreadableError:
    kind = "double" if field.type in NUMBERS else "string" if field.type in TEXT else field.type
    return UnreadableError(
        f"Cannot deserialize instance of {kind} from {token} value {value} or request may be missing a required field"
    )


@recorded("A cell that cannot be read is INVALID_FIELD, Failed to deserialize field at col N", CASSETTES)
@documented(
    "Booleans are true and false in any case; numbers may have an exponent", "Bulk API 2.0 Guide: Valid CSV records"
)
@assumed("Booleans may be 1 and 0", "unclear; other clients send them")
def from_text(field: Field, cell: str, column: int) -> Value | Problem:
    """Return what is stored of a cell that is neither empty nor `#N/A`, or why it is refused."""
    if field.type in TEXT:
        return checked_text(field, cell)
    if field.type == "boolean":
        known = {"true": True, "1": True, "false": False, "0": False}.get(cell.lower())
        return _bad_cell(field, cell, column) if known is None else known
    if field.type in NUMBERS or field.type == "int":
        return checked_number(field, float(cell)) if NUMBER.fullmatch(cell) else _bad_cell(field, cell, column)
    if field.type in {"reference", "id"}:
        return checked_id(field, cell)
    found = _temporal(field, cell)
    if found is None and field.type in {"date", "datetime", "time"}:
        return _bad_cell(field, cell, column)
    return cell if found is None else found


def _bad_cell(field: Field, cell: str, column: int) -> Problem:
    soap = _SOAP.get(field.type, "xsd:double")
    message = f"Failed to deserialize field at col {column}. Due to, '{cell}' is not a valid value for the type {soap}"
    return Problem("INVALID_FIELD", message, (field.name,))


@recorded("Too long is STRING_TOO_LONG, with label, value and length", CASSETTES)
@recorded("E-mail addresses are kept in lower case", "CumulusCI, TestUpsert.test_upsert__rest")
@recorded("A bad address is INVALID_EMAIL_ADDRESS with the field's label", CASSETTES)
@recorded("A value that a closed list has not is INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", CASSETTES)
@documented("Open picklists take any text; a multi-select takes several, `;` between", TYPES)
@assumed("Picklist values are compared with case", "the fact sheet; the platform's own help is silent")
def checked_text(field: Field, text: str) -> Value | Problem:
    """Check a text against its field."""
    if len(text) > field.length and field.type != "multipicklist":
        message = f"{field.label}: data value too large: {text} (max length={field.length})"
        return Problem("STRING_TOO_LONG", message, (field.name,))
    if field.type == "email":
        if not EMAIL.fullmatch(text):
            return Problem("INVALID_EMAIL_ADDRESS", f"{field.label}: invalid email address: {text}", (field.name,))
        return text.lower()
    if field.type == "multipicklist" and text.count(";") >= _MOST_VALUES:
        return Problem("TOO_MANY_ENUM_VALUE", f"{field.label}: too many values", (field.name,))
    if field.restricted_picklist:
        chosen = text.split(";") if field.type == "multipicklist" else [text]
        bad = [each for each in chosen if each not in field.picklist_values]
        if bad:
            message = f"{field.label}: bad value for restricted picklist field: {bad[0]}"
            return Problem("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, (field.name,))
    return text


@documented("A number beyond the field's digits is NUMBER_OUTSIDE_VALID_RANGE", TYPES)
@assumed("Decimals beyond the scale are rounded", "the scale is documented, the rounding is not")
@assumed("An int with a fraction is out of range", "the answer is not documented")
def checked_number(field: Field, number: float) -> Value | Problem:
    """Check a number against its field."""
    if field.type == "int":
        if number.is_integer() and abs(number) < 10**8:
            return int(number)
    elif abs(number) < number_limit(field):
        return round(number, field.scale)
    shown = int(number) if number.is_integer() else number
    message = f"{field.label}: value outside of valid range on numeric field: {shown}"
    return Problem("NUMBER_OUTSIDE_VALID_RANGE", message, (field.name,))


def number_limit(field: Field) -> float:
    """Return what a number of the field must stay below."""
    return float(10 ** (field.precision - field.scale))


@recorded("What is no id is MALFORMED_ID with the field's label", "restforce fixtures, reports in the fact sheet")
def checked_id(field: Field, text: str) -> Value | Problem:
    """Check the form of an id; what it refers to is looked at later."""
    found = canonical(text)
    if found is None:
        return Problem("MALFORMED_ID", f"{field.label}: id value of incorrect type: {text}", (field.name,))
    return found


@documented("Dates are yyyy-MM-dd, times need `T` and a zone, and are kept in UTC", TYPES)
def _temporal(field: Field, text: str) -> str | None:
    """Return a date or time in the form in which it is kept, None for what is none."""
    try:
        if field.type == "date":
            return date.fromisoformat(text).isoformat() if _DAY.fullmatch(text) else None
        if field.type == "time":
            found = _TIME.fullmatch(text)
            return None if found is None else f"{text[:8]}{(found[2] or '.000').ljust(4, '0')}Z"
        return moment(text) if field.type == "datetime" else None
    except ValueError:
        return None


def moment(text: str) -> str | None:
    """Return a time in UTC as Salesforce writes it, None for what is none. Raises ValueError for a 30th of February."""
    found = _MOMENT.fullmatch(text)
    if found is None:
        return None
    zone = "+0000" if found[3] == "Z" else found[3].replace(":", "")
    parsed = datetime.fromisoformat(f"{found[1]}{zone[:3]}:{zone[3:]}")
    millis = ((found[2] or "") + "000")[:3]
    return f"{parsed.astimezone(timezone.utc).isoformat()[:19]}.{millis}+0000"

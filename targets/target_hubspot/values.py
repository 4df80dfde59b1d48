"""What a source value becomes in a HubSpot property, by the property's type, and which values are never sent.

Property values travel as JSON strings whatever their type; `""` clears a property, an absent one stays as it is
(documented in HubSpot's properties guide, as are the texts that it refuses).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from decimal import Decimal
from typing import TYPE_CHECKING

from penstock.errors import InvalidRecord
from penstock.records import Convert

if TYPE_CHECKING:
    from target_hubspot.properties import Property

MAX_TEXT = 65_536
"""characters in a text property (documented)"""
_DIGITS = re.compile(r"-?[0-9]+(\.[0-9]+)?").fullmatch
_RECORD_ID = re.compile(r"[0-9]{1,20}").fullmatch
_MOMENT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[Tt ]([0-9]{2}:[0-9]{2}(?::[0-9]{2})?)(?:[.,]([0-9]+))? ?"
    r"([Zz]|[+-](?:[01][0-9]|2[0-3])(?::?[0-5][0-9])?)?)?"
).fullmatch
"""a day, and perhaps a time of day, a fraction of a second, an offset: one grammar for every version of Python, whose
own parsers differ"""
_UTC_OFFSETS = frozenset({None, "Z", "z", "+00:00"})


def normalise_email(value: str) -> str:
    """Write an address as HubSpot compares it: without blanks around it, in lower case."""
    return value.strip().lower()


def converter(found: Property) -> Convert:
    """Return what turns a source value into the text that this property takes."""
    if found.name == "email":
        return _email
    if found.owner:
        return _owner(found)
    if found.type == "enumeration" and found.options and not found.external_options:
        return _enumeration(found)
    return _BY_TYPE.get(found.type, text)


def key(convert: Convert) -> Convert:
    """Return a converter for the match property: what is written must be what the object is found by again."""
    return lambda value: str(convert(value)).strip()


def refuse(rule: str) -> InvalidRecord:
    """Return the error for a value that breaks a rule; the value is not in it."""
    return InvalidRecord("value", f"the value {rule}")


def text(value: object) -> str:
    """Write a plain value as text; numbers without an exponent."""
    if type(value) is str:
        if len(value) > MAX_TEXT:
            raise InvalidRecord("too_long", f"the value is longer than {MAX_TEXT} characters")
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | Decimal):
        return _plain(value)
    raise refuse("is an object or a list, which a text property cannot hold")


def _email(value: object) -> str:
    return normalise_email(text(value))


def _plain(value: int | float | Decimal) -> str:
    """Write a number without an exponent. Floats come from constants and stream maps; a tap's numbers are Decimals."""
    if isinstance(value, int):
        return str(value)
    number = Decimal(repr(value)) if isinstance(value, float) else value
    if not number.is_finite():
        raise refuse("is not a finite number")
    if not -400 < number.adjusted() < 400:
        raise refuse("is too large or too small a number to write out")
    return format(number, "f")


def _number(value: object) -> str:
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return _plain(value)
    if isinstance(value, str) and _DIGITS(value):
        return value
    raise refuse("is not a number (digits and one dot)")


def record_id(value: object) -> str:
    """Write the id of a record."""
    found = text(value).strip()
    if not _RECORD_ID(found):
        raise refuse("is no record id (digits)")
    return found


def _owner(found: Property) -> Convert:
    """Return a converter that takes owners' ids and, through the portal's list of owners, their addresses."""

    def owner(value: object) -> str:
        named = text(value).strip()
        if "@" not in named:
            return named
        if (known := found.options.get(normalise_email(named))) is None:
            raise refuse("is the address of none of the portal's owners")
        return known

    return owner


def _boolean(value: object) -> str:
    if value is True or value == "true":
        return "true"
    if value is False or value == "false":
        return "false"
    raise refuse("is neither true nor false")


def _date(value: object) -> str:
    """Write a day. A time of day is refused unless it is midnight UTC: cutting it could name the wrong day."""
    if not isinstance(value, str):
        raise refuse("is not a date (YYYY-MM-DD)")
    try:
        moment, fraction = _moment(value)
    except ValueError:
        raise refuse("is not a date (YYYY-MM-DD)") from None
    if not moment.endswith("T00:00:00") or fraction.strip("0"):
        raise refuse("has a time of day, the property holds a date: cast it to a date in the model")
    return moment[:10]


def _moment(value: str) -> tuple[str, str]:
    """Return a moment in UTC, `YYYY-MM-DDTHH:MM:SS`, and the digits of its fraction. Raises ValueError."""
    found = _MOMENT(value)
    if found is None:
        raise ValueError("no date-time")
    day, clock, fraction, offset = found.groups()
    moment = datetime.fromisoformat(f"{day}T{clock or '00:00'}")
    if offset not in _UTC_OFFSETS:
        zone = f"{offset[:3]}:{offset[-2:] if len(offset) > 3 else '00'}"
        try:
            moment = datetime.fromisoformat(f"{day}T{clock}{zone}").astimezone(timezone.utc).replace(tzinfo=None)
        except OverflowError as error:
            raise ValueError("outside the years 1 to 9999") from error
    return moment.isoformat(), fraction or ""


def moment(value: object) -> str:
    """Write a moment in UTC, to the millisecond, which is what HubSpot keeps. Without an offset it is UTC."""
    if not isinstance(value, str):
        raise refuse("is not a date-time (ISO 8601)")
    try:
        second, fraction = _moment(value)
    except ValueError:
        raise refuse("is not a date-time (ISO 8601)") from None
    return f"{second}.{fraction[:3]:0<3}Z"


def _enumeration(found: Property) -> Convert:
    """Return a converter that takes option values or labels; several for a checkbox property, `;a` to add one."""
    values = frozenset(found.options.values())
    labels = found.options
    several = found.field_type == "checkbox"
    allowed = ", ".join(sorted(values)[:20])

    def one(value: object) -> str:
        name = text(value)
        if name in values or not name:
            return name
        if name in labels:
            return labels[name]
        raise refuse(f"is none of the property's options: {allowed}")

    def many(value: object) -> str:
        parts = value if isinstance(value, list) else text(value).split(";")
        chosen = ";".join(name for part in parts if (name := one(part)))  # empty parts name no option
        if not isinstance(value, str) or not value.startswith(";"):
            return chosen
        if not chosen:
            raise refuse("adds no option; leave it null, with `nulls: skip`, to change nothing")
        return f";{chosen}"  # HubSpot adds to what is there instead of replacing it (documented)

    return many if several else one


_BY_TYPE: Mapping[str, Callable[[object], str]] = {
    "number": _number,
    "date": _date,
    "datetime": moment,
    "bool": _boolean,
}

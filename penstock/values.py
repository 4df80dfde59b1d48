"""What a source value becomes by the type of the field that it goes into, and which values are never sent.

A target puts these together for the types that its destination has. Payload values are text, as they travel in files
and in the bodies of most destinations. Every function raises InvalidRecord, whose message names the rule that a value
breaks and never the value.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from decimal import Decimal

from penstock.errors import InvalidRecord
from penstock.records import Convert

SHOWN = 20
"""options that a message names at most"""
_DIGITS = re.compile(r"-?[0-9]+(\.[0-9]+)?").fullmatch
_WHOLE = re.compile(r"[0-9]{1,20}").fullmatch
_MOMENT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[Tt ]([0-9]{2}:[0-9]{2}(?::[0-9]{2})?)(?:[.,]([0-9]+))? ?"
    r"([Zz]|[+-](?:[01][0-9]|2[0-3])(?::?[0-5][0-9])?)?)?"
).fullmatch
"""a day, and perhaps a time of day, a fraction of a second, an offset: one grammar for every version of Python, whose
own parsers differ"""
_UTC_OFFSETS = frozenset({None, "Z", "z", "+00:00"})


def refuse(rule: str) -> InvalidRecord:
    """Return the error for a value that breaks a rule; the value is not in it."""
    return InvalidRecord("value", f"the value {rule}")


def text(value: object) -> str:
    """Write a plain value as text; numbers without an exponent."""
    if type(value) is str:
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | Decimal):
        return _plain(value)
    raise refuse("is an object or a list, which a text field cannot hold")


def limited(longest: int, convert: Convert = text, why: str = "") -> Convert:
    """Return a converter that refuses what comes out longer than so many characters."""
    message = f"the value is longer than {longest} characters{why}"

    def short(value: object) -> object:
        found = convert(value)
        if isinstance(found, str) and len(found) > longest:
            raise InvalidRecord("too_long", message)
        return found

    return short


def normalise_email(value: str) -> str:
    """Write an address as addresses are compared: without blanks around it, in lower case."""
    return value.strip().lower()


def email(value: object) -> str:
    """Write an e-mail address."""
    return normalise_email(text(value))


def number(value: object) -> str:
    """Write a number: digits and one dot."""
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return _plain(value)
    if isinstance(value, str) and _DIGITS(value):
        return value
    raise refuse("is not a number (digits and one dot)")


def _plain(value: int | float | Decimal) -> str:
    """Write a number without an exponent. Floats come from constants and stream maps; a tap's numbers are Decimals."""
    if isinstance(value, int):
        return str(value)
    exact = Decimal(repr(value)) if isinstance(value, float) else value
    if not exact.is_finite():
        raise refuse("is not a finite number")
    if not -400 < exact.adjusted() < 400:
        raise refuse("is too large or too small a number to write out")
    return format(exact, "f")


def numeric_id(value: object) -> str:
    """Write the id of a record where ids are digits."""
    found = text(value).strip()
    if not _WHOLE(found):
        raise refuse("is no record id (digits)")
    return found


def boolean(value: object) -> str:
    """Write `true` or `false`."""
    if value is True or value == "true":
        return "true"
    if value is False or value == "false":
        return "false"
    raise refuse("is neither true nor false")


def date(value: object) -> str:
    """Write a day. A time of day is refused unless it is midnight UTC: cutting it could name the wrong day."""
    try:
        second, fraction = _second(value)
    except ValueError:
        raise refuse("is not a date (YYYY-MM-DD)") from None
    if not second.endswith("T00:00:00") or fraction.strip("0"):
        raise refuse("has a time of day, the field holds a date: cast it to a date in the model")
    return second[:10]


def moment(value: object) -> str:
    """Write a moment in UTC, to the millisecond. Without an offset it is taken for UTC."""
    try:
        second, fraction = _second(value)
    except ValueError:
        raise refuse("is not a date-time (ISO 8601)") from None
    return f"{second}.{fraction[:3]:0<3}Z"


def _second(value: object) -> tuple[str, str]:
    """Return a moment in UTC, `YYYY-MM-DDTHH:MM:SS`, and the digits of its fraction. Raises ValueError."""
    found = _MOMENT(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError("no date-time")
    day, clock, fraction, offset = found.groups()
    exact = datetime.fromisoformat(f"{day}T{clock or '00:00'}")
    if offset not in _UTC_OFFSETS:
        zone = f"{offset[:3]}:{offset[-2:] if len(offset) > 3 else '00'}"
        try:
            exact = datetime.fromisoformat(f"{day}T{clock}{zone}").astimezone(timezone.utc).replace(tzinfo=None)
        except OverflowError as error:
            raise ValueError("outside the years 1 to 9999") from error
    return exact.isoformat(), fraction or ""


class NoOption(InvalidRecord):
    """The value is none of the options, which are values by label. Its message names them."""

    def __init__(self, rule: str, options: Mapping[str, str]) -> None:
        super().__init__("value", f"the value {rule}")
        self.options = options


def labelled(options: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return values by label; a label that several values share means none of them."""
    pairs = list(options)
    times = Counter(label for label, _ in pairs)
    return {label if times[label] == 1 else value: value for label, value in pairs}


def one_of(options: Mapping[str, str]) -> Convert:
    """Return a converter that takes an option's value or its label; `options` are values by label."""
    values = frozenset(options.values())
    # A label that is its own value would be named twice.
    named = sorted(value if label == value else f"{value} ({label})" for label, value in options.items())
    allowed = ", ".join(named[:SHOWN]) + (f" and {len(named) - SHOWN} more" if len(named) > SHOWN else "")

    def one(value: object) -> str:
        name = text(value)
        if name in values or not name:
            return name
        if name in options:
            return options[name]
        raise NoOption(f"is none of the field's options: {allowed}", options)

    return one


def by_address(ids: Mapping[str, str], whose: str) -> Convert:
    """Return a converter that takes ids and, through `ids` by address, e-mail addresses of `whose`."""

    def owner(value: object) -> str:
        named = text(value).strip()
        if "@" not in named:
            return named
        if (known := ids.get(normalise_email(named))) is None:
            raise refuse(f"is the address of none of {whose}")
        return known

    return owner


def as_match(convert: Convert) -> Convert:
    """Return a converter for the match field: what is written must be what the object is found by again."""
    return lambda value: str(convert(value)).strip()


def quoted_cell(value: str) -> str:
    """Write text as a cell of CSV."""
    doubled = value.replace('"', '""')
    return f'"{doubled}"'

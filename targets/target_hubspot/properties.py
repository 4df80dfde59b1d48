"""HubSpot's property list, and what it makes of a sync: which fields can be written, and how values are written.

Property values travel as JSON strings whatever their type. Types, read-only flags and the texts that HubSpot refuses
are documented in its properties guide; `""` clears a property, an absent one stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from decimal import Decimal
from typing import cast

from penstock.errors import InvalidRecord, Misconfigured
from penstock.modes import FieldRule, Json, Sync
from penstock.records import Convert, Form
from penstock.syncs import nearest

MAX_TEXT = 65_536
"""characters in a text property (documented)"""
_DIGITS = re.compile(r"-?[0-9]+(\.[0-9]+)?").fullmatch
_MOMENT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[Tt ]([0-9]{2}:[0-9]{2}(?::[0-9]{2})?)(?:[.,]([0-9]+))? ?"
    r"([Zz]|[+-](?:[01][0-9]|2[0-3])(?::?[0-5][0-9])?)?)?"
).fullmatch
"""a day, and perhaps a time of day, a fraction of a second, an offset: one grammar for every version of Python, whose
own parsers differ"""
_UTC_OFFSETS = frozenset({None, "Z", "z", "+00:00"})


@dataclass(frozen=True)
class Property:
    """One property of an object type, as far as writing needs it."""

    name: str
    type: str
    field_type: str
    unique: bool
    read_only: bool
    options: Mapping[str, str]
    """label to value; empty where any value goes"""
    external_options: bool

    @classmethod
    def of(cls, body: Mapping[str, object]) -> Property:
        """Read one entry of the property list."""
        metadata = cast("Mapping[str, object]", body.get("modificationMetadata") or {})
        options = cast("list[Mapping[str, object]]", body.get("options") or [])
        return cls(
            name=str(body.get("name")),
            type=str(body.get("type", "string")),
            field_type=str(body.get("fieldType", "text")),
            unique=bool(body.get("hasUniqueValue")),
            read_only=bool(body.get("calculated")) or bool(metadata.get("readOnlyValue")),
            options={str(o.get("label")): str(o.get("value")) for o in options},
            external_options=bool(body.get("externalOptions")),
        )


def make_form(
    sync: Sync, columns: Mapping[str, Json] | None, key_properties: Sequence[str], properties: Mapping[str, Property]
) -> Form:
    """Check a sync against the live property list and make its form. Raises Misconfigured with every mistake."""
    at = f"sync {sync.stream}"
    fields = sync.fields
    if fields is None:
        fields = {name: FieldRule(name) for name in columns or {}}
    match = sync.match or _default_match(fields, key_properties)
    mistakes = [m for name in fields if (m := _field_mistake(at, sync.object, name, properties))]
    if sync.match or columns is not None:  # without either, the match is known when the SCHEMA is
        mistakes += _match_mistakes(at, sync.object, match, fields, properties)
    for name, rule in fields.items():
        if rule.column is None and name in properties and not properties[name].read_only:
            mistakes += _constant_mistake(at, name, rule, properties[name])
    if mistakes:
        raise Misconfigured(mistakes)
    convert = {name: converter(properties[name]) for name in fields}
    if match in convert and match != "email":
        convert[match] = _key(convert[match])
    return Form(
        match=match,
        fields=fields,
        convert=convert,
        normalise=normalise_email if match == "email" else str.strip,
        clear="",
        version=repr([properties[name] for name in sorted(fields)]),
    )


def _default_match(fields: Mapping[str, FieldRule], key_properties: Sequence[str]) -> str:
    """Return the property that the stream's only key column goes to, else the e-mail address."""
    if len(key_properties) != 1:
        return "email"
    return next((name for name, rule in fields.items() if rule.column == key_properties[0]), key_properties[0])


def _field_mistake(at: str, object_type: str, name: str, properties: Mapping[str, Property]) -> str | None:
    found = properties.get(name)
    if found is None:
        return f"{at}: {object_type} have no property {name!r}{nearest(name, properties)}"
    if found.read_only:
        return f"{at}: property {name!r} is read-only in HubSpot; leave it out of fields"
    return None


def _match_mistakes(
    at: str, object_type: str, match: str, fields: Mapping[str, FieldRule], properties: Mapping[str, Property]
) -> list[str]:
    found = properties.get(match)
    # The contact property email is unique although its definition need not say so.
    # A read-only one, such as hs_object_id, finds nothing: HubSpot refuses it as non-unique (recorded).
    unique = sorted(
        {p.name for p in properties.values() if p.unique and not p.read_only} | ({"email"} & set(properties))
    )
    if found is None:
        return [f"{at}: match: {object_type} have no property {match!r}{nearest(match, properties)}"]
    if match not in unique:
        return [f"{at}: match: property {match!r} is not unique in HubSpot; unique are {', '.join(unique) or 'none'}"]
    if match not in fields:
        return [f"{at}: match: {match!r} is not among the fields; add `{match}: <source column>`"]
    if fields[match].column is None:
        return [f"{at}: match: {match!r} is a constant, so all rows would be one object; take it from a column"]
    return []


def _constant_mistake(at: str, name: str, rule: FieldRule, found: Property) -> list[str]:
    try:
        converter(found)(rule.constant)
    except InvalidRecord as error:
        return [f"{at}: the constant for {name!r}: {error.message}"]
    return []


def normalise_email(value: str) -> str:
    """Write an address as HubSpot compares it: without blanks around it, in lower case."""
    return value.strip().lower()


def converter(found: Property) -> Convert:
    """Return what turns a source value into the text that this property takes."""
    if found.name == "email":
        return _email
    if found.type == "enumeration" and found.options and not found.external_options:
        return _enumeration(found)
    return _BY_TYPE.get(found.type, _text)


def _key(convert: Convert) -> Convert:
    """Return a converter for the match property: what is written must be what the object is found by again."""
    return lambda value: str(convert(value)).strip()


def _refuse(rule: str) -> InvalidRecord:
    return InvalidRecord("value", f"the value {rule}")


def _text(value: object) -> str:
    if type(value) is str:
        if len(value) > MAX_TEXT:
            raise InvalidRecord("too_long", f"the value is longer than {MAX_TEXT} characters")
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | Decimal):
        return _plain(value)
    raise _refuse("is an object or a list, which a text property cannot hold")


def _email(value: object) -> str:
    return normalise_email(_text(value))


def _plain(value: int | float | Decimal) -> str:
    """Write a number without an exponent. Floats come from constants and stream maps; a tap's numbers are Decimals."""
    if isinstance(value, int):
        return str(value)
    number = Decimal(repr(value)) if isinstance(value, float) else value
    if not number.is_finite():
        raise _refuse("is not a finite number")
    if not -400 < number.adjusted() < 400:
        raise _refuse("is too large or too small a number to write out")
    return format(number, "f")


def _number(value: object) -> str:
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return _plain(value)
    if isinstance(value, str) and _DIGITS(value):
        return value
    raise _refuse("is not a number (digits and one dot)")


def _boolean(value: object) -> str:
    if value is True or value == "true":
        return "true"
    if value is False or value == "false":
        return "false"
    raise _refuse("is neither true nor false")


def _date(value: object) -> str:
    """Write a day. A time of day is refused unless it is midnight UTC: cutting it could name the wrong day."""
    if not isinstance(value, str):
        raise _refuse("is not a date (YYYY-MM-DD)")
    try:
        moment, fraction = _moment(value)
    except ValueError:
        raise _refuse("is not a date (YYYY-MM-DD)") from None
    if not moment.endswith("T00:00:00") or fraction.strip("0"):
        raise _refuse("has a time of day, the property holds a date: cast it to a date in the model")
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


def _datetime(value: object) -> str:
    """Write a moment in UTC, to the millisecond, which is what HubSpot keeps. Without an offset it is UTC."""
    if not isinstance(value, str):
        raise _refuse("is not a date-time (ISO 8601)")
    try:
        moment, fraction = _moment(value)
    except ValueError:
        raise _refuse("is not a date-time (ISO 8601)") from None
    return f"{moment}.{fraction[:3]:0<3}Z"


def _enumeration(found: Property) -> Convert:
    """Return a converter that takes option values or labels; several for a checkbox property."""
    values = frozenset(found.options.values())
    labels = found.options
    several = found.field_type == "checkbox"
    allowed = ", ".join(sorted(values)[:20])

    def one(value: object) -> str:
        text = _text(value)
        if text in values or not text:
            return text
        if text in labels:
            return labels[text]
        raise _refuse(f"is none of the property's options: {allowed}")

    def many(value: object) -> str:
        parts = value if isinstance(value, list) else _text(value).split(";")
        # Empty parts name no option, and a leading one would make HubSpot append instead of replace (documented).
        return ";".join(text for part in parts if (text := one(part)))

    return many if several else one


_BY_TYPE: Mapping[str, Callable[[object], str]] = {
    "number": _number,
    "date": _date,
    "datetime": _datetime,
    "bool": _boolean,
}

"""What describe says of a field, and what a source value becomes in it.

Payload values are JSON's own: text, numbers, true and false; null clears, and an absent field stays as it is. An empty
or blank text becomes null, because Salesforce keeps none, and an empty cell of a file would leave the field as it is:
so every path clears alike. Nothing is cut unless it is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from math import isfinite
from operator import ne
from typing import Any

from penstock import values
from penstock.errors import InvalidRecord
from penstock.records import Convert
from penstock.values import refuse

Passes = Callable[[Sequence[Any], set[type]], bool]
"""Tells of many source values, none of them None, and their types whether a field takes each as it stands."""
NUMBERS = frozenset({"int", "double", "currency", "percent"})
TEXTS = frozenset({"string", "textarea", "phone", "url", "combobox", "encryptedstring", "picklist", "id"})
KEYS = TEXTS | {"email", "reference", "int", "double"}
"""types of fields that records can be found by"""
UNWRITABLE = frozenset({"address", "location", "complexvalue"})
SHOWN = 20
_ID = re.compile(r"[A-Za-z0-9]{15}([A-Za-z0-9]{3})?").fullmatch
_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])(?::([0-5][0-9])(?:\.([0-9]+))?)?Z?").fullmatch
_PLAIN_MOMENT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2})(\.[0-9]{3})?Z"
).fullmatch
_SUFFIX = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"


@dataclass(frozen=True)
class Field:
    """One field of an object, as far as writing needs it."""

    name: str
    type: str = "string"
    createable: bool = True
    updateable: bool = True
    required: bool = False
    length: int = 0
    precision: int = 0
    scale: int = 0
    external: bool = False
    """usable as the key of an upsert"""
    id_lookup: bool = False
    unique: bool = False
    case_sensitive: bool = False
    options: tuple[str, ...] = ()
    """the active values of a closed picklist"""
    refers_to: tuple[str, ...] = ()
    relationship: str = ""
    named: Mapping[str, str] = field(default_factory=dict)
    """ids by what people call what the field refers to: names of record types, addresses of users"""
    master: bool = False
    """a master-detail relationship"""

    @classmethod
    def of(cls, body: Mapping[str, object]) -> Field:
        """Read one entry of `fields` of a describe."""

        def number(name: str) -> int:
            found = body.get(name)
            return found if isinstance(found, int) else 0

        kind = str(body.get("type", "string"))
        createable, needed = (
            bool(body.get("createable")),
            not body.get("nillable") and not body.get("defaultedOnCreate"),
        )
        entries, refers = body.get("picklistValues"), body.get("referenceTo")
        closed = body.get("restrictedPicklist") and isinstance(entries, list)
        return cls(
            name=str(body.get("name")),
            type=kind,
            createable=createable and kind not in UNWRITABLE,
            updateable=bool(body.get("updateable")) and kind not in UNWRITABLE,
            required=createable and needed and kind != "boolean",
            length=number("length"),
            precision=number("digits") if kind == "int" else number("precision"),
            scale=number("scale"),
            external=bool(body.get("externalId")),
            id_lookup=bool(body.get("idLookup")),
            unique=bool(body.get("unique")),
            case_sensitive=bool(body.get("caseSensitive")),
            options=tuple(
                str(entry.get("value"))
                for entry in (entries if closed and isinstance(entries, list) else [])
                if isinstance(entry, dict) and entry.get("active", True)
            ),
            refers_to=tuple(map(str, refers)) if isinstance(refers, list) else (),
            relationship=str(body.get("relationshipName") or ""),
            master=body.get("relationshipOrder") is not None or bool(body.get("cascadeDelete")),
        )


def converter(found: Field, *, truncate: bool = False) -> Convert:
    """Return what turns a source value into what this field takes."""
    if found.type in _BY_TYPE:
        return _BY_TYPE[found.type](found)
    if found.options:
        return _emptied(_several(found) if found.type == "multipicklist" else _one_of(found))
    if found.type == "multipicklist":
        return _emptied(_joined)
    return _emptied(_cut(found.length)) if truncate and found.length else _limited(found)


def passing(found: Field) -> Passes | None:
    """Return what tells of many source values whether this field takes each as it is; None where nothing does."""
    if found.type == "multipicklist" or (found.type in _BY_TYPE and found.type not in NUMBERS | {"email"}):
        return None
    if found.type in NUMBERS:
        return _in_range(found)
    options = frozenset(found.options)
    longest = found.length or 2**31

    def texts(values: Sequence[Any], kinds: set[type]) -> bool:
        if kinds != {str} or not all(values) or any(map(str.isspace, values)):
            return False
        if found.type == "email" and any(map(ne, values, map(str.lower, map(str.strip, values)))):
            return False
        return options.issuperset(values) if options else max(map(len, values)) <= longest

    return texts


def _in_range(one: Field) -> Passes:
    beyond = 10 ** (one.precision - one.scale if one.precision else 400)
    kinds: set[type] = {int} if one.type == "int" else {int, Decimal}

    def numbers(values: Sequence[Any], found: set[type]) -> bool:
        if not kinds >= found or (Decimal in found and not all(isfinite(v) for v in values if type(v) is Decimal)):
            return False
        return bool(-beyond < min(values) and max(values) < beyond)

    return numbers


def stripped(passes: Passes) -> Passes:
    """Return the same for a field whose texts lose the blanks around them."""

    def texts(values: Sequence[Any], kinds: set[type]) -> bool:
        return passes(values, kinds) and not (str in kinds and any(map(ne, values, map(str.strip, values))))

    return texts


def normaliser(found: Field) -> Callable[[str], str]:
    """Return how values of a match field are written: those that Salesforce takes for the same, the same."""
    if found.type in NUMBERS:
        return _plain_number
    if found.type in ("id", "reference"):
        return _long_id
    # A key that is not unique is compared with case by an upsert; a query compares without.
    exact = found.case_sensitive or (found.external and not found.unique)
    return str.strip if exact and found.type != "email" else values.normalise_email


def long_id(text: str) -> str:
    """Write an id with the suffix that makes it safe to compare without case."""
    if len(text) != 15:
        return text
    parts = (text[at : at + 5] for at in (0, 5, 10))
    return text + "".join(_SUFFIX[sum(1 << n for n, c in enumerate(part) if "A" <= c <= "Z")] for part in parts)


def _long_id(text: str) -> str:
    return long_id(text.strip())


def _plain_number(text: str) -> str:
    """Write a number in the one way; result files write 912260031 as 9.12260031E8."""
    try:
        exact = Decimal(text.strip())
    except ArithmeticError:
        return text.strip()
    if not exact.is_finite() or not -400 < exact.adjusted() < 400:
        return text.strip()
    return format(exact.normalize(), "f") if exact else "0"


def _emptied(convert: Convert) -> Convert:
    """Return a converter that clears where nothing is given, and where nothing is left of what is given."""

    def emptied(value: object) -> object:
        if isinstance(value, str) and (not value or value.isspace()):
            return None
        found = convert(value)
        return None if found == "" else found

    return emptied


def _limited(found: Field) -> Convert:
    longest = found.length or 2**31

    def limited(value: object) -> object:
        text = value if type(value) is str else values.text(value)
        if not text or text.isspace():
            return None
        if len(text) > longest:
            raise InvalidRecord("too_long", f"the value is longer than {longest} characters (`truncate` cuts it)")
        return text

    return limited


def _cut(longest: int) -> Convert:
    return lambda value: values.text(value)[:longest]


def _one_of(found: Field) -> Convert:
    return values.one_of({value: value for value in found.options})


def _several(found: Field) -> Convert:
    one = _one_of(found)
    return lambda value: ";".join(str(one(part)) for part in _parts(value))


def _joined(value: object) -> str:
    return ";".join(_parts(value))


def _parts(value: object) -> list[str]:
    parts = value if isinstance(value, list) else values.text(value).split(";")
    texts = [values.text(part).strip() for part in parts if part is not None]
    if isinstance(value, list) and any(";" in text for text in texts):
        raise refuse("has a semicolon in one of its options, which is what parts them")
    return [text for text in texts if text]


def _boolean(_: Field) -> Convert:
    return lambda value: values.boolean(value) == "true"


def _number(found: Field) -> Convert:
    """Return a converter that refuses what the field has no digits for; what has too many decimals is rounded there."""
    whole = found.precision - found.scale if found.precision else 400
    integer = found.type == "int"
    beyond = 10**whole

    def number(value: object) -> object:
        if type(value) is int or (type(value) is Decimal and not integer and value.is_finite()):
            if -beyond < value < beyond:
                return value
        elif value == "":
            return None
        exact = Decimal(values.number(value))
        if integer and exact != exact.to_integral_value():
            raise refuse("is not a whole number")
        if exact and exact.adjusted() >= whole:
            raise refuse(f"has more than {whole} digits before the decimal point")
        return int(exact) if integer else exact

    return number


def _time(_: Field) -> Convert:
    def time(value: object) -> object:
        if value == "":
            return None
        found = _TIME(value) if isinstance(value, str) else None
        if found is None:
            raise refuse("is not a time of day (HH:MM:SS)")
        hours, minutes, seconds, fraction = found.groups()
        return f"{hours}:{minutes}:{seconds or '00'}.{(fraction or '')[:3]:0<3}Z"

    return time


def _email(found: Field) -> Convert:
    limited = _limited(found)
    return lambda value: limited((value if type(value) is str else values.text(value)).strip().lower())


def _reference(found: Field) -> Convert:
    """Return a converter that takes ids and, where something is `named`, what people call it."""
    named = {name.casefold(): each for name, each in found.named.items()}
    shown = ", ".join(sorted(found.named)[:SHOWN]) if found.refers_to == ("RecordType",) else ""
    what = " or ".join(found.refers_to[:3]) or "another object"

    def reference(value: object) -> object:
        text = values.text(value).strip()
        if not text:
            return None
        if found.named and (known := named.get(text.casefold())) is not None:
            if not known:
                raise refuse(f"is the name or address of several of {what}")
            return known
        if not _ID(text):
            raise refuse(f"is neither an id nor the name or address of {what}" + (f": {shown}" if shown else ""))
        return long_id(text)

    return reference


def _moment(value: object) -> object:
    """Write a moment in UTC; quickly where it is written so already."""
    plain = _PLAIN_MOMENT(value) if type(value) is str else None
    if plain is None:
        return None if value == "" else values.moment(value)
    second = plain.group(1)
    try:
        datetime.fromisoformat(second)
    except ValueError:
        return values.moment(value)
    return value if plain.group(2) else f"{second}.000Z"


_BY_TYPE: Mapping[str, Callable[[Field], Convert]] = {
    "boolean": _boolean,
    "date": lambda _: _emptied(values.date),
    "datetime": lambda _: _moment,
    "time": _time,
    "email": _email,
    "reference": _reference,
    "id": _reference,
    **dict.fromkeys(NUMBERS, _number),
}

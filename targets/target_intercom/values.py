"""What a source value becomes in Intercom, by the type of its attribute: JSON's own text, numbers, true and false.

Times are whole seconds since 1970 (documented); null empties an attribute that may be empty, an absent one stays.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timezone
from decimal import Decimal

from penstock import values
from penstock.errors import InvalidRecord
from penstock.records import Convert
from penstock.values import refuse

LONGEST = 255
"""characters of a custom attribute's text (observed)"""
MOST_SPEND = 2_147_483_647
"""more than that is capped (documented), which would change what is sent"""
LATEST = 100_000_000_000
"""seconds, in the year 5138; a larger number counts milliseconds"""
_CONTACT_ID = re.compile(r"[0-9a-zA-Z]{1,64}").fullmatch

text = values.limited(LONGEST)


def number(value: object) -> Decimal | int:
    """Write a number."""
    digits = values.number(value)
    return Decimal(digits) if "." in digits else int(digits)


def whole(value: object) -> int:
    """Write a whole number."""
    found = number(value)
    if found != int(found):
        raise refuse("is not a whole number")
    return int(found)


def boolean(value: object) -> bool:
    """Write true or false."""
    return values.boolean(value) == "true"


def seconds(value: object) -> int:
    """Write a moment: an ISO 8601 text, or the seconds themselves; what is less than a second is cut off."""
    if isinstance(value, str) and not value.lstrip("-").isdecimal():
        moment = datetime.fromisoformat(str(values.moment(value))[:19]).replace(tzinfo=timezone.utc)
        return int(moment.timestamp())
    found = int(number(value))
    if not -LATEST < found < LATEST:
        raise refuse("is no time in seconds; does it count milliseconds?")
    return found


def spend(value: object) -> int:
    """Write a monthly spend, which Intercom cuts to a whole number and caps (documented)."""
    found = int(number(value))
    if abs(found) > MOST_SPEND:
        raise refuse(f"is more than {MOST_SPEND:,}, the most that Intercom keeps")
    return found


def intercom_id(value: object) -> str:
    """Write the id that Intercom gave a contact or a company; it travels in paths."""
    found = values.text(value).strip()
    if not _CONTACT_ID(found):
        raise refuse("is no id of Intercom's (letters and digits)")
    return found


def key(value: object) -> str:
    """Write a key of the source's that travels in paths and queries."""
    found = values.text(value).strip()
    if found in (".", "..") or not found.isprintable():
        raise refuse("cannot travel in a URL")
    return found


def tag_name(value: object) -> str:
    """Write the name of a tag; tags are compared without case (documented)."""
    return values.text(value).strip().lower()


def role(value: object) -> str:
    """Write a contact's role."""
    if value in ("user", "lead"):
        return str(value)
    raise refuse("is neither user nor lead")


def metadata(value: object) -> object:
    """Write a value of an event: plain, or an amount of money or a link (documented)."""
    if isinstance(value, dict) and set(value) in ({"amount", "currency"}, {"url", "value"}):
        return {name: plain(each) for name, each in value.items()}
    return plain(value)


def plain(value: object) -> object:
    """Write what JSON can hold and is no object."""
    if isinstance(value, Decimal | float) or (isinstance(value, int) and not isinstance(value, bool)):
        return number(value)
    if isinstance(value, bool | str):
        return value
    raise refuse("is an object or a list, which Intercom does not take here")


def any_attribute(value: object) -> object:
    """Write an attribute whose type nobody tells: plain, or a list of ids of custom objects (documented)."""
    if isinstance(value, list):
        return [intercom_id(each) for each in value]
    found = plain(value)
    if isinstance(found, str) and len(found) > LONGEST:
        raise InvalidRecord("too_long", f"the value is longer than {LONGEST} characters")
    return found


BY_TYPE: Mapping[str, Convert] = {
    "string": text,
    "options": text,
    "integer": whole,
    "float": number,
    "boolean": boolean,
    "date": seconds,
    "datetime": seconds,
}
"""by the data_type of an attribute (documented); one that is not here takes any"""

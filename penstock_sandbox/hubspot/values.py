"""What a property accepts: one compiled check per definition.

A check takes the text that was sent and returns the text to store, or raises `InvalidError`. Checks are
compiled once per definition, because a batch runs a thousand of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from penstock_sandbox.provenance import assumed, documented, recorded

if TYPE_CHECKING:
    from penstock_sandbox.hubspot.properties import Property

PROPERTIES_GUIDE = "developers.hubspot.com/docs/api-reference/latest/crm/properties/guide"
LONGEST_TEXT = 65_536

Check = Callable[[str], str]

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?").fullmatch
_MILLISECONDS = re.compile(r"-?[0-9]{1,15}").fullmatch
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}").fullmatch
_DATETIME = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(\.[0-9]{1,9})?Z").fullmatch
_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+").fullmatch


class InvalidError(Exception):
    """A value that a property refuses; `code` is HubSpot's."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@documented("Text values hold at most 65,536 characters", PROPERTIES_GUIDE)
@assumed("Text comes back exactly as sent", "no trimming or normalising is described")
def text(value: str) -> str:
    """Accept any text up to the limit."""
    if len(value) > LONGEST_TEXT:
        raise InvalidError("PROPERTY_VALUE_TOO_LONG", f"Value is longer than {LONGEST_TEXT} characters")
    return value


@recorded("A malformed address is INVALID_EMAIL", "Atlas-Authority/marketing-automation issue 174")
@documented("Addresses are stored in lower case", "knowledge.hubspot.com/records/deduplication-of-records")
@assumed(
    "An address has one @, a dot in its domain, no blanks, and is not under .invalid", "the full rule is not public"
)
def email(value: str) -> str:
    """Accept an address and return it lower-cased without surrounding blanks."""
    address = value.strip().lower()
    if not _EMAIL(address) or address.endswith(".invalid"):
        raise InvalidError("INVALID_EMAIL", f"Email address {value} is invalid")
    return address


@recorded("What is no number is INVALID_INTEGER", "amp-labs/connectors and reports collected in the fact sheet")
@assumed("Digits and one dot only: no exponent, plus sign or separators", "the guide shows nothing else")
def number(value: str) -> str:
    """Accept a decimal number and return it as sent."""
    if not _NUMBER(value):
        raise InvalidError("INVALID_INTEGER", f"{value} was not a valid number.")
    return value


@documented("A date is YYYY-MM-DD, or epoch milliseconds at midnight UTC", PROPERTIES_GUIDE)
@recorded(
    "Milliseconds that are not midnight are INVALID_DATE", "community reports of '... is at ... UTC, not midnight!'"
)
@assumed("Milliseconds are stored as the day they mean", "date values are shown as YYYY-MM-DD in every sample")
def date(value: str) -> str:
    """Accept a day and return it as `YYYY-MM-DD`."""
    try:
        if _DATE(value):
            datetime.fromisoformat(value)
            return value
        if not _MILLISECONDS(value):
            raise ValueError(value)
        moment = _EPOCH + timedelta(milliseconds=int(value))
    except (ValueError, OverflowError):
        raise InvalidError("INVALID_DATE", f"{value} was not a valid date.") from None
    if moment.time().isoformat() != "00:00:00":
        at = moment.time().isoformat("milliseconds")
        raise InvalidError("INVALID_DATE", f"{value} is at {at} UTC, not midnight!")
    return moment.date().isoformat()


@documented("A datetime is ISO 8601 with Z, or epoch milliseconds", PROPERTIES_GUIDE)
@recorded("A plain date in a datetime is INVALID_LONG", "reports on built-in datetime properties")
@assumed("Milliseconds are stored as ISO 8601 text", "datetime values are shown so in every sample")
def moment(value: str) -> str:
    """Accept a point in time and return it as ISO 8601 with `Z`."""
    try:
        if found := _DATETIME(value):
            datetime.fromisoformat(found[1])
            return value
        if not _MILLISECONDS(value):
            raise ValueError(value)
        at = _EPOCH + timedelta(milliseconds=int(value))
    except (ValueError, OverflowError):
        raise InvalidError("INVALID_LONG", f"{value} was not a valid long.") from None
    return at.isoformat(timespec="milliseconds")[:-6] + "Z"


@documented("An enumeration takes the values of its options, never the labels", PROPERTIES_GUIDE)
@recorded("Anything else is INVALID_OPTION", "community reports of 'was not one of the allowed options'")
def one_of(options: list[str]) -> Check:
    """Return the check of a single-choice enumeration."""
    allowed = frozenset(options)

    def option(value: str) -> str:
        if value not in allowed:
            raise InvalidError("INVALID_OPTION", f"{value} was not one of the allowed options: [{', '.join(options)}]")
        return value

    return option


@documented("A checkbox enumeration takes several values joined by ';'", PROPERTIES_GUIDE)
def some_of(options: list[str]) -> Check:
    """Return the check of a multiple-choice enumeration; a leading `;` asks to append."""
    option = one_of(options)

    def several(value: str) -> str:
        for part in value.removeprefix(";").split(";"):
            option(part)
        return value

    return several


@documented("An owner field takes the id of an owner", PROPERTIES_GUIDE)
@assumed("The id of nobody is INVALID_OPTION", "owners are the options of these fields")
def owner_among(owners: frozenset[str]) -> Check:
    """Return the check of an owner field; without a list of owners any digits will do."""

    def owner(value: str) -> str:
        known = value in owners if owners else value.isascii() and value.isdigit()
        if not known:
            raise InvalidError("INVALID_OPTION", f"{value} was not one of the allowed options: []")
        return value

    return owner


@documented("A read-only property cannot be written", PROPERTIES_GUIDE)
@assumed("The code of that refusal is READ_ONLY_VALUE", "seen once, second hand")
def read_only(name: str) -> Check:
    """Return the check that refuses everything."""

    def refuse(_value: str) -> str:
        raise InvalidError("READ_ONLY_VALUE", f'"{name}" is a read only property; its value cannot be set.')

    return refuse


def check_for(definition: Property, owners: frozenset[str] = frozenset()) -> Check:
    """Compile the check of one property."""
    options = [option.value for option in definition.options]
    if definition.calculated or definition.modification_metadata.read_only_value:
        return read_only(definition.name)
    if definition.name == "email":
        return email
    if definition.type == "enumeration" and definition.external_options:
        return owner_among(owners)
    if definition.type == "enumeration":
        return some_of(options) if definition.field_type == "checkbox" else one_of(options)
    if definition.type == "bool":
        return one_of(["true", "false"])
    return {"number": number, "date": date, "datetime": moment}.get(definition.type, text)

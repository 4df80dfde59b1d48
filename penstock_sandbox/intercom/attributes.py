"""Data attributes: the built-in ones, custom ones, and what values they take."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

import msgspec

from penstock_sandbox.intercom import errors, values
from penstock_sandbox.intercom.memory import Attribute
from penstock_sandbox.provenance import assumed, documented, recorded

if TYPE_CHECKING:
    from penstock_sandbox.intercom.values import Value

MOST = 250
REFERENCE = "Intercom-OpenAPI 2.14, Data attributes"
_PLAIN = re.compile(r"[\w\- ]+")
_BUILT_IN: dict[str, dict[str, str]] = {
    "contact": {
        "name": "string",
        "email": "string",
        "phone": "string",
        "user_id": "string",
        "role": "string",
        "owner_id": "integer",
        "avatar": "string",
        "signed_up_at": "date",
        "last_seen_at": "date",
        "created_at": "date",
        "updated_at": "date",
        "unsubscribed_from_emails": "boolean",
        "language_override": "string",
    },
    "company": {
        "name": "string",
        "company_id": "string",
        "last_request_at": "date",
        "remote_created_at": "date",
        "user_count": "integer",
        "session_count": "integer",
        "size": "integer",
        "website": "string",
        "industry": "string",
        "monthly_spend": "float",
        "plan": "string",
    },
}
_READ_ONLY = frozenset({"created_at", "updated_at", "company_id", "last_request_at", "user_count", "session_count"})
_SHOWN_AS = {"contact": "people", "company": "company"}


class NewAttribute(msgspec.Struct):
    """The body of a creation; types are looked at one by one, for each has words of its own."""

    name: object = None
    model: object = None
    data_type: object = None
    description: object = None
    options: object = None
    messenger_writable: object = False


class Catalogue:
    """All attributes of both models."""

    def __init__(self, now: int) -> None:
        self.built_in = [
            Attribute(
                name=name, model=model, data_type=kind, label=name.replace("_", " ").capitalize(), created=now,
                writable=name not in _READ_ONLY, messenger_writable=True,
            )
            for model, fields in _BUILT_IN.items()
            for name, kind in fields.items()
        ]  # fmt: skip
        self.custom: dict[str, Attribute] = {}
        self._next = 37

    def listing(self, model: str | None, archived: bool) -> list[Attribute]:
        """Return attributes, of one model where one is named."""
        found = [*self.built_in, *self.custom.values()]
        return [each for each in found if model in {None, each.model} and (archived or not each.archived)]

    def add(self, attribute: Attribute, now: int) -> Attribute:
        """Put a custom attribute in place without asking the rules."""
        attribute.id = self._next
        self._next += 1
        attribute.label = attribute.label or attribute.name
        attribute.created = attribute.updated = now
        self.custom[attribute.name] = attribute
        return attribute

    def find(self, attribute_id: str) -> Attribute:
        """Return a custom attribute by id."""
        for each in self.custom.values():
            if str(each.id) == attribute_id:
                return each
        raise errors.RefusalError(404, "field_not_found", "We couldn't find that data attribute to update")

    @recorded("An attribute that nobody defined is 400 parameter_invalid", "reports in the fact sheet")
    @recorded("Names of attributes are compared with case", "reports in the fact sheet")
    @assumed("An archived attribute is as if it were not defined", "it is gone from the workspace's data")
    def defined(self, model: str, name: str) -> Attribute:
        """Return a custom attribute that may be written."""
        found = self.custom.get(name)
        if found is None or found.archived or found.model != model:
            raise errors.invalid(f"Custom attribute '{name}' does not exist", name)
        return found

    @documented("Values are no objects and no arrays, except references to custom objects", REFERENCE)
    @assumed("A value that is none of the options is 400 parameter_invalid", "what else a list of options is for")
    def read(self, model: str, given: object, coerce: bool) -> dict[str, Value]:
        """Return the custom attributes of a body, checked by type."""
        if given is None:
            return {}
        if not isinstance(given, dict):
            raise errors.RefusalError(400, "type_mismatch", "custom_attributes must be an object", "custom_attributes")
        found: dict[str, Value] = {}
        for name, value in given.items():
            attribute = self.defined(model, name)
            if attribute.reference is not None:
                found[name] = _references(name, value)
                continue
            found[name] = values.read(name, attribute.data_type, value, coerce)
            if attribute.options is not None and found[name] not in (None, *attribute.options):
                raise errors.invalid(f"{name} is not one of its options", name)
        return found

    @documented("A name is one model's only; the message says whose it is", REFERENCE)
    @documented("Names hold letters, digits, currency symbols and hyphens; types are a fixed list", REFERENCE)
    @documented("A workspace has at most 250 custom attributes", "intercom.com/help, article 179")
    @recorded("Names hold blanks and underscores too", "the reference's own example, Mithril Shirt")
    @assumed("An archived attribute's name stays taken; beyond 250 it is 400", "names are how values are stored")
    def create(self, body: dict[str, object], now: int) -> Attribute:
        """Define a custom attribute by the rules."""
        asked = msgspec.convert(body, NewAttribute)
        model, name = asked.model, asked.name
        if not isinstance(model, str) or model not in _BUILT_IN:
            raise errors.invalid("The Data Attribute model field must be either contact or company")
        if not isinstance(name, str) or not named_well(name):
            message = (
                "Your name for this attribute must only contain alphanumeric characters, currency symbols, and hyphens"
            )
            raise errors.invalid(message)
        taken = self.custom.get(name)
        if taken is not None or name in _BUILT_IN[model]:
            whose = model if taken is None else taken.model
            raise errors.invalid(
                f"You already have '{name}' in your {_SHOWN_AS[whose]} data. To save this as new {_SHOWN_AS[model]}"
                " data, use a different name."
            )
        kind, options = asked.data_type, None
        if kind == "options" or asked.options is not None:
            kind, options = "string", read_options(asked.options)
        if not isinstance(kind, str) or kind not in values.TYPES:
            raise errors.invalid("Data Type isn't an option")
        if len(self.custom) >= MOST:
            raise errors.invalid(f"You have reached the limit of {MOST} custom attributes")
        made = Attribute(name=name, model=model, data_type=kind, options=options)
        made.description = asked.description if isinstance(asked.description, str) else None
        made.messenger_writable = asked.messenger_writable is True
        return self.add(made, now)

    @documented("Description, options and archiving change; the type never does", REFERENCE)
    @documented("What something depends on cannot be archived: 422 data_invalid", REFERENCE)
    @assumed("A data_type in an update is ignored", "the reference lists it nowhere")
    def update(self, attribute_id: str, body: dict[str, object], now: int) -> Attribute:
        """Change a custom attribute."""
        found = self.find(attribute_id)
        options = found.options
        if "options" in body:
            if not isinstance(body["options"], list):
                raise errors.invalid("Options isn't an array")
            options = read_options(body["options"])
        if body.get("archived") is True and found.dependent:
            message = "The Data Attribute you are trying to archive has a dependant object"
            raise errors.RefusalError(422, "data_invalid", message)
        found.options = options
        if isinstance(body.get("archived"), bool):
            found.archived = body["archived"] is True
        if isinstance(body.get("description"), str):
            found.description = str(body["description"])
        if isinstance(body.get("messenger_writable"), bool):
            found.messenger_writable = body["messenger_writable"] is True
        found.updated = now
        return found


def named_well(name: str) -> bool:
    """Tell whether a name has only characters that Intercom allows."""
    rest = "".join(each for each in name if unicodedata.category(each) != "Sc")
    return bool(name.strip()) and len(name) <= 190 and (not rest or _PLAIN.fullmatch(rest) is not None)


def read_options(given: object) -> list[str]:
    """Return the options of a list; there are two at least."""
    found = [str(each["value"]) for each in given if isinstance(each, dict) and "value" in each] if (
        isinstance(given, list)
    ) else []  # fmt: skip
    if len(found) < 2:
        raise errors.invalid("The Data Attribute options must have at least two values")
    return found


def _references(name: str, given: object) -> list[str] | None:
    if given is None:
        return None
    if not isinstance(given, list):
        raise errors.invalid(f"{name} is not a list of custom object instances", name)
    return [str(each) for each in given]

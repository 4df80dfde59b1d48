"""JSON bodies to rows: names, values and nested parents. What cannot be read refuses the request, not the row."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import msgspec

from penstock_sandbox.provenance import assumed, documented, recorded
from penstock_sandbox.salesforce import errors
from penstock_sandbox.salesforce.errors import Problem
from penstock_sandbox.salesforce.ids import canonical
from penstock_sandbox.salesforce.rules import Parent, Row
from penstock_sandbox.salesforce.values import UnreadableError, from_json

if TYPE_CHECKING:
    from penstock_sandbox.salesforce.fields import Field
    from penstock_sandbox.salesforce.org import Org
    from penstock_sandbox.salesforce.schema import SObject

Content = TypeVar("Content")


@documented(
    "A body that is no JSON is 400 JSON_PARSER_ERROR", "REST API Developer Guide: Status Codes and Error Responses"
)
def body(raw: bytes, kind: type[Content]) -> Content:
    """Parse a body."""
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise errors.bad_json(str(error)) from error


@recorded("A field that the object has not refuses the request", "CumulusCI cassettes: No such column 'foo' on sobject")
@assumed("In Collections too, so that one name or value sinks all rows", "inferred from single records; `bad_value`")
@documented("`attributes` is no field", "REST API Developer Guide: sObject Collections")
def row(org: Org, kind: SObject, given: dict[str, object], single: bool = False) -> Row:
    """Read one record."""
    read = Row({})
    for name, value in given.items():
        if name == "attributes":
            continue
        field = kind.field(name)
        if field is None:
            _parent(org, kind, read, name, value)
        elif field.type == "id":
            read.record_id = identify(value)
        else:
            _value(org, read, field, value, single)
    return read


def identify(value: object) -> str | None:
    """Return an id with 18 characters; what is none is marked, so that its row fails alone."""
    if value is None or not str(value):
        return None
    return canonical(str(value)) or errors.MALFORMED + str(value)


def _value(org: Org, read: Row, field: Field, value: object, single: bool) -> None:
    try:
        found = from_json(field, value)
    except UnreadableError as error:
        if single or org.settings.salesforce.bad_value == "request":
            raise errors.bad_json(f"{error} at [line:1, column:1]") from error
        found = Problem("JSON_PARSER_ERROR", str(error), (field.name,))
    if isinstance(found, Problem):
        read.problem = read.problem or found
    else:
        read.values[field.name] = found


@documented(
    "A parent is nested under its relationship's name, with its type where several are possible", "REST API Guide"
)
@assumed(
    "A relationship that is null clears the look-up", "a nested object with a null key is an error; this is not said"
)
def _parent(org: Org, kind: SObject, read: Row, name: str, value: object) -> None:
    field = kind.relationship(name)
    if field is None:
        raise errors.no_column(name, kind.name)
    if value is None:
        read.values[field.name] = None
        return
    if not isinstance(value, dict):
        raise errors.bad_json(f"Cannot deserialize instance of {field.reference_to[0]} from {value}")
    attributes = value.get("attributes")
    named = attributes.get("type") if isinstance(attributes, dict) else None
    if named is None and len(field.reference_to) > 1:
        raise errors.invalid_field(f"Polymorphic relationship {name} needs attributes.type")
    target = org.catalogue.get(str(named or field.reference_to[0]))
    keys = {key: each for key, each in value.items() if key != "attributes"}
    if target is None or len(keys) != 1:
        raise errors.invalid_field(f"Relationship {name} names one record by one field")
    key_name, given = next(iter(keys.items()))
    read.parents.append(Parent(field, target, *_key(target, key_name, given)))


def _key(target: SObject, name: str, given: object) -> tuple[Field, str | float | int | bool | None]:
    key = target.field(name)
    if key is None or not (key.key or key.name == "Id"):
        raise errors.invalid_field(f"{name} is no external id of {target.name}")
    try:
        found = from_json(key, given)
    except UnreadableError as error:
        raise errors.bad_json(str(error)) from error
    return key, str(given) if isinstance(found, Problem) else found

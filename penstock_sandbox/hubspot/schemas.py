"""Custom objects: their schemas, and the object types made of them."""

import re
from collections.abc import Mapping

import msgspec

from penstock_sandbox.clock import iso
from penstock_sandbox.hubspot import errors
from penstock_sandbox.hubspot.portal import Portal, Shelf
from penstock_sandbox.hubspot.properties import Option, Property, Type
from penstock_sandbox.hubspot.types import custom_type
from penstock_sandbox.provenance import assumed, documented

GUIDE = "developers.hubspot.com/docs/api-reference/crm-custom-objects-v3"
MADE = "2025-01-01T00:00:00.000Z"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,99}").fullmatch


class Labels(msgspec.Struct):
    """What people call the object."""

    singular: str | None = None
    plural: str | None = None


class NewProperty(msgspec.Struct, rename="camel"):
    """A property in the body that makes a schema; its group is made with the object."""

    name: str
    label: str
    type: Type = "string"
    field_type: str = "text"
    group_name: str = ""
    description: str = ""
    options: list[Option] = []
    display_order: int = -1
    has_unique_value: bool = False
    hidden: bool = False
    form_field: bool = True


class NewSchema(msgspec.Struct, rename="camel"):
    """The body that makes a schema."""

    name: str
    labels: Labels
    properties: list[NewProperty]
    required_properties: list[str]
    associated_objects: list[str]
    searchable_properties: list[str] = []
    secondary_display_properties: list[str] = []
    primary_display_property: str | None = None
    description: str | None = None


class Schema(msgspec.Struct):
    """What is remembered of a schema beside its object type."""

    asked: NewSchema
    made: str
    associations: list[dict[str, object]]


@documented("POST makes a custom object with its properties, 201 with its type id and full name", GUIDE)
@documented("Custom objects are an Enterprise feature", GUIDE)
@assumed("Below Enterprise the answer is a 403 without scopes", "its body is not documented")
@assumed("Their type ids and full names are the only names in paths", "the fact sheet's section 1 knows no other")
def create(portal: Portal, asked: NewSchema, now: float) -> Shelf:
    """Make a custom object."""
    if portal.settings.hubspot.tier in {"free", "starter"}:
        raise errors.RefusalError(403, {"message": "This account does not have custom objects", "category": "BANNED"})
    if not _NAME(asked.name):
        raise errors.invalid_request(f"Object name '{asked.name}' is invalid")
    own = [each.name for each in asked.properties]
    named = [*asked.required_properties, *asked.searchable_properties, *asked.secondary_display_properties]
    if asked.primary_display_property is not None:
        named.append(asked.primary_display_property)
    for name in named:
        if name not in own:
            raise errors.invalid_request(f"Property '{name}' is not among the schema's properties")
    if any(shelf.kind.singular == asked.name and shelf.kind.scope == "custom" for shelf in portal.shelves.values()):
        raise errors.conflict(f"Object type with name '{asked.name}' already exists")
    others = [portal.shelf(each) for each in asked.associated_objects]
    group = f"{asked.name}_information"

    def properties() -> list[Property]:
        return [_property(each, group) for each in asked.properties]

    portal.made_types += 1
    kind = custom_type(portal.made_types, asked.name, asked.required_properties, properties, own[:3])
    shelf = portal.open(kind)
    portal.schemas[kind.name] = Schema(asked, iso(now), _definitions(portal, shelf, others, iso(now)))
    return shelf


def _property(asked: NewProperty, group: str) -> Property:
    given = {name: value for name, value in msgspec.structs.asdict(asked).items() if name != "group_name"}
    return Property(**given, group_name=asked.group_name or group)


def _definitions(portal: Portal, shelf: Shelf, others: list[Shelf], now: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = []
    for other in others:
        label = portal.associations.between(shelf.kind, other.kind)[0]
        for one, two, type_id in ((shelf, other, label.type_id), (other, shelf, label.inverse)):
            found.append(
                {
                    "id": str(type_id),
                    "fromObjectTypeId": one.kind.type_id,
                    "toObjectTypeId": two.kind.type_id,
                    "name": f"{one.kind.singular}_to_{two.kind.singular}",
                    "createdAt": now,
                    "updatedAt": now,
                }
            )
    return found


@documented("A schema shows its labels, properties, required ones and associations", GUIDE)
def shown(portal: Portal, shelf: Shelf, now: float) -> dict[str, object]:
    """Return a schema as an answer does; HubSpot's own objects have one too."""
    schema = portal.schemas.get(shelf.kind.name)
    kind = shelf.kind
    labels: Mapping[str, str | None] = {"singular": kind.singular, "plural": kind.name}
    if schema is not None:
        labels = {"singular": schema.asked.labels.singular, "plural": schema.asked.labels.plural}
    made = MADE if schema is None else schema.made
    return {
        "id": kind.type_id.rpartition("-")[2],
        "objectTypeId": kind.type_id,
        "fullyQualifiedName": kind.name if schema is not None else kind.singular.upper(),
        "name": kind.singular,
        "labels": labels,
        "requiredProperties": [group[0] for group in kind.required],
        "searchableProperties": [] if schema is None else schema.asked.searchable_properties,
        "primaryDisplayProperty": None if schema is None else schema.asked.primary_display_property,
        "secondaryDisplayProperties": [] if schema is None else schema.asked.secondary_display_properties,
        "properties": shelf.catalogue.listed(now),
        "associations": [] if schema is None else schema.associations,
        "archived": False,
        "createdAt": made,
        "updatedAt": made,
    }


@documented("Schemas are listed for custom objects only", GUIDE)
def listed(portal: Portal, now: float) -> list[dict[str, object]]:
    """Return the schemas of custom objects."""
    return [shown(portal, portal.shelves[name], now) for name in portal.schemas]


@documented("A schema can go only when none of its objects is left", GUIDE)
def delete(portal: Portal, shelf: Shelf) -> None:
    """Forget a custom object."""
    if shelf.kind.name not in portal.schemas:
        raise errors.invalid_request("Objects that HubSpot defines cannot be deleted")
    if next(iter(shelf.table.listing()), None) is not None:
        raise errors.invalid_request("The object type still has objects")
    del portal.schemas[shelf.kind.name]
    portal.close(shelf)

"""The object types of a portal: HubSpot's by table, and what makes a custom one."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from penstock_sandbox.hubspot import definitions
from penstock_sandbox.hubspot.properties import Property

PORTAL_ID = 12345678


class ObjectType(NamedTuple):
    """What tells one object type from another."""

    name: str
    singular: str
    type_id: str
    created: str
    modified: str
    first_id: int
    aliases: dict[str, str]
    """Unique properties that an object can have several values of, with the property that holds the others."""
    shown: tuple[str, ...]
    properties: Callable[[], list[Property]]
    required: tuple[tuple[str, ...], ...]
    """What a new object must have: of each group one at least."""
    scope: str
    stage: tuple[str, str] | None
    """The properties that hold its pipeline and its stage there."""


# name, singular, type id; own properties; what is required; properties of pipeline and stage
_Line = tuple[str, str, str, definitions.Table, tuple[tuple[str, ...], ...], tuple[str, str] | None]
_STAGED = ("hs_pipeline", "hs_pipeline_stage")
_LINES: list[_Line] = [
    ("companies", "company", "0-2", definitions.COMPANY, (("name", "domain"),), None),
    ("deals", "deal", "0-3", definitions.DEAL, (("dealname",), ("dealstage",)), ("pipeline", "dealstage")),
    (
        "tickets",
        "ticket",
        "0-5",
        definitions.TICKET,
        (("subject",), ("hs_pipeline",), ("hs_pipeline_stage",)),
        _STAGED,
    ),
    ("products", "product", "0-7", definitions.PRODUCT, (), None),
    ("line_items", "line_item", "0-8", definitions.LINE_ITEM, (), None),
    ("quotes", "quote", "0-14", definitions.OTHER, (), None),
    ("communications", "communication", "0-18", definitions.ACTIVITY, (), None),
    ("tasks", "task", "0-27", definitions.TASK, (("hs_timestamp",),), None),
    ("notes", "note", "0-46", definitions.NOTE, (("hs_timestamp",),), None),
    ("meetings", "meeting", "0-47", definitions.ACTIVITY, (("hs_timestamp",),), None),
    ("calls", "call", "0-48", definitions.ACTIVITY, (("hs_timestamp",),), None),
    ("emails", "email", "0-49", definitions.ACTIVITY, (("hs_timestamp",),), None),
    ("invoices", "invoice", "0-53", definitions.OTHER, (), None),
    ("subscriptions", "subscription", "0-69", definitions.OTHER, (), None),
    ("payments", "payment", "0-101", definitions.OTHER, (), None),
    ("users", "user", "0-115", definitions.OTHER, (), None),
    ("orders", "order", "0-123", definitions.OTHER, (), _STAGED),
    ("leads", "lead", "0-136", definitions.LEAD, (("hs_lead_name",),), _STAGED),
    ("carts", "cart", "0-142", definitions.OTHER, (), None),
    ("services", "service", "0-162", definitions.OTHER, (), _STAGED),
    ("courses", "course", "0-410", definitions.OTHER, (), None),
    ("listings", "listing", "0-420", definitions.OTHER, (), None),
    ("appointments", "appointment", "0-421", definitions.OTHER, (), None),
    ("projects", "project", "0-970", definitions.OTHER, (), _STAGED),
]
_NAMED_AS_CONTACTS = {"companies", "deals", "tickets", "products", "line_items"}

CONTACTS = ObjectType(
    name="contacts",
    singular="contact",
    type_id="0-1",
    created="createdate",
    modified="lastmodifieddate",
    first_id=171500000001,
    aliases={"email": "hs_additional_emails"},
    shown=("createdate", "email", "firstname", "hs_object_id", "lastmodifieddate", "lastname"),
    properties=definitions.contact_properties,
    required=(),
    scope="contacts",
    stage=None,
)


def _standard(place: int, line: _Line) -> ObjectType:
    name, singular, type_id, table, required, stage = line
    created = "createdate" if name in _NAMED_AS_CONTACTS else "hs_createdate"
    modified, group = "hs_lastmodifieddate", f"{singular.replace('_', '')}information"
    shown = tuple(sorted([created, modified, "hs_object_id", *list(table)[:3]]))
    properties = partial(definitions.properties_of, table, created, modified, group)
    first_id = 29_000_000_001 + place * 1_000_000_000
    return ObjectType(
        name, singular, type_id, created, modified, first_id, {}, shown, properties, required, name, stage
    )


OBJECT_TYPES = [CONTACTS, *(_standard(place, line) for place, line in enumerate(_LINES))]


def custom_type(
    place: int, name: str, required: list[str], own: Callable[[], list[Property]], shown: list[str]
) -> ObjectType:
    """Return the portal's custom object number `place`, from 1 on."""
    created, modified = "hs_createdate", "hs_lastmodifieddate"

    def properties() -> list[Property]:
        return own() + definitions.system_properties(created, modified, f"{name}_information")

    return ObjectType(
        name=f"p{PORTAL_ID}_{name}",
        singular=name,
        type_id=f"2-{100_000 + place}",
        created=created,
        modified=modified,
        first_id=70_000_000_001 + place * 1_000_000_000,
        aliases={},
        shown=tuple(sorted({created, modified, "hs_object_id", *shown})),
        properties=properties,
        required=tuple((each,) for each in required),
        scope="custom",
        stage=None,
    )

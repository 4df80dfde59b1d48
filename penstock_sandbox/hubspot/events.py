"""Custom behavioural events: sent without any answer about rows, remembered by uuid."""

import re

import msgspec

from penstock_sandbox.hubspot import errors
from penstock_sandbox.hubspot.memory import EventDefinition, Occurrence
from penstock_sandbox.hubspot.portal import PORTAL_ID, Portal, Visit
from penstock_sandbox.hubspot.rows import Value
from penstock_sandbox.provenance import assumed, documented
from penstock_sandbox.store import Write

GUIDE = "developers.hubspot.com/docs/api-reference/latest/events/send-event-data"
MOST_PROPERTIES, LONGEST_VALUE, LONGEST_URL, MOST_INPUTS = 50, 50, 200, 500
REMEMBERED_SECONDS = 365 * 86_400.0
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,49}").fullmatch


class Event(msgspec.Struct, rename="camel"):
    """One event to send."""

    event_name: str
    properties: dict[str, Value] = {}
    email: str | None = None
    object_id: str | int | None = None
    utk: str | None = None
    occurred_at: str | None = None
    uuid: str | None = None


class Events(msgspec.Struct):
    """The body of send/batch."""

    inputs: list[Event]


class NewDefinition(msgspec.Struct, rename="camel"):
    """The body that defines an event."""

    label: str
    name: str | None = None
    description: str = ""
    primary_object: str = "CONTACT"
    property_definitions: list[dict[str, object]] = []


@documented("An event names who it is about by email, object id or utk", GUIDE)
@documented("At most 50 properties an event, 500 events a batch", GUIDE)
@assumed("Beyond that the request is refused with 400", "only the figures are documented")
def refuse_malformed(events: list[Event]) -> None:
    """Refuse what could never be an event."""
    if len(events) > MOST_INPUTS:
        raise errors.invalid_request(f"At most {MOST_INPUTS} events in a batch")
    for event in events:
        if event.email is None and event.object_id is None and event.utk is None:
            raise errors.invalid_request("One of email, objectId or utk is required")
        if len(event.properties) > MOST_PROPERTIES:
            raise errors.invalid_request(f"At most {MOST_PROPERTIES} properties in an event")


@documented("The answer is 204 without a body, whatever becomes of the event", GUIDE)
@documented("A uuid that was seen within a year is dropped", GUIDE)
@documented("Values hold at most 50 characters, URLs 200", GUIDE)
@assumed(
    "An unknown event, an unknown record or a value too long: the event is dropped in silence", "204 tells nothing"
)
@assumed("An unknown address is kept with the event", "the contact may come later")
def send(visit: Visit, event: Event) -> Occurrence:
    """Take one event in, or drop it; what became of it is for the control plane to see."""
    log = visit.portal.events
    properties = {name: "" if value is None else str(value) for name, value in event.properties.items()}
    object_id = None if event.object_id is None else str(event.object_id)
    found = Occurrence(
        event.event_name, properties, visit.now, visit.request, event.uuid, object_id, event.email, event.utk
    )
    found.occurred_at = event.occurred_at or visit.now
    found.lost = _loss(visit, event, properties)
    log.sent.append(found)
    if found.lost is None:
        if event.uuid is not None:
            log.seen[event.uuid] = visit.seconds
        _note(visit, found)
    return found


def _loss(visit: Visit, event: Event, properties: dict[str, str]) -> str | None:
    """Return why an event is dropped, or None."""
    log = visit.portal.events
    seen = None if event.uuid is None else log.seen.get(event.uuid)
    if seen is not None and visit.seconds - seen < REMEMBERED_SECONDS:
        return "uuid seen before"
    definition = log.definitions.get(event.event_name)
    if definition is None:
        return "no such event"
    if event.object_id is not None:
        shelf = visit.portal.shelf(definition.primary_object)
        if shelf.table.resolve(str(event.object_id)) is None:
            return "no such record"
    known = {str(each.get("name")) for each in definition.properties}
    if not properties.keys() <= known:
        return "no such property"
    for value in properties.values():
        longest = LONGEST_URL if value.startswith(("http://", "https://")) else LONGEST_VALUE
        if len(value) > longest:
            return "value too long"
    return None


def _note(visit: Visit, event: Occurrence) -> None:
    history, number = visit.history, len(visit.history) + 1
    who = event.object_id or event.email or event.utk or ""
    if not history.full:
        history.add(Write(number, who, event.uuid))
        return
    values = {"eventName": event.name, **event.properties}
    history.add(Write(number, who, event.uuid, visit.seconds, visit.request, "events", "event", None, None, values))


@documented("An event is defined before it is sent, and gets a full name with the portal's id", GUIDE)
@assumed("Below Enterprise definitions are refused", "custom events are an Enterprise feature")
@assumed("A name that is taken is a 409", "as for properties")
def define(portal: Portal, asked: NewDefinition, now: str) -> EventDefinition:
    """Define an event."""
    if portal.settings.hubspot.tier in {"free", "starter"}:
        raise errors.RefusalError(403, {"message": "This account does not have custom events", "category": "BANNED"})
    name = asked.name or re.sub(r"[^a-z0-9]+", "_", asked.label.lower()).strip("_")
    if not _NAME(name):
        raise errors.invalid_request(f"Event name '{name}' is invalid")
    portal.shelf(asked.primary_object)
    full_name = f"pe{PORTAL_ID}_{name}"
    if full_name in portal.events.definitions:
        raise errors.conflict(f"An event named '{name}' already exists")
    properties = list(asked.property_definitions)
    made = EventDefinition(name, full_name, asked.label, asked.description, asked.primary_object, now, properties)
    portal.events.definitions[full_name] = made
    return made


@documented("A definition is shown with its full name and properties", GUIDE)
def shown(portal: Portal, definition: EventDefinition) -> dict[str, object]:
    """Return a definition as an answer does."""
    return {
        "id": definition.full_name,
        "name": definition.name,
        "fullyQualifiedName": definition.full_name,
        "labels": {"singular": definition.label, "plural": None},
        "description": definition.description,
        "primaryObject": definition.primary_object,
        "primaryObjectId": portal.shelf(definition.primary_object).kind.type_id,
        "properties": definition.properties,
        "archived": False,
        "createdAt": definition.made,
        "updatedAt": definition.made,
    }

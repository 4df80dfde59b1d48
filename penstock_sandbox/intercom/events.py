"""Data events: taken without a receipt, and dropped where they were seen before."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from penstock_sandbox.intercom import contacts, errors
from penstock_sandbox.intercom.memory import Contact, Event
from penstock_sandbox.intercom.values import storable, text_of
from penstock_sandbox.provenance import assumed, documented

if TYPE_CHECKING:
    from penstock_sandbox.intercom.versions import Version
    from penstock_sandbox.intercom.workspace import Doing, Workspace

REFERENCE = "Intercom-OpenAPI 2.14, Data events"
MOST_KEYS = 10
_OBJECTS = ({"url", "value"}, {"amount", "currency"})


@documented("An event has a name, created_at and one of user_id, id, email; leads only id", REFERENCE)
@documented("A contact who is not there is 404", REFERENCE)
@assumed("What is missing is 400 parameter_missing; a time that is no whole number 400", "no code is given")
@documented("One contact, name and second may be taken for a repetition and dropped, with 202", REFERENCE)
@assumed("How long events are remembered: for ever, or as `event_memory` says", "not described")
def send(doing: Doing, body: dict[str, object], version: Version) -> Event:
    """Take an event, or drop it."""
    workspace = doing.workspace
    name, created = body.get("event_name"), body.get("created_at")
    if not isinstance(name, str) or not name:
        raise errors.RefusalError(400, "parameter_missing", "event_name is required", "event_name")
    if created is None:
        raise errors.RefusalError(400, "parameter_missing", "created_at is required", "created_at")
    if not isinstance(created, int) or isinstance(created, bool) or not storable(created):
        raise errors.invalid("created_at is not a valid date", "created_at")
    metadata = _metadata(body.get("metadata"))
    contact = whose(workspace, body, version)
    event = Event(name, contact.id, created, doing.now, doing.request, metadata)
    key = (contact.external_id or contact.id, name, created)
    memory, seen = workspace.settings.intercom.event_memory, workspace.event_keys.get(key)
    if seen is not None and (memory is None or doing.now - seen < memory):
        event.dropped = "seen before"
    else:
        workspace.event_keys[key] = doing.now
        keys = {**contacts.keys_of(contact), "event_name": name, "created_at": str(created)}
        values = {f"metadata.{each}": text_of(value) for each, value in metadata.items()}
        doing.note("events", "event", contact.id, keys, {"event_name": name, "created_at": created, **values})
    workspace.events.append(event)
    return event


@documented("Metadata: the first ten keys; objects only for links and money", REFERENCE)
@assumed("Other objects and lists are 400 parameter_invalid", "not supported, says the reference, and no more")
def _metadata(given: object) -> dict[str, object]:
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise errors.RefusalError(400, "type_mismatch", "metadata must be an object", "metadata")
    for name, value in given.items():
        nested = isinstance(value, list) or (isinstance(value, dict) and set(value) not in _OBJECTS)
        if nested or not storable(value):
            raise errors.invalid(f"metadata {name} is not a valid value", "metadata")
    return dict(list(given.items())[:MOST_KEYS])


@assumed("Of several names for a contact id counts first, then user_id, then email", "the stronger key")
def whose(workspace: Workspace, body: dict[str, object], version: Version) -> Contact:
    """Return the contact of an event."""
    if body.get("id") is not None:
        return contacts.found(workspace, str(body["id"]), version)
    if body.get("user_id") is not None:
        return contacts.by_external_id(workspace, str(body["user_id"]))
    if body.get("email") is None:
        raise errors.RefusalError(400, "parameter_missing", "user_id, id or email is required")
    for each in workspace.people.by_email(str(body["email"])):
        if each.role == "user" and not each.archived:
            return each
    raise errors.no_contact()


@documented("A summary counts the events of each name with the first and the last", REFERENCE)
def summary(workspace: Workspace, contact: Contact) -> list[dict[str, object]]:
    """Return a contact's events by name."""
    times: dict[str, list[int]] = {}
    for event in kept(workspace, contact):
        times.setdefault(event.name, []).append(event.created)
    counts = Counter({name: len(found) for name, found in times.items()})
    return [
        {"name": name, "first": _iso(min(times[name])), "last": _iso(max(times[name])), "count": count}
        for name, count in counts.items()
    ]


def kept(workspace: Workspace, contact: Contact) -> list[Event]:
    """Return a contact's events that were not dropped."""
    return [each for each in workspace.events if each.contact == contact.id and each.dropped is None]


def _iso(seconds: int) -> str:
    try:
        moment = datetime.fromtimestamp(seconds, timezone.utc)
    except (ValueError, OverflowError, OSError):
        return str(seconds)
    return moment.isoformat(timespec="milliseconds")

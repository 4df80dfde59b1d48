"""Endpoints of notes, subscriptions, events and custom object instances."""

from functools import partial

from penstock_sandbox.intercom import additions, errors, events, instances, shown
from penstock_sandbox.intercom.memory import Note
from penstock_sandbox.intercom.routing import Ask, Reply, Route
from penstock_sandbox.provenance import assumed, documented

REFERENCE = "Intercom-OpenAPI 2.14"


def _note(ask: Ask, one: Note) -> dict[str, object]:
    author = None if one.admin is None else ask.workspace.admins.get(one.admin)
    return {
        "type": "note",
        "id": one.id,
        "created_at": one.created,
        "contact": {"type": "contact", "id": one.contact},
        "author": None
        if author is None
        else {
            "type": "admin",
            "id": author.id,
            "name": author.name,
            "email": author.email,
            "away_mode_enabled": False,
            "away_mode_reassign": False,
        },
        "body": one.body,
    }


def _add_note(ask: Ask) -> Reply:
    contact = ask.contact()
    return Reply(_note(ask, additions.add_note(ask.doing(), contact, ask.body())))


def _notes(ask: Ask) -> Reply:
    found = [ask.workspace.notes[each] for each in ask.contact().notes]
    return ask.pages(found, partial(_note, ask), ask.call.query)


def _one_note(ask: Ask) -> Reply:
    found = ask.workspace.notes.get(ask.names["note"])
    if found is None:
        raise errors.not_found()
    return Reply(_note(ask, found))


def _subscribe(ask: Ask) -> Reply:
    contact = ask.contact()
    return Reply(shown.subscription(additions.subscribe(ask.doing(), contact, ask.body())))


def _unsubscribe(ask: Ask) -> Reply:
    contact = ask.contact()
    return Reply(shown.subscription(additions.unsubscribe(ask.doing(), contact, ask.names["subscription"])))


def _subscriptions(ask: Ask) -> Reply:
    types = ask.workspace.subscriptions
    return Reply({"type": "list", "data": [shown.subscription(types[each]) for each in ask.contact().consents]})


@documented("An event that is taken is 202 without a body", f"{REFERENCE}, Data events")
def _send(ask: Ask) -> Reply:
    events.send(ask.doing(), ask.body(), ask.version)
    return Reply(status=202)


@documented("Events are read by contact, counted by name with summary=true", f"{REFERENCE}, Data events")
@assumed("Without summary every event is in the list", "the reference has no example of that list")
def _events(ask: Ask) -> Reply:
    query = ask.call.query
    if query.get("type") != "user":
        raise errors.invalid("type must be user", "type")
    who = {"id": query.get("intercom_user_id"), "user_id": query.get("user_id"), "email": query.get("email")}
    contact = events.whose(ask.workspace, dict(who), ask.version)
    named = {"email": contact.email or "", "intercom_user_id": contact.id, "user_id": contact.external_id or ""}
    if query.get("summary") == "true":
        found = events.summary(ask.workspace, contact)
        return Reply({"type": "event.summary", "events": found, "pages": {"next": None}, **named})
    rows = [
        {"event_name": each.name, "created_at": each.created, "metadata": each.metadata, **named}
        for each in events.kept(ask.workspace, contact)
    ]
    return Reply({"type": "event.list", "events": rows, "pages": {"next": None}})


def _upsert(ask: Ask) -> Reply:
    return Reply(instances.shown(instances.upsert(ask.doing(), ask.names["type"], ask.body())))


def _by_external_id(ask: Ask) -> Reply:
    external_id = ask.call.query.get("external_id", "")
    return Reply(instances.shown(instances.found(ask.workspace, ask.names["type"], external_id=external_id)))


def _by_id(ask: Ask) -> Reply:
    return Reply(instances.shown(instances.found(ask.workspace, ask.names["type"], ask.names["id"])))


def _delete_by_external_id(ask: Ask) -> Reply:
    external_id = ask.call.query.get("external_id", "")
    found = instances.found(ask.workspace, ask.names["type"], external_id=external_id)
    return Reply(instances.delete(ask.doing(), found))


def _delete_by_id(ask: Ask) -> Reply:
    found = instances.found(ask.workspace, ask.names["type"], ask.names["id"])
    return Reply(instances.delete(ask.doing(), found))


INSTANCES = "custom_object_instances/{type}"
SINCE = (2, 13)
ROUTES = [
    Route("POST", "contacts/{contact}/notes", _add_note),
    Route("GET", "contacts/{contact}/notes", _notes),
    Route("GET", "notes/{note}", _one_note),
    Route("POST", "contacts/{contact}/subscriptions", _subscribe),
    Route("GET", "contacts/{contact}/subscriptions", _subscriptions),
    Route("DELETE", "contacts/{contact}/subscriptions/{subscription}", _unsubscribe),
    Route("POST", "events", _send),
    Route("GET", "events", _events),
    Route("POST", INSTANCES, _upsert, SINCE),
    Route("GET", INSTANCES, _by_external_id, SINCE),
    Route("DELETE", INSTANCES, _delete_by_external_id, SINCE),
    Route("GET", f"{INSTANCES}/{{id}}", _by_id, SINCE),
    Route("DELETE", f"{INSTANCES}/{{id}}", _delete_by_id, SINCE),
]

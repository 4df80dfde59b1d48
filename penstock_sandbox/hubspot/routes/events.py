"""Endpoints of custom events and their definitions."""

from penstock_sandbox.hubspot import errors, events
from penstock_sandbox.hubspot.memory import EventDefinition
from penstock_sandbox.hubspot.portal import Visit
from penstock_sandbox.hubspot.routing import Ask, Reply, Route, cut, decode


def _visit(ask: Ask) -> Visit:
    return Visit(ask.portal, ask.portal.shelves["contacts"], ask.call.now, ask.call.number, ask.family)


def _send(ask: Ask) -> Reply:
    event = decode(ask.call.body, events.Event)
    events.refuse_malformed([event])
    events.send(_visit(ask), event)
    return Reply(204)


def _send_batch(ask: Ask) -> Reply:
    inputs = decode(ask.call.body, events.Events).inputs
    events.refuse_malformed(inputs)
    visit = _visit(ask)
    for event in inputs:
        events.send(visit, event)
    return Reply(204)


def _definitions(ask: Ask) -> Reply:
    known = [events.shown(ask.portal, each) for each in ask.portal.events.definitions.values()]
    shown, paging = cut(ask, known, ask.number("limit", 100, 100))
    return Reply(200, {"results": shown, "total": len(known), **paging})


def _find(ask: Ask) -> EventDefinition:
    for each in ask.portal.events.definitions.values():
        if ask.names["id"] in {each.name, each.full_name}:
            return each
    raise errors.nothing_there(f"Event {ask.names['id']}")


def _definition(ask: Ask) -> Reply:
    return Reply(200, events.shown(ask.portal, _find(ask)))


def _define(ask: Ask) -> Reply:
    made = events.define(ask.portal, decode(ask.call.body, events.NewDefinition), _visit(ask).now)
    return Reply(201, events.shown(ask.portal, made))


def _undefine(ask: Ask) -> Reply:
    del ask.portal.events.definitions[_find(ask).full_name]
    return Reply(204)


_SEND = ("analytics.behavioral_events.send",)
_DEFINE = ("behavioral_events.event_definitions.read_write",)
ROUTES = [
    Route("POST", "send", _SEND, _send, "none"),
    Route("POST", "send/batch", _SEND, _send_batch, "none"),
    Route("GET", "event-definitions", _DEFINE, _definitions),
    Route("POST", "event-definitions", _DEFINE, _define),
    Route("GET", "event-definitions/{id}", _DEFINE, _definition),
    Route("DELETE", "event-definitions/{id}", _DEFINE, _undefine),
]

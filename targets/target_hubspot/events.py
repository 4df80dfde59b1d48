"""Rows that are custom behavioural events. HubSpot answers 204 whatever becomes of them (documented).

The `uuid` of an event is made from account, sync and row key, and HubSpot drops one that it has seen within a year: an
event that is sent again is no second event.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote
from uuid import NAMESPACE_URL, uuid5

import msgspec

from penstock.bodies import encode_json, error_body, objects_in
from penstock.errors import InvalidRecord, Misconfigured
from penstock.forms import fields_of
from penstock.modes import Action, Json, Sync
from penstock.records import Abilities, Ask, Batch, Convert, Delivered, Form, Outcome, Request, Response, Row
from penstock.syncs import nearest
from penstock.values import email, moment, numeric_id
from target_hubspot.portal import Portal
from target_hubspot.refusals import expect_done, read_answer
from target_hubspot.values import text

ABILITIES = Abilities(frozenset({Action.APPEND}), frozenset({Action.APPEND}), frozenset())
WHO: Mapping[str, Convert] = {
    "email": email,
    "objectId": numeric_id,
    "utk": text,
}
"""fields that say whose event it is"""
MOST_PROPERTIES = 50
LONGEST, LONGEST_URL = 50, 200
"""characters of a value (documented)"""
_decode = msgspec.json.Decoder().decode


@dataclass(frozen=True)
class Events:
    """The events of one sync."""

    path: str
    name: str
    origin: str
    """the account and the sync, from which uuids are made"""

    def encode(self, batch: Batch) -> Request:
        """Write the request that sends a batch."""
        return Request("POST", f"{self.path}/send/batch", encode_json({"inputs": [self._event(r) for r in batch.rows]}))

    def _event(self, row: Row) -> Mapping[str, object]:
        values = _decode(row.body)
        event: dict[str, object] = {
            "eventName": self.name,
            "uuid": str(uuid5(NAMESPACE_URL, f"{self.origin} {row.key}")),
        }
        event |= {name: values.pop(name) for name in (*WHO, "occurredAt") if values.get(name)}
        return {**event, "properties": {name: value for name, value in values.items() if value != ""}}

    def decode(self, response: Response, batch: Batch) -> list[Outcome]:
        """Take any success for the success of all rows: no more is ever said."""
        expect_done(response, batch)
        return [Delivered() for _ in batch.rows]


def properties_of(portal: Portal, name: str, at: str, ask: Ask) -> frozenset[str] | None:
    """Return the properties of an event; None where the token may not read them, so that it is sent unchecked.

    Raises Misconfigured, with the nearest name, where there is no such event.
    """
    path = f"{portal.paths.events}/event-definitions"
    response = ask(Request("GET", f"{path}/{quote(name, safe='')}"))
    if response.status == 404:
        there = objects_in(error_body(ask(Request("GET", f"{path}?limit=100"))).get("results"))
        hint = nearest(name, [str(each.get("fullyQualifiedName")) for each in there])
        raise Misconfigured(f"{at}: HubSpot has no custom event {name!r}{hint}")
    if response.status in (400, 403):
        return None
    properties = read_answer(response, "reading an event").get("properties")
    return frozenset(str(each.get("name")) for each in objects_in(properties)) if properties is not None else None


def make_form(sync: Sync, columns: Mapping[str, Json] | None, known: frozenset[str] | None) -> Form:
    """Check a sync against the event's definition, where that could be read. Raises Misconfigured."""
    at, fields = f"sync {sync.stream}", fields_of(sync, columns)
    who = sorted(set(WHO) & set(fields))
    own = sorted(set(fields) - set(WHO) - {"occurredAt", "uuid"})
    mistakes = []
    if len(who) != 1:
        mistakes.append(
            f"{at}: an event needs exactly one of {', '.join(sorted(WHO))} among its fields, to say whose it is"
        )
    if sync.match is not None:
        mistakes.append(f"{at}: match: an event is found by nothing; leave it out")
    if "uuid" in fields:
        mistakes.append(f"{at}: field 'uuid' is made from the row's key; leave it out")
    if len(own) > MOST_PROPERTIES:
        mistakes.append(f"{at}: an event has {MOST_PROPERTIES} properties at most, not {len(own)}")
    if known is not None:
        mistakes += [f"{at}: the event has no property {n!r}{nearest(n, known)}" for n in own if n not in known]
    if mistakes:
        raise Misconfigured(mistakes)
    convert = {**WHO, "occurredAt": moment}
    return Form(
        match=None,
        fields=fields,
        convert={name: convert.get(name, _value) for name in fields},
        normalise=str,
        clear="",
        required=frozenset(who),
        abilities=ABILITIES,
    )


def _value(value: object) -> str:
    found = str(text(value))
    most = LONGEST_URL if found.startswith(("http://", "https://")) else LONGEST
    if len(found) > most:
        raise InvalidRecord(
            "too_long", f"the value is longer than {most} characters, the most that an event's may have"
        )
    return found

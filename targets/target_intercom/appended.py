"""Rows that are events or notes of contacts, which have no key of ours and no later version.

Intercom answers an event with 202 whatever becomes of it, and may drop one that has the contact, the name and the
second of another (both documented): so an event that is sent again is probably no second one, a note surely is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from penstock.errors import BatchRefused, Misconfigured, NotAccepted
from penstock.forms import constant_mistakes, fields_of
from penstock.links import path
from penstock.modes import Action, Json, Sync
from penstock.records import Abilities, Batch, Convert, Delivered, Form, Outcome, Rejected, Request, Response, Retry
from penstock.values import as_match, email, limited, text
from target_intercom import values
from target_intercom.answers import LOOKS, OTHER, is_absent, record, record_id
from target_intercom.refusals import refusal

ABILITIES = Abilities(frozenset({Action.APPEND, Action.RESOLVE}), frozenset({Action.RESOLVE}), frozenset())
WHO: Mapping[str, Convert] = {"user_id": as_match(text), "email": email, "id": values.intercom_id}
"""fields that say whose event it is, where no link does"""
MOST_METADATA = 10
"""keys of an event's metadata; further ones are dropped (documented)"""
SOON = 1.0
"""seconds after which a contact that is not there is asked for again: it may just be made"""
_raw = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode
_TAKEN = 202


@dataclass(frozen=True)
class Events:
    """The events of one sync; `name` is empty where each row has its own."""

    name: str

    def encode(self, batch: Batch) -> Request:
        """Write the event."""
        [row] = batch.rows
        given = _raw(row.body)
        event: dict[str, object] = {"event_name": self.name} if self.name else {}
        event |= {name: given.pop(name) for name in ("event_name", "created_at", *WHO) if name in given}
        if row.others:
            event["id"] = next(iter(row.others.values()))
        metadata = {name: value for name, value in given.items() if bytes(value) != b"null"}
        return Request("POST", "/events", _encode({**event, "metadata": metadata} if metadata else event))

    def decode(self, response: Response, batch: Batch) -> list[Outcome]:
        """Take 202 for a success: no more is ever said."""
        if is_absent(response):
            if batch.rows[0].attempts < LOOKS:
                return [Retry("the contact is not there yet", SOON)]
            return [Rejected("no_contact", "the contact of the event is not there")]
        if response.status != _TAKEN:
            raise refusal(response, batch) if response.status >= 300 else NotAccepted(f"status {response.status}")
        if response.body.strip() not in (b"", b"{}", b"null"):
            raise NotAccepted("status 202 with a body, which Intercom does not send")
        return [Delivered()]


@dataclass(frozen=True)
class Notes:
    """The notes of one sync."""

    def encode(self, batch: Batch) -> Request:
        """Write the note."""
        [row] = batch.rows
        contact = next(iter(row.others.values())) or ""
        given = {name: value for name, value in _raw(row.body).items() if bytes(value) != b"null"}
        return Request("POST", path("/contacts/{}/notes", contact), _encode(given))

    def decode(self, response: Response, batch: Batch) -> list[Outcome]:
        """Read the note's id."""
        if is_absent(response):
            raise BatchRefused("no_contact", "the contact of the note, or its admin, is not there (any more)")
        found = record_id(record(response, batch))
        return [OTHER if found is None else Delivered(found, True)]


def event_form(sync: Sync, columns: Mapping[str, Json] | None, name: str, links: Mapping[str, Convert]) -> Form:
    """Check a sync of events. Raises Misconfigured with every mistake."""
    at, fields = f"sync {sync.stream}", fields_of(sync, columns)
    who = sorted(set(WHO) & set(fields))
    mistakes = _common_mistakes(sync, at)
    if len(who) + len(sync.links) != 1:
        mistakes.append(
            f"{at}: an event needs exactly one of {', '.join(WHO)} among its fields, or an `associate` with contacts, "
            "to say whose it is"
        )
    if "created_at" not in fields:
        mistakes.append(f"{at}: an event needs created_at among its fields, which is the same when it is sent again")
    if bool(name) == ("event_name" in fields):
        mistakes.append(f"{at}: name the event once: `object: event:NAME`, or `object: events` and a field event_name")
    metadata = set(fields) - {*WHO, "created_at", "event_name"}
    if len(metadata) > MOST_METADATA:
        mistakes.append(f"{at}: an event has {MOST_METADATA} further fields at most; Intercom drops others")
    if mistakes:
        raise Misconfigured(mistakes)
    own = {**WHO, "created_at": values.seconds, "event_name": text}
    convert = {each: own.get(each) or _of_metadata(each) for each in fields}
    required = frozenset({"created_at", "event_name", *who} & set(fields))
    return Form(
        None, fields, convert, str, None, object=f"event:{name}" if name else "events", links=links,
        required=required, abilities=ABILITIES,
    )  # fmt: skip


def note_form(
    sync: Sync, columns: Mapping[str, Json] | None, links: Mapping[str, Convert], teammates: Mapping[str, Convert]
) -> Form:
    """Check a sync of notes; `teammates` are what converts fields that name one. Raises Misconfigured."""
    at, fields = f"sync {sync.stream}", fields_of(sync, columns)
    mistakes = _common_mistakes(sync, at)
    if len(sync.links) != 1:
        mistakes.append(f"{at}: a note needs one `associate` with contacts, to say whose it is")
    if "body" not in fields or (more := sorted(set(fields) - {"body", "admin_id"})):
        which = f"leave out {', '.join(more)}" if "body" in fields else "body is missing"
        mistakes.append(f"{at}: a note has the fields body and admin_id; {which}")
    convert: dict[str, Convert] = {"body": limited(65_536), **teammates}
    mistakes += constant_mistakes(at, fields, convert)
    if mistakes:
        raise Misconfigured(mistakes)
    note = "a note has no key: one whose answer is lost is written again, and counted (may_repeat)"
    return Form(
        None, fields, {each: convert[each] for each in fields}, str, None, object="notes", links=links,
        required=frozenset({"body"}), note=note, abilities=ABILITIES,
    )  # fmt: skip


def _common_mistakes(sync: Sync, at: str) -> list[str]:
    mistakes = []
    if sync.match is not None:
        mistakes.append(f"{at}: match: what is appended is found by nothing; leave it out")
    if sync.strategy.actions - {Action.APPEND}:
        mistakes.append(f"{at}: events and notes can only be added: `mode: append`")
    return mistakes


def _of_metadata(name: str) -> Convert:
    return values.seconds if name.endswith("_date") else values.metadata

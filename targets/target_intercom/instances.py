"""Rows that are instances of a custom object, which Intercom creates or updates by their external_id."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from penstock.bodies import error_body
from penstock.errors import Misconfigured
from penstock.forms import fields_of, match_mistakes, match_of
from penstock.links import path
from penstock.modes import REMOVALS, Action, Json, Sync
from penstock.records import Abilities, Again, Ask, Batch, Delivered, Form, Outcome, Request, Response
from target_intercom import codes, values
from target_intercom.answers import OTHER, is_absent, record, record_id, written
from target_intercom.refusals import answered

OWN = {"external_id": values.key, "external_created_at": values.seconds, "external_updated_at": values.seconds}
PREFIX = "custom_attributes."
_raw = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode
WRITES = frozenset({Action.UPSERT, Action.UPDATE, Action.FIND})


@dataclass(frozen=True)
class Instances:
    """The instances of one type."""

    type: str

    def encode(self, batch: Batch) -> Request:
        """Write the request for a batch of one row."""
        [row] = batch.rows
        if batch.action in REMOVALS:
            return Request("DELETE", path("/custom_object_instances/{}/{}", self.type, row.destination_id or ""))
        if batch.action is Action.FIND:
            return Request("GET", path("/custom_object_instances/{}?external_id={}", self.type, row.look_for[-1]))
        found: dict[str, object] = {}
        customs: dict[str, msgspec.Raw] = {}
        for name, value in _raw(row.body).items():
            if name not in OWN:
                customs[name.removeprefix(PREFIX)] = value
            elif bytes(value) != b"null":
                found[name] = value
        body = _encode({**found, "custom_attributes": customs} if customs else found)
        return Request("POST", path("/custom_object_instances/{}", self.type), body)

    def decode(self, response: Response, batch: Batch) -> list[Outcome]:
        """Read the outcome of the row. Raises Misconfigured where there is no such type."""
        [row] = batch.rows
        if is_absent(response):
            if batch.action in REMOVALS:
                return [Delivered()]
            if batch.action is Action.FIND:
                return [Again(None, "there is no such instance")]
            raise Misconfigured(
                f"sync {batch.sync.stream}: Intercom has no custom object {self.type!r}, or the token may not see it "
                f"({codes.reason(error_body(response)).code})",
                "make the type in Intercom, with its attributes, then run again",
            )
        body = record(response, batch)
        if batch.action in REMOVALS:
            return [Delivered() if record_id(body) else OTHER]
        if batch.action is Action.FIND:
            theirs = body.get("external_id") in row.look_for
            return [Again(record_id(body), "the instance was found") if theirs and record_id(body) else OTHER]
        return [written(body, "external_id", row.match, None, created=None)]


def probe(kind: str, at: str, ask: Ask) -> None:
    """Ask whether instances may be read, of one that is hardly there. Raises Misconfigured where they may not.

    A type that is not there has the answer of an instance that is not (documented), so its absence is not found.
    """
    request = Request("GET", path("/custom_object_instances/{}?external_id={}", kind, "-"))
    response = ask(request)
    if not is_absent(response):
        answered(response, request, f"reading custom:{kind}", at)


def instance_form(
    sync: Sync, columns: Mapping[str, Json] | None, key_properties: tuple[str, ...], kind: str, *, deletes: bool
) -> Form:
    """Check a sync of instances; Intercom does not tell a type's attributes. Raises Misconfigured."""
    at, fields = f"sync {sync.stream}", fields_of(sync, columns)
    match = match_of(sync, columns, key_properties, "external_id")
    mistakes = match_mistakes(at, match, fields) if sync.match or columns is not None else []
    if match != "external_id" and (sync.match or columns is not None):
        mistakes.append(f"{at}: match: an instance of a custom object is found by external_id alone")
    if mistakes:
        raise Misconfigured(mistakes)
    removes = frozenset({Action.DELETE}) if deletes else frozenset()
    return Form(
        match,
        fields,
        {name: OWN.get(name, values.any_attribute) for name in fields},
        str.strip,
        None,
        object=f"custom:{kind}",
        abilities=Abilities(WRITES | removes, WRITES | removes, frozenset({Action.UPSERT, Action.FIND})),
        note="Intercom does not tell the attributes of a custom object: a wrong one is found by the first row",
    )

"""Rows that are members of a list: objects of its type, added to it and taken off it by their ids."""

from __future__ import annotations

from dataclasses import dataclass, replace
from urllib.parse import quote

from penstock.bodies import Body, encode_json, error_body, json_body, objects_in
from penstock.errors import Fault, Misconfigured
from penstock.modes import Action
from penstock.records import Again, Ask, Batch, Delivered, Outcome, Rejected, Request, Response
from penstock.syncs import nearest
from target_hubspot import codes
from target_hubspot.objects import LOOKS, Objects
from target_hubspot.portal import Portal
from target_hubspot.refusals import NO_HUBSPOT, expect_done, read_answer, unanswered

MOST = 2000
"""rows of one request: HubSpot takes many more; what one lost answer leaves in doubt is to stay small"""
MANUAL = frozenset({"MANUAL", "SNAPSHOT"})
"""lists whose members can be chosen (documented)"""


@dataclass(frozen=True)
class Memberships:
    """A list that is there, and how its members are found."""

    path: str
    objects: Objects

    def encode(self, batch: Batch) -> Request:
        """Write a look for the records, or a bare array of ids to add or to remove."""
        if batch.action is Action.FIND:
            return self.objects.encode(batch)
        ids = [*dict.fromkeys(row.destination_id for row in batch.rows)]
        verb = "add" if batch.action is Action.UPDATE else "remove"
        gone = sorted({row.gone for row in batch.rows if row.gone} - {*ids}) if verb == "add" else []
        if not gone:
            return Request("PUT", f"{self.path}/memberships/{verb}", encode_json(ids))
        body = encode_json({"recordIdsToAdd": ids, "recordIdsToRemove": gone})
        return Request("PUT", f"{self.path}/memberships/add-and-remove", body)

    def decode(self, response: Response, batch: Batch) -> list[Outcome]:
        """Read one outcome per row: the answer names ids that are no records, and no others of those that it leaves."""
        if batch.action is Action.FIND:
            return self.objects.decode(response, batch)
        expect_done(response, batch)
        body = json_body(response) if response.status != 204 else {}
        missing, added = _ids(body, "recordIdsMissing") or set(), _ids(body, "recordsIdsAdded")
        outcomes: list[Outcome] = []
        for row in batch.rows:
            if batch.action is not Action.UPDATE or row.destination_id not in missing:
                outcomes.append(Delivered(row.destination_id, None if added is None else row.destination_id in added))
            elif row.led < LOOKS:
                outcomes.append(Again(None, "the record is not there"))
            else:
                outcomes.append(Rejected("OBJECT_NOT_FOUND", codes.SENTENCES["OBJECT_NOT_FOUND"]))
        return outcomes


def find_list(portal: Portal, name: str, at: str, ask: Ask, *, create: bool, now: bool) -> Body:
    """Find a list by id, or one of contacts by name. One that is not there is made where `create` allows it, `now`.

    Raises Misconfigured, with the nearest name.
    """
    path = portal.paths.lists
    by = quote(name, safe="") if name.isdigit() else f"object-type-id/0-1/name/{quote(name, safe='')}"
    response = ask(Request("GET", f"{path}/{by}"))
    if response.status == 404 and not name.isdigit() and create:
        body = {"name": name, "objectTypeId": "0-1", "processingType": "MANUAL"}
        if not now:
            return body
        response = ask(Request("POST", f"{path}/", encode_json(body)))
    if response.status == 404:
        hint = "" if name.isdigit() else "; set `create_lists: true` to have it made"
        raise Misconfigured(f"{at}: HubSpot has no list {name!r}{nearest(name, _names(portal, ask))}{hint}")
    if response.status not in (200, 201):
        raise unanswered("reading or making a list", response)
    found = read_answer(replace(response, status=200), "reading a list").get("list")
    if not isinstance(found, dict):
        raise Fault(*NO_HUBSPOT)
    return found


def _names(portal: Portal, ask: Ask) -> list[str]:
    """Return names of lists that there are, for a hint; none where they cannot be read."""
    body = encode_json({"query": "", "count": 250, "processingTypes": sorted(MANUAL)})
    found = error_body(ask(Request("POST", f"{portal.paths.lists}/search", body))).get("lists")
    return [str(each.get("name")) for each in objects_in(found)]


def _ids(body: Body, name: str) -> set[str] | None:
    found = body.get(name)
    return {str(each) for each in found} if isinstance(found, list) else None

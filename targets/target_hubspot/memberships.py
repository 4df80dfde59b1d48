"""Rows that are members of a list: objects of its type, added to it and taken off it by their ids."""

from __future__ import annotations

from dataclasses import dataclass

from penstock.bodies import Body, encode_json, json_body
from penstock.modes import Action
from penstock.records import Again, Batch, Delivered, Outcome, Rejected, Request, Response
from target_hubspot import codes
from target_hubspot.objects import LOOKS, Objects
from target_hubspot.refusals import expect_done

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
            elif row.attempts < LOOKS:
                outcomes.append(Again(None, "the record is not there"))
            else:
                outcomes.append(Rejected("OBJECT_NOT_FOUND", codes.SENTENCES["OBJECT_NOT_FOUND"]))
        return outcomes


def _ids(body: Body, name: str) -> set[str] | None:
    found = body.get(name)
    return {str(each) for each in found} if isinstance(found, list) else None

"""Rows that are members of a list: objects of its type, added to it and taken off it by their ids."""

from __future__ import annotations

from dataclasses import dataclass

from penstock.bodies import encode_json, json_body
from penstock.modes import Action
from penstock.records import Again, Batch, Delivered, Outcome, Rejected, Request, Response
from target_hubspot import codes
from target_hubspot.objects import LOOKS, Objects
from target_hubspot.refusals import expect_done

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
        verb = "add" if batch.action is Action.UPDATE else "remove"
        return Request(
            "PUT", f"{self.path}/memberships/{verb}", encode_json([row.destination_id for row in batch.rows])
        )

    def decode(self, response: Response, batch: Batch) -> list[Outcome]:
        """Read one outcome per row: the answer names ids that are no records, and no others of those that it leaves."""
        if batch.action is Action.FIND:
            return self.objects.decode(response, batch)
        expect_done(response, batch)
        body = json_body(response) if response.status != 204 else {}
        named = body.get("recordIdsMissing")
        missing = {str(each) for each in named} if isinstance(named, list) else set()
        outcomes: list[Outcome] = []
        for row in batch.rows:
            if batch.action is not Action.UPDATE or row.destination_id not in missing:
                outcomes.append(Delivered(row.destination_id))
            elif row.attempts < LOOKS:
                outcomes.append(Again(None, "the record is not there"))
            else:
                outcomes.append(Rejected("OBJECT_NOT_FOUND", codes.SENTENCES["OBJECT_NOT_FOUND"]))
        return outcomes

"""Rows that are companies, found by the company_id that the source gives them, or by Intercom's own id."""

from __future__ import annotations

from dataclasses import dataclass

from penstock.bodies import Body
from penstock.links import path
from penstock.modes import REMOVALS, Action
from penstock.records import Again, Batch, Delivered, Outcome, Rejected, Request, Response, Row
from target_intercom import codes
from target_intercom.answers import LOOKS, OTHER, is_absent, record, record_id, written
from target_intercom.attributes import COMPANY, Shape

SHAPE = Shape.of(COMPANY)
KEPT = "kept:"
"""mark of a company whose company_id was looked at, and is the row's"""
FOUND = "the company was found"
UNCHANGEABLE = Rejected(
    "unchangeable",
    "the company_id of a company can never change in Intercom: it stays under the one it has",
    "company_id",
)
_IDS = frozenset({"company_id", "id"})


@dataclass(frozen=True)
class Companies:
    """The companies of one sync."""

    match: str

    def encode(self, batch: Batch) -> Request:
        """Write the request for a batch of one row."""
        [row] = batch.rows
        named, action = _id(row), batch.action
        if action is Action.FIND:
            if self.match == "id":
                return Request("GET", path("/companies/{}", row.match))
            return Request("GET", path("/companies?company_id={}", row.look_for[0]))
        if action is Action.READ or _is_moved(row, action):
            return Request("GET", path("/companies/{}", named))
        if action in REMOVALS:
            return Request("DELETE", path("/companies/{}", named or row.match))
        if action is Action.UPDATE:
            return Request("PUT", path("/companies/{}", named or row.match), SHAPE.body(row.body, _IDS))
        return Request("POST", "/companies", SHAPE.body(row.body))

    def decode(self, response: Response, batch: Batch) -> list[Outcome]:
        """Read the outcome of the row."""
        [row] = batch.rows
        named, action = _id(row), batch.action
        if is_absent(response):
            return [self._absent(row, action)]
        body = record(response, batch)
        found = record_id(body)
        if action is Action.FIND:
            there = found is not None and body.get(self.match) in row.look_for
            return [Again(found, FOUND, SHAPE.holds(body, batch.sync.empty_only)) if there else OTHER]
        if action is Action.READ or _is_moved(row, action):
            return [self._read(body, row, batch.sync.empty_only)]
        if action in REMOVALS:
            return [Delivered(found) if found is not None and found in (named, row.match) else OTHER]
        target = named or (row.match if self.match == "id" else None)
        return [written(body, self.match, row.match, target, created=False if action is Action.UPDATE else None)]

    @staticmethod
    def _read(body: Body, row: Row, names: frozenset[str]) -> Outcome:
        """See what a company holds, and whether it is still the row's."""
        named = _id(row)
        if record_id(body) != named:
            return OTHER
        if row.former and body.get("company_id") != row.match:
            return UNCHANGEABLE
        return Again(KEPT + named if row.former else named, FOUND, SHAPE.holds(body, names))

    @staticmethod
    def _absent(row: Row, action: Action) -> Outcome:
        if action in REMOVALS:
            return Delivered()
        if action is Action.FIND or row.led < LOOKS:
            return Again(None, "the company is not there")
        return Rejected("company_not_found", codes.SENTENCES["company_not_found"])


def _id(row: Row) -> str:
    return (row.destination_id or "").removeprefix(KEPT)


def _is_moved(row: Row, action: Action) -> bool:
    """Tell whether a row's company may stand under another company_id than the row has now."""
    fresh = not (row.destination_id or "").startswith(KEPT)
    return action is Action.UPDATE and row.destination_id is not None and bool(row.former) and fresh

"""Rows that are contacts. Intercom has no upsert of them: what is known is changed by its id, what is not is created.

An answer that leads on, and does not lead to an id at once, is kept as a mark before the id: `archived:6762…` is to be
brought back first. A mark never leaves the run, for only a delivery writes an id into the ledger.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from penstock.bodies import Body, encode_json, error_body, objects_in
from penstock.links import path
from penstock.modes import REMOVALS, Action
from penstock.records import Again, Batch, Delivered, Outcome, Rejected, Request, Response, Retry, Row
from penstock.values import normalise_email
from target_intercom import codes
from target_intercom.answers import LOOKS, OTHER, is_absent, record, record_id, written
from target_intercom.attributes import CONTACT, Shape
from target_intercom.refusals import refusal

ARCHIVED, MOVED, TAKEN, SAME, NAMELESS = "archived:", "moved:", "taken:", "same:", "nameless:"
"""to be unarchived · led to by a 410 · has what we wanted to create, perhaps as another row's · has the e-mail, as
others may · is there, and nobody said where"""
MARKS = (ARCHIVED, MOVED, TAKEN, SAME, NAMELESS)
_CANONICAL = re.compile(r'</contacts/([0-9a-f]{24})>;\s*rel="?canonical"?').search
NOT_OURS = Rejected("conflict", "another contact, with another external_id, has the same e-mail address", "email")
NEVER_TOLD = Rejected("conflict", "Intercom says that the contact exists, and it cannot be found")
AMBIGUOUS = Rejected("ambiguous_match", "several contacts have the e-mail address (setting same_email)", "email")
STILL_ARCHIVED = Rejected(
    "archived", "the contact is archived; set `unarchive: true` to have it brought back, or bring it back in Intercom"
)
MERGED = Rejected("contact_merged", codes.SENTENCES["contact_merged"])
SHAPE = Shape.of(CONTACT)


@dataclass(frozen=True)
class Contacts:
    """The contacts of one sync, found by `match`: external_id, email or id."""

    match: str
    verifies: bool
    """whether a contact that exists may be another row's: the sync writes more than one field that may be unique"""
    newest: bool = False
    """of several with one e-mail the newest is meant, instead of none"""
    unarchives: bool = False
    deletes: bool = False
    """a deletion is for good"""

    def encode(self, batch: Batch) -> Request:
        """Write the request for a batch of one row."""
        [row] = batch.rows
        return self._question(row, batch.action) or self._write(row, batch.action)

    def _question(self, row: Row, action: Action) -> Request | None:
        mark, contact = marked(row)
        if mark in (SAME, NAMELESS):
            return self.look(row.match)
        if action is Action.FIND:
            return self._find(row)
        if action is Action.READ or mark == TAKEN:
            return Request("GET", path("/contacts/{}", contact or row.match))
        return None

    def _write(self, row: Row, action: Action) -> Request:
        mark, known = marked(row)
        contact = known or row.match
        if action in REMOVALS:
            deletes = action is Action.DELETE and self.deletes
            return (
                Request("DELETE", path("/contacts/{}", contact))
                if deletes
                else Request("POST", path("/contacts/{}/archive", contact))
            )
        if mark == ARCHIVED:
            return Request("POST", path("/contacts/{}/unarchive", contact))
        if action is Action.UPDATE:
            # A user is never made a lead again; a lead becomes a user.
            leaves_out = {"id", "role"} if row.payload.get("role") == "lead" else {"id"}
            if self.newest and self.match == "email" and not row.former:
                leaves_out.add("email")  # of several that have it, Intercom might take it for a conflict
            return Request("PUT", path("/contacts/{}", contact), SHAPE.body(row.body, frozenset(leaves_out)))
        return Request("POST", "/contacts", SHAPE.body(row.body))

    def _find(self, row: Row) -> Request:
        return self.look(row.look_for[-1]) if self._looks_one_up(row.look_for) else _search(self.match, row.look_for)

    def _looks_one_up(self, values: list[str]) -> bool:
        """Tell whether a contact is asked for by a path, which shows it at once, rather than searched for."""
        return self.match == "id" or (self.match == "external_id" and len(values) == 1 and _fits_a_path(values[0]))

    def look(self, value: str) -> Request:
        """Write a look for the contact of one value."""
        if not self._looks_one_up([value]):
            return _search(self.match, [value])
        return Request("GET", path("/contacts/{}", value)) if self.match == "id" else _by_external_id(value)

    def seen(self, response: Response, batch: Batch, value: str) -> Outcome:
        """Read the answer to `look`."""
        if self._looks_one_up([value]):
            return self._told(response, batch, [value], Again(None, "no contact was found"))
        return self._among(record(response, batch), "", batch.rows[0], [value], frozenset())

    def decode(self, response: Response, batch: Batch) -> list[Outcome]:
        """Read the outcome of the row."""
        [row] = batch.rows
        mark, contact = marked(row)
        names = batch.sync.empty_only
        if mark in (SAME, NAMELESS) and self.match == "email":
            outcome = self._among(record(response, batch), contact, row, [row.match], names)
        elif mark == NAMELESS:
            outcome = self._told(response, batch, [row.match], NEVER_TOLD)
        elif batch.action is Action.FIND:
            outcome = self._found(response, batch)
        elif response.status == 410:
            outcome = self._moved(response, batch)
        elif is_absent(response):
            outcome = _absent(row, batch.action)
        elif response.status == 409:
            outcome = self._exists(response, batch)
        elif batch.action is Action.READ or mark == TAKEN:
            outcome = self._read(record(response, batch), row, mark, contact, names)
        else:
            outcome = self._written(record(response, batch), row, mark, contact, batch.action)
        return [outcome]

    def _written(self, body: Body, row: Row, mark: str, contact: str, action: Action) -> Outcome:
        found = record_id(body)
        if action in REMOVALS:
            return Delivered(found) if found is not None and found in (contact, row.match) else OTHER
        if mark == ARCHIVED:
            back = Again(TAKEN + contact if self.verifies else contact, "it is back from the archive", row.holds)
            return back if found == contact else OTHER
        target = contact or (row.match if self.match == "id" else None)
        return written(body, self.match, row.match, target, created=action is not Action.UPDATE)

    # -- what is there already ------------------------------------------------------------------------------

    def _exists(self, response: Response, batch: Batch) -> Outcome:
        """See who is in the way of a creation, or of a change."""
        [row] = batch.rows
        body = error_body(response)
        if not codes.errors(body):
            raise refusal(response, batch)
        contact, archived = codes.existing(body)
        spent = row.led >= LOOKS
        if batch.action is Action.CREATE:
            if not row.absent:
                return Retry("something is there already: it is looked for before the next attempt", 0.0)
            return Again(contact, "it exists") if contact and self.match == "email" else NOT_OURS
        if batch.action is not Action.UPSERT or spent:
            why = codes.reason(body)
            return Rejected(why.code, f"{why.message} (status 409)", why.field)
        return self._in_the_way(contact, archived)

    def _in_the_way(self, contact: str | None, archived: bool) -> Outcome:
        if contact is None:
            return Again(NAMELESS, "it exists, nobody says where")
        if archived:
            return Again(ARCHIVED + contact, "it exists in the archive") if self.unarchives else STILL_ARCHIVED
        if self.match == "email":
            return Again(SAME + contact, "it exists, and others may with the same e-mail")
        return Again(TAKEN + contact if self.verifies else contact, "it exists under this id")

    def _read(self, body: Body, row: Row, mark: str, contact: str, names: frozenset[str]) -> Outcome:
        """Look at a contact by its id: what it holds, and, where it was in the way, whether it is the row's."""
        found = record_id(body)
        if found is None or found != contact:
            return OTHER
        if mark == TAKEN:
            theirs = body.get(self.match)
            if isinstance(theirs, str) and theirs and _folded(theirs, self.match) != _folded(row.match, self.match):
                return NOT_OURS
            mark = ""
        keeps = mark if mark == ARCHIVED else ""
        return Again(keeps + contact, "the contact was found", SHAPE.holds(body, names))

    def _found(self, response: Response, batch: Batch) -> Outcome:
        [row] = batch.rows
        if self._looks_one_up(row.look_for):
            return self._told(response, batch, row.look_for, Again(None, "no contact was found"))
        return self._among(record(response, batch), "", row, row.look_for, batch.sync.empty_only)

    def _told(self, response: Response, batch: Batch, values: list[str], otherwise: Outcome) -> Outcome:
        if is_absent(response):
            return otherwise
        body = record(response, batch)
        found = record_id(body)
        if found is None or body.get(self.match) not in values:
            return OTHER
        return Again(found, "the contact was found", SHAPE.holds(body, batch.sync.empty_only))

    def _among(self, body: Body, known: str, row: Row, values: list[str], names: frozenset[str]) -> Outcome:
        """Choose among the contacts that a search shows. It lags, so what it lacks may be there (documented)."""
        if body.get("type") != "list" or not isinstance(body.get("data"), list):
            return OTHER
        data = [each for each in objects_in(body["data"]) if record_id(each)]
        for value in values:
            wanted = _folded(value, self.match)
            named = [each for each in data if _folded(str(each.get(self.match)), self.match) == wanted]
            same = [each for each in named if each.get("role") == "user"] or named
            if len(same) > 1 and not self.newest:
                return AMBIGUOUS
            if same:
                best = max(same, key=_age)
                return Again(record_id(best), "the contact was found", SHAPE.holds(best, names))
        if known:
            return Again(TAKEN + known if self.verifies else known, "the search does not show it yet")
        return NEVER_TOLD if row.destination_id is not None else Again(None, "no contact was found")

    @staticmethod
    def _moved(response: Response, batch: Batch) -> Outcome:
        """Follow a contact that was merged away, once."""
        [row] = batch.rows
        if "contact_merged" not in codes.code_names(error_body(response)):
            raise refusal(response, batch)
        if batch.action in REMOVALS:
            return Delivered()  # the contact that the row was is there no more; the one it went into is another's
        link = _CANONICAL(response.headers.get("link", ""))
        mark, _ = marked(row)
        return (
            MERGED
            if link is None or mark == MOVED
            else Again(MOVED + link[1], "it was merged into this one", row.holds)
        )


def marked(row: Row) -> tuple[str, str]:
    """Return the mark of a row's id, and the id itself; empty where there is none."""
    named = row.destination_id or ""
    mark = next((each for each in MARKS if named.startswith(each)), "")
    return mark, named.removeprefix(mark)


def _absent(row: Row, action: Action) -> Outcome:
    if action in REMOVALS:
        return Delivered()
    if row.led < LOOKS:
        return Again(None, "the contact is not there")
    return Rejected("not_found", codes.SENTENCES["not_found"])


def _by_external_id(value: str) -> Request:
    return Request("GET", path("/contacts/find_by_external_id/{}", value))


def _fits_a_path(value: str) -> bool:
    return value not in ("", ".", "..") and value.isprintable()


def _search(name: str, values: list[str]) -> Request:
    """Look under one or several values of a field."""
    one: Mapping[str, object] = {"field": name, "operator": "=", "value": values[0]}
    several = {"field": name, "operator": "IN", "value": values}
    query = one if len(values) == 1 else several
    return Request("POST", "/contacts/search", encode_json({"query": query, "pagination": {"per_page": 150}}))


def _folded(value: str, match: str) -> str:
    return normalise_email(value) if match == "email" else value


def _age(contact: Body) -> tuple[float, str]:
    made = contact.get("created_at")
    return (float(made) if isinstance(made, int | float) else 0.0), str(record_id(contact))

"""What contacts and companies are tied to: companies, tags, subscription types."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from penstock.bodies import encode_json, error_body, objects_in, within
from penstock.errors import BatchRefused
from penstock.links import path
from penstock.modes import Action, Link
from penstock.records import Again, Batch, Convert, Delivered, Outcome, Rejected, Request, Response
from penstock.values import email, numeric_id
from target_intercom import codes, values
from target_intercom.answers import LOOKS, OTHER, is_absent, record, record_id
from target_intercom.contacts import Contacts

TAGGED = 50
"""contacts or companies that one request tags; no limit is documented, this one is ours"""
TAGS, SUBSCRIPTIONS, COMPANIES, CONTACTS = "tags", "subscriptions", "companies", "contacts"
CONSENT = ("opt_in", "opt_out")
_ENDS = {CONTACTS: (COMPANIES, TAGS, SUBSCRIPTIONS), COMPANIES: (TAGS,), "": (CONTACTS,)}
_COMPANY = (COMPANIES, "company")
_MATCHES = {COMPANIES: ("company_id",), CONTACTS: ("external_id", "email")}
_ID_OF = {"contacts": "users", "companies": "companies"}


class Relation(Protocol):
    """What sees to the steps of one link."""

    def encode(self, batch: Batch) -> Request:
        """Write the request for a batch of RESOLVE, LINK or UNLINK."""

    def decode(self, response: Response, batch: Batch) -> list[Outcome]:
        """Read one outcome per row."""


@dataclass(frozen=True)
class Attached:
    """A contact in companies."""

    creates: bool = False
    """a company that is not there is made by its company_id"""

    def encode(self, batch: Batch) -> Request:
        """Write a look for the company, or attach the contact to it, or detach it."""
        [row] = batch.rows
        contact = row.destination_id or ""
        if batch.action is Action.RESOLVE:
            if self.creates:
                return Request("POST", "/companies", encode_json({"company_id": row.other}))
            return Request("GET", path("/companies?company_id={}", row.other))
        if batch.action is Action.LINK:
            return Request("POST", path("/contacts/{}/companies", contact), encode_json({"id": row.other}))
        return Request("DELETE", path("/contacts/{}/companies/{}", contact, row.other))

    def decode(self, response: Response, batch: Batch) -> list[Outcome]:
        """Read what became of it."""
        [row] = batch.rows
        if is_absent(response):
            return [self._absent(response, batch)]
        body = record(response, batch)
        found = record_id(body)
        if batch.action is Action.RESOLVE:
            theirs = found is not None and body.get("company_id") == row.other
            return [Again(found, "the company was found") if theirs else OTHER]
        return [Delivered() if found == row.other else OTHER]

    @staticmethod
    def _absent(response: Response, batch: Batch) -> Outcome:
        if batch.action is Action.RESOLVE:
            return Again(None, "there is no such company")
        return _gone(response, batch)


@dataclass(frozen=True)
class Tagged:
    """Contacts or companies with a tag, which is known by its name: one request for one tag and many of them."""

    whose: str

    def encode(self, batch: Batch) -> Request:
        """Write the request that tags or untags; a tag that is not there is made by it (documented)."""
        undone: dict[str, object] = {"untag": True} if batch.action is Action.UNLINK else {}
        whom = [{"id": row.destination_id, **undone} for row in batch.rows]
        return Request("POST", "/tags", encode_json({"name": batch.rows[0].other, _ID_OF[self.whose]: whom}))

    def decode(self, response: Response, batch: Batch) -> list[Outcome]:
        """Take the tag for the success of all; one that is not there makes Intercom refuse all, so they are halved."""
        if is_absent(response):
            if len(batch.rows) > 1:
                raise BatchRefused("not_found", codes.SENTENCES["not_found"])
            return [_gone(response, batch)]
        body = record(response, batch)
        named = body.get("name")
        done = record_id(body) and isinstance(named, str) and named.strip().lower() == batch.rows[0].other
        return [Delivered() if done else OTHER for _ in batch.rows]


@dataclass(frozen=True)
class Subscribed:
    """A contact's consent to a type of messages, or its withdrawal."""

    consent: str

    def encode(self, batch: Batch) -> Request:
        """Write the request that attaches or detaches a subscription type."""
        [row] = batch.rows
        contact = row.destination_id or ""
        if batch.action is Action.LINK:
            body = {"id": row.other, "consent_type": self.consent}
            return Request("POST", path("/contacts/{}/subscriptions", contact), encode_json(body))
        return Request("DELETE", path("/contacts/{}/subscriptions/{}", contact, row.other))

    def decode(self, response: Response, batch: Batch) -> list[Outcome]:
        """Read what became of it."""
        [row] = batch.rows
        if is_absent(response):
            return [_gone(response, batch)]
        return [Delivered() if record_id(record(response, batch)) == row.other else OTHER]


@dataclass(frozen=True)
class Before:
    """What a contact or a company is tied to before the sync ties it: that is not the sync's to take away."""

    def encode(self, batch: Batch) -> Request:
        """Write the look; a company shows its tags itself."""
        [row] = batch.rows
        if batch.sync.object in _COMPANY:
            return Request("GET", path("/companies/{}", row.destination_id or ""))
        return Request("GET", path(f"/contacts/{{}}/{batch.link.object}", row.destination_id or ""))

    def decode(self, response: Response, batch: Batch) -> list[Outcome]:
        """Read the ids, of tags the names. Of a contact in more than fifty companies the first fifty count."""
        [row] = batch.rows
        if is_absent(response):
            return [_gone(response, batch)]
        body = record(response, batch)
        found = within(body, "tags", "tags") if batch.sync.object in _COMPANY else body.get("data")
        if not isinstance(found, list):
            return [OTHER]
        tags = batch.link.object == TAGS
        ids = (str(each.get("name") or "").strip().lower() if tags else record_id(each) for each in objects_in(found))
        return [Again(row.destination_id, "this is what is there", frozenset(each for each in ids if each))]


BEFORE = Before()


@dataclass(frozen=True)
class Whose:
    """The contact that an event or a note is about; it is looked for as rows of contacts are."""

    contacts: Contacts

    def encode(self, batch: Batch) -> Request:
        """Write the look."""
        return self.contacts.look(batch.rows[0].other)

    def decode(self, response: Response, batch: Batch) -> list[Outcome]:
        """Read where the contact is."""
        return [self.contacts.seen(response, batch, batch.rows[0].other)]


def _gone(response: Response, batch: Batch) -> Outcome:
    """Judge a row whose own object, or what it is to be tied to, is not there (any more)."""
    [row] = batch.rows
    body = error_body(response)
    why = codes.reason(body)
    if batch.action is Action.UNLINK:
        return Delivered()
    own = "company_not_found" in codes.code_names(body) if batch.sync.object in _COMPANY else codes.names_contact(body)
    if own and row.led < LOOKS:
        return Again(None, "the record is not there")
    return Rejected(why.code, why.message, f"associate {batch.link.name}", partly=True)


def relation_of(at: str, link: Link, whose: str, *, newest: bool) -> tuple[Relation, Convert] | str:
    """Return what sees to a link, and what turns its column's values into ids or match values; or what is wrong.

    `whose` are contacts or companies, or nothing where it is an event's or a note's.
    """
    wrong = next(_mistakes(link, whose), None)
    if wrong is not None:
        return f"{at}: associate {link.name}: {wrong}"
    if link.object == TAGS:
        return Tagged(whose), values.tag_name
    if link.object == SUBSCRIPTIONS:
        return Subscribed(link.label or CONSENT[0]), numeric_id
    by = {"external_id": values.key, "company_id": values.key, "email": email}
    convert = by.get(link.match or "", values.intercom_id)
    if link.object == COMPANIES:
        return Attached(link.missing == "create"), convert
    return Whose(Contacts(link.match or "id", verifies=False, newest=newest)), convert


def _mistakes(link: Link, whose: str) -> Iterator[str]:
    if link.object not in _ENDS[whose]:
        yield f"{whose or 'events and notes'} can be tied to {', '.join(_ENDS[whose])}"
    if link.object in (TAGS, SUBSCRIPTIONS) and (link.match or link.sync):
        yield f"the column has the {'names' if link.object == TAGS else 'ids'} themselves; leave match and sync out"
    if link.object == SUBSCRIPTIONS and link.label not in (None, *CONSENT):
        yield f"label must be {' or '.join(CONSENT)}"
    if link.match not in (None, *_MATCHES.get(link.object, ())):
        yield f"match must be {' or '.join(_MATCHES[link.object])}"
    if link.object == CONTACTS and link.missing != "reject":
        yield "missing must be reject: without a contact there is nothing to write"

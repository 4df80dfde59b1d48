"""The destination that Intercom is: what a sync's object means there, and which module's functions see to its rows.

Pure functions, but for what the workspace was told at start. Contacts are in `contacts`, companies in `companies`,
what ties them together in `relations`, events and notes in `appended`, custom objects in `instances`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from penstock.bodies import within
from penstock.errors import Fault, Misconfigured
from penstock.forms import constant_mistakes, fields_of, match_mistakes, match_of
from penstock.modes import Action, FieldRule, Json, Sync
from penstock.records import Abilities, Ask, Batch, Convert, Form, Gauge, Limits, Outcome, Request, Response
from penstock.relations import OF_LINKS, RELATING
from penstock.syncs import check_abilities, nearest
from penstock.values import normalise_email
from target_intercom import appended, codes, values
from target_intercom.attributes import COMPANY, CONTACT, Attributes, Shape
from target_intercom.companies import Companies
from target_intercom.contacts import Contacts
from target_intercom.instances import Instances, instance_form, probe
from target_intercom.refusals import NO_INTERCOM, doing, question, refused
from target_intercom.relations import (
    BEFORE,
    COMPANIES,
    CONSENT,
    CONTACTS,
    SUBSCRIPTIONS,
    TAGGED,
    TAGS,
    Relation,
    relation_of,
)
from target_intercom.workspace import Workspace

_MAKES = frozenset({Action.UPSERT, Action.CREATE})
_WRITES = _MAKES | {Action.UPDATE, Action.FIND, Action.READ, Action.DELETE} | OF_LINKS
ABILITIES = Abilities(_WRITES | {Action.ARCHIVE, Action.APPEND}, _WRITES - {Action.CREATE}, _MAKES)
LIMITS = Limits(
    rows=1,
    body_bytes=2**20,
    concurrency=64,
    requests=1_667,
    window=codes.WINDOW_SECONDS,
    one_other={TAGS: TAGGED},
)
"""10,000 calls a minute, dealt out in windows of ten seconds (documented); the headers correct it. With 300 ms to an
answer, 50 requests under way fill a window."""
OBJECTS = ("contacts", "companies", "events", "notes", "event:NAME", "custom:TYPE")
MATCHES = {CONTACT: ("external_id", "email", "id"), COMPANY: ("company_id", "id")}
_SINGULAR = {"contact": CONTACTS, "company": COMPANIES, "event": "events", "note": "notes"}
_MOST_WINDOW = 1_000_000
TEAMMATES: Mapping[str, Convert] = {"owner_id": values.whole, "admin_id": values.text}
"""fields that name a teammate, by id or e-mail address; and how the id is written"""


@dataclass(frozen=True)
class Options:
    """What the settings allow and choose."""

    version: str = "2.14"
    region: str = "us"
    create_attributes: bool = False
    permanent_delete: bool = False
    unarchive: bool = False
    newest: bool = False


class Plan(Protocol):
    """What sees to the rows of one sync."""

    def encode(self, batch: Batch) -> Request:
        """Write the request for a batch."""

    def decode(self, response: Response, batch: Batch) -> list[Outcome]:
        """Read one outcome per row."""


class Intercom:
    """The destination that Intercom is. Remembers nothing but what the workspace said of itself."""

    abilities = ABILITIES
    limits = LIMITS

    def __init__(self, options: Options | None = None) -> None:
        self._options = options or Options()
        self._headers = {"Intercom-Version": self._options.version}
        self._attributes = Attributes()
        self._workspace = Workspace()
        self._plans: dict[str, Plan] = {}
        self._relations: dict[tuple[str, int], Relation] = {}

    def account(self, ask: Ask) -> str:
        """Name the workspace behind the token. Raises Misconfigured when the token, or the region, is another's."""
        body = question(self._versioned(ask), Request("GET", "/me"), "reading the workspace")
        workspace, region = within(body, "app", "id_code"), within(body, "app", "region")
        if not isinstance(workspace, str) or not workspace.isalnum():
            raise Fault(*NO_INTERCOM)
        if isinstance(region, str) and region.isalpha() and region.lower() != self._options.region:
            raise Misconfigured(
                f"setting region: the workspace is in {region.upper()}, not in {self._options.region.upper()}",
                f"set TARGET_INTERCOM_REGION to {region.lower()}",
            )
        return f"intercom:{workspace}"

    def form(self, sync: Sync, columns: Mapping[str, Json] | None, key_properties: Sequence[str], ask: Ask) -> Form:
        """Check a sync against the workspace. Raises Misconfigured with every mistake."""
        what, _, name = _SINGULAR.get(sync.object, sync.object).partition(":")
        ask = self._versioned(ask)
        if what in ("event", "events", "notes") and bool(name) == (what == "event"):
            links, mistakes = self._links(sync, "", ask)
            if mistakes:
                raise Misconfigured(mistakes)
            if what == "notes":
                form = appended.note_form(sync, columns, links, self._teammates(sync, columns, ask))
                self._plans[sync.stream] = appended.Notes()
            else:
                form = appended.event_form(sync, columns, name, links)
                self._plans[sync.stream] = appended.Events(name)
        elif what == "custom" and name:
            deletes = self._options.permanent_delete
            form = instance_form(sync, columns, tuple(key_properties), name, deletes=deletes)
            probe(name, f"sync {sync.stream}", ask)
            self._plans[sync.stream] = Instances(name)
        elif what == CONTACTS and not name:
            form = self._contact_form(sync, columns, key_properties, ask)
        elif what == COMPANIES and not name:
            form = self._company_form(sync, columns, key_properties, ask)
        else:
            raise Misconfigured(
                f"sync {sync.stream}: Intercom has no object {sync.object!r}{nearest(sync.object, OBJECTS)}; "
                f"there are {', '.join(OBJECTS)}"
            )
        check_abilities(sync, form.abilities or ABILITIES)
        return form

    def _contact_form(
        self, sync: Sync, columns: Mapping[str, Json] | None, key_properties: Sequence[str], ask: Ask
    ) -> Form:
        links, mistakes = self._links(sync, CONTACTS, ask)
        role = fields_of(sync, columns).get("role")
        lead = role is not None and role.constant != "user"
        match = match_of(sync, columns, key_properties, MATCHES[CONTACT][0])
        if role is not None and lead and match == "external_id":
            maybe = f"a role from a column ({role.column}) may be lead, and " if role.column else ""
            mistakes.append(
                f"sync {sync.stream}: {maybe}leads have no external_id of yours; match them by email, or by "
                "Intercom's id"
            )
        form = self._object_form(sync, CONTACT, columns, key_properties, ask, mistakes)
        self._plans[sync.stream] = Contacts(
            match,
            verifies=len({"external_id", "email"} & set(form.fields)) > 1,
            newest=self._options.newest,
            unarchives=self._options.unarchive or sync.strategy.removed is Action.ARCHIVE,
            deletes=self._options.permanent_delete,
        )
        return replace(
            form,
            object=CONTACTS,
            links=links,
            abilities=replace(_contact_abilities(match, lead=lead), one_relation=True),
        )

    def _company_form(
        self, sync: Sync, columns: Mapping[str, Json] | None, key_properties: Sequence[str], ask: Ask
    ) -> Form:
        actions, deletes = sync.strategy.actions, self._options.permanent_delete
        if Action.ARCHIVE in actions or (Action.DELETE in actions and not deletes):
            raise Misconfigured(
                f"sync {sync.stream}: Intercom cannot archive companies; `removed: delete`, or `mode: delete`, with "
                "the setting `permanent_delete: true` deletes them for good"
            )
        links, mistakes = self._links(sync, COMPANIES, ask)
        form = self._object_form(sync, COMPANY, columns, key_properties, ask, mistakes)
        by_id = form.match == "id"
        self._plans[sync.stream] = Companies(str(form.match))
        able = _WRITES - {Action.RESOLVE} - (frozenset() if deletes else {Action.DELETE})
        abilities = Abilities(
            able - (_MAKES if by_id else frozenset()),
            able,
            frozenset({Action.UPDATE, Action.DELETE, Action.FIND} if by_id else {Action.UPSERT, Action.FIND}),
            after_look=frozenset() if by_id else frozenset({Action.CREATE}),
            one_relation=True,
        )
        return replace(form, object=COMPANIES, links=links, abilities=abilities)

    def _object_form(
        self,
        sync: Sync,
        model: str,
        columns: Mapping[str, Json] | None,
        key_properties: Sequence[str],
        ask: Ask,
        others: Sequence[str],
    ) -> Form:
        """Check what contacts and companies have in common: fields, attributes, the match.

        Raises Misconfigured with every mistake, the `others` that were found already too.
        """
        at, creates = f"sync {sync.stream}", self._options.create_attributes
        fields = fields_of(sync, columns)
        match = match_of(sync, columns, key_properties, MATCHES[model][0])
        found = self._attributes.converters(at, model, fields, ask, creates=creates)
        teammates = self._teammates(sync, columns, ask) if model == CONTACT else {}
        found.convert |= teammates
        mistakes = [*found.mistakes, *others, *constant_mistakes(at, fields, found.convert)]
        if sync.match or columns is not None:
            mistakes += _match_mistakes(at, model, match, fields)
        if mistakes:
            raise Misconfigured(mistakes)
        if found.missing and columns is not None:
            self._attributes.create(at, model, found.missing, fields, columns, ask)
            found = self._attributes.converters(at, model, fields, ask, creates=creates)
            found.convert |= teammates
        known = self._attributes.of(model, ask)
        used = [known.get(Shape.plain(name)) or name for name in sorted(fields)]
        note = self._workspace.note if teammates else ""
        return Form(
            match=match,
            fields=fields,
            convert=found.convert,
            normalise=normalise_email if match == "email" else str.strip,
            clear=None,
            version=repr(used) + self._workspace.told(teammates, sync.links),
            note="; ".join(filter(None, [Shape.of(model).note(fields, sync.nulls, match), note])),
        )

    def _teammates(self, sync: Sync, columns: Mapping[str, Json] | None, ask: Ask) -> Mapping[str, Convert]:
        """Return what converts those of a sync's fields that name a teammate."""
        named = set(TEAMMATES) & set(fields_of(sync, columns))
        return {name: self._workspace.teammate(ask, f"sync {sync.stream}", TEAMMATES[name]) for name in named}

    def _links(self, sync: Sync, whose: str, ask: Ask) -> tuple[Mapping[str, Convert], list[str]]:
        """Resolve a sync's links; name what is wrong with them."""
        mistakes: list[str] = []
        convert: dict[str, Convert] = {}
        for n, link in enumerate(sync.links):
            at = f"sync {sync.stream}"
            if link.object == TAGS and whose == CONTACTS:
                self._workspace.may_read_tags(ask, at)
            found = relation_of(at, link, whose, newest=self._options.newest)
            if not isinstance(found, str) and link.object == SUBSCRIPTIONS:
                ids = self._workspace.subscription(ask, at, link.label or CONSENT[0])
                found = f"{at}: associate {link.name}: {ids}" if isinstance(ids, str) else (found[0], ids)
            if isinstance(found, str):
                mistakes.append(found)
            else:
                self._relations[sync.stream, n], convert[link.name] = found
        return convert, mistakes

    # -- requests and answers ---------------------------------------------------------------------------------

    def _versioned(self, ask: Ask) -> Ask:
        return lambda request: ask(replace(request, headers=self._headers))

    def encode(self, batch: Batch) -> Request:
        """Write the request for a batch."""
        return replace(self._plan(batch).encode(batch), headers=self._headers)

    def decode(self, response: Response, batch: Batch) -> list[Outcome]:
        """Read one outcome per row, in the batch's order."""
        if response.status == 403:
            raise refused(doing(batch), response, self.encode(batch))
        return self._plan(batch).decode(response, batch)

    def _plan(self, batch: Batch) -> Plan:
        stream = batch.sync.stream
        if batch.action is Action.SURVEY:
            return BEFORE
        return self._relations[stream, batch.rows[0].link] if batch.action in RELATING else self._plans[stream]

    def gauge(self, response: Response) -> Gauge | None:
        """Read the window off the headers, which answers without valid credentials do not have (documented)."""
        limit, left = (response.headers.get(f"x-ratelimit-{name}", "") for name in ("limit", "remaining"))
        if not (limit.isdecimal() and left.isdecimal() and len(limit) < 8 and len(left) < 8):
            return None
        requests = int(limit)
        return Gauge(requests, codes.WINDOW_SECONDS, int(left)) if 0 < requests <= _MOST_WINDOW else None


def _contact_abilities(match: str, *, lead: bool) -> Abilities:
    """Return what can be done with contacts that are found by a field.

    Several leads may share an e-mail address, so nothing stops a second one: they are looked for first. Users are
    refused one that another user has, as far as is known, but Intercom's staff says that it is not unique: a creation
    that may be made twice is counted as such.
    """
    able = _WRITES | {Action.ARCHIVE}
    if match == "id":
        return Abilities(able - _MAKES, able, able - _MAKES - OF_LINKS - {Action.READ})
    if lead:
        return Abilities(able, able - _MAKES, frozenset({Action.FIND}), after_look=_MAKES)
    return Abilities(able, able - (_MAKES if match == "email" else {Action.CREATE}), _MAKES | {Action.FIND})


def _match_mistakes(at: str, model: str, match: str, fields: Mapping[str, FieldRule]) -> list[str]:
    if "id" in fields and match != "id":
        return [f"{at}: id is Intercom's own; leave it out, or find a {model} by it: `match: id`"]
    if match not in MATCHES[model]:
        there = ", ".join(MATCHES[model])
        return [f"{at}: match: a {model} is found by {there}, not by {match!r}{nearest(match, MATCHES[model])}"]
    return match_mistakes(at, match, fields)

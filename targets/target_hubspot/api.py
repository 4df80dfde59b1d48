"""The destination that HubSpot is: what a sync's object means there, and which module's functions see to its rows.

Pure functions, but for what the portal was told at start. Rows that are objects are in `objects`, links in
`associations`, members of lists in `memberships`, custom events in `events`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol
from urllib.parse import quote

from penstock.auth import Secret
from penstock.bulk import Jobs
from penstock.errors import Fault, Misconfigured
from penstock.forms import fields_of, match_of
from penstock.modes import Action, FieldRule, Json, Link, Sync
from penstock.records import Abilities, Ask, Batch, Budgeted, Convert, Form, Gauge, Limits, Outcome, Request, Response
from penstock.records import Kind as Limited
from penstock.relations import RELATING
from penstock.syncs import check_abilities, nearest
from penstock.values import numeric_id
from target_hubspot import codes, events, paths, scopes
from target_hubspot.associations import LABELLED, MOST, Association
from target_hubspot.associations import Kind as LinkKind
from target_hubspot.creating import create_missing
from target_hubspot.imports import Described, Imports
from target_hubspot.memberships import MANUAL, Memberships, find_list
from target_hubspot.memberships import MOST as LISTED_ROWS
from target_hubspot.objects import Objects
from target_hubspot.portal import Kind, Portal
from target_hubspot.properties import (
    RECORD_ID,
    Property,
    converter_of_match,
    is_key,
    make_form,
    unique_among,
)
from target_hubspot.refusals import NO_HUBSPOT, read_answer, refusal

_FOUND_BY = frozenset({Action.UPSERT, Action.UPDATE, Action.CREATE, Action.FIND})
_WRITES = _FOUND_BY | {Action.READ, Action.ARCHIVE, Action.DELETE} | RELATING
_KEYED = _WRITES - {Action.CREATE} | {Action.APPEND}
"""these may be repeated: an upsert, an update, a link leave the same behind, and an event is known by its uuid"""
ABILITIES = Abilities(_WRITES | {Action.APPEND}, _KEYED, _FOUND_BY)
LISTED = Abilities(
    frozenset({Action.UPSERT, Action.UPDATE, Action.ARCHIVE, Action.FIND}), _KEYED, frozenset({Action.FIND})
)
"""of members of a list: only objects that are there can be, so a row without one is refused"""
ASSOCIATIONS = ((250, 200), (190, 150), (0, 100))
"""requests per window for associations, from so many of all kinds on: by tier, as the headers tell it (documented)"""
SEARCHING = Budgeted("search", 5, 1.0)
SEARCHED_ROWS = 50
"""rows of one search, whose body may have 3,000 characters (documented); longer values make it be halved"""
LIMITS = Limits(
    rows=100,
    body_bytes=2 * 2**20,
    concurrency=10,
    requests=190,
    window=codes.WINDOW_SECONDS,
)
"""100 inputs a batch (documented). 190 requests per ten seconds is the Professional tier; the answers' headers correct
it. The cap on bytes is ours: none is documented."""
SEARCH_NOTE = (
    "match property {} is not unique, so objects are found by search: one call per 50 rows at first, five a second at "
    "most, and what was written in the last moments is not found yet; a unique property costs less and misses nothing"
)
LONGEST_WINDOW = 60.0
"""seconds; a header that names a longer rate window is not believed"""
DAILY = re.compile(r"[0-9]{1,15}").fullmatch


@dataclass(frozen=True)
class Options:
    """What the settings allow and choose."""

    version: str = paths.DEFAULT
    create_properties: bool = False
    property_group: str = "penstock"
    create_lists: bool = False
    gdpr_delete: bool = False
    token: Secret | None = None
    """of a private app, which can tell its scopes"""


class Plan(Protocol):
    """What sees to the rows of one sync."""

    def encode(self, batch: Batch) -> Request:
        """Write the request for a batch."""

    def decode(self, response: Response, batch: Batch) -> list[Outcome]:
        """Read one outcome per row."""


class HubSpot:
    """The destination that HubSpot is. Remembers nothing but what the portal said of itself."""

    abilities = ABILITIES

    def __init__(self, options: Options | None = None) -> None:
        self._options = options or Options()
        self._paths = paths.VERSIONS[self._options.version]
        self._portal = Portal(self._paths)
        self._account = ""
        self._plans: dict[str, Plan] = {}
        self._links: dict[tuple[str, int], Plan] = {}
        self._makes: dict[str, tuple[str, ...]] = {}
        self._imported: dict[str, Described] = {}
        self.jobs: Jobs = Imports(lambda sync: self._imported[sync.stream], refusal, self._paths.imports)
        self._budgets: dict[Limited, Budgeted] = {}
        self._rows: dict[Limited, int] = dict(MOST)
        if self._options.gdpr_delete:
            self._rows[Action.DELETE] = 1
        self.limits = replace(LIMITS, rows_of=self._rows, budgets=self._budgets)

    def account(self, ask: Ask) -> str:
        """Name the portal behind the token, and learn its scopes. Raises Misconfigured when the token is refused."""
        response = ask(Request("GET", self._paths.account))
        body = read_answer(response, "reading the account")
        gauge = self.gauge(response)
        if gauge is not None:
            of_all = gauge.requests * codes.WINDOW_SECONDS / gauge.window
            most = next(most for least, most in ASSOCIATIONS if of_all >= least)
            associating = Budgeted("associations", most, codes.WINDOW_SECONDS)
            self._budgets |= {Action.LINK: associating, Action.UNLINK: associating}
        portal = body.get("portalId")
        if not isinstance(portal, int | str) or not str(portal).isdigit():
            raise Fault(*NO_HUBSPOT)
        if self._options.token:
            self._portal.learn_scopes(ask, self._options.token)
        self._account = str(portal)
        return f"hubspot:{portal}"

    def form(self, sync: Sync, columns: Mapping[str, Json] | None, key_properties: Sequence[str], ask: Ask) -> Form:
        """Check a sync against the portal. Raises Misconfigured with every mistake."""
        if lacking := self._portal.lacking(sync.stream, scopes.wanted(sync, creates=self._options.create_properties)):
            raise Misconfigured(lacking)
        what, _, name = sync.object.partition(":")
        if what == "event" and name:
            form = self._event_form(sync, columns, name, ask)
        elif what == "list" and name:
            form = self._list_form(sync, columns, key_properties, name, ask)
        else:
            form = self._object_form(sync, columns, key_properties, ask)
        by_job = () if what in ("event", "list") else (action for action, _ in self.jobs.takes)
        check_abilities(sync, form.abilities or ABILITIES, by_job)
        return form

    def _object_form(
        self, sync: Sync, columns: Mapping[str, Json] | None, key_properties: Sequence[str], ask: Ask
    ) -> Form:
        at, options = f"sync {sync.stream}", self._options
        kind = self._portal.kind(sync.object, ask, at)
        mistakes = self._portal.lacking(sync.stream, scopes.of(kind.scope, creates=options.create_properties))
        fields, match = fields_of(sync, columns), match_of(sync, columns, key_properties, "email")
        if options.create_properties and columns is not None and not mistakes:
            create_missing(self._portal, kind, fields, columns, match, options.property_group, ask)
        properties = self._portal.for_sync(kind, sync, {*fields, match}, ask)
        mistakes += self._link_mistakes(sync, kind, ask, final=columns is not None)
        if options.gdpr_delete and Action.DELETE in sync.strategy.actions and kind.name != "contacts":
            mistakes.append(f"{at}: gdpr_delete is on, and only contacts can be purged; use `removed: archive` here")
        try:
            creates = options.create_properties
            form = make_form(sync, columns, key_properties, properties, kind.name, creates=creates)
        except Misconfigured as error:
            raise Misconfigured([*mistakes, *error.mistakes]) from error
        if mistakes:
            raise Misconfigured(mistakes)
        searched = not is_key(match, properties, kind.name) and match in properties and not properties[match].unique
        if searched:
            looking = sync.stream, Action.FIND
            self._budgets[looking], self._rows[looking] = SEARCHING, SEARCHED_ROWS
        path = f"{self._paths.objects}/{quote(kind.segment, safe='')}"
        self._plans[sync.stream] = Objects(path, match, searched, purges=options.gdpr_delete)
        types = {name: properties[name].type for name in form.fields if name in properties}
        self._imported[sync.stream] = Described(kind.type_id, match, types)
        links = {link.name: self._convert(link, ask) for link in sync.links if link.sync is None}
        note = SEARCH_NOTE.format(match) if searched else ""
        form = replace(form, object=kind.name, links=links, makes=self._makes.get(sync.stream, ()), note=note)
        return replace(form, abilities=_abilities(match, searched=searched))

    # -- links ------------------------------------------------------------------------------------------------

    def _link_mistakes(self, sync: Sync, kind: Kind, ask: Ask, *, final: bool) -> list[str]:
        """Resolve a sync's links, and return what is wrong with them."""
        mistakes: list[str] = []
        others: list[Kind] = []
        kinds: list[LinkKind | None] = []
        for link in sync.links:
            at = f"sync {sync.stream}: associate {link.name}"
            try:
                other = self._portal.kind(link.object, ask, at)
                mistakes += self._match_mistakes(at, link, other, ask, final=final)
                mistakes += self._portal.lacking(sync.stream, scopes.of(other.scope))
                kinds.append(self._label(at, link, kind, other, ask))
                others.append(other)
            except Misconfigured as error:
                mistakes += error.mistakes
        if mistakes or (mistakes := _repeated(sync, others, kinds)):
            return mistakes
        self._makes[sync.stream] = tuple(
            f"associate {other.name}" + (f":{kind[1]}" if kind else "")
            for other, kind in zip(others, kinds, strict=True)
        )
        if any(kinds):
            self._rows[sync.stream, Action.LINK] = LABELLED
        for n, (link, other) in enumerate(zip(sync.links, others, strict=True)):
            own = tuple(k if each == other else ("", 0) for k, each in zip(kinds, others, strict=True))
            ends = "/".join(quote(each.segment, safe="") for each in (kind, other))
            objects = f"{self._paths.objects}/{quote(other.segment, safe='')}"
            path = f"{self._paths.associations}/{ends}"
            self._links[sync.stream, n] = Association(path, own, objects, link.match or "", link.missing == "create")
        return []

    def _match_mistakes(self, at: str, link: Link, other: Kind, ask: Ask, *, final: bool) -> list[str]:
        if link.match is None:
            return []
        properties = self._portal.properties(other, ask)
        unique = unique_among(properties, other.name)
        if link.match in unique:
            return []
        if self._options.create_properties and link.match not in properties and not final:
            return []  # the sync of that object may make it before this one's SCHEMA comes
        hint = nearest(link.match, unique) if link.match not in properties else ""
        there = "is not unique" if link.match in properties else "is not there"
        return [
            f"{at}: property {link.match!r} of {other.name} {there}{hint}; unique are {', '.join(unique) or 'none'}"
        ]

    def _label(self, at: str, link: Link, kind: Kind, other: Kind, ask: Ask) -> LinkKind | None:
        """Find a label by its name or type id. Raises Misconfigured with the nearest."""
        if link.label is None:
            return None
        labels = self._portal.labels(kind, other, ask)
        for each in labels:
            if link.label in (str(each.get("typeId")), each.get("label")):
                return str(each.get("category")), int(str(each.get("typeId")))
        names = [str(each["label"]) for each in labels if each.get("label")]
        raise Misconfigured(
            f"{at}: from {kind.name} to {other.name} there is no label {link.label!r}{nearest(link.label, names)}; "
            f"there are {', '.join(names) or 'none'}"
        )

    def _convert(self, link: Link, ask: Ask) -> Convert:
        if link.match is None:
            return numeric_id
        other = self._portal.kind(link.object, ask, "")
        return converter_of_match(self._portal.properties(other, ask), link.match)

    # -- lists and events -------------------------------------------------------------------------------------

    def _list_form(
        self, sync: Sync, columns: Mapping[str, Json] | None, key_properties: Sequence[str], name: str, ask: Ask
    ) -> Form:
        at = f"sync {sync.stream}"
        create = self._options.create_lists
        found = find_list(self._portal, name, at, ask, create=create, now=columns is not None)
        if found.get("processingType") not in MANUAL:
            raise Misconfigured(
                f"{at}: list {name!r} chooses its members itself; only those of a manual list can be set"
            )
        kind = self._portal.kind(str(found.get("objectTypeId")), ask, at)
        if sync.strategy.removed is Action.CLEAR:
            raise Misconfigured(f"{at}: a list has no fields to clear; `removed: archive` takes members off it")
        only = next(iter(sync.fields)) if sync.fields is not None and len(sync.fields) == 1 else None
        match = sync.match or only or match_of(sync, columns, key_properties, "email")
        rule = fields_of(sync, columns).get(match)
        if sync.fields is not None and (more := sorted(set(sync.fields) - {match})):
            raise Misconfigured(
                f"{at}: a list has no fields but the one that finds its members; leave out {', '.join(more)}"
            )
        looked_for = replace(
            sync, fields=None if rule is None and columns is None else {match: rule or FieldRule(match)}
        )
        looked_for = replace(
            looked_for, match=match, strategy=replace(sync.strategy, added=Action.UPDATE, changed=Action.UPDATE)
        )
        properties: Mapping[str, Property] = self._portal.for_sync(kind, sync, {match}, ask)
        form = make_form(looked_for, columns, key_properties, properties, kind.name)
        searched = not is_key(match, properties, kind.name)
        if searched and match in properties:
            raise Misconfigured(
                f"{at}: match: property {match!r} is not unique in HubSpot; "
                f"unique are {', '.join(unique_among(properties, kind.name)) or 'none'}, and {RECORD_ID}"
            )
        list_id = str(found.get("listId", name))
        path = f"{self._paths.lists}/{quote(list_id, safe='')}"
        objects = Objects(f"{self._paths.objects}/{quote(kind.segment, safe='')}", match, present_only=True)
        self._plans[sync.stream] = Memberships(path, objects)
        self._rows |= {(sync.stream, action): LISTED_ROWS for action in (Action.UPDATE, Action.ARCHIVE)}
        # A list that was deleted and made anew has none of the rows that were delivered to the old one.
        of_this = f"list:{list_id}"
        abilities = replace(LISTED, members=of_this)
        return replace(form, object=of_this, version=f"{form.version} {of_this}", abilities=abilities)

    def _event_form(self, sync: Sync, columns: Mapping[str, Json] | None, name: str, ask: Ask) -> Form:
        """Resolve an event, by its full name or the short one, and check the sync against its definition."""
        full = name if name.startswith("pe") and "_" in name else f"pe{self._account}_{name}"
        known = events.properties_of(self._portal, full, f"sync {sync.stream}", ask)
        form = events.make_form(sync, columns, known)
        origin = f"hubspot:{self._account} {sync.stream}"
        self._plans[sync.stream] = events.Events(self._paths.events, full, origin)
        return replace(form, object=f"event:{full}")

    # -- requests and answers ---------------------------------------------------------------------------------

    def encode(self, batch: Batch) -> Request:
        """Write the request for a batch."""
        return self._plan(batch).encode(batch)

    def decode(self, response: Response, batch: Batch) -> list[Outcome]:
        """Read one outcome per row, in the batch's order."""
        return self._plan(batch).decode(response, batch)

    def _plan(self, batch: Batch) -> Plan:
        stream = batch.sync.stream
        return self._links[stream, batch.rows[0].link] if batch.action in RELATING else self._plans[stream]

    def gauge(self, response: Response) -> Gauge | None:
        """Read the ten-second window and the day off the headers; search has none, OAuth no day (documented)."""
        try:
            requests = int(response.headers["x-hubspot-ratelimit-max"])
            window = int(response.headers.get("x-hubspot-ratelimit-interval-milliseconds", "10000")) / 1000
            remaining = int(response.headers["x-hubspot-ratelimit-remaining"])
        except (KeyError, ValueError, OverflowError):
            return None
        if requests <= 0 or not 0 < window <= LONGEST_WINDOW:
            return None
        day = [response.headers.get(f"x-hubspot-ratelimit-daily{part}", "") for part in ("-remaining", "")]
        left, limit = (int(text) if DAILY(text) else None for text in day)
        return Gauge(requests, window, remaining, left, limit)


def _repeated(sync: Sync, others: Sequence[Kind], kinds: Sequence[LinkKind | None]) -> list[str]:
    """Name the links that are one, by whatever names."""
    first: dict[tuple[Kind, LinkKind | None], str] = {}
    mistakes = []
    for link, other, kind in zip(sync.links, others, kinds, strict=True):
        if one := first.get((other, kind)):
            mistakes.append(f"sync {sync.stream}: associate {one} and {link.name} are one link; leave one of them out")
        first[other, kind] = link.name
    return mistakes


def _abilities(match: str, *, searched: bool) -> Abilities:
    """Return what can be done with objects that are found by a property."""
    if match == RECORD_ID:
        by_match = frozenset({Action.UPDATE, Action.FIND, Action.ARCHIVE, Action.DELETE})
    elif searched:
        by_match = frozenset({Action.FIND})
    else:
        # batch/update by address was refused in 2024 (observed), so addresses are looked up first.
        by_match = _FOUND_BY - {Action.UPDATE} if match == "email" else _FOUND_BY
    makes = frozenset() if searched or match == RECORD_ID else frozenset({Action.UPSERT, Action.CREATE})
    return Abilities(_WRITES - {Action.UPSERT, Action.CREATE} | makes, _KEYED, by_match)

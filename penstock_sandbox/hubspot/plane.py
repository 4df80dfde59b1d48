"""HubSpot's side of the control plane: what a test may put in place, change and look at, past all rules."""

import msgspec

from penstock_sandbox.clock import iso
from penstock_sandbox.hubspot import events as custom_events
from penstock_sandbox.hubspot import imports
from penstock_sandbox.hubspot.access import App, Token
from penstock_sandbox.hubspot.pipelines import Owner, Pipeline, give_options
from penstock_sandbox.hubspot.portal import Portal, Visit
from penstock_sandbox.hubspot.properties import Option, Property


class SeedLink(msgspec.Struct, rename={"source": "from"}, forbid_unknown_fields=True):
    """An association to put in place; without types the default one."""

    source: str
    to_type: str
    to: str
    types: list[int] = []


class Seed(msgspec.Struct, forbid_unknown_fields=True):
    """What to put in place for one object type: unchecked (addresses are lower-cased), without history."""

    type: str = "contacts"
    objects: list[dict[str, str]] = []
    properties: list[Property] = []
    pipelines: list[Pipeline] = []
    links: list[SeedLink] = []
    owners: list[Owner] = []
    events: list[custom_events.NewDefinition] = []


class Alteration(msgspec.Struct, forbid_unknown_fields=True):
    """A change of a property in the middle of a run: archived, or left with fewer options."""

    type: str
    property: str
    archive: bool = False
    options: list[str] | None = None


class Grant(msgspec.Struct, forbid_unknown_fields=True):
    """A token to accept from now on; `expires_in` is seconds, 0 or less for one that has expired."""

    token: str
    scopes: list[str] | None = None
    expires_in: float | None = None
    kind: str = "private"


class AppGrant(msgspec.Struct, forbid_unknown_fields=True):
    """A refresh token to accept, or with `revoked` to refuse, from now on."""

    refresh_token: str
    client_id: str = "sandbox-client"
    client_secret: str = "sandbox-secret"  # noqa: S105 - no secret at all
    scopes: list[str] | None = None
    revoked: bool = False


class Merge(msgspec.Struct, forbid_unknown_fields=True):
    """Two ids: `other` is merged away into `survivor`, which keeps its id."""

    survivor: str
    other: str
    type: str = "contacts"


def seed(portal: Portal, body: bytes, now: float, request: int) -> dict[str, object]:
    """Put things in place; search finds them at once."""
    asked = msgspec.json.decode(body, type=Seed)
    for owner in asked.owners:
        portal.owners.append(owner)
    shelf = portal.shelf(asked.type)
    if asked.pipelines:
        shelf.pipelines[:] = asked.pipelines
        portal.pipelines[shelf.kind.name] = shelf.pipelines
        for definition in give_options(shelf.kind, shelf.catalogue.listed(), shelf.pipelines):
            shelf.define(definition)
    for definition in asked.properties:
        shelf.define(definition)
    for event in asked.events:
        custom_events.define(portal, event, iso(now))
    visit = Visit(portal, shelf, now, request)
    ids = [_put(visit, properties) for properties in asked.objects]
    for link in asked.links:
        other = portal.shelf(link.to_type)
        portal.associations.put(shelf.kind, link.source, other.kind, link.to, set(link.types))
    return {"ids": ids}


def _put(visit: Visit, properties: dict[str, str]) -> str:
    table, changes = visit.table, len(visit.table.changes)
    record = table.draft(visit.now)
    table.insert(record)
    aliases = visit.shelf.kind.aliases
    stored = {name: value.strip().lower() if name in aliases else value for name, value in properties.items() if value}
    table.write(record, stored, visit.now)
    while len(table.changes) > changes:
        table.changes.pop()
    return record.id


def alter(portal: Portal, body: bytes) -> dict[str, object]:
    """Archive a property or take options from it."""
    change = msgspec.json.decode(body, type=Alteration)
    shelf = portal.shelf(change.type)
    if change.archive:
        shelf.catalogue.take_away(change.property)
    if change.options is not None:
        definition = shelf.catalogue.get(change.property)
        options = [each for each in definition.options if each.value in change.options]
        options += [Option(each, each) for each in change.options if each not in {have.value for have in options}]
        shelf.catalogue.add(msgspec.structs.replace(definition, options=options))
    return {"altered": change.property}


def grant(portal: Portal, body: bytes, now: float) -> dict[str, object]:
    """Accept a token."""
    asked = msgspec.json.decode(body, type=Grant)
    expires_at = None if asked.expires_in is None else now + asked.expires_in
    fields = {"token": asked.token, "scopes": asked.scopes, "expires_at": expires_at, "kind": asked.kind}
    portal.tokens[asked.token] = msgspec.convert(fields, Token)
    return {"token": asked.token}


def grant_app(portal: Portal, body: bytes) -> dict[str, object]:
    """Accept a refresh token, or no longer."""
    asked = msgspec.json.decode(body, type=AppGrant)
    known = portal.apps.get(asked.refresh_token)
    minted = 0 if known is None else known.minted
    app = App(asked.client_id, asked.client_secret, asked.scopes, asked.revoked, minted)
    portal.apps[asked.refresh_token] = app
    return {"refresh_token": asked.refresh_token, "minted": minted}


def merge(portal: Portal, body: bytes, now: float) -> dict[str, object]:
    """Merge two records without history."""
    asked = msgspec.json.decode(body, type=Merge)
    shelf = portal.shelf(asked.type)
    survivor, other = shelf.table.live(asked.survivor), shelf.table.live(asked.other)
    if survivor is None or other is None or survivor is other:
        raise ValueError("both ids must name live objects, and not the same one")
    portal.merge(shelf, survivor, other, iso(now), new_id=False)
    return {"survivor": survivor.id}


def associations(portal: Portal, one: str, other: str) -> dict[str, object]:
    """Return every association from one type to another."""
    pair = (portal.shelf(one).kind.type_id, portal.shelf(other).kind.type_id)
    found = [
        {"from": from_id, "to": to_id, "types": list(types)}
        for each, from_id, to_id, types in portal.associations.all()
        if each == pair
    ]
    return {"associations": found}


def lists(portal: Portal) -> dict[str, object]:
    """Return every list with its members."""
    found = [{"id": each.id, "name": each.name, "members": list(each.members)} for each in portal.lists.values()]
    return {"lists": found}


def sent_events(portal: Portal) -> dict[str, object]:
    """Return every event that was sent, with the reason of those that were dropped."""
    return {"events": portal.events.sent}


def jobs(portal: Portal, now: float) -> dict[str, object]:
    """Return every import, brought to where it is now."""
    imports.advance(portal, now)
    return {"imports": [imports.shown(each) for each in portal.jobs.values()]}

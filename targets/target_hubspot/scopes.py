"""The scopes that a sync needs, as far as its own words tell: asked for before anything else of the portal is."""

from __future__ import annotations

from collections.abc import Iterator

from penstock.modes import Sync
from target_hubspot.portal import scope_of


def of(scope: str | None, *, creates: bool = False) -> set[str]:
    """Return the scopes for objects; nothing where HubSpot's documentation does not name them."""
    if scope is None:
        return set()
    reading = {"crm.schemas.custom.read"} if scope == "custom" else set()
    making = {f"crm.schemas.{scope}.write"} if creates else set()
    return {f"crm.objects.{scope}.read", f"crm.objects.{scope}.write"} | reading | making


def wanted(sync: Sync, *, creates: bool) -> set[str]:
    """Return the scopes that a sync needs; `creates`: also to make properties."""
    what, _, name = sync.object.partition(":")
    if what == "event" and name:
        return {"analytics.behavioral_events.send"}
    if what == "list" and name:
        return {"crm.lists.read", "crm.lists.write"} | (set() if name.isdigit() else {"crm.objects.contacts.read"})
    found = of(scope_of(sync.object), creates=creates)
    for link in sync.links:
        found |= of(scope_of(link.object))
    return found.union(_others(sync))


def _others(sync: Sync) -> Iterator[str]:
    if sync.bulk_above is not None:
        yield "crm.import"
    if "hubspot_owner_id" in (sync.fields or {}):
        yield "crm.objects.owners.read"

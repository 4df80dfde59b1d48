"""One simulated HubSpot account: its object types, tokens, limits and memory."""

from __future__ import annotations

import random
import uuid
from datetime import datetime, timedelta, timezone, tzinfo
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from penstock_sandbox.clock import iso
from penstock_sandbox.hubspot import errors
from penstock_sandbox.hubspot.access import DEFAULT_BEARER, REFRESH, App, Token
from penstock_sandbox.hubspot.limits import Limits
from penstock_sandbox.hubspot.links import Associations
from penstock_sandbox.hubspot.memory import EventLog, Job, ManualList
from penstock_sandbox.hubspot.paths import Family
from penstock_sandbox.hubspot.pipelines import Pipeline, first_owners, first_pipelines, give_options
from penstock_sandbox.hubspot.properties import Catalogue, Property
from penstock_sandbox.hubspot.types import OBJECT_TYPES, PORTAL_ID, ObjectType
from penstock_sandbox.settings import Settings
from penstock_sandbox.store import History, Record, Table

if TYPE_CHECKING:
    from penstock_sandbox.hubspot.schemas import Schema

__all__ = ["PORTAL_ID", "Portal", "Shelf", "Visit"]
_SAME_ZONE = {"US/Eastern": "America/New_York"}  # the old name is missing where only current ones are installed


class Shelf:
    """The objects of one type together with the properties they may have."""

    def __init__(self, kind: ObjectType, pipelines: list[Pipeline], owners: frozenset[str]) -> None:
        self.kind = kind
        self.pipelines = pipelines
        self.catalogue = Catalogue(give_options(kind, kind.properties(), pipelines), owners, kind.name != "products")
        keys = [name for name in self.catalogue.unique() if name != "hs_object_id"]
        self.table = Table(kind.first_id, keys, kind.aliases)
        self.url = f"https://app.hubspot.com/contacts/{PORTAL_ID}/record/{kind.type_id}/"

    def add_property(self, definition: Property, now: float = 0.0) -> Property:
        """Create a property by the rules, with an index if its values are unique."""
        return self._indexed(self.catalogue.create(definition, now))

    def define(self, definition: Property) -> Property:
        """Put a property in place without asking the rules."""
        return self._indexed(self.catalogue.add(definition))

    def _indexed(self, definition: Property) -> Property:
        if definition.has_unique_value:
            self.table.add_unique(definition.name)
        return definition


class Visit:
    """What one request sees: the shelf it is about, the settings, the time and its number."""

    def __init__(self, portal: Portal, shelf: Shelf, now: float, request: int, family: Family = "v3") -> None:
        self.portal = portal
        self.shelf = shelf
        self.table = shelf.table
        self.catalogue = shelf.catalogue
        self.settings = portal.settings
        self.history = portal.history
        self.seconds = now
        self.now = iso(now)
        self.seen_until = iso(now - portal.settings.hubspot.search_lag)
        self.request = request
        self.rules_hold = family == "2026-09" or portal.settings.hubspot.rules_on_older_paths
        self.table.forget_changes(self.seen_until)


class Portal:
    """The account. `history` is shared with the sandbox's other vendors."""

    def __init__(self, settings: Settings, history: History) -> None:
        self.history = history
        self.tokens = {DEFAULT_BEARER: Token(DEFAULT_BEARER)}
        self.apps: dict[str, App] = {REFRESH: App()}
        self.chance = random.Random(settings.seed)  # noqa: S311 - the order of results is no secret
        self.pipelines = first_pipelines()
        self.owners = first_owners()
        self.shelves: dict[str, Shelf] = {}
        self.schemas: dict[str, Schema] = {}
        self.made_types = 0
        self._names: dict[str, str] = {}
        for kind in OBJECT_TYPES:
            self.open(kind)
        self.associations = Associations()
        self.lists: dict[str, ManualList] = {}
        self.events = EventLog()
        self.jobs: dict[str, Job] = {}
        self.purged: set[str] = set()
        self.limits = Limits()
        self.configure(settings)

    def open(self, kind: ObjectType) -> Shelf:
        """Add an object type. A custom one is found by its full name and its id only."""
        owners = frozenset(owner.id for owner in self.owners)
        shelf = Shelf(kind, self.pipelines.get(kind.name, []), owners)
        self.shelves[kind.name] = shelf
        names = (kind.name, kind.type_id) if kind.scope == "custom" else (kind.name, kind.singular, kind.type_id)
        self._names.update(dict.fromkeys(names, kind.name))
        return shelf

    def close(self, shelf: Shelf) -> None:
        """Forget an object type."""
        del self.shelves[shelf.kind.name]
        self._names = {name: known for name, known in self._names.items() if known != shelf.kind.name}

    def configure(self, settings: Settings) -> None:
        """Take new settings; what is stored stays, and so do requests already counted."""
        self.zone = _zone(settings.hubspot.time_zone)
        self.settings = settings
        self.limits.configure(settings, self.zone)
        for shelf in self.shelves.values():
            folded = shelf.table.unique if settings.hubspot.unique_text == "fold" else {}
            if frozenset(folded) != shelf.table.folded:
                shelf.table.fold(folded)

    def shelf(self, name: str) -> Shelf:
        """Return an object type by name, singular or type id."""
        known = self._names.get(name.lower())
        if known is None:
            raise errors.unknown_type(name)
        return self.shelves[known]

    def merge(self, shelf: Shelf, survivor: Record, other: Record, now: str, new_id: bool) -> Record:
        """Merge one record away into another, which may get a new id; both old ids lead to it."""
        table = shelf.table
        table.merge(survivor, other, now)
        self.associations.rename(shelf.kind, other.id, survivor.id)
        if not new_id:
            return survivor
        heir = table.draft(now)
        heir.created = survivor.created
        values = dict(survivor.properties)
        table.archive(survivor, now)
        table.merged[survivor.id] = heir.id
        table.insert(heir)
        table.write(heir, values, now)
        self.associations.rename(shelf.kind, survivor.id, heir.id)
        return heir

    def correlation_id(self) -> str:
        """Return a fresh id for one answer, from the seeded source of chance."""
        return str(uuid.UUID(int=self.chance.getrandbits(128), version=4))

    def details(self, now: float) -> dict[str, object]:
        """Return the answer of account-info."""
        offset = datetime.fromtimestamp(now, self.zone).utcoffset() or timedelta()
        minutes = int(offset.total_seconds() // 60)
        return {
            "portalId": PORTAL_ID,
            "accountType": "STANDARD",
            "timeZone": self.settings.hubspot.time_zone,
            "companyCurrency": "USD",
            "additionalCurrencies": [],
            "utcOffset": f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}",
            "utcOffsetMilliseconds": minutes * 60_000,
            "uiDomain": "app.hubspot.com",
            "dataHostingLocation": "na1",
        }


def _zone(name: str) -> tzinfo:
    """Return a time zone; raises ValueError for an unknown one. UTC needs no data about zones."""
    if name == "UTC":
        return timezone.utc
    try:
        return ZoneInfo(_SAME_ZONE.get(name, name))
    except (ZoneInfoNotFoundError, ValueError) as error:
        if name in _SAME_ZONE:
            return timezone(timedelta(hours=-5))
        raise ValueError(f"unknown time zone {name!r}") from error

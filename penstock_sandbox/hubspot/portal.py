"""One simulated HubSpot account: its object types, tokens, limits and memory."""

import random
import uuid
from collections.abc import Callable
from typing import NamedTuple

from penstock_sandbox.clock import iso
from penstock_sandbox.hubspot import errors
from penstock_sandbox.hubspot.access import DEFAULT_BEARER, Token
from penstock_sandbox.hubspot.limits import Limits
from penstock_sandbox.hubspot.properties import Catalogue, Property, contact_properties
from penstock_sandbox.settings import Settings
from penstock_sandbox.store import History, Table

PORTAL_ID = 12345678
UTC_OFFSET_SECONDS = -4 * 3600


class ObjectType(NamedTuple):
    """What tells one object type from another; a further type is one more line of `OBJECT_TYPES`."""

    name: str
    singular: str
    type_id: str
    modified: str
    first_id: int
    aliases: dict[str, str]
    shown: tuple[str, ...]
    properties: Callable[[], list[Property]]


OBJECT_TYPES = [
    ObjectType(
        name="contacts",
        singular="contact",
        type_id="0-1",
        modified="lastmodifieddate",
        first_id=171500000001,
        aliases={"email": "hs_additional_emails"},
        shown=("createdate", "email", "firstname", "hs_object_id", "lastmodifieddate", "lastname"),
        properties=contact_properties,
    )
]


class Shelf:
    """The objects of one type together with the properties they may have."""

    def __init__(self, kind: ObjectType) -> None:
        self.kind = kind
        self.catalogue = Catalogue(kind.properties())
        keys = [name for name in self.catalogue.unique() if name != "hs_object_id"]
        self.table = Table(kind.first_id, keys, kind.aliases)
        self.url = f"https://app.hubspot.com/contacts/{PORTAL_ID}/record/{kind.type_id}/"

    def add_property(self, definition: Property) -> Property:
        """Create a property by the rules, with an index if its values are unique."""
        return self._indexed(self.catalogue.create(definition))

    def define(self, definition: Property) -> Property:
        """Put a property in place without asking the rules."""
        return self._indexed(self.catalogue.add(definition))

    def _indexed(self, definition: Property) -> Property:
        if definition.has_unique_value:
            self.table.add_unique(definition.name)
        return definition


class Visit:
    """What one request sees: the shelf it is about, the settings, the time and its number."""

    def __init__(self, portal: "Portal", shelf: Shelf, now: float, request: int) -> None:
        self.shelf = shelf
        self.table = shelf.table
        self.catalogue = shelf.catalogue
        self.settings = portal.settings
        self.history = portal.history
        self.seconds = now
        self.now = iso(now)
        self.request = request


class Portal:
    """The account. `history` is shared with the sandbox's other vendors."""

    def __init__(self, settings: Settings, history: History) -> None:
        self.history = history
        self.tokens = {DEFAULT_BEARER: Token(DEFAULT_BEARER)}
        self.chance = random.Random(settings.seed)  # noqa: S311 - the order of results is no secret
        self.shelves = {kind.name: Shelf(kind) for kind in OBJECT_TYPES}
        self._names = {name: kind.name for kind in OBJECT_TYPES for name in (kind.name, kind.singular, kind.type_id)}
        self.limits = Limits(settings, UTC_OFFSET_SECONDS)
        self.configure(settings)

    def configure(self, settings: Settings) -> None:
        """Take new settings; what is stored stays, and so do requests already counted."""
        self.settings = settings
        self.limits.configure(settings)
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

    def correlation_id(self) -> str:
        """Return a fresh id for one answer, from the seeded source of chance."""
        return str(uuid.UUID(int=self.chance.getrandbits(128), version=4))

    def details(self) -> dict[str, object]:
        """Return the answer of account-info."""
        return {
            "portalId": PORTAL_ID,
            "accountType": "STANDARD",
            "timeZone": "US/Eastern",
            "companyCurrency": "USD",
            "additionalCurrencies": [],
            "utcOffset": "-04:00",
            "utcOffsetMilliseconds": UTC_OFFSET_SECONDS * 1000,
            "uiDomain": "app.hubspot.com",
            "dataHostingLocation": "na1",
        }

"""Property definitions: their JSON, the catalogue of the simulated portal, and creating more of them."""

import re
from typing import Literal

import msgspec

from penstock_sandbox.hubspot import errors
from penstock_sandbox.hubspot.values import PROPERTIES_GUIDE, Check, check_for
from penstock_sandbox.provenance import assumed, documented, recorded

Type = Literal["string", "number", "date", "datetime", "enumeration", "bool", "phone_number", "json"]
_NAME = re.compile(r"[a-z][a-z0-9_]{0,99}").fullmatch
MOST_UNIQUE = 10
MOST_CUSTOM = 1000
READABLE_AFTER = 0.4


class Option(msgspec.Struct, rename="camel"):
    """One choice of an enumeration."""

    label: str
    value: str
    description: str = ""
    display_order: int = 0
    hidden: bool = False


class Modification(msgspec.Struct, rename="camel"):
    """What may be changed about a property."""

    archivable: bool = True
    read_only_definition: bool = False
    read_only_value: bool = False


class Property(msgspec.Struct, rename="camel", kw_only=True):
    """A property definition with the keys and order of HubSpot's answer; also the body that creates one."""

    name: str
    label: str
    type: Type
    field_type: str
    group_name: str
    description: str = ""
    options: list[Option] = []
    display_order: int = -1
    has_unique_value: bool = False
    hidden: bool = False
    form_field: bool = True
    calculated: bool = False
    external_options: bool = False
    hubspot_defined: bool = False
    modification_metadata: Modification = msgspec.field(default_factory=Modification)
    data_sensitivity: str = "non_sensitive"


class Group(msgspec.Struct, rename="camel"):
    """A group that properties stand in."""

    name: str
    label: str
    display_order: int = -1
    archived: bool = False


class Patch(msgspec.Struct, rename="camel"):
    """What PATCH may change about a property; what is absent stays."""

    label: str | None = None
    type: Type | None = None
    field_type: str | None = None
    group_name: str | None = None
    description: str | None = None
    options: list[Option] | None = None
    display_order: int | None = None
    hidden: bool | None = None
    form_field: bool | None = None
    has_unique_value: bool | None = None


class Catalogue:
    """The properties of one object type, with the compiled check of each."""

    def __init__(self, definitions: list[Property], owners: frozenset[str] = frozenset(), keys: bool = True) -> None:
        self.groups: dict[str, Group] = {}
        self.archived: dict[str, Property] = {}
        self.checks: dict[str, Check] = {}
        self.appendable: set[str] = set()
        self.read_only: set[str] = set()
        self._live: dict[str, Property] = {}
        self._owners = owners
        self._keys = keys
        self._made: dict[str, float] = {}
        for definition in definitions:
            self.add(definition)

    def listed(self, now: float = float("inf")) -> list[Property]:
        """Return the live definitions that can be read at a time."""
        return [each for name, each in self._live.items() if self._made.get(name, 0.0) <= now]

    def custom(self) -> int:
        """Count the live definitions that are not HubSpot's."""
        return sum(not each.hubspot_defined for each in self._live.values())

    def unique(self) -> list[str]:
        """Return the names that identify an object; `email` does so without `hasUniqueValue` being its switch."""
        return [definition.name for definition in self._live.values() if definition.has_unique_value]

    @recorded("An unknown property name on GET is a 404", "reports collected in the fact sheet")
    @recorded("A new property is readable after about 0.4 s", "reports of September 2026")
    @assumed("It can be written at once", "only its reading is reported to be late")
    def get(self, name: str, now: float = float("inf")) -> Property:
        """Return one live definition that can be read at a time."""
        if name not in self._live or self._made.get(name, 0.0) > now:
            raise errors.property_not_found(name)
        return self._live[name]

    @recorded("Creating a property that exists is a 409", "reports of September 2026")
    @recorded("Creating a property whose name is archived brings the old one back", "reports of September 2026")
    @documented("At most ten unique properties per object, and none for products", PROPERTIES_GUIDE)
    @documented("At most 1,000 custom properties per object", "developers.hubspot.com, limits of custom properties")
    @assumed("A property must stand in a group that exists", "the guide creates the group first")
    @assumed("A name is lower-case letters, digits and underscores", "what HubSpot's own names keep to")
    @assumed("An enumeration needs options", "without one no value could ever be written")
    def create(self, definition: Property, now: float = 0.0) -> Property:
        """Add a definition and return what is there afterwards."""
        name = definition.name
        if name in self._live:
            raise errors.property_exists(name)
        if name in self.archived:
            return self.add(self.archived.pop(name))
        if not _NAME(name):
            raise errors.invalid_request(f"Property name '{name}' is invalid")
        if definition.type == "enumeration" and not definition.options and not definition.external_options:
            raise errors.invalid_request(f"Property '{name}' of type enumeration has no options")
        if definition.has_unique_value and not self._keys:
            raise errors.invalid_request("hasUniqueValue is not supported for this object type")
        if definition.has_unique_value and len(self.unique()) >= MOST_UNIQUE:
            raise errors.invalid_request(f"An object can have at most {MOST_UNIQUE} unique properties")
        if definition.group_name not in self.groups:
            raise errors.invalid_request(f"Property group '{definition.group_name}' does not exist")
        if self.custom() >= MOST_CUSTOM:
            raise errors.invalid_request(f"An object can have at most {MOST_CUSTOM} custom properties")
        self._made[name] = now + READABLE_AFTER
        definition.hubspot_defined = False
        definition.modification_metadata = Modification()
        return self.add(definition)

    def add(self, definition: Property) -> Property:
        """Put a definition in place without asking, as the control plane may; replaces one of that name."""
        self._live[definition.name] = definition
        self.checks[definition.name] = check_for(definition, self._owners)
        group = definition.group_name
        if group not in self.groups:
            self.groups[group] = Group(group, group.replace("_", " ").capitalize())
        self.appendable.discard(definition.name)
        if definition.field_type == "checkbox":
            self.appendable.add(definition.name)
        if definition.modification_metadata.read_only_value:
            self.read_only.add(definition.name)
        return definition

    @recorded("PATCH with options replaces the whole list, without them they stay", "reports of September 2026")
    @documented("Uniqueness is decided at creation and never changes", PROPERTIES_GUIDE)
    @assumed("PATCH with hasUniqueValue is a 400", "documented as impossible, the answer is not shown")
    @assumed("Of HubSpot's own properties only options can be changed", "their metadata says readOnlyDefinition")
    def change(self, name: str, patch: Patch) -> Property:
        """Change a definition."""
        old = self.get(name)
        given = {key: value for key, value in msgspec.structs.asdict(patch).items() if value is not None}
        if "has_unique_value" in given and given["has_unique_value"] is not old.has_unique_value:
            raise errors.invalid_request("hasUniqueValue cannot be changed after a property was created")
        if old.modification_metadata.read_only_definition and given.keys() - {"options", "has_unique_value"}:
            raise errors.invalid_request(f"Property '{name}' has a read only definition")
        return self.add(msgspec.structs.replace(old, **given))

    @documented("DELETE archives a property, and writing it then fails", PROPERTIES_GUIDE)
    @assumed("Properties that HubSpot defines cannot be archived", "their metadata says archivable: false")
    def archive(self, name: str) -> None:
        """Take a definition out of use; values already stored stay."""
        definition = self.get(name)
        if not definition.modification_metadata.archivable:
            raise errors.invalid_request(f"Property '{name}' cannot be archived")
        self.take_away(name)

    def take_away(self, name: str) -> None:
        """Archive a definition without asking, as the control plane may; an unknown one is a 404."""
        self.get(name)
        self.archived[name] = self._live.pop(name)
        del self.checks[name]
        self.appendable.discard(name)

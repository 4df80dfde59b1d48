"""Property definitions: their JSON, the catalogue of the simulated portal, and creating more of them."""

import re
from typing import Literal

import msgspec

from penstock_sandbox.hubspot import errors
from penstock_sandbox.hubspot.values import PROPERTIES_GUIDE, Check, check_for
from penstock_sandbox.provenance import assumed, documented, recorded

Type = Literal["string", "number", "date", "datetime", "enumeration", "bool"]
_NAME = re.compile(r"[a-z][a-z0-9_]{0,99}").fullmatch
MOST_UNIQUE = 10


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


class Catalogue:
    """The properties of one object type, with the compiled check of each."""

    def __init__(self, definitions: list[Property]) -> None:
        self.archived: dict[str, Property] = {}
        self.checks: dict[str, Check] = {}
        self.appendable: set[str] = set()
        self.read_only: set[str] = set()
        self._live: dict[str, Property] = {}
        for definition in definitions:
            self.add(definition)

    def listed(self) -> list[Property]:
        """Return the live definitions."""
        return list(self._live.values())

    def unique(self) -> list[str]:
        """Return the names that identify an object; `email` does so without `hasUniqueValue` being its switch."""
        return [definition.name for definition in self._live.values() if definition.has_unique_value]

    @recorded("An unknown property name on GET is a 404", "reports collected in the fact sheet")
    def get(self, name: str) -> Property:
        """Return one live definition."""
        if name not in self._live:
            raise errors.property_not_found(name)
        return self._live[name]

    @recorded("Creating a property that exists is a 409", "reports of September 2026")
    @recorded("Creating a property whose name is archived brings the old one back", "reports of September 2026")
    @documented("At most ten unique properties per object", PROPERTIES_GUIDE)
    @assumed("A name is lower-case letters, digits and underscores", "what HubSpot's own names keep to")
    @assumed("An enumeration needs options", "without one no value could ever be written")
    def create(self, definition: Property) -> Property:
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
        if definition.has_unique_value and len(self.unique()) >= MOST_UNIQUE:
            raise errors.invalid_request(f"An object can have at most {MOST_UNIQUE} unique properties")
        definition.hubspot_defined = False
        definition.modification_metadata = Modification()
        return self.add(definition)

    def add(self, definition: Property) -> Property:
        """Put a definition in place without asking, as the control plane may; replaces one of that name."""
        self._live[definition.name] = definition
        self.checks[definition.name] = check_for(definition)
        if definition.field_type == "checkbox":
            self.appendable.add(definition.name)
        if definition.modification_metadata.read_only_value:
            self.read_only.add(definition.name)
        return definition

    @documented("DELETE archives a property, and writing it then fails", PROPERTIES_GUIDE)
    @assumed("Properties that HubSpot defines cannot be archived", "their metadata says archivable: false")
    def archive(self, name: str) -> None:
        """Take a definition out of use; values already stored stay."""
        definition = self.get(name)
        if not definition.modification_metadata.archivable:
            raise errors.invalid_request(f"Property '{name}' cannot be archived")
        self.archived[name] = self._live.pop(name)
        del self.checks[name]
        self.appendable.discard(name)


def _built_in(name: str, label: str, kind: Type, field_type: str, read_only: bool = False) -> Property:
    return Property(
        name=name,
        label=label,
        type=kind,
        field_type=field_type,
        group_name="contactinformation",
        hubspot_defined=True,
        has_unique_value=name in {"email", "hs_object_id"},
        form_field=not read_only,
        modification_metadata=Modification(False, True, read_only),
    )


def _choices(*pairs: tuple[str, str]) -> list[Option]:
    return [Option(label, value, display_order=place) for place, (value, label) in enumerate(pairs)]


def _custom(name: str, label: str, kind: Type, field_type: str, *choices: tuple[str, str]) -> Property:
    return Property(
        name=name,
        label=label,
        type=kind,
        field_type=field_type,
        group_name="customer_360",
        options=_choices(*choices),
        has_unique_value=name == "customer_key",
        form_field=False,
    )


_STAGES = _choices(
    ("subscriber", "Subscriber"),
    ("lead", "Lead"),
    ("marketingqualifiedlead", "Marketing Qualified Lead"),
    ("salesqualifiedlead", "Sales Qualified Lead"),
    ("opportunity", "Opportunity"),
    ("customer", "Customer"),
    ("evangelist", "Evangelist"),
    ("other", "Other"),
)


def contact_properties() -> list[Property]:
    """Return what a portal has for contacts: HubSpot's own properties and those the demo's portal added."""
    stage = _built_in("lifecyclestage", "Lifecycle Stage", "enumeration", "radio")
    stage.options = list(_STAGES)
    owner = _built_in("hubspot_owner_id", "Contact owner", "enumeration", "select")
    owner.external_options = True
    channels = ("paid_search", "organic", "referral", "direct", "social", "email")
    plans = ("free", "starter", "team", "business")
    return [
        _built_in("email", "Email", "string", "text"),
        _built_in("firstname", "First Name", "string", "text"),
        _built_in("lastname", "Last Name", "string", "text"),
        _built_in("phone", "Phone Number", "string", "phonenumber"),
        _built_in("company", "Company Name", "string", "text"),
        _built_in("jobtitle", "Job Title", "string", "text"),
        stage,
        _built_in("website", "Website URL", "string", "text"),
        _built_in("city", "City", "string", "text"),
        _built_in("country", "Country/Region", "string", "text"),
        owner,
        _built_in("hs_additional_emails", "Additional email addresses", "string", "text", read_only=True),
        _built_in("hs_object_id", "Record ID", "number", "number", read_only=True),
        _built_in("createdate", "Create Date", "datetime", "date", read_only=True),
        _built_in("lastmodifieddate", "Last Modified Date", "datetime", "date", read_only=True),
        _custom("customer_key", "Customer key", "string", "text"),
        _custom("lead_score", "Lead score", "number", "number"),
        _custom("gclid", "Google click ID", "string", "text"),
        _custom("plan", "Plan", "enumeration", "select", *((plan, plan.capitalize()) for plan in plans)),
        _custom("signup_date", "Signup date", "date", "date"),
        _custom("last_seen_at", "Last seen at", "datetime", "date"),
        _bool("is_customer", "Is customer"),
        _custom("monthly_spend", "Monthly spend", "number", "number"),
        _custom("seats", "Seats", "number", "number"),
        _custom(
            "first_touch_channel",
            "First touch channel",
            "enumeration",
            "select",
            *((channel, channel.replace("_", " ").capitalize()) for channel in channels),
        ),
        _custom("account_name", "Account name", "string", "text"),
        _custom("page_views_30d", "Page views, 30 days", "number", "number"),
    ]


def _bool(name: str, label: str) -> Property:
    return _custom(name, label, "bool", "booleancheckbox", ("true", "Yes"), ("false", "No"))

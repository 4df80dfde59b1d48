"""The objects of an org and their describes."""

from __future__ import annotations

from itertools import count, product
from typing import TYPE_CHECKING, Literal

import msgspec

from penstock_sandbox.provenance import assumed, documented, recorded
from penstock_sandbox.salesforce import errors, standard_accounts, standard_leads, standard_more
from penstock_sandbox.salesforce.fields import SYSTEM, TEXT, Field, parse
from penstock_sandbox.salesforce.ids import DIGITS, PREFIXES

if TYPE_CHECKING:
    from collections.abc import Iterable

DESCRIBE = "recorded describes: SFDO-Tooling/CumulusCI cassettes (v48 to v59), grouparoo/grouparoo nocks (v42)"
MASTER = "012000000000000AAA"
_LISTS = {
    "Account": standard_accounts.ACCOUNT,
    "Contact": standard_accounts.CONTACT,
    "Lead": standard_leads.LEAD,
    "Opportunity": standard_leads.OPPORTUNITY,
    "Case": standard_more.CASE,
    "Campaign": standard_more.CAMPAIGN,
    "CampaignMember": standard_more.CAMPAIGN_MEMBER,
    "Task": standard_more.TASK,
    "User": standard_more.USER,
    "Group": standard_more.GROUP,
    "RecordType": standard_more.RECORD_TYPE,
    "Organization": standard_more.ORGANIZATION,
}
_LABELS = {"CampaignMember": "Campaign Member", "RecordType": "Record Type"}
_PLURALS = {"Opportunity": "Opportunities", "CampaignMember": "Campaign Members", "RecordType": "Record Types"}
_CUSTOM = "Name|Name|string 80|cundN\nOwnerId|Owner ID|reference Group,User Owner|cud\n"
_EVENT = """
ReplayId|Replay ID|string 255|n
EventUuid|Event UUID|string 36|n
CreatedDate|Created Date|datetime|
CreatedById|Created By ID|reference User CreatedBy|
"""
_FLAGS_TRUE = ("compactLayoutable", "layoutable", "replicateable", "retrieveable", "searchable", "triggerable")
_FLAGS_FALSE = ("activateable", "customSetting", "deepCloneable", "deprecatedAndHidden", "hasSubtypes", "isInterface")
_NOTHING = ("defaultImplementation", "extendedBy", "extendsInterfaces", "implementedBy", "implementsInterfaces")
_UNDELETABLE = frozenset({"User", "Organization", "RecordType"})


class SObject:
    """One object type: its fields by name, which knows no case."""

    def __init__(
        self,
        name: str,
        prefix: str,
        fields: Iterable[Field],
        label: str = "",
        kind: Literal["standard", "custom"] = "standard",
    ) -> None:
        self.name = name
        self.prefix = prefix
        self.label = label or _LABELS.get(name, name.removesuffix("__c").removesuffix("__e").replace("_", " "))
        self.plural = _PLURALS.get(name, self.label + "s")
        self.custom = kind == "custom"
        self.event = name.endswith("__e")
        self.fields: dict[str, Field] = {}
        """By name in small letters."""
        self._by_relationship: dict[str, Field] = {}
        for field in fields:
            if field.type == "id":
                field.label = f"{self.label} ID"
            self.add(field)

    def add(self, field: Field) -> None:
        """Add a field, or put another in the place of one of that name."""
        self.fields[field.name.lower()] = field
        if field.relationship_name:
            self._by_relationship[field.relationship_name.lower()] = field

    def drop(self, name: str) -> None:
        """Take a field away."""
        field = self.fields.pop(name.lower())
        if field.relationship_name:
            self._by_relationship.pop(field.relationship_name.lower(), None)

    @documented("Names of fields and objects know no case", "REST API Developer Guide; recorded: `id` for `Id`")
    @documented("A field hidden by field-level security is not there at all", "Bulk API 2.0 Guide; Salesforce help")
    def field(self, name: str) -> Field | None:
        """Return a field that can be seen."""
        found = self.fields.get(name.lower())
        return None if found is None or found.hidden else found

    def relationship(self, name: str) -> Field | None:
        """Return the look-up of a relationship name."""
        found = self._by_relationship.get(name.lower())
        return None if found is None or found.hidden else found

    def seen(self) -> list[Field]:
        """Return the fields that can be seen."""
        return [field for field in self.fields.values() if not field.hidden]

    def name_field(self) -> str:
        """Return the name of the field that names a record."""
        return next((field.name for field in self.fields.values() if field.name_field), "Id")


class Catalogue:
    """Every object of an org."""

    def __init__(self) -> None:
        self.objects: dict[str, SObject] = {}
        self._custom = (f"a{one}{two}" for one, two in product(DIGITS, DIGITS))
        self._events = (f"e{number:02}" for number in count())
        for name, text in _LISTS.items():
            owned = name not in _UNDELETABLE
            fields = parse(SYSTEM) + parse(text)
            if not owned:
                fields = [field for field in fields if field.name != "IsDeleted"]
            self.put(SObject(name, PREFIXES[name], fields))

    def put(self, kind: SObject) -> SObject:
        """Add an object type."""
        self.objects[kind.name.lower()] = kind
        return kind

    def make(self, name: str, label: str, fields: Iterable[Field]) -> SObject:
        """Make a custom object or a platform event."""
        if not name.endswith(("__c", "__e")):
            raise ValueError("the name of a custom object ends in __c, that of an event in __e")
        event = name.endswith("__e")
        own = parse(_EVENT) if event else parse(SYSTEM) + parse(_CUSTOM)
        prefix = next(self._events) if event else next(self._custom)
        return self.put(SObject(name, prefix, [*own, *fields], label, "custom"))

    def get(self, name: str) -> SObject | None:
        """Return an object type by name."""
        return self.objects.get(name.lower())

    @recorded("An unknown object is a 404, NOT_FOUND", "CumulusCI, TestCompositeParallelSalesforce.test_errors")
    def named(self, name: str) -> SObject:
        """Return an object type by name, or refuse."""
        found = self.get(name)
        if found is None:
            raise errors.not_found()
        return found

    def by_prefix(self, record_id: str) -> SObject | None:
        """Return the object type that an id belongs to."""
        return next((kind for kind in self.objects.values() if kind.prefix == record_id[:3]), None)


def summary(kind: SObject, version: str) -> dict[str, object]:
    """Return an object's entry in the list of all objects."""
    root = f"/services/data/v{version}/sobjects/{kind.name}"
    owned = kind.name not in _UNDELETABLE
    shown: dict[str, object] = {
        **dict.fromkeys(_FLAGS_TRUE, True),
        **dict.fromkeys(_FLAGS_FALSE, False),
        **dict.fromkeys(_NOTHING),
        "associateEntityType": None,
        "associateParentEntity": None,
        "createable": kind.name != "Organization",
        "custom": kind.custom,
        "deletable": owned and not kind.event,
        "feedEnabled": not kind.event,
        "isSubtype": False,
        "keyPrefix": kind.prefix,
        "label": kind.label,
        "labelPlural": kind.plural,
        "mergeable": kind.name in {"Account", "Contact", "Lead", "Case"},
        "mruEnabled": True,
        "name": kind.name,
        "queryable": not kind.event,
        "undeletable": owned and not kind.event,
        "updateable": not kind.event,
        "urls": {"sobject": root, "describe": f"{root}/describe", "rowTemplate": f"{root}/{{ID}}"},
    }
    return shown


@recorded("A describe has these keys, a field these, in alphabetical order", DESCRIBE)
@recorded("The master record type is always there", DESCRIBE)
@assumed("Child relationships are told without those of objects that the sandbox has not", "there are about a hundred")
def describe(
    catalogue: Catalogue, kind: SObject, version: str, record_types: list[tuple[str, str, str]]
) -> dict[str, object]:
    """Return an object's describe; a record type is its id, name and developer name."""
    root = f"/services/data/v{version}/sobjects/{kind.name}"
    infos = [_record_type(root, *each, master=False) for each in record_types]
    infos.append(_record_type(root, MASTER, "Master", "Master", master=True))
    number = float(version)
    if number < 43:
        infos = [{key: value for key, value in info.items() if key != "developerName"} for info in infos]
    shown = summary(kind, version) | {
        "actionOverrides": [],
        "childRelationships": _children(catalogue, kind),
        "fields": [field.describe(number) for field in kind.seen()],
        "listviewable": None,
        "lookupLayoutable": None,
        "namedLayoutInfos": [],
        "networkScopeFieldName": None,
        "recordTypeInfos": infos,
        "searchLayoutable": True,
        "sobjectDescribeOption": "FULL",
        "supportedScopes": [{"label": f"All {kind.plural.lower()}", "name": "everything"}],
    }
    return dict(sorted(shown.items()))


def _record_type(root: str, record_id: str, name: str, developer: str, master: bool) -> dict[str, object]:
    return {
        "active": True,
        "available": True,
        "defaultRecordTypeMapping": master,
        "developerName": developer,
        "master": master,
        "name": name,
        "recordTypeId": record_id,
        "urls": {"layout": f"{root}/describe/layouts/{record_id}"},
    }


def _children(catalogue: Catalogue, kind: SObject) -> list[dict[str, object]]:
    return [
        {
            "cascadeDelete": field.master_detail,
            "childSObject": other.name,
            "deprecatedAndHidden": False,
            "field": field.name,
            "junctionIdListNames": [],
            "junctionReferenceTo": [],
            "relationshipName": None,
            "restrictedDelete": False,
        }
        for other in catalogue.objects.values()
        for field in other.fields.values()
        if kind.name in field.reference_to
    ]


class NewObject(msgspec.Struct, forbid_unknown_fields=True):
    """An object to make, or fields to add to one that is there."""

    name: str
    label: str = ""
    fields: list[Field] = []


def check_field(catalogue: Catalogue, field: Field) -> None:
    """Refuse a field of the control plane that cannot be."""
    if field.type == "reference" and not field.reference_to:
        raise ValueError(f"{field.name}: a reference says what it refers to")
    unknown = [name for name in field.reference_to if catalogue.get(name) is None]
    if unknown:
        raise ValueError(f"{field.name}: there is no object {', '.join(unknown)}")
    if (field.external_id or field.unique) and field.type not in TEXT | {"double"}:
        raise ValueError(f"{field.name}: a {field.type} can be no key")

"""What a field is: read from a line of a field list or from the control plane, shown as describe shows it.

A line is `Name|Label|type and its details|flags|compound field`. Flags: c createable, u updateable, n may be
null, d defaulted on create, i a look-up key, N the record's name, R a closed picklist, U unique, A numbered by
itself. Groupable, filterable and the like follow from the type.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from penstock_sandbox.salesforce.picklists import PICKLISTS

FieldType = Literal[
    "id",
    "string",
    "textarea",
    "email",
    "phone",
    "url",
    "picklist",
    "multipicklist",
    "combobox",
    "encryptedstring",
    "reference",
    "boolean",
    "int",
    "double",
    "currency",
    "percent",
    "date",
    "datetime",
    "time",
    "address",
    "base64",
]
TEXT = frozenset({"string", "textarea", "email", "phone", "url", "picklist", "multipicklist", "combobox"}) | {
    "encryptedstring"
}
NUMBERS = frozenset({"double", "currency", "percent"})
SYSTEM = """
Id|ID|id|di
IsDeleted|Deleted|boolean|d
CreatedDate|Created Date|datetime|d
CreatedById|Created By ID|reference User CreatedBy|d
LastModifiedDate|Last Modified Date|datetime|d
LastModifiedById|Last Modified By ID|reference User LastModifiedBy|d
SystemModstamp|System Modstamp|datetime|d
"""
_SOAP = {"id": "tns:ID", "reference": "tns:ID", "boolean": "xsd:boolean", "int": "xsd:int", "date": "xsd:date"} | {
    "datetime": "xsd:dateTime",
    "time": "xsd:time",
    "address": "urn:address",
    "base64": "xsd:base64Binary",
}
_FIXED: dict[str, object] = {
    "aiPredictionField": False,
    "calculatedFormula": None,
    "controllerName": None,
    "defaultValueFormula": None,
    "dependentPicklist": False,
    "deprecatedAndHidden": False,
    "displayLocationInDecimal": False,
    "encrypted": False,
    "extraTypeInfo": None,
    "filteredLookupInfo": None,
    "formulaTreatNullNumberAsZero": False,
    "highScaleNumber": False,
    "htmlFormatted": False,
    "inlineHelpText": None,
    "mask": None,
    "maskType": None,
    "queryByDistance": False,
    "referenceTargetField": None,
    "searchPrefilterable": False,
}


class Field(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """One field of an object; the defaults are those of a new custom text field."""

    name: str
    label: str = ""
    type: FieldType = "string"
    length: int = 255
    precision: int = 18
    scale: int = 0
    createable: bool = True
    updateable: bool = True
    nillable: bool = True
    defaulted_on_create: bool = False
    external_id: bool = False
    id_lookup: bool = False
    unique: bool = False
    case_sensitive: bool = False
    name_field: bool = False
    auto_number: bool = False
    calculated: bool = False
    master_detail: bool = False
    restricted_picklist: bool = False
    picklist_values: list[str] = []
    default_value: str | None = None
    reference_to: list[str] = []
    relationship_name: str | None = None
    compound_field_name: str | None = None
    hidden: bool = False
    """By field-level security: absent from describe and unknown in writes."""

    def __post_init__(self) -> None:
        self.label = self.label or self.name.removesuffix("__c").replace("_", " ")
        if self.external_id:
            self.id_lookup = True
        if self.type == "boolean":
            self.nillable = False
        if self.type == "reference" and self.relationship_name is None and self.name.endswith("__c"):
            self.relationship_name = self.name[:-1] + "r"

    @property
    def required(self) -> bool:
        """Tell whether a record cannot be made without it."""
        return self.createable and not self.nillable and not self.defaulted_on_create and self.type != "boolean"

    @property
    def key(self) -> bool:
        """Tell whether an upsert may match by it."""
        return self.external_id or self.id_lookup

    @property
    def folds(self) -> bool:
        """Tell whether an upsert's matching by it ignores case."""
        return self.type == "email" or (self.unique and not self.case_sensitive)

    def describe(self, version: float) -> dict[str, object]:
        """Return the field as describe shows it, in the alphabetical order of the recorded ones."""
        text = self.type in TEXT
        length = 18 if self.type in {"id", "reference"} else self.length if text else 0
        long = self.type == "textarea" and length > 255
        searchable = not long and self.type not in {"address", "base64"}
        shown = _FIXED | {
            "aggregatable": searchable and self.type != "boolean",
            "autoNumber": self.auto_number,
            "byteLength": 18 if self.type in {"id", "reference"} else length * 3,
            "calculated": self.calculated,
            "cascadeDelete": self.master_detail,
            "caseSensitive": self.case_sensitive,
            "compoundFieldName": self.compound_field_name,
            "createable": self.createable,
            "custom": self.name.endswith("__c"),
            "defaultValue": False if self.type == "boolean" else self.default_value,
            "defaultedOnCreate": self.defaulted_on_create or self.type == "boolean",
            "digits": 8 if self.type == "int" else 0,
            "externalId": self.external_id,
            "filterable": searchable or self.type == "address",
            "groupable": searchable and self.type not in NUMBERS | {"datetime"},
            "idLookup": self.key,
            "label": self.label,
            "length": length,
            "name": self.name,
            "nameField": self.name_field,
            "namePointing": len(self.reference_to) > 1,
            "nillable": self.nillable,
            "permissionable": self.nillable and self.createable,
            "picklistValues": [_picked(value, self.default_value) for value in self.picklist_values],
            "polymorphicForeignKey": len(self.reference_to) > 1,
            "precision": self.precision if self.type in NUMBERS else 0,
            "referenceTo": self.reference_to,
            "relationshipName": self.relationship_name,
            "relationshipOrder": 0 if self.master_detail else None,
            "restrictedDelete": False,
            "restrictedPicklist": self.restricted_picklist,
            "scale": self.scale if self.type in NUMBERS else 0,
            "soapType": "xsd:double" if self.type in NUMBERS else _SOAP.get(self.type, "xsd:string"),
            "sortable": searchable,
            "type": self.type,
            "unique": self.unique,
            "updateable": self.updateable,
            "writeRequiresMasterRead": False,
        }
        if version < 43:
            del shown["aiPredictionField"], shown["formulaTreatNullNumberAsZero"]
        return dict(sorted(shown.items()))


def _picked(value: str, default: str | None) -> dict[str, object]:
    return {"active": True, "defaultValue": value == default, "label": value, "validFor": None, "value": value}


def parse(text: str) -> list[Field]:
    """Return the fields of a list, one a line."""
    return [_line(line) for line in text.strip().splitlines()]


def _line(line: str) -> Field:
    name, label, spec, *more = line.split("|")
    flags, compound = (more[0] if more else ""), (more[1] if len(more) > 1 else None)
    kind, _, rest = spec.partition(" ")
    field = Field(
        name=name,
        label=label,
        type=msgspec.convert(kind, FieldType),
        createable="c" in flags,
        updateable="u" in flags,
        nillable="n" in flags,
        defaulted_on_create="d" in flags,
        id_lookup="i" in flags,
        unique="U" in flags,
        name_field="N" in flags,
        auto_number="A" in flags,
        restricted_picklist="R" in flags,
        compound_field_name=compound,
    )
    _detail(field, rest)
    return field


def _detail(field: Field, rest: str) -> None:
    if field.type == "reference":
        targets, relationship = rest.split(" ")
        field.reference_to = targets.split(",")
        field.relationship_name = None if relationship == "-" else relationship
    elif field.type in NUMBERS:
        field.precision, field.scale = (int(each) for each in rest.split(","))
    elif field.type in {"picklist", "multipicklist", "combobox"}:
        length, _, values = rest.partition(" @")
        field.length = int(length)
        for value in PICKLISTS[values].split(";"):
            if value.startswith("*"):
                field.default_value = value[1:]
            field.picklist_values.append(value.removeprefix("*"))
    elif rest:
        field.length = int(rest)

"""Look-ups: what an id must refer to, and parents found by keys of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock_sandbox.provenance import assumed, documented, recorded
from penstock_sandbox.salesforce import errors
from penstock_sandbox.salesforce.errors import Problem
from penstock_sandbox.salesforce.schema import MASTER
from penstock_sandbox.salesforce.table import folded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from penstock_sandbox.salesforce.fields import Field
    from penstock_sandbox.salesforce.org import Org
    from penstock_sandbox.salesforce.schema import SObject
    from penstock_sandbox.salesforce.table import Record, Value

STATUS = "SOAP API Developer Guide: StatusCode"


def check_references(org: Org, kind: SObject, values: Mapping[str, Value]) -> Problem | None:
    """Check every look-up of a row."""
    for name, value in values.items():
        field = kind.fields[name.lower()]
        if field.type == "reference" and value is not None:
            problem = check_reference(org, kind, field, str(value))
            if problem is not None:
                return problem
    return None


@recorded("An id of another object is MALFORMED_ID", "restforce fixtures: Contact ID: id value of incorrect type")
@documented("An id that nobody has is INVALID_CROSS_REFERENCE_KEY", STATUS)
@documented("A deleted parent is ENTITY_IS_DELETED; an inactive owner INACTIVE_OWNER_OR_USER", STATUS)
@assumed("A record type must be of the object", "the message is a report, its code documented")
def check_reference(org: Org, kind: SObject, field: Field, value: str) -> Problem | None:
    """Check what an id refers to."""
    if field.name == "RecordTypeId" and value == MASTER:
        return None
    target = org.catalogue.by_prefix(value)
    if target is None or target.name not in field.reference_to:
        if any(org.catalogue.get(name) for name in field.reference_to):
            return Problem("MALFORMED_ID", f"{field.label}: id value of incorrect type: {value}", (field.name,))
        return Problem("INVALID_CROSS_REFERENCE_KEY", errors.UNKNOWN_REFERENCE, (field.name,))
    record = org.table(target.name).records.get(value)
    if record is None:
        return Problem("INVALID_CROSS_REFERENCE_KEY", errors.UNKNOWN_REFERENCE, (field.name,))
    return errors.DELETED if record.deleted else _fitting(org, kind, field, record)


def _fitting(org: Org, kind: SObject, field: Field, record: Record) -> Problem | None:
    """Check that a record that is there may be referred to."""
    types, users = org.table("RecordType"), org.table("User")
    if field.name == "RecordTypeId" and types.get(record, "SobjectType") != kind.name:
        message = f"{field.label}: this ID value isn't valid for the user: {record.id}"
        return Problem("INVALID_CROSS_REFERENCE_KEY", message, (field.name,))
    if field.name == "OwnerId" and record.id in users.records and users.get(record, "IsActive") is not True:
        message = f"operation performed with inactive user [{record.id}] as owner of {kind.label.lower()}"
        return Problem("INACTIVE_OWNER_OR_USER", message, (field.name,))
    return None


@documented(
    "A parent can be named by any of its external ids and look-up keys", "REST API Guide: Upsert, relationships"
)
@recorded(
    "A parent that is not there refuses the row, INVALID_FIELD, naming field and entity", "reports in the fact sheet"
)
@assumed("Several parents of one key refuse the row, INVALID_FIELD, More than 1 record found", "the words are a report")
def parent_of(org: Org, kind: SObject, key: Field, value: Value) -> str | Problem:
    """Return the id of the record that a key names."""
    if value is None:
        return errors.no_parent(key.name, "null", kind.name)
    if key.name == "Id":
        return str(value)
    table = org.table(kind.name)
    found = table.find(key.name, value)
    if not key.folds:
        found = [record for record in found if table.get(record, key.name) == value]
    if not found:
        return errors.no_parent(key.name, str(value), kind.name)
    if len(found) > 1:
        message = f"More than 1 record found for external id field: {key.name}, value: {folded(value)}"
        return Problem("INVALID_FIELD", message)
    return found[0].id

"""How a record is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock_sandbox.provenance import recorded
from penstock_sandbox.salesforce import errors

if TYPE_CHECKING:
    from penstock_sandbox.salesforce.fields import Field
    from penstock_sandbox.salesforce.org import Org
    from penstock_sandbox.salesforce.schema import SObject
    from penstock_sandbox.salesforce.table import Record


@recorded("Every record carries `attributes` with type and address", "grouparoo nocks, CumulusCI cassettes")
def attributes(kind: SObject, record_id: str, version: str) -> dict[str, object]:
    """Return a record's `attributes`."""
    return {"type": kind.name, "url": f"/services/data/v{version}/sobjects/{kind.name}/{record_id}"}


def record_body(org: Org, kind: SObject, record: Record, fields: list[Field], version: str) -> dict[str, object]:
    """Return a record with its fields, nulls too."""
    shown: dict[str, object] = {"attributes": attributes(kind, record.id, version)}
    for field in fields:
        shown[field.name] = org.read(kind, record, field)
    return shown


def fields_of(kind: SObject, names: list[str]) -> list[Field]:
    """Return the fields of some names, all of them where none is given."""
    if not names:
        return kind.seen()
    found = []
    for name in names:
        field = kind.field(name.strip())
        if field is None:
            raise errors.no_column(name, kind.name)
        found.append(field)
    return found

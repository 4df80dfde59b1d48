"""What a source value becomes in a HubSpot property, by the property's type.

Property values travel as JSON strings whatever their type; `""` clears a property, an absent one stays as it is
(documented in HubSpot's properties guide, as are the texts that it refuses).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from penstock import values
from penstock.records import Convert

if TYPE_CHECKING:
    from target_hubspot.properties import Property

text = values.limited(65_536)
"""characters in a text property (documented)"""
_BY_TYPE: Mapping[str, Convert] = {
    "number": values.number,
    "date": values.date,
    "datetime": values.moment,  # to the millisecond, which is what HubSpot keeps
    "bool": values.boolean,
}


def converter(found: Property) -> Convert:
    """Return what turns a source value into the text that this property takes."""
    if found.name == "email":
        return values.limited(65_536, values.email)
    if found.owner:
        return values.by_address(found.options, "the portal's owners")
    if found.type == "enumeration" and found.options and not found.external_options:
        one = values.one_of(found.options)
        return _several(one) if found.field_type == "checkbox" else one
    return _BY_TYPE.get(found.type, text)


def _several(one: Convert) -> Convert:
    """Return a converter that takes several options, in a list or split by semicolons; `;a` to add one."""

    def many(value: object) -> str:
        parts = value if isinstance(value, list) else values.text(value).split(";")
        chosen = ";".join(name for part in parts if (name := str(one(part))))  # empty parts name no option
        if not isinstance(value, str) or not value.startswith(";"):
            return chosen
        if not chosen:
            raise values.refuse("adds no option; leave it null, with `nulls: skip`, to change nothing")
        return f";{chosen}"  # HubSpot adds to what is there instead of replacing it (documented)

    return many

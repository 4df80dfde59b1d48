"""HubSpot's property list, and what it makes of a sync: which fields can be written, which one finds objects."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import cast

from penstock.errors import Misconfigured
from penstock.forms import constant_mistakes, fields_of, match_mistakes, match_of
from penstock.modes import Action, FieldRule, Json, Sync
from penstock.records import Convert, Form
from penstock.syncs import nearest
from penstock.values import as_match, labelled, normalise_email, numeric_id
from target_hubspot.values import converter

RECORD_ID = "hs_object_id"
STAGES = frozenset({"pipeline", "dealstage", "hs_pipeline", "hs_pipeline_stage"})
"""properties whose values are the ids of pipelines and their stages"""
NO_UNIQUE = frozenset({"products"})
"""objects for which HubSpot makes no unique property (documented)"""


@dataclass(frozen=True)
class Property:
    """One property of an object type, as far as writing needs it."""

    name: str
    type: str
    field_type: str = "text"
    unique: bool = False
    read_only: bool = False
    options: Mapping[str, str] = field(default_factory=dict)
    """label to value, empty where any value goes; of an owner's property, address to id"""
    external_options: bool = False
    owner: bool = False

    @classmethod
    def of(cls, body: Mapping[str, object]) -> Property:
        """Read one entry of the property list."""
        metadata = cast("Mapping[str, object]", body.get("modificationMetadata") or {})
        options = cast("list[Mapping[str, object]]", body.get("options") or [])
        external = bool(body.get("externalOptions"))
        owner = body.get("referencedObjectType") == "OWNER" or body.get("name") == "hubspot_owner_id"
        return cls(
            name=str(body.get("name")),
            type=str(body.get("type", "string")),
            field_type=str(body.get("fieldType", "text")),
            unique=bool(body.get("hasUniqueValue")),
            read_only=bool(body.get("calculated")) or bool(metadata.get("readOnlyValue")),
            options={} if external and owner else labelled((str(o.get("label")), str(o.get("value"))) for o in options),
            external_options=external,
            owner=external and owner,
        )


def make_form(
    sync: Sync,
    columns: Mapping[str, Json] | None,
    key_properties: Sequence[str],
    properties: Mapping[str, Property],
    title: str = "",
    *,
    creates: bool = False,
) -> Form:
    """Check a sync against the live property list and make its form. Raises Misconfigured with every mistake.

    `creates`: properties that are not there will be made once the stream's columns are known.
    """
    at, title = f"sync {sync.stream}", title or sync.object
    fields = fields_of(sync, columns)
    match = match_of(sync, columns, key_properties, "email")
    if creates and columns is None:
        absent = {n: Property(n, "string", unique=n == match) for n in [*fields, match] if n and n not in properties}
        properties = {**properties, **absent}
    mistakes = [
        m for n in fields if not n == match == RECORD_ID and (m := _field_mistake(at, title, n, properties, creates))
    ]
    if sync.match or columns is not None:  # without either, the match is known when the SCHEMA is
        mistakes += _match_mistakes(at, title, match, sync, fields, properties)
    convert = {name: converter(properties[name]) for name in fields if name in properties}
    mistakes += constant_mistakes(at, fields, {n: c for n, c in convert.items() if not properties[n].read_only})
    if mistakes:
        raise Misconfigured(mistakes)
    if match in convert and match != "email":
        convert[match] = as_match(numeric_id if match == RECORD_ID else convert[match])
    used = [properties[name] for name in sorted(fields)]
    return Form(
        match=match,
        fields=fields,
        convert=convert,
        normalise=normaliser(match, properties, title),
        clear="",
        # An address names one owner for good: a new owner is no reason to read the whole model again.
        version=repr([replace(each, options={}) if each.owner else each for each in used]),
    )


def normaliser(match: str, properties: Mapping[str, Property], title: str) -> Callable[[str], str]:
    """Return how values are written, so that those that HubSpot takes for the same are: addresses, searched text."""
    found = properties.get(match)
    searched = not is_key(match, properties, title) and found is not None and found.type == "string"
    return normalise_email if match == "email" or searched else str.strip


def unique_among(properties: Mapping[str, Property], title: str) -> list[str]:
    """Name the properties that find one object.

    The contact property email is unique although its definition need not say so. A read-only one, such as
    hs_object_id, finds nothing in an upsert: HubSpot refuses it as non-unique (recorded).
    """
    own = {p.name for p in properties.values() if p.unique and not p.read_only}
    return sorted(own | ({"email"} & set(properties) if title == "contacts" else set()))


def is_key(match: str, properties: Mapping[str, Property], title: str) -> bool:
    """Tell whether a property, or the record id, finds one object and no second one."""
    return match == RECORD_ID or match in unique_among(properties, title)


def _field_mistake(at: str, title: str, name: str, properties: Mapping[str, Property], creates: bool) -> str | None:
    found = properties.get(name)
    if found is None:
        hint = "" if creates else f"{nearest(name, properties)}; set `create_properties: true` to have it made"
        return f"{at}: {title} have no property {name!r}{hint}"
    if found.read_only:
        return f"{at}: property {name!r} is read-only in HubSpot; leave it out of fields"
    return None


def _match_mistakes(
    at: str,
    title: str,
    match: str,
    sync: Sync,
    fields: Mapping[str, FieldRule],
    properties: Mapping[str, Property],
) -> list[str]:
    found = properties.get(match)
    unique = unique_among(properties, title)
    makes = bool({Action.UPSERT, Action.CREATE} & sync.strategy.actions)
    if found is None:
        hint = f"{nearest(match, properties)}; unique are {', '.join(unique) or 'none'}"
        return [f"{at}: match: {title} have no property {match!r}{hint}{_own_key(title)}"]
    if match not in unique and makes:
        named = f"unique are {', '.join(unique) or 'none'}{_own_key(title)}"
        more = f"; {match!r} would do for `mode: update`"
        return [f"{at}: match: property {match!r} is not unique in HubSpot; {named}{more}"]
    return match_mistakes(at, match, fields)


def _own_key(title: str) -> str:
    if title in NO_UNIQUE:
        return ""
    return "; a name that is not taken is made a unique property with setting `create_properties: true`"


def converter_of_match(properties: Mapping[str, Property], match: str) -> Convert:
    """Return what turns a value of a column into the text that another object is found by."""
    convert = converter(properties[match])
    return (lambda value: normalise_email(str(convert(value)))) if match == "email" else as_match(convert)

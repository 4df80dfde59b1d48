"""What every destination's form begins with: a sync's fields, its match, their mistakes that need no vendor's word."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from penstock.errors import InvalidRecord
from penstock.mapping import json_types
from penstock.modes import FieldRule, Json, Sync
from penstock.records import Convert
from penstock.syncs import nearest
from penstock.values import NoOption

SHOWN = 20
"""names that a message lists at most"""
_FORMATS = {"date": "date", "date-time": "datetime"}
Columns = Mapping[str, Json] | None
Fields = Mapping[str, FieldRule]


def fields_of(sync: Sync, columns: Columns) -> Fields:
    """Return a sync's fields; without any, columns go by name."""
    return sync.fields if sync.fields is not None else {name: FieldRule(name) for name in columns or {}}


def match_of(sync: Sync, columns: Columns, key_properties: Sequence[str], otherwise: str) -> str:
    """Return the field that finds the object: the sync's, else that of the stream's only key, else `otherwise`."""
    if sync.match:
        return sync.match
    if len(key_properties) != 1:
        return otherwise
    fields = fields_of(sync, columns)
    return next((name for name, rule in fields.items() if rule.column == key_properties[0]), key_properties[0])


def match_mistakes(at: str, match: str, fields: Fields) -> list[str]:
    """Name what is wrong with a match field that is there and finds one object."""
    if match not in fields:
        return [f"{at}: match: {match!r} is not among the fields; add `{match}: <source column>`"]
    if fields[match].column is None:
        return [f"{at}: match: {match!r} is a constant, so all rows would be one object; take it from a column"]
    return []


def constant_mistakes(at: str, fields: Fields, convert: Mapping[str, Convert]) -> list[str]:
    """Name the constants that their fields do not take."""
    mistakes = []
    for name, rule in fields.items():
        if rule.column is None and name in convert:
            try:
                convert[name](rule.constant)
            except InvalidRecord as error:
                # Of a value and its label that are alike, the value.
                options = [*error.options, *error.options.values()] if isinstance(error, NoOption) else []
                mistakes.append(
                    f"{at}: the constant for {name!r}: {error.message}{nearest(str(rule.constant), options)}"
                )
    return mistakes


def named(names: Iterable[str]) -> str:
    """List names for a message, not too many of them; `none` where there are none."""
    every = sorted(names)
    more = f" and {len(every) - SHOWN} more" if len(every) > SHOWN else ""
    return ", ".join(every[:SHOWN]) + more if every else "none"


def instead(name: str, names: Iterable[str]) -> str:
    """Return the nearest of the names, where there is one, and those that there are."""
    every = list(names)
    return f"{nearest(name, every)}; there are {named(every)}"


def kind_of(rule: FieldRule, columns: Mapping[str, Json]) -> str | None:
    """Return the type that fits a column or a constant: bool, number, date, datetime, string; None where none does."""
    if rule.column is None:
        return "bool" if isinstance(rule.constant, bool) else "string" if isinstance(rule.constant, str) else "number"
    schema = columns.get(rule.column)
    types = json_types(schema) or frozenset({str})
    if types & {list, dict}:
        return None
    if str in types:
        return _FORMATS.get(str(schema.get("format")), "string") if isinstance(schema, dict) else "string"
    return "bool" if types == {bool} else "number"

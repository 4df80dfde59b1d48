"""Properties that a sync needs and the portal lacks, made from the stream's schema. Only when a setting allows it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from urllib.parse import quote

from penstock.bodies import encode_json, error_body, objects_in
from penstock.errors import Misconfigured
from penstock.forms import kind_of
from penstock.modes import FieldRule, Json
from penstock.records import Ask, Request
from target_hubspot.portal import Kind, Portal
from target_hubspot.properties import RECORD_ID, Property
from target_hubspot.refusals import read_answer, unanswered

_NAME = re.compile(r"[a-z][a-z0-9_]{0,99}").fullmatch
_YES_NO: list[Json] = [
    {"label": "Yes", "value": "true", "displayOrder": 0},
    {"label": "No", "value": "false", "displayOrder": 1},
]
_NAME_RULE = "names are lower-case letters, digits and underscores"
Made = Mapping[str, Json]


def definition(name: str, rule: FieldRule, columns: Mapping[str, Json], group: str, *, unique: bool) -> Made | str:
    """Define a property for what a field is taken from, or say why there can be none."""
    kind = kind_of(rule, columns)
    if kind is None or not _NAME(name):
        why = f"column {rule.column!r} is an object or a list" if kind is None else _NAME_RULE
        return f"property {name!r} cannot be made: {why}"
    field_type = {"bool": "booleancheckbox", "number": "number", "string": "text"}.get(kind, "date")
    label = name.replace("_", " ").capitalize()
    made: dict[str, Json] = {"name": name, "label": label, "type": kind, "fieldType": field_type, "groupName": group}
    if kind == "bool":
        made["options"] = list(_YES_NO)
    return {**made, "hasUniqueValue": True} if unique else made


def create_missing(
    portal: Portal,
    kind: Kind,
    fields: Mapping[str, FieldRule],
    columns: Mapping[str, Json],
    match: str,
    group: str,
    ask: Ask,
) -> None:
    """Make the properties that are not there, in a group of their own. Raises Misconfigured where that fails.

    One that somebody else has made meanwhile is as good, where its definition is the same.
    """
    known = portal.properties(kind, ask)
    missing = [name for name in fields if name not in known and name != RECORD_ID]
    if not missing:
        return
    mistakes: list[str] = []
    wanted: list[Made] = []
    for name in missing:
        made = definition(name, fields[name], columns, group, unique=name == match)
        if isinstance(made, str):
            mistakes.append(made)
        else:
            wanted.append(made)
    if mistakes:
        raise Misconfigured(mistakes)
    fresh = _make(portal, kind, wanted, group, ask)
    there = portal.properties(kind, ask, anew=True)
    portal.add(kind, [each for each in fresh if each.name not in there])
    there = portal.properties(kind, ask)
    odd = [n for body in wanted if not _agrees(there.get(n := str(body["name"])), body)]
    if odd:
        raise Misconfigured(
            f"properties of {kind.name} that could not be made as the stream has them: {', '.join(odd)}",
            "look at them in HubSpot: the name may be taken by another type, or the object be full; run again",
        )


def _make(portal: Portal, kind: Kind, wanted: Sequence[Made], group: str, ask: Ask) -> list[Property]:
    """Make properties, and their group where it is not there; return those that the answer shows."""
    path = f"{portal.paths.properties}/{quote(kind.segment, safe='')}"
    groups = read_answer(ask(Request("GET", f"{path}/groups")), "reading the property groups").get("results")
    if not any(each.get("name") == group for each in objects_in(groups)):
        label = group.replace("_", " ").capitalize()
        _post(ask, f"{path}/groups", {"name": group, "label": label}, f"making the property group {group}")
    answer = _post(ask, f"{path}/batch/create", {"inputs": list(wanted)}, f"making properties of {kind.name}")
    return [Property.of(each) for each in objects_in(answer.get("results"))]


def _agrees(found: Property | None, body: Made) -> bool:
    """Tell whether a property is what was to be made. An older one of the name may be back, or another's come first."""
    return found is not None and found.type == body["type"] and found.unique >= bool(body.get("hasUniqueValue"))


def _post(ask: Ask, path: str, body: Mapping[str, object], doing: str) -> Mapping[str, object]:
    """Ask for something to be made; that it is there already, or in part, is for the caller to see."""
    response = ask(Request("POST", path, encode_json(body)))
    if response.status not in (200, 201, 207, 409):
        raise unanswered(doing, response)
    return error_body(response)

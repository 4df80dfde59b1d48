"""The attributes of contacts and companies: Intercom's own, the workspace's, and those that a sync may have made."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from penstock import values as core
from penstock.bodies import encode_json, objects_in
from penstock.errors import Misconfigured
from penstock.forms import instead, kind_of
from penstock.mapping import json_types
from penstock.modes import FieldRule, Json
from penstock.records import Ask, Convert, Request
from target_intercom import values
from target_intercom.refusals import answered, question, refused

PREFIX = "custom_attributes."
CONTACT, COMPANY = "contact", "company"
OWN: Mapping[str, Mapping[str, Convert]] = {
    CONTACT: {
        "external_id": core.as_match(core.text),
        "email": core.email,
        "role": values.role,
        "name": core.text,
        "phone": core.text,
        "avatar": core.text,
        "signed_up_at": values.seconds,
        "last_seen_at": values.seconds,
        "owner_id": values.whole,
        "unsubscribed_from_emails": values.boolean,
    },
    COMPANY: {
        "company_id": values.key,
        "name": core.text,
        "plan": core.text,
        "size": values.whole,
        "website": core.text,
        "industry": core.text,
        "monthly_spend": values.spend,
        "remote_created_at": values.seconds,
    },
}
"""what can be written of Intercom's own attributes (documented)"""
NULLABLE: Mapping[str, frozenset[str]] = {
    CONTACT: frozenset(OWN[CONTACT]) - {"external_id", "email", "role"},
    COMPANY: frozenset(OWN[COMPANY]) - {"company_id"},
}
"""what null empties: documented for contacts, assumed of companies, where a refusal would show that it does not"""
_NAMED = re.compile(r"[A-Za-z0-9_ -]{1,190}").fullmatch
_raw = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode
_NULL = b"null"


@dataclass(frozen=True)
class Attribute:
    """One custom attribute, as far as writing needs it."""

    name: str
    type: str
    options: tuple[str, ...] = ()
    archived: bool = False

    @classmethod
    def of(cls, body: Mapping[str, object]) -> Attribute:
        """Read one entry of the list."""
        given = body.get("options")
        listed = given if isinstance(given, list) else []
        options = [each.get("value") if isinstance(each, dict) else each for each in listed]
        kind, archived = str(body.get("data_type")), bool(body.get("archived"))
        return cls(str(body.get("name")), kind, tuple(map(str, options)), archived)

    @property
    def convert(self) -> Convert:
        """Return what turns a source value into what this attribute takes."""
        if self.options:
            return core.one_of({each: each for each in self.options})
        return values.BY_TYPE.get(self.type, values.any_attribute)


@dataclass
class Checked:
    """The fields of a sync, seen against the attributes that there are."""

    convert: dict[str, Convert] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    mistakes: list[str] = field(default_factory=list)


class Attributes:
    """The custom attributes of a workspace, each model's asked for once. `ask` travels with each question."""

    def __init__(self) -> None:
        self._known: dict[str, dict[str, Attribute]] = {}

    def of(self, model: str, ask: Ask, at: str = "") -> Mapping[str, Attribute]:
        """Return those of a model by name; `at` says for whose sake they are asked for."""
        if model not in self._known:
            path = f"/data_attributes?model={model}&include_archived=true"
            found = question(ask, Request("GET", path), f"reading the attributes of {model}", at).get("data")
            customs = [Attribute.of(each) for each in objects_in(found) if each.get("custom")]
            # One that was archived may share its name with one that is in use.
            self._known[model] = {each.name: each for each in sorted(customs, key=lambda each: not each.archived)}
        return self._known[model]

    def converters(self, at: str, model: str, fields: Mapping[str, FieldRule], ask: Ask, *, creates: bool) -> Checked:
        """See what converts each field, which attributes would have to be made, and what is wrong."""
        own, known = OWN[model], self.of(model, ask, at)
        checked = Checked()
        for each in fields:
            name = each.removeprefix(PREFIX)
            if each in own:
                checked.convert[each] = own[each]
            elif each == "id":
                checked.convert[each] = values.intercom_id
            elif name in known and not known[name].archived:
                checked.convert[each] = known[name].convert
            elif name in known:
                checked.mistakes.append(
                    f"{at}: attribute {name!r} of {model} is archived in Intercom; bring it back there"
                )
            elif creates:
                checked.missing.append(each)
                checked.convert[each] = values.any_attribute
            else:
                there = [*own, *(found.name for found in known.values() if not found.archived)]
                checked.mistakes.append(
                    f"{at}: {model} has no attribute {name!r}{instead(name, there)}; "
                    "set `create_attributes: true` to have it made"
                )
        return checked

    def create(
        self,
        at: str,
        model: str,
        missing: Sequence[str],
        fields: Mapping[str, FieldRule],
        columns: Mapping[str, Json],
        ask: Ask,
    ) -> None:
        """Make attributes of the types in the stream's schema. Raises Misconfigured where that fails."""
        mistakes = []
        for each in missing:
            name = each.removeprefix(PREFIX)
            kind = data_type(fields[each], columns)
            if kind is None or not _NAMED(name):
                why = "its column holds objects or lists" if kind is None else "names are letters, digits, _ and -"
                mistakes.append(f"{at}: attribute {name!r} cannot be made: {why}")
                continue
            request = Request(
                "POST", "/data_attributes", encode_json({"name": name, "model": model, "data_type": kind})
            )
            response = ask(request)
            if response.status == 403:
                raise refused(f"{at}: making attributes", response, request)
            if response.status != 200:
                mistakes.append(
                    f"{at}: attribute {name!r} of {model} could not be made (status {response.status}); a name can be "
                    "in use in one of contacts and companies alone, and a workspace has 250 at most"
                )
                continue
            body = answered(response, request, "making an attribute", at)
            self._known[model][name] = Attribute.of({"name": name, "data_type": kind} | dict(body))
        if mistakes:
            raise Misconfigured(mistakes)


def data_type(rule: FieldRule, columns: Mapping[str, Json]) -> str | None:
    """Return the type of attribute that fits a column or a constant; None where none does."""
    kind = kind_of(rule, columns)
    if kind != "number":
        return {"bool": "boolean", "string": "string", "date": "date", "datetime": "datetime"}.get(kind or "")
    types = json_types(columns.get(rule.column)) if rule.column is not None else frozenset({type(rule.constant)})
    return "integer" if types == frozenset({int}) else "float"


@dataclass(frozen=True)
class Shape:
    """How the fields of a sync lie in the body of a contact or company."""

    own: frozenset[str]
    nullable: frozenset[str]
    """those of Intercom's own that null empties"""

    @classmethod
    def of(cls, model: str) -> Shape:
        """Return that of a model."""
        return cls(frozenset(OWN[model]), NULLABLE[model])

    @staticmethod
    def plain(field: str) -> str:
        """Return the name of an attribute, which a sync may write with or without its prefix."""
        return field.removeprefix(PREFIX)

    def note(self, fields: Mapping[str, FieldRule], nulls: str, match: str) -> str:
        """Say which fields a null does not empty, although the sync asks for that."""
        kept = sorted(
            name
            for name, rule in fields.items()
            if name in self.own - self.nullable - {match} and rule.column and (rule.nulls or nulls) == "clear"
        )
        return f"Intercom has no way to empty {', '.join(kept)}: a null leaves what is there" if kept else ""

    def body(self, payload: bytes, without: frozenset[str] = frozenset()) -> bytes:
        """Write a request's body; null for what may be empty alone."""
        found: dict[str, object] = {}
        customs: dict[str, msgspec.Raw] = {}
        for name, value in _raw(payload).items():
            if name in without:
                continue
            if name not in self.own:
                customs[name.removeprefix(PREFIX)] = value
            elif name in self.nullable or bytes(value) != _NULL:
                found[name] = value
        return _encode({**found, "custom_attributes": customs} if customs else found)

    def holds(self, record: Mapping[str, object], names: frozenset[str]) -> frozenset[str]:
        """Name those of some fields that have a value in a record."""
        customs = record.get("custom_attributes")
        inner = customs if isinstance(customs, dict) else {}
        return frozenset(
            name
            for name in names
            if (record.get(name) if name in self.own else inner.get(name.removeprefix(PREFIX))) not in (None, "")
        )

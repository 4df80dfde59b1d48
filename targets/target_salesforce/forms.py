"""What an org makes of a sync: which fields can be written, which one finds the records, how a parent is named."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from penstock.errors import InvalidRecord, Misconfigured
from penstock.modes import Action, FieldRule, Json, Link, Sync
from penstock.records import Abilities, Ask, Convert, Form
from penstock.relations import RELATING
from penstock.syncs import nearest
from target_salesforce.fields import KEYS, Field, converter, normaliser, passing, stripped
from target_salesforce.org import Org, Thing
from target_salesforce.plans import ID, Parent, Plan

MAKES = frozenset({Action.UPSERT, Action.CREATE})
_WRITES = frozenset(
    {Action.UPSERT, Action.UPDATE, Action.CREATE, Action.DELETE, Action.ARCHIVE, Action.FIND, Action.READ}
)
_REMOVES = frozenset({Action.DELETE, Action.ARCHIVE})
EVENT = Abilities(frozenset({Action.APPEND}), frozenset(), frozenset())
EVERYTHING = Abilities(_WRITES | RELATING | {Action.APPEND}, _WRITES - {Action.CREATE}, _WRITES)
LOOKED_UP = (
    "match field {} is no external id, so records are looked up by it: one call more per 200 new rows, and no bulk "
    "job for them; an external id field costs less, and allows each value once"
)


class Former:
    """Makes the form and the plan of one sync. Every mistake is gathered."""

    def __init__(self, org: Org, sync: Sync, ask: Ask, *, truncate: bool) -> None:
        self._org = org
        self._sync = sync
        self._ask = ask
        self._truncate = truncate
        self._at = f"sync {sync.stream}"
        self._mistakes: list[str] = []
        self._parents: dict[str, Parent] = {}
        self._lacking: dict[str, set[str]] = {}
        self._things = tuple(org.thing(name.strip(), ask, self._at) for name in sync.object.split("|"))
        self._title = "|".join(thing.name for thing in self._things)

    def make(self, columns: Mapping[str, Json] | None, key_properties: Sequence[str]) -> tuple[Form, Plan]:
        """Check the sync. Raises Misconfigured with every mistake."""
        sync, thing = self._sync, self._things[0]
        rules = sync.fields if sync.fields is not None else {name: FieldRule(name) for name in columns or {}}
        fields = {name: found for name in rules if (found := self._field(name)) is not None}
        for name, found in fields.items():
            self._check(name, found, rules[name])
        match = "" if thing.is_event else self._match(rules, columns, key_properties)
        finder = Field(ID, "id") if match == ID else fields.get(match)
        self._check_object(match)
        self._check_match(match, finder, rules, final=bool(sync.match) or columns is not None)
        convert = {n: converter(f, truncate=self._truncate and n != match) for n, f in fields.items()}
        if match in convert:
            convert[match] = _key(convert[match])
        passes = {n: stripped(p) if n == match else p for n, f in fields.items() if (p := passing(f)) is not None}
        self._check_lookups(fields)
        inline = {link.name: self._lookup_of(link, rules) for link in sync.links}
        own = {name: field for each in reversed(self._things) for name, field in each.fields.items()}
        links = [self._other(link) for link in sync.links]
        by_key = dict(self._by_key(inline, links))
        for name, rule in rules.items():
            if rule.column is None and name in convert:
                self._check_constant(name, rule, convert[name])
        if self._mistakes:
            raise Misconfigured(self._mistakes)
        native = bool(finder and finder.external and match != ID and len(self._things) == 1)
        found = finder or Field("")
        plan = Plan(
            self._things,
            match,
            found.type,
            native,
            normaliser(found),
            self._parents,
            {name: each.type for name, each in fields.items()},
            tuple(links),
            tuple(by_key[link.name][0] if link.name in by_key else inline[link.name] for link in sync.links),
            self._group({**fields, **{name: own[name] for name in inline.values() if name}}, match),
            {name: frozenset(lacking) for name, lacking in self._lacking.items()},
        )
        # A boolean has no null to be cleared to.
        skipping = {
            n: replace(r, nulls="skip") if n in fields and fields[n].type == "boolean" else r for n, r in rules.items()
        }
        form = Form(
            match=match or None,
            fields=skipping,
            convert=convert,
            normalise=plan.normalise,
            clear=None,
            version=repr([replace(fields[name], named={}) for name in sorted(fields)]) + str(self._truncate),
            object=self._title,
            note="; ".join(self._notes(match, rules, native=native)),
            abilities=_abilities(plan, finder),
            inline=inline,
            by_key=by_key,
            links={link.name: _key(converter(key)) for link, (_, key) in zip(sync.links, links, strict=True)},
            passes=passes,
        )
        return form, plan

    def _field(self, name: str) -> Field | None:
        """Find what a field of the sync is called after: one of the object's own, or a key of its parent."""
        if "." in name:
            return self._parent(name)
        if name == ID:
            return Field(ID, "id")
        having = [thing for thing in self._things if name in thing.fields]
        self._note_lacking(name, having)
        if not having:
            for thing in self._things:
                near = nearest(name, thing.fields)
                self._mistakes.append(f"{self._at}: {thing.name} has no field {name!r} that the user may see{near}")
            return None
        found = [thing.fields[name] for thing in having]
        first = found[0]
        if any(each.type != first.type for each in found):
            self._mistakes.append(f"{self._at}: field {name!r} is of another type in {having[1].name}")
        lengths = [each.length for each in found if each.length]
        first = replace(first, length=min(lengths, default=0))
        return self._org.with_people(first, self._ask) if {"User", "Group"} & {*first.refers_to} else first

    def _note_lacking(self, name: str, having: Sequence[Thing]) -> None:
        """Note which of several objects have no field for a column."""
        for thing in self._things:
            if thing not in having:
                self._lacking.setdefault(thing.name, set()).add(name)

    def _parent(self, name: str) -> Field | None:
        """Find the key that `Relationship.Key`, or `Object:Relationship.Key`, names in the parent."""
        wanted, _, path = name.rpartition(":")
        relationship, _, key = path.partition(".")
        having = [t for t in self._things if relationship in {each.relationship for each in t.fields.values()}]
        self._note_lacking(name, having)
        thing = (having or self._things)[0]
        related = {each.relationship: each for each in thing.fields.values() if each.relationship}
        lookup = related.get(relationship)
        if lookup is None:
            near = nearest(relationship, related)
            self._mistakes.append(f"{self._at}: {thing.name} has no relationship {relationship!r}{near}")
            return None
        several = len(lookup.refers_to) > 1
        if several and wanted not in lookup.refers_to:
            named = ", ".join(f"{each}:{path}" for each in lookup.refers_to[:5])
            self._mistakes.append(f"{self._at}: {name!r} may be of several objects; say which: {named}")
            return None
        if wanted and not several:
            self._mistakes.append(f"{self._at}: {name!r} can only be of {lookup.refers_to[0]}; write {path!r}")
            return None
        parent = self._org.thing(wanted or lookup.refers_to[0], self._ask, self._at)
        found = parent.fields.get(key)
        keys = {n for n, each in parent.fields.items() if each.external or each.id_lookup}
        if found is None or key not in keys or key == ID:
            named = ", ".join(sorted(keys - {ID})) or "none"
            self._mistakes.append(
                f"{self._at}: {name!r}: {key!r} is no external id of {parent.name}; these are: {named}"
            )
            return None
        self._parents[name] = Parent(lookup.name, relationship, key, wanted or None, parent.name)
        return replace(found, createable=lookup.createable, updateable=lookup.updateable, required=lookup.required)

    def _lookup_of(self, link: Link, rules: Mapping[str, FieldRule]) -> str:
        """Find the field that a link is: as its label says, else the only one that refers to the other object.

        Of two objects either may have it; where the row's record is the other one it is left out.
        """
        at = f"{self._at}.associate {link.name}"
        having = [
            (thing.name, field)
            for thing in self._things
            for field in thing.fields.values()
            if link.object in field.refers_to
            and field.createable
            and link.label in (None, field.name, field.relationship)
        ]
        found = list(dict.fromkeys(field.name for _, field in having))
        if len(found) != 1:
            named = f"; name one by its label: {', '.join(found)}" if found else ""
            self._mistakes.append(f"{at}: {self._title} has {len(found) or 'no'} fields that refer to it{named}")
            return ""
        for thing in self._things:
            if thing.name not in [name for name, _ in having]:
                self._lacking.setdefault(thing.name, set()).add(found[0])
        if found[0] in rules or any(found[0] == parent.lookup for parent in self._parents.values()):
            self._mistakes.append(f"{at}: {found[0]!r} is among the fields as well")
        if link.missing == "create":
            self._mistakes.append(f"{at}: missing: Salesforce makes no parents; use reject or skip")
        fixed = link.when != "created" and not all(field.updateable for _, field in having)
        if fixed and self._sync.strategy.changed is not Action.NOTHING:
            self._mistakes.append(f"{at}: {found[0]!r} can only be set when a record is created; write `when: created`")
        return found[0]

    def _other(self, link: Link) -> tuple[Thing, Field]:
        """Describe the object at the other end of a link, and the key that it is found by."""
        other = self._org.thing(link.object, self._ask, self._at)
        key = other.fields.get(link.match or ID)
        if key is None or key.type not in KEYS | {"id"}:
            near = nearest(str(link.match), other.fields)
            self._mistakes.append(f"{self._at}.associate {link.name}: {other.name} has no key {link.match!r}{near}")
        return other, key or Field(ID, "id")

    def _by_key(
        self, inline: Mapping[str, str], links: Sequence[tuple[Thing, Field]]
    ) -> Iterator[tuple[str, tuple[str, Callable[[str], str]]]]:
        """Find the links whose other object a file can name by its key, and the column that does."""
        for link, (other, key) in zip(self._sync.links, links, strict=True):
            own = self._things[0].fields.get(inline[link.name])
            if link.match and own and own.relationship and key.name != ID and (key.external or key.id_lookup):
                kind = f"{other.name}:" if len(own.refers_to) > 1 else ""
                yield link.name, (f"{kind}{own.relationship}.{key.name}", normaliser(key))

    def _check(self, name: str, found: Field, rule: FieldRule) -> None:
        """Hold that the sync may write a field."""
        if name == ID:
            return
        actions = self._sync.strategy.actions
        if actions & (MAKES | {Action.APPEND}) and not found.createable:
            self._mistakes.append(f"{self._at}: field {name!r} cannot be written by the user; leave it out of fields")
        elif actions & {Action.UPSERT, Action.UPDATE} and not found.updateable and rule.when != "created":
            self._mistakes.append(
                f"{self._at}: field {name!r} can only be set when a record is created; write "
                f"`{name}: {{from: {rule.column}, when: created}}`"
            )
        if rule.when == "empty" and (len(self._things) > 1 or name in self._parents):
            self._mistakes.append(f"{self._at}: field {name!r}: `when: empty` is not for this kind of field or object")

    def _check_lookups(self, fields: Mapping[str, Field]) -> None:
        """Hold that no two columns fill the same look-up: the null of one would take away what the other names."""
        filling: dict[str, list[str]] = {}
        for name in fields:
            parent = self._parents.get(name)
            filling.setdefault(parent.lookup if parent else name, []).append(name)
        self._mistakes += [
            f"{self._at}: {' and '.join(map(repr, names))} fill the same look-up, {lookup}; name its record in one way"
            for lookup, names in filling.items()
            if len(names) > 1
        ]

    def _check_object(self, match: str) -> None:
        actions, at = self._sync.strategy.actions, self._at
        if len(self._things) > 1 and self._title not in ("Lead|Contact", "Contact|Lead"):
            self._mistakes.append(f"{at}: object: of two objects only Lead|Contact and Contact|Lead are known")
        for name, names in self._lacking.items():
            if match in names and any(match in thing.fields for thing in self._things):
                self._mistakes.append(f"{at}: match: {name} has no field {match!r} that the user may see; both need it")
        if len(self._things) > 1 and match == ID:
            self._mistakes.append(f"{at}: match: Lead|Contact is found by a field that both have, such as Email")
        for thing in self._things:
            for wanted, may, word in (
                (MAKES | {Action.APPEND}, thing.createable, "create"),
                (frozenset({Action.UPSERT, Action.UPDATE}), thing.updateable, "edit"),
                (_REMOVES, thing.deletable, "delete"),
            ):
                if actions & wanted and not may:
                    self._mistakes.append(f"{at}: the user may not {word} {thing.name}")

    def _match(self, rules: Mapping[str, FieldRule], columns: Mapping[str, Json] | None, keys: Sequence[str]) -> str:
        """Return the field that finds the record: as the sync says, else that of the stream's only key."""
        if self._sync.match:
            return self._sync.match
        if columns is None or len(keys) != 1:
            return ""
        return next((name for name, rule in rules.items() if rule.column == keys[0]), keys[0])

    def _check_match(self, match: str, found: Field | None, rules: Mapping[str, FieldRule], *, final: bool) -> None:
        at, thing = f"{self._at}: match", self._things[0]
        if thing.is_event:
            if self._sync.match:
                self._mistakes.append(f"{at}: an event is found by nothing; leave it out")
            return
        if not final:
            return
        externals = ", ".join(sorted(n for n, each in thing.fields.items() if each.external)) or "none"
        if not match:
            self._mistakes.append(
                f"{at}: say by which field records are found; external ids of {thing.name}: {externals}"
            )
        elif match in self._parents or match not in rules:
            self._mistakes.append(f"{at}: {match!r} is not among the fields; add `{match}: <source column>`")
        elif rules[match].column is None:
            self._mistakes.append(f"{at}: {match!r} is a constant, so all rows would be one record")
        elif found is not None and found.type not in KEYS | {"id"}:
            self._mistakes.append(
                f"{at}: records are not found by a field of type {found.type}; external ids: {externals}"
            )

    def _check_constant(self, name: str, rule: FieldRule, convert: Convert) -> None:
        try:
            convert(rule.constant)
        except InvalidRecord as error:
            self._mistakes.append(f"{self._at}: the constant for {name!r}: {error.message}")

    def _group(self, fields: Mapping[str, Field], match: str) -> str | None:
        """Choose the column of the parent that rows lock: a master where there is one, no owner and no record type."""
        own = self._things[0].fields
        found = [
            (not (own.get(parent.lookup if parent else name) or each).master, name)
            for name, each in sorted(fields.items())
            if ((parent := self._parents.get(name)) or each.type == "reference")
            and not {"User", "Group", "RecordType"} & {*each.refers_to}
            and name not in (match, "OwnerId")
        ]
        return min(found)[1] if found else None

    def _notes(self, match: str, rules: Mapping[str, FieldRule], *, native: bool) -> Iterator[str]:
        """Say what a person should know of the sync before it runs."""
        for name, names in self._lacking.items():
            yield f"{name} has no {', '.join(sorted(names))}: left out where the row's record is one"
        if match not in ("", ID) and not native:
            yield LOOKED_UP.format(match)
        if self._sync.strategy.actions & (MAKES | {Action.APPEND}):
            # Required fields that no row will have, where rows are to be created.
            given = {*rules, *(parent.lookup for parent in self._parents.values())}
            lacking = sorted(n for n, each in self._things[0].fields.items() if each.required and n not in given)
            if lacking:
                yield f"new records will be refused: required and not among the fields: {', '.join(lacking)}"


def _key(convert: Convert) -> Convert:
    """Write a key without the blanks around it: what is written must be what the record is found by again."""

    def key(value: object) -> object:
        found = convert(value)
        return found.strip() if isinstance(found, str) else found

    return key


def _abilities(plan: Plan, finder: Field | None) -> Abilities:
    if plan.thing.is_event:
        return EVENT
    if plan.match == ID:
        return Abilities(
            _WRITES - MAKES | RELATING, _WRITES | RELATING, frozenset({Action.UPDATE, Action.FIND}) | _REMOVES
        )
    if plan.native:
        # A creation by a key that is unique finds out by itself that the record is there.
        blind = frozenset({Action.UPSERT, Action.FIND} | ({Action.CREATE} if finder and finder.unique else set()))
        return Abilities(_WRITES | RELATING, _WRITES - {Action.CREATE} | RELATING, blind, after_look=MAKES)
    return Abilities(_WRITES | RELATING, _WRITES - MAKES | RELATING, frozenset({Action.FIND}), after_look=MAKES)

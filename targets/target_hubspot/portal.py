"""What a portal says of itself: object types, properties, labels, owners, pipelines, lists. Each is asked for once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from urllib.parse import quote

from penstock.bodies import Body, encode_json, objects_in, within
from penstock.errors import Fault, Misconfigured, Stop
from penstock.modes import Sync
from penstock.records import Ask, Request
from penstock.syncs import nearest
from penstock.values import labelled, normalise_email
from target_hubspot.paths import Paths
from target_hubspot.properties import STAGES, Property
from target_hubspot.refusals import read_answer

# fmt: off
STANDARD: Mapping[str, str] = {
    "contacts": "0-1", "companies": "0-2", "deals": "0-3", "tickets": "0-5", "products": "0-7",
    "line_items": "0-8", "quotes": "0-14", "calls": "0-48", "emails": "0-49", "meetings": "0-47",
    "notes": "0-46", "tasks": "0-27", "communications": "0-18", "invoices": "0-53", "subscriptions": "0-69",
    "payments": "0-101", "users": "0-115", "orders": "0-123", "leads": "0-136", "carts": "0-142",
    "services": "0-162", "courses": "0-410", "listings": "0-420", "appointments": "0-421", "projects": "0-970",
}
# fmt: on
"""HubSpot's own object types by name (documented)"""
_SINGULAR = {"company": "companies", **{name[:-1]: name for name in STANDARD if name != "companies"}}
_FULL_NAME = re.compile(r"p[0-9]+_[A-Za-z0-9_]+").fullmatch
_TYPE_ID = re.compile(r"[0-9]+-[0-9]+").fullmatch
_SCOPED = frozenset({"contacts", "companies", "deals"})
"""objects whose scopes are named after them; those of others are only known from a refusal"""


@dataclass(frozen=True)
class Kind:
    """One object type."""

    name: str
    """its own name: plural, of a custom object the full one"""
    segment: str
    """what stands for it in paths"""

    @property
    def type_id(self) -> str:
        """Return what imports call it."""
        return STANDARD.get(self.name, self.segment)

    @property
    def scope(self) -> str | None:
        """Return the name in its scopes, where it is known."""
        return scope_of(self.segment)


def scope_of(name: str) -> str | None:
    """Return the name that an object has in its scopes; None where it is not known by the object's name alone."""
    own = _standard(name)
    if own is not None:
        return own if own in _SCOPED else None
    return "custom" if name.startswith("2-") or _FULL_NAME(name) else None


def _standard(name: str) -> str | None:
    plural = _SINGULAR.get(name, name)
    return next((own for own, type_id in STANDARD.items() if plural in (own, type_id)), None)


class Portal:
    """One portal's description. `ask` travels with each question, because it belongs to the run."""

    def __init__(self, paths: Paths) -> None:
        self.paths = paths
        self.scopes: frozenset[str] | None = None
        """what the token may do, where it tells"""
        self._properties: dict[str, Mapping[str, Property]] = {}
        self._owners: Mapping[str, str] | None = None
        self._answers: dict[str, Body] = {}

    def read(self, ask: Ask, path: str, doing: str) -> Body:
        """Return the answer to a GET, asked for once. Raises Misconfigured or Fault where there is none."""
        if path not in self._answers:
            self._answers[path] = read_answer(ask(Request("GET", path)), doing)
        return self._answers[path]

    def learn_scopes(self, ask: Ask, token: str) -> None:
        """Ask what a private app's token may do; other kinds of tokens do not tell, and are found out by a refusal."""
        path, body = "/oauth/v2/private-apps/get/access-token-info", encode_json({"tokenKey": str(token)})
        try:
            scopes = read_answer(ask(Request("POST", path, body)), "reading the scopes").get("scopes")
        except Stop:
            return
        self.scopes = frozenset(map(str, scopes)) if isinstance(scopes, list) and scopes else None

    def lacking(self, stream: str, scopes: set[str]) -> list[str]:
        """Return the mistake that some scopes of a sync are missing, where that is known."""
        lacking = sorted(scopes - self.scopes) if self.scopes is not None else []
        said = f"sync {stream}: the token lacks scopes: {', '.join(lacking)}; add them to the app in HubSpot"
        return [said] if lacking else []

    def kind(self, name: str, ask: Ask, at: str) -> Kind:
        """Find an object type by name, full name or type id. Raises Misconfigured with the nearest name."""
        own = _standard(name)
        if own is not None:
            return Kind(own, own)
        if _TYPE_ID(name) and not name.startswith("2-"):
            return Kind(name, name)
        customs, unread = self._custom_objects(ask)
        for kind in customs:
            if name in (kind.name, kind.segment, kind.name.partition("_")[2]):
                return kind
        if unread and (_TYPE_ID(name) or _FULL_NAME(name)):
            return Kind(name, name)
        names = [*STANDARD, *(kind.name.partition("_")[2] for kind in customs), *(kind.name for kind in customs)]
        raise Misconfigured(f"{at}: HubSpot has no object {name!r} in this portal{nearest(name, names)}{unread}")

    def _custom_objects(self, ask: Ask) -> tuple[list[Kind], str]:
        """Return the custom objects; and why there are none, where the token may not see them."""
        try:
            results = objects_in(self.read(ask, self.paths.schemas, "reading the custom objects").get("results"))
        except Misconfigured as error:
            return [], f"; its custom objects cannot be seen: {error.message}"
        return [_custom(each) for each in results], ""

    def properties(self, kind: Kind, ask: Ask, *, anew: bool = False) -> Mapping[str, Property]:
        """Return the properties of an object type by name."""
        if kind.segment not in self._properties or anew:
            path = f"{self.paths.properties}/{quote(kind.segment, safe='')}"
            if anew:
                self._answers.pop(path, None)
            results = self.read(ask, path, f"reading the properties of {kind.name}").get("results")
            if not isinstance(results, list) or not results:
                raise Fault("HubSpot's property list came empty", "run again; if it stays so, check the token's scopes")
            found = [Property.of(entry) for entry in results if isinstance(entry, dict)]
            self._properties[kind.segment] = {p.name: p for p in found}
        return self._properties[kind.segment]

    def add(self, kind: Kind, made: Iterable[Property]) -> None:
        """Remember properties that have just been made and cannot be read yet (that takes some 0.4 s, observed)."""
        self._properties[kind.segment] = {**self._properties[kind.segment], **{each.name: each for each in made}}

    def for_sync(self, kind: Kind, sync: Sync, names: set[str], ask: Ask) -> Mapping[str, Property]:
        """Return the properties of an object type, those that a sync writes with their owners and stages."""
        properties = dict(self.properties(kind, ask))
        for name in names & set(properties):
            if properties[name].owner:
                properties[name] = replace(properties[name], options=self._all_owners(ask))
        stages = STAGES & names & set(properties)
        if stages:
            properties |= {n: self._staged(kind, sync, properties[n], ask) for n in stages}
        return properties

    def labels(self, one: Kind, other: Kind, ask: Ask) -> list[Body]:
        """Return the kinds of associations from one type to another."""
        path = f"{self.paths.associations}/{quote(one.segment, safe='')}/{quote(other.segment, safe='')}/labels"
        return objects_in(self.read(ask, path, "reading the association labels").get("results"))

    def _all_owners(self, ask: Ask) -> Mapping[str, str]:
        """Return the ids of the portal's owners by address."""
        if self._owners is None:
            owners: dict[str, str] = {}
            after: object = "0"
            while after is not None:
                path = f"{self.paths.owners}?limit=100" + (f"&after={quote(str(after), safe='')}" if owners else "")
                body = self.read(ask, path, "reading the owners")
                before = len(owners)
                for each in objects_in(body.get("results")):
                    if each.get("email"):
                        owners[normalise_email(str(each["email"]))] = str(each.get("id"))
                after = within(body, "paging", "next", "after") if len(owners) > before else None
            self._owners = owners
        return self._owners

    def _staged(self, kind: Kind, sync: Sync, found: Property, ask: Ask) -> Property:
        """Return a property with the names of pipelines or stages; of one pipeline's, where the sync names one."""
        path = f"{self.paths.pipelines}/{quote(kind.segment, safe='')}"
        pipelines = objects_in(self.read(ask, path, f"reading the pipelines of {kind.name}").get("results"))
        if not pipelines:
            return found
        if not found.name.endswith("stage"):
            return replace(found, type="enumeration", options=labelled(map(_label_and_id, pipelines)))
        rule = (sync.fields or {}).get("pipeline" if found.name == "dealstage" else "hs_pipeline")
        own = rule.constant if rule is not None else None
        chosen = [each for each in pipelines if own in (None, *_label_and_id(each))]
        stages = [stage for each in chosen for stage in objects_in(each.get("stages"))]
        return replace(found, type="enumeration", options=labelled(map(_label_and_id, stages)))


def _label_and_id(body: Body) -> tuple[str, str]:
    return str(body.get("label")), str(body.get("id"))


def _custom(body: Body) -> Kind:
    return Kind(str(body.get("fullyQualifiedName")), str(body.get("objectTypeId")))

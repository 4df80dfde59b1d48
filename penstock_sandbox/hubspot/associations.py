"""What HubSpot does with a batch of associations."""

from collections.abc import Iterable, Sequence
from typing import Protocol

import msgspec

from penstock_sandbox.hubspot import errors
from penstock_sandbox.hubspot.errors import RowError
from penstock_sandbox.hubspot.links import GUIDE, Label
from penstock_sandbox.hubspot.portal import Portal, Shelf, Visit
from penstock_sandbox.provenance import assumed, documented, recorded
from penstock_sandbox.store import Action, Record, Write

MOST_READ = 1000
MOST_REMOVED = 100


class Named(msgspec.Struct):
    """One end."""

    id: str
    after: str | None = None


class Spec(msgspec.Struct, rename="camel"):
    """One type id with its category."""

    association_category: str
    association_type_id: int


class Link(msgspec.Struct, rename={"source": "from"}):
    """One pair to associate."""

    source: Named
    to: Named
    types: list[Spec] = []


class _Wanted(Protocol):
    """An association that rides on a new object."""

    @property
    def to(self) -> Named:
        """The other end."""

    @property
    def types(self) -> list[Spec]:
        """Its types."""


class Removal(msgspec.Struct, rename={"source": "from"}):
    """One record and those it is no longer associated with."""

    source: Named
    to: list[Named]


class Ends:
    """Two object types, and what a request about them needs."""

    def __init__(self, portal: Portal, one: Shelf, other: Shelf, visit: Visit) -> None:
        self.portal = portal
        self.one = one
        self.other = other
        self.visit = visit
        self.store = portal.associations

    def labels(self) -> list[Label]:
        """Return the labels from the one to the other."""
        return self.store.between(self.one.kind, self.other.kind)

    def note(self, action: Action, from_id: str, to_id: str, type_ids: Iterable[int]) -> None:
        """Note what was applied in the history."""
        history, number = self.visit.history, len(self.visit.history) + 1
        if not history.full:
            history.add(Write(number, from_id, to_id))
            return
        name = f"{self.one.kind.name}/{self.other.kind.name}"
        types = {"types": ",".join(str(each) for each in type_ids)}
        write = Write(number, from_id, to_id, self.visit.seconds, self.visit.request, name, action, to_id, None, types)
        history.add(write)


@documented("A batch that makes associations holds at most 2,000 inputs", GUIDE)
@recorded("One integrator was held to 100 inputs", "fact sheet; `association_inputs`, on the v3 path")
@documented("Reading takes 1,000 inputs, removing 100", GUIDE)
def refuse_crowd(count: int, most: int) -> None:
    """Refuse a batch that is too large."""
    if count > most:
        raise errors.invalid_request(f"The maximum number of inputs supported in a batch request is {most}")


@documented("A write of labels replaces those between the pair", GUIDE)
@documented("Type ids 1, 5 and 26 make a company the primary one, and another loses that", GUIDE)
@recorded("Ids in answers are numbers", "amp-labs/connectors, contact-to-company-resp")
@assumed("A type id that the pair of types does not have refuses the whole batch", "it is wrong for every row alike")
def create(ends: Ends, links: list[Link]) -> tuple[list[dict[str, object]], list[RowError]]:
    """Associate pairs under labels."""
    refuse_crowd(len(links), ends.visit.settings.hubspot.association_inputs)
    known = {(label.category, label.type_id) for label in ends.labels()}
    for link in links:
        if not link.types:
            raise errors.invalid_request("Some required fields were not set: [types]")
        for spec in link.types:
            if (spec.association_category, spec.association_type_id) not in known:
                raise errors.invalid_request(
                    f"{spec.association_category} association type {spec.association_type_id} does not exist between "
                    f"{ends.one.kind.type_id} and {ends.other.kind.type_id}"
                )
    results, failed = [], []
    for link in links:
        found = _pair(ends, link.source.id, link.to.id)
        if isinstance(found, RowError):
            failed.append(found)
            continue
        one, other = found
        type_ids = {spec.association_type_id for spec in link.types}
        ends.store.put(ends.one.kind, one.id, ends.other.kind, other.id, type_ids)
        ends.note("associate", one.id, other.id, sorted(type_ids))
        results.append(described(ends, one.id, other.id))
    return results, failed


def described(ends: Ends, from_id: str, to_id: str) -> dict[str, object]:
    """Return an association as an answer shows it, with the names of its own labels."""
    have = ends.store.of(ends.one.kind, from_id, ends.other.kind).get(to_id, ())
    return {
        "fromObjectTypeId": ends.one.kind.type_id,
        "fromObjectId": int(from_id),
        "toObjectTypeId": ends.other.kind.type_id,
        "toObjectId": int(to_id),
        "labels": [
            each.label
            for each in ends.labels()
            if each.type_id in have and each.category == "USER_DEFINED" and each.label
        ],
    }


@documented("The default association is made without naming a type, and again without harm", GUIDE)
@assumed("Its answer holds both directions of each pair", "so in an example of the reference; the fact sheet has none")
@assumed("Labels that are there stay", "it adds the default type and replaces nothing")
def create_default(ends: Ends, links: list[Link]) -> tuple[list[dict[str, object]], list[RowError]]:
    """Associate pairs without a label."""
    refuse_crowd(len(links), ends.visit.settings.hubspot.association_inputs)
    results: list[dict[str, object]] = []
    failed = []
    default = ends.labels()[0]
    for link in links:
        found = _pair(ends, link.source.id, link.to.id)
        if isinstance(found, RowError):
            failed.append(found)
            continue
        one, other = found
        have = ends.store.of(ends.one.kind, one.id, ends.other.kind).get(other.id, ())
        ends.store.put(ends.one.kind, one.id, ends.other.kind, other.id, {*have, default.type_id})
        ends.note("associate", one.id, other.id, [default.type_id])
        for here, there, type_id in ((one, other, default.type_id), (other, one, default.inverse)):
            spec = {"associationCategory": default.category, "associationTypeId": type_id}
            results.append({"from": {"id": here.id}, "to": {"id": there.id}, "associationSpec": spec})
    return results, failed


@recorded("An id that is none is INVALID_IDENTIFIER with context.id", "amp-labs/connectors; fact sheet, section 5")
@recorded("A record with itself: an error without any context", "amp-labs/connectors; fact sheet, section 5")
@assumed(
    "A record that does not exist is OBJECT_NOT_FOUND with context.id", "the shape of the errors recorded beside it"
)
@assumed("A merged id stands for the survivor", "as GET does")
def _pair(ends: Ends, from_id: str, to_id: str) -> tuple[Record, Record] | RowError:
    for each in (from_id, to_id):
        if not (each.isascii() and each.isdigit()):
            message = f"{each} is not a valid ID"
            return RowError(
                "VALIDATION_ERROR", message, {"id": [each]}, sub_category="crm.associations.INVALID_IDENTIFIER"
            )
    if from_id == to_id and ends.one is ends.other:
        return RowError("VALIDATION_ERROR", f"Object {from_id} cannot be associated to itself ({to_id})")
    one, other = ends.one.table.resolve(from_id), ends.other.table.resolve(to_id)
    if one is None:
        return _nobody(ends.one, from_id)
    return _nobody(ends.other, to_id) if other is None else (one, other)


def _nobody(shelf: Shelf, record_id: str) -> RowError:
    message = f"No {shelf.kind.singular} with ID {record_id} exists"
    return RowError("OBJECT_NOT_FOUND", message, {"id": [record_id]}, sub_category="crm.associations.OBJECT_NOT_FOUND")


@documented("batch/read answers each record's associates with all their types", GUIDE)
@assumed("A record without associates is an error, not an empty result", "NO_ASSOCIATIONS_FOUND in clients' reports")
def read(ends: Ends, inputs: list[Named]) -> tuple[list[dict[str, object]], list[RowError]]:
    """Return the associates of records."""
    refuse_crowd(len(inputs), MOST_READ)
    results: list[dict[str, object]] = []
    failed = []
    for each in inputs:
        to = associates(ends, each.id)
        if to:
            results.append({"from": {"id": each.id}, "to": to})
            continue
        one, other = ends.one.kind, ends.other.kind
        context = {"fromObjectId": [each.id], "fromObjectType": [one.singular], "toObjectType": [other.singular]}
        message = f"No {other.singular} is associated with {one.singular} {each.id}."
        failed.append(
            RowError("OBJECT_NOT_FOUND", message, context, sub_category="crm.associations.NO_ASSOCIATIONS_FOUND")
        )
    return results, failed


@assumed("Associations with archived records are not shown", "an archived record is hidden everywhere")
def associates(ends: Ends, record_id: str) -> list[dict[str, object]]:
    """Return one record's associates."""
    record = ends.one.table.resolve(record_id)
    have = {} if record is None else ends.store.of(ends.one.kind, record.id, ends.other.kind)
    labels = {label.type_id: label for label in ends.labels()}
    return [
        {"toObjectId": int(to_id), "associationTypes": [labels[each].shown() for each in type_ids if each in labels]}
        for to_id, type_ids in have.items()
        if ends.other.table.live(to_id) is not None
    ]


@documented("batch/archive removes everything between the pairs it names, 204", GUIDE)
@assumed("Pairs that are not associated, or do not exist, are passed over", "its answer has no body")
def archive(ends: Ends, removals: list[Removal]) -> None:
    """Remove all types between pairs."""
    refuse_crowd(len(removals), MOST_REMOVED)
    for removal in removals:
        for to in removal.to:
            if ends.store.take(ends.one.kind, removal.source.id, ends.other.kind, to.id):
                ends.note("dissociate", removal.source.id, to.id, [])


@documented("batch/labels/archive removes the labels it names", GUIDE)
@assumed("It takes 100 inputs", "as batch/archive does; no figure is documented")
@documented("Removing the default type removes every label", GUIDE)
def archive_labels(ends: Ends, links: list[Link]) -> None:
    """Remove some types between pairs."""
    refuse_crowd(len(links), MOST_REMOVED)
    for link in links:
        type_ids = {spec.association_type_id for spec in link.types}
        if ends.store.take(ends.one.kind, link.source.id, ends.other.kind, link.to.id, type_ids):
            ends.note("dissociate", link.source.id, link.to.id, sorted(type_ids))


@documented("Associations can ride on objects that are created", "developers.hubspot.com/docs using-object-apis")
@assumed("One with an unknown type or record spoils its row", "a row is written whole or not at all")
def unfit(visit: Visit, wanted: Sequence[_Wanted]) -> str | None:
    """Return why a new object's associations cannot be made, or None."""
    for each in wanted:
        for spec in each.types:
            shelf = _far_end(visit, spec)
            if shelf is None:
                return f"association type {spec.association_type_id} does not exist"
            if shelf.table.resolve(each.to.id) is None:
                return f"{shelf.kind.singular} {each.to.id} does not exist"
    return None


def ride_along(visit: Visit, record: Record, wanted: Sequence[_Wanted]) -> None:
    """Make a new object's associations, which `unfit` has found fit."""
    for each in wanted:
        for spec in each.types:
            shelf = _far_end(visit, spec)
            target = None if shelf is None else shelf.table.resolve(each.to.id)
            if shelf is not None and target is not None:
                ends = Ends(visit.portal, visit.shelf, shelf, visit)
                have = ends.store.of(visit.shelf.kind, record.id, shelf.kind).get(target.id, ())
                ends.store.put(visit.shelf.kind, record.id, shelf.kind, target.id, {*have, spec.association_type_id})
                ends.note("associate", record.id, target.id, [spec.association_type_id])


def _far_end(visit: Visit, spec: Spec) -> Shelf | None:
    """Return the object type that a type id leads to from the visited one."""
    for shelf in visit.portal.shelves.values():
        labels = visit.portal.associations.labels.get((visit.shelf.kind.type_id, shelf.kind.type_id), [])
        if any(
            (each.category, each.type_id) == (spec.association_category, spec.association_type_id) for each in labels
        ):
            return shelf
    return None

"""Which records are associated, under which type ids. Knows ids and labels, no rules and no HTTP."""

from collections.abc import Iterator

import msgspec

from penstock_sandbox.hubspot.types import ObjectType
from penstock_sandbox.provenance import assumed, documented

GUIDE = "developers.hubspot.com associate-records guide"
FIRST_OWN_ID = 1001
Pair = tuple[str, str]
Links = dict[str, dict[str, tuple[int, ...]]]

# from, to: type id there, type id back, label. The first of a pair is its default.
_DEFINED: list[tuple[str, str, int, int, str | None]] = [
    ("0-1", "0-2", 279, 280, None),
    ("0-1", "0-2", 1, 2, "Primary"),
    ("0-3", "0-2", 341, 342, None),
    ("0-3", "0-2", 5, 6, "Primary"),
    ("0-3", "0-1", 3, 4, None),
    ("0-1", "0-5", 15, 16, None),
    ("0-5", "0-2", 339, 340, None),
    ("0-5", "0-2", 26, 25, "Primary"),
    ("0-3", "0-5", 27, 28, None),
    ("0-3", "0-8", 19, 20, None),
    ("0-1", "0-1", 449, 449, None),
    ("0-2", "0-2", 450, 450, None),
    ("0-48", "0-1", 194, 193, None),
    ("0-49", "0-1", 198, 197, None),
    ("0-47", "0-1", 200, 199, None),
    ("0-46", "0-1", 202, 201, None),
    ("0-27", "0-1", 204, 203, None),
    ("0-48", "0-2", 182, 181, None),
    ("0-49", "0-2", 186, 185, None),
    ("0-47", "0-2", 188, 187, None),
    ("0-46", "0-2", 190, 189, None),
    ("0-27", "0-2", 192, 191, None),
    ("0-48", "0-3", 206, 205, None),
    ("0-49", "0-3", 210, 209, None),
    ("0-47", "0-3", 212, 211, None),
    ("0-46", "0-3", 214, 213, None),
    ("0-27", "0-3", 216, 215, None),
]


class Label(msgspec.Struct, rename="camel"):
    """One way in which records of two types can be associated."""

    category: str
    type_id: int
    label: str | None
    inverse: int = 0

    def shown(self) -> dict[str, object]:
        """Return it as answers do."""
        return {"category": self.category, "typeId": self.type_id, "label": self.label}


class Associations:
    """Every association of a portal, kept in both directions."""

    def __init__(self) -> None:
        self.labels: dict[Pair, list[Label]] = {}
        self._links: dict[Pair, Links] = {}
        self._next = FIRST_OWN_ID
        for one, other, there, back, label in _DEFINED:
            self._define(one, other, Label("HUBSPOT_DEFINED", there, label, back))

    @documented("Type ids between HubSpot's own objects", GUIDE)
    @assumed("Other pairs get ids of their own, from 1001 on", "a portal's ids for custom objects are its own")
    def between(self, one: ObjectType, other: ObjectType) -> list[Label]:
        """Return the labels from one type to another, the default first."""
        pair = (one.type_id, other.type_id)
        if pair not in self.labels:
            custom = one.scope == "custom" or other.scope == "custom"
            self._define(*pair, Label("USER_DEFINED" if custom else "HUBSPOT_DEFINED", self._own_id(), None, 0))
        return self.labels[pair]

    @documented("A label has a type id in each direction", GUIDE)
    def add_label(self, one: ObjectType, other: ObjectType, label: str, inverse: str | None) -> list[Label]:
        """Make a label of the portal's own and return it with its inverse."""
        self.between(one, other)
        there = Label("USER_DEFINED", self._own_id(), label)
        back = self._define(one.type_id, other.type_id, there, inverse or label)
        return [there] if back is there else [there, back]

    def drop_label(self, one: ObjectType, other: ObjectType, type_id: int) -> None:
        """Forget a label of the portal's own, in both directions and on every pair."""
        for label in [each for each in self.between(one, other) if each.type_id == type_id]:
            self.labels[one.type_id, other.type_id].remove(label)
            gone = [each for each in self.between(other, one) if each.type_id == label.inverse]
            for each in gone:
                self.labels[other.type_id, one.type_id].remove(each)
            for from_id, others in self._links.get((one.type_id, other.type_id), {}).items():
                for to_id in list(others):
                    self.take(one, from_id, other, to_id, {type_id})

    def put(self, one: ObjectType, from_id: str, other: ObjectType, to_id: str, type_ids: set[int]) -> None:
        """Set the type ids between two records; the default one always stands among them."""
        labels = self.between(one, other)
        kept = [label for label in labels if label.type_id in type_ids or label is labels[0]]
        for label in kept:
            if label.label is not None and label.category == "HUBSPOT_DEFINED":
                self._make_only(one, from_id, other, to_id, label)
        self._set((one.type_id, other.type_id), from_id, to_id, tuple(label.type_id for label in kept))
        self._set((other.type_id, one.type_id), to_id, from_id, tuple(label.inverse for label in kept))

    def take(
        self, one: ObjectType, from_id: str, other: ObjectType, to_id: str, type_ids: set[int] | None = None
    ) -> bool:
        """Remove type ids between two records, all of them with the default's; tell whether any were there."""
        have = self.of(one, from_id, other).get(to_id)
        if have is None:
            return False
        labels = self.between(one, other)
        left = () if type_ids is None or labels[0].type_id in type_ids else tuple(t for t in have if t not in type_ids)
        back = tuple(label.inverse for label in labels if label.type_id in left)
        self._set((one.type_id, other.type_id), from_id, to_id, left)
        self._set((other.type_id, one.type_id), to_id, from_id, back)
        return left != have

    def of(self, one: ObjectType, from_id: str, other: ObjectType) -> dict[str, tuple[int, ...]]:
        """Return a record's associates of a type with their type ids, in the order in which they came."""
        return self._links.get((one.type_id, other.type_id), {}).get(from_id, {})

    def all(self) -> Iterator[tuple[Pair, str, str, tuple[int, ...]]]:
        """Yield every association, each direction for itself."""
        for pair, links in self._links.items():
            for from_id, others in links.items():
                for to_id, type_ids in others.items():
                    yield pair, from_id, to_id, type_ids

    def rename(self, kind: ObjectType, old: str, new: str) -> None:
        """Give a record's associations to another, as a merge does."""
        for (one, other), links in self._links.items():
            if one == kind.type_id and old in links:
                moved = links.pop(old)
                links[new] = {**moved, **links.get(new, {})}
                back = self._links[other, one]
                for to_id in moved:
                    type_ids = back[to_id].pop(old)
                    back[to_id].setdefault(new, type_ids)

    def _make_only(self, one: ObjectType, from_id: str, other: ObjectType, to_id: str, label: Label) -> None:
        """Take a primary label from the record's other associates, on the side that has but one."""
        from_is_many = one.type_id != "0-2"
        record, near, far, type_id = (
            (from_id, one, other, label.type_id) if from_is_many else (to_id, other, one, label.inverse)
        )
        keep = to_id if from_is_many else from_id
        for each in list(self.of(near, record, far)):
            if each != keep:
                self.take(near, record, far, each, {type_id})

    def _set(self, pair: Pair, from_id: str, to_id: str, type_ids: tuple[int, ...]) -> None:
        others = self._links.setdefault(pair, {}).setdefault(from_id, {})
        if type_ids:
            others[to_id] = type_ids
        else:
            others.pop(to_id, None)

    def _own_id(self) -> int:
        self._next += 1
        return self._next - 1

    def _define(self, one: str, other: str, there: Label, inverse: str | None = None) -> Label:
        """Note a label in both directions; between two records of one type it is its own inverse."""
        self.labels.setdefault((one, other), []).append(there)
        if one == other:
            there.inverse = there.type_id
            return there
        there.inverse = there.inverse or self._own_id()
        back = Label(
            there.category, there.inverse, inverse if there.category == "USER_DEFINED" else there.label, there.type_id
        )
        self.labels.setdefault((other, one), []).append(back)
        return back

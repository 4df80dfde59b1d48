"""What is known of the rows of one sync, once an org has been asked: its object, its match, how parents are named."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from target_salesforce.codes import Reason
from target_salesforce.fields import Field
from target_salesforce.org import Thing

ID = "Id"


@dataclass(frozen=True)
class Parent:
    """A column that names a parent by a key of its own: `Account.Key__c`, `Lead:Who.Email`."""

    lookup: str
    """the field that holds the parent's id"""
    relationship: str
    key: str
    type: str | None
    """the parent's object, where several are possible"""
    object: str


@dataclass(frozen=True)
class Plan:
    """What is known of the rows of one sync."""

    things: tuple[Thing, ...]
    """one object; or several, of which whichever holds the row is meant"""
    match: str
    """empty where nothing is looked for"""
    kind: str
    """type of the match field"""
    native: bool
    """an upsert finds by the match field"""
    normalise: Callable[[str], str]
    parents: Mapping[str, Parent]
    types: Mapping[str, str]
    """types of the columns, for files"""
    links: tuple[tuple[Thing, Field], ...]
    """for each link of the sync the other object, and the key that it is found by"""
    cells: tuple[str, ...]
    """for each of them the column of a job's file"""
    group: str | None
    """the column that names the parent by which rows had better stay together"""
    lacking: Mapping[str, frozenset[str]]
    """for each of several objects the columns that it has no field for: they are left out where the row is one of it"""

    @property
    def thing(self) -> Thing:
        """Return the object that rows are created as."""
        return self.things[0]

    def field_of(self, why: Reason) -> str | None:
        """Return the column that a refusal is about: of a parent that is not there the one that names it."""
        names = [n for n, each in self.parents.items() if (each.key, each.object) == why.foreign]
        return why.field or (names[0] if len(names) == 1 else None)

    def of_id(self, found: str) -> Thing:
        """Return the object that an id is of."""
        return next((each for each in self.things if found.startswith(each.prefix) and each.prefix), self.thing)

"""What a sync asks for: the actions there are, modes, fields, links to other objects, guards."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


class Action(str, Enum):
    """What a request asks the destination to do with its rows."""

    UPSERT = "upsert"
    """create or update by the match value"""
    UPDATE = "update"
    """update by the destination id, or by the match value where a row has no id: see `Batch.by_id`"""
    CREATE = "create"
    """create; an object that is there already stays as it is"""
    APPEND = "append"
    """add something that has no later version: an event, a note; its links say whose it is"""
    ARCHIVE = "archive"
    DELETE = "delete"
    CLEAR = "clear"
    """empty the sync's fields; it travels as an UPDATE, so no target sees it"""
    FIND = "find"
    """look the row up under `Row.look_for`; every outcome is an Again"""
    READ = "read"
    """look the row up by its id, for fields that are only written where they are empty; every outcome is an Again"""
    RESOLVE = "resolve"
    """find the object that `Row.other` names, for `Batch.link`, or make it where the link says so; every outcome is an
    Again"""
    LINK = "link"
    """link the row's object with the one whose id is `Row.other`, as `Batch.link` says"""
    UNLINK = "unlink"
    """take that link away"""
    SURVEY = "survey"
    """look what the row's object is linked with, as `Batch.link` says, before such a link is made: what is there is not
    the sync's to take away. Every outcome is an Again with the row's own id, whose `holds` are the others' ids"""
    NOTHING = "nothing"

    __hash__ = str.__hash__
    """Enum's own is a Python function, and every row is looked up by its action several times."""


NEVER = sys.maxsize
"""rows from which on a sync without jobs would use one"""
REMOVALS = frozenset({Action.ARCHIVE, Action.DELETE, Action.CLEAR})


@dataclass(frozen=True)
class Strategy:
    """A mode, as data: the action for each change that can happen to a row."""

    added: Action
    changed: Action
    removed: Action
    unchanged: Action

    @property
    def actions(self) -> frozenset[Action]:
        """Return the actions that a destination must know for this."""
        named = {self.added, self.changed, self.removed, self.unchanged} - {Action.NOTHING}
        return frozenset({Action.UPDATE if action is Action.CLEAR else action for action in named})


_NO = Action.NOTHING
MODES: Mapping[str, Strategy] = {
    "upsert": Strategy(Action.UPSERT, Action.UPSERT, _NO, _NO),
    "update": Strategy(Action.UPDATE, Action.UPDATE, _NO, _NO),
    "create": Strategy(Action.CREATE, _NO, _NO, _NO),
    "mirror": Strategy(Action.UPSERT, Action.UPSERT, Action.ARCHIVE, _NO),
    "append": Strategy(Action.APPEND, _NO, _NO, _NO),
    "delete": Strategy(Action.DELETE, Action.DELETE, _NO, _NO),
}


@dataclass(frozen=True)
class FieldRule:
    """Where a destination field gets its value: from a column of the record, or a constant."""

    column: str | None
    constant: Json = None
    nulls: str | None = None
    """`clear` or `skip`; None leaves it to the sync"""
    when: str = "always"
    """`always`, `created` (only into an object that this creates) or `empty` (only where the object has no value)"""


@dataclass(frozen=True)
class Guards:
    """What stops a sync before rows are removed. Each is off where it is None."""

    max_removed: int | None = None
    """rows"""
    max_removed_share: float | None = None
    """of the rows that the ledger knows to be at the destination"""
    min_rows: int | None = None
    """rows that a complete read must have had"""
    max_changed_share: float | None = None
    """of the rows of a complete read; nothing is sent before it has been judged"""

    @property
    def of_removals(self) -> bool:
        """Tell whether removals have to wait until all of them are known."""
        return (self.max_removed, self.max_removed_share, self.min_rows) != (None, None, None)


@dataclass(frozen=True)
class Link:
    """A link of a row's object with another, which a column of the row names: by id, by match value, by row key."""

    object: str
    column: str
    match: str | None = None
    """the unique field of the other object that the column has values of"""
    sync: str | None = None
    """the stream whose row key the column has; with neither, it has ids"""
    label: str | None = None
    """what the destination calls this kind of link, where it knows several"""
    missing: str = "reject"
    """what becomes of a row whose other object is not there: `reject`, `skip` the link, or `create` the object"""
    nulls: str | None = None
    """`clear` or `skip`; None leaves it to the sync"""
    when: str = "always"
    """`always` or `created`: a field of the row's own object that is only written when that is created"""

    @property
    def name(self) -> str:
        """Return what the ledger knows the link by."""
        return self.object if self.label is None else f"{self.object}:{self.label}"


@dataclass(frozen=True)
class Sync:
    """One stream to one object of one destination. `fields` is None where columns keep their names."""

    stream: str
    object: str
    match: str | None = None
    fields: Mapping[str, FieldRule] | None = None
    nulls: str = "clear"
    max_rejected_share: float = 0.1
    """of the rows attempted in a run, judged from 20 rejects on"""
    strategy: Strategy = MODES["upsert"]
    guards: Guards = Guards()
    links: tuple[Link, ...] = ()
    bulk_above: int | None = None
    """rows to be written from which on they travel by a job; None: as the destination thinks best"""
    bulk_serial: bool = False
    """jobs one after the other, each worked off in one thread: slow, and without fights for locks"""

    @cached_property
    def created_only(self) -> frozenset[str]:
        """Return the fields that are only written into an object that is created."""
        return frozenset(name for name, rule in (self.fields or {}).items() if rule.when == "created")

    @cached_property
    def empty_only(self) -> frozenset[str]:
        """Return the fields that are only written where the object has no value."""
        return frozenset(name for name, rule in (self.fields or {}).items() if rule.when == "empty")

    @cached_property
    def looks_first(self) -> bool:
        """Tell whether what is written depends on whether the object is there, or on what it has."""
        return bool(self.created_only or self.empty_only) or any(link.when == "created" for link in self.links)

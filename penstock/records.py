"""The values that travel through the core: syncs, rows, batches, outcomes, and what a target has to offer.

Those of which there is one per row are structs of msgspec, which are made several times faster than dataclasses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING, NewType, Protocol

import msgspec

if TYPE_CHECKING:
    from penstock.checkpoint import Epoch
    from penstock.errors import InvalidRecord

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
Record = dict[str, object]
Payload = dict[str, object]
RowKey = NewType("RowKey", str)


class Action(str, Enum):
    """What a request asks the destination to do with its rows."""

    UPSERT = "upsert"
    """create or update by the match value"""
    UPDATE = "update"
    """update by the destination id, or by the match value where a row has no id: see `Batch.by_id`"""
    CREATE = "create"
    """create; an object that is there already stays as it is"""
    APPEND = "append"
    """add something that has no later version: an event, a note"""
    ARCHIVE = "archive"
    DELETE = "delete"
    CLEAR = "clear"
    """empty the sync's fields; it travels as an UPDATE, so no target sees it"""
    FIND = "find"
    """look the row up under `Row.look_for`; every outcome is an Again"""
    READ = "read"
    """look the row up by its id, for fields that are only written where they are empty; every outcome is an Again"""
    NOTHING = "nothing"

    __hash__ = str.__hash__
    """Enum's own is a Python function, and every row is looked up by its action several times."""


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

    @cached_property
    def created_only(self) -> frozenset[str]:
        """Return the fields that are only written into an object that is created."""
        return frozenset(name for name, rule in (self.fields or {}).items() if rule.when == "created")

    @cached_property
    def empty_only(self) -> frozenset[str]:
        """Return the fields that are only written where the object has no value."""
        return frozenset(name for name, rule in (self.fields or {}).items() if rule.when == "empty")


class Row(msgspec.Struct, eq=False):
    """One version of one source row on its way. Lives from mapping until it is settled.

    `epochs` are its receipts: one for its own reading and one for each older version that it replaced.
    """

    sync: Sync
    key: RowKey
    match: str
    """empty where the object is found by nothing but its id, or by nothing at all"""
    payload: Payload
    body: bytes
    """what is sent of the payload, as JSON"""
    fingerprint: bytes
    """of the payload without the fields that are only written at creation"""
    source_mark: bytes | None
    record: Record | bytes
    """the source record; as its text where that could not be parsed"""
    epochs: list[Epoch]
    known: KnownRow | None = None
    destination_id: str | None = None
    invalid: InvalidRecord | None = None
    """why it cannot be sent; it keeps its place in its lane all the same, or an older version would outlive it"""
    removed: bool = False
    """the row has left the source"""
    wanted: Action = Action.NOTHING
    """what the strategy asks for"""
    action: Action = Action.NOTHING
    """the step towards it that is next"""
    looked: bool = False
    """the destination has been asked whether the object is there"""
    absent: bool = False
    """and it is not"""
    holds: frozenset[str] = frozenset()
    """fields that must not be written because they have a value there"""
    attempts: int = 0
    identities: tuple[str, ...] = ()
    sealed: bool = False
    weight: int = 0
    """bytes it keeps in memory, about"""

    @property
    def former(self) -> list[str]:
        """Return the match values, other than its present one, under which its object may stand."""
        # A row that had left has no claim on what it was: another row may have taken that object over.
        return sorted(self.known.matches - {self.match, ""}) if self.known and not self.known.left else []

    @property
    def look_for(self) -> list[str]:
        """Return the match values to look under, the likeliest to be its own object first."""
        return [*self.former, self.match] if self.match else self.former


class KnownRow(msgspec.Struct, frozen=True, gc=False):
    """What the ledger remembers of a row. An absent fingerprint means that its last send is in doubt."""

    seq: int
    fingerprint: bytes | None
    destination_id: str | None
    match: str | None
    left: bool = False
    delivered: bool = True
    """False where it has only ever been sent, and nobody said what became of it"""
    doubts: frozenset[str] = frozenset()
    """match values it was sent with since it was last surely delivered: the object may stand under any of them"""

    @property
    def matches(self) -> frozenset[str]:
        """Return every match value under which its object may be found."""
        return self.doubts | {self.match} if self.match else self.doubts


class Source(msgspec.Struct, frozen=True):
    """One record as it was read: its text, and what can be told without mapping it.

    `mark` stands for the text and the mapping that would be applied to it: where the ledger has it beside a delivered
    fingerprint, mapping the record again can only give that fingerprint. `key` is None where the record has none.
    """

    key: RowKey | None
    mark: bytes | None
    record: Record | bytes
    invalid: InvalidRecord | None = None
    """why it cannot be mapped, where that is known already"""
    removed: bool = False
    """the tap says that the row has left its source"""


@dataclass(eq=False)
class Batch:
    """Rows of one object and one action that travel in one request; each key and match value once."""

    sync: Sync
    action: Action
    rows: list[Row]
    size: int = 0
    """bytes of payload"""
    opened_at: float = 0.0
    intent: int | None = None

    @property
    def by_id(self) -> bool:
        """Tell whether the rows are addressed by their destination ids, rather than by their match values."""
        return self.rows[0].destination_id is not None


class Delivered(msgspec.Struct, frozen=True, gc=False):
    """The destination said yes. `created` is None where it does not tell creation from update."""

    destination_id: str | None = None
    created: bool | None = None


@dataclass(frozen=True)
class Rejected:
    """The destination said no. `message` has passed the vendor's filter: no value of the record is in it."""

    code: str
    message: str
    field: str | None = None


@dataclass(frozen=True)
class Again:
    """The answer says where the object is, or that it is not there (None): the core chooses the step that fits.

    `holds` are the fields that must only be written where they are empty and that have a value there.
    """

    destination_id: str | None
    reason: str
    holds: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Retry:
    """Surely not applied; the same again. `after` is in seconds."""

    reason: str
    after: float | None = None


@dataclass(frozen=True)
class Unknown:
    """Sent, and nobody said what became of it. `answered` where an answer came that left this row out."""

    reason: str
    answered: bool = False
    after: float | None = None
    """seconds to wait, where the answer or the vendor's word says how long"""


Outcome = Delivered | Rejected | Again | Retry | Unknown


@dataclass(frozen=True)
class Request:
    """One HTTP request, relative to the destination's base URL. Keys of rows travel in `body` alone."""

    method: str
    path: str
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Response:
    """One HTTP answer, read to its end. Header names are lower-cased."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Limits:
    """What one request may hold and how fast requests may follow each other."""

    rows: int
    body_bytes: int
    concurrency: int
    requests: int
    """per window"""
    window: float
    """seconds"""


@dataclass(frozen=True)
class Gauge:
    """What an answer's headers say about the rate limit: `requests` per `window` seconds, `remaining` now."""

    requests: int
    window: float
    remaining: int | None = None
    daily_remaining: int | None = None
    """calls left of the account's daily quota, where the answer tells"""
    daily_limit: int | None = None


Convert = Callable[[object], object]
"""Source value (never None) to payload value. Raises InvalidRecord, whose field the mapping fills in."""

Ask = Callable[[Request], Response]
"""Sends one request outside the row path (credentials, description), with retries."""


@dataclass(frozen=True)
class Form:
    """What the destination's live description makes of a sync: ready for the mapping."""

    match: str | None
    """the field that finds the object; None for what is only appended"""
    fields: Mapping[str, FieldRule]
    convert: Mapping[str, Convert]
    normalise: Callable[[str], str]
    clear: object
    """the payload value that empties a field"""
    version: str = ""
    """changes whenever the same value could be converted differently"""
    object: str = ""
    """the destination's own name of the object, where a sync may call it by several"""


@dataclass(frozen=True)
class Abilities:
    """What a destination can be asked to do."""

    actions: frozenset[Action]
    keyed: frozenset[Action]
    """those that change nothing when they are repeated"""
    by_match: frozenset[Action]
    """those that need no destination id"""


class Destination(Protocol):
    """What a target offers the core: a description and pure functions. It never waits, repeats or logs."""

    limits: Limits
    abilities: Abilities

    def account(self, ask: Ask) -> str:
        """Name the account behind the credentials. Raises Misconfigured when they are refused."""

    def form(self, sync: Sync, columns: Mapping[str, Json] | None, key_properties: Sequence[str], ask: Ask) -> Form:
        """Check a sync against the live description. Raises Misconfigured with every mistake.

        `columns` are the stream's JSON schema properties, None before its SCHEMA has been read.
        """

    def encode(self, batch: Batch) -> Request:
        """Write the request for a batch."""

    def decode(self, response: Response, batch: Batch) -> list[Outcome]:
        """Read one outcome per row, in the batch's order, or raise a Refusal or a Stop."""

    def gauge(self, response: Response) -> Gauge | None:
        """Read the rate limit off an answer."""

"""The values that travel through the core: syncs, rows, batches, outcomes, and what a target has to offer.

Those of which there is one per row are structs of msgspec, which are made several times faster than dataclasses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NewType, Protocol

import msgspec

from penstock.modes import Action, FieldRule, Json, Link, Sync

if TYPE_CHECKING:
    from penstock.checkpoint import Epoch
    from penstock.errors import InvalidRecord
    from penstock.mapping import RecordMapper

Record = dict[str, object]
Payload = dict[str, object]
RowKey = NewType("RowKey", str)
THEIRS = 2
"""state of a link that others have made: never taken away"""


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
    mapper: RecordMapper | None = None
    """by which it was mapped: a SCHEMA in mid-stream brings another one"""
    text: bytes | None = None
    """the source record as it was read, where it is still the same"""
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
    links: tuple[tuple[str, ...] | None, ...] = ()
    """what it is to be linked with, for each of the sync's links; None where the record does not speak of one"""
    others: dict[tuple[int, str], str | None] = msgspec.field(default_factory=dict)
    """ids of the objects that its links mean, by place and value; None where there is none and the link is skipped"""
    linked: dict[tuple[str, str], int] = msgspec.field(default_factory=dict)
    """what it is linked with as far as known, by link and id; 0: in doubt, `THEIRS`: before this sync named it"""
    surveyed: frozenset[int] = frozenset()
    """places of the links of which it is known what the object had before; all of them where the sync has made it"""
    link: int = 0
    """the place of the link that the next step is about"""
    other: str = ""
    """and the value or id at its other end"""
    gone: str | None = None
    """of a membership: the id of the object that is to leave as this one joins"""
    placed: bool = False
    """its object is written, its links are still to be seen to"""
    created: bool | None = None
    """and has been created by that"""
    attempts: int = 0
    doubtful: bool = False
    """a request that writes its object had no answer: it may have been applied"""
    led: int = 0
    """answers that said where its object is, or that it is not there"""
    group: int = 0
    """stands for what it has in common with rows that had better not be written beside it; 0: for nothing"""
    crowd: int = 0
    """times that it came back because others were written beside it"""
    failures: int = 0
    """requests with it that have failed"""
    strikes: int = 0
    """those of them before which another request was answered"""
    suspect: bool = False
    """it stands refused because requests with it fail"""
    apart: int = 0
    """travels with none but rows of the same number: the requests that had it have failed again and again"""
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
    lane: int = 0
    """batches of one sync and lane go one at a time; 0: all at once"""
    failed: bool = False
    """its request got no answer, or one that says nothing of its rows"""
    most: int = 0
    """rows that it may hold"""

    @property
    def link(self) -> Link:
        """Return the link that a RESOLVE, SURVEY, LINK or UNLINK is about."""
        return self.sync.links[self.rows[0].link]

    @property
    def kind(self) -> Kind:
        """Return what limits are looked up by."""
        return self.sync.stream, self.action

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
    partly: bool = False
    """some of the row may have been written all the same"""


@dataclass(frozen=True)
class Again:
    """The answer says where the object is, or that it is not there (None): the core chooses the step that fits.

    `holds` are the fields that must only be written where they are empty and that have a value there; of a SURVEY, the
    ids of the objects that this one is linked with.
    """

    destination_id: str | None
    reason: str
    holds: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Retry:
    """Surely not applied; the same again. `after` is in seconds."""

    reason: str
    after: float | None = None
    crowded: bool = False
    """others were written beside it: the next time in a smaller batch, then with no other such batch beside it"""


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


Kind = Action | tuple[str, Action]
"""requests of an action; or only those of one stream, which counts for more"""


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
    asked_bytes: int | None = None
    """of the values that one request of a look may hold, as they stand in a URL"""
    rows_of: Mapping[Kind, int] = field(default_factory=dict)
    """rows that a request of an action may hold, where that is another number"""
    one_other: Mapping[str, int] = field(default_factory=dict)
    """rows that a request of LINK or UNLINK may hold which names one object of these alone, and many rows to link with
    it, such as a tag; by the link's object"""
    budgets: Mapping[Kind, Budgeted] = field(default_factory=dict)
    """limits of their own that requests of an action have, beside the one of all. Both are looked up as requests are
    made, because a destination learns from its syncs what it needs"""

    def most(self, stream: str, action: Action) -> int:
        """Return how many rows of a stream a request may hold."""
        return self.rows_of.get((stream, action)) or self.rows_of.get(action, self.rows)

    def budget(self, kind: Kind) -> Budgeted | None:
        """Return the limit that some requests have of their own."""
        return self.budgets.get(kind) or (self.budgets.get(kind[1]) if isinstance(kind, tuple) else None)


@dataclass(frozen=True)
class Budgeted:
    """A rate limit of some requests: `requests` in any `window` seconds. Actions that share the name share it."""

    name: str
    requests: int
    window: float


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
    links: Mapping[str, Convert] = field(default_factory=dict)
    """for links by match value, by name: a value of the column to what the object is looked for by"""
    makes: tuple[str, ...] = ()
    """the links it makes, by the destination's own words: no other sync of the object may make one of them"""
    inline: Mapping[str, str] = field(default_factory=dict)
    """links that are a field of the row's own object, by name: they are written with it"""
    by_key: Mapping[str, tuple[str, Callable[[str], str]]] = field(default_factory=dict)
    """of these, the ones that a job can write with the match value: the column, and what writes the same the same"""
    required: frozenset[str] = frozenset()
    """fields without which a row is not sent"""
    group: str | None = None
    """the field whose value rows of different requests under way had better not share: a parent that they lock"""
    note: str = ""
    """what the user should know of how this sync works, such as its cost"""
    abilities: Abilities | None = None
    """what the destination can be asked to do with this object; None: all that it can"""
    bulk_above: int | None = None
    """rows from which on they travel by a job, where the sync does not say; None: never"""
    passes: Mapping[str, Callable[[Sequence[Any], set[type]], bool]] = field(default_factory=dict)
    """by field, what tells of many values (none is None) and their types that `convert` leaves each as it is"""


@dataclass(frozen=True)
class Abilities:
    """What a destination can be asked to do."""

    actions: frozenset[Action]
    keyed: frozenset[Action]
    """those that change nothing when they are repeated"""
    by_match: frozenset[Action]
    """those that need no destination id"""
    members: str = ""
    """what rows are memberships of: see `penstock.members`. They join by UPDATE, which takes out `Row.gone`, and leave
    by ARCHIVE, by id; a FIND looks under `Row.match` alone; `Delivered.created`: the object was no member before"""
    after_look: frozenset[Action] = frozenset()
    """those that make an object, once a look has found none"""
    one_relation: bool = False  # all links with an object are the same, whatever their label


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

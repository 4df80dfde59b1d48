"""The values that travel through the core: syncs, rows, batches, outcomes, and what a target has to offer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, NewType, Protocol

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
    """update by the destination id"""
    FIND = "find"
    """look up the id under the match value a row had before; every outcome is an Again"""
    NOTHING = "nothing"


@dataclass(frozen=True)
class Strategy:
    """A mode, as data: the action for each change that can happen to a row."""

    added: Action
    changed: Action
    removed: Action
    unchanged: Action


MODES: Mapping[str, Strategy] = {
    "upsert": Strategy(Action.UPSERT, Action.UPSERT, Action.NOTHING, Action.NOTHING),
}


@dataclass(frozen=True)
class FieldRule:
    """Where a destination field gets its value: from a column of the record, or a constant."""

    column: str | None
    constant: Json = None
    nulls: str | None = None
    """`clear` or `skip`; None leaves it to the sync"""


@dataclass(frozen=True)
class Sync:
    """One stream to one object of one destination. `fields` is None where columns keep their names."""

    stream: str
    object: str
    match: str | None = None
    mode: str = "upsert"
    fields: Mapping[str, FieldRule] | None = None
    nulls: str = "clear"
    max_rejected_share: float = 0.1
    """of the rows attempted in a run, judged from 20 rejects on"""

    @property
    def strategy(self) -> Strategy:
        """The sync's mode, resolved."""
        return MODES[self.mode]


@dataclass(eq=False)
class Row:
    """One version of one source row on its way. Lives from mapping until it is settled.

    `epochs` are its receipts: one for its own reading and one for each older version that it replaced.
    """

    sync: Sync
    key: RowKey
    match: str
    payload: Payload
    body: bytes
    fingerprint: bytes
    source_mark: bytes | None
    record: Record | bytes
    """the source record; as its text where that could not be parsed"""
    epochs: list[Epoch]
    known: KnownRow | None = None
    destination_id: str | None = None
    invalid: InvalidRecord | None = None
    """why it cannot be sent; it keeps its place in its lane all the same, or an older version would outlive it"""
    action: Action = Action.NOTHING
    attempts: int = 0
    identities: tuple[str, ...] = ()
    sealed: bool = False
    weight: int = 0
    """bytes it keeps in memory, about"""

    @property
    def former(self) -> list[str]:
        """Return the match values, other than its present one, under which its object may stand."""
        return sorted(self.known.matches - {self.match}) if self.known else []


@dataclass(frozen=True)
class KnownRow:
    """What the ledger remembers of a row. An absent fingerprint means that its last send is in doubt."""

    seq: int
    fingerprint: bytes | None
    destination_id: str | None
    match: str | None
    left: bool = False
    doubts: frozenset[str] = frozenset()
    """match values it was sent with since it was last surely delivered: the object may stand under any of them"""

    @property
    def matches(self) -> frozenset[str]:
        """Return every match value under which its object may be found."""
        return self.doubts | {self.match} if self.match else self.doubts


@dataclass(frozen=True)
class Source:
    """One record as it was read: its text, and what can be told without mapping it.

    `mark` stands for the text and the mapping that would be applied to it: where the ledger has it beside a delivered
    fingerprint, mapping the record again can only give that fingerprint. `key` is None where the record has none.
    """

    key: RowKey | None
    mark: bytes | None
    record: Record | bytes
    invalid: InvalidRecord | None = None
    """why it cannot be mapped, where that is known already"""


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


@dataclass(frozen=True)
class Delivered:
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
    """The answer itself says which action fits: send the row again, that way. None forgets the id."""

    action: Action
    destination_id: str | None
    reason: str


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
    """What an answer's headers say about the rate limit: `requests` per `window` seconds, `remaining` now; and the daily quota."""

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

    match: str
    fields: Mapping[str, FieldRule]
    convert: Mapping[str, Convert]
    normalise: Callable[[str], str]
    clear: object
    """the payload value that empties a field"""
    version: str = ""
    """changes whenever the same value could be converted differently"""


class Destination(Protocol):
    """What a target offers the core: a description and pure functions. It never waits, repeats or logs."""

    limits: Limits

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

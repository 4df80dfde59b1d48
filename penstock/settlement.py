"""The way out: every end a row can come to is written to the ledger here, and counted here.

Receipts count as settled only after the transaction that holds their end has been committed. That one rule is what
makes a printed STATE true.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from penstock.batching import Lanes
from penstock.checkpoint import Checkpoint, Epoch
from penstock.ledger import Ledger
from penstock.records import Action, Batch, Delivered, Rejected, Row, RowKey, Sync
from penstock.tables import Seen, Settled

COUNTERS = ("read", "created", "updated", "unchanged", "coalesced", "filtered", "invalid", "rejected", "left")
"""the counters of a stream, in the order in which people want to read them"""


def told(counts: Mapping[str, int]) -> str:
    """Write a stream's counters for people; those that are 0 are left out."""
    order = [*COUNTERS, *sorted(set(counts) - set(COUNTERS))]
    return ", ".join(f"{name.replace('_', ' ')} {counts[name]:,}" for name in order if counts.get(name))


@dataclass(eq=False)
class OpenSync:
    """A sync in this run: its number in the ledger, its counters, the rows met."""

    sync: Sync
    number: int
    seen: Seen
    counts: Counter[str]
    mapping: bytes
    """version of its mapping"""
    remark: bool
    """the mapping is another than last time: source marks of unchanged rows are written anew, once"""
    claims: int = 0
    """rows refused only because another row holds their match value; that says nothing about the mapping"""

    @property
    def refused(self) -> int:
        """Return how many rows were refused, by us or by the destination."""
        return self.counts["invalid"] + self.counts["rejected"]


class Settlement:
    """Writes ends to the ledger. `now` is set by whoever drives it; `released` are rows whose turn has come."""

    def __init__(self, ledger: Ledger, checkpoint: Checkpoint, lanes: Lanes) -> None:
        self.now = 0.0
        self.dirty_since: float | None = None
        self.released: list[Row] = []
        self._ledger = ledger
        self._checkpoint = checkpoint
        self._lanes = lanes
        self._settled: list[tuple[Epoch, int]] = []

    def open(self, sync: Sync, mapping: bytes) -> OpenSync:
        """Start a sync. Raises Misconfigured when the ledger knows the stream as another object's."""
        number = self._ledger.open_sync(sync.stream, sync.object)
        self._touch()
        counts: Counter[str] = Counter()
        if self._ledger.doubted:
            counts["in_doubt"] = self._ledger.doubted
        remark = self._ledger.mapping(number) != mapping
        return OpenSync(sync, number, self._ledger.seen(number), counts, mapping, remark)

    def remember_mappings(self, syncs: Iterable[OpenSync]) -> None:
        """Note which mapping the source marks are of, after a run in which every row was looked at."""
        for opened in syncs:
            if opened.remark:
                self._ledger.remember_mapping(opened.number, opened.mapping)
        self.commit()

    @property
    def pending(self) -> bool:
        """Tell whether something is written that is not durable yet."""
        return bool(self._settled) or self.dirty_since is not None

    def unchanged_keys(self, opened: OpenSync, epoch: Epoch, keys: list[RowKey]) -> None:
        """End rows that never became a Row: nothing is written for them, so they are settled at once."""
        opened.counts["unchanged"] += len(keys)
        self._forgive(opened, keys)
        self._checkpoint.settle(epoch, len(keys))

    def remark(self, opened: OpenSync, marks: list[tuple[bytes | None, RowKey]]) -> None:
        """Write the source marks of unchanged rows anew. Nothing waits for this: it only saves work next time."""
        self._ledger.remark(opened.number, marks)
        self._touch()

    def unchanged(self, opened: OpenSync, row: Row) -> None:
        """End a row that waited and turned out to be what was last delivered."""
        opened.counts["unchanged"] += 1
        self._forgive(opened, [row.key])
        self._finish(row)

    def delivered(self, opened: OpenSync, rows: Sequence[tuple[Row, Delivered]]) -> None:
        """End rows that the destination took."""
        settled: list[Settled] = []
        for row, outcome in rows:
            created = outcome.created if outcome.created is not None else row.known is None
            opened.counts["created" if created else "updated"] += 1
            destination_id = outcome.destination_id or row.destination_id
            settled.append((row.key, row.match, row.fingerprint, row.source_mark, destination_id))
        self._ledger.deliver(opened.number, settled)
        self._touch()
        for row, _ in rows:
            self._finish(row)

    def rejected(self, opened: OpenSync, rows: Sequence[tuple[Row, Rejected]], kind: str) -> None:
        """End refused rows: kept with their source record and the reason. `kind` is `invalid` or `rejected`."""
        opened.counts[kind] += len(rows)
        self._ledger.refuse(
            opened.number, [(r.key, kind, why.code, why.field, why.message, r.record) for r, why in rows]
        )
        self._touch()
        for row, _ in rows:
            self._finish(row)

    def intend(self, opened: OpenSync, batch: Batch) -> None:
        """Note that a batch is about to be sent; it may be once this is committed."""
        batch.intent = self._ledger.intend(
            opened.number, batch.action, [(row.key, row.match, row.fingerprint) for row in batch.rows]
        )
        self._touch()

    def close_intent(self, opened: OpenSync, batch: Batch, doubtful: Sequence[Row]) -> None:
        """Note that a batch is over. `doubtful` rows may have been applied although nobody said so."""
        if batch.intent is not None:
            self._ledger.close_intent(opened.number, batch.intent, [(row.key, row.match) for row in doubtful])
            batch.intent = None
            self._touch()

    def redirect(self, opened: OpenSync, row: Row, action: Action, destination_id: str | None) -> None:
        """Take what an answer taught about a row: the action that fits, and its id or that it has none."""
        row.action = action
        row.destination_id = destination_id
        if destination_id is None:
            self._ledger.forget_id(opened.number, [row.key])
            self._touch()

    def new_version(self, opened: OpenSync, version: int) -> bool:
        """Note the version of a full read; tell whether no earlier run has begun it."""
        new = self._ledger.new_version(opened.number, version)
        self._touch()
        return new

    def complete(self, opened: OpenSync) -> None:
        """Take the tap's word that the stream was read whole: rows not met in this run have left the source."""
        left, dropped = self._ledger.sweep(opened.number, opened.seen)
        self._touch()
        opened.counts["left"] += left
        opened.counts["rejects_dropped"] += dropped

    def commit(self) -> None:
        """Make everything durable, then let the receipts count."""
        self._ledger.commit()
        self.dirty_since = None
        for epoch, rows in self._settled:
            self._checkpoint.settle(epoch, rows)
        self._settled.clear()

    def _forgive(self, opened: OpenSync, keys: Sequence[RowKey]) -> None:
        if self._ledger.forgive(opened.number, keys):
            self._touch()

    def _finish(self, row: Row) -> None:
        self._settled += [(epoch, 1) for epoch in row.epochs]
        self._touch()
        self.released += self._lanes.leave(row)

    def _touch(self) -> None:
        if self.dirty_since is None:
            self.dirty_since = self.now

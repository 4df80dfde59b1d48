"""The way in: which rows cost nothing, which wait for an older version, which may travel now.

An unchanged row ends here, without a Row value even being made for it: most rows of most runs are unchanged. The
others queue in their lanes; a row that heads them all gets its action and a place in a batch.
"""

from __future__ import annotations

from collections.abc import Sequence

from penstock.batching import Batcher, Lanes, key_identity, match_identity
from penstock.checkpoint import Epoch
from penstock.errors import InvalidRecord
from penstock.ledger import Ledger
from penstock.mapping import RecordMapper, decode_record, encode_payload, fingerprint, kept, reject_key
from penstock.records import Action, Batch, KnownRow, Limits, Rejected, Row, RowKey, Source, Sync
from penstock.settlement import OpenSync, Settlement

TOO_LARGE = Rejected("too_large", "the mapped record is larger than one request may be")


class Intake:
    """Takes rows by `offer`; batches that are full gather in `sealed`."""

    def __init__(self, limits: Limits, ledger: Ledger, lanes: Lanes, batcher: Batcher, settlement: Settlement) -> None:
        self.sealed: list[Batch] = []
        self._limits = limits
        self._ledger = ledger
        self._lanes = lanes
        self._batcher = batcher
        self._settlement = settlement

    def offer(self, opened: OpenSync, mapper: RecordMapper, epoch: Epoch, rows: Sequence[Source], now: float) -> None:
        """Take records in reading order, each with a receipt of `epoch`."""
        remembered = self._ledger.fingerprints(opened.number, [row.key for row in rows if row.key is not None])
        unchanged: list[RowKey] = []
        marks: list[tuple[bytes | None, RowKey]] = []
        changed: list[Row] = []
        earlier: set[str] = set()
        """keys with an older version in this very group"""
        sync, mark_seen, busy = opened.sync, opened.seen.mark, bool(self._lanes.rows)
        for source in rows:
            key = source.key
            found = remembered.get(key) if key is not None else None
            delivered: bytes | None = None
            if key is not None and found is not None:
                last_sent, source_mark, seq = found
                mark_seen(seq)
                if key not in earlier and not (busy and self._lanes.tail(key_identity(sync, key))):
                    delivered = last_sent
                    if delivered is not None and source_mark == source.mark and source_mark is not None:
                        unchanged.append(key)
                        continue
            row = _mapped(sync, mapper, source, epoch)
            if delivered is not None and row.fingerprint == delivered:
                unchanged.append(row.key)
                marks.append((row.source_mark, row.key))
                continue
            earlier.add(row.key)
            changed.append(row)
        if unchanged:
            self._settlement.unchanged_keys(opened, epoch, unchanged)
        if marks and opened.remark:
            self._settlement.remark(opened, marks)
        if changed:
            self._enter(opened, changed, now)

    def _enter(self, opened: OpenSync, rows: list[Row], now: float) -> None:
        known = self._ledger.known(opened.number, [row.key for row in rows])
        ready: list[Row] = []
        for row in rows:
            row.known = known.get(row.key)
            if row.known is not None:
                opened.seen.mark(row.known.seq, present=not row.known.left)
            ahead = self._lanes.tail(key_identity(row.sync, row.key))
            if ahead is not None and self._coalesce(ahead, row):
                opened.counts["coalesced"] += 1
            elif self._lanes.enter(row, self._lanes_of(row, ahead)):
                ready.append(row)
        self._admit(opened, ready, now)

    @staticmethod
    def _lanes_of(row: Row, ahead: Row | None) -> tuple[str, ...]:
        """Name the lanes of a row: its key, and its match values, the new one and those that it leaves."""
        lanes = {key_identity(row.sync, row.key): None}
        matches = [row.match, *row.former, ahead.match if ahead else None]
        lanes.update((match_identity(row.sync, match), None) for match in matches if match)
        return tuple(lanes)

    def _coalesce(self, ahead: Row, row: Row) -> bool:
        """Let an unsent row take over a newer version of itself; the fields merge, the later value wins."""
        if ahead.sealed or ahead.attempts or ahead.invalid or row.invalid or ahead.match != row.match:
            return False
        if self._lanes.tail(match_identity(row.sync, row.match)) is not ahead:
            return False
        if isinstance(ahead.record, bytes) or isinstance(row.record, bytes):
            return False  # texts of records do not merge, and a reject keeps what was read last
        payload = {**ahead.payload, **row.payload}
        body = row.body if payload == row.payload and list(payload) == list(row.payload) else encode_payload(payload)
        if not self._batcher.fits(ahead, len(body) - len(ahead.body)):
            return False
        ahead.payload, ahead.body = payload, body
        ahead.fingerprint = fingerprint(body)
        ahead.source_mark = row.source_mark if body is row.body else None
        ahead.record = {**ahead.record, **row.record}
        ahead.epochs += row.epochs
        return True

    def _admit(self, opened: OpenSync, rows: list[Row], now: float) -> None:
        """Give ready rows their action and a place in a batch, unless another row holds their match value."""
        if not rows:
            return
        valid = [row for row in rows if not row.invalid]
        invalid = [(row, Rejected(why.code, why.message, why.field)) for row in rows if (why := row.invalid)]
        claims = [r.match for r in valid if r.known is None or r.known.left or r.known.match != r.match]
        owners = self._ledger.owners(opened.number, claims) if claims else {}
        for row in valid:
            others = owners.get(row.match, set()) - {row.key}
            if others:
                text = f"the row {min(others)} of this sync already holds the match value"
                invalid.append((row, Rejected("duplicate_match", text)))
                opened.claims += 1
            elif len(row.body) > self._limits.body_bytes:
                invalid.append((row, TOO_LARGE))
            else:
                choose(opened.sync, row)
                self.sealed += self._batcher.add(row, now)
        if invalid:
            self._settlement.rejected(opened, invalid, "invalid")

    def readmit(self, opened: OpenSync, rows: list[Row], now: float) -> None:
        """Look again at rows that waited: what was ahead of them may have changed what the ledger knows."""
        # What was just settled is seen although it is not committed yet: it is the same connection.
        known = self._ledger.known(opened.number, [row.key for row in rows])
        ready: list[Row] = []
        for row in rows:
            row.known = known.get(row.key)
            if not row.invalid and is_delivered(row.known, row):
                self._settlement.unchanged(opened, row)
            else:
                ready.append(row)
        self._admit(opened, ready, now)

    def again(self, rows: list[Row], now: float) -> None:
        """Put rows that were sent before into a batch once more; they kept the head of their lanes."""
        for row in rows:
            row.sealed = False
            self.sealed += self._batcher.add(row, now)

    def drop_reverted(self, opened: OpenSync, batch: Batch) -> None:
        """Take out of a batch the rows that came back to what was last delivered while they waited in it."""
        reverted = [row for row in batch.rows if row.attempts == 0 and is_delivered(row.known, row)]
        if reverted:
            batch.rows = [row for row in batch.rows if row not in reverted]
            for row in reverted:
                self._settlement.unchanged(opened, row)


def _mapped(sync: Sync, mapper: RecordMapper, source: Source, epoch: Epoch) -> Row:
    """Make the Row of a record; one that cannot be mapped keeps its key, so that it keeps its place in the order."""
    weight = len(source.record) if isinstance(source.record, bytes) else 0
    try:
        if source.invalid is not None:
            raise source.invalid
        record = decode_record(source.record) if isinstance(source.record, bytes) else source.record
    except InvalidRecord as why:
        key = source.key or reject_key(source.record)
        return Row(sync, key, "", {}, b"", b"", None, kept(source.record), [epoch], invalid=why, weight=weight)
    try:
        key, match, payload, body, mark = mapper.map(record)
    except InvalidRecord as why:
        key = RowKey(why.row_key) if why.row_key is not None else reject_key(record)
        return Row(sync, key, "", {}, b"", b"", None, kept(record), [epoch], invalid=why, weight=weight)
    weight = weight or len(body)
    return Row(sync, key, match, payload, body, mark, source.mark, kept(record), [epoch], weight=weight)


def is_delivered(known: KnownRow | None, row: Row) -> bool:
    """Tell whether the destination has this very payload, as far as the ledger is sure of it."""
    return known is not None and not known.left and known.fingerprint == row.fingerprint


def choose(sync: Sync, row: Row) -> None:
    """Give a row its action. An object whose id is known is updated by it, whatever its match value is by now.

    Without an id, an object in doubt may stand under a match value that the row had when it was sent: then the
    destination is asked first, or a second object could be made.
    """
    known = row.known
    row.action = sync.strategy.added if known is None else sync.strategy.changed
    if known is None or known.left or row.action is not Action.UPSERT:
        return
    if known.destination_id:
        row.action, row.destination_id = Action.UPDATE, known.destination_id
    elif known.fingerprint is None and row.former:
        row.action = Action.FIND

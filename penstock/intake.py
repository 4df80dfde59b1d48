"""The way in: which rows cost nothing, which wait for an older version, which may travel now.

An unchanged row ends here, without a Row value even being made for it: most rows of most runs are unchanged. The
others queue in their lanes; a row that heads them all gets its action and a place in a batch.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from penstock.batching import Batcher, Lanes, key_identity, match_identity
from penstock.checkpoint import Epoch
from penstock.joining import join
from penstock.ledger import Ledger
from penstock.mapping import RecordMapper, encode_payload, fingerprint
from penstock.members import Members, means_another
from penstock.modes import REMOVALS, Action
from penstock.opensync import OpenSync, mark_of
from penstock.parents import Parents
from penstock.policy import Policy
from penstock.records import Batch, Delivered, Destination, KnownRow, Rejected, Row, RowKey, Source
from penstock.relations import names_others
from penstock.rows import claims_its_match, is_delivered, mapped
from penstock.settlement import Settlement
from penstock.sparse import Sparse
from penstock.steps import NO_OBJECT, NO_OTHER, dress, in_doubt, is_removal, next_step, want

TOO_LARGE = Rejected("too_large", "the mapped record is larger than one request may be")


class Intake:
    """Takes rows by `offer`; batches that are full gather in `sealed`."""

    def __init__(
        self,
        destination: Destination,
        ledger: Ledger,
        lanes: Lanes,
        batcher: Batcher,
        settlement: Settlement,
        policy: Policy,
    ) -> None:
        self.sealed: list[Batch] = []
        self.later: list[Row] = []
        """rows that wait for others to come to their end"""
        self._limits = destination.limits
        self._sparse = Sparse(ledger)
        self._holders: dict[tuple[int, str], str] = {}
        """rows that were led to an object in this run"""
        self.members = Members(ledger)
        self._parents = Parents(ledger, lanes)
        self._ledger = ledger
        self._lanes = lanes
        self._batcher = batcher
        self._settlement = settlement
        self._policy = policy

    @property
    def room(self) -> bool:
        """Tell whether the lanes can take more rows."""
        return self._lanes.rows < self._policy.max_rows and self._lanes.bytes < self._policy.max_bytes

    @property
    def busy(self) -> bool:
        """Tell whether rows are in their lanes."""
        return bool(self._lanes.rows)

    def offer(self, opened: OpenSync, mapper: RecordMapper, epoch: Epoch, rows: Sequence[Source], now: float) -> None:
        """Take records in reading order, each with a receipt of `epoch`."""
        opened.mapper = mapper
        chunk = len(rows) if opened.together is None else opened.chunk
        for first in range(0, len(rows), chunk or 1):
            some = rows[first : first + chunk]
            if opened.together is None or (some := opened.together(mapper, epoch, some, now)):
                self._look_at(opened, mapper, epoch, some, now)

    def _look_at(
        self, opened: OpenSync, mapper: RecordMapper, epoch: Epoch, rows: Sequence[Source], now: float
    ) -> None:
        """Tell the rows that cost nothing from those that travel."""
        remembered = self._ledger.fingerprints(opened.number, [row.key for row in rows if row.key is not None])
        unchanged: list[RowKey] = []
        marks: list[tuple[bytes | None, RowKey]] = []
        changed: list[Row] = []
        earlier: set[str] = set()
        """keys with an older version in this very group"""
        calm: set[RowKey] = set()
        """keys of which an unchanged version stands in this very group: its reject, if any, is about to go"""
        sync, mark_seen, stage = opened.sync, opened.seen.mark, opened.stage
        busy = bool(self._lanes.rows) or opened.spool is not None
        refused = self._ledger.rejects.has_any(opened.number)
        resend = sync.strategy.unchanged is not Action.NOTHING
        for source in rows:
            key = source.key
            if opened.held and key in opened.held and not source.removed:
                self._settlement.superseded(
                    opened, opened.held.pop(key)
                )  # it is back, whatever becomes of this version
            alone = key not in earlier and not (busy and key is not None and self._has_older(opened, key))
            last_sent: bytes | None = None
            found = remembered.get(key) if key is not None else None
            if found is not None and key is not None:
                last_sent, source_mark, seq = found
                mark_seen(seq)
                if (
                    source.removed
                    or resend
                    or not alone
                    or (stage is not None and key in stage.keys)
                    or (refused and self._sparse.leaves_out(opened, mapper, key, source.record))
                ):
                    last_sent = None
                elif last_sent is not None and source_mark == source.mark and source_mark is not None:
                    unchanged.append(key)
                    if refused:
                        calm.add(key)
                    continue
            row = mapped(sync, mapper, source, epoch)
            if last_sent is not None and row.fingerprint == last_sent:
                unchanged.append(row.key)
                calm.add(row.key)
                marks.append((row.source_mark, row.key))
            elif not (
                refused and alone and row.key not in calm and self._put_off(opened, epoch, row)
            ) and not self._held(opened, row):
                changed.append(row)
                earlier.add(row.key)
        self._end_unchanged(opened, epoch, unchanged, marks)
        if stage is not None:
            for row in changed:
                stage.add(row)
        elif changed:
            self.take(opened, changed, now)

    def _has_older(self, opened: OpenSync, key: RowKey) -> bool:
        """Tell whether an older version of a row is under way, or waits to be."""
        identity = key_identity(opened.sync.stream, key)
        waits = opened.spool is not None and opened.spool.holds(key, hash(identity))
        return waits or self._lanes.tail(identity) is not None

    def take(self, opened: OpenSync, rows: list[Row], now: float) -> None:
        """Let changed rows wait until their path is decided, or queue at once where there is but one."""
        if opened.spool is None:
            self.enter(opened, rows, now)
            return
        if opened.straight is not None:
            rows = opened.straight(rows, now)
        for row in rows:
            opened.spool.add(row, now)
        self._settlement.elsewhere += len(rows)

    def _end_unchanged(
        self, opened: OpenSync, epoch: Epoch, keys: list[RowKey], marks: list[tuple[bytes | None, RowKey]]
    ) -> None:
        if keys:
            self._settlement.unchanged_keys(opened, epoch, keys)
        if marks and opened.remark:
            self._settlement.remark(opened, marks)

    def _put_off(self, opened: OpenSync, epoch: Epoch, row: Row) -> bool:
        """End a row that was refused before, just as it is, and is not to be tried again yet."""
        why = self._ledger.rejects.put_off(opened.number, row.key, mark_of(opened, row))
        if why is not None:
            self._settlement.put_off(opened, epoch, why)
        return why is not None

    def _held(self, opened: OpenSync, row: Row) -> bool:
        """Keep a removal back until all are known, where a guard wants to judge them."""
        held = opened.held
        if not row.removed or row.invalid or not opened.sync.guards.of_removals:
            return False
        if row.key in held:
            opened.counts["coalesced"] += 1
        held.setdefault(row.key, []).extend(row.epochs)
        return True

    def enter(self, opened: OpenSync, rows: list[Row], now: float) -> None:
        """Queue rows in their lanes, and let those travel that head them."""
        self.acquaint(opened, rows)
        self.queue(opened, rows, now)

    def acquaint(self, opened: OpenSync, rows: list[Row]) -> None:
        """Tell rows what the ledger knows of them."""
        known = self._ledger.known(opened.number, [row.key for row in rows])
        for row in rows:
            self._know(opened, row, known.get(row.key))

    def queue(self, opened: OpenSync, rows: list[Row], now: float) -> None:
        """Queue rows that know what is known of them."""
        if opened.into_job is not None and not self._lanes.rows and not opened.sync.links:
            rows = join(opened, rows, opened.into_job, self._ledger, self._limits)
        ready: list[Row] = []
        for row in rows:
            self._sparse.complete(opened, row)
            if row.known is not None:
                opened.seen.mark(row.known.seq, present=not row.known.left)
            own_lane = key_identity(row.sync.stream, row.key)
            ahead = self._lanes.tail(own_lane)
            if ahead is not None and self._coalesce(ahead, row):
                opened.counts["coalesced"] += 1
            elif self._lanes.enter(row, (own_lane, *self._match_lanes(row, ahead))):
                ready.append(row)
        self._admit(opened, ready, now)

    @staticmethod
    def _know(opened: OpenSync, row: Row, known: KnownRow | None) -> None:
        row.known = known
        row.destination_id = known.destination_id if known is not None and not known.left else None
        if opened.can.members and means_another(row):
            row.destination_id = None
        if row.removed and known is not None:
            row.match = known.match or ""

    @staticmethod
    def _match_lanes(row: Row, ahead: Row | None) -> Iterable[str]:
        """Name the lanes of a row's match values: the new one and those that it leaves, each once."""
        if ahead is None and row.known is None:
            return (match_identity(row.sync, row.match),) if row.match else ()
        matches = [row.match, *row.former, ahead.match if ahead else None]
        return dict.fromkeys(match_identity(row.sync, match) for match in matches if match)

    def _coalesce(self, ahead: Row, row: Row) -> bool:
        """Let an unsent row take over a newer version of itself; the fields merge, the later value wins."""
        if ahead.sealed or ahead.attempts or ahead.invalid or row.invalid or ahead.match != row.match:
            return False
        if (
            ahead.placed
            or ahead.others
            or ahead.removed
            or row.removed
            or (ahead.looked or ahead.action is Action.APPEND)
        ):
            return False
        if row.match and self._lanes.tail(match_identity(row.sync, row.match)) is not ahead:
            return False
        links = tuple(new if new is not None else old for old, new in zip(ahead.links, row.links, strict=True))
        if isinstance(ahead.record, bytes) or isinstance(row.record, bytes) or links != ahead.links:
            return False  # texts of records do not merge, and what new links mean is not known yet
        payload = {**ahead.payload, **row.payload}
        if payload == row.payload and list(payload) == list(row.payload):
            body = row.body
        else:
            body = encode_payload({n: v for n, v in payload.items() if n not in row.sync.created_only})
        if not self._batcher.fits(ahead, len(body) - len(ahead.body)):
            return False
        same = body is row.body and links == row.links
        ahead.payload, ahead.body = payload, body
        ahead.fingerprint = (
            row.fingerprint if same else fingerprint(body, links, row.mapper.names if row.mapper else ())
        )
        ahead.source_mark = row.source_mark if same else None
        ahead.record, ahead.text, ahead.mapper = {**ahead.record, **row.record}, None, row.mapper
        ahead.epochs += row.epochs
        return True

    def _admit(self, opened: OpenSync, rows: list[Row], now: float) -> None:
        """Give ready rows their action and a place in a batch, unless another row holds their match value."""
        if not rows:
            return
        valid = [row for row in rows if not row.invalid]
        invalid = [(row, Rejected(why.code, why.message, why.field)) for row in rows if (why := row.invalid)]
        claims = [] if opened.can.members else [r.match for r in valid if claims_its_match(r)]
        owners = self._ledger.owners(opened.number, claims) if claims else {}
        free: list[Row] = []
        for row in valid:
            others = owners.get(row.match, set()) - {row.key} if owners and claims_its_match(row) else None
            if others:
                text = f"the row {min(others)} of this sync already holds the match value"
                invalid.append((row, Rejected("duplicate_match", text)))
                opened.excused += 1
                opened.contested |= others
            else:
                row.wanted = want(row)
                if self._ledger.rejects.suspects(opened.number, row.key):
                    row.suspect, row.apart = True, id(row)  # it takes no other row along when it fails again
                free.append(row)
        if invalid:
            self._settlement.rejected(opened, invalid, "invalid")
        self._place(opened, free, now)

    def _place(self, opened: OpenSync, rows: list[Row], now: float) -> None:
        """Put rows into batches by the step that each needs next; end those that need none."""
        if opened.sync.links:
            rows = self._related(opened, rows)
        if opened.can.members:
            ended, rows = self.members.let_go(opened, rows)
            self._settlement.delivered(opened, [(row, Delivered()) for row in ended])
        for row in rows:
            step = row.action = next_step(row, opened.can)
            if step is Action.NOTHING:
                self._end(opened, row)
                continue
            dress(row, step)
            if len(row.body) > self._limits.body_bytes:
                self._settlement.rejected(opened, [(row, TOO_LARGE)], "invalid")
                continue
            if opened.into_job is not None and opened.into_job(row):
                continue
            if step not in opened.can.keyed and in_doubt(row):
                opened.counts["may_repeat"] += 1
            self.sealed += self._batcher.add(row, now)

    def _end(self, opened: OpenSync, row: Row) -> None:
        """End a row for which there is nothing to send."""
        if row.placed:
            self._settlement.linked(opened, row)
        elif row.wanted is Action.NOTHING and not row.removed and is_delivered(row.known, row):
            self._settlement.unchanged(opened, row)
        elif row.wanted is Action.NOTHING:
            if row.removed and row.sync.strategy.removed in REMOVALS and in_doubt(row):
                opened.counts["may_remain"] += 1  # it may have been created, but nobody knows that it is ours
            self._settlement.not_sent(opened, row)
        elif is_removal(row):
            self._settlement.delivered(opened, [(row, Delivered())])
        elif row.absent:
            opened.excused += 1
            opened.absent += 1
            match = opened.mapper.match if opened.mapper is not None and row.match else None
            by = f" with this {match}" if match else ""
            absent = Rejected(NO_OBJECT, f"there is no object of {row.sync.object}{by} to change", match)
            self._settlement.rejected(opened, [(row, absent)], "rejected")
        else:
            self._settlement.existing(opened, row)

    def _related(self, opened: OpenSync, rows: list[Row]) -> list[Row]:
        """See what is known of the other objects that rows are to be linked with; return the rows that can go on."""
        found = self._parents.look(opened.number, [row for row in rows if names_others(row)])
        self.later += found.waiting
        stopped = {id(row) for row in found.waiting}
        for row, at, value in found.missing:
            if id(row) not in stopped and not self._without(opened, row, at, value):
                stopped.add(id(row))
        return [row for row in rows if id(row) not in stopped]

    def resolved(self, opened: OpenSync, row: Row, other: str | None) -> bool:
        """Take what the destination said of the value that a row was asked about; tell whether the row can go on."""
        row.attempts = 0
        if other is None:
            return self._without(opened, row, row.link, row.other)
        self._parents.learn(opened.sync.links[row.link], row.other, other)
        row.others[row.link, row.other] = other
        return True

    def holder(self, opened: OpenSync, row: Row, destination_id: str | None) -> str | None:
        """Return which other row of the sync has the object that a row was led to; the row has it from now on if none.

        Two rows of one object would overwrite each other for ever. Memberships may share one.
        """
        if destination_id is None or opened.can.members:
            return None
        found = self._holders.get((opened.number, destination_id)) or self._ledger.holder(opened.number, destination_id)
        if found is not None and found != row.key:
            return found
        self._holders[opened.number, destination_id] = row.key
        return None

    def _without(self, opened: OpenSync, row: Row, at: int, value: str) -> bool:
        """Do what the link says where there is no other object: leave the link out, or refuse the row."""
        link = opened.sync.links[at]
        if link.missing == "skip":
            row.others[at, value] = None
            row.fingerprint, row.source_mark = row.fingerprint[:16], None  # so that the next run looks again
            opened.counts["links_skipped"] += 1
            return True
        by = f"with that {link.match}" if link.match else f"of sync {link.sync} with that key whose id is known"
        why = Rejected(NO_OTHER, f"there is no object of {link.object} {by}", f"associate {link.name}")
        opened.excused += 1
        self._settlement.rejected(opened, [(row, why)], "invalid")
        return False

    def readmit(self, opened: OpenSync, rows: list[Row], now: float) -> None:
        """Look again at rows that waited: what was ahead of them may have changed what the ledger knows."""
        # What was just settled is seen although it is not committed yet: it is the same connection.
        known = self._ledger.known(opened.number, [row.key for row in rows])
        ready: list[Row] = []
        for row in rows:
            self._know(opened, row, known.get(row.key))
            self._sparse.complete(opened, row)
            if not row.invalid and not row.removed and is_delivered(row.known, row):
                self._settlement.unchanged(opened, row)
            else:
                ready.append(row)
        self._admit(opened, ready, now)

    def again(self, rows: list[Row], opened: OpenSync, now: float) -> None:
        """Put rows that were sent before into a batch once more; they kept the head of their lanes."""
        for row in rows:
            row.sealed = False
        self._place(opened, rows, now)

    def drop_reverted(self, opened: OpenSync, batch: Batch) -> None:
        """Take out of a batch the rows that came back to what was last delivered while they waited in it."""
        reverted = [
            row for row in batch.rows if row.attempts == 0 and not is_removal(row) and is_delivered(row.known, row)
        ]
        if reverted:
            batch.rows = [row for row in batch.rows if row not in reverted]
            for row in reverted:
                self._settlement.unchanged(opened, row)

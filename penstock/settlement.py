"""The way out: every end a row can come to is written to the ledger here, and counted here.

Receipts count as settled only after the transaction that holds their end has been committed. That one rule is what
makes a printed STATE true.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from penstock.batching import Lanes
from penstock.checkpoint import Checkpoint, Epoch
from penstock.joblog import Entry
from penstock.ledger import Ledger
from penstock.modes import REMOVALS, Action, Sync
from penstock.opensync import OpenSync, mark_of
from penstock.records import Abilities, Again, Batch, Delivered, Rejected, Row, RowKey
from penstock.relations import found_there, key_name, links_inline, not_named, others_of, related
from penstock.staging import Stage
from penstock.steps import learn, made

MADE_ANEW = "objects that its rows are linked with were made anew"


def _known_id(row: Row) -> str | None:
    return None if row.known is None else row.known.destination_id


class Settlement:
    """Writes ends to the ledger. `now` is set by whoever drives it; `released` are rows whose turn has come."""

    def __init__(self, ledger: Ledger, checkpoint: Checkpoint, lanes: Lanes) -> None:
        self.now = 0.0
        self.dirty_since: float | None = None
        self.released: list[Row] = []
        self.elsewhere = 0
        """rows that are in no lane: they wait in a spool, or are in a job"""
        self._ledger = ledger
        self._checkpoint = checkpoint
        self._lanes = lanes
        self._settled: dict[Epoch, int] = {}
        """receipts that count once the transaction is committed"""
        self._opened: dict[int, OpenSync] = {}
        """by number"""

    def open(self, sync: Sync, mapping: bytes, rules: bytes, can: Abilities) -> OpenSync:
        """Start a sync. Raises Misconfigured when the ledger knows the stream as another object's."""
        found = self._ledger.open_sync(sync.stream, sync.object)
        counts: Counter[str] = Counter()
        if self._ledger.doubted:
            counts["in_doubt"] = self._ledger.doubted
        opened = OpenSync(
            sync,
            found.number,
            self._ledger.seen(found.number),
            counts,
            mapping,
            can,
            remark=found.mapping != mapping,
            rules=found.rules or rules,
            new=found.new,
            pending=found.pending,
            stage=Stage() if sync.guards.max_changed_share is not None else None,
        )
        if found.rules is None:
            self._ledger.register.remember_rules(found.number, rules)
        self._opened[found.number] = opened
        self.touch()
        return opened

    def follow_rules(self, opened: OpenSync, rules: bytes) -> None:
        """Take the rules that rows are mapped by from now on. Others than before make the sync pending."""
        if opened.rules != rules:
            opened.rules = rules
            self._ledger.register.remember_rules(opened.number, rules)
            self.set_pending(opened, "its mapping has changed")

    def set_pending(self, opened: OpenSync, reason: str | None) -> None:
        """Note that the old rows of a sync have to be read again, or that they have been."""
        opened.pending = reason
        self._ledger.register.set_pending(opened.number, reason)
        self.touch()

    def remember_mappings(self, syncs: Iterable[OpenSync]) -> None:
        """Note which mapping the source marks are of, after a run in which every row was looked at."""
        for opened in syncs:
            if opened.remark:
                self._ledger.register.remember_mapping(opened.number, opened.mapping)
        self.commit()

    @property
    def pending(self) -> bool:
        """Tell whether something is written that is not durable yet."""
        return bool(self._settled) or self.dirty_since is not None

    @property
    def all_settled(self) -> bool:
        """Tell whether no row is under way."""
        return not self._lanes.rows and not self.elsewhere

    def unchanged_keys(self, opened: OpenSync, epoch: Epoch, keys: list[RowKey]) -> None:
        """End rows that never became a Row: nothing is written for them, so they are settled at once.

        Unless one of them has a reject: until it is gone for good, a replay could put an older version back.
        """
        opened.counts["unchanged"] += len(keys)
        if self._forgive(opened, keys):
            self._settled[epoch] = self._settled.get(epoch, 0) + len(keys)
        else:
            self._checkpoint.settle(epoch, len(keys))

    def remark(self, opened: OpenSync, marks: list[tuple[bytes | None, RowKey]]) -> None:
        """Write the source marks of unchanged rows anew. Nothing waits for this: it only saves work next time."""
        self._ledger.remark(opened.number, marks)
        self.touch()

    def unchanged(self, opened: OpenSync, row: Row) -> None:
        """End a row that waited and turned out to be what was last delivered."""
        opened.counts["unchanged"] += 1
        self._forgive(opened, [row.key])
        self._finish((row,))

    def delivered(self, opened: OpenSync, rows: Sequence[tuple[Row, Delivered]]) -> None:
        """End rows that the destination took."""
        settled: list[Row] = []
        gone: list[RowKey] = []
        inline = [(row.key, others_of(row), row.linked) for row, _ in rows if not row.removed and links_inline(row)]
        self._ledger.links.filled(opened.number, inline)
        for row, outcome in rows:
            if row.removed:
                gone.append(row.key)
                opened.no_longer_present(row)
                continue
            if row.wanted in REMOVALS:
                end = "removed"
            else:
                created = made(row, outcome)
                end = "created" if created else "updated"
            opened.counts[end] += 1
            row.destination_id = outcome.destination_id or row.destination_id
            settled.append(row)
        self._deliver(opened, settled)
        if gone:
            opened.counts["removed"] += len(gone)
            self._ledger.remove(opened.number, gone)
        self.touch()
        self._finish(row for row, _ in rows)

    def join(self, row: Row) -> None:
        """Let a row leave its lanes for a job."""
        self.elsewhere += 1
        if row.identities:
            self.released += self._lanes.leave(row)

    def delivered_by_job(
        self, opened: OpenSync, action: Action, rows: Sequence[tuple[Entry, Delivered, Epoch | None]]
    ) -> None:
        """End rows of a job that the destination took; without a receipt where it is the job of a run that died."""
        settled = [
            (entry.key, entry.match, entry.fingerprint, entry.source_mark, end.destination_id or entry.destination_id)
            for entry, end, _ in rows
        ]
        self._ledger.deliver(opened.number, settled)
        self._replaced(opened, [(entry.destination_id, end.destination_id, entry.match) for entry, end, _ in rows])
        linked = [entry for entry, _, _ in rows if entry.links]
        if linked:
            had = self._ledger.links.of(opened.number, [entry.key for entry in linked])
            entries = [(entry.key, entry.links, had.get(entry.key, {})) for entry in linked]
            self._ledger.links.filled(opened.number, entries)
        for entry, end, epoch in rows:
            if epoch is None:
                opened.counts["adopted"] += 1
                continue
            created = end.created if end.created is not None else not entry.known
            opened.counts["removed" if action in REMOVALS else "created" if created else "updated"] += 1
            opened.counts["by_job"] += 1
            self._count((epoch,))
        self.touch()

    def received(self, receipts: Mapping[Epoch, int]) -> None:
        """Let receipts count, so many of each, once what was written is durable."""
        for epoch, rows in receipts.items():
            self._settled[epoch] = self._settled.get(epoch, 0) + rows
        self.touch()

    def refused_by_job(self, opened: OpenSync, rows: Sequence[tuple[Row, Rejected]]) -> None:
        """End rows of a job that the destination refused."""
        for row, _ in rows:
            self._lanes.enter(row, ())
        self.rejected(opened, rows, "rejected")

    def doubt(self, opened: OpenSync, rows: Sequence[tuple[RowKey, str]]) -> None:
        """Note that rows (key, match value) may have been applied although nobody said so."""
        self._ledger.doubt(opened.number, rows)
        self.touch()

    def _deliver(self, opened: OpenSync, rows: Sequence[Row]) -> None:
        """Remember rows as delivered."""
        if rows:
            self._ledger.deliver(
                opened.number, [(r.key, r.match, r.fingerprint, r.source_mark, r.destination_id) for r in rows]
            )
            self._replaced(opened, [(_known_id(row), row.destination_id, row.match) for row in rows])

    def _replaced(self, opened: OpenSync, objects: Iterable[tuple[str | None, str | None, str | None]]) -> None:
        """Take it that objects (old id, new id, match value) are others than they were; links to the old ones are gone.

        The rows that had them may be in syncs that have been read, or are not read in this run, so these are pending:
        rows that a tap does not send again by itself would never be linked with the new objects.
        """
        lost = [(old, match) for old, new, match in objects if old is not None and new is not None and old != new]
        gone = [old for old, _ in lost]
        if lost and opened.mapper is not None:
            gone += [key_name(opened.mapper.match, match) for _, match in lost if match]
        for number in self._ledger.unlink(gone) if gone else ():
            found = self._opened.get(number)
            if found is None:
                self._ledger.register.set_pending(number, MADE_ANEW)
            else:
                self.set_pending(found, MADE_ANEW)
                found.read_again = True

    def placed(self, opened: OpenSync, rows: Sequence[Row]) -> None:
        """Note that the objects of rows are written whose links are still to be seen to: the rows are not at their end.

        The fingerprint is the object's part alone, so a run that dies here leaves rows of which the links are missing.
        """
        self._ledger.place(
            opened.number, [(row.key, row.match, row.fingerprint[:16], None, row.destination_id) for row in rows]
        )
        self._replaced(opened, [(_known_id(row), row.destination_id, row.match) for row in rows])
        self.touch()

    def made_anew(self, opened: OpenSync, rows: Sequence[Row]) -> None:
        """Note that the objects of rows are others than those that were linked: the links went with these."""
        if rows:
            self._ledger.links.forget(opened.number, [row.key for row in rows])
        for row in rows:
            row.linked = {}

    def related(self, opened: OpenSync, action: Action, rows: Sequence[Row]) -> None:
        """Note that links were made or taken away."""
        entries = [(row.key, row.sync.links[row.link].name, row.other) for row in rows]
        if action is Action.LINK:
            self._ledger.links.made(opened.number, entries)
        else:
            self._ledger.links.gone(opened.number, entries)
        opened.counts["linked" if action is Action.LINK else "unlinked"] += len(rows)
        for row in rows:
            related(row, action)
        self.touch()

    def surveyed(self, opened: OpenSync, row: Row, there: frozenset[str]) -> None:
        """Note which of the links that a row wants were there before."""
        theirs = found_there(row, there)
        self._ledger.links.theirs(opened.number, [(row.key, *entry) for entry in theirs])
        opened.counts["links_there"] += len(theirs)
        self.touch()

    def linked(self, opened: OpenSync, row: Row) -> None:
        """End a row whose object and links are as they should be."""
        if left := [(row.key, *entry) for entry in not_named(row)]:
            self._ledger.links.gone(opened.number, left)
        if row.created is not None:
            self.delivered(opened, [(row, Delivered(None, row.created))])
            return
        opened.counts["unchanged"] += 1  # nothing had to be written
        self._deliver(opened, [row])
        self._finish((row,))

    def existing(self, opened: OpenSync, row: Row) -> None:
        """End a row whose object was there before and is left as it is; from now on it is known."""
        opened.counts["existing"] += 1
        self._deliver(opened, [row])
        self._finish((row,))

    def not_sent(self, opened: OpenSync, row: Row) -> None:
        """End a row for whose change the sync's mode does nothing."""
        opened.counts["not_sent"] += 1
        if row.removed:
            self._ledger.mark_left(opened.number, [row.key])
            opened.no_longer_present(row)
        self._forgive(opened, [row.key])
        self._finish((row,))

    def put_off(self, opened: OpenSync, epoch: Epoch, why: str) -> None:
        """End a row that was refused before just as it is, and is not to be tried again yet: it is a reject already."""
        opened.counts[why] += 1
        self._checkpoint.settle(epoch)

    def superseded(self, opened: OpenSync, epochs: Sequence[Epoch]) -> None:
        """End a removal that was kept back, and whose row has come again since."""
        opened.counts["coalesced"] += 1
        self._count(epochs)
        self.touch()

    def rejected(self, opened: OpenSync, rows: Sequence[tuple[Row, Rejected]], kind: str) -> None:
        """End refused rows: kept with their source record and the reason. `kind` is `invalid` or `rejected`."""
        opened.counts[kind] += len(rows)
        opened.repeated += self._ledger.rejects.refuse(
            opened.number,
            [(r.key, kind, why.code, why.field, why.message, r.record, mark_of(opened, r)) for r, why in rows],
            self._ledger.run,
        )
        self.touch()
        self._finish(row for row, _ in rows)

    def intend(self, opened: OpenSync, batch: Batch) -> None:
        """Note that a batch is about to be sent; it may be once this is committed."""
        if batch.action is Action.LINK:
            name = batch.link.name
            self._ledger.links.intend(opened.number, [(row.key, name, row.other) for row in batch.rows])
            for row in batch.rows:
                row.linked[name, row.other] = False
        batch.intent = self._ledger.intend(
            opened.number, batch.action, [(row.key, row.match, row.fingerprint) for row in batch.rows]
        )
        self.touch()

    def close_intent(self, opened: OpenSync, batch: Batch, doubtful: Sequence[Row]) -> None:
        """Note that a batch is over. `doubtful` rows may have been applied although nobody said so."""
        if batch.intent is None:
            raise AssertionError("a batch is over that was never about to be sent")
        self._ledger.close_intent(opened.number, batch.intent, [(row.key, row.match) for row in doubtful])
        batch.intent = None
        self.touch()

    def redirect(self, opened: OpenSync, row: Row, asked: Action, outcome: Again) -> None:
        """Take what an answer taught about where a row's object is."""
        lost = row.destination_id is not None and outcome.destination_id is None
        row.placed = row.placed and not lost
        row.surveyed = frozenset()  # it may be another object
        learn(row, asked, outcome)
        if lost:
            self._replaced(opened, [(_known_id(row), "", row.known.match if row.known else None)])
            self._ledger.forget_id(opened.number, [row.key])
            self.touch()

    def new_version(self, opened: OpenSync, version: int) -> bool:
        """Note the version of a full read; tell whether no earlier run has begun it.

        It is durable at once: unchanged rows are acknowledged without a write, and none of this version may be before.
        """
        new = self._ledger.register.new_version(opened.number, version)
        self.commit()
        self.touch()  # intents may have become durable by it: the delivery looks after its own commits
        return new

    def swept(self, opened: OpenSync, *, mark: bool) -> list[RowKey]:
        """After a complete read: return the keys of the rows that were not met, and drop rejects not met either.

        Where nothing is to be removed, they are only marked as having left.
        """
        left = self._ledger.leavers(opened.number, opened.seen)
        if mark:
            self._ledger.mark_left(opened.number, left)
            opened.counts["left"] += len(left)
        opened.counts["rejects_dropped"] += self._ledger.rejects.drop_not_met(opened.number, self._ledger.run)
        self.touch()
        return left

    def taken_over(self, opened: OpenSync, keys: list[RowKey]) -> None:
        """Note that rows have left whose objects stay: other rows, refused in this run for that, are to have them."""
        self._ledger.mark_left(opened.number, keys)
        opened.counts["left"] += len(keys)
        self.touch()

    def commit(self) -> None:
        """Make everything durable, then let the receipts count."""
        self._ledger.commit()
        self.dirty_since = None
        for epoch, rows in self._settled.items():
            self._checkpoint.settle(epoch, rows)
        self._settled.clear()

    def _forgive(self, opened: OpenSync, keys: Sequence[RowKey]) -> bool:
        forgiven = bool(self._ledger.rejects.forgive(opened.number, keys))
        if forgiven:
            self.touch()
        return forgiven

    def _finish(self, rows: Iterable[Row]) -> None:
        leave = self._lanes.leave
        for row in rows:
            self._count(row.epochs)
            if freed := leave(row):
                self.released += freed
        self.touch()

    def _count(self, epochs: Sequence[Epoch]) -> None:
        settled = self._settled
        for epoch in epochs:
            settled[epoch] = settled.get(epoch, 0) + 1

    def touch(self) -> None:
        """Note that something is written that has to be committed."""
        if self.dirty_since is None:
            self.dirty_since = self.now

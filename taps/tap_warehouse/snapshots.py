"""Snapshots: what changed since the rows that a target has acknowledged, found inside the warehouse.

A snapshot becomes the base of comparison only when the STATE that names it comes back at the next start. The STATE of a
stream holds `{"snapshot": {"id", "snapshot", "base", "done", "complete"}}`: whose base it is, which run's delta the
records come from, with which version of the base that was compared, and how many of its rows have been emitted.

A version of a base is named by what was acknowledged last: `S` when all of delta S was, `S.n` when its first n rows
were. A STATE that names another version than the base has, for whatever reason (a lost table, an old STATE put back,
two runs at once), finds no base, and then the whole model is emitted, closed by ACTIVATE_VERSION. The target's ledger
makes that cheap; nothing can be skipped.

A delta of which no STATE came back may have arrived all the same, in whole or in part. So its rows are emitted once
more even if the model holds again what it held before: else A, then B delivered by a run that died, then A, would leave
B for ever.
"""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from tap_warehouse.comparing import Comparison
from tap_warehouse.errors import Guarded, ReadFault
from tap_warehouse.models import Model
from tap_warehouse.registry import Entry, Mark
from tap_warehouse.statements import Shape, Statements, names

KEEP = timedelta(hours=1)
"""Tables of a run younger than this stay: another run of the same pipeline may be reading them."""
FORGET = timedelta(days=30)
"""A base that no STATE has named for so long is dropped."""


@dataclass(frozen=True)
class Settled:
    """How the model is read where a key stands in several of its rows: by the model's word."""

    shape: Shape
    keep: bool
    """rows of such keys are refused, and what was acknowledged of them earlier stays"""


class Keys(Protocol):
    """Watches over the primary key. Both raise Guarded where the model forbids what they find."""

    def saw(self, rows: int, keyed: int) -> None:
        """Take the count of rows and of those with a whole key."""

    def settle(self) -> Settled | None:
        """Count repeated keys, at its price, and tell what is to be done with them. None: there are none."""


@dataclass(frozen=True)
class Delta:
    """What to emit: a table of the state schema, or nothing."""

    mark: Mark
    """as before the first row"""
    table: str | None
    counts: Mapping[str, int]
    whole: bool
    """the model is emitted whole, with a version"""
    compared: int | None = None
    """rows that the model has, where they were compared with the base"""

    @property
    def rows(self) -> int:
        """Rows in the table."""
        return sum(self.counts.values())


class Snapshots:
    """The snapshots of one pipeline and model, by the bookmark that came back. The clock is passed in.

    Raises ConfigurationError where they cannot be kept.
    """

    def __init__(
        self, compared: Comparison, bookmark: object, log: logging.Logger, now: Callable[[], datetime]
    ) -> None:
        self._mark = Mark.of(bookmark)
        self._id = self._mark.id if self._mark else secrets.token_hex(8)
        self._compared = compared
        self._warehouse = compared.warehouse
        self._statements = Statements(self._warehouse.dialect, self._warehouse.state_schema(self._id))
        self._log = log
        self._now = now

    def prepare(self, keys: Keys) -> Delta:
        """Acknowledge what the bookmark says, find what changed since, and keep it to be emitted.

        Repeated keys are counted only when there could be any. Raises Guarded, ReadFault.
        """
        model, shape = self._compared.model, self._compared.shape
        self._warehouse.execute(self._statements.install())
        base = self._adopted(model, shape)
        self._drop_old()
        gate = self._warehouse.gate(model)
        if base is None:
            self._compared.fetch()
            return self._whole(model, shape, gate, keys)
        if gate is not None and base.gate == gate and base.recipe == shape.recipe:
            self._log.info("%s: nothing has changed, by the count and sum of its hashes", model.name)
            return _unchanged(base)
        self._compared.fetch()
        return self._changed(model, shape, gate, base, keys)

    # What was acknowledged

    def _adopted(self, model: Model, shape: Shape) -> Entry | None:
        """Bring the base to the version that the mark acknowledges. None where that cannot be: there is no base."""
        mark = self._mark
        if mark is None:
            return None
        if mark.version is None:
            self._log.info("%s: the first snapshot was not read to its end: starting again", model.name)
            return None
        base = self._base(mark)
        if base is None:
            self._log.warning("%s: the snapshot that the state names is not here: reading all of it", model.name)
        elif base.key_shape != shape.key_shape:
            self._log.warning("%s: the primary key is another one since the last snapshot: reading all", model.name)
        else:
            self._warehouse.execute([self._statements.named(base.id, self._stamp())])
            return base
        return None

    def _base(self, mark: Mark) -> Entry | None:
        """Find the base in the mark's version; bring it there first where that is still to be done."""
        entries = [entry for entry in self._entries() if entry.id == mark.id]
        base = next((entry for entry in entries if entry.kind == "base"), None)
        deltas = [entry for entry in entries if entry.kind == "delta"]
        if base is None or base.snapshot != mark.version:
            delta = next((delta for delta in deltas if delta.snapshot == mark.snapshot), None)
            if delta is None or (delta.parent is not None and (base is None or base.snapshot != delta.parent)):
                return None  # a delta fits one version of the base; that of a whole model makes a new one
            if not self._intact(delta) or not (base is None or delta.parent is None or self._intact(base)):
                return None
            deltas.remove(delta)
            base = self._acknowledge(base, delta, mark)
        elif not self._intact(base):
            return None
        for delta in deltas:
            base = self._doubt(base, delta, 0) if base is not None and self._intact(delta) else None
        return base

    def _intact(self, entry: Entry) -> bool:
        """Tell whether a table holds as many rows as the registry says. To be asked before the table is built upon."""
        table = self._statements.table(entry.kind, entry.id if entry.kind == "base" else entry.snapshot)
        intact = self._count(table) == entry.rows
        if not intact:
            self._log.warning("%s: what was kept of its last snapshots is lost or damaged", entry.stream)
        return intact

    def _acknowledge(self, base: Entry | None, delta: Entry, mark: Mark) -> Entry | None:
        """Bring the delta, or its first rows, into the base; None when another run had begun to."""
        table, rows = self._statements.table("base", delta.id), self._statements.table("delta", delta.snapshot)
        keys = _keys(delta)
        if base is None or delta.parent is None:
            work = self._statements.first_base(table, rows, keys)
        else:
            work = self._statements.acknowledged(table, rows, keys, None if mark.complete else mark.done)
            if not mark.complete:
                work += self._statements.doubted(table, rows, keys, mark.done)
        gate = delta.gate if mark.complete else None
        entry = replace(delta, kind="base", snapshot=mark.version or "", parent=None, gate=gate)
        return self._rewrite(entry, delta, work)

    def _doubt(self, base: Entry, delta: Entry, after: int) -> Entry | None:
        """Take into account a delta that no STATE came back for: some of its rows may have arrived all the same.

        The model may hold by now what it held before, and the destination something else.
        """
        if delta.parent is None or delta.key_shape != base.key_shape:
            return None  # of a whole model, any row may have arrived
        table, rows = self._statements.table("base", delta.id), self._statements.table("delta", delta.snapshot)
        work = self._statements.doubted(table, rows, _keys(delta), after)
        return self._rewrite(replace(base, gate=None), delta, work)

    def _rewrite(self, entry: Entry, delta: Entry, work: list[str]) -> Entry | None:
        """Change the base and what the registry says of it in one; None when another run had begun to."""
        now = self._stamp()
        entry = replace(entry, created_at=now, named_at=now)
        claim = self._statements.became(delta.snapshot, "delta", "spent")
        table = self._statements.table("base", entry.id)
        forgotten = self._statements.struck("base", "id", entry.id)  # first: making a table ends some transactions
        if not self._warehouse.execute([forgotten, *work, self._statements.entered(entry.values, table)], claim):
            return None
        return replace(entry, rows=self._count(table))

    # What changed since

    def _whole(self, model: Model, shape: Shape, gate: str | None, keys: Keys) -> Delta:
        """Keep the whole model to be emitted. It takes the place of whatever was remembered: that cannot come back."""
        self._warehouse.execute(self._statements.superseded(self._id))
        settled = keys.settle()
        mark = Mark(self._id, secrets.token_hex(8), None, 0, complete=False)
        self._begin(model, shape, mark, gate)
        table = self._statements.table("delta", mark.snapshot)
        self._warehouse.execute([self._statements.delta(table, settled.shape if settled else shape, None)])
        counts = self._operations(table)
        self._ready(mark, counts)
        return Delta(mark, table, counts, whole=True)

    def _changed(self, model: Model, shape: Shape, gate: str | None, base: Entry, keys: Keys) -> Delta:
        """Keep what differs from the base."""
        if base.recipe != shape.recipe:
            self._log.warning(
                "%s: columns or types are others since the last snapshot: every row counts as changed", model.name
            )
        mark = Mark(base.id, secrets.token_hex(8), base.snapshot, 0, complete=False)
        self._begin(model, shape, mark, gate)
        found = self._statements.table("found", mark.snapshot)
        counts, shape, rows = self._found(found, shape, base, keys)
        changed = sum(counts.values())
        try:
            _guard(model, changed, base.rows)
        except Guarded:
            self._forget(mark.snapshot, "making")
            raise
        if not changed and base.gate == gate:
            self._forget(mark.snapshot, "making")
            return _unchanged(base, rows)
        table = self._statements.table("delta", mark.snapshot)
        self._warehouse.execute([self._statements.delta(table, shape, found)])
        self._drop(found)
        counts = self._operations(table)
        self._ready(mark, counts)
        return Delta(mark, table, counts, whole=False, compared=rows)

    def _found(self, found: str, shape: Shape, base: Entry, keys: Keys) -> tuple[dict[str, int], Shape, int]:
        """Compare with the base; also count the model's rows. Repeated keys show, and only then they cost a look.

        Those that the base knows make more rows than there can be, those that it does not know were found twice.
        """
        table = self._statements.table("base", base.id)
        self._warehouse.execute([self._statements.found(found, shape, table)])
        counts = self._operations(found)
        rows, keyed = (int(str(count)) for count in self._warehouse.rows(self._statements.total(shape))[0])
        keys.saw(rows, keyed)
        added, removed = counts.get("added", 0), counts.get("removed", 0)
        if keyed == base.rows + added - removed and not (added > 1 and self._doubled(found, shape)):
            return counts, shape, rows
        settled = keys.settle()
        if settled is None:
            return counts, shape, rows
        self._warehouse.execute([self._statements.dropped(found), self._statements.found(found, settled.shape, table)])
        if settled.keep:
            self._warehouse.execute([self._statements.without(found, shape)])
        return self._operations(found), settled.shape, rows

    # The registry, and tables that come and go

    def _entries(self) -> list[Entry]:
        return [Entry.of(row) for row in self._warehouse.rows(self._statements.entries())]

    def _begin(self, model: Model, shape: Shape, mark: Mark, gate: str | None) -> None:
        """Enter the run before its tables exist: one that dies leaves none behind that nobody knows of."""
        now = self._stamp()
        entry = Entry(
            "making", mark.id, mark.snapshot, mark.base, model.name, shape.key_shape, shape.recipe, gate, 0, now, now
        )
        self._warehouse.execute([self._statements.entered(entry.values)])

    def _ready(self, mark: Mark, counts: Mapping[str, int]) -> None:
        rows = sum(counts.values())
        self._warehouse.execute([self._statements.became(mark.snapshot, "making", "delta", rows)])

    def _drop_old(self) -> None:
        """Drop runs of this pipeline that nobody can still need, and whatever nobody has named for a month."""
        now = self._now()
        young, forgotten = (now - KEEP).isoformat(), (now - FORGET).isoformat()
        for entry in self._entries():
            if entry.kind == "base":
                if entry.named_at < forgotten and self._drop(self._statements.table("base", entry.id)):
                    self._log.info("%s: a snapshot that no state has named for 30 days was dropped", entry.stream)
                    self._warehouse.execute([self._statements.struck("base", "id", entry.id)])
            elif entry.created_at < forgotten or (entry.id == self._id and entry.created_at < young):
                self._forget(entry.snapshot, entry.kind)

    def _forget(self, snapshot: str, kind: str) -> None:
        """Drop a run's tables and its row."""
        tables = [self._statements.table("found", snapshot), self._statements.table("delta", snapshot)]
        if False not in [self._drop(table) for table in tables]:
            self._warehouse.execute([self._statements.struck(kind, "snapshot", snapshot)])

    def _drop(self, table: str) -> bool:
        """Drop a table. One that somebody is reading stays for now."""
        try:
            self._warehouse.execute([self._statements.dropped(table)])
        except ReadFault as error:
            self._log.warning("a table of an old snapshot could not be dropped yet: %s", error)
            return False
        return True

    def _operations(self, table: str, until: int | None = None) -> dict[str, int]:
        rows = self._warehouse.rows(self._statements.by_operation(table, until))
        return {str(operation): int(str(count)) for operation, count in rows}

    def _doubled(self, found: str, shape: Shape) -> bool:
        rows = self._warehouse.rows(self._statements.doubled(found, names("k", shape.keys)))
        return int(str(rows[0][0])) > 0

    def _count(self, table: str) -> int:
        """Count a table's rows; -1 where it cannot be read, which is as good as lost."""
        try:
            return int(str(self._warehouse.rows(self._statements.counted(table))[0][0]))
        except ReadFault:
            return -1

    def _stamp(self) -> str:
        return self._now().isoformat()


def _keys(delta: Entry) -> list[str]:
    return names("k", json.loads(delta.key_shape))


def _unchanged(base: Entry, compared: int | None = None) -> Delta:
    return Delta(Mark(base.id, base.snapshot, base.snapshot, 0, complete=True), None, {}, False, compared)


def _guard(model: Model, changed: int, before: int) -> None:
    """Stop before the first row where more of them changed than the model allows."""
    if model.max_changed_share is None or not before or changed <= model.max_changed_share * before:
        return
    raise Guarded(
        [
            f"model {model.name!r}: {changed} rows were added, changed or removed since a snapshot of {before}, more "
            f"than its max_changed_share of {model.max_changed_share:g} allows. Nothing of it was emitted. If that is "
            "right, raise the share for one run."
        ]
    )

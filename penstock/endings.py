"""What happens once a stream has been read to its end and its rows are settled: removals, always last.

Rows count as gone only by the tap's own word: a record that says so, or a complete read that did not have them. Guards
judge the removals before the first of them is sent.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import msgspec

from penstock.batching import Lanes
from penstock.checkpoint import Epoch
from penstock.errors import Guarded
from penstock.intake import Intake, removal
from penstock.ledger import Ledger
from penstock.mapping import REMOVED_COLUMN, RecordMapper
from penstock.policy import Policy
from penstock.records import REMOVALS, Record, RowKey
from penstock.settlement import OpenSync, Settlement

CHUNK = 500
"""removals handed over together"""


@dataclass(eq=False)
class _Ending:
    opened: OpenSync
    mapper: RecordMapper
    complete: bool
    begun: bool = False
    leaving: deque[tuple[RowKey, list[Epoch]]] = field(default_factory=deque)
    """keys to remove, with the receipts of the records that said so"""


class Endings:
    """Sees streams through their ends, one after the other. `guarded` is set when a guard has stopped one."""

    def __init__(self, ledger: Ledger, lanes: Lanes, settlement: Settlement, intake: Intake, policy: Policy) -> None:
        self.guarded: Guarded | None = None
        self.withheld = 0
        """records whose removal a guard has stopped: they stay unsettled, so no STATE passes them"""
        self._ledger = ledger
        self._lanes = lanes
        self._settlement = settlement
        self._intake = intake
        self._policy = policy
        self._endings: deque[_Ending] = deque()

    def add(self, opened: OpenSync, mapper: RecordMapper, *, complete: bool) -> None:
        """Take the end of a stream."""
        self._endings.append(_Ending(opened, mapper, complete))

    @property
    def busy(self) -> bool:
        """Tell whether some stream is not at its end yet."""
        return bool(self._endings)

    def turn(self, now: float) -> None:
        """Do what can be done now: begin when all rows are settled, then hand removals over while there is room."""
        while self._endings:
            ending = self._endings[0]
            if not ending.begun:
                if self._lanes.rows:
                    return
                self._begin(ending)
            while ending.leaving:
                if self._lanes.rows >= self._policy.max_rows:
                    return
                self._hand_over(ending, now)
            if self._lanes.rows:
                return
            self._endings.popleft()

    def _begin(self, ending: _Ending) -> None:
        ending.begun = True
        opened = ending.opened
        removes = opened.sync.strategy.removed in REMOVALS
        left = self._settlement.swept(opened, mark=not removes) if ending.complete else []
        if not removes:
            return
        swept = [key for key in left if key not in opened.held]
        guarded = self._judge(ending, len(swept) + len(opened.held))
        if guarded is not None:
            self.guarded = self.guarded or guarded
            self.withheld += sum(len(epochs) for epochs in opened.held.values())
            opened.counts["held_back"] += len(opened.held)
            opened.held.clear()
            return
        opened.counts["swept"] += len(swept)
        ending.leaving.extend(opened.held.items())
        ending.leaving.extend((key, []) for key in swept)
        opened.held.clear()

    def _hand_over(self, ending: _Ending, now: float) -> None:
        opened, mapper = ending.opened, ending.mapper
        some = [ending.leaving.popleft() for _ in range(min(CHUNK, len(ending.leaving)))]
        rows = [removal(opened.sync, mapper, key, _record(mapper, key), epochs) for key, epochs in some]
        self._intake.enter(opened, rows, now)

    def _judge(self, ending: _Ending, leaving: int) -> Guarded | None:
        """Hold the guards of a sync against the removals that are about to be sent."""
        opened, guards = ending.opened, ending.opened.sync.guards
        if not leaving:
            return None
        present = self._ledger.present(opened.number)
        why: list[str] = []
        if guards.max_removed is not None and leaving > guards.max_removed:
            why.append(f"{leaving} rows would be removed, guards.max_removed is {guards.max_removed}")
        if guards.max_removed_share is not None and leaving > guards.max_removed_share * present:
            share = f"{100 * guards.max_removed_share:g} %"
            why.append(f"{leaving} of {present} rows would be removed, guards.max_removed is {share}")
        if ending.complete and guards.min_rows is not None and opened.counts["read"] < guards.min_rows:
            why.append(f"only {opened.counts['read']} rows were read, guards.min_rows is {guards.min_rows}")
        if not why:
            return None
        return Guarded(
            f"stream {opened.sync.stream}: {'; '.join(why)}",
            "nothing was removed, the other rows were delivered; look at the model, or change the guard for one run",
        )


def _record(mapper: RecordMapper, key: RowKey) -> Record:
    """Return what stands for the source record of a row that has none any more."""
    values = msgspec.json.decode(key)
    return {**dict(zip(mapper.key_columns, values, strict=True)), REMOVED_COLUMN: "left"}

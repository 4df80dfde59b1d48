"""What happens once a stream has been read to its end and its rows are settled: removals, always last.

Rows count as gone only by the tap's own word: a record that says so, or a complete read that did not have them. Guards
judge the removals before the first of them is sent.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import msgspec

from penstock.batching import Lanes
from penstock.checkpoint import Epoch
from penstock.errors import Guarded
from penstock.intake import Intake
from penstock.ledger import Ledger
from penstock.mapping import REMOVED_COLUMN, RecordMapper
from penstock.modes import REMOVALS
from penstock.opensync import OpenSync
from penstock.policy import Policy
from penstock.records import Record, RowKey
from penstock.rows import mapped, removal
from penstock.settlement import Settlement
from penstock.staging import Stage, restored
from penstock.steps import NO_OTHER

CHUNK = 500
"""removals handed over together"""


@dataclass(eq=False)
class _Ending:
    opened: OpenSync
    mapper: RecordMapper
    complete: bool
    """the tap said that these were all rows"""
    whole: bool
    """every row that there is was read: it is complete, or the tap is known to have begun without a bookmark"""
    stopped: bool = False
    """a guard has stopped it"""


class Endings:
    """Sees streams through their ends, one after the other. `guarded` is set when a guard has stopped one."""

    def __init__(self, ledger: Ledger, lanes: Lanes, settlement: Settlement, intake: Intake, policy: Policy) -> None:
        self.guarded: Guarded | None = None
        self.withheld = 0
        """records stopped by a guard, or by input that broke off: they stay unsettled, so no STATE passes them"""
        self._ledger = ledger
        self._lanes = lanes
        self._settlement = settlement
        self._intake = intake
        self._policy = policy
        self._now = 0.0
        self._endings: deque[Iterator[None]] = deque()

    def add(self, opened: OpenSync, mapper: RecordMapper, *, complete: bool, whole: bool) -> None:
        """Take the end of a stream."""
        self._endings.append(self._steps(_Ending(opened, mapper, complete, whole)))

    def retry_links(self, opened: OpenSync, mapper: RecordMapper) -> None:
        """Take it that no more input comes: rows that this run refused for want of another row are tried once more."""
        self._endings.append(self._replay(_Ending(opened, mapper, complete=False, whole=False), NO_OTHER))

    def hold_back(self, syncs: Iterable[OpenSync]) -> None:
        """Give up what waits for the end of its stream, as none will come: staged rows, removals not judged yet."""
        for opened in syncs:
            staged = 0 if opened.stage is None else opened.stage.discard()
            self._withhold(opened, staged + sum(map(len, opened.held.values())))

    def _withhold(self, opened: OpenSync, records: int) -> None:
        self.withheld += records
        opened.counts["held_back"] += records

    @property
    def busy(self) -> bool:
        """Tell whether some stream is not at its end yet."""
        return bool(self._endings)

    def turn(self, now: float) -> None:
        """Do what can be done now."""
        self._now = now
        while self._endings:
            for _ in self._endings[0]:
                return  # it waits for rows to be settled
            self._endings.popleft()

    def _steps(self, ending: _Ending) -> Iterator[None]:
        """Go through the end of one stream; each yield waits for another turn."""
        yield from self._until_settled()
        if ending.opened.stage is not None:
            yield from self._send_staged(ending, ending.opened.stage)
            if ending.stopped:
                return  # nor may an older, refused version of a held back row go
        yield from self._remove(ending)
        yield from self._replay(ending)
        if ending.opened.pending and ending.whole and not ending.stopped and not ending.opened.read_again:
            self._settlement.set_pending(ending.opened, None)

    def _until_settled(self) -> Iterator[None]:
        while not self._settlement.all_settled:
            yield

    def _until_room(self) -> Iterator[None]:
        while self._lanes.rows >= self._policy.max_rows:
            yield

    def _send_staged(self, ending: _Ending, stage: Stage) -> Iterator[None]:
        opened = ending.opened
        guarded = self._judge_changes(ending, stage)
        if guarded is not None:
            self._trip(ending, guarded, stage.count)
        else:
            while stage.left:
                yield from self._until_room()
                self._intake.take(opened, restored(opened.sync, stage.take(CHUNK)), self._now)
            yield from self._until_settled()
        stage.discard()

    def _judge_changes(self, ending: _Ending, stage: Stage) -> Guarded | None:
        """Hold the number of changed rows against what is at the destination. A first load changes nothing."""
        opened, most = ending.opened, ending.opened.sync.guards.max_changed_share
        present = self._ledger.present(opened.number)
        if most is None or not present or not stage.count:
            return None
        if ending.complete and len(stage.keys) <= most * present:
            return None
        changed = self._changed(opened, stage)
        if changed and not ending.complete:
            why = "the stream was not read whole, so guards.max_changed_share cannot be judged"
        elif changed > most * present:
            why = (
                f"{changed} rows are new or changed and {present} are at the destination, "
                f"guards.max_changed_share is {most:g}"
            )
        else:
            return None
        return Guarded(
            f"stream {opened.sync.stream}: {why}",
            "nothing of this stream was sent; look at the model, or change the guard for one run",
        )

    def _changed(self, opened: OpenSync, stage: Stage) -> int:
        """Count the staged rows that differ from what is at the destination.

        The others were delivered since by the job of a dead run, or are only looked at for an object they lack.
        """
        changed, keys = 0, iter(stage.keys)
        while some := list(islice(keys, CHUNK)):
            known = self._ledger.fingerprints(opened.number, some)
            for key in some:
                last, _, _ = known.get(key, (None, None, 0))
                changed += not last or stage.keys[key][: len(last)] != last
        return changed

    def _trip(self, ending: _Ending, guarded: Guarded, records: int) -> None:
        ending.stopped = True
        self.guarded = self.guarded or guarded
        self._withhold(ending.opened, records)

    def _remove(self, ending: _Ending) -> Iterator[None]:
        """Remove the rows that have left, once every other row is settled."""
        opened = ending.opened
        removes = opened.sync.strategy.removed in REMOVALS
        left = self._settlement.swept(opened, mark=not removes) if ending.complete else []
        if not removes:
            return
        swept = [key for key in left if key not in opened.held and key not in opened.contested]
        if taken_over := [key for key in left if key not in opened.held and key in opened.contested]:
            self._settlement.taken_over(opened, taken_over)
        leaving = deque([*opened.held.items(), *((key, list[Epoch]()) for key in swept)])
        guarded = self._judge_removals(ending, len(leaving))
        if guarded is not None:
            self._trip(ending, guarded, sum(map(len, opened.held.values())))
            return
        opened.counts["swept"] += len(swept)
        while leaving:
            yield from self._until_room()
            some = [leaving.popleft() for _ in range(min(CHUNK, len(leaving)))]
            rows = [
                removal(opened.sync, ending.mapper, key, _record(ending.mapper, key), epochs) for key, epochs in some
            ]
            self._intake.enter(opened, rows, self._now)
        yield from self._until_settled()

    def _replay(self, ending: _Ending, code: str | None = None) -> Iterator[None]:
        """Try rows again that were refused in earlier runs and that the tap has not sent in this one.

        With a code: those that this run has refused for it.

        Every row of this run is settled by now, so a replay never overtakes a fresher version of its row.
        """
        opened, mapper, rejects = ending.opened, ending.mapper, self._ledger.rejects
        after, excused = "", opened.excused
        while due := rejects.due(opened.number, self._ledger.run, after, code):
            after = due[-1][0]
            rows = []
            for key, record in due:
                source = mapper.peek(record)
                # One that is no longer a row of this key stays what it is: a reject, for a person to look at.
                held = ending.stopped and source.removed
                if source.key == key and not held and not rejects.met(opened.number, key):
                    rows.append(mapped(opened.sync, mapper, source, None))
            if code is None:
                opened.counts["replayed"] += len(rows)
            else:  # their end in this run is yet to come
                opened.counts["invalid"] -= len(rows)
                opened.excused -= len(rows)
                excused -= len(rows)
            yield from self._until_room()
            self._intake.enter(opened, rows, self._now)
        yield from self._until_settled()
        if code is not None:
            opened.repeated -= opened.excused - excused  # refused twice, and in one run

    def _judge_removals(self, ending: _Ending, leaving: int) -> Guarded | None:
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
    """Return what stands for the source record of a row that has none any more; its key may be of other columns."""
    values = msgspec.json.decode(key)
    return {**dict(zip(mapper.key_columns, values, strict=False)), REMOVED_COLUMN: "left"}

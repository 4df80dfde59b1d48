"""What becomes of a batch once its answer has come, or will not come: one outcome per row, and each seen to.

Rows that are to be sent again wait here, in order of time.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from random import Random

from typing_extensions import assert_never

from penstock import judgement
from penstock.batching import halves
from penstock.errors import BatchRefused, Fault, NoAnswer, Refusal, Stop, Throttled, Unavailable
from penstock.intake import Intake
from penstock.modes import Action
from penstock.opensync import OpenSync
from penstock.pace import Pace
from penstock.policy import Policy
from penstock.records import Again, Batch, Delivered, Destination, Outcome, Rejected, Response, Retry, Row, Unknown
from penstock.rejects import ALWAYS_FAILS, UNANSWERED
from penstock.relations import OF_LINKS, after, is_linked
from penstock.settlement import Settlement
from penstock.steps import made

LOOKS = frozenset({Action.FIND, Action.READ})
POLL = 0.1
"""seconds after which a row that waits for another one is looked at again"""
SUSPECT = 3
"""failures of one batch after which its halves are tried apart; attempts of those that other answers call for"""
STRIKES = 2
"""failures after answers to others that a row needs to be blamed"""
FAILS = "every request with this row has failed, while others were answered"
MAY_BE = ", and may have been applied"
SAME_OBJECT = "duplicate_object"
NO_ID = Rejected("no_id", "the destination did not tell the id of the object, so it cannot be linked")


@dataclass(eq=False)
class _Ends:
    """The rows of one answer, by what is to become of them."""

    delivered: list[tuple[Row, Delivered]] = field(default_factory=list)
    rejected: list[tuple[Row, Rejected]] = field(default_factory=list)
    later: list[tuple[Row, str, float | None]] = field(default_factory=list)
    """the same again, why, and after how many seconds where that was said"""
    onward: list[Row] = field(default_factory=list)
    """to the step that fits now"""
    placed: list[Row] = field(default_factory=list)
    """a step towards their links is done"""
    doubtful: list[Row] = field(default_factory=list)


def is_another(row: Row) -> bool:
    """Tell whether a row's object is not the one that its links were made for."""
    known = row.known.destination_id if row.known is not None else None
    return bool(row.created) or (known is not None and known != row.destination_id)


def _absolve(row: Row) -> None:
    """Take back what speaks against a row: a request with it was answered."""
    row.failures = row.strikes = row.apart = 0


def _count_crowd(row: Row, *, crowded: bool) -> None:
    """Count an answer that a row was crowded; the attempts before it that had no answer do not count any more."""
    if crowded:
        row.crowd += 1
        row.attempts = row.crowd


class Answers:
    """Takes answers by `take`; `now` is set by whoever drives it. `stopped` is set once the run must end."""

    def __init__(
        self,
        destination: Destination,
        settlement: Settlement,
        intake: Intake,
        pace: Pace,
        policy: Policy,
        chance: Random,
    ) -> None:
        self.stopped: Stop | None = None
        self.waiting: list[tuple[float, int, list[Row]]] = []
        """when rows are to be looked at again; the numbers keep those of one moment in order"""
        self.now = 0.0
        self._destination = destination
        self._settlement = settlement
        self._intake = intake
        self._pace = pace
        self._policy = policy
        self._chance = chance
        self._numbers = count(1)

    def due(self, now: float) -> list[Row]:
        """Return rows whose time has come, those of one batch; none where there are none."""
        return heapq.heappop(self.waiting)[2] if self.waiting and self.waiting[0][0] <= now else []

    def put_off(self, rows: list[Row], until: float) -> None:
        """Let rows of one sync wait."""
        heapq.heappush(self.waiting, (until, next(self._numbers), rows))

    def wait_for_others(self) -> None:
        """Look again, a little later, at rows that wait for other rows to come to their end."""
        waiting, self._intake.later = self._intake.later, []
        for stream in {row.sync.stream: None for row in waiting}:
            self.put_off([row for row in waiting if row.sync.stream == stream], self.now + POLL)

    def take(self, opened: OpenSync, batch: Batch, answer: Response | NoAnswer) -> None:
        """Turn one answer into one outcome per row, and see to each."""
        if isinstance(answer, NoAnswer):
            outcome: Outcome = Unknown(answer.reason) if answer.sent else Retry(answer.reason)
            self._failed(batch, answer.reason)
            self._conclude(opened, batch, [outcome] * len(batch.rows))
            return
        try:
            outcomes = self._destination.decode(answer, batch)
        except Refusal as refusal:
            self._refused(opened, batch, refusal)
        except Stop as stop:
            self._settlement.close_intent(opened, batch, batch.rows)
            self.stop(stop)
        else:
            if len(outcomes) != len(batch.rows):
                raise AssertionError("a target must return one outcome per row of the batch")
            self._pace.succeed()
            self._conclude(opened, batch, outcomes)

    def _refused(self, opened: OpenSync, batch: Batch, refusal: Refusal) -> None:
        outcome: Outcome
        if isinstance(refusal, BatchRefused):
            self._pace.succeed()
        elif not isinstance(refusal, Throttled):
            self._failed(batch, str(refusal))
        if isinstance(refusal, BatchRefused) and len(batch.rows) > 1:
            self._settlement.close_intent(opened, batch, [])
            opened.counts["batches_halved"] += 1
            for row in batch.rows:
                row.attempts -= 1  # being split is no failure of the row
            self._intake.sealed += halves(batch)
            return
        if isinstance(refusal, BatchRefused):
            outcome = Rejected(refusal.code, refusal.message, refusal.field)
        elif isinstance(refusal, Throttled):
            outcome = self._slow_down(opened, batch, refusal)
        elif isinstance(refusal, Unavailable):
            outcome = Unknown(str(refusal), after=refusal.after)
        else:
            # Nothing can be read out of the answer, so it says nothing against any row: as if none had come.
            outcome = Unknown(str(refusal))
        self._conclude(opened, batch, [outcome] * len(batch.rows))

    def _slow_down(self, opened: OpenSync, batch: Batch, refusal: Throttled) -> Retry:
        opened.counts["throttled"] += 1
        after = self._pace.throttled(refusal, self.now, batch.rows)
        self._out_of_attempts(opened, batch.rows, str(refusal))  # which is nobody's fault in particular
        return Retry(str(refusal), after)

    def _failed(self, batch: Batch, reason: str) -> None:
        fault = self._pace.failed(self.now, batch.rows, reason)
        batch.failed = True
        for row in batch.rows:
            row.failures += 1
            row.strikes += self._pace.patience.in_a_row <= 1
        if fault is not None:
            self.stop(fault)

    def _conclude(self, opened: OpenSync, batch: Batch, outcomes: Sequence[Outcome]) -> None:
        ends = _Ends()
        for row, outcome in zip(batch.rows, outcomes, strict=True):
            match outcome:
                case Delivered():
                    self._taken(batch.action, row, outcome, ends)
                case Rejected():
                    ends.rejected.append((row, outcome))
                case Again():
                    self._led_on(opened, batch.action, row, outcome, ends)
                case Retry():
                    _count_crowd(row, crowded=outcome.crowded)
                    ends.later.append((row, outcome.reason, outcome.after))
                case Unknown():
                    self._unsure(batch.action, row, outcome, ends)
                case _:
                    assert_never(outcome)
        opened.counts["unknown"] += len(ends.doubtful)
        self._settlement.close_intent(opened, batch, ends.doubtful)
        if ends.delivered and opened.can.members:
            self._intake.members.settled(opened, ends.delivered)
        if ends.delivered:
            self._settlement.delivered(opened, ends.delivered)
        if ends.placed:
            self._go_on(opened, batch.action, ends)
        if ends.rejected:
            self._settlement.rejected(opened, ends.rejected, "rejected")
        self.judge(opened)
        self._put_off(opened, batch, ends.later)
        if ends.onward and not self._out_of_attempts(opened, ends.onward, "the answers lead nowhere"):
            self.put_off(ends.onward, self.now)

    @staticmethod
    def _taken(action: Action, row: Row, outcome: Delivered, ends: _Ends) -> None:
        if action not in OF_LINKS and not is_linked(row):
            ends.delivered.append((row, outcome))
            return
        row.attempts = 0
        _absolve(row)
        row.created = bool(row.created)
        if action not in OF_LINKS:
            if outcome.created is True:  # and so nobody has linked it yet
                row.surveyed = frozenset(range(len(row.sync.links)))
            row.created |= made(row, outcome)
            row.destination_id = outcome.destination_id or row.destination_id
        ends.placed.append(row)

    def _led_on(self, opened: OpenSync, action: Action, row: Row, outcome: Again, ends: _Ends) -> None:
        _absolve(row)
        if action is Action.SURVEY and outcome.destination_id == row.destination_id:
            row.attempts = 0
            self._settlement.surveyed(opened, row, outcome.holds)
            ends.onward.append(row)
        elif action is not Action.RESOLVE:
            row.led += 1
            other = self._intake.holder(opened, row, outcome.destination_id)
            if other is not None:
                opened.excused += 1
                opened.contested.add(other)
                ends.rejected.append(
                    (row, Rejected(SAME_OBJECT, f"the row {other} of this sync already has this object"))
                )
                return
            self._settlement.redirect(opened, row, action, outcome)
            ends.onward.append(row)
        elif self._intake.resolved(opened, row, outcome.destination_id):
            ends.onward.append(row)

    def _unsure(self, action: Action, row: Row, outcome: Unknown, ends: _Ends) -> None:
        ends.doubtful.append(row)
        row.doubtful |= action not in OF_LINKS and action not in LOOKS
        row.looked = row.absent = False  # what was known of the object is older than what may have happened
        if outcome.answered and row.attempts >= self._policy.unacknowledged:
            ends.rejected.append((row, Rejected("not_acknowledged", outcome.reason)))
        else:
            ends.later.append((row, outcome.reason, outcome.after))

    def _go_on(self, opened: OpenSync, action: Action, ends: _Ends) -> None:
        """Note what rows with links have come through. They go on: to their links, or to their end."""
        if action in OF_LINKS:
            self._settlement.related(opened, action, ends.placed)
            ends.onward += ends.placed
            return
        ends.rejected += [(row, NO_ID) for row in ends.placed if row.destination_id is None]
        found = [row for row in ends.placed if row.destination_id is not None]
        self._settlement.made_anew(opened, [row for row in found if row.linked and is_another(row)])
        for row in found:
            row.placed = True
        unfinished = [row for row in found if after(row) is not None]
        if unfinished:
            self._settlement.placed(opened, unfinished)
        ends.onward += found

    def _put_off(self, opened: OpenSync, batch: Batch, later: Sequence[tuple[Row, str, float | None]]) -> None:
        """Let rows wait for their next attempt, those of one batch together; end the run when a budget is spent."""
        if not later:
            return
        if any(self._is_worn(row, batch.failed, alone=len(later) == 1) for row, _, _ in later):
            self._isolate(opened, [row for row, _, _ in later], later[0][1])
            return
        absurd = self._policy.retry.absurd([told for _, _, told in later])
        if absurd is not None:
            self.stop(absurd)
            return
        opened.counts["retried"] += len(later)
        waits: dict[float | None, list[Row]] = {}
        for row, _, told in later:
            waits.setdefault(told, []).append(row)
        for told, rows in waits.items():
            attempt = 1 if rows[0].apart else rows[0].attempts  # it is they that fail, and not the destination
            self.put_off(rows, self.now + self._policy.retry.wait(attempt, self._chance, told))

    def _is_worn(self, row: Row, failed: bool, *, alone: bool) -> bool:
        """Tell whether enough has failed that a batch is to be halved; of a row alone, that it is to be refused."""
        most = self._policy.retry.attempts
        if row.suspect and failed and alone:
            return True  # it stands refused for that already
        if not row.apart:
            return row.attempts >= most or (failed and not alone and row.failures >= SUSPECT)
        if alone:
            return row.attempts >= most or (row.strikes >= STRIKES and row.failures >= most)
        return failed or row.attempts > SUSPECT

    def _isolate(self, opened: OpenSync, rows: list[Row], reason: str) -> None:
        """Look for the row that makes requests fail. Each half goes apart, and is halved again when it fails as well.

        What fails alone, while others are answered, is a reject; while the destination is down nothing is.
        """
        if self.stopped is not None:
            return
        if len(rows) == 1:
            [row] = rows
            unsure = row.doubtful and row.action not in opened.can.keyed
            code = UNANSWERED if unsure and row.action is Action.APPEND else ALWAYS_FAILS
            told = f"{FAILS}{MAY_BE if unsure else ''}; last: {reason}"
            self._settlement.rejected(opened, [(row, Rejected(code, told))], "rejected")
            self.judge(opened)
            return
        opened.counts["batches_halved"] += 1
        middle = len(rows) // 2
        for half in (rows[:middle], rows[middle:]):
            number = next(self._numbers)
            for row in half:
                # It may have been applied, so it has had one attempt at least.
                row.attempts, row.apart = 1, number
            self.put_off(half, self.now)

    def _out_of_attempts(self, opened: OpenSync, rows: Sequence[Row], reason: str) -> bool:
        if all(row.attempts < self._policy.retry.attempts for row in rows):
            return False
        self.stop(
            Fault(
                f"stream {opened.sync.stream}: no success in {self._policy.retry.attempts} attempts; last: {reason}",
                "the rows concerned were not acknowledged; run again when the destination answers",
            )
        )
        return True

    def stop(self, why: Stop) -> None:
        """Send nothing more. The first reason counts."""
        self.stopped = self.stopped or why

    def judge(self, opened: OpenSync) -> None:
        """Stop at once when the first rows were all refused. Not while good rows may still come."""
        if opened.counts["rejected"] >= self._policy.hopeless or self._settlement.all_settled:
            hopeless = judgement.hopeless(opened, self._policy)
            if hopeless is not None:
                self.stop(hopeless)

"""The delivery: takes mapped rows, and sees each to its end.

It is one state machine in one thread. Sending is somebody else's (a Sender), time is passed in, and nothing here
sleeps; so a test can stop it between any two steps and start again from the ledger. Each turn does, in this order:
read what answers came, let waiting rows forward, seal batches, commit intents and settlements in one transaction,
then settle receipts and send. The order is the promise: an intent is durable before its batch is sent, and a
settlement before its receipt counts.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import count
from random import Random
from typing import Protocol

from penstock import judgement
from penstock.answers import Answers
from penstock.batching import Batcher, Lanes
from penstock.bulk import jobs_of
from penstock.checkpoint import Checkpoint, Epoch
from penstock.endings import Endings
from penstock.errors import NoAnswer, Stop
from penstock.intake import Intake
from penstock.jobs import OpenJobs
from penstock.ledger import Ledger
from penstock.mapping import RecordMapper
from penstock.modes import Sync
from penstock.openjobs import OpenJob
from penstock.opensync import OpenSync
from penstock.pace import Pace
from penstock.paths import Paths
from penstock.policy import Policy
from penstock.records import (
    Batch,
    Destination,
    Kind,
    Request,
    Response,
    Source,
)
from penstock.settlement import Settlement
from penstock.together import Together

Answer = Response | NoAnswer | Stop
"""a Stop: the request was not applied, and no other can be sent, for want of a token for instance"""


class Sender(Protocol):
    """Carries requests to the destination and brings the answers, in any order. Never blocks."""

    def submit(self, ticket: int, request: Request) -> None:
        """Start sending a request."""

    def take(self) -> list[tuple[int, Answer]]:
        """Return the answers that came since the last call."""


class Delivery:
    """Takes rows by `offer`, moves them by `turn`, and is done when `idle`."""

    def __init__(
        self,
        destination: Destination,
        ledger: Ledger,
        sender: Sender,
        checkpoint: Checkpoint,
        policy: Policy | None = None,
        chance: Random | None = None,
    ) -> None:
        self.policy = policy or Policy()
        self.calls = 0
        self.syncs: dict[str, OpenSync] = {}
        self._destination = destination
        self._ledger = ledger
        self._sender = sender
        chance = chance or Random()  # noqa: S311 - jitter, no secret
        self._lanes = Lanes()
        self._batcher = Batcher(destination.limits, self.policy.batch_age)
        self.pace = Pace(destination.limits, self.policy, chance, ledger)
        self._settlement = Settlement(ledger, checkpoint, self._lanes)
        self._intake = Intake(destination, ledger, self._lanes, self._batcher, self._settlement, self.policy)
        self._answers = Answers(destination, self._settlement, self._intake, self.pace, self.policy, chance)
        jobs = jobs_of(destination)
        self._jobs = OpenJobs(
            jobs, ledger, self._settlement, self._intake, self.pace, self.policy, chance, self._answers.stop
        )
        together = Together(ledger, destination.limits)
        self._paths = Paths(jobs, self._jobs, self._intake, self._settlement, self.policy, together)
        self._endings = Endings(ledger, self._lanes, self._settlement, self._intake, self.policy)
        self._intended: list[Batch] = []
        self._sendable: deque[Batch] = deque()
        """batches whose intent is durable"""
        self._in_flight: dict[int, Batch] = {}
        self._asked: dict[int, OpenJob] = {}
        """jobs of which a request is under way"""
        self._answered = 0
        """batches whose answers are not durable yet: they still hold their lane, so a crash repeats one a lane"""
        self._tickets = count(1)
        self._now = 0.0

    def open(self, sync: Sync, mapper: RecordMapper) -> OpenSync:
        """Start a sync, or go on with the one that is open. Raises Misconfigured when it cannot start."""
        if sync.stream not in self.syncs:
            self.syncs[sync.stream] = self._settlement.open(
                sync, mapper.version, mapper.rules, mapper.abilities or self._destination.abilities
            )
            self.syncs[sync.stream].bulk_above = mapper.bulk_above
            self._jobs.adopt(self.syncs[sync.stream])
            self._paths.open(self.syncs[sync.stream])
        opened = self.syncs[sync.stream]
        opened.mapping = mapper.version
        self._settlement.follow_rules(opened, mapper.rules)
        return opened

    def set_pending(self, opened: OpenSync, reason: str) -> None:
        """Note that the old rows of a sync have to be read again."""
        self._settlement.set_pending(opened, reason)

    def offer(self, opened: OpenSync, mapper: RecordMapper, epoch: Epoch, rows: Sequence[Source], now: float) -> None:
        """Take records in reading order, each with a receipt of `epoch`."""
        self._settlement.now = now
        self._intake.offer(opened, mapper, epoch, rows, now)
        self._answers.judge(opened)

    def new_version(self, opened: OpenSync, version: int) -> bool:
        """Note the version of a full read; tell whether its end will prove that the stream was read whole."""
        return self._settlement.new_version(opened, version)

    def end(self, opened: OpenSync, mapper: RecordMapper, *, complete: bool, whole: bool) -> None:
        """Take the end of a stream, which is acted on when all rows are settled: removals come last.

        `complete` is the tap's word that these were all rows; `whole` tells that the tap began without a bookmark.
        """
        self._endings.add(opened, mapper, complete=complete, whole=complete or whole)

    def retry_links(self, opened: OpenSync, mapper: RecordMapper) -> None:
        """At the end of the input: try rows again that lacked another row, which may have come after them."""
        self._endings.retry_links(opened, mapper)

    def cut_off(self) -> None:
        """Take it that the input broke off: what waits for the end of its stream is held back."""
        self._endings.hold_back(self.syncs.values())

    def turn(self, now: float, *, flush: bool = False) -> None:
        """Do everything that can be done without waiting. `flush` seals batches whatever their age."""
        self._now = self._settlement.now = self._answers.now = self._jobs.now = now
        for ticket, answer in self._sender.take():
            self._receive(ticket, answer)
            self._answered += 1
        while rows := self._answers.due(now):
            self._intake.again(rows, self.syncs[rows[0].sync.stream], now)
        while self._settlement.released:
            self._let_forward()
        self._jobs.turn(now)
        if self.stopped is None:
            self._paths.turn(now, flush=flush)
            self._endings.turn(now)
        self._answers.wait_for_others()
        if self.stopped is None:
            stuck = not self.in_flight and not self._intake.room
            alone = stuck or not (self.in_flight or self._backlog or self._intake.sealed)
            last = flush and not self._paths.draining
            self._intake.sealed += self._batcher.due(now, everything=last or stuck, alone=alone)
            self._intend()
        self._commit_when_due(flush)
        if self.stopped is None:
            self._dispatch()

    @property
    def room(self) -> bool:
        """Tell whether more rows may be read."""
        return self._intake.room and self._paths.room

    @property
    def idle(self) -> bool:
        """Tell whether every row is settled and durable."""
        at_rest = self._settlement.all_settled and not self._jobs.open
        return at_rest and not self._settlement.pending and not self._endings.busy

    @property
    def withheld(self) -> int:
        """Return how many records stay unsettled because a guard, or input that broke off, has stopped them."""
        return self._endings.withheld

    @property
    def in_flight(self) -> int:
        """Return how many requests are under way."""
        return len(self._in_flight) + len(self._asked)

    def next_due(self, now: float) -> float | None:
        """Return when a turn will next have something to do, answers aside; None when nothing is due."""
        due: list[float] = []
        if self._answers.waiting:
            due.append(self._answers.waiting[0][0])
        if self._settlement.dirty_since is not None:
            due.append(self._settlement.dirty_since + self.policy.commit_age)
        if self.stopped is None:
            free = [] if self._jobs.ready else [batch for batch in self._sendable if self._lane_is_free(batch)]
            if (free or self._jobs.ready) and self.in_flight < self._destination.limits.concurrency:
                kinds = {batch.kind for batch in free}
                due.append(self.pace.ready_at(now, kinds))
            others = (
                None if self._jobs.ready else self._jobs.next_due(),
                self._batcher.next_due(),
                self._paths.next_due(),
            )
            due += [moment for moment in others if moment is not None]
        return min(due, default=None)

    def abandon(self) -> None:
        """End the run's sending: what was never sent is no longer intended, what is in flight stays in doubt.

        The intents of requests without an answer stay open in the ledger, so the next run treats them as unknown.
        """
        for batch in [*self._sendable, *self._intended]:
            self._settlement.close_intent(self.syncs[batch.sync.stream], batch, [])
        self._sendable.clear()
        self._intended.clear()
        self._jobs.abandon()
        self._settlement.touch()
        self._commit()

    def _let_forward(self) -> None:
        released, self._settlement.released = self._settlement.released, []
        for stream, opened in self.syncs.items():
            rows = [row for row in released if row.sync.stream == stream]
            if rows:
                self._intake.readmit(opened, rows, self._now)

    def _intend(self) -> None:
        sealed, self._intake.sealed = self._intake.sealed, []
        for batch in sealed:
            opened = self.syncs[batch.sync.stream]
            self._intake.drop_reverted(opened, batch)
            if batch.rows:
                self._settlement.intend(opened, batch)
                self._intended.append(batch)

    def _commit_when_due(self, flush: bool) -> None:
        if self.stopped is None and self.pace.must_reserve(self._now, self._backlog):
            self._commit()  # what may be sent is agreed with the account's other processes in the same transaction
        if self._settlement.dirty_since is None:
            return
        waited = self._now >= self._settlement.dirty_since + self.policy.commit_age
        if waited or flush or self._fills_the_lanes or self._ledger.dirty >= self.policy.commit_rows:
            self._commit()

    @property
    def _fills_the_lanes(self) -> bool:
        """Tell whether a commit now would occupy every free lane; until then, more rows may share its flush."""
        free = self.pace.throttle.lanes(self._now) - self.in_flight
        return 0 < free <= self._backlog

    @property
    def _backlog(self) -> int:
        return len(self._intended) + len(self._sendable) + self._jobs.ready

    def _commit(self) -> None:
        self.pace.reserve(self._now, self._backlog, last=self.stopped is not None)
        self._settlement.commit()
        self._answered = 0
        self._jobs.committed()
        self._sendable.extend(self._intended)
        self._intended.clear()

    def _dispatch(self) -> None:
        while self.in_flight + self._answered < self._destination.limits.concurrency:
            job = self._jobs.next_ready()
            if job is None and not self._sendable:
                return
            if not self.pace.may_go(self._now):
                if spent := self.pace.quota_spent():
                    self.stop(spent)
                return
            if job is not None:
                self._asked[ticket := next(self._tickets)] = job
                self._send(ticket, self._jobs.request(job), None)
                continue
            may = (b for b in self._sendable if self.pace.has_room(b.kind, self._now) and self._lane_is_free(b))
            batch = next(may, None)
            if batch is None:
                return
            self._sendable.remove(batch)
            for row in batch.rows:
                row.attempts += 1
            self._in_flight[ticket := next(self._tickets)] = batch
            self._send(ticket, self._destination.encode(batch), batch.kind)

    def _lane_is_free(self, batch: Batch) -> bool:
        """Tell whether no other batch of the lane is under way."""
        return not batch.lane or all(b.lane != batch.lane or b.sync is not batch.sync for b in self._in_flight.values())

    def _send(self, ticket: int, request: Request, kind: Kind | None) -> None:
        self.calls += 1
        self.pace.take(ticket, self._now, kind)
        self._sender.submit(ticket, request)

    # -- answers ------------------------------------------------------------------------------------------

    def _receive(self, ticket: int, answer: Answer) -> None:
        """Turn one answer into one outcome per row, and see to each."""
        gauge = self._destination.gauge(answer) if isinstance(answer, Response) else None
        self.pace.answered(ticket, self._now, gauge)
        job = self._asked.pop(ticket, None)
        if job is not None:
            self._jobs.receive(job, answer)
            return
        batch = self._in_flight.pop(ticket)
        opened = self.syncs[batch.sync.stream]
        if isinstance(answer, Stop):
            self._settlement.close_intent(opened, batch, [])
            self.stop(answer)
            return
        self._answers.take(opened, batch, answer)

    def stop(self, why: Stop) -> None:
        """Send nothing more. The first reason counts."""
        self._answers.stop(why)

    @property
    def stopped(self) -> Stop | None:
        """Return why the run must end, once it must: nothing new is sent from then on."""
        return self._answers.stopped

    def verdict(self, error: Stop | None = None) -> Stop | None:
        """End a run that has settled all that it read, and judge it; `error` is why it read no further."""
        self.pace.reserve(self._now, 0, last=True)
        if error is not None:
            return error
        self._settlement.remember_mappings(self.syncs.values())
        return self._endings.guarded or judgement.too_many_rejects(self.syncs.values(), self.policy)

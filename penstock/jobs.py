"""The jobs that are open: their steps, and what becomes of their rows.

A step that changes something is durable before it is sent. So a run that dies leaves a job that the next one finds: it
is asked about until it is over, and its results settle its rows, before any row of its sync is sent again. Only of a
job that cannot be found the rows are in doubt.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from random import Random

from typing_extensions import assert_never

from penstock.bulk import CHANGING, Absent, Job, JobAnswer, Jobs, JobStep, Moved, Over, Page
from penstock.errors import BatchRefused, Fault, NoAnswer, Refusal, Stop, Throttled, Unavailable
from penstock.intake import Intake
from penstock.ledger import Ledger
from penstock.modes import Action
from penstock.openjobs import PIECE, OpenJob, Results
from penstock.opensync import OpenSync
from penstock.pace import Pace
from penstock.policy import Policy
from penstock.records import Delivered, Outcome, Rejected, Request, Response, Retry, Row, Unknown
from penstock.rows import mapped
from penstock.settlement import Settlement
from penstock.taken import settle_new

LOOKS = 4
"""times that a job is looked for before it is believed not to be there"""
GATHERING = frozenset({JobStep.CREATE, JobStep.UPLOAD})
"""steps before the destination has begun to work on the rows: they may as well go by requests"""
LOOKING = frozenset({JobStep.FIND, JobStep.POLL, JobStep.RESULTS})
"""steps whose answer may not know of the job yet: it can be read from another server than the one it was made on"""
OVER = object()
TOGETHER = 10 * PIECE
"""rows that are settled in one turn: much fewer, and more would be read meanwhile than come to their end"""
log = logging.getLogger("penstock")


class OpenJobs:
    """Takes jobs by `launch` and `adopt`, and sees each to its end."""

    def __init__(
        self,
        jobs: Jobs | None,
        ledger: Ledger,
        settlement: Settlement,
        intake: Intake,
        pace: Pace,
        policy: Policy,
        chance: Random,
        stop: Callable[[Stop], None],
    ) -> None:
        self.open: list[OpenJob] = []
        self.now = 0.0
        self._formed = 0
        self._jobs = jobs
        self._ledger = ledger
        self._settlement = settlement
        self._intake = intake
        self._pace = pace
        self._policy = policy
        self._chance = chance
        self._stop = stop

    # -- beginnings and ends ------------------------------------------------------------------------------

    def adopt(self, opened: OpenSync) -> None:
        """Take over the jobs that a dead run of a sync has left."""
        for logged in self._ledger.jobs.left_open(opened.number):
            if self._jobs is None:
                for _, entries in self._ledger.jobs.pieces(logged.number):
                    self._settlement.doubt(opened, [(e.key, e.match) for e in entries if e.key])
                    opened.counts["unknown"] += len(entries)
                self._ledger.jobs.end(logged.number)
                continue
            found = OpenJob.adopt(opened, logged, self._jobs, self._ledger.jobs)
            self._settlement.elsewhere += found.unsettled
            self.open.append(found)
            opened.counts["jobs_adopted"] += 1
            log.info("stream %s: job %s of an earlier run is adopted", opened.sync.stream, found.known_as)
            self._go_on(found, Moved(found.job.step))
        self._settlement.touch()

    def form(self, opened: OpenSync, action: Action, head: str, *, by_id: bool) -> OpenJob:
        """Begin to gather the rows of a job."""
        self._formed += 1
        name = f"penstock-{self._ledger.run}-{self._formed}-{self._chance.getrandbits(64):016x}"
        number = self._ledger.jobs.form(opened.number, self._ledger.run, action.value, name, head, by_id=by_id)
        self._settlement.touch()
        job = Job(opened.sync, action, by_id, name, head)
        return OpenJob(opened, job, number, self._ledger.jobs, self._ledger.wall())

    def launch(self, job: OpenJob) -> None:
        """Take a job that has all its rows: it is created once the ledger knows of it."""
        job.write()
        self._ledger.jobs.intend(job.number, JobStep.CREATE.value, job.job.rows)
        self._settlement.touch()
        self.open.append(job)
        job.opened.counts["jobs"] += 1
        log.info("stream %s: %d rows go as job %s", job.opened.sync.stream, job.job.rows, job.job.name)

    def dissolve(self, job: OpenJob) -> None:
        """Let the rows of a job that was never launched go by requests: they are too few."""
        job.write()
        self.open.append(job)
        self._end(job, Retry("they are too few for a job"))

    def abandon(self) -> None:
        """Forget jobs that were never sent. The others stay in the ledger for the next run."""
        for job in self.open:
            if not job.sent:
                job.end()
            elif job.unsettled:
                means = (
                    "goes on; the next run adopts it"
                    if job.job.id
                    else "may not have been made; the next run looks for it"
                )
                log.info("stream %s: job %s %s", job.opened.sync.stream, job.known_as, means)

    def of(self, opened: OpenSync) -> list[OpenJob]:
        """Return the open jobs of a sync."""
        return [job for job in self.open if job.opened is opened]

    # -- requests -----------------------------------------------------------------------------------------

    def committed(self) -> None:
        """Take it that the ledger's transaction is durable."""
        for job in self.open:
            job.durable = True

    @property
    def ready(self) -> int:
        """Return how many jobs could send a request now."""
        return sum(self._is_ready(job) for job in self.open)

    def next_ready(self) -> OpenJob | None:
        """Return a job whose next request may be sent."""
        return next((job for job in self.open if self._is_ready(job)), None)

    def _is_ready(self, job: OpenJob) -> bool:
        return self._may_ask(job) and job.due <= self.now

    def _may_ask(self, job: OpenJob) -> bool:
        """Tell whether a job's next request waits for nothing but its time. A new job may wait for another's end."""
        if job.settling is not None or job.asked or not job.durable:
            return False
        if job.job.step is JobStep.RESULTS and any(other.reads_results for other in self.open if other is not job):
            return False  # results take memory until they are settled
        most = None if self._jobs is None else self._jobs.limits_of(job.job.sync).open
        return job.sent or most is None or sum(other.sent for other in self.open) < most

    def request(self, job: OpenJob) -> Request:
        """Write the request of a job's step; it counts as sent."""
        if self._jobs is None:
            raise AssertionError("a job without a target that knows jobs")
        job.asked = job.sent = True
        grouped = self._jobs.limits_of(job.job.sync).grouped
        return self._jobs.encode(job.job, job.grouped if grouped else job.lines)

    def next_due(self) -> float | None:
        """Return when something is to be done next, answers and commits aside."""
        due = [job.due for job in self.open if self._may_ask(job)]
        if self._intake.room and any(job.settling is not None for job in self.open):
            due.append(self.now)
        return min(due, default=None)

    # -- answers ------------------------------------------------------------------------------------------

    def receive(self, job: OpenJob, answer: Response | NoAnswer | Stop) -> None:
        """Take the answer to a job's request."""
        if self._jobs is None:
            raise AssertionError("a job without a target that knows jobs")
        job.asked = False
        if isinstance(answer, Stop):
            job.sent = job.job.step is not JobStep.CREATE
            self._stop(answer)
        elif isinstance(answer, NoAnswer):
            self._failed(job, answer.reason, None, lost=answer.sent)
        else:
            try:
                self._take(job, self._jobs.decode(job.job, answer))
            except Refusal as refusal:
                self._refused(job, refusal)
            except Stop as stop:
                self._stop(stop)

    def _refused(self, job: OpenJob, refusal: Refusal) -> None:
        if isinstance(refusal, Throttled):
            job.opened.counts["throttled"] += 1
            job.due = self.now + self._pace.throttled(refusal, self.now)
        elif isinstance(refusal, BatchRefused):
            self._pace.succeed()
            log.warning("stream %s: job %s was refused: %s", job.opened.sync.stream, job.job.name, refusal)
            if job.job.step is JobStep.CREATE:
                self._end(job, Retry(str(refusal)))
            elif job.job.step in (JobStep.UPLOAD, JobStep.START):
                self._go_on(job, Moved(JobStep.CANCEL))
            else:
                self._end(job, Unknown(str(refusal)))
        else:
            after = refusal.after if isinstance(refusal, Unavailable) else None
            self._failed(job, str(refusal), after, lost=True)

    def _failed(self, job: OpenJob, reason: str, after: float | None, *, lost: bool) -> None:
        """Try again, a little later, what the loss of an answer leads to."""
        if self._jobs is None:
            raise AssertionError("a job without a target that knows jobs")
        job.attempts += 1
        policy = self._policy.retry
        why = self._pace.failed(self.now, reason=reason) or policy.absurd([after])
        if why is None and job.attempts >= policy.attempts and job.job.step in GATHERING and not job.adopted:
            log.warning("stream %s: job %s cannot be made: %s", job.opened.sync.stream, job.job.name, reason)
            job.opened.bulk_above = None  # others would fare no better
            self._end(job, Unknown(reason) if lost else Retry(reason))
            return
        if why is None and job.attempts >= policy.attempts:
            why = Fault(
                f"stream {job.opened.sync.stream}: no success in {policy.attempts} attempts to {job.job.step.value} "
                f"job {job.job.name}; last: {reason}",
                "the job stays in the ledger; run again when the destination answers",
            )
        if why is not None:
            self._stop(why)
            return
        attempts, step = job.attempts, job.job.step
        if lost:
            step = self._jobs.doubtful.get(step, step)
        self._go_on(job, Moved(step, job.job.place, after=policy.wait(attempts, self._chance, after)))
        job.attempts = attempts

    def _take(self, job: OpenJob, answer: JobAnswer) -> None:
        self._pace.succeed()
        match answer:
            case Moved():
                if job.job.step is not JobStep.FIND:  # whose pages are one look together
                    job.attempts = 0
                self._go_on(job, answer)
            case Over():
                short = answer.written is not None and job.nameless > answer.written
                job.strange |= short
                self._end(job, answer.rest)
                if answer.stop is not None and not (job.adopted or job.cancelled):
                    self._stop(answer.stop)
            case Page():
                taken = job.read(answer.taken)
                self._settle(job, [(line, end) for who, end in answer.ends if (line := job.line_of(who)) is not None])
                if taken is None:
                    self._take(job, answer.then)
                else:
                    job.settling = self._settle_taken(job, taken, answer.then)
            case Absent():
                self._missed(job)
            case _:
                assert_never(answer)

    def _missed(self, job: OpenJob) -> None:
        """Look again for a job that is not to be seen: what was sent last may be on its way yet."""
        job.attempts += 1
        if job.job.step not in LOOKING or job.attempts >= LOOKS:
            self._end(job, Unknown("the job cannot be found"))
            return
        if job.job.step is JobStep.FIND:
            job.job.place = ""
        job.due = self.now + float(2**job.attempts)

    def _go_on(self, job: OpenJob, moved: Moved) -> None:
        """Let a job take its next step; not one that needs rows which have died with another run."""
        if self._jobs is None:
            raise AssertionError("a job without a target that knows jobs")
        step, asked = moved.step, job.job
        if job.adopted and step in self._jobs.carrying:
            if moved.id is None and asked.id is None:
                self._end(job, Unknown("the job cannot be found"))
                return
            step = JobStep.CANCEL
        if step is JobStep.POLL and self._ledger.wall() - job.at > self._jobs.limits_of(asked.sync).longest * (
            1 + job.cancelled
        ):
            log.warning("stream %s: job %s does not come to an end", job.opened.sync.stream, job.known_as)
            if job.cancelled:
                self._end(job, Unknown("the job does not come to an end"))
                return
            step = JobStep.CANCEL
        job.cancelled |= step is JobStep.CANCEL
        new = step is not asked.step or (moved.id or asked.id) != asked.id
        if moved.id and asked.id is None:
            log.info("stream %s: job %s has the id %s", job.opened.sync.stream, asked.name, moved.id)
        asked.step, asked.place, asked.id = step, moved.place, moved.id or asked.id
        job.due = self.now + moved.after
        if new:
            job.attempts = 0
            job.durable = step not in CHANGING
            self._ledger.jobs.note(job.number, step.value, asked.id)
            self._settlement.touch()

    # -- rows ---------------------------------------------------------------------------------------------

    def turn(self, now: float) -> None:
        """Settle some more rows of jobs that are over."""
        self.now = now
        for job in [job for job in self.open if job.settling is not None]:
            settling = job.settling or iter(())
            if next(settling, OVER) is OVER and job.settling is settling:
                self._close(job)

    def _end(self, job: OpenJob, rest: Outcome) -> None:
        if job.strange and isinstance(rest, Delivered):
            rest = Unknown("its results do not fit its rows")
        job.settling = self._settle_rest(job, rest)

    def _settle_taken(self, job: OpenJob, taken: Results, then: Moved | Over) -> Iterator[None]:
        """Bring rows that the destination took to their end, some at a time, and let the job go on."""
        for first in range(0, job.job.rows, PIECE):
            if any(taken.ends[first : first + PIECE]):
                self._settle(job, settle_new(job, first, taken, self._ledger, self._settlement))
            if first % TOGETHER == 0:
                yield
        job.settling = None
        self._take(job, then)

    def _settle_rest(self, job: OpenJob, rest: Outcome) -> Iterator[None]:
        for first in range(0, job.job.rows, PIECE):
            while not isinstance(rest, Delivered) and not self._intake.room:
                yield
            if lines := job.unnamed(first):
                self._settle(job, [(line, rest) for line in lines])
                yield

    def _close(self, job: OpenJob) -> None:
        job.end()
        self._settlement.touch()
        self.open.remove(job)
        opened = job.opened
        if job.sent:  # one that was dissolved was never spoken of
            log.info("stream %s: job %s is over", opened.sync.stream, job.known_as)
        if opened.spool is not None:
            opened.spool.held = [held for held in opened.spool.held if held is not job.held]
            opened.spool.blocked = False

    def _settle(self, job: OpenJob, ends: Sequence[tuple[int, Outcome]]) -> None:
        """Bring rows, by their number in the job, to what became of them."""
        pieces: dict[int, list[tuple[int, Outcome]]] = {}
        for line, end in ends:
            pieces.setdefault(line // PIECE * PIECE, []).append((line, end))
        for first, some in pieces.items():
            entries = job.entries(first)
            taken = [
                (entry, end, job.receipt(line))
                for line, end in some
                if isinstance(end, Delivered) and (entry := entries[line - first]).key
            ]
            if taken:
                self._settlement.delivered_by_job(job.opened, job.job.action, taken)
            job.unsettled -= len(some)
            self._settlement.elsewhere -= len(some)
            others = [(line, end) for line, end in some if not isinstance(end, Delivered)]
            job.opened.counts["unknown"] += sum(isinstance(end, Unknown) for _, end in others)
            doubtful = [entries[line - first] for line, end in others if _in_doubt(end)]
            if doubtful:
                self._settlement.doubt(job.opened, [(entry.key, entry.match) for entry in doubtful if entry.key])
            if others and not job.adopted:
                self._fall_back(job, others)

    def _fall_back(self, job: OpenJob, ends: Sequence[tuple[int, Outcome]]) -> None:
        """Make rows anew that a job did not deliver: they are rejects, or go by requests."""
        refused: list[tuple[Row, Rejected]] = []
        again: list[Row] = []
        opened = job.opened
        for line, end in ends:
            mapper, text = job.record(line)
            row = mapped(opened.sync, mapper, mapper.peek(text), job.receipt(line))
            if isinstance(end, Rejected):
                refused.append((row, end))
                continue
            row.attempts = int(isinstance(end, Unknown))
            row.crowd = int(isinstance(end, Retry) and end.crowded)
            again.append(row)
        if refused:
            self._settlement.refused_by_job(opened, refused)
        if again:
            opened.counts["fell_back"] += len(again)
            self._intake.enter(opened, again, self.now)


def _in_doubt(end: Outcome) -> bool:
    return isinstance(end, Unknown) or (isinstance(end, Rejected) and end.partly)

"""Which way rows go: by requests, or, where there are many of them, by a job.

The rows of a sync with `bulk_above` wait in a spool until the threshold, the end of the input or their age decides.
Once there are more of them than that, those that come after join the job as they come, and are mapped but once.
While a job of a sync is open, rows of which it has older versions wait for its end.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import compress

from penstock.bulk import Jobs
from penstock.checkpoint import Epoch
from penstock.columns import peek_all
from penstock.intake import Intake
from penstock.jobs import OpenJobs
from penstock.mapping import RecordMapper
from penstock.modes import Action
from penstock.openjobs import OpenJob
from penstock.opensync import OpenSync
from penstock.policy import Policy
from penstock.records import Row, Source
from penstock.relations import is_linked, links_inline, name_by_key
from penstock.rows import identities_of
from penstock.settlement import Settlement
from penstock.staging import Spool, Staged, restored
from penstock.steps import dress, next_step
from penstock.together import Together, first_step, identities

CHUNK = 500
"""rows handed over together"""


@dataclass(eq=False)
class Forming:
    """The jobs of one round that gather rows."""

    jobs: dict[tuple[Action, bool], OpenJob] = field(default_factory=dict)
    """by action, and whether by id"""
    identities: dict[int, set[int]] = field(default_factory=dict)
    """of the rows that may join, by `id`"""


class Paths:
    """Moves rows out of the spools. `open` gives a sync its spool where it needs one."""

    def __init__(
        self,
        jobs: Jobs | None,
        open_jobs: OpenJobs,
        intake: Intake,
        settlement: Settlement,
        policy: Policy,
        together: Together,
    ) -> None:
        self._jobs = jobs
        self._open_jobs = open_jobs
        self._intake = intake
        self._settlement = settlement
        self._policy = policy
        self._together = together
        self._now = 0.0
        self._rounds: dict[str, Iterator[None]] = {}
        self._syncs: dict[str, OpenSync] = {}
        self._gathering: dict[str, Forming] = {}
        """syncs whose rows join jobs as they come"""
        self._draining: set[str] = set()
        """syncs of which rows wait that are to join before any other"""

    def open(self, opened: OpenSync) -> None:
        """Let the rows of a sync wait: for others to share a job with, or for a job that a dead run has left."""
        by_job = self._jobs is not None and opened.bulk_above is not None
        adopted = self._open_jobs.of(opened)
        if by_job or adopted:
            opened.spool = Spool()
            # What the ledger last knew of their rows is no longer what is there, so none of them is unchanged.
            opened.spool.held = [job.held for job in adopted]
            opened.together, opened.chunk = partial(self._gather_new, opened), self._chunk(opened)
            self._syncs[opened.sync.stream] = opened

    @property
    def room(self) -> bool:
        """Tell whether the spools can take more rows."""
        return not self._draining and not any(self._is_full(opened) for opened in self._syncs.values())

    @property
    def draining(self) -> bool:
        """Tell whether rows are on their way out of a spool: more may come to a batch that is not full."""
        return bool(self._rounds)

    def next_due(self) -> float | None:
        """Return when rows will have waited long enough; None where none wait for that."""
        if self._rounds and self._intake.room:
            return self._now
        due = [
            opened.spool.since + self._age(opened)
            for stream, opened in self._syncs.items()
            if opened.spool is not None
            and opened.spool.since is not None
            and (stream in self._gathering or not self._open_jobs.of(opened))
        ]
        # Past its time where it waits for a job's slot, which the job's own times look after.
        return min((at for at in due if at > self._now), default=None)

    def turn(self, now: float, *, flush: bool) -> None:
        """Begin rounds that are due, and do a part of each. `flush` says that no more rows will come."""
        self._now = now
        for stream, opened in self._syncs.items():
            if stream in self._gathering:
                if flush or self._is_old(opened) or self._is_full(opened):
                    self._finish(opened, self._gathering[stream])
                continue
            if stream not in self._rounds and (by_job := self._due(opened, flush)) is not None:
                self._rounds[stream] = self._round(opened, by_job=by_job)
                if by_job:
                    self._draining.add(stream)
            if stream in self._rounds:
                for _ in self._rounds[stream]:
                    break
                else:
                    del self._rounds[stream]
                    self._draining.discard(stream)
                    if flush and stream in self._gathering:  # no row will come that could join
                        self._finish(opened, self._gathering[stream])

    def _is_old(self, opened: OpenSync) -> bool:
        spool = opened.spool
        return spool is not None and spool.since is not None and self._now >= spool.since + self._age(opened)

    def _is_full(self, opened: OpenSync) -> bool:
        if self._jobs is None or opened.spool is None:
            return False
        limits = self._jobs.limits_of(opened.sync)
        return opened.spool.count >= limits.rows or opened.spool.size >= limits.body_bytes

    def _age(self, opened: OpenSync) -> float:
        return 0.0 if opened.bulk_above is None else self._policy.spool_age

    def _due(self, opened: OpenSync, flush: bool) -> bool | None:
        """Tell whether the rows that wait go by a job (True) or by requests (False) now; None: neither, yet."""
        spool = opened.spool
        count = 0 if spool is None else spool.count
        own = self._open_jobs.of(opened)
        if spool is None or spool.since is None or not count or any(job.adopted for job in own):
            return None
        full = self._is_full(opened)
        old = flush or self._is_old(opened)
        above = math.inf if opened.bulk_above is None else opened.bulk_above
        if self._jobs is not None and (count > above or (full and above < math.inf)):
            return True if self._may_open(opened) and not spool.blocked else None
        return False if (old or full) and not own else None

    def _round(self, opened: OpenSync, *, by_job: bool) -> Iterator[None]:
        """Let the rows that wait go, until they are gone or no job may be opened any more."""
        spool, forming = opened.spool, Forming()
        if spool is None:
            return
        spool.begin()
        while True:
            while not self._intake.room:
                yield
            staged = spool.take(self._chunk(opened))
            if not staged:
                if by_job and spool.go_on():
                    continue  # they are older than those that will join as they come
                break
            self._settlement.elsewhere -= len(staged)
            if by_job:
                self._drain(opened, spool, forming, staged)
                if self._is_enough(opened, forming):
                    self._launch(opened, forming)
                    if not self._may_open(opened):
                        break
            else:
                self._intake.enter(opened, restored(opened.sync, staged), self._now)
            yield
        if by_job and self._may_open(opened):
            self._gathering[opened.sync.stream] = forming
            opened.straight = partial(self._gather, opened, spool, forming)
        else:
            self._finish(opened, forming)

    def _gather(self, opened: OpenSync, spool: Spool, forming: Forming, rows: list[Row], now: float) -> list[Row]:
        """Let rows that have just come join a job; return those that came when no more jobs could be opened."""
        self._now = now
        for first in range(0, len(rows), self._chunk(opened)):
            self._sort(opened, spool, rows[first : first + self._chunk(opened)], forming)
            if self._is_enough(opened, forming):
                self._launch(opened, forming)
                spool.since = now
                if not self._may_open(opened):
                    self._finish(opened, forming)
                    return rows[first + self._chunk(opened) :]
        return []

    def _gather_new(
        self, opened: OpenSync, mapper: RecordMapper, epoch: Epoch, sources: Sequence[Source], now: float
    ) -> Sequence[Source]:
        """Let rows that are new wait, or join a job, without a closer look; return the others."""
        spool, forming = opened.spool, self._gathering.get(opened.sync.stream)
        if spool is None:
            return sources
        if forming is None:
            if not self._together.all_new(opened, sources):
                return sources
            spool.add_all(sources, (epoch, mapper), now)
            self._settlement.elsewhere += len(sources)
            return []
        self._now = now
        left = self._join_all(opened, spool, forming, mapper, sources, [epoch] * len(sources))
        if self._is_enough(opened, forming):
            self._launch(opened, forming)
            spool.since = now
            if not self._may_open(opened):
                self._finish(opened, forming)
        return [sources[n] for n in left]

    def _join_all(
        self,
        opened: OpenSync,
        spool: Spool,
        forming: Forming,
        mapper: RecordMapper,
        sources: Sequence[Source],
        epochs: Sequence[Epoch],
    ) -> Sequence[int]:
        """Let rows that are new join a job together; return the places of the others."""
        action, everybody = first_step(opened), range(len(sources))
        if self._jobs is None or (action, False) not in self._jobs.takes or self._intake.busy:
            return everybody
        found = self._together.find(opened, spool, mapper, sources)
        if found is None:
            return everybody
        rows, places = found
        job = forming.jobs.get((action, False))
        head = self._jobs.head(opened.sync, action, by_id=False) if job is None else job.job.head
        lines, left = self._jobs.lines(head, rows)
        if left:
            joins = [n not in left for n in range(len(rows))]
            rows, places = rows.part(lambda values: list(compress(values, joins))), list(compress(places, joins))
        if not len(rows) or len(lines) > self._jobs.limits_of(opened.sync).body_bytes:
            return everybody
        if job is None:
            job = forming.jobs[action, False] = self._open_jobs.form(opened, action, head, by_id=False)
            spool.held.append(job.held)
        job.add_all(rows, lines, [(epochs[n], mapper) for n in places], identities(opened, rows))
        self._settlement.elsewhere += len(rows)
        joined = set(places)
        return [n for n in everybody if n not in joined] if len(joined) < len(sources) else ()

    def _drain(self, opened: OpenSync, spool: Spool, forming: Forming, staged: Sequence[Staged]) -> None:
        """Let rows that have waited join a job, or their lanes."""
        by = staged[0][2]
        if isinstance(by, RecordMapper) and all(other is by for _, _, other in staged):
            sources = peek_all(by, [text for text, _, _ in staged])
            left = self._join_all(opened, spool, forming, by, sources, [epoch for _, epoch, _ in staged])
            staged = [staged[n] for n in left]
        if staged:
            self._sort(opened, spool, restored(opened.sync, staged), forming)

    def _finish(self, opened: OpenSync, forming: Forming) -> None:
        """End a round: what was gathered goes."""
        self._launch(opened, forming)
        self._gathering.pop(opened.sync.stream, None)
        opened.straight = None
        if opened.spool is not None:
            opened.spool.finish(self._now)

    def _may_open(self, opened: OpenSync) -> bool:
        return self._jobs is not None and len(self._open_jobs.open) < self._jobs.limits_of(opened.sync).open

    def _chunk(self, opened: OpenSync) -> int:
        return CHUNK if self._jobs is None else min(CHUNK, self._jobs.limits_of(opened.sync).rows)

    def _is_enough(self, opened: OpenSync, forming: Forming) -> bool:
        limits = None if self._jobs is None else self._jobs.limits_of(opened.sync)
        return limits is not None and any(
            job.job.rows + self._chunk(opened) > limits.rows or job.size >= limits.body_bytes
            for job in forming.jobs.values()
        )

    def _sort(self, opened: OpenSync, spool: Spool, rows: list[Row], forming: Forming) -> None:
        """Let rows join a job, or their lanes; those wait that a job has an older version of."""
        self._intake.acquaint(opened, rows)
        free: list[Row] = []
        met: set[int] = set()
        for row in rows:
            identities = identities_of(row)
            if not met.isdisjoint(identities) or spool.blocks(identities):
                spool.put_back(row, identities)
                self._settlement.elsewhere += 1
            else:
                free.append(row)
                forming.identities[id(row)] = identities
            met |= identities
        opened.into_job = partial(self._join, opened, spool, forming)
        try:
            self._intake.queue(opened, free, self._now)
        finally:
            opened.into_job = None
            forming.identities.clear()

    def _join(self, opened: OpenSync, spool: Spool, forming: Forming, row: Row) -> bool:
        """Let a row join a job, if it can; tell whether it needs no request."""
        if row.action is not Action.RESOLVE:
            return self._add(opened, spool, forming, row)
        named = name_by_key(row)
        if named:
            row.action = next_step(row, opened.can)
            dress(row, row.action)
            if self._add(opened, spool, forming, row):
                return True
        for place in named:
            del row.others[place]
        row.action, row.placed = Action.RESOLVE, False
        return False

    def _add(self, opened: OpenSync, spool: Spool, forming: Forming, row: Row) -> bool:
        jobs, by_id = self._jobs, row.destination_id is not None
        if jobs is None or row.removed or row.attempts or (row.action, by_id) not in jobs.takes:
            return False
        if is_linked(row) and not links_inline(row):
            return False
        job = forming.jobs.get((row.action, by_id))
        head = jobs.head(opened.sync, row.action, by_id=by_id) if job is None else job.job.head
        line = jobs.line(head, row)
        if line is None or len(line) > jobs.limits_of(opened.sync).body_bytes:
            return False
        if job is None:
            job = forming.jobs[row.action, by_id] = self._open_jobs.form(opened, row.action, head, by_id=by_id)
            spool.held.append(job.held)
        job.add(row, line, forming.identities[id(row)])
        self._settlement.join(row)
        return True

    def _launch(self, opened: OpenSync, forming: Forming) -> None:
        for job in forming.jobs.values():
            if job.job.rows > (opened.bulk_above or 0):
                self._open_jobs.launch(job)
            else:
                self._open_jobs.dissolve(job)
        forming.jobs.clear()

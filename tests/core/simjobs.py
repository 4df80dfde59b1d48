"""Jobs of the destination in memory: what the server does with them, and two targets' way of speaking to it.

STAGED makes a job, uploads its rows, starts it, and reads results by match value, successes and failures. AT_ONCE
sends the rows with the creation, and reads nothing but failures, by line. A job goes on while nobody asks.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any

from penstock.bulk import Absent, Columns, Job, JobAnswer, JobLimits, JobStep, Moved, Over, Page, Taken
from penstock.errors import BatchRefused, Throttled, Unavailable
from penstock.modes import Action, Sync
from penstock.records import Delivered, Outcome, Rejected, Request, Response, Retry, Row, Unknown

if TYPE_CHECKING:
    from tests.core.sim import World

LIMITS = JobLimits(rows=6, body_bytes=10_000, open=2, longest=100.0)
PAGE = 2
"""results in one answer"""


@dataclass
class SimJob:
    """A job as the server has it."""

    name: str
    action: str
    rows: list[Any] = field(default_factory=list)
    state: str = "open"
    done: list[tuple[int, Any, dict[str, object]]] = field(default_factory=list)
    """line, key and result of the rows that it came to"""
    fails_at: int | None = None
    """the line at which it breaks off"""
    stuck: bool = False

    def advance(self, world: World, most: int, point: Callable[[str], None]) -> None:
        """Apply some more rows."""
        for _ in range(most):
            if self.state != "running" or self.stuck:
                return
            line = len(self.done)
            if line == self.fails_at:
                self.state = "failed"
            elif line == len(self.rows):
                self.state = "done"
            else:
                point("between rows of a job")
                key, fields = self.rows[line]
                self.done.append((line, key, world.write(self.action, key, fields)))


class JobServer:
    """The server's jobs, which outlive every run."""

    def __init__(self) -> None:
        self.jobs: dict[str, SimJob] = {}
        self.fail = 0.0
        """share of jobs that break off"""
        self.stuck = False
        self.refuses = False
        self.created: list[str] = []
        self.miscounts = False
        """says that nothing was written"""
        self.unseen = 0
        """times that a job cannot be seen when somebody asks how it stands"""
        self.most_open = 0

    def advance(self, world: World, chance: Random, point: Callable[[str], None]) -> None:
        for job in self.jobs.values():
            job.advance(world, chance.randint(0, 4), point)

    def answer(self, world: World, request: Request, chance: Random, point: Callable[[str], None]) -> Response:
        """Do what a request asks."""
        self.advance(world, chance, point)
        _, _, number, verb = (*request.path.split("/"), "", "")[:4]
        body = json.loads(request.body or b"null")
        if request.method == "POST" and not number:
            return self._create(body, chance)
        if verb == "named":
            found = [(i, job.state) for i, job in self.jobs.items() if job.name == number]
            return _ok(found)
        job = self.jobs.get(number)
        if job is None or (verb == "" and self.unseen > 0):
            self.unseen -= 1
            return Response(404, {}, b"")
        if verb == "rows":
            if job.state != "open" or job.rows:
                return Response(409, {}, b"")
            job.rows = body
        elif verb == "start":
            job.state = "running" if job.state == "open" else job.state
        elif verb == "cancel":
            job.state = "cancelled" if job.state in ("open", "running") else job.state
        elif verb.startswith("results"):
            start = int(verb.removeprefix("results"))
            more = start + PAGE < len(job.done)
            written = 0 if self.miscounts else sum(done["outcome"] == "delivered" for _, _, done in job.done)
            return _ok([job.state, job.done[start : start + PAGE], more, written])
        return _ok(job.state)

    def _create(self, body: Mapping[str, Any], chance: Random) -> Response:
        if self.refuses:
            return Response(400, {}, b"")
        number = str(len(self.jobs) + 1)
        job = self.jobs[number] = SimJob(body["name"], body["action"], stuck=self.stuck)
        self.created.append(job.name)
        self.most_open = max(self.most_open, sum(job.state in ("open", "running") for job in self.jobs.values()))
        if chance.random() < self.fail:
            job.fails_at = chance.randint(0, 5)
        if body["rows"] is not None:
            job.rows, job.state = body["rows"], "running"
        return _ok(number)


def _ok(value: object) -> Response:
    return Response(200, {}, json.dumps(value).encode())


class SimJobs:
    """What a target says of jobs."""

    takes = frozenset({(Action.UPSERT, False), (Action.UPDATE, True), (Action.CREATE, False)})

    def __init__(self, *, at_once: bool, limits: JobLimits = LIMITS) -> None:
        self._limits = limits
        self.tells_ids = not at_once
        self.options: frozenset[str] = frozenset()
        self._at_once = at_once
        self.carrying = frozenset({JobStep.CREATE if at_once else JobStep.UPLOAD})
        self.doubtful: Mapping[JobStep, JobStep] = {
            JobStep.CREATE: JobStep.FIND,
            JobStep.UPLOAD: JobStep.CANCEL,
            JobStep.START: JobStep.POLL,
        }

    def limits_of(self, _sync: Sync) -> JobLimits:
        return self._limits

    def head(self, sync: Sync, action: Action, *, by_id: bool) -> str:
        return f"{sorted(sync.fields or {})}"

    def line(self, head: str, row: Row) -> bytes | None:
        if b"not-by-job" in row.body:
            return None
        key = int(row.destination_id) if row.destination_id else row.match
        return json.dumps([key, json.loads(row.body)]).encode() + b"\n"

    def lines(self, head: str, rows: Columns) -> tuple[bytes, Collection[int]]:
        left = {n for n, body in enumerate(rows.bodies) if b"not-by-job" in body}
        pairs = [[match, json.loads(body)] for match, body in zip(rows.matches, rows.bodies, strict=True)]
        return b"".join(json.dumps(pair).encode() + b"\n" for n, pair in enumerate(pairs) if n not in left), left

    def encode(self, job: Job, lines: Callable[[], bytes]) -> Request:
        def rows() -> list[Any]:
            return [json.loads(line) for line in lines().splitlines()]

        if job.step is JobStep.CREATE:
            body = {"name": job.name, "action": job.action.value, "rows": rows() if self._at_once else None}
            return Request("POST", "/jobs", json.dumps(body).encode())
        if job.step is JobStep.FIND:
            return Request("GET", f"/jobs/{job.name}/named")
        if job.step is JobStep.RESULTS:
            return Request("GET", f"/jobs/{job.id}/results{job.place}")
        if job.step is JobStep.UPLOAD:
            return Request("PUT", f"/jobs/{job.id}/rows", json.dumps(rows()).encode())
        verb = {JobStep.START: "start", JobStep.CANCEL: "cancel"}.get(job.step, "")
        return Request("POST", f"/jobs/{job.id}/{verb}")

    def decode(self, job: Job, response: Response) -> JobAnswer:
        if response.status == 429:
            raise Throttled("slow down", 0.5)
        if response.status == 503:
            raise Unavailable("away")
        if response.status in (400, 409):
            raise BatchRefused("NO", "not in this way")
        return Absent() if response.status == 404 else self._answered(job, json.loads(response.body))

    def _answered(self, job: Job, body: Any) -> JobAnswer:
        match job.step:
            case JobStep.CREATE:
                return Moved(JobStep.POLL if self._at_once else JobStep.UPLOAD, id=str(body))
            case JobStep.FIND:
                return self._found(body)
            case JobStep.POLL:
                return self._polled(body)
            case JobStep.RESULTS:
                return self._results(job, *body)
        return Moved(JobStep.START if job.step is JobStep.UPLOAD else JobStep.POLL)

    @staticmethod
    def _found(body: list[tuple[str, str]]) -> JobAnswer:
        if not body:
            return Absent()
        [(number, state)] = body
        return Moved(JobStep.UPLOAD if state == "open" else JobStep.POLL, id=number)

    def _polled(self, state: str) -> Moved:
        if state == "open":
            return Moved(JobStep.START)
        return Moved(JobStep.POLL, after=0.3) if state == "running" else Moved(JobStep.RESULTS, "0")

    def _results(
        self, job: Job, state: str, rows: list[tuple[int, Any, dict[str, Any]]], more: bool, written: int
    ) -> Page:
        ends: list[tuple[int | str, Outcome]] = []
        taken: list[Taken] = []
        for line, key, result in rows:
            outcome = outcome_of(result)
            if self._at_once and isinstance(outcome, Delivered):
                continue  # nobody is told which rows went well
            if isinstance(outcome, Delivered) and int(job.id or 0) % 3:
                taken.append(Taken([str(key)], [str(outcome.destination_id)], [bool(outcome.created)]))
                continue
            ends.append((line if self._at_once else str(key), outcome))
        then: Moved | Over
        if more:
            then = Moved(JobStep.RESULTS, str(int(job.place) + PAGE))
        elif not self._at_once:
            then = Over(Retry("not processed"))
        else:
            then = Over(Delivered() if state == "done" else Unknown("the job broke off"), written)
        return Page(ends, then, taken)


def outcome_of(result: Mapping[str, Any]) -> Outcome:
    if result["outcome"] == "delivered":
        return Delivered(result["id"], result["created"])
    if result["outcome"] == "found":
        return Retry("there is one, or none")
    return Rejected("BAD", "the name is bad", "name", partly=True)

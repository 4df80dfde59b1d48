"""What a target offers for many rows at once: the steps of a job, as a description and pure functions.

A job is made at the destination, given its rows, started, asked about until it is over, and its results are read. Which
of these steps an API has is the target's affair: an answer says which step is next.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol, runtime_checkable

from penstock.errors import Stop
from penstock.modes import Action, Sync
from penstock.records import Outcome, Request, Response, Row, RowKey


class JobStep(str, Enum):
    """What the next request of a job is for."""

    CREATE = "create"
    UPLOAD = "upload"
    START = "start"
    POLL = "poll"
    RESULTS = "results"
    FIND = "find"
    """look for a job by its name: whether it was created is in doubt"""
    CANCEL = "cancel"


CHANGING = frozenset({JobStep.CREATE, JobStep.UPLOAD, JobStep.START, JobStep.CANCEL})
"""steps that change something there: what they are about is durable before they are sent"""


@dataclass(eq=False)
class Job:
    """One job. What of it is in the ledger finds it again after a death."""

    sync: Sync
    action: Action
    by_id: bool
    """rows are addressed by their destination ids, rather than by their match values"""
    name: str
    """unique; the destination keeps it with the job wherever it can"""
    head: str
    """the target's own description of a row's fields"""
    rows: int = 0
    id: str | None = None
    step: JobStep = JobStep.CREATE
    place: str = ""
    """the page of the results, or whatever else the target wants to know in this step"""


@dataclass(frozen=True)
class Moved:
    """The job goes on with another step, or with the same again, `after` seconds."""

    step: JobStep
    place: str = ""
    id: str | None = None
    after: float = 0.0


@dataclass(frozen=True)
class Over:
    """The job is over. `rest` is what became of the rows that no page of its results has named.

    A Retry sends them by ordinary requests. `written` is how many rows the destination says it has written in all,
    where it says so: if that is less than the rows that no page has named, none of these is believed to be Delivered.
    """

    rest: Outcome
    written: int | None = None
    stop: Stop | None = None
    """why the run must end, where other jobs and requests would fare no better"""


@dataclass(frozen=True)
class Columns:
    """Many rows, column by column. All of them are new, so they go by their match values."""

    keys: Sequence[RowKey]
    marks: Sequence[bytes | None]
    """source marks"""
    texts: Sequence[bytes]
    """source records as they were read"""
    matches: Sequence[str]
    payload: Mapping[str, Sequence[object]]
    """values by field; UNSET where a row has none"""
    bodies: Sequence[bytes]
    fingerprints: Sequence[bytes]
    groups: Sequence[int]
    """as `Row.group`"""

    def __len__(self) -> int:
        return len(self.keys)

    def part(self, keep: Callable[[Sequence[Any]], Sequence[Any]]) -> Columns:
        """Return some of the rows; `keep` takes them out of each column."""
        payload = {name: keep(values) for name, values in self.payload.items()}
        return Columns(
            keep(self.keys),
            keep(self.marks),
            keep(self.texts),
            keep(self.matches),
            payload,
            keep(self.bodies),
            keep(self.fingerprints),
            keep(self.groups),
        )


@dataclass(frozen=True)
class Taken:
    """Rows that the destination took: what they are known by, as in `Page.ends`, their ids, and which were created."""

    who: Sequence[str]
    ids: Sequence[str]
    created: Sequence[bool]


@dataclass(frozen=True)
class Page:
    """Some results: each by the row's number in the job, from 0, or by its match value (its id in a job by ids)."""

    ends: Sequence[tuple[int | str, Outcome]]
    then: Moved | Over
    taken: Iterable[Taken] = ()
    """more of them, many at a time; reading it may raise what `Jobs.decode` may"""


@dataclass(frozen=True)
class Absent:
    """There is no job of that name, or of that id."""


JobAnswer = Moved | Page | Over | Absent


@dataclass(frozen=True)
class JobLimits:
    """What one job may hold, and how many may be open at once."""

    rows: int
    body_bytes: int
    """of all lines; they are read into memory for the request that carries them"""
    open: int
    longest: float
    """seconds after which a job that is not over is cancelled"""
    grouped: bool = False
    """lines of rows of one group stand together, wherever they came. They end with CRLF, which is nowhere else in them,
    and the results do not name rows by their number"""


class Jobs(Protocol):
    """What a target knows of jobs. It never waits, repeats or logs."""

    takes: frozenset[tuple[Action, bool]]
    """actions that a job can do, and whether with rows that are addressed by their ids"""
    tells_ids: bool
    """its results tell the ids of the objects; without them no other row can be linked with these by their row keys"""
    options: frozenset[str]
    """options of a sync that its jobs know: `associate` (links that are fields of a row's own object), `bulk_serial`"""
    carrying: frozenset[JobStep]
    """the steps whose requests hold the rows: without them, after a death, they cannot be made"""
    doubtful: Mapping[JobStep, JobStep]
    """the step to go on with when the answer of one is lost; where it names none, the same again"""

    def limits_of(self, sync: Sync) -> JobLimits:
        """Return what the jobs of a sync may hold."""

    def head(self, sync: Sync, action: Action, *, by_id: bool) -> str:
        """Describe the fields of a job's rows. Rows of two heads do not share a job."""

    def line(self, head: str, row: Row) -> bytes | None:
        """Write a row for the job, with the end of its line; None where it cannot travel by one."""

    def lines(self, head: str, rows: Columns) -> tuple[bytes, Collection[int]]:
        """Write many rows for the job; return them, and the places of those that are left out, for which to ask `line`.

        What can travel by `line` may be left out here; what cannot must be.
        """

    def encode(self, job: Job, lines: Callable[[], bytes]) -> Request:
        """Write the request of a job's present step. `lines` gives the rows, to a step that carries them."""

    def decode(self, job: Job, response: Response) -> JobAnswer:
        """Read the answer of a job's present step, or raise a Refusal or a Stop.

        BatchRefused: the destination does not take the job, or not in this way; its rows go by ordinary requests.
        """


@runtime_checkable
class WithJobs(Protocol):
    """A destination that has jobs."""

    jobs: Jobs


def jobs_of(destination: object) -> Jobs | None:
    """Return what a destination knows of jobs; None where it knows none."""
    return destination.jobs if isinstance(destination, WithJobs) else None


def job_options(destination: object) -> frozenset[str]:
    """Return the options of a sync that a destination's jobs know."""
    jobs = jobs_of(destination)
    return frozenset() if jobs is None else jobs.options


def by_job(destination: object) -> list[Action]:
    """Return the actions that a destination's jobs can do."""
    jobs = jobs_of(destination)
    return [] if jobs is None else [action for action, _ in jobs.takes]

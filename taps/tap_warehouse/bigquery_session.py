"""Jobs of BigQuery, one at a time: in silence, interruptible, added up to what they cost."""

from __future__ import annotations

import contextlib
import logging
import random
import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from google.api_core.exceptions import Conflict, GoogleAPICallError, GoogleAPIError
from google.auth.exceptions import GoogleAuthError
from google.cloud.bigquery import QueryJob, QueryJobConfig
from google.cloud.bigquery.retry import DEFAULT_RETRY
from google.cloud.bigquery_storage import types

from tap_warehouse.bigquery_login import Clients
from tap_warehouse.errors import ReadFault

if TYPE_CHECKING:
    from google.cloud.bigquery import Dataset, SchemaField, Table, TableReference
    from google.cloud.bigquery.table import RowIterator

FAULTS = (GoogleAPIError, GoogleAuthError, OSError)
"""whatever Google's clients raise"""
REQUEST_SECONDS = 300.0
"""for one request, attempts included; a job may take longer"""
SMALL = 1_000
"""Rows up to which an answer is taken as it comes with the job: a session of the Storage Read API costs a second."""
ATTEMPTS = 6
AGAIN = {"backendError", "internalError", "jobBackendError", "jobInternalError", "jobRateLimitExceeded"} | {
    "rateLimitExceeded"
}
"""reasons for which BigQuery asks to run a job once more. What failed has changed nothing."""
CONFLICT = "concurrent update"
"""two transactions that change one table: one of them is told so"""
TOLD = (
    AGAIN
    | {"accessDenied", "billingTierLimitExceeded", "bytesBilledLimitExceeded", "notFound", "quotaExceeded"}
    | {
        "resourcesExceeded",
        "responseTooLarge",
        "stopped",
        "timeout",
    }
)
"""reasons whose text holds no value of a row"""


FRESH = timedelta(seconds=10)
"""A table changed so recently may be changed again within the same tick of BigQuery's clock, or ours may be wrong."""


def reason_of(error: BaseException) -> str:
    """Name BigQuery's reason; empty where it gave none."""
    errors = error.errors if isinstance(error, GoogleAPICallError) else []
    return str(errors[0].get("reason", "")) if errors and isinstance(errors[0], Mapping) else ""


def message_of(error: BaseException) -> str:
    """Take BigQuery's own words, on one line."""
    errors = error.errors if isinstance(error, GoogleAPICallError) else []
    if errors and isinstance(errors[0], Mapping):
        return " ".join(str(errors[0].get("message", "")).split("\n\n")[0].split())
    if isinstance(error, GoogleAPICallError):
        return " ".join(str(error.message).split())
    return " ".join(str(error.args[0] if error.args else "").split())


def said(error: BaseException) -> str:
    """Take from an error what may be repeated: its text, or only its reason where that can quote a value."""
    reason = reason_of(error)
    if isinstance(error, GoogleAPICallError) and reason in TOLD:
        return f"{message_of(error)} ({reason})"
    if isinstance(error, GoogleAuthError):
        return f"Google refuses the login: {message_of(error)}"
    name = reason or type(error).__name__
    return f"error {name} (its text may quote a row, so it is not repeated here)"


def token_of(table: Table, now: datetime) -> str | None:
    """Name a table's state by the time of its last change; None where that does not tell everything.

    Rows in the streaming buffer do not count as a change, those whose partition expires leave without one, and tables
    of other kinds are changed elsewhere.
    """
    partitioning = table.time_partitioning
    odd = (
        table.table_type != "TABLE"
        or table.streaming_buffer is not None
        or (partitioning is not None and partitioning.expiration_ms)
        or any(name in table.to_api_repr() for name in ("biglakeConfiguration", "maxStaleness"))
    )
    if odd or table.modified is None or table.created is None or now - table.modified < FRESH:
        return None
    return f"{table.created.isoformat()}/{table.modified.isoformat()}"


@dataclass(frozen=True)
class Options:
    """What every job is told."""

    dataset: str = ""
    location: str | None = None
    maximum_bytes_billed: int | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    seconds: int | None = None


@dataclass(frozen=True)
class Answer:
    """What a job gave."""

    job: QueryJob
    result: RowIterator

    @property
    def changed(self) -> int:
        """Rows that a statement has changed."""
        return int(self.job.num_dml_affected_rows or 0)


class Session:
    """Runs one statement at a time."""

    def __init__(self, clients: Clients, options: Options, log: logging.Logger) -> None:
        self.client = clients.client
        self.member = clients.member
        self.options = options
        self.log = log
        self._reader = clients.reader
        self._open: Any = None
        self._stop = threading.Event()
        self._running: tuple[str, str | None] | None = None
        self._retry = DEFAULT_RETRY.with_timeout(REQUEST_SECONDS)
        self.jobs, self.seconds = 0, 0.0
        self.processed, self.billed, self.slot_ms = 0, 0, 0

    @property
    def project(self) -> str:
        """The one that pays."""
        return str(self.client.project)

    # What is there

    def table(self, parts: Sequence[str]) -> Table:
        """Look a table up. Google's errors pass through."""
        return self.client.get_table(".".join(parts), retry=self._retry, timeout=REQUEST_SECONDS)

    def dataset(self, name: str) -> Dataset:
        """Look a dataset up, by project.name. Google's errors pass through."""
        return self.client.get_dataset(name, retry=self._retry, timeout=REQUEST_SECONDS)

    def checked(self, statement: str) -> tuple[tuple[SchemaField, ...], int, str | None]:
        """Ask what a query would give, how many bytes it would read, and where. Google's errors pass through."""
        config = self._config()
        config.dry_run, config.use_query_cache = True, False
        job = self._sent(statement, config)
        return tuple(job.schema or ()), int(job.total_bytes_processed or 0), job.location

    # What is run

    def ran(self, statement: str, location: str | None = None) -> Answer:
        """Run a statement to its end, again where BigQuery asks for it. Raises ReadFault."""
        for attempt in range(ATTEMPTS):
            try:
                return self.tried(statement, location)
            except FAULTS as error:  # noqa: PERF203 a job takes a second
                again = reason_of(error) in AGAIN or CONFLICT in message_of(error)
                if not again or attempt + 1 == ATTEMPTS:
                    raise ReadFault(f"the warehouse failed: {said(error)}") from error
                self.log.debug("a job is run again: %s", reason_of(error))
                self._stop.wait(random.uniform(0.5, 1.5) * 2**attempt)  # noqa: S311 no secret
        raise AssertionError

    def tried(self, statement: str, location: str | None = None) -> Answer:
        """Run a statement; what Google raises passes through. Raises ReadFault where we have been told to stop."""
        if self._stop.is_set():
            raise ReadFault("interrupted")
        started = time.monotonic()
        job = None
        try:
            job = self._sent(statement, self._config(), location)
            return Answer(job, job.result(retry=self._retry, job_retry=None))
        finally:
            self._running = None
            self.jobs += 1
            self.seconds += time.monotonic() - started
            if job is not None:
                self._add(job)

    def _sent(self, statement: str, config: QueryJobConfig, location: str | None = None) -> QueryJob:
        """Begin a job under a name of ours, so that it can be cancelled while its request is on the way."""
        name, location = f"penstock-{uuid.uuid4().hex}", location or self.options.location
        if not config.dry_run:
            self._running = name, location
        try:
            job = self.client.query(
                statement, config, name, location=location, retry=self._retry, job_retry=None, timeout=REQUEST_SECONDS
            )
        except Conflict:  # there is such a job: the answer to the first request for it was lost
            job = self.client.get_job(name, location=location, retry=self._retry, timeout=REQUEST_SECONDS)
        if not config.dry_run:
            self._running = name, job.location
        return job

    def _config(self) -> QueryJobConfig:
        options = self.options
        given: dict[str, object] = {
            "labels": {"application": "penstock", **options.labels},
            "maximum_bytes_billed": options.maximum_bytes_billed,
            "job_timeout_ms": None if options.seconds is None else options.seconds * 1000,
            "default_dataset": f"{self.project}.{options.dataset}" if options.dataset else None,
        }
        return QueryJobConfig(**{name: value for name, value in given.items() if value is not None})

    def _add(self, job: QueryJob) -> None:
        self.processed += int(job.total_bytes_processed or 0)
        self.billed += int(job.total_bytes_billed or 0)
        self.slot_ms += int(job.slot_millis or 0)

    # What is read

    def batches(self, statement: str) -> Iterator[pa.RecordBatch]:
        """Run a query and stream its rows in its order. Raises ReadFault; what Google raises later passes through."""
        answer = self.ran(statement)
        stream = self._stream(answer, statement) if (answer.result.total_rows or 0) > SMALL else None
        if stream is None:
            yield from answer.result.to_arrow_iterable(bqstorage_client=None)
        else:
            yield from stream

    def _stream(self, answer: Answer, statement: str) -> Iterator[pa.RecordBatch] | None:
        """Open the result for the Storage Read API; None where that is refused, which is said once.

        One stream, because several would not keep the order.
        """
        if self._reader is None:
            return None
        try:
            self._open = self._open or self._reader()
            session = self._open.create_read_session(
                parent=f"projects/{self.project}",
                read_session=types.ReadSession(
                    table=self.result_table(answer, statement).to_bqstorage(), data_format=types.DataFormat.ARROW
                ),
                max_stream_count=1,
                timeout=60.0,
            )
        except FAULTS as error:
            self._reader = None
            self.log.warning(
                "the Storage Read API cannot be used (%s), so rows come more slowly. It needs the role "
                "roles/bigquery.readSessionUser; to go without it, storage_api: false",
                type(error).__name__,
            )
            return None
        return self._pages(session)

    def result_table(self, answer: Answer, statement: str) -> TableReference:  # noqa: ARG002 for tests
        """Name the table that holds an answer, for a day."""
        return answer.job.destination

    def _pages(self, session: Any) -> Iterator[pa.RecordBatch]:
        schema = pa.ipc.read_schema(pa.py_buffer(session.arrow_schema.serialized_schema))
        for stream in session.streams:
            for page in self._open.read_rows(stream.name):
                data = pa.py_buffer(page.arrow_record_batch.serialized_record_batch)
                yield pa.ipc.read_record_batch(data, schema)

    # The end

    def interrupt(self) -> None:
        """Cancel what is running or being read. From another thread."""
        self._stop.set()
        running = self._running
        with contextlib.suppress(*FAULTS):
            if running is not None:
                self.client.cancel_job(running[0], location=running[1], retry=None, timeout=5.0)
        self._close_reader()

    def close(self, *, costs: bool) -> None:
        """Tell what it cost, and let the connections go."""
        if self.jobs and not self._stop.is_set():
            told = (
                f"; {self.processed / 1e6:,.1f} MB processed, {self.billed / 1e6:,.1f} MB billed, "
                f"{self.slot_ms / 1000:.2f} s of slots"
            )
            waited = f"{self.jobs} jobs, {self.seconds:.2f} s of waiting for them"
            self.log.info("BigQuery: %s%s", waited, told if costs else "")
        self._close_reader()
        with contextlib.suppress(*FAULTS):
            self.client.close()

    def _close_reader(self) -> None:
        reader = self._open
        if reader is not None:
            with contextlib.suppress(Exception):
                reader.transport.close()

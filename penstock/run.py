"""One run of a target: its parts put together, and the loop that drives them to the end."""

from __future__ import annotations

import logging
import os
import select
import signal
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from requests.auth import AuthBase

from penstock import __version__
from penstock.bulk import by_job, job_options, jobs_of
from penstock.checkpoint import Checkpoint
from penstock.counters import ENDS, some, told
from penstock.database import Lock
from penstock.delivery import Delivery, Sender
from penstock.errors import Fault, Interrupted, MalformedInput, Misconfigured, Stop
from penstock.http import Asker, Http, ThreadSender
from penstock.ledger import Ledger
from penstock.mapping import RecordMapper
from penstock.modes import NEVER, Json, Sync
from penstock.policy import Policy, Reserve
from penstock.reading import Reader, RegisterStream
from penstock.records import Destination, Form
from penstock.stateout import StateOut, write_to
from penstock.syncs import ONE_WRITER, Writers, check_abilities, check_overlaps, load_syncs, nearest, parents_by_job

STATE_INTERVAL = 1.0
"""seconds between STATE lines: Meltano stores each one in the loop that also moves the records"""
PROGRESS_INTERVAL = 10.0
TROUBLE_INTERVAL = 60.0
"""seconds between two lines that say why nothing moves"""
STOP_DEADLINE = 25.0
"""seconds that requests in flight get after a signal, or after the run has failed"""
READ_SIZE = 1 << 20
log = logging.getLogger("penstock")


class Signals(Protocol):
    """What came in from the system: how many signals that ask to end, and the last one."""

    count: int
    number: int
    at_once: bool
    """raise Interrupted as soon as one comes in, instead of counting it: there is nothing to wind down yet"""
    writing: bool
    """raise Interrupted when a second one comes in, or the time is up: whoever should read STATE may never do so"""


class Settings(Protocol):
    """What a run needs of its target."""

    name: str

    @property
    def config(self) -> Mapping[str, object]:
        """Return the settings, checked."""

    def base_url(self) -> str:
        """Return the checked base URL of the API."""

    def auth(self) -> AuthBase:
        """Return what signs requests."""

    def destination(self) -> Destination:
        """Return the description of the destination."""


class Carrier(Sender, Protocol):
    """A sender that a run can wait for."""

    def fileno(self) -> int:
        """Return a descriptor that is readable when there are answers to take."""

    def wakeup_fd(self) -> int:
        """Return a descriptor that makes `fileno` readable when something is written to it."""


def unread(pending: Sequence[str]) -> str:
    """Say which streams a run has left pending, as what follows `delivered`."""
    if not pending:
        return ""
    return (
        f"; pending: {', '.join(pending)}: run again, so that the whole model is read (with a tap that keeps no "
        f"bookmarks say `penstock settle {pending[0] if len(pending) == 1 else 'STREAM'}` after that)"
    )


def describe_defect(error: Exception) -> Fault:
    """Describe an error nobody expected by its place; its text may hold values of a record."""
    frames = "".join(traceback.format_tb(error.__traceback__))
    log.error("unexpected %s at\n%s", type(error).__name__, frames)
    return Fault(f"unexpected {type(error).__name__}", "this is a defect of Penstock: please report the lines above")


class Run:
    """One run of a target."""

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger,
        root: Path,
        register: RegisterStream,
        signals: Signals,
        source: int,
        state_out: int,
        sender: Carrier | None = None,
    ) -> None:
        """Put the parts together. `sender` is given by tests and benchmarks that need no network."""
        self._settings = settings
        self._ledger = ledger
        self._root = root
        self._signals = signals
        self._source = source
        self._locks: list[Lock] = []
        self._syncs: dict[str, Sync] = {}
        self._writers = Writers()
        self._input_error: Stop | None = None
        self._destination = settings.destination()
        http = Http(
            settings.base_url(),
            settings.auth(),
            f"penstock/{__version__} ({settings.name})",
            ca_file=self._ca_file(),
            deadline=self._number("request_timeout", "seconds", 86_400) or 60.0,
        )
        self._ask = Asker(http, self._destination.limits.window)
        self._checkpoint = Checkpoint()
        self._sender: Carrier = sender or ThreadSender(http, self._destination.limits.concurrency)
        reserve = Reserve.parse(str(settings.config.get("quota_reserve") or 0))
        policy = Policy(quota_reserve=reserve, host=urlsplit(settings.base_url()).hostname or "")
        self._delivery = Delivery(self._destination, ledger, self._sender, self._checkpoint, policy)
        self._reader = Reader(
            self._delivery, self._checkpoint, self._sync_for, self._make_mapper, register, time.monotonic
        )
        self._write = write_to(state_out)
        self._state_out = StateOut(self._checkpoint, self._reader.bookmarks, self._print, STATE_INTERVAL)
        self._keep_days = (
            self._number("ledger_keep_days", "days", 36_500) or 400.0,
            self._number("rejects_keep_days", "days", 36_500),
        )
        self._next_progress = time.monotonic() + PROGRESS_INTERVAL
        self._next_trouble = 0.0
        # The signal's own byte ends the wait in `select`; the handler alone would not.
        signal.set_wakeup_fd(self._sender.wakeup_fd(), warn_on_full_buffer=False)

    def _print(self, line: bytes) -> None:
        self._signals.writing = True
        try:
            self._write(line)
        finally:
            self._signals.writing = False

    def _number(self, setting: str, unit: str, most: float) -> float | None:
        given = self._settings.config.get(setting)
        if given is None:
            return None
        if not isinstance(given, int | float | Decimal) or not 0 < given <= most:
            raise Misconfigured(f"setting {setting}: expected a number of {unit} above 0, at most {most:.0f}")
        return float(given)

    def _ca_file(self) -> Path | None:
        name = self._settings.config.get("ca_file")
        return self._root / str(name) if name else None

    def to_the_end(self) -> Stop | None:
        """Check, read, deliver, print STATE until the end. Returns why the run ended, None when all went well."""
        stop: Stop | None
        number = self._ledger.begin_run()
        try:
            self._prepare(number)
            self._signals.at_once = False
            stop = self._loop()
        except Stop as error:
            stop = self._after_failure(error)
        except Exception as error:
            stop = self._after_failure(describe_defect(error))
        return self._close(number, stop)

    def _prepare(self, number: int) -> None:
        """Check configuration and credentials, before anything is read."""
        config = self._settings.config
        file = config.get("syncs_file")
        self._syncs = load_syncs(config.get("syncs"), str(file) if file else None, self._root)
        jobs = jobs_of(self._destination)
        if jobs is not None and not jobs.tells_ids:
            for name in parents_by_job(self._syncs):
                self._syncs[name] = replace(self._syncs[name], bulk_above=NEVER)
                log.info("sync %s: no jobs: other syncs are linked with its rows, whose ids a job does not tell", name)
        check_overlaps(self._syncs.values())
        account = self._destination.account(self._ask)
        self._check_syncs()
        self._ledger.bind_account(account)
        self._reader.bookmarks.withheld.update(self._ledger.register.pending())
        log.info("run %d: account %s, ledger %s", number, account, self._ledger.name)

    def _after_failure(self, stop: Stop) -> Stop:
        """Print what was earned before the failure; open intents stay open, so the next run doubts them."""
        self._ledger.rollback()
        try:
            self._state_out.turn(time.monotonic(), last=True)
        except Stop:
            log.warning("the last STATE could not be printed either")
        return stop

    def _loop(self) -> Stop | None:
        ended = False
        while True:
            now = time.monotonic()
            self._delivery.turn(now, flush=ended)
            self._state_out.turn(now)
            self._progress(now)
            if self._signals.count:
                self._delivery.stop(Interrupted(self._signals.number))
            if self._delivery.stopped is not None:
                return self._wind_down(self._delivery.stopped)
            if ended and self._delivery.idle:
                self._state_out.turn(now, last=True)
                return self._finish(now)
            reading = not ended and self._delivery.room
            if reading and self._reader.busy:
                ended = self._read(self._reader.advance)
            elif self._wait(now, reading=reading):
                chunk = os.read(self._source, READ_SIZE)
                ended = self._read(partial(self._reader.feed, chunk) if chunk else self._reader.end)
            elif reading:
                self._reader.flush()  # the tap is quiet: what has come must not wait for its next line

    def _read(self, take: Callable[[], bool | None]) -> bool:
        """Let the reader take input; return whether it ended. What came before a malformed line is delivered first."""
        try:
            return bool(take())
        except (MalformedInput, Misconfigured) as stop:
            self._input_error = stop
            self._delivery.cut_off()
        return True

    def _finish(self, now: float) -> Stop | None:
        self._balance()
        verdict = self._delivery.verdict(self._input_error)
        self._reader.look_at_pending()
        self._state_out.turn(now, last=True)  # with the bookmarks of syncs that are pending no more
        return verdict

    def _balance(self) -> None:
        """Hold the counts against each other: a row that is nowhere would be a lost row."""
        if self._checkpoint.unsettled != self._delivery.withheld:
            raise AssertionError("rows are unsettled at the end of the run")
        for stream, opened in self._delivery.syncs.items():
            c = opened.counts
            if c["read"] + c["swept"] + c["replayed"] != sum(c[end] for end in ENDS):
                raise AssertionError(f"the counts of stream {stream} do not add up")

    def _wait(self, now: float, *, reading: bool) -> bool:
        """Wait for input, an answer, a signal or the next due time; return whether there is input."""
        due = [self._next_progress, *([d] if (d := self._delivery.next_due(now)) is not None else [])]
        if self._state_out.next_at > now:
            due.append(self._state_out.next_at)
        readers = [self._sender.fileno(), *([self._source] if reading else [])]
        readable, _, _ = select.select(readers, [], [], max(0.0, min(due) - now))
        return self._source in readable

    def _wind_down(self, stop: Stop) -> Stop:
        """Give requests in flight their time, take what they answer, print what was earned."""
        ends = time.monotonic() + STOP_DEADLINE
        while self._delivery.in_flight and time.monotonic() < ends and self._signals.count < 2:
            select.select([self._sender.fileno()], [], [], max(0.0, min(0.5, ends - time.monotonic())))
            self._delivery.turn(time.monotonic())
        self._delivery.abandon()
        self._state_out.turn(time.monotonic(), last=True)
        return stop

    def _close(self, number: int, stop: Stop | None) -> Stop | None:
        counts = {name: dict(opened.counts) for name, opened in self._delivery.syncs.items()}
        ending = f"delivered{unread(self.pending)}" if stop is None else f"{stop.name}: {stop.message}"
        try:
            self._ledger.end_run(stop.exit_code if stop else 0, ending, self._calls, counts)
            self._ledger.upkeep.trim(*self._keep_days)
            self._ledger.close()
        except Stop as error:
            stop = stop or error
        for stream, opened in counts.items():
            log.info("stream %s: %s", stream, told(opened))
        log.info("run %d: %d API calls", number, self._calls)
        return stop

    def _progress(self, now: float) -> None:
        if now < self._next_progress:
            return
        self._next_progress = now + PROGRESS_INTERVAL
        read = sum(opened.counts["read"] for opened in self._delivery.syncs.values())
        log.info("read %d rows, %d not settled yet, %d API calls", read, self._checkpoint.unsettled, self._calls)
        trouble = self._delivery.pace.trouble
        if trouble and now >= self._next_trouble:
            self._next_trouble = now + TROUBLE_INTERVAL
            log.warning("%s", trouble)

    @property
    def _calls(self) -> int:
        return self._ask.calls + self._delivery.calls

    @property
    def refused(self) -> int:
        """Return how many rows were refused in this run."""
        return sum(opened.refused for opened in self._delivery.syncs.values())

    @property
    def pending(self) -> list[str]:
        """Return the streams of this run whose models the next run has to read as a whole."""
        return [stream for stream, opened in self._delivery.syncs.items() if opened.pending]

    # -- what the reader asks -----------------------------------------------------------------------------

    def _check_syncs(self) -> None:
        """Check every configured sync against the live description, before anything is sent."""
        mistakes = [mistake for sync in self._syncs.values() for mistake in self._mistakes(sync)]
        if mistakes:
            raise Misconfigured(mistakes)

    def _mistakes(self, sync: Sync) -> list[str]:
        try:
            check_abilities(
                sync,
                self._destination.abilities,
                by_job(self._destination),
                job_options=job_options(self._destination),
            )
            if sync.fields is None:  # they are known when the SCHEMA is
                return []
            return self._overlaps(sync, self._destination.form(sync, None, (), self._ask))
        except Misconfigured as error:
            return error.mistakes

    def _overlaps(self, sync: Sync, form: Form) -> list[str]:
        wrote = [*form.fields, *form.makes]
        return self._writers.overlaps(sync.stream, form.object or sync.object, wrote, form.match)

    def _sync_for(self, stream: str, keys: Sequence[str]) -> Sync:
        """Return the sync of a stream, with its lock taken; without an entry it syncs as Singer people expect."""
        if stream not in self._delivery.syncs:
            if self._syncs and stream not in self._syncs:
                self._warn_of_missing(stream)
            started_at = datetime.now(timezone.utc).isoformat(timespec="seconds")
            self._locks.append(self._ledger.lock(stream, started_at))
        return self._syncs.get(stream) or Sync(stream, stream, match=keys[0] if len(keys) == 1 else None)

    def _warn_of_missing(self, stream: str) -> None:
        """Tell a stream without a sync from one whose sync is misspelt."""
        meant = nearest(stream, [name for name in self._syncs if name not in self._delivery.syncs])
        if meant:
            raise Misconfigured(
                f"stream {stream} has no sync{meant}", "name the sync as the stream is named, or deselect the stream"
            )
        log.warning("stream %s has no sync of its own; its fields go by name", stream)

    def _make_mapper(self, sync: Sync, columns: Mapping[str, Json], keys: list[str]) -> RecordMapper:
        form = self._destination.form(sync, columns, keys, self._ask)
        if mistakes := self._overlaps(sync, form):
            raise Misconfigured(mistakes, ONE_WRITER)
        if form.note:
            log.info("sync %s: %s", sync.stream, form.note)
        mapper = RecordMapper(sync, form, columns, keys)
        self._tell_of_old_links(sync, mapper)
        return mapper

    def _tell_of_old_links(self, sync: Sync, mapper: RecordMapper) -> None:
        """Say that links stay at the destination which the sync has made under a name that it does not use any more."""
        number = self._ledger.register.find(sync.stream)
        if number is None or (mapper.abilities and mapper.abilities.members):
            return
        if self._ledger.register.rules(number) in (None, mapper.rules):
            return
        for name, count in self._ledger.links.other_than(number, [link.name for link in sync.links]).items():
            log.warning(
                "sync %s: %s made as %s, which is not among its `associate` any more: what is there stays as it is",
                sync.stream,
                f"{some(count, 'link')} {'was' if count == 1 else 'were'}",
                name,
            )

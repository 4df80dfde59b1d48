"""The Singer side of a target: singer-sdk's settings, `--about` and stream maps around a loop of our own.

What singer-sdk does well stays its own. Replaced are reading, STATE, signals and record validation: its loop prints a
STATE past rows in flight on SIGTERM, and none at all while a long load runs. Everything that knows about singer-sdk's
insides, the environment, the clock and the process is in this module alone.
"""

from __future__ import annotations

import abc
import logging
import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from types import FrameType
from typing import IO, Any, ClassVar, cast

from requests.auth import AuthBase
from singer_sdk import Sink, Target
from singer_sdk import typing as th
from singer_sdk.helpers.capabilities import CapabilitiesEnum, PluginCapabilities
from singer_sdk.mapper import RemoveRecordTransform
from singer_sdk.plugin_base import JSONSchemaValidator, _ConfigInput

from penstock import __version__
from penstock.auth import Secret, redact_logs
from penstock.checkpoint import Checkpoint
from penstock.delivery import Delivery, Policy
from penstock.errors import Fault, Interrupted, Misconfigured, Stop
from penstock.files import SyncLock
from penstock.http import Http, ThreadSender, asker
from penstock.ledger import Ledger
from penstock.mapping import RecordMapper
from penstock.reading import Reader, StreamMap
from penstock.records import Ask, Destination, Json, Sync
from penstock.settlement import told
from penstock.syncs import load_syncs, nearest

STATE_INTERVAL = 1.0
"""seconds between STATE lines: Meltano stores each one in the loop that also moves the records"""
PROGRESS_INTERVAL = 10.0
STOP_DEADLINE = 25.0
"""seconds that requests in flight get after a signal, or after the run has failed"""
READ_SIZE = 1 << 20
log = logging.getLogger("penstock")

CORE_SETTINGS = [
    th.Property("syncs", th.ObjectType(additional_properties=True), description="What goes where, by stream."),
    th.Property("syncs_file", th.StringType, description="A YAML file with the syncs, relative to the project."),
    th.Property(
        "ledger_path",
        th.StringType,
        description="The ledger's file. Default: .penstock/<plugin>-<environment>.db in the project.",
    ),
]


class _NoSink(Sink):
    """singer-sdk wants a sink class; nothing calls it."""

    def process_batch(self, context: dict[str, Any]) -> None:  # noqa: ARG002
        """Never called."""
        raise AssertionError("Penstock delivers without sinks")


class PenstockTarget(Target, metaclass=abc.ABCMeta):
    """A Singer target on the delivery core. A subclass says where requests go and what they look like."""

    default_sink_class = _NoSink
    capabilities: ClassVar[list[CapabilitiesEnum]] = [PluginCapabilities.ABOUT, PluginCapabilities.STREAM_MAPS]
    _signals: int = 0
    _signum: int = 0

    @abc.abstractmethod
    def base_url(self) -> str:
        """Return the checked base URL of the API."""

    @abc.abstractmethod
    def auth(self) -> AuthBase:
        """Return what signs requests."""

    @abc.abstractmethod
    def destination(self) -> Destination:
        """Return the description of the destination."""

    @abc.abstractmethod
    def secrets(self) -> list[Secret]:
        """Return what must never be shown."""

    @classmethod
    def append_builtin_config(cls, config_jsonschema: dict[str, Any]) -> None:
        """Offer the built-in settings that are honoured here, and no others."""
        super(Target, cls).append_builtin_config(config_jsonschema)

    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        """Check the settings; singer-sdk's own messages hold the values."""
        schema = self.config_jsonschema
        self.append_builtin_config(schema)
        mistakes = [
            f"setting {name}: unknown{nearest(name, schema['properties'])}"
            for name in self._config
            if name not in schema["properties"]
        ]
        for error in JSONSchemaValidator(schema).iter_errors(self._config):
            where = ".".join(str(part) for part in error.absolute_path)
            if error.validator == "required":
                missing = [n for n in error.validator_value if n not in error.instance]
                mistakes += [f"setting {'.'.join(filter(None, (where, n)))}: is required" for n in missing]
            else:
                mistakes.append(f"setting {where}: does not meet `{error.validator}: {error.validator_value}`")
        if mistakes and raise_errors:
            raise Misconfigured(sorted(set(mistakes)))
        return mistakes

    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """Note the signal; the loop ends the run."""
        self._signum = signum
        self._signals += 1

    @classmethod
    def invoke(  # type: ignore[override]
        cls,
        *,
        about: bool = False,
        about_format: str | None = None,
        config: _ConfigInput | None = None,
        file_input: IO[str] | None = None,
    ) -> None:
        """Run the target and end the process with the exit code of the run."""
        super(Target, cls).invoke(about=about, about_format=about_format)
        raise SystemExit(run_target(cls, config or _ConfigInput(), file_input))


def run_target(cls: type[PenstockTarget], config: _ConfigInput, file_input: IO[str] | None) -> int:
    """Run a target from its settings to its exit code; the last line on stderr names the class and what to do."""
    try:
        state_out = os.dup(1)
        os.dup2(2, 1)  # what a library prints must not reach the STATE channel
    except OSError:
        return _last_line(
            cls.name, Fault("standard output is closed, so no STATE could be printed", "give it a reader")
        )
    source = file_input.fileno() if file_input is not None else 0
    try:
        # singer-sdk tells at INFO which settings it does not read from the environment.
        logging.getLogger(cls.name).setLevel(logging.WARNING)
        target = cls(config=config.config, parse_env_config=config.parse_env)
        redact_logs(target.secrets())
        run = Run(target, source, state_out)
    except Stop as stop:
        return _last_line(cls.name, stop)
    except Exception as error:
        return _last_line(cls.name, _defect(error))
    return _last_line(cls.name, run.to_the_end())


def _defect(error: Exception) -> Fault:
    """Describe an error nobody expected by its place; its text may hold values of a record."""
    frames = "".join(traceback.format_tb(error.__traceback__))
    log.error("unexpected %s at\n%s", type(error).__name__, frames)
    return Fault(f"unexpected {type(error).__name__}", "this is a defect of Penstock: please report the lines above")


def _last_line(name: str, stop: Stop | None) -> int:
    if stop is None:
        sys.stderr.write(f"{name}: exit 0, delivered\n")
        return 0
    if isinstance(stop, Misconfigured) and len(stop.mistakes) > 1:
        sys.stderr.writelines(f"{name}: {mistake}\n" for mistake in stop.mistakes)
        what = f"{len(stop.mistakes)} mistakes, listed above"
    else:
        what = stop.message
    sys.stderr.write(f"{name}: exit {stop.exit_code}, {stop.name}: {what}. What to do: {stop.advice or 'see above'}\n")
    sys.stderr.flush()
    return stop.exit_code


def project_root() -> Path:
    """Return the Meltano project, or the current folder outside of one."""
    return Path(os.environ.get("MELTANO_PROJECT_ROOT") or Path.cwd())


def default_ledger(name: str) -> Path:
    """Return where a plugin's ledger lies when nothing is set."""
    plugin = os.environ.get("MELTANO_LOADER_NAME") or name
    environment = os.environ.get("MELTANO_ENVIRONMENT")
    return project_root() / ".penstock" / f"{'-'.join(filter(None, (plugin, environment)))}.db"


class Run:
    """One run of a target: its parts, put together, and the loop that drives them."""

    def __init__(self, target: PenstockTarget, source: int, state_out: int) -> None:
        self._target = target
        self._source = source
        self._state_out = state_out
        self._locks: list[SyncLock] = []
        self._syncs = load_syncs(target.config.get("syncs"), target.config.get("syncs_file"), project_root())
        self._destination = target.destination()
        http = Http(target.base_url(), target.auth(), f"penstock/{__version__} ({target.name})")
        self._ask: Ask = asker(http, self._destination.limits.window)
        account = self._destination.account(self._ask)
        self._check_syncs()
        ledger_path = target.config.get("ledger_path")
        path = project_root() / ledger_path if ledger_path else default_ledger(target.name)
        self._ledger = Ledger(path, version=__version__)
        self._ledger.bind_account(account)
        self._checkpoint = Checkpoint()
        self._sender = ThreadSender(http, self._destination.limits.concurrency)
        self._delivery = Delivery(self._destination, self._ledger, self._sender, self._checkpoint, Policy())
        self._reader = Reader(
            self._delivery, self._checkpoint, self._sync_for, self._make_mapper, self._stream_maps, time.monotonic
        )
        self._run = self._ledger.begin_run()
        self._next_state = 0.0
        self._next_progress = time.monotonic() + PROGRESS_INTERVAL
        # The signal's own byte ends the wait in `select`; the handler alone would not.
        signal.set_wakeup_fd(self._sender.wakeup_fd(), warn_on_full_buffer=False)
        log.info("run %d: account %s, ledger %s", self._run, account, path)

    def to_the_end(self) -> Stop | None:
        """Read, deliver, print STATE until the end. Returns why the run ended, None when all went well."""
        stop: Stop | None
        try:
            stop = self._loop()
        except Stop as error:
            stop = self._after_failure(error)
        except Exception as error:
            stop = self._after_failure(_defect(error))
        return self._close(stop)

    def _after_failure(self, stop: Stop) -> Stop:
        """Print what was earned before the failure; open intents stay open, so the next run doubts them."""
        try:
            self._print_state(time.monotonic(), last=True)
        except Stop:
            log.warning("the last STATE could not be printed either")
        return stop

    def _loop(self) -> Stop | None:
        ended = False
        while True:
            now = time.monotonic()
            self._delivery.turn(now, flush=ended)
            self._print_state(now)
            self._progress(now)
            if self._signals_seen():
                self._delivery.stop(Interrupted(self._target._signum))
            if self._delivery.stopped is not None:
                return self._wind_down(self._delivery.stopped)
            if ended and self._delivery.idle:
                self._print_state(now, last=True)
                return self._verdict()
            reading = not ended and self._delivery.room
            if self._wait(now, reading=reading):
                chunk = os.read(self._source, READ_SIZE)
                ended = self._feed(chunk)

    def _feed(self, chunk: bytes) -> bool:
        """Hand input to the reader; return whether it ended. What came before a malformed line is delivered first."""
        try:
            if chunk:
                self._reader.feed(chunk)
                return False
            self._reader.end()
        except Stop as stop:
            self._input_error = stop
        return True

    _input_error: Stop | None = None

    def _verdict(self) -> Stop | None:
        self._balance()
        return self._input_error or self._delivery.verdict()

    def _balance(self) -> None:
        """Hold the counts against each other: a row that is nowhere would be a lost row."""
        if self._checkpoint.unsettled:
            raise AssertionError("rows are unsettled at the end of the run")
        for stream, opened in self._delivery.syncs.items():
            c = opened.counts
            ends = ("unchanged", "created", "updated", "invalid", "rejected", "coalesced", "filtered")
            if c["read"] != sum(c[end] for end in ends):
                raise AssertionError(f"the counts of stream {stream} do not add up")

    def _wait(self, now: float, *, reading: bool) -> bool:
        """Wait for input, an answer, a signal or the next due time; return whether there is input."""
        due = [self._next_progress, *([d] if (d := self._delivery.next_due(now)) is not None else [])]
        if self._next_state > now:
            due.append(self._next_state)
        readers = [self._sender.fileno(), *([self._source] if reading else [])]
        readable, _, _ = select.select(readers, [], [], max(0.0, min(due) - now))
        return self._source in readable

    def _wind_down(self, stop: Stop) -> Stop:
        """Give requests in flight their time, take what they answer, print what was earned."""
        ends = time.monotonic() + STOP_DEADLINE
        while self._delivery.in_flight and time.monotonic() < ends and self._signals_seen() < 2:
            select.select([self._sender.fileno()], [], [], max(0.0, min(0.5, ends - time.monotonic())))
            self._delivery.turn(time.monotonic())
        self._delivery.abandon()
        self._print_state(time.monotonic(), last=True)
        return stop

    def _close(self, stop: Stop | None) -> Stop | None:
        counts = {name: dict(opened.counts) for name, opened in self._delivery.syncs.items()}
        ending = "delivered" if stop is None else f"{stop.name}: {stop.message}"
        try:
            self._ledger.end_run(stop.exit_code if stop else 0, ending, self._delivery.calls, counts)
            self._ledger.close()
        except Stop as error:
            stop = stop or error
        for stream, opened in counts.items():
            log.info("stream %s: %s", stream, told(opened))
        log.info("run %d: %d API calls", self._run, self._delivery.calls)
        return stop

    def _signals_seen(self) -> int:
        return self._target._signals

    def _print_state(self, now: float, *, last: bool = False) -> None:
        """Print the newest STATE that is earned, at most one per interval, each in one write."""
        if now < self._next_state and not last:
            return
        state = self._checkpoint.release()
        if state is None:
            return
        self._next_state = now + STATE_INTERVAL
        line = state + b"\n"
        try:
            while line:
                line = line[os.write(self._state_out, line) :]
        except OSError as error:
            raise Fault(
                f"STATE could not be written to standard output: {error.strerror}",
                "whoever runs the target has gone or its disk is full; run again",
            ) from error

    def _progress(self, now: float) -> None:
        if now < self._next_progress:
            return
        self._next_progress = now + PROGRESS_INTERVAL
        read = sum(opened.counts["read"] for opened in self._delivery.syncs.values())
        log.info(
            "read %d rows, %d not settled yet, %d API calls", read, self._checkpoint.unsettled, self._delivery.calls
        )

    # -- what the reader asks -----------------------------------------------------------------------------

    def _check_syncs(self) -> None:
        """Check every configured sync against the live description, before anything is sent."""
        mistakes: list[str] = []
        for sync in self._syncs.values():
            if sync.fields is not None:
                try:
                    self._destination.form(sync, None, (), self._ask)
                except Misconfigured as error:
                    mistakes += error.mistakes
        if mistakes:
            raise Misconfigured(mistakes)

    def _sync_for(self, stream: str, keys: Sequence[str]) -> Sync:
        """Return the sync of a stream, with its lock taken; without an entry it syncs as Singer people expect."""
        if stream not in self._delivery.syncs:
            if self._syncs and stream not in self._syncs:
                log.warning(
                    "stream %s has no sync of its own; fields go by name%s", stream, nearest(stream, self._syncs)
                )
            lock = SyncLock(self._ledger.path, stream)
            lock.take(datetime.now(timezone.utc).isoformat(timespec="seconds"))
            self._locks.append(lock)
        return self._syncs.get(stream) or Sync(stream, stream, match=keys[0] if len(keys) == 1 else None)

    def _make_mapper(self, sync: Sync, columns: Mapping[str, Json], keys: list[str]) -> RecordMapper:
        return RecordMapper(sync, self._destination.form(sync, columns, keys, self._ask), columns, keys)

    def _stream_maps(self, stream: str, schema: dict[str, Json], keys: list[str] | None) -> list[StreamMap]:
        """Let singer-sdk make the stream maps, where the user configured any."""
        if not self._target.config.get("stream_maps"):
            return []
        mapper = self._target.mapper
        mapper.register_raw_stream_schema(stream, schema, keys)
        return [cast("StreamMap", m) for m in mapper.stream_maps[stream] if not isinstance(m, RemoveRecordTransform)]

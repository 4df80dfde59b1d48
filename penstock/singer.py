"""The Singer side of a target: singer-sdk's settings, `--about` and stream maps around a loop of our own.

What singer-sdk does well stays its own. Replaced are reading, STATE, signals and record validation: its loop prints a
STATE past rows in flight on SIGTERM, and none at all while a long load runs. Everything that knows about singer-sdk's
insides, the environment and the process is in this module alone; the loop itself is in `run`.
"""

from __future__ import annotations

import abc
import contextlib
import ctypes
import gc
import json
import logging
import os
import select
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO, Any, ClassVar, cast

import click
from requests.auth import AuthBase
from singer_sdk import Sink, Target
from singer_sdk import typing as th
from singer_sdk.about import AboutInfo, TextFormatter
from singer_sdk.helpers.capabilities import CapabilitiesEnum, PluginCapabilities
from singer_sdk.mapper import RemoveRecordTransform
from singer_sdk.plugin_base import JSONSchemaValidator, _ConfigInput

from penstock import __version__
from penstock.auth import Secret, needed, redact_logs
from penstock.check import check
from penstock.counters import some
from penstock.database import Database
from penstock.errors import Busy, Fault, Interrupted, Misconfigured, Stop
from penstock.ledger import Ledger
from penstock.modes import Json
from penstock.places import open_url, url_secrets
from penstock.reading import StreamMap
from penstock.records import Destination
from penstock.rejects import DAY, PARK_AFTER
from penstock.run import STOP_DEADLINE, Run, describe_defect, unread
from penstock.syncs import nearest

DRAIN_SECONDS = 10.0
"""how long input is read and thrown away after a failure, at most"""
DRAIN_SILENCE = 0.5
"""how long the tap may be silent meanwhile"""
DRAIN_FIRST = 5.0
"""how long it may take to begin, where a wrong setting ended us before it had said anything"""

CORE_SETTINGS = [
    th.Property("syncs", th.ObjectType(additional_properties=True), description="What goes where, by stream."),
    th.Property("syncs_file", th.StringType, description="A YAML file with the syncs, relative to the project."),
    th.Property(
        "ledger_path",
        th.StringType,
        description="The ledger's file. Default: .penstock/<plugin>-<environment>.db in the project.",
    ),
    th.Property(
        "quota_reserve",
        th.StringType,
        description="Calls of the daily quota that are left to others: a number, or a share such as 10%. Default: 0.",
    ),
    th.Property(
        "ledger_url",
        th.StringType,
        secret=True,
        description="Instead of ledger_path: postgresql://user:password@host/database (extra `penstock[postgres]`).",
    ),
    th.Property(
        "ledger_keep_days",
        th.NumberType,
        default=400,
        description="Days after which the ledger forgets past runs and rows that have left the source.",
    ),
    th.Property(
        "rejects_keep_days",
        th.NumberType,
        description="Days after which refused rows are given up. Default: kept until they pass or are dropped.",
    ),
    th.Property(
        "park_rejects_after_days",
        th.NumberType,
        default=14,
        description="Days of the same refusal after which a row is only tried when it changes or on `penstock retry`.",
    ),
    th.Property(
        "request_timeout",
        th.NumberType,
        default=60,
        description="Seconds that a request may take in all, from connecting to the last byte of its answer.",
    ),
    th.Property("ca_file", th.StringType, description="A file with the certificates of the CAs to trust instead."),
]

GARBAGE = 50_000
"""objects made, less those gone, from which on garbage is looked for: rows come by the thousand and are none"""
LARGE = 2**20
"""bytes from which on memory is given back as soon as it is free"""
_MMAP_THRESHOLD = -3
"""what the C library of Linux calls that"""


class _About(TextFormatter, format_name="text"):
    """What `--about` prints: singer-sdk's own leaves out what a setting is for, and its default."""

    def format_about(self, about_info: AboutInfo) -> str:
        """Render it."""
        head, _, _ = super().format_about(about_info).partition("Settings:\n")
        lines = [f"{head}Settings:"]
        for name, schema in about_info.settings.get("properties", {}).items():
            kinds = schema.get("type")
            kind = " or ".join(each for each in ([kinds] if isinstance(kinds, str) else kinds or ()) if each != "null")
            lines += [
                f"  - Name: {name}",
                f"    Type: {kind}",
                f"    Environment Variable: {about_info.env_var_prefix}{name.upper().replace('-', '_')}",
            ]
            lines += [f"    Default: {json.dumps(schema['default'])}"] if "default" in schema else []
            lines += [f"    Description: {schema['description']}"] if schema.get("description") else []
        return "\n".join(lines)


class _NoSink(Sink):
    """singer-sdk wants a sink class; nothing calls it."""

    def process_batch(self, context: dict[str, Any]) -> None:  # noqa: ARG002
        """Never called."""
        raise AssertionError("Penstock delivers without sinks")


@dataclass
class SignalCount:
    """The signals this process got that ask it to end."""

    count: int = 0
    number: int = 0
    at_once: bool = False
    writing: bool = False


class PenstockTarget(Target, metaclass=abc.ABCMeta):
    """A Singer target on the delivery core. A subclass says where requests go and what they look like."""

    default_sink_class = _NoSink
    signals = SignalCount()
    capabilities: ClassVar[list[CapabilitiesEnum]] = [
        PluginCapabilities.ABOUT,
        PluginCapabilities.BATCH,
        PluginCapabilities.STREAM_MAPS,
    ]

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
                mistakes += [needed(n, self.name) for n in missing]
            else:
                mistakes.append(f"setting {where}: does not meet `{error.validator}: {error.validator_value}`")
        if mistakes and raise_errors:
            raise Misconfigured(sorted(set(mistakes)))
        return mistakes

    @classmethod
    def cb_config(cls, ctx: click.Context, param: click.Option, value: tuple[str, ...]) -> Any:
        """Read the configuration files; singer-sdk would end with a traceback where one cannot be read."""
        try:
            return super().cb_config(ctx, param, value)
        except (OSError, ValueError, TypeError):
            files = ", ".join(path for path in value if path != "ENV")
        raise SystemExit(_last_line(cls.name, Misconfigured(f"--config: {files} cannot be read as a JSON object")))

    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """Note the signal; the loop ends the run. When its time is up, that is as good as another signal."""
        signals = self.signals
        signals.number = signals.number if signum == signal.SIGALRM else signum
        signals.count += 1
        if signals.at_once or (signals.writing and signals.count > 1):
            raise Interrupted(signals.number)
        if signals.count == 1:
            signal.signal(signal.SIGALRM, self._handle_termination)
            signal.setitimer(signal.ITIMER_REAL, STOP_DEADLINE, 1.0)

    def register_stream(self, stream: str, schema: dict[str, Json], keys: list[str] | None) -> list[StreamMap] | None:
        """Let singer-sdk make the stream maps, where the user configured any; none are left of a removed stream."""
        if self.config.get("stream_maps") is None:  # singer-sdk takes `__else__` out of it: it may be empty by now
            return None
        try:
            self.mapper.register_raw_stream_schema(stream, schema, keys)
            maps = self.mapper.stream_maps[stream]
        except Exception as error:  # whatever singer-sdk makes of a rule that it cannot use
            raise Misconfigured(
                f"setting stream_maps: a rule for stream {stream} cannot be used ({type(error).__name__})"
            ) from error
        return [cast("StreamMap", m) for m in maps if not isinstance(m, RemoveRecordTransform)]

    @classmethod
    def get_singer_command(cls) -> click.Command:
        """Offer `--test` beside singer-sdk's own options."""
        command = super().get_singer_command()
        text = "Check settings, credentials and syncs at the destination, and end; nothing is read or written."
        command.params.append(click.Option(["--test"], is_flag=True, help=text))
        return command

    @classmethod
    def invoke(  # type: ignore[override]
        cls,
        *,
        about: bool = False,
        about_format: str | None = None,
        config: _ConfigInput | None = None,
        file_input: IO[str] | None = None,
        test: bool = False,
    ) -> None:
        """Run the target and end the process with the exit code of the run."""
        super(Target, cls).invoke(about=about, about_format=about_format)
        if test:
            raise SystemExit(check_target(cls, config or _ConfigInput()))
        code = run_target(cls, config or _ConfigInput(), file_input)
        for ended in (signal.SIGTERM, signal.SIGINT):
            # All is said. Python gives the default back while it exits, and then a late signal would kill us.
            signal.signal(ended, signal.SIG_IGN)
        raise SystemExit(code)


def check_target(cls: type[PenstockTarget], config: _ConfigInput) -> int:
    """Check a target's settings, credentials and syncs without a run; say what was found, return the exit code."""
    logging.getLogger(cls.name).setLevel(logging.WARNING)
    try:
        target = _made(cls, config)
        redact_logs(target.secrets())
        check(target, project_root(), lambda line: print(f"{cls.name}: {line}", flush=True))  # noqa: T201
    except Stop as error:
        return _last_line(cls.name, error)
    except Exception as error:
        return _last_line(cls.name, describe_defect(error))
    sys.stderr.write(f"{cls.name}: exit 0, settings, credentials and syncs are good\n")
    return 0


def run_target(cls: type[PenstockTarget], config: _ConfigInput, file_input: IO[str] | None) -> int:
    """Run a target from its settings to its exit code; the last line on stderr names the class and what to do."""
    source = file_input.fileno() if file_input is not None else 0
    try:
        os.fstat(source)
    except OSError:
        return _last_line(cls.name, Fault("standard input is closed, so there is nothing to read", "give it a tap"))
    try:
        state_out = os.dup(1)
        os.dup2(2, 1)  # what a library prints must not reach the STATE channel
    except OSError:
        return _last_line(
            cls.name, Fault("standard output is closed, so no STATE could be printed", "give it a reader")
        )
    refused = 0
    pending: list[str] = []
    stop: Stop | None
    try:
        # singer-sdk tells at INFO which settings it does not read from the environment.
        logging.getLogger(cls.name).setLevel(logging.WARNING)
        target = _made(cls, config)
        redact_logs([*target.secrets(), *map(Secret, url_secrets(target.config.get("ledger_url") or ""))])
        park_days = target.config.get("park_rejects_after_days")
        park_after = PARK_AFTER if park_days is None else float(park_days) * DAY
        ledger = Ledger(_ledger_place(target), version=__version__, park_after=park_after)
        target.signals.at_once = True
        _mind_memory()
        run = Run(target, ledger, project_root(), target.register_stream, target.signals, source, state_out)
        stop = run.to_the_end()
        refused, pending = run.refused, run.pending
    except Stop as error:
        stop = error
    except Exception as error:
        stop = describe_defect(error)
    cls.signals.at_once = False
    signal.setitimer(signal.ITIMER_REAL, 0)
    if stop is not None and not isinstance(stop, Interrupted | Busy):
        drain(source, DRAIN_FIRST if isinstance(stop, Misconfigured) else DRAIN_SILENCE)
    return _last_line(cls.name, stop, refused, pending)


def _mind_memory() -> None:
    """Look for garbage less often, and give large blocks back: each thread would keep the largest that it ever had."""
    gc.set_threshold(GARBAGE)
    with contextlib.suppress(OSError, AttributeError):  # other C libraries do not know this
        ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, LARGE)


def _made(cls: type[PenstockTarget], config: _ConfigInput) -> PenstockTarget:
    """Make a target of the command line's input; what singer-sdk raises for the environment quotes values."""
    try:
        return cls(config=config.config, parse_env_config=config.parse_env)
    except (ValueError, TypeError):
        prefix = cls.name.upper().replace("-", "_")
    raise Misconfigured(f"a setting in an environment variable {prefix}_... is not of its type")


def _ledger_place(target: PenstockTarget) -> Path | Database:
    """Return where the ledger is to be. Raises Misconfigured, also for a server that refuses the URL."""
    path, url = target.config.get("ledger_path"), target.config.get("ledger_url")
    if path and url:
        raise Misconfigured("settings ledger_path and ledger_url: only one of them may be given")
    if url:
        return open_url(url)
    return project_root() / path if path else default_ledger(target.name)


def drain(source: int, patience: float = DRAIN_SILENCE) -> None:
    """Read on for a while after a failure, and throw it away: the tap can end in peace, and our last line stay last.

    A tap that finds its pipe broken makes Meltano bury the reason under a traceback of its own.
    """
    ends = time.monotonic() + DRAIN_SECONDS
    with contextlib.suppress(OSError, ValueError):
        while not os.isatty(source) and time.monotonic() < ends:
            readable, _, _ = select.select([source], [], [], patience)
            if not readable or not os.read(source, 1 << 20):
                return
            patience = DRAIN_SILENCE


def _last_line(name: str, stop: Stop | None, refused: int = 0, pending: Sequence[str] = ()) -> int:
    if stop is None:
        were = "was" if refused == 1 else "were"
        more = f"; {some(refused, 'row')} {were} refused: see `penstock rejects`" if refused else ""
        sys.stderr.write(f"{name}: exit 0, delivered{more}{unread(pending)}\n")
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

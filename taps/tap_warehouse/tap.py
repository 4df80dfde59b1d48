"""The Singer tap that every warehouse shares: settings, command line, exit codes.

singer-sdk keeps what users know (`--config`, `--about`, settings from the environment, catalogs). Ours are the loop,
the signals and the endings, because its own write one record per system call, end with exit code 0 on SIGTERM, and
print the values of settings that fail their check.
"""

from __future__ import annotations

import abc
import contextlib
import errno
import json
import logging
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import IO, Any, ClassVar

import click
from singer_sdk import Tap
from singer_sdk.helpers.capabilities import CapabilitiesEnum, PluginCapabilities, TapCapabilities
from singer_sdk.plugin_base import JSONSchemaValidator

from tap_warehouse.batches import BATCH_SETTING, BatchConfig
from tap_warehouse.catalog import Stream, catalog_of, describe_all, selected
from tap_warehouse.comparing import fields_of
from tap_warehouse.dbt_files import DEFAULT_MANIFEST, LARGEST, DbtSettings
from tap_warehouse.errors import ConfigurationError, Guarded, Stopped, TapError
from tap_warehouse.messages import Output, claim_stdout, record_frame, schema_line
from tap_warehouse.models import Model
from tap_warehouse.parsing import parse_models
from tap_warehouse.run import Run
from tap_warehouse.signals import StopRequest
from tap_warehouse.warehouse import JsonSchema, Read, Warehouse

SHARED_SETTINGS: dict[str, JsonSchema] = {
    "models": {
        "type": "object",
        "title": "Models",
        "description": (
            "Stream name -> {table: schema.name | sql: a SELECT | sql_file: path | dbt: model; primary_key: column or "
            "list of columns; change: full | incremental | snapshot; ...}. Meltano splits names at dots and expands "
            "$NAME: use models_file for such."
        ),
    },
    "models_file": {
        "type": "string",
        "minLength": 1,
        "title": "Models file",
        "description": "A YAML file with more models, in the same form. Relative to $MELTANO_PROJECT_ROOT if set.",
    },
    "dbt_manifest": {
        "type": "string",
        "minLength": 1,
        "title": "dbt manifest",
        "description": (
            "The target/manifest.json of the dbt project, for models that say `dbt:`. Relative to "
            f"$MELTANO_PROJECT_ROOT if set; where nothing is said, {DEFAULT_MANIFEST}."
        ),
    },
    "dbt_select": {
        "type": "array",
        "items": {"type": "string", "minLength": 1},
        "title": "dbt models",
        "description": "dbt models to read beside those in `models`: tag:NAME, meta.penstock, or a model's name.",
    },
    "state_every": {
        "type": "integer",
        "minimum": 1,
        "default": 1000,
        "title": "Rows between two STATE messages",
        "description": "A target that dies reads again at most the rows after the last STATE that it has settled.",
    },
    "check_keys": {
        "type": "boolean",
        "default": True,
        "title": "Count broken keys",
        "description": "Count null and repeated primary keys before reading, and warn. It computes an sql model twice.",
    },
    **BATCH_SETTING,
}


def rooted(path: str) -> Path:
    """Resolve a path of a setting. Meltano starts us wherever it was called; a relative path starts at the project."""
    return Path(os.environ.get("MELTANO_PROJECT_ROOT") or Path.cwd()) / path


def read_text(path: str) -> str:
    """Read a file named in a setting, UTF-8 with or without a byte order mark."""
    return rooted(path).read_text(encoding="utf-8-sig")


def read_bytes(path: str) -> bytes:
    """Read a file of dbt's. OSError where it is larger than any that dbt writes."""
    file = rooted(path)
    if file.stat().st_size > LARGEST:
        raise OSError(errno.EFBIG, f"it is larger than {LARGEST >> 20} MiB")
    return file.read_bytes()


class TapWarehouse(Tap, abc.ABC):
    """A tap whose subclass says how to connect, and nothing else."""

    package_name = "penstock"
    dynamic_catalog = True
    capabilities: ClassVar[list[CapabilitiesEnum]] = [
        TapCapabilities.CATALOG,
        TapCapabilities.DISCOVER,
        TapCapabilities.STATE,
        PluginCapabilities.ABOUT,
        PluginCapabilities.BATCH,
    ]

    output_fd = 1
    stop = StopRequest()

    def __init__(
        self,
        *,
        config: dict[str, Any] | None = None,
        catalog: dict[str, Any] | None = None,
        state: dict[str, Any] | None = None,
        parse_env_config: bool = False,
        validate_config: bool = True,
    ) -> None:
        self._given_catalog = catalog
        self._given_state: dict[str, Any] = {}
        super().__init__(
            config=config,
            state=state,
            parse_env_config=parse_env_config,
            validate_config=validate_config,
            setup_mapper=False,  # it would open the warehouse before the run does
        )

    @staticmethod
    def settings(own: Mapping[str, JsonSchema], required: Sequence[str]) -> dict[str, Any]:
        """Join the settings of a warehouse and the shared ones into the schema that the SDK checks."""
        return {"type": "object", "properties": {**own, **SHARED_SETTINGS}, "required": list(required)}

    @classmethod
    @abc.abstractmethod
    def connect(cls, config: Mapping[str, object]) -> Warehouse:
        """Open the warehouse for reading, in UTC. Raises ConfigurationError."""

    # What the SDK asks for

    @classmethod
    def append_builtin_config(cls, config_jsonschema: dict[str, Any]) -> None:
        """Add nothing: `--about` shows only settings that we honour."""

    def _setup_signal_handlers(self) -> None:
        """Leave signals alone: `invoke` has taken them, and a tap in someone's process must not."""

    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        """Check as the SDK does, defaults filled in, but show no value: it may be a secret in the wrong place."""
        problems: list[str] = []
        for error in JSONSchemaValidator(self.config_jsonschema).iter_errors(self._config):
            place = ".".join(map(str, error.absolute_path))
            if error.validator == "required":
                missing = [name for name in error.validator_value if name not in error.instance]
                problems += (f"setting {name!r} is missing." for name in missing)
            else:
                problems.append(f"setting {place!r} does not satisfy: {error.validator} {error.validator_value!r}.")
        problems = list(dict.fromkeys(problems))
        if problems and raise_errors:
            raise ConfigurationError(problems)
        return problems

    def load_state(self, state: dict[str, Any]) -> None:
        """Keep the state as it came; the SDK's own version drops what is not a bookmark."""
        self._given_state = state

    @property
    def catalog_dict(self) -> dict[str, Any]:
        """The configured models, described by the warehouse."""
        with self._reading() as (_, streams):
            return catalog_of(streams)

    # The four things that the command line can ask of a tap

    def sync_all(self) -> None:  # type: ignore[misc] # final to the type checker; our loop takes its place
        """Emit every selected model. Returns only when all of it has been written. Raises TapError."""
        output = Output(self.output_fd, self.stop)
        batches = BatchConfig.of(self.config.get("batch_config"), self.name, rooted("."))
        with self._reading() as (warehouse, streams):
            wanted = selected(streams, self._given_catalog)
            if batches is not None:
                batches.check(wanted)
            now = lambda: datetime.now(timezone.utc)  # noqa: E731 the clock of this run
            Run(warehouse, output, self.stop, self._log, now, time.monotonic, batches).emit(
                streams=wanted,
                configured=[stream.model.name for stream in streams],
                given=self._given_state,
                state_every=self.config["state_every"],
                check_keys=self.config["check_keys"],
            )

    def write_catalog(self) -> None:
        """Answer `--discover`."""
        Output(self.output_fd, self.stop).write((json.dumps(self.catalog_dict, indent=2) + "\n").encode())

    def test(self) -> None:
        """Answer `--test`: connect, look for what is not granted, and read one row of each model to nowhere."""
        with self._opened() as (warehouse, models):
            grants = warehouse.missing_grants(models)
            if grants:
                raise ConfigurationError(["not granted yet. An owner of these objects can run:", *grants])
            for stream in describe_all(warehouse, models):
                frame = record_frame(stream.model.name, 0, "")
                read = Read(warehouse.relation(stream.model), fields_of(stream.columns, warehouse), limit=1)
                rows = sum(len(lines) for lines in warehouse.read(read, frame))
                self._log.info("%s: %d columns, %d row read", stream.model.name, len(stream.columns), rows)
                if stream.model.sync_hint:
                    self._log.info("%s: meta.penstock.sync is %s", stream.model.name, stream.model.sync_hint)

    def write_stream_schemas(self) -> None:
        """Answer `--test=schema`."""
        output = Output(self.output_fd, self.stop)
        with self._reading() as (_, streams):
            for stream in streams:
                output.write(schema_line(stream.model.name, stream.columns, stream.model.primary_key))

    @property
    def _log(self) -> logging.Logger:
        return logging.getLogger(self.name)

    @contextlib.contextmanager
    def _reading(self) -> Iterator[tuple[Warehouse, tuple[Stream, ...]]]:
        """Open the warehouse and describe all models."""
        with self._opened() as (warehouse, models):
            yield warehouse, describe_all(warehouse, models)

    @contextlib.contextmanager
    def _opened(self) -> Iterator[tuple[Warehouse, tuple[Model, ...]]]:
        """Open the warehouse and parse the models. Mistakes in both are named together."""
        problems: list[str] = []
        models, warehouse = None, None
        try:
            dbt = DbtSettings(self.config.get("dbt_manifest"), self.config.get("dbt_select"), read_bytes)
            models = parse_models(self.config.get("models"), self.config.get("models_file"), read_text, dbt)
        except ConfigurationError as error:
            problems += error.problems
        try:
            warehouse = self.connect(self.config)
        except ConfigurationError as error:
            problems += error.problems
        if warehouse is None or models is None:
            if warehouse is not None:
                warehouse.close()
            raise ConfigurationError(problems)
        self.stop.interrupt = warehouse.interrupt
        try:
            yield warehouse, models
        finally:
            self.stop.interrupt = None
            warehouse.close()

    # The command line

    @classmethod
    @contextlib.contextmanager
    def _process(cls) -> Iterator[int]:
        """Own the process: take signals and fd 1, turn every TapError into its exit code and last words.

        Yields the descriptor for Singer messages.
        """
        log = logging.getLogger(cls.name)
        cls.stop.listen()
        try:
            yield claim_stdout()
            cls.stop.raise_if_set()
            cls.stop.ignore()
        except TapError as raised:
            cls.stop.ignore()
            error = Stopped(cls.stop.signum) if cls.stop else raised
            for line in error.problems if isinstance(error, ConfigurationError | Guarded) else [str(error)]:
                log.error("%s", line)  # noqa: TRY400 a message for people, who cannot use a traceback
            log.error("ended: %s, exit code %d: %s", error.kind, error.exit_code, error.advice)  # noqa: TRY400
            raise SystemExit(error.exit_code) from error

    @classmethod
    def _built(cls, config: Any, **given: Any) -> TapWarehouse:
        """Make a tap of the command line's input. What the SDK raises for the environment quotes values."""
        log = logging.getLogger(cls.name)
        level = log.level
        log.setLevel(logging.WARNING)  # the SDK tells at INFO which settings it does not read from the environment
        try:
            return cls(
                config=config.config if config else {}, parse_env_config=bool(config and config.parse_env), **given
            )
        except (ValueError, TypeError):
            problem = f"a setting in an environment variable {cls._env_var_prefix}... is not of its type."
        finally:
            log.setLevel(level)
        raise ConfigurationError([problem])

    @classmethod
    def invoke(  # type: ignore[override] # as in the SDK, which narrows the base class's keywords
        cls,
        *,
        about: bool = False,
        about_format: str | None = None,
        config: Any = None,
        state: IO[str] | None = None,
        catalog: IO[str] | None = None,
    ) -> None:
        """Run, or tell about the tap. Ends the process with our exit codes."""
        if about:
            cls.print_about(about_format)
            raise SystemExit(0)
        with cls._process() as fd:
            cls.print_version(print_fn=logging.getLogger(cls.name).info)
            tap = cls._built(config, state=_object("--state", state) or {}, catalog=_object("--catalog", catalog))
            tap.output_fd = fd
            tap.sync_all()

    @classmethod
    def cb_config(cls, ctx: click.Context, param: click.Option, value: tuple[str, ...]) -> Any:
        """Read the configuration files; the SDK would end with a traceback where one cannot be read."""
        try:
            return super().cb_config(ctx, param, value)
        except (OSError, ValueError, TypeError):
            files = ", ".join(repr(path) for path in value if path != "ENV")
            logging.getLogger(cls.name).error("--config: %s cannot be read as a JSON object", files)  # noqa: TRY400
        raise SystemExit(ConfigurationError.exit_code)

    @classmethod
    def cb_discover(cls, ctx: click.Context, param: click.Option, value: bool) -> None:  # noqa: ARG003
        """Run `--discover` with our endings."""
        if value:
            with cls._process() as fd:
                tap = cls._built(ctx.params.get("config"))
                tap.output_fd = fd
                tap.write_catalog()
            ctx.exit()

    @classmethod
    def cb_test(cls, ctx: click.Context, param: click.Option, value: str) -> None:  # noqa: ARG003
        """Run `--test` with our endings."""
        if value == "disabled":
            return
        with cls._process() as fd:
            tap = cls._built(ctx.params.get("config"))
            tap.output_fd = fd
            if value == "schema":
                tap.write_stream_schemas()
            else:
                tap.test()
        ctx.exit()


def _object(option: str, file: IO[str] | None) -> dict[str, Any] | None:
    """Read a JSON object from a file of the command line; None where none was given."""
    if file is None:
        return None
    try:
        with file:  # else Python warns of it on stderr, below our last line
            value = json.load(file)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise ConfigurationError([f"{option}: the file does not hold a JSON object."])
    return value

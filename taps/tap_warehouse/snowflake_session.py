"""A session with Snowflake through its own driver: in UTC, in silence, interruptible, closed with its costs."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import snowflake.connector
from snowflake.connector.errors import Error, OperationalError

from tap_warehouse.costs import Costs
from tap_warehouse.errors import ConfigurationError, ReadFault
from tap_warehouse.snowflake_login import SECRETS, login

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection
    from snowflake.connector.cursor import ResultMetadata, SnowflakeCursor

CHUNK_MEGABYTES = 48
"""Of a result the driver holds two chunks beside the one that is read. Snowflake makes no smaller ones."""
CANCEL_EVERY = 1.0
"""seconds"""
ABOUT_VALUES = range(100_000, 200_000)
"""errors that quote the value that they are about"""
OF_THE_SERVER = 261_000
"""an error that is no answer; it quotes the statement, which can hold a bookmark"""

PARAMETERS: dict[str, object] = {
    "TIMEZONE": "UTC",
    **dict.fromkeys(("TIMESTAMP_INPUT_FORMAT", "DATE_INPUT_FORMAT", "TIME_INPUT_FORMAT"), "AUTO"),
    "CLIENT_OUT_OF_BAND_TELEMETRY_ENABLED": False,
    "CLIENT_TELEMETRY_ENABLED": False,
    "CLIENT_RESULT_CHUNK_SIZE": CHUNK_MEGABYTES,
    "PYTHON_CONNECTOR_QUERY_RESULT_FORMAT": "ARROW",
}
"""of every session"""
DRIVER: dict[str, object] = {
    "application": "penstock",
    "arrow_number_to_decimal": True,  # else decimals arrive as floats
    "client_prefetch_threads": 2,
    "client_session_keep_alive": True,  # a slow target must not cost us the session
    "log_imported_packages_in_telemetry": False,
    "platform_detection_timeout_seconds": 0.0,  # it would ask the network in which cloud we are
}
"""its options"""


def said(error: Error) -> str:
    """Take from an error what may be repeated: its text on one line, or only its number where it can quote a value."""
    number = error.errno or -1
    if number in ABOUT_VALUES or number >= OF_THE_SERVER:
        return f"error {number:06d} ({error.sqlstate}; its text may quote a row, so it is not repeated here)"
    return " ".join(str(error.msg).split("\n\nLINE ")[0].split())


def arguments(config: Mapping[str, object], rooted: Callable[[str], Path]) -> dict[str, object]:
    """Make all that the driver is given. Raises ConfigurationError."""
    parameters = PARAMETERS | {"QUERY_TAG": config["query_tag"]}
    if config.get("statement_timeout") is not None:
        parameters["STATEMENT_TIMEOUT_IN_SECONDS"] = config["statement_timeout"]
    return {**DRIVER, **login(config, rooted), "session_parameters": parameters}


def opened(config: Mapping[str, object], rooted: Callable[[str], Path]) -> SnowflakeConnection:
    """Log in. Raises ConfigurationError where Snowflake refuses us, ReadFault where it cannot be reached."""
    given = arguments(config, rooted)
    logging.getLogger("snowflake.connector").setLevel(logging.WARNING)  # it tells at INFO to whom it talks, and how
    try:
        connection = snowflake.connector.connect(**given)
    except (Error, OSError, ValueError) as error:
        told = _masked(" ".join(str(error).split()), config)
        if isinstance(error, OperationalError):
            raise ReadFault(f"Snowflake cannot be reached, or does not answer: {told}") from error
        raise ConfigurationError([f"Snowflake refuses the login: {told}"]) from error
    connection.telemetry_enabled = False
    return connection


def _masked(text: str, config: Mapping[str, object]) -> str:
    """Hide secrets, in case an error repeats one."""
    for name in SECRETS:
        if config.get(name):
            text = text.replace(str(config[name]), "***")
    return text


class Session:
    """Runs one statement at a time."""

    def __init__(self, connection: SnowflakeConnection) -> None:
        self._connection = connection
        self._stopping = False
        self._cancelled = -CANCEL_EVERY
        self._costs = Costs()

    @property
    def database(self) -> str | None:
        """The session's, as Snowflake writes it."""
        return self._connection.database

    @property
    def schema(self) -> str | None:
        """The session's, as Snowflake writes it."""
        return self._connection.schema

    @property
    def warehouse(self) -> str | None:
        """The session's."""
        return self._connection.warehouse

    def ran(self, statement: str) -> SnowflakeCursor:
        """Run a statement to its end. Raises ReadFault."""
        try:
            return self.tried(statement)
        except Error as error:
            raise ReadFault(f"the warehouse failed: {said(error)}") from error

    def tried(self, statement: str) -> SnowflakeCursor:
        """Run a statement; what the driver raises passes through. Raises ReadFault where we have been told to stop."""
        if self._stopping:
            raise ReadFault("interrupted")
        with self._costs.counted():
            cursor = self._connection.cursor()
            cursor.execute(statement)
        return cursor

    def columns(self, relation: str) -> list[ResultMetadata]:
        """Describe what a query on a relation would give. The driver's errors pass through."""
        try:
            return list(self._connection.cursor().describe(f"select * from {relation}"))
        except KeyError as error:  # of the driver's table of types
            raise ConfigurationError(
                [f"{relation}: the driver does not know the type {error}. Cast the column in an sql model."]
            ) from error

    def rolled_back(self) -> None:
        """Undo what is open, as far as the session still can; it is undone at its end in any case."""
        with contextlib.suppress(Error):
            self._connection.rollback()

    def interrupt(self) -> None:
        """Cancel what is running, again each second: a statement may have been on its way. From another thread."""
        self._stopping = True
        session = self._connection.session_id
        if session is not None and time.monotonic() - self._cancelled >= CANCEL_EVERY:
            self._cancelled = time.monotonic()
            with contextlib.suppress(Error):
                self._connection.cursor().execute(f"select system$cancel_all_queries({int(session)})")

    def close(self, log: logging.Logger, database: str | None) -> None:
        """End the session. Tell what it cost; with a database in whose information schema to look, also in bytes."""
        if self._costs.statements and not self._stopping:
            log.info("%s", self._costs.told("Snowflake", () if database is None else self._scanned(database)))
        with contextlib.suppress(Error):
            self._connection.close()

    def _scanned(self, database: str) -> Iterator[str]:
        """Add up what Snowflake remembers of this session, if it tells."""
        with contextlib.suppress(Error, ReadFault):
            row = self.tried(
                "select sum(bytes_scanned), sum(execution_time), sum(credits_used_cloud_services) "
                f"from table({database}.information_schema.query_history_by_session(result_limit => 10000))"
            ).fetchone()
            if row is not None:
                scanned, computed, credits_used = (float(str(value or 0)) for value in tuple(row))
                yield (
                    f"{scanned / 1e6:,.1f} MB scanned, {computed / 1000:.2f} s computed, "
                    f"{credits_used:.6f} credits of cloud services"
                )

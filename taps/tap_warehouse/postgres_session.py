"""PostgreSQL connections: the settings, how a connection is made, and what of an error may be repeated."""

from __future__ import annotations

import re
from collections.abc import Mapping

import psycopg
from psycopg.conninfo import conninfo_to_dict

from tap_warehouse.errors import ConfigurationError, ReadFault
from tap_warehouse.tap import rooted
from tap_warehouse.warehouse import JsonSchema

Connection = psycopg.Connection[tuple[object, ...]]


def _text(title: str, description: str, **more: object) -> JsonSchema:
    return {"type": "string", "minLength": 1, "title": title, "description": description, **more}


SETTINGS: dict[str, JsonSchema] = {
    "host": _text("Host", "Server's name or address, or the folder of its socket; several with commas in between."),
    "port": {"type": "integer", "minimum": 1, "maximum": 65535, "title": "Port", "description": "5432 if not given."},
    "dbname": _text("Database", "Database to read, and to keep snapshots in."),
    "user": _text("User", "Role to log in as."),
    "password": _text("Password", "Or a token of the cloud's; libpq's password file works as well.", secret=True),
    "service": _text("Service", "Section of the connection service file (pg_service.conf) to take settings from."),
    "sslmode": _text(
        "TLS mode",
        "libpq's: verify-full checks the server's certificate and name.",
        enum=["disable", "allow", "prefer", "require", "verify-ca", "verify-full"],
    ),
    "sslrootcert": _text("Root certificates", "File of certificate authorities, or `system`."),
    "sslcert": _text("Client certificate", "File of our certificate."),
    "sslkey": _text("Client key", "File of its private key."),
    "sslpassword": _text("Passphrase", "Passphrase of the private key.", secret=True),
    "options": _text("Session options", "Such as `-c statement_timeout=600000 -c search_path=marts`."),
    "connect_timeout": {
        "type": "integer",
        "minimum": 1,
        "default": 15,
        "title": "Connect timeout",
        "description": "Seconds for each address of the host.",
    },
    "dsn": _text(
        "Connection string",
        "Anything else that libpq takes, as a URL or as `name=value ...`. The settings above win over it.",
        secret=True,
    ),
    "snapshot_schema": _text(
        "Snapshot schema", "Where models of change 'snapshot' are remembered.", default="penstock", maxLength=63
    ),
    "gate": {
        "type": "boolean",
        "default": True,
        "title": "Gate",
        "description": "Look first whether count and hashes of all rows are as they were, for a part of the time.",
    },
}

LIBPQ = (
    "host",
    "port",
    "dbname",
    "user",
    "password",
    "service",
    "sslmode",
    "options",
    "connect_timeout",
    "sslpassword",
)
_FILES = ("sslrootcert", "sslcert", "sslkey")

SESSION = (
    "set timezone = 'UTC'",
    "set datestyle = 'ISO, YMD'",
    "set intervalstyle = 'postgres'",
    "set extra_float_digits = 1",
    "set bytea_output = 'hex'",
    "set lc_monetary = 'C'",
    "set xmloption = 'content'",
    "set standard_conforming_strings = on",
)
"""What the text of a value depends on, fixed before anything is hashed or read."""

READING = (
    "set default_transaction_read_only = on",
    "set parallel_tuple_cost = 0",
    "set parallel_setup_cost = 0",
)
"""The planner thinks it dear to pass rows between workers, and ours leave anyway; building their JSON is what costs.
How many workers there may be stays with the server (max_parallel_workers_per_gather)."""

_LATER = re.compile(
    r"refused|timeout|timed out|starting up|shutting down|too many|remaining connection slots|unexpectedly|unreachable"
    r"|recovery|reset by peer"
)
_SPEAKS_OF_NAMES = ("08", "0A", "25", "28", "2B", "34", "3D", "3F", "42", "53", "54", "55", "57", "58")


def said(error: psycopg.Error) -> str:
    """Take from an error what may be repeated: that of a value (class 22, say) can quote a row, so only its kind is."""
    code = error.sqlstate or ""
    if code[:2] in _SPEAKS_OF_NAMES and error.diag.message_primary:
        return " ".join(error.diag.message_primary.split())
    if not code and isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return " ".join(str(error).split())  # of the connection: no server has seen a row
    kind = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(error).__name__).lower()
    return f"{kind}{f' ({code})' if code else ''}; its text may quote a row, so it is not repeated here"


def parameters(config: Mapping[str, object]) -> dict[str, str]:
    """Gather libpq's parameters. Raises ConfigurationError, without a value of any."""
    given: dict[str, str] = {}
    if config.get("dsn"):
        try:
            given = {name: str(value) for name, value in conninfo_to_dict(str(config["dsn"])).items()}
        except psycopg.ProgrammingError as error:
            raise ConfigurationError(
                ["dsn: is no connection string of libpq. In a URL, encode special characters (@ is %40)."]
            ) from error
        if "@" in given.get("host", ""):
            raise ConfigurationError(["dsn: encode the special characters of its password (@ is %40, / is %2F)."])
    given |= {name: str(config[name]) for name in LIBPQ if config.get(name)}
    for name in _FILES:
        value = str(config.get(name) or "")
        if value:
            given[name] = value if value == "system" else str(rooted(value))
    return {"application_name": "penstock", "keepalives_idle": "30", **given, "client_encoding": "UTF8"}


def connected(given: Mapping[str, str], *, read_only: bool) -> Connection:
    """Open a connection on which the text of values is fixed, each statement a transaction of its own.

    Raises ConfigurationError, or ReadFault where the server may answer later.
    """
    try:
        connection: Connection = psycopg.connect(**given, autocommit=True, prepare_threshold=None)  # type: ignore[arg-type]
    except psycopg.Error as error:
        problem = _unconnected(str(error), given)
        if _LATER.search(problem):
            raise ReadFault(f"cannot connect: {problem}") from error
        raise ConfigurationError([f"host, dbname, user, password or TLS settings: {problem}"]) from error
    try:
        if connection.info.server_version < 130000:
            raise ConfigurationError(["host: PostgreSQL 13 or later is needed."])
        for statement in (*SESSION, *(READING if read_only else ())):
            connection.execute(statement)
    except psycopg.Error as error:
        connection.close()
        raise ConfigurationError([f"the session cannot be set up: {said(error)}"]) from error
    except ConfigurationError:
        connection.close()
        raise
    return connection


def _unconnected(words: str, given: Mapping[str, str]) -> str:
    """Put libpq's message on one line. It has no reason to hold a secret; should it, the secret goes."""
    for name in ("password", "sslpassword"):
        if given.get(name):
            words = words.replace(given[name], "***")
    return " ".join(words.split())

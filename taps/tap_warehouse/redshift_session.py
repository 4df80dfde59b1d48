"""Redshift connections: the settings, how a connection is made, and what of an error may be repeated."""

from __future__ import annotations

import re
from collections.abc import Mapping

import redshift_connector
from botocore.exceptions import BotoCoreError, ClientError
from redshift_connector.core import Connection
from redshift_connector.error import Error

from tap_warehouse.errors import ConfigurationError, ReadFault
from tap_warehouse.warehouse import JsonSchema


def _text(title: str, description: str, **more: object) -> JsonSchema:
    return {"type": "string", "minLength": 1, "title": title, "description": description, **more}


def _flag(title: str, description: str, *, default: bool) -> JsonSchema:
    return {"type": "boolean", "default": default, "title": title, "description": description}


SETTINGS: dict[str, JsonSchema] = {
    "host": _text("Host", "Endpoint of the cluster or workgroup; with IAM it can be found by name instead."),
    "port": {
        "type": "integer",
        "minimum": 1,
        "maximum": 65535,
        "default": 5439,
        "title": "Port",
        "description": "Port of the endpoint.",
    },
    "database": _text("Database", "Database to read, and to keep snapshots in."),
    "user": _text("User", "User to log in as with a password."),
    "password": _text("Password", "Its password.", secret=True),
    "iam": _flag("IAM", "Log in with temporary credentials by the AWS identity below.", default=False),
    "profile": _text("AWS profile", "Profile of the AWS credentials file."),
    "access_key_id": _text("Access key", "AWS access key, where neither profile nor role gives one.", secret=True),
    "secret_access_key": _text("Secret key", "AWS secret access key.", secret=True),
    "session_token": _text("Session token", "AWS session token, for temporary keys.", secret=True),
    "region": _text("Region", "AWS region of the cluster."),
    "cluster_identifier": _text("Cluster", "Name of the cluster, with IAM."),
    "db_user": _text("Database user", "User that the IAM identity becomes, on a cluster."),
    "serverless_work_group": _text("Workgroup", "Name of the serverless workgroup, with IAM."),
    "ssl": _flag("TLS", "Encrypt the connection.", default=True),
    "sslmode": _text(
        "TLS mode",
        "verify-full also checks the server's name.",
        enum=["verify-ca", "verify-full"],
        default="verify-ca",
    ),
    "driver_options": {
        "type": "object",
        "secret": True,
        "title": "Driver options",
        "description": "More for redshift_connector.connect, such as credentials_provider and what it needs.",
    },
    "fetch_rows": {
        "type": "integer",
        "minimum": 1,
        "maximum": 100000,
        "default": 1000,
        "title": "Rows per fetch",
        "description": "Rows of the cursor in one answer. A cluster of one node allows 1000.",
    },
    "costs": _flag("Costs", "Ask at the end of a run what its queries have cost, and log it.", default=True),
    "query_group": _text("Query group", "Label of our queries, for workload management and the system tables."),
    "snapshot_schema": _text(
        "Snapshot schema", "Where models of change 'snapshot' are remembered.", default="penstock", maxLength=127
    ),
}

_PASSED = (
    *("host", "port", "database", "user", "password", "iam", "profile", "access_key_id", "secret_access_key"),
    *("session_token", "region", "cluster_identifier", "db_user", "serverless_work_group", "ssl", "sslmode"),
)
SESSION = ("set timezone to 'UTC'", "set datestyle to 'ISO, YMD'", "set extra_float_digits to 2")
"""What the text of a value depends on, fixed before anything is hashed or read."""

Failed = (Error, OSError, BotoCoreError, ClientError)
_LATER = re.compile(
    r"refused|timeout|timed out|unreachable|reset by peer|too many|starting up|shutting down|throttl", re.IGNORECASE
)
_SPEAKS_OF_NAMES = ("08", "0A", "25", "28", "3D", "3F", "42", "53", "54", "55", "57")


def code_of(error: BaseException) -> str:
    """Return the SQLSTATE; empty where the error is not the server's."""
    given = error.args[0] if error.args else None
    return str(given.get("C", "")) if isinstance(given, dict) else ""


def words_of(error: BaseException) -> str:
    """Return the message on one line."""
    given = error.args[0] if error.args else None
    words = str(given.get("M", "")) if isinstance(given, dict) else ": ".join(map(str, error.args)) or str(error)
    return " ".join(words.split())


def said(error: BaseException) -> str:
    """Take from an error what may be repeated: that of a value can quote a row, so only its kind is."""
    code = code_of(error)
    if not code or code[:2] in _SPEAKS_OF_NAMES:
        return words_of(error)  # without a code no server has seen a row
    return f"error {code} (its text may quote a row, so it is not repeated here)"


def parameters(config: Mapping[str, object]) -> dict[str, object]:
    """Gather the driver's parameters. Raises ConfigurationError."""
    problems = []
    options = config.get("driver_options")
    given = {name: config[name] for name in _PASSED if config.get(name) not in {None, ""}}
    given |= dict(options) if isinstance(options, Mapping) else {}
    if "database" not in given:
        problems.append("setting 'database' is missing.")
    if given.get("iam"):
        if given.get("serverless_work_group"):
            given["is_serverless"] = True
        if not {"host", "cluster_identifier", "serverless_work_group"} & given.keys():
            problems.append("with iam, name the cluster_identifier, the serverless_work_group or the host.")
    else:
        problems += (f"setting {name!r} is missing." for name in ("host", "user", "password") if name not in given)
    if not given.get("ssl", True):
        given.pop("sslmode", None)
    if problems:
        raise ConfigurationError(problems)
    return {"application_name": "penstock", "tcp_keepalive": True, "max_prepared_statements": 0, **given}


def connected(given: Mapping[str, object], query_group: str = "") -> Connection:
    """Open a connection on which the text of values is fixed, each statement a transaction of its own.

    Raises ConfigurationError, or ReadFault where the server may answer later.
    """
    try:
        connection = redshift_connector.connect(**given)  # type: ignore[arg-type] # the settings' schema checks them
    except (*Failed, TypeError, ValueError) as error:
        problem = _unconnected(error, given)
        if _LATER.search(problem):
            raise ReadFault(f"cannot connect: {problem}") from error
        raise ConfigurationError([f"host, database, user, password or IAM settings: {problem}"]) from error
    connection.autocommit = True
    label = "'" + query_group.replace("'", "''") + "'"
    try:
        for statement in (*SESSION, *((f"set query_group to {label}",) if query_group else ())):
            connection.cursor().execute(statement)
    except Failed as error:
        connection.close()
        raise ConfigurationError([f"the session cannot be set up: {said(error)}"]) from error
    return connection


def _unconnected(error: BaseException, given: Mapping[str, object]) -> str:
    """Put a message on one line. Those of IAM and its plugins can hold what was sent, so secrets go."""
    words = words_of(error) or type(error).__name__
    kept = {"host", "port", "database", "user", "region", "cluster_identifier", "application_name", "sslmode"}
    for name, value in given.items():
        if name not in kept and isinstance(value, str) and len(value) > 3:
            words = words.replace(value, "***")
    return words

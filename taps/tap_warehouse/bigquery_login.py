"""How to reach BigQuery: settings to its clients. Every mistake is found before anything is sent."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import google.auth
import grpc
from google.api_core.client_options import ClientOptions
from google.auth import aws, identity_pool, impersonated_credentials
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import GoogleAuthError
from google.cloud import bigquery
from google.cloud.bigquery_storage import BigQueryReadClient
from google.cloud.bigquery_storage_v1.services.big_query_read.transports import BigQueryReadGrpcTransport
from google.oauth2 import service_account
from google.oauth2.credentials import Credentials as UserCredentials

from tap_warehouse.errors import ConfigurationError
from tap_warehouse.warehouse import JsonSchema

SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)


def _text(title: str, description: str, *, secret: bool = False) -> JsonSchema:
    return {
        "type": "string",
        "minLength": 1,
        "title": title,
        "description": description,
        **({"secret": True} if secret else {}),
    }


SETTINGS: dict[str, JsonSchema] = {
    "project": _text("Project", "The project that runs the queries and pays; by default that of the credentials."),
    "dataset": _text("Dataset", "Where names of tables without a dataset are looked up."),
    "location": _text("Location", "Of all data, such as EU; by default BigQuery finds it by the tables of a query."),
    "credentials_path": _text(
        "Credentials file",
        "Key file of a service account, or a configuration of workload identity federation. Relative to "
        "$MELTANO_PROJECT_ROOT if set. Without it and credentials_json: application default credentials.",
    ),
    "credentials_json": _text("Credentials", "The same as text.", secret=True),
    "impersonate_service_account": _text(
        "Impersonated service account", "The e-mail address of the account to work as, by the credentials above."
    ),
    "api_endpoint": _text(
        "API endpoint", "Of a private link, https://...; http:// is for a local server, where nobody logs in."
    ),
    "storage_endpoint": _text("Storage endpoint", "The same of the Storage Read API: a host, or host:port."),
    "storage_api": {
        "type": "boolean",
        "default": True,
        "title": "Storage Read API",
        "description": "Fetch results through it, as Arrow. Switched off, or where it is refused: over REST, slowly.",
    },
    "maximum_bytes_billed": {
        "type": "integer",
        "minimum": 1,
        "title": "Maximum bytes billed",
        "description": "A query that would be billed for more is not run. By default what the project allows.",
    },
    "statement_timeout": {
        "type": "integer",
        "minimum": 1,
        "title": "Statement timeout",
        "description": "Seconds after which BigQuery ends a job; by default its own six hours.",
    },
    "job_labels": {
        "type": "object",
        "propertyNames": {"pattern": "^[a-z][a-z0-9_-]{0,62}$"},
        "additionalProperties": {"type": "string", "pattern": "^[a-z0-9_-]{0,63}$"},
        "title": "Job labels",
        "description": "Labels of every job beside application: penstock. Bills and INFORMATION_SCHEMA.JOBS show them.",
    },
    "snapshot_project": {
        "type": "string",
        "minLength": 1,
        "title": "Snapshot project",
        "description": "Where models of change 'snapshot' are remembered; by default the project that pays.",
    },
    "snapshot_dataset": {
        "type": "string",
        "pattern": "^[A-Za-z0-9_]{1,1024}$",
        "default": "penstock",
        "title": "Snapshot dataset",
        "description": "The dataset for that. It is made where it is missing, in the location of the models.",
    },
    "gate": {
        "type": "boolean",
        "default": True,
        "title": "Gate",
        "description": "Ask first when a table was last changed. Switch it off for tables with row access policies.",
    },
    "costs": {
        "type": "boolean",
        "default": True,
        "title": "Costs",
        "description": "Log at the end of a run how many bytes its jobs were billed for.",
    },
}


@dataclass(frozen=True)
class Settings:
    """The tap's settings, as far as the session does not have them."""

    snapshot_project: str = ""
    snapshot_dataset: str = "penstock"
    gate: bool = True
    costs: bool = True


@dataclass(frozen=True)
class Clients:
    """What BigQuery is reached with. `reader` makes a client of the Storage Read API; None: there is none."""

    client: bigquery.Client
    reader: Callable[[], BigQueryReadClient] | None
    member: str = ""
    """the account, as far as the credentials tell"""


def clients(config: Mapping[str, object], rooted: Callable[[str], Path]) -> Clients:
    """Make them; nothing is sent yet. Raises ConfigurationError with all mistakes."""
    problems = [*_endpoint_mistakes(config)]
    local = str(config.get("api_endpoint") or "").startswith("http://")
    credentials: Any = None
    project: str | None = None
    if local and not problems:
        credentials = AnonymousCredentials()
    elif not problems:
        credentials, project = _credentials(config, rooted, problems)
    project = str(config.get("project") or project or "")
    if not project:
        problems.append("setting 'project' is missing: the credentials name none.")
    if problems:
        raise ConfigurationError(problems)
    endpoint = config.get("api_endpoint")
    client = bigquery.Client(
        project=project,
        credentials=credentials,
        client_options=ClientOptions(api_endpoint=str(endpoint)) if endpoint else None,
    )
    member = str(getattr(credentials, "service_account_email", "") or "")
    return Clients(client, _reader(config, credentials, local=local), member)


def _reader(config: Mapping[str, object], credentials: Any, *, local: bool) -> Callable[[], BigQueryReadClient] | None:
    endpoint = str(config.get("storage_endpoint") or "")
    if config.get("storage_api") is False or (local and not endpoint):
        return None
    if local:
        return lambda: BigQueryReadClient(
            transport=BigQueryReadGrpcTransport(
                channel=grpc.insecure_channel(endpoint, [("grpc.max_receive_message_length", -1)])
            )
        )
    options = ClientOptions(api_endpoint=endpoint) if endpoint else None
    return lambda: BigQueryReadClient(credentials=credentials, client_options=options)


def _credentials(
    config: Mapping[str, object], rooted: Callable[[str], Path], problems: list[str]
) -> tuple[Any, str | None]:
    """Find who we are, and the project that goes with it."""
    text, path = config.get("credentials_json"), config.get("credentials_path")
    if text and path:
        problems.append("credentials_json, credentials_path: give one of the two.")
        return None, None
    try:
        if text or path:
            credentials, project = _given(rooted(str(path)).read_bytes() if path else str(text))
        else:
            credentials, project = google.auth.default(scopes=SCOPES)
    except OSError as error:
        problems.append(f"credentials_path {str(path)!r}: cannot be read ({error.strerror}).")
        return None, None
    except (ValueError, KeyError, TypeError, AttributeError, GoogleAuthError):
        name = "credentials_json" if text else "credentials_path" if path else ""
        problems.append(
            f"{name}: this is neither the key of a service account nor another of Google's credentials, in JSON."
            if name
            else "nothing to log in with. Give credentials_path or credentials_json, or set up application default "
            "credentials (gcloud auth application-default login)."
        )
        return None, None
    account = config.get("impersonate_service_account")
    if account:
        credentials = impersonated_credentials.Credentials(
            source_credentials=credentials, target_principal=str(account), target_scopes=list(SCOPES)
        )
    return credentials, project


def _given(text: str | bytes) -> tuple[Any, str | None]:
    """Read a key. What is wrong with it is not told by Google's words: they may quote it."""
    info = json.loads(text)
    if info["type"] == "service_account":
        key = service_account.Credentials.from_service_account_info(info, scopes=SCOPES)
        return key, key.project_id
    if info["type"] == "authorized_user":
        return UserCredentials.from_authorized_user_info(info, scopes=SCOPES), None
    if info["type"] == "external_account":
        of_aws = str(info["credential_source"].get("environment_id", "")).startswith("aws")
        return (aws if of_aws else identity_pool).Credentials.from_info(info, scopes=SCOPES), None
    raise ValueError


def _endpoint_mistakes(config: Mapping[str, object]) -> Iterator[str]:
    endpoint = str(config.get("api_endpoint") or "")
    if not endpoint or endpoint.startswith("https://"):
        return
    if not endpoint.startswith("http://"):
        yield "api_endpoint: must begin with https://."
    elif not _loopback(urlsplit(endpoint).hostname or ""):
        yield "api_endpoint: http would send tokens and rows as plain text. It is for a host on this machine."
    elif any(config.get(name) for name in ("credentials_path", "credentials_json", "impersonate_service_account")):
        yield "api_endpoint: over http nobody logs in: leave the credentials out."


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

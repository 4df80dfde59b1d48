"""How to log in to Snowflake: settings to the driver's arguments. Every mistake is found before anything is sent."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from tap_warehouse.errors import ConfigurationError
from tap_warehouse.warehouse import JsonSchema

KEY, PASSWORD, MFA, BROWSER = "snowflake_jwt", "snowflake", "username_password_mfa", "externalbrowser"
OAUTH, PAT = "oauth", "programmatic_access_token"
CLIENT, WORKLOAD = "oauth_client_credentials", "workload_identity"
KNOWN = (KEY, PASSWORD, MFA, BROWSER, OAUTH, PAT, CLIENT, WORKLOAD)

_NEEDED: dict[str, tuple[str, ...]] = {
    KEY: ("user",),
    PASSWORD: ("user", "password"),
    MFA: ("user", "password"),
    BROWSER: ("user",),
    OAUTH: ("token",),
    PAT: ("token",),
    CLIENT: ("oauth_client_id", "oauth_client_secret", "oauth_token_request_url"),
    WORKLOAD: ("workload_identity_provider",),
}
SECRETS = ("password", "private_key", "private_key_passphrase", "token", "passcode", "oauth_client_secret")
_PASSED = (
    "user",
    "password",
    "passcode",
    "token",
    "oauth_client_id",
    "oauth_client_secret",
    "oauth_token_request_url",
    "oauth_scope",
    "workload_identity_provider",
    "role",
    "warehouse",
    "database",
    "schema",
    "host",
    "port",
    "protocol",
    "login_timeout",
    "network_timeout",
)
"""settings that the driver knows by the same name"""


def _text(title: str, description: str, *, secret: bool = False) -> JsonSchema:
    return {
        "type": "string",
        "minLength": 1,
        "title": title,
        "description": description,
        **({"secret": True} if secret else {}),
    }


SETTINGS: dict[str, JsonSchema] = {
    "account": _text("Account", "The account identifier, such as myorg-myaccount: the host name up to its first dot."),
    "user": _text("User", "The user to log in as. Not needed with a token."),
    "private_key_path": _text("Private key file", "A PEM file, PKCS 8 or 1. Relative to $MELTANO_PROJECT_ROOT if set."),
    "private_key": _text("Private key", "The same as text; line ends may be written \\n.", secret=True),
    "private_key_passphrase": _text("Passphrase", "Of an encrypted private key.", secret=True),
    "password": _text("Password", "For users who may log in with one, or a programmatic access token.", secret=True),
    "authenticator": _text(
        "Authenticator",
        f"One of {', '.join(KNOWN)}, or the https:// address of an Okta account. Needed with a token; else the key or "
        "the password tells. Tokens of externalbrowser and username_password_mfa are cached by Snowflake's driver.",
    ),
    "token": _text("Token", "For authenticator oauth, programmatic_access_token or workload_identity.", secret=True),
    "passcode": _text("Passcode", "Of multi-factor authentication, where it is not pushed.", secret=True),
    "oauth_client_id": _text("OAuth client id", "For oauth_client_credentials."),
    "oauth_client_secret": _text("OAuth client secret", "For oauth_client_credentials.", secret=True),
    "oauth_token_request_url": _text("OAuth token URL", "Where oauth_client_credentials asks for its token."),
    "oauth_scope": _text("OAuth scope", "For oauth_client_credentials; by default the role's."),
    "workload_identity_provider": _text("Workload identity provider", "AWS, AZURE, GCP or OIDC."),
    "role": _text("Role", "The role to work in; by default the user's."),
    "warehouse": _text("Warehouse", "The virtual warehouse that computes; by default the user's."),
    "database": _text("Database", "Where names of tables without a database are looked up."),
    "schema": _text("Schema", "Where names of tables without a schema are looked up."),
    "host": _text("Host", "Of a private link, or of a local server for tests; by default the account's."),
    "port": {"type": "integer", "minimum": 1, "maximum": 65535, "title": "Port", "description": "By default 443."},
    "protocol": {
        "type": "string",
        "enum": ["https", "http"],
        "title": "Protocol",
        "description": "http for a server on this machine only.",
    },
    "login_timeout": {
        "type": "integer",
        "minimum": 1,
        "default": 60,
        "title": "Login timeout",
        "description": "Seconds to log in within, attempts included.",
    },
    "network_timeout": {
        "type": "integer",
        "minimum": 1,
        "default": 300,
        "title": "Network timeout",
        "description": "Seconds to get an answer within, attempts included. Queries may take longer.",
    },
}


def login(config: Mapping[str, object], rooted: Callable[[str], Path]) -> dict[str, object]:
    """Make the driver's arguments for who logs in, and where. Raises ConfigurationError with all mistakes."""
    problems = [*_host_mistakes(config)]
    authenticator = _authenticator(config, problems)
    arguments: dict[str, object] = {"account": config["account"]}
    arguments |= {name: config[name] for name in _PASSED if config.get(name) is not None}
    if authenticator == KEY:
        arguments["private_key"] = _private_key(config, rooted, problems)
    if authenticator == WORKLOAD:
        arguments["workload_identity_provider"] = str(config.get("workload_identity_provider")).upper()
    arguments["authenticator"] = authenticator if authenticator.startswith("https://") else authenticator.upper()
    arguments["client_store_temporary_credential"] = authenticator == BROWSER
    arguments["client_request_mfa_token"] = authenticator == MFA
    if problems:
        raise ConfigurationError(problems)
    return arguments


def _authenticator(config: Mapping[str, object], problems: list[str]) -> str:
    """Find how to log in, and what is missing for it."""
    given = str(config.get("authenticator") or "")
    name = given if given.lower().startswith("https://") else given.lower()
    if not name:
        name = _implied(config, problems)
    if not name.startswith("https://") and name not in KNOWN:
        if name:
            problems.append(f"authenticator: must be one of {', '.join(KNOWN)}, or an https:// address.")
        return name
    problems += (
        f"setting {setting!r} is missing: authenticator {name!r} needs it."
        for setting in _NEEDED.get(name, ("user", "password"))
        if not config.get(setting)
    )
    return name


def _implied(config: Mapping[str, object], problems: list[str]) -> str:
    if config.get("private_key") or config.get("private_key_path"):
        return KEY
    if config.get("token"):
        problems.append(f"authenticator: say what the token is: {OAUTH}, {PAT} or {WORKLOAD}.")
        return ""
    if config.get("password"):
        return PASSWORD
    problems.append("nothing to log in with. Give private_key_path or private_key, or password, or an authenticator.")
    return ""


def _host_mistakes(config: Mapping[str, object]) -> Iterator[str]:
    if config.get("protocol") == "http" and not _loopback(str(config.get("host") or "")):
        yield "protocol: http would send the secret as plain text. It is for a host on this machine, such as 127.0.0.1."


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _private_key(config: Mapping[str, object], rooted: Callable[[str], Path], problems: list[str]) -> bytes:
    """Read the key and take its encryption off: the driver wants it bare, in DER."""
    text, path = config.get("private_key"), config.get("private_key_path")
    if bool(text) == bool(path):
        problems.append("private_key, private_key_path: give one of the two.")
        return b""
    name = "private_key_path" if path else "private_key"
    try:
        pem = rooted(str(path)).read_bytes() if path else str(text).replace("\\n", "\n").encode()
    except OSError as error:
        problems.append(f"private_key_path {str(path)!r}: cannot be read ({error.strerror}).")
        return b""
    phrase = config.get("private_key_passphrase")
    try:
        key = load_pem_private_key(pem, str(phrase).encode() if phrase else None)
        return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    except TypeError:
        problems.append(
            f"private_key_passphrase: the key in {name} is not encrypted; leave it out."
            if phrase
            else f"setting 'private_key_passphrase' is missing: the key in {name} is encrypted."
        )
    except (ValueError, UnsupportedAlgorithm):
        wrong = ", or the passphrase is wrong" if phrase else ""
        problems.append(f"{name}: this is no PEM private key{wrong}.")
    return b""

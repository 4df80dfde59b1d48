"""target-salesforce's settings."""

from __future__ import annotations

import logging
import re
import time
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit

from requests.auth import AuthBase
from singer_sdk import typing as th

from penstock import __version__
from penstock.auth import Secret, Unsigned, needed
from penstock.errors import Misconfigured
from penstock.http import Asker, Http
from penstock.links import checked_url
from penstock.records import Destination
from penstock.singer import CORE_SETTINGS, PenstockTarget, project_root
from penstock.tokens import Token
from target_salesforce.api import MOST, VERSION, Options, Salesforce
from target_salesforce.login import DOMAINS, SHARED, FormGrant, JwtGrant, Login, Signing, refresh_grant

LOGIN_URL = "https://login.salesforce.com"
SANDBOX = "sandbox-"
"""what credentials of a simulated org begin with; real ones must not be sent to whatever listens on this machine"""
SECRETS = ("client_secret", "refresh_token", "password", "security_token", "private_key")
_VERSION = re.compile(r"[3-9][0-9]\.0").fullmatch
_RULE = re.compile(r"01Q[A-Za-z0-9]{12}([A-Za-z0-9]{3})?").fullmatch
log = logging.getLogger("penstock")


def _text(name: str, description: str, *, secret: bool = False, default: str | None = None) -> th.Property[str]:
    return th.Property(name, th.StringType(nullable=False), secret=secret, default=default, description=description)


def _flag(name: str, description: str) -> th.Property[bool]:
    return th.Property(name, th.BooleanType(nullable=False), default=False, description=description)


class TargetSalesforce(PenstockTarget):
    """Singer target for Salesforce."""

    name = "target-salesforce"
    package_name = "penstock"
    config_jsonschema = th.PropertiesList(
        _text(
            "login_url",
            "Where to log in: https://login.salesforce.com, https://test.salesforce.com for sandboxes, or the org's My "
            "Domain. Another value is for the simulated org on 127.0.0.1.",
            default=LOGIN_URL,
        ),
        _text("client_id", "Connected app: its consumer key."),
        _text("client_secret", "Connected app: its consumer secret.", secret=True),
        _text("refresh_token", "With client_id and client_secret: a refresh token of the user.", secret=True),
        _text("username", "User name, for private_key or password."),
        _text(
            "private_key",
            "With client_id and username: the app's private RSA key in PEM form, for the JWT bearer flow.",
            secret=True,
        ),
        _text("private_key_file", "Instead of private_key: a file with it, relative to the project."),
        _text(
            "password",
            "With username, client_id and client_secret: the password. Blocked in newer orgs and about to be retired; "
            "use another flow where you can.",
            secret=True,
        ),
        _text("security_token", "With password: the user's security token.", secret=True),
        _text("api_version", "Which version of the API is used.", default=VERSION),
        _text(
            "assignment_rules",
            "Whether writes to leads, cases and accounts run assignment rules: off, on, or a rule's id.",
            default="off",
        ),
        th.Property(
            "duplicate_rule",
            th.StringType(nullable=False),
            default="obey",
            allowed_values=["obey", "allow"],
            description="Duplicate rules that alert: obey them (the row is refused), or allow the record to be saved.",
        ),
        _flag(
            "all_or_none", "Write all rows of a request, or none when one is refused; those are sent again without it."
        ),
        th.Property(
            "batch_size",
            th.IntegerType(nullable=False),
            default=MOST,
            description="Rows of one request, 1 to 200: fewer where triggers of the org need it.",
        ),
        _flag("truncate", "Cut text that is longer than its field, instead of refusing the row."),
        _flag(
            "hard_delete",
            "Let `mode: delete` with `match: Id` delete for good, past the recycle bin. Cannot be undone.",
        ),
        *CORE_SETTINGS,
    ).to_dict()

    def base_url(self) -> str:
        """Log in, and return the address of the org that the log-in names."""
        signing = self._signing
        return self._login.instance(signing.ready())

    def auth(self) -> AuthBase:
        """Sign with sessions that the log-in brings, another when one has ended."""
        return self._signing

    @cached_property
    def _signing(self) -> Signing:
        return Signing(self._fetch, time.time)

    def _fetch(self) -> Token:
        return self._login()

    @cached_property
    def _login(self) -> Login:
        """Choose the flow by what the settings give. Raises Misconfigured."""
        config, login_url = self.config, self._login_url
        given = [name for name in SECRETS if config.get(name)]
        for name in given:
            self._check_credential(name)
        client_id = str(config.get("client_id") or "")
        if not client_id:
            raise Misconfigured(
                needed("client_id", "target-salesforce"),
                "set it with private_key and username, with client_secret, or with client_secret and refresh_token",
            )
        ca_file = config.get("ca_file")
        # The request that asks for a token goes unsigned, on connections of its own.
        http = Http(
            login_url,
            Unsigned(),
            f"penstock/{__version__} ({self.name})",
            ca_file=project_root() / str(ca_file) if ca_file else None,
        )
        ask = Asker(http)
        key = self._private_key()
        if key is not None:
            username = self._needed("username", "private_key")
            return Login(JwtGrant(ask, client_id, username, key, login_url), login_url)
        client = {"client_id": client_id, "client_secret": Secret(self._needed("client_secret", "client_id"))}
        if config.get("refresh_token"):
            return Login(refresh_grant(ask, client, Secret(config["refresh_token"])), login_url)
        if config.get("password"):
            log.warning("logging in by user name and password, which Salesforce is about to retire: use another flow")
            words = {"username": self._needed("username", "password")}
            secret = Secret(f"{config['password']}{config.get('security_token') or ''}")
            return Login(FormGrant(ask, {"grant_type": "password", **client, **words, "password": secret}), login_url)
        if urlsplit(login_url).hostname in SHARED:
            raise Misconfigured(
                "setting login_url: client_id and client_secret alone log in at the org's own host only",
                "set login_url to https://<your domain>.my.salesforce.com, or give a refresh_token or a private_key",
            )
        return Login(FormGrant(ask, {"grant_type": "client_credentials", **client}), login_url)

    @property
    def _login_url(self) -> str:
        return checked_url("login_url", str(self.config["login_url"]), DOMAINS)

    def _needed(self, name: str, beside: str) -> str:
        found = self.config.get(name)
        if not found:
            raise Misconfigured(f"setting {name}: is required beside {beside}")
        return str(found)

    def _private_key(self) -> Secret | None:
        """Return the private key; line breaks may be written as backslash and n, as environments need it."""
        found, file = self.config.get("private_key"), self.config.get("private_key_file")
        if found:
            return Secret(str(found).replace("\\n", "\n"))
        if not file:
            return None
        path: Path = project_root() / str(file)
        try:
            return Secret(path.read_text("utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise Misconfigured(f"setting private_key_file: cannot read {path}") from error

    def _check_credential(self, name: str) -> None:
        """Hold that a credential can be one, and that no real one goes to a simulated org. A key is never sent."""
        value = Secret(self.config[name])
        if name == "private_key":
            return
        if name in ("client_secret", "refresh_token") and not all("!" <= c <= "~" for c in value):
            raise Misconfigured(f"setting {name}: holds a blank, a line break or a character that no {name} has")
        if self._login_url.startswith("http:") and name != "security_token" and not value.startswith(SANDBOX):
            raise Misconfigured(
                f"setting {name}: is no sandbox {name}, but login_url is on this machine; it was not sent there",
                f"for the sandbox use a {name} that begins with {SANDBOX}",
            )

    def destination(self) -> Destination:
        """Return Salesforce, as the settings want it."""
        config = self.config
        version, rules = str(config["api_version"]).removeprefix("v"), str(config["assignment_rules"])
        mistakes = []
        if not _VERSION(version):
            mistakes.append("setting api_version: expected a version such as 66.0")
        if rules not in ("on", "off") and not _RULE(rules):
            mistakes.append("setting assignment_rules: expected off, on, or the id of a rule (01Q...)")
        if not 1 <= config["batch_size"] <= MOST:
            mistakes.append(f"setting batch_size: expected 1 to {MOST}")
        if mistakes:
            raise Misconfigured(mistakes)
        return Salesforce(
            Options(
                version=version,
                assignment={"on": "TRUE", "off": "FALSE"}.get(rules, rules),
                duplicates_pass=config["duplicate_rule"] == "allow",
                all_or_none=config["all_or_none"],
                truncate=config["truncate"],
                hard_delete=config["hard_delete"],
                batch_size=config["batch_size"],
            )
        )

    def secrets(self) -> list[Secret]:
        """Return the credentials."""
        return [Secret(self.config[name]) for name in SECRETS if self.config.get(name)]


if __name__ == "__main__":
    TargetSalesforce.cli()

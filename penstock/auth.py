"""Credentials that never show themselves."""

from __future__ import annotations

import logging
import re
import traceback
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

from requests import PreparedRequest
from requests.auth import AuthBase

from penstock.errors import Misconfigured

_CREDENTIAL = re.compile(
    r"(?i)(authorization['\"]?\s*[:=]\s*['\"]?(?:bearer\s+|basic\s+)?|bearer\s+"
    r"|(?:(?:refresh|access)_token|client_secret)['\"]?\s*[:=]\s*['\"]?)"
    r"[^\s'\",}&]+"
)
_QUIET = ("urllib3", "requests", "charset_normalizer")
"""libraries whose messages can hold a URL or an answer"""


class Secret(str):
    """Text whose repr is dots. It is still text, so only `reveal` it where it is needed."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'•••'"


class Bearer(AuthBase):
    """Puts a token into the Authorization header, and keeps requests from replacing it with one from ~/.netrc."""

    def __init__(self, token: Secret) -> None:
        self._token = token

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Sign one request."""
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class Unsigned(AuthBase):
    """Signs nothing, for the request that asks for a token."""

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Return the request as it is."""
        return request


SANDBOX = "sandbox-"
"""what credentials of a simulated destination begin with; a real one must not go to what listens on this machine"""


def needed(setting: str, plugin: str) -> str:
    """Say that a setting is missing, and where a Meltano project has it; its value there is often a variable."""
    variable = f"{plugin}_{setting}".upper().replace("-", "_")
    return (
        f"setting {setting}: is required ({setting} of {plugin} in meltano.yml, with the variable of .env that it may "
        f"name; or environment variable {variable})"
    )


def check_credential(setting: str, variable: str, value: str, url: str, vendor: str) -> None:
    """Raise Misconfigured for a credential that cannot be one, or that must not go to the sandbox at `url`."""
    if not value or not all("!" <= c <= "~" for c in value):
        raise Misconfigured(
            f"setting {setting}: is empty or holds a blank, a line break or a character that no {setting} has",
            f"set {variable} to the {setting} alone",
        )
    if url.startswith("http:") and not value.startswith(SANDBOX):
        raise Misconfigured(
            f"setting {setting}: is no sandbox {setting}, but api_url is a sandbox on this machine; "
            "it was not sent there",
            f"for {vendor} itself leave api_url out; for the sandbox use one that begins with {SANDBOX}",
        )


class Redaction(logging.Filter):
    """Replaces known secrets and anything that looks like an Authorization header in every log record.

    Of the HTTP libraries' messages it leaves the words alone: a warning of urllib3 names the URL and, where headers
    cannot be parsed, quotes the answer.
    """

    def __init__(self, secrets: Iterable[Secret]) -> None:
        super().__init__()
        self._secrets: tuple[str, ...] = ()
        self.learn(*secrets)

    def learn(self, *secrets: Secret) -> None:
        """Replace these from now on as well, also as they look in a form or a URL."""
        texts = {str(s) for s in secrets if len(s) >= 4}
        texts |= {encoded(text) for text in texts for encoded in (_quoted, quote_plus)}
        # Longest first: a secret that begins with another must not leave its tail behind.
        self._secrets = tuple(sorted(texts.union(self._secrets), key=len, reverse=True))

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record's text; always let it pass."""
        if record.name.partition(".")[0] in _QUIET:
            record.msg, record.args = self.clean(str(record.msg)), None
            record.exc_info = record.exc_text = record.stack_info = None
            return True
        try:
            text = record.getMessage()
        except (TypeError, ValueError):
            text = str(record.msg)  # its arguments do not fit it; whoever wrote it must not end the run with it
        record.msg, record.args = self.clean(text), None
        if record.exc_info:
            # The handler would format the exception after us, with whatever its text holds.
            record.exc_text = "".join(traceback.format_exception(*record.exc_info)).rstrip()
            record.exc_info = None
        record.exc_text = self.clean(record.exc_text) if record.exc_text else None
        record.stack_info = self.clean(record.stack_info) if record.stack_info else None
        return True

    def clean(self, text: str) -> str:
        """Return a text without secrets."""
        for secret in self._secrets:
            text = text.replace(secret, "•••")
        return _CREDENTIAL.sub(r"\1•••", text)


def _quoted(text: str) -> str:
    return quote(text, safe="")


def redact_logs(secrets: Iterable[Secret]) -> None:
    """Filter all handlers of the root logger, and keep the HTTP libraries from logging requests."""
    redaction = Redaction(secrets)
    for handler in logging.getLogger().handlers:
        handler.addFilter(redaction)
    for noisy in _QUIET:
        logging.getLogger(noisy).setLevel(logging.WARNING)


def redact(*secrets: Secret) -> None:
    """Teach the filters that `redact_logs` has set a secret that came later, such as a token fetched in mid-run."""
    for handler in logging.getLogger().handlers:
        for each in handler.filters:
            if isinstance(each, Redaction):
                each.learn(*secrets)

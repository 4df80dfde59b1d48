"""Credentials that never show themselves."""

from __future__ import annotations

import logging
import re
import traceback

from requests import PreparedRequest
from requests.auth import AuthBase

_CREDENTIAL = re.compile(
    r"(?i)(authorization['\"]?\s*[:=]\s*['\"]?(?:bearer\s+|basic\s+)?|bearer\s+|(?:refresh|access)_token['\"]?\s*[:=]\s*['\"]?)"
    r"[^\s'\",}&]+"
)


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


class Redaction(logging.Filter):
    """Replaces known secrets and anything that looks like an Authorization header in every log record."""

    def __init__(self, secrets: list[Secret]) -> None:
        super().__init__()
        # Longest first: a secret that begins with another must not leave its tail behind.
        self._secrets = sorted((str(s) for s in secrets if len(s) >= 4), key=len, reverse=True)

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record's text; always let it pass."""
        record.msg, record.args = self.clean(record.getMessage()), None
        if record.exc_info:
            # The handler would format the exception after us, with whatever its text holds.
            record.exc_text = self.clean("".join(traceback.format_exception(*record.exc_info)).rstrip())
            record.exc_info = None
        return True

    def clean(self, text: str) -> str:
        """Return a text without secrets."""
        for secret in self._secrets:
            text = text.replace(secret, "•••")
        return _CREDENTIAL.sub(r"\1•••", text)


def redact_logs(secrets: list[Secret]) -> None:
    """Filter all handlers of the root logger, and keep the HTTP libraries from logging requests."""
    redaction = Redaction(secrets)
    for handler in logging.getLogger().handlers:
        handler.addFilter(redaction)
    for noisy in ("urllib3", "requests"):
        logging.getLogger(noisy).setLevel(logging.WARNING)

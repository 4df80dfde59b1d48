"""Credentials that never show themselves."""

from __future__ import annotations

import logging
import re

from requests import PreparedRequest
from requests.auth import AuthBase

_BEARER = re.compile(r"(?i)(bearer\s+|authorization['\"]?\s*[:=]\s*['\"]?)[^\s'\",}]+")


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
        text = record.getMessage()
        for secret in self._secrets:
            text = text.replace(secret, "•••")
        record.msg, record.args = _BEARER.sub(r"\1•••", text), None
        return True


def redact_logs(secrets: list[Secret]) -> None:
    """Filter all handlers of the root logger, and keep the HTTP libraries from logging requests."""
    redaction = Redaction(secrets)
    for handler in logging.getLogger().handlers:
        handler.addFilter(redaction)
    for noisy in ("urllib3", "requests"):
        logging.getLogger(noisy).setLevel(logging.WARNING)

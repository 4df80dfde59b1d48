"""Tokens that expire: one thread fetches the next one while the others wait.

Never more than one fetch per expiry, and none after a refusal: an identity provider locks out who keeps asking with
credentials that it has refused.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

from requests import PreparedRequest
from requests.auth import AuthBase

from penstock.auth import Secret, redact
from penstock.errors import Fault, Misconfigured, Stop
from penstock.records import Ask, Request, Response

_OAUTH_ERRORS = frozenset(
    {
        "invalid_request",
        "invalid_client",
        "invalid_grant",
        "unauthorized_client",
        "unsupported_grant_type",
        "invalid_scope",
        "access_denied",
    }
)
"""RFC 6749 section 5.2; anything else an endpoint calls its error is not repeated in a message"""
_EARLY = 60.0
"""seconds before its known expiry that a token is replaced, at most a tenth of its life"""
_NEW = 60.0
"""seconds in which a token that was never accepted is not replaced: another would be refused as well"""


@dataclass(frozen=True)
class Token:
    """One access token. `expires_in` is in seconds from now, None where nobody said."""

    secret: Secret
    expires_in: float | None = None
    answer: Mapping[str, object] = field(default_factory=dict, repr=False)
    """what else came with it, an `instance_url` for instance; neither checked nor free of secrets"""


class Refreshing(AuthBase):
    """Signs with a token that `fetch` brings; safe to use from several threads.

    `fetch` makes its own attempts and raises a Stop when they are spent, or Misconfigured when the credentials are
    refused. Either is final: every thread that waits gets it, and so does everyone who asks later.
    `now` is a wall clock in seconds, for expiry alone.
    """

    def __init__(
        self, fetch: Callable[[], Token], now: Callable[[], float], learn: Callable[[Secret], None] = redact
    ) -> None:
        self.refreshes = 0
        """how many tokens replaced an earlier one"""
        self._fetch = fetch
        self._now = now
        self._learn = learn
        self._lock = threading.Lock()
        self._ended: Stop | None = None
        self._token: Token | None = None
        self._fetched = 0.0
        self._accepted = False

    def ready(self) -> Token:
        """Return the present token; fetch one where there is none or it is about to expire. Raises a Stop."""
        with self._lock:
            if self._ended is not None:
                raise self._ended
            if self._token is None or self._expiring(self._token):
                self._renew()
            return self._present()

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Sign one request."""
        request.headers["Authorization"] = f"Bearer {self.ready().secret}"
        return request

    def accepted(self, used: str) -> None:
        """Note that the Authorization header `used` was good enough for an answer other than 401."""
        if self._accepted:
            return
        with self._lock:
            if self._token is not None and used == f"Bearer {self._token.secret}":
                self._accepted = True

    def refused(self, used: str) -> bool:
        """Take a 401 for the Authorization header `used`; tell whether the same request should be sent again.

        True when another thread has brought a newer token meanwhile, or this one just did. False when the token is
        new and was never accepted: then it is not the token's age. Raises a Stop.
        """
        with self._lock:
            if self._ended is not None:
                raise self._ended
            if self._token is None or used != f"Bearer {self._token.secret}":
                return True
            if not self._accepted and abs(self._now() - self._fetched) < _NEW:
                return False
            self._renew()
            return True

    def ended(self, response: Response) -> bool:
        """Tell whether an answer says that its token is not good any more."""
        return response.status == 401

    def _expiring(self, token: Token) -> bool:
        if token.expires_in is None:
            return False
        return self._now() >= self._fetched + token.expires_in - min(_EARLY, token.expires_in / 10)

    def _renew(self) -> None:
        """Fetch a token, with the lock held: that is what the other threads wait for."""
        try:
            token = self._fetch()
        except Stop as stop:
            self._ended = stop
            raise
        self._learn(token.secret)
        self.refreshes += self._token is not None
        self._token, self._fetched, self._accepted = token, self._now(), False

    def _present(self) -> Token:
        if self._token is None:
            raise AssertionError("a fetch ended without a token and without an error")
        return self._token


def token_request(ask: Ask, path: str, form: Mapping[str, str], learn: Callable[[Secret], None] = redact) -> Token:
    """Ask an OAuth token endpoint for a token, by the grant that `form` holds.

    `ask` is an `Asker` on an `Http` of its own, whose base URL has been checked: it makes the attempts. Raises
    Misconfigured where the endpoint refuses the credentials, Fault where it has no token to give.
    """
    body = urlencode(form).encode()
    response = ask(Request("POST", path, body, {"Content-Type": "application/x-www-form-urlencoded"}))
    answer = _object(response)
    if 400 <= response.status < 500:
        error = answer.get("error")
        named = error if isinstance(error, str) and error in _OAUTH_ERRORS else f"status {response.status}"
        raise Misconfigured(
            f"the log-in was refused ({named})",
            "look at the client's id and secret and whether its access was revoked; nothing is tried again",
        )
    secret, life = answer.get("access_token"), _seconds(answer.get("expires_in"))
    if response.status != 200 or not isinstance(secret, str) or not secret or not all("!" <= c <= "~" for c in secret):
        raise Fault(f"the log-in brought no token (status {response.status})", "run again; look at who answers there")
    for name, value in answer.items():
        if name.endswith("_token") and isinstance(value, str):
            learn(Secret(value))
    return Token(Secret(secret), life, answer)


class RefreshGrant:
    """OAuth's refresh_token grant, as a `fetch` for Refreshing.

    A new refresh token in the answer replaces the old one, in memory alone: where the endpoint retires the old one
    on each use, the configured one is good for a single run.
    """

    def __init__(
        self,
        ask: Ask,
        path: str,
        client: Mapping[str, str],
        refresh_token: Secret,
        learn: Callable[[Secret], None] = redact,
    ) -> None:
        self._ask = ask
        self._path = path
        self._client = dict(client)
        self._refresh_token: str = refresh_token
        self._learn = learn

    def __call__(self) -> Token:
        """Fetch a token. Raises a Stop."""
        form = {"grant_type": "refresh_token", **self._client, "refresh_token": self._refresh_token}
        token = token_request(self._ask, self._path, form, self._learn)
        newer = token.answer.get("refresh_token")
        if isinstance(newer, str) and newer:
            self._refresh_token = Secret(newer)
        return token


def _object(response: Response) -> dict[str, object]:
    try:
        value = json.loads(response.body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _seconds(value: object) -> float | None:
    """Read a number of seconds; some endpoints write it as text."""
    try:
        seconds = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else 0.0
    except (ValueError, OverflowError):
        return None
    return seconds if 0 < seconds < 10**9 else None

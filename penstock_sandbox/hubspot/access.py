"""Who may call: tokens, their expiry and their scopes."""

from typing import Literal

import msgspec

from penstock_sandbox.hubspot import errors
from penstock_sandbox.provenance import assumed, documented, recorded

DEFAULT_BEARER = "sandbox-hubspot-token"
SANDBOX_PREFIX = "sandbox-"


class Token(msgspec.Struct, forbid_unknown_fields=True):
    """A bearer token. `scopes` None means all; `expires_at` is seconds on the sandbox clock."""

    token: str
    scopes: list[str] | None = None
    expires_at: float | None = None
    kind: Literal["private", "oauth"] = "private"

    def __post_init__(self) -> None:
        if not self.token.startswith(SANDBOX_PREFIX):
            raise ValueError(f"a sandbox token starts with {SANDBOX_PREFIX!r}, so that no real one is ever put here")


@recorded("A call without a known token is INVALID_AUTHENTICATION, 401", "recorded body in the fact sheet")
@recorded("An expired token is EXPIRED_AUTHENTICATION, 401", "recorded body in the fact sheet")
def authenticate(tokens: dict[str, Token], authorization: str | None, now: float) -> Token:
    """Return the token of an `Authorization` header."""
    scheme, _, given = (authorization or "").partition(" ")
    token = tokens.get(given.strip())
    if scheme.lower() != "bearer" or token is None:
        raise errors.not_authenticated()
    if token.expires_at is not None and now >= token.expires_at:
        raise errors.expired(int(now - token.expires_at))
    return token


@documented("A token without the scope is refused with 403 and the scopes wanted", "developers.hubspot.com/scopes")
@assumed("Reading properties needs the object's read scope", "a target with only object scopes reads them at its start")
def authorize(token: Token, scope: str | None) -> None:
    """Refuse a token that lacks a scope; some endpoints need none."""
    if scope is not None and token.scopes is not None and scope not in token.scopes:
        raise errors.missing_scopes([scope])

"""Who may call: tokens, their expiry and their scopes; apps that refresh them."""

from typing import Literal

import msgspec

from penstock_sandbox.hubspot import errors
from penstock_sandbox.provenance import assumed, documented, recorded

DEFAULT_BEARER = "sandbox-hubspot-token"
SANDBOX_PREFIX = "sandbox-"
REFRESH = "sandbox-refresh-token"
SCOPES = "developers.hubspot.com/scopes"


class Token(msgspec.Struct, forbid_unknown_fields=True):
    """A bearer token. `scopes` None means all; `expires_at` is seconds on the sandbox clock."""

    token: str
    scopes: list[str] | None = None
    expires_at: float | None = None
    kind: Literal["private", "oauth"] = "private"

    def __post_init__(self) -> None:
        if not self.token.startswith(SANDBOX_PREFIX):
            raise ValueError(f"a sandbox token starts with {SANDBOX_PREFIX!r}, so that no real one is ever put here")


class App(msgspec.Struct, forbid_unknown_fields=True):
    """What a refresh token belongs to. A revoked one is BAD_REFRESH_TOKEN."""

    client_id: str = "sandbox-client"
    client_secret: str = "sandbox-secret"  # noqa: S105 - no secret at all
    scopes: list[str] | None = None
    revoked: bool = False
    minted: int = 0


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


@documented("A token without the scope is refused with 403 and the scopes wanted", SCOPES)
@documented("Associations need the object scopes of both ends", SCOPES)
@recorded("Schemas name them in `context`, at the top", "amp-labs/connectors, metadata-err-schemas-scope")
@assumed("Reading properties needs the object's read scope", "a target with only object scopes reads them at its start")
def authorize(token: Token, scopes: list[str], in_context: bool = False) -> None:
    """Refuse a token that lacks a scope; some endpoints need none."""
    if token.scopes is None:
        return
    missing = [scope for scope in scopes if scope not in token.scopes]
    if missing:
        raise errors.missing_scopes(missing, in_context)

"""Who may call: tokens of one workspace, each of one app."""

import msgspec

from penstock_sandbox.intercom import errors
from penstock_sandbox.provenance import assumed, documented, recorded

GUIDE = "developers.intercom.com/docs/build-an-integration/learn-more/authentication"
DEFAULT_TOKEN = "sandbox-intercom-token"  # noqa: S105 - no vendor accepts it
SANDBOX_PREFIX = "sandbox-"
Region = str
REGIONS = ("US", "EU", "AU")


class Token(msgspec.Struct):
    """An access token and the app it was given to; apps have a rate window each."""

    token: str
    app: str = "sandbox-app"


@documented("A token is one workspace's and one app's, sent as Bearer", GUIDE)
@recorded("Tokens do not expire", "reports in the fact sheet; no refresh token exists for OAuth apps either")
@documented("Without a token, or with an unknown one: 401 unauthorized", "Intercom-OpenAPI 2.14, every operation")
@assumed("At another region's host a token is unknown", "no redirect is promised")
def authenticate(tokens: dict[str, Token], headers: dict[str, str], here: bool) -> Token:
    """Return the token of a request; `here` tells whether the workspace lives in this region."""
    scheme, _, given = headers.get("authorization", "").partition(" ")
    token = tokens.get(given.strip()) if scheme.lower() == "bearer" else None
    if token is None or not here:
        raise errors.unauthorized()
    return token

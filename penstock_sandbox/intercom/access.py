"""Who may call: tokens of one workspace, each of one app, which has permissions."""

import msgspec

from penstock_sandbox.intercom import errors
from penstock_sandbox.provenance import assumed, documented, recorded

SCOPES = "developers.intercom.com/docs/build-an-integration/learn-more/authentication/oauth-scopes"
READ_ONE, READ_ALL = "Read one user and one company", "Read and list users and companies"
WRITE, TAGS = "Write users and companies", ("Write tags", "Read tags")
INSTANCES, ADMINS = "Read and write custom object instances", ("Read admins", "Read one admin")
GUIDE = "developers.intercom.com/docs/build-an-integration/learn-more/authentication"
DEFAULT_TOKEN = "sandbox-intercom-token"  # noqa: S105 - no vendor accepts it
SANDBOX_PREFIX = "sandbox-"
Region = str
REGIONS = ("US", "EU", "AU")


class Token(msgspec.Struct, forbid_unknown_fields=True):
    """An access token and the app it was given to; apps have a rate window each."""

    token: str
    app: str = "sandbox-app"
    scopes: list[str] | None = None
    """the app's permissions by their names in the Developer Hub; None means all"""


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


@documented("Permissions are chosen in the Developer Hub, by these names; what each allows is said of it", SCOPES)
@assumed("Which of them a call needs", "concluded from what they allow: no call's reference names its own")
@assumed("Attributes and subscription types are read by who may list users", "no permission speaks of reading them")
@assumed("Without the permission: 403 forbidden", "the code is documented, not when it comes")
def authorize(token: Token, method: str, parts: list[str]) -> None:
    """Hold that a token's app may make a call."""
    if token.scopes is None or parts == ["me"]:
        return
    if not set(_any_of(method == "GET", parts)) & set(token.scopes):
        raise errors.forbidden()


def _any_of(reads: bool, parts: list[str]) -> tuple[str, ...]:
    """Return the permissions of which a call needs one."""
    head, alone = parts[0], len(parts) == 1
    own = {
        "tags": TAGS if reads else TAGS[:1],
        "events": ("Read events",) if reads else ("Write events",),
        "custom_object_instances": (INSTANCES,),
        "admins": ADMINS[:1] if alone else ADMINS,
        "data_attributes": (READ_ALL,) if reads else ("Write data attributes",),
    }.get("tags" if "tags" in parts else head)
    if own is not None:
        return own
    if parts[-1] in ("search", "list", "scroll") or (reads and alone and head != "companies"):
        return (READ_ALL,)
    return (READ_ONE, READ_ALL) if reads else (WRITE,)

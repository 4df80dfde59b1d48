"""Tokens of OAuth apps: refreshed by form, expiring on the sandbox clock; and what a token may do."""

from urllib.parse import parse_qsl

from penstock_sandbox.hubspot import errors
from penstock_sandbox.hubspot.access import SANDBOX_PREFIX, Token
from penstock_sandbox.hubspot.portal import PORTAL_ID, Portal
from penstock_sandbox.provenance import assumed, documented, recorded

GUIDE = "developers.hubspot.com/docs/api-reference/latest/authentication/manage-oauth-tokens"
APP_ID = 19083857


@documented("A refresh token, client id and secret in a form are exchanged for an access token", GUIDE)
@recorded("A dead refresh token is a 400 whose `status` is BAD_REFRESH_TOKEN", "reports in the fact sheet")
@documented(
    "An access token lives as long as `expires_in` says, 1,800 seconds in practice",
    "HubSpot changelog, expiration of OAuth access tokens",
)
@assumed("A wrong client is BAD_CLIENT_ID or BAD_CLIENT_SECRET", "named like the refusal that is recorded")
@assumed("An earlier access token stays good until it expires", "no source says that a refresh ends it")
def refresh(portal: Portal, form: bytes, now: float) -> dict[str, object]:
    """Mint an access token."""
    given = dict(parse_qsl(form.decode("utf-8", "replace"), keep_blank_values=True))
    if given.get("grant_type") != "refresh_token":
        raise _refusal("BAD_GRANT_TYPE", "missing or unknown grant type")
    name = given.get("refresh_token", "")
    app = portal.apps.get(name)
    if app is None or app.revoked:
        raise _refusal("BAD_REFRESH_TOKEN", "missing or invalid refresh token")
    if given.get("client_id") != app.client_id:
        raise _refusal("BAD_CLIENT_ID", "missing or invalid client id")
    if given.get("client_secret") != app.client_secret:
        raise _refusal("BAD_CLIENT_SECRET", "missing or invalid client secret")
    app.minted += 1
    lives = portal.settings.hubspot.oauth_expires_in
    text = f"{SANDBOX_PREFIX}access-{name.removeprefix(SANDBOX_PREFIX)}-{app.minted}"
    portal.tokens[text] = Token(text, app.scopes, now + lives, "oauth")
    return {"access_token": text, "refresh_token": name, "expires_in": lives, "token_type": "bearer"}


def _refusal(status: str, message: str) -> errors.RefusalError:
    return errors.RefusalError(400, {"status": status, "message": message})


@documented("An access token tells its scopes, its portal and what is left of its life", GUIDE)
@assumed("A private app's token is not told here", "it has an endpoint of its own")
def access_token(portal: Portal, text: str, now: float) -> dict[str, object]:
    """Describe an OAuth access token."""
    token = portal.tokens.get(text)
    if token is None or token.kind != "oauth" or (token.expires_at is not None and token.expires_at <= now):
        raise errors.RefusalError(404, {"message": "access token not found", "category": "OBJECT_NOT_FOUND"})
    left = 0 if token.expires_at is None else int(token.expires_at - now)
    return {
        "token": text,
        "user": "kim@example.com",
        "hub_domain": "sandbox.example.com",
        "scopes": _scopes(portal, token),
        "hub_id": PORTAL_ID,
        "app_id": APP_ID,
        "expires_in": left,
        "user_id": 7,
        "token_type": "access",
    }


@documented(
    "A private app's token tells its scopes and its portal", "developers.hubspot.com private apps, access token info"
)
def app_token(portal: Portal, text: str) -> dict[str, object]:
    """Describe a private app's token."""
    token = portal.tokens.get(text)
    if token is None or token.kind != "private":
        raise errors.not_authenticated()
    return {"userId": 7, "hubId": PORTAL_ID, "appId": APP_ID, "scopes": _scopes(portal, token)}


def _scopes(portal: Portal, token: Token) -> list[str]:
    """Return a token's scopes; one that may do everything names every scope that a route wants."""
    if token.scopes is not None:
        return token.scopes
    kinds = sorted({shelf.kind.scope for shelf in portal.shelves.values()} | {"custom"})
    own = [
        f"crm.{group}.{kind}.{verb}" for kind in kinds for group in ("objects", "schemas") for verb in ("read", "write")
    ]
    return [
        *own,
        "crm.objects.owners.read",
        "crm.import",
        "crm.lists.read",
        "crm.lists.write",
        "behavioral_events.event_definitions.read_write",
        "analytics.behavioral_events.send",
    ]

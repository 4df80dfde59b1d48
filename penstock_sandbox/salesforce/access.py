"""Who may call: sessions, their end by idleness or by number of requests, apps, keys and users that log in."""

import msgspec

from penstock_sandbox.provenance import assumed, documented, recorded
from penstock_sandbox.salesforce import errors

GUIDE = "developer.salesforce.com/docs, REST API Developer Guide: Authorization Through Connected Apps"
DEFAULT_SESSION = "sandbox-salesforce-session"
SANDBOX_PREFIX = "sandbox-"
REFRESH = "sandbox-refresh-token"
CLIENT_ID, CLIENT_SECRET = "sandbox-client", "sandbox-secret"
USERNAME, PASSWORD, SECURITY_TOKEN = "kim@example.com", "sandbox-password", "sandbox-security-token"


class Session(msgspec.Struct):
    """An access token. `lives` is how many seconds it may rest; None is for ever. `left` counts requests down."""

    token: str
    user: str
    used: float = 0.0
    lives: float | None = None
    left: int | None = None


class App(msgspec.Struct, forbid_unknown_fields=True):
    """A connected app with the refresh token that was given to it; a revoked one is `invalid_grant`."""

    client_id: str = CLIENT_ID
    client_secret: str = CLIENT_SECRET
    revoked: bool = False
    user: str = USERNAME


@documented("`Bearer` and `OAuth` are both schemes of the Authorization header", GUIDE)
@recorded("A dead session is a 401, INVALID_SESSION_ID", "restforce fixtures, expired_session_response.json")
@documented("A session ends after two hours without a request, a setting of the org", GUIDE)
@assumed("A session that is used lives on", "the timeout is documented as one of inactivity")
def authenticate(sessions: dict[str, Session], headers: dict[str, str], bulk: bool, now: float) -> Session:
    """Return the session of a request."""
    token = headers.get("x-sfdc-session", "") if bulk else ""
    if not bulk:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        token = given.strip() if scheme.lower() in {"bearer", "oauth"} else ""
    session = sessions.get(token)
    if session is None:
        raise errors.session_invalid()
    if session.lives is not None and now >= session.used + session.lives:
        raise errors.session_invalid()
    if session.left is not None:
        if session.left <= 0:
            raise errors.session_invalid()
        session.left -= 1
    session.used = max(session.used, now)
    return session

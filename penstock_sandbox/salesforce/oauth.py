"""Tokens: refresh token, JWT bearer, client credentials, user name and password; and what is said of them."""

import base64
import binascii
import time
from urllib.parse import parse_qsl, urlsplit

from penstock_sandbox.exchange import Call
from penstock_sandbox.provenance import assumed, documented, recorded
from penstock_sandbox.salesforce import access, errors, jwt
from penstock_sandbox.salesforce.access import App, Session
from penstock_sandbox.salesforce.org import ORG_ID, Org

FLOWS = "help.salesforce.com, OAuth Authorization Flows"
JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_HOSTS = {"login.salesforce.com", "test.salesforce.com"}
_LONGEST = 300.0


@documented("Three flows without a person: refresh token, JWT bearer, client credentials", FLOWS)
@documented("There is no `expires_in`; `issued_at` is milliseconds as text", FLOWS)
@documented("A refusal is an object of `error` and `error_description`, 400", FLOWS)
@assumed("A refresh leaves earlier sessions alone", "no source says that it ends them")
def token(org: Org, call: Call) -> dict[str, object]:
    """Answer the token endpoint."""
    form = dict(parse_qsl(call.body.decode("utf-8", "replace"), keep_blank_values=True)) or dict(call.query)
    basic = _basic(call.headers.get("authorization", ""))
    client_id, secret = basic or (form.get("client_id", ""), form.get("client_secret", ""))
    match form.get("grant_type", ""):
        case "refresh_token":
            return _refresh(org, call, form.get("refresh_token", ""), client_id, secret)
        case "client_credentials":
            _client(org, client_id, secret)
            return _minted(org, call, access.USERNAME) | {"api_instance_url": "https://api.salesforce.com"}
        case "password":
            return _password(org, call, form, client_id, secret)
        case grant if grant == JWT_GRANT:
            return _minted(org, call, _assertion(org, form.get("assertion", ""), call.origin))
        case _:
            raise errors.oauth("unsupported_grant_type", "grant type not supported")


def _basic(header: str) -> tuple[str, str] | None:
    scheme, _, given = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        client_id, _, secret = base64.b64decode(given).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return client_id, secret


def _client(org: Org, client_id: str, secret: str) -> None:
    known = [app for app in org.apps.values() if app.client_id == client_id]
    if not known:
        raise errors.oauth("invalid_client_id", "client identifier invalid")
    if secret not in {app.client_secret for app in known}:
        raise errors.oauth("invalid_client", "invalid client credentials")


def _refresh(org: Org, call: Call, given: str, client_id: str, secret: str) -> dict[str, object]:
    app = org.apps.get(given)
    if app is None or app.revoked:
        raise errors.oauth("invalid_grant", "expired access/refresh token")
    _client(org, client_id, secret)
    answer = _minted(org, call, app.user)
    if org.settings.salesforce.rotate_refresh_tokens:
        del org.apps[given]
        org.minted += 1
        fresh = f"{access.REFRESH}-{org.minted}"
        org.apps[fresh] = App(app.client_id, app.client_secret, user=app.user)
        answer["refresh_token"] = fresh
    return answer


@documented("The user name and password flow can be blocked, and is in new orgs", FLOWS)
def _password(org: Org, call: Call, form: dict[str, str], client_id: str, secret: str) -> dict[str, object]:
    _client(org, client_id, secret)
    if not org.settings.salesforce.password_logins:
        raise errors.oauth("invalid_grant", "authentication failure")
    return _minted(org, call, login(org, form.get("username", ""), form.get("password", "")))


def login(org: Org, username: str, password: str) -> str:
    """Check a user name with a password that the security token follows; returns the user name."""
    if username.lower() != access.USERNAME or password != access.PASSWORD + access.SECURITY_TOKEN:
        raise errors.oauth("invalid_grant", "authentication failure")
    if not org.user_active(username):
        raise errors.oauth("invalid_grant", "inactive user")
    return username.lower()


@documented("An assertion is signed with RS256 by a key whose certificate the app has", FLOWS)
@documented("`aud` is the login host, the test host or the My Domain; an expired assertion is `invalid_grant`", FLOWS)
@recorded(
    "`exp` may be seconds, milliseconds, or text; `aud` may end in a slash", "what clients send, in the fact sheet"
)
@assumed("`exp` is compared with the machine's clock, not the sandbox's", "the client dates it, and knows no other")
def _assertion(org: Org, assertion: str, origin: str) -> str:
    try:
        claims, signed, signature = jwt.claims(assertion)
        expires = float(str(claims.get("exp", "")))
    except ValueError as error:
        raise errors.oauth("invalid_grant", "invalid assertion") from error
    key = org.keys.get(str(claims.get("iss")))
    if key is None:
        raise errors.oauth("invalid_client_id", "client identifier invalid")
    if not jwt.verified(key, signed, signature):
        raise errors.oauth("invalid_grant", "invalid assertion")
    audience = str(claims.get("aud", "")).rstrip("/")
    host = urlsplit(audience).hostname or ""
    if host not in _HOSTS and not host.endswith(".my.salesforce.com") and audience != origin.rstrip("/"):
        raise errors.oauth("invalid_grant", "audience is invalid")
    if expires > 1e11:
        expires /= 1000
    left = expires - time.time()
    if left <= 0:
        raise errors.oauth("invalid_grant", "expired authorization code")
    if left > _LONGEST:
        raise errors.oauth("invalid_grant", "invalid assertion")
    user = str(claims.get("sub", "")).lower()
    if not org.user_active(user):
        raise errors.oauth("invalid_grant", "user hasn't approved this consumer")
    return user


def mint(org: Org, username: str, now: float) -> Session:
    """Begin a session."""
    settings = org.settings.salesforce
    org.minted += 1
    text = f"{ORG_ID[:15]}!{access.SANDBOX_PREFIX}session-{org.minted}"
    user = org.user_id(username)
    session = Session(text, user, now, settings.session_seconds, settings.session_requests)
    org.sessions[text] = session
    return session


def _minted(org: Org, call: Call, username: str) -> dict[str, object]:
    session = mint(org, username, call.now)
    return {
        "access_token": session.token,
        "signature": base64.b64encode(session.token[-16:].encode()).decode(),
        "scope": "api refresh_token",
        "instance_url": call.origin,
        "id": f"{call.origin}/id/{ORG_ID}/{session.user}",
        "token_type": "Bearer",
        "issued_at": str(int(call.now * 1000)),
    }


@documented("A token or a refresh token can be revoked; the answer is empty", "REST API Developer Guide: Revoke")
def revoke(org: Org, call: Call) -> None:
    """End a session or a refresh token."""
    given = dict(parse_qsl(call.body.decode("utf-8", "replace"))).get("token") or call.query.get("token", "")
    if org.sessions.pop(given, None) is None and org.apps.pop(given, None) is None:
        raise errors.oauth("invalid_token", "token not found")


@documented("The identity URL tells user and organization", "REST API Developer Guide: Identity URLs")
@assumed("Only the fields that clients read are told", "the full list has some thirty more")
def identity(org: Org, user: str, origin: str) -> dict[str, object]:
    """Answer userinfo and the identity URL."""
    record = org.record(user)
    name = org.username(user)
    return {
        "sub": f"{origin}/id/{ORG_ID}/{user}",
        "user_id": user,
        "organization_id": ORG_ID,
        "preferred_username": name,
        "username": name,
        "nickname": "kim",
        "name": "Kim Sandbox",
        "email": name,
        "email_verified": True,
        "active": record is not None,
        "user_type": "STANDARD",
        "language": "en_US",
        "locale": "en_US",
        "zoneinfo": "America/Los_Angeles",
        "urls": {"rest": f"{origin}/services/data/v{{version}}/", "custom_domain": origin},
    }

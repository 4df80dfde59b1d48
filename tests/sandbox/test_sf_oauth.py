"""The simulated Salesforce: tokens, sessions and quotas."""

from __future__ import annotations

import base64
import time
from typing import TYPE_CHECKING

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from penstock_sandbox.salesforce.oauth import JWT_GRANT

if TYPE_CHECKING:
    import requests

    from tests.sandbox.salesforce import Org

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PUBLIC = (
    KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
)


def token(org: Org, form: dict[str, str], headers: dict[str, str] | None = None) -> requests.Response:
    return org.http.post(org.url + "/services/oauth2/token", data=form, headers=headers, timeout=10)


def works(org: Org, session: str) -> bool:
    answer = org.get("/limits", headers={"Authorization": f"OAuth {session}"})
    if answer.status_code == 401:
        assert answer.json() == [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}]
    return answer.status_code == 200


def refreshed(org: Org, **more: str) -> requests.Response:
    handle = org.sandbox.salesforce
    form = {"client_id": handle.client_id, "client_secret": handle.client_secret, "refresh_token": handle.refresh_token}
    return token(org, {"grant_type": "refresh_token", **form, **more})


def test_refresh(org: Org) -> None:
    answer = refreshed(org).json()
    assert answer["instance_url"] == org.url
    assert "expires_in" not in answer
    assert answer["token_type"] == "Bearer"
    assert answer["issued_at"].isdigit()
    assert works(org, answer["access_token"])
    who = org.http.get(answer["id"], headers={"Authorization": f"Bearer {answer['access_token']}"}).json()
    assert who["username"] == org.sandbox.salesforce.username


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"refresh_token": "sandbox-unknown"}, "invalid_grant"),
        ({"client_id": "other"}, "invalid_client_id"),
        ({"client_secret": "other"}, "invalid_client"),
    ],
)
def test_refusals_are_objects(org: Org, more: dict[str, str], error: str) -> None:
    answer = refreshed(org, **more)
    assert (answer.status_code, answer.json()["error"]) == (400, error)


def test_refresh_tokens_rotate_where_the_app_says_so(org: Org) -> None:
    org.sandbox.configure(salesforce={"rotate_refresh_tokens": True})
    fresh = refreshed(org).json()["refresh_token"]
    assert refreshed(org).json()["error"] == "invalid_grant"
    assert works(org, refreshed(org, refresh_token=fresh).json()["access_token"])


def test_client_credentials_in_the_form_and_as_basic(org: Org) -> None:
    handle = org.sandbox.salesforce
    pair = base64.b64encode(f"{handle.client_id}:{handle.client_secret}".encode()).decode()
    basic = token(org, {"grant_type": "client_credentials"}, {"Authorization": f"Basic {pair}"}).json()
    form = {"client_id": handle.client_id, "client_secret": handle.client_secret}
    in_form = token(org, {"grant_type": "client_credentials", **form}).json()
    assert works(org, basic["access_token"])
    assert works(org, in_form["access_token"])


def test_user_name_and_password(org: Org) -> None:
    handle = org.sandbox.salesforce
    form = {
        "grant_type": "password",
        "client_id": handle.client_id,
        "client_secret": handle.client_secret,
        "username": handle.username,
        "password": handle.password + handle.security_token,
    }
    assert works(org, token(org, form).json()["access_token"])
    org.sandbox.configure(salesforce={"password_logins": False})
    assert token(org, form).json()["error"] == "invalid_grant"


def assertion(org: Org, key: rsa.RSAPrivateKey = KEY, **claims: object) -> str:
    org.sandbox.salesforce.app(public_key=PUBLIC)
    handle = org.sandbox.salesforce
    usual = {"iss": handle.client_id, "sub": handle.username, "aud": "https://login.salesforce.com"}
    signed = jwt.encode({**usual, "exp": int(time.time()) + 120, **claims}, key, "RS256")
    answer = token(org, {"grant_type": JWT_GRANT, "assertion": signed})
    said: dict[str, str] = answer.json()
    return "works" if answer.status_code == 200 and works(org, said["access_token"]) else said["error_description"]


def test_jwt_bearer(org: Org) -> None:
    now = int(time.time())
    assert assertion(org) == "works"
    assert assertion(org, aud=org.url) == "works"
    assert assertion(org, aud="https://acme.my.salesforce.com/", exp=str(now + 100)) == "works"
    assert token(org, {"grant_type": JWT_GRANT, "assertion": "x.y.z"}).json()["error"] == "invalid_grant"
    assert assertion(org, key=OTHER) == "invalid assertion"
    assert assertion(org, aud="https://example.com") == "audience is invalid"
    assert assertion(org, exp=now - 5) == "expired authorization code"
    assert assertion(org, sub="gone@example.com") == "user hasn't approved this consumer"
    assert assertion(org, iss="other") == "client identifier invalid"


def test_sessions_end(org: Org) -> None:
    handle = org.sandbox.salesforce
    assert not works(org, handle.grant("sandbox-dead", expires_in=0))
    session = refreshed(org).json()["access_token"]
    org.sandbox.advance(7000)
    assert works(org, session)
    org.sandbox.advance(7000)
    assert works(org, session)
    org.sandbox.advance(7300)
    assert not works(org, session)
    org.sandbox.configure(salesforce={"session_requests": 2})
    session = refreshed(org).json()["access_token"]
    assert [works(org, session) for _ in range(3)] == [True, True, False]
    handle.end_sessions()
    assert not works(org, handle.session)


def test_revoke(org: Org) -> None:
    session = refreshed(org).json()["access_token"]
    assert org.http.post(org.url + "/services/oauth2/revoke", data={"token": session}).status_code == 200
    assert not works(org, session)


def test_quota(org: Org) -> None:
    org.sandbox.configure(salesforce={"daily": 3, "app_daily": 250})
    seen = [org.get("/limits") for _ in range(4)]
    assert seen[0].headers["Sforce-Limit-Info"] == "api-usage=1/3; per-app-api-usage=1/250(appName=sandbox)"
    assert seen[2].json()["DailyApiRequests"] == {"Max": 3, "Remaining": 0}
    assert (seen[3].status_code, seen[3].json()[0]["errorCode"]) == (403, "REQUEST_LIMIT_EXCEEDED")
    assert seen[3].json()[0]["message"] == "TotalRequests Limit exceeded."
    assert "Retry-After" not in seen[3].headers
    assert org.sandbox.stats().over_quota == 1
    org.sandbox.advance(86_400)
    assert org.get("/limits").status_code == 200


def test_counters_that_lag(org: Org) -> None:
    org.sandbox.configure(salesforce={"limit_lag": 300.0})
    first = org.get("/limits").headers["Sforce-Limit-Info"]
    assert org.get("/limits").headers["Sforce-Limit-Info"] == first
    org.sandbox.advance(301)
    assert org.get("/limits").headers["Sforce-Limit-Info"] == "api-usage=3/100000"


def test_soap_login_starts_old_clients(org: Org) -> None:
    handle = org.sandbox.salesforce
    secret = handle.password + handle.security_token
    body = f"<n1:username>{handle.username}</n1:username><n1:password>{secret}</n1:password>"
    answer = org.http.post(org.url + "/services/Soap/u/59.0", data=body, timeout=10)
    assert answer.status_code == 200
    assert works(org, answer.text.partition("<sessionId>")[2].partition("<")[0])
    assert org.http.post(org.url + "/services/Soap/u/59.0", data=body.replace("kim", "tim")).status_code == 500
    assert "UNSUPPORTED_API_VERSION" in org.http.post(org.url + "/services/Soap/u/66.0", data=body).text

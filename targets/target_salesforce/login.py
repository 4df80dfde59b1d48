"""Logging in to Salesforce: four grants of OAuth, and where the org is that they lead to.

An answer has no `expires_in`: that a session has ended is learnt from a 401, and then another is fetched, once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import jwt
from requests import PreparedRequest

from penstock.auth import Secret, redact
from penstock.errors import Fault, Misconfigured
from penstock.links import checked_instance
from penstock.records import Ask, Response
from penstock.tokens import RefreshGrant, Refreshing, Token, token_request

PATH = "/services/oauth2/token"
DOMAINS = ("salesforce.com", "cloudforce.com", "salesforce.mil", "sfcrmproducts.cn")
SHARED = frozenset({"login.salesforce.com", "test.salesforce.com"})
"""hosts that are nobody's own: the client credentials grant does not work there (documented)"""
LIFE = 180
"""seconds that an assertion may be good for (documented)"""


class Signing(Refreshing):
    """Signs with a session. Bulk API v1 has a header of its own for it, and answers 400 where it has ended."""

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Sign one request."""
        signed = super().__call__(request)
        if "/services/async/" in request.path_url:
            signed.headers["X-SFDC-Session"] = signed.headers["Authorization"].removeprefix("Bearer ")
        return signed

    def ended(self, response: Response) -> bool:
        """Tell whether an answer says that the session is over."""
        return super().ended(response) or (response.status == 400 and b"InvalidSessionId" in response.body[:2000])


class JwtGrant:
    """The JWT bearer grant: an assertion signed with the app's private key."""

    def __init__(self, ask: Ask, client_id: str, username: str, key: Secret, audience: str) -> None:
        self._ask = ask
        self._claims = {"iss": client_id, "sub": username, "aud": audience}
        self._key = key

    def __call__(self) -> Token:
        """Fetch a token. Raises a Stop."""
        try:
            assertion = jwt.encode({**self._claims, "exp": int(time.time()) + LIFE - 10}, self._key, algorithm="RS256")
        except (ValueError, TypeError, jwt.PyJWTError) as error:
            raise Misconfigured("setting private_key: is no private RSA key in PEM form") from error
        redact(Secret(assertion))
        form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": assertion}
        return token_request(self._ask, PATH, form)


class FormGrant:
    """A grant that is a form which stays the same: client credentials, user name and password."""

    def __init__(self, ask: Ask, form: Mapping[str, str]) -> None:
        self._ask = ask
        self._form = dict(form)

    def __call__(self) -> Token:
        """Fetch a token. Raises a Stop."""
        return token_request(self._ask, PATH, self._form)


def refresh_grant(ask: Ask, client: Mapping[str, str], refresh_token: Secret) -> RefreshGrant:
    """Return the grant of a refresh token."""
    return RefreshGrant(ask, PATH, client, refresh_token)


class Login:
    """The log-in: a `fetch` for tokens, which must all lead to the same host."""

    def __init__(self, grant: Callable[[], Token], login_url: str) -> None:
        self._grant = grant
        self._login_url = login_url
        self._first: str | None = None

    def __call__(self) -> Token:
        """Fetch a token. Raises a Stop where there is none, or it leads elsewhere than the first."""
        token = self._grant()
        found = self.instance(token)
        if self._first not in (None, found):
            raise Fault("the org has moved to another host", "run again: a run begins where the log-in leads")
        self._first = found
        return token

    def instance(self, token: Token) -> str:
        """Return the checked address of the org that a token is for. Raises Misconfigured."""
        return checked_instance(str(token.answer.get("instance_url")), DOMAINS, self._login_url)

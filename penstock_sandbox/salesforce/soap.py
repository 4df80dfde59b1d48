"""The SOAP login, for clients that know no other."""

import re
from xml.sax.saxutils import escape

from penstock_sandbox.exchange import Call
from penstock_sandbox.provenance import documented
from penstock_sandbox.salesforce import errors, oauth
from penstock_sandbox.salesforce.org import ORG_ID, Org

XML = {"Content-Type": "text/xml; charset=utf-8"}
_USERNAME = re.compile(rb"<(?:\w+:)?username>(.*?)</", re.DOTALL)
_PASSWORD = re.compile(rb"<(?:\w+:)?password>(.*?)</", re.DOTALL)
_ENVELOPE = (
    '<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"'
    ' xmlns="urn:partner.soap.sforce.com" xmlns:sf="urn:fault.partner.soap.sforce.com"><soapenv:Body>{}'
    "</soapenv:Body></soapenv:Envelope>"
)


@documented(
    "login() answers session, server URL and user; a failure is a fault, 500", "SOAP API Developer Guide: login()"
)
def login(org: Org, call: Call, version: str) -> tuple[int, bytes]:
    """Begin a session; returns status and body."""
    name, secret = (_text(pattern, call.body) for pattern in (_USERNAME, _PASSWORD))
    try:
        user = oauth.login(org, name, secret)
    except errors.RefusalError:
        return 500, fault("INVALID_LOGIN", "Invalid username, password, security token; or user locked out.")
    session = oauth.mint(org, user, call.now)
    place = f"{call.origin}/services/Soap/u/{version}/{ORG_ID[:15]}"
    body = (
        f"<loginResponse><result><passwordExpired>false</passwordExpired><sandbox>false</sandbox>"
        f"<serverUrl>{escape(place)}</serverUrl><sessionId>{session.token}</sessionId><userId>{session.user}</userId>"
        f"<userInfo><organizationId>{ORG_ID}</organizationId><userName>{escape(user)}</userName>"
        f"<sessionSecondsValid>7200</sessionSecondsValid></userInfo></result></loginResponse>"
    )
    return 200, _ENVELOPE.format(body).encode()


def fault(code: str, message: str) -> bytes:
    """Return a SOAP fault."""
    return _ENVELOPE.format(
        f"<soapenv:Fault><faultcode>sf:{code}</faultcode><faultstring>{code}: {escape(message)}</faultstring><detail>"
        f"<sf:LoginFault><sf:exceptionCode>{code}</sf:exceptionCode><sf:exceptionMessage>{escape(message)}"
        "</sf:exceptionMessage></sf:LoginFault></detail></soapenv:Fault>"
    ).encode()


def _text(pattern: re.Pattern[bytes], body: bytes) -> str:
    found = pattern.search(body)
    return "" if found is None else found[1].decode("utf-8", "replace").replace("&amp;", "&").replace("&lt;", "<")

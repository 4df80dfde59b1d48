"""Salesforce's HTTP surface: finds the endpoint, looks at session, version and quota, words refusals."""

from __future__ import annotations

import gzip
import re
from typing import TYPE_CHECKING
from urllib.parse import unquote
from zlib import error as zlib_error

import msgspec

from penstock_sandbox import matching
from penstock_sandbox.exchange import Answer, Call
from penstock_sandbox.matching import Paths
from penstock_sandbox.provenance import assumed, documented, recorded
from penstock_sandbox.salesforce import errors
from penstock_sandbox.salesforce.access import Session, authenticate
from penstock_sandbox.salesforce.bulk import work
from penstock_sandbox.salesforce.routes import ASYNC, DATA, OPEN, classic
from penstock_sandbox.salesforce.routing import Ask, Reply, Route

if TYPE_CHECKING:
    from penstock_sandbox.salesforce.org import Org

JSON = "application/json;charset=UTF-8"
HEADERS = {
    "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "none",
    "Cache-Control": "no-cache,must-revalidate,max-age=0,no-store,private",
    "Vary": "Accept-Encoding",
}
GUIDE = "REST API Developer Guide: Headers, Status Codes and Error Responses"
LONGEST = 16_384
NOBODY = Session("", "")
_VERSION = re.compile(r"v?(\d{2})\.0")
_RETIRED = (21, 30)
_OPTIONS = ("updateOnly=", "_HttpMethod=", "fields=")
_SHOWN = ("type", "field")


def _paths(routes: list[Route]) -> Paths[Route]:
    found: Paths[Route] = Paths()
    for route in routes:
        found.add(route.method, route.path, route)
    return found


_OPEN, _DATA, _ASYNC = _paths(OPEN), _paths(DATA), _paths(ASYNC)


@documented("URIs beyond 16,384 bytes are 414, with their headers 431", GUIDE)
@documented("Request bodies may be compressed with gzip, answers are where the client accepts it", GUIDE)
@recorded(
    "JSON answers are chunked and carry these headers; clients append slashes freely", "recorded headers of grouparoo"
)
@assumed(
    "The session is looked at first, then the version, then the quota, then the path", "the usual order of a gateway"
)
def respond(org: Org, call: Call) -> Answer:
    """Answer one request."""
    work.advance(org, call.now)
    label = ["unrouted"]
    size = len(call.path) + len(call.raw_query)
    whole = size + sum(len(name) + len(value) for name, value in call.headers.items())
    if whole > LONGEST:
        status = 414 if size > LONGEST else 431
        return Answer(status, b"<html><body>too long</body></html>", {"Content-Type": "text/html"}, label[0])
    headers = dict(HEADERS)
    over = False
    try:
        reply = _reply(org, _plain(call), label)
    except errors.RefusalError as refusal:
        reply, over = Reply(refusal.status, refusal.body, refusal.headers), refusal.over_quota
        if call.path.startswith("/services/async/"):
            reply = classic.worded(refusal, call.headers)
    if call.path.rstrip("/") != "/services/data":
        headers["Sforce-Limit-Info"] = org.limits.header(call.now)
    headers |= {"Content-Type": JSON, **reply.headers}
    content = _content(reply, call)
    wants = "gzip" in call.headers.get("accept-encoding", "") and len(content) > 1000
    gzipped = wants and org.settings.salesforce.gzip_answers
    return Answer(reply.status, content, headers, label[0], over, headers["Content-Type"] == JSON, gzipped)


def _content(reply: Reply, call: Call) -> bytes:
    if reply.body is None:
        return b""
    if isinstance(reply.body, bytes):
        return reply.body
    content = msgspec.json.encode(reply.body)
    return msgspec.json.format(content, indent=2) if call.headers.get("x-prettyprint") == "1" else content


def _plain(call: Call) -> Call:
    """Return the request with its body unpacked and the method that a query value may name."""
    if call.headers.get("content-encoding", "").lower() == "gzip":
        try:
            call = call._replace(body=gzip.decompress(call.body))
        except (OSError, EOFError, zlib_error) as error:
            raise errors.bad_json("the body is not compressed as it says") from error
    return call._replace(method=call.query.get("_HttpMethod", call.method))


def _reply(org: Org, call: Call, label: list[str]) -> Reply:
    parts = call.path.strip("/").split("/")
    found = _OPEN.find(call.method, parts)
    if found is not None:
        label[0] = matching.label(call.method, found[0].path, found[1], ())
        names = {name: unquote(value) for name, value in found[1].items()}
        return found[0].run(Ask(org, call, "", names, NOBODY, dispatch))
    bulk = parts[:2] == ["services", "async"]
    session = authenticate(org.sessions, call.headers, bulk, call.now)
    label[0] = _label(call, parts)
    _version(org, parts)
    org.limits.admit(call.now, call.waiting)
    return dispatch(org, call, session)


def _label(call: Call, parts: list[str]) -> str:
    rest = _rest(call, parts)
    found = (_ASYNC if parts[1:2] == ["async"] else _DATA).find(call.method, rest)
    return "unrouted" if found is None else matching.label(call.method, found[0].path, found[1], _SHOWN)


@documented("v21 to v30 are retired: 410 GONE, and UNSUPPORTED_API_VERSION", "API End-of-Life Policy, Summer '25")
@assumed("A version that does not exist is 404 NOT_FOUND", "the body of an unknown path")
def _version(org: Org, parts: list[str]) -> str:
    found = _VERSION.fullmatch(parts[2]) if len(parts) > 2 and parts[0] == "services" else None
    if parts[0] == "id" or parts[1:2] == ["oauth2"]:
        return "62.0"
    if found is None:
        raise errors.not_found()
    number = int(found[1])
    if _RETIRED[0] <= number <= _RETIRED[1]:
        raise errors.refused(410, "GONE", f"API version {number}.0 is retired and no longer supported")
    oldest, newest = org.settings.salesforce.versions
    if not oldest <= number <= newest:
        raise errors.not_found()
    return f"{number}.0"


@recorded("A path that is nowhere is 404 NOT_FOUND", "CumulusCI cassettes")
@documented("A method that a path does not know is 405 METHOD_NOT_ALLOWED", GUIDE)
def dispatch(org: Org, call: Call, session: Session) -> Reply:
    """Answer a request whose session is known, on its own or within another."""
    parts = call.path.strip("/").split("/")
    version = _version(org, parts)
    paths = _ASYNC if parts[1:2] == ["async"] else _DATA
    rest = _rest(call, parts)
    found = paths.find(call.method, rest)
    if found is None:
        known = paths.methods(rest)
        if known:
            message = f"HTTP Method '{call.method}' not allowed. Allowed are {','.join(known)}"
            raise errors.refused(405, "METHOD_NOT_ALLOWED", message)
        raise errors.not_found()
    names = {name: unquote(value) for name, value in found[1].items()}
    return found[0].run(Ask(org, call, version, names, session, dispatch))


@recorded("Everything after the name of the key is its value, a question mark too", "what simple-salesforce sends")
def _rest(call: Call, parts: list[str]) -> list[str]:
    """Return what follows the version, with a key's value in one piece."""
    rest = parts[3:] if parts[0] == "services" and parts[1:2] != ["oauth2"] else parts
    if len(rest) < 4 or rest[0] != "sobjects" or rest[2] == "describe":
        return rest
    value = "/".join(rest[3:])
    if call.raw_query and not call.raw_query.startswith(_OPTIONS):
        value += "?" + call.raw_query
    return [*rest[:3], value]

"""Intercom's HTTP surface: finds the endpoint, looks at token, limits and version, words refusals."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

import msgspec

from penstock_sandbox import matching
from penstock_sandbox.exchange import Answer, Call
from penstock_sandbox.intercom import bulk, errors, versions
from penstock_sandbox.intercom.access import authenticate, authorize
from penstock_sandbox.intercom.routes import ROUTES
from penstock_sandbox.intercom.routing import Ask, Reply, Route
from penstock_sandbox.matching import Paths
from penstock_sandbox.provenance import assumed, documented, recorded

if TYPE_CHECKING:
    from penstock_sandbox.intercom.workspace import Workspace

JSON = "application/json; charset=utf-8"
_ACCEPTED = frozenset({"", "*/*", "application/*", "application/json"})
_PATHS: Paths[Route] = Paths()
for _route in ROUTES:
    _PATHS.add(_route.method, _route.path, _route)


@documented("Answers are JSON; a taken event is 202 and empty", "Intercom-OpenAPI 2.14")
@assumed("A token is looked at first, then limits, Accept, version, path, permissions", "the usual order of a gateway")
def respond(workspace: Workspace, call: Call, region: str = "US") -> Answer:
    """Answer one request that came in at the host of a region."""
    bulk.advance(workspace, call.now)
    parts = call.path.strip("/").split("/")
    found = _PATHS.find(call.method, parts)
    label = "unrouted" if found is None else matching.label(call.method, found[0].path, found[1], ())
    headers: dict[str, str] = {}
    try:
        here = region == workspace.settings.intercom.region
        token = authenticate(workspace.tokens, call.headers, here)
        headers = workspace.limits.admit(token, call.now)
        _accepts(call.headers.get("accept", ""))
        version = versions.read(call.headers.get("intercom-version"), workspace.settings.intercom.default_version)
        route, names = _endpoint(found, version)
        authorize(token, call.method, parts)
        reply = route.run(Ask(workspace, call, version, names, token))
    except errors.RefusalError as refusal:
        return _refused(workspace, refusal, headers, label)
    return _answer(reply, headers, label)


def _answer(reply: Reply, headers: dict[str, str], label: str) -> Answer:
    content = b"" if reply.body is None else msgspec.json.encode(reply.body)
    typed = {"Content-Type": JSON} if content else {}
    return Answer(reply.status, content, headers | typed, label)


@assumed("A path or method that is not there is 404 not_found", "as every other thing that is not there")
@documented("What a version does not have yet is not there", "developer site, changelog of versions")
def _endpoint(found: tuple[Route, dict[str, str]] | None, version: versions.Version) -> tuple[Route, dict[str, str]]:
    if found is None or version < found[0].since:
        raise errors.not_found()
    return found[0], {name: unquote(value) for name, value in found[1].items()}


@recorded("Another Accept than JSON is 406 media_type_not_acceptable, without request_id", "amp-labs/connectors")
@assumed("`*/*` and no Accept at all are taken", "python-intercom sends the first")
def _accepts(given: str) -> None:
    kinds = {each.partition(";")[0].strip().lower() for each in given.split(",")}
    if not kinds & _ACCEPTED:
        text = "The Accept header should send a media type of application/json"
        refusal = errors.RefusalError(406, "media_type_not_acceptable", text)
        refusal.named = False
        raise refusal


def _refused(workspace: Workspace, refusal: errors.RefusalError, headers: dict[str, str], label: str) -> Answer:
    body = refusal.body
    if body is None:
        named = workspace.request_id() if refusal.named else {}
        body = {"type": "error.list", **named, "errors": [refusal.error]}
    headers = {"Content-Type": JSON, **headers, **refusal.headers}
    return Answer(refusal.status, msgspec.json.encode(body), headers, label, refusal.over_quota)

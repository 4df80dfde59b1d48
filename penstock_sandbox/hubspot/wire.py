"""HubSpot's HTTP surface: finds the endpoint, looks at token and limits, words refusals. It decides nothing else."""

import msgspec

from penstock_sandbox import matching
from penstock_sandbox.exchange import Answer, Call
from penstock_sandbox.hubspot import errors, imports, paths
from penstock_sandbox.hubspot.access import Token, authenticate, authorize
from penstock_sandbox.hubspot.portal import Portal
from penstock_sandbox.hubspot.routes import ROUTES
from penstock_sandbox.hubspot.routing import Ask, Route
from penstock_sandbox.matching import Paths
from penstock_sandbox.provenance import assumed, documented

JSON = "application/json;charset=utf-8"
VERSIONING = "developers.hubspot.com/docs/developer-tooling/platform/versioning"
NOBODY = Token("sandbox-nobody")

_BY_AREA: dict[str, Paths[Route]] = {}
for _area, _routes in ROUTES.items():
    for _route in _routes:
        _BY_AREA.setdefault(_area, Paths()).add(_route.method, _route.path, _route)


def find(areas: tuple[str, ...], method: str, rest: list[str]) -> tuple[str, Route, dict[str, str]] | None:
    """Return the endpoint of a path with its area and the parts that it names; words go before names."""
    best: tuple[str, Route, dict[str, str]] | None = None
    for area in areas:
        found = _BY_AREA[area].find(method, rest) if area in _BY_AREA else None
        if found is not None and (best is None or len(found[1]) < len(best[2])):
            best = area, *found
    return best


@documented("The v3, 2026-03 and 2026-09 paths answer alike", VERSIONING)
@documented("Object types are named by name or by id", "developers.hubspot.com understanding-the-crm")
@documented("A slash at the end of a path is accepted", "hubspot-api-client 12.0.0 sends it to imports, lists, owners")
@documented("Every field of an error body is optional", "developers.hubspot.com error-handling")
@assumed("A path that is no endpoint is a 404 in the usual shape", "the real body is not recorded")
@assumed("Authentication is looked at first, then limits, then the path", "the usual order of a gateway")
def respond(portal: Portal, call: Call) -> Answer:
    """Answer one request."""
    imports.advance(portal, call.now)
    place = paths.locate(call.segments())
    found = place and find(place.areas, call.method, place.rest)
    label = "unrouted"
    if place and found:
        path = f"{place.prefix}/{found[1].path}".rstrip("/")
        label = matching.label(call.method, path, found[2], ("type", "from", "to"))
    headers = {"Content-Type": JSON, "x-hubspot-correlation-id": portal.correlation_id()}
    over_quota = False
    try:
        token = NOBODY
        if found is None or found[0] != "oauth":
            token = authenticate(portal.tokens, call.headers.get("authorization"), call.now)
            try:
                headers.update(portal.limits.admit(token, call.now, found[1].budget if found else "app"))
            except errors.RefusalError:
                over_quota = True
                raise
        if place is None or found is None:
            raise errors.resource_not_found()
        area, route, names = found
        ask = Ask(portal, call, place.family, names, token)
        if token.scopes is not None:
            in_context = area == "schemas" or portal.settings.hubspot.scopes_shape == "context"
            authorize(token, _scopes(ask, route), in_context)
        reply = route.run(ask)
    except errors.RefusalError as refusal:
        return _refused(portal, refusal, headers, label, over_quota)
    content = b"" if reply.body is None else msgspec.json.encode(reply.body)
    return Answer(reply.status, content, headers, label)


def _scopes(ask: Ask, route: Route) -> list[str]:
    kinds: dict[str, str] = {name: ask.shelf(name).kind.scope for name in ("type", "from", "to") if name in ask.names}
    return [scope.format(**kinds) for scope in route.scopes]


def _refused(
    portal: Portal, refusal: errors.RefusalError, headers: dict[str, str], label: str, over_quota: bool
) -> Answer:
    """Word a refusal, without some of its fields where the settings say so."""
    body = {**refusal.body, "correlationId": headers["x-hubspot-correlation-id"]}
    if over_quota:
        body["requestId"] = portal.correlation_id()
    body = errors.bare(body, portal.settings.hubspot.bare_errors, portal.chance)
    return Answer(refusal.status, msgspec.json.encode(body), headers | refusal.headers, label, over_quota)

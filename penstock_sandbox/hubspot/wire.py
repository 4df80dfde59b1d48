"""HubSpot's HTTP surface: paths and bodies in, bodies and headers out. It decides nothing."""

from collections.abc import Callable
from typing import NamedTuple, TypeVar

import msgspec

from penstock_sandbox.exchange import Answer, Call
from penstock_sandbox.hubspot import errors, rules, singles
from penstock_sandbox.hubspot.access import authenticate, authorize
from penstock_sandbox.hubspot.portal import Portal, Visit
from penstock_sandbox.hubspot.properties import Property
from penstock_sandbox.hubspot.rows import Batch, Row, Value
from penstock_sandbox.provenance import assumed, documented

Body = TypeVar("Body")
JSON = "application/json;charset=utf-8"
VERSIONING = "developers.hubspot.com/docs/developer-tooling/platform/versioning"

# The date does not always sit in the same place, so each family's path is spelt out.
AREAS: dict[tuple[str, ...], tuple[str, str]] = {
    ("crm", "v3", "objects"): ("objects", "v3"),
    ("crm", "objects", "2026-03"): ("objects", "2026-03"),
    ("crm", "objects", "2026-09"): ("objects", "2026-09"),
    ("crm", "v3", "properties"): ("properties", "v3"),
    ("crm", "properties", "2026-03"): ("properties", "2026-03"),
    ("crm", "properties", "2026-09"): ("properties", "2026-09"),
    ("account-info", "v3", "details"): ("details", "v3"),
    ("account-info", "2026-03", "details"): ("details", "2026-03"),
    ("account-info", "2026-09", "details"): ("details", "2026-09"),
}


class Inputs(msgspec.Struct):
    """The body of batch create, update and upsert."""

    inputs: list[Row]


class Named(msgspec.Struct):
    """An input that is only an id."""

    id: str


class Read(msgspec.Struct, rename="camel"):
    """The body of batch/read."""

    inputs: list[Named]
    properties: list[str] = []
    id_property: str | None = None


class Archive(msgspec.Struct):
    """The body of batch/archive."""

    inputs: list[Named]


class Single(msgspec.Struct):
    """The body of a single create or update."""

    properties: dict[str, Value]


class Reply(NamedTuple):
    """An endpoint's success."""

    status: int
    body: object = None


class Route(NamedTuple):
    """One endpoint: the scope it wants (`{type}` is filled in) and what it does."""

    scope: str | None
    run: Callable[[Portal, Visit, Call, list[str], str], Reply]


def decode(body: bytes, kind: type[Body]) -> Body:
    """Parse a body, or refuse it as HubSpot does."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise errors.bad_json(str(error)) from error


@documented("The v3, 2026-03 and 2026-09 paths answer alike", VERSIONING)
@documented("Object types are named by name or by id", "developers.hubspot.com understanding-the-crm")
@assumed("A path that is no endpoint is a 404 in the usual shape", "the real body is not recorded")
@assumed("Authentication is looked at first, then limits, then the path", "the usual order of a gateway")
def respond(portal: Portal, call: Call) -> Answer:
    """Answer one request."""
    parts = call.segments()
    area, family = AREAS.get(tuple(parts[:3]), ("", ""))
    name, route = _find(area, call.method, parts[3:])
    label = f"{call.method} /{'/'.join(parts[:3])}{name}" if route else "unrouted"
    headers = {"Content-Type": JSON, "x-hubspot-correlation-id": portal.correlation_id()}
    over_quota = False
    try:
        token = authenticate(portal.tokens, call.headers.get("authorization"), call.now)
        try:
            headers.update(portal.limits.admit(token, call.now))
        except errors.RefusalError:
            over_quota = True
            raise
        if route is None:
            raise errors.resource_not_found()
        shelf = portal.shelf(parts[3] if area != "details" else "contacts")
        authorize(token, route.scope and route.scope.format(type=shelf.kind.name))
        visit = Visit(portal, shelf, call.now, call.number)
        reply = route.run(portal, visit, call, parts[4:], family)
    except errors.RefusalError as refusal:
        body = {**refusal.body, "correlationId": headers["x-hubspot-correlation-id"]}
        if over_quota:
            body["requestId"] = portal.correlation_id()
        return Answer(refusal.status, msgspec.json.encode(body), headers | refusal.headers, label, over_quota)
    content = b"" if reply.body is None else msgspec.json.encode(reply.body)
    return Answer(reply.status, content, headers, label)


def _find(area: str, method: str, rest: list[str]) -> tuple[str, Route | None]:
    """Return an endpoint with its name; ids and names in the path are blanked, `batch/...` is not."""
    tail = rest[1:]
    if tail and tail[0] != "batch":
        tail = ["{id}", *tail[1:]]
    name = "/".join(tail)
    shown = "".join(f"/{part}" for part in rest[:1] + tail)
    if area == "details":
        return shown, DETAILS if method == "GET" and not rest else None
    return shown, ROUTES.get((area, method, name)) if rest else None


def _batch(portal: Portal, visit: Visit, done: Batch, family: str, success: int = 200) -> Reply:
    """Format the answer to a batch, shuffled."""
    portal.chance.shuffle(done.results)
    body: dict[str, object] = {"status": "COMPLETE", "results": done.results}
    if done.errors:
        body["numErrors"] = len(done.errors)
        body["errors"] = [error.body() for error in done.errors]
        success = visit.settings.hubspot.partial_status_2026_09 if family == "2026-09" else 207
    return Reply(success, body | {"startedAt": visit.now, "completedAt": visit.now})


def _upsert(portal: Portal, visit: Visit, call: Call, _rest: list[str], family: str) -> Reply:
    return _batch(portal, visit, rules.upsert(visit, decode(call.body, Inputs).inputs), family)


def _create(portal: Portal, visit: Visit, call: Call, _rest: list[str], family: str) -> Reply:
    return _batch(portal, visit, rules.create(visit, decode(call.body, Inputs).inputs), family, 201)


def _update(portal: Portal, visit: Visit, call: Call, _rest: list[str], family: str) -> Reply:
    return _batch(portal, visit, rules.update(visit, decode(call.body, Inputs).inputs), family)


def _read(portal: Portal, visit: Visit, call: Call, _rest: list[str], family: str) -> Reply:
    asked = decode(call.body, Read)
    done = rules.read(visit, [each.id for each in asked.inputs], asked.id_property, asked.properties)
    return _batch(portal, visit, done, family)


def _archive(_portal: Portal, visit: Visit, call: Call, _rest: list[str], _family: str) -> Reply:
    rules.archive(visit, [each.id for each in decode(call.body, Archive).inputs])
    return Reply(204)


def _list(_portal: Portal, visit: Visit, call: Call, _rest: list[str], _family: str) -> Reply:
    limit, after = call.query.get("limit", "10"), call.query.get("after", "")
    names = [name for name in call.query.get("properties", "").split(",") if name]
    results, more = singles.page(visit, limit, after, names, archived=call.query.get("archived") == "true")
    body: dict[str, object] = {"results": results}
    if more:
        link = f"https://api.hubapi.com/{call.path.strip('/')}?limit={limit}&after={more}"
        body["paging"] = {"next": {"after": more, "link": link}}
    return Reply(200, body)


def _get(_portal: Portal, visit: Visit, call: Call, rest: list[str], _family: str) -> Reply:
    names = [name for name in call.query.get("properties", "").split(",") if name]
    return Reply(200, singles.read_one(visit, rest[0], call.query.get("idProperty"), names))


def _post(_portal: Portal, visit: Visit, call: Call, _rest: list[str], _family: str) -> Reply:
    return Reply(201, singles.create_one(visit, decode(call.body, Single).properties))


def _patch(_portal: Portal, visit: Visit, call: Call, rest: list[str], _family: str) -> Reply:
    properties = decode(call.body, Single).properties
    return Reply(200, singles.update_one(visit, rest[0], call.query.get("idProperty"), properties))


def _delete(_portal: Portal, visit: Visit, _call: Call, rest: list[str], _family: str) -> Reply:
    rules.archive(visit, rest[:1])
    return Reply(204)


def _properties(_portal: Portal, visit: Visit, call: Call, _rest: list[str], _family: str) -> Reply:
    archived = call.query.get("archived") == "true"
    return Reply(200, {"results": list(visit.catalogue.archived.values()) if archived else visit.catalogue.listed()})


def _property(_portal: Portal, visit: Visit, _call: Call, rest: list[str], _family: str) -> Reply:
    return Reply(200, visit.catalogue.get(rest[0]))


def _add_property(_portal: Portal, visit: Visit, call: Call, _rest: list[str], _family: str) -> Reply:
    return Reply(201, visit.shelf.add_property(decode(call.body, Property)))


def _drop_property(_portal: Portal, visit: Visit, _call: Call, rest: list[str], _family: str) -> Reply:
    visit.catalogue.archive(rest[0])
    return Reply(204)


def _details(portal: Portal, _visit: Visit, _call: Call, _rest: list[str], _family: str) -> Reply:
    return Reply(200, portal.details())


_READ, _WRITE = "crm.objects.{type}.read", "crm.objects.{type}.write"
_SCHEMA_WRITE = "crm.schemas.{type}.write"
DETAILS = Route(None, _details)
ROUTES: dict[tuple[str, str, str], Route] = {
    ("objects", "POST", "batch/upsert"): Route(_WRITE, _upsert),
    ("objects", "POST", "batch/create"): Route(_WRITE, _create),
    ("objects", "POST", "batch/update"): Route(_WRITE, _update),
    ("objects", "POST", "batch/archive"): Route(_WRITE, _archive),
    ("objects", "POST", "batch/read"): Route(_READ, _read),
    ("objects", "GET", ""): Route(_READ, _list),
    ("objects", "POST", ""): Route(_WRITE, _post),
    ("objects", "GET", "{id}"): Route(_READ, _get),
    ("objects", "PATCH", "{id}"): Route(_WRITE, _patch),
    ("objects", "DELETE", "{id}"): Route(_WRITE, _delete),
    ("properties", "GET", ""): Route(_READ, _properties),
    ("properties", "POST", ""): Route(_SCHEMA_WRITE, _add_property),
    ("properties", "GET", "{id}"): Route(_READ, _property),
    ("properties", "DELETE", "{id}"): Route(_SCHEMA_WRITE, _drop_property),
}

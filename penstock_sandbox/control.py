"""The control plane under `/_sandbox`: reset, seed, configure, clock, tokens, faults, history, counters.

It is never limited, faulted or counted. Bodies are JSON; a body that makes no sense is a 400 with the
reason in `error`, and changes nothing.
"""

from collections.abc import Callable

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from penstock_sandbox.faults import Fault
from penstock_sandbox.hubspot import errors
from penstock_sandbox.hubspot.access import Token
from penstock_sandbox.hubspot.portal import Shelf, Visit
from penstock_sandbox.hubspot.properties import Property
from penstock_sandbox.provenance import BEHAVIOURS, counts
from penstock_sandbox.world import World


class Seed(msgspec.Struct, forbid_unknown_fields=True):
    """Objects and property definitions to put in place: unchecked (addresses are lower-cased), without history."""

    type: str = "contacts"
    objects: list[dict[str, str]] = []
    properties: list[Property] = []


class Move(msgspec.Struct, forbid_unknown_fields=True):
    """What to do with the clock: `hold` stops it, `advance` moves it forward by seconds."""

    advance: float = 0.0
    hold: bool | None = None


class Grant(msgspec.Struct, forbid_unknown_fields=True):
    """A token to accept from now on; `expires_in` is seconds, 0 or less for one that has expired."""

    token: str
    scopes: list[str] | None = None
    expires_in: float | None = None
    kind: str = "private"


class Merge(msgspec.Struct, forbid_unknown_fields=True):
    """Two ids: `other` is merged away into `survivor`."""

    survivor: str
    other: str
    type: str = "contacts"


Action = Callable[[World, Request, bytes], object]


def _reset(world: World, _request: Request, _body: bytes) -> object:
    world.reset()
    return {"reset": True}


def _seed(world: World, _request: Request, body: bytes) -> object:
    seed = msgspec.json.decode(body, type=Seed)
    shelf = world.hubspot.shelf(seed.type)
    for definition in seed.properties:
        shelf.define(definition)
    visit = Visit(world.hubspot, shelf, world.clock.now(), world.requests)
    ids = []
    for properties in seed.objects:
        record = shelf.table.draft(visit.now)
        shelf.table.insert(record)
        stored = {
            name: value.strip().lower() if name in shelf.kind.aliases else value
            for name, value in properties.items()
            if value
        }
        shelf.table.write(record, stored, visit.now)
        ids.append(record.id)
    return {"ids": ids}


def _configure(world: World, _request: Request, body: bytes) -> object:
    world.configure(msgspec.json.decode(body, type=dict[str, object]))
    return world.settings


def _clock(world: World, _request: Request, body: bytes) -> object:
    move = msgspec.json.decode(body, type=Move)
    if move.hold is not None:
        world.clock.hold() if move.hold else world.clock.release()
    world.clock.advance(move.advance)
    return {"now": world.clock.now()}


def _token(world: World, _request: Request, body: bytes) -> object:
    grant = msgspec.json.decode(body, type=Grant)
    expires_at = None if grant.expires_in is None else world.clock.now() + grant.expires_in
    fields = {"token": grant.token, "scopes": grant.scopes, "expires_at": expires_at, "kind": grant.kind}
    world.hubspot.tokens[grant.token] = msgspec.convert(fields, Token)
    return {"token": grant.token}


def _merge(world: World, _request: Request, body: bytes) -> object:
    merge = msgspec.json.decode(body, type=Merge)
    table = world.hubspot.shelf(merge.type).table
    survivor, other = table.live(merge.survivor), table.live(merge.other)
    if survivor is None or other is None or survivor is other:
        raise ValueError("both ids must name live objects, and not the same one")
    table.merge(survivor, other, Visit(world.hubspot, world.hubspot.shelf(merge.type), world.clock.now(), 0).now)
    return {"survivor": survivor.id}


def _add_faults(world: World, _request: Request, body: bytes) -> object:
    for fault in _faults_of(body):
        world.faults.add(fault)
    return _list_faults(world, _request, body)


def _faults_of(body: bytes) -> list[Fault]:
    if body.lstrip().startswith(b"["):
        return msgspec.json.decode(body, type=list[Fault])
    return [msgspec.json.decode(body, type=Fault)]


def _list_faults(world: World, _request: Request, _body: bytes) -> object:
    listed = [
        {
            "place": each.fault.place,
            "kind": each.fault.kind,
            "match": each.fault.match,
            "seen": each.seen,
            "struck": each.struck,
        }
        for each in world.faults.schedules
    ]
    return {"faults": listed}


def _clear_faults(world: World, _request: Request, _body: bytes) -> object:
    world.faults.schedules.clear()
    return {"faults": []}


def _history(world: World, request: Request, _body: bytes) -> object:
    limit = request.query_params.get("limit")
    writes = world.history.after(int(request.query_params.get("after", "0")), None if limit is None else int(limit))
    return {"writes": writes, "last": len(world.history)}


def _objects(world: World, request: Request, _body: bytes) -> object:
    shelf: Shelf = world.hubspot.shelf(request.path_params["type"])
    archived = request.query_params.get("archived") == "true"
    return {"objects": list(shelf.table.listing(archived=archived))}


def _stats(world: World, _request: Request, _body: bytes) -> object:
    return world.stats()


def _behaviours(_world: World, _request: Request, _body: bytes) -> object:
    return {"counts": counts(), "behaviours": [each._asdict() for each in BEHAVIOURS]}


ACTIONS: list[tuple[str, str, Action]] = [
    ("POST", "/reset", _reset),
    ("POST", "/seed", _seed),
    ("POST", "/configure", _configure),
    ("POST", "/clock", _clock),
    ("POST", "/tokens", _token),
    ("POST", "/merge", _merge),
    ("POST", "/faults", _add_faults),
    ("GET", "/faults", _list_faults),
    ("DELETE", "/faults", _clear_faults),
    ("GET", "/history", _history),
    ("GET", "/objects/{type}", _objects),
    ("GET", "/stats", _stats),
    ("GET", "/behaviours", _behaviours),
]


def control_routes(world: World) -> list[Route]:
    """Return the routes, to be mounted under the control prefix."""
    return [_route(world, method, path, action) for method, path, action in ACTIONS]


def _route(world: World, method: str, path: str, action: Action) -> Route:
    async def endpoint(request: Request) -> Response:
        body = await request.body()
        try:
            content = msgspec.json.encode(action(world, request, body))
            status = 200
        except (msgspec.MsgspecError, ValueError, errors.RefusalError) as error:
            content, status = msgspec.json.encode({"error": str(error)}), 400
        return Response(content, status, media_type="application/json")

    return Route(path, endpoint, methods=[method])

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
from penstock_sandbox.hubspot import canned, errors, plane
from penstock_sandbox.hubspot.portal import Shelf
from penstock_sandbox.intercom import canned as intercom_canned
from penstock_sandbox.intercom import errors as intercom_errors
from penstock_sandbox.intercom.control import ACTIONS as INTERCOM_ACTIONS
from penstock_sandbox.provenance import BEHAVIOURS, counts
from penstock_sandbox.salesforce import canned as salesforce_canned
from penstock_sandbox.salesforce import errors as salesforce_errors
from penstock_sandbox.salesforce.control import ACTIONS as SALESFORCE_ACTIONS
from penstock_sandbox.world import World


class Move(msgspec.Struct, forbid_unknown_fields=True):
    """What to do with the clock: `hold` stops it, `advance` moves it forward by seconds."""

    advance: float = 0.0
    hold: bool | None = None


Action = Callable[[World, Request, bytes], object]
REFUSALS = (
    msgspec.MsgspecError,
    ValueError,
    errors.RefusalError,
    salesforce_errors.RefusalError,
    intercom_errors.RefusalError,
)


def _reset(world: World, _request: Request, _body: bytes) -> object:
    world.reset()
    return {"reset": True}


def _seed(world: World, _request: Request, body: bytes) -> object:
    return plane.seed(world.hubspot, body, world.clock.now(), world.requests)


def _alter(world: World, _request: Request, body: bytes) -> object:
    return plane.alter(world.hubspot, body)


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
    return plane.grant(world.hubspot, body, world.clock.now())


def _app(world: World, _request: Request, body: bytes) -> object:
    return plane.grant_app(world.hubspot, body)


def _merge(world: World, _request: Request, body: bytes) -> object:
    return plane.merge(world.hubspot, body, world.clock.now())


def _associations(world: World, request: Request, _body: bytes) -> object:
    return plane.associations(world.hubspot, request.path_params["from"], request.path_params["to"])


def _lists(world: World, _request: Request, _body: bytes) -> object:
    return plane.lists(world.hubspot)


def _events(world: World, _request: Request, _body: bytes) -> object:
    return plane.sent_events(world.hubspot)


def _imports(world: World, _request: Request, _body: bytes) -> object:
    return plane.jobs(world.hubspot, world.clock.now())


def _add_faults(world: World, _request: Request, body: bytes) -> object:
    for fault in _faults_of(body):
        world.faults.add(fault)
    return _list_faults(world, _request, body)


def _faults_of(body: bytes) -> list[Fault]:
    many = body.lstrip().startswith(b"[")
    found = msgspec.json.decode(body, type=list[Fault]) if many else [msgspec.json.decode(body, type=Fault)]
    return [_worded(fault) if fault.answer else fault for fault in found]


def _worded(fault: Fault) -> Fault:
    """Give a fault the vendor's answer that it names."""
    known: dict[str, tuple[int, bytes, dict[str, str]]] = {
        **canned.answers(),
        **salesforce_canned.answers(),
        **intercom_canned.answers(),
    }
    if fault.answer not in known or fault.kind != "status":
        raise ValueError(f"kind status has the answers {', '.join(known)}; not {fault.answer!r}")
    status, body, headers = known[fault.answer]
    text = body if body[:1] in {b"{", b"["} else msgspec.json.encode(body.decode())
    return msgspec.structs.replace(fault, status=status, body=msgspec.Raw(text), headers=headers | fault.headers)


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
    world.advance()
    limit = request.query_params.get("limit")
    writes = world.history.after(int(request.query_params.get("after", "0")), None if limit is None else int(limit))
    return {"writes": writes, "last": len(world.history)}


def _objects(world: World, request: Request, _body: bytes) -> object:
    world.advance()
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
    ("POST", "/apps", _app),
    ("POST", "/merge", _merge),
    ("POST", "/alter", _alter),
    ("GET", "/associations/{from}/{to}", _associations),
    ("GET", "/lists", _lists),
    ("GET", "/events", _events),
    ("GET", "/imports", _imports),
    ("POST", "/faults", _add_faults),
    ("GET", "/faults", _list_faults),
    ("DELETE", "/faults", _clear_faults),
    ("GET", "/history", _history),
    ("GET", "/objects/{type}", _objects),
    ("GET", "/stats", _stats),
    ("GET", "/behaviours", _behaviours),
    *((method, f"/salesforce{path}", action) for method, path, action in SALESFORCE_ACTIONS),
    *((method, f"/intercom{path}", action) for method, path, action in INTERCOM_ACTIONS),
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
        except REFUSALS as error:
            content, status = msgspec.json.encode({"error": str(error)}), 400
        return Response(content, status, media_type="application/json")

    return Route(path, endpoint, methods=[method])

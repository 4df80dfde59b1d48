"""Intercom's routes of the control plane."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from penstock_sandbox.intercom import bulk, plane

if TYPE_CHECKING:
    from starlette.requests import Request

    from penstock_sandbox.world import World

    Action = Callable[[World, Request, bytes], object]


def _seed(world: World, _request: Request, body: bytes) -> object:
    return plane.seed(world.intercom, body, world.clock.now())


def _alter(world: World, _request: Request, body: bytes) -> object:
    return plane.alter(world.intercom, body, world.clock.now())


def _grant(world: World, _request: Request, body: bytes) -> object:
    return plane.grant(world.intercom, body)


def _revoke(world: World, _request: Request, _body: bytes) -> object:
    return plane.revoke(world.intercom)


def _merge(world: World, _request: Request, body: bytes) -> object:
    return plane.merge(world.intercom, body, world.clock.now())


def _traffic(world: World, _request: Request, body: bytes) -> object:
    return plane.traffic(world.intercom, body, world.clock.now())


def _objects(world: World, request: Request, _body: bytes) -> object:
    bulk.advance(world.intercom, world.clock.now())
    archived = request.query_params.get("archived") == "true"
    return plane.objects(world.intercom, request.path_params["type"], archived)


def _events(world: World, _request: Request, _body: bytes) -> object:
    return plane.events(world.intercom)


ACTIONS: list[tuple[str, str, Action]] = [
    ("POST", "/seed", _seed),
    ("POST", "/alter", _alter),
    ("POST", "/tokens", _grant),
    ("DELETE", "/tokens", _revoke),
    ("POST", "/merge", _merge),
    ("POST", "/traffic", _traffic),
    ("GET", "/objects/{type}", _objects),
    ("GET", "/events", _events),
]

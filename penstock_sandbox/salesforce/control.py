"""Salesforce's routes of the control plane."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from penstock_sandbox.salesforce import plane

if TYPE_CHECKING:
    from starlette.requests import Request

    from penstock_sandbox.world import World

    Action = Callable[[World, Request, bytes], object]


def _seed(world: World, _request: Request, body: bytes) -> object:
    return plane.seed(world.salesforce, body, world.clock.now())


def _alter(world: World, _request: Request, body: bytes) -> object:
    return plane.alter(world.salesforce, body, world.clock.now())


def _grant(world: World, _request: Request, body: bytes) -> object:
    return plane.grant(world.salesforce, body, world.clock.now())


def _end_sessions(world: World, _request: Request, _body: bytes) -> object:
    return plane.end_sessions(world.salesforce)


def _app(world: World, _request: Request, body: bytes) -> object:
    return plane.grant_app(world.salesforce, body)


def _rules(world: World, _request: Request, body: bytes) -> object:
    return plane.set_rules(world.salesforce, body)


def _lock(world: World, _request: Request, body: bytes) -> object:
    return plane.lock(world.salesforce, body, world.clock.now())


def _objects(world: World, request: Request, _body: bytes) -> object:
    deleted = request.query_params.get("archived") == "true"
    return plane.objects(world.salesforce, request.path_params["type"], deleted)


def _jobs(world: World, _request: Request, _body: bytes) -> object:
    return plane.jobs(world.salesforce, world.clock.now())


def _job(world: World, request: Request, body: bytes) -> object:
    return plane.change_job(world.salesforce, request.path_params["id"], body, world.clock.now())


def _events(world: World, _request: Request, _body: bytes) -> object:
    return plane.published(world.salesforce)


ACTIONS: list[tuple[str, str, Action]] = [
    ("POST", "/seed", _seed),
    ("POST", "/alter", _alter),
    ("POST", "/tokens", _grant),
    ("DELETE", "/tokens", _end_sessions),
    ("POST", "/apps", _app),
    ("POST", "/rules", _rules),
    ("POST", "/locks", _lock),
    ("GET", "/objects/{type}", _objects),
    ("GET", "/events", _events),
    ("GET", "/jobs", _jobs),
    ("POST", "/jobs/{id}", _job),
]

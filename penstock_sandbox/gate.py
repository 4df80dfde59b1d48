"""The ASGI door of a simulated vendor: latency, faults and counters around a pure `respond`."""

import asyncio
import gzip
from collections.abc import Callable
from typing import TypeVar
from urllib.parse import parse_qsl

import msgspec
from starlette.types import Message, Receive, Scope, Send

from penstock_sandbox.exchange import Answer, Call
from penstock_sandbox.faults import Fault
from penstock_sandbox.protocol import TRANSPORT, reset
from penstock_sandbox.world import World

Item = TypeVar("Item")
Respond = Callable[[Call], Answer]
Work = Callable[[], bool]
HTML = "<html><head><title>Just a moment</title></head><body><h1>Something went wrong</h1></body></html>"
JSON = "application/json;charset=utf-8"
SILENT = b'{"status":"COMPLETE","results":[]}'


class Gate:
    """Serves one vendor under a path prefix.

    `silent` is its success that says nothing of any row. `work` does a bit of what goes on after an answer, jobs for
    instance, and tells whether there is more to do at once.
    """

    def __init__(
        self, world: World, prefix: str, respond: Respond, silent: bytes = SILENT, work: Work | None = None
    ) -> None:
        self.world = world
        self.prefix = prefix
        self.respond = respond
        self.silent = silent
        self.work = work
        self.waiting = 0
        self._working: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or drop it where a fault says so."""
        self.waiting += 1
        try:
            await self._answer(scope, receive, send)
        finally:
            self.waiting -= 1
        if self.work is not None and (self._working is None or self._working.done()):
            self._working = asyncio.create_task(self._go_on(self.work))

    async def _go_on(self, work: Work) -> None:
        """Work until there is nothing more to do, and let requests in between."""
        while work():
            await asyncio.sleep(0)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        world = self.world
        raw_path = scope.get("raw_path", scope["path"].encode()).decode("latin-1")
        path = raw_path[len(self.prefix) :]
        world.requests += 1
        number = world.requests
        faults = world.faults.at_request(f"{scope['method']} {raw_path}", world.clock.now())
        body = await _body(receive)
        if world.settings.latency_ms:
            await asyncio.sleep(world.settings.latency_ms / 1000)
        struck = faults.get("before_apply")
        if struck is not None and struck.kind == "alter":
            world.alter(struck.alter)
        elif struck is not None:
            await self._instead(struck, "struck before apply", scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        text = scope["query_string"].decode("latin-1")
        origin = f"{scope.get('scheme', 'http')}://{headers.get('host', '')}{self.prefix}"
        now, method = world.clock.now(), scope["method"]
        call = Call(method, path, _query(text), headers, body, number, now, text, origin, self.waiting)
        answer = self.respond(call)
        world.routes[answer.route] += 1
        world.over_quota += answer.over_quota
        struck = faults.get("after_apply")
        if struck is not None:
            await self._instead(struck, None, scope, receive, send)
            return
        struck = faults.get("in_answer")
        world.statuses[answer.status if struck is None else _status(struck, answer)] += 1
        if struck is None:
            await _give(send, answer)
        else:
            await self._distort(struck, answer, scope, receive, send)

    async def _instead(self, fault: Fault, route: str | None, scope: Scope, receive: Receive, send: Send) -> None:
        """Give the fault's answer in place of the vendor's."""
        if route is not None:
            self.world.routes[route] += 1
        if fault.kind == "reset":
            await _drop(scope, receive)
            return
        status, body, headers = _substitute(fault, self.silent)
        self.world.statuses[status] += 1
        await _send(send, status, headers, body)

    async def _distort(self, fault: Fault, answer: Answer, scope: Scope, receive: Receive, send: Send) -> None:
        """Spoil the true answer on its way."""
        match fault.kind:
            case "reset":
                half = answer.body[: len(answer.body) // 2]
                await send(_start(answer.status, answer.headers, len(answer.body)))
                await send({"type": "http.response.body", "body": half, "more_body": True})
                await _drop(scope, receive)
            case "truncate":
                await _give(send, answer._replace(body=answer.body[: len(answer.body) // 2]))
            case "drop_rows" | "repeat_rows" | "strip_context":
                await _give(send, answer._replace(body=_edited(answer.body, fault)))
            case "drip":
                await _drip(fault, answer, scope, send)
            case _:
                status, body, headers = _substitute(fault, self.silent)
                await _send(send, status, headers, body)


def _substitute(fault: Fault, silent: bytes) -> tuple[int, bytes, dict[str, str]]:
    match fault.kind:
        case "html":
            return 200, HTML.encode(), {"Content-Type": "text/html"} | fault.headers
        case "silent":
            return 200, silent, {"Content-Type": JSON} | fault.headers
        case "empty":
            return 200, b"", {"Content-Type": JSON} | fault.headers
        case _:
            return fault.status, fault.content(), {"Content-Type": JSON} | fault.headers


def _status(fault: Fault, answer: Answer) -> int:
    return _substitute(fault, b"")[0] if fault.kind in {"html", "empty", "silent", "status"} else answer.status


async def _drip(fault: Fault, answer: Answer, scope: Scope, send: Send) -> None:
    """Send the true answer a byte at a time."""
    await send(_start(answer.status, answer.headers, len(answer.body)))
    for place in range(len(answer.body)):
        await send({"type": "http.response.body", "body": answer.body[place : place + 1], "more_body": True})
        await asyncio.sleep(fault.delay_ms / 1000)
        if _transport(scope).is_closing():
            return
    await send({"type": "http.response.body", "body": b""})


def _edited(body: bytes, fault: Fault) -> bytes:
    """Leave out the last `rows` of the results, show them twice, or take `context` from all `errors`."""
    if not body:
        return body
    if body[:1] == b"[":
        return msgspec.json.encode(_rows(msgspec.json.decode(body, type=list[object]), fault))
    if body[:1] != b"{":
        header, *lines = body.splitlines(keepends=True)
        return b"".join([header, *_rows(lines, fault)])
    content = msgspec.json.decode(body, type=dict[str, object])
    failed = content.get("errors")
    for name in ("results", "data"):
        results = content.get(name)
        if isinstance(results, list):
            content[name] = _rows(results, fault)
    if isinstance(failed, list) and fault.kind == "strip_context":
        content["errors"] = [{name: each[name] for name in each if name != "context"} for each in failed]
    return msgspec.json.encode(content)


def _rows(rows: list[Item], fault: Fault) -> list[Item]:
    if fault.kind == "drop_rows":
        return rows[: max(0, len(rows) - fault.rows)]
    return rows + rows[-fault.rows :] if fault.kind == "repeat_rows" else rows


def _query(text: str) -> dict[str, str]:
    """Return query values by name; a repeated name is a list, which commas separate as well."""
    found: dict[str, str] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        found[name] = f"{found[name]},{value}" if name in found else value
    return found


def _transport(scope: Scope) -> asyncio.Transport:
    transport: asyncio.Transport = scope["extensions"][TRANSPORT]["transport"]
    return transport


async def _drop(scope: Scope, receive: Receive) -> None:
    """Reset the connection and wait until the server knows, or it would try to answer after all."""
    reset(_transport(scope))
    while (await receive())["type"] != "http.disconnect":
        pass


async def _body(receive: Receive) -> bytes:
    """Read the whole request body."""
    message = await receive()
    body: bytes = message.get("body", b"")
    if not message.get("more_body", False):
        return body
    parts = [body]
    while message.get("more_body", False):
        message = await receive()
        parts.append(message.get("body", b""))
    return b"".join(parts)


def _start(status: int, headers: dict[str, str], length: int | None) -> Message:
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    if status != 204 and length is not None:
        raw.append((b"Content-Length", str(length).encode()))
    return {"type": "http.response.start", "status": status, "headers": raw}


async def _give(send: Send, answer: Answer) -> None:
    """Send an answer as its vendor does."""
    headers, body = answer.headers, answer.body
    if answer.gzipped and body:
        headers = headers | {"Content-Encoding": "gzip"}
        body = gzip.compress(body, 1)
    await send(_start(answer.status, headers, None if answer.chunked else len(body)))
    await send({"type": "http.response.body", "body": body})


async def _send(send: Send, status: int, headers: dict[str, str], body: bytes) -> None:
    await send(_start(status, headers, len(body)))
    await send({"type": "http.response.body", "body": body})

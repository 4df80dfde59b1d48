"""A reverse proxy on loopback that injects faults and keeps the history of everything that passed."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from itertools import pairwise
from types import TracebackType
from urllib.parse import urlsplit

from penstock.conformance.adapter import Adapter, Pair
from penstock.conformance.faults import Fault, Place
from penstock.conformance.wire import Request, Response, read_request, reset_on_close

OWN_HEADERS = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "content-encoding", "host"})
DROPS = 200
"""pieces of a text that drips, at least; a shorter text drips by the byte"""
ASTRAY = "/astray"
"""where redirects lead: whoever comes here has followed one"""


@dataclass
class Exchange:
    """One request and what became of it. Times are seconds of the monotonic clock."""

    request: Request
    at: float
    write: int = 0
    """its number among the write requests, 0 when it is none"""
    pairs: list[Pair] = field(default_factory=list)
    applied: list[Pair] = field(default_factory=list)
    struck: list[str] = field(default_factory=list)
    status: int | None = None
    """of the answer that the client was sent, None when it got none"""
    ended: float | None = None
    gone: threading.Event = field(default_factory=threading.Event)
    left: float | None = None
    """when the client hung up on an answer that did not come or did not end"""
    after: float | None = None
    """seconds that the answer asked the client to wait"""


@dataclass(frozen=True)
class Applied:
    """One write that the server applied."""

    key: str
    value: str
    write: int
    at: float


class Proxy:
    """Serves on a free loopback port between `with` and its end; `url` is what the target is given."""

    def __init__(self, adapter: Adapter, upstream: str) -> None:
        self._adapter = adapter
        self._upstream = urlsplit(upstream)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._lock = threading.Lock()
        self._one_at_a_time = threading.Lock()
        self._closing = threading.Event()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}{self._upstream.path}"
        self.reset()

    def reset(self) -> None:
        """Forget schedules and history."""
        self.faults: list[Fault] = []
        self.exchanges: list[Exchange] = []
        self.applied: list[Applied] = []
        self.struck = 0
        """how many times a fault struck"""

    def strike(self, *faults: Fault) -> None:
        """Start schedules. A request is struck at most once per place, by the first that fits."""
        self.faults += faults

    def calm(self) -> None:
        """End all schedules."""
        self.faults = []

    @property
    def writes(self) -> list[Exchange]:
        """Return the write requests, in the order of their arrival."""
        return [exchange for exchange in list(self.exchanges) if exchange.write]

    @property
    def followed(self) -> list[Exchange]:
        """Return the requests that followed a redirect of ours."""
        return [exchange for exchange in list(self.exchanges) if exchange.request.path.startswith(ASTRAY)]

    def astray(self) -> str:
        """Return an address for a redirect: another host name, a path that applies nothing."""
        return f"http://localhost:{self._listener.getsockname()[1]}{ASTRAY}"

    def __enter__(self) -> Proxy:
        self._start(self._accept)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._closing.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)

    def _start(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                struck = [fault for fault in self.faults if fault.place == "on_connect" and fault.strikes(())]
                self.struck += len(struck)
            if struck:
                reset_on_close(connection)
                connection.close()
            else:
                self._open.add(connection)
                self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection, connection.makefile("rb") as file, contextlib.suppress(OSError, ValueError, HTTPException):
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                while (request := read_request(file)) is not None and self._exchange(connection, request):
                    pass
        finally:
            self._open.discard(connection)

    def _exchange(self, connection: socket.socket, request: Request) -> bool:
        """See one request to its end; return whether the connection goes on."""
        exchange, faults = self._noted(request)
        if request.path.startswith(ASTRAY):
            return self._say(connection, exchange, Response(200, b"{}"))
        if (before := faults.get("before_apply")) and before.kind == "none" and before.do:
            before.do()
            if self._wait_for_the_client(connection, exchange, 0.0):  # killed: what it sends is not seen
                exchange.ended = time.monotonic()
                return False
        elif before:
            return self._inflict(connection, exchange, before)
        with self._one_at_a_time:  # so that the history has the order in which the server applied
            response = self._forward(request)
            if exchange.write:
                exchange.applied = self._adapter.applied(request, response)
                at = time.monotonic()
                self.applied += [Applied(key, value, exchange.write, at) for key, value in exchange.applied]
        if after := faults.get("after_apply"):
            return self._inflict(connection, exchange, after)
        if spoilt := faults.get("in_answer"):
            return self._spoil(connection, exchange, spoilt, response)
        return self._say(connection, exchange, response)

    def _noted(self, request: Request) -> tuple[Exchange, dict[Place, Fault]]:
        pairs = self._adapter.writes(request)
        faults: dict[Place, Fault] = {}
        exchange = Exchange(request, time.monotonic(), pairs=pairs or [])
        with self._lock:
            if pairs is not None and not request.path.startswith(ASTRAY):
                exchange.write = len(self.writes) + 1
                keys = [key for key, _ in pairs]
                for fault in self.faults:
                    if fault.place != "on_connect" and fault.strikes(keys):
                        faults.setdefault(fault.place, fault)
            exchange.struck = [str(fault) for fault in faults.values()]
            self.struck += len(faults)
            self.exchanges.append(exchange)
        return exchange, faults

    def _forward(self, request: Request) -> Response:
        to_server = HTTPConnection(self._upstream.hostname or "", self._upstream.port, timeout=60)
        # A server that tells its own address has to tell ours.
        headers = {name: value for name, value in request.headers.items() if name not in OWN_HEADERS - {"host"}}
        headers["accept-encoding"] = "identity"
        try:
            to_server.request(request.method, request.path, request.body, headers)
            answer = to_server.getresponse()
            kept = {name: value for name, value in answer.getheaders() if name.lower() not in OWN_HEADERS}
            return Response(answer.status, answer.read(), kept)
        finally:
            to_server.close()

    # -- what is done to a request ------------------------------------------------------------------------

    def _inflict(self, connection: socket.socket, exchange: Exchange, fault: Fault) -> bool:
        """Let a fault strike in place of the server's answer."""
        if fault.do:
            fault.do()
        if fault.kind == "answer":
            exchange.after = fault.seconds or None
            return self._say(connection, exchange, fault.answer or Response(503))
        if fault.kind == "hang":
            self._wait_for_the_client(connection, exchange, fault.seconds)
        if fault.kind != "close":
            reset_on_close(connection)
        exchange.ended = time.monotonic()
        return False

    def _spoil(self, connection: socket.socket, exchange: Exchange, fault: Fault, response: Response) -> bool:
        """Let a fault strike the server's answer on its way."""
        if fault.kind == "truncate":
            connection.sendall(response.head() + response.body[: len(response.body) // 2])
        elif fault.kind in ("drip_head", "drip_body"):
            return self._drip(connection, exchange, (response.head(), response.body), fault)
        elif fault.kind == "shorten":
            body = self._adapter.without_a_result(response.body)
            return self._say(connection, exchange, Response(response.status, body or b"{}", response.headers))
        else:
            self._say(connection, exchange, response)
            if fault.do:  # the client has its answer, and the next thing that happens to it is this
                fault.do()
        exchange.ended = time.monotonic()
        return False

    def _say(self, connection: socket.socket, exchange: Exchange, response: Response) -> bool:
        exchange.status = response.status
        exchange.ended = time.monotonic()
        connection.sendall(response.head() + response.body)
        return exchange.request.headers.get("connection", "").lower() != "close"

    def _drip(self, connection: socket.socket, exchange: Exchange, texts: tuple[bytes, bytes], fault: Fault) -> bool:
        """Send head and body, one of them in drops evenly over some seconds, for as long as the client listens."""
        for text, dripping in zip(texts, (fault.kind == "drip_head", fault.kind == "drip_body"), strict=True):
            edges = [*range(0, len(text), max(1, len(text) // DROPS) if dripping else len(text) or 1), len(text)]
            for start, end in pairwise(edges):
                connection.sendall(text[start:end])
                if dripping and self._wait_for_the_client(connection, exchange, fault.seconds / len(edges)):
                    return False
        exchange.ended = time.monotonic()
        return False

    def _wait_for_the_client(self, connection: socket.socket, exchange: Exchange, seconds: float) -> bool:
        """Wait until the client hangs up, for some seconds at most; return whether it did."""
        readable, _, _ = select.select([connection], [], [], seconds)
        if not readable:
            return False
        exchange.left = time.monotonic()
        exchange.gone.set()
        return True

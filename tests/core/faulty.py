"""A server on loopback that misbehaves as it is told: raw sockets, one thread per connection.

A story is a function that is handed a Peer for each connection that comes in. It reads requests and answers them, or
does not. Nothing here knows HTTP beyond where a request ends.
"""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from penstock.auth import Bearer, Secret
from penstock.http import Http
from penstock.records import Request

GET = Request("GET", "/things")
POST = Request("POST", "/things", b'{"a": 1}')


@dataclass
class Server:
    """What was seen, and what goes on."""

    port: int
    requests: list[tuple[int, bytes]] = field(default_factory=list)
    """(number of the connection, the request's head)"""
    connections: int = 0
    over: threading.Event = field(default_factory=threading.Event)
    closed: threading.Event = field(default_factory=threading.Event)
    """set by a story that has just closed a connection"""
    handshakes_failed: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def lines(self) -> list[str]:
        """The request lines, in the order in which they came."""
        return [head.split(b"\r\n", 1)[0].decode("latin-1") for _, head in self.requests]


class Peer:
    """The server's end of one connection."""

    def __init__(self, server: Server, number: int, sock: socket.socket) -> None:
        self.server = server
        self.number = number
        self.sock = sock
        self.body = b""

    def read(self) -> bytes | None:
        """Read one request; return its head, None when the client has gone."""
        data = b""
        while b"\r\n\r\n" not in data:
            if not (part := self.sock.recv(65536)):
                return None
            data += part
        head, _, body = data.partition(b"\r\n\r\n")
        length = next(
            (int(h.split(b":")[1]) for h in head.split(b"\r\n") if h.lower().startswith(b"content-length")), 0
        )
        while len(body) < length:
            body += self.sock.recv(65536)
        self.body = body
        self.server.requests.append((self.number, head))
        return head

    def answer(self, body: bytes = b"{}", status: int = 200, *headers: str) -> None:
        lines = [f"HTTP/1.1 {status} Yes", f"Content-Length: {len(body)}", *headers]
        self.sock.sendall("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)

    def drip(self, data: bytes, every: float = 0.02) -> None:
        """Send a byte at a time for as long as anybody listens."""
        for n in range(len(data)):
            if self.server.over.wait(every):
                return
            self.sock.sendall(data[n : n + 1])

    def hold(self) -> None:
        """Say nothing more until the test is over."""
        self.server.over.wait(30)

    def reset(self) -> None:
        """Close the connection with RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


Story = Callable[[Peer], None]


def polite(peer: Peer) -> None:
    """Answers everything."""
    while peer.read() is not None:
        peer.answer()


@contextmanager
def serving(story: Story, tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    """Serve a story on a port of its own; ends when all its connections have ended."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = Server(listener.getsockname()[1])
    threads: list[threading.Thread] = []

    def tell(number: int, sock: socket.socket) -> None:
        with sock, suppress(OSError):
            if tls is not None:
                try:
                    sock = tls.wrap_socket(sock, server_side=True)
                except OSError:
                    server.handshakes_failed += 1
                    raise
            with sock:
                story(Peer(server, number, sock))

    def accept() -> None:
        while True:
            sock, _ = listener.accept()
            if server.over.is_set():
                sock.close()
                return
            sock.settimeout(10)
            server.connections += 1
            threads.append(threading.Thread(target=tell, args=(server.connections, sock)))
            threads[-1].start()

    accepting = threading.Thread(target=accept)
    accepting.start()
    try:
        yield server
    finally:
        server.over.set()
        socket.create_connection(("127.0.0.1", server.port)).close()
        accepting.join()
        for thread in threads:
            thread.join()
        listener.close()


@contextmanager
def client(url: str, **settings: object) -> Iterator[Http]:
    """An Http that is closed at the end; from the thread that sent with it."""
    http = Http(url, Bearer(Secret("canary-token")), "tests", **settings)  # type: ignore[arg-type]
    try:
        yield http
    finally:
        http.close()

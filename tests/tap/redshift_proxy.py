"""A proxy that makes a PostgreSQL server pass for Redshift with Redshift's own driver.

The driver sends fields that PostgreSQL refuses at the start, cannot read its version, and knows no SCRAM. What
PostgreSQL takes and Redshift does not is for the test of the statements to find.
"""

from __future__ import annotations

import contextlib
import socket
import socketserver
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from demo.postgres_server import Server

USER, PASSWORD = "redshift", "osprey/4@7"
_KEEP = {b"user", b"database", b"application_name", b"client_encoding"}
_TLS_REQUEST = struct.pack("!I", 80877103)


def let_in(server: Server) -> None:
    """Let users named redshift... in by a password that is hashed as Redshift's are."""
    rules = server.folder / "data" / "pg_hba.conf"
    if USER not in rules.read_text("utf-8"):
        rules.write_text(f"local all /^{USER} md5\n{rules.read_text('utf-8')}", "utf-8")
        with server.connect() as connection:
            connection.execute("set password_encryption = md5")
            connection.execute(f"create role {USER} superuser login password '{PASSWORD}'")
            connection.execute("select pg_reload_conf()")


@contextmanager
def proxy(server: Server) -> Iterator[int]:
    """Listen on a port of loopback for the length of the block."""
    path = str(server.folder / ".s.PGSQL.5432")

    class Connection(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError, EOFError), socket.socket(socket.AF_UNIX) as upstream:
                _served(self.request, upstream, path)

    class Listening(socketserver.ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False

    with Listening(("127.0.0.1", 0), Connection) as listening:
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield listening.server_address[1]
        finally:
            listening.shutdown()
            thread.join()


def _served(client: socket.socket, upstream: socket.socket, path: str) -> None:
    while (start := _message(client)) == _TLS_REQUEST:
        client.sendall(b"N")
    fields = start[4:].split(b"\0")
    kept = [k + b"\0" + v + b"\0" for k, v in zip(fields[::2], fields[1::2], strict=False) if k in _KEEP]
    upstream.connect(path)
    upstream.sendall(_framed(start[:4] + b"".join(kept) + b"\0"))
    up = threading.Thread(target=_pump, args=(client, upstream), daemon=True)
    up.start()
    try:
        _greeted(upstream, client)
        _pump(upstream, client)
    finally:
        with contextlib.suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)
        up.join()


def _greeted(upstream: socket.socket, client: socket.socket) -> None:
    kind = b""
    while kind not in {b"Z", b"E"}:  # the greeting ends with ReadyForQuery, or with an error
        kind, body = _exactly(upstream, 1), _message(upstream)
        if kind == b"S" and body.startswith(b"server_version\0"):
            body = b"server_version\x008.0.2\0"
        client.sendall(kind + _framed(body))


def _exactly(one: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = one.recv(size - len(data))
        if not piece:
            raise EOFError
        data += piece
    return data


def _message(one: socket.socket) -> bytes:
    return _exactly(one, struct.unpack("!I", _exactly(one, 4))[0] - 4)


def _framed(body: bytes) -> bytes:
    return struct.pack("!I", len(body) + 4) + body


def _pump(one: socket.socket, other: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := one.recv(1 << 16):
            other.sendall(data)
        other.shutdown(socket.SHUT_WR)

"""HTTP/1.1 as far as a proxy needs it: reading requests, writing answers, whole or spoilt."""

from __future__ import annotations

import gzip
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import responses
from typing import BinaryIO

LONGEST_LINE = 65_536
MEGABYTE = 1 << 20


@dataclass(frozen=True)
class Request:
    """What a client sent. Names of headers are lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Response:
    """What a server answers."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})

    def head(self, length: int | None = None) -> bytes:
        """Return status line and headers, announcing a body of `length` bytes (of its own length when None)."""
        lines = [f"HTTP/1.1 {self.status} {responses.get(self.status, 'Unknown')}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        lines.append(f"Content-Length: {len(self.body) if length is None else length}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def bomb(megabytes: int) -> Response:
    """Return a small answer that unpacks to a large one: gzip members of zeros, one after the other."""
    member = gzip.compress(bytes(MEGABYTE))
    return Response(200, member * megabytes, {"Content-Type": "application/json", "Content-Encoding": "gzip"})


def read_request(file: BinaryIO) -> Request | None:
    """Read one request, or return None where the client has gone."""
    first = file.readline(LONGEST_LINE)
    words = first.decode("latin-1").split()
    if len(words) != 3:
        return None
    headers: dict[str, str] = {}
    while (line := file.readline(LONGEST_LINE)) not in (b"\r\n", b"\n", b""):
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.strip().lower()] = value.strip()
    if headers.get("transfer-encoding", "").lower() == "chunked":
        body = _chunked(file)
    else:
        body = file.read(int(headers.get("content-length", "0")))
    return Request(words[0], words[1], headers, body)


def _chunked(file: BinaryIO) -> bytes:
    parts: list[bytes] = []
    while size := int(file.readline(LONGEST_LINE).split(b";")[0] or b"0", 16):
        parts.append(file.read(size))
        file.readline(LONGEST_LINE)
    while file.readline(LONGEST_LINE) not in (b"\r\n", b"\n", b""):
        pass
    return b"".join(parts)


def reset_on_close(connection: socket.socket) -> None:
    """Make the next close of a connection an RST instead of a FIN."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

"""HTTP connections that can be dropped without an answer.

uvicorn always answers something, and a client's hardest case is no answer at all. So its protocol is
extended by two things: the connection's transport is put within the application's reach, and a fresh
connection can be reset before its first request is read.
"""

from __future__ import annotations

import struct
from socket import SO_LINGER, SOL_SOCKET
from typing import TYPE_CHECKING

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

TRANSPORT = "penstock.transport"


def reset(transport: asyncio.Transport) -> None:
    """Drop a connection with RST: nothing in flight is delivered, the client sees a reset."""
    sock = transport.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


def breakable(struck: Callable[[str], bool]) -> type[HttpToolsProtocol]:
    """Return a protocol that asks `struck("METHOD /path")` before it reads a connection's first request."""

    class BreakableProtocol(HttpToolsProtocol):
        fresh = True

        def data_received(self, data: bytes) -> None:
            if self.fresh:
                self.fresh = False
                line = data.partition(b"\r\n")[0].decode("latin-1")
                if struck(line.rpartition(" ")[0]):
                    reset(self.transport)
                    return
            if not self.transport.is_closing():
                super().data_received(data)

        def on_message_begin(self) -> None:
            super().on_message_begin()
            self.scope["extensions"] = {TRANSPORT: {"transport": self.transport}}

    return BreakableProtocol

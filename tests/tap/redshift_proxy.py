"""A proxy that makes a PostgreSQL server pass for Redshift with Redshift's own driver.

The driver sends fields that PostgreSQL refuses at the start, cannot read its version, and knows no SCRAM. What
PostgreSQL takes and Redshift does not is for the test of the statements to find.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.postgres import Server

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
    loop = asyncio.new_event_loop()
    path = str(server.folder / ".s.PGSQL.5432")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError), contextlib.closing(writer):
            await _served(reader, writer, path)

    listening = loop.run_until_complete(asyncio.start_server(serve, "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        listening.close()
        loop.run_until_complete(_ended())
        loop.close()


async def _ended() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _message(reader: asyncio.StreamReader) -> bytes:
    return await reader.readexactly(struct.unpack("!I", await reader.readexactly(4))[0] - 4)


def _framed(body: bytes) -> bytes:
    return struct.pack("!I", len(body) + 4) + body


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1 << 16):
        writer.write(data)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()


async def _served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str) -> None:
    while (start := await _message(reader)) == _TLS_REQUEST:
        writer.write(b"N")
    fields = start[4:].split(b"\0")
    kept = [k + b"\0" + v + b"\0" for k, v in zip(fields[::2], fields[1::2], strict=False) if k in _KEEP]
    server_reader, server_writer = await asyncio.open_unix_connection(path)
    with contextlib.closing(server_writer):
        server_writer.write(_framed(start[:4] + b"".join(kept) + b"\0"))
        up = asyncio.create_task(_pump(reader, server_writer))
        try:
            await _greeted(server_reader, writer)
            await _pump(server_reader, writer)
        finally:
            up.cancel()
            await asyncio.gather(up, return_exceptions=True)


async def _greeted(server_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    kind = b""
    while kind not in {b"Z", b"E"}:  # the greeting ends with ReadyForQuery, or with an error
        kind, body = await server_reader.readexactly(1), await _message(server_reader)
        if kind == b"S" and body.startswith(b"server_version\0"):
            body = b"server_version\x008.0.2\0"
        writer.write(kind + _framed(body))

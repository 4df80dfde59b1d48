"""Singer lines other than records, and the one door through which every line leaves.

Lines are JSON in UTF-8, one message each. Nothing here knows a warehouse.
"""

from __future__ import annotations

import json
import os
import select
import time
from collections.abc import Callable, Mapping, Sequence

from tap_warehouse.errors import OutputClosed
from tap_warehouse.signals import StopRequest
from tap_warehouse.warehouse import Column, Frame, JsonSchema

CHUNK = 1 << 18
"""Bytes in one write. A signal cuts a blocked write short, so a large one costs no patience."""

PATIENCE = 0.5
"""Seconds between two looks at the stop flag while the reader reads nothing."""

GRACE = 5.0
"""Seconds a reader that stands still gets, after a signal, to take the rest of the line that it has begun.
A line cut short has no newline, and readers ignore it."""


def encode(message: Mapping[str, object]) -> bytes:
    """One line. NaN would not be JSON, so it is a programming error here rather than output."""
    return json.dumps(message, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def nullable(schema: JsonSchema) -> JsonSchema:
    """Allow null in a schema."""
    kinds = schema.get("type")
    if isinstance(kinds, str):
        return {**schema, "type": [kinds, "null"]}
    if isinstance(kinds, list) and "null" not in kinds:
        return {**schema, "type": [*kinds, "null"]}
    return schema


def stream_schema(columns: Sequence[Column], key: Sequence[str]) -> JsonSchema:
    """Let everything be null but the primary key, so that a null key is a reject at the target."""
    properties = {column.name: column.schema if column.name in key else nullable(column.schema) for column in columns}
    return {"type": "object", "properties": properties, "required": list(key)}


def schema_line(stream: str, columns: Sequence[Column], key: Sequence[str]) -> bytes:
    """Come before the first record of its stream."""
    schema = stream_schema(columns, key)
    return encode({"type": "SCHEMA", "stream": stream, "schema": schema, "key_properties": list(key)})


def state_line(value: Mapping[str, object]) -> bytes:
    """Hold the whole state, always: Meltano replaces what it stored, so a stream left out would be forgotten."""
    return encode({"type": "STATE", "value": value})


def activate_version_line(stream: str, version: int) -> bytes:
    """Say that every row of the stream has been emitted with this version. Must be the stream's last message."""
    return encode({"type": "ACTIVATE_VERSION", "stream": stream, "version": version})


def record_frame(stream: str, version: int | None, extracted: str) -> Frame:
    """Split a RECORD line at the row: what stands before it and what after."""
    name = json.dumps(stream, ensure_ascii=False)
    head = f'{{"type":"RECORD","stream":{name},"record":'
    versioned = "" if version is None else f',"version":{version}'
    return Frame(head, f'{versioned},"time_extracted":"{extracted}"}}\n', extracted)


def claim_stdout() -> int:
    """Keep a private duplicate of fd 1 for Singer messages, and point fd 1 itself to stderr.

    A library's `print` can then spoil the log, but not the channel.
    """
    private = os.dup(1)
    os.dup2(2, 1)
    return private


class Output:
    """Writes whole lines to a descriptor, however slow its reader is and whatever signal arrives."""

    def __init__(self, fd: int, stop: StopRequest, clock: Callable[[], float] = time.monotonic) -> None:
        self._fd = fd
        self._stop = stop
        self._clock = clock
        self._poll = select.poll()
        self._poll.register(fd, select.POLLOUT)

    def write(self, lines: bytes | memoryview) -> None:
        """Write `lines`, which end in a newline.

        Raises Stopped at the next message boundary after a signal, OutputClosed when nobody reads any more.
        """
        view = memoryview(lines)
        at = 0
        try:
            while at < len(view):
                if self._stop:
                    self._finish_line(view, at)
                    self._stop.raise_if_set()
                if self._poll.poll(PATIENCE * 1000):
                    at += os.write(self._fd, view[at : at + CHUNK])
        except BrokenPipeError as error:
            raise OutputClosed("the reader of our output has closed it") from error
        except OSError as error:
            raise OutputClosed(f"output cannot be written: {error.strerror}") from error
        self._stop.raise_if_set()

    def _finish_line(self, view: memoryview, at: int) -> None:
        """Bring a line that is partly out to its end. Pieces are small enough never to block after a poll."""
        if at == 0 or view[at - 1] == ord("\n"):
            return
        deadline = self._clock() + GRACE
        while at < len(view) and view[at - 1] != ord("\n") and self._clock() < deadline:
            if self._poll.poll(PATIENCE * 1000):
                piece = bytes(view[at : at + select.PIPE_BUF])
                at += os.write(self._fd, piece[: piece.find(b"\n") + 1] or piece)

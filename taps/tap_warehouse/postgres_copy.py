"""COPY at the speed of the server: rows of one JSON column leave in binary form, many for each turn of the loop.

Text and csv cost the server a look at every character, and psycopg's own iteration costs this side five times what
libpq needs for a row. So this talks to libpq through psycopg's generators, as its `Copy` does.
"""

from __future__ import annotations

from array import array
from collections.abc import Generator, Iterator
from itertools import accumulate
from typing import Any

import psycopg
from psycopg import generators
from psycopg.pq import ExecStatus
from psycopg.waiting import Ready, Wait

from tap_warehouse.warehouse import Lines

BLOCK = 1 << 18
"""bytes in one piece"""
_HEADER = 19
"""bytes before the first row: a signature, flags, the length of an extension that nobody has defined"""
_BEFORE = 6
"""bytes before a row's only value: the count of columns, 16 bits, and the value's length, 32 bits"""
_END = b"\xff\xff"

Buffers = list[memoryview]


def copied(connection: psycopg.Connection[Any], query: str, head: bytes, tail: bytes) -> Iterator[Lines]:
    """Run a query of one column and write `head`, its text and `tail` for each row. Raises psycopg.Error."""
    between = tail + head
    with connection.cursor() as cursor, cursor.copy(f"copy ({query}) to stdout (format binary)".encode()):
        start, more = _HEADER, True
        while more:
            rows, more = connection.wait(_block(connection.pgconn))
            if rows and start:
                rows[0], start = rows[0][start:], 0
            if rows and rows[-1] == _END:
                rows.pop()
            if rows:
                ends = array("q", accumulate((len(row) - _BEFORE + len(between) for row in rows), initial=0))
                data = b"".join((head, between.join([row[_BEFORE:] for row in rows]), tail))
                yield Lines(memoryview(data), memoryview(ends))


def _block(pgconn: psycopg.pq.abc.PGconn) -> Generator[Wait, Ready | int, tuple[Buffers, bool]]:
    """Take rows until there are enough, or until the last; tell whether there may be more."""
    rows: Buffers = []
    size = 0
    while size < BLOCK:
        count, row = pgconn.get_copy_data(1)
        if count > 0:
            rows.append(row)
            size += count
        elif count == 0:
            while not (yield Wait.R):
                pass
            pgconn.consume_input()
        else:
            for result in (yield from generators.fetch_many(pgconn)):
                if result.status != ExecStatus.COMMAND_OK:
                    raise psycopg.errors.error_from_result(result)
            return rows, False
    return rows, True

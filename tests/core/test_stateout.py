"""STATE on its way out: as often as is allowed, whole lines, and never into nothing without a word."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from penstock import stateout
from penstock.bookmarks import Bookmarks
from penstock.checkpoint import Checkpoint
from penstock.errors import Fault
from penstock.stateout import StateOut, write_to

LONG = b"x" * 300_000 + b"\n"
"""longer than any pipe's buffer"""


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """A pipe whose writing end does not block, as a parent may have left ours."""
    readable, writable = os.pipe()
    os.set_blocking(writable, False)
    yield readable, writable
    for end in (readable, writable):
        with suppress(OSError):
            os.close(end)


def test_a_state_is_printed_once_and_the_next_one_an_interval_later() -> None:
    checkpoint, printed = Checkpoint(), list[bytes]()
    out = StateOut(checkpoint, Bookmarks(), printed.append, 1.0)
    checkpoint.close(b"1")
    out.turn(10.0)
    checkpoint.close(b"2")
    out.turn(10.9)
    assert printed == [b"1\n"]
    assert out.next_at == 11.0
    out.turn(11.0)
    out.turn(12.5)
    assert printed == [b"1\n", b"2\n"]


def test_the_last_state_waits_for_nothing_and_is_not_printed_twice() -> None:
    checkpoint, printed = Checkpoint(), list[bytes]()
    out = StateOut(checkpoint, Bookmarks(), printed.append, 1.0)
    out.turn(0.0, last=True)
    assert printed == []
    checkpoint.close(b"1")
    out.turn(0.0)
    checkpoint.close(b"2")
    out.turn(0.1, last=True)
    out.turn(0.2, last=True)
    assert printed == [b"1\n", b"2\n"]


def test_a_line_is_written_whole_to_a_reader_who_takes_it_in_pieces(pipe: tuple[int, int]) -> None:
    readable, writable = pipe
    writer = threading.Thread(target=write_to(writable), args=(LONG,))
    writer.start()
    taken = b""
    while len(taken) < len(LONG):
        taken += os.read(readable, 4096)
    writer.join()
    assert taken == LONG


def test_a_reader_who_takes_nothing_ends_the_run(pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stateout, "PATIENCE", 0.0)
    with pytest.raises(Fault, match="could not be written to standard output") as caught:
        write_to(pipe[1])(LONG)
    assert "run again" in caught.value.advice


def test_a_reader_who_has_gone_ends_the_run(pipe: tuple[int, int]) -> None:
    os.close(pipe[0])
    with pytest.raises(Fault, match="could not be written to standard output: Broken pipe"):
        write_to(pipe[1])(b"{}\n")

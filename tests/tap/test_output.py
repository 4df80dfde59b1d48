"""The door through which lines leave: short writes, readers that stand still, readers that go away."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import threading
from collections.abc import Iterator

import pyarrow as pa
import pytest

from tap_warehouse import messages
from tap_warehouse.arrow_lines import lines_of
from tap_warehouse.errors import OutputClosed, Stopped
from tap_warehouse.messages import Output
from tap_warehouse.signals import StopRequest


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    read_end, write_end = os.pipe()
    yield read_end, write_end
    for end in (read_end, write_end):
        with contextlib.suppress(OSError):  # the test may have closed it
            os.close(end)


def test_a_write_larger_than_the_pipe_arrives_whole(pipe: tuple[int, int]) -> None:
    read_end, write_end = pipe
    lines = b"".join(b"%d\n" % number for number in range(300_000))
    got: list[bytes] = []

    def read() -> None:
        while chunk := os.read(read_end, 1 << 16):
            got.append(chunk)

    reader = threading.Thread(target=read)
    reader.start()
    Output(write_end, StopRequest()).write(lines)
    os.close(write_end)
    reader.join()
    assert b"".join(got) == lines


def test_short_writes_are_gone_on_with(pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    read_end, write_end = pipe
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[:3]))
    Output(write_end, StopRequest()).write(b"one line\nanother\n")
    assert os.read(read_end, 100) == b"one line\nanother\n"


def test_nothing_is_begun_after_a_signal(pipe: tuple[int, int]) -> None:
    read_end, write_end = pipe
    stop = StopRequest()
    stop.request(signal.SIGTERM)
    with pytest.raises(Stopped) as raised:
        Output(write_end, stop).write(b"line\n")
    assert raised.value.exit_code == 143
    os.close(write_end)
    assert os.read(read_end, 10) == b""


def test_a_line_that_is_begun_is_finished(pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    read_end, write_end = pipe
    stop, write = StopRequest(), os.write

    def cut(fd: int, data: bytes) -> int:
        stop.request(signal.SIGINT)
        return write(fd, data[:7])

    monkeypatch.setattr(os, "write", cut)
    with pytest.raises(Stopped) as raised:
        Output(write_end, stop).write(b"one\nsecond line, long\nthird\n")
    assert raised.value.exit_code == 130
    assert os.read(read_end, 100) == b"one\nsecond line, long\n"


def test_a_reader_that_stands_still_gets_a_grace_and_no_more(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, write_end = pipe
    monkeypatch.setattr(messages, "PATIENCE", 0.001)
    os.set_blocking(write_end, False)
    with contextlib.suppress(BlockingIOError):
        while os.write(write_end, b"x" * 65536):
            pass
    stop = StopRequest()
    stop.request(signal.SIGTERM)
    seconds = itertools.count()
    Output(write_end, stop, clock=lambda: float(next(seconds)))._finish_line(memoryview(b"half a line\n"), 4)
    assert next(seconds) > messages.GRACE


def test_a_reader_that_has_gone(pipe: tuple[int, int]) -> None:
    read_end, write_end = pipe
    os.close(read_end)
    with pytest.raises(OutputClosed, match="closed") as raised:
        Output(write_end, StopRequest()).write(b"line\n")
    assert raised.value.exit_code == 1


def test_a_descriptor_that_takes_nothing(pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    def full(fd: int, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OutputClosed, match="No space left"):
        Output(pipe[1], StopRequest()).write(b"line\n")


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view()])
def test_every_layout_of_arrow_text(kind: pa.DataType) -> None:
    """32 and 64 bit offsets, a slice that does not begin at 0, and a layout that has no offsets at all."""
    column = pa.array(["a\n", "é\n", "", "🌊\n", "last\n"]).cast(kind)
    lines = lines_of(column.slice(1, 3))
    assert len(lines) == 3
    assert bytes(lines.part(0, 3)).decode() == "é\n🌊\n"
    assert bytes(lines.part(2, 3)).decode() == "🌊\n"

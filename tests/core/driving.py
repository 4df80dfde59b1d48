"""What drives a simulated run: turns, input piece by piece, and time that goes on by itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from penstock.delivery import Delivery
from penstock.errors import MalformedInput, Misconfigured, Stop
from penstock.reading import Reader

if TYPE_CHECKING:
    from tests.core.sim import World


def drive(
    lines: Sequence[bytes],
    reader: Reader,
    delivery: Delivery,
    world: World,
    emit: Callable[[], None],
    chunk: int,
    point: Callable[[str], None],
) -> Stop | None:
    """Feed the input and take turns until all is settled; return why the input ended before its end, as `Run` does."""
    input_error: Stop | None = None
    data = b"".join(line + b"\n" for line in lines)
    position, ended = 0, False
    for _ in range(100_000):
        delivery.turn(world.clock, flush=ended)
        emit()
        if delivery.stopped is not None and not delivery.in_flight:
            delivery.abandon()
            emit()
            return input_error
        if ended and delivery.idle:
            emit()
            return input_error
        if delivery.room and not ended and delivery.stopped is None:
            try:
                if reader.busy:
                    reader.advance()
                elif part := data[position : position + chunk]:
                    position += chunk
                    reader.feed(part)
                    point("read")
                else:
                    ended = reader.end()
            except (MalformedInput, Misconfigured) as error:
                input_error, ended = error, True
        world.clock += 0.03
    raise AssertionError("the run does not end")

"""The core put together by hand, for tests that decide themselves when it reads and when time goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

from penstock.checkpoint import Checkpoint
from penstock.delivery import Delivery
from penstock.ledger import Ledger
from penstock.mapping import RecordMapper
from penstock.modes import Sync
from penstock.policy import Policy
from penstock.reading import Reader, RegisterStream
from penstock.records import Request, Response
from tests.core.sim import LIMITS, SYNC, Memory, SimSender, World


@dataclass
class Parts:
    """One run of the core over a destination in memory."""

    reader: Reader
    delivery: Delivery
    checkpoint: Checkpoint
    world: World

    @property
    def counts(self) -> dict[str, int]:
        return self.delivery.syncs["people"].counts

    def turns(self, seconds: float) -> list[bytes]:
        """Let time go by while the input says nothing; return the STATE lines that are earned meanwhile."""
        states = []
        ends = self.world.clock + seconds
        while self.world.clock < ends:
            self.reader.flush()
            self.delivery.turn(self.world.clock)
            if (state := self.checkpoint.release()) is not None:
                states.append(state)
            self.world.clock += 0.03
        return states


def no_ask(request: Request) -> Response:
    raise AssertionError("nothing to ask")


@contextmanager
def parts(
    path: Path,
    policy: Policy | None = None,
    register: RegisterStream = lambda stream, schema, keys: None,
    sync_for: Callable[[str], Sync] = lambda stream: SYNC,
) -> Iterator[Parts]:
    world, checkpoint, ledger = World(), Checkpoint(), Ledger(path, wall=lambda: 0.0)
    ledger.begin_run()
    destination = Memory(LIMITS)
    sender = SimSender(world, Random(1), 0.0, lambda _: None)
    delivery = Delivery(destination, ledger, sender, checkpoint, policy, Random(1))
    reader = Reader(
        delivery,
        checkpoint,
        lambda stream, keys: sync_for(stream),
        lambda s, columns, keys: RecordMapper(s, destination.form(s, None, (), no_ask), columns, keys),
        register,
        lambda: world.clock,
    )
    try:
        yield Parts(reader, delivery, checkpoint, world)
    finally:
        delivery.abandon()
        ledger.close()

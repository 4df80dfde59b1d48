"""How much of its speed the core keeps while the network fails: `python -m storm.goodput --rows 200000`.

5 % of the requests are reset before the destination has applied them and 5 % after. Measured on virtual time, over ten
lanes and answers that take 50 to 150 ms: what is compared is the policy (retries, waits, lanes), so a busy machine does
not blur it. Goodput is rows per second until the run has come to its end, the last retry and the last commit included.
With every tenth request in vain, 0.9 is the most there can be. The waits of the batch that failed most often are a tail
of some seconds, which weighs the more the shorter the load is: the share of a short one is measured beside it.
"""

from __future__ import annotations

import heapq
import json
import sys
import tempfile
from pathlib import Path
from random import Random

from penstock.checkpoint import Checkpoint
from penstock.delivery import Answer, Delivery
from penstock.errors import NoAnswer
from penstock.ledger import Ledger
from penstock.mapping import RecordMapper
from penstock.reading import Reader
from penstock.records import Limits, Request, Response
from storm.figures import Option, arguments, figure, save_figures
from storm.simulated import ram_disk
from storm.source import Reading, Version
from tests.core.parts import no_ask
from tests.core.sim import SYNC, Memory

LIMITS = Limits(rows=100, body_bytes=2**21, concurrency=10, requests=10**9, window=10.0)
SHORT = 60_000
"""rows of the short load"""
STEP = 0.001
"""seconds that a turn takes"""


class Network:
    """Carries requests in virtual time and loses some; creates what arrives, each key once."""

    def __init__(self, chance: Random, share: float) -> None:
        self.now = 0.0
        self.objects: set[str] = set()
        self._chance = chance
        self._share = share
        self._under_way: list[tuple[float, int, Request]] = []

    def submit(self, ticket: int, request: Request) -> None:
        """Start sending a request."""
        heapq.heappush(self._under_way, (self.now + self._chance.uniform(0.05, 0.15), ticket, request))

    def take(self) -> list[tuple[int, Answer]]:
        """Return the answers that have come by now."""
        found: list[tuple[int, Answer]] = []
        while self._under_way and self._under_way[0][0] <= self.now:
            _, ticket, request = heapq.heappop(self._under_way)
            found.append((ticket, self._answer(request)))
        return found

    def _answer(self, request: Request) -> Answer:
        lot = self._chance.random()
        if lot < self._share:
            return NoAnswer("reset", sent=True)
        keys = [str(key) for key, _ in json.loads(request.body or b"[]")]
        answers = [{"outcome": "delivered", "id": key, "created": key not in self.objects} for key in keys]
        self.objects.update(keys)
        if lot < 2 * self._share:
            return NoAnswer("reset", sent=True)
        return Response(200, {}, json.dumps(answers).encode())

    @property
    def due(self) -> float | None:
        """Return when the next answer comes."""
        return self._under_way[0][0] if self._under_way else None


def goodput(rows: int, share: float, seed: int) -> float:
    """Return the rows per virtual second of a first load while a share of requests is lost each way."""
    network, checkpoint = Network(Random(seed), share), Checkpoint()
    with tempfile.TemporaryDirectory(dir=ram_disk()) as folder:
        ledger = Ledger(Path(folder) / "ledger.db", wall=lambda: 0.0)
        ledger.begin_run()
        memory = Memory(LIMITS)
        delivery = Delivery(memory, ledger, network, checkpoint, chance=Random(seed))
        reader = Reader(
            delivery,
            checkpoint,
            lambda _stream, _keys: SYNC,
            lambda sync, columns, keys: RecordMapper(sync, memory.form(sync, None, (), no_ask), columns, keys),
            lambda _stream, _schema, _keys: None,
            lambda: network.now,
        )
        _drive(_input(rows), reader, delivery, network)
        ledger.close()
    assert len(network.objects) == rows, "lost"
    assert checkpoint.release() is not None, "nothing was acknowledged"
    return rows / network.now


def _input(rows: int) -> bytes:
    reading = Reading()
    reading.schema("people")
    for n in range(rows):
        reading.record(Version("people", n, 0, "a"))
    reading.state(rows)
    return b"".join(line + b"\n" for line in reading.lines)


def _drive(data: bytes, reader: Reader, delivery: Delivery, network: Network) -> None:
    """Feed the input and take turns, each when something is due, until all is settled."""
    position, ended = 0, False
    while not (ended and delivery.idle):
        assert delivery.stopped is None, f"the run was stopped: {delivery.stopped}"
        if delivery.room and not ended:
            if reader.busy:
                reader.advance()
            elif position < len(data):
                reader.feed(data[position : position + 65_536])
                position += 65_536
            else:
                ended = reader.end()
            network.now += STEP
        else:
            due = [at for at in (network.due, delivery.next_due(network.now)) if at is not None]
            network.now = max(network.now + STEP, min(due, default=0.0))
        delivery.turn(network.now, flush=ended)


def main() -> int:
    """Measure with and without faults, print and save the share."""
    options = arguments("goodput", Option("rows", 200_000, "rows to load"))
    free = goodput(options["rows"], 0.0, options["seed"])
    faulty = goodput(options["rows"], 0.05, options["seed"])
    print(f"{faulty:.0f} rows/s with 10 % of the requests reset, {free:.0f} without: {faulty / free:.3f}")
    short = goodput(SHORT, 0.05, options["seed"]) / goodput(SHORT, 0.0, options["seed"])
    print(f"over {SHORT} rows: {short:.3f}")
    share = figure(
        "goodput_share_under_faults",
        round(faulty / free, 3),
        "of fault-free",
        0.85,
        rows_per_s=round(free),
        share_over_60000_rows=round(short, 3),
    )
    share.rows = options["rows"]
    save_figures("goodput", options, share)
    return 0


if __name__ == "__main__":
    sys.exit(main())

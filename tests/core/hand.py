"""A delivery whose requests a test answers itself, one by one, at the second it wants."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest

from penstock.checkpoint import Checkpoint
from penstock.delivery import Answer, Delivery
from penstock.ledger import Ledger
from penstock.mapping import RecordMapper
from penstock.modes import Json, Sync
from penstock.opensync import OpenSync
from penstock.policy import Policy
from penstock.records import Batch, Limits, Outcome, Request, Response, Row, RowKey, Source
from tests.core import places
from tests.core.parts import no_ask
from tests.core.sim import SCHEMA, SYNC, Memory

COLUMNS: dict[str, Json] = SCHEMA["properties"]  # type: ignore[assignment]
ONE = Limits(rows=1, body_bytes=10_000, concurrency=3, requests=1_000_000, window=10.0)


class HandSender:
    """Keeps the requests until a test answers them."""

    def __init__(self) -> None:
        self.open: dict[int, Request] = {}
        self._answers: list[tuple[int, Answer]] = []

    def submit(self, ticket: int, request: Request) -> None:
        self.open[ticket] = request

    def take(self) -> list[tuple[int, Answer]]:
        answers, self._answers = self._answers, []
        return answers

    def say(self, answer: Answer | str, ticket: int | None = None) -> None:
        """Answer a request, the oldest unless another is named; a text is the outcome of each of its rows."""
        ticket = min(self.open) if ticket is None else ticket
        request = self.open.pop(ticket)
        if isinstance(answer, str):
            rows = json.loads(request.body or b"[]")
            first = 101 if answer == "found" else 1  # an object of its own, not one that another row was given
            outcomes = [{"outcome": answer, "id": str(n + first), "created": True} for n in range(len(rows))]
            answer = Response(200, {}, json.dumps(outcomes).encode())
        self._answers.append((ticket, answer))

    def names(self) -> list[list[str]]:
        """Return the names that each request under way carries, in the order of sending."""
        return [[fields["name"] for _, fields in json.loads(request.body or b"[]")] for request in self.open.values()]


@dataclass
class Hand:
    """The parts of one run."""

    delivery: Delivery
    sender: HandSender
    ledger: Ledger
    checkpoint: Checkpoint
    limits: Limits

    @property
    def waiting(self) -> list[tuple[float, int, list[Row]]]:
        """Rows that are to be looked at again, and when."""
        return self.delivery._answers.waiting

    def mapper(self, sync: Sync) -> RecordMapper:
        return RecordMapper(sync, Memory(self.limits).form(sync, None, (), no_ask), COLUMNS, ["id"])

    def read(self, *rows: tuple[int, str | None], now: float = 0.0, sync: Sync = SYNC) -> OpenSync:
        """Offer rows, each a key and a name; one without a name has no e-mail either, which makes it invalid."""
        mapper = self.mapper(sync)
        opened = self.delivery.open(sync, mapper)
        sources = [
            Source(RowKey(f"[{key}]"), None, {"id": key, "email": f"p{key}@x.com" if name else None, "name": name})
            for key, name in rows
        ]
        self.delivery.offer(opened, mapper, self.checkpoint.read(len(rows)), sources, now)
        return opened

    def deliver(self, key: int, now: float = 0.0) -> OpenSync:
        """Bring one row to its end."""
        opened = self.read((key, "first"), now=now)
        self.delivery.turn(now, flush=True)
        self.sender.say("delivered")
        self.delivery.turn(now, flush=True)
        assert self.delivery.idle
        return opened


@contextmanager
def by_hand(path: Path, limits: Limits = ONE, policy: Policy | None = None) -> Iterator[Hand]:
    sender, checkpoint, ledger = HandSender(), Checkpoint(), Ledger(places.at(path), wall=lambda: 0.0)
    ledger.begin_run()
    try:
        delivery = Delivery(Memory(limits), ledger, sender, checkpoint, policy, Random(1))
        yield Hand(delivery, sender, ledger, checkpoint, limits)
    finally:
        ledger.close()


def unhurried(hand: Hand) -> Hand:
    """Leave every lane free, as if nobody else were in the account."""
    hand.delivery.pace._budget = None
    hand.delivery.pace.throttle.trying = False
    return hand


def sent(hand: Hand, *names: str, now: float = 3.0) -> OpenSync:
    """Have one row on its way for each name; return the sync."""
    hand.deliver(0)
    opened = hand.read(*((n, name) for n, name in enumerate(names, 1)), now=now)
    hand.delivery.turn(now, flush=True)
    assert sum(map(len, hand.sender.names())) == len(names)
    opened.counts.clear()
    return opened


def raising(monkeypatch: pytest.MonkeyPatch, error: Exception) -> Response:
    """Let the next answers be read as a refusal of the whole request."""

    def decode(self: Memory, response: Response, batch: Batch) -> list[Outcome]:
        raise error

    monkeypatch.setattr(Memory, "decode", decode)
    return Response(200, {}, b"")


def giving(monkeypatch: pytest.MonkeyPatch, *outcomes: Outcome) -> Response:
    """Let the next answers be read as these outcomes."""
    monkeypatch.setattr(Memory, "decode", lambda self, response, batch: list(outcomes))
    return Response(200, {}, b"")

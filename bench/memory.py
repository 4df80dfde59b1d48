"""The benchmarks' destination, in memory: `python -m bench.memory --ledger FILE --rows N --expect first|unchanged`.

One run of the core as a target makes it (`penstock.run.Run`: bytes from standard input, ledger on disk, STATE on
standard output), with real JSON bodies and answers, and nothing between them: no socket, no thread. What came in is
kept as one byte per row, so that the memory measured is the core's. The last line on stderr is the measurement.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import msgspec
import requests
from requests.auth import AuthBase

from penstock.delivery import Answer
from penstock.ledger import Ledger
from penstock.modes import Action, Json, Sync
from penstock.records import Abilities, Ask, Batch, Delivered, Form, Gauge, Limits, Outcome, Request, Response
from penstock.run import Run

HERE = Path(__file__).resolve().parent
LIMITS = Limits(rows=100, body_bytes=2 * 2**20, concurrency=10, requests=10**9, window=1.0)
"""as HubSpot's, without its rate"""
WRITES = frozenset({Action.UPSERT, Action.UPDATE})
ABILITIES = Abilities(actions=WRITES, keyed=WRITES, by_match=frozenset({Action.UPSERT}))


class Input(msgspec.Struct):
    """One row of a request."""

    id: str
    properties: msgspec.Raw


class Body(msgspec.Struct):
    """A request."""

    inputs: list[Input]


class Taken(msgspec.Struct):
    """One row of an answer."""

    id: str
    new: bool


class Results(msgspec.Struct):
    """An answer."""

    results: list[Taken]


_encode = msgspec.json.Encoder().encode
_decode_body = msgspec.json.Decoder(Body).decode
_decode_results = msgspec.json.Decoder(Results).decode
_decode_properties = msgspec.json.Decoder(dict[str, str]).decode


def as_text(value: object) -> str:
    """Write a value as most of these APIs want it: text, in one spelling."""
    if type(value) is str:
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return format(value, "f") if isinstance(value, Decimal) else str(value)


class Memory:
    """The destination's description, and the two pure functions of a target."""

    limits = LIMITS
    abilities = ABILITIES

    def account(self, ask: Ask) -> str:  # noqa: ARG002
        """Name the one account there is."""
        return "memory"

    def form(
        self,
        sync: Sync,
        columns: Mapping[str, Json] | None,  # noqa: ARG002
        key_properties: Sequence[str],  # noqa: ARG002
        ask: Ask,  # noqa: ARG002
    ) -> Form:
        """Take every field as text."""
        fields = sync.fields or {}
        return Form("email", fields, dict.fromkeys(fields, as_text), str.lower, "")

    def encode(self, batch: Batch) -> Request:
        """Write a request."""
        by_id = batch.action is Action.UPDATE
        inputs = [
            Input((row.destination_id or "") if by_id else row.match, msgspec.Raw(row.body)) for row in batch.rows
        ]
        return Request("POST", "/update" if by_id else "/upsert", _encode(Body(inputs)))

    def decode(self, response: Response, batch: Batch) -> list[Outcome]:  # noqa: ARG002
        """Read an answer; its results stand in the order of the request."""
        return [Delivered(taken.id, taken.new) for taken in _decode_results(response.body).results]

    def gauge(self, response: Response) -> Gauge | None:  # noqa: ARG002
        """Read no rate limit: there is none."""
        return None


class Server:
    """Answers requests. Remembers how often each row was written; the id of a row is its number."""

    def __init__(self, rows: int) -> None:
        self.writes = bytearray(rows)

    def answer(self, request: Request) -> Response:
        """Apply a request. Its last row is read whole, to hold it against the id it came under."""
        inputs = _decode_body(request.body or b"").inputs
        numbers = [int(i.id) if i.id.isdigit() else int(i.id[7 : i.id.index("@")]) for i in inputs]
        properties = _decode_properties(inputs[-1].properties)
        if len(properties) != 12 or int(properties["customer_key"][2:]) != numbers[-1]:
            raise SystemExit("a row came under the id of another, or without all its columns: no benchmark")
        results: list[Taken] = []
        for number in numbers:
            results.append(Taken(str(number), not self.writes[number]))
            self.writes[number] += 1
        return Response(200, {}, _encode(Results(results)))


class DirectSender:
    """A sender that has the answer as soon as it is asked."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._answers: deque[tuple[int, Answer]] = deque()
        self._readable, self._writable = os.pipe()
        os.set_blocking(self._readable, False)
        os.set_blocking(self._writable, False)
        self._told = False

    def submit(self, ticket: int, request: Request) -> None:
        """Answer a request."""
        self._answers.append((ticket, self._server.answer(request)))
        if not self._told:
            os.write(self._writable, b".")
            self._told = True

    def take(self) -> list[tuple[int, Answer]]:
        """Return the answers that came since the last call."""
        if self._told:
            os.read(self._readable, 4096)
            self._told = False
        answers = list(self._answers)
        self._answers.clear()
        return answers

    def fileno(self) -> int:
        """Return a descriptor to wait on."""
        return self._readable

    def wakeup_fd(self) -> int:
        """Return a descriptor that makes `fileno` readable when something is written to it."""
        return self._writable


class NoAuth(AuthBase):
    """Signs nothing."""

    def __call__(self, r: requests.PreparedRequest) -> requests.PreparedRequest:
        """Return the request as it is."""
        return r


@dataclass
class Settings:
    """A target's settings."""

    name: str = "target-memory"
    config: Mapping[str, object] = field(default_factory=dict)

    def base_url(self) -> str:
        """Return an address that nothing is sent to."""
        return "http://127.0.0.1:9"

    def auth(self) -> AuthBase:
        """Return what signs nothing."""
        return NoAuth()

    def destination(self) -> Memory:
        """Return the destination."""
        return Memory()


@dataclass
class NoSignals:
    """Nobody interrupts."""

    count: int = 0
    number: int = 0
    at_once: bool = False
    writing: bool = False


def peak_mb() -> float:
    """Return the most memory this process has held, in MB.

    Not from getrusage where it can be helped: there a child begins with the peak of the process that started it.
    """
    try:
        status = Path("/proc/self/status").read_text("ascii")
    except FileNotFoundError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def main() -> int:
    """Run once; fail when a row is missing at the destination, or came twice."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--ledger", type=Path, required=True)
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--expect", choices=["first", "unchanged"], required=True)
    options = parser.parse_args()
    server = Server(options.rows)
    settings = Settings(config={"syncs_file": str(HERE / "contacts.yml")})
    started = time.monotonic()
    ledger = Ledger(options.ledger, version="bench")
    run = Run(settings, ledger, HERE, lambda *_: None, NoSignals(), 0, 1, sender=DirectSender(server))
    stop = run.to_the_end()
    seconds = time.monotonic() - started
    times = 1 if options.expect == "first" else 0
    wrong = options.rows - server.writes.count(times)
    if stop is not None or wrong:
        sys.stderr.write(f"{stop}; {wrong} rows were not written {times} times\n")
        return 1
    used = resource.getrusage(resource.RUSAGE_SELF)
    measured = {"seconds": seconds, "user": used.ru_utime, "system": used.ru_stime, "peak_mb": peak_mb()}
    sys.stderr.write(json.dumps(measured) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

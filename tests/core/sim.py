"""A destination in memory and a run in simulated time: what the core's tests drive instead of a server.

A run can die at any of the points that `deaths` names, and the next one starts from the ledger's file.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from penstock.bulk import Jobs
from penstock.checkpoint import Checkpoint
from penstock.delivery import Answer, Delivery
from penstock.errors import BatchRefused, NoAnswer, Stop, Throttled, Unavailable
from penstock.mapping import RecordMapper
from penstock.modes import Action, FieldRule, Json, Sync
from penstock.policy import Policy
from penstock.reading import Reader, StreamMap
from penstock.records import (
    Abilities,
    Again,
    Ask,
    Batch,
    Delivered,
    Form,
    Gauge,
    Limits,
    Outcome,
    Rejected,
    Request,
    Response,
    Retry,
    Row,
    Unknown,
)
from penstock.relations import OF_LINKS
from penstock.retry import RetryPolicy
from penstock.stateout import StateOut
from tests.core.deaths import Crash, PointedLedger, opened
from tests.core.driving import drive
from tests.core.simjobs import JobServer


@dataclass
class World:
    """What outlives a crash: the destination's objects, and every write that was applied to it, in order."""

    objects: dict[str, dict[str, object]] = field(default_factory=dict)
    """id to fields; the field `email` is unique, compared in lower case"""
    history: list[tuple[str, dict[str, object]]] = field(default_factory=list)
    """(e-mail, fields written)"""
    removed: list[tuple[str, str]] = field(default_factory=list)
    """(archive or delete, e-mail)"""
    companies: dict[str, str] = field(default_factory=dict)
    """name to id: objects of another kind, with which these can be linked"""
    links: set[tuple[str, str, str]] = field(default_factory=set)
    """(id, name of the link, id of the other object)"""
    next_id: int = 1
    clock: float = 0.0
    wall: float = 1_000_000.0
    """time of day, in seconds"""
    request: int = 0
    """the request that is being applied"""
    server: JobServer = field(default_factory=JobServer)
    """its jobs"""

    def find(self, email: str) -> str | None:
        return next((i for i, o in self.objects.items() if str(o["email"]).lower() == email.lower()), None)

    def write(self, action: str, key: Json, fields: dict[str, object]) -> dict[str, object]:
        """Apply one row. `bad` and `poison` values are refused by the server's rules.

        `key` is an id (an int) or an e-mail; for a look-up, a list of them.
        """
        if any(str(value).startswith(("bad", "poison")) for value in fields.values()):
            return {"outcome": "rejected"}
        if action in ("append", "resolve"):
            return self._append(fields) if action == "append" else self._resolve(fields)
        if action in ("link", "unlink", "survey"):
            return self._link(action, str(key), fields)
        return self._object(action, key, fields)

    def _object(self, action: str, key: Json, fields: dict[str, object]) -> dict[str, object]:
        keys = key if isinstance(key, list) else [key]
        found = next((i for k in keys if (i := self._locate(k)) is not None), None)
        if action in ("find", "read"):
            return {
                "outcome": "found",
                "id": found,
                "holds": [n for n, v in self.objects.get(found or "", {}).items() if v],
            }
        if (found is None and action not in ("upsert", "create")) or (found is not None and action == "create"):
            return {"outcome": "found", "id": found}
        if found is not None and action in ("archive", "delete"):
            self.links = {ends for ends in self.links if ends[0] != found}
            self.removed.append((action, str(self.objects.pop(found)["email"])))
            return {"outcome": "delivered", "id": found, "created": False}
        return self._put(found, fields)

    def _resolve(self, fields: dict[str, object]) -> dict[str, object]:
        name = str(fields["name"])
        if name not in self.companies and fields["create"]:
            self.companies[name], self.next_id = str(self.next_id), self.next_id + 1
        return {"outcome": "found", "id": self.companies.get(name)}

    def _link(self, action: str, key: str, fields: dict[str, object]) -> dict[str, object]:
        if key not in self.objects:
            return {"outcome": "found", "id": None}
        ends = (key, str(fields["link"]), str(fields["other"]))
        if action == "survey":
            return {
                "outcome": "found",
                "id": key,
                "others": [other for i, name, other in self.links if (i, name) == ends[:2]],
            }
        if action == "link":
            self.links.add(ends)
        else:
            self.links.discard(ends)
        return {"outcome": "delivered", "id": None, "created": False}

    def _put(self, found: str | None, fields: dict[str, object]) -> dict[str, object]:
        holder = self.find(str(fields["email"])) if "email" in fields else None
        if holder is not None and found is not None and holder != found:
            return {"outcome": "conflict"}
        created = found is None
        if found is None:
            found, self.next_id = str(self.next_id), self.next_id + 1
        self.objects.setdefault(found, {}).update(fields)
        self.history.append((str(self.objects[found]["email"]), dict(fields)))
        return {"outcome": "delivered", "id": found, "created": created}

    def _append(self, fields: dict[str, object]) -> dict[str, object]:
        self.history.append((str(fields["email"]), dict(fields)))
        return {"outcome": "delivered", "id": None, "created": True}

    def _locate(self, key: Json) -> str | None:
        if isinstance(key, int):
            return str(key) if str(key) in self.objects else None
        return self.find(str(key))


EVERYTHING = frozenset(Action) - {Action.CLEAR, Action.NOTHING, Action.SURVEY}
ABILITIES = Abilities(EVERYTHING, EVERYTHING - {Action.CREATE, Action.APPEND}, EVERYTHING - {Action.READ})


class Memory:
    """A Destination whose wire format is JSON of our own."""

    jobs: Jobs

    def __init__(self, limits: Limits, abilities: Abilities = ABILITIES, jobs: Jobs | None = None) -> None:
        self.limits = limits
        self.abilities = abilities
        if jobs is not None:
            self.jobs = jobs

    def account(self, ask: Ask) -> str:
        return "memory"

    def form(self, sync: Sync, columns: Mapping[str, Json] | None, key_properties: Sequence[str], ask: Ask) -> Form:
        match = None if sync.strategy.added is Action.APPEND else "email"
        return Form(match, sync.fields or {}, {name: lambda v: v for name in sync.fields or {}}, str.lower, "")

    def encode(self, batch: Batch) -> Request:
        looking = batch.action is Action.FIND
        if batch.action in OF_LINKS:
            return Request(
                "POST", f"/{batch.action.value}", json.dumps([_related(batch, r) for r in batch.rows]).encode()
            )
        rows: list[list[object]] = [
            [
                row.look_for if looking else int(row.destination_id) if row.destination_id else row.match,
                {} if looking or not row.body else json.loads(row.body),
            ]
            for row in batch.rows
        ]
        return Request("POST", f"/{batch.action.value}", json.dumps(rows).encode())

    def decode(self, response: Response, batch: Batch) -> list[Outcome]:
        if response.status == 429:
            raise Throttled("slow down", 0.5)
        if response.status == 503:
            raise Unavailable("away")
        if response.status == 400:
            raise BatchRefused("POISON", "one of the rows is poison")
        return [self._outcome(answer, batch) for answer in json.loads(response.body)]

    @staticmethod
    def _outcome(answer: dict[str, Any], batch: Batch) -> Outcome:
        kinds: dict[str, Outcome] = {
            "rejected": Rejected("BAD", "the name is bad", "name"),
            "conflict": Rejected("CONFLICT", "the e-mail is taken"),
            "later": Retry("later"),
            "silent": Unknown("not mentioned", answered=True),
        }
        if answer["outcome"] == "found":
            holds = batch.sync.empty_only & set(answer.get("holds", []))
            return Again(answer["id"], "looked", holds | frozenset(answer.get("others", [])))
        if answer["outcome"] == "delivered":
            return Delivered(answer["id"], bool(answer["created"]))
        return kinds[str(answer["outcome"])]

    def gauge(self, response: Response) -> Gauge | None:
        return None


def _related(batch: Batch, row: Row) -> list[object]:
    if batch.action is Action.RESOLVE:
        return [0, {"name": row.other, "create": batch.link.missing == "create"}]
    return [int(row.destination_id or 0), {"link": batch.link.name, "other": row.other}]


class SimSender:
    """Answers requests from the World, after a random number of turns, in random order, with faults."""

    def __init__(self, world: World, chance: Random, faults: float, point: Callable[[str], None]) -> None:
        self.world = world
        self.requests: list[Request] = []
        self.lost: set[int] = set()
        """requests, numbered from 1, that were applied and whose answer was lost on the way"""
        self._chance = chance
        self._faults = faults
        self._point = point
        self._under_way: list[tuple[int, int, Request]] = []

    def submit(self, ticket: int, request: Request) -> None:
        self._point("before send")
        self.requests.append(request)
        self._under_way.append((ticket, len(self.requests), request))
        self._point("sent")

    def take(self) -> list[tuple[int, Answer]]:
        count = self._chance.randint(0, len(self._under_way))
        self._chance.shuffle(self._under_way)
        now, self._under_way = self._under_way[:count], self._under_way[count:]
        answers = [(ticket, self._answer(number, request)) for ticket, number, request in now]
        if answers:
            self._point("answered")
        return answers

    def _answer(self, number: int, request: Request) -> Answer:
        fault = self._chance.choice(["before", "429", "503", "after"]) if self._chance.random() < self._faults else ""
        if fault == "before":
            return NoAnswer("connection lost", sent=True)
        if fault in ("429", "503"):
            return Response(int(fault), {}, b"")
        if request.path.startswith("/jobs"):
            answer = self.world.server.answer(self.world, request, self._chance, self._point)
            self._point("job answered")
            return NoAnswer("connection lost", sent=True) if fault == "after" else answer
        rows = json.loads(request.body or b"[]")
        if len(rows) > 0 and any(str(value).startswith("poison") for _, fields in rows for value in fields.values()):
            return Response(400, {}, b"")
        answers = []
        self.world.request = number
        for key, fields in rows:
            self._point("between rows")
            answers.append(self.world.write(request.path[1:], key, fields))
        self._point("applied")
        if fault == "after":
            self.lost.add(number)
            return NoAnswer("connection lost", sent=True)
        return Response(200, {}, json.dumps(answers).encode())


FIELDS = {"email": FieldRule("email"), "name": FieldRule("name")}
SYNC = Sync("people", "contacts", "email", fields=FIELDS)
SCHEMA = {"properties": {"id": {"type": "integer"}, "email": {"type": ["string", "null"]}, "name": {"type": "string"}}}
LIMITS = Limits(rows=3, body_bytes=10_000, concurrency=3, requests=1_000_000, window=10.0)


@dataclass
class Ending:
    """How a simulated run ended: the STATE lines it printed, why it stopped, its counters and requests."""

    states: list[bytes]
    stop: Stop | None
    counts: dict[str, int]
    requests: list[Request]
    crashed: bool = False
    lost: frozenset[int] = frozenset()
    """requests that were applied and whose answer was lost on the way"""


def run(
    lines: Sequence[bytes],
    world: World,
    path: Path,
    seed: int = 0,
    *,
    faults: float = 0.0,
    crash_at: int | tuple[str, int] | None = None,
    chunk: int = 40,
    limits: Limits = LIMITS,
    policy: Policy | None = None,
    sync_for: Callable[[str], Sync] = lambda stream: SYNC,
    abilities: Abilities = ABILITIES,
    jobs: Jobs | None = None,
    ledger_kind: type[PointedLedger] = PointedLedger,
    checkpoint_kind: type[Checkpoint] = Checkpoint,
) -> Ending:
    """Run the core over some input until its end, or until the `crash_at`-th named point.

    `crash_at` may also say which point: `("applied", 3)` is where a third request has been applied.
    """
    chance = Random(seed)
    passed: Counter[str] = Counter()

    def point(name: str) -> None:
        passed[name] += 1
        if crash_at in ((name, passed[name]), passed.total()):
            raise Crash

    states: list[bytes] = []
    world.server.advance(world, chance, lambda name: None)  # jobs go on while no run is under way
    sender = SimSender(world, chance, faults, point)
    with opened(path, point, lambda: world.wall, ledger_kind) as ledger:
        ledger.begin_run()
        checkpoint = checkpoint_kind()
        policy = policy or Policy(retry=RetryPolicy(attempts=100), max_rows=50)
        delivery = Delivery(Memory(limits, abilities, jobs), ledger, sender, checkpoint, policy, chance)
        reader = Reader(
            delivery,
            checkpoint,
            lambda stream, keys: sync_for(stream),
            lambda s, columns, keys: RecordMapper(s, Memory(limits).form(s, None, (), _no_ask), columns, keys),
            _no_stream_maps,
            lambda: world.clock,
        )

        def write(line: bytes) -> None:
            point("before print")
            states.append(line.rstrip(b"\n"))
            point("printed")

        state_out = StateOut(checkpoint, reader.bookmarks, write, 0.0)
        reader.bookmarks.withheld.update(ledger.register.pending())
        try:
            input_error = drive(lines, reader, delivery, world, lambda: state_out.turn(world.clock), chunk, point)
            stop = delivery.stopped or input_error or delivery.verdict()
            if delivery.stopped is None:
                assert checkpoint.unsettled == delivery.withheld, "a row is nowhere"
                reader.look_at_pending()
                state_out.turn(world.clock, last=True)
        except Crash:
            return Ending(states, None, {}, sender.requests, crashed=True, lost=frozenset(sender.lost))
        counts = dict(sum((o.counts for o in delivery.syncs.values()), Counter[str]()))
        return Ending(states, stop, counts, sender.requests, lost=frozenset(sender.lost))


def _no_stream_maps(stream: str, schema: dict[str, Json], keys: list[str] | None) -> list[StreamMap] | None:
    return None


def _no_ask(request: Request) -> Response:
    raise AssertionError("nothing to ask")


def schema_line(stream: str = "people") -> bytes:
    return json.dumps({"type": "SCHEMA", "stream": stream, "schema": SCHEMA, "key_properties": ["id"]}).encode()


def record_line(
    key: int | None, email: str | None, name: object, version: int | None = None, stream: str = "people"
) -> bytes:
    record = {"id": key, "email": email, "name": name}
    line: dict[str, object] = {"type": "RECORD", "stream": stream, "record": record}
    if version is not None:
        line["version"] = version
    return json.dumps(line).encode()


def state_line(position: int) -> bytes:
    return json.dumps({"type": "STATE", "value": {"position": position}}).encode()


def activate_line(version: int, stream: str = "people") -> bytes:
    return json.dumps({"type": "ACTIVATE_VERSION", "stream": stream, "version": version}).encode()

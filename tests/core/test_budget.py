"""Several runs of one account over one ledger, in virtual time: together they stay within its limit, and use it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.storm import Account, Server
from penstock.budget import Budget
from penstock.checkpoint import Checkpoint
from penstock.delivery import Answer, Delivery
from penstock.errors import Throttled
from penstock.ledger import Ledger
from penstock.mapping import RecordMapper
from penstock.modes import Sync
from penstock.policy import Policy
from penstock.reading import Reader
from penstock.records import Batch, Limits, Outcome, Request, Response
from tests.core.places import at
from tests.core.sim import FIELDS, Memory, World, record_line, schema_line

LIMIT, WINDOW, STEP, LATENCY = 40, 10.0, 0.05, 0.2
LIMITS = Limits(rows=1, body_bytes=10_000, concurrency=4, requests=LIMIT, window=WINDOW)


class Strict(Memory):
    """Names no time when it refuses, so that the window itself is waited for."""

    def decode(self, response: Response, batch: Batch) -> list[Outcome]:
        if response.status == 429:
            raise Throttled("slow down")
        return super().decode(response, batch)


class Shared:
    """The account: one clock, one limit, and what it refused."""

    def __init__(self) -> None:
        self.world = World()
        self.server = Server(Account(limit=LIMIT, window=WINDOW))
        self.taken: list[tuple[float, str]] = []
        self.refused: list[tuple[float, str]] = []


class TimedSender:
    """Answers after a fixed time."""

    def __init__(self, name: str, shared: Shared) -> None:
        self._name = name
        self._shared = shared
        self._coming: list[tuple[float, int, Answer]] = []

    def submit(self, ticket: int, request: Request) -> None:
        now = self._shared.world.clock
        answer = Response(429, {}, b"")
        if self._shared.server.ask(now)[0]:
            self._shared.taken.append((now, self._name))
            rows = json.loads(request.body or b"[]")
            wrote = [self._shared.world.write(request.path[1:], key, fields) for key, fields in rows]
            answer = Response(200, {}, json.dumps(wrote).encode())
        else:
            self._shared.refused.append((now, self._name))
        self._coming.append((now + LATENCY, ticket, answer))

    def take(self) -> list[tuple[int, Answer]]:
        now = self._shared.world.clock
        due = [(ticket, answer) for at, ticket, answer in self._coming if at <= now]
        self._coming = [each for each in self._coming if each[0] > now]
        return due


class Party:
    """One process: its ledger connection, its delivery, its rows."""

    def __init__(self, name: str, path: Path, shared: Shared, rows: int, wall: Callable[[], float], seed: int) -> None:
        self.ledger = Ledger(at(path), wall=wall)
        self.ledger.begin_run()
        checkpoint = Checkpoint()
        destination = Strict(LIMITS)
        sender = TimedSender(name, shared)
        self.delivery = Delivery(destination, self.ledger, sender, checkpoint, Policy(), Random(seed))
        form = destination.form(
            Sync(name, "contacts", "email", fields=FIELDS), None, (), lambda request: Response(0, {}, b"")
        )
        reader = Reader(
            self.delivery,
            checkpoint,
            lambda stream, keys: Sync(name, "contacts", "email", fields=FIELDS),
            lambda sync, columns, keys: RecordMapper(sync, form, columns, keys),
            lambda stream, schema, keys: None,
            lambda: shared.world.clock,
        )
        lines = [schema_line(name), *(record_line(n, f"{name}{n}@example.com", "a", stream=name) for n in range(rows))]
        reader.feed(b"".join(line + b"\n" for line in lines))
        reader.end()
        self.turn(shared.world.clock)

    def turn(self, now: float) -> None:
        """Do one turn; flushing ends it with a commit, so that no transaction stays open between the two."""
        self.delivery.turn(now, flush=True)


@contextmanager
def parties(path: Path, shared: Shared, rows: int, *walls: Callable[[], float], seed: int = 0) -> Iterator[list[Party]]:
    found: list[Party] = []
    try:
        for n, wall in enumerate(walls):
            found.append(Party(f"s{n}", path, shared, rows, wall, seed + n))
        yield found
    finally:
        for party in found:
            party.ledger.close()


def drive(shared: Shared, running: list[Party], until: float) -> None:
    while shared.world.clock < until and any(not party.delivery.idle for party in running):
        shared.world.clock += STEP
        for party in running:
            party.turn(shared.world.clock)


def between(shared: Shared, start: float, end: float, name: str = "") -> int:
    return sum(start <= at < end and name in ("", who) for at, who in shared.taken)


@pytest.mark.parametrize("skew", [0.0, 86_400.0, -86_400.0])
def test_two_processes_share_the_limit_and_both_get_their_part(tmp_path: Path, skew: float) -> None:
    shared = Shared()
    with parties(
        tmp_path / "l.db", shared, 400, lambda: shared.world.clock, lambda: shared.world.clock + skew
    ) as running:
        drive(shared, running, 160.0)
        assert all(party.delivery.stopped is None for party in running)
    assert len(shared.refused) <= 0.01 * len(shared.taken)
    assert between(shared, 0, 160) >= 0.9 * LIMIT * 16
    for name in ("s0", "s1"):
        assert between(shared, 20, 160, name) >= 0.35 * LIMIT * 14


def test_one_that_dies_leaves_its_part_to_the_other(tmp_path: Path) -> None:
    shared = Shared()
    wall = lambda: shared.world.clock  # noqa: E731
    with parties(tmp_path / "l.db", shared, 600, wall, wall) as running:
        drive(shared, running, 60.0)
        drive(shared, running[:1], 140.0)
    assert not shared.refused
    assert between(shared, 80, 140, "s0") >= 0.9 * LIMIT * 6


def test_a_pause_that_one_was_told_holds_the_others(tmp_path: Path) -> None:
    shared = Shared()
    wall = lambda: shared.world.clock  # noqa: E731
    with parties(tmp_path / "l.db", shared, 200, wall, wall) as running:
        drive(shared, running, 30.0)
        running[0].delivery.pace.throttle.pause(45.0)
        drive(shared, running, 60.0)
    assert between(shared, 33, 45) == 0
    assert between(shared, 45, 60) >= LIMIT


def test_the_next_run_of_the_account_knows_what_the_last_one_used(tmp_path: Path) -> None:
    shared = Shared()
    wall = lambda: shared.world.clock  # noqa: E731
    for run in range(4):
        with parties(tmp_path / "l.db", shared, 30 * (run + 1), wall) as [party]:
            drive(shared, [party], 1e9)
            party.delivery.verdict()
        assert len(shared.taken) == 30 * (run + 1)
    assert not shared.refused
    assert shared.world.clock <= 50


class Table:
    """The ledger's table as a list, and two clocks that do what they like."""

    def __init__(self, run: int, rows: dict[int, tuple[float, ...]]) -> None:
        self.run = run
        self.rows = rows
        self.clock = 0.0

    def wall(self) -> float:
        return self.clock

    def look(self, sql: str, values: object = ()) -> list[tuple[float, ...]]:
        return [row for run, row in self.rows.items() if run != self.run]

    def note(self, sql: str, values: object = ()) -> None:
        if values:
            assert isinstance(values, tuple)
            self.rows[self.run] = values


@pytest.mark.parametrize(("granted", "share"), [(LIMIT, 0), (LIMIT + 1, 1), (125_000, 1)])
def test_a_run_that_knows_no_limit_yet_tries_beside_one_that_was_told_a_higher_one(granted: int, share: int) -> None:
    table = Table(2, {1: (1, 1, 0.0, granted, 0, 0.0)})
    budget = Budget(table, WINDOW, Random(1), 60.0)
    budget.reserve(0.0, 0, 5, LIMIT, 0.0, trying=True)
    assert budget.share == share
    budget.reserve(3.0, share, 5, LIMIT, 0.0)  # its answer has named no other: so the other's part is beyond it
    assert budget.share == 0


MOVES = st.lists(
    st.tuples(st.integers(0, 3), st.floats(0, 4), st.integers(0, 60), st.floats(-1e6, 1e6)), min_size=1, max_size=60
)


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 50), MOVES)
def test_what_all_may_send_is_never_more_than_the_limit(limit: int, moves: list[tuple[int, float, int, float]]) -> None:
    """Whatever the wall clocks say of rows that are renewed, and whoever is silent for as long as he likes."""
    rows: dict[int, tuple[float, ...]] = {}
    tables = [Table(n + 1, rows) for n in range(4)]
    budgets = [Budget(table, WINDOW, Random(n), 120.0) for n, table in enumerate(tables)]
    sent: list[list[float]] = [[] for _ in tables]
    now = 0.0
    for table in tables:  # all have met each other
        rows[table.run] = (table.run, 0, 0.0, 0, 0, 0.0)
    for budget in budgets:
        budget.reserve(now, 0, 1, limit, 0.0, last=False)
    for who, waits, most, clock in moves:
        now += waits
        wants = most
        tables[who].clock = clock if rows[who + 1][1] > 0 else 0.0
        budget, mine = budgets[who], sent[who]
        held = sum(at > now - WINDOW for at in mine)
        if wants and budget.due(now, held, limit) <= now:
            budget.reserve(now, held, wants, limit, 0.0, last=False)
        while wants and held < budget.share and now < budget.good_until:
            mine.append(now)
            held, wants = held + 1, wants - 1
        total = sum(at > now - WINDOW for each in sent for at in each)
        assert total <= limit


def test_a_row_from_the_future_is_waited_for_a_window_and_a_term_at_most(tmp_path: Path) -> None:
    rows: dict[int, tuple[float, ...]] = {9: (9, 5, 1e9, LIMIT, 1, 3.0)}
    budget = Budget(Table(1, rows), WINDOW, Random(1), 120.0)
    now = 0.0
    while budget.share == 0:
        now += 0.1
        if budget.due(now, 0, LIMIT) <= now:
            budget.reserve(now, 0, 100, LIMIT, 0.0, last=False)
    assert WINDOW < now <= 1.5 * WINDOW
    assert budget.paused_until <= 3.2


def test_a_row_of_long_ago_is_not_waited_for(tmp_path: Path) -> None:
    table = Table(1, {9: (9, 5, 0.0, LIMIT, 1, 60.0)})
    table.clock = 1000.0
    budget = Budget(table, WINDOW, Random(1), 120.0)
    budget.reserve(0.0, 0, 100, LIMIT, 0.0, last=False)
    assert budget.share > 0
    assert budget.paused_until <= 0.0

"""Retries end: an outage is survived for a while, and then the run stops with what it earned."""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from penstock.delivery import Answer
from penstock.errors import Fault, Throttled
from penstock.policy import Policy, Reserve
from penstock.records import Batch, Gauge, Outcome, Request, Response
from penstock.retry import RetryPolicy
from tests.core import sim
from tests.core.sim import Ending, Memory, SimSender, World, record_line, run, schema_line, state_line

FAULTS = int(os.environ.get("PENSTOCK_RETRY_FAULTS", "300"))


def history(rows: int) -> list[bytes]:
    lines = [schema_line()]
    for n in range(rows):
        lines += [record_line(n, f"p{n}@example.com", "a"), *([state_line(n)] if n % 10 == 9 else [])]
    return [*lines, state_line(rows)]


def check_earned(ending: Ending, world: World) -> None:
    """Every record before the last STATE printed is there."""
    position = json.loads(ending.states[-1])["position"] if ending.states else -1
    assert {f"p{n}@example.com" for n in range(position + 1)} <= {str(o["email"]) for o in world.objects.values()} | {
        f"p{position}@example.com"
    }


def fails_between(monkeypatch: pytest.MonkeyPatch, start: float, end: float) -> None:
    """Make the destination answer 503 to everything for some time."""
    answer = SimSender._answer

    def failing(self: SimSender, number: int, request: Request) -> Answer:
        if start <= self.world.clock < end:
            return Response(503, {}, b"")
        return answer(self, number, request)

    monkeypatch.setattr(SimSender, "_answer", failing)


@pytest.mark.parametrize("seed", range(10))
def test_thirty_seconds_of_503_are_survived(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    fails_between(monkeypatch, 0.3, 30.3)
    world = World()
    ending = run(history(60), world, tmp_path / "l.db", seed, policy=Policy(max_rows=50))
    assert ending.stop is None
    assert len(world.objects) == 60
    assert world.clock >= 30.3
    assert ending.counts["retried"] > 0
    assert len(ending.requests) < 150, "a destination that is down is not hammered"


@pytest.mark.parametrize("seed", range(5))
def test_one_that_is_down_for_good_ends_the_run_in_bounded_time_and_a_rerun_completes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    with monkeypatch.context() as patch:
        fails_between(patch, 4.0, 1e9)
        world = World()
        ending = run(history(100), world, tmp_path / "l.db", seed, policy=Policy(max_rows=50))
    assert isinstance(ending.stop, Fault)
    assert ending.stop.exit_code == 1
    assert "no answer to any request" in ending.stop.message
    assert world.clock <= 4.0 + 120 + 2 * 30
    assert ending.states, "what was delivered before is earned"
    check_earned(ending, world)
    assert run(history(100), world, tmp_path / "l.db", seed).stop is None
    assert len(world.objects) == 100


def test_many_faults_stay_within_the_budgets_and_a_rerun_completes(tmp_path: Path) -> None:
    """Every third request fails in one of four ways. A run may give up; the next goes on where it ended."""
    policy = Policy(retry=RetryPolicy(), max_rows=200)
    lines = history(300)
    faults = given_up = seed = 0
    while faults < FAULTS:
        world, path = World(), tmp_path / f"{seed}.db"
        for _ in range(20):
            seed += 1
            ending = run(lines, world, path, seed, faults=0.33, policy=policy, chunk=4000)
            sent = Counter(key for request in ending.requests for key, _ in json.loads(request.body or b"[]"))
            throttled = ending.counts["throttled"]
            failed = ending.counts["unknown"] / sim.LIMITS.rows
            assert max(sent.values()) <= policy.retry.attempts + throttled, "its own budget, and what is excused"
            assert failed <= policy.retry.spare + policy.retry.share * len(ending.requests) + 1
            faults += int(failed) + throttled
            check_earned(ending, world)
            if ending.stop is None:
                break
            given_up += 1
            assert isinstance(ending.stop, Fault)
        assert ending.stop is None
        assert len(world.objects) == 300
    assert faults > 3 * given_up, "giving up is the exception"


class Absurd(Memory):
    """Asks for a pause of years, or tells of a daily quota."""

    after: float | None = None

    def decode(self, response: Response, batch: Batch) -> list[Outcome]:
        if response.status == 429:
            raise Throttled("slow down", self.after)
        return super().decode(response, batch)


def test_an_absurd_pause_ends_the_run_instead_of_an_early_retry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Absurd, "after", 1e9)
    monkeypatch.setattr(sim, "Memory", Absurd)
    world = World()
    ending = run(history(60), world, tmp_path / "l.db", 3, faults=0.4, policy=Policy(max_rows=50))
    assert isinstance(ending.stop, Fault)
    assert "asks for a pause of 1000000000 seconds" in ending.stop.message
    assert world.clock < 60
    check_earned(ending, world)


@pytest.mark.parametrize("reserve", [Reserve(), Reserve(7), Reserve(share=0.25)])
def test_at_the_floor_of_the_daily_quota_the_run_stops_cleanly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reserve: Reserve
) -> None:
    world = World()
    calls: list[int] = []

    def gauge(self: Memory, response: Response) -> Gauge:
        calls.append(1)
        return Gauge(1_000_000, 10.0, None, 40 - len(calls), 40)

    monkeypatch.setattr(Memory, "gauge", gauge)
    policy = Policy(max_rows=50, quota_reserve=reserve)
    ending = run(history(300), world, tmp_path / "l.db", 1, policy=policy)
    kept = reserve.calls(40)
    assert isinstance(ending.stop, Fault)
    assert f"{kept} of 40 calls left" in ending.stop.message
    assert len(ending.requests) == 40 - kept
    check_earned(ending, world)
    calls.clear()


def test_a_run_that_ends_just_at_the_floor_is_no_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def gauge(self: Memory, response: Response) -> Gauge:
        seen.append(1)
        return Gauge(1_000_000, 10.0, None, 10 - len(seen), 40)

    monkeypatch.setattr(Memory, "gauge", gauge)
    lines = history(30)
    chance = Random(1)
    ending = run(lines, World(), tmp_path / "l.db", chance.randint(1, 9), policy=Policy(max_rows=50), chunk=10_000)
    assert ending.stop is None
    assert len(ending.requests) == 10


def test_an_absurd_wait_ends_its_run_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not handed on to the next run through the ledger, which asks for itself."""
    world = World()
    with monkeypatch.context() as patch:
        patch.setattr(Memory, "decode", _asks_for_a_pause)
        first = run(history(5), world, tmp_path / "l.db")
    assert isinstance(first.stop, Fault)
    began = world.clock
    assert run(history(5), world, tmp_path / "l.db").stop is None
    assert len(world.objects) == 5
    assert world.clock - began < 30


def _asks_for_a_pause(self: Memory, response: Response, batch: Batch) -> list[Outcome]:
    raise Throttled("slow down", 1e9)


def test_throttled_answers_at_the_very_start_do_not_bring_the_run_to_a_crawl(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first request goes alone; that it is refused says nothing about so small a number of requests."""
    answer, refusals = SimSender._answer, [Response(429, {}, b"")] * 4

    def failing(self: SimSender, number: int, request: Request) -> Answer:
        return refusals.pop() if refusals else answer(self, number, request)

    monkeypatch.setattr(SimSender, "_answer", failing)
    world = World()
    limits = replace(sim.LIMITS, requests=190, window=10.0)
    assert run(history(60), world, tmp_path / "l.db", limits=limits).stop is None
    assert world.clock < 15

"""A batch that the destination refuses whole is halved until the rows that spoil it stand alone."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from math import ceil, log2
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.delivery import Answer
from penstock.errors import Fault, NoAnswer
from penstock.policy import Policy
from penstock.records import Limits, Request, Response
from tests.core import places, sim
from tests.core.sim import Ending, SimSender, World, record_line, run, schema_line, state_line
from tests.core.test_promise import rejects
from tests.effort import examples

HUNDRED = Limits(rows=100, body_bytes=10**6, concurrency=4, requests=10**6, window=10)


def poisoned(folder: Path, spoilt: set[int], rows: int = 100) -> tuple[World, Ending]:
    world = World()
    lines = [record_line(n, f"p{n}@example.com", "poison" if n in spoilt else "a") for n in range(rows)]
    ending = run([schema_line(), *lines, state_line(1)], world, folder / "l.db", chunk=10**6, limits=HUNDRED)
    return world, ending


@pytest.mark.parametrize("count", [0, 1, 2, 10])
@settings(max_examples=examples(20), deadline=None)
@given(data=st.data())
def test_exactly_the_bad_rows_are_refused_at_a_bounded_price(count: int, data: st.DataObject) -> None:
    spoilt = data.draw(st.sets(st.integers(0, 99), min_size=count, max_size=count))
    with tempfile.TemporaryDirectory() as folder:
        world, ending = poisoned(Path(folder), spoilt)
        assert set(rejects(Path(folder) / "l.db")) == spoilt
    assert len(world.objects) == 100 - count
    assert len(world.history) == 100 - count, "a good row was sent twice"
    assert len(ending.requests) - 1 <= 2 * ceil(log2(100)) * count
    assert len(ending.states) == 1


def test_being_halved_is_no_failure_of_a_row(tmp_path: Path) -> None:
    _, ending = poisoned(tmp_path, {0, 33, 66, 99})
    assert ending.stop is None
    assert ending.counts["rejected"] == 4
    assert "retried" not in ending.counts


class Failing(SimSender):
    """Fails every request that has a cursed row, one way or another."""

    def _answer(self, number: int, request: Request) -> Answer:
        if b"cursed" not in (request.body or b""):
            return super()._answer(number, request)
        return NoAnswer("connection lost", sent=True) if number % 2 else Response(503, {}, b"")


@pytest.mark.parametrize("seed", range(5))
def test_a_row_with_which_every_request_fails_is_refused_and_the_others_are_delivered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(sim, "SimSender", Failing)
    spoilt, world = {3, 77}, World()
    lines = [record_line(n, f"p{n}@example.com", "cursed" if n in spoilt else "a") for n in range(100)]
    limits = replace(HUNDRED, rows=20)
    policy = Policy(max_rows=1000)
    ending = run([schema_line(), *lines, state_line(1)], world, tmp_path / "l.db", seed, limits=limits, policy=policy)
    assert (ending.stop, set(rejects(tmp_path / "l.db"))) == (None, spoilt)
    assert {code for (code,) in places.query(tmp_path / "l.db", "select code from rejects")} == {"always_fails"}
    assert len(world.objects) == 98
    assert world.clock < 200
    assert len(ending.requests) < 120


def test_a_destination_that_fails_whatever_it_is_sent_refuses_no_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sim, "SimSender", Failing)
    lines = [schema_line(), record_line(1, "p1@example.com", "cursed"), state_line(1)]
    ending = run(lines, World(), tmp_path / "l.db", policy=Policy())
    assert isinstance(ending.stop, Fault)
    assert (rejects(tmp_path / "l.db"), ending.states) == ({}, [])

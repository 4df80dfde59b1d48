"""A sender that cannot send any more, for want of a token for instance: the run ends, and nothing is in doubt by it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from penstock.delivery import Answer
from penstock.errors import Misconfigured, NoAnswer, Stop
from penstock.records import Request
from tests.core import sim
from tests.core.sim import SimSender, World, record_line, run, schema_line, state_line

REFUSED = Misconfigured("the log-in was refused (invalid_grant)")


def history(name: str, rows: int = 6) -> list[bytes]:
    people = [record_line(n, f"p{n}@example.com", f"{name}{n}") for n in range(rows)]
    return [schema_line(), *people, state_line(rows)]


def names(world: World) -> Sequence[object]:
    return sorted(str(o["name"]) for o in world.objects.values())


def answering(monkeypatch: pytest.MonkeyPatch, *first: Answer | str) -> None:
    """Let the first requests end like this; `applied` for one whose answer is lost. The others get a Stop."""
    real, endings = SimSender._answer, list(first)

    def answer(self: SimSender, number: int, request: Request) -> Answer:
        ending = endings.pop(0) if endings else REFUSED
        if ending == "applied":
            real(self, number, request)
            return NoAnswer("connection lost", sent=True)
        if isinstance(ending, str):
            return real(self, number, request)
        return ending

    monkeypatch.setattr(sim.SimSender, "_answer", answer)


def test_the_first_refusal_ends_the_run_with_its_exit_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    with monkeypatch.context() as patch:
        answering(patch)
        ending = run(history("A"), world, tmp_path / "l.db")
    assert ending.stop is REFUSED
    assert ending.stop.exit_code == 2
    assert ending.states == []
    assert world.history == []
    assert len(ending.requests) <= 3
    again = run(history("A"), world, tmp_path / "l.db")
    assert again.stop is None
    assert names(world) == [f"A{n}" for n in range(6)]
    assert again.counts.get("in_doubt", 0) == 0


def test_rows_whose_request_was_stopped_are_not_in_doubt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A delivered, B stopped before it was applied, A again: nothing has to be sent."""
    world = World()
    assert run(history("A"), world, tmp_path / "l.db").stop is None
    with monkeypatch.context() as patch:
        answering(patch)
        stop: Stop | None = run(history("B"), world, tmp_path / "l.db").stop
        assert stop is REFUSED
    back = run(history("A"), world, tmp_path / "l.db")
    assert (back.stop, back.requests, back.counts["unchanged"]) == (None, [], 6)
    assert names(world) == [f"A{n}" for n in range(6)]


def test_a_doubt_from_before_outlives_the_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A delivered, B applied with its answer lost, its replay stopped, A again: B must not stay there."""
    world = World()
    assert run(history("A", 3), world, tmp_path / "l.db").stop is None
    with monkeypatch.context() as patch:
        answering(patch, "applied")
        assert run(history("B", 3), world, tmp_path / "l.db").stop is REFUSED
    assert names(world) == ["B0", "B1", "B2"]
    back = run(history("A", 3), world, tmp_path / "l.db")
    assert back.stop is None
    assert names(world) == ["A0", "A1", "A2"]


def test_what_was_answered_before_the_stop_stays_delivered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    with monkeypatch.context() as patch:
        answering(patch, "as usual")
        assert run(history("A"), world, tmp_path / "l.db").stop is REFUSED
    delivered = len(world.objects)
    assert delivered == 3
    again = run(history("A"), world, tmp_path / "l.db")
    assert (again.stop, again.counts["unchanged"], again.counts["created"]) == (None, delivered, 6 - delivered)

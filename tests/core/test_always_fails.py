"""Rows with which every request fails, on the days after; and doubt that outlives the attempts that are taken back."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from penstock.delivery import Answer
from penstock.errors import NoAnswer
from penstock.modes import MODES, Sync
from penstock.policy import Policy
from penstock.records import Request, Response
from tests.core import places, sim
from tests.core.sim import SYNC, Ending, SimSender, World, record_line, run, schema_line, state_line
from tests.core.test_relations import PEOPLE, Version, linked, schema, world

HOUR = 3600.0


class Doomed(SimSender):
    """Fails every request with a row of that name, before or after it is applied."""

    applied = False

    def _answer(self, number: int, request: Request) -> Answer:
        if b"doom" not in (request.body or b""):
            return super()._answer(number, request)
        if self.applied:
            super()._answer(number, request)
        return NoAnswer("connection lost", sent=True) if self.applied else Response(503, {}, b"")


def day(there: World, path: Path, number: int, *, sync: Sync = SYNC) -> Ending:
    """Run with some new rows; on the first day with one that is doomed, which the tap does not send again."""
    new = [record_line(100 * number + n, f"p{number}-{n}@x.com", "a") for n in range(1, 60)]
    doomed = [record_line(0, "doom@x.com", "doom")] if number == 0 else []
    lines = [schema_line(), *doomed, *new, state_line(number)]
    return run(lines, there, path, number, policy=Policy(max_rows=8), sync_for=lambda _: sync)


def test_on_later_days_it_is_tried_once_and_keeps_nobody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sim, "SimSender", Doomed)
    there, tried = World(), []
    for number in range(20):
        began = there.clock
        ending = day(there, tmp_path / "l.db", number)
        assert (ending.stop, ending.states) == (None, [b'{"position": %d}' % number])
        assert there.clock - began < 60
        tried.append(sum(b"doom" in (request.body or b"") for request in ending.requests))
        there.wall += 25 * HOUR
    assert tried[0] > 1
    assert tried[1:13] == [1] * 12
    assert sum(tried[16:]) == 0, "it is parked"
    assert places.query(tmp_path / "l.db", "select row_key, code from rejects") == [("[0]", "always_fails")]


def test_an_append_that_may_have_been_applied_is_not_tried_again_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sim, "SimSender", Doomed)
    monkeypatch.setattr(Doomed, "applied", True)
    there, events, copies = World(), replace(SYNC, match=None, strategy=MODES["append"]), []
    for number in range(4):
        assert day(there, tmp_path / "l.db", number, sync=events).stop is None
        copies.append(Counter(email for email, _ in there.history)["doom@x.com"])
        there.wall += 25 * HOUR
    assert copies == copies[:1] * 4
    [(code, message)] = places.query(tmp_path / "l.db", "select code, message from rejects")
    assert code == "unanswered"
    assert "and may have been applied" in str(message)


class Losing(SimSender):
    """Applies the first requests of an action and loses the answers."""

    action, most = "create", 3
    gone = 0

    def _answer(self, number: int, request: Request) -> Answer:
        answer = super()._answer(number, request)
        if request.path == f"/{self.action}" and self.gone < self.most:
            self.gone += 1
            return NoAnswer("connection lost", sent=True)
        return answer


@pytest.mark.parametrize("most", [1, 2, 3])
def test_several_lost_answers_in_a_row_leave_creations_in_doubt_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(sim, "SimSender", Losing)
    monkeypatch.setattr(Losing, "most", most)
    there, sync = world("acme"), replace(PEOPLE, strategy=MODES["create"])
    lines = [schema(), *(Version(n, "p", ("acme",)).line() for n in range(3)), state_line(1)]
    limits = replace(sim.LIMITS, rows=1, concurrency=3)
    ending = run(lines, there, tmp_path / "l.db", policy=Policy(), sync_for=lambda _: sync, limits=limits)
    assert (ending.stop, len(there.objects)) == (None, 3)
    assert set(map(frozenset, linked(there).values())) == {frozenset({"acme"})}


def test_appends_whose_answers_are_lost_are_counted_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sim, "SimSender", Losing)
    monkeypatch.setattr(Losing, "action", "append")
    there, events = World(), replace(SYNC, match=None, strategy=MODES["append"])
    lines = [schema_line(), *(record_line(n, f"p{n}@x.com", "a") for n in range(5)), state_line(1)]
    limits = replace(sim.LIMITS, rows=1, concurrency=3)
    ending = run(lines, there, tmp_path / "l.db", policy=Policy(), sync_for=lambda _: events, limits=limits)
    assert len(there.history) == 5 + ending.counts["may_repeat"] == 8


def test_two_rows_that_are_led_to_one_object_are_not_both_written(tmp_path: Path) -> None:
    """The object stands under an address that both had before, say."""
    there = World()
    by_look = replace(sim.ABILITIES, by_match=frozenset(), after_look=sim.ABILITIES.by_match)
    there.objects["7"] = {"email": "a@x.com", "name": "old"}
    lines = [schema_line(), record_line(1, "a@x.com", "one"), record_line(2, "A@X.com", "two"), state_line(1)]
    plain = replace(SYNC, fields=SYNC.fields)
    ending = run(lines, there, tmp_path / "l.db", sync_for=lambda _: plain, abilities=by_look)
    assert ending.stop is None
    assert [o["name"] for o in there.objects.values()] == ["one"]
    [(code,)] = places.query(tmp_path / "l.db", "select code from rejects")
    assert code in ("duplicate_match", "duplicate_object")

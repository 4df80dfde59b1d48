"""A small storm in simulated time, and the checker held against deliveries that are broken on purpose."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest

from penstock.checkpoint import Checkpoint
from penstock.modes import Action
from penstock.records import RowKey
from penstock.register import Registered
from storm.simulated import Parts, Tale, play, storm
from tests.core.deaths import POINTS, PointedLedger
from tests.effort import THOROUGH

CYCLES = int(os.environ.get("PENSTOCK_CRASH_CYCLES", "750" if THOROUGH else "250"))


def check(tale: Tale) -> None:
    assert tale.findings == [], f"replay: python -m storm.simulated --tell {tale.findings[0][0]}"
    assert tale.per_lane <= 1, "more than one batch a lane was sent again after one death"


@pytest.mark.parametrize("part", range(2))
def test_deaths_at_every_named_point_break_nothing(part: int) -> None:
    tale = storm(seed=4711 + part, cycles=CYCLES)
    check(tale)
    assert {name for name, deaths in tale.points.items() if deaths} == set(POINTS)


def test_deaths_in_a_story_nobody_has_heard_before() -> None:
    seed = Random().randrange(10**6)
    print(f"seed {seed}")
    check(storm(seed, CYCLES))


def test_a_seed_tells_the_same_story_twice(tmp_path: Path) -> None:
    told: list[list[str]] = [[], []]
    for lines in told:
        assert play(4711, tmp_path, tell=lines.append).runs > 1
    assert told[0] == told[1]
    assert any("died" in line for line in told[0])


class NoIntents(PointedLedger):
    """Forgets what is about to be sent: after a death nothing is in doubt."""

    def intend(self, sync: int, action: Action, rows: Sequence[tuple[RowKey, str, bytes]]) -> int:
        return 0

    def close_intent(self, sync: int, intent: int, doubtful: Sequence[tuple[RowKey, str]]) -> None:
        pass


class DeliveredBeforeItIsSent(PointedLedger):
    """Stores fingerprints with the intents."""

    def intend(self, sync: int, action: Action, rows: Sequence[tuple[RowKey, str, bytes]]) -> int:
        intent = super().intend(sync, action, rows)
        self.deliver(sync, [(key, match, mark, None, None) for key, match, mark in rows])
        return intent

    def open_sync(self, stream: str, object_name: str) -> Registered:
        self._store.execute("delete from intents")
        return super().open_sync(stream, object_name)


class NoRejects(PointedLedger):
    """Drops what the destination refuses."""

    def open_sync(self, stream: str, object_name: str) -> Registered:
        found = super().open_sync(stream, object_name)
        self.rejects.refuse = lambda sync, rows, run: 0  # type: ignore[method-assign]
        return found


class EarlyCheckpoint(Checkpoint):
    """Prints a STATE as soon as it is read."""

    early: bytes | None = None

    def close(self, state: bytes) -> None:
        super().close(state)
        self.early = state

    def release(self) -> bytes | None:
        early, self.early = self.early, None
        return super().release() or early


BROKEN = {
    "stale": Parts(ledger=NoIntents),
    "stale or lost": Parts(ledger=DeliveredBeforeItIsSent),
    "lost": Parts(checkpoint=EarlyCheckpoint),
    "lost or stale": Parts(ledger=NoRejects),
}


@pytest.mark.parametrize("kinds", BROKEN)
def test_the_checker_finds_what_a_broken_delivery_breaks(kinds: str) -> None:
    tale = storm(seed=4711, cycles=400, parts=BROKEN[kinds], until_found=True)
    assert {finding.kind for _, finding in tale.findings} & set(kinds.split(" or "))

"""How runs went: one row of the ledger per run."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping

from penstock.store import Store
from penstock.tables import as_text


class History:
    """The runs of one ledger. `wall` tells the time of day for humans."""

    def __init__(self, store: Store, wall: Callable[[], float], version: str) -> None:
        self._store = store
        self._wall = wall
        self._version = version

    def begin_run(self) -> int:
        """Record that a run has started and return its number."""
        (run,) = self._store.one(
            "insert into runs(started_at, pid, version) values(?,?,?) returning run",
            (self._wall(), os.getpid(), self._version),
        )
        return int(run)

    def end_run(
        self, run: int, exit_code: int, ending: str, calls: int, counts: Mapping[str, Mapping[str, int]]
    ) -> None:
        """Record how a run ended. `ending` is one sentence without values."""
        self._store.commit()
        self._store.execute(
            "update runs set ended_at=?, exit_code=?, ending=?, calls=?, counts=? where run=?",
            (self._wall(), exit_code, as_text(ending), calls, json.dumps(counts), run),
        )

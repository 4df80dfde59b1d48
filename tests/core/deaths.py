"""Where a simulated run can die: the points that it passes, and a ledger that passes them too.

A Crash derives from BaseException and can be raised at any named point, as if the process had died there: nothing
below catches it, the ledger is closed without commit, and the next run starts from the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from penstock.ledger import Ledger
from penstock.modes import Action
from penstock.records import RowKey
from penstock.register import Registered
from penstock.tables import Refused, Settled
from tests.core import places


class Crash(BaseException):
    """The process dies here."""


POINTS = (
    "read",
    "intended",
    "before commit",
    "committed",
    "before send",
    "sent",
    "between rows",
    "applied",
    "answered",
    "between rows of a job",
    "job answered",
    "intent closed",
    "settled",
    "refused",
    "before print",
    "printed",
)
"""where a run can die, in the order in which a row passes them"""


class PointedLedger(Ledger):
    """A ledger that can die at its commits, and between a write and its commit."""

    point: Callable[[str], None]

    def intend(self, sync: int, action: Action, rows: Sequence[tuple[RowKey, str, bytes]]) -> int:
        intent = super().intend(sync, action, rows)
        self.point("intended")
        return intent

    def close_intent(self, sync: int, intent: int, doubtful: Sequence[tuple[RowKey, str]]) -> None:
        super().close_intent(sync, intent, doubtful)
        self.point("intent closed")

    def deliver(self, sync: int, rows: Sequence[Settled]) -> None:
        super().deliver(sync, rows)
        self.point("settled")

    def open_sync(self, stream: str, object_name: str) -> Registered:
        refuse = self.rejects.refuse

        def pointed(sync: int, rows: Sequence[Refused], run: int) -> int:
            repeated = refuse(sync, rows, run)
            self.point("refused")
            return repeated

        self.rejects.refuse = pointed  # type: ignore[method-assign]
        return super().open_sync(stream, object_name)

    def commit(self) -> None:
        self.point("before commit")
        super().commit()
        self.point("committed")


@contextmanager
def opened(
    path: Path, point: Callable[[str], None], wall: Callable[[], float], kind: type[PointedLedger]
) -> Iterator[PointedLedger]:
    ledger = kind(places.at(path), wall=wall)
    ledger.point = point
    try:
        yield ledger
    finally:
        ledger.close()

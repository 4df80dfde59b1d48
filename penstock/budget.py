"""One rate limit for all processes of an account: each says in the ledger how much of the window it may have.

A process reserves a little more than it holds, in the transaction that makes its intents durable: nothing is sent
before that commit, so the others can know of a request before it goes out. What all have reserved together is never
more than the limit. A reservation is good for one term only and is renewed by its holder's commits; one that is not
renewed ends a term and a window later, when the last request it can have covered has left the server's window too.

Processes share no monotonic clock, and a wall clock may jump. So whether another is alive is judged by its beat, which
changes with each renewal, against our own monotonic clock. The wall clock decides only about a row that we meet for
the first time, and a row from the future counts as written just now.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Protocol

LATE = 2.0
"""seconds that a request may take to arrive after it was sent"""
LEAST = 16
"""requests reserved at a time, at least; an eighth of the limit where that is more"""
LOCK = "insert into throttle values(0,1,0,0,0,0) on conflict(run) do update set beat=throttle.beat+1"
"""whoever has written this row is alone with the table until its commit"""
RESERVE = (
    "insert into throttle values(?,?,?,?,?,?) on conflict(run) do update set"
    " beat=excluded.beat, at=excluded.at, granted=excluded.granted, hungry=excluded.hungry, pause=excluded.pause"
)


class Book(Protocol):
    """Where reservations stand: the ledger."""

    run: int

    def wall(self) -> float:
        """Return the time of day, seconds since the epoch."""

    def look(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""

    def note(self, sql: str, values: Sequence[object] = ()) -> None:
        """Write, in the transaction of the next commit."""


@dataclass
class _Peer:
    granted: int
    hungry: bool


class Budget:
    """This process's part of the limit. Times are of a monotonic clock, in seconds."""

    def __init__(self, book: Book, window: float, chance: Random, longest: float) -> None:
        self.share = 0
        """how many requests may be in the window; valid until `good_until`"""
        self.good_until = -math.inf
        self.paused_until = -math.inf
        """as another process was told by the API"""
        self._longest = longest
        """a longer pause ends the run that was told it, and is none of the others': they ask for themselves"""
        self._book = book
        self._chance = chance
        self._term = min(max(window / 4, 0.25), 15.0)
        self._window = window
        self._granted = 0
        """what the others think that we may have"""
        self._beat = 0
        self._peers: list[_Peer] = []
        """those that are alive"""
        self._beats: dict[int, tuple[int, float]] = {}
        """by run: the beat last seen, and when its holder was last known to be alive, of our monotonic clock"""
        self._looked_at = -math.inf
        self._tried_at = -math.inf
        self._hungry = False
        self._told_pause = -math.inf

    def due(self, now: float, held: int, limit: int) -> float:
        """Return when `reserve` has to be committed before more can be sent, or before others can go on."""
        if self._hungry or self._crowded:
            return self._tried_at + self._term / 4
        if self.share > limit or (self.share <= held and self.share < limit):
            return now
        return self.good_until

    @property
    def of_others(self) -> int:
        """Return how many requests of a window are reserved by others."""
        return sum(peer.granted for peer in self._peers)

    def reserve(
        self,
        now: float,
        held: int,
        backlog: int,
        limit: int,
        paused_until: float,
        *,
        trying: bool = False,
        last: bool = False,
    ) -> None:
        """Reserve for what is about to be sent, in the transaction that is about to be committed.

        `held` requests of ours are in the window, `backlog` more are ready; `limit` is the account's. Who is `trying`
        sends one at a time, and may not know the limit yet. `last` gives back what will not be used. Most commits need
        no more than a look at the clock.
        """
        chunk = 1 if trying else max(LEAST, limit // 8)
        plenty = limit >= self.share >= min(limit, held + max(1, chunk // 2)) and now < self.good_until - self._term / 2
        news = paused_until > self._told_pause and paused_until > now
        if self._peers or now >= self._looked_at + self._term / 4:
            self._look(now)
        idle = not backlog and not news and not (self._crowded and self._granted > held)
        if not last and (idle or (plenty and not news and not self._crowded)):
            return
        if self._crowded and not news and not last and now < self._tried_at + self._term / 8:
            return
        self._tried_at = now
        self._book.note(LOCK)
        self._look(now)
        if trying and self.of_others > limit:  # the answers have told them of a higher one, as they soon will us
            limit = self.of_others + 1
        self._agree(now, held, 0 if last or not backlog else chunk, limit)
        self._beat += 1
        self._told_pause = paused_until
        pause = max(0.0, paused_until - now)
        pause = pause if pause <= self._longest else 0.0
        row = (self._book.run, self._beat, self._book.wall(), self._granted, int(self._hungry), pause)
        self._book.note(RESERVE, row)

    def _agree(self, now: float, held: int, more: int, limit: int) -> None:
        goal = min(limit, held + more)
        hungry = [peer for peer in self._peers if peer.hungry]
        modest = sum(peer.granted for peer in self._peers if not peer.hungry)
        free = limit - self.of_others
        fair = limit
        if hungry:
            fair = max(0, limit - modest) // (1 + len(hungry))
            if fair == 0:  # fewer slots than processes: each lets the others have theirs every other time
                fair = self._chance.randint(0, 1)
        self.share = max(0, min(goal, fair, free))
        self._granted = max(held, self.share)
        self._hungry = more > 0 and self.share < goal
        self.good_until = now + self._term

    @property
    def _crowded(self) -> bool:
        return any(peer.hungry for peer in self._peers)

    def _look(self, now: float) -> None:
        """Read what the others have reserved; those that are long gone do not count."""
        self._looked_at = now
        wall = self._book.wall()
        found = self._book.look(
            "select run, beat, at, granted, hungry, pause from throttle where run>0 and run<>?", (self._book.run,)
        )
        self._peers = []
        for run, beat, at, granted, hungry, pause in found:
            known = self._beats.get(run)
            if known is None or known[0] != beat:
                age = max(0.0, wall - at) if known is None else 0.0
                self._beats[run] = known = (beat, now - age)
                self.paused_until = max(self.paused_until, now - age + min(pause, self._longest))
            silent = now - known[1]
            if silent < self._term + self._window + LATE:
                # One that has not renewed cannot send, so nobody has to make room for it.
                self._peers.append(_Peer(granted, bool(hungry) and silent < self._term))

"""How fast requests may follow each other: a rolling window and lanes, learnt from the answers.

Pure, and kept by the one thread that sends, so it needs no lock. It counts what this process sent; what others of
the account use is read off the answers' headers, where there are any. Where there are none, a 429 tells where the
limit is, and it is remembered for a while.
"""

from __future__ import annotations

import math
from bisect import bisect_right, insort
from dataclasses import dataclass

from penstock.records import Gauge

SLACK = 0.01
"""windows added to a slot's time: clocks and networks are not exact"""
NEAR = 0.97
"""share of a known ceiling that is used while it is remembered"""
RAMP = 1.0
"""windows of successful requests from the half to near the ceiling"""
STALE = 0.05
"""windows after which what is known of the others is so old that one request goes ahead to ask"""
PLATEAU = 40.0
"""windows of successful requests for which a ceiling without headers is believed, less where it is far below the limit
that the target names; each try above a true ceiling costs a window"""
GROWTH = 1.02
"""by which the rate grows in the first window after that, and faster from then on"""
SUSPICION = 30.0
"""windows for which others are reckoned with after they have been seen"""
FLOOR = 8
"""part of the limit below which refusals that our own rate cannot explain do not push it"""


@dataclass(frozen=True)
class Sent:
    """A request that went, and when."""

    at: float
    held: int
    """requests of ours in the window when it went, itself included"""
    number: int = 0


class Throttle:
    """Allows `requests` in any `window` seconds, `concurrency` at a time. Times are of a monotonic clock, in seconds.

    A request is in the window from when it arrives, which is some time between sending and answer. So a slot is free
    again one window after it was sent, and later by as much as its answer took longer than the fastest one did: then
    no jitter of the network puts more into a window of the server's than was allowed.
    """

    def __init__(self, requests: int, window: float, concurrency: int = 1) -> None:
        self.limit = max(1, requests)
        self.window = window
        self.share: int | None = None
        """how many of the window's requests this process may have, as agreed with others; None is all of them"""
        self.siblings = 0
        """requests of a window that are reserved for other processes of ours, which keep to that"""
        self.most_lanes = max(1, concurrency)
        self._lanes = float(self.most_lanes)
        self._under_way: dict[int, Sent] = {}
        self._number = 0
        self._spent: list[float] = []
        """when the slots of answered requests are free again, plus the fastest answer's time; in order"""
        self._fastest = math.inf
        self._answers = 0
        self.paused_until = 0.0
        self._lowered_at = -math.inf
        self.trying = True
        """until an answer has shown that all is well, one request at a time"""
        self._measured = False
        """answers tell how much of the window is used"""
        self._others = 0.0
        self._others_at = 0.0
        self._alone_from = -math.inf
        """until then there may be others, even where an answer's numbers could be explained without"""
        self._ceiling: float | None = None
        """requests of ours in a window when the last 429 came; None before the first, and when it is outgrown"""
        self._progress = 0.0
        """windows of successful requests since"""

    def lanes(self, now: float) -> int:
        """Return how many requests may be under way at a time."""
        stale = self._others >= 1 and now - self._others_at > STALE * self.window
        return 1 if self.trying or stale else int(self._lanes)

    def limit_left(self, now: float) -> int:
        """Return how many requests a window has for us and the siblings, when the others have had theirs.

        What is known of them is believed for a window, and fades in the next.
        """
        others = self._others * min(1.0, max(0.0, 2 - (now - self._others_at) / self.window))
        if others < 1:
            return self.limit
        spare = min(self._lanes / 4, 3, self.limit / 16) + math.sqrt(others)  # they will not use what they used last
        return max(1, int(self.limit - others - spare))

    def allowed(self, now: float) -> int:
        """Return how many requests may be in a window; our share aside at least one, or nothing would be learnt."""
        most = self._believed(now)
        return most if self.share is None else min(most, self.share)

    def _believed(self, now: float) -> int:
        return max(1, int(min(float(self.limit_left(now)), self._rate())))

    @property
    def under_way(self) -> int:
        """Return how many requests have no answer yet."""
        return len(self._under_way)

    def held(self, now: float) -> int:
        """Return how many of our requests are in the window."""
        del self._spent[: bisect_right(self._spent, now + self._least)]
        return len(self._under_way) + len(self._spent)

    @property
    def _least(self) -> float:
        """Return how long a request takes at least; the fewer answers there were, the less is known of that."""
        return self._fastest * (1 - 1 / self._answers) if self._answers else 0.0

    def ready_at(self, now: float) -> float:
        """Return when the next request may go, which is at once if not after `now`; infinity: not before an answer."""
        if len(self._under_way) >= self.lanes(now):
            return math.inf
        excess = self.held(now) - self.allowed(now)
        if excess >= len(self._spent):
            return math.inf
        return self.paused_until if excess < 0 else max(self.paused_until, self._spent[excess] - self._least)

    def take(self, ticket: int, now: float) -> None:
        """Count a request as sent."""
        self._number += 1
        self._under_way[ticket] = Sent(now, self.held(now) + 1, self._number)

    def answered(self, ticket: int, now: float, gauge: Gauge | None = None) -> Sent:
        """Take note that a request is over, and of what its answer's headers say; return what is known of it."""
        sent = self._under_way.pop(ticket)
        took = now - sent.at
        if gauge is not None:
            self._learn(gauge, sent, now)
        self._fastest = min(self._fastest, took)
        self._answers += 1
        insort(self._spent, sent.at + self.window * (1 + SLACK) + took)
        return sent

    def succeed(self) -> None:
        """Recover a little: an answer came that did not ask for patience."""
        self.trying = False
        self._lanes = min(self.most_lanes, self._lanes + 1 / self._lanes)
        if self._ceiling is not None:
            self._progress += 1 / max(1.0, min(self.limit, self._rate()))
            if self._rate() >= self.limit:
                self._ceiling = None

    def slow_down(self, sent: Sent, now: float) -> bool:
        """Halve rate and lanes, because a request was refused.

        Returns False where it had been sent before the last slowing down: it tells nothing new.
        """
        if sent.at < self._lowered_at:
            return False
        self._alone_from = now + SUSPICION * self.window
        # Who tries has reserved one request only; that it was refused says nothing of such a small number.
        allowed = self._believed(now) if self.trying else self.allowed(now)
        if 2 * sent.held >= allowed:
            self._ceiling = float(max(1, min(sent.held - 1, allowed)))
        else:  # we were far below what we thought allowed: that was not our rate, and says nothing of the limit
            self._ceiling = max(allowed, self.limit / FLOOR)
        self._progress = 0.0
        self._lanes = max(1.0, self._lanes / 2)
        self._lowered_at = now
        return True

    def pause(self, until: float) -> None:
        """Send nothing before `until`, and then one request at a time until one has succeeded."""
        self.paused_until = max(self.paused_until, until)
        self.trying = True

    def _rate(self) -> float:
        """Return the requests per window that what we know of refusals allows."""
        if self._ceiling is None:
            return math.inf
        ramp = 0.5 + (NEAR - 0.5) * min(1.0, self._progress / RAMP)
        if self._measured:
            return self._ceiling * ramp * (1 + max(0.0, self._progress - RAMP) / RAMP)
        believed = PLATEAU * min(1.0, 1.5 * self._ceiling / self.limit)
        grown = max(0.0, self._progress - believed)
        return self._ceiling * ramp * math.pow(GROWTH, min(grown * (1 + grown / 10), 1000.0))

    def _learn(self, gauge: Gauge, sent: Sent, now: float) -> None:
        self.limit = max(1, gauge.requests)
        self.window = gauge.window
        if gauge.remaining is None:
            return
        self._measured = True
        others = max(0.0, self.limit - gauge.remaining - sent.held - self.siblings)
        if others > self._number - sent.number:
            self._alone_from = now + SUSPICION * self.window
        elif now >= self._alone_from:
            others = 0.0  # these are our own: requests overtake each other
        faded = self._others - self.limit * max(0.0, now - self._others_at) / self.window
        self._others = max(others, faded)
        self._others_at = now

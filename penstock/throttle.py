"""How fast requests may follow each other: a rolling window, learnt from the answers, and pauses the API asks for.

Kept by the one thread that sends, so it needs no lock. It counts what this process sent; the gauge in the
answers tells what others of the account used.
"""

from __future__ import annotations

from collections import deque

from penstock.records import Gauge

MARGIN = 0.98
"""share of the limit used: requests do not arrive as evenly as they are sent"""


class Throttle:
    """Allows `requests` in any `window` seconds. Times are of a monotonic clock, in seconds."""

    def __init__(self, requests: int, window: float) -> None:
        self._allowed = max(1, int(requests * MARGIN))
        self._window = window
        self._sent: deque[float] = deque()
        self._paused_until = 0.0

    def ready_at(self, now: float) -> float:
        """Return when the next request may go; a time not after `now` means at once."""
        while self._sent and self._sent[0] <= now - self._window:
            self._sent.popleft()
        at = self._paused_until
        if len(self._sent) >= self._allowed:
            at = max(at, self._sent[len(self._sent) - self._allowed] + self._window)
        return at

    def take(self, now: float) -> None:
        """Count a request as sent."""
        self._sent.append(now)

    def learn(self, gauge: Gauge, now: float, in_flight: int) -> None:
        """Take the limit from an answer, and wait when others have used up the window."""
        self._allowed = max(1, int(gauge.requests * MARGIN))
        self._window = gauge.window
        if gauge.remaining is not None and gauge.remaining <= 0 and in_flight == 0:
            self.pause(now + gauge.window / 10)

    def pause(self, until: float) -> None:
        """Send nothing before `until`."""
        self._paused_until = max(self._paused_until, until)

"""How often and how late the same request is sent again. Policies are values; chance and time are passed in."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from random import Random

import backoff

from penstock.errors import Fault

FOREVER = 1e9
"""seconds; what is longer makes no difference"""
_SECONDS = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?([eE]\+?[0-9]+)?").fullmatch


def retry_after(headers: Mapping[str, str], wall_now: float) -> float | None:
    """Return the seconds that an answer's Retry-After asks for, at least 0; None where it says nothing sensible.

    Header names are lower-cased. A date counts from the answer's own Date, where it has one, so the clocks need not
    agree; else from `wall_now`, seconds since the epoch. A target hands the result on: `Throttled(reason, after)`,
    `Unavailable(reason, after)`. It need not judge it: the core never retries before, and ends the run where the time
    is longer than a run should wait.
    """
    said = headers.get("retry-after", "").strip()
    if _SECONDS(said):
        seconds = float(said)
    else:
        until = _moment(said)
        if until is None:
            return None
        now = _moment(headers.get("date", ""))
        seconds = until - (wall_now if now is None else now)
    return min(max(seconds, 0.0), FOREVER)


def _moment(date: str) -> float | None:
    """Return an HTTP date as seconds since the epoch."""
    try:
        found: datetime = parsedate_to_datetime(date)
        return (found if found.tzinfo else found.replace(tzinfo=timezone.utc)).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


@dataclass(frozen=True)
class RetryPolicy:
    """Exponential waits with full jitter, in seconds, and the budgets that end them. None of them is without end.

    A row's budget is `attempts`. The run has two: `outage`, the time in which the destination may fail every request,
    and the requests that fail, `share` of all and `spare` ones more.
    """

    attempts: int = 8
    base: float = 0.5
    cap: float = 30.0
    longest: float = 120.0
    """the longest wait that an answer may ask for; a longer one ends the run, because an early retry is no answer"""
    outage: float = 120.0
    spare: int = 100
    share: float = 0.5

    def absurd(self, asked: Sequence[float | None]) -> Fault | None:
        """Return why the run must end, where an answer asks for a longer wait than a run should wait."""
        most = max((after for after in asked if after is not None), default=0.0)
        if most <= self.longest:
            return None
        return Fault(
            f"the destination asks for a pause of {most:.0f} seconds, a run waits for {self.longest:.0f} at most",
            "run again after that time; what was delivered stays acknowledged",
        )

    def wait(self, attempt: int, chance: Random, after: float | None = None) -> float:
        """Return the seconds to wait before the attempt that follows `attempt` (1 is the first), never below `after`.

        What an answer asks for is taken as it is; whether that is too long is for the caller to judge by `longest`.
        """
        if after is not None:
            return max(after, 0.0)
        waits = backoff.expo(factor=self.base, max_value=self.cap)
        next(waits)
        wait = self.base
        for _ in range(attempt):
            wait = next(waits)
        return chance.uniform(0, wait)


class Patience:
    """The run's budget for failures: no answer, or one that says that the server cannot answer."""

    def __init__(self, policy: RetryPolicy) -> None:
        self.in_a_row = 0
        """failures since the last answer"""
        self.failures = 0
        self.requests = 0
        self._policy = policy
        self._down_since: float | None = None

    def answered(self) -> None:
        """Note an answer, whatever it says of its rows: the destination is there."""
        self.requests += 1
        self.in_a_row = 0
        self._down_since = None

    def failed(self, now: float) -> str | None:
        """Note a failure; return what is spent by it, for a message, or None."""
        self.requests += 1
        self.failures += 1
        self.in_a_row += 1
        if self._down_since is None:
            self._down_since = now
        if now - self._down_since >= self._policy.outage:
            return f"no answer to any request for {now - self._down_since:.0f} seconds"
        if self.failures > self._policy.spare + self._policy.share * self.requests:
            return f"{self.failures} of {self.requests} requests failed"
        return None

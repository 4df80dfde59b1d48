"""How often and how late the same request is sent again. Policies are values; chance is passed in."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

import backoff


@dataclass(frozen=True)
class RetryPolicy:
    """Exponential waits with full jitter, in seconds, and the budgets that end them.

    `attempts` is how often one row may be sent in a run. `longest` caps any wait, also one that an answer asked for.
    """

    attempts: int = 8
    base: float = 0.5
    cap: float = 30.0
    longest: float = 120.0

    def wait(self, attempt: int, chance: Random, after: float | None = None) -> float:
        """Return the seconds to wait before the attempt that follows `attempt` (1 is the first)."""
        if after is not None:
            return min(max(after, 0.0), self.longest)
        waits = backoff.expo(base=2, factor=self.base, max_value=self.cap)
        next(waits)
        wait = self.base
        for _ in range(attempt):
            wait = next(waits)
        return chance.uniform(0, wait)

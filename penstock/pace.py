"""The pace of one delivery: the throttle, the budgets for failures and the daily quota behind one small front.

The delivery asks `ready_at` before it sends, tells `take` when it does, and what came of it by `answered` and then one
of `succeed`, `throttled` and `failed`.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from random import Random

from penstock.budget import Book, Budget
from penstock.counters import some
from penstock.errors import Fault, Throttled
from penstock.policy import Policy
from penstock.records import Gauge, Kind, Limits, Row
from penstock.retry import Patience
from penstock.throttle import Sent, Throttle

BLIPS = 3
"""failures in a row that may be chance; after more the destination is thought to be down, and probed"""


class Pace:
    """Tells when the next request may go. Times are of a monotonic clock, in seconds."""

    def __init__(self, limits: Limits, policy: Policy, chance: Random, book: Book | None = None) -> None:
        self.throttle = Throttle(limits.requests, limits.window, limits.concurrency)
        self.patience = Patience(policy.retry)
        self.waited = 0.0
        """seconds in which something was ready to be sent, and held back"""
        self.daily_limit: int | None = None
        self.daily_remaining: int | None = None
        """what the answers last said of the account's daily quota"""
        self._limits = limits
        self._own: dict[str, Throttle] = {}
        """beside the limit of all, those that some actions have of their own; each process keeps to them alone"""
        self._own_under_way: dict[int, Throttle] = {}
        self._own_answer: tuple[Throttle, Sent] | None = None
        self._budget = None if book is None else Budget(book, limits.window, chance, policy.retry.longest)
        self._policy = policy
        self._chance = chance
        self._most_lanes = limits.concurrency
        self._answer = Sent(0.0, 0)
        self._down_at = 0.0
        self._down_in_a_row = 0
        self._throttled_in_a_row = 0
        self._last_failure = ""
        self._held_back_since: float | None = None

    def ready_at(self, now: float, kinds: Collection[Kind] = ()) -> float:
        """Return when to try the next request, which is at once if not after `now`; infinity: not before an answer.

        `kinds` are those that the next request may be of; without any, one that has no limit of its own.
        """
        own = min((self._own_at(kind, now) for kind in kinds), default=now)
        return max(own, min(self._free_at(now), max(now, self._reserve_at(now))))

    def _own_at(self, kind: Kind, now: float) -> float:
        throttle = self._own_of(kind)
        return now if throttle is None else throttle.ready_at(now)

    def _own_of(self, kind: Kind) -> Throttle | None:
        budget = self._limits.budget(kind)
        if budget is None:
            return None
        if budget.name not in self._own:
            self._own[budget.name] = Throttle(budget.requests, budget.window, self._limits.concurrency)
            self._own[budget.name].trying = False  # the limit of all is tried first
        return self._own[budget.name]

    def has_room(self, kind: Kind, now: float) -> bool:
        """Tell whether the limit that such requests have of their own, if any, leaves room for one now."""
        return self._own_at(kind, now) <= now

    def _free_at(self, now: float) -> float:
        if self._left is not None and self._left <= 0:
            return now if self.throttle.under_way == 0 else math.inf
        if self._budget is None:
            return self.throttle.ready_at(now)
        if now >= self._budget.good_until:
            return math.inf
        self.throttle.share = self._budget.share
        return max(self.throttle.ready_at(now), self._budget.paused_until)

    def _reserve_at(self, now: float) -> float:
        if self._budget is None:
            return math.inf
        return self._budget.due(now, self.throttle.held(now), self.throttle.limit_left(now))

    def must_reserve(self, now: float, backlog: int) -> bool:
        """Tell whether the budget has to be asked before one of `backlog` requests can go."""
        return backlog > 0 and self._reserve_at(now) <= now

    def reserve(self, now: float, backlog: int, *, last: bool = False) -> None:
        """Agree with the account's other processes on what may be sent next. It counts once the ledger is committed.

        `last` says that nothing more will be.
        """
        if self._budget is not None:
            throttle = self.throttle
            held, until = throttle.held(now), throttle.paused_until
            limit = throttle.limit_left(now)
            self._budget.reserve(now, held, backlog, limit, until, trying=throttle.trying, last=last)
            throttle.siblings = self._budget.of_others

    def may_go(self, now: float) -> bool:
        """Tell whether a request that is ready may go now; the time that it may not is counted as waited."""
        spent = self._left is not None and self._left <= 0
        may = not spent and self._free_at(now) <= now
        if may and self._held_back_since is not None:
            self.waited += now - self._held_back_since
            self._held_back_since = None
        elif not may and self._held_back_since is None and self.throttle.under_way < self.throttle.most_lanes:
            self._held_back_since = now
        return may

    def take(self, ticket: int, now: float, kind: Kind | None = None) -> None:
        """Count a request as sent."""
        self.throttle.take(ticket, now)
        own = None if kind is None else self._own_of(kind)
        if own is not None:
            own.take(ticket, now)
            self._own_under_way[ticket] = own

    def answered(self, ticket: int, now: float, gauge: Gauge | None = None) -> None:
        """Take note that a request is over, and of what its answer's headers say."""
        own = self._own_under_way.pop(ticket, None)
        self._own_answer = None if own is None else (own, own.answered(ticket, now))
        # Whose window the headers of a request with a limit of its own speak of, nobody says.
        self._answer = self.throttle.answered(ticket, now, gauge if own is None else None)
        if gauge is not None and own is None and gauge.daily_remaining is not None:
            left, known = gauge.daily_remaining, self.daily_remaining
            # Answers overtake each other: a little more than before is an older word, much more is a new day.
            late = known is not None and known < left <= known + 2 * self._most_lanes
            self.daily_remaining = known if late else left
            self.daily_limit = gauge.daily_limit

    def succeed(self) -> None:
        """Note that the destination took the request for what it was, whatever it thinks of its rows."""
        self._throttled_in_a_row = self._down_in_a_row = 0
        self.patience.answered()
        self.throttle.succeed()
        if self._own_answer is not None:
            self._own_answer[0].succeed()

    def throttled(self, refusal: Throttled, now: float, rows: Sequence[Row] = ()) -> float:
        """Slow down, and return the seconds to wait. It is no failure of the rows, up to a budget of its own.

        What the answer names is waited. Where it names nothing, the API's window is, in which its limit is over; and
        when that was not enough, longer each time.
        """
        self.patience.answered()
        throttle, answer = self._own_answer or (self.throttle, self._answer)
        if throttle.slow_down(answer, now):
            self._throttled_in_a_row += 1
        wait = refusal.after
        if wait is None:
            again = self._throttled_in_a_row - 1
            more = self._policy.retry.wait(again, self._chance) if again > 0 else 0.0
            wait = min(throttle.window + more, self._policy.retry.longest)
        throttle.pause(now + wait)
        if self._throttled_in_a_row <= self._policy.throttled_in_a_row:
            _excuse(rows)
        return wait

    @property
    def trouble(self) -> str:
        """Say why nothing moves, while every request fails; nothing where one was answered after the last failure."""
        failed = self.patience.in_a_row
        if not failed:
            return ""
        return f"{self._whom}: {some(failed, 'request')} in a row failed; last: {self._last_failure}"

    @property
    def _whom(self) -> str:
        return f"the destination ({self._policy.host})" if self._policy.host else "the destination"

    def failed(self, now: float, rows: Sequence[Row] = (), reason: str = "") -> Fault | None:
        """Note a failure: no answer, or one that says nothing. Returns why the run must end, if it must.

        A destination that is down gets one request at a time, later each time. It fails every request then, which
        says nothing against these rows, so their own budget is not charged.
        """
        spent = self.patience.failed(now)
        self._last_failure = reason or "unknown"
        if self.patience.in_a_row > BLIPS and self._answer.at >= self._down_at:
            self._down_in_a_row += 1
            self._down_at = now
            self.throttle.pause(now + self._policy.retry.wait(self._down_in_a_row, self._chance))
        if self.patience.in_a_row > 1:
            _excuse(rows)
        if spent is None:
            return None
        return Fault(
            f"{self._whom} fails too often: {spent}; last: {self._last_failure}",
            "the rows concerned were not acknowledged; run again when the destination answers",
        )

    def quota_spent(self) -> Fault | None:
        """Return why nothing more may be sent today: the daily quota is down to what is kept for others."""
        if self._left is None or self._left > 0 or self.throttle.under_way:
            return None
        kept = self._policy.quota_reserve.calls(self.daily_limit)
        of = f" of {self.daily_limit:,}" if self.daily_limit is not None else ""
        return Fault(
            f"the daily quota has {self.daily_remaining:,}{of} calls left, and {kept:,} are kept free (quota_reserve)",
            "run again when the quota is refilled: the run goes on where this one ended",
        )

    @property
    def _left(self) -> int | None:
        """Return how many calls may still go today; None where nobody says."""
        if self.daily_remaining is None:
            return None
        return self.daily_remaining - self.throttle.under_way - self._policy.quota_reserve.calls(self.daily_limit)


def _excuse(rows: Sequence[Row]) -> None:
    for row in rows:
        row.attempts -= 1

"""The throttle against a server with a rolling window, in virtual time: what it costs to be told to slow down.

The server counts the requests that it takes in any window, the account's other users' as well, and refuses the rest.
Three figures come out: over quota (requests of ours that were refused, of all we sent), early retries (requests sent
before the time that an answer named) and goodput (requests of ours that were taken, of those that the others left).
"""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import dataclass
from random import Random

from penstock.errors import Throttled
from penstock.pace import Pace
from penstock.policy import Policy
from penstock.records import Gauge, Limits


@dataclass(frozen=True)
class Account:
    """A limit, its users and the way there. Times in seconds."""

    limit: int = 100
    window: float = 10.0
    concurrency: int = 8
    latency: float = 0.2
    jitter: float = 0.1
    others: float = 0.0
    """largest share of the limit that others use; their rate is drawn anew every few windows"""
    headers: bool = True
    """answers tell limit and rest"""
    told: str = "window"
    """what a 429 names: `nothing`, the whole `window`, or `exactly` when the next slot is free"""
    documented: int = 100
    """the limit that the target's description says, in percent of the real one"""
    windows: int = 60


@dataclass
class Figures:
    """What came of it."""

    sent: int = 0
    refused: int = 0
    early: int = 0
    taken: int = 0
    others: int = 0
    left: float = 0.0
    """requests that the others left free"""

    @property
    def over_quota(self) -> float:
        """Return the share of our requests that were refused."""
        return self.refused / max(1, self.sent)

    @property
    def goodput(self) -> float:
        """Return the share of the free quota that was used."""
        return self.taken / max(1.0, self.left)


class Server:
    """Takes at most `limit` requests in any window."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._recent: deque[float] = deque()

    def ask(self, now: float) -> tuple[bool, int, float]:
        """Return whether a request is taken, how many are left, and in how many seconds a slot is free."""
        account = self._account
        while self._recent and self._recent[0] <= now - account.window:
            self._recent.popleft()
        taken = len(self._recent) < account.limit
        if taken:
            self._recent.append(now)
        return taken, account.limit - len(self._recent), self._recent[0] + account.window - now


def storm(account: Account, seed: int = 0) -> Figures:
    """Send as fast as the pace allows for a number of windows; there is always more to send."""
    return _Storm(account, seed).run()


def measured(seeds: int = 3) -> dict[str, float]:
    """Return the worst figures over accounts of our own, over one half as large as documented, and one shared."""
    own = [
        Account(told=told, headers=headers) for told in ("nothing", "window", "exactly") for headers in (True, False)
    ]
    half = [Account(documented=200, headers=headers, windows=120) for headers in (True, False)]
    shared = [Account(others=share) for share in (0.3, 0.6)]
    ours = [storm(account, seed) for account in own + half for seed in range(seeds)]
    theirs = [storm(account, seed) for account in shared for seed in range(seeds)]
    return {
        "throttle_over_quota_share": max(figures.over_quota for figures in ours + theirs),
        "throttle_early_retries": float(sum(figures.early for figures in ours + theirs)),
        "throttle_goodput_share": min(figures.goodput for figures in ours),
        "throttle_goodput_share_with_others": min(figures.goodput for figures in theirs),
    }


class _Storm:
    def __init__(self, account: Account, seed: int) -> None:
        self.account = account
        self.chance = Random(seed)  # noqa: S311 - a simulation
        self.server = Server(account)
        limits = Limits(
            rows=100,
            body_bytes=1 << 20,
            concurrency=account.concurrency,
            requests=max(1, account.limit * account.documented // 100),
            window=account.window,
        )
        self.pace = Pace(limits, Policy(), Random(seed + 1))  # noqa: S311 - a simulation
        self.figures = Figures()
        self.events: list[tuple[float, int, str, tuple[bool, int, float]]] = []
        self.number = 0
        self.not_before = 0.0
        self.due: float | None = None
        self.ends = account.window * account.windows

    def push(self, at: float, kind: str, answer: tuple[bool, int, float] = (True, 0, 0.0), ticket: int = 0) -> None:
        heapq.heappush(self.events, (at, ticket or self._next(), kind, answer))

    def _next(self) -> int:
        self.number += 1
        return self.number

    def run(self) -> Figures:
        now = 0.0
        if self.account.others:
            self._others(0.0)
        self._send(0.0)
        while self.events and now < self.ends:
            now, ticket, kind, answer = heapq.heappop(self.events)
            if kind == "arrive":
                self._arrive(now, ticket)
            elif kind == "answer":
                self._answer(now, ticket, answer)
                self._send(now)
            elif kind == "other":
                self.figures.others += self.server.ask(now)[0]
            elif kind == "others":
                self._others(now)
            else:
                self.due = None
                self._send(now)
        account = self.account
        self.figures.left = max(1, account.limit * account.windows - self.figures.others)
        return self.figures

    def _others(self, now: float) -> None:
        """Let the others draw how much they use for some time, and use it at random moments."""
        lasts = self.account.window * self.chance.uniform(1, 4)
        rate = self.chance.uniform(0, self.account.others) * self.account.limit / self.account.window
        at = now
        while rate and (at := at + self.chance.expovariate(rate)) < now + lasts:
            self.push(at, "other")
        self.push(now + lasts, "others")

    def _arrive(self, now: float, ticket: int) -> None:
        answer = self.server.ask(now)
        back = self.account.latency / 2 + self.chance.uniform(0, self.account.jitter)
        self.push(now + back, "answer", answer, ticket)

    def _answer(self, now: float, ticket: int, answer: tuple[bool, int, float]) -> None:
        taken, left, free_in = answer
        account = self.account
        gauge = Gauge(account.limit, account.window, left) if account.headers else None
        self.pace.answered(ticket, now, gauge)
        if taken:
            self.figures.taken += 1
            self.pace.succeed()
            return
        self.figures.refused += 1
        named = {"nothing": None, "window": account.window, "exactly": free_in}[account.told]
        self.pace.throttled(Throttled("429", named), now)
        self.not_before = max(self.not_before, now + (named or 0.0))

    def _send(self, now: float) -> None:
        while (at := self.pace.ready_at(now)) <= now:
            ticket = self._next()
            self.pace.take(ticket, now)
            self.figures.sent += 1
            self.figures.early += now < self.not_before
            there = self.account.latency / 2 + self.chance.uniform(0, self.account.jitter)
            self.push(now + there, "arrive", ticket=ticket)
        if at < self.ends and (self.due is None or at < self.due):
            self.due = at
            self.push(at, "due")

"""Quotas: API calls in any 24 hours, Bulk batches, long requests at once."""

from collections import deque

from penstock_sandbox.provenance import assumed, documented
from penstock_sandbox.salesforce import errors
from penstock_sandbox.settings import Settings

CHEATSHEET = "developer.salesforce.com, Salesforce Developer Limits and Allocations Quick Reference"
DAY = 86_400.0
_SLOT = 600.0


class Rolling:
    """How much was spent in the last 24 hours, in steps of ten minutes."""

    def __init__(self) -> None:
        self._slots: deque[tuple[float, int]] = deque()
        self._total = 0

    def spend(self, now: float, amount: int = 1) -> None:
        """Count something."""
        slot = now - now % _SLOT
        if self._slots and self._slots[-1][0] == slot:
            self._slots[-1] = (slot, self._slots[-1][1] + amount)
        else:
            self._slots.append((slot, amount))
        self._total += amount

    def spent(self, now: float) -> int:
        """Return what was spent."""
        while self._slots and self._slots[0][0] <= now - DAY:
            self._total -= self._slots.popleft()[1]
        return self._total


class Limits:
    """The counters of one org."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.calls = Rolling()
        self.batches = Rolling()
        self._shown = (0.0, 0)

    @documented("API calls are counted over any 24 hours, for the whole org", CHEATSHEET)
    @documented("A spent quota is 403 REQUEST_LIMIT_EXCEEDED, and so are too many long requests at once", CHEATSHEET)
    @assumed("A refused call is not counted", "the quota would else never come back to a client that goes on asking")
    @assumed("Long is what waits for `long_request_ms` in the sandbox", "really: what has run for 20 seconds")
    def admit(self, now: float, waiting: int) -> None:
        """Count a call, or refuse it."""
        limits = self.settings.salesforce
        if self.settings.unlimited:
            self.calls.spend(now)
            return
        if self.settings.latency_ms >= limits.long_request_ms and waiting > limits.concurrent_long:
            raise errors.request_limit("ConcurrentRequests (Concurrent API Requests) Limit exceeded.")
        if self.calls.spent(now) >= limits.daily:
            raise errors.request_limit("TotalRequests Limit exceeded.")
        self.calls.spend(now)

    def batches_left(self, now: float) -> int:
        """Return how many Bulk batches may still be processed."""
        if self.settings.unlimited:
            return self.settings.salesforce.batches_daily
        return max(0, self.settings.salesforce.batches_daily - self.batches.spent(now))

    @documented("Counters are accurate to about five minutes", "REST API Developer Guide: Limits")
    def shown(self, now: float) -> int:
        """Return the calls spent as Salesforce tells them, which lags if the settings say so."""
        lag = self.settings.salesforce.limit_lag
        if not lag:
            return self.calls.spent(now)
        if now >= self._shown[0] + lag:
            self._shown = (now, self.calls.spent(now))
        return self._shown[1]

    @documented("Every REST answer has Sforce-Limit-Info, with the app's own quota where it has one", CHEATSHEET)
    def header(self, now: float) -> str:
        """Return the value of Sforce-Limit-Info."""
        limits, spent = self.settings.salesforce, self.shown(now)
        own = "" if limits.app_daily is None else f"; per-app-api-usage={spent}/{limits.app_daily}(appName=sandbox)"
        return f"api-usage={spent}/{limits.daily}{own}"

    @documented("Limits are pairs of Max and Remaining; entries may nest", "REST API Developer Guide: Limits")
    def told(self, now: float) -> dict[str, object]:
        """Answer `/limits`."""
        limits = self.settings.salesforce

        def pair(most: int, spent: int = 0) -> dict[str, object]:
            return {"Max": most, "Remaining": max(0, most - spent)}

        return {
            "DailyApiRequests": pair(limits.daily, self.shown(now)),
            "DailyBulkApiBatches": pair(limits.batches_daily, self.batches.spent(now)),
            "DailyBulkV2QueryJobs": pair(10_000),
            "DailyAsyncApexExecutions": pair(250_000),
            "DataStorageMB": pair(1024, 4),
            "FileStorageMB": pair(1024),
            "HourlyPublishedPlatformEvents": pair(250_000),
            "PermissionSets": {**pair(1500, 1), "CreateCustom": pair(1000, 1)},
        }

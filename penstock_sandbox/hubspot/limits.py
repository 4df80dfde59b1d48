"""Rate limits: rolling windows per token or account, and daily counters per account.

Each route belongs to one budget. Most have the app's ten-second window and the account's day; search has five
a second for the account and tells nothing in headers; associations have a window and a day of their own.
"""

from collections import deque
from datetime import datetime, timedelta, tzinfo
from typing import Literal, NamedTuple

from penstock_sandbox.clock import iso
from penstock_sandbox.hubspot import errors
from penstock_sandbox.hubspot.access import Token
from penstock_sandbox.provenance import assumed, documented, recorded
from penstock_sandbox.settings import Settings

WINDOW_SECONDS = 10.0
UNLIMITED = 1_000_000
UNLIMITED_DAY = 1_000_000_000
OAUTH_WINDOW = 110
SEARCHES_A_SECOND = 5
GUIDELINES = "developers.hubspot.com/docs/developer-tooling/platform/usage-guidelines"
ASSOCIATIONS_GUIDE = "developers.hubspot.com associate-records guide"

Budget = Literal["app", "search", "associations", "none"]


class Tier(NamedTuple):
    """What an account's subscription allows."""

    window: int
    daily: int
    associations: int
    association_daily: int
    imports: int


TIERS = {
    "free": Tier(100, 250_000, 100, 500_000, 50),
    "starter": Tier(100, 250_000, 100, 500_000, 500),
    "professional": Tier(190, 625_000, 150, 500_000, 500),
    "enterprise": Tier(190, 1_000_000, 150, 500_000, 500),
    "limit_increase": Tier(250, 2_000_000, 200, 1_000_000, 500),
}


class Limits:
    """Counts requests and tells what is left; counts survive a change of settings."""

    def __init__(self) -> None:
        self._recent: dict[str, deque[float]] = {}
        self._today: dict[str, tuple[object, int]] = {}

    def configure(self, settings: Settings, zone: tzinfo) -> None:
        """Take the limits from the settings: the tier's, or figures of their own."""
        tier = TIERS[settings.hubspot.tier]
        own = settings.hubspot.per_ten_seconds
        self.unlimited = settings.unlimited
        self.window = tier.window if own is None else own
        self.oauth_window = OAUTH_WINDOW if own is None else own
        self.associations = tier.associations if own is None else own
        self.daily = tier.daily if settings.hubspot.daily is None else settings.hubspot.daily
        own_daily = settings.hubspot.association_daily
        self.association_daily = tier.association_daily if own_daily is None else own_daily
        own_imports = settings.hubspot.imports_daily
        self.imports = tier.imports if own_imports is None else own_imports
        self._zone = zone

    @documented("Ten-second windows are per app, the daily figure is the account's", GUIDELINES)
    @documented("The day ends at midnight of the portal's time zone", GUIDELINES)
    @documented("A spent limit is a 429 with policyName and without Retry-After", GUIDELINES)
    @documented("OAuth apps have 110 requests per ten seconds and no daily headers", GUIDELINES)
    @documented(
        "Search has 5 requests a second per account, and no rate headers", "developers.hubspot.com search-the-crm"
    )
    @documented("Associations have a window and a daily figure of their own", ASSOCIATIONS_GUIDE)
    @documented("Sending events is outside all of these limits", "developers.hubspot.com send-event-occurrence")
    @recorded("The ten-second policy is TEN_SECONDLY_ROLLING", "hubspot-api-nodejs issues")
    @recorded("The policy of search is SECONDLY", "recorded body in the fact sheet")
    @assumed("A request refused for a limit is not counted against either", "a window that rolls would never reopen")
    @assumed("The daily limit is looked at first", "the worse of two refusals, and the one that ends a run")
    @assumed("Headers of association routes tell of their own window and day", "the same headers, no source says which")
    @assumed("Searches count towards the day, associations do not", "the one is only 'apart', the other has a day")
    def admit(self, token: Token, now: float, budget: Budget = "app") -> dict[str, str]:
        """Count one request and return the rate headers of its answer; refuse it when a limit is spent."""
        if budget == "none":
            return {}
        if self.unlimited:
            headers = self._headers(token, UNLIMITED, UNLIMITED - 1, UNLIMITED_DAY, UNLIMITED_DAY - 1)
            return {} if budget == "search" else headers
        name, window, seconds = self._window(token, budget)
        day, daily = ("associations", self.association_daily) if budget == "associations" else ("account", self.daily)
        recent = self._recent.setdefault(name, deque())
        while recent and recent[0] <= now - seconds:
            recent.popleft()
        policy = None
        if token.kind == "private" and self.spent(day, now) >= daily:
            policy = "DAILY"
        elif len(recent) >= window:
            policy = "SECONDLY" if budget == "search" else "TEN_SECONDLY_ROLLING"
        if policy is None:
            recent.append(now)
            self.spend(day, now)
        left = daily - self.spent(day, now)
        headers = self._headers(token, window, max(0, window - len(recent)), daily, max(0, left))
        if budget == "search":
            headers = {}
        if policy is not None:
            refusal = errors.rate_limited(policy)
            refusal.headers = headers
            raise refusal
        return headers

    def spent(self, what: str, now: float) -> int:
        """Return how much of a daily figure the portal's today has used."""
        day, count = self._today.get(what, (None, 0))
        return count if day == self._day(now) else 0

    def spend(self, what: str, now: float) -> None:
        """Count one towards a daily figure."""
        self._today[what] = (self._day(now), self.spent(what, now) + 1)

    @documented("What is left of the day can be asked for", "developers.hubspot.com/docs account-info, api-usage")
    def usage(self, now: float) -> dict[str, object]:
        """Return the answer of the account's API usage."""
        local = datetime.fromtimestamp(now, self._zone)
        midnight = (local + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        return {
            "results": [
                {
                    "name": "private-apps-api-calls-daily",
                    "usageLimit": self.daily,
                    "currentUsage": self.spent("account", now),
                    "collectedAt": iso(now),
                    "fetchStatus": "SUCCESS",
                    "resetsAt": iso(midnight.timestamp()),
                }
            ]
        }

    def _day(self, now: float) -> object:
        return datetime.fromtimestamp(now, self._zone).date()

    def _window(self, token: Token, budget: Budget) -> tuple[str, int, float]:
        """Return what counts the request, how many it may hold and for how long."""
        if budget == "search":
            return "search", SEARCHES_A_SECOND, 1.0
        if budget == "associations":
            return f"associations {token.token}", self.associations, WINDOW_SECONDS
        return token.token, self.oauth_window if token.kind == "oauth" else self.window, WINDOW_SECONDS

    @staticmethod
    def _headers(token: Token, window: int, left: int, daily: int, daily_left: int) -> dict[str, str]:
        headers = {
            "X-HubSpot-RateLimit-Max": str(window),
            "X-HubSpot-RateLimit-Remaining": str(left),
            "X-HubSpot-RateLimit-Interval-Milliseconds": "10000",
        }
        if token.kind == "private":
            headers["X-HubSpot-RateLimit-Daily"] = str(daily)
            headers["X-HubSpot-RateLimit-Daily-Remaining"] = str(daily_left)
        return headers

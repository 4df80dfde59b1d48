"""Rate limits: a rolling ten-second window per token and a daily counter per account."""

from collections import deque

from penstock_sandbox.hubspot import errors
from penstock_sandbox.hubspot.access import Token
from penstock_sandbox.provenance import assumed, documented, recorded
from penstock_sandbox.settings import Settings

WINDOW_SECONDS = 10.0
UNLIMITED = 1_000_000
UNLIMITED_DAY = 1_000_000_000
OAUTH_WINDOW = 110
GUIDELINES = "developers.hubspot.com/docs/developer-tooling/platform/usage-guidelines"

TIERS = {
    "starter": (100, 250_000),
    "professional": (190, 625_000),
    "enterprise": (190, 1_000_000),
    "limit_increase": (250, 2_000_000),
}


class Limits:
    """Counts requests and tells what is left; counts survive a change of settings."""

    def __init__(self, settings: Settings, utc_offset: int) -> None:
        self._utc_offset = utc_offset
        self._recent: dict[str, deque[float]] = {}
        self._day = self._today = 0
        self.configure(settings)

    def configure(self, settings: Settings) -> None:
        """Take the limits from the settings: the tier's, or figures of their own."""
        window, daily = TIERS[settings.hubspot.tier]
        own = settings.hubspot.per_ten_seconds
        self.unlimited = settings.unlimited
        self.window = window if own is None else own
        self.oauth_window = OAUTH_WINDOW if own is None else own
        self.daily = daily if settings.hubspot.daily is None else settings.hubspot.daily

    @documented("Ten-second windows are per app, the daily figure is the account's", GUIDELINES)
    @documented("The day ends at midnight of the portal's time zone", GUIDELINES)
    @documented("A spent limit is a 429 with policyName and without Retry-After", GUIDELINES)
    @documented("OAuth apps have 110 requests per ten seconds and no daily headers", GUIDELINES)
    @recorded("The ten-second policy is TEN_SECONDLY_ROLLING", "hubspot-api-nodejs issues")
    @assumed("A request refused for a limit is not counted against either", "a window that rolls would never reopen")
    @assumed("The daily limit is looked at first", "the worse of two refusals, and the one that ends a run")
    def admit(self, token: Token, now: float) -> dict[str, str]:
        """Count one request and return the rate headers of its answer; refuse it when a limit is spent."""
        if self.unlimited:
            return self._headers(token, UNLIMITED, UNLIMITED - 1, UNLIMITED_DAY, UNLIMITED_DAY - 1)
        window = self.oauth_window if token.kind == "oauth" else self.window
        recent = self._recent.setdefault(token.token, deque())
        while recent and recent[0] <= now - WINDOW_SECONDS:
            recent.popleft()
        day = int((now + self._utc_offset) // 86_400)
        if day != self._day:
            self._day, self._today = day, 0
        policy = None
        if token.kind == "private" and self._today >= self.daily:
            policy = "DAILY"
        elif len(recent) >= window:
            policy = "TEN_SECONDLY_ROLLING"
        if policy is None:
            recent.append(now)
            self._today += 1
        left = max(0, window - len(recent))
        headers = self._headers(token, window, left, self.daily, max(0, self.daily - self._today))
        if policy is not None:
            refusal = errors.rate_limited(policy)
            refusal.headers = headers
            raise refusal
        return headers

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

"""Rate limits: windows of ten seconds, one per app and one for the workspace."""

from penstock_sandbox.intercom import errors
from penstock_sandbox.intercom.access import Token
from penstock_sandbox.provenance import assumed, documented
from penstock_sandbox.settings import Settings

WINDOW_SECONDS = 10
UNLIMITED = 1_000_000
GUIDE = "developers.intercom.com/docs/references/2.17/rest-api/errors/rate-limiting"


class Limits:
    """Counts the calls of the present window; counts survive a change of settings."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._window = 0
        self._apps: dict[str, int] = {}
        self._others = 0

    @documented("10,000 calls a minute per app, dealt out in windows of ten seconds", GUIDE)
    @documented("25,000 calls a minute for all private apps of a workspace", GUIDE)
    @documented("X-RateLimit-Limit, -Remaining and -Reset, the last in Unix seconds, on authenticated answers", GUIDE)
    @documented("A spent window is 429 rate_limit_exceeded, open again at Reset, without Retry-After", GUIDE)
    @assumed("Windows begin at multiples of ten seconds", "Reset is told to the second, its origin is not")
    @assumed("A refused call is not counted", "the window closes by the clock all the same")
    @assumed("Headers tell of the app's window, and of the workspace's in its 429", "one triple for two limits")
    def admit(self, token: Token, now: float) -> dict[str, str]:
        """Count one call and return the rate headers of its answer; refuse it when a window is spent."""
        self._turn(now)
        reset = (self._window + 1) * WINDOW_SECONDS
        if self.settings.unlimited:
            return _headers(UNLIMITED, UNLIMITED - 1, reset)
        own = self.settings.intercom
        spent = self._apps.get(token.app, 0)
        everybody = sum(self._apps.values()) + self._others + own.other_apps
        if spent >= own.per_ten_seconds or everybody >= own.workspace_per_ten_seconds:
            limit = own.per_ten_seconds if spent >= own.per_ten_seconds else own.workspace_per_ten_seconds
            refusal = errors.rate_limited(limit)
            refusal.headers = _headers(limit, 0, reset)
            raise refusal
        self._apps[token.app] = spent + 1
        return _headers(own.per_ten_seconds, own.per_ten_seconds - spent - 1, reset)

    def others(self, calls: int, now: float) -> None:
        """Count calls of the workspace's other apps in the present window."""
        self._turn(now)
        self._others += calls

    def _turn(self, now: float) -> None:
        window = int(now // WINDOW_SECONDS)
        if window != self._window:
            self._window, self._others = window, 0
            self._apps.clear()


def _headers(limit: int, left: int, reset: int) -> dict[str, str]:
    return {"X-RateLimit-Limit": str(limit), "X-RateLimit-Remaining": str(left), "X-RateLimit-Reset": str(reset)}

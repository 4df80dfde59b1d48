"""The sandbox's one clock: every time in an answer and every rate window is read from it."""

import time
from datetime import datetime, timezone


class Clock:
    """Wall time that never runs backwards and that a test can move or hold still.

    It starts at the machine's wall time and then follows the monotonic clock, so that an adjustment of
    the machine's clock cannot open or close a rate window. Seconds since the epoch, UTC.
    """

    def __init__(self) -> None:
        self._origin = time.time() - time.monotonic()
        self._held: float | None = None

    def now(self) -> float:
        """Return seconds since the epoch."""
        return self._origin + time.monotonic() if self._held is None else self._held

    def advance(self, seconds: float) -> None:
        """Move forward; moving back is refused, for no vendor's clock does that."""
        if seconds < 0:
            raise ValueError("the clock moves forward only")
        if self._held is None:
            self._origin += seconds
        else:
            self._held += seconds

    def hold(self) -> None:
        """Stand still until `advance` or `release`: rate headers become exactly predictable."""
        self._held = self.now()

    def release(self) -> None:
        """Go on from where the clock was held."""
        if self._held is not None:
            self._origin = self._held - time.monotonic()
            self._held = None


def iso(seconds: float) -> str:
    """Format as HubSpot does: ISO 8601, UTC, milliseconds, `Z`."""
    moment = datetime.fromtimestamp(seconds, timezone.utc)
    return moment.isoformat(timespec="milliseconds")[:-6] + "Z"

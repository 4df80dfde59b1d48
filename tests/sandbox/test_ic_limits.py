"""The simulated Intercom's windows, on a clock that stands still."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.sandbox.intercom import refused

if TYPE_CHECKING:
    import requests

    from tests.sandbox.intercom import Inbox


def limits(answer: requests.Response) -> tuple[int, ...]:
    return tuple(int(answer.headers[f"X-RateLimit-{name}"]) for name in ("Limit", "Remaining", "Reset"))


def to_the_next_window(inbox: Inbox) -> int:
    """Hold the clock at a second that begins a window, and return it."""
    now = inbox.sandbox.hold_clock()
    start = int(now // 10 + 1) * 10
    inbox.sandbox.advance(start - now)
    return start


def test_the_window_counts_down_refuses_and_opens(inbox: Inbox) -> None:
    start = to_the_next_window(inbox)
    assert limits(inbox.call("GET", "/me")) == (1667, 1666, start + 10)
    inbox.sandbox.configure(intercom={"per_ten_seconds": 3})
    assert limits(inbox.call("GET", "/nothing")) == (3, 1, start + 10)
    assert limits(inbox.call("POST", "/contacts", {"external_id": "u-1"})) == (3, 0, start + 10)
    spent = inbox.call("POST", "/contacts", {"external_id": "u-2"})
    assert refused(spent) == (429, "rate_limit_exceeded", "Exceeded rate limit of 3 in 10_seconds")
    assert (limits(spent), spent.headers.get("Retry-After")) == ((3, 0, start + 10), None)
    inbox.sandbox.advance(9.5)
    assert inbox.call("GET", "/me").status_code == 429
    inbox.sandbox.advance(0.5)
    assert limits(inbox.call("GET", "/me")) == (3, 2, start + 20)
    stats = inbox.sandbox.stats()
    assert (stats.over_quota, stats.answers_429, stats.applied_writes) == (2, 2, 1)


def test_each_app_has_a_window_and_all_share_the_workspaces(inbox: Inbox) -> None:
    to_the_next_window(inbox)
    inbox.sandbox.configure(intercom={"per_ten_seconds": 2, "workspace_per_ten_seconds": 3})
    other = {"Authorization": "Bearer " + inbox.sandbox.intercom.grant("sandbox-other", app="other")}
    same = {"Authorization": "Bearer " + inbox.sandbox.intercom.grant("sandbox-same")}
    assert inbox.call("GET", "/me").ok
    assert limits(inbox.call("GET", "/me", **same))[:2] == (2, 0)
    assert refused(inbox.call("GET", "/me"))[2].startswith("Exceeded rate limit of 2 ")
    assert limits(inbox.call("GET", "/me", **other))[:2] == (2, 1)
    spent = inbox.call("GET", "/me", **other)
    assert refused(spent)[2].startswith("Exceeded rate limit of 3 ")
    assert limits(spent)[:2] == (3, 0)


def test_other_apps_use_the_workspace(inbox: Inbox) -> None:
    to_the_next_window(inbox)
    inbox.sandbox.intercom.traffic(4166)
    assert inbox.call("GET", "/me").ok
    assert inbox.call("GET", "/me").status_code == 429
    inbox.sandbox.advance(10)
    inbox.sandbox.configure(intercom={"other_apps": 4166})
    assert [inbox.call("GET", "/me").status_code for _ in range(2)] == [200, 429]
    inbox.sandbox.configure(unlimited=True)
    assert limits(inbox.call("GET", "/me"))[:2] == (1_000_000, 999_999)

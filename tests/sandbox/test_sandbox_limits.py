"""Rate windows on a clock that stands still: every header is predictable."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import requests

    from penstock_sandbox.handle import Sandbox
    from tests.sandbox.conftest import Api

PREFIX = "X-HubSpot-RateLimit-"


def limits(answer: requests.Response) -> tuple[str, str, str, str]:
    names = ("Max", "Remaining", "Daily", "Daily-Remaining")
    first, second, third, fourth = (answer.headers.get(PREFIX + name, "-") for name in names)
    return first, second, third, fourth


def test_the_window_counts_down_rolls_and_refuses(sandbox: Sandbox, api: Api) -> None:
    sandbox.configure(hubspot={"per_ten_seconds": 3})
    sandbox.hold_clock()
    assert limits(api.upsert("a@example.com")) == ("3", "2", "625000", "624999")
    sandbox.advance(4)
    assert [limits(api.upsert("a@example.com"))[1] for _ in range(2)] == ["1", "0"]
    refused = api.upsert("a@example.com")
    assert refused.status_code == 429
    assert "Retry-After" not in refused.headers
    assert limits(refused) == ("3", "0", "625000", "624997")
    assert {key: refused.json()[key] for key in ("message", "errorType", "policyName")} == {
        "message": "You have reached your ten_secondly_rolling limit.",
        "errorType": "RATE_LIMIT",
        "policyName": "TEN_SECONDLY_ROLLING",
    }
    sandbox.advance(6)
    assert limits(api.upsert("a@example.com"))[1] == "0"
    assert api.upsert("a@example.com").status_code == 429
    sandbox.advance(4)
    assert limits(api.upsert("a@example.com"))[1] == "1"
    stats = sandbox.stats()
    assert (stats.over_quota, stats.answers_429, stats.applied_writes) == (2, 2, 5)


def test_each_token_has_its_window_and_all_share_the_day(sandbox: Sandbox, api: Api) -> None:
    sandbox.configure(hubspot={"per_ten_seconds": 2, "daily": 3})
    sandbox.hold_clock()
    other = {"Authorization": "Bearer " + sandbox.grant("sandbox-other")}
    assert [api.call("GET", "/account-info/v3/details").status_code for _ in range(2)] == [200, 200]
    assert limits(api.call("GET", "/account-info/v3/details", headers=other)) == ("2", "1", "3", "0")
    spent = api.call("GET", "/account-info/v3/details", headers=other)
    assert (spent.status_code, spent.json()["policyName"]) == (429, "DAILY")
    sandbox.advance(86_400)
    assert api.call("GET", "/account-info/v3/details").status_code == 200


def test_the_day_ends_at_the_portals_midnight(sandbox: Sandbox, api: Api) -> None:
    sandbox.configure(hubspot={"daily": 1, "time_zone": "Asia/Kolkata"})
    now = sandbox.hold_clock()
    to_midnight = 86_400 - (now + 5.5 * 3600) % 86_400
    assert api.call("GET", "/account-info/v3/details").status_code == 200
    sandbox.advance(to_midnight / 2)
    assert api.call("GET", "/account-info/v3/details").status_code == 429
    sandbox.advance(to_midnight)
    assert api.call("GET", "/account-info/v3/details").status_code == 200


def test_oauth_has_a_lower_window_and_no_daily_headers(sandbox: Sandbox, api: Api) -> None:
    oauth = {"Authorization": "Bearer " + sandbox.grant("sandbox-oauth", kind="oauth")}
    assert limits(api.call("GET", "/account-info/v3/details", headers=oauth)) == ("110", "109", "-", "-")


def test_tiers_and_unlimited(sandbox: Sandbox, api: Api) -> None:
    sandbox.configure(hubspot={"tier": "starter"})
    assert limits(api.upsert("a@example.com")) == ("100", "99", "250000", "249999")
    sandbox.configure(unlimited=True)
    assert limits(api.upsert("a@example.com"))[0] == "1000000"

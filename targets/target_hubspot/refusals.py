"""What answers that bring no results mean: whose fault it is, and what to do. The vendor's words are in `codes`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone

from penstock.bodies import error_body, json_body
from penstock.errors import BatchRefused, Fault, Misconfigured, NotAccepted, Throttled, Unavailable
from penstock.records import Batch, Response
from penstock.retry import retry_after
from target_hubspot import codes

NO_HUBSPOT = (
    "the answer at start is not HubSpot's",
    "check that setting api_url is HubSpot's API, or the sandbox's /hubspot, and that no proxy answers; run again",
)


def refusal(response: Response, batch: Batch) -> Exception:
    """Say what an answer without results means for its batch."""
    status = response.status
    body = error_body(response)
    why = codes.reason(body)
    named = retry_after(response.headers, datetime.now(timezone.utc).timestamp())
    if status == 429:
        return _throttled(body, why, named)
    if status in codes.UNAVAILABLE or (status >= 500 and status != 477):
        return Unavailable(f"status {status}", 2.0 if status == 423 and named is None else named)
    if status in (401, 403, 477) or 300 <= status < 400:
        return _account_trouble("a write", status, body)
    if status == 404 or (status == 400 and codes.CONFIGURATION.match(str(body.get("message", "")))):
        return Misconfigured(
            f"sync {batch.sync.stream}: HubSpot refuses writes to {batch.sync.object} (status {status}, {why.code})",
            "check the sync's object and match against the portal",
        )
    if 400 <= status < 500:
        return BatchRefused(why.code, f"{why.message} (status {status})", why.property)
    return NotAccepted(f"unexpected status {status}")


def _throttled(body: Mapping[str, object], why: codes.Reason, named: float | None) -> Exception:
    """Wait as the answer names. HubSpot documents no Retry-After, so as a rule its policy's window is what counts."""
    policy = codes.label(body.get("policyName") or why.code)
    if policy == "DAILY":
        return Fault(
            "HubSpot's daily limit of API calls is used up",
            "run again after midnight in the portal's time zone; what was delivered stays acknowledged",
        )
    wait = codes.POLICY_WAITS.get(policy, codes.WINDOW_SECONDS) if named is None else named
    return Throttled(f"status 429, {policy}", wait)


def _account_trouble(doing: str, status: int, body: Mapping[str, object]) -> Exception:
    if 300 <= status < 400:
        return Misconfigured(f"setting api_url: {doing} was redirected (status {status}), which is never followed")
    if status == 477:
        return Fault("HubSpot is moving this account between data centres (status 477)", "run again in some hours")
    wanted = codes.scopes(body)
    if status == 403 and wanted:
        return Misconfigured(
            f"the token lacks scopes: {', '.join(wanted)}", "add them to the app in HubSpot, then run again"
        )
    return Misconfigured(
        f"setting token: HubSpot refused it (status {status}, {codes.label(body.get('category'))})",
        "make or rotate the private app's token in HubSpot and set TARGET_HUBSPOT_TOKEN",
    )


def read_answer(response: Response, doing: str) -> Mapping[str, object]:
    """Read the answer to a question asked at start. Raises Misconfigured or Fault unless it is a success."""
    if response.status == 200:
        try:
            return json_body(response)
        except NotAccepted as error:
            raise Fault(*NO_HUBSPOT) from error
    raise unanswered(doing, response)


def unanswered(doing: str, response: Response) -> Exception:
    """Return the error for a question asked at start that was refused."""
    body = error_body(response)
    if response.status in (401, 403, 477) or 300 <= response.status < 400:
        return _account_trouble(doing, response.status, body)
    return Misconfigured(
        f"setting api_url: {doing} was answered with status {response.status} ({codes.reason(body).code})",
        "check that api_url is HubSpot's API, or the sandbox's /hubspot, and api_version one that it serves",
    )


def expect_done(response: Response, batch: Batch) -> None:
    """Hold that an answer without results says yes: 204 (documented), or a JSON object; a proxy's page does not.

    One with errors names no row surely, so the batch is halved: what was done already may be done again.
    Raises a Refusal or a Stop.
    """
    if response.status not in (200, 201, 202, 204, 207):
        raise refusal(response, batch)
    if response.status == 204:
        return
    errors = json_body(response).get("errors")
    if isinstance(errors, list) and errors:
        why = codes.reason(errors[0] if isinstance(errors[0], dict) else {})
        raise BatchRefused(why.code, f"{why.message} (status {response.status})", why.property)

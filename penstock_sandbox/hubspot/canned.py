"""Answers of HubSpot that a fault can give by name."""

from typing import NamedTuple

import msgspec

from penstock_sandbox.hubspot import errors
from penstock_sandbox.provenance import assumed, documented, recorded

ERRORS = "developers.hubspot.com/docs/api-reference/error-handling"


class Canned(NamedTuple):
    """A status, a body and headers."""

    status: int
    body: bytes
    headers: dict[str, str]


@documented("423 while an object is locked, for two seconds or more", ERRORS)
@documented("414 for a contact with more than 250 addresses", ERRORS)
@documented("477 while the account moves to another data centre, with Retry-After up to a day", ERRORS)
@documented("502, 503, 504, 521, 522, 523, 524, 525 and 526 come from the gateway", ERRORS)
@recorded("A whole upsert can be a 409 that names an id", "reports in the fact sheet; its trigger is not described")
@assumed("Bodies of 423, 477 and 500; the gateway's are HTML", "only the status codes are documented")
def answers() -> dict[str, Canned]:
    """Return the answers by name."""
    found = {
        policy.lower(): _json(errors.rate_limited(policy)) for policy in ("DAILY", "TEN_SECONDLY_ROLLING", "SECONDLY")
    }
    moving = errors.RefusalError(477, {"message": "This account is being moved", "category": "MIGRATION_IN_PROGRESS"})
    moving.headers = {"Retry-After": "86400"}
    found["moving"] = _json(moving)
    found["locked"] = _json(errors.RefusalError(423, {"message": "The resource is locked", "category": "LOCKED"}))
    found["conflict"] = _json(errors.conflict("Contact already exists. Existing ID: 12345"))
    found["internal"] = _json(errors.RefusalError(500, {"message": "internal error"}))
    message = "Cannot have more than 250 identities on a profile"
    found["identities"] = _json(errors.RefusalError(414, {"message": message, "category": "VALIDATION_ERROR"}))
    found["dead_refresh_token"] = _json(
        errors.RefusalError(400, {"status": "BAD_REFRESH_TOKEN", "message": "missing or invalid refresh token"})
    )
    for status in (502, 503, 504, 521, 522, 523, 524, 525, 526):
        page = f"<html><head><title>{status}</title></head><body><h1>Error {status}</h1></body></html>"
        found[f"gateway_{status}"] = Canned(status, page.encode(), {"Content-Type": "text/html"})
    return found


def _json(refusal: errors.RefusalError) -> Canned:
    body = {**refusal.body, "correlationId": "aeb5f871-7f07-4993-9211-075dc63e7cbf"}
    return Canned(refusal.status, msgspec.json.encode(body), refusal.headers)

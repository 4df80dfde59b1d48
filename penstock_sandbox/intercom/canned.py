"""Answers of Intercom that a fault can give by name."""

from __future__ import annotations

import msgspec

from penstock_sandbox.intercom import errors
from penstock_sandbox.provenance import assumed, documented, recorded

Canned = tuple[int, bytes, dict[str, str]]
ERRORS = "developers.intercom.com/docs/references/2.17/rest-api/errors/error-codes"
NOBODY = "000000000000000000000000"
PAST, FAR = "1", "4102444800"


@documented("408, 500 and 503 have codes of their own", ERRORS)
@documented("Plans and permissions are 403: api_plan_restricted, action_forbidden", ERRORS)
@recorded("Malformed JSON is a 400 that is no error.list", "amp-labs/connectors, recorded")
@assumed("What a gateway says is HTML", "bodies of 5xx are not described")
@assumed("A Reset in the past or far ahead, a 409 without an id, a Link to elsewhere", "what a client must survive")
def answers() -> dict[str, Canned]:
    """Return the answers by name."""
    late, early = errors.rate_limited(1667), errors.rate_limited(1667)
    for refusal, reset in ((late, PAST), (early, FAR)):
        refusal.headers = {"X-RateLimit-Limit": "1667", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset}
    foreign = errors.merged(NOBODY)
    foreign.headers = {"Link": f'<https://elsewhere.example/contacts/{NOBODY}>; rel="canonical"'}
    nameless = errors.RefusalError(409, "conflict", "A contact matching those details already exists")
    found = {
        "intercom_rate_limited": errors.rate_limited(1667),
        "intercom_rate_limited_past": late,
        "intercom_rate_limited_far": early,
        "intercom_timeout": errors.RefusalError(408, "request_timeout", "The request timed out"),
        "intercom_server_error": errors.RefusalError(500, "server_error", "Something went wrong"),
        "intercom_unavailable": errors.RefusalError(503, "service_unavailable", "Service Unavailable"),
        "intercom_scroll_error": errors.RefusalError(500, "server_error", "An internal network error occurred"),
        "intercom_conflict_nameless": nameless,
        "intercom_conflict_nobody": errors.conflict(NOBODY, archived=False),
        "intercom_conflict_archived_nobody": errors.conflict(NOBODY, archived=True),
        "intercom_merged_nowhere": errors.merged(NOBODY),
        "intercom_merged_foreign": foreign,
        "intercom_plan": errors.RefusalError(403, "api_plan_restricted", "Active subscription needed."),
        "intercom_forbidden": errors.RefusalError(403, "action_forbidden", "Not authorized to access resource"),
        "intercom_unauthorized": errors.unauthorized(),
        "intercom_bad_json": errors.bad_json("ddf8bfe97056e23f5d2b1ed92627ad07"),
    }
    gateway = {f"intercom_gateway_{status}": status for status in (502, 503, 504)}
    html = b"<html><body><h1>bad gateway</h1></body></html>"
    return {name: _worded(refusal) for name, refusal in found.items()} | {
        name: (status, html, {"Content-Type": "text/html"}) for name, status in gateway.items()
    }


def _worded(refusal: errors.RefusalError) -> Canned:
    body = refusal.body or {"type": "error.list", "request_id": "00043csj9iva7pl9mmmg", "errors": [refusal.error]}
    return refusal.status, msgspec.json.encode(body), refusal.headers

"""Answers of Salesforce that a fault can give by name."""

from typing import NamedTuple

import msgspec

from penstock_sandbox.provenance import documented, recorded
from penstock_sandbox.salesforce import errors

CODES = "REST API Developer Guide: Status Codes and Error Responses"


class Canned(NamedTuple):
    """A status, a body and headers."""

    status: int
    body: bytes
    headers: dict[str, str]


@documented("403 REQUEST_LIMIT_EXCEEDED means a spent quota or too much at once; the message tells which", CODES)
@documented("500 UNKNOWN_EXCEPTION, 503 SERVER_UNAVAILABLE; a query may run too long", CODES)
@recorded("A dead session is 401 INVALID_SESSION_ID", "restforce fixtures, expired_session_response.json")
@recorded("429 is expected by other clients, though nowhere documented", "reports in the fact sheet")
def answers() -> dict[str, Canned]:
    """Return the answers by name."""
    found = {
        "session_expired": errors.session_invalid(),
        "request_limit": errors.request_limit("TotalRequests Limit exceeded."),
        "concurrent_requests": errors.request_limit("ConcurrentRequests (Concurrent API Requests) Limit exceeded."),
        "insufficient_access": errors.refused(403, "INSUFFICIENT_ACCESS", "insufficient access rights on object id"),
        "too_many_requests": errors.refused(429, "REQUEST_LIMIT_EXCEEDED", "too many requests"),
        "unknown_exception": errors.refused(500, "UNKNOWN_EXCEPTION", "An unexpected error occurred. Error ID: 1-1"),
        "server_unavailable": errors.refused(503, "SERVER_UNAVAILABLE", "Server Unavailable"),
        "running_too_long": errors.refused(400, "REQUEST_RUNNING_TOO_LONG", "Your request was running for too long"),
        "storage_limit": errors.refused(400, "STORAGE_LIMIT_EXCEEDED", "storage limit exceeded"),
        "invalid_grant": errors.oauth("invalid_grant", "expired access/refresh token"),
    }
    headers = {"Content-Type": "application/json;charset=UTF-8"}
    return {name: Canned(each.status, msgspec.json.encode(each.body), headers) for name, each in found.items()}

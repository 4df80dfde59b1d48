"""What answers that bring no results mean: whose fault it is, and what to do. Salesforce's words are in `codes`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timezone

import msgspec

from penstock.errors import BatchRefused, Fault, Misconfigured, NotAccepted, Stop, Throttled, Unavailable
from penstock.modes import Sync
from penstock.records import Response
from penstock.retry import retry_after
from target_salesforce.codes import Do, Reason, reason

NO_SALESFORCE = (
    "the answer at start is not Salesforce's",
    "check that setting login_url is Salesforce's or the sandbox's, and that no proxy answers; run again",
)
BUSY = 2.0
"""seconds to wait where too much of the org's runs at once; Salesforce names no time"""
UNAVAILABLE = frozenset({408, 420, 421})
_COLUMN = re.compile(r"No such column '([A-Za-z][A-Za-z0-9_.]{0,120})'").search
_XML = re.compile(r"<exceptionCode>([A-Za-z]{1,60})</exceptionCode>").search
_decode = msgspec.json.Decoder().decode


def about(sync: Sync) -> str:
    """Name a sync and its object, for messages."""
    return f"sync {sync.stream} ({sync.object})"


def refusal(response: Response, at: str) -> Exception:
    """Say what an answer without results means; `at` names the sync that it is about."""
    status, why = response.status, request_reason(response)
    if status == 403 and why.code == "REQUEST_LIMIT_EXCEEDED" and not why.text.startswith("Concurrent"):
        return _quota_gone()
    if status == 429 or why.code == "REQUEST_LIMIT_EXCEEDED":
        named = retry_after(response.headers, datetime.now(timezone.utc).timestamp())
        return Throttled(
            f"status {status}, too many requests at a time", BUSY if named is None and status != 429 else named
        )
    if why.do in (Do.RETRY, Do.LOCKED) or status in UNAVAILABLE or status >= 500:
        named = retry_after(response.headers, datetime.now(timezone.utc).timestamp())
        return Unavailable(f"status {status}, {why.code}", named)
    if status in (401, 403, 410) or 300 <= status < 400 or why.do is Do.STOP:
        return _trouble(f"a request of {at}", response, why)
    return _refused(status, why, at)


def _refused(status: int, why: Reason, at: str) -> Exception:
    """Say whose fault a refusal is that is neither the account's nor the server's: the sync's, or a row's."""
    if status == 404 or why.do is Do.SCHEMA:
        column = _COLUMN(why.text)
        field = f", field {column.group(1)}" if column else f", field {why.field}" if why.field else ""
        return Misconfigured(
            f"{at}: Salesforce refuses all of a request (status {status}, {why.code}{field})",
            "the org has changed, or the user lost a permission: look at object and fields, then run again",
        )
    if 400 <= status < 500:
        return BatchRefused(why.code, f"{why.message} (status {status})", why.field)
    return NotAccepted(f"unexpected status {status}")


def stop(why: Reason) -> Stop:
    """Return why a run must end for a row's code."""
    if why.do is Do.REFRESH:
        return Misconfigured("the session has expired, and a new one is refused as well", "look at the app's policies")
    if why.code == "REQUEST_LIMIT_EXCEEDED":
        return _quota_gone()
    return Fault(
        f"Salesforce takes nothing more ({why.code})",
        "look at the org's storage, licences and limits; what was delivered stays acknowledged",
    )


def _quota_gone() -> Fault:
    return Fault(
        "Salesforce's limit of API calls in 24 hours is used up (REQUEST_LIMIT_EXCEEDED)",
        "it counts a rolling day: run again in some hours; what was delivered stays acknowledged",
    )


def _trouble(doing: str, response: Response, why: Reason) -> Stop:
    status = response.status
    if 300 <= status < 400:
        return Misconfigured(f"setting login_url: {doing} was redirected (status {status}), which is never followed")
    if status == 410 or why.code in ("UNSUPPORTED_API_VERSION", "InvalidVersion", "Gone"):
        return Misconfigured("setting api_version: this version is no longer served", "choose a newer one")
    if status == 401 or why.do is Do.REFRESH:
        return Misconfigured(
            f"Salesforce refused the session (status {status}, {why.code})",
            "look at the connected app's policies and the user's log-in history",
        )
    if why.do is Do.STOP:
        return stop(why)
    return Misconfigured(
        f"{doing} was refused (status {status}, {why.code})",
        "the user needs the permission 'API Enabled' and access to the objects and fields of the syncs",
    )


def request_reason(response: Response) -> Reason:
    """Read the code of a refused request: an array of errors as a rule, an object or XML elsewhere."""
    try:
        body = _decode(response.body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        found = _XML(response.body[:4096].decode(errors="replace"))
        return Reason(found.group(1)) if found else Reason("UNKNOWN")
    return reason(body[0] if isinstance(body, list) and body else body)


def read_answer(response: Response, doing: str) -> Mapping[str, object]:
    """Read the answer to a question asked at start. Raises Misconfigured or Fault unless it is a success."""
    if response.status == 200:
        try:
            return json_object(response)
        except NotAccepted as error:
            raise Fault(*NO_SALESFORCE) from error
    why = request_reason(response)
    if response.status == 403 and why.code == "REQUEST_LIMIT_EXCEEDED":
        raise _quota_gone()
    if response.status == 404:
        raise Misconfigured(f"{doing} was answered with status 404", "check setting api_version, and login_url")
    raise _trouble(doing, response, why)


def json_object(response: Response) -> Mapping[str, object]:
    """Return the object that an answer is. Raises NotAccepted where it is none."""
    body = json_body(response)
    if not isinstance(body, dict):
        raise NotAccepted(f"status {response.status} with a body that is no object")
    return body


def json_body(response: Response) -> object:
    """Return what an answer holds. Raises NotAccepted where it is not JSON."""
    try:
        return _decode(response.body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise NotAccepted(f"status {response.status} with a body that is not JSON") from error

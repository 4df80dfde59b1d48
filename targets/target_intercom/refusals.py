"""What answers that settle no row mean: whose fault it is, and what to do. Intercom's words are in `codes`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime

from penstock.bodies import Body, error_body, json_body
from penstock.errors import BatchRefused, Fault, Misconfigured, NotAccepted, Throttled, Unavailable
from penstock.modes import Action
from penstock.records import Ask, Batch, Request, Response
from penstock.relations import OF_LINKS
from penstock.retry import retry_after
from target_intercom import codes
from target_intercom.permissions import needed

NO_INTERCOM = (
    "the answer at start is not Intercom's",
    "check that setting api_url is Intercom's API, or the sandbox's /intercom, and that no proxy answers; run again",
)
PLAN = "api_plan_restricted"
BELIEVED = 60.0
"""seconds ahead beyond which a Reset is not believed: a window has ten"""


def refusal(response: Response, batch: Batch) -> Exception:
    """Say what an answer that settles nothing means for its batch."""
    status, body = response.status, error_body(response)
    why = codes.reason(body)
    if status == 429:
        return Throttled(f"status 429, {why.code}", until_reset(response.headers))
    if status in codes.UNAVAILABLE or status >= 500:
        return Unavailable(f"status {status}", _named(response.headers))
    if status in (401, 403, 406) or 300 <= status < 400:
        return account_trouble(doing(batch), status, why.code)
    name = codes.undefined_attribute(body)
    if name is not None and name in _written(batch):
        return Misconfigured(
            f"sync {batch.sync.stream}: Intercom has no attribute {name!r} (any more)",
            "bring it back in Intercom or leave it out of fields, then run again",
        )
    if not 400 <= status < 500 or (status == 404 and not codes.errors(body)):
        return NotAccepted(f"status {status} with a body that is not Intercom's")
    return BatchRefused(why.code, f"{why.message} (status {status})", why.field)


def _written(batch: Batch) -> frozenset[str]:
    names = {name for row in batch.rows for name in row.payload}
    return frozenset(name.removeprefix("custom_attributes.") for name in names)


def until_reset(headers: Mapping[str, str]) -> float | None:
    """Return the seconds until the window ends, by the answer's own clock where it tells it; None for nonsense."""
    named = _named(headers)
    text = headers.get("x-ratelimit-reset", "")
    if named is not None or not text.isdecimal() or len(text) > 15:
        return named
    ahead = float(text) - _now(headers)
    return max(ahead, 0.5) if -2.0 <= ahead <= BELIEVED else named


def _now(headers: Mapping[str, str]) -> float:
    try:
        return parsedate_to_datetime(headers.get("date", "")).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return datetime.now(timezone.utc).timestamp()


def _named(headers: Mapping[str, str]) -> float | None:
    return retry_after(headers, datetime.now(timezone.utc).timestamp())


def doing(batch: Batch) -> str:
    """Name what a batch is for."""
    link = f", associate {batch.link.name}" if batch.action in OF_LINKS else ""
    what = "a look at what is there" if batch.action is Action.SURVEY else f"to {batch.action.value}"
    return f"sync {batch.sync.stream}{link}: {what}"


def account_trouble(doing: str, status: int, code: str, lacks: str = "") -> Misconfigured:
    """Return the error for an answer that is about the credentials, the plan or the address, and no row.

    `lacks` is the permission that was needed, where that is known.
    """
    if 300 <= status < 400:
        return Misconfigured(f"setting api_url: {doing} was redirected (status {status}), which is never followed")
    if status == 401:
        return Misconfigured(
            f"setting access_token: Intercom refused it (status 401, {code})",
            "look at the token in Intercom's Developer Hub and at setting region: a token of another region is refused",
        )
    if status == 403:
        which = f", most probably “{lacks}”" if lacks else ""
        why = "the workspace's plan does not allow it" if code == PLAN else f"the app lacks a permission{which}"
        return Misconfigured(
            f"{doing} is refused: {why} (status 403, {code})",
            "give the app the permission in Intercom's Developer Hub, or leave the sync out; then run again",
        )
    return Misconfigured(f"setting api_url: {doing} was answered with status {status} ({code})")


def refused(doing: str, response: Response, request: Request) -> Misconfigured:
    """Return the error for a request that a permission, or the plan, does not allow."""
    return account_trouble(doing, response.status, codes.reason(error_body(response)).code, needed(request))


def question(ask: Ask, request: Request, doing: str, at: str = "") -> Body:
    """Ask a question at start, for the sake of the sync `at`. Raises Misconfigured or Fault unless it is a success."""
    return answered(ask(request), request, doing, at)


def answered(response: Response, request: Request, doing: str, at: str) -> Body:
    """Read the answer to it."""
    if response.status == 200:
        try:
            return json_body(response)
        except NotAccepted as error:
            raise Fault(*NO_INTERCOM) from error
    raise _unanswered(f"{at}: {doing}" if at else doing, response, request)


def _unanswered(doing: str, response: Response, request: Request) -> Exception:
    """Return the error for a question asked at start that was refused."""
    code = codes.reason(error_body(response)).code
    if response.status in (401, 403) or 300 <= response.status < 400:
        return refused(doing, response, request)
    if code == "intercom_version_invalid":
        return Misconfigured("setting api_version: Intercom does not serve this version", "leave it out, or name 2.14")
    return Misconfigured(
        f"setting api_url: {doing} was answered with status {response.status} ({code})",
        "check that api_url is Intercom's API, or the sandbox's /intercom",
    )

"""HubSpot's object API as pure functions: a batch to a request, an answer to one outcome per row.

Every input carries an `objectWriteTraceId` that is unique in the request, because without them one bad row makes
HubSpot refuse all hundred (recorded; documented for create, seen for upsert and update). Results come in any order,
so rows are found again by trace id, by id or by key, and a row that nobody mentions is unknown, never delivered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast
from urllib.parse import quote

import msgspec

from penstock.errors import BatchRefused, Fault, Misconfigured, NotAccepted, Throttled, Unavailable
from penstock.records import (
    Action,
    Again,
    Ask,
    Batch,
    Delivered,
    Form,
    Gauge,
    Json,
    Limits,
    Outcome,
    Rejected,
    Request,
    Response,
    Row,
    Sync,
    Unknown,
)
from target_hubspot import codes
from target_hubspot.properties import Property, make_form, normalise_email

OBJECT_TYPES: Mapping[str, str] = {"contacts": "0-1", "contact": "0-1", "0-1": "0-1"}
"""what this version syncs, by the names HubSpot takes"""
_NAMES: Mapping[str, str] = {"0-1": "contacts"}
OBJECTS = "/crm/objects/2026-03"
PROPERTIES = "/crm/properties/2026-03"
ACCOUNT = "/account-info/2026-03/details"
LIMITS = Limits(rows=100, body_bytes=2 * 2**20, concurrency=10, requests=190, window=codes.WINDOW_SECONDS)
"""100 inputs a batch (documented). 190 requests per ten seconds is the Professional tier; the answers' headers correct
it. The cap on bytes is ours: none is documented."""
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


class Input(msgspec.Struct, omit_defaults=True):
    """One row of a batch request."""

    id: str
    properties: msgspec.Raw
    objectWriteTraceId: str  # noqa: N815 - HubSpot's name
    idProperty: str = ""  # noqa: N815 - HubSpot's name


class Inputs(msgspec.Struct):
    """The body of a batch request."""

    inputs: list[Input]


class HubSpot:
    """The destination that HubSpot is. Remembers nothing but the property lists that it was told."""

    limits = LIMITS

    def __init__(self) -> None:
        self._properties: dict[str, Mapping[str, Property]] = {}
        self._match: dict[str, str] = {}

    def account(self, ask: Ask) -> str:
        """Name the portal behind the token. Raises Misconfigured when the token is refused."""
        body = _read(ask(Request("GET", ACCOUNT)), "reading the account")
        return f"hubspot:{body.get('portalId')}"

    def form(self, sync: Sync, columns: Mapping[str, Json] | None, key_properties: Sequence[str], ask: Ask) -> Form:
        """Check a sync against the portal's property list."""
        object_type = OBJECT_TYPES.get(sync.object)
        if object_type is None:
            raise Misconfigured(
                f"sync {sync.stream}: object {sync.object!r} is not one that this version syncs; it syncs contacts",
                "set `object: contacts`, or wait for the version that has the object",
            )
        if object_type not in self._properties:
            body = _read(ask(Request("GET", f"{PROPERTIES}/{quote(object_type, safe='')}")), "reading the properties")
            results = body.get("results")
            if not isinstance(results, list) or not results:
                raise Fault("HubSpot's property list came empty", "run again; if it stays so, check the token's scopes")
            found = [Property.of(entry) for entry in results if isinstance(entry, dict)]
            self._properties[object_type] = {p.name: p for p in found}
        form = make_form(sync, columns, key_properties, self._properties[object_type])
        self._match[sync.stream] = form.match
        return form

    def encode(self, batch: Batch) -> Request:
        """Write a batch/upsert by the match property, a batch/update by record id, or a batch/read to find ids."""
        objects = f"{OBJECTS}/{_NAMES[OBJECT_TYPES[batch.sync.object]]}"
        if batch.action is Action.FIND:
            match = self._match[batch.sync.stream]
            wanted = [{"id": row.known.match} for row in batch.rows if row.known]
            question = {"idProperty": match, "properties": [match, "hs_additional_emails"], "inputs": wanted}
            return Request("POST", f"{objects}/batch/read", _encode(question))
        by_id = batch.action is Action.UPDATE
        id_property = "" if by_id else self._match[batch.sync.stream]
        inputs = [
            Input(
                id=(row.destination_id or "") if by_id else row.match,
                properties=msgspec.Raw(row.body),
                objectWriteTraceId=str(n),
                idProperty=id_property,
            )
            for n, row in enumerate(batch.rows)
        ]
        verb = "update" if by_id else "upsert"
        return Request("POST", f"{objects}/batch/{verb}", _encode(Inputs(inputs)))

    def decode(self, response: Response, batch: Batch) -> list[Outcome]:
        """Read one outcome per row, in the batch's order."""
        if response.status not in (200, 201, 207):
            if response.status == 409 and (outcome := _lone_conflict(_error_body(response), batch)) is not None:
                return [outcome]
            raise _refusal(response, batch)
        body = _json(response)
        results, errors = body.get("results"), body.get("errors", [])
        if not isinstance(results, list) or not isinstance(errors, list):
            raise NotAccepted(f"status {response.status} with a body that is no batch answer")
        if batch.action is Action.FIND:
            return self._found(results, batch)
        outcomes: list[Outcome | None] = [None] * len(batch.rows)
        finder = _Finder(batch, self._match.get(batch.sync.stream, ""))
        for error in errors:
            if isinstance(error, dict):
                for n in finder.of_error(error):
                    outcomes[n] = _row_error(error, batch.rows[n], batch.action)
        for result in results:
            if isinstance(result, dict) and (at := finder.of_result(result)) is not None and outcomes[at] is None:
                created = result.get("new")
                outcomes[at] = Delivered(str(result["id"]), bool(created) if created is not None else None)
        return [outcome or _unmentioned(row, batch.action) for outcome, row in zip(outcomes, batch.rows, strict=True)]

    def _found(self, results: Sequence[object], batch: Batch) -> list[Outcome]:
        """Send each row on: to the record that was found under its former match value, or to be upserted."""
        ids: dict[str, str] = {}
        for result in results:
            if isinstance(result, dict) and result.get("id"):
                properties = cast("Mapping[str, object]", result.get("properties") or {})
                for key in match_values(properties, self._match[batch.sync.stream]):
                    ids[key] = str(result["id"])
        outcomes: list[Outcome] = []
        for row in batch.rows:
            found = ids.get((row.known.match or "") if row.known else "")
            action = Action.UPDATE if found else Action.UPSERT
            outcomes.append(Again(action, found, "looked up under its former match value"))
        return outcomes

    def gauge(self, response: Response) -> Gauge | None:
        """Read the ten-second window off the headers; search answers have none (documented)."""
        try:
            return Gauge(
                requests=int(response.headers["x-hubspot-ratelimit-max"]),
                window=int(response.headers.get("x-hubspot-ratelimit-interval-milliseconds", "10000")) / 1000,
                remaining=int(response.headers["x-hubspot-ratelimit-remaining"]),
            )
        except (KeyError, ValueError):
            return None


class _Finder:
    """Finds the row of a result or an error again: by trace id, record id or key, never by position."""

    def __init__(self, batch: Batch, match: str) -> None:
        self._rows = batch.rows
        self._match = match
        self._by_id = {row.destination_id: n for n, row in enumerate(batch.rows) if row.destination_id}
        self._by_match = {row.match: n for n, row in enumerate(batch.rows)}
        self._update = batch.action is Action.UPDATE

    def of_error(self, error: Mapping[str, object]) -> list[int]:
        traces = codes.context_list(error, "objectWriteTraceId")
        if traces:
            return [int(t) for t in traces if t.isdigit() and int(t) < len(self._rows)]
        names = codes.context_list(error, "ids")
        known = self._by_id if self._update else self._by_match
        return [known[name] for name in names if name in known]

    def of_result(self, result: Mapping[str, object]) -> int | None:
        if not result.get("id"):
            return None
        trace = result.get("objectWriteTraceId")
        if isinstance(trace, str) and trace.isdigit() and int(trace) < len(self._rows):
            return int(trace)
        if self._update:
            return self._by_id.get(str(result["id"]))
        properties = cast("Mapping[str, object]", result.get("properties") or {})
        for value in match_values(properties, self._match):
            if value in self._by_match:
                return self._by_match[value]
        return self._by_id.get(str(result["id"]))


def match_values(properties: Mapping[str, object], match: str) -> list[str]:
    """Return the match values a record answers to: its own and, for e-mail, its aliases (observed)."""
    value = properties.get(match)
    if match != "email":
        return [str(value)] if value is not None else []
    aliases = str(properties.get("hs_additional_emails") or "").split(";")
    return [normalise_email(str(v)) for v in [value, *aliases] if v]


def _row_error(error: Mapping[str, object], row: Row, action: Action) -> Outcome:
    why = codes.reason(error)
    if why.code == "OBJECT_NOT_FOUND" and action is Action.UPDATE and row.attempts < 3:
        return Again(Action.UPSERT, None, "the record id is gone; once more by its match value")
    existing = codes.existing_id(error)
    if existing and action is Action.UPSERT and why.code in ("CONFLICT", "OBJECT_ALREADY_EXISTS") and row.attempts < 3:
        return Again(Action.UPDATE, existing, "the record exists under this id")
    return Rejected(why.code, why.message, why.property)


def _unmentioned(row: Row, action: Action) -> Outcome:
    """Judge a row that the answer leaves out. An update drops ids that were merged away in silence (observed)."""
    if action is Action.UPDATE and row.attempts < 3:
        return Again(Action.UPSERT, None, "the record id was left out of the answer; once more by its match value")
    return Unknown("the answer does not mention the row", answered=True)


def _refusal(response: Response, batch: Batch) -> Exception:
    """Say what an answer without results means for its batch."""
    status = response.status
    body = _error_body(response)
    why = codes.reason(body)
    if status == 429:
        return _throttled(body, why)
    if status in codes.UNAVAILABLE or (status >= 500 and status != 477):
        return Unavailable(f"status {status}", 2.0 if status == 423 else None)
    if status in (401, 403, 477):
        return _account_trouble(status, body)
    if status == 404 or (status == 400 and codes.CONFIGURATION.search(str(body.get("message", "")))):
        return Misconfigured(
            f"sync {batch.sync.stream}: HubSpot refuses writes to {batch.sync.object} (status {status}, {why.code})",
            "check the sync's object and match against the portal",
        )
    if 400 <= status < 500:
        return BatchRefused(why.code, f"{why.message} (status {status})", why.property)
    return NotAccepted(f"unexpected status {status}")


def _lone_conflict(body: Mapping[str, object], batch: Batch) -> Outcome | None:
    """Take the id out of a conflict that names it, once a refused batch has been halved down to one row."""
    existing = codes.existing_id(body)
    if existing is None or len(batch.rows) != 1 or batch.action is not Action.UPSERT or batch.rows[0].attempts >= 3:
        return None
    return Again(Action.UPDATE, existing, "the record exists under this id")


def _throttled(body: Mapping[str, object], why: codes.Reason) -> Exception:
    policy = str(body.get("policyName") or why.code)
    if policy == "DAILY":
        return Fault(
            "HubSpot's daily limit of API calls is used up",
            "run again after midnight in the portal's time zone; what was delivered stays acknowledged",
        )
    return Throttled(f"status 429, {policy}", codes.POLICY_WAITS.get(policy, codes.WINDOW_SECONDS))


def _account_trouble(status: int, body: Mapping[str, object]) -> Exception:
    if status == 477:
        return Fault("HubSpot is moving this account between data centres (status 477)", "run again in some hours")
    wanted = codes.scopes(body)
    if status == 403 and wanted:
        return Misconfigured(
            f"the token lacks scopes: {', '.join(wanted)}", "add them to the private app in HubSpot, then run again"
        )
    category = str(body.get("category") or "no category")
    return Misconfigured(
        f"setting token: HubSpot refused it (status {status}, {category})",
        "make or rotate the private app's token in HubSpot and set TARGET_HUBSPOT_TOKEN",
    )


def _read(response: Response, doing: str) -> Mapping[str, object]:
    """Read the answer to a question asked at start. Raises Misconfigured or Fault unless it is a success."""
    if response.status == 200:
        return _json(response)
    body = _error_body(response)
    if response.status in (401, 403, 477):
        raise _account_trouble(response.status, body)
    if 300 <= response.status < 400:
        raise Misconfigured(
            f"setting api_url: {doing} was redirected (status {response.status}), which is never followed"
        )
    raise Misconfigured(
        f"setting api_url: {doing} was answered with status {response.status} ({codes.reason(body).code})",
        "check that api_url is HubSpot's API, or the sandbox's /hubspot",
    )


def _json(response: Response) -> Mapping[str, object]:
    try:
        body = _decode(response.body)
    except msgspec.MsgspecError as error:
        raise NotAccepted(f"status {response.status} with a body that is not JSON") from error
    if not isinstance(body, dict):
        raise NotAccepted(f"status {response.status} with a body that is no object")
    return body


def _error_body(response: Response) -> Mapping[str, object]:
    try:
        return _json(response)
    except NotAccepted:
        return {}

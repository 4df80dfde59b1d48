"""HubSpot's object API as pure functions: a batch to a request, an answer to one outcome per row.

Every input carries an `objectWriteTraceId` that is unique in the request, because without them one bad row makes
HubSpot refuse all hundred (recorded; documented for create, seen for upsert and update). Results come in any order,
so rows are found again by trace id, by id or by key, and a row that nobody mentions is unknown, never delivered.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from urllib.parse import quote

import msgspec

from penstock.bulk import Jobs
from penstock.errors import BatchRefused, Fault, Misconfigured, NotAccepted, Throttled, Unavailable
from penstock.modes import Action, Json, Sync
from penstock.records import (
    Abilities,
    Again,
    Ask,
    Batch,
    Delivered,
    Form,
    Gauge,
    Limits,
    Outcome,
    Rejected,
    Request,
    Response,
    Row,
    Unknown,
)
from penstock.retry import retry_after
from target_hubspot import codes
from target_hubspot.imports import Described, Imports
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
_ACTIONS = frozenset({Action.UPSERT, Action.UPDATE, Action.FIND, Action.READ})
ABILITIES = Abilities(_ACTIONS, keyed=_ACTIONS, by_match=_ACTIONS - {Action.READ})
"""every one of them may be repeated: an upsert and an update leave the same properties behind"""
LONGEST_WINDOW = 60.0
DAILY = re.compile(r"[0-9]{1,15}").fullmatch
"""seconds; a header that names a longer rate window is not believed"""
LOOKS = 3
"""times that one row is sent before what an answer leaves out is taken at its word"""
_NO_HUBSPOT = (
    "the answer at start is not HubSpot's",
    "check that setting api_url is HubSpot's API, or the sandbox's /hubspot, and that no proxy answers; run again",
)
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
    abilities = ABILITIES

    def __init__(self) -> None:
        self._properties: dict[str, Mapping[str, Property]] = {}
        self._match: dict[str, str] = {}
        self._fields: dict[str, frozenset[str]] = {}
        self.jobs: Jobs = Imports(self._described, _refusal)

    def account(self, ask: Ask) -> str:
        """Name the portal behind the token. Raises Misconfigured when the token is refused."""
        body = _read(ask(Request("GET", ACCOUNT)), "reading the account")
        portal = body.get("portalId")
        if not isinstance(portal, int | str) or not str(portal).isdigit():
            raise Fault(*_NO_HUBSPOT)
        return f"hubspot:{portal}"

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
        self._match[sync.stream] = form.match or ""
        self._fields[sync.stream] = frozenset(form.fields)
        return replace(form, object=_NAMES[object_type])

    def _described(self, sync: Sync) -> Described:
        object_type = OBJECT_TYPES[sync.object]
        properties = self._properties[object_type]
        types = {name: properties[name].type for name in self._fields[sync.stream]}
        return Described(object_type, self._match[sync.stream], types)

    def encode(self, batch: Batch) -> Request:
        """Write a batch/upsert by the match property, a batch/update by it or by record id, or a batch/read."""
        objects = f"{OBJECTS}/{_NAMES[OBJECT_TYPES[batch.sync.object]]}"
        match = self._match[batch.sync.stream]
        if batch.action in (Action.FIND, Action.READ):
            return Request("POST", f"{objects}/batch/read", _encode(_question(batch, match)))
        by_id = batch.by_id
        id_property = "" if by_id else match
        inputs = [
            Input(
                id=(row.destination_id or "") if by_id else row.match,
                properties=msgspec.Raw(row.body),
                objectWriteTraceId=str(n),
                idProperty=id_property,
            )
            for n, row in enumerate(batch.rows)
        ]
        verb = "update" if batch.action is Action.UPDATE else "upsert"
        return Request("POST", f"{objects}/batch/{verb}", _encode(Inputs(inputs)))

    def decode(self, response: Response, batch: Batch) -> list[Outcome]:
        """Read one outcome per row, in the batch's order."""
        if response.status not in (200, 201, 207):
            if response.status == 409 and len(batch.rows) == 1:
                return [_row_error(_error_body(response), batch.rows[0], batch.action, self._match[batch.sync.stream])]
            raise _refusal(response, batch)
        body = _json(response)
        errors = body.get("errors") or []
        results = body.get("results", [] if errors else None)
        if not isinstance(results, list) or not isinstance(errors, list):
            raise NotAccepted(f"status {response.status} with a body that is no batch answer")
        if batch.action in (Action.FIND, Action.READ):
            return self._found(results, errors, batch)
        outcomes: list[Outcome | None] = [None] * len(batch.rows)
        finder = _Finder(batch, self._match[batch.sync.stream])
        for error in errors:
            if isinstance(error, dict):
                for n in finder.of_error(error):
                    outcomes[n] = _row_error(error, batch.rows[n], batch.action, self._match[batch.sync.stream])
        for result in results:
            if isinstance(result, dict) and (at := finder.of_result(result)) is not None and outcomes[at] is None:
                created = result.get("new")
                outcomes[at] = Delivered(_record_id(result), created if isinstance(created, bool) else None)
        _refuse_a_changed_portal(batch, outcomes)
        return [outcome or _unmentioned(row, batch.action) for outcome, row in zip(outcomes, batch.rows, strict=True)]

    def _found(self, results: Sequence[object], errors: Sequence[object], batch: Batch) -> list[Outcome]:
        """Tell where each row's record is.

        A value that is neither found nor named as missing may only be left out of the answer, so it is asked for again.
        """
        found: dict[str, Mapping[str, object]] = {}
        for result in results:
            if isinstance(result, dict) and (record_id := _record_id(result)):
                values = match_values(result, self._match[batch.sync.stream]) if batch.action is Action.FIND else []
                found.update(dict.fromkeys(values or [record_id], result))
        missing = {name for error in errors if isinstance(error, dict) for name in codes.context_list(error, "ids")}
        outcomes: list[Outcome] = []
        for row in batch.rows:
            asked = [row.destination_id or ""] if batch.action is Action.READ else row.look_for
            record = next((found[name] for name in asked if name in found), None)
            if record is not None:
                outcomes.append(Again(_record_id(record), "the record was found", _holds(record, batch.sync)))
            elif missing.issuperset(asked) or row.attempts >= LOOKS:
                outcomes.append(Again(None, "no record was found"))
            else:
                outcomes.append(Unknown("the answer does not mention what was looked for", answered=True))
        return outcomes

    def gauge(self, response: Response) -> Gauge | None:
        """Read the ten-second window and the day off the headers; search has none, OAuth no day (documented)."""
        try:
            requests = int(response.headers["x-hubspot-ratelimit-max"])
            window = int(response.headers.get("x-hubspot-ratelimit-interval-milliseconds", "10000")) / 1000
            remaining = int(response.headers["x-hubspot-ratelimit-remaining"])
        except (KeyError, ValueError, OverflowError):
            return None
        if requests <= 0 or not 0 < window <= LONGEST_WINDOW:
            return None
        day = [response.headers.get(f"x-hubspot-ratelimit-daily{part}", "") for part in ("-remaining", "")]
        left, limit = (int(text) if DAILY(text) else None for text in day)
        return Gauge(requests, window, remaining, left, limit)


def _question(batch: Batch, match: str) -> Mapping[str, object]:
    """Write the body of a batch/read, by record id or by the match values that rows may be found under."""
    properties = [match, "hs_additional_emails", *sorted(batch.sync.empty_only)]
    if batch.action is Action.READ:
        return {"properties": properties, "inputs": [{"id": row.destination_id} for row in batch.rows]}
    wanted = [{"id": name} for name in sorted({name for row in batch.rows for name in row.look_for})]
    return {"idProperty": match, "properties": properties, "inputs": wanted}


def _holds(record: Mapping[str, object], sync: Sync) -> frozenset[str]:
    """Name the fields that are only written where they are empty, and that have a value in a record."""
    properties = record.get("properties")
    return frozenset(n for n in sync.empty_only if isinstance(properties, dict) and properties.get(n) not in (None, ""))


class _Finder:
    """Finds the row of a result or an error again: by trace id, record id or key, never by position."""

    def __init__(self, batch: Batch, match: str) -> None:
        self._match = match
        self._by_trace = {str(n): n for n in range(len(batch.rows))}
        self._by_id = {row.destination_id: n for n, row in enumerate(batch.rows) if row.destination_id}
        self._by_match = {row.match: n for n, row in enumerate(batch.rows)}
        self._by_id_only = batch.by_id

    def of_error(self, error: Mapping[str, object]) -> list[int]:
        traces = codes.context_list(error, "objectWriteTraceId")
        if traces:
            return [self._by_trace[trace] for trace in traces if trace in self._by_trace]
        names = codes.context_list(error, "ids")
        known = self._by_id if self._by_id_only else self._by_match
        return [known[name] for name in names if name in known]

    def of_result(self, result: Mapping[str, object]) -> int | None:
        record_id = _record_id(result)
        if record_id is None:
            return None
        if self._by_id_only and record_id in self._by_id:
            return self._by_id[record_id]
        for value in match_values(result, self._match):
            if value in self._by_match:
                return self._by_match[value]
        trace = result.get("objectWriteTraceId")
        return self._by_trace.get(trace) if isinstance(trace, str) and not self._by_id_only else None


def _record_id(result: Mapping[str, object]) -> str | None:
    """Return the id of a result: digits as text, or a number."""
    found = result.get("id")
    text = str(found) if isinstance(found, str | int) and not isinstance(found, bool) else ""
    return text if text.isascii() and text.isdigit() else None


def match_values(result: Mapping[str, object], match: str) -> list[str]:
    """Return the match values a record answers to: its own and, for e-mail, its aliases (observed)."""
    properties = result.get("properties")
    if not isinstance(properties, dict):
        return []
    value = properties.get(match)
    if match != "email":
        return [str(value)] if value is not None else []
    aliases = str(properties.get("hs_additional_emails") or "").split(";")
    return [normalise_email(str(v)) for v in [value, *aliases] if v]


def _row_error(error: Mapping[str, object], row: Row, action: Action, match: str) -> Outcome:
    why = codes.reason(error)
    if why.code == "OBJECT_NOT_FOUND" and action is Action.UPDATE and row.attempts < LOOKS:
        return Again(None, "the record is not there")
    existing = codes.existing_id(error)
    # Who has the row's address is the row's own record only where the address is what identifies rows.
    is_own = existing is not None and action is Action.UPSERT and match == "email"
    if is_own and why.code in ("CONFLICT", "OBJECT_ALREADY_EXISTS") and row.attempts < LOOKS:
        return Again(existing, "the record exists under this id")
    return Rejected(why.code, why.message, why.property)


def _refuse_a_changed_portal(batch: Batch, outcomes: Sequence[Outcome | None]) -> None:
    """Stop when every row fails for a property that is gone or locked: that is no row's fault, nor the next rows'."""
    refused = {(o.code, o.field) if isinstance(o, Rejected) else None for o in outcomes}
    only = refused.pop() if len(refused) == 1 else None
    if only is not None and only[0] in codes.OF_THE_PORTAL:
        raise Misconfigured(
            f"sync {batch.sync.stream}: property {only[1]!r}: {codes.SENTENCES[only[0]]}",
            "bring the property back in HubSpot or leave it out of fields, then run again",
        )


def _unmentioned(row: Row, action: Action) -> Outcome:
    """Judge a row that the answer leaves out. An update drops ids that were merged away in silence (observed)."""
    if action is Action.UPDATE and row.destination_id is not None and row.attempts < LOOKS:
        return Again(None, "the record id was left out of the answer")
    return Unknown("the answer does not mention the row", answered=True)


def _refusal(response: Response, batch: Batch) -> Exception:
    """Say what an answer without results means for its batch."""
    status = response.status
    body = _error_body(response)
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
            f"the token lacks scopes: {', '.join(wanted)}", "add them to the private app in HubSpot, then run again"
        )
    return Misconfigured(
        f"setting token: HubSpot refused it (status {status}, {codes.label(body.get('category'))})",
        "make or rotate the private app's token in HubSpot and set TARGET_HUBSPOT_TOKEN",
    )


def _read(response: Response, doing: str) -> Mapping[str, object]:
    """Read the answer to a question asked at start. Raises Misconfigured or Fault unless it is a success."""
    if response.status == 200:
        try:
            return _json(response)
        except NotAccepted as error:
            raise Fault(*_NO_HUBSPOT) from error
    body = _error_body(response)
    if response.status in (401, 403, 477) or 300 <= response.status < 400:
        raise _account_trouble(doing, response.status, body)
    raise Misconfigured(
        f"setting api_url: {doing} was answered with status {response.status} ({codes.reason(body).code})",
        "check that api_url is HubSpot's API, or the sandbox's /hubspot",
    )


def _json(response: Response) -> Mapping[str, object]:
    try:
        body = _decode(response.body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise NotAccepted(f"status {response.status} with a body that is not JSON") from error
    if not isinstance(body, dict):
        raise NotAccepted(f"status {response.status} with a body that is no object")
    return body


def _error_body(response: Response) -> Mapping[str, object]:
    try:
        return _json(response)
    except NotAccepted:
        return {}

"""Rows that are objects: batches to upsert, update, create, read, search, archive and purge, and their answers.

Every input carries an `objectWriteTraceId` that is unique in the request, because without them one bad row makes
HubSpot refuse all hundred (recorded; documented for create, seen for upsert and update). Results come in any order,
so rows are found again by trace id, by id or by key, and a row that nobody mentions is unknown, never delivered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from penstock.bodies import encode_json, error_body, json_body
from penstock.errors import BatchRefused, Misconfigured, NotAccepted
from penstock.modes import Action, Sync
from penstock.records import Again, Batch, Delivered, Outcome, Rejected, Request, Response, Retry, Row, Unknown
from penstock.values import normalise_email
from target_hubspot import codes
from target_hubspot.properties import RECORD_ID
from target_hubspot.refusals import expect_done, refusal

LOOKS = 3
"""times that one row is sent before what an answer leaves out is taken at its word"""
PAGE = 200
"""results that a search shows at once (documented)"""
REMOVALS = frozenset({Action.ARCHIVE, Action.DELETE})
LOOKING = frozenset({Action.FIND, Action.READ})
TAKEN = frozenset({"CONFLICT", "OBJECT_ALREADY_EXISTS", "CONFLICTING_UNIQUE_VALUE"})
AMBIGUOUS = Rejected(
    "ambiguous_match", "several records have the value of the match property, so none of them is meant"
)
_decode = msgspec.json.Decoder().decode


class Input(msgspec.Struct, omit_defaults=True):
    """One row of a batch request."""

    properties: msgspec.Raw
    objectWriteTraceId: str  # noqa: N815 - HubSpot's name
    id: str = ""
    idProperty: str = ""  # noqa: N815 - HubSpot's name


class Inputs(msgspec.Struct):
    """The body of a batch request."""

    inputs: list[Input]


@dataclass(frozen=True)
class Objects:
    """The objects of one type, found by one property."""

    path: str
    match: str
    searched: bool = False
    """whether the match property is not unique, so that only a search finds by it"""
    present_only: bool = False
    """whether rows are looked for under their present match value alone, and not under those they had before"""
    purges: bool = False
    """whether a deletion is for good, one contact at a time"""

    def encode(self, batch: Batch) -> Request:
        """Write the request for a batch."""
        action = batch.action
        if action in LOOKING:
            search = self.searched and action is Action.FIND
            body = _search(batch, self.match) if search else self._question(batch)
            return Request("POST", f"{self.path}/{'search' if search else 'batch/read'}", encode_json(body))
        if action is Action.DELETE and self.purges:
            return Request("POST", f"{self.path}/gdpr-delete", encode_json({"objectId": _name(batch.rows[0])}))
        if action in REMOVALS:
            body = {"inputs": [{"id": _name(row)} for row in batch.rows]}
            return Request("POST", f"{self.path}/batch/archive", encode_json(body))
        inputs = [self._input(batch, n, row) for n, row in enumerate(batch.rows)]
        return Request("POST", f"{self.path}/batch/{action.value}", encode_json(Inputs(inputs)))

    def _look_for(self, row: Row) -> list[str]:
        return [row.match] if self.present_only else row.look_for

    def _question(self, batch: Batch) -> Mapping[str, object]:
        """Write the body of a batch/read, by record id or by the match values that rows may be found under."""
        aliases = ["hs_additional_emails"] if self.match == "email" else []
        properties = [self.match, *aliases, *sorted(batch.sync.empty_only)]
        if batch.action is Action.READ:
            return {"properties": properties, "inputs": [{"id": row.destination_id} for row in batch.rows]}
        wanted = [{"id": name} for name in sorted({name for row in batch.rows for name in self._look_for(row)})]
        by = {} if self.match == RECORD_ID else {"idProperty": self.match}
        return {**by, "properties": properties, "inputs": wanted}

    def _input(self, batch: Batch, number: int, row: Row) -> Input:
        written, trace = msgspec.Raw(row.body), str(number)
        if batch.action is Action.CREATE:
            return Input(written, trace)
        if self.match == RECORD_ID:
            properties = {name: value for name, value in _decode(row.body).items() if name != RECORD_ID}
            return Input(msgspec.Raw(encode_json(properties)), trace, _name(row))
        return Input(written, trace, _name(row), "" if batch.by_id else self.match)

    def decode(self, response: Response, batch: Batch) -> list[Outcome]:
        """Read one outcome per row, in the batch's order."""
        if batch.action in REMOVALS:
            if not (self.purges and batch.action is Action.DELETE and response.status == 404):
                expect_done(response, batch)
            return [Delivered() for _ in batch.rows]  # archiving does not tell which ids are unknown: they are gone
        if response.status not in (200, 201, 207):
            if response.status == 409 and len(batch.rows) == 1:
                return [self._row_error(error_body(response), batch.rows[0], batch.action)]
            raise refusal(response, batch)
        body = json_body(response)
        results, errors = read_batch(response, body)
        if batch.action is Action.FIND and self.searched:
            return _searched(body, results, batch, self.match)
        if batch.action in LOOKING:
            return self._found(results, errors, batch)
        outcomes: list[Outcome | None] = [None] * len(batch.rows)
        finder = _Finder(batch, self.match)
        for error in errors:
            for n in finder.of_error(error):
                outcomes[n] = self._row_error(error, batch.rows[n], batch.action)
        for result in results:
            if (at := finder.of_result(result)) is not None and outcomes[at] is None:
                created = True if batch.action is Action.CREATE else result.get("new")
                outcomes[at] = Delivered(record_id(result), created if isinstance(created, bool) else None)
        _refuse_a_changed_portal(batch, outcomes)
        return [outcome or _unmentioned(row, batch.action) for outcome, row in zip(outcomes, batch.rows, strict=True)]

    def _found(
        self, results: Sequence[Mapping[str, object]], errors: Sequence[Mapping[str, object]], batch: Batch
    ) -> list[Outcome]:
        """Tell where each row's record is.

        A value that is neither found nor named as missing may only be left out of the answer, so it is asked for again.
        """
        by_id = batch.action is Action.READ or self.match == RECORD_ID
        found: dict[str, Mapping[str, object]] = {}
        for result in results:
            if name := record_id(result):
                found.update(dict.fromkeys([name] if by_id else match_values(result, self.match), result))
        missing = {name for error in errors for name in codes.context_list(error, "ids")}
        outcomes: list[Outcome] = []
        for row in batch.rows:
            asked = [row.destination_id or ""] if batch.action is Action.READ else self._look_for(row)
            record = next((found[name] for name in asked if name in found), None)
            if record is not None:
                outcomes.append(Again(record_id(record), "the record was found", _holds(record, batch.sync)))
            elif missing.issuperset(asked) or row.attempts >= LOOKS:
                outcomes.append(Again(None, "no record was found"))
            else:
                outcomes.append(Unknown("the answer does not mention what was looked for", answered=True))
        return outcomes

    def _row_error(self, error: Mapping[str, object], row: Row, action: Action) -> Outcome:
        why = codes.reason(error)
        if why.code == "OBJECT_NOT_FOUND" and action is Action.UPDATE and row.led < LOOKS:
            return Again(None, "the record is not there")
        makes = action in (Action.UPSERT, Action.CREATE)
        if makes and why.code in TAKEN and row.led < LOOKS:
            # Who has the row's address is the row's own record only where the address is what identifies rows.
            if self.match == "email" and (existing := codes.existing_id(error)) is not None:
                return Again(existing, "the record exists under this id")
            if action is Action.CREATE and why.property in (None, self.match):
                return Retry("something has the match value: it is looked for before the next attempt")
        return Rejected(why.code, why.message, why.property)


def read_batch(
    response: Response, body: Mapping[str, object]
) -> tuple[list[Mapping[str, object]], list[Mapping[str, object]]]:
    """Return the results and the errors of a batch answer. Raises NotAccepted where it is none."""
    errors = body.get("errors") or []
    results = body.get("results", [] if errors else None)
    if not isinstance(results, list) or not isinstance(errors, list):
        raise NotAccepted(f"status {response.status} with a body that is no batch answer")
    return [each for each in results if isinstance(each, dict)], [each for each in errors if isinstance(each, dict)]


def _name(row: Row) -> str:
    """Return what a row's object is called in a request: its id, or the value of the match property."""
    return row.destination_id or row.match


def _search(batch: Batch, match: str) -> Mapping[str, object]:
    """Write a search for the rows' match values."""
    values = sorted({name for row in batch.rows for name in row.look_for})
    one = {"propertyName": match, "operator": "IN", "values": values}
    properties = [match, *sorted(batch.sync.empty_only)]
    return {"filterGroups": [{"filters": [one]}], "properties": properties, "limit": PAGE}


def _searched(
    body: Mapping[str, object], results: Sequence[Mapping[str, object]], batch: Batch, match: str
) -> list[Outcome]:
    """Tell where each row's record is, by a search that compares text without case (documented)."""
    total = body.get("total")
    more = isinstance(total, int) and total > len(results)
    if more and len(batch.rows) > 1:
        raise BatchRefused("TOO_MANY", "the search finds more records than it shows at once")
    found: dict[str, list[Mapping[str, object]]] = {}
    for result in results:
        for value in match_values(result, match):
            found.setdefault(normalise_email(value), []).append(result)
    outcomes: list[Outcome] = []
    for row in batch.rows:
        records = next((found[name] for each in row.look_for if (name := normalise_email(each)) in found), [])
        if len(records) > 1 or (more and records):
            outcomes.append(AMBIGUOUS)
        elif records and record_id(records[0]):
            outcomes.append(Again(record_id(records[0]), "the record was found", _holds(records[0], batch.sync)))
        else:
            outcomes.append(Again(None, "no record was found"))
    return outcomes


def _holds(record: Mapping[str, object], sync: Sync) -> frozenset[str]:
    """Name the fields that are only written where they are empty, and that have a value in a record."""
    properties = record.get("properties")
    return frozenset(n for n in sync.empty_only if isinstance(properties, dict) and properties.get(n) not in (None, ""))


class _Finder:
    """Finds the row of a result or an error again: by trace id, record id or key, never by position."""

    def __init__(self, batch: Batch, match: str) -> None:
        self._match = match
        self._by_trace = {str(n): n for n in range(len(batch.rows))}
        self._by_id = {_name(row): n for n, row in enumerate(batch.rows)} if batch.by_id or match == RECORD_ID else {}
        self._by_match = {row.match: n for n, row in enumerate(batch.rows)}
        self._by_id_only = batch.by_id or match == RECORD_ID

    def of_error(self, error: Mapping[str, object]) -> list[int]:
        traces = codes.context_list(error, "objectWriteTraceId")
        if traces:
            return [self._by_trace[trace] for trace in traces if trace in self._by_trace]
        names = codes.context_list(error, "ids")
        known = self._by_id if self._by_id_only else self._by_match
        return [known[name] for name in names if name in known]

    def of_result(self, result: Mapping[str, object]) -> int | None:
        found = record_id(result)
        if found is None:
            return None
        if self._by_id_only and found in self._by_id:
            return self._by_id[found]
        for value in match_values(result, self._match):
            if value in self._by_match:
                return self._by_match[value]
        trace = result.get("objectWriteTraceId")
        return self._by_trace.get(trace) if isinstance(trace, str) and not self._by_id_only else None


def record_id(result: Mapping[str, object]) -> str | None:
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
    if action is Action.UPDATE and row.destination_id is not None and row.led < LOOKS:
        return Again(None, "the record id was left out of the answer")
    return Unknown("the answer does not mention the row", answered=True)

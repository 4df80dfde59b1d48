"""Rows that travel by requests: sObject Collections of up to 200 rows, and the queries that find records.

Answers come in the request's order and hold no key, so an answer of another length says nothing of any row. 200 is the
status even where every row failed (documented).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import msgspec

from penstock.errors import BatchRefused, Misconfigured, NotAccepted
from penstock.modes import Action
from penstock.records import Again, Batch, Delivered, Outcome, Rejected, Request, Response, Retry, Row, Unknown
from target_salesforce import soql
from target_salesforce.codes import GONE, SLOW_TRIGGER, Do, Reason, reason
from target_salesforce.fields import Field, long_id, normaliser
from target_salesforce.forms import MAKES
from target_salesforce.plans import ID, Parent, Plan
from target_salesforce.refusals import about, json_body, json_object, refusal, stop

LOOKS, TRIES = 3, 6
"""times that answers lead a row on before one is taken at its word; answers that it is locked before one is"""
SHOWN = 5
"""ids that a message names at most"""
REMOVALS = frozenset({Action.ARCHIVE, Action.DELETE})
LOOKING = frozenset({Action.FIND, Action.READ, Action.RESOLVE})
encode_json = msgspec.json.Encoder(decimal_format="number").encode
_decode = msgspec.json.Decoder(float_hook=Decimal).decode
"""with the digits that a number is written with"""
Body = Mapping[str, object]


@dataclass(frozen=True)
class Collections:
    """The rows of one sync."""

    plan: Plan
    path: str
    """of the API's version"""
    headers: Mapping[str, str]
    writing: Mapping[str, str]
    """headers of requests that write"""
    all_or_none: bool = False

    # -- requests ---------------------------------------------------------------------------------------------

    def encode(self, batch: Batch) -> Request:
        """Write the request for a batch."""
        action = batch.action
        if action in LOOKING:
            return self._look(batch)
        base = f"{self.path}/composite/sobjects"
        if action in REMOVALS:
            ids = ",".join(_name(row) for row in batch.rows)
            return Request("DELETE", f"{base}?ids={ids}&allOrNone={_word(self.all_or_none)}", headers=self.writing)
        records = b",".join([self._record(batch, batch.rows[n]) for n in self._order(batch)])
        body = b'{"allOrNone":%s,"records":[%s]}' % (_word(self.all_or_none).encode(), records)
        if action is Action.UPSERT and self.plan.native:
            return Request("PATCH", f"{base}/{self.plan.thing.name}/{self.plan.match}", body, self.writing)
        return Request("PATCH" if action is Action.UPDATE else "POST", base, body, self.writing)

    def _order(self, batch: Batch) -> Sequence[int]:
        """Return the places of rows in the order in which they travel: objects apart, else in ten pieces at most."""
        if len(self.plan.things) == 1 or batch.action is not Action.UPDATE:
            return range(len(batch.rows))
        return sorted(range(len(batch.rows)), key=lambda n: self.plan.of_id(_name(batch.rows[n])).name)

    def _record(self, batch: Batch, row: Row) -> bytes:
        """Write one record. The payload is JSON already; it is only taken apart where something in it is nested."""
        plan = self.plan
        name = _name(row) if batch.action is Action.UPDATE else ""
        thing = plan.of_id(name) if name else plan.thing
        head = f'{{"attributes":{{"type":"{thing.name}"}}'
        if name:
            head += f',"Id":{_text(name)}'
        body = row.body
        lacking = plan.lacking.get(thing.name, frozenset())
        if plan.parents or plan.match == ID or lacking:
            payload = {field: value for field, value in _decode(body).items() if field not in lacking}
            body = encode_json(_nested(payload, plan.parents))
        return head.encode() + (b"," + body[1:] if len(body) > 2 else b"}")

    def _look(self, batch: Batch) -> Request:
        queries = self._queries(batch)
        if len(queries) == 1:
            return Request("GET", f"{self.path}/query?q={queries[0]}", headers=self.headers)
        asked = [
            {"method": "GET", "url": f"{self.path}/query?q={query}", "referenceId": f"q{n}"}
            for n, query in enumerate(queries)
        ]
        body = encode_json({"allOrNone": False, "compositeRequest": asked})
        return Request("POST", f"{self.path}/composite", body, self.headers)

    def _queries(self, batch: Batch) -> list[str]:
        plan = self.plan
        if batch.action is Action.RESOLVE:
            other, key = plan.links[batch.rows[0].link]
            values = sorted({row.other for row in batch.rows})
            return [soql.in_url(soql.select([ID, key.name], other.name, key.name, key.type, values))]
        if batch.action is Action.READ or plan.match == ID:
            field, kind = ID, "id"
            values = sorted({row.destination_id or row.match for row in batch.rows})
        else:
            field, kind = plan.match, plan.kind
            values = sorted({name for row in batch.rows for name in row.look_for})
        queries = []
        for thing in plan.things:
            own = [value for value in values if field != ID or plan.of_id(value) is thing]
            converted = ["IsConverted", "ConvertedContactId"] if len(plan.things) > 1 and thing.name == "Lead" else []
            if own:
                wanted = [ID, field, *sorted(batch.sync.empty_only), *converted]
                queries.append(soql.in_url(soql.select(wanted, thing.name, field, kind, own)))
        return queries

    # -- answers ----------------------------------------------------------------------------------------------

    def decode(self, response: Response, batch: Batch) -> list[Outcome]:
        """Read one outcome per row, in the batch's order. Raises a Refusal or a Stop."""
        if response.status != 200:
            raise refusal(response, about(batch.sync))
        if batch.action in LOOKING:
            return self._found(response, batch)
        results = json_body(response)
        if not isinstance(results, list) or not all(isinstance(each, dict) for each in results):
            raise NotAccepted("the answer is no list of results")
        order = self._order(batch)
        outcomes: list[Outcome] = [_UNNAMED] * len(batch.rows)
        if len(results) == len(batch.rows):
            whys = [None if result.get("success") is True else reason(_first(result)) for result in results]
            _refuse_a_changed_org(batch, whys)
            for n, result, why in zip(order, results, whys, strict=True):
                outcomes[n] = self._outcome(batch, batch.rows[n], result, why)
            return outcomes
        named = {long_id(str(each.get("id"))): each for each in results if each.get("success") is True}
        for n, row in enumerate(batch.rows):
            if batch.action is Action.UPDATE and (found := named.get(long_id(_name(row)))):
                outcomes[n] = self._outcome(batch, row, found, None)
        return outcomes

    def _outcome(self, batch: Batch, row: Row, result: Body, why: Reason | None) -> Outcome:
        if why is not None:
            return self.refused(batch.action, row, why)
        found = result.get("id")
        if not isinstance(found, str) or not found.isalnum() or not found.isascii():
            return _UNNAMED
        if batch.action in REMOVALS | {Action.UPDATE} and long_id(found) != long_id(_name(row)):
            return _UNNAMED
        created = result.get("created", None if batch.action is Action.UPSERT and self.plan.native else True)
        makes = batch.action in MAKES
        return Delivered(long_id(found), created if makes and isinstance(created, bool) else None)

    def refused(self, action: Action, row: Row, why: Reason) -> Outcome:
        """Say what becomes of a row that Salesforce did not take."""
        rejected = Rejected(why.code, why.message, self.plan.field_of(why))
        if why.do in (Do.STOP, Do.REFRESH):
            raise stop(why)
        if why.do is Do.LOCKED or (why.code.startswith("CANNOT_INSERT") and SLOW_TRIGGER(why.text)):
            return Retry(why.code, crowded=True) if row.crowd + 1 < TRIES else rejected
        if why.do is Do.RETRY:
            return Retry(why.code) if row.attempts < TRIES else rejected
        if why.code == "CANNOT_EXECUTE_FLOW_TRIGGER" and not row.crowd:
            return Retry(why.code, crowded=True)
        return self._elsewhere(action, row, why) or rejected

    def _elsewhere(self, action: Action, row: Row, why: Reason) -> Outcome | None:
        """Tell where the row's record is after all, where the refusal says so."""
        gone = why.code in GONE and not {*why.fields} - {ID, "id"}
        if gone and action in REMOVALS:
            return Delivered(row.destination_id)
        if why.code == "DUPLICATE_VALUE" and why.text.startswith("Duplicate external id specified"):
            # Two keys that only Salesforce takes for the same.
            return Retry(why.code, crowded=True) if row.crowd < LOOKS else None
        if row.led >= LOOKS:
            return None
        converted = why.code == "CANNOT_UPDATE_CONVERTED_LEAD" and len(self.plan.things) > 1
        if action is Action.UPDATE and (gone or converted):
            return Again(None, "the record is not there, or has become another")
        if action in MAKES and why.code == "DUPLICATE_VALUE" and why.twin and why.twin[0] == self.plan.match:
            return Again(long_id(why.twin[1]), "the record is there already")
        return None

    def _found(self, response: Response, batch: Batch) -> list[Outcome]:
        """Tell where each row's record is."""
        body = json_object(response)
        pages = [body] if "records" in body else _parts(body, about(batch.sync))
        if len(batch.rows) > 1 and any(page.get("done") is False for page in pages):
            raise BatchRefused("TOO_MANY", "the query finds more records than it shows at once")
        if batch.action is Action.RESOLVE:
            return _resolved(pages, batch, self.plan.links[batch.rows[0].link][1])
        by_id = batch.action is Action.READ or self.plan.match == ID
        found: dict[str, dict[str, tuple[bool, Body]]] = {}
        for page in pages:
            records = page.get("records")
            if not isinstance(records, list):
                raise NotAccepted("the answer is no page of records")
            for record in records:
                if isinstance(record, dict) and (name := _place(record)) is not None:
                    value = record.get(ID) if by_id else record.get(self.plan.match)
                    text = long_id(str(value)) if by_id else self.plan.normalise(str(value))
                    lead = len(self.plan.things) > 1 and self.plan.of_id(name).name == "Lead"
                    found.setdefault(text, {})[name] = (lead, record)
        return [self._placed(batch, row, found) for row in batch.rows]

    def _placed(self, batch: Batch, row: Row, found: Mapping[str, Mapping[str, tuple[bool, Body]]]) -> Outcome:
        asked = [long_id(row.destination_id or row.match)] if batch.action is Action.READ else row.look_for
        if self.plan.match == ID:
            asked = [long_id(name) for name in asked]
        records = next((found[name] for each in asked if (name := each) in found), {})
        # A lead counts only where there is no contact: those who become customers are contacts from then on.
        records = {n: each for n, each in records.items() if not each[0]} or records
        if not records:
            return Again(None, "no record was found")
        if len(records) > 1:
            ids = ", ".join(sorted(records)[:SHOWN])
            why = f"{len(records)} records have this value in the match field, so none of them is meant: {ids}"
            return Rejected("ambiguous_match", why, self.plan.match)
        [(name, (_, record))] = records.items()
        return Again(
            name, "the record was found", frozenset(n for n in batch.sync.empty_only if record.get(n) is not None)
        )


_UNNAMED = Unknown("the answer does not say what became of the row", answered=True)


def _resolved(pages: Sequence[Body], batch: Batch, key: Field) -> list[Outcome]:
    """Tell which object each row's value means."""
    same = normaliser(key)
    found: dict[str, set[str]] = {}
    for page in pages:
        records = page.get("records")
        if not isinstance(records, list):
            raise NotAccepted("the answer is no page of records")
        for record in records:
            if isinstance(record, dict) and isinstance(name := record.get(ID), str):
                found.setdefault(same(str(record.get(key.name))), set()).add(long_id(name))
    outcomes: list[Outcome] = []
    for row in batch.rows:
        ids = found.get(same(row.other), set())
        if len(ids) > 1:
            outcomes.append(Rejected("ambiguous_link", f"{len(ids)} records have the value that the link names"))
        else:
            outcomes.append(Again(next(iter(ids), None), "looked for what the link names"))
    return outcomes


def _place(record: Body) -> str | None:
    """Return the id of a record; of a lead that was converted, that of its contact."""
    name = record.get("ConvertedContactId") if record.get("IsConverted") is True else record.get(ID)
    return long_id(name) if isinstance(name, str) and name else None


def _parts(body: Body, at: str) -> list[Body]:
    """Return the answers in a composite one."""
    parts = body.get("compositeResponse")
    if not isinstance(parts, list) or not parts:
        raise NotAccepted("the answer holds no answers")
    found: list[Body] = []
    for part in parts:
        status = part.get("httpStatusCode") if isinstance(part, dict) else None
        inner = part.get("body") if isinstance(part, dict) else None
        if status != 200:
            raise refusal(Response(status if isinstance(status, int) else 500, {}, encode_json(inner)), at)
        if not isinstance(inner, dict):
            raise NotAccepted("the answer is no page of records")
        found.append(inner)
    return found


def _first(result: Body) -> object:
    errors = result.get("errors")
    return errors[0] if isinstance(errors, list) and errors else None


def _refuse_a_changed_org(batch: Batch, whys: Sequence[Reason | None]) -> None:
    """Stop when every row of several fails for the same reason that is no row's: nor will the next rows pass."""
    alike = {(why.code, why.fields) if why else None for why in whys}
    why = whys[0] if len(alike) == 1 and len(whys) > 1 else None
    if why is not None and why.do is Do.SCHEMA:
        field = f" for field {why.field}" if why.field else ""
        raise Misconfigured(
            f"sync {batch.sync.stream}: Salesforce refuses every row{field} ({why.code}): {why.message}",
            "look at the field and at the user's permissions in Salesforce, then run again",
        )


def _nested(payload: dict[str, object], parents: Mapping[str, Parent]) -> dict[str, object]:
    """Write parents as objects of their own; none at all is null in the field that holds the id."""
    flat = {name: value for name, value in payload.items() if name not in parents and name != ID}
    for name, parent in parents.items():
        if name not in payload:
            continue
        if payload[name] is None:
            flat[parent.lookup] = None
        else:
            typed: dict[str, object] = {"attributes": {"type": parent.type}} if parent.type else {}
            flat[parent.relationship] = {**typed, parent.key: payload[name]}
    return flat


def _name(row: Row) -> str:
    """Return the id of a row's record."""
    return row.destination_id or row.match


def _text(name: str) -> str:
    return encode_json(name).decode()


def _word(flag: bool) -> str:
    return "true" if flag else "false"

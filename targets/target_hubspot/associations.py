"""Links between objects: HubSpot's associations, default and labelled, and the look for the object at the other end.

A write of labels replaces those that stand between a pair, and taking the default association away takes every label
with it (both documented). So the labels of a pair are read first where others may have put some: what is written is
all that stand there and what the row's links want, and a pair that has labels of others stays a pair.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from penstock.bodies import encode_json, json_body, objects_in, within
from penstock.modes import Action
from penstock.records import Again, Batch, Delivered, Outcome, Rejected, Request, Response, Row, Unknown
from penstock.records import Kind as Limited
from target_hubspot import codes
from target_hubspot.objects import LOOKS, match_values, read_batch, record_id
from target_hubspot.refusals import expect_done, refusal

LABELLED = 1000
"""inputs of a request to link under labels, because as many may be asked for theirs (documented)"""
MOST: Mapping[Limited, int] = {Action.LINK: 2000, Action.UNLINK: 100, Action.RESOLVE: 100}
"""inputs that one request may hold (documented)"""
Kind = tuple[str, int]
"""category and type id of an association"""


@dataclass(frozen=True)
class Association:
    """One link of a sync: where it is made, as which kind, and how the object at its other end is found."""

    path: str
    """of the associations between the two types"""
    kinds: tuple[Kind | None, ...]
    """of each of the sync's links that goes to the same type, None for the default; of others ("", 0)"""
    objects: str
    """the path of the other type"""
    match: str
    creates: bool

    def encode(self, batch: Batch) -> Request:
        """Write the request for a batch of RESOLVE, LINK or UNLINK."""
        if batch.action is Action.RESOLVE:
            return self._look(batch)
        if self._reads_first(batch):
            inputs: list[Mapping[str, object]] = [
                {"id": i} for i in dict.fromkeys(r.destination_id for r in batch.rows)
            ]
            return Request("POST", f"{self.path}/batch/read", encode_json({"inputs": inputs}))
        own = self.kinds[batch.rows[0].link]
        verb, rows = "batch/create", batch.rows
        if batch.action is Action.UNLINK:
            verb = "batch/archive" if own is None else "batch/labels/archive"
            # To take the default away would take the labels that others want: such a pair stays as it is.
            rows = rows if own is not None else [row for row in rows if not self._stays(row)]
        if (own is None and batch.action is Action.LINK) or not rows:
            verb, rows = "batch/associate/default", batch.rows
        inputs = []
        for row in rows:
            ends: dict[str, object] = {"from": {"id": row.destination_id}, "to": {"id": row.other}}
            if verb == "batch/archive":
                ends["to"] = [ends["to"]]
            elif verb != "batch/associate/default":
                kinds = [own] if batch.action is Action.UNLINK else sorted({*self._wanted(row), *(_held(row) or ())})
                ends["types"] = [{"associationCategory": c, "associationTypeId": t} for c, t in filter(None, kinds)]
            inputs.append(ends)
        return Request("POST", f"{self.path}/{verb}", encode_json({"inputs": inputs}))

    def _reads_first(self, batch: Batch) -> bool:
        """Tell whether the labels between some pair matter and are not known. An object just created has none."""
        labelled = self.kinds[batch.rows[0].link] is not None
        if labelled is not (batch.action is Action.LINK):
            return False
        return any(_held(row) is None and not row.created for row in batch.rows)

    def _wanted(self, row: Row) -> list[Kind]:
        """Return the labels that the row's links want between it and the object in question."""
        return [
            kind
            for at, kind in enumerate(self.kinds)
            if kind and kind[0] and any(row.others.get((at, value)) == row.other for value in row.links[at] or ())
        ]

    def _stays(self, row: Row) -> bool:
        """Tell whether a pair has labels other than those that this row has put there and wants no more."""
        own = {
            kind
            for link, kind in zip(row.sync.links, self.kinds, strict=True)
            if kind and (link.name, row.other) in row.linked
        }
        return bool(self._wanted(row) or {*(_held(row) or ())} - own)

    def _look(self, batch: Batch) -> Request:
        values = sorted({row.other for row in batch.rows})
        if not self.creates:
            body = {"idProperty": self.match, "properties": _shown(self.match), "inputs": [{"id": v} for v in values]}
            return Request("POST", f"{self.objects}/batch/read", encode_json(body))
        inputs = [
            {"id": v, "idProperty": self.match, "objectWriteTraceId": str(n), "properties": {self.match: v}}
            for n, v in enumerate(values)
        ]
        return Request("POST", f"{self.objects}/batch/upsert", encode_json({"inputs": inputs}))

    def decode(self, response: Response, batch: Batch) -> list[Outcome]:
        """Read one outcome per row, in the batch's order."""
        reads = batch.action is not Action.RESOLVE and self._reads_first(batch)
        if batch.action is Action.UNLINK and not reads:
            expect_done(response, batch)  # there is no word of what was not there
            return [Delivered() for _ in batch.rows]
        if response.status not in (200, 201, 207):
            raise refusal(response, batch)
        results, errors = read_batch(response, json_body(response))
        if batch.action is Action.RESOLVE:
            return self._resolved(results, errors, batch)
        if reads:
            return _labels_read(results, errors, batch)
        made = {_ends(result) for result in results}
        others = made - {(row.destination_id, row.other) for row in batch.rows}
        outcomes: list[Outcome | None] = [
            Delivered() if (row.destination_id, row.other) in made else _named(errors, row) or _survivor(others, row)
            for row in batch.rows
        ]
        nameless = [error for error in errors if not _ids(error)]
        if nameless and outcomes.count(None) <= len(nameless):
            why = codes.reason(nameless[0])
            outcomes = [each or Rejected(why.code, why.message, why.property) for each in outcomes]
        return [each or Unknown("the answer does not mention the link", answered=True) for each in outcomes]

    def _resolved(
        self, results: Sequence[Mapping[str, object]], errors: Sequence[Mapping[str, object]], batch: Batch
    ) -> list[Outcome]:
        found = {value: record_id(result) for result in results for value in match_values(result, self.match)}
        missing = {name for error in errors for name in codes.context_list(error, "ids")}
        traced = {trace: error for error in errors for trace in codes.context_list(error, "objectWriteTraceId")}
        values = sorted({row.other for row in batch.rows})
        outcomes: list[Outcome] = []
        for row in batch.rows:
            error = traced.get(str(values.index(row.other)))
            if found.get(row.other):
                outcomes.append(Again(found[row.other], "the other object was found"))
            elif error is not None:
                why = codes.reason(error)
                outcomes.append(Rejected(why.code, f"the other object: {why.message}", why.property))
            elif not self.creates and (row.other in missing or row.attempts >= LOOKS):
                outcomes.append(Again(None, "there is no such object"))
            else:
                outcomes.append(Unknown("the answer does not mention what was looked for", answered=True))
        return outcomes


def _shown(match: str) -> list[str]:
    return [match, "hs_additional_emails"] if match == "email" else [match]


def _ends(result: Mapping[str, object]) -> tuple[str, str]:
    """Return the ids of a link's two ends: numbers as a rule (recorded), objects in the answer for default ones."""

    def end(flat: str, nested: str) -> str:
        whole = result.get(nested)
        found = result.get(flat, whole.get("id") if isinstance(whole, dict) else None)
        return str(found)

    return end("fromObjectId", "from"), end("toObjectId", "to")


def _ids(error: Mapping[str, object]) -> set[str]:
    return {i for name in ("id", "fromObjectId", "toObjectId") for i in codes.context_list(error, name)}


def _named(errors: Sequence[Mapping[str, object]], row: Row) -> Outcome | None:
    """Return what an error that names a row's id, or its other object's, means for the row."""
    for error in errors:
        ids = _ids(error)
        why = codes.reason(error)
        if row.destination_id in ids and why.code == "OBJECT_NOT_FOUND" and _may_be_stale(row):
            return _ANEW
        if {row.destination_id, row.other} & ids:
            return Rejected(why.code, why.message)
    return None


def _survivor(made: Set[tuple[str, str]], row: Row) -> Outcome | None:
    """Judge a row whose pair the answer shows under another id at one end: that object was merged into another.

    A row whose own object was merged is found anew, once, so that the ledger learns its id.
    """
    if any(other == row.other for _, other in made):
        return _ANEW if _may_be_stale(row) else Delivered()
    return Delivered() if any(one == row.destination_id for one, _ in made) else None


_ANEW = Again(None, "the record is not there under its id", frozenset({"found anew"}))


def _may_be_stale(row: Row) -> bool:
    """Tell whether the id of a row's object is an old one: neither created nor looked for in this run."""
    return not row.created and not row.looked and not row.holds & _ANEW.holds


def _held(row: Row) -> list[Kind] | None:
    """Return the labels that stand between the row's object and the one in question; None where nobody has looked."""
    seen = [text.split(" ")[1:] for text in row.holds if text.partition(" ")[0] == row.other]
    return sorted((label[0], int(label[1])) for label in seen if label) if seen else None


def _labels_read(
    results: Sequence[Mapping[str, object]], errors: Sequence[Mapping[str, object]], batch: Batch
) -> list[Outcome]:
    """Read the labels of pairs, which rows are to hold. A record that an error names has no pairs."""
    found = {str(within(result, "from", "id")): objects_in(result.get("to")) for result in results}
    named = {name for error in errors for name in _ids(error)}
    outcomes: list[Outcome] = []
    for row in batch.rows:
        if row.destination_id not in found and row.destination_id not in named and row.attempts < LOOKS:
            outcomes.append(Unknown("the answer does not mention the record", answered=True))
            continue
        types = [
            each
            for to in found.get(row.destination_id or "", [])
            if str(to.get("toObjectId")) == row.other
            for each in objects_in(to.get("associationTypes"))
        ]
        labels = {f"{row.other} {t.get('category')} {t.get('typeId')}" for t in types if t.get("label")}
        kept = _ANEW.holds if row.looked or row.holds & _ANEW.holds else frozenset()
        outcomes.append(Again(row.destination_id, "the labels were read", kept | labels | {row.other}))
    return outcomes

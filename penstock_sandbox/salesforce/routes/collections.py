"""Endpoints of sObject Collections: up to 200 rows a call."""

from itertools import groupby

import msgspec

from penstock_sandbox.provenance import assumed, documented, recorded
from penstock_sandbox.salesforce import decode, errors, rules
from penstock_sandbox.salesforce.fields import Field
from penstock_sandbox.salesforce.ids import canonical
from penstock_sandbox.salesforce.routes.sobjects import key_of
from penstock_sandbox.salesforce.routing import Ask, Reply, Route
from penstock_sandbox.salesforce.rules import Result, Row
from penstock_sandbox.salesforce.schema import SObject
from penstock_sandbox.salesforce.shown import fields_of, record_body

GUIDE = "REST API Developer Guide: sObject Collections"
MOST_ROWS, MOST_CHUNKS, MOST_READ = 200, 10, 2000


class Sent(msgspec.Struct, rename="camel"):
    """The body of a call that writes."""

    records: list[dict[str, object]]
    all_or_none: bool = False


class Wanted(msgspec.Struct):
    """The body of a call that reads."""

    ids: list[str]
    fields: list[str]


@documented("A call has at most 200 rows; 200 OK even if every row failed", GUIDE)
@assumed("More are 400 EXCEEDED_ID_LIMIT", "the limit is documented, the code is a report")
def _sent(ask: Ask) -> Sent:
    sent = decode.body(ask.call.body, Sent)
    if len(sent.records) > MOST_ROWS:
        message = f"record limit reached. cannot submit more than {MOST_ROWS} records into this call"
        raise errors.refused(400, "EXCEEDED_ID_LIMIT", message)
    return sent


@assumed("A row without a type, or with an unknown one, refuses the request", "the codes are reports")
def _kind(ask: Ask, record: dict[str, object]) -> SObject:
    attributes = record.get("attributes")
    name = attributes.get("type") if isinstance(attributes, dict) else None
    if not isinstance(name, str):
        raise errors.refused(400, "INVALID_INPUT", "each record needs attributes.type")
    kind = ask.org.catalogue.get(name)
    if kind is None:
        raise errors.refused(400, "INVALID_TYPE", f"sObject type '{name}' is not supported.")
    return kind


def _create(ask: Ask) -> Reply:
    return _mixed(ask, "insert")


def _update(ask: Ask) -> Reply:
    return _mixed(ask, "update")


@documented("Types may be mixed; rows run in chunks of one type, at most ten", GUIDE)
@assumed("An eleventh chunk refuses the request", "the rule is documented, its answer is not")
@recorded("The answer to a create or an update by id has no `created`", "CumulusCI and grouparoo recordings")
def _mixed(ask: Ask, operation: str) -> Reply:
    sent = _sent(ask)
    chunks = [(kind, list(rows)) for kind, rows in groupby(sent.records, key=lambda record: _kind(ask, record))]
    if len(chunks) > MOST_CHUNKS:
        message = f"Cannot have more than {MOST_CHUNKS} chunks in a single operation. Sort the rows by type."
        raise errors.refused(400, "INVALID_FIELD", message)
    read = [(kind, [_row(ask, kind, record, operation) for record in records]) for kind, records in chunks]
    doing = ask.doing()
    results = [result for kind, rows in read for result in rules.apply(doing, kind, operation, rows)]
    if sent.all_or_none and any(result.problem for result in results):
        results = rules.rolled_back(doing, results)
    doing.commit()
    return Reply(200, [answer(result._replace(created=None)) for result in results])


def _row(ask: Ask, kind: SObject, record: dict[str, object], operation: str) -> Row:
    row = decode.row(ask.org, kind, record)
    if operation == "insert" and row.record_id is not None:
        row.problem = errors.Problem("INVALID_FIELD_FOR_INSERT_UPDATE", "cannot specify Id in an insert call", ("Id",))
    return row


@recorded(
    "A row that failed has no id, a victim of a roll-back apart; errors carry `statusCode`", "CumulusCI cassettes"
)
def answer(result: Result) -> dict[str, object]:
    """Return what is said of one row."""
    problem = result.problem
    if problem is None:
        told: dict[str, object] = {"id": result.id, "success": True, "errors": [note.row() for note in result.notes]}
    else:
        told = {"success": False, "errors": [problem.row()]}
        if problem is errors.ROLLED_BACK and result.id is not None:
            told = {"id": result.id, **told}
    if result.created is not None:
        told["created"] = result.created
    return told


@documented("An upsert is of one type, and exists from v46", GUIDE)
@assumed("A row of another type than the path's refuses the request", "the guide wants one type and says no more")
def _upsert(ask: Ask) -> Reply:
    kind = ask.kind()
    key = key_of(kind, ask.names["field"])
    if ask.number() < 46:
        raise errors.not_found()
    sent = _sent(ask)
    for record in sent.records:
        if _kind(ask, record) is not kind:
            raise errors.refused(400, "INVALID_INPUT", f"all records must be of the type {kind.name}")
    rows = [decode.row(ask.org, kind, record) for record in sent.records]
    _no_ids(rows, key)
    doing = ask.doing()
    results = rules.apply(doing, kind, "upsert", rows, key, sent.all_or_none)
    doing.commit()
    return Reply(200, [answer(result) for result in results])


@assumed("An Id beside an external id refuses its row, INVALID_FIELD", "documented for single rows")
def _no_ids(rows: list[Row], key: Field) -> None:
    for row in rows:
        if key.name != "Id" and row.record_id is not None:
            row.problem = row.problem or errors.Problem(
                "INVALID_FIELD", "The Id field should not be specified in the sobject data.", ("Id",)
            )


def _delete(ask: Ask) -> Reply:
    ids = [each for each in ask.call.query.get("ids", "").split(",") if each]
    if len(ids) > MOST_ROWS:
        raise errors.refused(400, "EXCEEDED_ID_LIMIT", f"cannot delete more than {MOST_ROWS} records in this call")
    doing = ask.doing()
    results = [_deleted(doing, each) for each in ids]
    if ask.call.query.get("allOrNone", "").lower() == "true" and any(result.problem for result in results):
        results = rules.rolled_back(doing, results)
    doing.commit()
    return Reply(200, [answer(result) for result in results])


def _deleted(doing: rules.Doing, given: str) -> Result:
    record_id = canonical(given)
    kind = None if record_id is None else doing.org.catalogue.by_prefix(record_id)
    if record_id is None or kind is None:
        return Result(None, problem=errors.Problem("MALFORMED_ID", errors.MALFORMED + given))
    return rules.apply(doing, kind, "delete", [Row({}, record_id)])[0]


@documented(
    "Rows can be read by their ids; what is not there is null", "REST API Developer Guide: Get Multiple Records"
)
def _read(ask: Ask) -> Reply:
    if ask.call.method == "POST":
        wanted = decode.body(ask.call.body, Wanted)
    else:
        query = ask.call.query
        wanted = Wanted(query.get("ids", "").split(","), query.get("fields", "").split(","))
    kind = ask.kind()
    if len(wanted.ids) > MOST_READ:
        raise errors.refused(400, "EXCEEDED_ID_LIMIT", f"cannot read more than {MOST_READ} records in this call")
    fields = fields_of(kind, [name for name in wanted.fields if name])
    table = ask.org.table(kind.name)
    found = [table.alive(canonical(each) or "") for each in wanted.ids]
    return Reply(
        200, [None if each is None else record_body(ask.org, kind, each, fields, ask.version) for each in found]
    )


ROUTES = [
    Route("POST", "composite/sobjects", _create),
    Route("PATCH", "composite/sobjects", _update),
    Route("DELETE", "composite/sobjects", _delete),
    Route("GET", "composite/sobjects/{type}", _read),
    Route("POST", "composite/sobjects/{type}", _read),
    Route("PATCH", "composite/sobjects/{type}/{field}", _upsert),
]

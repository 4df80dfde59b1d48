"""Endpoints of objects and single records."""

from email.utils import formatdate, parsedate_to_datetime

from penstock_sandbox.provenance import assumed, documented, recorded
from penstock_sandbox.salesforce import decode, errors, rules, schema
from penstock_sandbox.salesforce.fields import Field
from penstock_sandbox.salesforce.ids import canonical
from penstock_sandbox.salesforce.routing import Ask, Reply, Route
from penstock_sandbox.salesforce.rules import Result, Row
from penstock_sandbox.salesforce.schema import SObject
from penstock_sandbox.salesforce.shown import fields_of, record_body
from penstock_sandbox.salesforce.table import Record
from penstock_sandbox.salesforce.values import UnreadableError, from_json

UPSERT = "REST API Developer Guide: sObject Rows by External ID"
ROWS = "REST API Developer Guide: sObject Rows"


@documented(
    "The list of objects has encoding, batch size and a summary of each", "REST API Developer Guide: Describe Global"
)
def _global(ask: Ask) -> Reply:
    found = [schema.summary(kind, ask.version) for kind in ask.org.catalogue.objects.values()]
    return Reply(200, {"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": found})


def _basic(ask: Ask) -> Reply:
    return Reply(200, {"objectDescribe": schema.summary(ask.kind(), ask.version), "recentItems": []})


@documented("A describe honours If-Modified-Since with 304", "REST API Developer Guide: Headers")
@recorded("Describes carry ETag and Last-Modified", "CumulusCI cassettes, composite of describes")
def _describe(ask: Ask) -> Reply:
    kind, org = ask.kind(), ask.org
    headers = {"Last-Modified": formatdate(org.schema_changed, usegmt=True), "ETag": f'"{int(org.schema_changed):x}"'}
    since = ask.call.headers.get("if-modified-since")
    if since is not None:
        try:
            if parsedate_to_datetime(since).timestamp() >= int(org.schema_changed):
                return Reply(304, b"", headers)
        except ValueError:
            pass
    return Reply(200, schema.describe(org.catalogue, kind, ask.version, org.record_types(kind.name)), headers)


@recorded("A single create is 201 with a Location", "CumulusCI cassettes")
@documented("A POST to the field Id creates", UPSERT)
def _create(ask: Ask) -> Reply:
    kind = ask.kind()
    result = _write(ask, kind, "insert", _row(ask, kind))
    return _made(ask, kind, result, {"id": result.id, "success": True, "errors": _notes(result)})


def _made(ask: Ask, kind: SObject, result: Result, body: dict[str, object]) -> Reply:
    return Reply(201, body, {"Location": f"{ask.root()}/sobjects/{kind.name}/{result.id}"})


def _notes(result: Result) -> list[dict[str, object]]:
    return [note.row() for note in result.notes]


def _row(ask: Ask, kind: SObject) -> Row:
    given = decode.body(ask.call.body, dict[str, object])
    row = decode.row(ask.org, kind, given, single=True)
    if row.record_id is not None:
        raise errors.invalid_field("The Id field should not be specified in the sobject data.")
    return row


def _write(ask: Ask, kind: SObject, operation: str, row: Row, key: Field | None = None) -> Result:
    doing = ask.doing()
    result = rules.apply(doing, kind, operation, [row], key)[0]
    doing.commit()
    if result.matches:
        return result
    if result.problem is not None:
        raise errors.from_problem(result.problem)
    return result


@recorded("An id that nobody has is 404 NOT_FOUND", "grouparoo nocks")
@documented("A deleted record is 404 ENTITY_IS_DELETED", "SOAP API Developer Guide: StatusCode")
def _found(ask: Ask, kind: SObject) -> Record:
    record_id = canonical(ask.names["id"])
    record = ask.org.table(kind.name).records.get(record_id or "")
    if record is None:
        raise errors.not_found()
    if record.deleted:
        raise errors.refused(404, "ENTITY_IS_DELETED", "entity is deleted")
    return record


@recorded("A read shows every visible field, nulls too; compound fields as objects", "grouparoo nocks")
def _read(ask: Ask) -> Reply:
    kind = ask.kind()
    return Reply(200, record_body(ask.org, kind, _found(ask, kind), _wanted(ask, kind), ask.version))


def _wanted(ask: Ask, kind: SObject) -> list[Field]:
    return fields_of(kind, [name for name in ask.call.query.get("fields", "").split(",") if name])


@documented("An update and a deletion by id are 204", ROWS)
def _update(ask: Ask) -> Reply:
    kind = ask.kind()
    record = _found(ask, kind)
    row = _row(ask, kind)
    row.record_id = record.id
    _write(ask, kind, "update", row)
    return Reply(204)


def _delete(ask: Ask) -> Reply:
    kind = ask.kind()
    _write(ask, kind, "delete", Row({}, _found(ask, kind).id))
    return Reply(204)


@recorded("A field that is no key is 404, Provided external ID field does not exist", "CumulusCI TestUpsert cassettes")
def key_of(kind: SObject, name: str) -> Field:
    """Return the field that an upsert matches by."""
    key = kind.field(name)
    if key is None or not key.key:
        raise errors.not_found(f"Provided external ID field does not exist or is not accessible: {name}")
    return key


def _keyed(ask: Ask, kind: SObject) -> tuple[Field, str | float | int | bool | None]:
    key = key_of(kind, ask.names["field"])
    if key.name == "Id":
        return key, decode.identify(ask.names["value"])
    try:
        value = from_json(key, ask.names["value"])
    except UnreadableError as error:
        raise errors.bad_json(str(error)) from error
    return key, ask.names["value"] if isinstance(value, tuple) else value


@documented("Created 201, updated 200 with `created`; before v46 204 and no `created`", UPSERT)
@documented("A key that the body repeats is INVALID_FIELD", UPSERT)
@assumed("updateOnly without a match is 404", "never creates, says the guide, and no more")
def _upsert(ask: Ask) -> Reply:
    kind = ask.kind()
    key, value = _keyed(ask, kind)
    row = _row(ask, kind)
    if key.name in row.values:
        raise errors.invalid_field(f"The {key.name} field should not be specified in the sobject data.")
    if key.name == "Id":
        row.record_id = str(value)
        result = _write(ask, kind, "update", row)
        created = False
    else:
        row.values[key.name] = value
        found = rules.matching(ask.doing(), kind, key, value)
        if not found and ask.call.query.get("updateOnly") == "true":
            raise errors.not_found()
        result = _write(ask, kind, "upsert", row, key)
        if result.matches:
            return _several(ask, kind, result.matches)
        created = result.created is True
    if not created and ask.number() < 46:
        return Reply(204)
    body: dict[str, object] = {"id": result.id, "success": True, "errors": []}
    if ask.number() >= 46:
        body["created"] = created
    return _made(ask, kind, result, body) if created else Reply(200, body)


@recorded("A key that several records have is 300 with an array of addresses; nothing is written", "restforce fixtures")
def _several(ask: Ask, kind: SObject, ids: tuple[str, ...]) -> Reply:
    return Reply(300, [f"{ask.root()}/sobjects/{kind.name}/{record_id}" for record_id in ids])


def _by_key(ask: Ask, kind: SObject) -> list[Record]:
    key, value = _keyed(ask, kind)
    if key.name == "Id":
        record = ask.org.table(kind.name).alive(str(value))
        return [] if record is None else [record]
    return rules.matching(ask.doing(), kind, key, value)


def _read_by_key(ask: Ask) -> Reply:
    kind = ask.kind()
    found = _by_key(ask, kind)
    if len(found) > 1:
        return _several(ask, kind, tuple(record.id for record in found))
    if not found:
        raise errors.not_found()
    return Reply(200, record_body(ask.org, kind, found[0], _wanted(ask, kind), ask.version))


def _delete_by_key(ask: Ask) -> Reply:
    kind = ask.kind()
    found = _by_key(ask, kind)
    if len(found) > 1:
        return _several(ask, kind, tuple(record.id for record in found))
    if not found:
        raise errors.not_found()
    _write(ask, kind, "delete", Row({}, found[0].id))
    return Reply(204)


ROUTES = [
    Route("GET", "sobjects", _global),
    Route("GET", "sobjects/{type}", _basic),
    Route("POST", "sobjects/{type}", _create),
    Route("POST", "sobjects/{type}/Id", _create),
    Route("GET", "sobjects/{type}/describe", _describe),
    Route("GET", "sobjects/{type}/{id}", _read),
    Route("PATCH", "sobjects/{type}/{id}", _update),
    Route("DELETE", "sobjects/{type}/{id}", _delete),
    Route("PATCH", "sobjects/{type}/{field}/{value}", _upsert),
    Route("GET", "sobjects/{type}/{field}/{value}", _read_by_key),
    Route("DELETE", "sobjects/{type}/{field}/{value}", _delete_by_key),
]

"""Endpoints of objects: batches, single records, search, merge, purge."""

import msgspec

from penstock_sandbox.hubspot import errors, rules, search, singles
from penstock_sandbox.hubspot.routing import Ask, Reply, Route, batch_reply, decode
from penstock_sandbox.hubspot.rows import Rider, Row, Value


class Inputs(msgspec.Struct):
    """The body of batch create, update and upsert."""

    inputs: list[Row]


class Named(msgspec.Struct):
    """An input that is only an id."""

    id: str


class Read(msgspec.Struct, rename="camel"):
    """The body of batch/read."""

    inputs: list[Named]
    properties: list[str] = []
    id_property: str | None = None


class Archive(msgspec.Struct):
    """The body of batch/archive."""

    inputs: list[Named]


class Single(msgspec.Struct):
    """The body of a single create or update."""

    properties: dict[str, Value]
    associations: list[Rider] = []


class Merge(msgspec.Struct, rename="camel"):
    """The body of a merge."""

    primary_object_id: str
    object_id_to_merge: str


class Purge(msgspec.Struct, rename="camel"):
    """The body of gdpr-delete."""

    object_id: str
    id_property: str | None = None


def _upsert(ask: Ask) -> Reply:
    visit = ask.visit()
    done = rules.upsert(visit, decode(ask.call.body, Inputs).inputs)
    return batch_reply(ask, visit, done.results, done.errors)


def _create(ask: Ask) -> Reply:
    visit = ask.visit()
    done = rules.create(visit, decode(ask.call.body, Inputs).inputs)
    return batch_reply(ask, visit, done.results, done.errors, 201)


def _update(ask: Ask) -> Reply:
    visit = ask.visit()
    done = rules.update(visit, decode(ask.call.body, Inputs).inputs)
    return batch_reply(ask, visit, done.results, done.errors)


def _read(ask: Ask) -> Reply:
    visit, asked = ask.visit(), decode(ask.call.body, Read)
    archived = ask.archived()
    done = rules.read(visit, [each.id for each in asked.inputs], asked.id_property, asked.properties, archived)
    return batch_reply(ask, visit, done.results, done.errors)


def _archive(ask: Ask) -> Reply:
    rules.archive(ask.visit(), [each.id for each in decode(ask.call.body, Archive).inputs])
    return Reply(204)


def _list(ask: Ask) -> Reply:
    query, visit = ask.call.query, ask.visit()
    limit, archived = query.get("limit", "10"), ask.archived()
    results, more = singles.page(visit, limit, query.get("after", ""), ask.listed("properties"), archived=archived)
    asked = ask.listed("associations")
    body: dict[str, object] = {"results": [singles.with_associates(visit, each, asked) for each in results]}
    if more:
        link = f"https://api.hubapi.com/{ask.call.path.strip('/')}?limit={limit}&after={more}"
        body["paging"] = {"next": {"after": more, "link": link}}
    return Reply(200, body)


def _get(ask: Ask) -> Reply:
    query, visit = ask.call.query, ask.visit()
    archived = ask.archived()
    found = singles.read_one(visit, ask.names["id"], query.get("idProperty"), ask.listed("properties"), archived)
    return Reply(200, singles.with_associates(visit, found, ask.listed("associations")))


def _post(ask: Ask) -> Reply:
    given = decode(ask.call.body, Single)
    return Reply(201, singles.create_one(ask.visit(), given.properties, given.associations))


def _patch(ask: Ask) -> Reply:
    properties = decode(ask.call.body, Single).properties
    return Reply(200, singles.update_one(ask.visit(), ask.names["id"], ask.call.query.get("idProperty"), properties))


def _delete(ask: Ask) -> Reply:
    rules.archive(ask.visit(), [ask.names["id"]])
    return Reply(204)


def _search(ask: Ask) -> Reply:
    asked = decode(ask.call.body, search.Search)
    total, results, after = search.find(ask.visit(), asked, len(ask.call.body.decode()))
    body: dict[str, object] = {"total": total, "results": results}
    if after is not None:
        body["paging"] = {"next": {"after": after}}
    return Reply(200, body)


def _merge(ask: Ask) -> Reply:
    asked = decode(ask.call.body, Merge)
    return Reply(200, singles.merge(ask.visit(), asked.primary_object_id, asked.object_id_to_merge))


def _purge(ask: Ask) -> Reply:
    if ask.shelf().kind.name != "contacts":
        raise errors.resource_not_found()
    asked = decode(ask.call.body, Purge)
    singles.purge(ask.visit(), asked.object_id, asked.id_property)
    return Reply(204)


_READ, _WRITE = ("crm.objects.{type}.read",), ("crm.objects.{type}.write",)
ROUTES = [
    Route("POST", "{type}/batch/upsert", _WRITE, _upsert),
    Route("POST", "{type}/batch/create", _WRITE, _create),
    Route("POST", "{type}/batch/update", _WRITE, _update),
    Route("POST", "{type}/batch/archive", _WRITE, _archive),
    Route("POST", "{type}/batch/read", _READ, _read),
    Route("POST", "{type}/search", _READ, _search, "search"),
    Route("POST", "{type}/merge", _WRITE, _merge),
    Route("POST", "{type}/gdpr-delete", _WRITE, _purge),
    Route("GET", "{type}", _READ, _list),
    Route("POST", "{type}", _WRITE, _post),
    Route("GET", "{type}/{id}", _READ, _get),
    Route("PATCH", "{type}/{id}", _WRITE, _patch),
    Route("DELETE", "{type}/{id}", _WRITE, _delete),
]

"""Endpoints of properties, their groups, validation rules and schemas."""

from collections.abc import Callable
from functools import partial

import msgspec

from penstock_sandbox.hubspot import errors, schemas
from penstock_sandbox.hubspot.errors import RefusalError, RowError
from penstock_sandbox.hubspot.properties import Group, Patch, Property
from penstock_sandbox.hubspot.routing import Ask, Reply, Route, batch_reply, decode
from penstock_sandbox.provenance import assumed, documented

GUIDE = "developers.hubspot.com/docs/api-reference/latest/crm/properties/guide"


class Creates(msgspec.Struct):
    """The body of batch/create."""

    inputs: list[Property]


class Named(msgspec.Struct):
    """An input that is only a name."""

    name: str


class Names(msgspec.Struct):
    """The body of batch/read and batch/archive."""

    inputs: list[Named]


class SchemaPatch(msgspec.Struct, rename="camel"):
    """What PATCH may change about a schema."""

    required_properties: list[str] | None = None
    searchable_properties: list[str] | None = None
    primary_display_property: str | None = None
    secondary_display_properties: list[str] | None = None
    labels: schemas.Labels | None = None
    description: str | None = None


def _list(ask: Ask) -> Reply:
    catalogue = ask.shelf().catalogue
    wanted = ask.call.query.get("dataSensitivity", "non_sensitive")
    archived = ask.archived()
    found = list(catalogue.archived.values()) if archived else catalogue.listed(ask.call.now)
    return Reply(200, {"results": [each for each in found if each.data_sensitivity == wanted]})


def _get(ask: Ask) -> Reply:
    return Reply(200, ask.shelf().catalogue.get(ask.names["id"], ask.call.now))


def _create(ask: Ask) -> Reply:
    return Reply(201, ask.shelf().add_property(decode(ask.call.body, Property), ask.call.now))


@documented("Properties are created in batches too, 201 or 207", GUIDE)
@assumed("A property that is refused stands in `errors` under its name", "the shape of other partial successes")
def _create_batch(ask: Ask) -> Reply:
    shelf, now = ask.shelf(), ask.call.now
    inputs = decode(ask.call.body, Creates).inputs
    tried = [_attempt(each.name, partial(shelf.add_property, each, now)) for each in inputs]
    return _partial_reply(ask, tried, 201)


def _read_batch(ask: Ask) -> Reply:
    catalogue, now = ask.shelf().catalogue, ask.call.now
    inputs = decode(ask.call.body, Names).inputs
    return _partial_reply(ask, [_attempt(each.name, partial(catalogue.get, each.name, now)) for each in inputs], 200)


def _attempt(name: str, action: Callable[[], Property]) -> Property | RowError:
    """Return a property, or the refusal as an entry of `errors`."""
    try:
        return action()
    except RefusalError as refusal:
        sub = refusal.body.get("subCategory")
        category = str(refusal.body.get("category", "VALIDATION_ERROR"))
        return RowError(category, str(refusal), {"name": [name]}, sub_category=sub if isinstance(sub, str) else None)


def _partial_reply(ask: Ask, tried: list[Property | RowError], success: int) -> Reply:
    done = [each for each in tried if isinstance(each, Property)]
    return batch_reply(ask, ask.visit(), done, [each for each in tried if isinstance(each, RowError)], success)


def _archive_batch(ask: Ask) -> Reply:
    for each in decode(ask.call.body, Names).inputs:
        ask.shelf().catalogue.archive(each.name)
    return Reply(204)


def _change(ask: Ask) -> Reply:
    return Reply(200, ask.shelf().catalogue.change(ask.names["id"], decode(ask.call.body, Patch)))


def _archive(ask: Ask) -> Reply:
    ask.shelf().catalogue.archive(ask.names["id"])
    return Reply(204)


def _groups(ask: Ask) -> Reply:
    return Reply(200, {"results": list(ask.shelf().catalogue.groups.values())})


def _group(ask: Ask) -> Reply:
    found = ask.shelf().catalogue.groups.get(ask.names["id"])
    if found is None:
        raise errors.nothing_there(f"Property group '{ask.names['id']}'")
    return Reply(200, found)


@documented("A group is made by name and label, 201", GUIDE)
@assumed("A group that exists is a 409", "as a property that exists")
def _new_group(ask: Ask) -> Reply:
    group = decode(ask.call.body, Group)
    groups = ask.shelf().catalogue.groups
    if group.name in groups:
        raise errors.conflict(f"Property group '{group.name}' already exists.")
    groups[group.name] = group
    return Reply(201, group)


@assumed("A portal has no validation rules", "their bodies are not in any source; none is the portal of most")
def _validations(_ask: Ask) -> Reply:
    return Reply(200, {"results": []})


def _schemas(ask: Ask) -> Reply:
    return Reply(200, {"results": schemas.listed(ask.portal, ask.call.now)})


def _schema(ask: Ask) -> Reply:
    return Reply(200, schemas.shown(ask.portal, ask.shelf(), ask.call.now))


def _new_schema(ask: Ask) -> Reply:
    shelf = schemas.create(ask.portal, decode(ask.call.body, schemas.NewSchema), ask.call.now)
    return Reply(201, schemas.shown(ask.portal, shelf, ask.call.now))


def _change_schema(ask: Ask) -> Reply:
    known = ask.portal.schemas.get(ask.shelf().kind.name)
    if known is None:
        raise errors.invalid_request("Objects that HubSpot defines cannot be changed")
    patch = decode(ask.call.body, SchemaPatch)
    given = {name: value for name, value in msgspec.structs.asdict(patch).items() if value is not None}
    known.asked = msgspec.structs.replace(known.asked, **given)
    if patch.required_properties is not None:
        required = tuple((name,) for name in patch.required_properties)
        ask.shelf().kind = ask.shelf().kind._replace(required=required)
    return Reply(200, schemas.shown(ask.portal, ask.shelf(), ask.call.now))


def _drop_schema(ask: Ask) -> Reply:
    schemas.delete(ask.portal, ask.shelf())
    return Reply(204)


_READ, _WRITE = ("crm.objects.{type}.read",), ("crm.schemas.{type}.write",)
ROUTES = [
    Route("GET", "{type}", _READ, _list),
    Route("POST", "{type}", _WRITE, _create),
    Route("GET", "{type}/{id}", _READ, _get),
    Route("PATCH", "{type}/{id}", _WRITE, _change),
    Route("DELETE", "{type}/{id}", _WRITE, _archive),
    Route("POST", "{type}/batch/create", _WRITE, _create_batch),
    Route("POST", "{type}/batch/read", _READ, _read_batch),
    Route("POST", "{type}/batch/archive", _WRITE, _archive_batch),
    Route("GET", "{type}/groups", _READ, _groups),
    Route("POST", "{type}/groups", _WRITE, _new_group),
    Route("GET", "{type}/groups/{id}", _READ, _group),
]
VALIDATION_ROUTES = [Route("GET", "{type}", _READ, _validations)]
SCHEMA_ROUTES = [
    Route("GET", "", ("crm.schemas.custom.read",), _schemas),
    Route("POST", "", ("crm.schemas.custom.write",), _new_schema),
    Route("GET", "{type}", ("crm.schemas.custom.read",), _schema),
    Route("PATCH", "{type}", ("crm.schemas.custom.write",), _change_schema),
    Route("DELETE", "{type}", ("crm.schemas.custom.write",), _drop_schema),
]

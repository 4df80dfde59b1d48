"""Endpoints of associations: batches, one pair, labels."""

import msgspec

from penstock_sandbox.hubspot import associations as rules
from penstock_sandbox.hubspot import errors
from penstock_sandbox.hubspot.associations import Ends, Link, Named, Removal, Spec
from penstock_sandbox.hubspot.errors import RowError
from penstock_sandbox.hubspot.portal import Visit
from penstock_sandbox.hubspot.routing import Ask, Reply, Route, batch_reply, cut, decode
from penstock_sandbox.provenance import assumed

LARGEST_PAGE = 500


class Links(msgspec.Struct):
    """The body of batches that associate, and of batch/labels/archive."""

    inputs: list[Link]


class Read(msgspec.Struct):
    """The body of batch/read."""

    inputs: list[Named]


class Removals(msgspec.Struct):
    """The body of batch/archive."""

    inputs: list[Removal]


class NewLabel(msgspec.Struct, rename="camel"):
    """The body that makes a label."""

    label: str
    name: str
    inverse_label: str | None = None


def _ends(ask: Ask) -> Ends:
    one, other = ask.shelf("from"), ask.shelf("to")
    return Ends(ask.portal, one, other, Visit(ask.portal, one, ask.call.now, ask.call.number, ask.family))


def _create(ask: Ask) -> Reply:
    ends = _ends(ask)
    return batch_reply(ask, ends.visit, *rules.create(ends, decode(ask.call.body, Links).inputs), 201)


def _default(ask: Ask) -> Reply:
    ends = _ends(ask)
    return batch_reply(ask, ends.visit, *rules.create_default(ends, decode(ask.call.body, Links).inputs))


def _read(ask: Ask) -> Reply:
    ends = _ends(ask)
    return batch_reply(ask, ends.visit, *rules.read(ends, decode(ask.call.body, Read).inputs))


def _archive(ask: Ask) -> Reply:
    rules.archive(_ends(ask), decode(ask.call.body, Removals).inputs)
    return Reply(204)


def _archive_labels(ask: Ask) -> Reply:
    rules.archive_labels(_ends(ask), decode(ask.call.body, Links).inputs)
    return Reply(204)


def _labels(ask: Ask) -> Reply:
    return Reply(200, {"results": [label.shown() for label in _ends(ask).labels()]})


def _new_label(ask: Ask) -> Reply:
    asked = decode(ask.call.body, NewLabel)
    ends = _ends(ask)
    made = ends.store.add_label(ends.one.kind, ends.other.kind, asked.label, asked.inverse_label)
    return Reply(200, {"results": [label.shown() for label in made]})


def _drop_label(ask: Ask) -> Reply:
    ends = _ends(ask)
    own = [each for each in ends.labels() if each.category == "USER_DEFINED" and each.label is not None]
    if ask.names["id"] not in {str(each.type_id) for each in own}:
        raise errors.nothing_there(f"Association label {ask.names['id']}")
    ends.store.drop_label(ends.one.kind, ends.other.kind, int(ask.names["id"]))
    return Reply(204)


def _one(results: list[dict[str, object]], failed: list[RowError]) -> dict[str, object]:
    """Return the one result, or refuse as a single request does."""
    return results[0] if results else _refuse(failed[0])


@assumed("What a batch lists as an error refuses a single request with 400 or 404", "the same rule without a batch")
def _refuse(error: RowError) -> dict[str, object]:
    status = 404 if error.category == "OBJECT_NOT_FOUND" else 400
    body = {name: value for name, value in error.body().items() if name != "status"}
    raise errors.RefusalError(status, body)


def _link(ask: Ask, types: list[Spec]) -> list[Link]:
    return [Link(Named(ask.names["id"]), Named(ask.names["id2"]), types)]


def _put(ask: Ask) -> Reply:
    return Reply(201, _one(*rules.create(_ends(ask), _link(ask, decode(ask.call.body, list[Spec])))))


def _put_default(ask: Ask) -> Reply:
    ends = _ends(ask)
    results, failed = rules.create_default(ends, _link(ask, []))
    if failed:
        _refuse(failed[0])
    return batch_reply(ask, ends.visit, results, [])


def _associates(ask: Ask) -> Reply:
    ends = _ends(ask)
    if ends.one.table.resolve(ask.names["id"]) is None:
        raise errors.object_not_found(ask.names["id"])
    limit = ask.number("limit", LARGEST_PAGE, LARGEST_PAGE)
    shown, paging = cut(ask, rules.associates(ends, ask.names["id"]), limit)
    return Reply(200, {"results": shown, **paging})


def _delete(ask: Ask) -> Reply:
    rules.archive(_ends(ask), [Removal(Named(ask.names["id"]), [Named(ask.names["id2"])])])
    return Reply(204)


_READ = ("crm.objects.{from}.read", "crm.objects.{to}.read")
_WRITE = ("crm.objects.{from}.write", "crm.objects.{to}.write")
ROUTES = [
    Route("POST", "{from}/{to}/batch/create", _WRITE, _create, "associations"),
    Route("POST", "{from}/{to}/batch/associate/default", _WRITE, _default, "associations"),
    Route("POST", "{from}/{to}/batch/read", _READ, _read, "associations"),
    Route("POST", "{from}/{to}/batch/archive", _WRITE, _archive, "associations"),
    Route("POST", "{from}/{to}/batch/labels/archive", _WRITE, _archive_labels, "associations"),
    Route("GET", "{from}/{to}/labels", _READ, _labels, "associations"),
    Route("POST", "{from}/{to}/labels", _WRITE, _new_label, "associations"),
    Route("DELETE", "{from}/{to}/labels/{id}", _WRITE, _drop_label, "associations"),
]
PAIR_ROUTES = [
    Route("GET", "{from}/{id}/associations/{to}", _READ, _associates, "associations"),
    Route("PUT", "{from}/{id}/associations/{to}/{id2}", _WRITE, _put, "associations"),
    Route("DELETE", "{from}/{id}/associations/{to}/{id2}", _WRITE, _delete, "associations"),
    Route("PUT", "{from}/{id}/associations/default/{to}/{id2}", _WRITE, _put_default, "associations"),
]

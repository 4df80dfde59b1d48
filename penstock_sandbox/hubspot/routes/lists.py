"""Endpoints of lists."""

import msgspec

from penstock_sandbox.hubspot import lists
from penstock_sandbox.hubspot.lists import Changes, NewList
from penstock_sandbox.hubspot.memory import ManualList
from penstock_sandbox.hubspot.portal import Visit
from penstock_sandbox.hubspot.routing import Ask, Reply, Route, cut, decode

LARGEST_PAGE = 250


class Search(msgspec.Struct, rename="camel"):
    """The body of a search for lists."""

    query: str = ""
    list_ids: list[str] = []
    processing_types: list[str] = []
    offset: int = 0
    count: int = 20


def _visit(ask: Ask) -> Visit:
    return Visit(ask.portal, ask.portal.shelves["contacts"], ask.call.now, ask.call.number, ask.family)


def _list(ask: Ask) -> ManualList:
    return lists.get(ask.portal, ask.names["id"])


def _create(ask: Ask) -> Reply:
    made = lists.create(ask.portal, decode(ask.call.body, NewList), _visit(ask).now)
    return Reply(200, {"list": lists.shown(made)})


def _get(ask: Ask) -> Reply:
    return Reply(200, {"list": lists.shown(_list(ask))})


def _get_some(ask: Ask) -> Reply:
    known = ask.portal.lists
    found = [known[each] for each in ask.listed("listIds") if each in known and not known[each].archived]
    return Reply(200, {"lists": [lists.shown(each) for each in found]})


def _get_by_name(ask: Ask) -> Reply:
    return Reply(200, {"list": lists.shown(lists.by_name(ask.portal, ask.shelf(), ask.names["name"]))})


def _search(ask: Ask) -> Reply:
    asked = decode(ask.call.body, Search)
    found = [
        each
        for each in ask.portal.lists.values()
        if asked.query.lower() in each.name.lower()
        and not each.archived
        and (not asked.list_ids or each.id in asked.list_ids)
        and (not asked.processing_types or each.processing_type in asked.processing_types)
    ]
    end = asked.offset + asked.count
    body = {"offset": end, "hasMore": end < len(found), "total": len(found)}
    extra: dict[str, object] = {"additionalProperties": {}}
    return Reply(200, {"lists": [lists.shown(each) | extra for each in found[asked.offset : end]], **body})


def _delete(ask: Ask) -> Reply:
    _list(ask).archived = True
    return Reply(204)


def _restore(ask: Ask) -> Reply:
    if ask.names["id"] in ask.portal.lists:
        ask.portal.lists[ask.names["id"]].archived = False
    _list(ask)
    return Reply(204)


def _rename(ask: Ask) -> Reply:
    target = _list(ask)
    target.name = ask.call.query.get("listName", target.name)
    return Reply(200, {"updatedList": lists.shown(target)})


def _members(ask: Ask) -> Reply:
    members = [{"recordId": each, "membershipTimestamp": at} for each, at in _list(ask).members.items()]
    shown, paging = cut(ask, members, ask.number("limit", 100, LARGEST_PAGE))
    return Reply(200, {"results": shown, "total": len(members), **paging})


def _add(ask: Ask) -> Reply:
    changes = Changes(decode(ask.call.body, list[str]), [])
    return Reply(200, lists.change(ask.portal, _list(ask), changes, _visit(ask)))


def _remove(ask: Ask) -> Reply:
    changes = Changes([], decode(ask.call.body, list[str]))
    return Reply(200, lists.change(ask.portal, _list(ask), changes, _visit(ask)))


def _add_and_remove(ask: Ask) -> Reply:
    return Reply(200, lists.change(ask.portal, _list(ask), decode(ask.call.body, Changes), _visit(ask)))


def _add_from(ask: Ask) -> Reply:
    lists.replace_all(ask.portal, _list(ask), lists.get(ask.portal, ask.names["source"]), _visit(ask))
    return Reply(204)


def _empty(ask: Ask) -> Reply:
    lists.replace_all(ask.portal, _list(ask), None, _visit(ask))
    return Reply(204)


def _of_record(ask: Ask) -> Reply:
    kind, record_id = ask.shelf().kind, ask.names["id"]
    found = [
        {"listId": each.id, "listVersion": each.version, "firstAddedTimestamp": each.members[record_id]}
        for each in ask.portal.lists.values()
        if each.type_id == kind.type_id and record_id in each.members and not each.archived
    ]
    return Reply(200, {"results": found, "total": len(found)})


_READ, _WRITE = ("crm.lists.read",), ("crm.lists.write",)
ROUTES = [
    Route("POST", "", _WRITE, _create),
    Route("GET", "", _READ, _get_some),
    Route("POST", "search", _READ, _search),
    Route("GET", "{id}", _READ, _get),
    Route("DELETE", "{id}", _WRITE, _delete),
    Route("PUT", "{id}/restore", _WRITE, _restore),
    Route("PUT", "{id}/update-list-name", _WRITE, _rename),
    Route("GET", "object-type-id/{type}/name/{name}", _READ, _get_by_name),
    Route("GET", "records/{type}/{id}/memberships", _READ, _of_record),
    Route("GET", "{id}/memberships", _READ, _members),
    Route("DELETE", "{id}/memberships", _WRITE, _empty),
    Route("PUT", "{id}/memberships/add", _WRITE, _add),
    Route("PUT", "{id}/memberships/remove", _WRITE, _remove),
    Route("PUT", "{id}/memberships/add-and-remove", _WRITE, _add_and_remove),
    Route("PUT", "{id}/memberships/add-from/{source}", _WRITE, _add_from),
]

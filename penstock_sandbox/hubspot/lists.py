"""Lists of records. Manual and snapshot lists have members that can be set; dynamic ones are kept, not computed."""

from typing import Literal

import msgspec

from penstock_sandbox.hubspot import errors
from penstock_sandbox.hubspot.memory import ManualList
from penstock_sandbox.hubspot.portal import Portal, Shelf, Visit
from penstock_sandbox.provenance import assumed, documented
from penstock_sandbox.store import Action, Write

GUIDE = "developers.hubspot.com/docs/api-reference/crm-lists-v3"
MOST_MEMBERS = 100_000
FIRST_ID = 42


class NewList(msgspec.Struct, rename="camel"):
    """The body that makes a list."""

    name: str
    object_type_id: str
    processing_type: Literal["MANUAL", "SNAPSHOT", "DYNAMIC"]
    filter_branch: dict[str, object] | None = None


class Changes(msgspec.Struct, rename="camel"):
    """The body of add-and-remove."""

    record_ids_to_add: list[str] = []
    record_ids_to_remove: list[str] = []


@documented("POST makes a list of a type by name and way of processing", GUIDE)
@assumed("A name that is taken is a 400", "names are unique, the answer is not documented in the fact sheet")
def create(portal: Portal, asked: NewList, now: str) -> ManualList:
    """Make a list."""
    shelf = portal.shelf(asked.object_type_id)
    if asked.processing_type == "DYNAMIC" and asked.filter_branch is None:
        raise errors.invalid_request("A list of type DYNAMIC needs a filterBranch")
    if any(each.name.lower() == asked.name.lower() and not each.archived for each in portal.lists.values()):
        raise errors.invalid_request(f"A list with the name '{asked.name}' already exists")
    list_id = str(FIRST_ID + len(portal.lists))
    made = ManualList(list_id, asked.name, shelf.kind.type_id, asked.processing_type, now, now)
    portal.lists[list_id] = made
    return made


@documented("A list is shown with its id, name, type and state of processing", GUIDE)
def shown(each: ManualList) -> dict[str, object]:
    """Return a list as an answer does."""
    return {
        "listId": each.id,
        "listVersion": each.version,
        "name": each.name,
        "objectTypeId": each.type_id,
        "processingType": each.processing_type,
        "processingStatus": "COMPLETE",
        "size": len(each.members),
        "createdAt": each.made,
        "updatedAt": each.updated,
        "createdById": "7",
        "updatedById": "7",
    }


@documented("A list is found by id, or by the type and name", GUIDE)
@assumed("Names are compared without case", "the stricter reading for a client that looks before it makes one")
def get(portal: Portal, list_id: str) -> ManualList:
    """Return a list."""
    found = portal.lists.get(list_id)
    if found is None or found.archived:
        raise errors.nothing_there(f"List {list_id}", "ILS.LIST_NOT_FOUND")
    return found


@documented("A list is found by its type and name", GUIDE)
def by_name(portal: Portal, shelf: Shelf, name: str) -> ManualList:
    """Return a list."""
    for each in portal.lists.values():
        if each.type_id == shelf.kind.type_id and each.name.lower() == name.lower() and not each.archived:
            return each
    raise errors.nothing_there(f"List '{name}'", "ILS.LIST_NOT_FOUND")


@documented("Members are added and removed by record id; the answer says which, and which are missing", GUIDE)
@documented("One key of that answer is `recordsIdsAdded`", "hubspot-api-client 12.0.0, result types")
@documented("Only MANUAL and SNAPSHOT lists take members", GUIDE)
@documented("At most 100,000 records a call", GUIDE)
@assumed("Ids that are members already are not listed as added, nor others as removed", "only what changed is told")
@assumed("A merged id is missing", "the stricter reading")
def change(portal: Portal, target: ManualList, changes: Changes, visit: Visit) -> dict[str, list[str]]:
    """Add and remove members."""
    if target.processing_type == "DYNAMIC":
        raise errors.invalid_request(f"List {target.id} is DYNAMIC: its members cannot be changed")
    if len(changes.record_ids_to_add) + len(changes.record_ids_to_remove) > MOST_MEMBERS:
        raise errors.invalid_request(f"At most {MOST_MEMBERS} records can be added or removed in one call")
    shelf = portal.shelf(target.type_id)
    missing = [each for each in changes.record_ids_to_add if shelf.table.live(each) is None]
    added = [each for each in dict.fromkeys(changes.record_ids_to_add) if each not in target.members]
    added = [each for each in added if shelf.table.live(each) is not None]
    removed = [each for each in dict.fromkeys(changes.record_ids_to_remove) if each in target.members]
    for each in added:
        target.members[each] = visit.now
        _note(visit, "join", target, each)
    for each in removed:
        del target.members[each]
        _note(visit, "leave", target, each)
    target.updated = visit.now
    return {"recordsIdsAdded": added, "recordIdsRemoved": removed, "recordIdsMissing": missing}


@documented("Members can be taken from another list, or all removed, below 100,000", GUIDE)
def replace_all(portal: Portal, target: ManualList, source: ManualList | None, visit: Visit) -> None:
    """Add the members of another list, or remove all."""
    members = list(target.members if source is None else source.members)
    if len(members) >= MOST_MEMBERS:
        raise errors.invalid_request(f"The list has {MOST_MEMBERS} members or more")
    change(portal, target, Changes(members, []) if source is not None else Changes([], members), visit)


def _note(visit: Visit, action: Action, target: ManualList, record_id: str) -> None:
    history, number = visit.history, len(visit.history) + 1
    if history.full:
        history.add(
            Write(
                number,
                target.id,
                record_id,
                visit.seconds,
                visit.request,
                "lists",
                action,
                record_id,
                None,
                {"name": target.name},
            )
        )
    else:
        history.add(Write(number, target.id, record_id))

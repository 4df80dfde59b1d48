"""Tags of contacts and companies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock_sandbox.intercom import companies, contacts, errors
from penstock_sandbox.intercom.memory import Company, Contact, Tag
from penstock_sandbox.provenance import assumed, documented

if TYPE_CHECKING:
    from penstock_sandbox.intercom.versions import Version
    from penstock_sandbox.intercom.workspace import Doing, Workspace
    from penstock_sandbox.store import Action

REFERENCE = "Intercom-OpenAPI 2.14, Tags"
Target = Contact | Company


@documented("A tag is created where its name is new; names ignore case", REFERENCE)
def ensure(doing: Doing, name: str) -> Tag:
    """Return the tag of a name."""
    workspace = doing.workspace
    known = workspace.tag_names.get(name.casefold())
    if known is not None:
        return workspace.tags[known]
    made = Tag(workspace.number("tag", 105), name)
    workspace.tags[made.id] = made
    workspace.tag_names[name.casefold()] = made.id
    doing.note("tags", "create", made.id, {"name": name}, {"name": name})
    return made


@documented("A tag that is not there is 404, Resource Not Found", REFERENCE)
def found(workspace: Workspace, tag_id: object) -> Tag:
    """Return a tag by id, which may be a number."""
    tag = workspace.tags.get(str(tag_id))
    if tag is None:
        raise errors.not_found()
    return tag


@documented("One call creates a tag and puts it on many users or companies; `untag` takes it off", REFERENCE)
@documented("A body without a name is 400 parameter_invalid, invalid tag parameters", REFERENCE)
@documented("A user or company that is not there is 404", REFERENCE)
@assumed("Of a call with one that is not there nothing is applied, not even the tag", "one answer for all of it")
@assumed("Users are named by id, user_id or email", "the reference shows id, older versions the others")
def apply(doing: Doing, body: dict[str, object], version: Version) -> Tag:
    """Create a tag, rename it by id, or put it on many."""
    workspace = doing.workspace
    name = body.get("name")
    if not isinstance(name, str) or not name.strip():
        raise _nonsense()
    if "id" in body:
        return _rename(doing, found(workspace, body["id"]), name)
    chosen: list[tuple[Target, object]] = [
        *((_company(workspace, item), item.get("untag")) for item in _items(body, "companies")),
        *((_user(workspace, item, version), item.get("untag")) for item in _items(body, "users")),
    ]
    tag = ensure(doing, name)
    for target, untag in chosen:
        if untag is True and tag.id in target.tags:
            take(doing, target, tag)
        elif untag is not True:
            put(doing, target, tag)
    return tag


def _nonsense() -> errors.RefusalError:
    return errors.invalid("invalid tag parameters")


@assumed("A name that another tag has is refused to a renaming", "names are unique")
def _rename(doing: Doing, tag: Tag, name: str) -> Tag:
    names = doing.workspace.tag_names
    if names.get(name.casefold(), tag.id) != tag.id:
        raise _nonsense()
    del names[tag.name.casefold()]
    tag.name = name
    names[name.casefold()] = tag.id
    doing.note("tags", "update", tag.id, {"name": name}, {"name": name})
    return tag


def _items(body: dict[str, object], name: str) -> list[dict[str, object]]:
    given = body.get(name, [])
    if not isinstance(given, list) or not all(isinstance(each, dict) for each in given):
        raise _nonsense()
    return given


def _company(workspace: Workspace, item: dict[str, object]) -> Company:
    if "id" in item:
        return companies.found(workspace, item["id"])
    company = workspace.company(str(item.get("company_id")))
    if company is None:
        raise errors.no_company()
    return company


def _user(workspace: Workspace, item: dict[str, object], version: Version) -> Contact:
    if "id" in item:
        return contacts.found(workspace, str(item["id"]), version)
    if "user_id" in item:
        return contacts.by_external_id(workspace, str(item["user_id"]))
    for each in workspace.people.by_email(str(item.get("email"))):
        if each.role == "user" and not each.archived:
            return each
    raise errors.no_contact()


@assumed("A tag that is on already stays as it was, with 200", "reported as idempotent, nowhere promised")
def put(doing: Doing, target: Target, tag: Tag) -> None:
    """Put a tag on a contact or a company."""
    if tag.id not in target.tags:
        _set(doing, target, {**target.tags, tag.id: doing.stamp()})
        _note(doing, "join", target, tag)


@assumed("Taking off a tag that is not on is 404", "Resource Not Found is what else an unknown pair could be")
def take(doing: Doing, target: Target, tag: Tag) -> None:
    """Take a tag off a contact or a company."""
    if tag.id not in target.tags:
        raise errors.not_found()
    _set(doing, target, {each: since for each, since in target.tags.items() if each != tag.id})
    _note(doing, "leave", target, tag)


def _set(doing: Doing, target: Target, tags: dict[str, int]) -> None:
    if isinstance(target, Contact):
        contacts.touch(doing, target, tags=tags)
    else:
        target.tags = tags


def _note(doing: Doing, action: Action, target: Target, tag: Tag) -> None:
    kind = "contact_tags" if isinstance(target, Contact) else "company_tags"
    own = contacts.keys_of(target) if isinstance(target, Contact) else {"company_id": target.company_id}
    doing.note(kind, action, target.id, {**own, "tag": tag.name}, to=tag.id)


@documented("Deleting a tag is 200 and empty", REFERENCE)
@assumed("It is taken off everything that has it", "the reference names only objects that depend on it")
def delete(doing: Doing, tag: Tag) -> None:
    """Delete a tag."""
    workspace = doing.workspace
    every: list[Target] = [*workspace.people.by_id.values(), *workspace.companies.values()]
    for target in every:
        if tag.id in target.tags:
            _set(doing, target, {each: since for each, since in target.tags.items() if each != tag.id})
    del workspace.tags[tag.id]
    del workspace.tag_names[tag.name.casefold()]
    doing.note("tags", "purge", tag.id, {"name": tag.name})

"""Endpoints of contacts."""

from itertools import islice

from penstock_sandbox.intercom import contacts, errors, paging, search, shown
from penstock_sandbox.intercom.memory import Contact
from penstock_sandbox.intercom.routing import Ask, Reply, Route
from penstock_sandbox.provenance import assumed, documented

REFERENCE = "Intercom-OpenAPI 2.14, Contacts"


def _shown(ask: Ask, contact: Contact) -> Reply:
    return Reply(shown.contact(ask.workspace, contact))


def _create(ask: Ask) -> Reply:
    return _shown(ask, contacts.create(ask.doing(), ask.body()))


def _update(ask: Ask) -> Reply:
    contact = ask.contact()
    return _shown(ask, contacts.update(ask.doing(), contact, ask.body()))


def _read(ask: Ask) -> Reply:
    return _shown(ask, ask.contact())


def _by_external_id(ask: Ask) -> Reply:
    return _shown(ask, contacts.by_external_id(ask.workspace, ask.names["external_id"]))


@documented("An answer to archiving or deleting names the contact and says what was done", REFERENCE)
def _done(contact: Contact, **what: object) -> Reply:
    return Reply({"id": contact.id, "type": "contact", "external_id": contact.external_id, **what})


def _archive(ask: Ask) -> Reply:
    contact = ask.contact(archived=True)
    contacts.archive(ask.doing(), contact, archived=True)
    return _done(contact, archived=True)


def _unarchive(ask: Ask) -> Reply:
    contact = ask.contact(archived=True)
    contacts.archive(ask.doing(), contact, archived=False)
    return _done(contact, archived=False)


def _block(ask: Ask) -> Reply:
    contact = ask.contact(archived=True)
    contacts.block(ask.doing(), contact)
    return _done(contact, blocked=True)


@assumed("An archived contact can be deleted by its id", "an archive that cannot be emptied would be none")
def _delete(ask: Ask) -> Reply:
    contact = ask.contact(archived=True)
    contacts.delete(ask.doing(), contact)
    return _done(contact, deleted=True)


@documented("A merge names `from` and `into`; its answer is the user", REFERENCE)
@assumed("skip_duplicate_validation is taken from the body or the address", "the reference shows it as a parameter")
def _merge(ask: Ask) -> Reply:
    body = ask.body()
    ends = []
    for name in ("from", "into"):
        if not isinstance(body.get(name), str):
            raise errors.missing(f"{name} not specified")
        ends.append(contacts.found(ask.workspace, str(body[name]), ask.version))
    asked = "skip_duplicate_validation"
    skip = body.get(asked) is True or ask.call.query.get(asked) == "true"
    return _shown(ask, contacts.merge(ask.doing(), ends[0], ends[1], ask.version, skip))


@documented("Contacts are listed in pages; archived ones are not", REFERENCE)
@assumed("The newest come first, 50 a page", "search has 50, the recorded cursor holds the time of creation")
def _list(ask: Ask) -> Reply:
    per_page = ask.per_page(ask.call.query.get("per_page"))
    after, page = paging.read(ask.call.query.get("starting_after"))
    live = (each for each in ask.workspace.people.newest_first(after) if not each.archived)
    rows = list(islice(live, per_page + 1))
    people = ask.workspace.people
    return _page(ask, rows, page, per_page, len(people.by_id) - people.archived)


def _search(ask: Ask) -> Reply:
    body = ask.body()
    wish = body.get("pagination")
    wish = wish if isinstance(wish, dict) else {}
    per_page = ask.per_page(wish.get("per_page"))
    after, page = paging.read(wish.get("starting_after"))
    found = search.matching(ask.workspace, body.get("query"), ask.call.now)
    found = search.ordered(ask.workspace, found, body.get("sort"))
    start = 0 if after is None else _place(found, after)
    return _page(ask, found[start : start + per_page + 1], page, per_page, len(found))


@assumed("A page goes on after the place of the last contact, or where it would be", "contacts come and go meanwhile")
def _place(found: list[Contact], last: str) -> int:
    for place, each in enumerate(found):
        if each.id == last:
            return place + 1
    return next((place for place, each in enumerate(found) if each.id < last), len(found))


def _page(ask: Ask, rows: list[Contact], page: int, per_page: int, total: int) -> Reply:
    following: dict[str, object] | None = None
    if len(rows) > per_page:
        last = rows[per_page - 1]
        following = {"page": page + 1, "starting_after": paging.cursor(last.created, last.id, page + 1)}
    data = [shown.contact(ask.workspace, each) for each in rows[:per_page]]
    return Reply(shown.listing(data, page, per_page, total, following))


ROUTES = [
    Route("POST", "contacts", _create),
    Route("GET", "contacts", _list),
    Route("POST", "contacts/search", _search),
    Route("POST", "contacts/merge", _merge),
    Route("GET", "contacts/find_by_external_id/{external_id}", _by_external_id, (2, 13)),
    Route("GET", "contacts/{contact}", _read),
    Route("PUT", "contacts/{contact}", _update),
    Route("DELETE", "contacts/{contact}", _delete),
    Route("POST", "contacts/{contact}/archive", _archive),
    Route("POST", "contacts/{contact}/unarchive", _unarchive),
    Route("POST", "contacts/{contact}/block", _block),
]

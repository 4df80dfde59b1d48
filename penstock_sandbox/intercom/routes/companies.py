"""Endpoints of companies, and of a contact's."""

from collections.abc import Iterable, Mapping
from functools import partial

from penstock_sandbox.intercom import companies, errors, scrolls, shown
from penstock_sandbox.intercom.memory import Company
from penstock_sandbox.intercom.routing import Ask, Reply, Route
from penstock_sandbox.provenance import assumed, documented

REFERENCE = "Intercom-OpenAPI 2.14, Companies"


def _shown(ask: Ask, company: Company) -> Reply:
    return Reply(shown.company(ask.workspace, company))


def _named(ask: Ask) -> Company:
    return companies.found(ask.workspace, ask.names["company"])


def _upsert(ask: Ask) -> Reply:
    return _shown(ask, companies.upsert(ask.doing(), ask.body()))


def _update(ask: Ask) -> Reply:
    company = _named(ask)
    return _shown(ask, companies.update(ask.doing(), company, ask.body()))


def _read(ask: Ask) -> Reply:
    return _shown(ask, _named(ask))


@documented("A deletion answers with `object`, not `type`", REFERENCE)
def _delete(ask: Ask) -> Reply:
    company = _named(ask)
    companies.delete(ask.doing(), company)
    return Reply({"id": company.id, "object": "company", "deleted": True})


@documented("One company is found by company_id or name; tag_id and segment_id filter the list", REFERENCE)
@assumed("Of several companies with one name the newest is found", "names are not unique; nothing is said")
def _find(ask: Ask) -> Reply:
    query, workspace = ask.call.query, ask.workspace
    if "company_id" in query or "name" in query:
        found = workspace.company(query["company_id"]) if "company_id" in query else None
        if "company_id" not in query:
            named = (
                each for each in reversed(workspace.companies.values()) if each.fields.get("name") == query["name"]
            )
            found = next(named, None)
        if found is None:
            raise errors.no_company()
        return _shown(ask, found)
    wanted = query.get("tag_id")
    rows = companies.visible(workspace)
    if "segment_id" in query:
        rows = iter(())
    return _pages(ask, (each for each in rows if wanted is None or wanted in each.tags), query)


def _list(ask: Ask) -> Reply:
    return _pages(ask, companies.visible(ask.workspace), {**ask.body(), **ask.call.query})


@documented("Lists hold at most 10,000 companies, 15 a page", REFERENCE)
@assumed("A page beyond them is 400 parameter_invalid", "the scroll is what the reference points to")
def _pages(ask: Ask, rows: Iterable[Company], wish: Mapping[str, object]) -> Reply:
    return ask.pages(list(rows), partial(shown.company, ask.workspace), wish, default=15)


def _scroll(ask: Ask) -> Reply:
    given = ask.call.query.get("scroll_param")
    found, param = scrolls.page(ask.workspace, ask.token.app, given, ask.call.now)
    data = [shown.company(ask.workspace, each) for each in found]
    return Reply({"type": "list", "data": data, "pages": None, "total_count": None, "scroll_param": param})


def _contacts(ask: Ask) -> Reply:
    people = ask.workspace.people
    found = [people.live(each) for each in _named(ask).contacts]
    live = [each for each in found if each is not None]
    return ask.pages(live, partial(shown.contact, ask.workspace), ask.call.query)


def _segments(ask: Ask) -> Reply:
    _named(ask)
    return Reply({"type": "list", "data": []})


@documented("A contact is attached by Intercom's company id; without one: parameter_not_found", REFERENCE)
def _attach(ask: Ask) -> Reply:
    contact = ask.contact()
    given = ask.body().get("id")
    if given in (None, ""):
        raise errors.missing("company not specified")
    company = companies.found(ask.workspace, given)
    companies.attach(ask.doing(), contact, company)
    return _shown(ask, company)


def _detach(ask: Ask) -> Reply:
    contact, company = ask.contact(), _named(ask)
    companies.detach(ask.doing(), contact, company)
    return _shown(ask, company)


@assumed("A contact's companies are under `data`", "the reference's example has them there, its type under `companies`")
def _attached(ask: Ask) -> Reply:
    contact = ask.contact()
    found = [ask.workspace.companies[each] for each in contact.companies]
    return ask.pages(found, partial(shown.company, ask.workspace), ask.call.query)


ROUTES = [
    Route("POST", "companies", _upsert),
    Route("GET", "companies", _find),
    Route("POST", "companies/list", _list),
    Route("GET", "companies/scroll", _scroll),
    Route("GET", "companies/{company}", _read),
    Route("PUT", "companies/{company}", _update),
    Route("DELETE", "companies/{company}", _delete),
    Route("GET", "companies/{company}/contacts", _contacts),
    Route("GET", "companies/{company}/segments", _segments),
    Route("POST", "contacts/{contact}/companies", _attach),
    Route("GET", "contacts/{contact}/companies", _attached),
    Route("DELETE", "contacts/{contact}/companies/{company}", _detach),
]

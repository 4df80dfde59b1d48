"""A page to look at: what is in the simulated CRM right now."""

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from itertools import islice

from penstock_sandbox.hubspot.portal import Portal, Shelf
from penstock_sandbox.intercom.tables import tables as intercom_tables
from penstock_sandbox.salesforce.org import Org
from penstock_sandbox.world import World

CONTACTS = ("email", "firstname", "lastname", "company", "lifecyclestage", "plan", "lead_score", "monthly_spend")
MOST_ROWS, MOST_COLUMNS = 200, 10
STYLE = (
    "body{font:14px system-ui;margin:2rem;color:#222}table{border-collapse:collapse;margin-bottom:2rem}"
    "th,td{padding:.3rem .7rem;border-bottom:1px solid #ddd;text-align:left}th{background:#f5f5f5}"
)


def render(world: World) -> str:
    """Return the page: counters, and a table of each kind of thing, 200 rows at most. Every value is escaped."""
    portal = world.hubspot
    world.advance()
    tables = "".join(section for section in _sections(portal) if section)
    of_salesforce = "".join(section for section in _salesforce(world.salesforce) if section)
    of_intercom = "".join(_table(*each) for each in intercom_tables(world.intercom))
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Penstock sandbox</title>'
        f"<style>{STYLE}</style></head><body><h1>HubSpot</h1>"
        f"<p>{len(world.history):,} applied writes, {world.requests:,} requests.</p>{tables}"
        f"<h1>Salesforce</h1>{of_salesforce}<h1>Intercom</h1>{of_intercom}</body></html>"
    )


def _sections(portal: Portal) -> Iterator[str]:
    for shelf in portal.shelves.values():
        if shelf.table.records or shelf.kind.name == "contacts":
            yield _objects(shelf)
    names = {shelf.kind.type_id: shelf.kind.name for shelf in portal.shelves.values()}
    links = [
        (f"{names.get(one, one)} {from_id}", f"{names.get(other, other)} {to_id}", ", ".join(map(str, types)))
        for (one, other), from_id, to_id, types in islice(portal.associations.all(), MOST_ROWS)
    ]
    yield _table("associations", ("from", "to", "type ids"), links)
    lists = [(each.id, each.name, each.processing_type, len(each.members)) for each in portal.lists.values()]
    yield _table("lists", ("id", "name", "processing", "members"), lists)
    events = [
        (each.time, each.name, each.email or each.object_id or each.utk or "", each.uuid or "", each.lost or "")
        for each in portal.events.sent[-MOST_ROWS:]
    ]
    yield _table("events", ("time", "event", "who", "uuid", "dropped because"), events)
    jobs = [(each.id, each.name, each.state, each.applied, len(each.faults)) for each in portal.jobs.values()]
    yield _table("imports", ("id", "name", "state", "lines done", "refused"), jobs)


def _objects(shelf: Shelf) -> str:
    live = list(islice(shelf.table.listing(), MOST_ROWS))
    columns = list(CONTACTS) if shelf.kind.name == "contacts" else []
    if not columns:
        columns = list(dict.fromkeys(name for record in live for name in record.properties))[:MOST_COLUMNS]
    rows = [(record.id, *(record.properties.get(name, "") for name in columns)) for record in live]
    title = f"{shelf.kind.name} ({len(shelf.table.records):,} records, showing {len(live)})"
    return _table(title, ("id", *columns), rows, empty=True)


def _salesforce(org: Org) -> Iterator[str]:
    for name, table in org.tables.items():
        live = list(islice(table.listing(), MOST_ROWS))
        columns = list(table.columns)[:MOST_COLUMNS]
        rows = [(record.id, *(_cell(table.get(record, column)) for column in columns)) for record in live]
        yield _table(f"{name} ({table.live:,} records, showing {len(live)})", ("Id", *columns), rows)
    jobs = [
        (job.id, job.asked.operation, job.kind, job.state, job.processed, job.failed, job.error)
        for job in org.jobs.values()
    ]
    yield _table("jobs", ("id", "operation", "object", "state", "rows done", "refused", "error"), jobs)


def _cell(value: object) -> object:
    return "" if value is None else value


def _table(title: str, columns: Iterable[str], rows: Sequence[tuple[object, ...]], empty: bool = False) -> str:
    if not rows and not empty:
        return ""
    head = "".join(f"<th>{escape(name)}</th>" for name in columns)
    body = "".join("<tr>" + "".join(f"<td>{escape(str(value))}</td>" for value in row) + "</tr>" for row in rows)
    return f"<h2>{escape(title)}</h2><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"

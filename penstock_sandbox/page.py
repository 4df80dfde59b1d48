"""A page to look at: who is in the simulated CRM right now."""

from html import escape
from itertools import islice

from penstock_sandbox.world import World

COLUMNS = ("email", "firstname", "lastname", "company", "lifecyclestage", "plan", "lead_score", "monthly_spend")
MOST_ROWS = 200
STYLE = (
    "body{font:14px system-ui;margin:2rem;color:#222}table{border-collapse:collapse}"
    "th,td{padding:.3rem .7rem;border-bottom:1px solid #ddd;text-align:left}th{background:#f5f5f5}"
)


def render(world: World) -> str:
    """Return the page: counters, and the first 200 contacts as a table. Every value is escaped."""
    table = world.hubspot.shelf("contacts").table
    live = list(islice(table.listing(), MOST_ROWS))
    head = "".join(f"<th>{escape(name)}</th>" for name in ("id", *COLUMNS))
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(value)}</td>" for value in (r.id, *(r.properties.get(c, "") for c in COLUMNS)))
        for r in live
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Penstock sandbox</title>'
        f"<style>{STYLE}</style></head><body><h1>HubSpot contacts</h1>"
        f"<p>{len(table.records):,} records, {len(world.history):,} applied writes, {world.requests:,} requests. "
        f"Showing {len(live)}.</p><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></body></html>"
    )

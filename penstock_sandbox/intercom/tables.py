"""What the sandbox's page shows of the workspace: tables of contacts, companies and the rest."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from penstock_sandbox.intercom.values import text_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from penstock_sandbox.intercom.values import Value
    from penstock_sandbox.intercom.workspace import Workspace

MOST_ROWS, MOST_ATTRIBUTES = 200, 8


class Table(NamedTuple):
    """A table of the page."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[object, ...]]


def tables(workspace: Workspace) -> Iterator[Table]:
    """Yield the tables that have rows."""
    yield from (each for each in (_contacts(workspace), _companies(workspace), *_others(workspace)) if each.rows)


def _contacts(workspace: Workspace) -> Table:
    shown = list(islice((each for each in workspace.people.newest_first() if not each.archived), MOST_ROWS))
    names = _attributes(each.custom for each in shown)
    rows: list[tuple[object, ...]] = [
        (
            each.id, each.role, each.external_id or "", each.email or "", each.fields.get("name", ""),
            *_texts(each.custom, names),
            ", ".join(workspace.companies[company].company_id for company in each.companies),
            ", ".join(workspace.tags[tag].name for tag in each.tags),
        )
        for each in shown
    ]  # fmt: skip
    columns = ("id", "role", "external_id", "email", "name", *names, "companies", "tags")
    return Table(f"contacts ({len(workspace.people.by_id):,}, showing {len(shown)})", columns, rows)


def _companies(workspace: Workspace) -> Table:
    shown = list(islice(reversed(workspace.companies.values()), MOST_ROWS))
    names = _attributes(each.custom for each in shown)
    own = ("name", "size", "monthly_spend", "industry", "website")
    rows: list[tuple[object, ...]] = [
        (
            each.id, each.company_id, each.plan or "", *_texts(each.fields, own), *_texts(each.custom, names),
            len(each.contacts),
        )
        for each in shown
    ]  # fmt: skip
    columns = ("id", "company_id", "plan", *own, *names, "contacts")
    return Table(f"companies ({len(workspace.companies):,}, showing {len(shown)})", columns, rows)


def _others(workspace: Workspace) -> Iterator[Table]:
    yield Table("tags", ("id", "name"), [(each.id, each.name) for each in workspace.tags.values()])
    notes = list(workspace.notes.values())[-MOST_ROWS:]
    yield Table("notes", ("id", "contact", "body"), [(each.id, each.contact, each.body) for each in notes])
    events = workspace.events[-MOST_ROWS:]
    sent: list[tuple[object, ...]] = [(each.created, each.name, each.contact, each.dropped or "") for each in events]
    yield Table("events", ("created_at", "event", "contact", "dropped because"), sent)
    instances = list(workspace.instances.values())[-MOST_ROWS:]
    names = _attributes(each.custom for each in instances)
    rows: list[tuple[object, ...]] = [
        (each.id, each.type, each.external_id, *_texts(each.custom, names)) for each in instances
    ]
    yield Table("custom objects", ("id", "type", "external_id", *names), rows)
    jobs: list[tuple[object, ...]] = [
        (each.id, each.kind, len(each.tasks), each.completed or "", each.failed) for each in workspace.jobs.values()
    ]
    yield Table("bulk jobs", ("id", "kind", "tasks", "completed", "items refused"), jobs)


def _attributes(custom: Iterable[Mapping[str, Value]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for each in custom for name in each))[:MOST_ATTRIBUTES]


def _texts(values: Mapping[str, Value], names: Iterable[str]) -> list[str]:
    return [text_of(values.get(name)) for name in names]

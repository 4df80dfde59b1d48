"""Intercom's side of the control plane: what a test may put in place, change and look at, past all rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from penstock_sandbox.intercom import companies, contacts
from penstock_sandbox.intercom.access import SANDBOX_PREFIX, Token
from penstock_sandbox.intercom.memory import Admin, Attribute, Segment, Subscription
from penstock_sandbox.intercom.values import text_of
from penstock_sandbox.intercom.workspace import Doing, ObjectType

if TYPE_CHECKING:
    from collections.abc import Iterable

    from penstock_sandbox.intercom.memory import Company, Contact, Instance
    from penstock_sandbox.intercom.workspace import Workspace


class SeedAttribute(msgspec.Struct, forbid_unknown_fields=True):
    """A custom attribute; `reference` makes it one that links to instances of a custom object type."""

    name: str
    model: str = "contact"
    data_type: str = "string"
    options: list[str] | None = None
    reference: str | None = None
    dependent: bool = False
    archived: bool = False


class SeedType(msgspec.Struct, forbid_unknown_fields=True):
    """A custom object type; values of `attributes` are types."""

    name: str
    attributes: dict[str, str] = {}


class Seed(msgspec.Struct, forbid_unknown_fields=True):
    """What to put in place, in this order; of contacts several may have one key."""

    attributes: list[SeedAttribute] = []
    object_types: list[SeedType] = []
    admins: list[Admin] = []
    subscriptions: list[Subscription] = []
    companies: list[dict[str, object]] = []
    contacts: list[dict[str, object]] = []
    """Bodies of creations, with `archived`, and `companies` as a list of company_ids."""
    segments: list[Segment] = []


class Alteration(msgspec.Struct, forbid_unknown_fields=True):
    """A change of a custom attribute in the middle of a run."""

    attribute: str
    archive: bool = False
    options: list[str] | None = None


class Merge(msgspec.Struct, forbid_unknown_fields=True):
    """Two contacts of any role."""

    survivor: str
    other: str


class Traffic(msgspec.Struct, forbid_unknown_fields=True):
    """Calls of other apps in the present window."""

    calls: int


def seed(workspace: Workspace, body: bytes, now: float) -> dict[str, object]:
    """Put things in place; returns the ids of contacts and companies."""
    asked = msgspec.json.decode(body, type=Seed)
    doing = Doing(workspace, now, 0)
    for each in asked.attributes:
        _define(workspace, each, int(now))
    for kind in asked.object_types:
        workspace.object_types[kind.name] = ObjectType(kind.name, kind.attributes)
    workspace.admins.update({admin.id: admin for admin in asked.admins})
    workspace.subscriptions.update({each.id: each for each in asked.subscriptions})
    made = [_company(doing, row) for row in asked.companies]
    ids = [_contact(doing, row) for row in asked.contacts]
    workspace.segments.update({each.id: each for each in asked.segments})
    return {"ids": ids, "companies": made}


def _define(workspace: Workspace, each: SeedAttribute, now: int) -> None:
    made = Attribute(name=each.name, model=each.model, data_type=each.data_type, options=each.options)
    made.reference, made.dependent, made.archived = each.reference, each.dependent, each.archived
    workspace.attributes.add(made, now)


def _company(doing: Doing, row: dict[str, object]) -> str:
    written = companies.read(doing.workspace, row, keyed=True)
    return companies.insert(doing, str(row["company_id"]), written, noted=False).id


def _contact(doing: Doing, row: dict[str, object]) -> str:
    archived = row.pop("archived", False) is True
    attached = msgspec.convert(row.pop("companies", []), list[str])
    given = contacts.read(doing.workspace, row, creating=True)
    made = contacts.insert(doing, given, given.role or "user", noted=False)
    for company_id in attached:
        company = doing.workspace.company(company_id)
        if company is None:
            raise ValueError(f"there is no company {company_id}")
        made.companies[company.id] = company.contacts[made.id] = doing.stamp()
    made.archived = archived
    doing.workspace.people.archived += archived
    return made.id


def alter(workspace: Workspace, body: bytes, now: float) -> dict[str, object]:
    """Archive a custom attribute, or give it other options."""
    change = msgspec.json.decode(body, type=Alteration)
    found = workspace.attributes.custom.get(change.attribute)
    if found is None:
        raise ValueError(f"there is no custom attribute {change.attribute}")
    if change.archive:
        found.archived = True
    if change.options is not None:
        found.options = change.options
    found.updated = int(now)
    return {"altered": found.name}


def grant(workspace: Workspace, body: bytes) -> dict[str, object]:
    """Accept a token, of an app of its own where one is named."""
    asked = msgspec.json.decode(body, type=Token)
    if not asked.token.startswith(SANDBOX_PREFIX):
        raise ValueError(f"a sandbox token starts with {SANDBOX_PREFIX!r}, so that no real one is ever put here")
    workspace.tokens[asked.token] = asked
    return {"token": asked.token}


def revoke(workspace: Workspace) -> dict[str, object]:
    """Take every token back."""
    ended = len(workspace.tokens)
    workspace.tokens.clear()
    return {"ended": ended}


def merge(workspace: Workspace, body: bytes, now: float) -> dict[str, object]:
    """Merge one contact away into another."""
    asked = msgspec.json.decode(body, type=Merge)
    people = workspace.people.by_id
    if asked.survivor not in people or asked.other not in people:
        raise ValueError("there is no such contact")
    contacts.fold(Doing(workspace, now, 0), people[asked.other], people[asked.survivor])
    return {"survivor": asked.survivor}


def traffic(workspace: Workspace, body: bytes, now: float) -> dict[str, object]:
    """Let other apps of the workspace make calls in the present window."""
    asked = msgspec.json.decode(body, type=Traffic)
    workspace.limits.others(asked.calls, now)
    return {"calls": asked.calls}


def objects(workspace: Workspace, kind: str, archived: bool) -> dict[str, object]:
    """Return what is stored of a kind, in the order in which it was made; values are text."""
    rows: Iterable[dict[str, object]]
    match kind:
        case "contacts":
            rows = (_shown(workspace, each) for each in workspace.people.oldest_first() if each.archived is archived)
        case "companies":
            rows = (_company_shown(workspace, each) for each in workspace.companies.values())
        case "tags":
            rows = (record(each.id, 0, 0, {"name": each.name}) for each in workspace.tags.values())
        case "notes":
            rows = (
                record(each.id, each.created, each.created, {"contact": each.contact, "body": each.body})
                for each in workspace.notes.values()
            )
        case _ if kind in workspace.object_types:
            rows = (_instance_shown(each) for each in workspace.instances.values() if each.type == kind)
        case _:
            raise ValueError(f"there are no {kind}")
    return {"objects": list(rows)}


def _instance_shown(instance: Instance) -> dict[str, object]:
    custom = {f"custom_attributes.{name}": value for name, value in instance.custom.items()}
    return record(instance.id, instance.created, instance.updated, {"external_id": instance.external_id, **custom})


def events(workspace: Workspace) -> dict[str, object]:
    """Return every event that was sent; `dropped` says why one was not kept."""
    return {"events": workspace.events}


def _shown(workspace: Workspace, contact: Contact) -> dict[str, object]:
    values: dict[str, object] = {
        "role": contact.role,
        "external_id": contact.external_id,
        "email": contact.email,
        **contact.fields,
        **{f"custom_attributes.{name}": value for name, value in contact.custom.items()},
        "companies": [workspace.companies[each].company_id for each in contact.companies],
        "tags": [workspace.tags[each].name for each in contact.tags],
        "notes": [workspace.notes[each].body for each in contact.notes],
        "subscriptions": list(contact.consents),
    }
    return record(contact.id, contact.created, contact.updated, values, contact.archived)


def _company_shown(workspace: Workspace, company: Company) -> dict[str, object]:
    values: dict[str, object] = {
        "company_id": company.company_id,
        "plan": company.plan,
        **company.fields,
        **{f"custom_attributes.{name}": value for name, value in company.custom.items()},
        "contacts": list(company.contacts),
        "tags": [workspace.tags[each].name for each in company.tags],
    }
    return record(company.id, company.created, company.updated, values)


def record(
    record_id: str, created: float, updated: float, values: dict[str, object], archived: bool = False
) -> dict[str, object]:
    """Return one thing in the form of `store.Record`; what has no value is left out."""
    properties = {name: text_of(value) for name, value in values.items() if value not in (None, [])}
    times = {"created": str(created), "updated": str(updated)}
    return {"id": record_id, **times, "properties": properties, "archived": archived}

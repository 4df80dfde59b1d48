"""Salesforce's side of the control plane: what a test may put in place, change and look at, past all rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from penstock_sandbox.salesforce import jwt
from penstock_sandbox.salesforce.access import SANDBOX_PREFIX, App, Session
from penstock_sandbox.salesforce.automation import AssignmentRule, DuplicateRule, Trigger
from penstock_sandbox.salesforce.bulk import work
from penstock_sandbox.salesforce.ids import canonical
from penstock_sandbox.salesforce.routes.ingest import polled
from penstock_sandbox.salesforce.rules import text_of
from penstock_sandbox.salesforce.schema import NewObject, check_field

if TYPE_CHECKING:
    from penstock_sandbox.salesforce.org import Org

Row = dict[str, str | float | int | bool | None]


class SeedRecordType(msgspec.Struct, forbid_unknown_fields=True):
    """A record type of an object."""

    object: str
    name: str
    developer_name: str = ""


class Seed(msgspec.Struct, forbid_unknown_fields=True):
    """What to put in place: objects and fields first, then records, unchecked and without history."""

    objects: list[NewObject] = []
    record_types: list[SeedRecordType] = []
    type: str = ""
    records: list[Row] = []


class Alteration(msgspec.Struct, forbid_unknown_fields=True):
    """A change of a field in the middle of a run: removed, hidden, read-only, required, or left with other values."""

    object: str
    field: str
    remove: bool = False
    hidden: bool | None = None
    read_only: bool | None = None
    required: bool | None = None
    picklist_values: list[str] | None = None


class Grant(msgspec.Struct, forbid_unknown_fields=True):
    """A session to accept from now on; `expires_in` is how many seconds it may rest, 0 or less for a dead one."""

    token: str
    user: str = ""
    expires_in: float | None = None
    requests: int | None = None


class AppGrant(App):
    """A connected app to accept; with `public_key` (PEM key or certificate) for the JWT bearer flow."""

    refresh_token: str | None = None
    public_key: str | None = None


class Rules(msgspec.Struct, forbid_unknown_fields=True):
    """What the org's people have built; each list replaces the one before."""

    triggers: list[Trigger] | None = None
    duplicate_rules: list[DuplicateRule] | None = None
    assignment_rules: list[AssignmentRule] | None = None


class Lock(msgspec.Struct, forbid_unknown_fields=True):
    """A lock that somebody else holds on a record for a while."""

    id: str
    seconds: float = 10.0


def seed(org: Org, body: bytes, now: float) -> dict[str, object]:
    """Put things in place; returns the ids of the records."""
    asked = msgspec.json.decode(body, type=Seed)
    for each in asked.objects:
        kind = org.catalogue.get(each.name) or org.catalogue.make(each.name, each.label, [])
        for field in each.fields:
            check_field(org.catalogue, field)
            kind.add(field)
        org.schema_changed = now
    for each_type in asked.record_types:
        developer = each_type.developer_name or each_type.name.replace(" ", "_")
        org.add_record_type(each_type.object, each_type.name, developer, now)
    if not asked.type:
        return {"ids": []}
    kind = org.catalogue.named(asked.type)
    table = org.table(kind.name)
    for row in asked.records:
        unknown = [name for name in row if name.lower() not in kind.fields]
        if unknown:
            raise ValueError(f"{kind.name} has no field {', '.join(unknown)}")
    return {
        "ids": [table.insert({kind.fields[n.lower()].name: v for n, v in row.items()}, now).id for row in asked.records]
    }


def alter(org: Org, body: bytes, now: float) -> dict[str, object]:
    """Change a field."""
    change = msgspec.json.decode(body, type=Alteration)
    kind = org.catalogue.named(change.object)
    field = kind.fields.get(change.field.lower())
    if field is None:
        raise ValueError(f"{kind.name} has no field {change.field}")
    org.schema_changed = now
    if change.remove:
        kind.drop(field.name)
        return {"altered": field.name}
    fresh = msgspec.structs.replace(field)
    if change.hidden is not None:
        fresh.hidden = change.hidden
    if change.read_only is not None:
        fresh.createable = fresh.updateable = not change.read_only
    if change.required is not None:
        fresh.nillable = not change.required
    if change.picklist_values is not None:
        fresh.picklist_values = change.picklist_values
    kind.add(fresh)
    return {"altered": field.name}


def grant(org: Org, body: bytes, now: float) -> dict[str, object]:
    """Accept a session."""
    asked = msgspec.json.decode(body, type=Grant)
    if not asked.token.startswith(SANDBOX_PREFIX):
        raise ValueError(f"a sandbox session starts with {SANDBOX_PREFIX!r}, so that no real one is ever put here")
    user = org.user_id(asked.user) if asked.user else org.user
    org.sessions[asked.token] = Session(asked.token, user, now, asked.expires_in, asked.requests)
    return {"token": asked.token}


def end_sessions(org: Org) -> dict[str, object]:
    """End every session, as an admin can."""
    ended = len(org.sessions)
    org.sessions.clear()
    return {"ended": ended}


def grant_app(org: Org, body: bytes) -> dict[str, object]:
    """Accept a connected app, or one of its refresh tokens no longer."""
    asked = msgspec.json.decode(body, type=AppGrant)
    if asked.public_key is not None:
        org.keys[asked.client_id] = jwt.public_key(asked.public_key)
    if asked.refresh_token is not None:
        org.apps[asked.refresh_token] = App(asked.client_id, asked.client_secret, asked.revoked, asked.user)
    return {"client_id": asked.client_id}


def set_rules(org: Org, body: bytes) -> dict[str, object]:
    """Replace triggers and rules."""
    asked = msgspec.json.decode(body, type=Rules)
    automation = org.automation
    if asked.triggers is not None:
        automation.triggers = asked.triggers
    if asked.duplicate_rules is not None:
        automation.duplicate_rules = asked.duplicate_rules
    if asked.assignment_rules is not None:
        automation.assignment_rules = asked.assignment_rules
    return {"triggers": automation.triggers, "duplicate_rules": automation.duplicate_rules}


def lock(org: Org, body: bytes, now: float) -> dict[str, object]:
    """Lock a record."""
    asked = msgspec.json.decode(body, type=Lock)
    record_id = canonical(asked.id)
    if record_id is None:
        raise ValueError(f"{asked.id!r} is no id")
    org.automation.locks[record_id] = now + asked.seconds
    return {"locked": record_id}


def objects(org: Org, name: str, deleted: bool) -> dict[str, object]:
    """Return what is stored of an object, in the order in which it was made; values are text."""
    kind = org.catalogue.named(name)
    table = org.table(kind.name)
    found = [
        {
            "id": record.id,
            "created": str(record.created),
            "updated": str(record.modified),
            "properties": {key: text_of(value) for key, value in table.values(record).items()},
            "archived": record.deleted,
        }
        for record in table.listing(deleted=True)
        if record.deleted is deleted
    ]
    return {"objects": found}


def published(org: Org) -> dict[str, object]:
    """Return the platform events that were published."""
    return {"events": org.events}


class JobChange(msgspec.Struct, forbid_unknown_fields=True):
    """What somebody else does to a job: abort it, or give it another fate."""

    state: Literal["Aborted"] | None = None
    fate: Literal["done", "half", "stuck", "queued"] | None = None


def jobs(org: Org, now: float) -> dict[str, object]:
    """Return the Bulk 2.0 jobs as a poll shows them, brought to where they are now."""
    work.advance(org, now)
    return {"jobs": [polled(job) for job in org.jobs.values()]}


def change_job(org: Org, job_id: str, body: bytes, now: float) -> dict[str, object]:
    """Change a job as another user can, or as nobody can."""
    asked = msgspec.json.decode(body, type=JobChange)
    job = org.jobs.get(canonical(job_id) or "")
    if job is None:
        raise ValueError(f"there is no job {job_id}")
    if asked.fate is not None:
        job.fate = asked.fate
    if asked.state is not None:
        work.end(org, job, asked.state, now)
    return {"job": polled(job)}

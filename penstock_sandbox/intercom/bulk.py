"""Bulk jobs of the Preview version: taken at once, done later, and never a word about which item failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from penstock_sandbox.intercom import companies, contacts, errors, tags
from penstock_sandbox.intercom.versions import PREVIEW
from penstock_sandbox.intercom.workspace import Doing
from penstock_sandbox.provenance import assumed, documented

if TYPE_CHECKING:
    from collections.abc import Callable

    from penstock_sandbox.intercom.memory import Company, Contact
    from penstock_sandbox.intercom.workspace import Workspace

    Item = dict[str, object]

REFERENCE = "Intercom-OpenAPI Preview, Bulk contacts and companies"
SINGULAR = {"contacts": "contact", "companies": "company"}
_CONTACT_FIELDS = frozenset({"role", "email", "external_id", "custom_attributes", *contacts.FIELDS})
_COMPANY_FIELDS = frozenset({"company_id", "plan", "custom_attributes", *companies.FIELDS})


class Task(msgspec.Struct):
    """The items of one request."""

    id: str
    operation: str
    items: list[dict[str, object]]
    request: int
    created: int
    completed: int | None = None


class Job(msgspec.Struct):
    """A job of contacts or companies. `due` is when its last task is done."""

    id: str
    kind: str
    created: int
    updated: int
    due: float
    tasks: list[Task] = []
    completed: int | None = None
    failed: int = 0


@documented("Items are refused by shape at once: 422 field_not_found, parameter_invalid, type_mismatch", REFERENCE)
@documented("A request has at most 100 items", REFERENCE)
def items(workspace: Workspace, kind: str, operation: str, body: dict[str, object]) -> list[dict[str, object]]:
    """Return the items of a request."""
    given, one = body.get(kind), SINGULAR[kind]
    most = workspace.settings.intercom.bulk_items
    if given is None:
        raise _refused("field_not_found", f"{kind} field must be supplied")
    if not isinstance(given, list):
        raise _refused("type_mismatch", f"{kind} must be an array")
    if not all(isinstance(each, dict) for each in given):
        raise _refused("type_mismatch", f"each {one} must be an object")
    if len(given) > most:
        raise _refused("parameter_invalid", f"maximum number of {kind} per request is {most}")
    if operation in {"update", "delete"} and not all(each.get("id") for each in given):
        raise _refused("field_not_found", f"{kind} must be identified by id")
    return given


def _refused(code: str, message: str) -> errors.RefusalError:
    return errors.RefusalError(422, code, message)


@documented("A request opens a job, or adds a task to one that is not done: else 403 forbidden", REFERENCE)
@assumed("A job is done `bulk_seconds` after its last task came in", "how long jobs take is not described")
def take(doing: Doing, kind: str, operation: str, body: dict[str, object]) -> Job:
    """Take a request into a job."""
    workspace = doing.workspace
    given = items(workspace, kind, operation, body)
    named = body.get("job")
    if isinstance(named, dict) and named.get("id"):
        job = found(workspace, kind, str(named["id"]))
        if job.completed is not None:
            raise errors.RefusalError(403, "forbidden", f"job {job.id} is closed for new task updates")
    else:
        job = Job("job_v2_" + workspace.number("job", 1), kind, doing.stamp(), doing.stamp(), 0.0)
        workspace.jobs[job.id] = job
        workspace.open_jobs.append(job)
    job.tasks.append(Task("task_v2_" + workspace.number("task", 1), operation, given, doing.request, doing.stamp()))
    job.updated = doing.stamp()
    job.due = doing.now + workspace.settings.intercom.bulk_seconds
    return job


@documented("A job that is not there is 404 job_not_found", REFERENCE)
def found(workspace: Workspace, kind: str, job_id: str) -> Job:
    """Return a job."""
    job = workspace.jobs.get(job_id)
    if job is None or job.kind != kind:
        raise errors.RefusalError(404, "job_not_found", "Job Not Found")
    return job


@assumed("`bulk_fate` errors: the first item of every task is refused", "a job that ends so is described, why is not")
def advance(workspace: Workspace, now: float) -> None:
    """Do the jobs that are due."""
    if not workspace.open_jobs or workspace.settings.intercom.bulk_fate == "stuck":
        return
    due = [job for job in workspace.open_jobs if now >= job.due]
    workspace.open_jobs = [job for job in workspace.open_jobs if now < job.due]
    for job in due:
        for task in job.tasks:
            _run(workspace, job, task)
        job.completed = job.updated = int(job.due)


def _run(workspace: Workspace, job: Job, task: Task) -> None:
    doing = Doing(workspace, job.due, task.request)
    lost = 1 if workspace.settings.intercom.bulk_fate == "errors" and task.items else 0
    done = [_applied(_APPLY[job.kind, task.operation], doing, item) for item in task.items[lost:]]
    job.failed += lost + done.count(False)
    task.completed = int(job.due)


def _applied(apply: Callable[[Doing, Item], None], doing: Doing, item: Item) -> bool:
    try:
        apply(doing, item)
    except errors.RefusalError:
        return False
    return True


@documented("A contact that exists, archived or not, is refused to a creation, item by item", REFERENCE)
@documented("Items of contacts may carry companies and tags", REFERENCE)
def _create_contact(doing: Doing, item: Item) -> None:
    attached = [_company(doing, each) for each in _dicts(item.get("companies"))]
    made = contacts.create(doing, known(doing.workspace, "contact", item, _CONTACT_FIELDS))
    for company in attached:
        companies.attach(doing, made, company)
    _tag(doing, made, item)


def _update_contact(doing: Doing, item: Item) -> None:
    contact = contacts.found(doing.workspace, str(item["id"]), PREVIEW)
    chosen = [(_company(doing, each), each.get("remove") is True) for each in _dicts(item.get("companies"))]
    contacts.update(doing, contact, known(doing.workspace, "contact", item, _CONTACT_FIELDS))
    for company, remove in chosen:
        if remove and company.id in contact.companies:
            companies.detach(doing, contact, company)
        elif not remove:
            companies.attach(doing, contact, company)
    _tag(doing, contact, item)


def _delete_contact(doing: Doing, item: Item) -> None:
    contacts.delete(doing, contacts.found(doing.workspace, str(item["id"]), PREVIEW, archived=True))


@documented("Companies are created or updated by company_id, or updated by Intercom's id", REFERENCE)
def _upsert_company(doing: Doing, item: Item) -> None:
    companies.upsert(doing, known(doing.workspace, "company", item, _COMPANY_FIELDS))


def _update_company(doing: Doing, item: Item) -> None:
    company = companies.found(doing.workspace, item["id"])
    companies.update(doing, company, known(doing.workspace, "company", item, _COMPANY_FIELDS - {"company_id"}))


def _delete_company(doing: Doing, item: Item) -> None:
    companies.delete(doing, companies.found(doing.workspace, item["id"]))


@documented("Fields that nobody knows are ignored without a word", REFERENCE)
@assumed("So are custom attributes that are not defined", "they are fields; nothing says that they count more")
def known(workspace: Workspace, model: str, item: Item, fields: frozenset[str]) -> Item:
    """Return what of an item is known."""
    kept = {name: value for name, value in item.items() if name in fields}
    custom = kept.get("custom_attributes")
    if isinstance(custom, dict):
        defined = {each.name for each in workspace.attributes.custom.values() if each.model == model}
        kept["custom_attributes"] = {name: value for name, value in custom.items() if name in defined}
    return kept


@assumed("Companies of an item are named by id or company_id, tags by id or name", "the reference shows both loosely")
def _company(doing: Doing, item: Item) -> Company:
    company = doing.workspace.company(str(item.get("company_id"))) if "id" not in item else None
    return company or companies.found(doing.workspace, item.get("id"))


def _tag(doing: Doing, contact: Contact, item: Item) -> None:
    wish = item.get("tags")
    if not isinstance(wish, dict):
        return
    for each in _dicts(wish.get("add")):
        named = isinstance(each.get("name"), str) and "id" not in each
        tag = tags.ensure(doing, str(each["name"])) if named else tags.found(doing.workspace, each.get("id"))
        tags.put(doing, contact, tag)
    for each in _dicts(wish.get("remove")):
        key = doing.workspace.tag_names.get(str(each.get("name")).casefold(), str(each.get("id")))
        if key in contact.tags:
            tags.take(doing, contact, tags.found(doing.workspace, key))


def _dicts(given: object) -> list[dict[str, object]]:
    return [each for each in given if isinstance(each, dict)] if isinstance(given, list) else []


_APPLY: dict[tuple[str, str], Callable[[Doing, Item], None]] = {
    ("contacts", "create"): _create_contact,
    ("contacts", "update"): _update_contact,
    ("contacts", "delete"): _delete_contact,
    ("companies", "upsert"): _upsert_company,
    ("companies", "update"): _update_company,
    ("companies", "delete"): _delete_company,
}


@documented("A job tells its state and its tasks', never which item failed, and no ids", REFERENCE)
def shown(job: Job, origin: str) -> dict[str, object]:
    """Return a job as Intercom shows it."""
    state = "running"
    if job.completed is not None:
        state = "completed_with_errors" if job.failed else "completed"
    tasks = [
        {
            "id": each.id,
            "item_count": len(each.items),
            "state": "pending" if each.completed is None else "completed",
            "created_at": each.created,
            "started_at": each.completed,
            "completed_at": each.completed,
        }
        for each in job.tasks
    ]
    return {
        "id": job.id,
        "type": f"{job.kind}.bulk.job",
        "state": state,
        "created_at": job.created,
        "updated_at": job.updated,
        "completed_at": job.completed,
        "tasks": tasks,
        "url": f"{origin}/{job.kind}/bulk/{job.id}",
    }

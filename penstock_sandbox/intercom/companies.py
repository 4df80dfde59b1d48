"""What creating, updating, attaching and deleting companies means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock_sandbox.intercom import contacts, errors, values
from penstock_sandbox.intercom.memory import Company
from penstock_sandbox.provenance import assumed, documented

if TYPE_CHECKING:
    from collections.abc import Iterator

    from penstock_sandbox.intercom.memory import Contact
    from penstock_sandbox.intercom.values import Value
    from penstock_sandbox.intercom.workspace import Doing, Workspace
    from penstock_sandbox.store import Action

REFERENCE = "Intercom-OpenAPI 2.14, Companies"
MOST_SPEND = 2_147_483_647
MOST_COMPANIES = 1000
FIELDS = {
    "name": "string",
    "size": "integer",
    "website": "string",
    "industry": "string",
    "monthly_spend": "float",
    "remote_created_at": "date",
}
Written = dict[str, "Value"]


@documented("A field that companies do not have is 400 bad_request, bad 'x' parameter", REFERENCE)
@documented("monthly_spend is cut to a whole number and capped at 2,147,483,647", REFERENCE)
@assumed("Null clears a company's fields and custom attributes", "documented for contacts")
def read(workspace: Workspace, body: dict[str, object], keyed: bool) -> Written:
    """Check what a body says of a company; its company_id apart, which is there only where `keyed`."""
    known = {*FIELDS, "plan", "custom_attributes", *(("company_id",) if keyed else ())}
    for name in body:
        if name not in known:
            raise errors.bad_parameter(name)
    coerce = workspace.settings.intercom.wrong_type == "coerce"
    kinds = {**FIELDS, "plan": "string"}
    found = {name: values.read(name, kind, body[name], coerce) for name, kind in kinds.items() if name in body}
    spend = found.get("monthly_spend")
    if isinstance(spend, int | float):
        found["monthly_spend"] = int(min(spend, MOST_SPEND))
    custom = workspace.attributes.read("company", body.get("custom_attributes"), coerce)
    return found | {f"custom_attributes.{name}": value for name, value in custom.items()}


@documented("A company is created, or updated where its company_id is known", REFERENCE)
@assumed("Without company_id it is 400 parameter_missing", "names are not unique; nothing else could identify it")
def upsert(doing: Doing, body: dict[str, object]) -> Company:
    """Create or update a company by its company_id."""
    workspace = doing.workspace
    written = read(workspace, body, keyed=True)
    key = values.read(
        "company_id", "string", body.get("company_id"), workspace.settings.intercom.wrong_type == "coerce"
    )
    if key is None or key == "":
        raise errors.RefusalError(400, "parameter_missing", "company_id is required")
    known = workspace.company(str(key))
    if known is not None:
        return change(doing, known, written)
    return insert(doing, str(key), written)


def insert(doing: Doing, company_id: str, written: Written, noted: bool = True) -> Company:
    """Put a company in place, without history where it is not `noted`."""
    workspace, now = doing.workspace, doing.stamp()
    made = Company(workspace.hex_id(now), company_id, now, now)
    workspace.companies[made.id] = made
    workspace.company_ids[company_id] = made.id
    _set(workspace, made, written)
    if noted:
        doing.note("companies", "create", made.id, {"company_id": company_id}, {"company_id": company_id, **written})
    return made


@documented("company_id never changes; an update by Intercom's id does not take it", REFERENCE)
@assumed("company_id in an update is refused as any field that is not known", "it cannot change, and must not seem to")
def update(doing: Doing, company: Company, body: dict[str, object]) -> Company:
    """Change a company by Intercom's id."""
    return change(doing, company, read(doing.workspace, body, keyed=False))


def change(doing: Doing, company: Company, written: Written) -> Company:
    """Set values of a company."""
    _set(doing.workspace, company, written)
    company.updated = doing.stamp()
    doing.note("companies", "update", company.id, {"company_id": company.company_id}, written)
    return company


def _set(workspace: Workspace, company: Company, written: Written) -> None:
    for name, value in written.items():
        if name == "plan":
            company.plan = None if value in (None, "") else str(value)
            if company.plan is not None and company.plan not in workspace.plans:
                workspace.plans[company.plan] = workspace.number("plan", 12)
            continue
        own, custom = company.fields, name.removeprefix("custom_attributes.")
        target = own if custom == name else company.custom
        if value is None:
            target.pop(custom, None)
        else:
            target[custom] = value


@documented("A company that is not there is 404 company_not_found", REFERENCE)
def found(workspace: Workspace, company_id: object) -> Company:
    """Return a company by Intercom's id."""
    company = workspace.companies.get(str(company_id))
    if company is None:
        raise errors.no_company()
    return company


@documented("A company without contacts is stored and shown in no list", REFERENCE)
@assumed("It can be read by id, company_id and name all the same", "an update of it works too")
def visible(workspace: Workspace) -> Iterator[Company]:
    """Yield the companies that lists show, the newest first."""
    return (each for each in reversed(workspace.companies.values()) if each.contacts)


@documented("A contact has at most 1,000 companies: 400 contact_company_limit_exceeded", REFERENCE)
@assumed("Attaching twice changes nothing and is 200", "reported as idempotent, nowhere promised")
@assumed("Attaching leaves updated_at as it was", "nothing of the contact's own data changed")
def attach(doing: Doing, contact: Contact, company: Company) -> None:
    """Attach a contact to a company."""
    if company.id in contact.companies:
        return
    if len(contact.companies) >= MOST_COMPANIES:
        message = f"Contact has reached the maximum of {MOST_COMPANIES} company associations"
        raise errors.RefusalError(400, "contact_company_limit_exceeded", message)
    link(doing, contact, company)
    _note(doing, "associate", contact, company)


def link(doing: Doing, contact: Contact, company: Company) -> None:
    """Attach a contact to a company, past all rules and without history."""
    contacts.touch(doing, contact, companies={**contact.companies, company.id: doing.stamp()})
    company.contacts[contact.id] = doing.stamp()


@documented("Detaching answers with the company", REFERENCE)
@assumed("Detaching what is not attached is 404 company_not_found", "the contact has no such company")
def detach(doing: Doing, contact: Contact, company: Company) -> None:
    """Take a contact off a company."""
    if company.id not in contact.companies:
        raise errors.no_company()
    _unlink(doing, contact, company)
    _note(doing, "dissociate", contact, company)


def _unlink(doing: Doing, contact: Contact, company: Company) -> None:
    left = {name: since for name, since in contact.companies.items() if name != company.id}
    contacts.touch(doing, contact, companies=left)
    del company.contacts[contact.id]


def _note(doing: Doing, action: Action, contact: Contact, company: Company) -> None:
    keys = {**contacts.keys_of(contact), "company_id": company.company_id}
    doing.note("contact_companies", action, contact.id, keys, to=company.id)


@documented("Deleting a company detaches its contacts", REFERENCE)
def delete(doing: Doing, company: Company) -> None:
    """Delete a company; its company_id is free again."""
    workspace = doing.workspace
    for contact_id in list(company.contacts):
        _unlink(doing, workspace.people.by_id[contact_id], company)
    del workspace.companies[company.id]
    del workspace.company_ids[company.company_id]
    doing.note("companies", "purge", company.id, {"company_id": company.company_id})

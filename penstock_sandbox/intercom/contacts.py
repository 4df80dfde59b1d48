"""What creating, updating, archiving, merging and deleting contacts means."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from penstock_sandbox.intercom import errors, values
from penstock_sandbox.intercom.memory import Contact
from penstock_sandbox.intercom.versions import Version
from penstock_sandbox.provenance import assumed, documented, recorded

if TYPE_CHECKING:
    from penstock_sandbox.intercom.values import Value
    from penstock_sandbox.intercom.workspace import Doing, Workspace

REFERENCE = "Intercom-OpenAPI 2.14, Contacts"
REPORTS = "reports in the fact sheet"
MERGES_ARE_TOLD: Version = (2, 16)
FIELDS = {
    "phone": "string",
    "name": "string",
    "avatar": "string",
    "owner_id": "integer",
    "signed_up_at": "date",
    "last_seen_at": "date",
    "unsubscribed_from_emails": "boolean",
    "language_override": "string",
}
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+")
_BLANK: tuple[object, ...] = (None, {}, [], "")


class Given(NamedTuple):
    """What a body says of a contact; None is what it does not mention, apart from cleared `fields` and `custom`."""

    role: str | None
    external_id: str | None
    email: str | None
    fields: dict[str, Value]
    custom: dict[str, Value]

    def keys(self) -> dict[str, str | None]:
        """Return what may identify the contact."""
        return {"external_id": self.external_id, "email": self.email}

    def written(self) -> dict[str, Value]:
        """Return everything by the name that the history has it under."""
        own: dict[str, Value] = {"role": self.role, "external_id": self.external_id, "email": self.email}
        known = {name: value for name, value in own.items() if value is not None}
        return known | self.fields | {f"custom_attributes.{name}": value for name, value in self.custom.items()}


@documented("Phone, name, avatar, times, owner and custom attributes are cleared by null", REFERENCE)
@assumed("email and external_id are not cleared: null is 400 in an update and nothing in a creation", "not nullable")
@assumed("Top-level fields of contacts that nobody knows are ignored", "documented as an error for companies only")
@documented("An owner who is no teammate is 400 parameter_invalid", REFERENCE)
@assumed("An e-mail address has an @ between two parts", "the real check is not described")
def read(workspace: Workspace, body: dict[str, object], creating: bool) -> Given:
    """Check what a body says of a contact."""
    coerce = workspace.settings.intercom.wrong_type == "coerce"
    keys: dict[str, str | None] = {}
    for name in ("external_id", "email"):
        value = values.read(name, "string", body.get(name), coerce)
        if (value is None or value == "") and name in body and not creating:
            raise errors.invalid(f"{name} cannot be blank", name)
        keys[name] = str(value) if value not in _BLANK else None
    email = keys["email"]
    if email is not None and not _ADDRESS.fullmatch(email):
        raise errors.invalid("Email is not a valid email address", "email")
    role = body.get("role")
    if role is not None and role not in ("user", "lead"):
        raise errors.invalid("Role must be either user or lead", "role")
    fields = {name: values.read(name, kind, body[name], coerce) for name, kind in FIELDS.items() if name in body}
    owner = fields.get("owner_id")
    if owner is not None and str(owner) not in workspace.admins:
        raise errors.invalid("The owner specified is not a member of the workspace", "owner_id")
    custom = workspace.attributes.read("contact", body.get("custom_attributes"), coerce)
    _check_references(workspace, custom)
    return Given(str(role) if role else None, keys["external_id"], email, fields, custom)


@assumed("A reference to an instance that is not there is 400 parameter_invalid", "not described")
def _check_references(workspace: Workspace, custom: dict[str, Value]) -> None:
    for name, value in custom.items():
        if isinstance(value, list) and not all(each in workspace.instances for each in value):
            raise errors.invalid(f"{name} names an instance that does not exist", name)


@recorded("external_id is unique among all contacts, archived ones too", REPORTS)
@recorded("The address of a user is refused to another user, without case; leads share theirs", REPORTS)
@documented("Intercom's own staff says that e-mail is not unique: `unique_email` off", "intercom-node pull request 361")
@assumed("An external_id that is taken is told before an address", "it is the stronger key")
def twin(workspace: Workspace, role: str, external_id: str | None, email: str | None, me: str = "") -> Contact | None:
    """Return the contact that stands in the way of these keys."""
    people = workspace.people
    found = None if external_id is None else people.by_external_id(external_id)
    if found is not None and found.id != me:
        return found
    if email is None or role != "user" or not workspace.settings.intercom.unique_email:
        return None
    return next((each for each in people.by_email(email) if each.role == "user" and each.id != me), None)


@recorded("A contact that exists is 409 with its id in the message", "intercom/Intercom-OpenAPI pull request 543")
@recorded("An archived one is a 409 with words of its own", "public code comments")
def refuse_twin(found: Contact | None) -> None:
    """Refuse keys that another contact has."""
    if found is not None:
        raise errors.conflict(found.id, found.archived)


@documented("A creation needs an email, an external_id or a role; without a role it makes a user", REFERENCE)
def create(doing: Doing, body: dict[str, object]) -> Contact:
    """Make a contact."""
    workspace = doing.workspace
    given = read(workspace, body, creating=True)
    if given.email is None and given.external_id is None and given.role is None:
        raise errors.RefusalError(400, "parameter_missing", "email, external_id or role is required")
    role = given.role or "user"
    refuse_twin(twin(workspace, role, given.external_id, given.email))
    return insert(doing, given, role)


def insert(doing: Doing, given: Given, role: str, noted: bool = True) -> Contact:
    """Put a contact in place; where it is not `noted`, it leaves no history and search knows it at once."""
    now = doing.stamp()
    made = Contact(doing.workspace.hex_id(now), role, now, now, given.external_id, given.email)
    made.fields = _without_nulls(given.fields)
    made.custom = _without_nulls(given.custom)
    doing.workspace.people.add(made, doing.now if noted else None)
    doing.workspace.people.forget_changes(doing.now - doing.workspace.settings.intercom.search_lag)
    if noted:
        doing.note("contacts", "create", made.id, given.keys(), given._replace(role=role).written())
    return made


@documented("An id that nobody has is 404 not_found, User Not Found", REFERENCE)
@documented("A merged contact is 410 contact_merged with a Link from 2.16 on, 404 before", "Intercom-OpenAPI 2.16")
@assumed("An archived contact is 404 until it is unarchived", "`archived_contacts` lets it be read and written")
def found(workspace: Workspace, contact_id: str, version: Version, archived: bool = False) -> Contact:
    """Return a contact by id. `archived` is what an endpoint asks that takes archived ones too."""
    contact = workspace.people.by_id.get(contact_id)
    hidden = workspace.settings.intercom.archived_contacts == "hidden"
    if contact is not None and (archived or not hidden or not contact.archived):
        return contact
    survivor = workspace.people.survivor(contact_id)
    if survivor is not None and version >= MERGES_ARE_TOLD:
        raise errors.merged(survivor)
    raise errors.no_contact()


@documented("find_by_external_id sees users only, by the exact key", REFERENCE)
@assumed("It sees a contact the moment it is made", "a read by key, not a search; the reference is silent")
def by_external_id(workspace: Workspace, external_id: str) -> Contact:
    """Return a user by its external id."""
    contact = workspace.people.by_external_id(external_id)
    if contact is None or contact.archived or contact.role != "user":
        raise errors.no_contact()
    return contact


@assumed("Custom attributes that a body does not mention stay", "absent is unchanged, for the built-in fields at least")
@assumed("Taking over another contact's external_id or address is 409", "as in a creation; not described")
@assumed("A contact keeps the address it has, though others have it too", "nothing is taken over")
@assumed("A user does not become a lead again", "leads become users; the way back is nowhere described")
def update(doing: Doing, contact: Contact, body: dict[str, object]) -> Contact:
    """Change a contact."""
    workspace = doing.workspace
    given = read(workspace, body, creating=False)
    role = given.role or contact.role
    if contact.role == "user" and role == "lead":
        raise errors.invalid("A user cannot become a lead", "role")
    email = given.email or contact.email
    moved = role != contact.role or (email or "").casefold() != (contact.email or "").casefold()
    refuse_twin(twin(workspace, role, given.external_id, email if moved else None, contact.id))
    changed: dict[str, object] = {
        "updated": doing.stamp(),
        "fields": _without_nulls(contact.fields | given.fields),
        "custom": _without_nulls(contact.custom | given.custom),
    }
    if role != contact.role:
        changed["role"] = role
    changed |= {name: value for name, value in given.keys().items() if value is not None}
    touch(doing, contact, **changed)
    doing.note("contacts", "update", contact.id, keys_of(contact), given.written())
    return contact


def touch(doing: Doing, contact: Contact, **changed: object) -> None:
    """Set members of a contact, and let go of what search has seen by now."""
    people = doing.workspace.people
    people.forget_changes(doing.now - doing.workspace.settings.intercom.search_lag)
    people.change(contact, doing.now, **changed)


def keys_of(contact: Contact) -> dict[str, str | None]:
    """Return what identifies a contact beside its id."""
    return {"external_id": contact.external_id, "email": contact.email}


@documented("Archiving and unarchiving answer with `archived`", REFERENCE)
@assumed("What is archived already stays so, with 200", "no other answer is described")
def archive(doing: Doing, contact: Contact, archived: bool) -> None:
    """Archive a contact or take it back."""
    if contact.archived is not archived:
        touch(doing, contact, archived=archived, updated=doing.stamp())
        doing.note("contacts", "archive" if archived else "unarchive", contact.id, keys_of(contact))


@documented("Blocking archives the contact and its conversations", REFERENCE)
def block(doing: Doing, contact: Contact) -> None:
    """Block a contact."""
    archive(doing, contact, archived=True)
    contact.blocked = True


@documented("A deletion is for ever; the keys are free again", REFERENCE)
def delete(doing: Doing, contact: Contact) -> None:
    """Delete a contact."""
    doing.note("contacts", "purge", contact.id, keys_of(contact))
    leave_all(doing, contact)
    doing.workspace.people.remove(contact, doing.now)


def leave_all(doing: Doing, contact: Contact) -> None:
    """Detach a contact that is about to go from its companies."""
    for company_id in contact.companies:
        doing.workspace.companies[company_id].contacts.pop(contact.id, None)


@documented("A lead is merged into a user", REFERENCE)
@documented(
    "From 2.16 on they share an address or phone, or skip_duplicate_validation is true", "Intercom-OpenAPI 2.16"
)
@assumed("The user keeps its values; what it lacks comes from the lead", "the reference speaks of data that moves")
def merge(doing: Doing, lead: Contact, user: Contact, version: Version, skip: bool) -> Contact:
    """Fold a lead into a user."""
    if lead.role != "lead" or user.role != "user":
        raise errors.RefusalError(400, "invalid_merge", "Only a lead can be merged, and only into a user")
    same = bool(lead.email and user.email and lead.email.casefold() == user.email.casefold())
    same = same or bool(lead.fields.get("phone") and lead.fields.get("phone") == user.fields.get("phone"))
    if version >= MERGES_ARE_TOLD and not same and not skip:
        raise errors.RefusalError(400, "invalid_merge", "The contacts are not duplicates of each other")
    fold(doing, lead, user)
    return user


def fold(doing: Doing, lead: Contact, user: Contact) -> None:
    """Move everything of one contact to another, past all rules."""
    workspace = doing.workspace
    leave_all(doing, lead)
    for company_id in lead.companies:
        workspace.companies[company_id].contacts[user.id] = doing.stamp()
    for note_id in lead.notes:
        workspace.notes[note_id].contact = user.id
    doing.note("contacts", "merge", user.id, keys_of(user), to=lead.id)
    workspace.people.remove(lead, doing.now, user.id)
    touch(
        doing,
        user,
        updated=doing.stamp(),
        email=user.email or lead.email,
        fields=lead.fields | user.fields,
        custom=lead.custom | user.custom,
        companies=lead.companies | user.companies,
        tags=lead.tags | user.tags,
        notes=user.notes + lead.notes,
    )


def _without_nulls(given: dict[str, Value]) -> dict[str, Value]:
    return {name: value for name, value in given.items() if value is not None}

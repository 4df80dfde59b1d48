"""What is added to a contact: notes, and consents to subscription types."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from penstock_sandbox.intercom import contacts, errors
from penstock_sandbox.intercom.memory import Contact, Note, Subscription
from penstock_sandbox.provenance import assumed, documented

if TYPE_CHECKING:
    from penstock_sandbox.intercom.workspace import Doing

NOTES = "Intercom-OpenAPI 2.14, Notes"
SUBSCRIPTIONS = "Intercom-OpenAPI 2.14, Subscription types"


@documented("A note has no key: a repetition is a second note", NOTES)
@documented("The body comes back wrapped in HTML", NOTES)
@documented("An admin who is not there is 404, Resource Not Found", NOTES)
@assumed("A note without a body is 400 parameter_missing", "the reference calls it required")
def add_note(doing: Doing, contact: Contact, body: dict[str, object]) -> Note:
    """Add a note to a contact."""
    text, admin = body.get("body"), body.get("admin_id")
    if not isinstance(text, str) or not text:
        raise errors.RefusalError(400, "parameter_missing", "body is required", "body")
    if admin is not None and str(admin) not in doing.workspace.admins:
        raise errors.not_found()
    html = text if text.lstrip().startswith("<") else f"<p>{escape(text, quote=False)}</p>"
    made = Note(doing.workspace.number("note", 31), contact.id, html, doing.stamp())
    made.admin = None if admin is None else str(admin)
    doing.workspace.notes[made.id] = made
    contacts.touch(doing, contact, notes=[made.id, *contact.notes])
    doing.note("notes", "create", made.id, contacts.keys_of(contact), {"body": text}, to=contact.id)
    return made


@documented("A type that is not there is 404, Resource Not Found", SUBSCRIPTIONS)
@documented("Attaching to an opt-out type opts the contact out, to an opt-in type in", SUBSCRIPTIONS)
@assumed("consent_type is opt_in or opt_out, else 400; attaching twice is 200", "the pair is the key")
def subscribe(doing: Doing, contact: Contact, body: dict[str, object]) -> Subscription:
    """Attach a contact to a subscription type."""
    found = subscription(doing, body.get("id"))
    consent = body.get("consent_type")
    if consent not in ("opt_in", "opt_out"):
        raise errors.invalid("consent_type must be opt_in or opt_out", "consent_type")
    if contact.consents.get(found.id) != consent:
        contacts.touch(doing, contact, consents={**contact.consents, found.id: str(consent)})
        keys = {**contacts.keys_of(contact), "subscription": found.id}
        doing.note("contact_subscriptions", "join", contact.id, keys, {"consent_type": str(consent)}, found.id)
    return found


@assumed("Detaching what is not attached is 404, Resource Not Found", "as for tags")
def unsubscribe(doing: Doing, contact: Contact, subscription_id: str) -> Subscription:
    """Take a contact off a subscription type."""
    found = subscription(doing, subscription_id)
    if found.id not in contact.consents:
        raise errors.not_found()
    contacts.touch(doing, contact, consents={each: c for each, c in contact.consents.items() if each != found.id})
    keys = {**contacts.keys_of(contact), "subscription": found.id}
    doing.note("contact_subscriptions", "leave", contact.id, keys, to=found.id)
    return found


def subscription(doing: Doing, given: object) -> Subscription:
    """Return a subscription type by id, which may be a number."""
    found = doing.workspace.subscriptions.get(str(given))
    if found is None:
        raise errors.not_found()
    return found

"""How contacts, companies, attributes and lists are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock_sandbox.intercom.workspace import WORKSPACE_ID
from penstock_sandbox.provenance import documented, recorded

if TYPE_CHECKING:
    from collections.abc import Iterable

    from penstock_sandbox.intercom.memory import Attribute, Company, Contact, Subscription, Tag
    from penstock_sandbox.intercom.workspace import Workspace

Body = dict[str, object]
REFERENCE = "Intercom-OpenAPI 2.14, examples"
MOST_SHOWN = 10
_AFTER_TIMES = (
    "browser", "browser_version", "browser_language", "os",
)  # fmt: skip
_DEVICES = tuple(
    f"{system}_{what}"
    for system in ("android", "ios")
    for what in ("app_name", "app_version", "device", "os_version", "sdk_version", "last_seen_at")
)
_ORIGIN = ("utm_campaign", "utm_content", "utm_medium", "utm_source", "utm_term", "referrer")
_NOWHERE = {"type": "location"} | dict.fromkeys(("country", "region", "city", "country_code", "continent_code"))


@recorded("A contact has these keys, whatever of it is known", "recorded list of contacts; examples of 2.14")
@documented("Tags, notes and companies are shown up to ten, with the address of the rest", REFERENCE)
def contact(workspace: Workspace, one: Contact) -> Body:
    """Return a contact."""
    field = one.fields.get
    subscriptions = f"/contacts/{one.id}/subscriptions"
    outs, ins = consents(workspace, one)
    return {
        "type": "contact",
        "id": one.id,
        "workspace_id": WORKSPACE_ID,
        "external_id": one.external_id,
        "role": one.role,
        "email": one.email,
        "phone": field("phone"),
        "name": field("name"),
        "avatar": field("avatar"),
        "owner_id": field("owner_id"),
        "social_profiles": {"type": "list", "data": []},
        "has_hard_bounced": False,
        "marked_email_as_spam": False,
        "unsubscribed_from_emails": field("unsubscribed_from_emails", False),
        "created_at": one.created,
        "updated_at": one.updated,
        "signed_up_at": field("signed_up_at"),
        "last_seen_at": field("last_seen_at"),
        "last_replied_at": None,
        "last_contacted_at": None,
        "last_email_opened_at": None,
        "last_email_clicked_at": None,
        "language_override": field("language_override"),
        **dict.fromkeys(_AFTER_TIMES),
        "location": _NOWHERE,
        **dict.fromkeys(_DEVICES),
        "custom_attributes": one.custom,
        "tags": _some("tag", one.id, one.tags),
        "notes": _some("note", one.id, one.notes),
        "companies": _some("company", one.id, one.companies),
        "opted_out_subscription_types": _some("subscription", one.id, outs, subscriptions),
        "opted_in_subscription_types": _some("subscription", one.id, ins, subscriptions),
        **dict.fromkeys(_ORIGIN),
        "sms_consent": False,
        "unsubscribed_from_sms": False,
        "enabled_push_messaging": None,
    }


def consents(workspace: Workspace, one: Contact) -> tuple[list[str], list[str]]:
    """Return the ids of subscription types that a contact opted out of, and into."""
    outs = [each for each in one.consents if workspace.subscriptions[each].consent_type == "opt_out"]
    return outs, [each for each in one.consents if each not in outs]


_PLURALS = {"tag": "tags", "note": "notes", "company": "companies", "subscription": "subscriptions"}


def _some(kind: str, contact_id: str, ids: Iterable[str], url: str | None = None) -> Body:
    all_ids = list(ids)
    plural = _PLURALS[kind]
    return {
        "type": "list",
        "data": [{"id": each, "type": kind, "url": f"/{plural}/{each}"} for each in all_ids[:MOST_SHOWN]],
        "url": url or f"/contacts/{contact_id}/{plural}",
        "total_count": len(all_ids),
        "has_more": len(all_ids) > MOST_SHOWN,
    }


@documented("plan goes in as a name and comes out as an object, empty without one", REFERENCE)
def company(workspace: Workspace, one: Company) -> Body:
    """Return a company."""
    field = one.fields.get
    shown: Body = {
        "type": "company",
        "company_id": one.company_id,
        "id": one.id,
        "app_id": WORKSPACE_ID,
        "name": field("name"),
        "remote_created_at": field("remote_created_at", one.created),
        "created_at": one.created,
        "updated_at": one.updated,
        "monthly_spend": field("monthly_spend", 0),
        "session_count": 0,
        "user_count": len(one.contacts),
        "tags": {"type": "tag.list", "tags": [tag(workspace.tags[each]) for each in one.tags]},
        "segments": {"type": "segment.list", "segments": []},
        "plan": {} if one.plan is None else {"type": "plan", "id": workspace.plans[one.plan], "name": one.plan},
        "custom_attributes": one.custom,
    }
    return shown | {name: field(name) for name in ("size", "website", "industry") if field(name) is not None}


def tag(one: Tag) -> Body:
    """Return a tag."""
    return {"type": "tag", "id": one.id, "name": one.name}


@documented("Built-in attributes have no id; options may be missing", "Intercom-OpenAPI 2.14, Data attributes")
def attribute(one: Attribute) -> Body:
    """Return a data attribute."""
    shown: Body = {} if one.id is None else {"id": one.id}
    shown |= {
        "type": "data_attribute",
        "name": one.name,
        "full_name": one.name if one.id is None else f"custom_attributes.{one.name}",
        "label": one.label,
    }
    if one.description is not None or one.id is None:
        shown["description"] = one.description or ""
    shown["data_type"] = one.data_type
    if one.options is not None:
        shown["options"] = one.options
    shown |= {
        "api_writable": one.writable,
        "ui_writable": False,
        "messenger_writable": one.messenger_writable,
        "custom": one.id is not None,
        "archived": one.archived,
    }
    if one.id is not None:
        shown |= {"admin_id": "991267459", "created_at": one.created, "updated_at": one.updated}
    return shown | {"model": one.model}


def subscription(one: Subscription) -> Body:
    """Return a subscription type."""
    words = {"name": one.name, "description": one.description, "locale": "en"}
    return {
        "type": "subscription",
        "id": one.id,
        "state": "live",
        "consent_type": one.consent_type,
        "default_translation": words,
        "translations": [words],
        "content_types": one.content_types,
    }


def listing(data: list[Body], page: int, per_page: int, total: int, following: Body | None) -> Body:
    """Return a page of a list; `following` is its `next`."""
    pages: Body = {"type": "pages", "next": following, "page": page, "per_page": per_page}
    pages["total_pages"] = -(-total // per_page)
    return {"type": "list", "data": data, "total_count": total, "pages": pages}

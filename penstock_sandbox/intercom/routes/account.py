"""Endpoints of the workspace itself: who calls, teammates, segments."""

from penstock_sandbox.intercom import errors, shown
from penstock_sandbox.intercom.memory import Admin, Segment
from penstock_sandbox.intercom.routing import Ask, Reply, Route
from penstock_sandbox.intercom.workspace import ADMIN_ID, WORKSPACE_ID
from penstock_sandbox.provenance import documented

REFERENCE = "Intercom-OpenAPI 2.14, Admins"


@documented("/me tells the teammate of the token, the workspace, its region and time zone", REFERENCE)
def _me(ask: Ask) -> Reply:
    workspace = ask.workspace
    settings = workspace.settings.intercom
    admin = workspace.admins[ADMIN_ID]
    app = {
        "type": "app",
        "id_code": WORKSPACE_ID,
        "name": "Sandbox",
        "created_at": workspace.began,
        "secure": False,
        "identity_verification": False,
        "timezone": settings.time_zone,
        "region": settings.region,
    }
    shown_admin = {"type": "admin", "id": admin.id, "email": admin.email, "name": admin.name, "email_verified": True}
    return Reply({**shown_admin, "app": app, "has_inbox_seat": True})


def _admin(admin: Admin) -> dict[str, object]:
    return {
        "type": "admin",
        "id": admin.id,
        "name": admin.name,
        "email": admin.email,
        "away_mode_enabled": False,
        "away_mode_reassign": False,
        "has_inbox_seat": True,
        "team_ids": [],
    }


def _admins(ask: Ask) -> Reply:
    return Reply({"type": "admin.list", "admins": [_admin(each) for each in ask.workspace.admins.values()]})


def _one_admin(ask: Ask) -> Reply:
    found = ask.workspace.admins.get(ask.names["admin"])
    if found is None:
        raise errors.RefusalError(404, "admin_not_found", "Admin not found")
    return Reply(_admin(found))


@documented("Segments are listed with person_type, and with their size where asked", "Intercom-OpenAPI 2.14, Segments")
def _segment(ask: Ask, one: Segment) -> dict[str, object]:
    body: dict[str, object] = {"type": "segment", "id": one.id, "name": one.name, "created_at": one.created}
    body |= {"updated_at": one.created, "person_type": one.person_type}
    return body | ({"count": len(one.members)} if ask.call.query.get("include_count") == "true" else {})


def _segments(ask: Ask) -> Reply:
    return Reply(
        {"type": "segment.list", "segments": [_segment(ask, each) for each in ask.workspace.segments.values()]}
    )


def _one_segment(ask: Ask) -> Reply:
    found = ask.workspace.segments.get(ask.names["segment"])
    if found is None:
        raise errors.not_found()
    return Reply(_segment(ask, found))


def _contact_segments(ask: Ask) -> Reply:
    contact = ask.contact()
    found = [_segment(ask, each) for each in ask.workspace.segments.values() if contact.id in each.members]
    return Reply({"type": "list", "data": found})


def _subscription_types(ask: Ask) -> Reply:
    found = [shown.subscription(each) for each in ask.workspace.subscriptions.values()]
    return Reply({"type": "list", "data": found})


ROUTES = [
    Route("GET", "me", _me),
    Route("GET", "admins", _admins),
    Route("GET", "admins/{admin}", _one_admin),
    Route("GET", "segments", _segments),
    Route("GET", "segments/{segment}", _one_segment),
    Route("GET", "contacts/{contact}/segments", _contact_segments),
    Route("GET", "subscription_types", _subscription_types),
]

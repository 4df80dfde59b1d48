"""Endpoints of tags."""

from penstock_sandbox.intercom import shown, tags
from penstock_sandbox.intercom.memory import Contact, Tag
from penstock_sandbox.intercom.routing import Ask, Reply, Route
from penstock_sandbox.intercom.workspace import ADMIN_ID
from penstock_sandbox.provenance import documented


def _apply(ask: Ask) -> Reply:
    return Reply(shown.tag(tags.apply(ask.doing(), ask.body(), ask.version)))


def _list(ask: Ask) -> Reply:
    return Reply({"type": "list", "data": [shown.tag(each) for each in ask.workspace.tags.values()]})


def _read(ask: Ask) -> Reply:
    return Reply(shown.tag(tags.found(ask.workspace, ask.names["tag"])))


def _delete(ask: Ask) -> Reply:
    tags.delete(ask.doing(), tags.found(ask.workspace, ask.names["tag"]))
    return Reply()


@documented("A contact's tag tells when and by whom it was applied", "Intercom-OpenAPI 2.14, Tags")
def _applied(contact: Contact, tag: Tag) -> dict[str, object]:
    return {
        **shown.tag(tag),
        "applied_at": contact.tags.get(tag.id),
        "applied_by": {"type": "admin", "id": ADMIN_ID},
    }


def _put(ask: Ask) -> Reply:
    contact = ask.contact()
    tag = tags.found(ask.workspace, ask.body().get("id"))
    tags.put(ask.doing(), contact, tag)
    return Reply(_applied(contact, tag))


def _take(ask: Ask) -> Reply:
    contact, tag = ask.contact(), tags.found(ask.workspace, ask.names["tag"])
    answer = _applied(contact, tag)
    tags.take(ask.doing(), contact, tag)
    return Reply(answer)


def _of_contact(ask: Ask) -> Reply:
    contact = ask.contact()
    return Reply({"type": "list", "data": [_applied(contact, ask.workspace.tags[each]) for each in contact.tags]})


ROUTES = [
    Route("POST", "tags", _apply),
    Route("GET", "tags", _list),
    Route("GET", "tags/{tag}", _read),
    Route("DELETE", "tags/{tag}", _delete),
    Route("POST", "contacts/{contact}/tags", _put),
    Route("GET", "contacts/{contact}/tags", _of_contact),
    Route("DELETE", "contacts/{contact}/tags/{tag}", _take),
]

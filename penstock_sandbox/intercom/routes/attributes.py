"""Endpoints of data attributes."""

from penstock_sandbox.intercom import errors, shown
from penstock_sandbox.intercom.routing import Ask, Reply, Route
from penstock_sandbox.provenance import assumed, documented

REFERENCE = "Intercom-OpenAPI 2.14, Data attributes"


@documented("Attributes are listed by model, archived ones only where asked", REFERENCE)
@assumed("A model that does not exist is 400 parameter_invalid", "the words are those of a creation")
def _list(ask: Ask) -> Reply:
    model = ask.call.query.get("model")
    if model not in {None, "contact", "company", "conversation"}:
        raise errors.invalid("The Data Attribute model field must be either contact or company")
    archived = ask.call.query.get("include_archived") == "true"
    found = [shown.attribute(each) for each in ask.workspace.attributes.listing(model, archived)]
    return Reply({"type": "list", "data": found})


def _create(ask: Ask) -> Reply:
    made = ask.workspace.attributes.create(ask.body(), int(ask.call.now))
    keys = {"name": made.name, "model": made.model}
    ask.doing().note("data_attributes", "create", str(made.id), dict(keys), {**keys, "data_type": made.data_type})
    return Reply(shown.attribute(made))


def _update(ask: Ask) -> Reply:
    changed = ask.workspace.attributes.update(ask.names["attribute"], ask.body(), int(ask.call.now))
    keys: dict[str, str | None] = {"name": changed.name, "model": changed.model}
    ask.doing().note("data_attributes", "update", str(changed.id), keys, {"archived": changed.archived})
    return Reply(shown.attribute(changed))


ROUTES = [
    Route("GET", "data_attributes", _list),
    Route("POST", "data_attributes", _create),
    Route("PUT", "data_attributes/{attribute}", _update),
]

"""Custom object instances, by external id within their type."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock_sandbox.intercom import errors, values
from penstock_sandbox.intercom.memory import Instance
from penstock_sandbox.provenance import assumed, documented

if TYPE_CHECKING:
    from penstock_sandbox.intercom.values import Value
    from penstock_sandbox.intercom.workspace import Doing, ObjectType, Workspace

REFERENCE = "Intercom-OpenAPI 2.14, Custom object instances"


@documented("Types are made in the workspace's settings; one that is not there is 404", REFERENCE)
def kind(workspace: Workspace, name: str) -> ObjectType:
    """Return a custom object type."""
    found = workspace.object_types.get(name)
    if found is None:
        raise errors.not_found()
    return found


@documented("An instance is created, or updated where its external_id is known", REFERENCE)
@assumed(
    "Without external_id it is 400 parameter_missing", "the reference calls it optional, and matches by nothing else"
)
@assumed("Attributes are merged key by key; an unknown one is 400", "as for contacts")
def upsert(doing: Doing, type_name: str, body: dict[str, object]) -> Instance:
    """Create or update an instance."""
    workspace = doing.workspace
    of = kind(workspace, type_name)
    coerce = workspace.settings.intercom.wrong_type == "coerce"
    key = values.read("external_id", "string", body.get("external_id"), coerce)
    if key is None or key == "":
        raise errors.RefusalError(400, "parameter_missing", "external_id is required", "external_id")
    custom = _custom(of, body.get("custom_attributes"), coerce)
    times: dict[str, Value] = {
        name: values.read(name, "datetime", body[name], coerce)
        for name in ("external_created_at", "external_updated_at")
        if name in body
    }
    known = workspace.instance_keys.get((of.name, str(key)))
    if known is None:
        found = Instance(workspace.number("instance", 22), of.name, str(key), doing.stamp(), doing.stamp())
        workspace.instances[found.id] = found
        workspace.instance_keys[of.name, str(key)] = found.id
    else:
        found = workspace.instances[known]
        found.updated = doing.stamp()
    merged = found.custom | custom
    found.custom = {name: value for name, value in merged.items() if value is not None}
    for name, value in times.items():
        setattr(found, name.removesuffix("_at"), value)
    written: dict[str, Value] = {"external_id": key, **times}
    written |= {f"custom_attributes.{name}": each for name, each in custom.items()}
    doing.note(of.name, "update" if known else "create", found.id, {"external_id": found.external_id}, written)
    return found


def _custom(of: ObjectType, given: object, coerce: bool) -> dict[str, Value]:
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise errors.RefusalError(400, "type_mismatch", "custom_attributes must be an object", "custom_attributes")
    for name in given:
        if name not in of.attributes:
            raise errors.invalid(f"Custom attribute '{name}' does not exist", name)
    return {name: values.read(name, of.attributes[name], value, coerce) for name, value in given.items()}


def found(workspace: Workspace, type_name: str, instance_id: str | None = None, external_id: str = "") -> Instance:
    """Return an instance by Intercom's id, or by its external id where none is given."""
    of = kind(workspace, type_name)
    known = workspace.instance_keys.get((of.name, external_id)) if instance_id is None else instance_id
    instance = workspace.instances.get(known or "")
    if instance is None or instance.type != of.name:
        raise errors.not_found()
    return instance


@documented("A deletion answers with id, the type as `object`, and `deleted`", REFERENCE)
def delete(doing: Doing, instance: Instance) -> dict[str, object]:
    """Delete an instance."""
    del doing.workspace.instances[instance.id]
    del doing.workspace.instance_keys[instance.type, instance.external_id]
    doing.note(instance.type, "purge", instance.id, {"external_id": instance.external_id})
    return {"id": instance.id, "object": instance.type, "deleted": True}


def shown(instance: Instance) -> dict[str, object]:
    """Return an instance as Intercom shows it."""
    return {
        "id": instance.id,
        "type": instance.type,
        "custom_attributes": instance.custom,
        "external_id": instance.external_id,
        "external_created_at": instance.external_created,
        "external_updated_at": instance.external_updated,
        "created_at": instance.created,
        "updated_at": instance.updated,
    }

"""What travels in and out of a batch, and the first look at what came in."""

import msgspec
from msgspec import UNSET, UnsetType

from penstock_sandbox.hubspot import errors
from penstock_sandbox.hubspot.associations import Named, Spec
from penstock_sandbox.hubspot.errors import Problem, RowError
from penstock_sandbox.hubspot.portal import PORTAL_ID, Visit
from penstock_sandbox.hubspot.values import InvalidError
from penstock_sandbox.provenance import assumed, documented, recorded
from penstock_sandbox.store import Record

Value = str | int | float | bool | None
MOST_INPUTS = 100
OBJECTS_GUIDE = "developers.hubspot.com/docs/api-reference/latest/crm/using-object-apis"


class Rider(msgspec.Struct):
    """An association that rides on a new object."""

    to: Named
    types: list[Spec]


class Row(msgspec.Struct, rename="camel", gc=False):
    """One input of a batch."""

    id: str | None = None
    properties: dict[str, Value] = {}
    id_property: str | None = None
    object_write_trace_id: str | None = None
    associations: list[Rider] = []


class Result(msgspec.Struct, rename="camel", gc=False):
    """One object in an answer, with the keys of the recorded ones."""

    id: str
    properties: dict[str, str | None]
    created_at: str
    updated_at: str
    archived: bool
    url: str
    archived_at: str | UnsetType = UNSET
    associations: dict[str, object] | UnsetType = UNSET
    new: bool | UnsetType = UNSET
    object_write_trace_id: str | UnsetType = UNSET


class Batch(msgspec.Struct):
    """What a batch came to."""

    results: list[Result]
    errors: list[RowError]


@documented("A batch holds at most 100 inputs", OBJECTS_GUIDE)
def refuse_crowd(count: int) -> None:
    """Refuse a batch of more than 100."""
    if count > MOST_INPUTS:
        raise errors.invalid_request(f"The maximum number of inputs supported in a batch request is {MOST_INPUTS}")


@recorded("The same id twice refuses the whole batch, trace ids or not", "amp-labs/connectors, err-duplicate-ids")
@assumed("Duplicates are judged after lower-casing addresses", "the stored form is what must be unique")
def refuse_duplicates(ids: list[str]) -> None:
    """Refuse a batch that names one id twice; `ids` are in their stored form."""
    if len(set(ids)) == len(ids):
        return
    seen: set[str] = set()
    twice: dict[str, None] = {}
    for each in ids:
        if each in seen:
            twice[each] = None
        seen.add(each)
    raise errors.duplicate_ids(list(twice))


@documented("Partial success needs a unique objectWriteTraceId on every input", "developers.hubspot.com error-handling")
def traced(rows: list[Row]) -> bool:
    """Tell whether every input carries a trace id of its own."""
    ids = {row.object_write_trace_id for row in rows}
    return None not in ids and len(ids) == len(rows)


@documented("The value '' clears a property, an absent one stays", OBJECTS_GUIDE)
@recorded("A property that does not exist is PROPERTY_DOESNT_EXIST", "recorded body in the fact sheet")
@assumed("A JSON null is refused", "not documented; `null_values: clear` is the other reading")
@assumed("A JSON number or boolean counts as its text", "the guide sends strings, clients have sent both")
def validate(visit: Visit, properties: dict[str, Value]) -> tuple[dict[str, str], list[Problem]]:
    """Return the values to store and what is wrong with the others. The hot path of every write."""
    checks = visit.catalogue.checks
    written: dict[str, str] = {}
    problems: list[Problem] = []
    for name, value in properties.items():
        check = checks.get(name)
        if check is None:
            problems.append(Problem(name, "PROPERTY_DOESNT_EXIST", f'Property "{name}" does not exist'))
            continue
        try:
            plain = value if type(value) is str else _as_text(value, visit.settings.hubspot.null_values == "clear")
            written[name] = check(plain) if plain or name in visit.catalogue.read_only else ""
        except InvalidError as invalid:
            problems.append(Problem(name, invalid.code, invalid.message))
    return written, problems


def _as_text(value: Value, null_clears: bool) -> str:
    match value:
        case None if null_clears:
            return ""
        case None:
            raise InvalidError("INVALID_VALUE", "null is not a valid value")
        case bool():
            return "true" if value else "false"
        case _:
            return str(value)


@recorded("Values come back as strings or null, with id and both dates", "amp-labs/connectors, partial successes")
def describe(visit: Visit, record: Record, names: dict[str, str] | list[str]) -> Result:
    """Return an object with the named properties, null where it has no value."""
    kind = visit.shelf.kind
    have = record.properties
    properties: dict[str, str | None] = {name: have.get(name) for name in names}
    properties[kind.created] = record.created
    properties["hs_object_id"] = record.id
    properties[kind.modified] = record.updated
    shown = Result(record.id, properties, record.created, record.updated, record.archived, visit.shelf.url + record.id)
    if record.archived:
        shown.archived_at = record.updated
    return shown


def no_such_rows(visit: Visit, ids: list[str]) -> list[RowError]:
    """Return the one error that names all unknown ids, or none."""
    return [errors.missing_rows(visit.shelf.kind.singular, ids)] if ids else []


def row_error(row: Row, problems: list[Problem], owner: Record | None) -> RowError:
    """Return the entry of `errors` for a row of a traced batch."""
    trace_id = row.object_write_trace_id or ""
    if owner is not None:
        return errors.conflicting_row(owner.id, trace_id)
    return errors.invalid_row(problems, PORTAL_ID, trace_id)

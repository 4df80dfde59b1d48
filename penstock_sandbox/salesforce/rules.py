"""Writing records: what is checked of a row, in which order, and what a request of several rows does.

A row is decoded first, which can refuse the whole request, and then applied, which can only refuse the row.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from penstock_sandbox.provenance import assumed, documented, recorded
from penstock_sandbox.salesforce import errors
from penstock_sandbox.salesforce.errors import Problem
from penstock_sandbox.salesforce.references import check_references, parent_of
from penstock_sandbox.salesforce.table import Record, Value, folded
from penstock_sandbox.store import Write

if TYPE_CHECKING:
    from collections.abc import Callable

    from penstock_sandbox.salesforce.automation import Event
    from penstock_sandbox.salesforce.fields import Field
    from penstock_sandbox.salesforce.org import Org
    from penstock_sandbox.salesforce.schema import SObject

UPSERT = "REST API Developer Guide: Insert or Update (Upsert) a Record Using an External ID"
COLLECTIONS = "REST API Developer Guide: sObject Collections"
STATUS = "SOAP API Developer Guide: StatusCode"


class Parent(NamedTuple):
    """A parent named by a key of its own."""

    field: Field
    kind: SObject
    key: Field
    value: Value


class Row:
    """One row to write: values that were read, parents to look up, and what was already wrong with it."""

    __slots__ = ("parents", "problem", "record_id", "values")

    def __init__(self, values: dict[str, Value], record_id: str | None = None) -> None:
        self.values = values
        self.record_id = record_id
        self.parents: list[Parent] = []
        self.problem: Problem | None = None


class Result(NamedTuple):
    """What became of a row. `created` is None where the question was not asked."""

    id: str | None
    created: bool | None = None
    problem: Problem | None = None
    matches: tuple[str, ...] = ()
    """The records that share the key, where there are several."""
    notes: tuple[Problem, ...] = ()
    """What is said beside success."""


class Doing:
    """The circumstances of a request: who, when, with which headers; and what it has done so far."""

    def __init__(self, org: Org, now: float, request: int, allow_save: bool = False, assign: bool = True) -> None:
        self.org = org
        self.about = (org, now, request)
        self.within = org.transaction
        """The request that this one is a part of, and that can still undo it."""
        self.now = now
        self.request = request
        self.allow_save = allow_save
        self.assign = assign
        self._undo: list[Callable[[], None]] = []
        self._writes: list[Write] = []

    def did(self, undo: Callable[[], None], write: Write) -> None:
        """Note a change, so that it can be undone or told."""
        self._undo.append(undo)
        self._writes.append(write)

    def commit(self) -> None:
        """Put what was done into the history, or into the hands of the request around this one."""
        if self.within is not None:
            self.within._undo += self._undo  # noqa: SLF001 - its own class
            self.within._writes += self._writes  # noqa: SLF001
            self._undo, self._writes = [], []
            return
        history = self.org.history
        for write in self._writes:
            write.n = len(history) + 1
            history.add(write)
        self._writes.clear()
        self._undo.clear()

    def roll_back(self) -> None:
        """Undo everything."""
        for undo in reversed(self._undo):
            undo()
        self._writes.clear()
        self._undo.clear()


def apply(
    doing: Doing, kind: SObject, operation: str, rows: list[Row], key: Field | None = None, all_or_none: bool = False
) -> list[Result]:
    """Write rows of one object in order; operations are insert, update, upsert, delete and hardDelete."""
    if kind.event:
        results = [_publish(doing, kind, row) if operation == "insert" else _no_event(kind) for row in rows]
    elif operation == "upsert" and key is not None:
        results = _upsert(doing, kind, rows, key)
    elif operation == "insert":
        results = [_create(doing, kind, row, None) for row in rows]
    elif operation == "update":
        results = [_update(doing, kind, row) for row in _once(rows)]
    else:
        results = [_delete(doing, kind, row, operation == "hardDelete") for row in _once(rows)]
    if all_or_none and any(result.problem for result in results):
        return rolled_back(doing, results)
    return results


@documented("With allOrNone one bad row undoes all; the others are ALL_OR_NONE_OPERATION_ROLLED_BACK", COLLECTIONS)
@recorded("Victims of a roll-back keep `created` and an id that does not exist", "reported by one client's live tests")
def rolled_back(doing: Doing, results: list[Result]) -> list[Result]:
    """Undo a request and say so in every row that was not at fault."""
    doing.roll_back()
    return [each if each.problem else each._replace(problem=errors.ROLLED_BACK) for each in results]


@assumed(
    "One id twice among updates or deletes of a request: all but the first fail", "DUPLICATE_VALUE is documented for it"
)
def _once(rows: list[Row]) -> list[Row]:
    seen: set[str] = set()
    for row in rows:
        if row.record_id in seen and row.problem is None:
            row.problem = Problem("DUPLICATE_VALUE", f"duplicate id in list: {row.record_id}")
        if row.record_id is not None:
            seen.add(row.record_id)
    return rows


@documented("Upsert creates where nobody has the key, updates where one has it", UPSERT)
@documented("One key twice in a request: DUPLICATE_VALUE, Duplicate external id specified, for both", STATUS)
@documented("A key that several records have: DUPLICATE_EXTERNAL_ID", STATUS)
@recorded("An upsert by Id without an id creates", "CumulusCI, TestUpsert.test_upsert_external_id_field")
@assumed("A row without the key is MISSING_ARGUMENT", "the code is documented; its use here is a report")
def _upsert(doing: Doing, kind: SObject, rows: list[Row], key: Field) -> list[Result]:
    if key.name == "Id":
        return [_by_id(doing, kind, row) for row in rows]
    values = [row.values.get(key.name) for row in rows]
    counts = Counter(fold(key, value) for value in values if value is not None)
    results = []
    for row, value in zip(rows, values, strict=True):
        if value is None:
            row.problem = row.problem or Problem("MISSING_ARGUMENT", f"{key.name} not specified", (key.name,))
        elif counts[fold(key, value)] > 1:
            row.problem = row.problem or errors.duplicate_in_request(key.name, str(value))
        if row.problem is not None:
            results.append(Result(None, problem=row.problem))
            continue
        results.append(_by_key(doing, kind, row, key, value))
    return results


def _by_id(doing: Doing, kind: SObject, row: Row) -> Result:
    creates = row.record_id is None
    result = _create(doing, kind, row, None) if creates else _update(doing, kind, row)
    return result if result.problem else result._replace(created=creates)


def fold(key: Field, value: Value) -> Value:
    """Return the form in which an upsert compares values of its key."""
    return folded(value) if key.folds else value


@documented("Case is ignored only where the field is unique and not case-sensitive", UPSERT)
def matching(doing: Doing, kind: SObject, key: Field, value: Value) -> list[Record]:
    """Return the records that an upsert's key finds."""
    table = doing.org.table(kind.name)
    found = table.find(key.name, value)
    return found if key.folds else [record for record in found if table.get(record, key.name) == value]


def _by_key(doing: Doing, kind: SObject, row: Row, key: Field, value: Value) -> Result:
    found = matching(doing, kind, key, value)
    if len(found) > 1:
        message = f"{key.name}: more than one record found for external id field: [{', '.join(r.id for r in found)}]"
        return Result(None, problem=Problem("DUPLICATE_EXTERNAL_ID", message), matches=tuple(r.id for r in found))
    if not found:
        return _create(doing, kind, row, key)
    row.record_id = found[0].id
    del row.values[key.name]
    return _change(doing, kind, row, found[0], key, value)


@documented("Required fields must have a value on creation: REQUIRED_FIELD_MISSING", STATUS)
@documented("Fields that cannot be written refuse the row: INVALID_FIELD_FOR_INSERT_UPDATE", STATUS)
def _create(doing: Doing, kind: SObject, row: Row, key: Field | None) -> Result:
    asked = None if key is None else True
    values = row.values
    problem = row.problem or _writable(kind, values, "createable") or _resolve(doing, row)
    if problem is None:
        missing = [field.name for field in kind.fields.values() if field.required and values.get(field.name) is None]
        problem = errors.required(missing) if missing else check_references(doing.org, kind, values)
    problem = problem or _automatic(doing, kind, "insert", values, "") or _unique(doing, kind, values, None)
    if problem is not None:
        return Result(None, problem=problem)
    table = doing.org.table(kind.name)
    if doing.assign and "OwnerId" not in values and (owner := doing.org.automation.owner(kind.name)):
        values["OwnerId"] = owner
    _number(doing, kind, values)
    record = table.insert({name: value for name, value in values.items() if value is not None}, doing.now)
    doing.did(lambda: table.purge(record), written(doing.about, kind, record.id, "create", key, values))
    return Result(record.id, asked)


def _number(doing: Doing, kind: SObject, values: dict[str, Value]) -> None:
    for field in kind.fields.values():
        if field.auto_number:
            values[field.name] = f"{len(doing.org.table(kind.name).records) + 1000:08}"


@documented("An unknown id is INVALID_CROSS_REFERENCE_KEY, one in the recycle bin ENTITY_IS_DELETED", STATUS)
def located(org: Org, kind: SObject, record_id: str | None) -> Record | Problem:
    """Return the record that a row is about, or why there is none."""
    if record_id is None:
        return Problem("MISSING_ARGUMENT", "Id not specified in an update call")
    if record_id.startswith(errors.MALFORMED):
        return Problem("MALFORMED_ID", record_id)
    if record_id[:3] != kind.prefix:
        return Problem("MALFORMED_ID", f"{kind.label} ID: id value of incorrect type: {record_id}", ("Id",))
    record = org.table(kind.name).records.get(record_id)
    if record is None:
        return Problem("INVALID_CROSS_REFERENCE_KEY", errors.UNKNOWN_REFERENCE)
    return errors.DELETED if record.deleted else record


def _update(doing: Doing, kind: SObject, row: Row) -> Result:
    found = row.problem or located(doing.org, kind, row.record_id)
    if isinstance(found, Problem):
        return Result(None, problem=found)
    result = _change(doing, kind, row, found, None, None)
    return result._replace(created=None)


@documented("A required field cannot be cleared", STATUS)
@documented("A converted lead can no longer be changed: CANNOT_UPDATE_CONVERTED_LEAD", STATUS)
def _change(doing: Doing, kind: SObject, row: Row, record: Record, key: Field | None, value: Value) -> Result:
    table, values = doing.org.table(kind.name), row.values
    problem = row.problem or _writable(kind, values, "updateable") or _resolve(doing, row)
    if problem is None:
        cleared = [name for name, each in values.items() if each is None and _must(kind, name)]
        problem = errors.required(cleared) if cleared else check_references(doing.org, kind, values)
    if problem is None and kind.name == "Lead" and table.get(record, "IsConverted") is True:
        problem = Problem("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")
    problem = problem or _automatic(doing, kind, "update", values, record.id) or _unique(doing, kind, values, record)
    if problem is not None:
        return Result(None, problem=problem)
    before, modified = record.values, record.modified
    restored = {name: table.get(record, name) for name in values}

    def undo() -> None:
        table.update(record, restored, modified)
        record.values = before

    table.update(record, values, doing.now)
    keys = {} if key is None else {key.name: value}
    doing.did(undo, written(doing.about, kind, record.id, "update", key, keys | values))
    return Result(record.id, False)


def _must(kind: SObject, name: str) -> bool:
    field = kind.fields.get(name.lower())
    return field is not None and not field.nillable


def _delete(doing: Doing, kind: SObject, row: Row, hard: bool) -> Result:
    found = row.problem or located(doing.org, kind, row.record_id)
    if isinstance(found, Problem):
        return Result(None, problem=found)
    table = doing.org.table(kind.name)
    problem = _automatic(doing, kind, "delete", table.values(found), found.id)
    if problem is not None:
        return Result(None, problem=problem)
    modified = found.modified
    table.delete(found, doing.now)

    def undo() -> None:
        table.restore(found)
        found.modified = modified
        table.records[found.id] = found

    doing.did(undo, written(doing.about, kind, found.id, "purge" if hard else "archive", None, {}))
    if hard:
        del table.records[found.id]
    return Result(found.id)


def _writable(kind: SObject, values: dict[str, Value], flag: str) -> Problem | None:
    bad = [name for name in values if not getattr(kind.fields[name.lower()], flag)]
    return errors.not_writable(bad) if bad else None


def _resolve(doing: Doing, row: Row) -> Problem | None:
    """Find the parents that a row names by their keys."""
    for parent in row.parents:
        found = parent_of(doing.org, parent.kind, parent.key, parent.value)
        if isinstance(found, Problem):
            return found
        row.values[parent.field.name] = found
    return None


@documented("A unique value that another record has: DUPLICATE_VALUE, with that record's id and no fields", STATUS)
def _unique(doing: Doing, kind: SObject, values: dict[str, Value], record: Record | None) -> Problem | None:
    for name, value in values.items():
        field = kind.fields[name.lower()]
        if field.unique and value is not None:
            owners = [each for each in matching(doing, kind, field, value) if each is not record]
            if owners:
                return errors.duplicate_value(field.name, owners[0].id)
    return None


def _automatic(doing: Doing, kind: SObject, event: Event, values: dict[str, Value], record_id: str) -> Problem | None:
    """Run whatever people have built in the org."""
    automation, org = doing.org.automation, doing.org
    if not automation.concerns(kind.name, doing.now):
        return None
    parents = [str(value) for name, value in values.items() if value and kind.fields[name.lower()].type == "reference"]
    problem = automation.locked(doing.now, [record_id, *parents])
    if problem is None and event == "insert":
        problem = automation.duplicates(org.table(kind.name), kind.name, values, doing.allow_save)
    return problem or automation.trigger(kind.name, event, values, org.chance.random())


@documented(
    "A platform event is published, not stored: OPERATION_ENQUEUED beside success", "Platform Events Guide: publish"
)
def _publish(doing: Doing, kind: SObject, row: Row) -> Result:
    problem = row.problem or _writable(kind, row.values, "createable")
    missing = [field.name for field in kind.fields.values() if field.required and row.values.get(field.name) is None]
    problem = problem or (errors.required(missing) if missing else None)
    if problem is not None:
        return Result(None, problem=problem)
    table = doing.org.table(kind.name)
    record = Record(next(table.ids), (), doing.now, doing.now)
    event: dict[str, object] = {"type": kind.name, "id": record.id, "values": dict(row.values)}
    doing.org.events.append(event)
    doing.did(lambda: doing.org.events.remove(event), written(doing.about, kind, record.id, "event", None, row.values))
    return Result(record.id, notes=(Problem("OPERATION_ENQUEUED", record.id),))


def _no_event(kind: SObject) -> Result:
    return Result(None, problem=Problem("INVALID_TYPE", f"entity type {kind.name} can only be inserted"))


def text_of(value: Value) -> str:
    """Return a value as the history has it; null is empty."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def written(
    about: tuple[Org, float, int],
    kind: SObject,
    record_id: str,
    action: str,
    key: Field | None,
    values: dict[str, Value],
) -> Write:
    """Return the history's entry about a write by a request at a time; its number is given when it is certain."""
    org, now, request = about
    own = None if key is None else text_of(values.get(key.name))
    if not org.history.full:
        return Write(0, record_id, own)
    keys = {name: text_of(value) for name, value in values.items() if value and kind.fields[name.lower()].key}
    shown = {name: text_of(value) for name, value in values.items()}
    return Write(0, record_id, own, now, request, kind.name, action, None, keys or None, shown)  # type: ignore[arg-type]

"""What HubSpot does with a batch: pure functions over a store, no HTTP and no clock.

A write is planned for all rows before any is applied, so that a refused batch leaves nothing behind.
"""

from typing import NamedTuple

from penstock_sandbox.hubspot import associations, constraints, errors
from penstock_sandbox.hubspot.errors import Problem, RowError
from penstock_sandbox.hubspot.portal import PORTAL_ID, Visit
from penstock_sandbox.hubspot.rows import (
    OBJECTS_GUIDE,
    Batch,
    Result,
    Row,
    Value,
    describe,
    no_such_rows,
    refuse_crowd,
    refuse_duplicates,
    row_error,
    traced,
    validate,
)
from penstock_sandbox.provenance import assumed, documented, recorded
from penstock_sandbox.store import Action, Record, Write

Claims = list[tuple[str, str]]
DEDUPLICATION = "knowledge.hubspot.com/records/deduplication-of-records"


class Step(NamedTuple):
    """One row that will be written."""

    row: Row
    record: Record
    written: dict[str, str]
    key: str | None
    new: bool


class Bad(NamedTuple):
    """One row that will not: its values are wrong, or its address belongs to `owner`."""

    row: Row
    problems: list[Problem]
    owner: Record | None


class Plan:
    """The rows of a batch, sorted into good, bad and missing, before anything is written."""

    def __init__(self, visit: Visit) -> None:
        self.visit = visit
        self.steps: list[Step] = []
        self.bad: list[Bad] = []
        self.missing: list[str] = []
        self._claims: dict[tuple[str, str], Record] = {}
        self._required = constraints.required(visit)

    def add(self, row: Row, record: Record | None, key: str | None, implied: dict[str, Value]) -> None:
        """Judge one row; `record` None makes a new one, `implied` are values that its key stands for."""
        new = record is None
        written, problems = validate(self.visit, {**implied, **row.properties} if new else row.properties)
        target = record or self.visit.table.draft(self.visit.now)
        if self.visit.catalogue.appendable:
            _append(self.visit, target, written)
        problems += self._constrain(target, written, new)
        owner, claims = self._clash(target, written, problems)
        if problems or owner is not None:
            self.bad.append(Bad(row, problems, owner))
            return
        self._claims.update(dict.fromkeys(claims, target))
        self.steps.append(Step(row, target, written, key, new))

    def _constrain(self, target: Record, written: dict[str, str], new: bool) -> list[Problem]:
        """Return what is wrong with a row's values together; may leave one of them out."""
        visit = self.visit
        found = constraints.missing(self._required, written) if new and self._required else []
        if visit.shelf.kind.stage is not None:
            if new:
                constraints.choose_pipeline(visit, written)
            found += constraints.misplaced(visit, target, written)
        if visit.settings.hubspot.conditional:
            found += constraints.conditional(visit, target, written)
        if constraints.LIFECYCLE in written:
            constraints.hold_back(visit, target, written)
        return found

    def claimed(self, name: str, value: str) -> Record | None:
        """Return who has a unique value, or will have it once the rows before are applied."""
        table = self.visit.table
        return self._claims.get((name, table.key(name, value))) or table.find(name, value)

    def _clash(self, target: Record, written: dict[str, str], problems: list[Problem]) -> tuple[Record | None, Claims]:
        """Return the owner of the row's address if that is another record, and the unique values it takes.

        Any other unique value that is taken becomes a problem of the row.
        """
        claims: Claims = []
        for name in self.visit.table.unique:
            value = written.get(name)
            if not value:
                continue
            owner = self.claimed(name, value)
            if owner is None:
                claims.append((name, self.visit.table.key(name, value)))
            elif owner is not target and name in self.visit.shelf.kind.aliases:
                return owner, claims
            elif owner is not target:
                problems.append(_taken(self.visit, name, value, target, owner))
        return None, claims


def _append(visit: Visit, record: Record, written: dict[str, str]) -> None:
    for name in visit.catalogue.appendable & written.keys():
        if written[name].startswith(";"):
            options = [*record.properties.get(name, "").split(";"), *written[name].split(";")]
            written[name] = ";".join(dict.fromkeys(option for option in options if option))


def _taken(visit: Visit, name: str, value: str, target: Record, owner: Record) -> Problem:
    kind = visit.shelf.kind
    message = (
        f"Cannot set PropertyValueCoordinates{{portalId={PORTAL_ID}, objectTypeId={kind.type_id}, "
        f"propertyName={name}, value={value}}} on {target.id}. {owner.id} already has that value."
    )
    return Problem(name, "CONFLICTING_UNIQUE_VALUE", message)


@documented("batch/upsert finds objects by a unique property, or makes them", OBJECTS_GUIDE)
@documented("Upsert by email finds contacts by their additional addresses too", DEDUPLICATION)
@documented("Each result of an upsert says whether the object is new", "hubspot-api-client 12.0.0, result types")
@assumed("The key of an archived record makes a new one", "its unique values are free once it is archived")
@assumed("A new object gets its key's value even if `properties` lacks it", "it could not be found again otherwise")
@assumed("Record ids without idProperty update, and an unknown one is OBJECT_NOT_FOUND", "as batch/update does")
@assumed("By email a row need not hold its address again", "the guide rules out 'partial upserts', others rely on them")
@assumed("An address owned by another record refuses the whole upsert with 409", "reported, trigger not described")
def upsert(visit: Visit, rows: list[Row]) -> Batch:
    """Create or update each row's object."""
    name, keys = _keys(visit, rows)
    if name is None:
        return _by_record_id(visit, rows, keys, follow_merges=True)
    whole_only = name in visit.shelf.kind.aliases and not visit.settings.hubspot.partial_upsert_by_email
    if whole_only and not all(name in row.properties for row in rows):
        raise errors.invalid_request(f"Partial upserts are not supported when {name} is the idProperty")
    plan = Plan(visit)
    for row, key in zip(rows, keys, strict=True):
        record = plan.claimed(name, key)
        plan.add(row, record, key, {name: key})
    if visit.settings.hubspot.upsert_conflict == "whole":
        for bad in plan.bad:
            if bad.owner is not None:
                raise errors.conflict(f"Contact already exists. Existing ID: {bad.owner.id}")
    return _settle(plan, rows, "upsert")


@documented("batch/create makes a new object per row", OBJECTS_GUIDE)
@recorded("A contact that exists: 409 without trace ids, existingId with them", "amp-labs/connectors, err-conflict")
@assumed("Two rows of one batch with one address: the second conflicts with the first", "rows are applied in order")
def create(visit: Visit, rows: list[Row]) -> Batch:
    """Create each row's object."""
    refuse_crowd(len(rows))
    plan = Plan(visit)
    for row in rows:
        wanted = row.associations
        if wanted and (reason := associations.unfit(visit, wanted)) is not None:
            plan.bad.append(Bad(row, [Problem("associations", "INVALID_ASSOCIATION", reason)], None))
        else:
            plan.add(row, None, None, {})
    return _settle(plan, rows, "create")


@documented("batch/update changes objects found by record id or by a unique property", OBJECTS_GUIDE)
@recorded("batch/update by email is refused as non-unique, by upsert it is not", "reports of 2024")
@recorded("An unknown id is OBJECT_NOT_FOUND with context.ids, the rest is written", "amp-labs/connectors")
@recorded("An id that was merged away, or an address as id, is left out silently", "reports in the fact sheet")
def update(visit: Visit, rows: list[Row]) -> Batch:
    """Change each row's object."""
    name, keys = _keys(visit, rows)
    kind = visit.shelf.kind
    if name is None:
        return _by_record_id(visit, rows, keys, follow_merges=False)
    if name in kind.aliases and not visit.settings.hubspot.update_by_email:
        raise errors.not_unique(kind.type_id, name, PORTAL_ID)
    plan = Plan(visit)
    for row, key in zip(rows, keys, strict=True):
        record = visit.table.find(name, key)
        if record is None:
            plan.missing.append(key)
        else:
            plan.add(row, record, key, {})
    return _settle(plan, rows, "update")


@documented("batch/read finds objects by record id or by a unique property", OBJECTS_GUIDE)
@recorded("Unknown ids are one OBJECT_NOT_FOUND that names them all", "amp-labs/connectors, partial success of update")
@documented("Merged ids keep resolving to the surviving record", "HubSpot changelog, updated merge functionality")
@assumed("An object asked for twice is answered once", "results are a set of objects, not of inputs")
@assumed("With archived=true only archived objects are found, by record id", "the two sets are told apart in listings")
def read(visit: Visit, ids: list[str], id_property: str | None, names: list[str], archived: bool = False) -> Batch:
    """Return objects with the named properties."""
    refuse_crowd(len(ids))
    name = key_property(visit, id_property)
    found: dict[str, Record] = {}
    missing: list[str] = []
    for each in ids:
        if archived:
            record = visit.table.records.get(each)
            record = record if record is not None and record.archived and each not in visit.table.merged else None
        elif name is None:
            record = visit.table.resolve(each)
        else:
            record = visit.table.find(name, stored_key(visit, name, each))
        if record is None:
            missing.append(each)
        else:
            found[record.id] = record
    known = [each for each in names if each in visit.catalogue.checks] if names else list(visit.shelf.kind.shown)
    return Batch([describe(visit, record, known) for record in found.values()], no_such_rows(visit, missing))


@documented("batch/archive hides objects, restorable for 90 days", DEDUPLICATION)
@assumed("Unknown ids are not reported by batch/archive", "its answer has no body")
def archive(visit: Visit, ids: list[str]) -> None:
    """Archive objects by record id."""
    refuse_crowd(len(ids))
    for each in ids:
        record = visit.table.live(each)
        if record is not None:
            visit.table.archive(record, visit.now)
            note(visit, "archive", record, None, {})


@recorded("An idProperty that is not unique refuses the batch", "segmentio/action-destinations pull request 3957")
def key_property(visit: Visit, name: str | None) -> str | None:
    """Return the unique property that ids are values of; None for record ids."""
    if name is not None and (name not in visit.table.unique or name not in visit.catalogue.checks):
        raise errors.not_unique(visit.shelf.kind.type_id, name, PORTAL_ID)
    return name


@documented("Every input of an upsert or update needs an id", OBJECTS_GUIDE)
@assumed("All inputs of a batch must name the same idProperty", "the stricter reading; no source mixes them")
def _keys(visit: Visit, rows: list[Row]) -> tuple[str | None, list[str]]:
    """Return the property that identifies the rows, and their keys in stored form."""
    refuse_crowd(len(rows))
    names = {row.id_property or None for row in rows}
    if len(names) > 1:
        raise errors.invalid_request("All inputs must have the same idProperty")
    name = key_property(visit, names.pop() if names else None)
    if not all(row.id for row in rows):
        raise errors.invalid_request("Some required fields were not set: [id]")
    keys = [row.id or "" for row in rows]
    if name is not None:
        keys = [stored_key(visit, name, key) for key in keys]
    refuse_duplicates(keys if name is None else [visit.table.key(name, key) for key in keys])
    return name, keys


@documented("E-mail keys are compared without case", DEDUPLICATION)
@assumed("Values of unique text properties are compared exactly", "case rule not documented; `unique_text: fold`")
def stored_key(visit: Visit, name: str, key: str) -> str:
    """Return a key in the form in which it is stored."""
    return key.strip().lower() if name in visit.shelf.kind.aliases else key


def _by_record_id(visit: Visit, rows: list[Row], ids: list[str], follow_merges: bool) -> Batch:
    plan = Plan(visit)
    for row, record_id in zip(rows, ids, strict=True):
        record = visit.table.resolve(record_id) if follow_merges else visit.table.live(record_id)
        if record is not None:
            plan.add(row, record, None, {})
        elif record_id not in visit.table.merged and "@" not in record_id:
            plan.missing.append(record_id)
    return _settle(plan, rows, "update")


@recorded("One bad row without trace ids: 400, nothing is written", "recorded body in the fact sheet")
@recorded("With trace ids the good rows are written and the bad ones listed", "amp-labs/connectors, partial successes")
@documented("Associations ride on creates, not on upserts", OBJECTS_GUIDE)
@recorded("Results come in another order than the inputs", "reports in the fact sheet; here shuffled by seed")
def _settle(plan: Plan, rows: list[Row], operation: str) -> Batch:
    """Apply a plan, or refuse it whole."""
    visit = plan.visit
    if plan.bad and not traced(rows):
        problems = [problem for bad in plan.bad for problem in bad.problems]
        if problems:
            raise errors.invalid_values(problems, PORTAL_ID)
        owner = next(bad.owner for bad in plan.bad if bad.owner is not None)
        existing = "" if operation == "create" else f". Existing ID: {owner.id}"
        raise errors.conflict(f"Contact already exists{existing}")
    results = [_apply(visit, step, operation) for step in plan.steps]
    failed: list[RowError] = [row_error(bad.row, bad.problems, bad.owner) for bad in plan.bad]
    return Batch(results, failed + no_such_rows(visit, plan.missing))


def _apply(visit: Visit, step: Step, operation: str) -> Result:
    row, record, written, key, new = step
    if new:
        visit.table.insert(record)
    visit.table.write(record, written, visit.now)
    note(visit, "create" if new else "update", record, key, written)
    if row.associations and operation == "create":
        associations.ride_along(visit, record, row.associations)
    result = describe(visit, record, written)
    if operation == "upsert":
        result.new = new
    if visit.settings.hubspot.echo_trace_ids and row.object_write_trace_id is not None:
        result.object_write_trace_id = row.object_write_trace_id
    return result


@assumed("Every applied write is noted, also one that changes no value", "the oracle counts what was sent again")
def note(visit: Visit, action: Action, record: Record, key: str | None, written: dict[str, str]) -> None:
    """Note an applied write in the history, with no more than it keeps."""
    number = len(visit.history) + 1
    keys = _unique_values(visit, record)
    if key is None:
        key = next(iter(keys.values()), None)
    if not visit.history.full:
        visit.history.add(Write(number, record.id, key))
        return
    name = visit.shelf.kind.name
    visit.history.add(Write(number, record.id, key, visit.seconds, visit.request, name, action, None, keys, written))


def _unique_values(visit: Visit, record: Record) -> dict[str, str]:
    have = record.properties
    return {name: have[name] for name in visit.table.unique if name in have}

"""The quick way through a batch: plain creates and updates, column by column.

It gives what `rows` gives, which a test compares; whatever needs more than that goes there.
"""

from __future__ import annotations

from itertools import compress, islice, repeat
from typing import TYPE_CHECKING

from penstock_sandbox.salesforce import errors
from penstock_sandbox.salesforce.bulk.job import Outcomes
from penstock_sandbox.salesforce.errors import Problem
from penstock_sandbox.salesforce.rules import located, written
from penstock_sandbox.salesforce.table import Record, Table, folded, lowered
from penstock_sandbox.store import Write

if TYPE_CHECKING:
    from collections.abc import Sequence

    from penstock_sandbox.salesforce.bulk.batch import Batch
    from penstock_sandbox.salesforce.bulk.columns import Filled
    from penstock_sandbox.salesforce.table import Value

Problems = dict[int, Problem]


def possible(batch: Batch, filled: Sequence[Filled]) -> bool:
    """Tell whether a batch is plain enough."""
    kind, org = batch.kind, batch.org
    if kind.event or batch.operation not in {"insert", "upsert", "update"}:
        return False
    ids = [each for each in filled if each.column.field.type == "id"]
    if batch.operation != "update" and ids:
        return False
    if any(len(set(each.values)) != batch.size for each in ids):
        return False
    if org.automation.concerns(kind.name, batch.now) or org.settings.salesforce.lock_fights:
        return False
    if any(field.auto_number for field in kind.fields.values()):
        return False
    return not any(_crowded(batch, each) for each in filled if each.column.field.unique)


def _crowded(batch: Batch, filled: Filled) -> bool:
    """Tell whether values of a unique field other than the key may be somebody's already, or each other's."""
    name = filled.column.field.name
    if batch.key is not None and name == batch.key.name:
        return False
    keys = [folded(value) for value in filled.values if value is not None]
    index = batch.org.table(batch.kind.name).index(name)
    return len(set(keys)) != len(keys) or any(key in index for key in keys)


def write(batch: Batch, filled: Sequence[Filled], problems: Problems) -> Outcomes:
    """Write a batch; the outcomes are in its order."""
    table = batch.org.table(batch.kind.name)
    found = _found(batch, filled, problems, table)
    creates = [each is None and batch.operation != "update" for each in found]
    filled = [each for each in filled if each.column.field.type != "id"]
    _not_writable(filled, problems, creates, batch)
    _missing(batch, filled, problems, creates)
    for each in filled:
        table.place(each.column.field.name)
    made = iter(_create(batch, filled, problems, creates, table))
    _update(batch, filled, problems, found, table)
    if problems:
        records = [None if n in problems else each or next(made) for n, each in enumerate(found)]
    else:
        records = [each or next(made) for each in found]
    outcomes = Outcomes(
        ["" if each is None else each.id for each in records],
        [create and number not in problems for number, create in enumerate(creates)] if problems else creates,
        {number: problem.text() for number, problem in problems.items()},
    )
    _tell(batch, filled, outcomes)
    return outcomes


def _found(batch: Batch, filled: Sequence[Filled], problems: Problems, table: Table) -> list[Record | None]:
    """Return the records that the rows' keys find; what is wrong with a key is put among the problems."""
    if batch.operation == "update":
        return _by_id(batch, filled, problems, table)
    if batch.operation == "insert" or batch.key is None:
        return [None] * batch.size
    key = batch.key
    values = next(each.values for each in filled if each.column.field.name == key.name)
    index = table.index(key.name)
    keys = lowered(values)
    converted = table.columns.get("IsConverted") if batch.kind.name == "Lead" else None
    if None not in keys and converted is None:
        owners = list(map(index.get, keys))  # type: ignore[arg-type]
        if not any(owners):
            return [None] * batch.size
        if key.folds and not any(isinstance(each, list) for each in owners):
            return owners  # type: ignore[return-value]
    found: list[Record | None] = []
    for number, value in enumerate(values):
        have = index.get(each) if (each := keys[number]) is not None else None
        record: Record | None = None
        if value is None:
            problems.setdefault(number, Problem("MISSING_ARGUMENT", f"{key.name} not specified", (key.name,)))
        elif have is not None:
            several = have if isinstance(have, list) else [have]
            if not key.folds:
                several = [each for each in several if table.get(each, key.name) == value]
            if len(several) > 1:
                ids = ", ".join(each.id for each in several)
                message = f"{key.name}: more than one record found for external id field: [{ids}]"
                problems.setdefault(number, Problem("DUPLICATE_EXTERNAL_ID", message))
            record = several[0] if several else None
            if record and converted is not None and table.get(record, "IsConverted") is True:
                problems.setdefault(number, Problem("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead"))
        found.append(record)
    return found


def _by_id(batch: Batch, filled: Sequence[Filled], problems: Problems, table: Table) -> list[Record | None]:
    """Return the records of an update; a row that names none has a problem."""
    ids = next(each.values for each in filled if each.column.field.type == "id")
    converted = table.columns.get("IsConverted") if batch.kind.name == "Lead" else None
    found: list[Record | None] = []
    for number, value in enumerate(ids):
        record = None if number in problems else located(batch.org, batch.kind, None if value is None else str(value))
        if isinstance(record, Problem):
            problems[number] = record
            record = None
        elif record and converted is not None and table.get(record, "IsConverted") is True:
            problems[number] = Problem("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")
        found.append(record)
    return found


def _not_writable(filled: Sequence[Filled], problems: Problems, creates: list[bool], batch: Batch) -> None:
    closed: list[dict[str, Filled]] = [{}, {}]
    for each in filled:
        field = each.column.field
        if batch.key is not None and field.name == batch.key.name:
            if not field.createable:
                closed[1][field.name] = each
            continue
        if not field.createable:
            closed[1][field.name] = each
        if not field.updateable:
            closed[0][field.name] = each
    if not any(closed):
        return
    for number, create in enumerate(creates):
        bad = [name for name, each in closed[create].items() if number not in each.empty]
        if bad:
            problems.setdefault(number, errors.not_writable(bad))


def _missing(batch: Batch, filled: Sequence[Filled], problems: Problems, creates: list[bool]) -> None:
    """Find rows without a required value: all of those at creation, those that would clear one at an update."""
    columns = {each.column.field.name: each for each in filled}
    wanting: dict[int, list[str]] = {}
    for field in batch.kind.fields.values():
        each = columns.get(field.name)
        if each is None:
            if field.required:
                for number in compress(range(batch.size), creates):
                    wanting.setdefault(number, []).append(field.name)
        elif not field.nillable and None in each.values:
            for number, value in enumerate(each.values):
                if value is None and (field.required if creates[number] else number not in each.empty):
                    wanting.setdefault(number, []).append(field.name)
    for number, names in wanting.items():
        problems.setdefault(number, errors.required(names))


def _create(
    batch: Batch, filled: Sequence[Filled], problems: Problems, creates: list[bool], table: Table
) -> list[Record]:
    chosen = [create and number not in problems for number, create in enumerate(creates)] if problems else creates
    count = sum(chosen)
    if not count:
        return []
    width = len(table.columns)
    columns: list[Sequence[Value]] = [(None,) * batch.size] * width
    for each in filled:
        columns[table.columns[each.column.field.name]] = each.values
    now = batch.now
    tuples = compress(zip(*columns, strict=True), chosen)
    made = list(map(Record, islice(table.ids, count), tuples, repeat(now), repeat(now)))
    table.add(made)
    return made


def _update(
    batch: Batch, filled: Sequence[Filled], problems: Problems, found: list[Record | None], table: Table
) -> None:
    rows = [number for number, record in enumerate(found) if record is not None and number not in problems]
    if not rows:
        return
    others = [each for each in filled if batch.key is None or each.column.field.name != batch.key.name]
    names = set(table.indexed())
    plain = [each for each in others if each.column.field.name not in names]
    indexed = [each for each in others if each.column.field.name in names]
    places = [table.columns[each.column.field.name] for each in plain]
    width, now = len(table.columns), batch.now
    gaps = any(each.empty for each in plain)
    columns = [each.values for each in plain]
    for number in rows:
        record = found[number]
        if record is None:
            continue
        values = list(record.values)
        if len(values) < width:
            values += [None] * (width - len(values))
        if gaps:
            for place, each in zip(places, plain, strict=True):
                if number not in each.empty:
                    values[place] = each.values[number]
        else:
            for place, column in zip(places, columns, strict=True):
                values[place] = column[number]
        record.values = tuple(values)
        record.modified = now
        if indexed:
            changes = {each.column.field.name: each.values[number] for each in indexed if number not in each.empty}
            table.update(record, changes, now)


def _tell(batch: Batch, filled: Sequence[Filled], outcomes: Outcomes) -> None:
    """Put every applied write into the history."""
    history = batch.org.history
    keys: Sequence[Value] = [None] * batch.size
    if batch.key is not None:
        keys = next(each.values for each in filled if each.column.field.name == batch.key.name)
    good = [number for number in range(batch.size) if number not in outcomes.errors]
    first = len(history) + 1
    if history.full:
        writes = [_written(batch, filled, outcomes, number) for number in good]
        for n, write in enumerate(writes, first):
            write.n = n
    else:
        ids = outcomes.ids
        writes = [
            Write(n, ids[number], None if (key := keys[number]) is None else str(key))
            for n, number in enumerate(good, first)
        ]
    history.extend(writes)


def _written(batch: Batch, filled: Sequence[Filled], outcomes: Outcomes, number: int) -> Write:
    values = {each.column.field.name: each.values[number] for each in filled if number not in each.empty}
    action = "create" if outcomes.created[number] else "update"
    about = (batch.org, batch.now, batch.request)
    return written(about, batch.kind, outcomes.ids[number], action, batch.key, values)

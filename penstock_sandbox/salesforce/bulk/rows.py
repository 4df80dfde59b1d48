"""A batch row by row, through the rules of Collections: wherever something unusual is to be looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock_sandbox.provenance import assumed, documented
from penstock_sandbox.salesforce import decode, errors, rules
from penstock_sandbox.salesforce.bulk.job import Outcomes
from penstock_sandbox.salesforce.rules import Doing, Result, Row

if TYPE_CHECKING:
    from collections.abc import Sequence

    from penstock_sandbox.salesforce.bulk.batch import Batch
    from penstock_sandbox.salesforce.bulk.columns import Filled
    from penstock_sandbox.salesforce.errors import Problem
    from penstock_sandbox.salesforce.table import Value

CHUNK = 200


@documented("Rows run in chunks of 200, each a transaction of its own for triggers", "Bulk API 2.0 Guide: limits")
def write(batch: Batch, filled: Sequence[Filled], problems: dict[int, Problem]) -> Outcomes:
    """Write a batch; the outcomes are in its order."""
    results: list[Result] = []
    fights = _fights(batch, filled)
    for start in range(0, batch.size, CHUNK):
        numbers = range(start, min(batch.size, start + CHUNK))
        rows = [_row(filled, problems, number) for number in numbers]
        for number, row in zip(numbers, rows, strict=True):
            if number in fights and row.problem is None:
                row.problem = errors.LOCKED
        doing = Doing(batch.org, batch.now, batch.request, assign=batch.assign)
        results += rules.apply(doing, batch.kind, batch.operation, rows, batch.key)
        doing.commit()
    return told(batch.operation, results)


def told(operation: str, results: list[Result]) -> Outcomes:
    """Return what the results of rows are."""
    creates = operation in {"insert", "upsert"}
    return Outcomes(
        ["" if result.problem else result.id or "" for result in results],
        [creates and result.problem is None and result.created is not False for result in results],
        {number: result.problem.text() for number, result in enumerate(results) if result.problem},
    )


def _row(filled: Sequence[Filled], problems: dict[int, Problem], number: int) -> Row:
    values: dict[str, Value] = {}
    row = Row(values)
    row.problem = problems.get(number)
    for each in filled:
        if number in each.empty:
            continue
        if each.column.field.type == "id":
            row.record_id = decode.identify(each.values[number])
        else:
            values[each.column.field.name] = each.values[number]
    return row


@documented("Rows of one parent in different chunks fight for its lock", "Bulk API Developer Guide: general guidelines")
@assumed("All but the first chunk lose, for a share of their rows", "`lock_fights`; Salesforce retries for a while")
def _fights(batch: Batch, filled: Sequence[Filled]) -> set[int]:
    """Return the rows that lose a fight for their parent's lock."""
    share = batch.org.settings.salesforce.lock_fights
    if not share or batch.serial:
        return set()
    lost: set[int] = set()
    for each in filled:
        if each.column.field.type != "reference":
            continue
        first: dict[Value, int] = {}
        for number, parent in enumerate(each.values):
            if parent is None or first.setdefault(parent, number // CHUNK) == number // CHUNK:
                continue
            if batch.org.chance.random() < share:
                lost.add(number)
    return lost

"""One internal batch of rows: read by column, looked through for keys that are there twice, and written."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from penstock_sandbox.provenance import assumed, documented
from penstock_sandbox.salesforce import errors
from penstock_sandbox.salesforce.bulk import quick, rows
from penstock_sandbox.salesforce.bulk.columns import Filled, fill
from penstock_sandbox.salesforce.bulk.files import Column, FileError
from penstock_sandbox.salesforce.table import lowered

if TYPE_CHECKING:
    from collections.abc import Sequence

    from penstock_sandbox.salesforce.bulk.job import Operation, Outcomes
    from penstock_sandbox.salesforce.errors import Problem
    from penstock_sandbox.salesforce.fields import Field
    from penstock_sandbox.salesforce.org import Org
    from penstock_sandbox.salesforce.schema import SObject


class Batch(NamedTuple):
    """The circumstances of one batch. `seen` are keys of the job's earlier batches, where those count."""

    org: Org
    kind: SObject
    operation: Operation
    key: Field | None
    size: int
    now: float
    request: int
    assign: bool
    serial: bool
    seen: set[object] | None


def write(batch: Batch, columns: list[Column], cells: list[list[str]]) -> tuple[Outcomes, list[Filled]]:
    """Write a batch; returns the outcomes and the columns, both in its order. Raises FileError for a ragged row."""
    width = len(columns)
    if set(map(len, cells)) != {width}:
        ragged = next(row for row in cells if len(row) != width)
        raise FileError(f"InvalidBatch : a row has {len(ragged)} fields, the header {width}")
    filled = [
        fill(batch.org, batch.kind, column, values, place)
        for place, (column, values) in enumerate(zip(columns, zip(*cells, strict=True), strict=True))
    ]
    problems: dict[int, Problem] = {}
    for each in reversed(filled):
        problems.update(each.problems)
    if batch.key is not None and batch.key.name != "Id":
        problems = _twice(batch, filled, batch.key) | problems
    if quick.possible(batch, filled):
        return quick.write(batch, filled, problems), filled
    return rows.write(batch, filled, problems), filled


@documented("One key twice: DUPLICATE_VALUE, Duplicate external id specified, for both", "SOAP API Guide: StatusCode")
@assumed("This holds within an internal batch; across batches by the setting", "not documented: `duplicates_in_job`")
def _twice(batch: Batch, filled: Sequence[Filled], key: Field) -> dict[int, Problem]:
    """Return the rows whose key is there twice."""
    values = next(each.values for each in filled if each.column.field.name == key.name)
    folded = lowered(values) if key.folds else values
    found: dict[int, Problem] = {}
    if len(set(folded)) != len(folded):
        counts = Counter(folded)
        for number, value in enumerate(folded):
            if value is not None and counts[value] > 1:
                found[number] = errors.duplicate_in_request(key.name, str(values[number]))
    if batch.seen is not None:
        for number, value in enumerate(folded):
            if value in batch.seen:
                found[number] = errors.duplicate_in_request(key.name, str(values[number]))
        batch.seen.update(value for value in folded if value is not None)
    return found

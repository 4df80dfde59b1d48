"""What is left of a query's result, page after page."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from penstock_sandbox.salesforce.soql.run import Running
    from penstock_sandbox.salesforce.table import Record


class Cursor(NamedTuple):
    """A result that did not fit into one page."""

    id: str
    running: Running
    records: list[Record]
    size: int
    made: float

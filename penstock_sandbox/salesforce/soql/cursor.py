"""What is left of a query's result, page after page."""

import msgspec


class Cursor(msgspec.Struct):
    """A result that did not fit into one page."""

    id: str
    rows: list[dict[str, object]]
    size: int
    made: float

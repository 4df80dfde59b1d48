"""A vendor request and its answer, free of any web framework."""

from typing import NamedTuple
from urllib.parse import unquote


class Call(NamedTuple):
    """A request with its vendor prefix removed. `path` is still percent-encoded, so that a key may hold `/`."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    number: int
    now: float

    def segments(self) -> list[str]:
        """Return the decoded path segments; a trailing slash counts as absent."""
        return [unquote(part) for part in self.path.strip("/").split("/")]


class Answer(NamedTuple):
    """What goes back. `route` names the endpoint for the counters; `over_quota` marks a spent limit."""

    status: int
    body: bytes
    headers: dict[str, str]
    route: str
    over_quota: bool = False

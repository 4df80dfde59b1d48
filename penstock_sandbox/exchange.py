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
    raw_query: str = ""
    origin: str = ""
    """Scheme, host and vendor prefix under which the request came in."""
    waiting: int = 1
    """Requests to this vendor that are being answered at this moment, with this one."""

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
    chunked: bool = False
    """Sent without `Content-Length`."""
    gzipped: bool = False
    """Sent compressed."""

"""What an endpoint is given and what it gives back; the table of endpoints is in `routes`."""

from collections.abc import Callable
from typing import NamedTuple, TypeVar

import msgspec

from penstock_sandbox.exchange import Call
from penstock_sandbox.hubspot import errors
from penstock_sandbox.hubspot.access import Token
from penstock_sandbox.hubspot.errors import RowError
from penstock_sandbox.hubspot.limits import Budget
from penstock_sandbox.hubspot.paths import Family
from penstock_sandbox.hubspot.portal import Portal, Shelf, Visit

Body = TypeVar("Body")


class Ask(NamedTuple):
    """One request, with the parts of its path that a route names."""

    portal: Portal
    call: Call
    family: Family
    names: dict[str, str]
    token: Token

    def shelf(self, name: str = "type") -> Shelf:
        """Return the object type that stands in the path under a name."""
        return self.portal.shelf(self.names[name])

    def visit(self, name: str = "type") -> Visit:
        """Return what the request sees of that object type."""
        return Visit(self.portal, self.shelf(name), self.call.now, self.call.number, self.family)

    def number(self, name: str, default: int, most: int) -> int:
        """Return a number of the query. Refuses text and what is beyond the bounds."""
        given = self.call.query.get(name, str(default))
        if not given.isdecimal() or not 1 <= int(given) <= most:
            raise errors.invalid_request(f"{name} must be between 1 and {most}")
        return int(given)

    def after(self) -> int:
        """Return the cursor of a listing that is cut by position."""
        given = self.call.query.get("after", "") or "0"
        if not given.isdecimal():
            raise errors.invalid_request("after is not a cursor of this listing")
        return int(given)

    def archived(self) -> bool:
        """Tell whether archived things are asked for; HubSpot's Python client writes `True`."""
        return self.call.query.get("archived", "").lower() == "true"

    def listed(self, name: str) -> list[str]:
        """Return a query value that names several things, separated by commas."""
        return [each for each in self.call.query.get(name, "").split(",") if each]


class Reply(NamedTuple):
    """An endpoint's success."""

    status: int
    body: object = None


class Route(NamedTuple):
    """One endpoint: its path after the area's, the scopes it wants (`{type}` is filled in), what it does."""

    method: str
    path: str
    scopes: tuple[str, ...]
    run: Callable[[Ask], Reply]
    budget: Budget = "app"


def decode(body: bytes, kind: type[Body]) -> Body:
    """Parse a body, or refuse it as HubSpot does."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise errors.bad_json(str(error)) from error


def batch_reply(ask: Ask, visit: Visit, results: list[Body], failed: list[RowError], success: int = 200) -> Reply:
    """Format the answer to a batch, shuffled."""
    ask.portal.chance.shuffle(results)
    body: dict[str, object] = {"status": "COMPLETE", "results": results}
    if failed:
        body["numErrors"] = len(failed)
        share, chance = visit.settings.hubspot.bare_errors, ask.portal.chance
        body["errors"] = [errors.bare(error.body(), share, chance) for error in failed]
        success = visit.settings.hubspot.partial_status_2026_09 if ask.family == "2026-09" else 207
    return Reply(success, body | {"startedAt": visit.now, "completedAt": visit.now})


def cut(ask: Ask, items: list[Body], limit: int) -> tuple[list[Body], dict[str, object]]:
    """Return one page of a list that is cut by position, and `paging` where more follow."""
    start = ask.after()
    shown = items[start : start + limit]
    if start + limit >= len(items):
        return shown, {}
    cursor = str(start + limit)
    link = f"https://api.hubapi.com/{ask.call.path.strip('/')}?limit={limit}&after={cursor}"
    return shown, {"paging": {"next": {"after": cursor, "link": link}}}

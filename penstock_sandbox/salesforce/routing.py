"""What an endpoint is given and what it gives back; the table of endpoints is in `routes`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from penstock_sandbox.salesforce import errors
from penstock_sandbox.salesforce.rules import Doing

if TYPE_CHECKING:
    from penstock_sandbox.exchange import Call
    from penstock_sandbox.salesforce.access import Session
    from penstock_sandbox.salesforce.org import Org
    from penstock_sandbox.salesforce.schema import SObject


class Reply(NamedTuple):
    """An endpoint's success. `body` is JSON, or bytes that are sent as they are."""

    status: int
    body: object = None
    headers: Mapping[str, str] = MappingProxyType({})


class Ask(NamedTuple):
    """One request, with the parts of its path that a route names. `run` answers a request within the request."""

    org: Org
    call: Call
    version: str
    names: dict[str, str]
    session: Session
    run: Callable[[Org, Call, Session], Reply]

    def kind(self) -> SObject:
        """Return the object that the path names."""
        return self.org.catalogue.named(self.names["type"])

    def number(self) -> float:
        """Return the API version as a number."""
        return float(self.version)

    def root(self) -> str:
        """Return the path of the version's resources."""
        return f"/services/data/v{self.version}"

    def doing(self) -> Doing:
        """Return the circumstances of a write, with what the request's headers say of rules."""
        headers = self.call.headers
        rule = headers.get("sforce-duplicate-rule-header", "").replace(" ", "").lower()
        assign = headers.get("sforce-auto-assign", "true").lower() != "false"
        return Doing(self.org, self.call.now, self.call.number, "allowsave=true" in rule, assign)

    def one_of(self, name: str, values: set[str]) -> str:
        """Return a query value that must be one of several."""
        found = self.call.query.get(name, "")
        if found not in values:
            raise errors.invalid_field(f"{name} must be one of {', '.join(sorted(values))}")
        return found


class Route(NamedTuple):
    """One endpoint: its path after the version's and what it does."""

    method: str
    path: str
    run: Callable[[Ask], Reply]

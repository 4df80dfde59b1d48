"""A handle on a running sandbox: its addresses, and its control plane as methods."""

import ssl
from collections.abc import Iterable
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import msgspec

from penstock_sandbox.faults import CONTROL_PREFIX
from penstock_sandbox.hubspot.access import DEFAULT_BEARER, REFRESH
from penstock_sandbox.hubspot.memory import Occurrence
from penstock_sandbox.intercom.handle import IntercomHandle
from penstock_sandbox.salesforce.handle import SalesforceHandle
from penstock_sandbox.store import Record, Write

Content = TypeVar("Content")


class SandboxError(Exception):
    """The control plane refused a call; the text says why."""


class _Writes(msgspec.Struct):
    writes: list[Write]
    last: int


class _Objects(msgspec.Struct):
    objects: list[Record]


class _Seeded(msgspec.Struct):
    ids: list[str]


class _Pair(msgspec.Struct, rename={"source": "from"}):
    source: str
    to: str
    types: list[int]


class _Pairs(msgspec.Struct):
    associations: list[_Pair]


class _List(msgspec.Struct):
    id: str
    name: str
    members: list[str]


class _Lists(msgspec.Struct):
    lists: list[_List]


class _Events(msgspec.Struct):
    events: list[Occurrence]


class _Imports(msgspec.Struct):
    imports: list[dict[str, object]]


class Moment(msgspec.Struct):
    """The sandbox's time, seconds since the epoch."""

    now: float


class Stats(msgspec.Struct):
    """The counters; `routes` by endpoint, `statuses` by status code as text."""

    requests: int
    routes: dict[str, int]
    statuses: dict[str, int]
    applied_writes: int
    over_quota: int
    answers_429: int
    faults_struck: int


class Sandbox:
    """A running sandbox at `url`; also usable on one that another process serves. Over TLS it needs `authority`."""

    def __init__(self, url: str, authority: Path | None = None) -> None:
        self.url = url.rstrip("/")
        self._trust = None if authority is None else ssl.create_default_context(cafile=authority)
        self.hubspot_url = self.url + "/hubspot"
        self.salesforce = SalesforceHandle(self.url + "/salesforce", self._call)
        self.intercom = IntercomHandle(self.url + "/intercom", self._call)
        self.token = DEFAULT_BEARER
        self.refresh_token = REFRESH
        """goes with the client id `sandbox-client` and the client secret `sandbox-secret`"""

    def reset(self) -> None:
        """Forget everything, back to the settings it was started with."""
        self._call("POST", "/reset", None, dict)

    def seed(
        self,
        objects: Iterable[dict[str, str]] = (),
        properties: Iterable[dict[str, object]] = (),
        object_type: str = "contacts",
        **more: object,
    ) -> list[str]:
        """Put objects and property definitions in place and return the objects' ids. Leaves no history.

        `more` are further fields of `hubspot.plane.Seed`: `pipelines`, `links`, `owners`, `events`.
        """
        body = {"type": object_type, "objects": list(objects), "properties": list(properties), **more}
        return self._call("POST", "/seed", body, _Seeded).ids

    def history(self, after: int = 0, limit: int | None = None) -> list[Write]:
        """Return the applied writes numbered above `after`, oldest first."""
        query = f"?after={after}" + ("" if limit is None else f"&limit={limit}")
        return self._call("GET", "/history" + query, None, _Writes).writes

    def objects(self, object_type: str = "contacts", archived: bool = False) -> list[Record]:
        """Return what is stored, in order of id."""
        query = "?archived=true" if archived else ""
        return self._call("GET", f"/objects/{object_type}{query}", None, _Objects).objects

    def stats(self) -> Stats:
        """Return the counters."""
        return self._call("GET", "/stats", None, Stats)

    def configure(self, **settings: object) -> None:
        """Change settings, e.g. `configure(latency_ms=5, hubspot={"per_ten_seconds": 10})`."""
        self._call("POST", "/configure", settings, dict)

    def fault(self, place: str, kind: str, **schedule: object) -> None:
        """Schedule a fault, e.g. `fault("after_apply", "reset", on=[2])`; `faults.Fault` lists the fields."""
        self._call("POST", "/faults", {"place": place, "kind": kind, **schedule}, dict)

    def clear_faults(self) -> None:
        """End all schedules."""
        self._call("DELETE", "/faults", None, dict)

    def advance(self, seconds: float) -> float:
        """Move the clock forward and return its time."""
        return self._call("POST", "/clock", {"advance": seconds}, Moment).now

    def hold_clock(self, hold: bool = True) -> float:
        """Stop the clock, or let it go on; returns its time."""
        return self._call("POST", "/clock", {"hold": hold}, Moment).now

    def grant(
        self, token: str, scopes: list[str] | None = None, expires_in: float | None = None, kind: str = "private"
    ) -> str:
        """Accept a further token, which must start with `sandbox-`, and return it."""
        body = {"token": token, "scopes": scopes, "expires_in": expires_in, "kind": kind}
        self._call("POST", "/tokens", body, dict)
        return token

    def app(self, refresh_token: str, **fields: object) -> None:
        """Accept a refresh token, with `revoked=True` no longer; `hubspot.plane.AppGrant` lists the fields."""
        self._call("POST", "/apps", {"refresh_token": refresh_token, **fields}, dict)

    def alter(self, object_type: str, name: str, archive: bool = False, options: list[str] | None = None) -> None:
        """Archive a property, or give it other options, past all rules."""
        body = {"type": object_type, "property": name, "archive": archive, "options": options}
        self._call("POST", "/alter", body, dict)

    def associations(self, one: str, other: str) -> dict[tuple[str, str], list[int]]:
        """Return the type ids of every associated pair of ids."""
        found = self._call("GET", f"/associations/{one}/{other}", None, _Pairs).associations
        return {(each.source, each.to): each.types for each in found}

    def lists(self) -> dict[str, list[str]]:
        """Return the members of every list by the list's name."""
        return {each.name: each.members for each in self._call("GET", "/lists", None, _Lists).lists}

    def events(self) -> list[Occurrence]:
        """Return every event that was sent, in order; `lost` says why one was dropped."""
        return self._call("GET", "/events", None, _Events).events

    def imports(self) -> list[dict[str, object]]:
        """Return every import as HubSpot shows it."""
        return self._call("GET", "/imports", None, _Imports).imports

    def merge(self, survivor: str, other: str, object_type: str = "contacts") -> None:
        """Merge one object away into another."""
        self._call("POST", "/merge", {"survivor": survivor, "other": other, "type": object_type}, dict)

    def _call(self, method: str, path: str, body: object, kind: type[Content]) -> Content:
        address = urlsplit(self.url)
        host = address.hostname or "127.0.0.1"
        connection = HTTPConnection(host, address.port, timeout=60)
        if self._trust is not None:
            connection = HTTPSConnection(host, address.port, timeout=60, context=self._trust)
        try:
            content = None if body is None else msgspec.json.encode(body)
            connection.request(method, CONTROL_PREFIX + path, content)
            answer = connection.getresponse()
            received = answer.read()
        finally:
            connection.close()
        if answer.status != 200:
            raise SandboxError(f"{method} {path}: {answer.status} {received.decode(errors='replace')}")
        return msgspec.json.decode(received, type=kind)

"""The simulated Intercom of a running sandbox: its address, and its side of the control plane as methods."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from penstock_sandbox.intercom.access import DEFAULT_TOKEN
from penstock_sandbox.intercom.memory import Event
from penstock_sandbox.store import Record

if TYPE_CHECKING:
    Caller = Callable[[str, str, object, type[Any]], Any]


class _Objects(msgspec.Struct):
    objects: list[Record]


class _Events(msgspec.Struct):
    events: list[Event]


class Seeded(msgspec.Struct):
    """The ids of what was put in place."""

    ids: list[str]
    companies: list[str]


class IntercomHandle:
    """Intercom at `url`; the hosts of other regions are `url + "-eu"` and `url + "-au"`."""

    def __init__(self, url: str, call: Caller) -> None:
        self.url = url
        self._call = call
        self.token = DEFAULT_TOKEN

    def seed(self, contacts: Iterable[Mapping[str, object]] = (), **more: object) -> Seeded:
        """Put contacts and other things in place, without history; `plane.Seed` lists what `more` may be."""
        found: Seeded = self._call("POST", "/intercom/seed", {"contacts": list(contacts), **more}, Seeded)
        return found

    def attributes(self, model: str, **types: str) -> None:
        """Define custom attributes by name and type: `attributes("contact", plan="string")`."""
        self.seed(attributes=[{"name": name, "model": model, "data_type": kind} for name, kind in types.items()])

    def objects(self, kind: str = "contacts", archived: bool = False) -> list[Record]:
        """Return what is stored, in the order in which it was made.

        Kinds are contacts, companies, tags, notes and custom object types by name. Custom attributes are
        `custom_attributes.NAME`; a contact's `companies` are company_ids, its `tags` names, joined by `;`.
        """
        query = "?archived=true" if archived else ""
        found: _Objects = self._call("GET", f"/intercom/objects/{kind}{query}", None, _Objects)
        return found.objects

    def events(self) -> list[Event]:
        """Return every event that was sent, in order; `dropped` says why one was not kept."""
        found: _Events = self._call("GET", "/intercom/events", None, _Events)
        return found.events

    def alter(self, attribute: str, **change: object) -> None:
        """Archive a custom attribute (`archive=True`), or give it other `options`."""
        self._call("POST", "/intercom/alter", {"attribute": attribute, **change}, dict)

    def grant(self, token: str, app: str | None = None, scopes: Iterable[str] | None = None) -> str:
        """Accept a further token, which must start with `sandbox-`, and return it; each app has a rate window.

        `scopes` are the app's permissions, by their names in the Developer Hub; without them it has all.
        """
        given = {"app": app, "scopes": None if scopes is None else list(scopes)}
        body = {name: value for name, value in given.items() if value is not None}
        self._call("POST", "/intercom/tokens", {"token": token, **body}, dict)
        return token

    def revoke(self) -> None:
        """Take every token back."""
        self._call("DELETE", "/intercom/tokens", None, dict)

    def merge(self, survivor: str, other: str) -> None:
        """Merge one contact away into another."""
        self._call("POST", "/intercom/merge", {"survivor": survivor, "other": other}, dict)

    def traffic(self, calls: int) -> None:
        """Let other apps of the workspace make calls in the present window."""
        self._call("POST", "/intercom/traffic", {"calls": calls}, dict)

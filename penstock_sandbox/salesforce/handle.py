"""The simulated Salesforce of a running sandbox: its address, and its side of the control plane as methods."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from penstock_sandbox.salesforce import access
from penstock_sandbox.store import Record

if TYPE_CHECKING:
    Caller = Callable[[str, str, object, type[Any]], Any]


class _Objects(msgspec.Struct):
    objects: list[Record]


class _Seeded(msgspec.Struct):
    ids: list[str]


class _Events(msgspec.Struct):
    events: list[dict[str, object]]


class _Jobs(msgspec.Struct):
    jobs: list[dict[str, object]]


class SalesforceHandle:
    """Salesforce at `url`, which is an instance URL and a login URL in one."""

    def __init__(self, url: str, call: Caller) -> None:
        self.url = url
        self._call = call
        self.session = access.DEFAULT_SESSION
        self.refresh_token = access.REFRESH
        self.client_id, self.client_secret = access.CLIENT_ID, access.CLIENT_SECRET
        self.username = access.USERNAME
        self.password, self.security_token = access.PASSWORD, access.SECURITY_TOKEN

    def seed(self, object_type: str = "", records: Iterable[Mapping[str, object]] = (), **more: object) -> list[str]:
        """Put records in place, unchecked and without history; returns their ids. `more`: `objects`, `record_types`."""
        body = {"type": object_type, "records": list(records), **more}
        found: _Seeded = self._call("POST", "/salesforce/seed", body, _Seeded)
        return found.ids

    def fields(self, object_type: str, *fields: Mapping[str, object]) -> None:
        """Add fields to an object, or make it with them: `fields("Lead", {"name": "Ext__c", "externalId": True})`."""
        self.seed(objects=[{"name": object_type, "fields": list(fields)}])

    def objects(self, object_type: str, deleted: bool = False) -> list[Record]:
        """Return what is stored, in the order in which it was made."""
        query = "?archived=true" if deleted else ""
        found: _Objects = self._call("GET", f"/salesforce/objects/{object_type}{query}", None, _Objects)
        return found.objects

    def alter(self, object_type: str, field: str, **change: object) -> None:
        """Remove, hide or otherwise change a field; `plane.Alteration` lists what can be changed."""
        self._call("POST", "/salesforce/alter", {"object": object_type, "field": field, **change}, dict)

    def grant(self, token: str, **fields: object) -> str:
        """Accept a further session, which must start with `sandbox-`, and return it."""
        self._call("POST", "/salesforce/tokens", {"token": token, **fields}, dict)
        return token

    def end_sessions(self) -> None:
        """End every session."""
        self._call("DELETE", "/salesforce/tokens", None, dict)

    def app(self, **fields: object) -> None:
        """Accept a connected app: `refresh_token`, `public_key` (PEM), `client_id`, `client_secret`, `revoked`."""
        self._call("POST", "/salesforce/apps", fields, dict)

    def rules(self, **rules: object) -> None:
        """Replace `triggers`, `duplicate_rules`, `assignment_rules`; see `automation` for their fields."""
        self._call("POST", "/salesforce/rules", rules, dict)

    def lock(self, record_id: str, seconds: float = 10.0) -> None:
        """Hold a record's lock for a while, on the sandbox clock."""
        self._call("POST", "/salesforce/locks", {"id": record_id, "seconds": seconds}, dict)

    def events(self) -> list[dict[str, object]]:
        """Return the platform events that were published."""
        found: _Events = self._call("GET", "/salesforce/events", None, _Events)
        return found.events

    def jobs(self) -> list[dict[str, object]]:
        """Return the Bulk 2.0 jobs as a poll shows them."""
        found: _Jobs = self._call("GET", "/salesforce/jobs", None, _Jobs)
        return found.jobs

    def change_job(self, job_id: str, **change: object) -> None:
        """Abort a job as another user (`state="Aborted"`), or give it another `fate`."""
        self._call("POST", f"/salesforce/jobs/{job_id}", change, dict)

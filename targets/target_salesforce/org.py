"""What an org says of itself: its id, objects, users, quotas. Each is asked for once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from penstock.errors import Fault, Misconfigured
from penstock.records import Ask, Request
from penstock.syncs import nearest
from target_salesforce import soql
from target_salesforce.fields import Field, long_id
from target_salesforce.refusals import NO_SALESFORCE, read_answer

Body = Mapping[str, object]
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,79}").fullmatch
_PAGES = 100
"""pages of users that are read, of 2,000 each"""


@dataclass(frozen=True)
class Thing:
    """One object, as its describe has it."""

    name: str
    prefix: str
    fields: Mapping[str, Field]
    createable: bool
    updateable: bool
    deletable: bool
    queryable: bool

    @property
    def is_event(self) -> bool:
        """Tell whether it is a platform event."""
        return self.name.endswith("__e")


class Org:
    """One org. `ask` travels with each question, because it belongs to the run."""

    def __init__(self, version: str, headers: Mapping[str, str]) -> None:
        self.path = f"/services/data/v{version}"
        self.headers = headers
        self.bulk_left: int | None = None
        """batches of bulk jobs that are left today"""
        self._things: dict[str, Thing] = {}
        self._names: list[str] | None = None
        self._people: dict[str, Mapping[str, str]] = {}

    def identify(self, ask: Ask) -> str:
        """Return the id of the org, and learn what is left of its quotas."""
        records = list(self.query(ask, "SELECT Id FROM Organization", "reading the organization"))
        found = records[0].get("Id") if records else None
        if not isinstance(found, str) or not found.startswith("00D"):
            raise Fault(*NO_SALESFORCE)
        limits = read_answer(ask(self._get("/limits")), "reading the limits")
        batches = limits.get("DailyBulkApiBatches")
        left = batches.get("Remaining") if isinstance(batches, dict) else None
        self.bulk_left = left if isinstance(left, int) else None
        return long_id(found)

    def thing(self, name: str, ask: Ask, at: str) -> Thing:
        """Describe an object. Raises Misconfigured with the nearest name where there is none."""
        if name not in self._things:
            if not _NAME(name) or name not in self._all_names(ask):
                near = nearest(name, self._all_names(ask))
                raise Misconfigured(f"{at}: Salesforce has no object {name!r} that the user may see{near}")
            body = read_answer(ask(self._get(f"/sobjects/{name}/describe")), f"describing {name}")
            self._things[name] = _thing(name, body)
        return self._things[name]

    def with_people(self, found: Field, ask: Ask) -> Field:
        """Return a field that refers to users or queues with their addresses and names."""
        named: dict[str, str] = {}
        if "User" in found.refers_to:
            named |= self._read("User", "SELECT Id, Username, Email FROM User WHERE IsActive = true", ask)
        if "Group" in found.refers_to:
            named |= self._read("Group", "SELECT Id, DeveloperName FROM Group WHERE Type = 'Queue'", ask)
        return replace(found, named=named)

    def query(self, ask: Ask, query: str, doing: str) -> Iterator[Body]:
        """Return the records that a query finds, page by page."""
        path = f"{self.path}/query?q={soql.in_url(query)}"
        for _ in range(_PAGES):
            body = read_answer(ask(Request("GET", path, headers=self.headers)), doing)
            records = body.get("records")
            if not isinstance(records, list):
                raise Fault(*NO_SALESFORCE)
            yield from (each for each in records if isinstance(each, dict))
            following = str(body.get("nextRecordsUrl") or "").rpartition("/")[2]
            if body.get("done", True) or not re.fullmatch(r"[A-Za-z0-9-]{1,60}", following):
                return
            path = f"{self.path}/query/{following}"

    def _all_names(self, ask: Ask) -> list[str]:
        if self._names is None:
            found = read_answer(ask(self._get("/sobjects")), "reading the list of objects").get("sobjects")
            entries = found if isinstance(found, list) else []
            self._names = [str(each.get("name")) for each in entries if isinstance(each, dict)]
        return self._names

    def _read(self, what: str, query: str, ask: Ask) -> Mapping[str, str]:
        """Return ids by everything else that a query shows; nothing where several share it."""
        if what not in self._people:
            named: dict[str, str] = {}
            for record in self.query(ask, query, f"reading the {what.lower()}s"):
                found = long_id(str(record.get("Id")))
                names = {str(v).casefold() for k, v in record.items() if k not in ("Id", "attributes") and v}
                for name in names:
                    named[name] = found if named.get(name, found) == found else ""
            self._people[what] = named
        return self._people[what]

    def _get(self, path: str) -> Request:
        return Request("GET", f"{self.path}{path}", headers=self.headers)


def _thing(name: str, body: Body) -> Thing:
    entries = body.get("fields")
    if not isinstance(entries, list) or not entries:
        raise Fault(*NO_SALESFORCE)
    fields = {(each := Field.of(entry)).name: each for entry in entries if isinstance(entry, dict)}
    types = body.get("recordTypeInfos")
    if "RecordTypeId" in fields and isinstance(types, list):
        named: dict[str, str] = {}
        for entry in types:
            if isinstance(entry, dict) and entry.get("available", True) and not entry.get("master"):
                found = long_id(str(entry.get("recordTypeId")))
                named |= {str(entry[key]): found for key in ("name", "developerName") if entry.get(key)}
        fields["RecordTypeId"] = replace(fields["RecordTypeId"], named=named)
    return Thing(
        name=name,
        prefix=str(body.get("keyPrefix") or ""),
        fields=fields,
        **{flag: bool(body.get(flag)) for flag in ("createable", "updateable", "deletable", "queryable")},
    )

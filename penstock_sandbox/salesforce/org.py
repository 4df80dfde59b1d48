"""One simulated Salesforce org: its objects and records, sessions, limits, jobs and automation."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from penstock_sandbox.clock import iso
from penstock_sandbox.salesforce import access
from penstock_sandbox.salesforce.access import App, Session
from penstock_sandbox.salesforce.automation import Automation
from penstock_sandbox.salesforce.fields import Field
from penstock_sandbox.salesforce.ids import BATCH, JOB, QUERY, canonical, sequence, suffixed
from penstock_sandbox.salesforce.limits import Limits
from penstock_sandbox.salesforce.schema import Catalogue, SObject
from penstock_sandbox.salesforce.table import Record, Table, Value

if TYPE_CHECKING:
    from penstock_sandbox.salesforce.bulk.classic import ClassicJob
    from penstock_sandbox.salesforce.bulk.job import Job
    from penstock_sandbox.salesforce.jwt import PublicKey
    from penstock_sandbox.salesforce.rules import Doing
    from penstock_sandbox.salesforce.soql.cursor import Cursor
    from penstock_sandbox.settings import Settings
    from penstock_sandbox.store import History

ORG_ID = suffixed("00D5e0000000001")
USERS: tuple[dict[str, Value], ...] = (
    {"Username": access.USERNAME, "Email": access.USERNAME, "FirstName": "Kim", "LastName": "Sandbox", "Alias": "kim"},
    {
        "Username": "ana@example.com",
        "Email": "ana@example.com",
        "FirstName": "Ana",
        "LastName": "Sales",
        "Alias": "ana",
    },
    {
        "Username": "gone@example.com",
        "Email": "gone@example.com",
        "LastName": "Gone",
        "Alias": "gone",
        "IsActive": False,
    },
)
RECORD_TYPES = (("Account", "Customer"), ("Account", "Partner"), ("Case", "Support"))


def stamp(seconds: float) -> str:
    """Format a time as Salesforce does: milliseconds and `+0000`."""
    return iso(seconds)[:-1] + "+0000"


class Org:
    """The account. `history` is shared with the sandbox's other vendors."""

    def __init__(self, settings: Settings, history: History, now: float) -> None:
        self.history = history
        self.catalogue = Catalogue()
        self.tables: dict[str, Table] = {}
        self.settings = settings
        self.limits = Limits(settings)
        self.sessions: dict[str, Session] = {}
        self.apps: dict[str, App] = {access.REFRESH: App()}
        self.keys: dict[str, PublicKey] = {}
        self.minted = 0
        self.automation = Automation()
        self.jobs: dict[str, Job] = {}
        self.active: dict[str, None] = {}
        """Jobs that have not ended, in the order in which they were made."""
        self.classic_jobs: dict[str, ClassicJob] = {}
        self.job_ids = sequence(JOB)
        self.batch_ids = sequence(BATCH)
        self.query_ids = sequence(QUERY)
        self.cursors: dict[str, Cursor] = {}
        self.events: list[dict[str, object]] = []
        self.chance = random.Random(settings.seed)  # noqa: S311 - the order of results is no secret
        self.schema_changed = now
        self.transaction: Doing | None = None
        self._begin(now)

    def _begin(self, now: float) -> None:
        for user in USERS:
            self.table("User").insert({"IsActive": True, "TimeZoneSidKey": "America/Los_Angeles", **user}, now)
        self.user = next(iter(self.table("User").records))
        self.sessions[access.DEFAULT_SESSION] = Session(access.DEFAULT_SESSION, self.user)
        self.table("Group").insert({"Name": "Inbound", "DeveloperName": "Inbound", "Type": "Queue"}, now)
        facts: dict[str, Value] = {
            "Name": "Sandbox",
            "InstanceName": "SBX",
            "OrganizationType": "Developer Edition",
            "IsSandbox": True,
        }
        record = Record(ORG_ID, self.table("Organization").row(facts), now, now)
        self.table("Organization").add([record])
        for kind, name in RECORD_TYPES:
            self.add_record_type(kind, name, name, now)

    def configure(self, settings: Settings) -> None:
        """Take new settings; what is stored stays, and so do requests already counted."""
        self.settings = settings
        self.limits.settings = settings

    def table(self, name: str) -> Table:
        """Return the records of an object, by its exact name."""
        found = self.tables.get(name)
        if found is None:
            kind = self.catalogue.named(name)
            found = self.tables[name] = Table(kind.prefix)
        return found

    def record(self, record_id: str) -> Record | None:
        """Return a live record of any object."""
        known = canonical(record_id)
        kind = None if known is None else self.catalogue.by_prefix(known)
        return None if known is None or kind is None else self.table(kind.name).alive(known)

    def add_record_type(self, kind: str, name: str, developer: str, now: float) -> None:
        """Make a record type, and with an object's first one its field."""
        values: dict[str, Value] = {"Name": name, "DeveloperName": developer, "SobjectType": kind, "IsActive": True}
        self.table("RecordType").insert(values, now)
        owner = self.catalogue.named(kind)
        if owner.field("RecordTypeId") is None:
            owner.add(
                Field(
                    name="RecordTypeId",
                    label="Record Type ID",
                    type="reference",
                    reference_to=["RecordType"],
                    relationship_name="RecordType",
                )
            )

    def record_types(self, kind: str) -> list[tuple[str, str, str]]:
        """Return id, name and developer name of an object's record types."""
        table = self.table("RecordType")
        return [
            (record.id, str(table.get(record, "Name")), str(table.get(record, "DeveloperName")))
            for record in table.listing()
            if table.get(record, "SobjectType") == kind
        ]

    def user_id(self, username: str) -> str:
        """Return the id of a user by name, the first user's where there is none."""
        found = self.table("User").find("Username", username)
        return found[0].id if found else self.user

    def username(self, user_id: str) -> str:
        """Return a user's name."""
        record = self.table("User").alive(user_id)
        return "" if record is None else str(self.table("User").get(record, "Username"))

    def user_active(self, username: str) -> bool:
        """Tell whether a user may log in."""
        table = self.table("User")
        return any(table.get(record, "IsActive") is True for record in table.find("Username", username))

    def read(self, kind: SObject, record: Record, field: Field) -> object:
        """Return a field's value as REST and SOQL show it."""
        table = self.tables[kind.name]
        match field.name:
            case "Id":
                return record.id
            case "IsDeleted":
                return record.deleted
            case "CreatedDate":
                return stamp(record.created)
            case "LastModifiedDate" | "SystemModstamp":
                return stamp(record.modified)
        if field.type == "address":
            return self._address(kind, record, field.name)
        value = table.get(record, field.name)
        return self._derived(kind, table, record, field) if value is None else value

    def _derived(self, kind: SObject, table: Table, record: Record, field: Field) -> Value:
        """Return what a field without a stored value has all the same."""
        match kind.name, field.name:
            case _, "CreatedById" | "LastModifiedById" | "OwnerId":
                return self.user
            case "Lead" | "Contact" | "User", "Name":
                parts = (table.get(record, "FirstName"), table.get(record, "LastName"))
                found: Value = " ".join(str(part) for part in parts if part) or None
            case "Opportunity", "IsClosed":
                found = str(table.get(record, "StageName")).startswith("Closed ")
            case "Opportunity", "IsWon":
                found = table.get(record, "StageName") == "Closed Won"
            case "Case", "IsClosed":
                found = table.get(record, "Status") == "Closed"
            case _ if field.name == "Name" and kind.custom:
                found = record.id
            case _ if field.type == "boolean":
                found = False
            case _:
                found = field.default_value if field.defaulted_on_create else None
        return found

    def _address(self, kind: SObject, record: Record, name: str) -> object:
        table, stem = self.tables[kind.name], name.removesuffix("Address")
        parts = ("City", "Country", "GeocodeAccuracy", "Latitude", "Longitude", "PostalCode", "State", "Street")
        found = {part[:1].lower() + part[1:]: table.get(record, stem + part) for part in parts}
        return found if any(value is not None for value in found.values()) else None

"""What an org's people have built: validation rules, triggers, duplicate rules; and who holds which lock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from penstock_sandbox.provenance import assumed, documented
from penstock_sandbox.salesforce.errors import LOCKED, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from penstock_sandbox.salesforce.table import Table, Value

SOAP = "developer.salesforce.com/docs, SOAP API Developer Guide: StatusCode"
Event = Literal["insert", "update", "delete"]


class Trigger(msgspec.Struct, forbid_unknown_fields=True):
    """Refuses rows: those whose `field` has one of `values`, each `every`th, or a `share` of them at random."""

    object: str
    events: tuple[Event, ...] = ("insert", "update")
    field: str = ""
    values: list[str] = []
    every: int = 0
    share: float = 0.0
    times: int | None = None
    code: str = "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"
    message: str = "SandboxTrigger: execution of BeforeInsert caused by: System.DmlException"
    fields: list[str] = []
    seen: int = 0
    struck: int = 0

    def strikes(self, values: Mapping[str, Value], chance: float) -> bool:
        """Count a row and tell whether it is refused."""
        self.seen += 1
        chosen = not (self.field or self.every or self.share)
        chosen = chosen or (bool(self.field) and str(values.get(self.field)) in self.values)
        chosen = chosen or (self.every > 0 and self.seen % self.every == 0) or chance < self.share
        if not chosen or (self.times is not None and self.struck >= self.times):
            return False
        self.struck += 1
        return True


class DuplicateRule(msgspec.Struct, forbid_unknown_fields=True):
    """Finds records of the object that agree in all of `fields`; `block` cannot be overridden."""

    object: str
    fields: list[str]
    name: str = "Sandbox_Duplicate_Rule"
    block: bool = False


class AssignmentRule(msgspec.Struct, forbid_unknown_fields=True):
    """Gives new records of the object to an owner, unless the request says otherwise."""

    object: str
    owner: str


class Automation:
    """Everything of that kind in one org."""

    def __init__(self) -> None:
        self.triggers: list[Trigger] = []
        self.duplicate_rules: list[DuplicateRule] = []
        self.assignment_rules: list[AssignmentRule] = []
        self.locks: dict[str, float] = {}

    def concerns(self, kind: str, now: float) -> bool:
        """Tell whether anything here can matter to rows of an object."""
        self.locks = {record_id: until for record_id, until in self.locks.items() if until > now}
        named = {rule.object for rule in self.triggers} | {rule.object for rule in self.duplicate_rules}
        return bool(self.locks) or kind in named | {rule.object for rule in self.assignment_rules}

    @documented("A failing trigger or validation rule refuses its row with code, message and fields", SOAP)
    def trigger(self, kind: str, event: Event, values: Mapping[str, Value], chance: float) -> Problem | None:
        """Run the triggers and rules of an object on a row."""
        for trigger in self.triggers:
            if trigger.object == kind and event in trigger.events and trigger.strikes(values, chance):
                return Problem(trigger.code, trigger.message, tuple(trigger.fields))
        return None

    @documented(
        "A row waits for its parent's lock and fails with UNABLE_TO_LOCK_ROW", "Bulk API Guide: general guidelines"
    )
    @assumed(
        "A lock set by the control plane is held until its time, and nobody waits for it", "the sandbox does not block"
    )
    def locked(self, now: float, record_ids: list[str]) -> Problem | None:
        """Tell whether a record or one of its parents is locked."""
        return LOCKED if any(self.locks.get(each, 0.0) > now for each in record_ids) else None

    @documented(
        "A duplicate rule warns, and allowSave passes, or it blocks", "REST API Guide: Sforce-Duplicate-Rule-Header"
    )
    @assumed("A record matches when all fields of the rule agree, case apart", "real matching rules are fuzzy")
    @assumed("Only new rows are looked at", "rules can be set to run on updates as well")
    def duplicates(self, table: Table, kind: str, values: Mapping[str, Value], allow_save: bool) -> Problem | None:
        """Run the duplicate rules on a new row."""
        for rule in self.duplicate_rules:
            if rule.object != kind or (allow_save and not rule.block):
                continue
            found = table.find(rule.fields[0], values.get(rule.fields[0]))
            for name in rule.fields[1:]:
                wanted = str(values.get(name)).casefold()
                found = [record for record in found if str(table.get(record, name)).casefold() == wanted]
            if found:
                return Problem(
                    "DUPLICATES_DETECTED", "Use one of these records?", (), _result(rule, [r.id for r in found])
                )
        return None

    def owner(self, kind: str) -> str | None:
        """Return whom the assignment rules give a new record to."""
        return next((rule.owner for rule in self.assignment_rules if rule.object == kind), None)


def _result(rule: DuplicateRule, ids: list[str]) -> dict[str, object]:
    records = [
        {
            "additionalInformation": [],
            "fieldDiffs": [],
            "matchConfidence": 100.0,
            "record": {"attributes": {"type": rule.object}, "Id": record_id},
        }
        for record_id in ids
    ]
    match = {
        "entityType": rule.object,
        "errors": [],
        "matchEngine": "ExactMatchEngine",
        "matchRecords": records,
        "rule": f"{rule.name}_Match",
        "size": len(ids),
        "success": True,
    }
    return {
        "duplicateResult": {
            "allowSave": not rule.block,
            "duplicateRule": rule.name,
            "duplicateRuleEntityType": rule.object,
            "errorMessage": "Use one of these records?",
            "matchResults": [match],
        }
    }

"""Running a statement and giving out its result page by page."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from penstock_sandbox.provenance import assumed, documented, recorded
from penstock_sandbox.salesforce import errors
from penstock_sandbox.salesforce.shown import attributes
from penstock_sandbox.salesforce.soql.conditions import Scope
from penstock_sandbox.salesforce.soql.cursor import Cursor
from penstock_sandbox.salesforce.soql.lexer import at
from penstock_sandbox.salesforce.soql.parse import Order, Parser, Path, Selected, Statement

if TYPE_CHECKING:
    from collections.abc import Iterable

    from penstock_sandbox.salesforce.fields import Field
    from penstock_sandbox.salesforce.org import Org
    from penstock_sandbox.salesforce.schema import SObject
    from penstock_sandbox.salesforce.table import Record

QUERIES = "REST API Developer Guide: Query"
SMALLEST, LARGEST, MOST_OFFSET, MOST_CURSORS, LIFE = 200, 2000, 2000, 10, 172_800.0


class Running:
    """A statement that was understood, with what it takes to run it."""

    def __init__(self, org: Org, text: str, version: str, deleted: bool = False) -> None:
        self.org = org
        self.version = version
        self.statement = Parser(text).statement()
        self.deleted = deleted or self.statement.all_rows
        self.kind = _source(org, self.statement)
        self.scope = Scope(org, self.kind, text)
        self.counted = self.statement.columns[0].function == "count"
        self.columns: list[tuple[Path, list[Field], Field]] = []
        if not self.counted:
            self.columns = [column for each in self.statement.columns for column in self._columns(each)]

    def _columns(self, selected: Selected) -> Iterable[tuple[Path, list[Field], Field]]:
        if selected.function == "fields":
            wanted = selected.path.parts[0].lower()
            for field in self.kind.seen():
                if wanted == "all" or field.name.endswith("__c") is (wanted == "custom"):
                    yield Path((field.name,), selected.path.place), [], field
        elif selected.function:
            raise at(self.statement.text, selected.path.place, "MALFORMED_QUERY", "count() stands alone")
        else:
            yield (selected.path, *self.scope.resolve(selected.path))

    def records(self) -> list[Record]:
        """Return the records that the statement finds, in its order."""
        statement = self.statement
        where = statement.where
        test = None if where is None else self.scope.test(where)
        known = None if self.deleted else self.scope.candidates(where)
        found: Iterable[Record] = self.org.table(self.kind.name).listing(self.deleted) if known is None else known
        if test is not None:
            found = (record for record in found if test(record))
        if statement.order:
            found = self._sorted(list(found), statement.order)
        most = None if statement.limit is None else statement.offset + statement.limit
        return list(islice(found, statement.offset, most))

    @documented("Nulls come first unless NULLS LAST is said", "SOQL Reference: ORDER BY")
    def _sorted(self, records: list[Record], order: list[Order]) -> list[Record]:
        for key in reversed(order):
            read, _ = self.scope.reader(key.path)
            nulls = [record for record in records if read(record) is None]
            others = [record for record in records if read(record) is not None]
            others.sort(key=lambda record: _sortable(read(record)), reverse=key.descending)
            records = others + nulls if key.nulls_last else nulls + others
        return records

    @recorded("A relationship's fields are a record of their own within the record, or null", "grouparoo nocks")
    def shown(self, record: Record) -> dict[str, object]:
        """Return a record as the statement's columns show it."""
        found: dict[str, object] = {"attributes": attributes(self.kind, record.id, self.version)}
        for path, hops, field in self.columns:
            if not hops:
                found[field.name] = self.org.read(self.kind, record, field)
            else:
                self._nested(found, record, list(path.parts[-len(hops) - 1 : -1]), hops, field)
        return found

    def _nested(
        self, shown: dict[str, object], record: Record, names: list[str], hops: list[Field], field: Field
    ) -> None:
        kind, current = self.kind, record
        place: dict[str, Any] = shown
        for name, hop in zip(names, hops, strict=True):
            label = hop.relationship_name or name
            target = self.org.read(kind, current, hop)
            found = None if target is None else self.org.record(str(target))
            owner = None if found is None else self.org.catalogue.by_prefix(found.id)
            if found is None or owner is None:
                place[label] = None
                return
            inner = place.get(label)
            if not isinstance(inner, dict):
                inner = {"attributes": attributes(owner, found.id, self.version)}
                place[label] = inner
            place, kind, current = inner, owner, found
        here = kind.field(field.name)
        place[field.name] = None if here is None else self.org.read(kind, current, here)


def _sortable(value: object) -> tuple[int, object]:
    return (0, value.casefold()) if isinstance(value, str) else (1, value)


@recorded(
    "An unknown object is INVALID_TYPE; the message repeats the statement with a caret", "CumulusCI TestCountSObjects"
)
def _source(org: Org, statement: Statement) -> SObject:
    kind = org.catalogue.get(statement.source.text)
    if kind is None or kind.event:
        message = (
            f"sObject type '{statement.source.text}' is not supported. If you are attempting to use a custom object, be"
            " sure to append the '__c' after the entity name. Please reference your WSDL or the describe call for the"
            " appropriate names."
        )
        raise at(statement.text, statement.source.place, "INVALID_TYPE", message)
    if statement.offset > MOST_OFFSET:
        raise errors.refused(400, "NUMBER_OUTSIDE_VALID_RANGE", "Maximum SOQL offset allowed is 2000")
    return kind


@documented("A page has 2,000 rows, or 200 to 2,000 as Sforce-Query-Options says", QUERIES)
@recorded("COUNT() answers totalSize and no records; COUNT(field) one AggregateResult", "CumulusCI cassettes")
def query(org: Org, text: str, version: str, batch: int, now: float, deleted: bool = False) -> dict[str, object]:
    """Run a statement and return the first page."""
    running = Running(org, text, version, deleted)
    records = running.records()
    if running.counted:
        selected = running.statement.columns[0]
        if not selected.path.parts:
            return {"totalSize": len(records), "done": True, "records": []}
        read, _ = running.scope.reader(selected.path)
        count = sum(read(record) is not None for record in records)
        row = {"attributes": {"type": "AggregateResult"}, selected.alias or "expr0": count}
        return {"totalSize": 1, "done": True, "records": [row]}
    size = min(LARGEST, max(SMALLEST, batch))
    if len(records) <= size:
        return {"totalSize": len(records), "done": True, "records": [running.shown(each) for each in records]}
    cursor = Cursor(next(org.query_ids), running, records, size, now)
    org.cursors[cursor.id] = cursor
    while len(org.cursors) > MOST_CURSORS:
        del org.cursors[next(iter(org.cursors))]
    return page(cursor, 0)


def page(cursor: Cursor, start: int) -> dict[str, object]:
    """Return the page that begins at a row."""
    end = start + cursor.size
    running, records = cursor.running, cursor.records
    found: dict[str, object] = {"totalSize": len(records), "done": end >= len(records)}
    if end < len(records):
        found["nextRecordsUrl"] = f"/services/data/v{running.version}/query/{cursor.id}-{end}"
    return {**found, "records": [running.shown(each) for each in records[start:end]]}


@documented("A stale or unknown locator is INVALID_QUERY_LOCATOR", QUERIES)
@assumed(
    "Ten cursors are kept, each for two days, each with the records it found at first", "limits of older API guides"
)
def more(org: Org, locator: str, now: float) -> dict[str, object]:
    """Return a further page."""
    name, _, start = locator.rpartition("-")
    cursor = org.cursors.get(name)
    if cursor is None or not start.isdecimal() or now > cursor.made + LIFE:
        raise errors.refused(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
    return page(cursor, int(start))


def columns(org: Org, text: str, version: str) -> dict[str, object]:
    """Describe the columns of a statement instead of running it."""
    running = Running(org, text, version)
    told: list[dict[str, object]] = [
        {
            "aggregate": False,
            "apexType": field.type.capitalize(),
            "booleanType": field.type == "boolean",
            "columnName": field.name,
            "custom": field.name.endswith("__c"),
            "displayName": ".".join(path.parts),
            "foreignKeyName": None,
            "insertable": field.createable,
            "joinColumns": [],
            "numberType": field.type in {"int", "double", "currency", "percent"},
            "textType": field.type in {"string", "email", "textarea"},
            "updatable": field.updateable,
        }
        for path, _, field in running.columns
    ]
    return {
        "columnMetadata": told,
        "entityName": running.kind.name,
        "groupBy": False,
        "idSelected": any(field.name == "Id" for _, hops, field in running.columns if not hops),
        "keyPrefix": running.kind.prefix,
    }

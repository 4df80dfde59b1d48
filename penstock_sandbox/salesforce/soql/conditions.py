"""Conditions to functions of a record; and the records that a condition can be true of, found by an index."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from penstock_sandbox.provenance import assumed, documented, recorded
from penstock_sandbox.salesforce.fields import NUMBERS, TEXT, Field
from penstock_sandbox.salesforce.ids import canonical
from penstock_sandbox.salesforce.soql.lexer import Written, at
from penstock_sandbox.salesforce.soql.parse import Compare, Condition, Group, Path
from penstock_sandbox.salesforce.table import Record

if TYPE_CHECKING:
    from penstock_sandbox.salesforce.org import Org
    from penstock_sandbox.salesforce.schema import SObject
    from penstock_sandbox.salesforce.table import Value

GUIDE = "developer.salesforce.com/docs, SOQL and SOSL Reference: Comparison Operators"
Test = Callable[[Record], bool]
Reader = Callable[[Record], object]
_DERIVED = {
    "Id",
    "IsDeleted",
    "CreatedDate",
    "LastModifiedDate",
    "SystemModstamp",
    "CreatedById",
    "LastModifiedById",
} | {
    "OwnerId",
    "Name",
}
_DEEPEST = 5


class Scope:
    """The object that a statement is about, and the statement's text for the words of refusals."""

    def __init__(self, org: Org, kind: SObject, text: str) -> None:
        self.org = org
        self.kind = kind
        self.text = text

    @recorded("An unknown field is INVALID_FIELD and pointed at", "reports of SOQL errors, in the fact sheet")
    @documented("A path has at most five relationships", "SOQL Reference: relationship queries")
    def resolve(self, path: Path) -> tuple[list[Field], Field]:
        """Return the look-ups of a path and the field at its end."""
        kinds: list[SObject] = [self.kind]
        hops: list[Field] = []
        *relationships, name = path.parts
        for relationship in relationships[-_DEEPEST:]:
            found = next((hop for kind in kinds if (hop := kind.relationship(relationship))), None)
            if found is None:
                if relationship.lower() == self.kind.name.lower() and not hops:
                    continue
                raise self._no_relationship(path, relationship, kinds[0])
            hops.append(found)
            kinds = [kind for each in found.reference_to if (kind := self.org.catalogue.get(each))]
        for kind in kinds:
            field = kind.field(name)
            if field is not None:
                return hops, field
        entity = kinds[0].name if kinds else self.kind.name
        message = (
            f"No such column '{name}' on entity '{entity}'. If you are attempting to use a custom field, be sure to"
            " append the '__c' after the custom field name. Please reference your WSDL or the describe call for the"
            " appropriate names."
        )
        raise at(self.text, path.place, "INVALID_FIELD", message)

    def _no_relationship(self, path: Path, name: str, kind: SObject) -> Exception:
        message = (
            f"Didn't understand relationship '{name}' in field path. If you are attempting to use a custom"
            f" relationship, be sure to append the '__r' after the custom relationship name on {kind.name}."
        )
        return at(self.text, path.place, "INVALID_FIELD", message)

    def reader(self, path: Path) -> tuple[Reader, Field]:
        """Return a function that reads a path from a record."""
        hops, field = self.resolve(path)
        if not hops:
            return self._own(field), field

        def read(record: Record) -> object:
            kind, current = self.kind, record
            for hop in hops:
                target = self.org.read(kind, current, hop)
                found = None if target is None else self.org.record(str(target))
                owner = None if found is None else self.org.catalogue.by_prefix(found.id)
                if found is None or owner is None:
                    return None
                kind, current = owner, found
            here = kind.field(field.name)
            return None if here is None else self.org.read(kind, current, here)

        return read, field

    def _own(self, field: Field) -> Reader:
        """Return a function for a field of the object itself, a quick one where the value is as it is stored."""
        org, kind = self.org, self.kind
        plain = (
            field.name not in _DERIVED and not field.defaulted_on_create and field.type not in {"boolean", "address"}
        )
        place = org.table(kind.name).columns.get(field.name)
        if not plain or place is None:
            return lambda record: org.read(kind, record, field)
        return lambda record: record.values[place] if place < len(record.values) else None

    def test(self, condition: Condition) -> Test:
        """Return a function that tells whether a condition is true of a record."""
        if isinstance(condition, Compare):
            return self._compare(condition)
        tests = [self.test(each) for each in condition.members]
        match condition.word:
            case "and":
                return lambda record: all(test(record) for test in tests)
            case "or":
                return lambda record: any(test(record) for test in tests)
            case _:
                return lambda record: not tests[0](record)

    @documented("Texts compare without case, except in case-sensitive fields; null is only equal to null", GUIDE)
    @assumed("A comparison with a null value is false, its negation true", "two-valued, as query results show")
    def _compare(self, compare: Compare) -> Test:
        read, field = self.reader(compare.path)
        if field.type in {"address", "base64"} or (field.type == "textarea" and field.length > 255):
            message = f"field '{field.name}' can not be filtered in a query call"
            raise at(self.text, compare.path.place, "INVALID_FIELD", message)
        values = [self._value(field, compare, each) for each in compare.values]
        fold = field.type in TEXT and not field.case_sensitive
        if fold:
            values = [value.casefold() if isinstance(value, str) else value for value in values]
            return _matching(compare.operator, values, lambda record: _folded(read(record)))
        return _matching(compare.operator, values, read)

    @documented("Texts are quoted, numbers, dates, times and booleans are not", GUIDE)
    def _value(self, field: Field, compare: Compare, written: Written) -> Value:
        """Return a literal as a field's value. Refuses one of another type."""
        if written.kind == "null" or written.value == "":
            return None
        wanted = _literal_kind(field)
        if wanted == written.kind:
            if field.type in {"id", "reference"}:
                found = canonical(str(written.value))
                if found is None:
                    raise at(
                        self.text,
                        compare.path.place,
                        "INVALID_QUERY_FILTER_OPERATOR",
                        f"invalid ID field: {written.value}",
                    )
                return found
            return written.value
        quoted = "should be" if wanted == "string" else "should not be"
        wanted = f"must be of type {field.type} and {quoted} enclosed in quotes"
        message = f"value of filter criterion for field '{field.name}' {wanted}"
        raise at(self.text, compare.path.place, "INVALID_FIELD", message)

    def candidates(self, condition: Condition | None) -> list[Record] | None:
        """Return the live records that a condition can be true of, or None for all."""
        members = condition.members if isinstance(condition, Group) and condition.word == "and" else [condition]
        table = self.org.table(self.kind.name)
        for each in members:
            if not isinstance(each, Compare) or each.operator not in {"=", "in"} or len(each.path.parts) != 1:
                continue
            field = self.kind.field(each.path.parts[0])
            if field is None:
                continue
            values = [self._value(field, each, written) for written in each.values]
            if None in values:
                continue
            if field.name == "Id":
                found = [table.alive(str(value)) for value in dict.fromkeys(values)]
                return [record for record in found if record is not None]
            if field.name not in _DERIVED and not field.defaulted_on_create and field.type in TEXT | {"reference"}:
                unique = {record.id: record for value in values for record in table.find(field.name, value)}
                return list(unique.values())
        return None


def _literal_kind(field: Field) -> str:
    if field.type in NUMBERS or field.type == "int":
        return "number"
    return field.type if field.type in {"boolean", "date", "datetime"} else "string"


def _folded(value: object) -> object:
    return value.casefold() if isinstance(value, str) else value


def _matching(operator: str, values: list[Value], read: Reader) -> Test:
    first, wanted = values[0], set(values)
    if operator in {"=", "in"}:
        return lambda record: read(record) in wanted
    if operator in {"!=", "not in"}:
        return lambda record: read(record) not in wanted
    if operator == "like":
        pattern = _like(str(first))
        return lambda record: pattern.fullmatch(str(read(record) or "")) is not None
    if operator in {"includes", "excludes"}:
        chosen = [set(str(value).split(";")) for value in values]
        includes = operator == "includes"
        return lambda record: _has(read(record), chosen) is includes
    return _ordered(operator, first, read)


def _ordered(operator: str, first: Value, read: Reader) -> Test:
    def test(record: Record) -> bool:
        value = read(record)
        if value is None or first is None:
            return False
        if isinstance(value, str) and isinstance(first, str):
            sign = (value > first) - (value < first)
        else:
            sign = (float(str(value)) > float(first)) - (float(str(value)) < float(first))
        return {"<": sign < 0, ">": sign > 0, "<=": sign <= 0, ">=": sign >= 0}[operator]

    return test


def _has(value: object, chosen: list[set[str]]) -> bool:
    have = set(str(value or "").split(";"))
    return any(each <= have for each in chosen)


def _like(pattern: str) -> re.Pattern[str]:
    parts = [{"%": ".*", "_": "."}.get(letter, re.escape(letter)) for letter in pattern]
    return re.compile("".join(parts), re.DOTALL)

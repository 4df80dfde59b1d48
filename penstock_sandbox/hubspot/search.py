"""Search: an index that lags behind the store, filters, sorting and pages."""

import operator
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timezone
from fnmatch import fnmatchcase
from re import findall
from typing import Literal

import msgspec

from penstock_sandbox.hubspot import errors
from penstock_sandbox.hubspot.portal import Visit
from penstock_sandbox.hubspot.rows import Result, describe
from penstock_sandbox.provenance import assumed, documented, recorded
from penstock_sandbox.store import Record

GUIDE = "developers.hubspot.com/docs/api-reference/latest/crm/search-the-crm"
MOST_GROUPS, MOST_FILTERS, MOST_FILTERS_IN_ALL = 5, 6, 18
MOST_RESULTS, LARGEST_PAGE, LONGEST_BODY, MOST_VALUES = 10_000, 200, 3_000, 100

Operator = Literal[
    "EQ", "NEQ", "LT", "LTE", "GT", "GTE", "BETWEEN", "IN", "NOT_IN", "HAS_PROPERTY", "NOT_HAS_PROPERTY",
    "CONTAINS_TOKEN", "NOT_CONTAINS_TOKEN",
]  # fmt: skip

Key = tuple[float, str]
_COMPARE: dict[str, Callable[[Key, Key], bool]] = {
    "EQ": operator.eq, "NEQ": operator.ne, "LT": operator.lt, "LTE": operator.le, "GT": operator.gt, "GTE": operator.ge,
}  # fmt: skip
_NEED_A_VALUE = frozenset({"EQ", "LT", "LTE", "GT", "GTE", "BETWEEN", "IN", "CONTAINS_TOKEN"})
"""Operators that a record without the property never satisfies."""


class Filter(msgspec.Struct, rename="camel"):
    """One condition."""

    property_name: str
    operator: Operator
    value: str | int | float | bool | None = None
    high_value: str | int | float | None = None
    values: list[str | int | float] = []


class FilterGroup(msgspec.Struct):
    """Conditions that hold together; groups are alternatives."""

    filters: list[Filter]


class Sort(msgspec.Struct, rename="camel"):
    """One order."""

    property_name: str
    direction: Literal["ASCENDING", "DESCENDING"] = "ASCENDING"


class Search(msgspec.Struct, rename="camel"):
    """The body of a search."""

    filter_groups: list[FilterGroup] = []
    query: str | None = None
    sorts: list[str | Sort] = []
    properties: list[str] = []
    limit: int = 10
    after: str | int | None = None


@documented("5 groups of 6 filters, 18 in all; 200 a page, 10,000 results in all, 3,000 characters", GUIDE)
@documented("Without sorting the oldest come first", GUIDE)
@recorded("Properties that are not set come back as null", "amp-labs/connectors, search")
def find(visit: Visit, asked: Search, length: int) -> tuple[int, list[Result], str | None]:
    """Return how many there are, one page of them, and the cursor of the next."""
    _refuse_excess(visit, asked, length)
    start = _position(asked.after)
    groups = [group.filters for group in asked.filter_groups]
    found = []
    for record, values in _candidates(visit, groups):
        if groups and not any(all(_holds(visit, record, values, each) for each in group) for group in groups):
            continue
        if asked.query and not _mentions(values, asked.query):
            continue
        found.append((record, values))
    for sort in reversed(asked.sorts):
        by = (
            sort if isinstance(sort, Sort) else Sort(sort.lstrip("-"), "DESCENDING" if sort[:1] == "-" else "ASCENDING")
        )
        found.sort(key=lambda pair: _sortable(visit, by.property_name, *pair), reverse=by.direction == "DESCENDING")
    names = [each for each in asked.properties if each in visit.catalogue.checks] or list(visit.shelf.kind.shown)
    shown = found[start : start + asked.limit]
    after = start + asked.limit
    return len(found), [_as_indexed(visit, *pair, names) for pair in shown], str(after) if after < len(found) else None


@documented("A write is found by search only after some moments", GUIDE)
@assumed(
    "Those moments are 5 seconds, and an archived record stays that long", "`search_lag`; a few moments, says the guide"
)
def indexed(visit: Visit) -> dict[str, dict[str, str] | None]:
    """Return, for records that changed of late, what the index still holds of them; None for nothing."""
    held: dict[str, dict[str, str] | None] = {}
    for change in reversed(visit.table.changes):
        if change.time <= visit.seen_until:
            break
        record = change.record
        if record.id not in held:
            held[record.id] = None if record.archived else dict(record.properties)
        if change.archived:
            held[record.id] = dict(record.properties)
        elif change.before is None:
            held[record.id] = None
        else:
            values = held[record.id]
            if values is not None:
                values.update({name: value for name, value in change.before.items() if value is not None})
                for name in [name for name, value in change.before.items() if value is None]:
                    values.pop(name, None)
    return held


def _candidates(visit: Visit, groups: list[list[Filter]]) -> Iterator[tuple[Record, dict[str, str]]]:
    """Yield what may match, in order of age, with the values that the index holds of it."""
    held = indexed(visit)
    few = _by_key(visit, groups)
    records: Iterable[Record] = visit.table.listing()
    if few is not None:
        few |= {each: visit.table.records[each] for each in held if each in visit.table.records}
        records = sorted(few.values(), key=lambda record: int(record.id))
    elif any(visit.table.records[each].archived for each in held if each in visit.table.records):
        live = {record.id: record for record in records}
        late = {each: visit.table.records[each] for each in held if each in visit.table.records}
        records = sorted((live | late).values(), key=lambda record: int(record.id))
    for record in records:
        values = held.get(record.id, record.properties)
        if values is not None and (record.id in held or not record.archived):
            yield record, values


def _value(visit: Visit, record: Record, values: dict[str, str], name: str) -> str | None:
    """Return an indexed value; id and dates are not among a record's properties."""
    kind = visit.shelf.kind
    system = {"hs_object_id": record.id, kind.created: record.created, kind.modified: record.updated}
    return system.get(name) or values.get(name)


def _by_key(visit: Visit, groups: list[list[Filter]]) -> dict[str, Record] | None:
    """Return the only records that can match where each group asks for keys, so that no index need be read whole."""
    few: dict[str, Record] = {}
    for filters in groups:
        keyed = [each for each in filters if each.operator in {"EQ", "IN"} and each.property_name in visit.table.unique]
        if not keyed:
            return None
        name = keyed[0].property_name
        for value in [keyed[0].value, *keyed[0].values]:
            text = str(value).strip().lower() if name in visit.shelf.kind.aliases else str(value)
            record = visit.table.find(name, text)
            if record is not None:
                few[record.id] = record
    return few if groups else None


def _as_indexed(visit: Visit, record: Record, values: dict[str, str], names: list[str]) -> Result:
    result = describe(visit, record, names)
    result.properties.update({name: values.get(name) for name in names if name in visit.catalogue.checks})
    for name, value in (("hs_object_id", record.id), (visit.shelf.kind.created, record.created)):
        result.properties[name] = value
    result.properties[visit.shelf.kind.modified] = record.updated
    return result


@recorded("Beyond 10,000 results: 400", "fact sheet, section 3.4")
@assumed("The words of refusals of search", "the limits are documented, their answers are not shown")
def _refuse_excess(visit: Visit, asked: Search, length: int) -> None:
    filters = [each for group in asked.filter_groups for each in group.filters]
    if length > LONGEST_BODY:
        raise errors.invalid_request(f"The request body is longer than {LONGEST_BODY} characters")
    if len(asked.filter_groups) > MOST_GROUPS or len(filters) > MOST_FILTERS_IN_ALL:
        raise errors.invalid_request(f"At most {MOST_GROUPS} filter groups and {MOST_FILTERS_IN_ALL} filters")
    if any(len(group.filters) > MOST_FILTERS for group in asked.filter_groups):
        raise errors.invalid_request(f"At most {MOST_FILTERS} filters in a group")
    if not 1 <= asked.limit <= LARGEST_PAGE:
        raise errors.invalid_request(f"limit must be between 1 and {LARGEST_PAGE}")
    if _position(asked.after) + asked.limit > MOST_RESULTS:
        raise errors.invalid_request(f"A search can show at most {MOST_RESULTS} results")
    for each in filters:
        if each.property_name not in visit.catalogue.checks:
            raise errors.invalid_request(f"There was a problem with the request: unknown property {each.property_name}")
        if each.operator in {"IN", "NOT_IN"} and not 1 <= len(each.values) <= MOST_VALUES:
            raise errors.invalid_request(f"{each.operator} takes 1 to {MOST_VALUES} values")


def _position(after: str | int | None) -> int:
    text = str(after or "0")
    if not text.isdecimal():
        raise errors.invalid_request("after is not a cursor of this search")
    return int(text)


@documented("Thirteen operators, compared by the property's type", GUIDE)
@assumed("Text is compared without case, tokens are words, `*` stands for any letters", "examples of the guide")
def _holds(visit: Visit, record: Record, values: dict[str, str], asked: Filter) -> bool:
    have = _value(visit, record, values, asked.property_name)
    if asked.operator == "HAS_PROPERTY" or have is None:
        return (have is not None) is (asked.operator == "HAS_PROPERTY") and asked.operator not in _NEED_A_VALUE
    if asked.operator == "NOT_HAS_PROPERTY":
        return False
    kind = visit.catalogue.get(asked.property_name).type
    mine, theirs = _comparable(kind, have), _comparable(kind, asked.value)
    match asked.operator:
        case "IN" | "NOT_IN":
            return (mine in [_comparable(kind, each) for each in asked.values]) is (asked.operator == "IN")
        case "CONTAINS_TOKEN" | "NOT_CONTAINS_TOKEN":
            wanted = str(asked.value).lower()
            words = [have.lower(), *findall(r"\w+", have.lower())]
            return any(fnmatchcase(word, wanted) for word in words) is (asked.operator == "CONTAINS_TOKEN")
        case "BETWEEN":
            return theirs <= mine <= _comparable(kind, asked.high_value)
        case _:
            return _COMPARE[asked.operator](mine, theirs)


def _comparable(kind: str, value: object) -> Key:
    """Return a value in a form that compares as its type does: a number, or text."""
    text = str(value)
    if kind in {"date", "datetime"}:
        try:
            moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
        except ValueError:
            pass
        else:
            return (moment.replace(tzinfo=moment.tzinfo or timezone.utc).timestamp() * 1000, "")
    if kind in {"number", "date", "datetime"}:
        try:
            return (float(text), "")
        except ValueError:
            return (float("-inf"), text)
    return (0.0, text.lower())


def _sortable(visit: Visit, name: str, record: Record, values: dict[str, str]) -> Key:
    kind = visit.catalogue.get(name).type
    return _comparable(kind, _value(visit, record, values, name) or "")


def _mentions(values: dict[str, str], query: str) -> bool:
    return any(query.lower() in value.lower() for value in values.values())

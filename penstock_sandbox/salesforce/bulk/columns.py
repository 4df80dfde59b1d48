"""Whole columns of a batch to values at once: a million rows cell by cell would take a minute.

Each way through here gives what `values.from_text` gives for every single cell.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from penstock_sandbox.salesforce.errors import Problem
from penstock_sandbox.salesforce.fields import NUMBERS
from penstock_sandbox.salesforce.references import check_reference, parent_of
from penstock_sandbox.salesforce.values import from_text, number_limit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from penstock_sandbox.salesforce.bulk.files import Column
    from penstock_sandbox.salesforce.org import Org
    from penstock_sandbox.salesforce.schema import SObject
    from penstock_sandbox.salesforce.table import Value

NULL = "#N/A"
_SAMPLE = 64
_PLAIN = frozenset({"string", "textarea", "phone", "url", "combobox", "encryptedstring", "picklist"})
_ADDRESSES = re.compile(r"(?:[a-z0-9!#$%&'*+/=?^_`{|}~.-]+@[a-z0-9-]+(?:\.[a-z0-9-]+)+\n)*")


class Filled(NamedTuple):
    """A column's values; rows whose cell is empty, and those whose cell is refused, have None among them."""

    column: Column
    values: Sequence[Value]
    empty: frozenset[int]
    problems: dict[int, Problem]
    shown: Sequence[str]
    """The cells as the result files show them."""


def fill(org: Org, kind: SObject, column: Column, cells: Sequence[str], place: int) -> Filled:
    """Read a column."""
    if len(set(cells[:_SAMPLE])) * 2 > len(cells[:_SAMPLE]) and "" not in cells and NULL not in cells:
        found = _at_once(column, cells)
        if found is not None:
            return Filled(column, found, frozenset(), {}, _shown(column, cells, found, {}))
    known = _known(org, kind, column, set(cells), place)
    empty = frozenset([row for row, cell in enumerate(cells) if not cell]) if "" in known else frozenset()
    problems: dict[int, Problem] = {}
    bad = {cell: found for cell, found in known.items() if isinstance(found, Problem)}
    if bad:
        problems = {row: bad[cell] for row, cell in enumerate(cells) if cell in bad}
        known.update(dict.fromkeys(bad))
    values: list[Value] = [known[cell] for cell in cells]  # type: ignore[misc]
    return Filled(column, values, empty, problems, _shown(column, cells, values, problems))


def _known(org: Org, kind: SObject, column: Column, cells: set[str], place: int) -> dict[str, Value | Problem]:
    """Return what each of some different cells stands for."""
    given = list(cells - {"", NULL})
    found = _at_once(column, given) if len(given) > _SAMPLE else None
    if found is None:
        return {cell: _one(org, kind, column, cell, place) for cell in cells}
    return {**dict.fromkeys(cells & {"", NULL}), **dict(zip(given, found, strict=True))}


def _one(org: Org, kind: SObject, column: Column, cell: str, place: int) -> Value | Problem:
    """Return what one cell stands for."""
    if cell in {"", NULL}:
        return None
    if column.key is not None and column.parent is not None:
        found: Value | Problem
        value = from_text(column.key, cell, place)
        found = value if isinstance(value, Problem) else parent_of(org, column.parent, column.key, value)
    else:
        found = from_text(column.field, cell, place)
    if column.field.type == "reference" and isinstance(found, str):
        return check_reference(org, kind, column.field, found) or found
    return found


def _at_once(column: Column, cells: Sequence[str]) -> Sequence[Value] | None:
    """Return a column whose cells are all of the usual form, or None where one may not be."""
    field = column.field
    if column.key is not None:
        return None
    if field.type in _PLAIN and not field.restricted_picklist:
        return cells if max(map(len, cells)) <= field.length else None
    if field.type == "email":
        joined = "\n".join(cells).lower()
        small = joined.split("\n")
        regular = len(small) == len(cells) and max(map(len, cells)) <= field.length
        return small if regular and _ADDRESSES.fullmatch(joined + "\n") else None
    if field.type in NUMBERS and _numerals(field.scale).fullmatch("\n".join(cells) + "\n"):
        numbers = list(map(float, cells))
        return numbers if max(map(abs, numbers)) < number_limit(field) else None
    return None


@cache
def _numerals(scale: int) -> re.Pattern[str]:
    """Return a pattern of lines that hold numbers of so many decimals at most, so that nothing is to be rounded."""
    decimals = rf"(?:\.\d{{1,{scale}}})?" if scale else ""
    return re.compile(rf"(?:-?\d{{1,15}}{decimals}\n)*")


def _shown(
    column: Column, cells: Sequence[str], values: Sequence[Value], problems: dict[int, Problem]
) -> Sequence[str]:
    """Return cells as Salesforce writes them back: numbers as Java does, times in UTC."""
    if column.key is not None or column.field.type not in NUMBERS | {"datetime", "boolean"}:
        return cells
    if not problems and column.field.type in NUMBERS and None not in values:
        numbers = [value for value in values if isinstance(value, float)]
        if min(numbers) >= 1e-3 and max(numbers) < 1e7:
            return list(map(repr, numbers))
        return [repr(each) if 1e-3 <= each < 1e7 else java(each) for each in numbers]
    rendered = {value: _text(value) for value in set(values)}
    return [
        cell if row in problems or value is None else rendered[value]
        for row, (cell, value) in enumerate(zip(cells, values, strict=True))
    ]


def _text(value: Value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return java(value)
    return str(value).replace("+0000", "Z")


def java(number: float) -> str:
    """Return a number as Java's Double.toString writes it."""
    if number == 0 or 1e-3 <= abs(number) < 1e7:
        return repr(number)
    digits = f"{number:.17e}" if float(f"{number:.15e}") != number else f"{number:.15e}"
    mantissa, _, exponent = digits.partition("e")
    mantissa = mantissa.rstrip("0")
    return f"{mantissa}{'0' if mantissa.endswith('.') else ''}E{int(exponent)}"

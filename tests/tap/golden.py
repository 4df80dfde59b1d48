"""Every statement of change detection in one dialect, as text to be compared with a file that people can read.

`PENSTOCK_GOLDEN=write` writes the files anew.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tap_warehouse.dialect import Dialect
from tap_warehouse.statements import Shape, Statements
from tap_warehouse.warehouse import Column

FOLDER = Path(__file__).parent / "golden"


def every_statement(dialect: Dialect, columns: tuple[Column, ...], keys: int = 2) -> Iterator[tuple[str, str]]:
    """Names and texts, for a model with these columns, the first of which are its key."""
    statements = Statements(dialect, dialect.quoted("penstock"))
    shape = Shape(f"{dialect.quoted('marts')}.{dialect.quoted('orders')}", columns[:keys], columns)
    base, found, delta = (statements.table(kind, "0a1b2c3d4e5f6071") for kind in ("base", "found", "delta"))
    k = [f"k{at}" for at in range(keys)]
    names = [column.name for column in shape.keys]
    yield from ((f"install {at}", text) for at, text in enumerate(statements.install(), 1))
    yield "found", statements.found(found, shape, base)
    yield "without", statements.without(found, shape)
    yield "doubled", statements.doubled(found, k)
    yield "delta", statements.delta(delta, shape, found)
    yield "delta of the whole model", statements.delta(delta, shape, None)
    yield "total", statements.total(shape)
    yield "key_counts", statements.key_counts(shape.relation, names)
    yield "repeated", statements.repeated(shape)
    yield "alone", f"select * from {statements.alone(shape)} m"
    yield "chosen", f"select * from {statements.chosen(shape, names[:1], last=True)} m"
    yield "refused", f"select * from {statements.refused(shape)} m"
    of_chosen = replace(shape, relation=statements.chosen(shape, names[:1], last=False))
    yield "found among the chosen", statements.found(found, of_chosen, base)
    yield "entries", statements.entries()
    values = ("making", "0a1b", "2c3d", None, "it's a \\ name", "[]", "r", None, 3, "2026-01-01", "2026-01-01")
    yield "entered", statements.entered(values)
    yield "entered with a count", statements.entered(values, base)
    yield from ((f"superseded {at}", text) for at, text in enumerate(statements.superseded("0a1b"), 1))
    yield from ((f"doubted {at}", text) for at, text in enumerate(statements.doubted(base, delta, k, 7), 1))
    yield "became", statements.became("2c3d", "making", "delta", 3)
    yield "struck", statements.struck("base", "id", "0a1b")
    yield "named", statements.named("0a1b", "2026-01-01")
    yield from ((f"first_base {at}", text) for at, text in enumerate(statements.first_base(base, delta, k), 1))
    yield from (
        (f"acknowledged {at}", text) for at, text in enumerate(statements.acknowledged(base, delta, k, None), 1)
    )
    yield from (
        (f"acknowledged to {at}", text) for at, text in enumerate(statements.acknowledged(base, delta, k, 7), 1)
    )
    yield "counted", statements.counted(base)
    yield "by_operation", statements.by_operation(delta, 7)
    yield "dropped", statements.dropped(found)
    yield "since", f"select 1 where 1 < {dialect.literal(5, columns[0].type)}"


def check(name: str, statements: list[tuple[str, str]]) -> None:
    """Compare with the file of a name, or write it."""
    text = "".join(f"-- {title}\n{statement};\n\n" for title, statement in statements)
    path = FOLDER / f"{name}.sql"
    if os.environ.get("PENSTOCK_GOLDEN") == "write":
        path.write_text(text, encoding="utf-8")
    assert path.read_text("utf-8") == text, f"if that is right: PENSTOCK_GOLDEN=write pytest {__package__}"

"""DuckDB's statements of change detection as a golden file, and its hash, which no two rows may share."""

from __future__ import annotations

import duckdb
import pytest
import sqlglot
from hypothesis import given, settings
from hypothesis import strategies as st

from tap_warehouse.duckdb_parts import DuckDialect
from tap_warehouse.warehouse import Column
from tests.tap import golden

KINDS = (
    "VARCHAR", "BIGINT", "DECIMAL(12,2)", "DOUBLE", "BOOLEAN", "UUID", "DATE", "TIMESTAMP WITH TIME ZONE", "VARCHAR[]",
    "STRUCT(a VARCHAR, b INTEGER)", "BLOB",
)  # fmt: skip
COLUMNS = tuple(Column(name, {}, kind) for name, kind in zip("abcdefghijk", KINDS, strict=True))


def test_every_statement_is_as_the_file_has_it() -> None:
    golden.check("duckdb", list(golden.every_statement(DuckDialect(), COLUMNS)))


def test_every_statement_parses() -> None:
    assert all(sqlglot.parse((golden.FOLDER / "duckdb.sql").read_text("utf-8"), dialect="duckdb"))


words = st.none() | st.text(alphabet='a1:,|"\\', max_size=4)
rows = st.tuples(words, st.none() | st.integers(0, 120), words, st.none() | st.lists(words, max_size=3), words)
TYPES = ("VARCHAR", "INTEGER", "VARCHAR", "VARCHAR[]", "VARCHAR")


@settings(max_examples=400, deadline=None)
@given(rows, rows)
def test_rows_have_one_hash_exactly_when_they_are_equal(one: tuple[object, ...], other: tuple[object, ...]) -> None:
    values = [(f"cast(?{at} as {kind})", kind) for at, kind in enumerate(TYPES, 1)]
    hashed = DuckDialect().hashed("salt", values)
    (first,), (second,) = (duckdb.execute(f"select {hashed}", row).fetchall()[0] for row in (one, other))
    assert (first == second) == (one == other)


@pytest.mark.parametrize("kind", ["INTERVAL", "VARCHAR", "BLOB", "ENUM('a,b')", "BIT", "JSON", "VARCHAR[]"])
def test_a_text_that_may_hold_a_comma_follows_its_length(kind: str) -> None:
    assert "strlen" in DuckDialect().hashed("salt", [("m.x", kind)])

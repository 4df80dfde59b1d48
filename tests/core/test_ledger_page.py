"""docs/ledger.md names every table and column there is, and its questions can be asked."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from demo.postgres_server import Server
from penstock.ledger import Ledger
from penstock.mapping import LONGEST
from tests.core import places

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "ledger.md").read_text("utf-8")
Ask = Callable[[str], list[tuple[Any, ...]]]
QUESTIONS: list[str] = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)


def tables_of_the_page() -> dict[str, list[str]]:
    sections = re.findall(r"^### `(\w+)`\n(.*?)(?=^##)", PAGE, re.DOTALL | re.MULTILINE)
    return {name: re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE) for name, text in sections}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "l.db"
    Ledger(path).close()
    return path


def test_every_table_and_column_is_on_the_page(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        tables = [name for (name,) in db.execute("select name from sqlite_master where type='table'")]
        columns = {name: [row[1] for row in db.execute(f"pragma table_info({name})")] for name in tables}
    assert tables_of_the_page() == columns


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_can_be_asked_of_a_file(path: Path, question: str) -> None:
    assert places.query(path, question) == []


def test_the_questions_can_be_asked_of_postgresql_which_has_the_same_columns(postgres: Server, tmp_path: Path) -> None:
    with places.on(postgres):
        Ledger(places.at(tmp_path)).close()
        for question in QUESTIONS:
            assert places.query(tmp_path, question) == []
        found = places.query(
            tmp_path,
            "select table_name, column_name from information_schema.columns"
            f" where table_schema = '{places.schema_of(tmp_path)}'",
        )
    page = {(table, column) for table, columns in tables_of_the_page().items() for column in columns}
    assert set(found) == page


def test_the_page_tells_the_limits() -> None:
    assert len(QUESTIONS) == 4
    assert f"may each have {LONGEST:,} bytes" in PAGE

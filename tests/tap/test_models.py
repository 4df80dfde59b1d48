"""Every mistake in the `models` setting has its sentence, and all of them come at once."""

from __future__ import annotations

from typing import Any

import pytest

from tap_warehouse.errors import ConfigurationError
from tap_warehouse.models import Model, Query, Table
from tap_warehouse.parsing import parse_models


def no_files(path: str) -> str:
    raise FileNotFoundError(2, "No such file or directory", path)


def problems(models: object, models_file: str | None = None, text: str | None = None) -> tuple[str, ...]:
    with pytest.raises(ConfigurationError) as raised:
        parse_models(models, models_file, no_files if text is None else lambda _: text)
    return raised.value.problems


def test_a_table_with_a_text_key() -> None:
    model = {"table": "marts.customers", "primary_key": "id", "change": "full"}
    assert parse_models({"c": model}, None, no_files) == (Model("c", Table(("marts", "customers")), ("id",)),)


@pytest.mark.parametrize(
    ("written", "parts"),
    [
        ("t", ("t",)),
        ("a.b.c", ("a", "b", "c")),
        ('marts."a.b"', ("marts", "a.b")),
        ('"say ""x"""', ('say "x"',)),
        ("my schema.my table", ("my schema", "my table")),
    ],
)
def test_table_names_are_taken_apart(written: str, parts: tuple[str, ...]) -> None:
    (model,) = parse_models({"s": {"table": written, "primary_key": ["id"]}}, None, no_files)
    assert model.source == Table(parts)


@pytest.mark.parametrize("written", ["a.b.c.d", "a..b", ".a", "a.", '"a', '"a"b', '"', "a\0b"])
def test_what_is_no_table_name(written: str) -> None:
    (problem,) = problems({"s": {"table": written, "primary_key": "id"}})
    assert "model 's'" in problem
    assert "table" in problem


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"primary_key": "id"}, "Give one of table, sql, sql_file"),
        ({"table": "t", "sql": "select 1", "primary_key": "id"}, "table and sql exclude each other"),
        ({"table": "t"}, "primary_key is missing"),
        ({"table": "t", "primary_key": []}, "not empty"),
        ({"table": "t", "primary_key": [1]}, "not empty"),
        ({"table": "t", "primary_key": ["a", "a"]}, "names 'a' twice"),
        ({"tabel": "t", "table": "t", "primary_key": "id"}, "unknown option 'tabel'. Did you mean 'table'?"),
        ({"table": "t", "primary_key": "id", "change": "diff"}, "change must be 'full' or 'incremental' or 'snapshot'"),
        ({"sql": " ", "primary_key": "id"}, "sql must be text, not blank"),
        ({"table": 7, "primary_key": "id"}, "table must be text, not blank"),
        ({"sql_file": "gone.sql", "primary_key": "id"}, "'gone.sql' cannot be read (No such file or directory)"),
        ("select 1", "must be an object"),
        ({"customers": {"table": "t", "primary_key": "id"}}, "Write 's\\.customers' in `models`"),
    ],
)
def test_each_mistake_has_its_sentence(options: Any, expected: str) -> None:
    (problem,) = problems({"s": options})
    assert "model 's'" in problem
    assert expected in problem


def test_all_mistakes_come_at_once() -> None:
    found = problems({"a": {"table": "t"}, "b": {"primary_key": "id"}, "c": {"sql_file": "x", "primary_key": "id"}})
    assert len(found) == 3


@pytest.mark.parametrize("models", [None, {}])
def test_no_models(models: object) -> None:
    assert "models: empty" in problems(models)[0]


def test_models_must_be_an_object() -> None:
    assert "models: must be an object" in problems(["t"])[0]


@pytest.mark.parametrize("name", ["", "  ", "\ud800"])
def test_names_that_no_stream_can_have(name: str) -> None:
    assert "a stream needs a name" in problems({name: {"table": "t", "primary_key": "id"}})[0]


def test_a_models_file_keeps_dots_dollars_and_order() -> None:
    text = "z.last: {sql: 'select $HOME as id', primary_key: id}\na: {table: t, primary_key: [x, y]}\n"
    models = parse_models({"m": {"table": "t", "primary_key": "id"}}, "models.yml", lambda _: text)
    assert [model.name for model in models] == ["z.last", "a", "m"]
    assert models[0].source == Query("select $HOME as id", "sql")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, "models_file 'm.yml': cannot be read"),
        ("a: [", "not valid YAML"),
        ("a: {table: t, primary_key: id}\na: {table: u, primary_key: id}", "written twice: a"),
        ("- a", "must be an object"),
        ("", "models: empty"),
        ("a: \0", "not valid YAML"),
    ],
)
def test_mistakes_in_a_models_file(text: str | None, expected: str) -> None:
    assert expected in problems(None, "m.yml", text)[0]


def test_one_name_in_both_settings() -> None:
    entry = "a: {table: t, primary_key: id}"
    assert (
        "named in `models` and in `models_file`" in problems({"a": {"table": "u", "primary_key": "id"}}, "m", entry)[0]
    )


def test_an_empty_sql_file() -> None:
    found = problems({"a": {"sql_file": "a.sql", "primary_key": "id"}}, None, "\n")
    assert "holds no SQL text" in found[0]


def test_text_that_is_not_utf8() -> None:
    def latin(_: str) -> str:
        return b"\xff".decode()

    with pytest.raises(ConfigurationError, match="it is not UTF-8 text"):
        parse_models({"a": {"sql_file": "a.sql", "primary_key": "id"}}, None, latin)

"""Every mistake in the `models` setting has its sentence, and all of them come at once."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_warehouse.errors import ConfigurationError
from tap_warehouse.models import Model, Query, Table
from tap_warehouse.options import OPTIONS
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
        ({"table": "t", "primary_key": "a\0b"}, "not empty"),
        ({"table": "t", "dbt": "m", "primary_key": "id"}, "table and dbt exclude each other"),
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


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"change": "increment"}, "Did you mean 'incremental'?"),
        ({"change": "incremental"}, "change 'incremental' needs replication_key"),
        ({"replication_key": "seen"}, "replication_key goes only with change 'incremental'"),
        ({"change": "incremental", "replication_key": ["seen"]}, "replication_key must be the name of one column"),
        ({"change": "incremental", "replication_key": ""}, "replication_key must be the name of one column"),
        ({"where": ""}, "where must be an SQL condition as text, not blank"),
        ({"where": "a = '\0'"}, "where must be an SQL condition"),
        ({"where": ["a"]}, "where must be an SQL condition"),
        ({"columns": "email"}, "columns must be a list of names"),
        ({"columns": []}, "columns must be a column's name or a list of names, not empty"),
        ({"columns": ["a", 1]}, "columns must be a column's name or a list of names"),
        ({"columns": ["a", "b", "a"]}, "columns names 'a' twice"),
        ({"limit": 0}, "limit must be a whole number of rows, 1 or more"),
        ({"limit": "10"}, "limit must be a whole number"),
        ({"limit": True}, "limit must be a whole number"),
        ({"limit": 10**30}, "limit must be a whole number"),
        ({"null_keys": "drop"}, "null_keys must be 'reject' or 'fail'"),
        ({"duplicate_keys": "lst", "order_by": "seen"}, "'first' or 'last'. Did you mean 'last'?"),
        ({"duplicate_keys": "last"}, "duplicate_keys 'last' needs order_by"),
        ({"order_by": "seen"}, "order_by goes only with duplicate_keys 'first' or 'last'"),
        ({"duplicate_keys": "last", "order_by": []}, "order_by must be a column's name or a list of names, not empty"),
        ({"max_changed_share": 0.5}, "max_changed_share goes only with change 'snapshot'"),
        ({"change": "snapshot", "max_changed_share": 1.5}, "max_changed_share must be a number from 0 to 1"),
        ({"change": "snapshot", "max_changed_share": float("nan")}, "max_changed_share must be a number"),
        ({"change": "snapshot", "max_changed_share": True}, "max_changed_share must be a number"),
        ({"change": "snapshot", "max_changed_share": "10%"}, "max_changed_share must be a number"),
        ({"change": None}, "change must be 'full' or 'incremental' or 'snapshot'"),
    ],
)
def test_each_option_says_what_is_allowed(options: dict[str, Any], expected: str) -> None:
    found = problems({"s": {"table": "t", "primary_key": "id"} | options})
    assert all("model 's'" in problem for problem in found)
    assert expected in "\n".join(found)


def test_the_text_of_a_where_is_not_repeated() -> None:
    (problem,) = problems({"s": {"table": "t", "primary_key": "id", "where": "token = 'hunter2'\0"}})
    assert "hunter2" not in problem


def test_every_option_arrives() -> None:
    options = {
        "table": "t",
        "primary_key": ["tenant", "id"],
        "change": "incremental",
        "replication_key": "seen_at",
        "where": "not deleted -- for now",
        "columns": ["email", "id"],
        "limit": 10,
        "null_keys": "fail",
        "duplicate_keys": "last",
        "order_by": "seen_at",
    }
    assert parse_models({"s": options}, None, no_files) == (
        Model(
            "s",
            Table(("t",)),
            ("tenant", "id"),
            change="incremental",
            replication_key="seen_at",
            where="not deleted -- for now",
            columns=("tenant", "seen_at", "email", "id"),
            limit=10,
            null_keys="fail",
            duplicate_keys="last",
            order_by=("seen_at",),
        ),
    )


def test_a_snapshot_with_a_guard() -> None:
    options = {"table": "t", "primary_key": "id", "change": "snapshot", "max_changed_share": 1}
    (model,) = parse_models({"s": options}, None, no_files)
    assert (model.change, model.max_changed_share) == ("snapshot", 1.0)


def test_a_replication_key_in_the_primary_key_is_one_column() -> None:
    options = {"table": "t", "primary_key": "id", "change": "incremental", "replication_key": "id", "columns": ["a"]}
    (model,) = parse_models({"s": options}, None, no_files)
    assert model.columns == ("id", "a")


NAMES = st.text("ab.", min_size=1, max_size=2)
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=3),
    st.lists(NAMES, max_size=3),
    NAMES,
    st.sampled_from(["full", "incremental", "snapshot", "reject", "fail", "first", "last"]),
)
OPTION_SETS = st.fixed_dictionaries({}, optional=dict.fromkeys((*OPTIONS, "odd"), VALUES))


@given(st.dictionaries(st.text(max_size=3), st.one_of(OPTION_SETS, VALUES), max_size=3))
def test_whatever_is_written_is_a_mistake_or_a_sound_model(models: dict[str, Any]) -> None:
    try:
        parsed = parse_models(models, None, no_files)
    except ConfigurationError:
        return
    assert [model.name for model in parsed] == list(models)
    for model in parsed:
        assert model.primary_key
        assert (model.replication_key is not None) == (model.change == "incremental")
        assert bool(model.order_by) == (model.duplicate_keys in {"first", "last"})
        assert model.max_changed_share is None or model.change == "snapshot"
        if model.columns is not None:
            assert {*model.primary_key, model.replication_key} - {None} <= set(model.columns)
            assert len(set(model.columns)) == len(model.columns)
        hash(model)


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


def test_an_sql_file() -> None:
    (model,) = parse_models({"a": {"sql_file": "a.sql", "primary_key": "id"}}, None, lambda _: "select 1 as id\n")
    assert model.source == Query("select 1 as id\n", "sql_file 'a.sql'")


def test_an_empty_sql_file() -> None:
    found = problems({"a": {"sql_file": "a.sql", "primary_key": "id"}}, None, "\n")
    assert "holds no SQL text" in found[0]


def test_text_that_is_not_utf8() -> None:
    def latin(_: str) -> str:
        return b"\xff".decode()

    with pytest.raises(ConfigurationError, match="it is not UTF-8 text"):
        parse_models({"a": {"sql_file": "a.sql", "primary_key": "id"}}, None, latin)

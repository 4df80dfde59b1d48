"""The messages of a run: their order, their schema, their state."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator  # type: ignore[import-untyped] # it ships no types

from tap_warehouse.duckdb import TapDuckDB
from tap_warehouse.errors import ConfigurationError
from tests.tap.helpers import Message, database, emitted, kinds, records

TABLE = {"t": {"table": "t", "primary_key": "id"}}


def check_order(messages: list[Message], streams: list[str], state_every: int) -> None:
    """What every Singer target may rely on."""
    open_since: dict[str, int] = {}
    closed: list[str] = []
    since_state = 0
    for message in messages:
        kind, stream = message["type"], message.get("stream", "")
        if kind == "SCHEMA":
            assert stream not in open_since
            open_since[stream] = 0
            schema = message["schema"]
            Draft7Validator.check_schema(schema)
        elif kind == "RECORD":
            assert stream in open_since
            assert stream not in closed
            Draft7Validator(schema).validate(message["record"])
            since_state += 1
            assert since_state <= state_every
        elif kind == "ACTIVATE_VERSION":
            closed.append(stream)
        else:
            since_state = 0
            assert set(streams) <= set(message["value"]["bookmarks"])
    assert closed == streams
    assert messages[-1]["type"] == "STATE"
    versions = {m["version"] for m in messages if "version" in m}
    assert len(versions) == 1


def test_several_models(tmp_path: Path) -> None:
    path = database(
        tmp_path / "w.duckdb",
        "create table t as select i::int as id, 'n' || i as name from range(2500) r(i)",
        "create schema marts",
        "create view marts.v as select id, name from t where id < 3",
    )
    (tmp_path / "q.sql").write_text("-- ours\nselect id, 1.50 as amount from t order by id desc limit 2; -- end\n")
    models = {
        "t": {"table": "t", "primary_key": ["id"]},
        "v": {"table": "marts.v", "primary_key": ["id", "name"]},
        "q": {"sql_file": str(tmp_path / "q.sql"), "primary_key": "id"},
        "from_first": {"sql": "from t limit 1", "primary_key": "id"},
    }
    messages = emitted(path, models)
    check_order(messages, list(models), 1000)
    assert [len(records(messages, name)) for name in models] == [2500, 3, 2, 1]
    states = [m["value"]["bookmarks"]["t"]["full"] for m in messages if m["type"] == "STATE"][:4]
    assert [(state["rows"], state["complete"]) for state in states] == [
        (1000, False),
        (2000, False),
        (2500, True),
        (2500, True),
    ]


@pytest.mark.parametrize("state_every", [1, 7, 8192, 100_000])
def test_states_come_as_often_as_asked(tmp_path: Path, state_every: int) -> None:
    path = database(tmp_path / "w.duckdb", "create table t as select i as id from range(9000) r(i)")
    messages = emitted(path, TABLE, state_every=state_every)
    check_order(messages, ["t"], state_every)
    assert [record["id"] for record in records(messages)] == list(range(9000))
    assert kinds(messages).count("STATE") == 9000 // state_every + 1


def test_an_empty_table(tmp_path: Path) -> None:
    path = database(tmp_path / "w.duckdb", "create table t (id int)")
    messages = emitted(path, TABLE)
    assert kinds(messages) == ["SCHEMA", "ACTIVATE_VERSION", "STATE"]
    full = messages[-1]["value"]["bookmarks"]["t"]["full"]
    assert full == {"version": messages[1]["version"], "rows": 0, "complete": True}


def test_a_given_state_is_echoed_first_and_kept(tmp_path: Path) -> None:
    path = database(tmp_path / "w.duckdb", "create table t as select 1 as id")
    ahead = 9_000_000_000_000
    given: dict[str, Any] = {
        "bookmarks": {"t": {"full": {"version": ahead, "rows": 5, "complete": True}}, "gone": {"snapshot": {"id": 3}}},
        "elsewhere": [1],
    }
    messages = emitted(path, {**TABLE, "u": {"table": "t", "primary_key": "id"}}, state=given)
    assert messages[0] == {"type": "STATE", "value": {**given, "bookmarks": {**given["bookmarks"], "u": {}}}}
    last = messages[-1]["value"]
    assert last["elsewhere"] == [1]
    assert last["bookmarks"]["gone"] == {"snapshot": {"id": 3}}
    assert last["bookmarks"]["t"]["full"] == {"version": ahead + 1, "rows": 1, "complete": True}
    assert given["bookmarks"]["t"]["full"]["rows"] == 5


@pytest.mark.parametrize("state", [{"bookmarks": []}, {"bookmarks": {"t": 1}}])
def test_a_state_of_another_shape_is_a_mistake(tmp_path: Path, state: dict[str, Any]) -> None:
    path = database(tmp_path / "w.duckdb", "create table t as select 1 as id")
    with pytest.raises(ConfigurationError, match="bookmarks"):
        emitted(path, TABLE, state=state)


def test_foreign_bookmarks_do_not_stop_a_run(tmp_path: Path) -> None:
    path = database(tmp_path / "w.duckdb", "create table t as select 1 as id")
    state = {"bookmarks": {"t": {"full": "x"}, "u": {"full": {"version": "y"}}, "v": {"replication_key": "z"}}}
    assert len(records(emitted(path, TABLE, state=state))) == 1


def test_broken_keys_are_counted_and_the_rows_emitted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = database(tmp_path / "w.duckdb", "create table t as select * from (values (1), (1), (1), (null), (2)) r(id)")
    with caplog.at_level(logging.WARNING):
        messages = emitted(path, TABLE)
        assert len(records(messages)) == 5
        assert "t: 1 of 5 rows have a null in the primary key" in caplog.text
        assert "t: 2 of 5 rows repeat a primary key" in caplog.text
        caplog.clear()
        emitted(path, TABLE, check_keys=False)
        assert not caplog.records


def test_a_composite_key_is_counted_as_a_whole(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = database(tmp_path / "w.duckdb", "create table t as select * from (values (1, 1), (1, 2), (1, null)) r(a, b)")
    emitted(path, {"t": {"table": "t", "primary_key": ["a", "b"]}})
    assert "1 of 3 rows have a null" in caplog.text
    assert "repeat" not in caplog.text


def test_a_key_that_breaks_its_word_breaks_the_schema(tmp_path: Path) -> None:
    path = database(tmp_path / "w.duckdb", "create table t as select null::int as id, null::int as x")
    schema, record = (m for m in emitted(path, TABLE) if m["type"] in {"SCHEMA", "RECORD"})
    (error,) = Draft7Validator(schema["schema"]).iter_errors(record["record"])
    assert list(error.path) == ["id"]


def _metadata(catalog: Message, breadcrumb: list[str]) -> Message:
    found: Message = next(m["metadata"] for m in catalog["metadata"] if m["breadcrumb"] == breadcrumb)
    return found


def test_a_catalog_deselects_streams_and_columns(tmp_path: Path) -> None:
    path = database(tmp_path / "w.duckdb", "create table t as select 1 as id, 2 as a, 3 as b")
    models = {name: {"table": "t", "primary_key": "id"} for name in ("x", "y")}
    catalog = TapDuckDB(config={"path": str(path), "models": models}).catalog_dict
    assert len(records(emitted(path, models, catalog=catalog))) == 2
    x, y = catalog["streams"]
    _metadata(x, ["properties", "a"])["selected"] = False
    _metadata(x, ["properties", "id"])["selected"] = False
    _metadata(y, [])["selected"] = False
    late = {**models, "late": {"table": "t", "primary_key": "id"}}
    messages = emitted(path, late, catalog=catalog)
    assert records(messages, "x") == [{"id": 1, "b": 3}]
    assert records(messages, "y") == []
    assert records(messages, "late") == [{"id": 1, "a": 2, "b": 3}]
    assert set(messages[-1]["value"]["bookmarks"]) == {"x", "y", "late"}
    schema = next(m for m in messages if m["type"] == "SCHEMA" and m["stream"] == "x")
    assert set(schema["schema"]["properties"]) == {"id", "b"}


def test_nothing_selected(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = database(tmp_path / "w.duckdb", "create table t as select 1 as id")
    catalog = TapDuckDB(config={"path": str(path), "models": TABLE}).catalog_dict
    _metadata(catalog["streams"][0], [])["selected"] = False
    assert emitted(path, TABLE, catalog=catalog) == []
    assert "no model is selected" in caplog.text


@pytest.mark.parametrize("catalog", [{"streams": [{}]}, {}, {"streams": [1]}])
def test_what_is_no_catalog(tmp_path: Path, catalog: dict[str, Any]) -> None:
    path = database(tmp_path / "w.duckdb", "create table t as select 1 as id")
    with pytest.raises(ConfigurationError, match="not a Singer catalog"):
        emitted(path, TABLE, catalog=catalog)


def test_paths_start_at_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database(tmp_path / "w.duckdb", "create table t as select 1 as id")
    (tmp_path / "models.yml").write_text("t: {table: t, primary_key: id}")
    monkeypatch.setenv("MELTANO_PROJECT_ROOT", str(tmp_path))
    tap = TapDuckDB(config={"path": "w.duckdb", "models_file": "models.yml"})
    assert [stream["tap_stream_id"] for stream in tap.catalog_dict["streams"]] == ["t"]
    monkeypatch.delenv("MELTANO_PROJECT_ROOT")
    monkeypatch.chdir(tmp_path)
    assert tap.catalog_dict["streams"]

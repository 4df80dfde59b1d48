"""Change detection from run to run, the same story in every warehouse. See `benches`."""

from __future__ import annotations

import importlib
import json
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tap_warehouse.errors import Guarded, ReadFault
from tests.tap.benches import Bench, Bookmarks, DuckBench, failed, state_of
from tests.tap.benches_postgres import PostgresBench
from tests.tap.helpers import Message, kinds, records


def redshift_bench(_folder: Path, request: pytest.FixtureRequest) -> Bench:
    """Make one where the driver is installed."""
    port = request.getfixturevalue("redshift_port")
    bench: Bench = importlib.import_module("tests.tap.benches_redshift").RedshiftBench(
        request.getfixturevalue("postgres"), port
    )
    return bench


def snowflake_bench(_folder: Path, request: pytest.FixtureRequest) -> Bench:
    """Make one where the driver and its server are installed."""
    server = request.getfixturevalue("fakesnow")
    bench: Bench = importlib.import_module("tests.tap.benches_snowflake").SnowBench(server, request)
    return bench


BENCHES: dict[str, Callable[[Path, pytest.FixtureRequest], Bench]] = {
    "duckdb": lambda folder, _request: DuckBench(folder, "local"),
    "duckdb-warehouse": lambda folder, _request: DuckBench(folder, "warehouse"),
    "postgres": lambda _folder, request: PostgresBench(request.getfixturevalue("postgres")),
    "redshift": redshift_bench,
    "snowflake": snowflake_bench,
}
COLUMNS = {"id": "int", "v": "text"}
SECRET = "hunter2"


@pytest.fixture(params=BENCHES)
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Bench:
    return BENCHES[request.param](tmp_path, request)


def told(messages: Sequence[Message], key: str = "id") -> list[str]:
    """Each record in short: `1=x`, `2 gone`, `3 refused`."""
    short = []
    for record in records(messages):
        if record.get("_sdc_deleted_at"):
            short.append(f"{record[key]} gone")
        elif "_penstock_refused" in record:
            short.append(f"{record[key]} refused")
        else:
            short.append(f"{record[key]}={record.get('v')}")
    return short


def started(
    bench: Bench, rows: Sequence[Sequence[object]] = ((1, "a"), (2, "b"), (3, "c")), **options: Any
) -> Bookmarks:
    """A table, a first run, and its last STATE."""
    bench.table("t", COLUMNS, rows)
    return state_of(bench.run(bench.model("t", **options)))


def test_the_first_run_emits_everything_and_says_so(bench: Bench) -> None:
    bench.table("t", COLUMNS, [(2, "b"), (1, "a"), (3, None)])
    messages = bench.run(bench.model("t"))
    assert kinds(messages) == ["SCHEMA", "RECORD", "RECORD", "RECORD", "ACTIVATE_VERSION", "STATE"]
    assert told(messages) == ["1=a", "2=b", "3=None"]
    assert len({message["version"] for message in messages if "version" in message}) == 1
    mark = state_of(messages)["bookmarks"]["t"]["snapshot"]
    assert (mark["base"], mark["done"], mark["complete"]) == (None, 3, True)


def test_an_empty_model_then_a_row(bench: Bench) -> None:
    state = started(bench, ())
    bench.insert("t", [(1, "a")])
    messages = bench.run(bench.model("t"), state=state)
    assert kinds(messages) == ["STATE", "SCHEMA", "RECORD", "STATE"]


def test_nothing_changed_emits_nothing_again_and_again(bench: Bench) -> None:
    state = started(bench)
    for _ in range(3):
        messages = bench.run(bench.model("t"), state=state)
        assert kinds(messages) == ["STATE", "SCHEMA", "STATE"]
        state = state_of(messages)


def test_added_changed_and_removed_come_in_key_order(bench: Bench) -> None:
    state = started(bench)
    bench.sql(f"update {bench.name('t')} set v = 'B' where id = 2", f"delete from {bench.name('t')} where id = 1")
    bench.insert("t", [(4, "d"), (0, "z")])
    messages = bench.run(bench.model("t"), state=state)
    assert told(messages) == ["0=z", "1 gone", "2=B", "4=d"]
    assert "ACTIVATE_VERSION" not in kinds(messages)
    gone = next(record for record in records(messages) if "_sdc_deleted_at" in record)
    assert gone == {"id": 1, "_sdc_deleted_at": bench.now.isoformat(timespec="microseconds")}
    assert told(bench.run(bench.model("t"), state=state_of(messages))) == []


def test_what_no_state_acknowledged_comes_again(bench: Bench) -> None:
    state = started(bench)
    bench.sql(f"update {bench.name('t')} set v = 'B' where id = 2", f"delete from {bench.name('t')} where id = 3")
    for _ in range(2):
        assert told(bench.run(bench.model("t"), state=state)) == ["2=B", "3 gone"]
    bench.sql(f"update {bench.name('t')} set v = 'b' where id = 2")
    back = bench.run(bench.model("t"), state=state)
    assert told(back) == ["2=b", "3 gone"], "B may have arrived, so b must be said again"
    assert told(bench.run(bench.model("t"), state=state_of(back))) == []


def test_a_state_from_the_middle_acknowledges_what_stands_before_it(bench: Bench) -> None:
    state = started(bench, [(i, "a") for i in range(1, 7)])
    bench.sql(f"update {bench.name('t')} set v = 'b' where id <= 3", f"delete from {bench.name('t')} where id >= 5")
    messages = bench.run(bench.model("t"), state=state, state_every=2)
    assert told(messages) == ["1=b", "2=b", "3=b", "5 gone", "6 gone"]
    middle = state_of(messages, 2)
    assert middle["bookmarks"]["t"]["snapshot"]["done"] == 4
    assert told(bench.run(bench.model("t"), state=middle)) == ["6 gone"]
    end = bench.last
    assert told(bench.run(bench.model("t"), state=state_of(end))) == []


def test_a_first_run_that_was_not_read_to_its_end_starts_again(bench: Bench) -> None:
    bench.table("t", COLUMNS, [(1, "a"), (2, "b"), (3, "c")])
    middle = state_of(bench.run(bench.model("t"), state_every=1), 0)
    messages = bench.run(bench.model("t"), state=middle)
    assert told(messages) == ["1=a", "2=b", "3=c"]
    assert kinds(messages)[-2] == "ACTIVATE_VERSION"


def test_two_runs_from_one_state_cannot_corrupt_it(bench: Bench) -> None:
    state = started(bench)
    bench.sql(f"update {bench.name('t')} set v = 'B' where id = 2")
    one = bench.run(bench.model("t"), state=state)
    bench.sql(f"update {bench.name('t')} set v = 'C' where id = 3")
    two = bench.run(bench.model("t"), state=state)
    assert (told(one), told(two)) == (["2=B"], ["2=B", "3=C"])
    assert told(bench.run(bench.model("t"), state=state_of(two))) == []
    behind = bench.run(bench.model("t"), state=state_of(one))  # the base has moved on by the other's word
    assert told(behind) == ["1=a", "2=B", "3=C"]
    assert kinds(behind)[-2] == "ACTIVATE_VERSION"
    assert told(bench.run(bench.model("t"), state=state_of(behind))) == []


@pytest.mark.parametrize("damage", ["delete from {}", "drop table {}"])
def test_a_lost_or_damaged_base_is_a_complete_read(bench: Bench, damage: str, caplog: pytest.LogCaptureFixture) -> None:
    state = state_of(bench.run(bench.model("t"), state=started(bench)))
    [base] = bench.bases()
    bench.store_sql(damage.format(base) + (" where k0 = 2" if damage.startswith("delete") else ""))
    with caplog.at_level(logging.WARNING):
        messages = bench.run(bench.model("t"), state=state)
    assert "lost or damaged" in caplog.text
    assert kinds(messages)[-2] == "ACTIVATE_VERSION"
    assert told(messages) == ["1=a", "2=b", "3=c"]
    assert told(bench.run(bench.model("t"), state=state_of(messages))) == []


@pytest.mark.parametrize("kind", ["base", "delta"])
def test_damage_shows_behind_a_run_that_no_state_acknowledged(bench: Bench, kind: str) -> None:
    """Its rows may have arrived, so they become part of the base; that must not hide what the base lost."""
    state = state_of(bench.run(bench.model("t"), state=started(bench)))
    bench.sql(f"delete from {bench.name('t')} where id = 1")
    bench.run(bench.model("t"), state=state)
    for table in bench.stored():
        if f"{kind}_" in table.split("|")[-1]:
            bench.store_sql(f"delete from {table} where k0 = 1")
    messages = bench.run(bench.model("t"), state=state)
    assert kinds(messages)[-2] == "ACTIVATE_VERSION"
    assert told(messages) == ["2=b", "3=c"]


def test_a_delta_that_was_emptied_acknowledges_nothing(bench: Bench) -> None:
    state = started(bench)
    for table in bench.stored():
        if "delta_" in table.split("|")[-1]:
            bench.store_sql(f"delete from {table} where n > 0")
    bench.sql(f"delete from {bench.name('t')} where id = 1")
    messages = bench.run(bench.model("t"), state=state)
    assert kinds(messages)[-2] == "ACTIVATE_VERSION"
    assert told(messages) == ["2=b", "3=c"]


def test_a_lost_store_is_a_complete_read(bench: Bench) -> None:
    state = started(bench)
    for table in bench.stored():
        bench.store_sql(f"drop table {table}")
    messages = bench.run(bench.model("t"), state=state)
    assert kinds(messages)[-2] == "ACTIVATE_VERSION"
    assert told(bench.run(bench.model("t"), state=state_of(messages))) == []


def test_composite_keys_stay_apart(bench: Bench) -> None:
    columns = {"a": "text", "b": "text", "v": "text"}
    bench.table("t", columns, [("x", "yz", "1"), ("xy", "z", "2"), ("x", "y", "3")])
    model = bench.model("t", "a", "b")
    state = state_of(bench.run(model))
    bench.sql(f"delete from {bench.name('t')} where a = 'xy'", f"update {bench.name('t')} set v = '4' where b = 'yz'")
    messages = bench.run(model, state=state)
    assert [(r["a"], r["b"], r.get("v")) for r in records(messages)] == [("x", "yz", "4"), ("xy", "z", None)]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (("a|b", "c"), ("a", "b|c")),
        (("a", None), (None, "a")),
        (("1:a", "b"), ("1", "a:b")),
        (('a"', '"b'), ('a","', "b")),
        (("", None), (None, "")),
        (("-", "a"), (None, "a")),
        (("a ", "b"), ("a", " b")),
        (("null", "x"), (None, "x")),
        (("é", "b"), ("e", "b")),
        (("\\", "b"), ("\\\\", "b")),
    ],
)
def test_values_do_not_run_together(bench: Bench, before: tuple[Any, Any], after: tuple[Any, Any]) -> None:
    bench.table("t", {"id": "int", "x": "text", "y": "text"}, [(1, *before)])
    state = state_of(bench.run(bench.model("t")))
    bench.sql(f"delete from {bench.name('t')} where id = 1")
    bench.insert("t", [(1, *after)])
    [record] = records(bench.run(bench.model("t"), state=state))
    assert (record["x"], record["y"]) == after


def test_text_of_any_kind_in_keys_and_values(bench: Bench) -> None:
    values = ["it's", 'say "x"', "back\\slash", "tab\tline\nfeed", "żółć 🚀", "{}", "%s", "\x01\x02"]
    bench.table("t", {"id": "text", "v": "text"}, [(value, value) for value in values])
    messages = bench.run(bench.model("t"))
    assert {(record["id"], record["v"]) for record in records(messages)} == {(value, value) for value in values}
    assert told(bench.run(bench.model("t"), state=state_of(messages))) == []
    bench.sql(f"delete from {bench.name('t')} where 1 = 1")
    gone = records(bench.run(bench.model("t"), state=state_of(messages)))
    assert {record["id"] for record in gone} == set(values)


# Columns and keys that become others


def test_a_new_column_emits_every_row_once(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    state = started(bench)
    bench.table("t", {**COLUMNS, "w": "int"}, [(1, "a", None), (2, "b", None), (3, "c", 7)])
    with caplog.at_level(logging.WARNING):
        messages = bench.run(bench.model("t"), state=state)
    assert "columns or types are others" in caplog.text
    assert [record["w"] for record in records(messages)] == [None, None, 7]
    assert records(bench.run(bench.model("t"), state=state_of(messages))) == []


def test_a_dropped_column_emits_every_row_once(bench: Bench) -> None:
    state = started(bench)
    bench.table("t", {"id": "int"}, [(1,), (2,), (3,)])
    messages = bench.run(bench.model("t"), state=state)
    assert records(messages) == [{"id": 1}, {"id": 2}, {"id": 3}]
    assert records(bench.run(bench.model("t"), state=state_of(messages))) == []


def test_a_changed_type_emits_every_row_once(bench: Bench) -> None:
    bench.table("t", {"id": "int", "v": "int"}, [(1, 5), (2, None)])
    state = state_of(bench.run(bench.model("t")))
    bench.table("t", {"id": "int", "v": "text"}, [(1, "5"), (2, None)])
    messages = bench.run(bench.model("t"), state=state)
    assert told(messages) == ["1=5", "2=None"]
    assert told(bench.run(bench.model("t"), state=state_of(messages))) == []


@pytest.mark.parametrize("columns", [{"key": "int", "v": "text"}, {"id": "text", "v": "text"}])
def test_another_primary_key_is_a_complete_read(
    bench: Bench, columns: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    state = started(bench)
    key = next(iter(columns))
    bench.table("t", columns, [("1", "a") if columns[key] == "text" else (1, "a")])
    with caplog.at_level(logging.WARNING):
        messages = bench.run(bench.model("t", key), state=state)
    assert "the primary key is another one" in caplog.text
    assert kinds(messages)[-2] == "ACTIVATE_VERSION"
    assert told(bench.run(bench.model("t", key), state=state_of(messages)), key) == []


# Keys that are none


@pytest.mark.parametrize("first", [True, False])
def test_a_null_in_the_key_is_shown_at_every_run(bench: Bench, caplog: pytest.LogCaptureFixture, first: bool) -> None:
    state = started(bench, [(1, "a"), (None, "n")] if first else [(1, "a")])
    if not first:
        bench.insert("t", [(None, "n")])
    with caplog.at_level(logging.WARNING):
        messages = bench.run(bench.model("t"), state=state)
    assert told(messages) == ["None=n"]
    assert "1 of 2 rows have a null in the primary key" in caplog.text
    assert told(bench.run(bench.model("t"), state=state_of(messages))) == ["None=n"]
    error = failed(bench, Guarded, bench.model("t", null_keys="fail"), state=state)
    assert "null_keys is 'fail'" in str(error)
    assert records(bench.last) == []


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("reject", ["2 refused", "2 refused", "1=a"]),
        ("first", ["1=a", "2=b"]),
        ("last", ["1=a", "2=c"]),
    ],
)
def test_repeated_keys_by_each_policy(
    bench: Bench, policy: str, expected: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    bench.table("t", COLUMNS, [(1, "a"), (2, "c"), (2, "b")])
    model = bench.model("t", duplicate_keys=policy, order_by=("v",))
    with caplog.at_level(logging.WARNING):
        messages = bench.run(model)
    assert "1 of 3 rows repeat a primary key" in caplog.text
    assert told(messages) == expected
    again = bench.run(model, state=state_of(messages))
    assert told(again) == [each for each in expected if "refused" in each]


def test_repeated_keys_can_fail_a_model_while_the_others_go_on(bench: Bench) -> None:
    bench.table("t", COLUMNS, [(2, "c"), (2, "b")])
    bench.table("u", COLUMNS, [(1, "a")])
    error = failed(bench, Guarded, bench.model("t", duplicate_keys="fail"), bench.model("u"))
    assert "duplicate_keys is 'fail'" in str(error)
    assert (records(bench.last, "t"), len(records(bench.last, "u"))) == ([], 1)


def test_a_key_that_comes_to_be_repeated_keeps_what_was_acknowledged(bench: Bench) -> None:
    state = started(bench)
    bench.insert("t", [(2, "b2")])
    messages = bench.run(bench.model("t"), state=state)
    assert told(messages) == ["2 refused", "2 refused"]
    bench.sql(f"delete from {bench.name('t')} where v = 'b2'")
    assert told(bench.run(bench.model("t"), state=state_of(messages))) == []


# Guards, several models, what is left behind


def test_too_large_a_share_stops_before_the_first_row(bench: Bench) -> None:
    state = started(bench, [(i, "a") for i in range(10)])
    bench.sql(f"update {bench.name('t')} set v = 'b' where id < 3")
    guarded = bench.model("t", max_changed_share=0.2)
    assert "3 rows were added, changed or removed" in str(failed(bench, Guarded, guarded, state=state))
    assert records(bench.last) == []
    assert len(records(bench.run(bench.model("t", max_changed_share=0.3), state=state))) == 3


def test_each_model_has_its_own_snapshot(bench: Bench) -> None:
    bench.table("t", COLUMNS, [(1, "a")])
    bench.table("u", COLUMNS, [(1, "a")])
    models = [bench.model("t"), bench.model("u")]
    state = state_of(bench.run(*models))
    bench.sql(f"update {bench.name('u')} set v = 'b' where id = 1")
    messages = bench.run(*models, state=state)
    assert (records(messages, "t"), records(messages, "u")) == ([], [{"id": 1, "v": "b"}])
    assert set(state_of(messages)["bookmarks"]) == {"t", "u"}


def test_old_tables_are_dropped(bench: Bench) -> None:
    state = started(bench)
    for value in "xyz":
        bench.sql(f"update {bench.name('t')} set v = '{value}' where id = 2")
        bench.later(hours=2)
        state = state_of(bench.run(bench.model("t"), state=state))
    assert len(bench.bases()) == 1
    assert len([table for table in bench.stored() if "delta_" in table]) <= 2
    assert not [table for table in bench.stored() if "found_" in table]


def test_a_where_and_columns_of_the_model(bench: Bench) -> None:
    bench.table("t", {**COLUMNS, "w": "int"}, [(1, "a", 1), (2, "b", 2)])
    model = bench.model("t", where="w > 1 -- a comment", columns=("id", "v"))
    messages = bench.run(model)
    assert records(messages) == [{"id": 2, "v": "b"}]
    bench.sql(f"update {bench.name('t')} set w = w + 1")
    assert told(bench.run(model, state=state_of(messages))) == ["1=a"]


def test_a_trial_leaves_the_bookmark(bench: Bench) -> None:
    state = started(bench)
    messages = bench.run(bench.model("t", limit=2), state=state)
    assert len(records(messages)) == 2
    assert state_of(messages)["bookmarks"]["t"]["snapshot"] == state["bookmarks"]["t"]["snapshot"]
    assert "ACTIVATE_VERSION" not in kinds(messages)


# Full and incremental


def test_full_emits_everything_every_time(bench: Bench) -> None:
    bench.table("t", COLUMNS, [(1, "a"), (2, "b")])
    state: Bookmarks = {}
    for _ in range(2):
        messages = bench.run(bench.model("t", change="full"), state=state)
        state = state_of(messages)
        assert sorted(told(messages)) == ["1=a", "2=b"]
        assert kinds(messages)[-2] == "ACTIVATE_VERSION"


def test_incremental_goes_on_from_its_bookmark_ties_included(bench: Bench) -> None:
    bench.table("t", {"id": "int", "seen": "long"}, [(1, 10), (2, 20), (3, 20)])
    model = bench.model("t", change="incremental", replication_key="seen")
    first = bench.run(model)
    assert records(first)[0]["id"] == 1
    assert kinds(first)[-2] == "ACTIVATE_VERSION"
    assert state_of(first)["bookmarks"]["t"]["replication_key_value"] == 20
    bench.insert("t", [(4, 20), (5, 30), (6, 5)])
    second = bench.run(model, state=state_of(first))
    assert sorted(record["id"] for record in records(second)) == [2, 3, 4, 5]
    assert "ACTIVATE_VERSION" not in kinds(second)


def test_incremental_bookmarks_only_where_the_value_changes(bench: Bench) -> None:
    bench.table("t", {"id": "int", "seen": "decimal"}, [(i, f"{i // 3}.50") for i in range(9)])
    model = bench.model("t", change="incremental", replication_key="seen")
    messages = bench.run(model, state_every=1)
    values = [
        message["value"]["bookmarks"]["t"]["replication_key_value"]
        for message in messages
        if message["type"] == "STATE"
    ]
    assert values == ["0.50", "1.50", "2.50"]
    again = bench.run(model, state=state_of(messages, 1))
    assert sorted(record["id"] for record in records(again)) == [3, 4, 5, 6, 7, 8]


def test_a_row_without_a_replication_key_comes_at_every_run(bench: Bench) -> None:
    bench.table("t", {"id": "int", "seen": "long"}, [(1, None), (2, 20)])
    model = bench.model("t", change="incremental", replication_key="seen")
    state = state_of(bench.run(model))
    bench.insert("t", [(3, 30)])
    assert sorted(record["id"] for record in records(bench.run(model, state=state))) == [1, 2, 3]


# Failure


def test_a_read_that_fails_in_the_middle_closes_nothing_and_quotes_no_row(bench: Bench) -> None:
    bench.table("t", COLUMNS, [(i, str(i)) for i in range(50)])
    bench.insert("t", [(50, SECRET)])
    model = bench.query("q", "select id, cast(v as int) as n from {t}", change="full")
    error = failed(bench, ReadFault, model, check_keys=False)
    assert SECRET not in str(error)
    assert "ACTIVATE_VERSION" not in kinds(bench.last)
    snapshot = bench.query("q", "select id, cast(v as int) as n from {t}", change="snapshot")
    assert SECRET not in str(failed(bench, ReadFault, snapshot))
    assert SECRET not in json.dumps(bench.last)

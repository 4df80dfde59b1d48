"""Options of models, full and incremental reads, and a read that fails, the same in every warehouse. See `benches`."""

from __future__ import annotations

import json
import logging
import re
from dataclasses import replace

import pytest

from tap_warehouse.errors import ConfigurationError, ReadFault
from tests.tap.benches import Bench, Bookmarks, failed, state_of
from tests.tap.helpers import kinds, records
from tests.tap.story import COLUMNS, SECRET, started, told


def test_a_where_and_columns_of_the_model(bench: Bench) -> None:
    bench.table("t", {**COLUMNS, "w": "int"}, [(1, "a", 1), (2, "b", 2)])
    model = bench.model("t", where="w > 1 -- a comment", columns=("id", "v"))
    messages = bench.run(model)
    assert records(messages) == [{"id": 2, "v": "b"}]
    bench.sql(f"update {bench.name('t')} set w = w + 1")
    assert told(bench.run(model, state=state_of(messages))) == ["1=a"]


@pytest.mark.parametrize(
    "where",
    [
        "id = 1) or (1 = 1",
        "id = 1 as boolean) or cast(1 = 1",
        "1 = 1) union all (select * from t where 1 = 1",
        "id = 1)",
    ],
)
def test_a_where_is_one_condition_and_stays_in_its_parentheses(bench: Bench, where: str) -> None:
    bench.table("t", COLUMNS, [(1, "a"), (2, "b")])
    error = failed(bench, ConfigurationError, bench.model("t", where=where))
    assert isinstance(error, ConfigurationError)
    [problem] = error.problems
    assert problem.startswith("model 't': where ")


@pytest.mark.parametrize(
    "where",
    ["(id = 1) or (v = ')')", "v like 'a%' and not (v is null) /* :) */", "id in (select 1) or v = '(' -- )", "id < 2"],
)
def test_parentheses_in_quotes_and_comments_of_a_where_are_nobodys_business(bench: Bench, where: str) -> None:
    bench.table("t", COLUMNS, [(1, "a"), (2, "b")])
    assert told(bench.run(bench.model("t", where=where))) == ["1=a"]


def test_every_mistake_of_a_model_is_named_at_once(bench: Bench) -> None:
    bench.table("t", {**COLUMNS, "w": "int"})
    wrong = bench.model("t", "idd", where="nope > 1", columns=("idd", "v", "vv", "w"), order_by=("ww",))
    broken = replace(bench.model("t", "idd", where="id = 1) or (1 = 1", columns=("idd", "vw")), name="u")
    error = failed(bench, ConfigurationError, wrong, broken)
    assert isinstance(error, ConfigurationError)
    told = [problem.split(" is ")[0].split(" must")[0] for problem in error.problems]
    assert told == [
        "model 't': primary_key 'idd'",
        "model 't': order_by 'ww'",
        "model 't': columns: 'vv'",
        "model 't': where",
        "model 'u': primary_key 'idd'",
        "model 'u': columns: 'vw'",
        "model 'u': where",
    ]
    assert "Did you mean 'id'?" in error.problems[0]


def test_the_log_says_which_rows_these_were(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    def logged(*, state: Bookmarks) -> tuple[Bookmarks, str]:
        caplog.clear()
        with caplog.at_level(logging.INFO):
            after = state_of(bench.run(bench.model("t"), state=state))
        assert re.search(r"(DuckDB|PostgreSQL|Redshift|Snowflake|BigQuery): \d+ (statements|jobs), \d", caplog.text)
        [line] = re.findall(r"t: (\d+ rows \(.*?\)) in \S+ s, \S+ s of it in the warehouse;", caplog.text)
        return after, line

    bench.table("t", COLUMNS, [(1, "a"), (2, "b"), (3, "c")])
    state, line = logged(state={})
    assert line == "3 rows (the whole model)"
    state, line = logged(state=state)
    assert line == "0 rows (nothing has changed; 3 compared)"
    bench.insert("t", [(4, "d"), (5, "e"), (5, "f")])
    bench.sql(f"delete from {bench.name('t')} where id = 1")
    _, line = logged(state=state)
    assert line == "4 rows (1 added, 1 removed, 2 with a repeated key; 5 compared)"


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

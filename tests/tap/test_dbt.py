"""Models found in a dbt manifest: one that dbt wrote of a small project, with its nodes' bulky parts cut away.

In it `broken` could not be built, `after_broken` was skipped, a test of `bad_rows` failed and another only warned.
"""

from __future__ import annotations

from typing import Any

import pytest

from tap_warehouse.models import Model, Table
from tests.tap.dbt_project import (
    HOME,
    MANIFEST,
    Json,
    fresh,
    model,
    parsed,
    problems,
    settings,
    with_meta,
    with_model,
)

# Where it is and what identifies a row


def test_a_model_by_its_name() -> None:
    assert model("activation_contacts") == Model(
        "s", Table(("warehouse", "activation", "activation_contacts")), ("customer_key",)
    )


@pytest.mark.parametrize(
    ("name", "last_part"),
    [
        (f"{HOME}.activation_contacts", "activation_contacts"),
        (f"model.{HOME}.activation_contacts", "activation_contacts"),
        ("price", "price_v2"),
        ("price.v1", "price_v1"),
        (f"{HOME}.price.v1", "price_v1"),
        ("seed.people", "people"),
        ("source.raw.people", "people"),
        ("snapshot.plan_history", "plan_history"),
    ],
)
def test_other_names_of_a_node(name: str, last_part: str) -> None:
    source = model(name, primary_key="id").source
    assert isinstance(source, Table)
    assert source.parts[-1] == last_part


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("activation_contact", "has no dbt model 'activation_contact'. Did you mean 'activation_contacts'"),
        ("people", "Did you mean 'seed.people' or 'source.raw.people'?"),
        ("inner_part", "dbt model 'inner_part' is ephemeral, so the warehouse does not have it"),
        ("gone", "is disabled in dbt"),
        (" ", "dbt must be text, not blank"),
        (7, "dbt must be text, not blank"),
        (f"unique_{HOME}", "has no dbt model"),
    ],
)
def test_names_that_lead_nowhere(name: object, expected: str) -> None:
    found = problems(settings(), {"s": {"dbt": name, "primary_key": "id"}})
    assert len(found) == 1
    assert "models: model 's'" in found[0]
    assert expected in found[0]


def test_an_own_model_comes_before_a_package_s() -> None:
    manifest = fresh()
    ours = manifest["nodes"][f"model.{HOME}.plan"]
    manifest["nodes"]["model.other.plan"] = ours | {
        "unique_id": "model.other.plan",
        "package_name": "other",
        "schema": "o",
    }
    assert model("plan", settings(manifest), primary_key="id").source == Table(("warehouse", "main", "plan"))
    assert model("other.plan", settings(manifest), primary_key="id").source == Table(("warehouse", "o", "plan"))
    manifest["metadata"]["project_name"] = "third"
    (problem,) = problems(settings(manifest), {"s": {"dbt": "plan", "primary_key": "id"}})
    assert "means more than one model. Write model.other.plan or model.penstock_demo.plan." in problem


@pytest.mark.parametrize(
    ("adapter", "rendered", "parts"),
    [
        ("snowflake", "prod.Marts.contacts", ("PROD", "MARTS", "CONTACTS")),
        ("snowflake", 'prod.Marts."contacts"', ("PROD", "MARTS", "contacts")),
        ("postgres", '"prod"."Marts"."contacts"', ("prod", "Marts", "contacts")),
        ("redshift", "prod.Marts.contacts", ("prod", "marts", "contacts")),
        ("bigquery", "`prod`.`Marts`.`contacts`", ("prod", "Marts", "contacts")),
        ("duckdb", '"prod"."Marts"."contacts"', ("prod", "Marts", "contacts")),
    ],
)
def test_names_are_those_that_the_warehouse_stores(adapter: str, rendered: str, parts: tuple[str, ...]) -> None:
    manifest = with_model(database="prod", schema="Marts", alias="contacts", relation_name=rendered)
    manifest["metadata"]["adapter_type"] = adapter
    assert model("activation_contacts", settings(manifest)).source == Table(parts)


def test_an_adapter_without_databases() -> None:
    manifest = with_model(database=None)
    assert model("activation_contacts", settings(manifest)).source == Table(("activation", "activation_contacts"))


def test_a_source_that_is_no_table() -> None:
    manifest = fresh()
    manifest["sources"][f"source.{HOME}.raw.people"]["relation_name"] = "read_csv('a.csv')"
    (problem,) = problems(settings(manifest), {"s": {"dbt": "source.raw.people", "primary_key": "id"}})
    assert "dbt source 'raw.people' is no table of the warehouse. Read it with sql." in problem


def without_meta(**changes: Any) -> Json:
    return with_model(meta={}, config={"materialized": "table"}, **changes)


COMPOSITE = {"name": "unique_combination_of_columns", "kwargs": {"combination_of_columns": ["tenant", "id"]}}


def test_the_key_that_dbt_infers() -> None:
    assert model("activation_contacts", settings(without_meta(primary_key=["inferred"]))).primary_key == ("inferred",)


@pytest.mark.parametrize("inferred", [[], None])
def test_the_key_of_a_unique_and_a_not_null_test(inferred: object) -> None:
    manifest = without_meta(primary_key=inferred)
    assert model("activation_contacts", settings(manifest)).primary_key == ("customer_key",)


@pytest.mark.parametrize("weaker", [{"severity": "WARN"}, {"where": "not deleted"}, {"enabled": False}])
def test_a_test_that_proves_little_makes_no_key(weaker: Json) -> None:
    manifest = without_meta(primary_key=[])
    (test,) = (t for t in manifest["nodes"].values() if t["name"] == "unique_activation_contacts_customer_key")
    test["config"].update(weaker)
    (problem,) = problems(settings(manifest), {"s": {"dbt": "activation_contacts"}})
    assert "primary_key is missing, and dbt tells none for dbt model 'activation_contacts'" in problem
    assert "or the tests unique and not_null to one of its columns" in problem


def test_columns_that_are_unique_each_by_itself_are_no_key() -> None:
    """As dbt 1.11 wrote it, in the order of a set."""
    assert sorted(MANIFEST["nodes"][f"model.{HOME}.plan"]["primary_key"]) == ["plan", "plan_id"]
    (problem,) = problems(settings(), {"s": {"dbt": "plan"}})
    assert "has several columns that may be it: plan, plan_id. Add primary_key here" in problem


@pytest.mark.parametrize("inferred", [["tenant", "id"], ["id", "tenant"]])
def test_a_key_of_two_columns_keeps_the_order_in_which_somebody_wrote_it(inferred: list[str]) -> None:
    together = without_meta(primary_key=inferred, constraints=[{"type": "primary_key", "columns": ["tenant", "id"]}])
    assert model("activation_contacts", settings(together)).primary_key == ("tenant", "id")
    tested = without_meta(primary_key=inferred)
    tested["nodes"]["test.u"] = {
        "unique_id": "test.u",
        "name": "u",
        "resource_type": "test",
        "attached_node": f"model.{HOME}.activation_contacts",
        "test_metadata": COMPOSITE,
    }
    assert model("activation_contacts", settings(tested)).primary_key == ("tenant", "id")


def test_a_combination_that_is_not_the_key_is_none() -> None:
    constraint = {"type": "primary_key", "columns": ["tenant", "id"]}
    manifest = without_meta(primary_key=["a", "b"], constraints=[constraint, {"type": "check", "columns": ["a", "b"]}])
    (problem,) = problems(settings(manifest), {"s": {"dbt": "activation_contacts"}})
    assert "several columns that may be it: a, b" in problem


def test_a_model_that_is_disabled_where_it_stands() -> None:
    manifest = with_model(config={"enabled": False})
    (problem,) = problems(settings(manifest), {"s": {"dbt": "activation_contacts"}})
    assert "dbt model 'activation_contacts' is disabled in dbt" in problem


# meta.penstock


def test_options_in_meta_are_defaults() -> None:
    dbt = with_meta({"primary_key": "id", "change": "snapshot", "max_changed_share": 0.2, "where": "active"})
    assert model("activation_contacts", dbt, where="not active", limit=5) == Model(
        "s",
        Table(("warehouse", "activation", "activation_contacts")),
        ("id",),
        change="snapshot",
        max_changed_share=0.2,
        where="not active",
        limit=5,
    )


def test_a_default_that_goes_only_with_a_replaced_one_goes_too() -> None:
    dbt = with_meta({"change": "snapshot", "max_changed_share": 0.2, "duplicate_keys": "last", "order_by": "seen"})
    found = model("activation_contacts", dbt, change="full", duplicate_keys="first")
    assert (found.change, found.max_changed_share) == ("full", None)
    assert (found.duplicate_keys, found.order_by) == ("first", ("seen",))


def test_the_older_place_of_meta() -> None:
    manifest = with_model(meta={"penstock": {"primary_key": "old"}}, config={"materialized": "table"})
    assert model("activation_contacts", settings(manifest)).primary_key == ("old",)
    manifest = with_model(
        meta={"penstock": {"primary_key": "old"}}, config={"meta": {"penstock": {"primary_key": "new"}}}
    )
    assert model("activation_contacts", settings(manifest)).primary_key == ("new",)


@pytest.mark.parametrize(
    ("meta", "expected"),
    [
        ("yes", "meta.penstock of dbt model 'activation_contacts' must be an object of options, or true"),
        ({"chang": "full"}, "unknown option 'chang' in meta.penstock of dbt model 'activation_contacts'. Did you mean"),
        ({"table": "t"}, "unknown option 'table' in meta.penstock"),
        ({"limit": 0}, "with meta.penstock of dbt model 'activation_contacts': limit must be a whole number"),
        ({"stream": 7}, "meta.penstock.stream of dbt model 'activation_contacts' must be text"),
        ({"sync": "contacts"}, "meta.penstock.sync of dbt model 'activation_contacts' must be an object"),
    ],
)
def test_mistakes_in_meta(meta: object, expected: str) -> None:
    (problem,) = problems(with_meta(meta), {"s": {"dbt": "activation_contacts"}})
    assert "models: model 's'" in problem
    assert expected in problem


def test_how_the_author_would_sync_it_is_kept_to_be_shown() -> None:
    assert model("plan", primary_key="plan_id").sync_hint == '{"match":"plan","object":"contacts"}'
    assert model("activation_contacts").sync_hint is None


def test_all_mistakes_come_at_once() -> None:
    models = {"a": {"dbt": "inner_part", "limit": 0}, "b": {"dbt": "plan"}, "c": {"dbt": "nothing", "chang": "full"}}
    found = "\n".join(problems(settings(), models))
    for mistake in ("ephemeral", "limit must", "plan, plan_id", "no dbt model 'nothing'", "unknown option 'chang'"):
        assert mistake in found


# dbt_select


def selected(*selectors: str, manifest: object = None, models: object = None) -> dict[str, Model]:
    return {m.name: m for m in parsed(settings(manifest, select=list(selectors)), models)}


def test_models_by_meta() -> None:
    found = selected("meta.penstock", models={"p": {"dbt": "plan", "primary_key": "plan_id"}})
    assert list(found) == ["p", "activation_contacts", "bad_rows"]


@pytest.mark.parametrize("meta", [False, None])
def test_meta_that_says_no(meta: object) -> None:
    manifest = with_model(meta={"penstock": meta}, config={"meta": {"penstock": meta}})
    manifest["nodes"][f"model.{HOME}.plan"].update(meta={}, config={})
    assert list(selected("meta.penstock", manifest=manifest)) == ["bad_rows"]


def test_a_stream_is_named_by_meta() -> None:
    manifest = fresh()
    for place in ("meta", "config"):
        node = manifest["nodes"][f"model.{HOME}.plan"]
        (node[place] if place == "meta" else node[place]["meta"])["penstock"]["primary_key"] = ["plan_id"]
    found = selected("plan", manifest=manifest)
    assert found["plans"].change == "snapshot"
    assert found["plans"].primary_key == ("plan_id",)


def test_models_by_tag_and_their_versions() -> None:
    found = selected("tag:priced")
    assert {name: m.source for name, m in found.items()} == {
        "price_v1": Table(("warehouse", "main", "price_v1")),
        "price": Table(("warehouse", "main", "price_v2")),
    }


def test_a_tagged_model_that_cannot_be_read_is_not_left_out_in_silence() -> None:
    found = problems(settings(select=["tag:activation"]))
    assert any("dbt_select 'tag:activation': model 'inner_part'" in p and "ephemeral" in p for p in found)


def test_a_model_named_by_itself_wins() -> None:
    by_stream = {"activation_contacts": {"table": "t", "primary_key": "id"}}
    assert selected("activation_contacts", models=by_stream)["activation_contacts"].source == Table(("t",))
    by_node = {"contacts": {"dbt": "activation_contacts", "limit": 3}}
    assert list(
        selected("activation_contacts", "meta.penstock", models=by_node | {"plans": by_stream["activation_contacts"]})
    ) == [
        "contacts",
        "plans",
        "bad_rows",
    ]


def test_selected_twice_is_once() -> None:
    assert list(selected("activation_contacts", "activation_contacts")) == ["activation_contacts"]


def test_two_models_of_one_stream() -> None:
    manifest = with_model(meta={"penstock": {"stream": "bad_rows"}}, config={})
    (problem,) = problems(settings(manifest, select=["activation_contacts", "bad_rows"]))
    assert "dbt_select 'bad_rows': dbt model 'bad_rows' and dbt model 'activation_contacts' are both stream" in problem


@pytest.mark.parametrize(
    ("select", "expected"),
    [
        (["tag:nothing"], "dbt_select 'tag:nothing': selects no model of the manifest"),
        (["activation_contact"], "dbt_select 'activation_contact': the manifest has no dbt model"),
        ("tag:activation", "dbt_select: must be a list of tag:NAME, meta.penstock or names of dbt models"),
        ([""], "dbt_select: must be a list"),
        ([{"tag": "x"}], "dbt_select: must be a list"),
    ],
)
def test_mistakes_in_dbt_select(select: object, expected: str) -> None:
    assert expected in problems(settings(select=select))[0]

"""Models found in a dbt manifest: one that dbt wrote of a small project, with its nodes' bulky parts cut away.

In it `broken` could not be built, `after_broken` was skipped, a test of `bad_rows` failed and another only warned.
"""

from __future__ import annotations

import contextlib
import errno
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_warehouse.dbt_files import DEFAULT_MANIFEST, DbtSettings
from tap_warehouse.errors import ConfigurationError
from tap_warehouse.models import Model, Table
from tap_warehouse.parsing import parse_models
from tests.tap.helpers import database, emitted, records

FILES = Path(__file__).parent / "dbt"
MANIFEST = json.loads((FILES / "manifest.json").read_text("utf-8"))
RESULTS = json.loads((FILES / "run_results.json").read_text("utf-8"))
HOME = "penstock_demo"

Json = dict[str, Any]


def fresh() -> Json:
    copy: Json = json.loads(json.dumps(MANIFEST))
    return copy


def settings(
    manifest: object = None, results: object = None, select: object = None, path: str | None = "m/manifest.json"
) -> DbtSettings:
    files = {path or DEFAULT_MANIFEST: MANIFEST if manifest is None else manifest}
    if results is not None:
        files[str(Path(path or DEFAULT_MANIFEST).with_name("run_results.json"))] = results

    def read(name: str) -> bytes:
        if name not in files:
            raise FileNotFoundError(errno.ENOENT, "No such file or directory")
        content = files[name]
        return content if isinstance(content, bytes) else json.dumps(content).encode()

    return DbtSettings(path, select, read)


def no_files(path: str) -> str:
    raise FileNotFoundError(2, "No such file or directory", path)


def parsed(dbt: DbtSettings, models: object = None) -> tuple[Model, ...]:
    return parse_models(models, None, no_files, dbt)


def model(name: str, dbt: DbtSettings | None = None, **options: Any) -> Model:
    (found,) = parsed(dbt or settings(), {"s": {"dbt": name, **options}})
    return found


def problems(dbt: DbtSettings, models: object = None) -> tuple[str, ...]:
    with pytest.raises(ConfigurationError) as raised:
        parsed(dbt, models)
    return raised.value.problems


def with_model(**changes: Any) -> Json:
    """Change activation_contacts."""
    manifest = fresh()
    manifest["nodes"][f"model.{HOME}.activation_contacts"].update(changes)
    return manifest


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


def with_meta(meta: object) -> DbtSettings:
    return settings(with_model(meta={}, config={"meta": {"penstock": meta}, "materialized": "table"}))


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


# The files


def test_the_manifest_of_the_shipped_layout_is_found_without_a_setting() -> None:
    assert model("activation_contacts", settings(path=None)).primary_key == ("customer_key",)


def test_no_manifest_says_what_to_do() -> None:
    def nothing(path: str) -> bytes:
        raise FileNotFoundError(errno.ENOENT, "No such file or directory")

    models = {"a": {"dbt": "a"}, "b": {"dbt": "b"}}
    (problem,) = problems(DbtSettings(None, None, nothing), models)
    assert f"dbt_manifest is not set, and there is no '{DEFAULT_MANIFEST}'. Set it to" in problem
    (problem,) = problems(DbtSettings("x/manifest.json", None, nothing), models)
    assert "dbt_manifest: there is no 'x/manifest.json'. Let dbt write it" in problem


def test_without_a_dbt_model_no_file_is_read() -> None:
    def never(path: str) -> bytes:
        raise AssertionError(path)

    assert parsed(DbtSettings("m.json", [], never), {"s": {"table": "t", "primary_key": "id"}})


def test_dbt_models_where_nobody_can_read_files() -> None:
    with pytest.raises(ConfigurationError, match="there is no manifest"):
        parse_models({"s": {"dbt": "x"}}, None, no_files)


SCHEMA = "https://schemas.getdbt.com/dbt/{}.json"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "is not JSON, or not all of it is there. Let dbt write it anew"),
        (b'{"metadata": {', "is not JSON"),
        (b"\xff{}", "is not JSON"),
        (b"[]", "is no manifest of dbt's"),
        (b"{}", "is no manifest of dbt's"),
        (b"[" * 100_000, "dbt_manifest 'm/manifest.json'"),
        ({"metadata": {"dbt_schema_version": SCHEMA.format("run-results/v6")}, "nodes": {}}, "is no manifest of dbt's"),
        (
            {"metadata": {"dbt_schema_version": SCHEMA.format("manifest/v8")}},
            "has schema v8; Penstock reads v9, of dbt 1.5",
        ),
        (
            {"metadata": {"dbt_schema_version": SCHEMA.format("manifest/v12")}},
            "v12, and a part that is unknown",
        ),
        (
            {"metadata": {"dbt_schema_version": SCHEMA.format("manifest/v99")}, "nodes": {"a": {"name": ["hunter2"]}}},
            "Expected `str`, got `array` - at `$.nodes[...].name`",
        ),
    ],
)
def test_a_manifest_that_is_none(content: object, expected: str) -> None:
    (problem,) = problems(settings(content), {"s": {"dbt": "x"}})
    assert expected in problem
    assert "hunter2" not in problem


@pytest.mark.parametrize("which", ["manifest", "run_results"])
def test_a_file_that_cannot_be_read(which: str) -> None:
    read = settings().read_bytes

    def refuse(path: str) -> bytes:
        if which in path:
            raise PermissionError(errno.EACCES, "Permission denied")
        return read(path)

    (problem,) = problems(DbtSettings("m/manifest.json", None, refuse), {"s": {"dbt": "plan"}})
    assert f"m/{which}.json' cannot be read (Permission denied)" in problem


def test_results_that_are_none() -> None:
    (problem,) = problems(settings(results=b"{"), {"s": {"dbt": "activation_contacts"}})
    assert problem == (
        "beside dbt_manifest: 'm/run_results.json' is not JSON, or not all of it is there. "
        "Run dbt again, or delete the file."
    )


# The last run of dbt


def blocked(name: str, change: Callable[[Json], None] = lambda _: None, manifest: object = None) -> str | None:
    results: Json = json.loads(json.dumps(RESULTS))
    change(results)
    return model(name, settings(manifest, results), primary_key="id").blocked


LAST = "in the last run (at 2026-11-21T13:32:55+00:00): not synced; fix it or rebuild"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("plan", None),
        ("activation_contacts", None),  # was not in that run
        ("bad_rows", f"model 's': dbt test 'unique_bad_rows_id' failed {LAST}"),
        ("broken", f"model 's': dbt model 'broken' could not be built {LAST}"),
        (
            "after_broken",
            f"model 's': dbt model 'after_broken' was skipped, because something before it failed, {LAST}",
        ),
        ("snapshot.plan_history", None),
    ],
)
def test_what_the_last_run_spoilt_is_blocked(name: str, message: str | None) -> None:
    assert blocked(name) == message


def test_no_results_block_nothing() -> None:
    assert model("broken").blocked is None


def status_of(unique_id: str, status: str) -> Callable[[Json], None]:
    def change(results: Json) -> None:
        results["results"] = [r for r in results["results"] if r["unique_id"] != unique_id]
        results["results"].append({"unique_id": unique_id, "status": status})

    return change


WARNING = next(k for k, n in MANIFEST["nodes"].items() if n["name"] == "not_null_bad_rows_name")
STRICT = next(k for k, n in MANIFEST["nodes"].items() if n["name"] == "unique_plan_plan")
RELATION = next(k for k, n in MANIFEST["nodes"].items() if n["name"].startswith("relationships_activation"))
SINGULAR = f"test.{HOME}.lead_score_is_a_percentage"
UNIT = next(iter(MANIFEST["unit_tests"]))


@pytest.mark.parametrize(
    ("name", "test", "status", "message"),
    [
        ("plan", STRICT, "warn", None),
        ("plan", STRICT, "skipped", None),
        ("plan", STRICT, "error", "dbt test 'unique_plan_plan' failed"),
        ("bad_rows", WARNING, "error", "dbt test 'unique_bad_rows_id' failed"),
        ("bad_rows", WARNING, "fail", "dbt test 'not_null_bad_rows_name' and 1 more failed"),
        ("activation_contacts", RELATION, "fail", "dbt test 'relationships_activation_contacts"),
        ("customer_360", RELATION, "fail", None),
        ("customer_360", SINGULAR, "fail", "dbt test 'lead_score_is_a_percentage' failed"),
        ("stg_page_views", UNIT, "fail", "dbt test 'gclid_and_channel_come_from_the_url' failed"),
        ("plan", f"model.{HOME}.plan", "partial success", "dbt model 'plan' was built only in part"),
        ("plan", f"model.{HOME}.plan", "no-op", None),
        ("plan", "test.of.another.project", "fail", None),
    ],
)
def test_which_results_block(name: str, test: str, status: str, message: str | None) -> None:
    found = blocked(name, status_of(test, status))
    if message is None:
        assert found is None
    else:
        assert found is not None
        assert message in found


def older(results: Json) -> None:
    results["metadata"] |= {"invocation_id": "another", "generated_at": "2026-11-20T00:00:00Z"}


def newer(results: Json) -> None:
    results["metadata"] |= {"invocation_id": "another", "generated_at": "2026-11-22T00:00:00"}


def compiled(results: Json) -> None:
    results["args"]["which"] = "compile"


def untold(results: Json) -> None:
    results["metadata"] |= {"invocation_id": "another", "generated_at": None}
    del results["args"]


@pytest.mark.parametrize(("change", "counts"), [(older, False), (newer, True), (compiled, False), (untold, True)])
def test_which_run_speaks_of_the_manifest(change: Callable[[Json], None], counts: bool) -> None:
    assert (blocked("broken", change) is not None) == counts


# Whatever a file holds

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4) | st.just("primary_key"),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4) | st.just("penstock"), inner, max_size=2)
    ),
    max_leaves=4,
)


@given(
    node=st.sampled_from(sorted(MANIFEST["nodes"])),
    changes=st.dictionaries(
        st.sampled_from(
            [
                "name",
                "resource_type",
                "alias",
                "config",
                "meta",
                "primary_key",
                "constraints",
                "test_metadata",
                "version",
                "latest_version",
                "tags",
                "depends_on",
                "attached_node",
                "relation_name",
                "database",
            ]
        ),
        VALUES | st.sampled_from(["model", "test", "seed", "source"]),
        max_size=3,
    ),
    result=VALUES,
)
def test_an_odd_manifest_gives_models_or_a_message(node: str, changes: Json, result: object) -> None:
    manifest = fresh()
    manifest["nodes"][node].update(changes)
    results = RESULTS | {"results": [*RESULTS["results"], {"unique_id": node, "status": result}]}
    names = ["activation_contacts", "price", "broken", "seed.people"]
    with contextlib.suppress(ConfigurationError):
        found = parsed(settings(manifest, results, ["meta.penstock", "tag:priced"]), {n: {"dbt": n} for n in names})
        assert all(m.primary_key for m in found)


# In the tap


def test_a_dbt_model_is_read_from_the_file_that_dbt_wrote(tmp_path: Path) -> None:
    path = database(
        tmp_path / "warehouse.duckdb",
        "create schema activation",
        "create table activation.activation_contacts as select 'C-1' as customer_key, 'a@example.com' as email",
    )
    messages = emitted(path, {"contacts": {"dbt": "activation_contacts"}}, dbt_manifest=str(FILES / "manifest.json"))
    assert records(messages) == [{"customer_key": "C-1", "email": "a@example.com"}]
    assert messages[0]["key_properties"] == ["customer_key"]


def test_a_huge_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    huge = tmp_path / "manifest.json"
    with huge.open("wb") as file:
        file.truncate(1 << 30)
    path = database(tmp_path / "warehouse.duckdb", "create table t as select 1 as id")
    with pytest.raises(ConfigurationError, match=r"it is larger than 512 MiB"):
        emitted(path, {"t": {"dbt": "t"}}, dbt_manifest=str(huge))

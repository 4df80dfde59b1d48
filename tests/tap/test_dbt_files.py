"""What dbt's files may hold, what the last run says of a model, and a dbt model in the tap."""

from __future__ import annotations

import contextlib
import errno
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_warehouse.dbt_files import DEFAULT_MANIFEST, DbtSettings
from tap_warehouse.errors import ConfigurationError
from tap_warehouse.parsing import parse_models
from tests.tap.dbt_project import (
    FILES,
    HOME,
    MANIFEST,
    RESULTS,
    Json,
    fresh,
    model,
    no_files,
    parsed,
    problems,
    settings,
)
from tests.tap.helpers import database, emitted, records

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

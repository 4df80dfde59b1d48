"""What tests of the tap share."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.bqemulator import BQEmulator
from demo.bqemulator import installed as bqemulator_is_there
from demo.bqemulator import running as running_bqemulator
from demo.fakesnow import FakeSnow
from demo.fakesnow import running as running_fakesnow
from demo.postgres_server import Server
from tests.effort import THOROUGH
from tests.tap.benches import Bench
from tests.tap.redshift_proxy import proxy
from tests.tap.story import BENCHES

collect_ignore = [] if importlib.util.find_spec("redshift_connector") else ["test_redshift.py"]
collect_ignore += (
    []
    if importlib.util.find_spec("snowflake")
    else [f"test_snowflake{part}.py" for part in ("", "_grants", "_login", "_values")]
)
try:
    GOOGLE = importlib.util.find_spec("google.cloud.bigquery")
except ModuleNotFoundError:  # of the packages above it
    GOOGLE = None
collect_ignore += [] if GOOGLE else [f"test_bigquery{part}.py" for part in ("", "_login", "_values")]

WHOLE = {"duckdb", "duckdb-warehouse", "postgres", "snowflake"}
"""where each test of the story runs always; on the others a statement takes long, and these tests are enough to meet
every statement and every way of reading"""
SHORT = {
    "test_nothing_changed_emits_nothing_again_and_again",
    "test_added_changed_and_removed_come_in_key_order",
    "test_a_state_from_the_middle_acknowledges_what_stands_before_it",
    "test_two_runs_from_one_state_cannot_corrupt_it",
    "test_a_lost_store_is_a_complete_read",
    "test_repeated_keys_by_each_policy",
    "test_old_tables_are_dropped",
    "test_a_where_and_columns_of_the_model",
    "test_the_log_says_which_rows_these_were",
    "test_full_emits_everything_every_time",
    "test_incremental_goes_on_from_its_bookmark_ties_included",
}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out, and say so, what `make thorough` runs."""
    left = [item for item in items if not THOROUGH and _is_long(item)]
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item not in left]


def _is_long(item: pytest.Item) -> bool:
    bench = getattr(getattr(item, "callspec", None), "params", {}).get("bench")
    return isinstance(bench, str) and bench not in WHOLE and getattr(item, "originalname", "") not in SHORT


@pytest.fixture(scope="session")
def redshift_port(postgres: Server) -> Iterator[int]:
    """A proxy for Redshift's driver, one per session and worker."""
    pytest.importorskip("redshift_connector")
    with proxy(postgres) as port:
        yield port


@pytest.fixture(params=BENCHES)
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Bench:
    return BENCHES[request.param](tmp_path, request)


@pytest.fixture(scope="session")
def fakesnow() -> Iterator[FakeSnow]:
    """A server that speaks Snowflake's protocol, one per session and worker."""
    pytest.importorskip("fakesnow")
    with running_fakesnow() as server:
        yield server


@pytest.fixture(scope="session")
def bqemulator() -> Iterator[BQEmulator]:
    """A server that speaks BigQuery's protocol, one per session and worker."""
    pytest.importorskip("google.cloud.bigquery")
    if not bqemulator_is_there():
        pytest.skip("bqemulator is not installed: `make .venv-bigquery/ready` does that, from Python 3.11 on")
    with running_bqemulator() as server:
        yield server

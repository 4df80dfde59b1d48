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

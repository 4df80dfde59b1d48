"""What tests of the tap share."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.postgres import Server
from tests.tap.benches import Bench
from tests.tap.redshift_proxy import proxy
from tests.tap.story import BENCHES

collect_ignore = [] if importlib.util.find_spec("redshift_connector") else ["test_redshift.py"]


@pytest.fixture(scope="session")
def redshift_port(postgres: Server) -> Iterator[int]:
    """A proxy for Redshift's driver, one per session and worker."""
    pytest.importorskip("redshift_connector")
    with proxy(postgres) as port:
        yield port


@pytest.fixture(params=BENCHES)
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Bench:
    return BENCHES[request.param](tmp_path, request)

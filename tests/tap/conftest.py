"""What tests of the tap share."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator

import pytest

from tests.postgres import Server
from tests.tap.redshift_proxy import proxy

collect_ignore = [] if importlib.util.find_spec("redshift_connector") else ["test_redshift.py"]


@pytest.fixture(scope="session")
def redshift_port(postgres: Server) -> Iterator[int]:
    """A proxy for Redshift's driver, one per session and worker."""
    pytest.importorskip("redshift_connector")
    with proxy(postgres) as port:
        yield port

"""What tests of the tap share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.postgres import Server
from tests.tap.redshift_proxy import proxy


@pytest.fixture(scope="session")
def redshift_port(postgres: Server) -> Iterator[int]:
    """One proxy per session and worker."""
    with proxy(postgres) as port:
        yield port

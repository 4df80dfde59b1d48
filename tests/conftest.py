"""What tests of several areas share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.postgres import NoServerError, Server, running


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """One PostgreSQL server per session and worker."""
    try:
        with running() as server:
            yield server
    except NoServerError as error:
        pytest.skip(f"no PostgreSQL server: {error}")

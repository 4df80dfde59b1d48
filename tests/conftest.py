"""What tests of several areas share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings

from demo.postgres_server import NoServerError, Server, running
from tests import forked
from tests.effort import CAP, examples

# A busy machine is no fault of a test's strategies.
settings.register_profile(
    "penstock", deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=examples(100)
)
if CAP:  # then only whether a property fails is asked, not what is the smallest example
    settings.register_profile(
        "penstock",
        settings.get_profile("penstock"),
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
    )
settings.load_profile("penstock")
forked.install()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """One PostgreSQL server per session and worker."""
    try:
        with running() as server:
            yield server
    except NoServerError as error:
        pytest.skip(f"no PostgreSQL server: {error}")

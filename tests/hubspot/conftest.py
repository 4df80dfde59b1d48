"""One sandbox for the whole session, reset before each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from penstock_sandbox.handle import Sandbox
from penstock_sandbox.server import running


@pytest.fixture(scope="session")
def hubspot_server() -> Iterator[Sandbox]:
    with running() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(hubspot_server: Sandbox) -> Sandbox:
    hubspot_server.reset()
    return hubspot_server

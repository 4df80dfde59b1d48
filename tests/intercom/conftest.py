"""One sandbox for the whole session, reset before each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from penstock_sandbox.handle import Sandbox
from penstock_sandbox.server import running


@pytest.fixture(scope="session")
def intercom_server() -> Iterator[Sandbox]:
    with running(unlimited=True) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(intercom_server: Sandbox) -> Sandbox:
    intercom_server.reset()
    return intercom_server

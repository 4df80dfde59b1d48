"""One sandbox for the whole session, reset before each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from penstock_sandbox.handle import Sandbox
from penstock_sandbox.server import running
from tests.salesforce.process import EXTERNAL


@pytest.fixture(scope="session")
def salesforce_server() -> Iterator[Sandbox]:
    with running(unlimited=True) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(salesforce_server: Sandbox) -> Sandbox:
    salesforce_server.reset()
    for name in ("Lead", "Contact", "Account"):
        salesforce_server.salesforce.fields(name, EXTERNAL)
    return salesforce_server

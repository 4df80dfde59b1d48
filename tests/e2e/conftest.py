"""Real processes: Meltano, the tap, the target, the sandbox. Needs what `make setup` installs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench import plugins
from bench.plugins import MELTANO, ROOT
from penstock_sandbox.handle import Sandbox
from penstock_sandbox.server import running


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with running(unlimited=True) as served:
        yield served


@pytest.fixture
def environment(tmp_path: Path, sandbox: Sandbox) -> dict[str, str]:
    """Point the project's plugins at this test's own warehouse, ledger and sandbox, and Meltano at its own state."""
    return plugins.environment(tmp_path, sandbox)


@pytest.fixture
def meltano(environment: dict[str, str]) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a Meltano command to its end."""
    if not MELTANO.exists():
        pytest.fail("Meltano is not set up: run `make setup`")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [MELTANO, *arguments], cwd=ROOT, env=environment, check=False, capture_output=True, text=True, timeout=900
        )

    return run


def penstock(*arguments: str) -> str:
    """Run the `penstock` command and return what it prints."""
    command = [sys.executable, "-m", "penstock.upkeep_cli", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout

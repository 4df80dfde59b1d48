"""This project's Meltano plugins, pointed at a warehouse, a ledger and a sandbox of somebody's own.

Benchmarks, storms and end-to-end tests run them so.
"""

from __future__ import annotations

import os
from pathlib import Path

from penstock_sandbox.handle import Sandbox

ROOT = Path(__file__).resolve().parents[1]
MELTANO = ROOT / ".venv-meltano" / "bin" / "meltano"


def foreign(name: str) -> Path:
    """Return the executable of a plugin that nobody here wrote: `tap-postgres` of MeltanoLabs, or `target-jsonl`.

    Raises FileNotFoundError where it is not installed.
    """
    executable = ROOT / ".venv-foreign" / name / "bin" / name
    if not executable.exists():
        raise FileNotFoundError(f"{name} is not installed: run `make .venv-foreign/{name}/ready`")
    return executable


def environment(folder: Path, sandbox: Sandbox) -> dict[str, str]:
    """Return the environment of a Meltano whose warehouse, ledger and STATE lie in a folder."""
    return os.environ | {
        "MELTANO_PROJECT_ROOT": str(ROOT),
        "MELTANO_STATE_BACKEND_URI": (folder / "state").as_uri(),
        "TAP_DUCKDB_PATH": str(folder / "warehouse.duckdb"),
        "TAP_DUCKDB_MODELS_FILE": "bench/models.yml",
        "TARGET_HUBSPOT_API_URL": sandbox.hubspot_url,
        "TARGET_HUBSPOT_TOKEN": sandbox.token,
        "TARGET_HUBSPOT_SYNCS_FILE": "bench/contacts.yml",
        "TARGET_HUBSPOT_LEDGER_PATH": str(folder / "ledger.db"),
    }

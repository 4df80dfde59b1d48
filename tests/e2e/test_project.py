"""The shipped project says what is true: settings, locks, demo, README."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from bench.plugins import ROOT

PLUGINS = [
    ("extractors", "tap-duckdb", "tap_warehouse.duckdb"),
    ("extractors", "tap-postgres", "tap_warehouse.postgres"),
    ("extractors", "tap-redshift", "tap_warehouse.redshift"),
    ("loaders", "target-hubspot", "target_hubspot.target"),
    ("loaders", "target-intercom", "target_intercom.target"),
    ("loaders", "target-salesforce", "target_salesforce.target"),
]


def about(executable: str) -> dict[str, object]:
    command: list[str | Path] = [Path(sys.executable).parent / executable, "--about", "--format", "json"]
    answer: dict[str, object] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return answer


@pytest.mark.e2e
@pytest.mark.parametrize(("kind", "name", "_module"), PLUGINS)
def test_meltano_yml_lists_the_settings_that_the_plugin_has(kind: str, name: str, _module: str) -> None:
    project = yaml.safe_load((ROOT / "meltano.yml").read_text())
    [plugin] = [p for p in project["plugins"][kind] if p["name"] == name]
    told = about(name)
    schema = told["settings"]
    assert isinstance(schema, dict)
    # Helpers of singer-sdk's stream maps that nobody sets by hand.
    offered = set(schema["properties"]) - {"faker_config", "flattening_enabled", "flattening_max_depth"}
    listed = {setting["name"]: setting for setting in plugin["settings"]}
    assert set(listed) == {n for n in offered if not n.startswith("flattening")}
    for setting, definition in schema["properties"].items():
        if definition.get("secret"):
            assert listed[setting]["sensitive"] is True
    assert set(plugin["capabilities"]) == set(told["capabilities"])  # type: ignore[call-overload]


def test_locks_carry_hashes_and_no_addresses() -> None:
    for lock in sorted((ROOT / "requirements").glob("*.txt")):
        text = lock.read_text()
        assert "://" not in text, lock.name
        pins = re.findall(r"^[a-z0-9][^\s=]*==", text, re.MULTILINE)
        blocks = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
        assert len(pins) == len(blocks)
        assert all("--hash=sha256:" in block for block in blocks), lock.name


def test_whatever_opens_the_warehouse_has_one_duckdb() -> None:
    """A file that one major version wrote is refused by another."""
    versions = [
        re.findall(r"^duckdb==\S+.*(?= \\$)", (ROOT / "requirements" / lock).read_text(), re.MULTILINE)
        for lock in ("penstock.txt", "dbt.txt", "dev.txt")
    ]
    assert versions[0]
    assert versions[0] == versions[1] == versions[2]


def test_the_distribution_named_backoff_is_nobodys_dependency() -> None:
    """python-backoff and backoff install the same folder."""
    for lock in (ROOT / "requirements").glob("*.txt"):
        names = re.findall(r"^([a-z0-9][^\s=]*)==", lock.read_text(), re.MULTILINE)
        assert not {"backoff", "python-backoff"} <= set(names), lock.name

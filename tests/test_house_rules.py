"""Rules of the house that a linter does not know."""

from __future__ import annotations

import importlib
import re
import subprocess
from pathlib import Path

import pytest
import yaml

import penstock
from bench import branches
from penstock.settings_page import with_table
from penstock.singer import PenstockTarget
from target_hubspot.target import TargetHubSpot
from target_intercom.target import TargetIntercom
from target_salesforce.target import TargetSalesforce

ROOT = Path(__file__).resolve().parents[1]
DRIVERS = {
    "bigquery": "google.cloud.bigquery",
    "duckdb": "duckdb",
    "postgres": "psycopg",
    "redshift": "redshift_connector",
    "snowflake": "snowflake",
}
TARGETS: list[type[PenstockTarget]] = [TargetHubSpot, TargetIntercom, TargetSalesforce]
LARGEST = {"target_salesforce": 2025}
"""lines of code of a target that needs more than others: three APIs for rows, Collections and two for jobs"""
VENDORS = re.compile(r"salesforce|hubspot|intercom", re.IGNORECASE)


def sources(*folders: str) -> dict[str, str]:
    return {
        str(path.relative_to(ROOT)): path.read_text("utf-8")
        for folder in folders
        for path in sorted((ROOT / folder).rglob("*.py"))
    }


def test_the_core_names_no_vendor() -> None:
    assert not [name for name, text in sources("penstock").items() if VENDORS.search(text)]


def test_a_target_knows_no_delivery() -> None:
    """Its api.py never waits, repeats, logs or touches STATE."""
    files = {n: t for n, t in sources("targets").items() if n.endswith("api.py")}
    assert files
    assert not [name for name, text in files.items() if re.search(r"\bsleep\b|\blogging\b|\bSTATE\b|import time", text)]


def test_only_the_sandbox_and_what_drives_it_import_the_sandbox() -> None:
    importing = [n for n, t in sources("penstock", "taps", "targets").items() if "penstock_sandbox" in t]
    assert not importing


def test_nobody_sleeps_in_tests() -> None:
    sleeping = [n for n, t in sources("tests").items() if re.search(r"\bsleep\(", t) and "house_rules" not in n]
    assert not sleeping


def test_the_http_library_is_never_mocked() -> None:
    mocking = [n for n, t in sources("tests").items() if re.search(r"requests_mock|responses\.add|unittest\.mock", t)]
    assert [n for n in mocking if "house_rules" not in n] == []


def test_files_stay_small() -> None:
    large = {
        n: lines
        for n, t in sources(
            "penstock", "taps", "targets", "penstock_sandbox", "bench", "demo", "storm", "tests", "transform"
        ).items()
        if (lines := t.count("\n")) > 400
    }
    assert not large


def test_every_target_is_small() -> None:
    for target in sorted((ROOT / "targets").iterdir()):
        if (target / "target.py").exists():
            lines = [line for path in target.rglob("*.py") for line in path.read_text("utf-8").splitlines()]
            code = [line for line in lines if line.strip() and not line.lstrip().startswith(("#", '"""'))]
            assert len(code) <= LARGEST.get(target.name, 1800), target.name


def test_what_the_measure_of_branches_leaves_out_is_there() -> None:
    """A name that is no test any more would leave nothing out, in silence."""
    tests = sources("tests/core")
    assert not [name for name in branches.ELSEWHERE if f"tests/core/test_{name}.py" not in tests]
    assert not [name for name in branches.SLOW if not any(f"def {name}(" in text for text in tests.values())]


def test_the_version_is_the_distributions() -> None:
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    assert f'version = "{penstock.__version__}"' in text


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_meltano_knows_every_setting_of_a_target(target: type[PenstockTarget]) -> None:
    loaders = yaml.safe_load((ROOT / "meltano.yml").read_text("utf-8"))["plugins"]["loaders"]
    [loader] = [each for each in loaders if each["name"] == target.name]
    told = {setting["name"]: setting.get("sensitive", False) for setting in loader["settings"]}
    properties = target.config_jsonschema["properties"]
    secret = {name: bool(schema.get("secret", False)) for name, schema in properties.items()}
    assert told == secret | {"stream_maps": False, "stream_map_config": False}


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_a_targets_readme_has_its_settings(target: type[PenstockTarget]) -> None:
    """`make docs` writes them."""
    page = (ROOT / "targets" / target.name.replace("-", "_") / "README.md").read_text("utf-8")
    assert page == with_table(page, target.config_jsonschema)


@pytest.mark.parametrize("warehouse", [*DRIVERS])
def test_meltano_knows_every_setting_of_a_tap(warehouse: str) -> None:
    """And which of them are secret, so that it does not print them."""
    pytest.importorskip(DRIVERS[warehouse])
    module = importlib.import_module(f"tap_warehouse.{warehouse}")
    [tap] = [each for each in vars(module).values() if getattr(each, "name", None) == f"tap-{warehouse}"]
    extractors = yaml.safe_load((ROOT / "meltano.yml").read_text("utf-8"))["plugins"]["extractors"]
    [stanza] = [each for each in extractors if each["name"] == tap.name]
    told = {each["name"]: (each["kind"], each.get("sensitive", False)) for each in stanza["settings"]}
    properties = tap.config_jsonschema["properties"]
    assert told == {name: (schema["type"], bool(schema.get("secret"))) for name, schema in properties.items()}


def test_no_tracked_file_is_a_secret_or_a_database() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, check=False, capture_output=True, text=True)
    names = listed.stdout.splitlines()
    assert not [n for n in names if n.endswith((".env", ".db", ".duckdb", ".sqlite"))]


def test_every_code_of_a_refusal_is_in_the_documents() -> None:
    page = (ROOT / "docs" / "syncs.md").read_text("utf-8")
    made = r'(?:InvalidRecord|Rejected)\(\s*"([a-z_]+)"'
    named = r'^[A-Z_]+ = "([a-z_]+)"\n"""the (?:code|same) of'
    literal = re.compile(f"{made}|{named}", re.MULTILINE)
    found = {a or b for file in (ROOT / "penstock").glob("*.py") for a, b in literal.findall(file.read_text("utf-8"))}
    assert {"always_fails", "no_other", "value", "null_key"} <= found
    assert {code for code in found if f"`{code}`" not in page} == set()

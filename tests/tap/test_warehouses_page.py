"""docs/warehouses.md names every setting of each tap that it describes."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from tap_warehouse.tap import SHARED_SETTINGS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "warehouses.md"


@pytest.mark.parametrize(
    ("title", "module", "name", "driver"),
    [
        ("DuckDB", "duckdb", "TapDuckDB", "duckdb"),
        ("PostgreSQL", "postgres", "TapPostgres", "psycopg"),
        ("Redshift", "redshift", "TapRedshift", "redshift_connector"),
        ("BigQuery", "bigquery", "TapBigQuery", "google.cloud.bigquery"),
    ],
)
def test_every_setting_is_described(title: str, module: str, name: str, driver: str) -> None:
    pytest.importorskip(driver)
    tap = getattr(importlib.import_module(f"tap_warehouse.{module}"), name)
    [section] = [part for part in PAGE.read_text("utf-8").split("\n## ") if part.startswith(f"{title}\n")]
    table = section.split("| setting | |")[1].split("\n\n")[0]
    described = {word for line in table.splitlines() for word in re.findall(r"`(\w+)`", line)}
    assert set(tap.config_jsonschema["properties"]) - set(SHARED_SETTINGS) <= described

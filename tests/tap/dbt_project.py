"""A real manifest and run results of dbt, cut down, and the settings that lead to them."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

import pytest

from tap_warehouse.dbt_files import DEFAULT_MANIFEST, DbtSettings
from tap_warehouse.errors import ConfigurationError
from tap_warehouse.models import Model
from tap_warehouse.parsing import parse_models

FILES = Path(__file__).parent / "dbt"
MANIFEST = json.loads((FILES / "manifest.json").read_text("utf-8"))
RESULTS = json.loads((FILES / "run_results.json").read_text("utf-8"))
HOME = "penstock_demo"

Json = dict[str, Any]


def fresh() -> Json:
    copy: Json = json.loads(json.dumps(MANIFEST))
    return copy


def settings(
    manifest: object = None, results: object = None, select: object = None, path: str | None = "m/manifest.json"
) -> DbtSettings:
    files = {path or DEFAULT_MANIFEST: MANIFEST if manifest is None else manifest}
    if results is not None:
        files[str(Path(path or DEFAULT_MANIFEST).with_name("run_results.json"))] = results

    def read(name: str) -> bytes:
        if name not in files:
            raise FileNotFoundError(errno.ENOENT, "No such file or directory")
        content = files[name]
        return content if isinstance(content, bytes) else json.dumps(content).encode()

    return DbtSettings(path, select, read)


def no_files(path: str) -> str:
    raise FileNotFoundError(2, "No such file or directory", path)


def parsed(dbt: DbtSettings, models: object = None) -> tuple[Model, ...]:
    return parse_models(models, None, no_files, dbt)


def model(name: str, dbt: DbtSettings | None = None, **options: Any) -> Model:
    (found,) = parsed(dbt or settings(), {"s": {"dbt": name, **options}})
    return found


def problems(dbt: DbtSettings, models: object = None) -> tuple[str, ...]:
    with pytest.raises(ConfigurationError) as raised:
        parsed(dbt, models)
    return raised.value.problems


def with_model(**changes: Any) -> Json:
    """Change activation_contacts."""
    manifest = fresh()
    manifest["nodes"][f"model.{HOME}.activation_contacts"].update(changes)
    return manifest


def with_meta(meta: object) -> DbtSettings:
    return settings(with_model(meta={}, config={"meta": {"penstock": meta}, "materialized": "table"}))

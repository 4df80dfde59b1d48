"""docs/models.md names every option, and its examples are what they say."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from tap_warehouse.dbt import META_OPTIONS
from tap_warehouse.options import CHOICES, OPTIONS
from tap_warehouse.parsing import parse_models
from tests.tap.dbt_project import no_files, settings, with_meta

PAGE = (Path(__file__).parents[2] / "docs" / "models.md").read_text("utf-8")


def test_every_option_and_choice_is_there() -> None:
    rows = re.findall(r"^\| `(\w+)` \|(.*)$", PAGE, re.MULTILINE)
    assert [option for option, _ in rows] == [*OPTIONS]
    for option, choices in CHOICES.items():
        assert all(f"`{choice}`" in dict(rows)[option] for choice in choices), option


def test_the_example_is_right() -> None:
    found = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    text = found[1]
    models = parse_models(None, "models.yml", lambda _: text, settings())
    assert [model.name for model in models] == ["activation_contacts", "companies", "leads"]
    assert models[0].primary_key == ("customer_key",)


def test_the_meta_is_right() -> None:
    _, meta = (yaml.safe_load(block) for block in re.findall(r"```yml\n(.*?)```", PAGE, re.DOTALL)[::-1])
    penstock = meta["models"][0]["config"]["meta"]["penstock"]
    assert penstock.keys() <= set(META_OPTIONS)
    (model,) = parse_models({"s": {"dbt": "activation_contacts"}}, None, no_files, with_meta(penstock))
    assert model.sync_hint == '{"match":"email","object":"contacts"}'

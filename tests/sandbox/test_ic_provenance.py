"""Every module of the simulated Intercom that decides says where its behaviour was learnt."""

import inspect
from importlib import import_module

import pytest

from penstock_sandbox.provenance import BEHAVIOURS

DECIDE = ("access", "additions", "attributes", "bulk", "canned", "companies", "contacts", "events", "instances")
ALSO = ("limits", "paging", "routing", "scrolls", "search", "shown", "tags", "values", "versions", "wire", "workspace")
ROUTES = ("account", "additions", "attributes", "companies", "contacts", "tags")
PLAIN = {
    "attributes": {"named_well", "read_options"},
    "additions": {"subscription"},
    "companies": {"change", "insert", "link"},
    "contacts": {"fold", "insert", "keys_of", "leave_all", "touch"},
    "events": {"kept"},
    "instances": {"found", "shown"},
}
MARKED = {behaviour.function for behaviour in BEHAVIOURS if behaviour.vendor == "intercom"}


@pytest.mark.parametrize("name", [*DECIDE, *ALSO, *(f"routes.{each}" for each in ROUTES)])
def test_every_module_that_decides_has_marks(name: str) -> None:
    assert any(each.startswith(f"penstock_sandbox.intercom.{name}.") for each in MARKED)


@pytest.mark.parametrize("name", DECIDE)
def test_every_rule_is_covered(name: str) -> None:
    module = import_module(f"penstock_sandbox.intercom.{name}")
    rules = {
        each
        for each, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__ and not each.startswith("_")
    }
    assert {each for each in rules if f"{module.__name__}.{each}" not in MARKED} == PLAIN.get(name, set())


def test_all_kinds_are_there() -> None:
    kinds = {behaviour.kind for behaviour in BEHAVIOURS if behaviour.vendor == "intercom"}
    assert kinds == {"documented", "recorded", "assumed"}

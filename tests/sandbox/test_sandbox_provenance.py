"""Every behaviour says where it was learnt."""

import inspect
from types import ModuleType

import pytest

from penstock_sandbox.hubspot import (
    access,
    associations,
    canned,
    constraints,
    events,
    imports,
    limits,
    links,
    lists,
    oauth,
    pipelines,
    properties,
    rules,
    schemas,
    search,
    singles,
    values,
    wire,
)
from penstock_sandbox.provenance import BEHAVIOURS, counts

MARKED = {behaviour.function for behaviour in BEHAVIOURS}


def test_every_behaviour_has_a_source() -> None:
    assert all(behaviour.name and len(behaviour.source) >= 8 for behaviour in BEHAVIOURS)
    assert sum(counts().values()) == len(BEHAVIOURS)
    assert len({(behaviour.name, behaviour.function) for behaviour in BEHAVIOURS}) == len(BEHAVIOURS)


@pytest.mark.parametrize(
    "module", [rules, singles, access, constraints, search, events, imports, lists, oauth, schemas, canned]
)
def test_every_rule_is_covered(module: ModuleType) -> None:
    names = {
        f"{module.__name__}.{name}"
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__ and not name.startswith("_")
    }
    assert names
    assert names <= MARKED


@pytest.mark.parametrize("module", [values, limits, properties, wire, links, associations, pipelines])
def test_every_module_that_decides_has_marks(module: ModuleType) -> None:
    assert any(name.startswith(module.__name__ + ".") for name in MARKED)

"""Every module of the simulated Salesforce that decides says where its behaviour was learnt."""

import pytest

from penstock_sandbox.provenance import BEHAVIOURS

MODULES = [
    *("access", "automation", "canned", "decode", "ids", "limits", "oauth", "references", "rules", "schema"),
    *("shown", "soap", "values", "wire", "bulk.batch", "bulk.classic", "bulk.files", "bulk.results"),
    *("bulk.rows", "bulk.work", "routes.account", "routes.classic", "routes.collections"),
    *("routes.composite", "routes.ingest", "routes.sobjects", "soql.conditions", "soql.parse"),
    "soql.run",
]


@pytest.mark.parametrize("module", MODULES)
def test_every_module_that_decides_has_marks(module: str) -> None:
    marked = {behaviour.function.rpartition(".")[0] for behaviour in BEHAVIOURS if behaviour.vendor == "salesforce"}
    name = f"penstock_sandbox.salesforce.{module}"
    assert any(each == name or each.startswith(name + ".") for each in marked)


def test_all_kinds_are_there() -> None:
    kinds = {behaviour.kind for behaviour in BEHAVIOURS if behaviour.vendor == "salesforce"}
    assert kinds == {"documented", "recorded", "assumed"}

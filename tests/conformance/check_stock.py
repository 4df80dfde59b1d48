"""Not collected by name: the suite on a target as the documentation of singer-sdk shows it."""

from __future__ import annotations

from penstock.conformance.stock import StockAdapter
from penstock.conformance.suite import TargetConformance


class TestStock(TargetConformance):
    adapter = StockAdapter()

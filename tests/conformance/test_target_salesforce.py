"""target-salesforce against the sandbox."""

from __future__ import annotations

from penstock.conformance.suite import TargetConformance
from tests.conformance.salesforce import SalesforceAdapter


class TestTargetSalesforce(TargetConformance):
    adapter = SalesforceAdapter()

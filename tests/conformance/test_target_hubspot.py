"""target-hubspot against the sandbox."""

from __future__ import annotations

from penstock.conformance.suite import TargetConformance
from tests.conformance.hubspot import HubSpotAdapter


class TestTargetHubSpot(TargetConformance):
    adapter = HubSpotAdapter()

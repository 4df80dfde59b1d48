"""target-intercom against the sandbox."""

from __future__ import annotations

from penstock.conformance.suite import TargetConformance
from tests.conformance.intercom import IntercomAdapter


class TestTargetIntercom(TargetConformance):
    adapter = IntercomAdapter()

"""Not collected by name: the suite on targets that are written on purpose. Named by the tests that run it."""

from __future__ import annotations

from penstock.conformance.suite import TargetConformance
from tests.conformance.plain_adapter import PlainAdapter


class TestPlain(TargetConformance):
    adapter = PlainAdapter()


class TestNull(TargetConformance):
    adapter = PlainAdapter("null")


class TestRefuses(TargetConformance):
    adapter = PlainAdapter("refuses")


class TestEarly(TargetConformance):
    adapter = PlainAdapter("early")


class TestDrops(TargetConformance):
    adapter = PlainAdapter("drops")


class TestReorders(TargetConformance):
    adapter = PlainAdapter("reorders")


class TestRemembers(TargetConformance):
    adapter = PlainAdapter("remembers")


class TestClaims(TargetConformance):
    """It claims a deadline of its calls, and to run once at a time: it has neither."""

    adapter = PlainAdapter(deadline=0.5, exclusive=True)

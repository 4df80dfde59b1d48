"""The suite: subclass `TargetConformance`, set `adapter`, and pytest finds one test per fault."""

from penstock.conformance.deaths import Deaths
from penstock.conformance.inputs import Inputs
from penstock.conformance.machine import Machine
from penstock.conformance.network import Network
from penstock.conformance.refusals import Refusals


class TargetConformance(Machine, Inputs, Refusals, Network, Deaths):
    """One test per fault, F1 to F33; each also holds that all rows have arrived."""

    __test__ = False

    def __init_subclass__(cls, **options: object) -> None:
        """Let pytest collect subclasses, not this class where it was imported."""
        super().__init_subclass__(**options)
        cls.__test__ = hasattr(cls, "adapter")

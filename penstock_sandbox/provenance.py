"""Where each simulated behaviour was learnt.

A fake is worth what its sources are worth, so every behaviour is one of three kinds: *documented* (the
vendor says so), *recorded* (seen in an answer of a live account, or reported by someone who tried), or
*assumed* (our reading, with the reason). The counts are printed by `penstock-sandbox behaviours`.
"""

from collections import Counter
from collections.abc import Callable
from typing import Literal, NamedTuple, TypeVar

Kind = Literal["documented", "recorded", "assumed"]
Function = TypeVar("Function", bound=Callable[..., object])


class Behaviour(NamedTuple):
    """One thing the sandbox does, the function that does it, and why we believe the vendor does it too."""

    vendor: str
    name: str
    kind: Kind
    source: str
    function: str


BEHAVIOURS: list[Behaviour] = []


def _register(name: str, kind: Kind, source: str) -> Callable[[Function], Function]:
    def mark(function: Function) -> Function:
        place = f"{function.__module__}.{function.__qualname__}"
        vendor = function.__module__.split(".")[1]
        BEHAVIOURS.append(Behaviour(vendor, name, kind, source, place))
        return function

    return mark


def documented(name: str, source: str) -> Callable[[Function], Function]:
    """Mark a behaviour that the vendor's own pages or client describe."""
    return _register(name, "documented", source)


def recorded(name: str, source: str) -> Callable[[Function], Function]:
    """Mark a behaviour seen in a live account's answer, by us or by the named report."""
    return _register(name, "recorded", source)


def assumed(name: str, reason: str) -> Callable[[Function], Function]:
    """Mark a behaviour nobody has confirmed; the reason says why this reading and not another."""
    return _register(name, "assumed", reason)


def counts() -> dict[str, int]:
    """Return how many behaviours there are of each kind."""
    found = Counter(behaviour.kind for behaviour in BEHAVIOURS)
    return {kind: found[kind] for kind in ("documented", "recorded", "assumed")}

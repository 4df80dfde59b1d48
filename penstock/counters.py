"""The counters of a stream, under the names by which they are logged and kept."""

from __future__ import annotations

from collections.abc import Mapping

ENDS = (
    "created",
    "updated",
    "existing",
    "removed",
    "unchanged",
    "not_sent",
    "coalesced",
    "filtered",
    "invalid",
    "rejected",
    "waiting",
    "parked",
    "held_back",
)
"""what can become of a row; these add up to what was read, swept and replayed"""
COUNTERS = ("read", "swept", "replayed", *ENDS, "left")
"""the counters of a stream, in the order in which people want to read them; others follow in alphabetical order"""


def some(number: int, thing: str) -> str:
    """Write how many there are of something, for people."""
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"


def told(counts: Mapping[str, int]) -> str:
    """Write a stream's counters for people; those that are 0 are left out."""
    order = [*COUNTERS, *sorted(set(counts) - set(COUNTERS))]
    return (
        ", ".join(f"{name.replace('_', ' ')} {counts[name]:,}" for name in order if counts.get(name)) or "nothing read"
    )

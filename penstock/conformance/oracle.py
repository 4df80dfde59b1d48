"""The oracle: what was lost, doubled or left stale, from the server's store and the history of applied writes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from penstock.conformance.adapter import Pair
from penstock.conformance.proxy import Applied, Exchange

IN_FLIGHT = 0.5
"""seconds after an answer in which requests may still come that were sent before it was read"""


@dataclass
class Verdict:
    """What is wrong, by key. Empty lists are what a target wants."""

    lost: list[str] = field(default_factory=list)
    """neither in the store nor kept as a reject"""
    refused: list[str] = field(default_factory=list)
    """kept as a reject, though nothing was wrong with them"""
    duplicate: list[str] = field(default_factory=list)
    """two objects for one key"""
    stale: list[str] = field(default_factory=list)
    """the value in the store is not the last one read"""

    def __str__(self) -> str:
        """Return the counts with a few of the keys."""
        found = [(name, keys) for name, keys in vars(self).items() if keys]
        return "; ".join(f"{len(keys)} {name}: {', '.join(keys[:5])}{' …' * (len(keys) > 5)}" for name, keys in found)


def judge(read: Iterable[Pair], stored: Sequence[Pair], rejects: Collection[str], may: Collection[str] = ()) -> Verdict:
    """Compare what was read, in its order, with what is stored. Keys in `may` may be rejects instead."""
    last = dict(read)
    values = dict(stored)
    counts = Counter(key for key, _ in stored)
    verdict = Verdict(duplicate=[key for key, count in counts.items() if count > 1])
    for key, value in last.items():
        if key in rejects and key in may:
            continue
        if key in rejects:
            verdict.refused.append(key)
        elif key not in values:
            verdict.lost.append(key)
        elif values[key] != value:
            verdict.stale.append(key)
    return verdict


def unfounded(
    before: Sequence[Pair], after: Sequence[Pair], stored: Sequence[Pair], rejects: Collection[str]
) -> list[str]:
    """Return the keys that a printed STATE acknowledges although nothing stands behind it.

    `before` was read before the STATE, `after` behind it: a later version may have overtaken an acknowledged one.
    """
    last = dict(before)
    fine = {(key, value) for key, value in after if key in last} | set(last.items())
    values = dict(stored)
    return [key for key in last if key not in rejects and (key not in values or (key, values[key]) not in fine)]


def overtaken(read: Iterable[Pair], applied: Iterable[Applied]) -> list[str]:
    """Return the keys of which an older version was applied behind a newer one."""
    ages = {pair: n for n, pair in enumerate(read)}
    newest: dict[str, int] = {}
    found: list[str] = []
    for write in applied:
        age = ages.get((write.key, write.value), -1)
        if age < newest.get(write.key, -1):
            found.append(write.key)
        newest[write.key] = max(age, newest.get(write.key, -1))
    return found


def resent(applied: Iterable[Applied]) -> int:
    """Count the applied writes that repeated the value which the key had already."""
    now: dict[str, str] = {}
    count = 0
    for write in applied:
        count += now.get(write.key) == write.value
        now[write.key] = write.value
    return count


def early(writes: Sequence[Exchange], slack: float = 0.05) -> list[int]:
    """Return the numbers of the writes that repeat a row before the time which the answer to it had named."""
    found: list[int] = []
    for n, told in enumerate(writes):
        if told.after is None or told.ended is None:
            continue
        keys = {key for key, _ in told.pairs}
        ends = told.ended + told.after - slack
        found += [w.write for w in writes[n + 1 :] if w.at < ends and keys & {key for key, _ in w.pairs}]
    return found


def over_quota(writes: Sequence[Exchange]) -> list[int]:
    """Return the numbers of the writes that were sent although an answer had asked for patience."""
    found: set[int] = set()
    for told in writes:
        if told.after is not None and told.ended is not None:
            spent = (told.ended + IN_FLIGHT, told.ended + told.after)
            found |= {write.write for write in writes if spent[0] < write.at < spent[1]}
    return sorted(found)

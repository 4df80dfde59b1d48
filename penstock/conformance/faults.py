"""Faults at exact places, on schedules that can be replayed.

A schedule counts the write requests that it could strike, from 1 on since it was made; so "an RST after the apply of
the second write" is one fault, and the same in every run.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Literal

from penstock.conformance.wire import Response

Place = Literal["on_connect", "before_apply", "after_apply", "in_answer"]
"""`on_connect`: nothing was read yet. `before_apply`: the request came, the server never sees it. `after_apply`: the
server applied it, its answer goes astray. `in_answer`: its answer is spoilt on its way."""
Kind = Literal["reset", "close", "answer", "hang", "truncate", "drip_head", "drip_body", "leave", "shorten", "none"]
"""`reset`: RST. `close`: FIN without a word. `answer`: another answer in its place. `hang`: silence for `seconds`,
then RST. `truncate`: half of the answer, then FIN. `drip_head`, `drip_body`: that part of it in drops, over `seconds`.
`leave`: the whole answer, then FIN although the connection was to be kept. `shorten`: one result fewer, by the
adapter's help. `none`: only `do`."""


@dataclass
class Fault:
    """One schedule: where, what, and which of the write requests it strikes (all, when `on` is empty)."""

    place: Place
    kind: Kind
    on: Collection[int] = ()
    answer: Response | None = None
    """what kind `answer` says"""
    seconds: float = 0.0
    """how long it lasts; of an `answer`, how long it asks the client to wait"""
    keys: Collection[str] = ()
    """strike only requests that write one of these keys"""
    do: Callable[[], object] | None = None
    """called when it strikes, before anything else happens to the request"""
    said: str = ""
    """a few words for the report, where place and kind do not tell"""
    seen: int = field(default=0, init=False)
    struck: int = field(default=0, init=False)

    def strikes(self, keys: Collection[str]) -> bool:
        """Count a request that writes these keys, and tell whether it is struck."""
        if self.keys and not set(self.keys) & set(keys):
            return False
        self.seen += 1
        hit = not self.on or self.seen in self.on
        self.struck += hit
        return hit

    def __str__(self) -> str:
        """Say what is done to which requests: this is the schedule to replay."""
        what = self.said or (f"{self.kind} {self.answer.status}" if self.answer else self.kind)
        numbers = f"{self.on[0]} and all later" if isinstance(self.on, range) else ", ".join(map(str, sorted(self.on)))
        which = f"write {numbers}" if self.on else "every write"
        if self.place == "on_connect":
            which = which.replace("write", "connection")
        if self.keys:
            which += f" of {', '.join(sorted(self.keys)[:3])}"
        return f"{self.place}: {what} at {which}"

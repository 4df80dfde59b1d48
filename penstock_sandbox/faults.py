"""Faults at exact places, on a schedule that can be replayed.

`on_connect` strikes before a connection's first request is read, `before_apply` after a request arrived
and before the account sees it, `after_apply` when the write is in the history and its answer is not yet
sent, `in_answer` while the true answer is being sent. A schedule counts the requests whose method and
path contain `match`, from 1 on since it was made, so "after the apply of the 17th batch" is one fault.
"""

import random
from typing import Literal

import msgspec

Place = Literal["on_connect", "before_apply", "after_apply", "in_answer"]
Kind = Literal[
    "reset",
    "status",
    "html",
    "truncate",
    "empty",
    "drip",
    "drop_rows",
    "repeat_rows",
    "silent",
    "strip_context",
    "alter",
]
ANSWER_ONLY = frozenset({"truncate", "drip", "drop_rows", "repeat_rows", "strip_context"})
CONTROL_PREFIX = "/_sandbox"


class Fault(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One schedule: where, what, and on which requests.

    `on`, `every` and `share` choose among the matching requests; with none of them all are struck. `times`
    is the most strikes in all. `body` is sent as given (text, or JSON); `rows` is how many results
    `drop_rows` leaves out or `repeat_rows` shows twice; `delay_ms` is the pause after each byte of `drip`.
    `silent` is a success without results or errors. `seconds` ends the schedule so long after its first strike,
    on the sandbox clock. `answer` names an answer of the vendor's, which gives `status`, `body` and `headers`.
    `alter`, before_apply, changes the account and lets the request go on: see `hubspot.plane.Alteration`.
    """

    place: Place
    kind: Kind
    match: str = "batch/"
    on: list[int] = []
    every: int = 0
    share: float = 0.0
    seed: int = 0
    times: int | None = None
    status: int = 503
    body: msgspec.Raw = msgspec.Raw(b'{"status":"error","message":"a fault of the sandbox"}')
    headers: dict[str, str] = {}
    rows: int = 1
    delay_ms: float = 20.0
    seconds: float | None = None
    answer: str = ""
    alter: msgspec.Raw = msgspec.Raw(b"null")

    def __post_init__(self) -> None:
        if self.place == "on_connect" and self.kind != "reset":
            raise ValueError("on_connect knows only the kind reset")
        if self.kind in ANSWER_ONLY and self.place != "in_answer":
            raise ValueError(f"{self.kind} happens in_answer")
        if self.kind == "alter" and self.place != "before_apply":
            raise ValueError("alter happens before_apply")

    def content(self) -> bytes:
        """Return the body to send: a JSON string stands for its text, anything else for itself."""
        raw = bytes(self.body)
        return msgspec.json.decode(raw, type=str).encode() if raw.startswith(b'"') else raw


class Schedule:
    """A fault with its counters."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.seen = 0
        self.struck = 0
        self._ends: float | None = None
        self._chance = random.Random(fault.seed)  # noqa: S311 - replayable on purpose

    def strikes(self, route: str, now: float) -> bool:
        """Count a request and tell whether this fault strikes it."""
        fault = self.fault
        if fault.match not in route or (self._ends is not None and now >= self._ends):
            return False
        self.seen += 1
        chosen = not (fault.on or fault.every or fault.share)
        chosen = chosen or self.seen in fault.on
        chosen = chosen or (fault.every > 0 and self.seen % fault.every == 0)
        chosen = chosen or (fault.share > 0 and self._chance.random() < fault.share)
        if not chosen or (fault.times is not None and self.struck >= fault.times):
            return False
        self.struck += 1
        if fault.seconds is not None and self._ends is None:
            self._ends = now + fault.seconds
        return True


class Faults:
    """All schedules. A request is struck at most once per place, by the schedule made first."""

    def __init__(self) -> None:
        self.schedules: list[Schedule] = []

    def add(self, fault: Fault) -> None:
        """Start a schedule."""
        self.schedules.append(Schedule(fault))

    def at_request(self, route: str, now: float) -> dict[Place, Fault]:
        """Count a request, `METHOD /path`, and return the faults that strike it, by place."""
        found: dict[Place, Fault] = {}
        for schedule in self.schedules:
            if schedule.fault.place != "on_connect" and schedule.strikes(route, now):
                found.setdefault(schedule.fault.place, schedule.fault)
        return found

    def at_connect(self, route: str) -> bool:
        """Tell whether a connection whose first request is `route` is reset. The control plane's never are."""
        if f" {CONTROL_PREFIX}" in route:
            return False
        struck = [each.strikes(route, 0.0) for each in self.schedules if each.fault.place == "on_connect"]
        return any(struck)

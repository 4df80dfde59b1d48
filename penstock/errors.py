"""Errors, named by what the caller should do next.

PenstockError
├── Stop                     end the run now, print the STATE that was earned; each carries its exit code
│   ├── Fault            1   something broke; a rerun continues where this run ended
│   │   └── MalformedInput   the input is no Singer stream from this line on
│   ├── Misconfigured    2   a setting or a credential is wrong; nothing is sent once that is known
│   │   └── Busy             another run of the same sync is under way
│   ├── TooManyRejects   3   the rows went through, but more were refused than the sync allows
│   ├── Guarded          4   a guard of the sync was met; what it guards was not written
│   └── Interrupted 130/143  a signal asked us to end
├── Refusal                  what one answer says about its whole request; raised by a target's decode
│   ├── Throttled            too fast: wait, then send the same again
│   ├── Unavailable          the server is in trouble: wait longer each time, then send the same again
│   ├── BatchRefused         one of the rows spoils the request: halve it until the row stands alone
│   └── NotAccepted          the answer cannot be read as an answer: the outcome is unknown
├── NoAnswer                 the request ended without an answer; `sent` tells whether it can have been applied
└── InvalidRecord            this record cannot be sent: keep it as a reject, go on
"""

from __future__ import annotations

from collections.abc import Sequence


class PenstockError(Exception):
    """Root of everything this project raises on purpose."""


class Stop(PenstockError):
    """Ends the run. `exit_code` is what the process exits with, `advice` is what a person can do next."""

    exit_code = 1
    name = "stopped by a fault"

    def __init__(self, message: str, advice: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice


class Fault(Stop):
    """Something outside the configuration broke; run again to continue."""


class MalformedInput(Fault):
    """The input stops being Singer at this line. The message holds the line's number, never its content."""

    name = "stopped by malformed input"

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(
            f"input line {line}: {problem}",
            "what was read before it was delivered or kept as a reject; look at the tap's own log, then run again",
        )


class Misconfigured(Stop):
    """A setting or credential is wrong. Every mistake that could be found is named at once."""

    exit_code = 2
    name = "stopped by configuration"

    def __init__(self, mistakes: str | Sequence[str], advice: str = "") -> None:
        self.mistakes = [mistakes] if isinstance(mistakes, str) else list(mistakes)
        super().__init__("; ".join(self.mistakes), advice or "correct the configuration and run again")


class Busy(Misconfigured):
    """Another run has what this one needs."""


class TooManyRejects(Stop):
    """Most probably the mapping is wrong, not the rows."""

    exit_code = 3
    name = "more rejects than allowed"


class Guarded(Stop):
    """A guard of the sync was met: the rest of the run went through, what the guard is there for did not."""

    exit_code = 4
    name = "stopped by a guard"


class Interrupted(Stop):
    """SIGINT or SIGTERM: what was in flight has been settled or is held as an open intent."""

    name = "ended by a signal"

    def __init__(self, signum: int) -> None:
        super().__init__(f"received signal {signum}", "run again to continue where this run ended")
        self.exit_code = 128 + signum


class Refusal(PenstockError):
    """What an answer says about its whole request."""


class Throttled(Refusal):
    """The API wants fewer requests. Nothing of the request was applied.

    `after` is in seconds; None means that the answer named no time.
    """

    def __init__(self, reason: str, after: float | None = None) -> None:
        super().__init__(reason)
        self.after = after


class Unavailable(Refusal):
    """The server answered that it cannot answer. The write may have been applied all the same."""

    def __init__(self, reason: str, after: float | None = None) -> None:
        super().__init__(reason)
        self.after = after


class BatchRefused(Refusal):
    """The API refused a request whole, for the sake of some of its rows. Nothing of it was applied."""

    def __init__(self, code: str, message: str, field: str | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.field = field


class NotAccepted(Refusal):
    """A success status around a body that does not say what became of the rows: outcome unknown."""


class NoAnswer(PenstockError):
    """No answer came. `sent` is False only where no byte of the request can have reached the server."""

    def __init__(self, reason: str, *, sent: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.sent = sent


class InvalidRecord(PenstockError):
    """This record cannot be sent. `message` names the rule that it breaks and never holds the value.

    `row_key` is None where the record has no key either.
    """

    def __init__(self, code: str, message: str, field: str | None = None, row_key: str | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.row_key = row_key
        self.code = code
        self.message = message
        self.field = field

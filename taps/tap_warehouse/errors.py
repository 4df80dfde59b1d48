"""What ends a run early, named by what to do about it.

    TapError
    ├── ConfigurationError   2          fix the settings; nothing was emitted for them
    ├── ReadFault            1          the warehouse failed in the middle; run again
    │   └── OutOfMemory                 in as much memory as it may use
    ├── OutputClosed         1          nobody reads us any more; look at the target
    ├── OutputFault          1          files cannot be written
    ├── Guarded              4          a guard stopped a model before its first row; the others were emitted
    └── Stopped              128 + n    a signal; run again

The number is the exit code. A process that raised one of these has not emitted everything, so none of them is 0.
"""

from __future__ import annotations

from collections.abc import Iterable


class TapError(Exception):
    """Ends the run. `advice` becomes the last line on stderr, because Meltano flattens every exit code to 1."""

    exit_code = 1
    kind = "fault"
    advice = "run again"


class ConfigurationError(TapError):
    """One or more mistakes in the settings, all those that could be found in one go.

    The messages name settings, models, tables and columns. They never hold the value of a setting that could be a
    secret.
    """

    exit_code = 2
    kind = "configuration"
    advice = "correct what is named above, then run again"

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class ReadFault(TapError):
    """The warehouse failed after reading had begun. The stream was not closed, so a target sweeps nothing."""

    kind = "read"
    advice = "run again: what was emitted so far is harmless to repeat"


class OutOfMemory(ReadFault):
    """The warehouse could not do it in the memory that it may use."""


class Guarded(TapError):
    """Models that were not emitted, because a guard of theirs, their keys or their tests forbid it."""

    exit_code = 4
    kind = "guard"
    advice = "look at what is named above; the other models were emitted"

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class OutputClosed(TapError):
    """The process that reads our messages has gone."""

    kind = "output"
    advice = "look at what the target said, then run again"


class OutputFault(TapError):
    """The files of BATCH messages cannot be written."""

    kind = "output"
    advice = "look at the folder that is named above, then run again"


class Stopped(TapError):
    """SIGTERM or SIGINT arrived and the run ended at the next message boundary."""

    kind = "signal"
    advice = "run again to read the models to their end"

    def __init__(self, signum: int) -> None:
        self.exit_code = 128 + signum
        super().__init__(f"stopped by signal {signum}")

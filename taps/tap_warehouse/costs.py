"""What a session with a warehouse has cost, as far as it can be told from here. The warehouse's own word is added."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass
class Costs:
    """Statements of a run, and seconds of waiting for them; those of discovery are left out."""

    statements: int = 0
    seconds: float = 0.0

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Count the block as a statement."""
        self.statements += 1
        with self.waiting():
            yield

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count the seconds of the block."""
        started = time.monotonic()
        try:
            yield
        finally:
            self.seconds += time.monotonic() - started

    def told(self, warehouse: str, more: Iterable[str] = ()) -> str:
        """Write it for the log; `more` is what the warehouse tells when asked, which is not counted itself."""
        ours = f"{warehouse}: {self.statements} statements, {self.seconds:.2f} s of waiting for them"
        return "; ".join([ours, *more])

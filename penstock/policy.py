"""The numbers of a delivery."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field

from penstock.errors import Misconfigured
from penstock.retry import RetryPolicy


@dataclass(frozen=True)
class Reserve:
    """Calls of the daily quota that are kept free for others: a number, and a share of the daily limit."""

    number: int = 0
    share: float = 0.0

    @classmethod
    def parse(cls, text: str) -> Reserve:
        """Read `500` or `10%`. Raises Misconfigured."""
        found = re.fullmatch(r"\s*([0-9]+)\s*|\s*([0-9]+(?:\.[0-9]+)?)\s*%\s*", text)
        if found is None or float(found[2] or 0) > 100:
            raise Misconfigured("setting quota_reserve: give a number of calls, or a share of the daily quota as 10%")
        return cls(int(found[1] or 0), float(found[2] or 0) / 100)

    def calls(self, daily_limit: int | None) -> int:
        """Return how many calls that are; a share of a limit that nobody tells is none."""
        return self.number + math.ceil(self.share * (daily_limit or 0))


@dataclass(frozen=True)
class Policy:
    """The numbers of a delivery. Ages and intervals are in seconds."""

    retry: RetryPolicy = field(default_factory=RetryPolicy)
    batch_age: float = 1.0
    spool_age: float = 30.0
    """how long rows wait for others to share a job with"""
    max_rows: int = 20_000
    """rows unsettled in memory before reading stops"""
    max_bytes: int = 64 * 2**20
    throttled_in_a_row: int = 20
    """times to be asked for patience, without a success between them, before that counts as failure"""
    quota_reserve: Reserve = Reserve()
    host: str = ""
    """the destination's host, for messages"""
    unacknowledged: int = 3
    """times that answers may leave a row out before it is kept as a reject"""
    commit_rows: int = 2_000
    """writes to the ledger in one transaction; each row is two of them, its intent and its end"""
    commit_age: float = 0.05
    hopeless: int = 500
    """first rows all refused: then the mapping is wrong, not the rows"""
    judged_from: int = 20
    """rejects from which on their share counts"""

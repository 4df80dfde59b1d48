"""The numbers of a delivery."""

from __future__ import annotations

from dataclasses import dataclass, field

from penstock.retry import RetryPolicy


@dataclass(frozen=True)
class Policy:
    """The numbers of a delivery. Ages and intervals are in seconds."""

    retry: RetryPolicy = field(default_factory=RetryPolicy)
    batch_age: float = 1.0
    max_rows: int = 20_000
    """rows unsettled in memory before reading stops"""
    max_bytes: int = 64 * 2**20
    throttled_in_a_row: int = 20
    """answers that ask for patience, without a success between them, before they count as failures"""
    unacknowledged: int = 3
    """times that answers may leave a row out before it is kept as a reject"""
    commit_rows: int = 2_000
    """writes to the ledger in one transaction; each row is two of them, its intent and its end"""
    commit_age: float = 0.05
    hopeless: int = 500
    """first rows all refused: then the mapping is wrong, not the rows"""
    judged_from: int = 20
    """rejects from which on their share counts"""

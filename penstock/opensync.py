"""A sync in this run: what is counted of it, which of its rows were met, where its rows wait."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

from penstock.checkpoint import Epoch
from penstock.mapping import RecordMapper
from penstock.modes import Sync
from penstock.records import Abilities, Row, RowKey, Source
from penstock.staging import Spool, Stage
from penstock.tables import Seen, as_json


@dataclass(eq=False)
class OpenSync:
    """A sync in this run: its number in the ledger, its counters, the rows met."""

    sync: Sync
    number: int
    seen: Seen
    counts: Counter[str]
    mapping: bytes
    """version of its mapping"""
    can: Abilities
    remark: bool
    """the mapping is another than last time: source marks of unchanged rows are written anew, once"""
    rules: bytes = b""
    """version of the rules that its rows are mapped by"""
    new: bool = False
    """nothing of it was ever delivered"""
    pending: str | None = None
    """why its old rows have to be read again; until then its bookmark is in no STATE that is printed"""
    excused: int = 0
    """refused rows that say nothing about the mapping: another row holds their match value, there is no object"""
    absent: int = 0
    """of these, rows that have no object"""
    read_again: bool = False
    """it was found in this run that old rows have to be read again: some may have been read too early already"""
    repeated: int = 0
    """refused rows that an earlier run had refused just as they are"""
    held: dict[RowKey, list[Epoch]] = field(default_factory=dict)
    """removals by the tap's word that wait until a guard has judged them all, with their receipts"""
    contested: set[str] = field(default_factory=set)
    """rows whose match value another row of this run asked for: those that have left have only changed their key"""
    mapper: RecordMapper | None = None
    """by which its rows are mapped now"""
    stage: Stage | None = None
    """changed rows that wait until a guard has judged how many they are"""
    bulk_above: int | None = None
    """changed rows from which on they travel by a job; None: never"""
    spool: Spool | None = None
    """changed rows that wait until it is decided whether they travel by requests or by a job"""
    straight: Callable[[list[Row], float], list[Row]] | None = None
    """takes rows that need not wait, because a job is being formed; returns those that do"""
    together: Callable[[RecordMapper, Epoch, Sequence[Source], float], Sequence[Source]] | None = None
    """lets rows that are new wait, or join such a job, without a closer look; returns the others"""
    chunk: int = 0
    """how many at once"""
    into_job: Callable[[Row], bool] | None = None
    """lets a row join the job that is being formed, and tells whether it has"""

    @property
    def refused(self) -> int:
        """Return how many rows were refused, by us or by the destination."""
        return self.counts["invalid"] + self.counts["rejected"]

    def no_longer_present(self, row: Row) -> None:
        """Note that a row has left by the tap's word: rows met and rows present are held against each other later."""
        if row.known is not None and not row.known.left:
            self.seen.left(row.known.seq)


def mark_of(opened: OpenSync, row: Row) -> bytes:
    """Return what stands for a row's record and its mapping, to tell a refusal that repeats from a new one."""
    return blake2b(as_json(row.record), digest_size=16, person=opened.mapping).digest()

"""The short way of many rows into a job: rows that are new, that nobody waits for, and that wait for nobody.

Each question that is asked of a row on the long way is asked here of all together. Where the answer is not the plain
one for all of them, they go the long way, in the order in which they were read.
"""

from __future__ import annotations

from collections.abc import Sequence

from penstock.batching import key_identity, match_identity
from penstock.bulk import Columns
from penstock.columns import ColumnMapper
from penstock.ledger import Ledger
from penstock.mapping import RecordMapper
from penstock.modes import Action
from penstock.opensync import OpenSync
from penstock.records import Limits, Row, RowKey, Source
from penstock.rows import identities_of, mapped
from penstock.staging import Spool
from penstock.steps import next_step, want

SAMPLE = 50
"""rows by which it is judged whether most are new"""


class Together:
    """Finds such rows."""

    def __init__(self, ledger: Ledger, limits: Limits) -> None:
        self._ledger = ledger
        self._limits = limits
        self._mappers: dict[str, ColumnMapper] = {}

    def find(
        self, opened: OpenSync, spool: Spool, mapper: RecordMapper, sources: Sequence[Source]
    ) -> tuple[Columns, list[int]] | None:
        """Return rows that may join a job as they are, and their places; None where there are none."""
        columns = self._mapper(opened, mapper)
        plain = columns.fits and not opened.held and opened.stage is None
        new = self._new(opened, sources) if plain else None
        if new is None or 2 * len(new) < len(sources):
            return None
        rows, odd = columns.map([sources[n] for n in new])
        places = [n for at, n in enumerate(new) if at not in set(odd)] if odd else new
        met = identities(opened, rows)
        joining = set(places)
        others = [source for n, source in enumerate(sources) if n not in joining]
        alone = len(met) == 2 * len(rows) and met.isdisjoint(self._identities(opened, mapper, others))
        if not alone or spool.blocks(met) or self._ledger.owners(opened.number, rows.matches):
            return None
        if any(map(self._limits.body_bytes.__lt__, map(len, rows.bodies))):
            return None
        return rows, places

    def all_new(self, opened: OpenSync, sources: Sequence[Source]) -> bool:
        """Tell whether nothing is known of any of some rows, each of which is there once and has a text."""
        if opened.held or opened.stage is not None or len({source.key for source in sources}) < len(sources):
            return False
        new = self._new(opened, sources)
        return new is not None and len(new) == len(sources)

    def _mapper(self, opened: OpenSync, mapper: RecordMapper) -> ColumnMapper:
        found = self._mappers.get(opened.sync.stream)
        if found is None or found.mapper is not mapper:
            found = self._mappers[opened.sync.stream] = ColumnMapper(mapper)
        return found

    def _new(self, opened: OpenSync, sources: Sequence[Source]) -> list[int] | None:
        """Return the places of rows of which the ledger knows nothing; None where it knows most of them."""
        keys = [source.key for source in sources if source.key is not None]
        if 2 * len(self._ledger.known(opened.number, keys[:SAMPLE])) > min(SAMPLE, len(keys)):
            return None
        known = self._ledger.known(opened.number, keys)
        refused = self._ledger.rejects.holding(opened.number, keys)
        return [
            n
            for n, source in enumerate(sources)
            if source.mark is not None and not source.removed and source.key not in known and source.key not in refused
        ]

    def _identities(self, opened: OpenSync, mapper: RecordMapper, sources: Sequence[Source]) -> set[int]:
        """Return what rows are known by that go the long way, behind those that do not."""
        rows = [mapped(opened.sync, mapper, source, None) for source in sources]
        known = self._ledger.known(opened.number, [row.key for row in rows]) if rows else {}
        found: set[int] = set()
        for row in rows:
            row.known = known.get(row.key)
            found |= identities_of(row)
        return found


def identities(opened: OpenSync, rows: Columns) -> set[int]:
    """Return what rows are known by, as `identities_of` does it for one."""
    keys = map(key_identity(opened.sync.stream, RowKey("")).__add__, rows.keys)
    matches = map(match_identity(opened.sync, "").__add__, rows.matches)
    return {*map(hash, keys), *map(hash, matches)}


def first_step(opened: OpenSync) -> Action:
    """Return the step that such rows need first: they differ in nothing that it depends on."""
    row = Row(opened.sync, RowKey("one"), "one", {}, b"", b"", None, b"", [])
    row.wanted = want(row)
    return next_step(row, opened.can)

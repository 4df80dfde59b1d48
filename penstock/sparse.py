"""Sparse records of rows of which an earlier version was refused: that reject may hold what they lack."""

from __future__ import annotations

from penstock.errors import InvalidRecord
from penstock.ledger import Ledger
from penstock.mapping import RecordMapper, decode_record
from penstock.opensync import OpenSync
from penstock.records import Record, Row, RowKey, Source
from penstock.rows import mapped


class Sparse:
    """Finds and completes them."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def leaves_out(self, opened: OpenSync, mapper: RecordMapper, key: RowKey, record: Record | bytes) -> bool:
        """Tell whether a record is sparse and an earlier one of its row was refused, which may hold what it lacks."""
        if not self._ledger.rejects.holds(opened.number, key):
            return False
        try:
            columns = decode_record(record) if isinstance(record, bytes) else record
        except InvalidRecord:
            return False
        return not mapper.columns <= columns.keys()

    def complete(self, opened: OpenSync, row: Row) -> None:
        """Put under a sparse record what only the refused one before it holds: to deliver it alone would lose that.

        Together they may be refused again. Then the reject holds both.
        """
        mapper = opened.mapper
        if row.removed or mapper is None or not self.leaves_out(opened, mapper, row.key, row.record):
            return
        try:
            before = decode_record(self._ledger.rejects.record(opened.number, row.key))
        except InvalidRecord:
            return
        record = decode_record(row.record) if isinstance(row.record, bytes) else row.record
        whole = mapped(row.sync, mapper, Source(row.key, None, {**before, **record}), None)
        row.record, row.text, row.invalid, row.source_mark = whole.record, None, whole.invalid, None
        if whole.invalid is None and whole.match != row.match:  # its lanes are those of the other
            row.invalid = InvalidRecord("sparse", "it lacks the match field, which a refused record of its row holds")
        if row.invalid is None:
            row.payload, row.body, row.fingerprint = whole.payload, whole.body, whole.fingerprint
            row.links = whole.links

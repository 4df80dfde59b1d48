"""Rows made of records, and what can be told of a row by what the ledger knows of it."""

from __future__ import annotations

from zlib import crc32

from penstock.batching import key_identity, match_identity
from penstock.checkpoint import Epoch
from penstock.errors import InvalidRecord
from penstock.mapping import RecordMapper, Wanted, decode_record, encode_payload, kept, reject_key
from penstock.modes import Action, Sync
from penstock.records import KnownRow, Payload, Record, Row, RowKey, Source


def mapped(sync: Sync, mapper: RecordMapper, source: Source, epoch: Epoch | None) -> Row:
    """Make the Row of a record; one that cannot be mapped keeps its key, so that it keeps its place in the order."""
    epochs = [] if epoch is None else [epoch]
    if source.removed and source.key is not None:
        return removal(sync, mapper, source.key, source.record, epochs)
    weight = len(source.record) if isinstance(source.record, bytes) else 0
    try:
        if source.invalid is not None:
            raise source.invalid
        record = decode_record(source.record) if isinstance(source.record, bytes) else source.record
    except InvalidRecord as why:
        key = source.key or reject_key(source.record)
        return Row(sync, key, "", {}, b"", b"", None, kept(source.record), epochs, mapper, invalid=why, weight=weight)
    try:
        key, match, payload, body, mark, links = mapper.map(record, source.key)
    except InvalidRecord as why:
        key = RowKey(why.row_key) if why.row_key is not None else reject_key(record)
        return Row(sync, key, "", {}, b"", b"", None, kept(record), epochs, mapper, invalid=why, weight=weight)
    weight = weight or len(body)
    row = Row(
        sync, key, match, payload, body, mark, source.mark, kept(record), epochs, mapper, links=links, weight=weight
    )
    if isinstance(source.record, bytes):
        row.text = source.record
    if mapper.group is not None:
        row.group = group_of(_parent(mapper, payload, links))
    return row


def group_of(parent: object) -> int:
    """Return the number that stands for a parent; 0 for none."""
    return 0 if parent is None else crc32(str(parent).encode(errors="replace")) + 1


def _parent(mapper: RecordMapper, payload: Payload, links: Wanted) -> object:
    """Return what rows are grouped by: the value of a field, or of a link that is one."""
    if mapper.group not in mapper.inline:
        return payload.get(str(mapper.group))
    values = links[mapper.inline.index(mapper.group)]
    return values[0] if values else None


def removal(sync: Sync, mapper: RecordMapper, key: RowKey, record: Record | bytes, epochs: list[Epoch]) -> Row:
    """Make the Row of a key that has left the source."""
    body = encode_payload(mapper.cleared()) if sync.strategy.removed is Action.CLEAR else b""
    links = ((),) * len(sync.links) if sync.strategy.removed is Action.CLEAR else ()
    return Row(sync, key, "", {}, body, b"", None, kept(record), epochs, mapper, links=links, removed=True)


def is_delivered(known: KnownRow | None, row: Row) -> bool:
    """Tell whether the destination has this very payload, as far as the ledger is sure of it, and that is enough."""
    if row.sync.strategy.unchanged is not Action.NOTHING:
        return False
    return known is not None and not known.left and known.fingerprint == row.fingerprint


def claims_its_match(row: Row) -> bool:
    """Tell whether a row stakes a claim to its match value that it did not have before."""
    if not row.match or row.removed:
        return False
    return row.known is None or row.known.left or row.known.match != row.match


def identities_of(row: Row) -> set[int]:
    """Return what a row is known by, as numbers: its key, its match value, and those it had before."""
    if row.known is None and row.match:
        return {hash(key_identity(row.sync.stream, row.key)), hash(match_identity(row.sync, row.match))}
    matches = {match_identity(row.sync, match) for match in (row.match, *row.former) if match}
    return {hash(name) for name in (key_identity(row.sync.stream, row.key), *matches)}

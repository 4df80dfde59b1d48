"""What is to be emitted of a stream, and what its bookmark is on the way: one function for each change detection."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import msgspec

from tap_warehouse.catalog import Stream
from tap_warehouse.comparing import comparison_of, fields_of, shape_of
from tap_warehouse.keys import REFUSED, KeyCheck
from tap_warehouse.registry import Mark
from tap_warehouse.snapshots import Snapshots
from tap_warehouse.warehouse import GONE, Column, Read, Warehouse

Bookmark = dict[str, object]
At = Callable[[int, bool, "bytes | None", "bytes | None"], "Bookmark | None"]
"""rows emitted, whether these were all, the last line and the next one -> bookmark; None: not between these two"""


@dataclass(frozen=True)
class Plan:
    """One stream's part of a run. Reads come in order; only the rows of the last one are counted in the bookmark."""

    warehouse: Warehouse
    """the one that its reads are for"""
    columns: tuple[Column, ...]
    refused: tuple[Read, ...]
    read: Read | None
    version: int | None
    """records carry it, and ACTIVATE_VERSION closes the stream: the model is emitted whole"""
    at: At
    told: str
    """for the log: which rows these are"""
    compared: int | None = None
    """rows of the model that were looked at to find these"""


WHOLE = "the whole model"


@dataclass(frozen=True)
class Context:
    """What every plan needs."""

    warehouse: Warehouse
    log: logging.Logger
    now: Callable[[], datetime]
    version: int
    check_keys: bool


def plan(stream: Stream, given: object, context: Context) -> Plan:
    """Decide what of a stream is emitted. Raises Guarded, ReadFault."""
    model = stream.model
    if model.limit is not None:
        return _trial(stream, given, context)
    match model.change:
        case "snapshot":
            return _snapshot(stream, given, context)
        case "incremental":
            return _incremental(stream, given, context)
    return _full(stream, context)


def _full(stream: Stream, context: Context) -> Plan:
    read, refused = _whole(stream, context, check=context.check_keys)

    def at(done: int, complete: bool, _last: bytes | None, _following: bytes | None) -> Bookmark:
        return {"full": {"version": context.version, "rows": done, "complete": complete}}

    return Plan(context.warehouse, _columns(stream, refused), refused, read, context.version, at, WHOLE)


def _whole(stream: Stream, context: Context, *, check: bool) -> tuple[Read, tuple[Read, ...]]:
    """Read all of a model, each key once where the model says so, and beside it the rows to be refused."""
    model, shape = stream.model, shape_of(stream, context.warehouse)
    fields = fields_of(stream.columns, context.warehouse)
    keys = KeyCheck(context.warehouse, model, shape, context.log)
    must = (model.null_keys, model.duplicate_keys) != ("reject", "reject")
    settled = keys.settle() if check or must else None
    if settled is None:
        return Read(shape.relation, fields), ()
    return Read(settled.shape.relation, fields), keys.odd(fields)


def _trial(stream: Stream, given: object, context: Context) -> Plan:
    """Emit a few rows. They are no complete read, so nothing is closed, and the bookmark stays as it was."""
    context.log.warning("%s: limit %d: a trial, its bookmark stays", stream.model.name, stream.model.limit or 0)
    kept = dict(given) if isinstance(given, Mapping) else {}
    read = Read(
        context.warehouse.relation(stream.model), fields_of(stream.columns, context.warehouse), limit=stream.model.limit
    )
    return Plan(
        context.warehouse, stream.columns, (), read, None, lambda _done, _complete, _last, _following: kept, "a trial"
    )


def _snapshot(stream: Stream, given: object, context: Context) -> Plan:
    compared = comparison_of(stream, context.warehouse)
    keys = KeyCheck(compared.warehouse, compared.model, compared.shape, context.log)
    delta = Snapshots(compared, given, context.log, context.now).prepare(keys)
    refused = keys.odd(compared.fields)
    mark = delta.mark

    def at(done: int, complete: bool, _last: bytes | None, _following: bytes | None) -> Bookmark:
        return Mark(mark.id, mark.snapshot, mark.base, done, complete or mark.complete).bookmark()

    read = None if delta.table is None else compared.read(delta.table)
    counts = ", ".join(f"{count} {operation}" for operation, count in sorted(delta.counts.items()))
    told = WHOLE if delta.whole else counts or "nothing has changed"
    version = context.version if delta.whole else None
    columns = _columns(stream, refused, gone=True)
    return Plan(compared.warehouse, columns, refused, read, version, at, told, delta.compared)


def _incremental(stream: Stream, given: object, context: Context) -> Plan:
    """Emit what lies from the bookmark on, that value included, in the order of the replication key.

    Rows at the bookmark's value are emitted again, because others with that value may have come since; nothing beyond
    them is. It is one query, so rows that arrive meanwhile are not in it. A row without a value is emitted at every
    run: nothing tells whether it has changed.
    """
    model, warehouse = stream.model, context.warehouse
    column = next(column for column in stream.columns if column.name == model.replication_key)
    key = f"m.{warehouse.dialect.quoted(column.name)}"
    since = _since(given, column.name, model.name, context)
    read, refused = _whole(stream, context, check=context.check_keys and since is None)
    without = warehouse.rows(f"select count(*) from {read.source} m where {key} is null")[0][0]
    if int(str(without)):
        context.log.warning("%s: %s rows have no %s: they are emitted at every run", model.name, without, column.name)
    where = "" if since is None else f"({key} is null or {key} >= {warehouse.dialect.literal(since, column.type)})"
    value_of = _value_of(column.name)

    def at(_done: int, complete: bool, last: bytes | None, following: bytes | None) -> Bookmark | None:
        value = None if last is None else value_of(last)
        if not complete and (following is None or value is None or value == value_of(following)):
            return None
        value = since if value is None else value
        return {} if value is None else {"replication_key": column.name, "replication_key_value": value}

    read = replace(read, where=where, order=f"case when {key} is null then 0 else 1 end, {key}")
    version, told = (context.version, WHOLE) if since is None else (None, f"from its last {column.name} on")
    return Plan(context.warehouse, _columns(stream, refused), refused, read, version, at, told)


def _since(given: object, column: str, stream: str, context: Context) -> object:
    """Take the value to go on from; None: from the start."""
    if not isinstance(given, Mapping) or given.get("replication_key_value") is None:
        return None
    if given.get("replication_key") != column:
        context.log.warning("%s: the state is of another replication key: reading from the start", stream)
        return None
    return given["replication_key_value"]


def _value_of(column: str) -> Callable[[bytes], object]:
    """Make a function that takes a column's value out of a RECORD line: text, an integer, or a number's digits."""
    row = msgspec.defstruct("Row", [("value", msgspec.Raw)], rename={"value": column})
    envelope = msgspec.defstruct("Envelope", [("record", row)])
    decode = msgspec.json.Decoder(envelope).decode

    def value_of(line: bytes) -> object:
        raw = bytes(decode(line).record.value)  # type: ignore[attr-defined] # a struct made above
        if raw == b"null":
            return None
        if raw.startswith(b'"') or raw.lstrip(b"-").isdigit():
            return msgspec.json.decode(raw)
        return raw.decode()

    return value_of


def _columns(stream: Stream, refused: tuple[Read, ...], *, gone: bool = False) -> tuple[Column, ...]:
    """Name what the SCHEMA must describe: the model's columns, and ours where they can occur."""
    extra = [GONE] if gone else []
    if any(column is REFUSED for read in refused for column, _ in read.fields):
        extra.append(REFUSED)
    return (*stream.columns, *extra)

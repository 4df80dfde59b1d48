"""From a source record to the payload a destination receives.

A mapping is compiled once per SCHEMA from the sync's fields and the destination's form, because it runs for
every record, changed or not: the fingerprint of the mapped payload is what decides that a row costs no call.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from hashlib import blake2b

import msgspec

from penstock.errors import InvalidRecord, Misconfigured
from penstock.records import Convert, Form, Json, Payload, Record, RowKey, Sync
from penstock.syncs import nearest

_MISSING = object()
_PYTHON_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, Decimal, float),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list,),
    "null": (),
}
_encode = msgspec.json.Encoder(decimal_format="number").encode

Mapped = tuple[RowKey, str, Payload, bytes, bytes]
"""row key, match value, payload, payload as JSON, fingerprint"""


def fingerprint(body: bytes) -> bytes:
    """Return 16 bytes that stand for a payload, so that an equal payload need not be sent again."""
    return blake2b(body, digest_size=16).digest()


def encode_payload(payload: Payload) -> bytes:
    """Write a payload as JSON, the same bytes for the same mapping and values."""
    return _encode(payload)


class Field:
    """One destination field of a compiled mapping: where its value is, which types it may have, what it becomes."""

    __slots__ = ("clears", "column", "convert", "name", "types")

    def __init__(self, name: str, column: str, types: frozenset[type] | None, convert: Convert, *, clears: bool):
        self.name = name
        self.column = column
        self.types = types
        self.convert = convert
        self.clears = clears


class RecordMapper:
    """Maps the records of one stream. `constants` are in every payload; a missing column is no null."""

    def __init__(self, sync: Sync, form: Form, columns: Mapping[str, Json], key_properties: Sequence[str]) -> None:
        self.sync = sync
        self.key_columns = tuple(key_properties)
        self._form = form
        self._check_columns(columns)
        self._constants: Payload = {}
        self._fields: list[Field] = []
        for name in sorted(form.fields):
            rule = form.fields[name]
            if rule.column is None:
                self._constants[name] = form.convert[name](rule.constant)
            else:
                clears = (rule.nulls or sync.nulls) == "clear"
                self._fields.append(
                    Field(name, rule.column, json_types(columns[rule.column]), form.convert[name], clears=clears)
                )

    def _check_columns(self, columns: Mapping[str, Json]) -> None:
        stream = self.sync.stream
        if not self.key_columns:
            raise Misconfigured(
                f"stream {stream}: its SCHEMA names no key_properties, so its rows have no identity",
                "give the model a primary key in the tap's settings",
            )
        mistakes = [
            f"stream {stream}: key column {key!r} is not in its SCHEMA{nearest(key, columns)}"
            for key in self.key_columns
            if key not in columns
        ]
        mistakes += [
            f"sync {stream}: field {name} is taken from column {rule.column!r}, which the stream does not have"
            f"{nearest(rule.column, columns)}"
            for name, rule in sorted(self._form.fields.items())
            if rule.column is not None and rule.column not in columns
        ]
        if mistakes:
            raise Misconfigured(mistakes)

    def map(self, record: Record) -> Mapped:
        """Map one record. Raises InvalidRecord, naming the row key, the field and the rule, never the value."""
        key = self._key(record)
        try:
            return self._map(key, record)
        except InvalidRecord as error:
            error.row_key = key
            raise

    def _map(self, key: RowKey, record: Record) -> Mapped:
        payload = dict(self._constants)
        clear = self._form.clear
        for field in self._fields:
            value = record.get(field.column, _MISSING)
            if value is None:
                if field.clears:
                    payload[field.name] = clear
            elif value is not _MISSING:
                if field.types is not None and type(value) not in field.types:
                    raise InvalidRecord(
                        "schema", f"column {field.column} does not have the type its SCHEMA says", field.name
                    )
                try:
                    payload[field.name] = field.convert(value)
                except InvalidRecord as error:
                    error.field = error.field or field.name
                    raise
        match = payload.get(self._form.match)
        if not match or match == clear:
            raise InvalidRecord(
                "null_match", "the match field has no value, so no object can be found", self._form.match
            )
        match_value = self._form.normalise(str(match))
        body = _encode(payload)
        return key, match_value, payload, body, blake2b(body, digest_size=16).digest()

    def _key(self, record: Record) -> RowKey:
        """Return the row key: a JSON array of the key columns' values."""
        values = [record.get(column) for column in self.key_columns]
        if None in values:
            missing = [c for c, v in zip(self.key_columns, values, strict=True) if v is None]
            raise InvalidRecord("null_key", f"key column {', '.join(missing)} is null", missing[0])
        return RowKey(_encode(values).decode())


def json_types(schema: Json) -> frozenset[type] | None:
    """Return the Python types a JSON schema allows for values that are not null; None where it does not say."""
    if not isinstance(schema, dict):
        return None
    names = schema.get("type")
    if isinstance(names, str):
        names = [names]
    if not isinstance(names, list) or not names:
        return None
    allowed: set[type] = set()
    for name in names:
        allowed.update(_PYTHON_TYPES.get(str(name), ()))
    return frozenset(allowed)


def reject_key(record: Record) -> RowKey:
    """Return a key under which a record without a row key can be kept: the same record, the same key."""
    return RowKey(f"no-key:{blake2b(_encode(record), digest_size=16).hexdigest()}")

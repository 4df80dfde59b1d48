"""From a source record to the payload a destination receives.

A mapping is compiled once per SCHEMA from the sync's fields and the destination's form, because it runs for
every record, changed or not: the fingerprint of the mapped payload is what decides that a row costs no call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from hashlib import blake2b
from typing import Any

import msgspec
from msgspec.structs import replace

from penstock import __version__
from penstock.errors import InvalidRecord, Misconfigured
from penstock.lenient import UNREADABLE, OddRecord, Unreadable, checked, is_plain, read_odd
from penstock.modes import NEVER, Json, Sync
from penstock.records import Convert, Form, Payload, Record, RowKey, Source
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

_decode_record = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal).decode
REMOVED_COLUMN = "_sdc_deleted_at"
"""not null in a record by which a tap says that the row has left its source"""
REFUSED_COLUMN = "_penstock_refused"
"""not null in a record that our tap emits only to be refused, and why: a key of `REFUSALS`"""
REFUSALS = {"repeated_key": "the model holds other rows with this primary key, so none of them is the row"}
_INTEGER_DIGITS = 400
NO_KEY = "no-key:"
"""how the key begins under which a record without a row key is kept"""
LONGEST = 1000
"""bytes that a row key and a match value may have, each: an index of PostgreSQL takes 2,700 in one entry"""
Field = tuple[str, str, frozenset[type] | None, Convert, bool]
"""destination field, column, types the column may have, what its value becomes, whether a null clears the field"""
Wanted = tuple["tuple[str, ...] | None", ...]
"""for each link of the sync the values to link with; None where the record does not speak of it"""
Mapped = tuple[RowKey, str, Payload, bytes, bytes, Wanted]
"""row key, match value, payload, as JSON without the fields that only a creation gets, fingerprint, links"""


def fingerprint(body: bytes, links: Wanted = (), names: Sequence[str] = ()) -> bytes:
    """Return 16 bytes that stand for a payload, and 16 more for what ties its object to others, where anything does."""
    mark = blake2b(body, digest_size=16).digest()
    return mark + blake2b(_encode([*names, links]), digest_size=16).digest() if names else mark


def without(names: frozenset[str]) -> Callable[[Payload], Payload]:
    """Return a function that leaves these fields out of a payload."""
    return lambda payload: {name: value for name, value in payload.items() if name not in names}


def encode_payload(payload: Payload) -> bytes:
    """Write a payload as JSON, the same bytes for the same mapping and values."""
    return _encode(payload)


class RecordMapper:
    """Maps the records of one stream. `constants` are in every payload; a missing column is no null."""

    def __init__(self, sync: Sync, form: Form, columns: Mapping[str, Json], key_properties: Sequence[str]) -> None:
        self.sync = sync
        self.key_columns = tuple(key_properties)
        self.form = form
        self._check_columns(columns)
        names = [f"key{n}" for n in range(len(self.key_columns))]
        key = msgspec.defstruct(
            "Key",
            [*((name, Any, None) for name in names), ("removed", Any, None)],
            rename={**dict(zip(names, self.key_columns, strict=True)), "removed": REMOVED_COLUMN},
        )
        self.decode_key = msgspec.json.Decoder(key, float_hook=Decimal).decode
        """reads the values of the key columns and of REMOVED_COLUMN"""
        self.version = mapping_version(sync, form, columns, key_properties)
        self.rules = rules_version(sync, form, columns, key_properties)
        self.abilities = form.abilities
        self.bulk_above = (
            form.bulk_above if sync.bulk_above is None else None if sync.bulk_above == NEVER else sync.bulk_above
        )
        self.constants: Payload = {}
        self.fields: list[Field] = []
        self._steady = without(sync.created_only) if sync.created_only else None
        for name in sorted(form.fields):
            rule = form.fields[name]
            if rule.column is None:
                self.constants[name] = form.convert[name](rule.constant)
            else:
                clears = (rule.nulls or sync.nulls) == "clear"
                self.fields.append((name, rule.column, json_types(columns[rule.column]), form.convert[name], clears))
        self.names = [link.name for link in sync.links]
        """of the links; of a membership, what it is in"""
        if form.abilities is not None and form.abilities.members:
            self.names.append(form.abilities.members)
        self.inline = tuple(form.inline.get(link.name) for link in sync.links)
        """for each link the field of the row's own object that it is, where it is one"""
        self.by_key = tuple(form.by_key.get(link.name) for link in sync.links)
        """for each link how a job names the other object, where it can do so by a key"""
        self.clear = form.clear
        self.made_with = frozenset(form.inline.get(link.name) for link in sync.links if link.when == "created")
        """of these fields the ones that are only written when the object is created"""
        self._links = [
            (
                link.column,
                _as_row_key if link.sync else form.links.get(link.name, str),
                (link.nulls or sync.nulls) == "clear",
            )
            for link in sync.links
        ]
        self._columns = frozenset(column for _, column, *_ in self.fields) | {link.column for link in sync.links}

    @property
    def match(self) -> str | None:
        """Name the field that finds the object."""
        return self.form.match

    @property
    def group(self) -> str | None:
        """Name the field by which rows are kept apart."""
        return self.form.group

    @property
    def columns(self) -> frozenset[str]:
        """Name the columns that the sync's fields are taken from."""
        return self._columns

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
            f"stream {stream}: key column {key!r} has a quote, a backslash or a control character; rename it"
            for key in self.key_columns
            if not is_plain(key)
        ]
        mistakes += [
            f"sync {stream}: field {name} is taken from column {rule.column!r}, which the stream does not have"
            f"{nearest(rule.column, columns)}"
            for name, rule in sorted(self.form.fields.items())
            if rule.column is not None and rule.column not in columns
        ]
        mistakes += [
            f"sync {stream}: associate {link.name} is taken from column {link.column!r}, which the stream does not have"
            f"{nearest(link.column, columns)}"
            for link in self.sync.links
            if link.column not in columns
        ]
        mistakes += [
            f"sync {stream}: associate {link.name}: `when: created` is for links that are fields of the object itself"
            for link in self.sync.links
            if link.when == "created" and link.name not in self.form.inline
        ]
        if mistakes:
            raise Misconfigured(mistakes)

    def peek(self, text: bytes) -> Source:
        """Read a record's key out of its JSON text, and mark the text; the rest is parsed when it is needed.

        A text whose key cannot be read has none; mapping it will tell why.
        """
        try:
            *values, removed = msgspec.structs.astuple(self.decode_key(text))
        except UNREADABLE:
            return self._peek_odd(text)
        key = _row_key(values)
        mark = blake2b(text, digest_size=16, person=self.version).digest()
        return Source(key, mark, text, removed=removed is not None)

    def _peek_odd(self, text: bytes) -> Source:
        try:
            found = self.peek_record(read_odd(text))
        except ValueError:
            return Source(None, None, text)
        mark = None if found.key is None else blake2b(text, digest_size=16, person=self.version).digest()
        return replace(found, mark=mark, record=text)

    def peek_record(self, record: Record) -> Source:
        """Do the same for a record that a stream map has made; it has no text to mark."""
        record = checked(record)
        values = [record.get(column) for column in self.key_columns]
        if any(isinstance(value, Unreadable) for value in values):
            return Source(None, None, record)
        key = _row_key(values)
        removed = record.get(REMOVED_COLUMN)
        if isinstance(removed, Unreadable):
            why = InvalidRecord("unreadable", f"column {REMOVED_COLUMN} {removed.why}", REMOVED_COLUMN)
            return Source(key, None, record, why)
        return Source(key, None, record, removed=removed is not None)

    def map(self, record: Record, key: RowKey | None = None) -> Mapped:
        """Map one record; `key` may be known. Raises InvalidRecord, naming row key, field and rule, never a value."""
        if key is None:
            key = self._key(record)
        try:
            if isinstance(record, OddRecord):
                self._refuse_unreadable(record)
            refused = record.get(REFUSED_COLUMN)
            if refused is not None:
                why = REFUSALS.get(refused) if isinstance(refused, str) else None
                raise InvalidRecord("refused_at_source", why or "the tap says that it must be refused")
            return self._map(key, record)
        except InvalidRecord as error:
            error.row_key = key
            raise

    def _map(self, key: RowKey, record: Record) -> Mapped:
        payload = dict(self.constants)
        clear, get = self.form.clear, record.get
        name = ""
        try:
            for name, column, types, convert, clears in self.fields:
                value = get(column, _MISSING)
                if value is None:
                    if clears:
                        payload[name] = clear
                elif value is not _MISSING:
                    if types is not None and type(value) not in types:
                        value = _as_integer(value, types, column)
                    payload[name] = convert(value)
        except InvalidRecord as error:
            error.field = error.field or name
            raise
        for name in self.form.required:
            if payload.get(name, clear) == clear:
                raise InvalidRecord("no_value", "the field has no value, and the destination needs one", name)
        match_value = "" if self.form.match is None else self._match(self.form.match, payload)
        body = _encode(payload if self._steady is None else self._steady(payload))
        links = self._wanted(record) if self._links else ()
        return key, match_value, payload, body, fingerprint(body, links, self.names), links

    def _wanted(self, record: Record) -> Wanted:
        """Read what a record's object is to be linked with; a list in a column names several."""
        wanted: list[tuple[str, ...] | None] = []
        for link, (column, convert, clears) in zip(self.sync.links, self._links, strict=True):
            value = record.get(column, _MISSING)
            if value is _MISSING or (value is None and not clears):
                wanted.append(None)
                continue
            values = value if isinstance(value, list) else [] if value is None else [value]
            try:
                found = dict.fromkeys(text for each in values if each is not None and (text := _other(convert, each)))
            except InvalidRecord as error:
                error.field = error.field or f"associate {link.name}"
                raise
            if len(found) > 1 and link.name in self.form.inline:
                raise InvalidRecord("several", "the link is a field, which takes one object", f"associate {link.name}")
            wanted.append(tuple(found))
        return tuple(wanted)

    def _match(self, name: str, payload: Payload) -> str:
        match = payload.get(name)
        if not match or match == self.form.clear:
            raise InvalidRecord("null_match", "the match field has no value, so no object can be found", name)
        text = self.form.normalise(str(match))
        if len(text.encode(errors="replace")) > LONGEST or "\0" in text:
            raise InvalidRecord("odd_match", f"the match value is longer than {LONGEST} bytes or holds a NUL", name)
        return text

    def cleared(self) -> Payload:
        """Return the payload that empties the sync's fields, the match and constants apart."""
        names = [name for name, *_ in self.fields if name != self.form.match]
        names += [name for name in self.form.inline.values() if name not in self.made_with]
        return dict.fromkeys(names, self.form.clear)

    def _refuse_unreadable(self, record: OddRecord) -> None:
        """Refuse a record for a value that cannot be sent as it is; other columns may hold what they like."""
        for name, column, *_ in self.fields:
            value = record.get(column)
            if isinstance(value, Unreadable):
                raise InvalidRecord("unreadable", f"column {column} {value.why}", name)

    def _key(self, record: Record) -> RowKey:
        """Return the row key, or raise InvalidRecord."""
        values = [record.get(column) for column in self.key_columns]
        if None in values:
            missing = [c for c, v in zip(self.key_columns, values, strict=True) if v is None]
            raise InvalidRecord("null_key", f"key column {', '.join(missing)} is null", missing[0])
        for column, value in zip(self.key_columns, values, strict=True):
            if isinstance(value, Unreadable):
                raise InvalidRecord("unreadable", f"key column {column} {value.why}", column)
        key = _row_key(values)
        if key is None:
            raise InvalidRecord("long_key", f"the key is longer than {LONGEST} bytes", self.key_columns[0])
        return key


def _as_row_key(value: object) -> str:
    """Write the row key that a row of another stream has whose only key column holds this value."""
    return _encode([value]).decode()


def _other(convert: Convert, value: object) -> str:
    text = str(convert(value))
    if len(text.encode(errors="replace")) > LONGEST or "\0" in text:
        raise InvalidRecord("odd_match", f"the value is longer than {LONGEST} bytes or holds a NUL")
    return text


def _row_key(values: Sequence[object]) -> RowKey | None:
    """Return the row key: a JSON array of the key columns' values; None where one is null or all are too long."""
    if None in values:
        return None
    text = _encode(values)
    return RowKey(text.decode()) if len(text) <= LONGEST else None


def rules_version(sync: Sync, form: Form, columns: Mapping[str, Json], key_properties: Sequence[str]) -> bytes:
    """Return 16 bytes that change whenever the user's mapping does: rows that were mapped before are to be read again.

    Columns that no field is taken from do not count.
    """
    rules = sorted(
        (name, rule.column, rule.constant, rule.nulls or sync.nulls, rule.when) for name, rule in form.fields.items()
    )
    used = {*(rule.column for rule in form.fields.values()), *(link.column for link in sync.links)}
    types = sorted((name, _encode(schema).decode()) for name, schema in columns.items() if name in used)
    facts = (sync.object, form.match, form.version, rules, types, list(key_properties), sync.links)
    return blake2b(repr(facts).encode(), digest_size=16).digest()


def mapping_version(sync: Sync, form: Form, columns: Mapping[str, Json], key_properties: Sequence[str]) -> bytes:
    """Return 16 bytes that change whenever the same record could be mapped to another payload or key."""
    facts = (__version__, rules_version(sync, form, columns, key_properties), sorted(columns))
    return blake2b(repr(facts).encode(), digest_size=16).digest()


def decode_record(text: bytes) -> Record:
    """Parse a record's JSON text; numbers with a fraction keep their digits.

    A record with values that cannot be represented comes as an OddRecord. Raises InvalidRecord for what is no JSON.
    """
    try:
        record: Record = _decode_record(text)
    except UNREADABLE:
        pass
    else:
        return record
    try:
        return read_odd(text)
    except ValueError:
        raise InvalidRecord("unreadable", "the record is no JSON") from None


def kept(record: Record | bytes) -> Record | bytes:
    """Return a record as it can be kept in the ledger: an odd one as its text."""
    return record.text if isinstance(record, OddRecord) else record


def _as_integer(value: object, types: frozenset[type], column: str) -> int:
    """Return 1.0 as 1 where a column holds integers: JSON schema says that it is one. Raises InvalidRecord."""
    if int in types and isinstance(value, Decimal | float):
        number = Decimal(value)
        if number.is_finite() and number.adjusted() < _INTEGER_DIGITS and number == number.to_integral_value():
            return int(number)
    raise InvalidRecord("schema", f"column {column} does not have the type its SCHEMA says")


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


def reject_key(record: Record | bytes) -> RowKey:
    """Return a key under which a record without a row key can be kept: the same record, the same key."""
    content = kept(record)
    text = content if isinstance(content, bytes) else _encode(content)
    return RowKey(f"{NO_KEY}{blake2b(text, digest_size=16).hexdigest()}")

"""PostgreSQL's types: the JSON schema of each, and the SQL that hands a value of it to `row_to_json`.

`row_to_json` is exact for text, numbers (every digit; NaN and the infinities as strings) and dates. What it writes
otherwise than our records promise is made text or JSON first: see the conventions in `encoding`. A date or timestamp
that ISO 8601 has no plain form for (before Christ, after 9999, infinite) is emitted as PostgreSQL writes it: a reject
and not another day.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tap_warehouse.messages import nullable
from tap_warehouse.warehouse import JsonSchema, Row

_ANY_JSON: JsonSchema = {"type": ["object", "array", "string", "number", "boolean", "null"]}
_SCHEMAS: dict[str, JsonSchema] = {
    **{name: {"type": "integer"} for name in ("int2", "int4", "int8")},
    **{name: {"type": "number"} for name in ("float4", "float8", "numeric")},
    "bool": {"type": "boolean"},
    "date": {"type": "string", "format": "date"},
    "time": {"type": "string", "format": "time"},
    "timestamp": {"type": "string", "format": "date-time"},
    "timestamptz": {"type": "string", "format": "date-time"},
    "uuid": {"type": "string", "format": "uuid"},
    "bytea": {"type": "string", "contentEncoding": "base64"},
    "json": _ANY_JSON,
    "jsonb": _ANY_JSON,
    "hstore": {"type": "object", "additionalProperties": {"type": ["string", "null"]}},
}
_NUMBERS = ("int2", "int4", "int8", "float4", "float8", "numeric")
_TEXTS = ("text", "varchar", "bpchar", "name", "uuid", "date", "time")
_PLAIN = frozenset((*_NUMBERS, *_TEXTS, "timestamptz", "bool", "jsonb", "hstore"))
INCOMPARABLE = frozenset(("json", "xml", "point", "line", "lseg", "box", "path", "polygon", "circle", "jsonpath"))
"""types without an equality that a join could use"""

_ONE_LINE = "cast(translate(cast({x} as text), chr(10) || chr(13), '  ') as json)"
"""stored JSON digit for digit; a line break in it can only stand between values"""

_SCALARS = {
    "timestamp": "{x} at time zone 'UTC'",
    "bytea": "translate(encode({x}, 'base64'), chr(10), '')",
    "json": _ONE_LINE,
}
_TYPES = """select cast(t.oid as bigint), t.typname, t.typtype, n.nspname = 'pg_catalog',
    case when t.typcategory = 'A' then cast(t.typelem as bigint) else 0 end,
    cast(t.typbasetype as bigint), t.typtypmod,
    (select json_agg(json_build_array(a.attname, cast(a.atttypid as bigint), a.atttypmod) order by a.attnum)
     from pg_catalog.pg_attribute a
     where t.typtype = 'c' and a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped)::text
from pg_catalog.pg_type t join pg_catalog.pg_namespace n on n.oid = t.typnamespace where t.oid in ({oids})"""


@dataclass(frozen=True)
class PgType:
    """A type with what it is made of. `id` is the name of a type of PostgreSQL's own, else empty."""

    id: str
    modifier: int = -1
    item: PgType | None = None
    parts: tuple[tuple[str, PgType], ...] = ()

    @property
    def is_plain(self) -> bool:
        """`row_to_json` writes it as we promise."""
        return self.item.is_plain if self.item is not None else self.id in _PLAIN or self.id == "enum"

    @property
    def scale(self) -> int | None:
        """Digits after a numeric's point; None where there is no limit."""
        return None if self.modifier < 4 else (((self.modifier - 4) & 0x7FF) ^ 0x400) - 0x400


class Types:
    """Looks types up in the catalog, once each. `rows` runs a query."""

    def __init__(self, rows: Callable[[str], list[Row]]) -> None:
        self._rows = rows
        self._known: dict[int, Row] = {}

    def of(self, described: Iterable[tuple[int, int]]) -> list[PgType]:
        """Take apart the types of a result: pairs of type and modifier."""
        pairs = list(described)
        missing = {oid for oid, _ in pairs} - self._known.keys()
        while missing:
            found = self._rows(_TYPES.format(oids=", ".join(map(str, sorted(missing)))))
            self._known.update({_int(row[0]): row for row in found})
            wanted = {oid for row in found for oid in _made_of(row)}
            missing = wanted - self._known.keys()
        return [self._type(oid, modifier) for oid, modifier in pairs]

    def _type(self, oid: int, modifier: int) -> PgType:
        _, name, kind, builtin, item, base, base_modifier, parts = self._known[oid]
        if _int(base):  # a domain
            return self._type(_int(base), _int(base_modifier))
        if _int(item):
            return PgType("", item=self._type(_int(item), modifier))
        if parts:
            return PgType("", parts=tuple((part, self._type(of, mod)) for part, of, mod in json.loads(str(parts))))
        if kind == "e":
            return PgType("enum")
        return PgType(str(name) if builtin or name == "hstore" else "", modifier)


def _made_of(row: Row) -> list[int]:
    parts = json.loads(str(row[7])) if row[7] else []
    return [oid for oid in (_int(row[4]), _int(row[5]), *(part[1] for part in parts)) if oid]


def _int(value: object) -> int:
    return int(str(value))


def json_schema(kind: PgType) -> JsonSchema:
    """Describe the values. Of an array nothing is said of its items: PostgreSQL does not tell its dimensions."""
    if kind.item is not None:
        return {"type": "array"}
    if kind.parts:
        return {"type": "object", "properties": {name: nullable(json_schema(part)) for name, part in kind.parts}}
    if kind.id == "numeric" and kind.scale is not None and kind.scale <= 0:
        return {"type": "integer"}
    return _SCHEMAS.get(kind.id, {"type": "string"})


def json_value(kind: PgType, x: str, depth: int = 0) -> str:
    """Write an SQL expression of which `row_to_json` makes the JSON that our records promise."""
    if kind.is_plain:
        return x
    if kind.item is not None:
        return _array(kind.item, x, depth)
    if kind.parts:
        return _composite(kind.parts, x, depth)
    return _SCALARS.get(kind.id, "cast({x} as text)").format(x=x)


def _array(item: PgType, x: str, depth: int) -> str:
    """Write each item by its own rule; in arrays of several dimensions, which are rare, as `to_json` does."""
    at = f"a{depth}"
    each = json_value(item, f"({x})[{at}.n]", depth + 1)
    items = f"select coalesce(json_agg({each} order by {at}.n), '[]') from generate_subscripts({x}, 1) as {at}(n)"
    nested = _ONE_LINE.format(x=f"to_json({x})")
    return f"case when array_ndims({x}) > 1 then {nested} when {x} is not null then ({items}) end"


def _composite(parts: tuple[tuple[str, PgType], ...], x: str, depth: int) -> str:
    """Write an object. `x is null` would be true of a row of nulls as well."""
    row = row_list(((name, part, f"({x}).{quoted(name)}") for name, part in parts), depth + 1)
    written = f"(select row_to_json(r{depth}) from (select {row}) r{depth})"
    return f"case when {x} is distinct from null then {written} end"


def row_list(members: Iterable[tuple[str, PgType, str]], depth: int = 0) -> str:
    """Write the select list of a row for `row_to_json`, of names, types and SQL expressions."""
    return ", ".join(f"{json_value(kind, x, depth)} as {quoted(name)}" for name, kind, x in members)


def quoted(name: str) -> str:
    """Write an identifier."""
    return '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    """Write a string literal; backslashes mean themselves."""
    return "'" + value.replace("'", "''") + "'"

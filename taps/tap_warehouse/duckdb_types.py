"""DuckDB's types: the JSON schema of each, and the SQL that writes a value of it as JSON text.

The text is built from pieces by hand because `to_json` alone is not exact: it writes NaN and Infinity bare, which is
no JSON; it gives timestamps a blank and no zone; it parses JSON columns again and rounds their long numbers. Where it
is exact (text, integers, booleans and nests of these) it is used, being fast.

Conventions that a reader of our records relies on:

* NaN and the infinities are the strings "NaN", "Infinity" and "-Infinity", never null: null would clear a field at
  the destination, while a string breaks the schema of the column, so the target rejects the record by name.
* A timestamp without a zone is taken as UTC; every timestamp ends in "+00:00".
* A date or timestamp that ISO 8601 has no plain form for (before year 1, after 9999, infinite) is emitted as DuckDB
  writes it. It breaks the format, so it is a reject and not a different day.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from duckdb.sqltypes import DuckDBPyType

from tap_warehouse.messages import nullable
from tap_warehouse.warehouse import JsonSchema

_SIGNED = ("tinyint", "smallint", "integer", "bigint", "hugeint", "bignum")
_UNSIGNED = ("utinyint", "usmallint", "uinteger", "ubigint", "uhugeint")
INTEGERS = frozenset((*_SIGNED, *_UNSIGNED))
FLOATS = frozenset(("float", "double"))
NESTED = frozenset(("list", "array", "map", "struct", "tuple", "union"))

_COMMA = ", ',', "
_JSON_PARTS = r'"(?:[^"\\]|\\.)*"|[^"]+'
_NOT_STRICT = r"(?i)nan|inf|,\s*[}\]]"
_ANY_JSON: JsonSchema = {"type": ["object", "array", "string", "number", "boolean", "null"]}
_DATE_TIME: JsonSchema = {"type": "string", "format": "date-time"}

_SCHEMAS: dict[str, JsonSchema] = {
    **{name: {"type": "integer"} for name in INTEGERS},
    **{name: {"type": "number"} for name in FLOATS},
    "boolean": {"type": "boolean"},
    "date": {"type": "string", "format": "date"},
    "time": {"type": "string", "format": "time"},
    "time_ns": {"type": "string", "format": "time"},
    "timestamp": _DATE_TIME,
    "timestamp_s": _DATE_TIME,
    "timestamp_ms": _DATE_TIME,
    "timestamp_ns": _DATE_TIME,
    "timestamp with time zone": _DATE_TIME,
    "uuid": {"type": "string", "format": "uuid"},
    "blob": {"type": "string", "contentEncoding": "base64"},
    "json": _ANY_JSON,
    "variant": _ANY_JSON,
    "tuple": {"type": "array"},
}

_BARE = {
    "date": "cast({x} as varchar)",
    "time": "cast({x} as varchar)",
    "time_ns": "cast({x} as varchar)",
    "timestamp": "strftime({x}, '%Y-%m-%dT%H:%M:%S.%f+00:00')",
    "timestamp_s": "strftime(cast({x} as timestamp), '%Y-%m-%dT%H:%M:%S.%f+00:00')",
    "timestamp_ms": "strftime(cast({x} as timestamp), '%Y-%m-%dT%H:%M:%S.%f+00:00')",
    "timestamp with time zone": "strftime(cast({x} as timestamp), '%Y-%m-%dT%H:%M:%S.%f+00:00')",
    # not strftime: %n writes bytes beyond its text in DuckDB 2.0
    "timestamp_ns": (
        "case when isfinite({x}) then replace(cast({x} as varchar), ' ', 'T') || '+00:00' else cast({x} as varchar) end"
    ),
    "blob": "base64({x})",
}
"""SQL for texts in which nothing can need escaping."""


@dataclass(frozen=True)
class DuckType:
    """A DuckDB type taken apart, because `duckdb` gives parts, sizes and enum values in one list.

    `id` is the lower-case kind, such as `decimal` or `list`; `json` for JSON, which is an alias of VARCHAR.
    """

    id: str
    parts: tuple[tuple[str, DuckType], ...] = ()
    scale: int = 0

    @property
    def item(self) -> DuckType:
        """Elements of a list, or values of a map: the last part."""
        return self.parts[-1][1]


def taken_apart(kind: DuckDBPyType) -> DuckType:
    """Turn DuckDB's own description of a type into ours."""
    if str(kind) == "JSON":
        return DuckType("json")
    name = str(kind.id)
    if name == "decimal":
        scale = dict(kind.children)["scale"]
        return DuckType(name, scale=scale if isinstance(scale, int) else 0)
    if name not in NESTED:
        return DuckType(name)
    parts = [(key, taken_apart(part)) for key, part in kind.children if isinstance(part, DuckDBPyType)]
    if name == "union":
        parts = [(key, part) for key, part in parts if key]  # a union reports its tag as a part without a name
    elif name == "struct" and not any(key for key, _ in parts):
        name = "tuple"  # `row(1, 2)` is a struct without names in DuckDB 1.5
    return DuckType(name, tuple(parts))


def quoted(name: str) -> str:
    """Write an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    """Write an SQL string literal. DuckDB reads no backslash escapes in it."""
    return "'" + value.replace("'", "''") + "'"


def json_schema(kind: DuckType) -> JsonSchema:
    """Describe the values that `json_text` writes, null left out at the top and allowed inside."""
    match kind.id:
        case "list" | "array":
            schema: JsonSchema = {"type": "array", "items": nullable(json_schema(kind.item))}
        case "map":
            schema = {"type": "object", "additionalProperties": nullable(json_schema(kind.item))}
        case "struct" | "union":
            schema = {"type": "object", "properties": {key: nullable(json_schema(part)) for key, part in kind.parts}}
        case "decimal":
            schema = {"type": "number" if kind.scale else "integer"}
        case name:
            schema = _SCHEMAS.get(name, {"type": "string"})
    return schema


def json_text(kind: DuckType, x: str, depth: int = 0) -> str:
    """Write an SQL expression, never null, whose value is the JSON text of the SQL expression `x`."""
    name = kind.id
    if name in NESTED:
        written = f"coalesce(to_json({x}), 'null')" if _plain(kind) else _nested(kind, x, depth)
    elif name in INTEGERS or name in {"decimal", "boolean"}:
        written = f"coalesce(cast({x} as varchar), 'null')"
    elif name in FLOATS:
        written = (
            f"case when isfinite({x}) then cast({x} as varchar) when isnan({x}) then '\"NaN\"' "
            f"when {x} > 0 then '\"Infinity\"' when {x} < 0 then '\"-Infinity\"' else 'null' end"
        )
    elif name == "json":
        written = _stored_json(x)
    elif name == "variant":
        written = _stored_json(f"to_json({x})")
    elif name in _BARE:
        written = _simple_string(_BARE[name].format(x=x))
    else:
        written = f"coalesce(to_json(cast({x} as varchar)), 'null')"
    return written


def object_text(members: list[tuple[str, DuckType, str]], depth: int = 0) -> str:
    """Write arguments for `concat` that make one JSON object of (name, type, SQL expression) triples."""
    pieces, opening = [], "{"
    for name, kind, x in members:
        pieces += [text(f"{opening}{json.dumps(name, ensure_ascii=False)}:"), json_text(kind, x, depth)]
        opening = ","
    return ", ".join([*pieces, "'}'"])


def _simple_string(expression: str) -> str:
    """Quote a text in which nothing can need escaping."""
    return f"coalesce('\"' || {expression} || '\"', 'null')"


def _plain(kind: DuckType) -> bool:
    """Tell whether `to_json` writes a list exactly, because nothing in it needs a form of our own."""
    return kind.id in {"list", "array"} and (
        kind.item.id in INTEGERS | {"boolean", "varchar", "uuid"} or _plain(kind.item)
    )


def _nested(kind: DuckType, x: str, depth: int) -> str:
    """Put a list, map, struct, tuple or union together from the pieces of its members."""
    var = f"v{depth}"
    match kind.id:
        case "list" | "array":
            items = f"list_transform({x}, lambda {var}: {json_text(kind.item, var, depth + 1)})"
            return f"coalesce('[' || array_to_string({items}, ',') || ']', 'null')"
        case "map":
            pair = (
                f"concat(to_json(cast({var}.key as varchar)), ':', {json_text(kind.item, var + '.value', depth + 1)})"
            )
            pairs = f"list_transform(map_entries({x}), lambda {var}: {pair})"
            return f"coalesce('{{' || array_to_string({pairs}, ',') || '}}', 'null')"
        case "union":
            members = [(key, part, f"union_extract({x}, {text(key)})") for key, part in kind.parts]
            cases = " ".join(f"when {text(member[0])} then {_object([member], depth)}" for member in members)
            return f"case union_tag({x}) {cases} else 'null' end"
        case "tuple":
            written = [
                json_text(part, f"struct_extract({x}, {at})", depth) for at, (_, part) in enumerate(kind.parts, 1)
            ]
            return f"case when {x} is null then 'null' else concat('[', {_COMMA.join(written)}, ']') end"
    members = [(key, part, f"struct_extract({x}, {text(key)})") for key, part in kind.parts]
    return f"case when {x} is null then 'null' else {_object(members, depth)} end"


def _object(members: list[tuple[str, DuckType, str]], depth: int) -> str:
    return f"concat({object_text(members, depth)})"


def _stored_json(x: str) -> str:
    """Write JSON text as it was stored, digit for digit, on one line.

    DuckDB stores NaN, Infinity and trailing commas in JSON columns; outside strings they become quoted words and
    nothing. Text that is not even JSON by its rules (from a file that only claims to be) is emitted as a string.
    """
    stored = f"cast({x} as varchar)"
    fixed = (
        f"array_to_string(list_transform(regexp_extract_all({stored}, {text(_JSON_PARTS)}), lambda part: "
        f"case when part[1] = '\"' then part else regexp_replace(regexp_replace(part, "
        f"'(?i)(-?)(nan|inf(?:inity)?)', '\"\\1\\2\"', 'g'), ',(\\s*[}}\\]])', '\\1', 'g') end), '')"
    )
    one_line = f"replace(replace({stored}, chr(10), ' '), chr(13), ' ')"
    fixed_line = f"replace(replace({fixed}, chr(10), ' '), chr(13), ' ')"
    return (
        f"case when {x} is null then 'null' when not json_valid({stored}) then to_json({stored}) "
        f"when regexp_matches({stored}, {text(_NOT_STRICT)}) then {fixed_line} else {one_line} end"
    )

"""Snowflake's SQL and types: what is hashed, how each type is read, its JSON schema, its names.

Nothing here rests on an account's output formats: each has its own idea of how many digits of a second a text has. A
timestamp is hashed and read as microseconds since 1970, which is all of it that a record can hold.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from tap_warehouse.arrow_lines import Form
from tap_warehouse.dialect import CommonDialect
from tap_warehouse.sqltext import only_statement
from tap_warehouse.warehouse import Column, JsonSchema

_ANY_JSON: JsonSchema = {"type": ["object", "array", "string", "number", "boolean", "null"]}
_DATE_TIME: JsonSchema = {"type": "string", "format": "date-time"}

_SCHEMAS: dict[str, JsonSchema] = {
    "REAL": {"type": "number"},
    "BOOLEAN": {"type": "boolean"},
    "DATE": {"type": "string", "format": "date"},
    "TIME": {"type": "string", "format": "time"},
    "TIMESTAMP_NTZ": _DATE_TIME,
    "TIMESTAMP_LTZ": _DATE_TIME,
    "TIMESTAMP_TZ": _DATE_TIME,
    "BINARY": {"type": "string", "contentEncoding": "base64"},
    "VARIANT": _ANY_JSON,
    "OBJECT": {"type": "object"},
    "MAP": {"type": "object"},
    "ARRAY": {"type": "array"},
    "VECTOR": {"type": "array"},
}

_JSON = {
    "VARIANT": "to_json({x})",
    "OBJECT": "to_json(to_variant({x}))",
    "ARRAY": "to_json(to_variant({x}))",
    "MAP": "to_json(to_variant({x}))",
    "VECTOR": "to_json(to_variant(cast({x} as array)))",
}
_GEO = {"GEOGRAPHY": "st_aswkt({x})", "GEOMETRY": "st_aswkt({x})"}
_MICROSECONDS = "date_part(epoch_microsecond, {x})"
_TIMESTAMPS = ("TIMESTAMP_NTZ", "TIMESTAMP_LTZ", "TIMESTAMP_TZ")

_READ = {
    **_JSON,
    **_GEO,
    **dict.fromkeys(_TIMESTAMPS, _MICROSECONDS),
    **dict.fromkeys(("FIXED", "NUMBER", "REAL", "TEXT", "BOOLEAN", "DATE", "TIME"), "{x}"),
    "BINARY": "base64_encode({x})",
}
"""SQL of what the driver is asked for. Timestamps would come in three shapes, by type and precision."""

_HASHED = {
    "TEXT": "{x}",
    "REAL": "to_varchar(hash({x}))",  # a text of 15 digits would not tell neighbours apart
    "DATE": "to_varchar({x}, 'YYYY-MM-DD')",
    "TIME": "to_varchar({x}, 'HH24:MI:SS.FF9')",
    **dict.fromkeys(_TIMESTAMPS, f"to_varchar({_MICROSECONDS})"),
}
_HASHED_LARGE = {**_JSON, **_GEO, "BINARY": "hex_encode({x})"}
"""These can be as long as a text can be at all, so that two of them could not be put into one."""

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")
_PIECES = re.compile(
    r"""(?P<blank>\s+|--[^\n]*|//[^\n]*|/\*.*?\*/)"""
    r"""|'(?:[^'\\]|''|\\.)*'|"(?:[^"]|"")*"|\$\$.*?\$\$"""
    r"""|(?P<end>;)|.""",
    re.DOTALL,
)


class SnowflakeDialect(CommonDialect):
    """Snowflake's SQL. A backslash escapes, and tables of ours need no fail-safe."""

    name = "snowflake"

    def text(self, value: str) -> str:
        """Write a string literal; a backslash would escape."""
        return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"

    def hashed(self, salt: str, values: Sequence[tuple[str, str]]) -> str:
        """Hash the values with their lengths before them, a null as a lone hyphen; what is large, by its own hash."""
        parts = [self.text(salt), *(_part(x, _family(kind)) for x, kind in values)]
        return f"md5_binary({' || '.join(parts)})"

    def schema_made(self, schema: str) -> list[str]:  # noqa: ARG002 it has been made
        """Nothing: see `snowflake_grants`."""
        return []

    def created(self, table: str, select: str) -> str:
        """Write a transient table: whatever is lost is computed again."""
        return f"create transient table {table} as {select}"


def _part(x: str, family: str) -> str:
    if family in _HASHED_LARGE:
        return f"coalesce(md5({_HASHED_LARGE[family].format(x=x)}), '-')"
    text = _HASHED.get(family, "to_varchar({x})").format(x=x)
    return f"coalesce(to_varchar(length({text})) || ':' || {text}, '-')"


def _family(kind: str) -> str:
    return kind.split("(", maxsplit=1)[0]


def type_name(family: str, precision: int | None, scale: int | None) -> str:
    """Write a type as a snapshot remembers it, and as a cast takes it. The length of a text is not part of it."""
    if family == "FIXED":
        return f"NUMBER({38 if precision is None else precision},{scale or 0})"
    return f"{family}(9)" if family in {*_TIMESTAMPS, "TIME"} else family


def json_schema(kind: str) -> JsonSchema:
    """Describe a type's values, null left out."""
    family = _family(kind)
    if family == "NUMBER":
        return {"type": "integer" if kind.endswith(",0)") else "number"}
    return _SCHEMAS.get(family, {"type": "string"})


def read_as(column: Column, x: str) -> str:
    """Write what to select so that the value arrives exactly. Columns of ours have no type: they are text."""
    return _READ.get(_family(column.type), "to_varchar({x})").format(x=x) if column.type else x


def form_of(column: Column) -> Form:
    """Tell what `read_as` makes arrive."""
    family = _family(column.type)
    if family in _JSON:
        return "json"
    return "microseconds" if family in _TIMESTAMPS else None


def identifier(name: str) -> str:
    """Read a name of a setting as Snowflake would: upper case, unless it is quoted or has to be."""
    if name.startswith('"') and name.endswith('"') and len(name) > 2:
        return name[1:-1].replace('""', '"')
    return name.upper() if _PLAIN.fullmatch(name) else name


def shown(name: str) -> str:
    """Name a column in records: in lower case where people need not quote it."""
    return name.lower() if _PLAIN.fullmatch(name) and name == name.upper() else name


def one_query(text: str) -> str | None:
    """Take the semicolon off the end of a query; None where it is empty, or more than one statement."""
    return only_statement(text, _PIECES)

"""BigQuery's SQL and types: what is hashed, how each type is read, its JSON schema.

What has parts or no order (STRUCT, ARRAY, JSON, GEOGRAPHY, ...) becomes text where a model is read, once, because such
columns can neither be compared nor, with a null in an array, be kept in a table.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tap_warehouse.arrow_lines import Form
from tap_warehouse.dialect import CommonDialect
from tap_warehouse.sqltext import only_statement
from tap_warehouse.warehouse import Column, JsonSchema

if TYPE_CHECKING:
    from google.cloud.bigquery import SchemaField

EXPIRES = 31
"""days after which BigQuery drops a table of one run by itself; `snapshots` has forgotten it by then"""

_DATE_TIME: JsonSchema = {"type": "string", "format": "date-time"}
_SCHEMAS: dict[str, JsonSchema] = {
    "INT64": {"type": "integer"},
    "NUMERIC": {"type": "number"},
    "BIGNUMERIC": {"type": "number"},
    "FLOAT64": {"type": "number"},
    "BOOL": {"type": "boolean"},
    "DATE": {"type": "string", "format": "date"},
    "TIME": {"type": "string", "format": "time"},
    "TIMESTAMP": _DATE_TIME,
    "DATETIME": _DATE_TIME,
    "BYTES": {"type": "string", "contentEncoding": "base64"},
    "JSON": {"type": ["object", "array", "string", "number", "boolean", "null"]},
    "STRUCT": {"type": "object"},
    "ARRAY": {"type": "array"},
}
_NAMES = {"INTEGER": "INT64", "FLOAT": "FLOAT64", "BOOLEAN": "BOOL", "RECORD": "STRUCT"}
"""types as its API calls them, and as SQL does"""

_JSON = ("JSON", "STRUCT", "ARRAY")
_PLAIN = ("INT64", "FLOAT64", "BOOL", "STRING", "DATE", "TIME")
_READ = {
    "NUMERIC": "cast({x} as string)",
    "BIGNUMERIC": "cast({x} as string)",
    "TIMESTAMP": "unix_micros({x})",
    "DATETIME": "unix_micros(timestamp({x}))",
    "BYTES": "to_base64({x})",
}
"""SQL of what is asked for, so that a value is the same over both of the ways in which results can be fetched"""
_FORMS: dict[str, Form] = {
    **dict.fromkeys(_JSON, "json"),
    "NUMERIC": "digits",
    "BIGNUMERIC": "digits",
    "TIMESTAMP": "microseconds",
    "DATETIME": "microseconds",
}

_PIECES = re.compile(
    r"""(?P<blank>\s+|--[^\n]*|\#[^\n]*|/\*.*?\*/)"""
    r"""|(?:(?<![\w`])[rR][bB]?|(?<![\w`])[bB][rR])?(?:'''(?:[^\\]|\\.)*?'''|\"\"\"(?:[^\\]|\\.)*?\"\"\")"""
    r"""|'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`"""
    r"""|(?P<end>;)|.""",
    re.DOTALL,
)
_ESCAPES = str.maketrans({"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r"})


class BigQueryDialect(CommonDialect):
    """GoogleSQL. A backslash escapes; tables of one run are dropped by BigQuery if nobody else does."""

    name = "bigquery"
    bigint = "int64"
    varchar = "string"

    def quoted(self, name: str) -> str:
        """Write an identifier between backticks."""
        return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"

    def text(self, value: str) -> str:
        """Write a string literal, on one line."""
        return f"'{value.translate(_ESCAPES)}'"

    def hashed(self, salt: str, values: Sequence[tuple[str, str]]) -> str:
        """Hash the values as JSON, which keeps them apart and a null from every text."""
        named = [f"{self.text(salt)} as s", *(f"{x} as c{at}" for at, (x, _) in enumerate(values))]
        return f"md5(to_json_string(struct({', '.join(named)})))"

    def schema_made(self, schema: str) -> list[str]:  # noqa: ARG002 it has been made
        """Nothing: see `bigquery_grants`."""
        return []

    def created(self, table: str, select: str) -> str:
        """Write a table that expires, unless it is a base, which lives as long as somebody names it."""
        expires = f"timestamp_add(current_timestamp(), interval {EXPIRES} day)"
        options = "" if ".`base_" in table else f" options (expiration_timestamp = {expires})"
        return f"create table {table}{options} as {select}"

    def acknowledged(self, base: str, delta: str, keys: Sequence[str], until: int | None) -> list[str]:
        """Merge: each statement on a table waits for the one before, and is paid for."""
        names = ", ".join([*keys, "h"])
        part = "" if until is None else f" where n <= {until}"
        same = " and ".join(f"b.{key} = d.{key}" for key in keys)
        chosen = ", ".join(f"d.{key}" for key in [*keys, "h"])
        return [
            f"merge into {base} as b using (select {names}, op from {delta}{part}) as d on {same} "
            "when matched and d.op = 'removed' then delete when matched then update set h = d.h "
            f"when not matched and d.op <> 'removed' then insert ({names}) values ({chosen})"
        ]

    def literal(self, value: object, kind: str) -> str:
        """Write text for the warehouse to cast. A DATETIME has gone out as UTC."""
        text, family = self.text(str(value)), family_of(kind)
        if family == "BYTES":
            return f"from_base64({text})"
        if family == "DATETIME":
            return f"datetime(cast({text} as timestamp))"
        scalar = family in _SCHEMAS and family not in _JSON
        return f"cast({text} as {family if scalar else 'STRING'})"


def claimed(statements: Sequence[str]) -> str:
    """Write a transaction whose first statement must change one row for the others to be run. It tells whether."""
    claim, *work = statements
    return "\n".join(
        [
            "declare claimed bool default false;",
            "begin transaction;",
            f"{claim};",
            "set claimed = @@row_count = 1;",
            "if claimed then",
            *(f"{statement};" for statement in work),
            "end if;",
            "commit transaction;",
            "select claimed;",
        ]
    )


def family_of(kind: str) -> str:
    """Leave out what a type consists of."""
    return re.split(r"[<(]", kind, maxsplit=1)[0]


def type_name(field: SchemaField) -> str:
    """Write a type as a snapshot remembers it. The length of a text is not part of it."""
    kind = _NAMES.get(field.field_type, field.field_type)
    if kind == "STRUCT":
        kind = f"STRUCT<{', '.join(f'{each.name} {type_name(each)}' for each in field.fields)}>"
    elif kind == "RANGE" and field.range_element_type is not None:
        kind = f"RANGE<{field.range_element_type.element_type}>"
    return f"ARRAY<{kind}>" if field.mode == "REPEATED" else kind


def json_schema(kind: str) -> JsonSchema:
    """Describe a type's values, null left out."""
    return _SCHEMAS.get(family_of(kind), {"type": "string"})


def taken(kind: str, x: str) -> str:
    """Write how a model's column is taken out of its table: as it is, or as text."""
    family = family_of(kind)
    if family in _JSON:
        return f"if({x} is null, null, to_json_string({x}))"
    if family == "GEOGRAPHY":
        return f"st_astext({x})"
    return x if family in _PLAIN or family in _READ else f"cast({x} as string)"


def read_as(column: Column, x: str) -> str:
    """Write what to select so that the value arrives exactly. Columns of ours have no type: they are text."""
    return _READ.get(family_of(column.type), "{x}").format(x=x)


def form_of(column: Column) -> Form:
    """Tell what `read_as` makes arrive."""
    return _FORMS.get(family_of(column.type))


def one_query(text: str) -> str | None:
    """Take the semicolon off the end of a query; None where it is empty, or more than one statement."""
    return only_statement(text, _PIECES)

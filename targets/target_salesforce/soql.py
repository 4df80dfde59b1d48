"""SOQL: literals, and the queries that a load needs. A query travels in the URL, so what it asks for is cut to fit."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from urllib.parse import quote

BARE = frozenset({"int", "double", "currency", "percent", "date"})
"""types whose literals stand without quotes"""
_PLAIN = re.compile(r"-?[0-9]+(\.[0-9]+)?|[0-9]{4}-[0-9]{2}-[0-9]{2}").fullmatch
_ESCAPES = str.maketrans(
    {
        "\\": "\\\\",
        "'": "\\'",
        '"': '\\"',
        "\n": "\\n",
        "\r": "\\r",
        "\t": "\\t",
        "\b": "\\b",
        "\f": "\\f",
    }
)


def literal(value: str, kind: str) -> str:
    """Write a value as a field of this type is compared with it."""
    if kind in BARE and _PLAIN(value):
        return value
    return f"'{value.translate(_ESCAPES)}'"


def select(fields: Iterable[str], table: str, field: str, kind: str, values: Sequence[str]) -> str:
    """Write a query for the records that have one of some values in a field."""
    wanted = ",".join(literal(value, kind) for value in values)
    return f"SELECT {','.join(dict.fromkeys(fields))} FROM {table} WHERE {field} IN ({wanted})"  # noqa: S608 - escaped


def in_url(query: str) -> str:
    """Write a query as part of a URL."""
    return quote(query, safe="")

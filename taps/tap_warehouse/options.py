"""The options of one model as somebody wrote them: what each may be, and which go together.

Every check yields the rest of a sentence that begins with the model's name, says which option it is about, and what is
allowed there. None shows SQL or a value that could be a secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TypeGuard, get_args

from tap_warehouse.models import Change, DuplicateKeys, Model, NullKeys, Query, Table, nearest

SOURCES = ("table", "sql", "sql_file", "dbt")
CHOICES: dict[str, tuple[str, ...]] = {
    "change": get_args(Change),
    "null_keys": get_args(NullKeys),
    "duplicate_keys": get_args(DuplicateKeys),
}
OPTIONS = (
    *SOURCES,
    "primary_key",
    "change",
    "replication_key",
    "where",
    "columns",
    "limit",
    "null_keys",
    "duplicate_keys",
    "order_by",
    "max_changed_share",
)
MOST_ROWS = 2**63 - 1
COMPANIONS = (
    ("replication_key", "change", ("incremental",)),
    ("order_by", "duplicate_keys", ("first", "last")),
    ("max_changed_share", "change", ("snapshot",)),
)
"""An option, and which values of which other one it goes with."""

_NAME_PART = re.compile(r'"((?:[^"]|"")+)"|([^".]+)')

Options = Mapping[object, object]


def mistakes(name: str, options: object) -> Iterator[str]:
    """Find what is wrong with one entry. One that names a dbt model may do without a primary key."""
    if not name.strip() or not _encodable(name):
        yield "a stream needs a name that is not blank and is valid Unicode."
    if not isinstance(options, Mapping):
        yield f"must be an object with {' or '.join(SOURCES)}, and primary_key."
        return
    unknown = [str(key) for key in options if key not in OPTIONS]
    if unknown and _split_at_dot(options):
        yield (
            f"{unknown[0]!r} is no option, but looks like the second half of a name: Meltano splits keys at dots. "
            f"Write '{name}\\.{unknown[0]}' in `models`, or move the model to `models_file`."
        )
        return
    for key in unknown:
        yield f"unknown option {key!r}.{nearest(key, OPTIONS)} Options are {', '.join(OPTIONS)}."
    yield from _source_mistakes(options)
    yield from _key_mistakes(options)
    yield from _value_mistakes(options)
    yield from _companion_mistakes(options)


def _split_at_dot(options: Options) -> bool:
    return not any(key in OPTIONS for key in options) and any(
        isinstance(child, Mapping) and any(key in OPTIONS for key in child) for child in options.values()
    )


def _source_mistakes(options: Options) -> Iterator[str]:
    given = [key for key in SOURCES if key in options]
    if not given:
        yield f"says nothing about where its rows are. Give one of {', '.join(SOURCES)}."
    elif len(given) > 1:
        yield f"{' and '.join(given)} exclude each other. Keep one."
    for key in given:
        value = options[key]
        if not is_text(value):
            yield f"{key} must be text, not blank."
        elif key == "table" and table_parts(str(value)) is None:
            yield (
                f"table {value!r} is no table name. Write name, schema.name or catalog.schema.name; "
                'a part that has a dot in it goes between double quotes: schema."a.b".'
            )


def _key_mistakes(options: Options) -> Iterator[str]:
    if "primary_key" not in options:
        if "dbt" not in options:
            yield "primary_key is missing. Name the column, or the list of columns, that identifies a row."
    else:
        yield from _names_mistakes(options, "primary_key")


def _value_mistakes(options: Options) -> Iterator[str]:
    """Each option by itself."""
    for key, allowed in CHOICES.items():
        value = options.get(key, allowed[0])
        if value not in allowed:
            yield f"{key} must be {' or '.join(map(repr, allowed))}.{nearest(str(value), allowed)}"
    if "replication_key" in options and not _is_name(options["replication_key"]):
        yield "replication_key must be the name of one column."
    if "where" in options and not is_text(options["where"]):
        yield "where must be an SQL condition as text, not blank."
    if "columns" in options and not isinstance(options["columns"], list):
        yield "columns must be a list of names, not empty."
    elif "columns" in options:
        yield from _names_mistakes(options, "columns")
    if "order_by" in options:
        yield from _names_mistakes(options, "order_by")
    limit = options.get("limit", 1)
    if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= MOST_ROWS:
        yield "limit must be a whole number of rows, 1 or more."
    share = options.get("max_changed_share", 0)
    if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0 <= share <= 1:  # false for NaN too
        yield "max_changed_share must be a number from 0 to 1."


def _companion_mistakes(options: Options) -> Iterator[str]:
    """Options that want, or do not go with, the value of another."""
    for option, other, values in COMPANIONS:
        if option in options and options.get(other) not in values:
            yield f"{option} goes only with {other} {' or '.join(map(repr, values))}."
    if options.get("change") == "incremental" and "replication_key" not in options:
        yield "change 'incremental' needs replication_key: the column that grows whenever a row is written."
    duplicates = options.get("duplicate_keys")
    if duplicates in ("first", "last") and "order_by" not in options:
        yield f"duplicate_keys {duplicates!r} needs order_by: the columns that say which row comes first."


def _names_mistakes(options: Options, key: str) -> Iterator[str]:
    names = [options[key]] if isinstance(options[key], str) else options[key]
    if not isinstance(names, list) or not names or not all(map(_is_name, names)):
        yield f"{key} must be a column's name or a list of names, not empty."
        return
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        yield f"{key} names {', '.join(map(repr, repeated))} twice."


def model_of(name: str, options: Options, source: Table | Query) -> Model:
    """Freeze options in which `mistakes` found nothing."""
    found: dict[str, object] = {key: options[key] for key in OPTIONS if key in options and key not in SOURCES}
    keys = names_in(options, "primary_key")
    wanted = (*keys, *names_in(options, "replication_key"))
    if "columns" in options:
        columns = names_in(options, "columns")
        found["columns"] = (*(key for key in dict.fromkeys(wanted) if key not in columns), *columns)
    if "order_by" in options:
        found["order_by"] = names_in(options, "order_by")
    if "max_changed_share" in options:
        found["max_changed_share"] = float(str(options["max_changed_share"]))
    return Model(**{**found, "name": name, "source": source, "primary_key": keys})  # type: ignore[arg-type] # checked


def joined(defaults: Options, written: Options) -> Options:
    """Lay what is written over defaults, and leave out the defaults that go only with a value that it replaces."""
    merged = {**defaults, **written}
    for option, goes_with, values in COMPANIONS:
        if option not in written and goes_with in written and merged[goes_with] not in values:
            merged.pop(option, None)
    return merged


def names_in(options: Options, key: str) -> tuple[str, ...]:
    """Read one name or a list of them as a tuple; empty where the option is not given."""
    value = options.get(key)
    return (value,) if isinstance(value, str) else tuple(value) if isinstance(value, list) else ()


def table_parts(text: str) -> tuple[str, ...] | None:
    """`a.b` and `"a.b".c` taken apart; None when it cannot be read as one to three parts."""
    parts, at = [], 0
    text = text.strip()
    while match := _NAME_PART.match(text, at):
        parts.append(match[1].replace('""', '"') if match[1] is not None else match[2].strip())
        at = match.end()
        if at == len(text):
            return tuple(parts) if len(parts) <= 3 and all(parts) else None
        if text[at] != ".":
            return None
        at += 1
    return None


def _encodable(text: str) -> bool:
    """Refuse a lone surrogate, which a JSON or YAML escape can smuggle in and no Singer line can carry."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def is_text(value: object) -> TypeGuard[str]:
    """Tell text that says something, and that SQL can hold, from everything else."""
    return isinstance(value, str) and bool(value.strip()) and _encodable(value) and "\0" not in value


def _is_name(value: object) -> bool:
    return isinstance(value, str) and bool(value) and _encodable(value) and "\0" not in value

"""The `models` setting, checked and frozen. Pure: files arrive through a function that is passed in.

All mistakes are collected before anything is raised, so that a person corrects a file once.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import yaml

from tap_warehouse.errors import ConfigurationError

OPTIONS = ("table", "sql", "sql_file", "primary_key", "change")
SOURCES = ("table", "sql", "sql_file")
CHANGES_PLANNED = ("snapshot", "incremental")

_NAME_PART = re.compile(r'"((?:[^"]|"")+)"|([^".]+)')


@dataclass(frozen=True)
class Table:
    """A table or view by its name: one to three parts, without quotes."""

    parts: tuple[str, ...]


@dataclass(frozen=True)
class Query:
    """SQL text of the user's; `origin` says in messages where it stands."""

    text: str
    origin: str


@dataclass(frozen=True)
class Model:
    """The rows to sync: one Singer stream."""

    name: str
    source: Table | Query
    primary_key: tuple[str, ...]
    change: Literal["full", "incremental", "snapshot"] = "full"
    replication_key: str | None = None
    where: str | None = None
    columns: tuple[str, ...] | None = None
    limit: int | None = None
    null_keys: Literal["reject", "fail"] = "reject"
    duplicate_keys: Literal["reject", "fail", "first", "last"] = "reject"
    order_by: tuple[str, ...] = ()
    max_changed_share: float | None = None
    blocked: str | None = None


def nearest(word: str, known: Collection[str]) -> str:
    """Hint at the known names that were probably meant; empty when none is near."""
    by_folded = {name.casefold(): name for name in known}
    close = difflib.get_close_matches(word.casefold(), by_folded, n=3, cutoff=0.6)
    return f" Did you mean {' or '.join(repr(by_folded[name]) for name in close)}?" if close else ""


def parse_models(
    models: object,
    models_file: str | None,
    read_text: Callable[[str], str],
) -> tuple[Model, ...]:
    """Read every model of both settings, those of the file first, each in the order in which it was written.

    `read_text` gets a path as written in a setting and raises OSError or UnicodeDecodeError.
    Raises ConfigurationError.
    """
    problems: list[str] = []
    written: list[tuple[str, str, object]] = []
    if models_file is not None:
        written += _entries(f"models_file {models_file!r}", _load(models_file, read_text, problems), problems)
    written += _entries("models", models, problems)
    if not written and not problems:
        problems.append("models: empty. Name at least one model in `models` or in `models_file`.")
    parsed: dict[str, Model] = {}
    for where, name, options in written:
        if name in parsed:
            problems.append(f"model {name!r}: named in `models` and in `models_file`. Keep one of them.")
            continue
        mistakes = list(_mistakes(name, options))
        problems += (f"{where}: model {name!r}: {mistake}" for mistake in mistakes)
        if not mistakes and isinstance(options, Mapping):
            model = _model(name, options, read_text, problems)
            if model is not None:
                parsed[name] = model
    if problems:
        raise ConfigurationError(problems)
    return tuple(parsed.values())


class _UniqueKeys(yaml.SafeLoader):
    """YAML lets the last of two equal keys win in silence, which would drop a model."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[object, object]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        repeated = sorted({str(key) for key in keys if keys.count(key) > 1})
        if repeated:
            raise yaml.constructor.ConstructorError(
                None, None, f"written twice: {', '.join(repeated)}", node.start_mark
            )
        return super().construct_mapping(node, deep=deep)


def _load(path: str, read_text: Callable[[str], str], problems: list[str]) -> object:
    try:
        return yaml.load(read_text(path), Loader=_UniqueKeys)  # noqa: S506 a SafeLoader
    except (OSError, UnicodeDecodeError) as error:
        problems.append(f"models_file {path!r}: cannot be read ({_reason(error)}).")
    except yaml.MarkedYAMLError as error:
        place = f" in line {error.problem_mark.line + 1}" if error.problem_mark else ""
        problems.append(f"models_file {path!r}: not valid YAML{place}: {error.problem}.")
    except yaml.YAMLError:
        problems.append(f"models_file {path!r}: not valid YAML.")
    return None


def _reason(error: OSError | UnicodeDecodeError) -> str:
    return error.strerror or type(error).__name__ if isinstance(error, OSError) else "it is not UTF-8 text"


def _entries(where: str, given: object, problems: list[str]) -> Iterator[tuple[str, str, object]]:
    if given is None:
        return
    if not isinstance(given, Mapping):
        problems.append(f"{where}: must be an object, stream name -> table, sql or sql_file, and primary_key.")
        return
    for name, options in given.items():
        yield where, str(name), options


def _mistakes(name: str, options: object) -> Iterator[str]:
    """Find what is wrong with one entry, as text that follows the model's name."""
    if not name.strip() or not _encodable(name):
        yield "a stream needs a name that is not blank and is valid Unicode."
    if not isinstance(options, Mapping):
        yield "must be an object with table, sql or sql_file, and primary_key."
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
    change = options.get("change", "full")
    if change in CHANGES_PLANNED:
        yield f"change {change!r} is not there yet. Use 'full'."
    elif change != "full":
        yield "change must be 'full'."


def _split_at_dot(options: Mapping[object, object]) -> bool:
    return not any(key in OPTIONS for key in options) and any(
        isinstance(child, Mapping) and any(key in OPTIONS for key in child) for child in options.values()
    )


def _source_mistakes(options: Mapping[object, object]) -> Iterator[str]:
    given = [key for key in SOURCES if key in options]
    if not given:
        yield "says nothing about where its rows are. Give one of table, sql, sql_file."
    elif len(given) > 1:
        yield f"{' and '.join(given)} exclude each other. Keep one."
    for key in given:
        value = options[key]
        if not isinstance(value, str) or not value.strip() or not _encodable(value) or "\0" in value:
            yield f"{key} must be text, not blank."
        elif key == "table" and _table_parts(value) is None:
            yield (
                f"table {value!r} is no table name. Write name, schema.name or catalog.schema.name; "
                'a part that has a dot in it goes between double quotes: schema."a.b".'
            )


def _key_mistakes(options: Mapping[object, object]) -> Iterator[str]:
    if "primary_key" not in options:
        yield "primary_key is missing. Name the column, or the list of columns, that identifies a row."
        return
    key = options["primary_key"]
    columns = [key] if isinstance(key, str) else key
    if not isinstance(columns, list) or not columns or not all(isinstance(name, str) and name for name in columns):
        yield "primary_key must be a column's name or a list of names, not empty."
        return
    repeated = sorted({name for name in columns if columns.count(name) > 1})
    if repeated:
        yield f"primary_key names {', '.join(map(repr, repeated))} twice."


def _model(
    name: str, options: Mapping[object, object], read_text: Callable[[str], str], problems: list[str]
) -> Model | None:
    key = options["primary_key"]
    keys = (key,) if isinstance(key, str) else tuple(key) if isinstance(key, list) else ()
    if "table" in options:
        return Model(name, Table(_table_parts(str(options["table"])) or ()), keys)
    if "sql" in options:
        return Model(name, Query(str(options["sql"]), "sql"), keys)
    path = str(options["sql_file"])
    try:
        text = read_text(path)
    except (OSError, UnicodeDecodeError) as error:
        problems.append(f"model {name!r}: sql_file {path!r} cannot be read ({_reason(error)}).")
        return None
    if not text.strip() or "\0" in text:
        problems.append(f"model {name!r}: sql_file {path!r} holds no SQL text.")
        return None
    return Model(name, Query(text, f"sql_file {path!r}"), keys)


def _table_parts(text: str) -> tuple[str, ...] | None:
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

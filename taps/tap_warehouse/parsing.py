"""The settings that name models, checked and frozen. Pure: files arrive through functions that are passed in.

All mistakes are collected before anything is raised, so that a person corrects a file once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import yaml

from tap_warehouse.errors import ConfigurationError
from tap_warehouse.models import Model, Query, Table
from tap_warehouse.options import Options, mistakes, model_of, table_parts


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
        found = list(mistakes(name, options))
        problems += (f"{where}: model {name!r}: {mistake}" for mistake in found)
        if not found and isinstance(options, Mapping):
            source = _source(name, options, read_text, problems)
            if source is not None:
                parsed[name] = model_of(name, options, source)
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


def _source(name: str, options: Options, read_text: Callable[[str], str], problems: list[str]) -> Table | Query | None:
    if "table" in options:
        return Table(table_parts(str(options["table"])) or ())
    if "sql" in options:
        return Query(str(options["sql"]), "sql")
    path = str(options["sql_file"])
    try:
        text = read_text(path)
    except (OSError, UnicodeDecodeError) as error:
        problems.append(f"model {name!r}: sql_file {path!r} cannot be read ({_reason(error)}).")
        return None
    if not text.strip() or "\0" in text:
        problems.append(f"model {name!r}: sql_file {path!r} holds no SQL text.")
        return None
    return Query(text, f"sql_file {path!r}")

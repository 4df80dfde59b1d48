"""The settings that name models, checked and frozen. Pure: files arrive through functions that are passed in.

All mistakes are collected before anything is raised, so that a person corrects a file once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import yaml

from tap_warehouse.dbt import Project, meta_of, stream_of, sync_hint
from tap_warehouse.dbt_files import DbtSettings, Node
from tap_warehouse.errors import ConfigurationError
from tap_warehouse.models import Model, Query, Table
from tap_warehouse.options import OPTIONS, SOURCES, Options, is_text, joined, mistakes, model_of, table_parts


@dataclass(frozen=True)
class Entry:
    """One model as it was written; `where` names the setting."""

    where: str
    name: str
    options: object


def parse_models(
    models: object,
    models_file: str | None,
    read_text: Callable[[str], str],
    dbt: DbtSettings | None = None,
) -> tuple[Model, ...]:
    """Read every model of the settings: those of the file, those of `models`, then what `dbt_select` adds.

    `read_text` gets a path as written in a setting and raises OSError or UnicodeDecodeError. dbt's files are read only
    if a setting asks for something in them. Raises ConfigurationError.
    """
    problems: list[str] = []
    written: list[Entry] = []
    if models_file is not None:
        written += _entries(f"models_file {models_file!r}", _load(models_file, read_text, problems), problems)
    written += _entries("models", models, problems)
    names = [entry.name for entry in written]
    twice = dict.fromkeys(name for name in names if names.count(name) > 1)
    problems += (f"model {name!r}: named in `models` and in `models_file`. Keep one of them." for name in twice)
    selectors = _selectors(dbt, problems)
    project = _project(dbt, bool(selectors) or any(map(_dbt_name, written)), problems)
    planned = [(entry, _node(entry, project, problems)) for entry in written]
    if project is not None:
        planned += list(_selected(selectors, project, planned, problems))
    parsed = [_model(entry, project, node, read_text, problems) for entry, node in planned]
    if not parsed and not problems:
        problems.append("models: empty. Name at least one model in `models`, in `models_file` or with `dbt_select`.")
    if problems:
        raise ConfigurationError(problems)
    return tuple(model for model in parsed if model is not None)


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


def _entries(where: str, given: object, problems: list[str]) -> Iterator[Entry]:
    if given is None:
        return
    if not isinstance(given, Mapping):
        problems.append(f"{where}: must be an object, stream name -> {' or '.join(SOURCES)}, and primary_key.")
        return
    for name, options in given.items():
        yield Entry(where, str(name), options)


def _selectors(dbt: DbtSettings | None, problems: list[str]) -> list[str]:
    given = [] if dbt is None or dbt.select is None else dbt.select
    if isinstance(given, list) and all(map(is_text, given)):
        return given
    problems.append("dbt_select: must be a list of tag:NAME, meta.penstock or names of dbt models.")
    return []


def _project(dbt: DbtSettings | None, wanted: bool, problems: list[str]) -> Project | None:
    if not wanted:
        return None
    if dbt is None:
        problems.append("dbt: there is no manifest to find dbt models in.")
        return None
    try:
        return Project.of(dbt)
    except ConfigurationError as error:
        problems += error.problems
        return None


def _dbt_name(entry: Entry) -> str | None:
    """Read which dbt model an entry asks for; None where it asks for none, or for something else as well."""
    if not isinstance(entry.options, Mapping) or sum(key in entry.options for key in SOURCES) > 1:
        return None
    name = entry.options.get("dbt")
    return name if is_text(name) else None


def _node(entry: Entry, project: Project | None, problems: list[str]) -> Node | None:
    name = _dbt_name(entry)
    if name is None or project is None:
        return None
    try:
        return project.find(name)
    except ConfigurationError as error:
        problems += (f"{entry.where}: model {entry.name!r}: {problem}" for problem in error.problems)
        return None


def _selected(
    selectors: Sequence[str],
    project: Project,
    planned: Sequence[tuple[Entry, Node | None]],
    problems: list[str],
) -> Iterator[tuple[Entry, Node]]:
    """Make an entry of every selected node, but for those that were named by themselves, and names that are taken."""
    named = {entry.name for entry, _ in planned}
    done = {node.unique_id for _, node in planned if node is not None}
    streams: dict[str, Node] = {}
    for selector in selectors:
        where = f"dbt_select {selector!r}"
        try:
            nodes = project.select(selector)
        except ConfigurationError as error:
            problems += (f"{where}: {problem}" for problem in error.problems)
            continue
        for node in nodes:
            stream = stream_of(node)
            if node.unique_id in done or stream in named:
                continue
            done.add(node.unique_id)
            if stream in streams:
                problems.append(
                    f"{where}: {node.label} and {streams[stream].label} are both stream {stream!r}. "
                    "Give one of them another meta.penstock.stream, or name it in `models`."
                )
                continue
            streams[stream] = node
            yield Entry(where, stream, {"dbt": node.unique_id}), node


def _model(
    entry: Entry, project: Project | None, node: Node | None, read_text: Callable[[str], str], problems: list[str]
) -> Model | None:
    where, options = f"{entry.where}: model {entry.name!r}", entry.options
    found: list[str] = []
    if project is not None and node is not None and isinstance(options, Mapping):
        meta = meta_of(node, found)
        options = _filled(options, meta, project, node, found)
        where += f", with meta.penstock of {node.label}" if meta else ""
    found += mistakes(entry.name, options)
    problems += (f"{where}: {mistake}" for mistake in found)
    if found or not isinstance(options, Mapping):
        return None
    if project is None or node is None:
        source = _source(where, options, read_text, problems)
        return model_of(entry.name, options, source) if source else None
    model = model_of(entry.name, options, Table(project.relation(node)))
    return replace(model, blocked=project.blocked(node, entry.name), sync_hint=sync_hint(node))


def _filled(options: Options, meta: Options, project: Project, node: Node, found: list[str]) -> dict[object, object]:
    """Put what dbt says where the settings are silent."""
    filled = dict(joined({option: value for option, value in meta.items() if option in OPTIONS}, options))
    try:
        project.relation(node)
        if "primary_key" not in filled:
            filled["primary_key"] = project.primary_key(node)
    except ConfigurationError as error:
        found += error.problems
    return filled


def _source(where: str, options: Options, read_text: Callable[[str], str], problems: list[str]) -> Table | Query | None:
    if "table" in options:
        return Table(table_parts(str(options["table"])) or ())
    if "sql" in options:
        return Query(str(options["sql"]), "sql")
    if "dbt" in options:
        return None  # the manifest, or the model in it, is missing, which has been said
    path = str(options["sql_file"])
    try:
        text = read_text(path)
    except (OSError, UnicodeDecodeError) as error:
        problems.append(f"{where}: sql_file {path!r} cannot be read ({_reason(error)}).")
        return None
    if not text.strip() or "\0" in text:
        problems.append(f"{where}: sql_file {path!r} holds no SQL text.")
        return None
    return Query(text, f"sql_file {path!r}")

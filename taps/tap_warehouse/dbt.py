"""What dbt knows of its models: where they are, their keys and options, and whether the last run spoilt them.

Pure. Mistakes are ConfigurationErrors whose text names the dbt model, not yet ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timezone

import msgspec

from tap_warehouse.dbt_files import Config, DbtSettings, Manifest, Node, RunResults, load
from tap_warehouse.errors import ConfigurationError
from tap_warehouse.models import nearest
from tap_warehouse.options import OPTIONS, SOURCES, Options, is_text

META_OPTIONS = (*(option for option in OPTIONS if option not in SOURCES), "stream", "sync")
READABLE = ("model", "seed", "snapshot", "source")
FOLDED: dict[str, Callable[[str], str]] = {"snowflake": str.upper, "postgres": str.lower, "redshift": str.lower}
"""Adapters of warehouses that store a name written without quotes in one case."""

TESTS = ("test", "unit_test")
SPOILT = {
    "error": "could not be built",
    "partial success": "was built only in part",
    "skipped": "was skipped, because something before it failed,",
}
"""What a status of a node's own says. A test that fails has `fail`, or `warn` where it is only to warn."""

BUILDING = (None, "build", "run", "test", "seed", "snapshot", "retry")
"""dbt commands whose results say something about rows. `compile` and `docs generate` write results as well."""


class Project:
    """The nodes that can be read, by every name that people give them."""

    def __init__(self, manifest: Manifest, results: RunResults | None) -> None:
        self._manifest = manifest
        self._home = manifest.metadata.project_name
        self._fold = FOLDED.get(manifest.metadata.adapter_type or "", str)
        self._known: dict[str, list[Node]] = {}
        for node in self._all():
            for spelling in _spellings(node):
                self._known.setdefault(spelling, []).append(node)
        self._failed = _failures(manifest, results)

    @classmethod
    def of(cls, settings: DbtSettings) -> Project:
        """Read dbt's files."""
        return cls(*load(settings))

    def _all(self) -> Iterator[Node]:
        for nodes in (self._manifest.nodes, self._manifest.sources):
            yield from (node for node in nodes.values() if node.resource_type in READABLE)

    def find(self, name: str) -> Node:
        """Find a node by name, package.name, name.v2, seed.name, snapshot.name, source.name.table or unique id."""
        found = self._known.get(name, [])
        if len(found) > 1:  # as ref() does: the project's own before those of packages
            found = [node for node in found if node.package_name == self._home] or found
        if len(found) > 1:
            ids = " or ".join(sorted(node.unique_id for node in found))
            raise ConfigurationError([f"dbt {name!r} means more than one model. Write {ids}."])
        if found:
            return found[0]
        for nodes in (self._manifest.disabled or {}).values():
            if any(name in _spellings(node) for node in nodes):
                raise ConfigurationError([f"dbt {name!r} is disabled in dbt. Enable it, or read another model."])
        same = {min(_spellings(node), key=len) for node in self._all() if node.name == name}
        hint = f" Did you mean {' or '.join(map(repr, sorted(same)))}?" if same else nearest(name, self._known)
        raise ConfigurationError([f"the manifest has no dbt model {name!r}.{hint}"])

    def select(self, selector: str) -> list[Node]:
        """Find the nodes of `tag:NAME` (models, snapshots), of `meta.penstock` (whatever has it), or of a name."""
        if selector == "meta.penstock":
            found = [node for node in self._all() if _written(node) is not None]
        elif selector.startswith("tag:"):
            tag = selector.removeprefix("tag:")
            kinds = ("model", "snapshot")
            found = [node for node in self._all() if node.resource_type in kinds and tag in (node.tags or ())]
        else:
            found = [self.find(selector)]
        if not found:
            raise ConfigurationError(["selects no model of the manifest."])
        return sorted(found, key=lambda node: node.unique_id)

    def relation(self, node: Node) -> tuple[str, ...]:
        """Where its rows are: database, schema and name as the warehouse stores them."""
        config = node.config or Config()
        if config.enabled is False:
            raise ConfigurationError([f"{node.label} is disabled in dbt. Enable it, or read another model."])
        if config.materialized == "ephemeral":
            raise ConfigurationError(
                [f"{node.label} is ephemeral, so the warehouse does not have it. Materialize it as a view or a table."]
            )
        name = node.identifier or node.alias or node.name
        rendered = node.relation_name or ""
        if node.resource_type == "source" and name.casefold() not in rendered.casefold():
            raise ConfigurationError([f"{node.label} is no table of the warehouse. Read it with sql."])
        return tuple(self._stored(part, rendered) for part in (node.database, node.schema, name) if part)

    def _stored(self, part: str, rendered: str) -> str:
        """Fold a name that dbt writes without quotes, as the warehouse did when it was created."""
        quoted = '"' + part.replace('"', '""') + '"'
        return part if quoted in rendered else self._fold(part)

    def primary_key(self, node: Node) -> list[str]:
        """Take the key that dbt infers, or the one column with a unique and a not_null test.

        dbt lists several columns also where each is unique by itself, in no stable order. Those are a key together only
        if a constraint or a test of their combination says so.
        """
        named = node.primary_key or []
        if len(named) == 1:
            return named
        tests = [test for test in self._manifest.nodes.values() if _attached(test, node)]
        if not named:
            unique, filled = (set(_tested(tests, kind)) for kind in ("unique", "not_null"))
            named = sorted(unique & filled)
            if len(named) == 1:
                return named
        together = [
            constraint.columns or [] for constraint in node.constraints or () if constraint.type == "primary_key"
        ]
        together += _combinations(tests)
        for columns in together:
            if sorted(columns) == sorted(named) and columns:
                return columns
        why = f"dbt tells none for {node.label}"
        if named:
            why = f"{node.label} has several columns that may be it: {', '.join(sorted(named))}"
        more = "" if named else ", or the tests unique and not_null to one of its columns"
        add = f"Add primary_key here, or to config.meta.penstock in dbt{more}."
        raise ConfigurationError([f"primary_key is missing, and {why}. {add}"])

    def blocked(self, node: Node, stream: str) -> str | None:
        """Say why the last run of dbt forbids to sync the node as `stream`; None when it does not."""
        failed = self._failed.get(node.unique_id)
        return failed and f"model {stream!r}: {failed}: not synced; fix it or rebuild"


def _spellings(node: Node) -> set[str]:
    home, name = node.package_name, node.name
    match node.resource_type:
        case "source":
            return {node.unique_id, f"source.{node.source_name}.{name}"}
        case "model":
            plain = {name, f"{home}.{name}"} if node.latest else set()
            versioned = (
                {f"{name}.v{node.version}", f"{home}.{name}.v{node.version}"} if node.version is not None else set()
            )
            return {node.unique_id, *plain, *versioned}
        case kind:
            return {node.unique_id, f"{kind}.{name}"}


def _written(node: Node) -> object:
    """`meta.penstock` as written; None for what means nothing. `config.meta` is the newer place."""
    places = (node.config.meta if node.config else None, node.meta)
    return next((meta.penstock for meta in places if meta and meta.penstock not in (None, False)), None)


def meta_of(node: Node, found: list[str]) -> Options:
    """Read the options in `meta.penstock`; what is wrong with them as a whole goes to `found`."""
    written = _written(node)
    if written is None or written is True:
        return {}
    if not isinstance(written, Mapping):
        found.append(f"meta.penstock of {node.label} must be an object of options, or true.")
        return {}
    for option in written:
        if option not in META_OPTIONS:
            known = f"{nearest(str(option), META_OPTIONS)} Options there are {', '.join(META_OPTIONS)}."
            found.append(f"unknown option {option!r} in meta.penstock of {node.label}.{known}")
    if not is_text(written.get("stream", "x")):
        found.append(f"meta.penstock.stream of {node.label} must be text, not blank.")
    if not isinstance(written.get("sync", {}), Mapping):
        found.append(f"meta.penstock.sync of {node.label} must be an object.")
    return {option: value for option, value in written.items() if option in META_OPTIONS}


def stream_of(node: Node) -> str:
    """Name the stream of a selected node: `meta.penstock.stream`, or its own name."""
    stream = meta_of(node, []).get("stream")
    return stream if is_text(stream) else node.stream


def sync_hint(node: Node) -> str | None:
    """Repeat `meta.penstock.sync` as JSON."""
    hint = meta_of(node, []).get("sync")
    return msgspec.json.encode(hint, order="sorted").decode() if hint else None


def _attached(test: Node, node: Node) -> bool:
    """Whether a generic test proves something of the node: one that fails the build, and looks at every row."""
    if test.resource_type != "test" or test.test_metadata is None:
        return False
    config = test.config or Config()
    strict = config.enabled is not False and config.where is None and not _warns(test)
    return strict and node.unique_id in _tested_nodes(test)


def _tested_nodes(test: Node) -> Iterable[str]:
    """Name the node it is attached to. A test in a file of its own, or of a source, speaks of all that it reads."""
    if test.attached_node:
        return (test.attached_node,)
    return (test.depends_on.nodes if test.depends_on else None) or ()


def _tested(tests: Iterable[Node], kind: str) -> Iterator[str]:
    for test in tests:
        about = test.test_metadata
        if about and about.name == kind and about.kwargs and isinstance(about.kwargs.column_name, str):
            yield about.kwargs.column_name


def _combinations(tests: Iterable[Node]) -> list[list[str]]:
    given = (
        test.test_metadata.kwargs.combination_of_columns
        for test in tests
        if test.test_metadata and test.test_metadata.kwargs
    )
    return [columns for columns in given if isinstance(columns, list) and all(isinstance(c, str) for c in columns)]


def _failures(manifest: Manifest, results: RunResults | None) -> dict[str, str]:
    """Say of each node what went wrong with it or with one of its tests in the last run; others are left out."""
    if results is None or not _speaks_of(results, manifest):
        return {}
    when = results.metadata.generated_at
    last = f"in the last run (at {_utc(when).isoformat(timespec='seconds')})" if when else "in the last run"
    nodes = {**manifest.nodes, **(manifest.unit_tests or {})}
    own: dict[str, str] = {}
    tests: dict[str, list[str]] = {}
    for result in results.results:
        node = nodes.get(result.unique_id)
        if node is None:
            continue
        if node.resource_type not in TESTS:
            if result.status in SPOILT:
                own[result.unique_id] = f"{node.label} {SPOILT[result.status]} {last}"
        elif result.status == "fail" or (result.status == "error" and not _warns(node)):
            for tested in _tested_nodes(node):
                tests.setdefault(tested, []).append(node.name)
    more = {tested: f" and {len(names) - 1} more" if len(names) > 1 else "" for tested, names in tests.items()}
    return own | {tested: f"dbt test {min(names)!r}{more[tested]} failed {last}" for tested, names in tests.items()}


def _warns(test: Node) -> bool:
    return test.config is not None and (test.config.severity or "").casefold() == "warn"


def _speaks_of(results: RunResults, manifest: Manifest) -> bool:
    """Whether the results are of the invocation that wrote the manifest, or of a later one that touched rows."""
    if results.args and results.args.which not in BUILDING:
        return False
    ours, theirs = manifest.metadata, results.metadata
    if ours.invocation_id == theirs.invocation_id or ours.generated_at is None or theirs.generated_at is None:
        return True
    return _utc(theirs.generated_at) >= _utc(ours.generated_at)


def _utc(time: datetime) -> datetime:
    return time if time.tzinfo else time.replace(tzinfo=timezone.utc)

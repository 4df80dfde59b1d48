"""The two files that dbt leaves behind, as it writes them: `manifest.json`, and `run_results.json` beside it.

Only the parts that we use are decoded, into typed structs: a manifest can have 50 MB. Bytes arrive through a function
that is passed in.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePath
from typing import Any, TypeVar

import msgspec

from tap_warehouse.errors import ConfigurationError

DEFAULT_MANIFEST = "transform/target/manifest.json"
OLDEST = 9
"""Schema version of the manifests of dbt 1.5."""

LARGEST = 1 << 29
"""Bytes of the largest file that is read: ten times a large project's."""

Artefact = TypeVar("Artefact", "Manifest", "RunResults")


class Meta(msgspec.Struct, frozen=True, gc=False):
    """`meta` of a node: our part of it."""

    penstock: Any = None


class Config(msgspec.Struct, frozen=True, gc=False):
    """`config` of a node."""

    enabled: bool | None = None
    materialized: str | None = None
    severity: str | None = None
    where: str | None = None
    meta: Meta | None = None


class Constraint(msgspec.Struct, frozen=True, gc=False):
    """A constraint on a model as a whole."""

    type: str = ""
    columns: list[str] | None = None


class TestArguments(msgspec.Struct, frozen=True, gc=False):
    """Arguments of a generic test; packages may give them any type."""

    __test__ = False

    column_name: Any = None
    combination_of_columns: Any = None


class TestMetadata(msgspec.Struct, frozen=True, gc=False):
    """What makes a test a generic one."""

    __test__ = False

    name: str = ""
    kwargs: TestArguments | None = None


class DependsOn(msgspec.Struct, frozen=True, gc=False):
    """Unique ids of the nodes that a node reads."""

    nodes: list[str] | None = None


class Node(msgspec.Struct, frozen=True, gc=False):
    """A model, seed, snapshot, source or test."""

    unique_id: str = ""
    name: str = ""
    resource_type: str = ""
    package_name: str = ""
    database: str | None = None
    schema: str | None = None
    alias: str | None = None
    identifier: str | None = None
    source_name: str | None = None
    relation_name: str | None = None
    version: str | int | float | None = None
    latest_version: str | int | float | None = None
    tags: list[str] | None = None
    config: Config | None = None
    meta: Meta | None = None
    primary_key: list[str] | None = None
    constraints: list[Constraint] | None = None
    test_metadata: TestMetadata | None = None
    attached_node: str | None = None
    depends_on: DependsOn | None = None

    @property
    def label(self) -> str:
        """The node as a person would call it."""
        version = "" if self.version is None else f".v{self.version}"
        source = f"{self.source_name}." if self.resource_type == "source" else ""
        return f"dbt {self.resource_type} '{source}{self.name}{version}'"

    @property
    def latest(self) -> bool:
        """Whether the plain name means this one, as in dbt's ref()."""
        return self.version is None or str(self.version) == str(self.latest_version)

    @property
    def stream(self) -> str:
        """The stream's name, where nobody gave one."""
        return self.name if self.latest else f"{self.name}_v{self.version}"


class Metadata(msgspec.Struct, frozen=True, gc=False):
    """Who wrote an artefact, and when."""

    dbt_schema_version: str = ""
    invocation_id: str | None = None
    generated_at: datetime | None = None
    project_name: str | None = None
    adapter_type: str | None = None


class Manifest(msgspec.Struct, frozen=True):
    """The project as dbt parsed it."""

    metadata: Metadata
    nodes: dict[str, Node]
    sources: dict[str, Node] = {}
    disabled: dict[str, list[Node]] | None = None
    unit_tests: dict[str, Node] | None = None


class Result(msgspec.Struct, frozen=True, gc=False):
    """How one node fared."""

    unique_id: str
    status: str


class Arguments(msgspec.Struct, frozen=True, gc=False):
    """How dbt was called."""

    which: str | None = None


class RunResults(msgspec.Struct, frozen=True):
    """The last run of dbt, of all nodes or of some."""

    metadata: Metadata
    results: list[Result]
    args: Arguments | None = None


class Head(msgspec.Struct):
    """What every file of dbt's begins with."""

    metadata: Metadata


@dataclass(frozen=True)
class DbtSettings:
    """The settings about dbt. `read_bytes` gets a path as written in a setting and raises OSError."""

    manifest: str | None
    select: object
    read_bytes: Callable[[str], bytes]


def load(settings: DbtSettings) -> tuple[Manifest, RunResults | None]:
    """Read the manifest, and the results if there are any. Raises ConfigurationError with one sentence."""
    path = settings.manifest or DEFAULT_MANIFEST
    mend = "Let dbt write it anew: dbt build, or dbt parse."
    raw = _read(path, "dbt_manifest", settings)
    if raw is None and settings.manifest is None:
        raise ConfigurationError(
            [
                f"dbt_manifest is not set, and there is no {path!r}. Set it to the target/manifest.json of your dbt "
                "project, and let dbt write that file: dbt build, or dbt parse."
            ]
        )
    if raw is None:
        raise ConfigurationError([f"dbt_manifest: there is no {path!r}. {mend}"])
    manifest = _decoded(raw, Manifest, f"dbt_manifest {path!r}", "manifest", mend)
    beside = str(PurePath(path).with_name("run_results.json"))
    raw = _read(beside, "beside dbt_manifest:", settings)
    if raw is None:
        return manifest, None
    again = "Run dbt again, or delete the file."
    return manifest, _decoded(raw, RunResults, f"beside dbt_manifest: {beside!r}", "run-results", again)


def _read(path: str, what: str, settings: DbtSettings) -> bytes | None:
    try:
        return settings.read_bytes(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ConfigurationError([f"{what} {path!r} cannot be read ({reason})."]) from error


def _decoded(raw: bytes, kind: type[Artefact], what: str, artefact: str, mend: str) -> Artefact:
    """Decode all that we use. An error of the decoder tells places and types, never a value."""
    try:
        head = msgspec.json.decode(raw, type=Head)  # first by itself: an old file may differ in its other parts
    except msgspec.ValidationError as error:
        raise ConfigurationError([f"{what} is no {artefact} of dbt's. {mend}"]) from error
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise ConfigurationError([f"{what} is not JSON, or not all of it is there. {mend}"]) from error
    version = _version(head.metadata, artefact)
    if version is None:
        raise ConfigurationError([f"{what} is no {artefact} of dbt's. {mend}"])
    if artefact == "manifest" and version < OLDEST:
        old = f"has schema v{version}; Penstock reads v{OLDEST}, of dbt 1.5, and newer"
        raise ConfigurationError([f"{what} {old}. Update dbt."])
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise ConfigurationError(
            [f"{what} has schema v{version}, and a part that is unknown there: {error}."]
        ) from error


def _version(metadata: Metadata, artefact: str) -> int | None:
    found = re.search(rf"/{artefact}/v(\d+)\b", metadata.dbt_schema_version)
    return int(found[1]) if found else None

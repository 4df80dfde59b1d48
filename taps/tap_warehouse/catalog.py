"""The catalog of the configured models, and what somebody's catalog selects of them.

Discovery asks the warehouse to describe each model, nothing more: Meltano runs it before every run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from singer_sdk.singerlib import Catalog

from tap_warehouse.diagnosis import described_or_not
from tap_warehouse.errors import ConfigurationError
from tap_warehouse.messages import stream_schema
from tap_warehouse.models import Model
from tap_warehouse.warehouse import Column, Warehouse


@dataclass(frozen=True)
class Stream:
    """A model with the columns of it that are emitted."""

    model: Model
    columns: tuple[Column, ...]


def describe_all(warehouse: Warehouse, models: Sequence[Model]) -> tuple[Stream, ...]:
    """Every model described and its primary key found. Raises ConfigurationError with the mistakes of all of them."""
    problems: list[str] = []
    streams = []
    for model in models:
        columns, found = described_or_not(warehouse, model)
        if columns or model.blocked is None:  # what could not be built may not be there; it is not read anyway
            problems += found
        streams.append(Stream(model, columns))
    if problems:
        raise ConfigurationError(problems)
    return tuple(streams)


def catalog_of(streams: Sequence[Stream]) -> dict[str, object]:
    """Write the Singer catalog. Key columns are `automatic`: no selection can drop them."""
    return {"streams": [_entry(stream) for stream in streams]}


METHODS = {"full": "FULL_TABLE", "incremental": "INCREMENTAL", "snapshot": "LOG_BASED"}
"""Singer's words for change detection. `LOG_BASED` is the one whose records say which rows have left."""


def _kept(model: Model) -> tuple[str, ...]:
    """Name the columns that no selection can drop."""
    return model.primary_key if model.replication_key is None else (*model.primary_key, model.replication_key)


def _entry(stream: Stream) -> dict[str, object]:
    name, key = stream.model.name, list(stream.model.primary_key)
    method = METHODS[stream.model.change]
    replication = {} if stream.model.replication_key is None else {"replication_key": stream.model.replication_key}
    root = {
        "inclusion": "available",
        "selected-by-default": True,
        "table-key-properties": key,
        "forced-replication-method": method,
    }
    columns = [
        {
            "breadcrumb": ["properties", column.name],
            "metadata": {
                "inclusion": "automatic" if column.name in _kept(stream.model) else "available",
                "selected-by-default": True,
            },
        }
        for column in stream.columns
    ]
    return {
        "tap_stream_id": name,
        "stream": name,
        "key_properties": key,
        "replication_method": method,
        **replication,
        "schema": stream_schema(stream.columns, key),
        "metadata": [{"breadcrumb": [], "metadata": root}, *columns],
    }


def selected(streams: Sequence[Stream], catalog: dict[str, Any] | None) -> tuple[Stream, ...]:
    """Drop from `streams` what a catalog deselects, by the rules of the SDK.

    A model that the catalog lacks is emitted: Meltano caches catalogs, and the settings are the word of the user. So is
    a column that the catalog lacks.
    """
    if catalog is None:
        return tuple(streams)
    try:
        entries = Catalog.from_dict({"streams": catalog["streams"]})
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ConfigurationError(["--catalog: not a Singer catalog. Make one with --discover."]) from error
    kept = []
    for stream in streams:
        entry = entries.get_stream(stream.model.name)
        if entry is None:
            kept.append(stream)
            continue
        mask = entry.metadata.resolve_selection()
        if mask[()]:
            columns = tuple(
                column
                for column in stream.columns
                if column.name in _kept(stream.model) or mask["properties", column.name]
            )
            kept.append(Stream(stream.model, columns))
    return tuple(kept)

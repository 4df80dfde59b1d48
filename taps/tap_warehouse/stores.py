"""Where a warehouse's snapshots are kept: there, or in files of the tap's own where it may write nothing."""

from __future__ import annotations

from collections.abc import Mapping

from tap_warehouse.errors import ConfigurationError
from tap_warehouse.warehouse import JsonSchema, Warehouse

STORE_SETTINGS: dict[str, JsonSchema] = {
    "snapshot_store": {
        "type": "string",
        "enum": ["warehouse", "local"],
        "default": "warehouse",
        "title": "Snapshot store",
        "description": (
            "Where models of change 'snapshot' are remembered: in a schema of the warehouse, or, where nothing may be "
            "written there, in files below `snapshot_folder`. Then all rows are read to be compared."
        ),
    },
    "snapshot_folder": {
        "type": "string",
        "minLength": 1,
        "default": ".penstock/snapshots",
        "title": "Snapshot folder",
        "description": "Folder of the local snapshot store. Losing it costs a full read, and nothing else.",
    },
}


def is_local(config: Mapping[str, object]) -> bool:
    """Tell whether nothing is to be written to the warehouse."""
    return config["snapshot_store"] == "local"


def stored(warehouse: Warehouse, config: Mapping[str, object]) -> Warehouse:
    """Keep snapshots as the settings say. Raises ConfigurationError where what that takes is not installed."""
    if not is_local(config):
        return warehouse
    try:
        from tap_warehouse.local import LocalStore  # noqa: PLC0415 DuckDB, only for those who need it
    except ImportError:
        warehouse.close()
        raise ConfigurationError(["snapshot_store: `local` needs duckdb and pyarrow: install them."]) from None
    return LocalStore(warehouse, str(config["snapshot_folder"]))

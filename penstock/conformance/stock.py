"""An adapter for targets that post batches of JSON rows to a keyed store: `stock_target` is one, as the SDK makes them.

It is the example to copy from: about fifty lines say all that the suite must know of a target.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from penstock.conformance.adapter import Adapter, Json, Pair
from penstock.conformance.store import Store
from penstock.conformance.wire import Request

MODULE = "penstock.conformance.stock_target"
COLUMNS = {"id": {"type": "string"}, "value": {"type": "string"}}


class StockAdapter(Adapter):
    """A target with the setting `api_url` that posts lists of rows to `/rows`; by default the SDK's."""

    name = "stock singer-sdk target"
    batch = 100
    in_flight = 100

    def __init__(self, target: Sequence[str] = (sys.executable, "-m", MODULE)) -> None:
        self.target = target
        self.store = Store()

    def command(self, folder: Path, url: str) -> list[str]:
        """Write the settings and return the command."""
        (folder / "config.json").write_text(json.dumps({"api_url": url}), "utf-8")
        return [*self.target, "--config", "config.json"]

    def schema(self) -> Json:
        """Return the SCHEMA of rows with an id and a value."""
        return {"type": "SCHEMA", "stream": "rows", "key_properties": ["id"], "schema": {"properties": COLUMNS}}

    def record(self, key: str, value: str) -> Json:
        """Return a row."""
        return {"id": key, "value": value}

    def broken_record(self, key: str) -> Json:
        """Return a row whose value is no text."""
        return {"id": key, "value": {"not": "text"}}

    def refused_record(self, key: str) -> Json:
        """Return a row with a value that the store refuses."""
        return {"id": key, "value": "! refused"}

    def upstream(self) -> AbstractContextManager[str]:
        """Serve the store."""
        return self.store.serving()

    def reset(self) -> None:
        """Empty the store."""
        self.store.rows.clear()

    def writes(self, request: Request) -> list[Pair] | None:
        """Read the rows of a request: any list of rows in the body of a POST."""
        if request.method != "POST" or not request.path.startswith("/rows"):
            return None
        return [(row["id"], str(row["value"])) for row in json.loads(request.body)]

    def stored(self) -> list[Pair]:
        """Return what is stored; the store has one value per key."""
        return list(self.store.rows.items())

    def without_a_result(self, body: bytes) -> bytes:
        """Leave out the last result."""
        content = json.loads(body)
        return json.dumps({**content, "results": content["results"][:-1]}).encode()

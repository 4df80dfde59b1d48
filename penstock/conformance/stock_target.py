"""A Singer target as the documentation of singer-sdk shows it: a BatchSink that posts each batch.

Nothing is added and nothing is left out, so its results say what a target gets from the SDK alone.
"""

from __future__ import annotations

from typing import Any

import requests
from singer_sdk import BatchSink, Target
from singer_sdk import typing as th


class StockSink(BatchSink):
    """Posts a batch of rows to the store."""

    max_size = 100

    def process_batch(self, context: dict[str, Any]) -> None:
        """Send the batch; any status of 400 or more is an error."""
        rows = [{"id": record["id"], "value": record["value"]} for record in context["records"]]
        response = requests.post(f"{self.config['api_url']}/rows", json=rows, timeout=60)
        response.raise_for_status()


class StockTarget(Target):
    """A target that the SDK's template would make."""

    name = "target-stock"
    config_jsonschema = th.PropertiesList(th.Property("api_url", th.StringType, required=True)).to_dict()
    default_sink_class = StockSink


if __name__ == "__main__":
    StockTarget.cli()

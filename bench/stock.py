"""What is compared with: a tap and a null target as the stock singer-sdk makes them, no code of ours in the row path.

`python -m bench.stock tap|target --config FILE`. The tap reads the same table with DuckDB's cursor; the target takes
batches of 100 and throws them away.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

import duckdb
from singer_sdk import BatchSink, Stream, Tap, Target
from singer_sdk import typing as th

COLUMNS: dict[str, th.JSONTypeHelper[Any]] = {
    "customer_key": th.StringType(),
    "email": th.StringType(),
    "first_name": th.StringType(),
    "last_name": th.StringType(),
    "phone": th.StringType(),
    "account_name": th.StringType(),
    "plan": th.StringType(),
    "lead_score": th.IntegerType(),
    "monthly_spend": th.NumberType(),
    "is_customer": th.BooleanType(),
    "signup_date": th.DateType(),
    "last_seen_at": th.DateTimeType(),
}


class Contacts(Stream):
    """The benchmark's table."""

    name = "bench_contacts"
    primary_keys = ("customer_key",)
    schema = th.PropertiesList(*(th.Property(name, kind) for name, kind in COLUMNS.items())).to_dict()

    def get_records(self, context: Any) -> Iterable[dict[str, Any]]:  # noqa: ARG002
        """Read rows in batches."""
        cursor = duckdb.connect(self.config["path"], read_only=True).execute(
            f"select {', '.join(COLUMNS)} from bench_contacts limit ?", [self.config["rows"]]
        )
        while rows := cursor.fetchmany(10_000):
            for row in rows:
                yield dict(zip(COLUMNS, row, strict=True))


class StockTap(Tap):
    """A tap with one stream."""

    name = "tap-stock"
    config_jsonschema = th.PropertiesList(
        th.Property("path", th.StringType, required=True), th.Property("rows", th.IntegerType, required=True)
    ).to_dict()

    def discover_streams(self) -> list[Stream]:
        """List the stream."""
        return [Contacts(self)]


class NullSink(BatchSink):
    """Batches of 100, thrown away."""

    max_size = 100

    def process_batch(self, context: dict[str, Any]) -> None:
        """Do nothing."""


class StockTarget(Target):
    """A target that does nothing."""

    name = "target-stock"
    config_jsonschema = th.PropertiesList().to_dict()
    default_sink_class = NullSink


if __name__ == "__main__":
    if sys.argv.pop(1) == "tap":
        StockTap.cli()
    else:
        StockTarget.cli()

"""One load of leads by drt-core's Salesforce destination: run by the Python of its own environment, `bench.salesforce`.

Told to ask every second how its job stands: its default, thirty seconds, would be most of the time.
"""

from __future__ import annotations

import json
import sys
import time

from drt.config.destinations_saas import SalesforceBulkDestinationConfig
from drt.config.models import SyncOptions
from drt.destinations.salesforce_bulk import SalesforceBulkDestination


def main(address: str, file: str) -> None:
    """Load the records of a file of JSON lines; print how long it took and what became of the rows."""
    given = {
        "type": "salesforce_bulk",
        "instance_url": address,
        "object_name": "Lead",
        "external_id_field": "Key__c",
        "poll_interval_seconds": 1,
        **{f"{name}_env": f"PEER_{name}" for name in ("client_id", "client_secret", "username", "password")},
    }
    config = SalesforceBulkDestinationConfig.model_validate(given)
    options = SyncOptions.model_validate({"mode": "full"})
    with open(file, encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    destination = SalesforceBulkDestination()
    started = time.monotonic()
    destination.stage(rows, config, options)
    result = destination.finalize(config, options)
    seconds = time.monotonic() - started
    print(json.dumps({"seconds": seconds, "delivered": result.success, "failed": result.failed}))


if __name__ == "__main__":
    main(*sys.argv[1:3])

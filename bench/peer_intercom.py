"""One load of contacts by drt-core's Intercom destination: run by the Python of its own environment, `bench.intercom`.

It is told where the sandbox is by the constant that holds Intercom's address; its limiter is set to Intercom's.
"""

from __future__ import annotations

import json
import sys
import time

from drt.config.models import IntercomDestinationConfig, SyncOptions
from drt.destinations.intercom import IntercomDestination

FIELDS = {"external_id": "id", "email": "email", "name": "name"}


def main(address: str, token: str, file: str) -> None:
    """Load the records of a file of JSON lines; print how long it took and what became of the rows."""
    IntercomDestination.BASE_URL = f"{address}/contacts"
    template = json.dumps({name: f"{{{{ row.{column} }}}}" for name, column in FIELDS.items()})
    given = {"type": "intercom", "properties_template": template, "auth": {"type": "bearer", "token": token}}
    config = IntercomDestinationConfig.model_validate({**given, "rate_limit": {"requests_per_second": 166}})
    with open(file, encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    started = time.monotonic()
    result = IntercomDestination().load(rows, config, SyncOptions.model_validate({"mode": "full"}))
    seconds = time.monotonic() - started
    print(json.dumps({"seconds": seconds, "delivered": result.success, "failed": result.failed}))


if __name__ == "__main__":
    main(*sys.argv[1:4])

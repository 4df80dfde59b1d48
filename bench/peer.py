"""One load of contacts by drt-core's HubSpot destination: run by the Python of its own environment, `bench.hubspot`.

It is told where the sandbox is by the constant that holds HubSpot's address; the rest is as its documentation has it.
"""

from __future__ import annotations

import json
import sys
import time

from drt.config.models import HubSpotDestinationConfig, SyncOptions
from drt.destinations import hubspot

FIELDS = {"email": "email", "firstname": "first_name", "lastname": "last_name", "phone": "phone"}


def main(address: str, token: str, file: str) -> None:
    """Load the records of a file of JSON lines; print how long it took and what became of the rows."""
    hubspot._HUBSPOT_API = f"{address}/crm/v3/objects"  # noqa: SLF001 no setting has it
    template = json.dumps({name: f"{{{{ row.{column} }}}}" for name, column in FIELDS.items()})
    given = {"type": "hubspot", "object_type": "contacts", "id_property": "email", "properties_template": template}
    config = HubSpotDestinationConfig.model_validate({**given, "auth": {"type": "bearer", "token": token}})
    with open(file, encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    started = time.monotonic()
    result = hubspot.HubSpotDestination().load(rows, config, SyncOptions.model_validate({"mode": "full"}))
    seconds = time.monotonic() - started
    print(json.dumps({"seconds": seconds, "delivered": result.success, "failed": result.failed}))


if __name__ == "__main__":
    main(*sys.argv[1:4])

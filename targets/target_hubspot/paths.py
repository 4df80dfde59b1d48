"""Where HubSpot's endpoints are, by version of its API: one table, because the date does not always sit in one place.

From HubSpot's versioning guide and the index of its reference. Custom events stay on 2026-03 when 2026-09 is chosen:
what replaces them there takes another body.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Paths:
    """The beginnings of the paths of one version."""

    objects: str
    associations: str
    properties: str
    schemas: str
    pipelines: str
    owners: str
    lists: str
    events: str
    imports: str
    account: str
    token: str


_EVENTS = "/events/2026-03"


def _dated(date: str) -> Paths:
    return Paths(
        objects=f"/crm/objects/{date}",
        associations=f"/crm/associations/{date}",
        properties=f"/crm/properties/{date}",
        schemas=f"/crm-object-schemas/{date}/schemas",
        pipelines=f"/crm/pipelines/{date}",
        owners=f"/crm/owners/{date}",
        lists=f"/crm/lists/{date}",
        events=_EVENTS,
        imports=f"/crm/imports/{date}",
        account=f"/account-info/{date}/details",
        token=f"/oauth/{date}/token",
    )


VERSIONS: Mapping[str, Paths] = {
    "2026-03": _dated("2026-03"),
    "2026-09": _dated("2026-09"),
    "v3": Paths(
        objects="/crm/v3/objects",
        associations="/crm/v4/associations",
        properties="/crm/v3/properties",
        schemas="/crm-object-schemas/v3/schemas",
        pipelines="/crm/v3/pipelines",
        owners="/crm/v3/owners",
        lists="/crm/v3/lists",
        events="/events/v3",
        imports="/crm/v3/imports",
        account="/account-info/v3/details",
        token="/oauth/v3/token",  # noqa: S106
    ),
}
DEFAULT = "2026-03"

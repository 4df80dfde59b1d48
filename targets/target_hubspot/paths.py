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
VERSIONS: Mapping[str, Paths] = {
    "2026-03": Paths(
        objects="/crm/objects/2026-03",
        associations="/crm/associations/2026-03",
        properties="/crm/properties/2026-03",
        schemas="/crm-object-schemas/2026-03/schemas",
        pipelines="/crm/pipelines/2026-03",
        owners="/crm/owners/2026-03",
        lists="/crm/lists/2026-03",
        events=_EVENTS,
        imports="/crm/imports/2026-03",
        account="/account-info/2026-03/details",
        token="/oauth/2026-03/token",  # noqa: S106 - a path
    ),
    "2026-09": Paths(
        objects="/crm/objects/2026-09",
        associations="/crm/associations/2026-09",
        properties="/crm/properties/2026-09",
        schemas="/crm-object-schemas/2026-09/schemas",
        pipelines="/crm/pipelines/2026-09",
        owners="/crm/owners/2026-09",
        lists="/crm/lists/2026-09",
        events=_EVENTS,
        imports="/crm/imports/2026-09",
        account="/account-info/2026-09/details",
        token="/oauth/2026-09/token",  # noqa: S106
    ),
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

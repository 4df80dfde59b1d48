"""The table of endpoints, by the area of the path that they live in."""

from penstock_sandbox.hubspot.routes import account, associations, events, imports, lists, objects, properties
from penstock_sandbox.hubspot.routing import Route

ROUTES: dict[str, list[Route]] = {
    "objects": objects.ROUTES,
    "pairs": associations.PAIR_ROUTES,
    "associations": associations.ROUTES,
    "properties": properties.ROUTES,
    "validations": properties.VALIDATION_ROUTES,
    "schemas": properties.SCHEMA_ROUTES,
    "pipelines": account.PIPELINE_ROUTES,
    "owners": account.OWNER_ROUTES,
    "limits": account.LIMIT_ROUTES,
    "account": account.ROUTES,
    "oauth": account.TOKEN_ROUTES,
    "apps": account.APP_ROUTES,
    "lists": lists.ROUTES,
    "imports": imports.ROUTES,
    "events": events.ROUTES,
}

"""The endpoints: those that need no session, those of a version, those of Bulk API v1."""

from penstock_sandbox.salesforce.routes import account, classic, collections, composite, ingest, query, sobjects
from penstock_sandbox.salesforce.routing import Route

OPEN: list[Route] = account.OPEN
DATA: list[Route] = [
    *account.ROUTES,
    *sobjects.ROUTES,
    *query.ROUTES,
    *collections.ROUTES,
    *composite.ROUTES,
    *ingest.ROUTES,
]
ASYNC: list[Route] = classic.ROUTES

"""The endpoints, each in the module of what it is about."""

from penstock_sandbox.intercom.routes import account, additions, attributes, bulk, companies, contacts, tags
from penstock_sandbox.intercom.routing import Route

ROUTES: list[Route] = [
    *account.ROUTES,
    *contacts.ROUTES,
    *attributes.ROUTES,
    *companies.ROUTES,
    *tags.ROUTES,
    *additions.ROUTES,
    *bulk.ROUTES,
]

"""The endpoints, each in the module of what it is about."""

from penstock_sandbox.intercom.routes import account, attributes, companies, contacts
from penstock_sandbox.intercom.routing import Route

ROUTES: list[Route] = [*account.ROUTES, *contacts.ROUTES, *attributes.ROUTES, *companies.ROUTES]

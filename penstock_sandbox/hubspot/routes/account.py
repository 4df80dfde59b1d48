"""Endpoints of the account: who it is, its owners, pipelines, limits and tokens."""

import msgspec

from penstock_sandbox.hubspot import errors, oauth
from penstock_sandbox.hubspot.pipelines import Pipeline, Stage, owners_page
from penstock_sandbox.hubspot.properties import MOST_CUSTOM
from penstock_sandbox.hubspot.routing import Ask, Reply, Route, decode
from penstock_sandbox.provenance import documented


class TokenKey(msgspec.Struct, rename="camel"):
    """The body that asks about a private app's token."""

    token_key: str


def _details(ask: Ask) -> Reply:
    return Reply(200, ask.portal.details(ask.call.now))


def _usage(ask: Ask) -> Reply:
    return Reply(200, ask.portal.limits.usage(ask.call.now))


def _owners(ask: Ask) -> Reply:
    return Reply(200, owners_page(ask.portal.owners, ask.call.query))


def _owner(ask: Ask) -> Reply:
    for each in ask.portal.owners:
        if each.id == ask.names["id"]:
            return Reply(200, each)
    raise errors.object_not_found(ask.names["id"])


def _pipelines(ask: Ask) -> Reply:
    return Reply(200, {"results": ask.shelf().pipelines})


def _pipeline(ask: Ask) -> Reply:
    return Reply(200, _find(ask))


def _stages(ask: Ask) -> Reply:
    stages: list[Stage] = _find(ask).stages
    return Reply(200, {"results": stages})


def _find(ask: Ask) -> Pipeline:
    for each in ask.shelf().pipelines:
        if each.id == ask.names["id"]:
            return each
    raise errors.nothing_there(f"Pipeline {ask.names['id']}")


@documented("Usage of custom properties by object type", "developers.hubspot.com, limits of custom properties")
def _custom_properties(ask: Ask) -> Reply:
    used = {shelf: shelf.catalogue.custom() for shelf in ask.portal.shelves.values()}
    total = sum(used.values())
    lines = [
        {
            "objectTypeId": shelf.kind.type_id,
            "singularLabel": shelf.kind.singular,
            "pluralLabel": shelf.kind.name,
            "limit": MOST_CUSTOM,
            "usage": count,
            "percentage": 100 * count / MOST_CUSTOM,
        }
        for shelf, count in used.items()
    ]
    overall = {"overallLimit": 10 * MOST_CUSTOM, "overallUsage": total, "overallPercentage": total / MOST_CUSTOM * 10}
    return Reply(200, {**overall, "byObjectType": lines})


def _refresh(ask: Ask) -> Reply:
    return Reply(200, oauth.refresh(ask.portal, ask.call.body, ask.call.now))


def _access_token(ask: Ask) -> Reply:
    return Reply(200, oauth.access_token(ask.portal, ask.names["id"], ask.call.now))


def _app_token(ask: Ask) -> Reply:
    return Reply(200, oauth.app_token(ask.portal, decode(ask.call.body, TokenKey).token_key))


_READ = ("crm.objects.{type}.read",)
_OWNERS = ("crm.objects.owners.read",)
ROUTES = [
    Route("GET", "details", (), _details),
    Route("GET", "api-usage/daily/private-apps", (), _usage),
]
OWNER_ROUTES = [Route("GET", "", _OWNERS, _owners), Route("GET", "{id}", _OWNERS, _owner)]
PIPELINE_ROUTES = [
    Route("GET", "{type}", _READ, _pipelines),
    Route("GET", "{type}/{id}", _READ, _pipeline),
    Route("GET", "{type}/{id}/stages", _READ, _stages),
]
LIMIT_ROUTES = [Route("GET", "custom-properties", (), _custom_properties)]
TOKEN_ROUTES = [
    Route("POST", "token", (), _refresh, "none"),
    Route("GET", "access-tokens/{id}", (), _access_token, "none"),
]
APP_ROUTES = [Route("POST", "private-apps/get/access-token-info", (), _app_token)]

"""Endpoints of versions, tokens, identity and limits."""

from penstock_sandbox.provenance import documented, recorded
from penstock_sandbox.salesforce import errors, oauth, soap
from penstock_sandbox.salesforce.routing import Ask, Reply, Route

_SEASONS = ("Spring", "Summer", "Winter")
_RESOURCES = ("composite", "jobs", "limits", "query", "queryAll", "sobjects", "tooling", "search", "recent")


@documented("The list of versions needs no session, is not metered, newest last", "REST API Developer Guide: Versions")
def _versions(ask: Ask) -> Reply:
    oldest, newest = ask.org.settings.salesforce.versions
    return Reply(200, [_version(number) for number in range(oldest, newest + 1)])


def _version(number: int) -> dict[str, object]:
    turn, season = divmod(number - 42, 3)
    year = 18 + turn + (season == 2)
    label = f"{_SEASONS[season]} '{year:02}"
    return {"label": label, "url": f"/services/data/v{number}.0", "version": f"{number}.0"}


def _resources(ask: Ask) -> Reply:
    return Reply(200, {name: f"{ask.root()}/{name}" for name in _RESOURCES})


def _token(ask: Ask) -> Reply:
    return Reply(200, oauth.token(ask.org, ask.call))


def _revoke(ask: Ask) -> Reply:
    oauth.revoke(ask.org, ask.call)
    return Reply(200, b"")


def _userinfo(ask: Ask) -> Reply:
    return Reply(200, oauth.identity(ask.org, ask.session.user, ask.call.origin))


def _identity(ask: Ask) -> Reply:
    return Reply(200, oauth.identity(ask.org, ask.names["user"], ask.call.origin))


def _limits(ask: Ask) -> Reply:
    return Reply(200, ask.org.limits.told(ask.call.now))


@recorded("Objects without rows are left out", "CumulusCI cassettes, limits/recordCount")
def _counts(ask: Ask) -> Reply:
    names = [name for name in ask.call.query.get("sObjects", "").split(",") if name]
    kinds = [ask.org.catalogue.get(name) for name in names] or list(ask.org.catalogue.objects.values())
    counted = [(ask.org.table(kind.name).live, kind.name) for kind in kinds if kind is not None]
    return Reply(200, {"sObjects": [{"count": count, "name": name} for count, name in counted if count]})


@documented("SOAP login is gone from v65 on, and still starts older clients", "SOAP API Developer Guide: login()")
def _soap(ask: Ask) -> Reply:
    version = ask.names["version"].removeprefix("v")
    if not version.replace(".", "").isdigit() or float(version) >= 65:
        raise errors.RefusalError(
            500, soap.fault("UNSUPPORTED_API_VERSION", "login() is not in this version"), soap.XML
        )
    status, text = soap.login(ask.org, ask.call, version)
    return Reply(status, text, soap.XML)


OPEN = [
    Route("GET", "services/data", _versions),
    Route("POST", "services/oauth2/token", _token),
    Route("GET", "services/oauth2/token", _token),
    Route("POST", "services/oauth2/revoke", _revoke),
    Route("GET", "services/oauth2/revoke", _revoke),
    Route("POST", "services/Soap/u/{version}", _soap),
]
ROUTES = [
    Route("GET", "", _resources),
    Route("GET", "services/oauth2/userinfo", _userinfo),
    Route("GET", "id/{org}/{user}", _identity),
    Route("GET", "limits", _limits),
    Route("GET", "limits/recordCount", _counts),
]

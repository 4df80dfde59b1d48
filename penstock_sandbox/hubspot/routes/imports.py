"""Endpoints of imports."""

from penstock_sandbox.hubspot import errors, imports
from penstock_sandbox.hubspot.memory import Job
from penstock_sandbox.hubspot.routing import Ask, Reply, Route, cut
from penstock_sandbox.provenance import assumed


def _job(ask: Ask) -> Job:
    job = ask.portal.jobs.get(ask.names["id"])
    if job is None:
        raise errors.nothing_there(f"Import {ask.names['id']}")
    return job


def _start(ask: Ask) -> Reply:
    content_type = ask.call.headers.get("content-type", "")
    return Reply(
        200, imports.shown(imports.start(ask.portal, content_type, ask.call.body, ask.call.now, ask.call.number))
    )


@assumed("The newest import comes first", "the order is not documented; a client must page until it finds its own")
def _list(ask: Ask) -> Reply:
    jobs = [imports.shown(each) for each in reversed(ask.portal.jobs.values())]
    shown, paging = cut(ask, jobs, ask.number("limit", 100, 100))
    return Reply(200, {"results": shown, **paging})


def _get(ask: Ask) -> Reply:
    return Reply(200, imports.shown(_job(ask)))


def _cancel(ask: Ask) -> Reply:
    return Reply(200, imports.cancel(ask.portal, _job(ask), ask.call.now))


def _faults(ask: Ask) -> Reply:
    shown, paging = cut(ask, imports.faults(_job(ask)), ask.number("limit", 100, 100))
    return Reply(200, {"results": shown, **paging})


_SCOPES = ("crm.import",)
ROUTES = [
    Route("POST", "", _SCOPES, _start),
    Route("GET", "", _SCOPES, _list),
    Route("GET", "{id}", _SCOPES, _get),
    Route("POST", "{id}/cancel", _SCOPES, _cancel),
    Route("GET", "{id}/errors", _SCOPES, _faults),
]

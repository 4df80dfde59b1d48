"""Endpoints of bulk jobs; they are in the Preview version only."""

from functools import partial

from penstock_sandbox.intercom import bulk
from penstock_sandbox.intercom.routing import Ask, Reply, Route
from penstock_sandbox.intercom.versions import PREVIEW


def _take(kind: str, operation: str, ask: Ask) -> Reply:
    job = bulk.take(ask.doing(), kind, operation, ask.body())
    return Reply(bulk.shown(job, ask.call.origin), 202)


def _read(kind: str, ask: Ask) -> Reply:
    return Reply(bulk.shown(bulk.found(ask.workspace, kind, ask.names["job"]), ask.call.origin))


ROUTES = [
    Route("POST", "contacts/bulk", partial(_take, "contacts", "create"), PREVIEW),
    Route("PUT", "contacts/bulk", partial(_take, "contacts", "update"), PREVIEW),
    Route("POST", "contacts/bulk/delete", partial(_take, "contacts", "delete"), PREVIEW),
    Route("GET", "contacts/bulk/{job}", partial(_read, "contacts"), PREVIEW),
    Route("POST", "companies/bulk", partial(_take, "companies", "upsert"), PREVIEW),
    Route("PUT", "companies/bulk", partial(_take, "companies", "update"), PREVIEW),
    Route("POST", "companies/bulk/delete", partial(_take, "companies", "delete"), PREVIEW),
    Route("GET", "companies/bulk/{job}", partial(_read, "companies"), PREVIEW),
]

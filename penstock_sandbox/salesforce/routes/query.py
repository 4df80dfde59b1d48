"""Endpoints of queries."""

from penstock_sandbox.salesforce import errors
from penstock_sandbox.salesforce.routing import Ask, Reply, Route
from penstock_sandbox.salesforce.soql import run


def _query(ask: Ask) -> Reply:
    return _run(ask, deleted=False)


def _query_all(ask: Ask) -> Reply:
    return _run(ask, deleted=True)


def _run(ask: Ask, deleted: bool) -> Reply:
    text = ask.call.query.get("q")
    if text is None:
        raise errors.refused(400, "MALFORMED_QUERY", "the query has no q")
    if ask.call.query.get("columns") == "true":
        return Reply(200, run.columns(ask.org, text, ask.version))
    return Reply(200, run.query(ask.org, text, ask.version, _batch(ask), ask.call.now, deleted))


def _batch(ask: Ask) -> int:
    for part in ask.call.headers.get("sforce-query-options", "").replace(" ", "").split(","):
        name, _, value = part.partition("=")
        if name.lower() == "batchsize" and value.isdecimal():
            return int(value)
    return run.LARGEST


def _more(ask: Ask) -> Reply:
    return Reply(200, run.more(ask.org, ask.names["locator"], ask.call.now))


ROUTES = [
    Route("GET", "query", _query),
    Route("GET", "queryAll", _query_all),
    Route("GET", "query/{locator}", _more),
    Route("GET", "queryAll/{locator}", _more),
]

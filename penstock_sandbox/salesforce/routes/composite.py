"""Endpoints that carry several requests: composite, batch and tree."""

import re
from urllib.parse import parse_qsl, urlsplit

import msgspec

from penstock_sandbox.exchange import Call
from penstock_sandbox.provenance import assumed, documented, recorded
from penstock_sandbox.salesforce import decode, errors, rules
from penstock_sandbox.salesforce.routing import Ask, Reply, Route

GUIDE = "REST API Developer Guide: Composite Resources"
MOST_PARTS, MOST_LARGE, MOST_TREE = 25, 5, 200
_REFERENCE = re.compile(r"@\{([\w.\[\]]+)\}")
_STEP = re.compile(r"\w+")
_HALTED = "The transaction was rolled back since another operation in the same transaction failed."


class Part(msgspec.Struct, rename="camel"):
    """One request within a request."""

    method: str
    url: str
    reference_id: str
    body: object = None
    http_headers: dict[str, str] = {}


class Composite(msgspec.Struct, rename="camel"):
    """The body of a composite."""

    composite_request: list[Part]
    all_or_none: bool = False


class BatchPart(msgspec.Struct, rename="camel"):
    """One request of a batch."""

    method: str
    url: str
    rich_input: object = None


class Batch(msgspec.Struct, rename="camel"):
    """The body of a batch."""

    batch_requests: list[BatchPart]
    halt_on_error: bool = False


class Tree(msgspec.Struct):
    """The body of a tree."""

    records: list[dict[str, object]]


@documented("25 parts, at most five of them queries or collections; one API call in all", GUIDE)
@recorded("Each part answers with body, headers, status and its reference", "CumulusCI cassettes")
@documented("With allOrNone all is undone; the innocent parts are PROCESSING_HALTED", GUIDE)
def _composite(ask: Ask) -> Reply:
    sent = decode.body(ask.call.body, Composite)
    parts = sent.composite_request
    large = sum("/query" in part.url or "/composite/sobjects" in part.url for part in parts)
    if len(parts) > MOST_PARTS or large > MOST_LARGE:
        raise errors.refused(
            400, "LIMIT_EXCEEDED", f"at most {MOST_PARTS} parts, {MOST_LARGE} of them queries or collections"
        )
    whole = rules.Doing(ask.org, ask.call.now, ask.call.number)
    known: dict[str, object] = {}
    answers: list[tuple[Part, Reply]] = []
    ask.org.transaction = whole
    try:
        for part in parts:
            reply = _run(ask, part.method, _filled(part.url, known), _filled(part.body, known), part.http_headers)
            known[part.reference_id] = msgspec.to_builtins(reply.body)
            answers.append((part, reply))
    finally:
        ask.org.transaction = None
    failed = sent.all_or_none and any(_bad(reply) for _, reply in answers)
    if failed:
        whole.roll_back()
    whole.commit()
    return Reply(
        200, {"compositeResponse": [_told(part, reply, failed and not _bad(reply)) for part, reply in answers]}
    )


def _bad(reply: Reply) -> bool:
    rows = reply.body if isinstance(reply.body, list) else []
    return reply.status >= 300 or any(isinstance(row, dict) and row.get("success") is False for row in rows)


def _told(part: Part, reply: Reply, halted: bool) -> dict[str, object]:
    body = [{"errorCode": "PROCESSING_HALTED", "message": _HALTED}] if halted else reply.body
    return {
        "body": None if body == b"" else body,
        "httpHeaders": {} if halted else dict(reply.headers),
        "httpStatusCode": 400 if halted else reply.status,
        "referenceId": part.reference_id,
    }


def _run(ask: Ask, method: str, url: object, body: object, headers: dict[str, str]) -> Reply:
    """Answer one part; its refusal is an answer too."""
    place = urlsplit(str(url))
    content = b"" if body is None else msgspec.json.encode(body)
    query = dict(parse_qsl(place.query, keep_blank_values=True))
    own = {name.lower(): value for name, value in headers.items()}
    call = Call(method, place.path, query, own, content, ask.call.number, ask.call.now, place.query, ask.call.origin)
    try:
        return ask.run(ask.org, call, ask.session)
    except errors.RefusalError as refusal:
        return Reply(refusal.status, refusal.body, refusal.headers)


@documented("What a part answered can be used in later ones: @{reference.field}", GUIDE)
def _filled(value: object, known: dict[str, object]) -> object:
    """Put what is known in the places of references."""
    match value:
        case str():
            whole = _REFERENCE.fullmatch(value)
            if whole:
                return _looked_up(whole[1], known)
            return _REFERENCE.sub(lambda found: str(_looked_up(found[1], known)), value)
        case dict():
            return {name: _filled(each, known) for name, each in value.items()}
        case list():
            return [_filled(each, known) for each in value]
        case _:
            return value


def _looked_up(path: str, known: dict[str, object]) -> object:
    found: object = known
    for step in _STEP.findall(path):
        if isinstance(found, dict) and step in found:
            found = found[step]
        elif isinstance(found, list) and step.isdecimal() and int(step) < len(found):
            found = found[int(step)]
        else:
            message = f"Invalid reference specified. No value for {path} found"
            raise errors.refused(400, "PROCESSING_HALTED", message)
    return found


@documented("The parts of a batch each count as a call; with haltOnError the rest is 412", GUIDE)
def _batch(ask: Ask) -> Reply:
    sent = decode.body(ask.call.body, Batch)
    if len(sent.batch_requests) > MOST_PARTS:
        raise errors.refused(400, "LIMIT_EXCEEDED", f"at most {MOST_PARTS} parts")
    results: list[dict[str, object]] = []
    failed = False
    for part in sent.batch_requests:
        if failed and sent.halt_on_error:
            halted = {"errorCode": "BATCH_PROCESSING_HALTED", "message": "Batch processing halted per request"}
            results.append({"statusCode": 412, "result": [halted]})
            continue
        ask.org.limits.calls.spend(ask.call.now)
        reply = _run(ask, part.method, "/services/data/" + part.url.lstrip("/"), part.rich_input, {})
        failed = failed or reply.status >= 300
        results.append({"statusCode": reply.status, "result": None if reply.body == b"" else reply.body})
    return Reply(200, {"hasErrors": failed, "results": results})


@documented("A tree inserts up to 200 records, all or none: 201, or 400 with what is wrong", GUIDE)
@assumed("Children nested in a tree are refused", "not simulated; no loader of rows sends them")
def _tree(ask: Ask) -> Reply:
    kind, records = ask.kind(), decode.body(ask.call.body, Tree).records
    if len(records) > MOST_TREE:
        raise errors.refused(400, "LIMIT_EXCEEDED", f"at most {MOST_TREE} records")
    names = [_reference(record) for record in records]
    doing = ask.doing()
    results = rules.apply(doing, kind, "insert", [decode.row(ask.org, kind, record) for record in records])
    wrong = [(name, each.problem) for name, each in zip(names, results, strict=True) if each.problem]
    if wrong:
        doing.roll_back()
        told = [{"referenceId": name, "errors": [problem.row()]} for name, problem in wrong]
        return Reply(400, {"hasErrors": True, "results": told})
    doing.commit()
    made = [{"referenceId": name, "id": each.id} for name, each in zip(names, results, strict=True)]
    return Reply(201, {"hasErrors": False, "results": made})


def _reference(record: dict[str, object]) -> str:
    attributes = record.get("attributes")
    name = attributes.get("referenceId") if isinstance(attributes, dict) else None
    if not isinstance(name, str):
        raise errors.refused(400, "INVALID_INPUT", "Include a reference ID for each record in the request.")
    return name


ROUTES = [
    Route("POST", "composite", _composite),
    Route("POST", "composite/batch", _batch),
    Route("POST", "composite/tree/{type}", _tree),
]

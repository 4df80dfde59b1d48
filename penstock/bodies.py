"""The JSON of requests and answers, read without trust: what is not there or not of its type is nothing."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from penstock.errors import NotAccepted
from penstock.records import Response

Body = Mapping[str, object]
encode_json = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


def json_body(response: Response) -> Body:
    """Return the object that an answer is. Raises NotAccepted where it is none."""
    try:
        body = _decode(response.body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise NotAccepted(f"status {response.status} with a body that is not JSON") from error
    if not isinstance(body, dict):
        raise NotAccepted(f"status {response.status} with a body that is no object")
    return body


def error_body(response: Response) -> Body:
    """Return what an answer says of its error; nothing where it cannot be read."""
    try:
        return json_body(response)
    except NotAccepted:
        return {}


def objects_in(value: object) -> list[Body]:
    """Return the objects of a list; none where it is no list."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def within(body: Body, *names: str) -> object:
    """Return what stands in an object under a path of names; None where there is nothing."""
    found: object = body
    for name in names:
        found = found.get(name) if isinstance(found, dict) else None
    return found

"""Cursors of lists: opaque text that holds a place."""

from __future__ import annotations

import base64
import binascii

import msgspec

from penstock_sandbox.intercom import errors
from penstock_sandbox.provenance import assumed, recorded


@recorded("starting_after is base64 of a JSON array: time in milliseconds, id, page", "amp-labs/connectors")
def cursor(created: int, last_id: str, page: int) -> str:
    """Return the cursor of the page after the one that ends with an id."""
    return base64.b64encode(msgspec.json.encode([created * 1000, last_id, page])).decode()


@assumed("A cursor that cannot be read is 400 parameter_invalid", "not described")
def read(given: object) -> tuple[str | None, int]:
    """Return the id after which a page begins, and the page's number."""
    if given is None or given == "":
        return None, 1
    try:
        _, last_id, page = msgspec.json.decode(base64.b64decode(str(given)), type=tuple[int, str, int])
    except (msgspec.MsgspecError, binascii.Error, ValueError) as error:
        raise errors.invalid("starting_after is not valid", "starting_after") from error
    return last_id, page

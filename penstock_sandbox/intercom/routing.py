"""What an endpoint is given and what it gives back; the table of endpoints is in `routes`."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import msgspec

from penstock_sandbox.intercom import contacts, errors, shown
from penstock_sandbox.intercom.versions import OLDEST, Version
from penstock_sandbox.intercom.workspace import Doing, Workspace
from penstock_sandbox.provenance import assumed, documented, recorded

if TYPE_CHECKING:
    from penstock_sandbox.exchange import Call
    from penstock_sandbox.intercom.access import Token
    from penstock_sandbox.intercom.memory import Contact

MOST_PER_PAGE, MOST_LISTED = 150, 10_000
Item = TypeVar("Item")
_DECODER = msgspec.json.Decoder()


class Reply(NamedTuple):
    """An endpoint's success; without a body it is empty."""

    body: object = None
    status: int = 200


class Ask(NamedTuple):
    """One request, with the parts of its path that a route names."""

    workspace: Workspace
    call: Call
    version: Version
    names: dict[str, str]
    token: Token

    @recorded("A body that is no JSON is a 400 without a list of errors", "amp-labs/connectors, recorded")
    @assumed("JSON that is no object is 400 bad_request", "the recorded body speaks of syntax")
    def body(self) -> dict[str, object]:
        """Return the request's JSON object."""
        try:
            found: object = _DECODER.decode(self.call.body) if self.call.body.strip() else {}
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            mark = hashlib.md5(str(self.call.number).encode(), usedforsecurity=False).hexdigest()
            raise errors.bad_json(mark) from error
        if not isinstance(found, dict):
            raise errors.RefusalError(400, "bad_request", "The body must be a JSON object")
        return found

    def doing(self) -> Doing:
        """Return the circumstances of a write."""
        return Doing(self.workspace, self.call.now, self.call.number)

    def contact(self, archived: bool = False) -> Contact:
        """Return the contact that the path names."""
        return contacts.found(self.workspace, self.names["contact"], self.version, archived)

    @documented("A page of more than 150 is refused", "Intercom-OpenAPI, Contacts; the words are recorded")
    def per_page(self, given: object, default: int = 50, most: int = MOST_PER_PAGE) -> int:
        """Return how many items a page has."""
        text = str(default if given is None else given)
        if not (text.isascii() and text.isdecimal()) or int(text) < 1:
            raise errors.invalid("Per Page is not a number", "per_page")
        if int(text) > most:
            raise errors.invalid("Per Page is too big", "per_page")
        return int(text)

    @documented("Lists beside contacts have numbered pages; one beyond the last is empty", "python-intercom 5.0.1")
    def pages(
        self,
        found: list[Item],
        show: Callable[[Item], dict[str, object]],
        wish: Mapping[str, object],
        default: int = 50,
    ) -> Reply:
        """Return the page of a list that the request asks for."""
        per_page = self.per_page(wish.get("per_page"), default)
        page = self.per_page(wish.get("page"), default=1, most=MOST_LISTED)
        if page * per_page > MOST_LISTED:
            raise errors.invalid(f"Page limit reached: lists end after {MOST_LISTED} entries", "page")
        here = found[(page - 1) * per_page : page * per_page]
        following: dict[str, object] | None = {"page": page + 1} if len(found) > page * per_page else None
        return Reply(shown.listing([show(each) for each in here], page, per_page, len(found), following))


class Route(NamedTuple):
    """One endpoint: its path, what it does, and the version from which on it exists."""

    method: str
    path: str
    run: Callable[[Ask], Reply]
    since: Version = OLDEST

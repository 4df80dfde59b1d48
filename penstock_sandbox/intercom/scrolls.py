"""Scrolling through all companies: one scroll per app, which dies when it is not used."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, NamedTuple

from penstock_sandbox.intercom import companies, errors
from penstock_sandbox.provenance import assumed, documented

if TYPE_CHECKING:
    from penstock_sandbox.intercom.memory import Company
    from penstock_sandbox.intercom.workspace import Workspace

GUIDE = "Intercom-OpenAPI 2.14, Scroll over all companies"
PAGE, LIFE = 100, 60.0


class Scroll(NamedTuple):
    """A scroll of an app: what it has yet to show, and when it was last used."""

    param: str
    ids: list[str]
    used: float


@documented("An app has one scroll at a time; it ends when it is through, or after a minute without use", GUIDE)
@documented("Its last page is empty", GUIDE)
@assumed("A second scroll is 400 scroll_exists, a dead one 404 not_found", "the codes are not in the reference")
@assumed("A page has 100 companies; the empty one has no scroll_param", "clients go on while there is one")
def page(workspace: Workspace, app: str, given: str | None, now: float) -> tuple[list[Company], str | None]:
    """Return the next companies of an app's scroll and what to ask for the rest; without a param it begins."""
    have = workspace.scrolls.get(app)
    if have is not None and now >= have.used + LIFE:
        del workspace.scrolls[app]
        have = None
    if not given:
        if have is not None:
            raise errors.RefusalError(400, "scroll_exists", "scroll already exists for this workspace")
        ids = [each.id for each in companies.visible(workspace)]
        have = Scroll(str(uuid.UUID(int=workspace.chance.getrandbits(128), version=4)), ids, now)
    elif have is None or have.param != given:
        raise errors.not_found("scroll parameter not found")
    if not have.ids:
        workspace.scrolls.pop(app, None)
        return [], None
    workspace.scrolls[app] = have._replace(ids=have.ids[PAGE:], used=now)
    found = [workspace.companies.get(each) for each in have.ids[:PAGE]]
    return [each for each in found if each is not None], have.param

"""What to do with a row next: the change that happened to it, the action its sync wants for that, the step towards it.

Pure functions over a Row. A target says only where an object is or that it is not there; which step fits is decided
here, so that every mode works alike for every target.
"""

from __future__ import annotations

from penstock import relations
from penstock.mapping import encode_payload
from penstock.modes import REMOVALS, Action
from penstock.records import Abilities, Again, Delivered, Row

NO_OBJECT = "no_object"
"""the code of a row that was to change an object which is not there: says nothing against the row or the mapping"""

NO_OTHER = "no_other"
"""the code of a row that was to be linked with an object which is not there: another row may still make it"""


def want(row: Row) -> Action:
    """Return what the strategy of the row's sync asks for, by what happened to the row since the last delivery."""
    known, strategy = row.known, row.sync.strategy
    there = known is not None and not known.left and (known.delivered or known.destination_id is not None)
    if row.removed:
        # Only what the ledger knows to be ours is ever removed.
        return strategy.removed if there else Action.NOTHING
    if known is None or not there or relations.is_unfinished(row):
        return strategy.added
    return strategy.unchanged if known.fingerprint == row.fingerprint else strategy.changed


def next_step(row: Row, can: Abilities) -> Action:
    """Return the request that a row needs next. NOTHING where none is left to make: see `absent` and its id for why."""
    wanted = row.wanted
    if wanted is Action.NOTHING:
        return wanted
    if wanted is Action.APPEND:
        return relations.before(row) or wanted
    if relations.is_linked(row):
        step = relations.next_step(row, surveys=Action.SURVEY in can.actions)
        if step is not None:
            return step
    request = Action.UPDATE if wanted is Action.CLEAR else wanted
    if row.destination_id is not None:
        return _by_id(row, request)
    if row.absent:
        makes = wanted in (Action.UPSERT, Action.CREATE) and wanted in can.by_match | can.after_look
        return wanted if makes else Action.NOTHING
    return Action.FIND if must_look(row, request, can) else request


def _by_id(row: Row, request: Action) -> Action:
    if request is Action.CREATE:
        # What was found after a lost answer may be an older version that we have created.
        stale = row.looked and in_doubt(row) and row.sync.strategy.changed in (Action.UPSERT, Action.UPDATE)
        return Action.UPDATE if stale else Action.NOTHING
    if request not in (Action.UPSERT, Action.UPDATE):
        return request
    reads_first = row.sync.empty_only and not row.removed and not row.looked
    return Action.READ if reads_first else Action.UPDATE


def must_look(row: Row, request: Action, can: Abilities) -> bool:
    """Tell whether the object has to be looked for first, because writing blindly could make a second one.

    That is so where it may stand under another match value, where a creation is in doubt, where some fields depend on
    what is there, and where the request needs an id.
    """
    if not row.look_for or Action.FIND not in can.actions:
        return False
    if row.former or request not in can.by_match:
        return True
    if request is Action.CREATE:
        # An attempt that surely changed nothing may have been refused because something is there already.
        return request not in can.keyed and (in_doubt(row) or row.attempts > 0)
    return row.sync.looks_first and not row.removed


def in_doubt(row: Row) -> bool:
    """Tell whether the row may have been applied already, in this run or in one that died."""
    return row.doubtful or (row.known is not None and not row.known.delivered and not row.known.left)


def learn(row: Row, asked: Action, outcome: Again) -> None:
    """Take from an answer where a row's object is."""
    by_id = row.destination_id is not None
    row.destination_id = outcome.destination_id
    row.holds = outcome.holds
    if outcome.destination_id is not None:
        row.looked = asked in (Action.FIND, Action.READ)
    else:
        # An id that is gone says nothing about the match value: the object may stand there under a new id.
        row.looked = row.absent = not by_id


def made(row: Row, outcome: Delivered) -> bool:
    """Tell whether the object was created. An answer may not say; an update creates nothing."""
    if outcome.created is not None:
        return outcome.created
    return row.known is None and row.action is not Action.UPDATE


def dress(row: Row, step: Action) -> None:
    """Write what is sent of a row whose sync has fields that depend on what is there, or links that are fields."""
    sync = row.sync
    inline = relations.links_inline(row)
    if row.removed or not (sync.created_only or sync.empty_only or inline):
        return
    left_out = row.holds | sync.created_only if step is Action.UPDATE else row.holds
    payload = {name: value for name, value in row.payload.items() if name not in left_out}
    if inline:
        payload |= relations.links_as_fields(row, step)
    row.body = encode_payload(payload)


def is_removal(row: Row) -> bool:
    """Tell whether a row is on its way out of the destination."""
    return row.removed or row.wanted in REMOVALS

"""Rows that are memberships of something, a list for instance: their object is not theirs, only that it is in there.

A row with another match value means another object: that one joins, and the one before is let go. Nothing leaves that
this sync has not brought in itself, nor as long as another row of the sync means it. What was brought in is kept among
the ledger's links, as what a row is linked with: from before the request, until the destination has taken it out.
"""

from __future__ import annotations

from collections.abc import Sequence

from penstock.ledger import Ledger
from penstock.linked import Entry
from penstock.modes import Action
from penstock.opensync import OpenSync
from penstock.records import Delivered, Row, RowKey
from penstock.steps import next_step


class Members:
    """The members that syncs have brought in."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def let_go(self, opened: OpenSync, every: Sequence[Row]) -> tuple[list[Row], list[Row]]:
        """Say of rows about to join or leave which object goes with that.

        Returns those for which nothing has to be sent, and the others.
        """
        for row in every:
            row.action = next_step(row, opened.can)
        rows = [row for row in every if row.action in (Action.UPDATE, Action.ARCHIVE)]
        name, links = opened.can.members, self._ledger.links
        mine = links.of(opened.number, [row.key for row in rows])
        before = {id(row): old for row in rows if (old := _before(row)) is not None}
        holders = self._ledger.holders(opened.number, sorted(set(before.values()))) if before else {}
        nothing: list[Row] = []
        joining: list[Entry] = []
        for row in rows:
            row.linked, row.gone = mine.setdefault(row.key, {}), None
            old = before.get(id(row))
            if old is not None:
                others = holders.get(old, set())
                others.discard(row.key)
                ours = row.linked.pop((name, old), None) is not None
                if ours and others:
                    heir = RowKey(min(others))
                    self._hand_over(opened.number, (row.key, name, old), (heir, name, old))
                    mine.setdefault(heir, {})[name, old] = True
                row.gone = old if ours and not others else None
            if row.removed:
                nothing += [] if row.gone else [row]
            elif (name, row.destination_id) not in row.linked:
                joining.append((row.key, name, row.destination_id or ""))
        if joining:
            links.intend(opened.number, joining)
        ended = {id(row) for row in nothing}
        return nothing, [row for row in every if id(row) not in ended]

    def settled(self, opened: OpenSync, rows: Sequence[tuple[Row, Delivered]]) -> None:
        """Note what rows that have joined have brought in: not what was there before, unless by a lost answer."""
        name, number = opened.can.members, opened.number
        joined = [(row, outcome) for row, outcome in rows if not row.removed]
        entries = [((row.key, name, row.destination_id or ""), row, outcome) for row, outcome in joined]
        mine = [e for e, row, outcome in entries if outcome.created is not False or (name, e[2]) in row.linked]
        gone = [e for e, *_ in entries if e not in mine]
        gone += [(row.key, name, row.gone) for row, _ in joined if row.gone]
        self._ledger.links.made(number, mine)
        self._ledger.links.gone(number, gone)

    def _hand_over(self, sync: int, one: Entry, other: Entry) -> None:
        self._ledger.links.gone(sync, [one])
        self._ledger.links.intend(sync, [other])
        self._ledger.links.made(sync, [other])


def means_another(row: Row) -> bool:
    """Tell whether the row's match value, and so its object, is another than what was last delivered."""
    return not row.removed and row.known is not None and row.known.match != row.match


def _before(row: Row) -> str | None:
    """Return the id of the object that a row lets go of."""
    if row.removed:
        return row.destination_id
    known = row.known
    old = known.destination_id if known is not None and not known.left else None
    return old if old != row.destination_id else None

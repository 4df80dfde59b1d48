"""Which objects a row's object was linked with, so that a link can be taken away when the row names another one.

The other object goes by its id, or, where a job has named it by a key of its own, by that: see `relations.key_name`.
An entry is made before the link is asked for, and is certain once the destination has said yes: what may have been
linked by a request without an answer is unlinked as well when the row does not want it any more. What others had
linked before is kept too, where a destination tells, so that it is not asked about again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from penstock.records import THEIRS, RowKey
from penstock.store import Store

Entry = tuple[RowKey, str, str]
"""row key, name of the link, id of the other object"""
Links = dict[tuple[str, str], int]
"""name of the link and id of the other object -> 0 in doubt, 1 certain, `THEIRS`"""


class Linked:
    """The links of one ledger."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def of(self, sync: int, keys: Sequence[RowKey]) -> dict[RowKey, Links]:
        """Return what rows are, or may be, linked with."""
        found: dict[RowKey, Links] = {}
        sql = "select row_key, link, other_id, certain from links where sync=? and row_key in"
        for key, link, other, certain in self._store.select_in(sql, (sync,), keys):
            found.setdefault(RowKey(key), {})[link, other] = int(certain)
        return found

    def intend(self, sync: int, entries: Sequence[Entry]) -> None:
        """Note links that are about to be made."""
        self._store.begin(len(entries))
        self._store.many(
            "insert into links(sync, row_key, link, other_id, certain) values(?,?,?,?,0)"
            " on conflict(sync, row_key, link, other_id) do update set certain=0",
            [(sync, *entry) for entry in entries],
        )

    def made(self, sync: int, entries: Sequence[Entry]) -> None:
        """Note that links are there."""
        self._store.begin(len(entries))
        self._store.many(
            "update links set certain=1 where sync=? and row_key=? and link=? and other_id=?",
            [(sync, *entry) for entry in entries],
        )

    def theirs(self, sync: int, entries: Sequence[Entry]) -> None:
        """Note links that were there before the sync named them."""
        self._store.begin(len(entries))
        self._store.many(
            "insert into links(sync, row_key, link, other_id, certain) values(?,?,?,?,?)"
            " on conflict(sync, row_key, link, other_id) do nothing",
            [(sync, *entry, THEIRS) for entry in entries],
        )

    def gone(self, sync: int, entries: Sequence[Entry]) -> None:
        """Note that links are there no more."""
        self._store.begin(len(entries))
        self._store.many(
            "delete from links where sync=? and row_key=? and link=? and other_id=?",
            [(sync, *entry) for entry in entries],
        )

    def filled(self, sync: int, rows: Iterable[tuple[RowKey, Sequence[tuple[str, str]], Links]]) -> None:
        """Remember what the fields of objects name, so that it is known whom it concerns when that is made anew.

        Each row has its key, the links that it speaks of (name and the other object, or nothing), and those it had.
        """
        new: list[Entry] = []
        old: list[Entry] = []
        for key, links, had in rows:
            spoken = {name for name, _ in links}
            new += [(key, *link) for link in links if link[1] and not had.get(link)]
            old += [(key, *link) for link in had if link[0] in spoken and link not in links]
        if new:
            self.intend(sync, new)
            self.made(sync, new)
        if old:
            self.gone(sync, old)

    def to(self, others: Sequence[str]) -> dict[int, list[RowKey]]:
        """Return the rows, by the number of their sync, that are linked with objects of these ids.

        Ids of two kinds of object can be alike: some of the rows may be linked with another one of the same id.
        """
        found: dict[int, list[RowKey]] = {}
        sql = "select sync, row_key, other_id from links where other_id in"
        for sync, key, _ in self._store.select_in(sql, (), others):
            found.setdefault(int(sync), []).append(RowKey(key))
        return found

    def other_than(self, sync: int, names: Sequence[str]) -> dict[str, int]:
        """Return how many links a sync has made under names other than these, by name."""
        sql = "select link, count(*) from links where sync=? and certain<? group by link"
        counted = self._store.rows(sql, (sync, THEIRS))
        return {name: int(count) for name, count in counted if name not in names}

    def forget(self, sync: int, keys: Iterable[RowKey]) -> None:
        """Forget all links of rows whose objects are gone."""
        self._store.many("delete from links where sync=? and row_key=?", [(sync, key) for key in keys])

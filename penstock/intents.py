"""What is about to be sent, and what was sent without a word of how it ended."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence

import msgspec

from penstock.modes import Action
from penstock.records import RowKey
from penstock.store import Store

_encode = msgspec.json.Encoder().encode


class Intents:
    """The open intents of one ledger and the rows in doubt. `number_rows` gives numbers to rows that it did not know.

    A row is in doubt from a send whose end nobody told until it is delivered. It has no fingerprint meanwhile, so its
    next version is sent whatever was delivered before.
    """

    def __init__(self, store: Store, wall: Callable[[], float], number_rows: Callable[[int, int], int]) -> None:
        self._store = store
        self._wall = wall
        self._number_rows = number_rows
        self._doubts: dict[int, dict[str, set[str]]] = {}
        """by sync and row key: match values sent since the row was last surely delivered; few, so kept in memory"""

    def open_sync(self, sync: int) -> int:
        """Put in doubt what a dead run of a sync had in flight, and return how many rows that are."""
        self._doubts[sync] = {}
        for key, match in self._store.rows("select row_key, match_value from doubts where sync=?", (sync,)):
            self._doubts[sync].setdefault(key, set()).add(match)
        self._store.begin(0)
        intents = self._store.rows("select keys, matches from intents where sync=?", (sync,))
        rows = [row for keys, matches in intents for row in zip(json.loads(keys), json.loads(matches), strict=True)]
        self.doubt(sync, rows)
        self._store.execute("delete from intents where sync=?", (sync,))
        return len(rows)

    def intend(self, sync: int, run: int, action: Action, rows: Sequence[tuple[RowKey, str, bytes]]) -> int:
        """Note what is about to be sent: key, match value, fingerprint. Only once it is committed may it be sent."""
        self._store.begin(len(rows))
        (intent,) = self._store.one(
            "insert into intents(sync, run, action, keys, matches, fingerprints, at) values(?,?,?,?,?,?,?)"
            " returning intent",
            (
                sync,
                run,
                action.value,
                _encode([key for key, _, _ in rows]).decode(),
                _encode([match for _, match, _ in rows]).decode(),
                b"".join(mark for _, _, mark in rows),
                self._wall(),
            ),
        )
        return int(intent)

    def close(self, sync: int, intent: int, doubtful: Sequence[tuple[RowKey, str]]) -> None:
        """End an intent. `doubtful` rows (key, match value) may have been applied although nobody said so."""
        self._store.begin(1)
        self._store.execute("delete from intents where intent=?", (intent,))
        self.doubt(sync, doubtful)

    def doubt(self, sync: int, rows: Sequence[tuple[RowKey, str]]) -> None:
        """Note that rows may have been applied. One that was never delivered may exist under the match value sent."""
        if not rows:
            return
        self._store.begin(len(rows))
        seq = self._number_rows(sync, len(rows))
        self._store.many(
            "insert into records(sync, row_key, seq, match_value) values(?,?,?,?)"
            " on conflict(sync, row_key) do update set fingerprint=null",
            [(sync, key, seq + n, match) for n, (key, match) in enumerate(rows)],
        )
        self._store.many(
            "insert into doubts(sync, row_key, match_value) values(?,?,?) on conflict do nothing",
            [(sync, *row) for row in rows],
        )
        for key, match in rows:
            self._doubts[sync].setdefault(key, set()).add(match)

    def clear(self, sync: int, keys: Iterable[RowKey]) -> None:
        """Take rows out of doubt: how they are at the destination is known again."""
        doubts = self._doubts[sync]
        certain = [key for key in keys if doubts.pop(key, None)] if doubts else []
        if certain:
            self._store.many("delete from doubts where sync=? and row_key=?", [(sync, key) for key in certain])

    def doubtful(self, sync: int) -> dict[str, set[str]]:
        """Return the rows in doubt, with the match values sent since they were last surely delivered."""
        return self._doubts[sync]

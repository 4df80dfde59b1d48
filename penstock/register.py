"""The syncs of a ledger: their numbers, the mapping they were last read with, and which of them are pending."""

from __future__ import annotations

from dataclasses import dataclass

from penstock.errors import Misconfigured
from penstock.store import Store


@dataclass(frozen=True)
class Registered:
    """What the ledger knows of a sync when it is opened."""

    number: int
    new: bool
    """nothing of it was ever delivered"""
    mapping: bytes | None
    """version of the mapping that its source marks are of"""
    rules: bytes | None
    """version of the rules that its rows were mapped by"""
    pending: str | None
    """why its old rows have to be read again; None where they need not be"""


class Register:
    """The syncs of one ledger."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def open(self, stream: str, object_name: str) -> Registered:
        """Return what is known of a sync, which is entered when it is new.

        A stream of which nothing was delivered, or all of that forgotten, may go to another object than before.
        Raises Misconfigured when something was: the ids that the ledger has are of that object.
        """
        store = self._store
        store.execute("insert into syncs(stream, object) values(?,?) on conflict do nothing", (stream, object_name))
        number, stored, mapping, rules, pending = store.one(
            "select sync, object, mapping, rules, pending from syncs where stream=?", (stream,)
        )
        if stored != object_name:
            if self._has_delivered(number):
                raise Misconfigured(
                    f"stream {stream} was synced to {stored} before and is to be synced to {object_name} now",
                    f"give the new sync a stream of its own (a stream map alias), use another {store.db.setting}, or "
                    f"`penstock forget {stream}`, which leaves what is in {stored} as it is",
                )
            # As if it were new: its bookmark may be past rows that the other object's rules had left out.
            mapping = rules = None
            store.begin(1)
            store.execute("update syncs set object=?, mapping=null, rules=null where sync=?", (object_name, number))
        (some,) = store.one("select count(*) from (select 1 from records where sync=? limit 1) as few", (number,))
        new = not some and rules is None
        return Registered(
            int(number),
            new,
            None if mapping is None else bytes(mapping),
            None if rules is None else bytes(rules),
            pending,
        )

    def _has_delivered(self, sync: int) -> bool:
        """Tell whether rows of a sync were delivered, or may have been: sent by requests or by a job."""
        tables = ("records", "doubts", "intents", "jobs")
        one = "select count(*) from (select 1 from {} where sync=? limit 1) as few"
        return any(self._store.one(one.format(table), (sync,)) != (0,) for table in tables)

    def find(self, stream: str) -> int | None:
        """Return the number of a sync, None where the ledger has none of that stream."""
        rows = self._store.rows("select sync from syncs where stream=?", (stream,))
        return int(rows[0][0]) if rows else None

    def new_version(self, sync: int, version: int) -> bool:
        """Note the version of a full read; tell whether no earlier run has seen it.

        A version that an earlier run has begun proves nothing at its end: a tap that resumes it sends only the rest.
        """
        self._store.begin(1)
        (before,) = self._store.one("select version from syncs where sync=?", (sync,))
        self._store.execute("update syncs set version=? where sync=?", (version, sync))
        return bool(before != version)

    def remember_mapping(self, sync: int, version: bytes) -> None:
        """Note the version of the mapping that the sync's source marks are of."""
        self._store.begin(1)
        self._store.execute("update syncs set mapping=? where sync=?", (version, sync))

    def remember_rules(self, sync: int, version: bytes) -> None:
        """Note the version of the rules that rows are mapped by from now on."""
        self._store.begin(1)
        self._store.execute("update syncs set rules=? where sync=?", (version, sync))

    def set_pending(self, sync: int, reason: str | None) -> None:
        """Note that the sync's old rows have to be read again, and why; None when that is done."""
        self._store.begin(1)
        self._store.execute("update syncs set pending=? where sync=?", (reason, sync))

    def rules(self, sync: int) -> bytes | None:
        """Return the version of the rules that the rows of a sync were last read with."""
        found = self._store.rows("select rules from syncs where sync=?", (sync,))
        return bytes(found[0][0]) if found and found[0][0] is not None else None

    def pending(self) -> dict[str, str]:
        """Return the streams that are pending, with the reasons."""
        return dict(self._store.rows("select stream, pending from syncs where pending is not null"))

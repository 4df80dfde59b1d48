"""The contacts of a workspace, with their indexes and what search does not know yet."""

from __future__ import annotations

import copy
from bisect import bisect_left, bisect_right
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from penstock_sandbox.intercom.memory import Contact


class Change(NamedTuple):
    """What a contact was before a write; None where it did not exist."""

    time: float
    contact: Contact
    before: Contact | None


class People:
    """Contacts by id, external id and e-mail. Ids grow with time, so the order of ids is that of creation."""

    def __init__(self) -> None:
        self.by_id: dict[str, Contact] = {}
        self.merged: dict[str, str] = {}
        self.changes: deque[Change] = deque()
        self.archived = 0
        self._external: dict[str, Contact] = {}
        self._email: dict[str, list[Contact]] = {}
        self._order: list[str] = []

    def add(self, contact: Contact, now: float | None) -> None:
        """Take in a contact that was just made; without a time search knows it at once."""
        if now is not None:
            self.changes.append(Change(now, contact, None))
        self.by_id[contact.id] = contact
        self._order.append(contact.id)
        self._index(contact)

    def change(self, contact: Contact, now: float, **values: object) -> None:
        """Set members of a contact. Maps are replaced whole, so that what search remembers stays as it was."""
        self.changes.append(Change(now, contact, copy.copy(contact)))
        keyed = "external_id" in values or "email" in values
        if keyed:
            self._unindex(contact)
        self.archived += values.get("archived", contact.archived) is True
        self.archived -= contact.archived
        for name, value in values.items():
            setattr(contact, name, value)
        if keyed:
            self._index(contact)

    def remove(self, contact: Contact, now: float, into: str | None = None) -> None:
        """Forget a contact; `into` names the one that it was merged into."""
        self.changes.append(Change(now, contact, copy.copy(contact)))
        self._unindex(contact)
        self.archived -= contact.archived
        del self.by_id[contact.id]
        del self._order[bisect_left(self._order, contact.id)]
        if into is not None:
            self.merged[contact.id] = into

    def live(self, contact_id: str) -> Contact | None:
        """Return a contact that is not archived."""
        found = self.by_id.get(contact_id)
        return None if found is None or found.archived else found

    def survivor(self, contact_id: str) -> str | None:
        """Return the id of the contact that this one was merged into, at the end of the chain."""
        found = self.merged.get(contact_id)
        while found in self.merged:
            found = self.merged[found]
        return found

    def by_external_id(self, external_id: str) -> Contact | None:
        """Return the owner of an external id, archived or not."""
        return self._external.get(external_id)

    def by_email(self, email: str) -> list[Contact]:
        """Return all contacts of an address, case apart, archived or not, oldest first."""
        return self._email.get(email.casefold(), [])

    def newest_first(self, before: str | None = None) -> Iterator[Contact]:
        """Yield contacts, from those made before the one of an id."""
        end = len(self._order) if before is None else bisect_left(self._order, before)
        return (self.by_id[self._order[place]] for place in range(end - 1, -1, -1))

    def oldest_first(self, after: str | None = None) -> Iterator[Contact]:
        """Yield contacts, from those made after the one of an id."""
        start = 0 if after is None else bisect_right(self._order, after)
        return (self.by_id[self._order[place]] for place in range(start, len(self._order)))

    def forget_changes(self, until: float) -> None:
        """Drop what is known of writes that search has seen."""
        while self.changes and self.changes[0].time <= until:
            self.changes.popleft()

    def as_indexed(self, until: float) -> list[Contact]:
        """Return the contacts as they were at a time, newest first: what a search index that lags has."""
        self.forget_changes(until)
        earlier: dict[str, Contact | None] = {}
        for change in self.changes:
            earlier.setdefault(change.contact.id, change.before)
        seen = [earlier.pop(each.id, each) for each in self.newest_first()]
        found = [each for each in (*seen, *earlier.values()) if each is not None and not each.archived]
        return sorted(found, key=lambda each: each.id, reverse=True) if earlier else found

    def _index(self, contact: Contact) -> None:
        if contact.external_id is not None:
            self._external[contact.external_id] = contact
        if contact.email is not None:
            self._email.setdefault(contact.email.casefold(), []).append(contact)

    def _unindex(self, contact: Contact) -> None:
        if contact.external_id is not None and self._external.get(contact.external_id) is contact:
            del self._external[contact.external_id]
        if contact.email is not None:
            key = contact.email.casefold()
            left = [each for each in self._email[key] if each is not contact]
            if left:
                self._email[key] = left
            else:
                del self._email[key]

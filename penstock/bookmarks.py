"""What of a STATE may be printed while a sync is pending: everything but the bookmark of its stream.

A pending sync is one whose old rows have to be read again: its mapping changed, or its ledger is new. Without its
bookmark in the stored STATE the next run reads the whole model. Every STATE replaces the stored one as a whole, so a
bookmark that is left out is forgotten.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from decimal import Decimal

import msgspec

_decode = msgspec.json.Decoder(float_hook=Decimal).decode
_encode = msgspec.json.Encoder(decimal_format="number").encode


def bookmarks_of(state: bytes) -> Mapping[str, object] | None:
    """Return the bookmarks of a STATE's value by stream; None where it does not have the usual shape."""
    try:
        value = _decode(state)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    found = value.get("bookmarks", {} if not value else None)
    return found if isinstance(found, dict) else None


class Bookmarks:
    """The opening STATE of a run, and which streams' bookmarks are held back."""

    def __init__(self) -> None:
        self.withheld: set[str] = set()
        """streams of the tap whose bookmark is in no STATE that is printed"""
        self.streams: Collection[str] = ()
        """streams of the tap that have sent a SCHEMA"""
        self._opening: Mapping[str, object] | None = None
        self._seen_any = False

    def read(self, state: bytes, *, before_records: bool) -> None:
        """Take note of a STATE that was read. The first one before any record is what the tap was started with."""
        if before_records and not self._seen_any:
            self._opening = bookmarks_of(state)
        self._seen_any = True

    def began_with(self, stream: str) -> bool:
        """Tell whether the tap is known to have been started with a bookmark of the stream."""
        return any(self._of(stream, self._opening or {}).values())

    def began_without(self, stream: str) -> bool:
        """Tell whether the tap is known to have been started without a bookmark of the stream."""
        return self._opening is not None and not self.began_with(stream)

    def _of(self, stream: str, bookmarks: Mapping[str, object]) -> dict[str, object]:
        """Return the bookmarks of a stream. Some taps name them by an id that ends with it, such as `public-people`."""
        if stream in bookmarks:
            return {stream: bookmarks[stream]}
        ids = re.compile(rf".*[^0-9A-Za-z_]{re.escape(stream)}", re.DOTALL).fullmatch
        return {name: mark for name, mark in bookmarks.items() if name not in self.streams and ids(name)}

    def printable(self, state: bytes) -> bytes | None:
        """Return what may be printed of a STATE's value; None where it cannot be told what is in it."""
        if not self.withheld:
            return state
        if bookmarks_of(state) is None:
            return None
        value = _decode(state)
        found = value.get("bookmarks", {})
        left_out = {name for stream in self.withheld for name in self._of(stream, found)}
        if not left_out:
            return state
        value["bookmarks"] = {name: mark for name, mark in found.items() if name not in left_out}
        return _encode(value)

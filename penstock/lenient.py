"""JSON that the fast parser refuses, read as far as it can be: one odd value must not end a run, nor change in silence.

Taps written in Python print NaN and halves of surrogate pairs, warehouses hold bytes that are no UTF-8. A record with
such a value is read here, member by member: a value that cannot be represented becomes `Unreadable`, which the
mapping refuses by the field's name, where the field is mapped at all. Nothing here runs for a line that is plain JSON.
"""

from __future__ import annotations

import json
import math
import re
from decimal import Decimal, InvalidOperation

import msgspec

UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, InvalidOperation)
"""what the fast parser raises: no JSON, no UTF-8, nested without end, an exponent out of range"""
LONGEST_LINE = 64 * 2**20
"""bytes; a line that does not end would fill the memory"""
BOM = b"\xef\xbb\xbf"
_skim = msgspec.json.Decoder(msgspec.Raw).decode
_blanks = re.compile(rb"[ \t\n\r]*").match
_string = re.compile(rb'"[^"\\\x00-\x1f]*(?:\\.[^"\\\x00-\x1f]*)*"').match
_scalar = re.compile(rb"[-+.\w]+").match
_between = re.compile(rb'[^"{}\[\]]+').match
_opening = re.compile(rb"[{\[]+").match
_closing = re.compile(rb"[}\]]+").match
_surrogate = re.compile("[\ud800-\udfff]").search


def is_plain(name: str) -> bool:
    """Tell whether the fast parser can be told to look for a member of this name."""
    return not any(char in '"\\' or char < " " for char in name)


class Unreadable:
    """Stands in a record for a value that cannot be represented. `why` is the rule, never the value."""

    __slots__ = ("why",)

    def __init__(self, why: str) -> None:
        self.why = why


NO_NUMBER = Unreadable("is or holds a number that cannot be written: NaN, an infinity, or one out of range")
NO_TEXT = Unreadable("is or holds text that is no Unicode")
TOO_DEEP = Unreadable("is nested too deeply")


class OddRecord(dict[str, object]):
    """A record some of whose values may be Unreadable. `text` is the record as it was read, for keeping."""

    text: bytes = b""


def read_odd(text: bytes) -> OddRecord:
    """Read the record in a text; of members with one name the last counts. Raises ValueError where it is no JSON."""
    record = OddRecord((name, _value(_decoded(part))) for name, part in members(text).items())
    record.text = text
    return record


def checked(record: dict[str, object]) -> dict[str, object]:
    """Return a record that a stream map made, as an OddRecord where it holds a value that cannot be represented."""
    odd = {name: why for name, value in record.items() if (why := unreadable(value)) is not None}
    if not odd:
        return record
    found = OddRecord(record)
    found.update(odd)
    found.text = json.dumps(record, default=lambda value: f"({type(value).__name__})", skipkeys=True).encode()
    return found


def members(text: bytes) -> dict[str, bytes]:
    """Cut the text of a JSON object into the texts of its members, without recursion and without reading the values.

    Raises ValueError where the text is no object, or its brackets or strings do not end.
    """
    found: dict[str, bytes] = {}
    at = _after(text, 0, b"{")
    closed = text[at : at + 1] == b"}"
    while not closed:
        if text[at : at + 1] != b'"':
            raise ValueError("no name")
        end = _end_of_value(text, at)
        name = json.loads(_decoded(text[at:end]))
        at = _after(text, end, b":")
        end = _end_of_value(text, at)
        found[name] = text[at:end]
        at = _blank_end(text, end)
        closed = text[at : at + 1] == b"}"
        if not closed:
            at = _after(text, at, b",")
    if _blank_end(text, at + 1) != len(text):
        raise ValueError("text after the object")
    return found


def is_object(text: bytes) -> bool:
    """Tell whether a text without blanks around it is one JSON object, odd values included."""
    if not text.startswith(b"{"):
        return False
    try:
        _skim(text)
    except UNREADABLE:
        try:
            read_odd(text)
        except ValueError:
            return False
    return True


def unreadable(value: object) -> Unreadable | None:
    """Return why a value cannot be represented; None where it can."""
    try:
        return _unreadable(value)
    except RecursionError:
        return TOO_DEEP


def _unreadable(value: object) -> Unreadable | None:
    why: Unreadable | None = None
    if isinstance(value, str):
        why = NO_TEXT if _surrogate(value) else None
    elif isinstance(value, float):
        why = None if math.isfinite(value) else NO_NUMBER
    elif isinstance(value, Decimal):
        why = None if value.is_finite() else NO_NUMBER
    elif isinstance(value, dict):
        why = next((why for pair in value.items() for part in pair if (why := _unreadable(part))), None)
    elif isinstance(value, list | tuple):
        why = next((why for part in value if (why := _unreadable(part))), None)
    elif isinstance(value, Unreadable):
        why = value
    return why


def _after(text: bytes, at: int, mark: bytes) -> int:
    """Return where the text goes on behind a mark and the blanks around it."""
    at = _blank_end(text, at)
    if text[at : at + 1] != mark:
        raise ValueError("a mark is missing")
    return _blank_end(text, at + 1)


def _blank_end(text: bytes, at: int) -> int:
    found = _blanks(text, at)
    return found.end() if found else at


def _end_of_value(text: bytes, at: int) -> int:
    """Return where the value ends that begins here, by its brackets and strings alone."""
    depth = 0
    while True:
        char = text[at : at + 1]
        if char == b'"':
            found = _string(text, at)
        elif run := _opening(text, at):
            depth, found = depth + run.end() - at, run
        elif run := _closing(text, at):
            if run.end() - at >= depth:
                return at + depth if depth else _no_value()
            depth, found = depth - run.end() + at, run
        else:
            found = (_between if depth else _scalar)(text, at)
        at = found.end() if found else _no_value()
        if not depth:
            return at


def _no_value() -> int:
    raise ValueError("no value")


def _decoded(text: bytes) -> str:
    """Read UTF-8; what is none becomes halves of surrogate pairs, so that it is found again as no Unicode."""
    return text.decode("utf-8", "surrogateescape")


def _value(text: str) -> object:
    try:
        value = _decoder.decode(text)
    except RecursionError:
        return TOO_DEEP
    return unreadable(value) or value


def _decimal(text: str) -> object:
    try:
        return Decimal(text)
    except InvalidOperation:
        return NO_NUMBER


def _integer(text: str) -> object:
    try:
        return int(text)
    except ValueError:  # Python limits the digits it converts
        return NO_NUMBER


_decoder = json.JSONDecoder(parse_float=_decimal, parse_int=_integer, parse_constant=lambda _: NO_NUMBER)

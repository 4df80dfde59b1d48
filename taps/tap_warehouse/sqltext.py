"""SQL text of the user's, made fit to stand in parentheses."""

from __future__ import annotations

import re

_TOKEN = re.compile(
    r"""(?P<space>\s+|--[^\n]*)
    |(?P<comment>/\*)
    |(?P<end>;)
    |(?<![\w$])[eE]'(?:[^'\\]|\\.|'')*'
    |'(?:[^']|'')*'
    |"(?:[^"]|"")*"
    |(?<![\w$])\$(?P<tag>[A-Za-z_]\w*)?\$.*?\$(?P=tag)?\$
    |[\w$]+|.""",
    re.VERBOSE | re.DOTALL,
)
_COMMENT = re.compile(r"/\*|\*/")
_QUERY = ("select", "with", "values", "table", "(")


def only_statement(text: str, pieces: re.Pattern[str]) -> str | None:
    """Return the text up to its semicolon; None where it is empty, or more than one statement.

    `pieces` takes a dialect's SQL apart: a group `blank` for what says nothing, a group `end` for a semicolon.
    """
    end, words = None, False
    for piece in pieces.finditer(text):
        if piece["end"] is not None:
            end = piece.start() if end is None else end
        elif piece["blank"] is None:
            if end is not None:
                return None
            words = True
    return text[:end] if words else None


def one_query(text: str) -> str | None:
    """Do the same for PostgreSQL's SQL, in which comments nest; None as well where the statement is no query.

    Comments inside stay, so it may end in one that runs to the end of the line.
    """
    at, ends, first, closed = 0, 0, "", False
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None:
            return None
        start, at = at, token.end()
        if token["comment"]:
            at = _comment_end(text, at)
        elif token["end"]:
            closed = True
        elif not token["space"]:
            if closed:
                return None
            first = first or text[start:at].casefold()
            ends = at
    return text[:ends] if first in _QUERY else None


def _comment_end(text: str, at: int) -> int:
    """Find where a comment ends. They nest."""
    depth = 1
    while depth:
        mark = _COMMENT.search(text, at)
        if mark is None:
            return len(text)
        depth += 1 if mark[0] == "/*" else -1
        at = mark.end()
    return at

"""SQL text of the user's, made fit to stand in parentheses, for warehouses that speak PostgreSQL's SQL."""

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


def one_query(text: str) -> str | None:
    """Return the text without what follows its query; None where it is not exactly one query.

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

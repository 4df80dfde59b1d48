"""The words of a SOQL statement, with their places, and what a literal stands for."""

import re
from typing import Literal, NamedTuple

from penstock_sandbox.salesforce import errors
from penstock_sandbox.salesforce.values import moment

Kind = Literal["string", "datetime", "date", "number", "name", "symbol", "end"]
_WORDS = re.compile(
    r"(?P<space>\s+)"
    r"|(?P<string>'(?:[^'\\]|\\.)*')"
    r"|(?P<datetime>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d))"
    r"|(?P<date>\d{4}-\d\d-\d\d)"
    r"|(?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
    r"|(?P<name>[A-Za-z_][\w.]*(?::\d+)?)"
    r"|(?P<symbol><=|>=|!=|<>|[=<>(),])",
    re.DOTALL,
)
_ESCAPES = {
    "n": "\n",
    "N": "\n",
    "r": "\r",
    "R": "\r",
    "t": "\t",
    "T": "\t",
    "b": "\b",
    "B": "\b",
    "f": "\f",
    "F": "\f",
}
_ESCAPED = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
MOST_CHARACTERS = 100_000


class Token(NamedTuple):
    """One word; `place` counts characters from 0."""

    kind: Kind
    text: str
    place: int


class Written(NamedTuple):
    """A literal: its kind and its value."""

    kind: Literal["string", "datetime", "date", "number", "boolean", "null"]
    value: str | float | bool | None


def tokens(statement: str) -> list[Token]:
    """Return the words of a statement. Refuses what is none."""
    if len(statement) > MOST_CHARACTERS:
        raise errors.refused(400, "MALFORMED_QUERY", "SOQL statements cannot be longer than 100000 characters.")
    found: list[Token] = []
    place = 0
    while place < len(statement):
        word = _WORDS.match(statement, place)
        if word is None or word.lastgroup is None:
            raise unexpected(statement, Token("symbol", statement[place], place))
        if word.lastgroup != "space":
            found.append(Token(_kind(word.lastgroup), word.group(), place))
        place = word.end()
    found.append(Token("end", "<EOF>", place))
    return found


def _kind(group: str) -> Kind:
    kinds: tuple[Kind, ...] = ("string", "datetime", "date", "number", "name", "symbol")
    return next(kind for kind in kinds if kind == group)


def literal(statement: str, token: Token) -> Written:
    """Return what a word stands for as a value."""
    match token.kind, token.text.lower():
        case "string", _:
            return Written("string", _ESCAPED.sub(_unescaped, token.text[1:-1]))
        case "number", text:
            return Written("number", float(text))
        case "date", text:
            return Written("date", text)
        case "datetime", _:
            return Written("datetime", _moment(statement, token))
        case "name", "true" | "false" as text:
            return Written("boolean", text == "true")
        case "name", "null":
            return Written("null", None)
        case _:
            raise unexpected(statement, token)


def _moment(statement: str, token: Token) -> str:
    try:
        found = moment(token.text)
    except ValueError:
        found = None
    if found is None:
        raise unexpected(statement, token)
    return found


def _unescaped(found: re.Match[str]) -> str:
    text = found[1]
    return chr(int(text[1:], 16)) if len(text) == 5 else _ESCAPES.get(text, text)


def at(statement: str, place: int, code: str, message: str) -> errors.RefusalError:
    """Refuse a statement, pointing at a place in it."""
    row = statement.count("\n", 0, place)
    start = statement.rfind("\n", 0, place) + 1
    line = statement[start:].partition("\n")[0]
    column = place - start
    pointer = f"\n{line}\n{' ' * column}^\nERROR at Row:{row + 1}:Column:{column + 1}\n{message}"
    return errors.refused(400, code, pointer)


def unexpected(statement: str, token: Token) -> errors.RefusalError:
    """Refuse a word where it stands."""
    return at(statement, token.place, "MALFORMED_QUERY", f"unexpected token: '{token.text}'")

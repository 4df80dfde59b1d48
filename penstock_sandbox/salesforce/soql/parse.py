"""SOQL text to a statement."""

from __future__ import annotations

from typing import NamedTuple

from penstock_sandbox.provenance import assumed, documented
from penstock_sandbox.salesforce.soql.lexer import Token, Written, literal, tokens, unexpected

GUIDE = "developer.salesforce.com/docs, SOQL and SOSL Reference"
_OPERATORS = {"=", "!=", "<>", "<", ">", "<=", ">="}


class Path(NamedTuple):
    """A field, with the relationships that lead to it, and where it stands."""

    parts: tuple[str, ...]
    place: int


class Compare(NamedTuple):
    """One comparison; `in`, `not in`, `includes` and `excludes` have several values."""

    path: Path
    operator: str
    values: list[Written]


class Group(NamedTuple):
    """Conditions joined by `and` or `or`, or one that `not` negates."""

    word: str
    members: list[Condition]


Condition = Compare | Group


class Selected(NamedTuple):
    """One column: a field, or `count` of one, or all fields of a kind."""

    path: Path
    function: str = ""
    alias: str = ""


class Order(NamedTuple):
    """One key of the order."""

    path: Path
    descending: bool
    nulls_last: bool


class Statement(NamedTuple):
    """A whole statement."""

    text: str
    columns: list[Selected]
    source: Token
    where: Condition | None
    order: list[Order]
    limit: int | None
    offset: int
    all_rows: bool


class Parser:
    """Reads one statement word by word."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.words = tokens(text)
        self.next = 0

    @documented("select, from, where, order by, limit, offset, for, all rows, in this order", GUIDE)
    @assumed("Subqueries, group by, having and typeof are refused as MALFORMED_QUERY", "no loader asks for them")
    def statement(self) -> Statement:
        """Return the statement."""
        self.need("select")
        columns = [self.column()]
        while self.take(","):
            columns.append(self.column())
        self.need("from")
        source = self.name()
        if self.peek().kind == "name" and self.peek().text.lower() not in {
            "where",
            "order",
            "limit",
            "offset",
            "for",
        } | {"all"}:
            self.name()
        where = self.condition() if self.take("where") else None
        order = self.order()
        limit = self.count() if self.take("limit") else None
        offset = self.count() if self.take("offset") else 0
        if self.take("for"):
            self.name()
        all_rows = self.take("all")
        if all_rows:
            self.need("rows")
        if self.peek().kind != "end":
            raise unexpected(self.text, self.peek())
        return Statement(self.text, columns, source, where, order, limit, offset, all_rows)

    def peek(self) -> Token:
        """Return the next word."""
        return self.words[self.next]

    def take(self, word: str) -> bool:
        """Pass over a word if it is the next."""
        found = self.peek()
        if found.kind in {"name", "symbol"} and found.text.lower() == word:
            self.next += 1
            return True
        return False

    def need(self, word: str) -> None:
        """Pass over a word, or refuse the statement."""
        if not self.take(word):
            raise unexpected(self.text, self.peek())

    def name(self) -> Token:
        """Return the next word, which must be a name."""
        found = self.peek()
        if found.kind != "name":
            raise unexpected(self.text, found)
        self.next += 1
        return found

    def count(self) -> int:
        """Return the next word, which must be a whole number."""
        found = self.peek()
        if found.kind != "number" or not found.text.isdecimal():
            raise unexpected(self.text, found)
        self.next += 1
        return int(found.text)

    def path(self) -> Path:
        """Return a field with the relationships before it."""
        found = self.name()
        return Path(tuple(found.text.split(".")), found.place)

    def column(self) -> Selected:
        """Return one column."""
        path = self.path()
        function = ""
        if self.take("("):
            function = path.parts[0].lower()
            if function not in {"count", "fields"}:
                raise unexpected(self.text, self.words[self.next - 1])
            path = self.path() if self.peek().text != ")" else Path((), path.place)
            self.need(")")
        alias = ""
        if function == "count" and self.peek().kind == "name" and self.peek().text.lower() != "from":
            alias = self.name().text
        return Selected(path, function, alias)

    def order(self) -> list[Order]:
        """Return what the rows are sorted by."""
        if not self.take("order"):
            return []
        self.need("by")
        found = [self.order_key()]
        while self.take(","):
            found.append(self.order_key())
        return found

    def order_key(self) -> Order:
        """Return one key of the order; nulls come first unless it says otherwise."""
        path = self.path()
        descending = self.take("desc")
        if not descending:
            self.take("asc")
        nulls_last = False
        if self.take("nulls"):
            nulls_last = self.take("last")
            if not nulls_last:
                self.need("first")
        return Order(path, descending, nulls_last)

    @documented("and and or cannot be mixed without parentheses", GUIDE)
    def condition(self) -> Condition:
        """Return a condition."""
        first = self.term()
        for word, other in (("and", "or"), ("or", "and")):
            if self.take(word):
                members = [first, self.term()]
                while self.take(word):
                    members.append(self.term())
                if self.peek().text.lower() == other:
                    raise unexpected(self.text, self.peek())
                return Group(word, members)
        return first

    def term(self) -> Condition:
        """Return one comparison, or a condition in parentheses."""
        if self.take("not"):
            return Group("not", [self.term()])
        if self.take("("):
            found = self.condition()
            self.need(")")
            return found
        return self.compare()

    def compare(self) -> Compare:
        """Return one comparison."""
        path, word = self.path(), self.peek()
        if word.text in _OPERATORS:
            self.next += 1
            return Compare(path, "!=" if word.text == "<>" else word.text, [self.value()])
        if self.take("like"):
            return Compare(path, "like", [self.value()])
        negated = self.take("not")
        for name in ("in", "includes", "excludes"):
            if self.take(name):
                return Compare(path, f"not {name}" if negated else name, self.values())
        raise unexpected(self.text, self.peek())

    def values(self) -> list[Written]:
        """Return values in parentheses."""
        self.need("(")
        found = [self.value()]
        while self.take(","):
            found.append(self.value())
        self.need(")")
        return found

    def value(self) -> Written:
        """Return one value."""
        found = self.peek()
        self.next += 1
        return literal(self.text, found)

"""How a warehouse writes the SQL that change detection needs. Texts in, text out; no connection, no rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Dialect(Protocol):
    """The few places in which warehouses differ. The rest of the SQL is the same text everywhere: see `statements`."""

    name: str
    bigint: str
    varchar: str

    def quoted(self, name: str) -> str:
        """Write an identifier."""

    def text(self, value: str) -> str:
        """Write a string literal."""

    def hashed(self, salt: str, values: Sequence[tuple[str, str]]) -> str:
        """Write a hash of 128 bits, never null, over `salt` and values, each an SQL expression and its type.

        The text that is hashed must be unambiguous: neighbouring values must not run together, a null must differ from
        every text.
        """

    def created(self, table: str, select: str) -> str:
        """CREATE TABLE AS, of the cheapest kind that outlives the session. Losing it may cost time, never a row."""

    def schema_made(self, schema: str) -> list[str]:
        """Make the state schema where it is missing; nothing where `state_schema` sees to it."""

    def without(self, table: str, query: str, keys: Sequence[str]) -> str:
        """Delete the rows whose keys a query gives."""

    def acknowledged(self, base: str, delta: str, keys: Sequence[str], until: int | None) -> list[str]:
        """Bring rows of a delta into its base, up to a position or all."""

    def literal(self, value: object, kind: str) -> str:
        """Write a value that was read from a STATE as a literal of a column's type."""


class CommonDialect:
    """What most of them share."""

    bigint = "bigint"
    varchar = "varchar"

    def quoted(self, name: str) -> str:
        """Write an identifier between double quotes."""
        return '"' + name.replace('"', '""') + '"'

    def text(self, value: str) -> str:
        """Write a string literal; backslashes mean themselves."""
        return "'" + value.replace("'", "''") + "'"

    def created(self, table: str, select: str) -> str:
        """Write an ordinary table."""
        return f"create table {table} as {select}"

    def schema_made(self, schema: str) -> list[str]:
        """Make it in any case."""
        return [f"create schema if not exists {schema}"]

    def without(self, table: str, query: str, keys: Sequence[str]) -> str:
        """Look for each row's key."""
        same = " and ".join(f"r.{key} = f.{key}" for key in keys)
        return f"delete from {table} as f where exists (select 1 from ({query}) r where {same})"

    def acknowledged(self, base: str, delta: str, keys: Sequence[str], until: int | None) -> list[str]:
        """Delete, then insert: MERGE differs everywhere, and Redshift's takes one action."""
        part = "" if until is None else f" and d.n <= {until}"
        same = " and ".join(f"b.{key} = d.{key}" for key in keys)
        names = ", ".join([*keys, "h"])
        chosen = ", ".join(f"d.{key}" for key in [*keys, "h"])
        return [
            f"delete from {base} as b using {delta} as d where {same}{part}",
            f"insert into {base} ({names}) select {chosen} from {delta} as d where d.op <> 'removed'{part}",
        ]

    def literal(self, value: object, kind: str) -> str:
        """Write text and let the warehouse cast it: exact for every type that a bookmark can hold."""
        return f"cast({self.text(str(value))} as {kind})"

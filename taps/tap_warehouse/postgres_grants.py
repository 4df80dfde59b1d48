"""What PostgreSQL does not let us do yet, as the statements that would."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from tap_warehouse.models import Model, Query, Table
from tap_warehouse.postgres_types import quoted, text
from tap_warehouse.sqltext import one_query
from tap_warehouse.warehouse import Row

Rows = Callable[[str], list[Row]]

_DENIED = re.compile(r"permission denied for (schema|table|view|materialized view|foreign table|relation) (.+)")


def missing(rows: Rows, models: Sequence[Model], schema: str, refusal: Callable[[str], str | None]) -> list[str]:
    """Write the GRANT statements that are missing, each once. `refusal` tells what a query may not read."""
    statements: dict[str, None] = {}
    for model in models:
        match model.source:
            case Table(parts):
                found = _of_table(rows, parts)
            case Query(body):
                query = one_query(body)
                found = _of_query(rows, refusal(query) if query else None)
        statements |= dict.fromkeys(found)
    if any(model.change == "snapshot" for model in models):
        statements |= dict.fromkeys(_of_store(rows, schema))
    return list(statements)


def _role(rows: Rows) -> str:
    return quoted(str(rows("select current_user")[0][0]))


def _of_table(rows: Rows, parts: Sequence[str]) -> Iterator[str]:
    """Look the name up as a SELECT would; a table that is not there is described as that elsewhere."""
    where = f"c.relname = {text(parts[-1])}"
    if len(parts) > 1:
        where += f" and n.nspname = {text(parts[-2])}"
    else:
        where += " and n.nspname = any(current_schemas(true))"
    yield from _unreadable(rows, where)


def _of_query(rows: Rows, refused: str | None) -> Iterator[str]:
    """Take the name out of the server's refusal, which says neither schema nor all that is missing."""
    denied = _DENIED.match(refused or "")
    if denied is None:
        return
    kind, name = denied.groups()
    if kind == "schema":
        yield f"grant usage on schema {quoted(name)} to {_role(rows)};"
    else:
        yield from _unreadable(rows, f"c.relname = {text(name)}")


def _unreadable(rows: Rows, where: str) -> Iterator[str]:
    """Write what lets us read the tables that a condition names."""
    found = rows(
        "select n.nspname, c.relname, has_schema_privilege(n.oid, 'usage'), "
        "has_table_privilege(c.oid, 'select') or has_any_column_privilege(c.oid, 'select') "
        "from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace "
        f"where c.relkind in ('r', 'p', 'v', 'm', 'f') and {where} order by 1, 2"
    )
    for schema, table, usage, select in found:
        if not usage:
            yield f"grant usage on schema {quoted(str(schema))} to {_role(rows)};"
        if not select:
            yield f"grant select on {quoted(str(schema))}.{quoted(str(table))} to {_role(rows)};"


def _of_store(rows: Rows, schema: str) -> Iterator[str]:
    """Write what lets us keep snapshots: a schema of our own, or one in which we may create."""
    there = rows(
        "select has_schema_privilege(oid, 'usage'), has_schema_privilege(oid, 'create') "
        f"from pg_catalog.pg_namespace where nspname = {text(schema)}"
    )
    role, name = _role(rows), quoted(schema)
    if not there:
        if not rows("select has_database_privilege(current_database(), 'create')")[0][0]:
            yield f"create schema {name} authorization {role};"
        return
    if not all(there[0]):
        yield f"grant usage, create on schema {name} to {role};"
    foreign = rows(
        "select c.relname from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace "
        f"where n.nspname = {text(schema)} and c.relkind = 'r' "
        "and c.relname ~ '^(snapshots|(base|delta|found)_[0-9a-f]+)$' "
        "and not pg_has_role(c.relowner, 'usage') order by 1"
    )
    for (table,) in foreign:
        yield f"alter table {name}.{quoted(str(table))} owner to {role};"


def unkept(rows: Rows, schema: str) -> str | None:
    """Say why snapshots cannot be kept here, and what would help; None where they can."""
    replica, read_only = rows("select pg_is_in_recovery(), current_setting('default_transaction_read_only')")[0]
    if replica:
        return (
            "this server is a replica and read-only, so a model of change 'snapshot' has nowhere to be remembered. "
            "Name the primary as `host`, or use change: full or incremental."
        )
    if read_only == "on":
        role = _role(rows)
        return (
            f"sessions of {role} are read-only (default_transaction_read_only), so a model of change 'snapshot' has "
            f"nowhere to be remembered. Run: alter role {role} set default_transaction_read_only = off; "
            "or use change: full or incremental."
        )
    grants = list(_of_store(rows, schema))
    return f"snapshots cannot be kept in schema {schema!r}. An owner can run: {' '.join(grants)}" if grants else None

"""PostgreSQL, version 13 and later, over two connections: rows leave through one while the other keeps the snapshots.

The record's JSON is built in SQL, by the server's parallel workers where it has any, and leaves by COPY.
The reading connection is read-only; the other writes nothing but the snapshot schema, and where snapshots are kept
elsewhere nothing at all. Its work tables are unlogged: a
crash of the server empties them, which costs one full read.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import cast

import psycopg

from tap_warehouse.costs import Costs
from tap_warehouse.dialect import CommonDialect
from tap_warehouse.errors import ConfigurationError, OutOfMemory, ReadFault
from tap_warehouse.models import Model, Query, Table, narrowing, nearest
from tap_warehouse.postgres_copy import copied
from tap_warehouse.postgres_grants import missing, unkept
from tap_warehouse.postgres_session import SETTINGS, Connection, connected, parameters, said
from tap_warehouse.postgres_types import INCOMPARABLE, PgType, Types, json_schema, quoted, row_list, text
from tap_warehouse.sqltext import one_query
from tap_warehouse.stores import STORE_SETTINGS, is_local, stored
from tap_warehouse.tap import TapWarehouse
from tap_warehouse.warehouse import GONE, Column, Frame, Lines, Read, Row, Warehouse

_TEXT = PgType("text")


class PostgresDialect(CommonDialect):
    """PostgreSQL's SQL."""

    name = "postgres"
    varchar = "text"

    def hashed(self, salt: str, values: Sequence[tuple[str, str]]) -> str:
        """Hash a row as text: it quotes what could run together, and a null is no empty text."""
        written = ", ".join([text(salt), *(x for x, _ in values)])
        return f"cast(md5(cast(row({written}) as text)) as uuid)"

    def created(self, table: str, select: str) -> str:
        """Write an unlogged table, in half the time."""
        return f"create unlogged table {table} as {select}"

    def schema_made(self, schema: str) -> list[str]:  # noqa: ARG002 as the others have it
        """Nothing: even where it exists, the statement asks for the right to create one. `state_schema` makes it."""
        return []


class Postgres:
    """See `Warehouse` for the verbs."""

    dialect = PostgresDialect()

    def __init__(
        self,
        given: Mapping[str, str],
        snapshot_schema: str = "penstock",
        *,
        gate: bool = True,
        keeps: bool = True,
        log: logging.Logger | None = None,
    ) -> None:
        self._log = log or logging.getLogger(__name__)
        self._costs, self._received = Costs(), 0
        self._schema = snapshot_schema
        self._gated = gate
        self._reading = connected(given, read_only=True)
        try:
            self._keeping = connected(given, read_only=not keeps)
        except (ConfigurationError, ReadFault):
            self._reading.close()
            raise
        self._types = Types(lambda statement: self._rows(self._reading, statement))
        self._checked = self._reading.info.parameter_status("server_encoding") == "SQL_ASCII"
        self._relations: dict[str, str] = {}

    # Models

    def describe(self, model: Model) -> tuple[Column, ...]:
        """Ask for no row of the model, and take the server's word for its columns."""
        match model.source:
            case Table(parts):
                relation = ".".join(map(quoted, parts))
            case Query(body, origin):
                query = one_query(body)
                if query is None:
                    raise ConfigurationError([f"model {model.name!r}: {origin} must be exactly one SELECT statement."])
                relation = f"(\n{query}\n)"
        self._described(model, relation, lambda error: self._unread(model.source, error))
        if model.columns is not None or model.where is not None:
            chosen = "*" if model.columns is None else ", ".join(map(quoted, model.columns))
            where = "" if model.where is None else f" where (\n{model.where}\n)"
            relation = f"(select {chosen} from {relation} m{where})"
        columns = self._described(model, relation, lambda error: f"{narrowing(model)} is refused: {said(error)}")
        self._relations[model.name] = relation
        return columns

    def _described(self, model: Model, relation: str, explain: Callable[[psycopg.Error], str]) -> tuple[Column, ...]:
        try:
            cursor = self._reading.execute(f"select * from {relation} m limit 0".encode())
        except psycopg.Error as error:
            raise ConfigurationError([f"model {model.name!r}: {explain(error)}"]) from error
        result = cursor.pgresult
        names = [column.name for column in cursor.description or ()]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if result is None or repeated:
            raise ConfigurationError(
                [f"model {model.name!r}: several columns have one name: {', '.join(map(repr, repeated))}."]
            )
        described = [(result.ftype(at), result.fmod(at)) for at in range(len(names))]
        kinds = self._types.of(described)
        wrong = [
            f"model {model.name!r}: primary_key {name!r} is {kind.id}, of which no two can be compared. Cast it in sql."
            for name, kind in zip(names, kinds, strict=True)
            if name in model.primary_key and kind.id in INCOMPARABLE
        ]
        if wrong:
            raise ConfigurationError(wrong)
        written = ", ".join(f"format_type({oid}, {modifier})" for oid, modifier in described)
        types = self._rows(self._reading, f"select {written}")[0]
        return tuple(
            Column(name, json_schema(kind), str(shown), kind)
            for name, kind, shown in zip(names, kinds, types, strict=True)
        )

    def _unread(self, source: Table | Query, error: psycopg.Error) -> str:
        if isinstance(source, Query):
            return f"{source.origin} is refused: {said(error)}"
        name = ".".join(source.parts)
        if not isinstance(error, psycopg.errors.UndefinedTable | psycopg.errors.InvalidSchemaName):
            return f"table {name!r} is refused: {said(error)}"
        rows = self._rows(
            self._reading,
            "select n.nspname, c.relname from pg_catalog.pg_class c join pg_catalog.pg_namespace n "
            "on n.oid = c.relnamespace where c.relkind in ('r', 'p', 'v', 'm', 'f') "
            "and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')",
        )
        wanted = source.parts[-1].casefold()
        same = sorted(f"{schema}.{table}" for schema, table in rows if str(table).casefold() == wanted)
        if same:
            return f"there is no table or view {name!r}. Did you mean {' or '.join(map(repr, same))}?"
        known = [f"{schema}.{table}" if len(source.parts) > 1 else str(table) for schema, table in rows]
        return f"there is no table or view {name!r}.{nearest(name, known)}"

    def missing_grants(self, models: Sequence[Model]) -> list[str]:
        """Ask the catalog for each table, and the server for each query."""
        return missing(lambda statement: self._rows(self._keeping, statement), models, self._schema, self._refusal)

    def _refusal(self, query: str) -> str | None:
        """Tell what a query may not read: the server's words, or None."""
        try:
            self._reading.execute(f"select * from (\n{query}\n) m limit 0".encode())
        except psycopg.errors.InsufficientPrivilege as error:
            return error.diag.message_primary
        except psycopg.Error:
            return None  # describing it will say
        return None

    def relation(self, model: Model) -> str:
        """Name a described model."""
        return self._relations[model.name]

    def gate(self, model: Model) -> str | None:
        """Count rows and add up their 64-bit hashes, which is stable within one version of PostgreSQL."""
        if not self._gated:
            return None
        hashed = 'cast(hashtextextended(cast(m.* as text) collate "C", 0) as numeric)'
        counts = self.rows(f"select count(*), sum({hashed}) from {self._relations[model.name]} m")[0]
        return ":".join(map(str, (self._keeping.info.server_version // 10000, *counts)))

    # Statements

    def state_schema(self, identity: str) -> str:  # noqa: ARG002 one schema holds them all
        """Name the snapshot schema; make it where it is missing and may be made."""
        problem = unkept(self.rows, self._schema)
        if problem is not None:
            raise ConfigurationError([f"snapshot_schema: {problem}"])
        name = quoted(self._schema)
        if not self.rows(f"select 1 from pg_catalog.pg_namespace where nspname = {text(self._schema)}"):
            self.execute([f"create schema if not exists {name}"])
        return name

    def rows(self, statement: str) -> list[Row]:
        """Run a query."""
        with self._costs.counted():
            return self._rows(self._keeping, statement)

    def _rows(self, connection: Connection, statement: str) -> list[Row]:
        try:
            return list(connection.execute(statement.encode()).fetchall())
        except psycopg.Error as error:
            raise _fault(error, "the warehouse failed") from error

    def execute(self, statements: Sequence[str], claim: str | None = None) -> bool:
        """Run statements in one transaction."""
        try:
            return self._transaction(statements, claim)
        except (psycopg.errors.UniqueViolation, psycopg.errors.DuplicateTable, psycopg.errors.DuplicateSchema):
            pass  # "if not exists" is not safe against somebody who makes the same at the same time
        except psycopg.Error as error:
            raise _fault(error, "the warehouse failed") from error
        try:
            return self._transaction(statements, claim)
        except psycopg.Error as error:
            raise _fault(error, "the warehouse failed") from error

    def _transaction(self, statements: Sequence[str], claim: str | None) -> bool:
        with self._keeping.transaction():
            if all(statement.startswith("drop ") for statement in statements):
                self._keeping.execute("set local lock_timeout = '5s'")  # somebody may be reading it for hours
            if claim is not None and self._keeping.execute(claim.encode()).rowcount != 1:
                return False
            for statement in statements:
                with self._costs.counted():
                    self._keeping.execute(statement.encode())
        return True

    # Rows

    def read(self, read: Read, frame: Frame) -> Iterator[Lines]:
        """Build the record in SQL, and let it leave as the server wrote it."""
        record = "row_to_json(r.*)"
        source = f"{read.source} m cross join lateral (select {_row(read.fields)}) r"
        if read.gone:
            keys = [(each, f"m.k{read.keys.index(each.name)}") for each, _ in read.fields if each.name in read.keys]
            source += f" cross join lateral (select {_row([*keys, (GONE, text(frame.gone_at))])}) g"
            record = f"case when {read.gone} then row_to_json(g.*) else {record} end"
        query = f"select {record} from {source}"
        query += f" where {read.where}" if read.where else ""
        query += f" order by {read.order}" if read.order else ""
        query += "" if read.limit is None else f" limit {read.limit}"
        try:
            pieces = copied(self._reading, query, frame.head.encode(), frame.tail.encode())
            self._costs.statements += 1
            while (lines := self._waited(pieces)) is not None:
                if self._checked:
                    _check(lines)
                yield lines
        except psycopg.Error as error:
            raise _fault(error, "reading failed") from error

    def _waited(self, pieces: Iterator[Lines]) -> Lines | None:
        with self._costs.waiting():
            lines = next(pieces, None)
        self._received += len(lines.data) if lines is not None else 0
        return lines

    def interrupt(self) -> None:
        """Cancel what both connections run. One that was just closed has nothing to cancel."""
        for connection in (self._reading, self._keeping):
            with contextlib.suppress(psycopg.Error):
                connection.cancel_safe(timeout=2)

    def close(self) -> None:
        """End both sessions, and tell what they cost: the server counts for all of its clients, not for one."""
        if self._costs.statements:
            self._log.info("%s", self._costs.told("PostgreSQL", [f"{self._received / 1e6:,.1f} MB of rows received"]))
        self._reading.close()
        self._keeping.close()


def _row(fields: Sequence[tuple[Column, str]]) -> str:
    return row_list((column.name, cast("PgType", column.native or _TEXT), x) for column, x in fields)


def _check(lines: Lines) -> None:
    """Refuse what a database without an encoding may hold."""
    try:
        str(lines.data, "utf-8")
    except UnicodeDecodeError as error:
        raise ReadFault("reading failed: the database's encoding is SQL_ASCII, and a text is no UTF-8") from error


def _fault(error: psycopg.Error, what: str) -> ReadFault:
    kind = OutOfMemory if isinstance(error, psycopg.errors.OutOfMemory) else ReadFault
    return kind(f"{what}: {said(error)}")


class TapPostgres(TapWarehouse):
    """Rows of a PostgreSQL database as Singer records."""

    name = "tap-postgres"
    config_jsonschema = TapWarehouse.settings({**SETTINGS, **STORE_SETTINGS}, required=())

    @classmethod
    def connect(cls, config: Mapping[str, object]) -> Warehouse:
        """Open both connections."""
        schema, gate, keeps = str(config["snapshot_schema"]), config["gate"] is True, not is_local(config)
        log = logging.getLogger(cls.name)
        return stored(Postgres(parameters(config), schema, gate=gate, keeps=keeps, log=log), config)

"""Amazon Redshift, over two connections: rows leave through one while the other keeps the snapshots.

Redshift has neither COPY to us nor JSON functions for rows, and its driver keeps a whole result in memory. So rows come
through a cursor of the server's, a piece at a time, and the lines are built here. Its SQL is that of PostgreSQL 8 with
holes: no MERGE with branches, no IS DISTINCT FROM, no lateral joins, no alias in a DELETE.
"""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import cast

from redshift_connector.core import Connection

from tap_warehouse.costs import Costs
from tap_warehouse.dialect import CommonDialect
from tap_warehouse.encoding import Encoder, selected
from tap_warehouse.errors import ConfigurationError, OutOfMemory, ReadFault
from tap_warehouse.models import Model, Query, Table, narrowing
from tap_warehouse.redshift_session import SETTINGS, Failed, code_of, connected, parameters, said, words_of
from tap_warehouse.redshift_types import INCOMPARABLE, REFUSED, RedshiftType, asked, hashed
from tap_warehouse.sqltext import one_query
from tap_warehouse.stores import STORE_SETTINGS, stored
from tap_warehouse.tap import TapWarehouse
from tap_warehouse.warehouse import Column, Frame, Lines, Read, Row, Warehouse

_DENIED = re.compile(r"permission denied for (schema|relation|table|view|external schema) (\S+)")
_CURSOR = "penstock_rows"
_TEXT = RedshiftType("text")
_MEASURES = (
    (
        "select sum(execution_time) / 1e6, sum(queue_time) / 1e6 from sys_query_history where session_id {ours}",
        "{0:.2f} s computed, {1:.2f} s queued",
    ),
    (
        "select sum(input_rows), sum(input_bytes) / 1e6 from sys_query_detail where step_name = 'scan' and query_id in "
        "(select query_id from sys_query_history where session_id {ours})",
        "{0:,.0f} rows and {1:,.1f} MB scanned",
    ),
)
"""What the system views tell of the user's own queries, and how it is written. Their times are in microseconds."""


class RedshiftDialect(CommonDialect):
    """Redshift's SQL."""

    name = "redshift"
    varchar = "varchar(65535)"  # text would be varchar(256)

    def text(self, value: str) -> str:
        """Write a string literal. Whether a backslash means itself depends on the server, so none is written."""
        parts = [CommonDialect.text(self, part) for part in value.split("\\")]
        return parts[0] if len(parts) == 1 else f"({' || chr(92) || '.join(parts)})"

    def hashed(self, salt: str, values: Sequence[tuple[str, str]]) -> str:
        """Hash the values as texts that cannot run together."""
        return f"md5({' || '.join([self.text(salt), *(hashed(kind, x) for x, kind in values)])})"

    def schema_made(self, schema: str) -> list[str]:  # noqa: ARG002 as the others have it
        """Nothing: even where it exists, the statement asks for the right to create one. `state_schema` makes it."""
        return []

    def without(self, table: str, query: str, keys: Sequence[str]) -> str:
        """Name the table by itself: a DELETE takes no alias."""
        same = " and ".join(f"r.{key} = {_alone(table)}.{key}" for key in keys)
        return f"delete from {table} where exists (select 1 from ({query}) r where {same})"

    def acknowledged(self, base: str, delta: str, keys: Sequence[str], until: int | None) -> list[str]:
        """As everywhere, but for the alias."""
        same = " and ".join(f"{_alone(base)}.{key} = {_alone(delta)}.{key}" for key in keys)
        part = "" if until is None else f" and {_alone(delta)}.n <= {until}"
        _, insert = super().acknowledged(base, delta, keys, until)
        return [f"delete from {base} using {delta} where {same}{part}", insert]


def _alone(table: str) -> str:
    """Take the schema off the name of a table of ours."""
    return table.rsplit(".", 1)[1]


class Redshift:
    """See `Warehouse` for the verbs."""

    dialect = RedshiftDialect()

    def __init__(
        self,
        given: Mapping[str, object],
        snapshot_schema: str = "penstock",
        fetch_rows: int = 1000,
        group: str = "",
        *,
        costs: bool = False,
        log: logging.Logger | None = None,
    ) -> None:
        self._log = log or logging.getLogger(__name__)
        self._costs, self._asks_costs, self._stopping = Costs(), costs, False
        self._given, self._group = dict(given), group
        self._schema = snapshot_schema
        self._fetch_rows = fetch_rows
        self._reading = connected(given, group)
        self._canceller: Connection | None = None
        try:
            self._keeping = connected(given, group)
        except (ConfigurationError, ReadFault):
            self._reading.close()
            raise
        self._processes = [
            int(str(self._rows(connection, "select pg_backend_pid()")[0][0]))
            for connection in (self._reading, self._keeping)
        ]
        self._began = datetime.now(timezone.utc)
        self._relations: dict[str, str] = {}

    # Models

    def describe(self, model: Model) -> tuple[Column, ...]:
        """Ask for no row of the model, and take the server's word for its columns."""
        relation, origin = self._source(model)
        self._described(model, relation, f"{origin} is refused")
        if model.columns is not None or model.where is not None:
            chosen = "*" if model.columns is None else ", ".join(map(self.dialect.quoted, model.columns))
            where = "" if model.where is None else f" where (\n{model.where}\n)"
            relation = f"(select {chosen} from {relation} m{where})"
        columns = self._described(model, relation, f"{narrowing(model)} is refused")
        self._relations[model.name] = relation
        return columns

    def _source(self, model: Model) -> tuple[str, str]:
        match model.source:
            case Table(parts):
                return ".".join(map(self.dialect.quoted, parts)), f"table {'.'.join(parts)!r}"
            case Query(body, origin):
                query = one_query(body)
                if query is None:
                    raise ConfigurationError([f"model {model.name!r}: {origin} must be exactly one SELECT statement."])
                return f"(\n{query}\n)", origin

    def _described(self, model: Model, relation: str, refused: str) -> tuple[Column, ...]:
        cursor = self._reading.cursor()
        try:
            cursor.execute(f"select * from {relation} m limit 0")
        except Failed as error:
            raise ConfigurationError([f"model {model.name!r}: {refused}: {said(error)}"]) from error
        described = [
            (column["label"].decode(), RedshiftType.of(column["type_oid"], column["type_modifier"]))
            for column in (cursor.ps or {})["row_desc"]
        ]
        names = [name for name, _ in described]
        repeated = sorted({name for name in names if names.count(name) > 1})
        problems = [f"several columns have one name: {', '.join(map(repr, repeated))}."] if repeated else []
        problems += (f"column {name!r} is {kind.id}: cast it in sql." for name, kind in described if kind.id in REFUSED)
        problems += (
            f"primary_key {name!r} is {kind.id}, of which no two can be compared. Cast it in sql."
            for name, kind in described
            if name in model.primary_key and kind.id in INCOMPARABLE
        )
        if problems:
            raise ConfigurationError([f"model {model.name!r}: {problem}" for problem in problems])
        return tuple(Column(name, kind.schema, kind.shown, kind) for name, kind in described)

    def missing_grants(self, models: Sequence[Model]) -> list[str]:
        """Ask for no row of each model, and take the server's refusal for its word."""
        statements: dict[str, None] = {}
        for model in models:
            statements |= dict.fromkeys(self._read_grants(model))
        if any(model.change == "snapshot" for model in models):
            statements |= dict.fromkeys(self._store_grants())
        return list(statements)

    def _read_grants(self, model: Model) -> list[str]:
        denied = None
        try:
            self._reading.cursor().execute(f"select * from {self._source(model)[0]} m limit 0")
        except ConfigurationError:
            return []  # describing it will say
        except Failed as error:
            denied = _DENIED.search(words_of(error))
        if denied is None:
            return []
        quoted, name = self.dialect.quoted, denied[2].strip('"')
        if denied[1].endswith("schema"):
            return [f"grant usage on schema {quoted(name)} to {self._user()};"]
        parts = model.source.parts if isinstance(model.source, Table) else (name,)
        return [f"grant select on {'.'.join(map(quoted, parts))} to {self._user()};"]

    def _store_grants(self) -> list[str]:
        """Write what lets us keep snapshots: a schema of our own, or one in which we may create."""
        name, literal = self.dialect.quoted(self._schema), self.dialect.text(self._schema)
        if not self.rows(f"select 1 from pg_namespace where nspname = {literal}"):
            allowed = self.rows("select has_database_privilege(current_database(), 'create')")[0][0]
            return [] if allowed else [f"create schema {name} authorization {self._user()};"]
        both = f"has_schema_privilege({literal}, 'usage'), has_schema_privilege({literal}, 'create')"
        return (
            [] if all(self.rows(f"select {both}")[0]) else [f"grant usage, create on schema {name} to {self._user()};"]
        )

    def _user(self) -> str:
        return self.dialect.quoted(str(self.rows("select current_user")[0][0]))

    def relation(self, model: Model) -> str:
        """Name a described model."""
        return self._relations[model.name]

    def gate(self, model: Model) -> str | None:  # noqa: ARG002 nothing is far cheaper than a comparison
        """Tell nothing."""
        return None

    # Statements

    def state_schema(self, identity: str) -> str:  # noqa: ARG002 one schema holds them all
        """Name the snapshot schema; make it where it is missing and may be made."""
        grants = self._store_grants()
        if grants:
            raise ConfigurationError(
                [f"snapshot_schema: snapshots cannot be kept. An owner can run: {' '.join(grants)}"]
            )
        name = self.dialect.quoted(self._schema)
        if not self.rows(f"select 1 from pg_namespace where nspname = {self.dialect.text(self._schema)}"):
            self.execute([f"create schema if not exists {name}"])
        return name

    def rows(self, statement: str) -> list[Row]:
        """Run a query."""
        with self._costs.counted():
            return self._rows(self._keeping, statement)

    def _rows(self, connection: Connection, statement: str) -> list[Row]:
        try:
            cursor = connection.cursor()
            cursor.execute(statement)
            return list(cursor.fetchall())
        except Failed as error:
            raise _fault(error, "the warehouse failed") from error

    def execute(self, statements: Sequence[str], claim: str | None = None) -> bool:
        """Run statements in one transaction."""
        cursor = self._keeping.cursor()
        try:
            cursor.execute("begin")
            if claim is not None:
                cursor.execute(claim)
                if cursor.rowcount != 1:
                    cursor.execute("rollback")
                    return False
            for statement in (*statements, "commit"):
                with self._costs.counted():
                    cursor.execute(statement)
        except Failed as error:
            with contextlib.suppress(*Failed):
                cursor.execute("rollback")
            raise _fault(error, "the warehouse failed") from error
        return True

    # Rows

    def read(self, read: Read, frame: Frame) -> Iterator[Lines]:
        """Take the rows through a cursor of the server's, and write the lines here."""
        kinds = [_kind(column) for column, _ in read.fields]
        encoder = Encoder(read, frame, [kind.convert for kind in kinds])
        query = selected(read, lambda column, x: asked(_kind(column), x))
        cursor = self._reading.cursor()
        try:
            cursor.execute("begin read only")
            with self._costs.counted():
                cursor.execute(f"declare {_CURSOR} cursor for {query}")
            while True:
                with self._costs.waiting():
                    cursor.execute(f"fetch forward {self._fetch_rows} from {_CURSOR}")
                    rows = cursor.fetchall()
                if rows:
                    yield encoder.lines(rows)
                if len(rows) < self._fetch_rows:
                    break
        except Failed as error:
            raise _fault(error, "reading failed") from error
        finally:
            with contextlib.suppress(*Failed):
                cursor.execute("rollback")  # which closes the cursor

    def interrupt(self) -> None:
        """Cancel what both connections run, through a third: the driver has no other way."""
        self._stopping = True
        with contextlib.suppress(ConfigurationError, ReadFault, *Failed):
            self._canceller = self._canceller or connected(self._given, self._group)
            for process in self._processes:
                self._canceller.cursor().execute(f"select pg_cancel_backend({process})")

    def close(self) -> None:
        """End all sessions, and tell what they cost."""
        if self._costs.statements:
            asked = self._asks_costs and not self._stopping
            self._log.info("%s", self._costs.told("Redshift", self._measured() if asked else ()))
        for connection in (self._reading, self._keeping, self._canceller):
            if connection is not None:
                with contextlib.suppress(*Failed):
                    connection.close()

    def _measured(self) -> Iterator[str]:
        """Ask the system views for the queries of these sessions, as far as they are there and may be read.

        A session of last week may have had the same number; clocks may differ a little.
        """
        since = (self._began - timedelta(minutes=10)).strftime("%Y-%m-%d %H:%M:%S")
        ours = f"in ({', '.join(map(str, self._processes))}) and start_time >= {self.dialect.text(since)}"
        for query, told in _MEASURES:
            with contextlib.suppress(ReadFault):
                values = [float(str(value or 0)) for value in self._rows(self._keeping, query.format(ours=ours))[0]]
                yield told.format(*values)


def _kind(column: Column) -> RedshiftType:
    return cast("RedshiftType", column.native or _TEXT)


def _fault(error: BaseException, what: str) -> ReadFault:
    kind = OutOfMemory if code_of(error) == "53200" else ReadFault
    return kind(f"{what}: {said(error)}")


class TapRedshift(TapWarehouse):
    """Rows of a Redshift database as Singer records."""

    name = "tap-redshift"
    config_jsonschema = TapWarehouse.settings({**SETTINGS, **STORE_SETTINGS}, required=("database",))

    @classmethod
    def connect(cls, config: Mapping[str, object]) -> Warehouse:
        """Open both connections."""
        group = str(config.get("query_group") or "")
        schema, fetch_rows, costs = (
            str(config["snapshot_schema"]),
            int(str(config["fetch_rows"])),
            config["costs"] is True,
        )
        log = logging.getLogger(cls.name)
        return stored(Redshift(parameters(config), schema, fetch_rows, group, costs=costs, log=log), config)
